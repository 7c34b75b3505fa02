"""A Spark session of our own for the command line: started without a word, stopped at the end.

Spark's own log goes nowhere; what it has to say of a failure becomes one sentence. In a notebook there is a session
already, and nothing here is needed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import ServiceUnavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession

LOCAL = "local[*]"
# For a tenant so small that compiling a plan takes longer than its rows do.
FOR_FEW_ROWS = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.memory": "1g",
}
NO_PYSPARK = "Spark is not installed here: pip install 'signin-triage[spark]'."
NO_JAVA = (
    "Spark needs Java, and none is here: install a Java 17 runtime (Debian and Ubuntu: apt install "
    "default-jre-headless), or let JAVA_HOME name one."
)


@contextlib.contextmanager
def started(master: str | None, settings: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """Start Spark on a master (its URL; this machine without one), and stop it when the block is left.

    ``settings`` are Spark's own, above ours. Raises UsageError where pyspark or Java is missing, ServiceUnavailable
    where the master cannot be reached.
    """
    if not pyspark_present():
        raise UsageError(NO_PYSPARK)
    if java() is None:
        raise UsageError(NO_JAVA)
    with tempfile.TemporaryDirectory(prefix="signin-triage-") as warehouse:  # else Spark makes one where we stand
        session = _session(master or LOCAL, {"spark.sql.warehouse.dir": warehouse} | dict(settings or {}))
        try:
            yield session
        finally:
            with _silent():
                session.stop()


def pyspark_present() -> bool:
    """Tell whether pyspark is installed."""
    return importlib.util.find_spec("pyspark") is not None


def java() -> str | None:
    """Return the Java that Spark would start, if there is one."""
    home = os.environ.get("JAVA_HOME")
    if home:
        named = Path(home, "bin", "java")
        return str(named) if named.is_file() else None
    return shutil.which("java")


def is_local(master: str | None) -> bool:
    """Tell whether a master is this machine, whose folders Spark sees."""
    return (master or LOCAL).startswith("local")


def _session(master: str, more: Mapping[str, str]) -> SparkSession:
    from pyspark.logger import PySparkLogger
    from pyspark.sql import SparkSession

    settings = {
        "spark.app.name": "signin-triage",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",
    }
    if is_local(master):
        cores = os.cpu_count() or 2
        settings |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.shuffle.partitions": str(2 * cores),
            "spark.driver.memory": "2g",
        }
    with _silent():
        builder = SparkSession.builder.master(master)
        for name, value in (settings | dict(more)).items():
            builder = builder.config(name, value)
        try:
            session = builder.getOrCreate()
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
            raise ServiceUnavailable(f"Spark at {master} did not start ({reason}): see --master.") from error
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):  # they write what they log to stderr
        PySparkLogger.getLogger(name).disabled = True
    return session


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Let what is started in the block, Java among it, write into a file that nobody sees."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile() as nowhere, contextlib.ExitStack() as restored:
        for number in (1, 2):
            kept = os.dup(number)
            restored.callback(os.close, kept)
            restored.callback(os.dup2, kept, number)
            os.dup2(nowhere.fileno(), number)
        yield
