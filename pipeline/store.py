"""The one door to DuckDB: open, migrate, run a statement, publish.

A run writes a private working file beside the database and publishes it by checkpoint, close and rename, so that
readers always find one whole night. What the tables mean, and what is written into them, is other rooms' business.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from pipeline import assets, views
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
def working(db: Path, *, begin: bool = True) -> Iterator[Workfile]:
    """Hold the database for one run and open its working file, migrated; its views are made when records have landed.

    The working file starts as a copy of the published one, or goes on from what an interrupted run had landed in it;
    unless ``begin``, there must be one of them.
    Raises StoreUnusable where another run holds the database, or it cannot be read or written.
    """
    with contextlib.ExitStack() as held:
        # Logs hold people's data: a new file is its owner's alone, from its first byte.
        held.callback(os.umask, os.umask(0o077))
        with disk_faults(db):
            db.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.enter_context(_held(db))
            if not begin and not db.exists() and not _working_path(db).exists():
                raise StoreUnusable(_missing(db))
            scratch = db.with_name(f".{db.name}.scratch")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(mode=0o700)
            held.callback(shutil.rmtree, scratch, ignore_errors=True)
            path = _prepared(db)
            con = held.enter_context(contextlib.closing(_begun(path, db)))
            migrate(con, db)
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
    with disk_faults(db):
        if not db.exists():
            raise StoreUnusable(_missing(db))
        if not db.is_file():
            raise StoreUnusable(f"{db} is no file: name the DuckDB file with --db.")
        con = _connect(db, db, read_only=True)
    with contextlib.closing(con):
        _version(con, db)
        try:
            yield con
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise StoreUnusable(
                f"{db} was published by another release: run `signin-triage analyze` once, which brings it up to date."
            ) from error


def empty() -> duckdb.DuckDBPyConnection:
    """Return a database in memory with our tables and views and no row."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    migrate(con, None)
    views.build(con)
    return con


def migrate(con: duckdb.DuckDBPyConnection, db: Path | None) -> None:
    """Bring the tables to this release's schema, each step in its transaction.

    Raises StoreUnusable for a file that is not ours, and for one that a newer release wrote.
    """
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE NOT internal LIMIT 1").fetchall():
        con.execute("CREATE TABLE migrations (version BIGINT NOT NULL, applied VARCHAR NOT NULL)")
    done = _version(con, db)
    steps = assets.sql_files(assets.SCHEMA)
    for version, step in enumerate(steps, start=1):
        if version > done:
            con.execute("BEGIN")
            con.execute(assets.text(step))
            con.execute("INSERT INTO migrations VALUES (?, ?)", [version, step.stem])
            con.execute("COMMIT")
    if done < len(steps):
        views.comment_tables(con)


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
    return con


def _missing(db: Path) -> str:
    return f"{db} does not exist: run `signin-triage nightly` or `signin-triage import` first."


def _working_path(db: Path) -> Path:
    return db.with_name(f".{db.name}.working")


def _base(db: Path) -> Path:
    return db.with_name(f".{db.name}.base")


def _identity(db: Path) -> str:
    if not db.exists():
        return "none"
    stat = db.stat()
    return f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"


def _begun(path: Path, db: Path) -> duckdb.DuckDBPyConnection:
    """Open the working file; one that an interrupted run left in pieces is dropped for a fresh copy."""
    try:
        return _connect(path, db)
    except StoreUnusable:
        _discard(path, db)
        return _connect(_prepared(db), db)


def _prepared(db: Path) -> Path:
    """Return the working file: what an interrupted run left, where it began from this database, else a fresh copy."""
    path = _working_path(db)
    base = _base(db)
    identity = _identity(db)
    if path.exists() and base.exists() and base.read_text() == identity:
        return path
    _discard(path, db)
    if db.exists():
        copy = path.with_name(f"{path.name}.copy")
        try:
            shutil.copyfile(db, copy)
            copy.chmod(0o600)
            copy.replace(path)
        finally:
            copy.unlink(missing_ok=True)  # what a full disk left of it
    base.touch(mode=0o600)
    base.write_text(identity)
    return path


def _discard(path: Path, db: Path) -> None:
    for leftover in (path, path.with_name(f"{path.name}.wal"), _base(db)):
        leftover.unlink(missing_ok=True)


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
