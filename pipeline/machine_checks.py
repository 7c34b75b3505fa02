"""What `doctor` judges without a network: versions, the database and its disk, permissions, the report folder.

Everything is only looked at; the one thing written is an empty file in the report's folder, gone at once.
"""

from __future__ import annotations

import re
import shutil
import stat
import sys
import tempfile
from importlib import metadata
from typing import TYPE_CHECKING

from pipeline import __version__, generations, holding, report, store
from pipeline.checks import Check, fail, failed, ok, warn
from pipeline.disk import faults as disk_faults
from pipeline.errors import StoreUnusable, TriageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import duckdb

NAMED_PACKAGES = ("duckdb", "polars", "azure-monitor-query", "azure-identity")
TIMES_THE_DATABASE = 3  # the published file, its working copy, and what a night adds or a purge rewrites
READABLE_SINCE = "v1.4.0"  # the oldest DuckDB whose readers we promise the file to


def machine(db: Path | None, out: Path) -> Iterator[Check]:
    """Judge what is on this machine, in the order in which a run meets it; without a database, the rest."""
    yield versions()
    yield from _judged("report folder", out, lambda: [report_folder(out)])
    if db:
        yield from _judged("disk", db, lambda: [disk(db)])
        yield from _judged("database", db, lambda: database(db))
        yield from _judged("permissions", db, lambda: [permissions(db, out)])
    yield spark()


def _judged(check: str, place: Path, judge: Callable[[], Iterable[Check]]) -> list[Check]:
    """Judge something; what the disk refuses to tell is a check that failed."""
    try:
        with disk_faults(place):
            return list(judge())
    except TriageError as error:
        return [failed(check, error)]


def versions() -> Check:
    """Judge the releases of the packages that we stand on against the bounds that we ask for."""
    python = ".".join(map(str, sys.version_info[:3]))
    named = [f"{name} {metadata.version(name)}" for name in NAMED_PACKAGES]
    detail = ", ".join([f"signin-triage {__version__}", f"Python {python}", *named])
    if outside := sorted(_outside_bounds()):
        return warn("versions", f"{detail}; outside our bounds: {', '.join(outside)}", "pip install signin-triage anew")
    return ok("versions", detail)


def _outside_bounds() -> Iterator[str]:
    for requirement in metadata.requires("signin-triage") or ():
        bounds, _, marker = requirement.partition(";")
        if marker:
            continue
        name = re.split(r"[<>=!~ ]", bounds, maxsplit=1)[0]
        here = _numbers(metadata.version(name))
        for sign, bound in re.findall(r"(<|>=)([\d.]+)", bounds):
            if (here >= _numbers(bound)) != (sign == ">="):
                yield f"{name} {metadata.version(name)} ({sign}{bound})"


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version without closing zeros, so that 3 is 3.0."""
    found = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else [0]
    while numbers[-1:] == [0]:
        numbers.pop()
    return tuple(numbers)


def spark() -> Check:
    """Judge what `analyze --engine spark` needs; a run on DuckDB does without."""
    from pipeline.spark import sessions

    java = sessions.java()
    missing = [
        *(() if sessions.pyspark_present() else (("pyspark", "pip install 'signin-triage[spark]'"),)),
        *(() if java else (("Java", "install a Java 17 runtime (default-jre-headless), or set JAVA_HOME"),)),
    ]
    if missing:
        names = " and ".join(name for name, _ in missing)
        remedy = "; ".join(remedy for _, remedy in missing)
        return warn("spark", f"{names} not here, which only `analyze --engine spark` needs", remedy)
    return ok("spark", f"pyspark {metadata.version('pyspark')}, Java at {java}")


def report_folder(out: Path) -> Check:
    """Judge whether the report can be written."""
    report.require_folder(out)
    _write_beside(_existing(out))
    return ok("report folder", f"{out} can be written" if out.exists() else f"{out} can be made")


def disk(db: Path) -> Check:
    """Judge the room on the database's disk: a run writes a copy beside the published file."""
    size = db.stat().st_size if db.is_file() else 0
    free = shutil.disk_usage(_existing(db.parent)).free
    detail = f"{_bytes(free)} free beside a database of {_bytes(size)}"
    if not free or free < size:
        return fail("disk", StoreUnusable.exit_code, detail, "free some space: a run writes a copy of the database")
    if free < TIMES_THE_DATABASE * size:
        return warn("disk", detail, f"free some space: {TIMES_THE_DATABASE} times the database is what a run may need")
    return ok("disk", detail)


def database(db: Path) -> Iterator[Check]:
    """Judge the file itself: whether a run may have it, and what it holds."""
    if holder := holding.holder(db):
        raise holding.by_another(db, holder)
    _write_beside(_existing(db.parent))
    if db.exists():
        with store.reading(db) as con:
            yield _contents(con, db)
            yield _storage(con)
    else:
        yield ok("database", f"{db} does not exist yet: the first run makes it")
    left = db.with_name(f".{db.name}.working")
    if left.exists():
        yield ok("interrupted run", f"{left} holds what had landed when it ended; the next run goes on with it")


def _contents(con: duckdb.DuckDBPyConnection, db: Path) -> Check:
    version, newest = store.schema(con, db)
    ran = con.execute("SELECT started_at, status FROM runs ORDER BY started_at DESC LIMIT 1").fetchall()
    last = f"last run {ran[0][0]:%Y-%m-%dT%H:%M:%SZ}, {ran[0][1]}" if ran else "no run yet"
    upgrade = "" if version == newest else f", which the next run brings to {newest}"
    return ok("database", f"{db}: schema {version}{upgrade}; {last}")


def _storage(con: duckdb.DuckDBPyConnection) -> Check:
    ((said,),) = con.execute(
        "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    if said and _numbers(said.lstrip("v").rstrip("+")) > _numbers(READABLE_SINCE.lstrip("v")):
        return warn(
            "storage version",
            f"the file is written for DuckDB {said}, and older readers cannot open it",
            "move it away and let the next run make a new one, or read it with that release",
        )
    return ok("storage version", f"{said or 'unknown'}: DuckDB 1.4 and newer can read it")


def permissions(db: Path, out: Path) -> Check:
    """Judge who else on this machine may read people's data."""
    earlier = generations.kept(db).values() if db.parent.is_dir() else ()
    ours = [file for file in (db, *earlier, *out.glob("*.*")) if file.is_file()]
    if open_files := [file for file in ours if file.stat().st_mode & stat.S_IROTH]:
        names = " ".join(map(str, open_files[:3])) + (" ..." if len(open_files) > 3 else "")
        return warn("permissions", f"everybody on this machine may read {names}", f"chmod o= {names}")
    for folder in (db.parent, out):
        if folder.is_dir() and folder.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
            return warn("permissions", f"everybody on this machine may write into {folder}", f"chmod o-w {folder}")
    return ok("permissions", "nobody else on this machine may read the database or the report")


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if each.exists())


def _write_beside(folder: Path) -> None:
    """Raise OSError, naming the folder, where no file can be made in it."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
