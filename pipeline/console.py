"""Everything on stderr: progress and errors; and from errors to exit codes.

Nothing that is data is written here, and nothing but the command line calls it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
import unicodedata
from typing import TYPE_CHECKING

from pipeline.errors import StoreUnusable, TriageError, is_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.pull import Progress

INTERRUPTED = 130
_SECONDS_BETWEEN_LINES = 5.0
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")


def printable(text: str) -> str:
    """Return text without what a terminal would obey: escapes and control characters become visible or go."""
    plain = _ESCAPES.sub("", text)
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf") else "\N{REPLACEMENT CHARACTER}"
        for char in plain
    )


def say(text: str, quiet: bool = False) -> None:
    """Write a line of talk to stderr."""
    if not quiet:
        with contextlib.suppress(OSError):  # nobody can be told that nothing can be told
            sys.stderr.write(printable(text) + "\n")
            sys.stderr.flush()


def watcher(quiet: bool) -> Callable[[Progress], None]:
    """Return what tells of progress: on a terminal a line that renews itself, in a pipe a line now and then."""
    if quiet:
        return lambda _: None
    tables: dict[str, Progress] = {}
    on_terminal = sys.stderr.isatty()
    told = 0.0

    def watch(progress: Progress) -> None:
        nonlocal told
        tables[progress.table] = progress
        finished = all(each.share == 1 for each in tables.values())
        now = time.monotonic()
        if now - told < (0.2 if on_terminal else _SECONDS_BETWEEN_LINES) and not finished:
            return
        told = now
        parts = ", ".join(f"{name} {each.share:.0%}" for name, each in tables.items())
        records = max(each.records for each in tables.values())
        line = f"pull: {records:,} new records; {parts}"
        if on_terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
            with contextlib.suppress(OSError):
                sys.stderr.write(f"\r\x1b[K{line[:width]}" + ("\n" if finished else ""))
                sys.stderr.flush()
        else:
            say(line)

    return watch


def ticker(quiet: bool) -> Callable[[str], None]:
    """Return what tells of long work: the newest line, now and then."""
    told = time.monotonic()

    def tick(line: str) -> None:
        nonlocal told
        if time.monotonic() - told >= _SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            say(line, quiet)

    return tick


def exit_code(error: BaseException) -> int:
    """Say an error in one sentence, last on stderr, and return the exit code of the command's contract."""
    if is_interrupt(error):
        told = str(error) if isinstance(error, KeyboardInterrupt) else ""
        say(told or "Stopped: nothing was published; what had landed is kept, run again to go on.")
        return INTERRUPTED
    if isinstance(error, TriageError):
        say(f"signin-triage: {' '.join(str(error).split())}")
        return error.exit_code
    # A fault of ours: the sentence is for the user, the trace for whoever mends it.
    if os.environ.get("SIGNIN_TRIAGE_DEBUG"):
        raise error
    what = " ".join(str(error).split())[:300]
    say(
        f"signin-triage: unexpected {type(error).__name__}: {what}; nothing was published. "
        "Set SIGNIN_TRIAGE_DEBUG=1 for the trace, and report it."
    )
    return StoreUnusable.exit_code
