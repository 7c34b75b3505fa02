"""Spark as the engine: our files asked there, and the answers brought into the database, typed as DuckDB types them.

What is brought is written down as lines of JSON and counted. Which tables a lake has, and what is asked of them, is not
known here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline import store
from pipeline.engine import Answer, Engine
from pipeline.errors import UsageError
from pipeline.spark.carried import carried, structure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb
    from pyspark.sql import DataFrame, SparkSession

_TIMES = "'timestampNTZFormat', 'yyyy-MM-dd HH:mm:ss.SSSSSS'"
_TOLD_TIMES = "'timestampNTZFormat', 'yyyy-MM-dd HH:mm:ss[.SSSSSS]'"  # as DuckDB writes them
_TAG = "signin-triage"
_LONGEST_LINE = 64 * 2**20  # of JSON, a row brought back
_UNREADABLE = re.compile(
    r"FAILED_READ_FILE|CANNOT_READ_FILE|not a Parquet file|Could not read footer|Encountered error while reading"
)
_FILE = re.compile(r"((?:file|hdfs|abfss?|s3a?|wasbs?|gs|dbfs):/\S+?)[.,;]?(?:\s|$)")


@dataclass(frozen=True)
class Workshop:
    """A session with our views in it, the database that answers come to, and the counts of rows that came.

    ``shelf`` is a folder or URL where Spark may lay down what is asked often, without one it keeps it itself.
    """

    session: SparkSession
    con: duckdb.DuckDBPyConnection
    scratch: Path
    shelf: str | None
    brought: dict[str, int] = field(default_factory=dict)


def engine(at: Workshop) -> Engine:
    """Return Spark as the engine."""

    def ask(select: str, values: Mapping[str, Any]) -> Answer:
        columns = described(at.con, select, values)
        _bring(at, run(at, select, values), columns, "an answer")
        return Answer(tuple(columns), at.con.execute(f"FROM {_brought(at, columns)}").fetchall())

    def keep(name: str, select: str, values: Mapping[str, Any]) -> None:
        columns = described(at.con, select, values)
        _bring(at, lay_down(at, name, run(at, select, values)), columns, name)
        at.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM {_brought(at, columns)}")

    def lay(name: str, select: str) -> None:
        lay_down(at, name, run(at, select, {}))

    def fill(name: str, select: str) -> None:
        bring(at, name, lay_down(at, name, run(at, select, {})))

    def stop() -> None:
        at.session.interruptTag(_TAG)

    return Engine(ask, keep, lay, fill, lambda names: tell(at, names), stop)


def run(at: Workshop, select: str, values: Mapping[str, Any]) -> DataFrame:
    """Return one of our SELECTs as Spark will run it. Raises ValueError where Spark refuses it."""
    text, args = carried(select, values)
    try:
        return at.session.sql(text, args=args)
    except Exception as error:
        raise fault(error) from error


def lay_down(at: Workshop, name: str, frame: DataFrame) -> DataFrame:
    """Compute what later SELECTs read under a name, once, and give them the outcome."""
    try:
        if at.shelf:
            place = f"{at.shelf.rstrip('/')}/{name}-{len(at.brought)}"
            frame.write.mode("overwrite").parquet(place)
            frame = at.session.read.schema(frame.schema).parquet(place)
        else:
            frame = frame.localCheckpoint()
        frame.createOrReplaceTempView(name)
    except Exception as error:
        raise fault(error) from error
    return frame


def define(at: Workshop, name: str, select: str) -> None:
    """Make a view that is computed when it is asked, from what the views that it reads are by then."""
    text, _ = carried(select, {})
    try:
        at.session.sql(f"CREATE OR REPLACE TEMPORARY VIEW {name} AS {text}")
    except Exception as error:
        raise fault(error) from error


def bring(at: Workshop, name: str, frame: DataFrame) -> None:
    """Put rows into the place of what a table of the database holds."""
    columns = described(at.con, f"FROM {name}", {})
    _bring(at, frame, columns, name)
    at.con.execute(f"DELETE FROM {name}")  # noqa: S608 - the name of a view of ours
    at.con.execute(f"INSERT INTO {name} FROM {_brought(at, columns)}")


def tell(at: Workshop, names: Sequence[str]) -> None:
    """Let Spark see what small tables of the database hold now."""
    for name in names:
        columns = described(at.con, f"FROM {name}", {})
        rows = at.con.execute(f"SELECT to_json(t) FROM {name} AS t").fetchall()  # noqa: S608 - a table of ours
        lines = "[" + ",".join(row for (row,) in rows) + "]"
        view = at.session.sql(
            f"SELECT inline(from_json(:lines, 'ARRAY<STRUCT<{structure(columns)}>>', map({_TOLD_TIMES})))",
            args={"lines": lines},
        )
        view.createOrReplaceTempView(name)


def described(con: duckdb.DuckDBPyConnection, select: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of a SELECT with their DuckDB types."""
    body = select.strip().rstrip(";")
    return {row[0]: row[1] for row in store.run(con, f"DESCRIBE {body}", values).fetchall()}


def fault(error: Exception) -> Exception:
    """Return what went wrong in Spark as an error of ours: a file that cannot be read, else a ValueError."""
    if isinstance(error, KeyboardInterrupt | UsageError):
        return error
    text = f"{error} {getattr(error, 'java_exception', '')}"
    if _UNREADABLE.search(text):
        file = _FILE.search(text)
        named = file[1] if file else "a file of the lake"
        return UsageError(f"{named} is no whole Parquet file, or is damaged: export it again.")
    return ValueError(f"Spark refused it: {str(error).strip().splitlines()[0][:300]}")


def _bring(at: Workshop, frame: DataFrame, columns: Mapping[str, str], name: str) -> None:
    """Write rows where the database can read them, and count them."""
    named = frame.toDF(*columns) if frame.columns != list(columns) else frame
    try:
        rows = named.selectExpr(f"to_json(struct(*), map({_TIMES}, 'ignoreNullFields', 'false')) AS line").collect()
    except Exception as error:
        raise fault(error) from error
    (at.scratch / "brought.ndjson").write_text("".join(f"{row.line}\n" for row in rows), encoding="utf-8")
    at.brought[name] = at.brought.get(name, 0) + len(rows)


def _brought(at: Workshop, columns: Mapping[str, str]) -> str:
    file = str(at.scratch / "brought.ndjson").replace("'", "''")
    kinds = ", ".join(f"{_quoted(name)}: {_quoted(kind)}" for name, kind in columns.items())
    return (
        f"read_json('{file}', format = 'newline_delimited', columns = {{{kinds}}}, "
        f"maximum_object_size = {_LONGEST_LINE})"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
