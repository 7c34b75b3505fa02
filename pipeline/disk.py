"""What the disk does to a run: what it refuses, in a sentence that names it, and how what is written reaches it.

Which files a run has, and what is in them, is not known here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from typing import TYPE_CHECKING

import duckdb

from pipeline.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_SAID = re.compile("No space left|File too large|not enough space", re.IGNORECASE)


@contextlib.contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn what a disk or the database file refuses into a sentence that names it."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if sentence := full_disk(path, error):
            raise StoreUnusable(sentence) from error
        if isinstance(error, OSError):
            where, why = error.filename or path, error.strerror or error
            raise StoreUnusable(f"{where} cannot be used ({why}): check the path and its permissions.") from error
        if isinstance(error, duckdb.IOException):
            raise StoreUnusable(f"{path} cannot be used: {str(error).splitlines()[0]}.") from error
        raise


def full_disk(path: Path, error: Exception) -> str | None:
    """Return the sentence for a full disk, by whatever name DuckDB, polars or the system calls it; else None."""
    said = str(error)
    if getattr(error, "errno", 0) in _FULL or _FULL_SAID.search(said):
        return f"{path} could not be written, the disk is full: free some space and run again."
    return None


def tells_of_damage(error: Exception) -> bool:
    """Tell whether DuckDB found blocks in a file that are not those that were written."""
    return isinstance(error, duckdb.Error) and "Corrupt database file" in str(error)


def damaged(db: Path) -> str:
    """Return the sentence for a damaged file."""
    return (
        f"{db} is damaged, a part of it cannot be read: put an earlier generation in its place (see --keep), or move "
        "it away and pull or import again."
    )


def flush_meanwhile(path: Path) -> None:
    """Let a copy reach the disk while the run works: publishing then waits for what the run has changed alone."""

    def flush() -> None:
        with contextlib.suppress(OSError):  # whoever publishes flushes again, and tells
            sync(path)

    threading.Thread(target=flush, name="flush", daemon=True).start()


@contextlib.contextmanager
def freed_meanwhile(db: Path) -> Iterator[None]:
    """Let the system free the file that is replaced in the block beside what follows: it takes a part of its copy."""
    held = os.open(db, os.O_RDONLY) if db.exists() else None
    try:
        yield
    finally:
        if held is not None:
            threading.Thread(target=os.close, args=(held,), name="free").start()


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, have reached the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
