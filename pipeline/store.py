"""The one door to DuckDB: open, migrate, run a statement, publish.

A run writes a private working file beside the database and publishes it by checkpoint, close and rename, so that
readers always find one whole night. What the tables mean, and what is written into them, is other rooms' business.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipeline import assets, disk, generations, holding, views, workfile
from pipeline.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What a run concludes from all that has landed, and later runs build on: true only once it is published.
_CONCLUSIONS = (
    *("runs", "last_judgement", "found_incidents", "incident_failures", "judged_causes"),
    "remembered_incidents",
    "lake_answers",
)
# What DuckDB may hold; it, and Python beside it, stay under 4 GB.
_MEMORY = 2_500_000_000
# Readers with DuckDB 1.4 must be able to open what is published.
_STORAGE = {"storage_compatibility_version": "v1.4.0"}


@dataclass(frozen=True)
class Workfile:
    """A run's private database: its connection, and a folder for files that must not outlive the run."""

    con: duckdb.DuckDBPyConnection
    scratch: Path
    path: Path


@dataclass(frozen=True)
class Publishing:
    """How a file is published: ``keep`` files published before (None leaves them alone), ``mode`` (None: as before)."""

    keep: int | None = None
    mode: int | None = None


AS_BEFORE = Publishing()


@contextlib.contextmanager
def working(db: Path, *, begin: bool = True) -> Iterator[Workfile]:
    """Hold the database for one run and open its working file, migrated; its views are made when records have landed.

    The working file starts as a copy of the published one, or goes on from what an interrupted run had landed in it;
    unless ``begin``, there must be one of them.
    Raises StoreUnusable where another run holds the database, or it cannot be read or written.
    """
    with contextlib.ExitStack() as held:
        # Logs hold people's data: a new file is its owner's alone, from its first byte.
        held.callback(os.umask, os.umask(0o077))
        with disk.faults(db):
            db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.enter_context(holding.held(db))
            if not begin and not db.exists() and not workfile.path_of(db).exists():
                raise StoreUnusable(_missing(db))
            scratch = db.with_name(f".{db.name}.scratch")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(mode=0o700)
            held.callback(shutil.rmtree, scratch, ignore_errors=True)
            goes_on = workfile.goes_on(db)
            path = workfile.prepared(db)
            con = held.enter_context(contextlib.closing(_begun(path, db)))
            _bound(con, scratch)
            if workfile.boot():  # nobody goes on with a working file that lived through a crash of the machine
                con.execute("SET fsync_mode = 'NONE'")
            migrate(con, db)
            if goes_on:
                _take_back_conclusions(con, db)
        try:
            yield Workfile(con, scratch, path)
        except Exception as error:
            if sentence := disk.full_disk(db, error):
                raise StoreUnusable(sentence) from error
            if disk.tells_of_damage(error):
                workfile.origin_of(db).unlink(missing_ok=True)  # the next run begins with a fresh copy
                raise StoreUnusable(disk.damaged(db)) from error
            raise


def create(path: Path) -> None:
    """Make a file with our tables and no row."""
    with contextlib.closing(_connect(path, path)) as con:
        migrate(con, path)


def duplicate(file: Path, copy: Path) -> Path:
    """Copy one of our files, for those who must not change it where it lies."""
    with disk.faults(copy):
        copy.unlink(missing_ok=True)
        shutil.copyfile(file, copy)
    return copy


@contextlib.contextmanager
def copied_into(work: Workfile, path: Path) -> Iterator[None]:
    """Let the run's connection write into another of our files, there under the name ``fresh``."""
    (version,) = _STORAGE.values()
    work.con.execute(f"ATTACH {_quoted(path)} AS fresh (STORAGE_VERSION '{version}')")
    try:
        yield
    finally:
        work.con.execute("DETACH fresh")


@contextlib.contextmanager
def opened(path: Path, scratch: Path) -> Iterator[Workfile]:
    """Open another of our files for the run that holds the database, migrated."""
    with contextlib.closing(_connect(path, path)) as con:
        migrate(con, path)
        yield Workfile(con, scratch, path)


def publish(work: Workfile, db: Path, how: Publishing = AS_BEFORE) -> None:
    """Put the working file in the place of the published one, in one step; mode and group of the old one stay."""
    with disk.faults(db):
        work.con.execute("CHECKPOINT")
        work.con.close()
        if db.exists():
            old = db.stat()
            work.path.chmod(old.st_mode & 0o7777)
            with contextlib.suppress(PermissionError):  # a group that we are no member of cannot be given
                os.chown(work.path, -1, old.st_gid)
        if how.mode is not None:
            work.path.chmod(how.mode)
        disk.sync(work.path)
        if how.keep is not None:
            generations.keep(db, how.keep)
        with disk.freed_meanwhile(db):
            work.path.replace(db)
        workfile.origin_of(db).unlink(missing_ok=True)
        disk.sync(db.parent)


@contextlib.contextmanager
def reading(db: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published file read-only. Raises StoreUnusable where there is none, or it is not ours."""
    with disk.faults(db):
        if not db.exists():
            raise StoreUnusable(_missing(db))
        if not db.is_file():
            raise StoreUnusable(f"{db} is no file: name the DuckDB file with --db.")
        con = _connect(db, db, read_only=True)
    # what does not fit in memory is nobody's to read, and gone with this reader
    with tempfile.TemporaryDirectory(prefix="signin-triage-") as spilled, contextlib.closing(con):
        _bound(con, Path(spilled))
        _version(con, db)
        try:
            yield con
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise StoreUnusable(
                f"{db} was published by another release: run `signin-triage analyze` once, which brings it up to date."
            ) from error
        except duckdb.Error as error:
            if disk.tells_of_damage(error):
                raise StoreUnusable(disk.damaged(db)) from error
            raise


def empty() -> duckdb.DuckDBPyConnection:
    """Return a database in memory with our tables and views and no row."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    migrate(con, None)
    views.build(con)
    return con


def migrate(con: duckdb.DuckDBPyConnection, db: Path | None) -> None:
    """Bring the tables to this release's schema, in one transaction: each costs a wait for the disk.

    Raises StoreUnusable for a file that is not ours, and for one that a newer release wrote.
    """
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE NOT internal LIMIT 1").fetchall():
        con.execute("CREATE TABLE migrations (version BIGINT NOT NULL, applied VARCHAR NOT NULL)")
    done = _version(con, db)
    steps = assets.sql_files(assets.SCHEMA)
    if done == len(steps):
        return
    con.execute("BEGIN")
    for version, step in enumerate(steps, start=1):
        if version > done:
            con.execute(assets.text(step))
            con.execute("INSERT INTO migrations VALUES (?, ?)", [version, step.stem])
    views.comment_tables(con)
    con.execute("COMMIT")


def schema(con: duckdb.DuckDBPyConnection, db: Path) -> tuple[int, int]:
    """Return the schema version of a file, and the one that this release writes."""
    return _version(con, db), len(assets.sql_files(assets.SCHEMA))


def _version(con: duckdb.DuckDBPyConnection, db: Path | None) -> int:
    try:
        ((version,),) = con.execute("SELECT coalesce(max(CAST(version AS BIGINT)), 0) FROM migrations").fetchall()
    except duckdb.Error:
        raise StoreUnusable(
            f"{db} is a DuckDB file of somebody else: name another file with --db, or move this one away."
        ) from None
    newest = len(assets.sql_files(assets.SCHEMA))
    if version > newest:
        raise StoreUnusable(
            f"{db} was written by a newer release (schema {version}, this one knows {newest}): upgrade signin-triage."
        )
    return int(version)


def run(con: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
    """Run one statement with those of the values that it names as parameters."""
    (parsed,) = con.extract_statements(statement)
    return con.execute(parsed, {name: values[name] for name in parsed.named_parameters})


def _connect(path: Path, db: Path, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    try:
        con = duckdb.connect(str(path), read_only=read_only, config={} if read_only else dict(_STORAGE))
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise StoreUnusable(f"{db} is held open for writing by another program: close it there.") from None
        raise StoreUnusable(
            f"{db} is no DuckDB file that this release can read: name another file with --db, or move this one away."
        ) from None
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET enable_progress_bar = false")  # a long statement would draw it on stdout, which is for data
    return con


def _bound(con: duckdb.DuckDBPyConnection, scratch: Path) -> None:
    """Bound what a connection holds in memory, also on a machine that has more; what is beyond goes into a folder."""
    memory = min(_MEMORY, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
    con.execute(f"SET memory_limit = '{memory}B'")
    con.execute(f"SET temp_directory = {_quoted(scratch)}")


def _missing(db: Path) -> str:
    return f"{db} does not exist: run `signin-triage nightly` or `signin-triage import` first."


def _begun(path: Path, db: Path) -> duckdb.DuckDBPyConnection:
    """Open the working file; one that an interrupted run left in pieces is dropped for a fresh copy."""
    try:
        return _connect(path, db)
    except StoreUnusable:
        workfile.discard(db)
        return _connect(workfile.prepared(db), db)


def _take_back_conclusions(con: duckdb.DuckDBPyConnection, db: Path) -> None:
    """Put what an interrupted run concluded, and nobody has read, back to what is published; what it landed stays."""
    published: set[str] = set()
    if db.exists():
        con.execute(f"ATTACH {_quoted(db)} AS published (READ_ONLY)")
        named = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'published'"
        published = {name for (name,) in con.execute(named).fetchall()}
    con.execute("BEGIN")
    for table in _CONCLUSIONS:
        con.execute(f"DELETE FROM {table}")  # noqa: S608 one of the names above
        if table in published:
            con.execute(f"INSERT INTO {table} BY NAME FROM published.{table}")
    con.execute("COMMIT")
    if db.exists():
        con.execute("DETACH published")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
