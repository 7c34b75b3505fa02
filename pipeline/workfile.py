"""The private file that a run writes beside the published one: where it began, and whether one is gone on with.

What is in a file is not known here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.disk import flush_meanwhile


def prepared(db: Path) -> Path:
    """Return the working file: what an interrupted run left, where it began from this database, else a fresh copy."""
    path = path_of(db)
    if goes_on(db):
        return path
    discard(db)
    if db.exists():
        copy = path.with_name(f"{path.name}.copy")
        try:
            shutil.copyfile(db, copy)
            copy.chmod(0o600)
            copy.replace(path)
            flush_meanwhile(path)
        finally:
            copy.unlink(missing_ok=True)  # what a full disk left of it
    base = origin_of(db)
    base.touch(mode=0o600)
    base.write_text(_origin(db))
    return path


def goes_on(db: Path) -> bool:
    """Tell whether an interrupted run left a working file that began from this database."""
    return path_of(db).exists() and origin_of(db).exists() and origin_of(db).read_text() == _origin(db)


def _origin(db: Path) -> str:
    """Return what a working file begins from: the published file as it lies, and the machine since it was started."""
    if not db.exists():
        return f"none {boot()}"
    stat = db.stat()
    return f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {boot()}"


def boot() -> str:
    """Return what names the time since this machine was started; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def discard(db: Path) -> None:
    """Remove a working file with all that belongs to it."""
    path = path_of(db)
    for leftover in (path, path.with_name(f"{path.name}.wal"), origin_of(db)):
        leftover.unlink(missing_ok=True)


def forget(db: Path) -> None:
    """Remove what an interrupted run left, and this run's own working file: what it holds is published or unwanted."""
    discard(db)
    db.with_name(f".{db.name}.kept").unlink(missing_ok=True)


def path_of(db: Path) -> Path:
    """Return where the working file of a database lies."""
    return db.with_name(f".{db.name}.working")


def origin_of(db: Path) -> Path:
    """Return the file that says what the working file began from; without it nobody goes on with that."""
    return db.with_name(f".{db.name}.base")
