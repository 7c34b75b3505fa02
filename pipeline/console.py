"""Everything on stderr: progress and errors; and from errors to exit codes.

Nothing that is data is written here, and nothing but the command line calls it.
"""

from __future__ import annotations

import atexit
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

    from rich.progress import Progress as Drawn

    from pipeline.imports import Progress as Reading
    from pipeline.pull import Progress

INTERRUPTED = 130
_SECONDS_BETWEEN_LINES = 5.0
_CANNOT_DRAW = (None, "", "dumb", "unknown")  # terminals that do not move their cursor
_ESCAPES = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")

_drawn: Drawn | None = None  # the bars that stand on the terminal: it is one, and so are they


def printable(text: str) -> str:
    """Return text without what a terminal would obey: escapes and control characters become visible or go."""
    plain = _ESCAPES.sub("", text)
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf") else "\N{REPLACEMENT CHARACTER}"
        for char in plain
    )


def say(text: str, quiet: bool = False) -> None:
    """Write a line of talk to stderr, below the bars if any stand there."""
    if not quiet:
        _end_bars()
        with contextlib.suppress(OSError):  # nobody can be told that nothing can be told
            sys.stderr.write(printable(text) + "\n")
            sys.stderr.flush()


def watcher(quiet: bool) -> Callable[[Progress], None]:
    """Return what tells of a pull's progress: on a terminal a bar a table, in a pipe a line now and then."""
    if quiet:
        return lambda _: None
    return _bars() if sys.stderr.isatty() and os.environ.get("TERM") not in _CANNOT_DRAW else _lines()


def _lines() -> Callable[[Progress], None]:
    tables: dict[tuple[str, str], Progress] = {}
    begun = time.monotonic()
    told = begun - _SECONDS_BETWEEN_LINES  # the first line comes at once

    def watch(progress: Progress) -> None:
        nonlocal told
        tables[progress.workspace_id, progress.table] = progress
        now = time.monotonic()
        if now - told < _SECONDS_BETWEEN_LINES and progress.whole < 1:
            return
        told = now
        several = len({workspace for workspace, _ in tables}) > 1
        parts = ", ".join(f"{_name(*key, several)} {each.share:.0%}" for key, each in tables.items())
        rows, spent = sum(each.rows for each in tables.values()), now - begun
        rate = f", {rows / spent:,.0f} rows/s" if spent else ""
        left = f", about {_lasting(spent / progress.whole - spent)} left" if 0 < progress.whole < 1 else ""
        say(f"pull: {progress.records:,} new records{rate}{left}; {parts}")

    return watch


def _bars() -> Callable[[Progress], None]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    global _drawn
    _end_bars()
    bars = _drawn = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:>11,} rows {task.fields[rate]:>9,.0f}/s", markup=False),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=Console(stderr=True, markup=False, emoji=False, highlight=False),
        # What else is said ends the bars first.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    atexit.register(_end_bars)  # a terminal left without its cursor would outlast us
    tasks: dict[tuple[str, str], TaskID] = {}
    begun = time.monotonic()

    def watch(progress: Progress) -> None:
        key = progress.workspace_id, progress.table
        if _drawn is not bars:
            return
        with contextlib.suppress(OSError):
            bars.start()
            if key not in tasks:
                tasks[key] = bars.add_task("", total=1.0, rows=0, rate=0.0)
                several = len({workspace for workspace, _ in tasks}) > 1
                for (workspace, table), task in tasks.items():
                    bars.update(task, description=_name(workspace, table, several))
            spent = time.monotonic() - begun
            bars.update(
                tasks[key],
                completed=progress.share,
                rows=progress.rows,
                rate=progress.rows / spent if spent else 0.0,
            )
            if progress.whole == 1:
                _end_bars()

    return watch


def _end_bars() -> None:
    """Leave the bars as they stand, if any, and give the terminal back."""
    global _drawn
    if _drawn is not None:
        drawn, _drawn = _drawn, None
        with contextlib.suppress(OSError):
            drawn.stop()


def _name(workspace_id: str, table: str, several: bool) -> str:
    return f"{workspace_id[:8]} {table}" if several else table


def _lasting(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def reader(quiet: bool) -> Callable[[Reading], None]:
    """Return what tells of an import's progress: on a terminal a bar, in a pipe a line now and then."""
    if quiet:
        return lambda _: None
    if not (sys.stderr.isatty() and os.environ.get("TERM") not in _CANNOT_DRAW):
        tick = ticker(quiet)
        return lambda reading: tick(f"import: {reading.file}: {reading.share:.0%}, {reading.records:,} records read")
    from pipeline.pull import Progress as OfTable

    watch = _bars()
    return lambda reading: watch(OfTable("", "import", reading.share, reading.records, reading.share, reading.records))


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
