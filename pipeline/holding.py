"""One run at a time: who holds a database, told by a lock that the kernel keeps for no longer than its process lives.

What a run does with the database is not known here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from pipeline.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def held(db: Path) -> Iterator[None]:
    """Hold the database against other runs; the kernel lets go of it when this process ends, however it ends."""
    lock = os.open(db.with_name(f".{db.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise by_another(db, _holder(lock)) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(lock)


def holder(db: Path) -> str | None:
    """Return the process id of the run that holds the database, None where none does; nothing is written.

    Raises StoreUnusable where that cannot be told.
    """
    try:
        lock = os.open(db.with_name(f".{db.name}.lock"), os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnusable(
            f"{error.filename} cannot be read ({error.strerror}): run as the user of the nightly run."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # held for no longer than this function
    except BlockingIOError:
        return _holder(lock)
    finally:
        os.close(lock)
    return None


def by_another(db: Path, process: str) -> StoreUnusable:
    """Return the error that names who holds a database."""
    return StoreUnusable(f"{db} is held by another run (process {process}): wait for it to end, or stop it.")


def _holder(lock: int) -> str:
    return os.pread(lock, 32, 0).decode() or "unknown"
