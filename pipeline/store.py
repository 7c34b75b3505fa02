"""The one door to DuckDB: open, migrate, build the views, publish.

A run writes a private working file beside the database and publishes it by checkpoint, close and rename, so that
readers always find one whole night. What the tables mean, and what is written into them, is other rooms' business.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from pipeline import assets
from pipeline.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)
# Readers with DuckDB 1.4 must be able to open what is published.
_STORAGE = {"storage_compatibility_version": "v1.4.0"}


@dataclass(frozen=True)
class Workfile:
    """A run's private database: its connection, and a folder for files that must not outlive the run."""

    con: duckdb.DuckDBPyConnection
    scratch: Path
    path: Path


@contextlib.contextmanager
def working(db: Path) -> Iterator[Workfile]:
    """Hold the database for one run and open its working file, migrated, with its views.

    The working file starts as a copy of the published one, or goes on from what an interrupted run had landed in it.
    Raises StoreUnusable where another run holds the database, or it cannot be read or written.
    """
    with contextlib.ExitStack() as held:
        with disk_faults(db):
            db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.enter_context(_held(db))
            scratch = db.with_name(f".{db.name}.scratch")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(mode=0o700)
            held.callback(shutil.rmtree, scratch, ignore_errors=True)
            path = _prepared(db)
            con = held.enter_context(contextlib.closing(_connect(path, db)))
            migrate(con, db)
            build_views(con)
        try:
            yield Workfile(con, scratch, path)
        except Exception as error:
            if sentence := _full_disk(db, error):
                raise StoreUnusable(sentence) from error
            raise


def publish(work: Workfile, db: Path) -> None:
    """Put the working file in the place of the published one, in one step; mode and group of the old one stay."""
    with disk_faults(db):
        work.con.execute("CHECKPOINT")
        work.con.close()
        if db.exists():
            old = db.stat()
            work.path.chmod(old.st_mode & 0o7777)
            with contextlib.suppress(PermissionError):  # a group that we are no member of cannot be given
                os.chown(work.path, -1, old.st_gid)
        _sync(work.path)
        work.path.replace(db)
        _base(db).unlink(missing_ok=True)
        _sync(db.parent)


@contextlib.contextmanager
def reading(db: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published file read-only. Raises StoreUnusable where there is none, or it is not ours."""
    if not db.exists():
        raise StoreUnusable(f"{db} does not exist: run `signin-triage nightly` or `signin-triage import` first.")
    with disk_faults(db):
        con = _connect(db, db, read_only=True)
        try:
            _version(con, db)
            yield con
        finally:
            con.close()


def empty() -> duckdb.DuckDBPyConnection:
    """Return a database in memory with our tables and views and no row."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    migrate(con, None)
    build_views(con)
    return con


def migrate(con: duckdb.DuckDBPyConnection, db: Path | None) -> None:
    """Bring the tables to this release's schema, each step in its transaction.

    Raises StoreUnusable for a file that is not ours, and for one that a newer release wrote.
    """
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE NOT internal LIMIT 1").fetchall():
        con.execute("CREATE TABLE migrations (version BIGINT NOT NULL, applied VARCHAR NOT NULL)")
    done = _version(con, db)
    for version, step in enumerate(assets.sql_files(assets.SCHEMA), start=1):
        if version > done:
            con.execute("BEGIN")
            con.execute(assets.text(step))
            con.execute("INSERT INTO migrations VALUES (?, ?)", [version, step.stem])
            con.execute("COMMIT")


def _version(con: duckdb.DuckDBPyConnection, db: Path | None) -> int:
    try:
        ((version,),) = con.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchall()
    except duckdb.CatalogException:
        raise StoreUnusable(
            f"{db} is a DuckDB file of somebody else: name another file with --db, or move this one away."
        ) from None
    newest = len(assets.sql_files(assets.SCHEMA))
    if version > newest:
        raise StoreUnusable(
            f"{db} was written by a newer release (schema {version}, this one knows {newest}): upgrade signin-triage."
        )
    return int(version)


def build_views(con: duckdb.DuckDBPyConnection) -> None:
    """Make every view anew, and refill those that are stored; call it whenever records have landed."""
    con.execute("BEGIN")
    con.execute("DELETE FROM audit_operations")
    con.execute(assets.text(assets.DATA / "audit_operations.sql"), {"file": str(assets.DATA / "audit_operations.csv")})
    files = {view_name(file): assets.text(file) for file in assets.sql_files(assets.VIEWS)}
    for name, select in files.items():
        con.execute(f"CREATE OR REPLACE {_kind(select)} {name} AS {select}")  # our own file's name, no one else's text
    _comment(con, files)
    con.execute("COMMIT")


def _kind(select: str) -> str:
    return "TABLE" if "\n-- stored: yes\n" in select else "VIEW"


def run(con: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
    """Run one statement with those of the values that it names as parameters."""
    (parsed,) = con.extract_statements(statement)
    return con.execute(parsed, {name: values[name] for name in parsed.named_parameters})


def view_name(file: Path) -> str:
    """Return the name of the view that a file under sql/views defines."""
    return file.stem.split("_", 1)[1]


def _comment(con: duckdb.DuckDBPyConnection, files: Mapping[str, str]) -> None:
    """Put the views' header lines into the catalog, where every tool shows them.

    The first line describes the view, ``name: text`` a column; ``columns: view`` takes over another view's columns.
    """
    existing = set(con.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall())
    said: dict[str, dict[str, str]] = {}
    for name, select in files.items():
        header = [line[3:] for line in select.splitlines() if line.startswith("-- ")]
        said[name] = dict(line.split(": ", 1) for line in header[1:] if re.match(r"\w+: ", line))
        said[name] = said.get(said[name].get("columns", ""), {}) | said[name]
        con.execute(f"COMMENT ON {_kind(select)} {name} IS {_literal(header[0])}")
        for column, comment in said[name].items():
            if (name, column) in existing:
                con.execute(f'COMMENT ON COLUMN {name}."{column}" IS {_literal(comment)}')


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _connect(path: Path, db: Path, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    usual = os.umask(0o077)  # a new file is its owner's alone, from its first byte
    try:
        con = duckdb.connect(str(path), read_only=read_only, config={} if read_only else dict(_STORAGE))
    except duckdb.Error as error:
        if "lock" in str(error).lower():
            raise StoreUnusable(f"{db} is held open for writing by another program: close it there.") from None
        raise StoreUnusable(
            f"{db} is no DuckDB file that this release can read: name another file with --db, or move this one away."
        ) from None
    finally:
        os.umask(usual)
    con.execute("SET TimeZone = 'UTC'")
    return con


def _base(db: Path) -> Path:
    return db.with_name(f".{db.name}.base")


def _identity(db: Path) -> str:
    if not db.exists():
        return "none"
    stat = db.stat()
    return f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"


def _prepared(db: Path) -> Path:
    """Return the working file: what an interrupted run left, where it began from this database, else a fresh copy."""
    path = db.with_name(f".{db.name}.working")
    base = _base(db)
    identity = _identity(db)
    if path.exists() and base.exists() and base.read_text() == identity:
        return path
    for leftover in (path, path.with_name(f"{path.name}.wal"), base):
        leftover.unlink(missing_ok=True)
    if db.exists():
        copy = path.with_name(f"{path.name}.copy")
        shutil.copyfile(db, copy)
        copy.chmod(0o600)
        copy.replace(path)
    base.write_text(identity)
    return path


@contextlib.contextmanager
def _held(db: Path) -> Iterator[None]:
    """Hold the database against other runs; the kernel lets go of it when this process ends, however it ends."""
    lock = os.open(db.with_name(f".{db.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 32, 0).decode() or "unknown"
            raise StoreUnusable(
                f"{db} is held by another run (process {holder}): wait for it to end, or stop it."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Turn what a disk or the database file refuses into a sentence that names it."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if sentence := _full_disk(path, error):
            raise StoreUnusable(sentence) from error
        if isinstance(error, OSError):
            where, why = error.filename or path, error.strerror or error
            raise StoreUnusable(f"{where} cannot be used ({why}): check the path and its permissions.") from error
        if isinstance(error, duckdb.IOException):
            raise StoreUnusable(f"{path} cannot be used: {str(error).splitlines()[0]}.") from error
        raise


def _full_disk(path: Path, error: Exception) -> str | None:
    """Return the sentence for a full disk, by whatever name DuckDB, polars or the system calls it; else None."""
    said = str(error)
    if getattr(error, "errno", 0) in _FULL or "No space left" in said or "not enough space" in said.lower():
        return f"{path} could not be written, the disk is full: free some space and run again."
    return None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
