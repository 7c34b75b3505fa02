"""The program itself: its name, how a command is registered, and how the process ends.

stdout is data and is output's; stderr is talk and is console's. Everything heavy is imported by the command that needs
it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import functools
import io
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipeline import console
from pipeline.errors import TriageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

# What was typed in the wrong place is quoted to whoever typed it, a credential excepted.
_TOKEN = re.compile(r"\bey[\w-]{8,}[\w.+/=-]*|[\w.+/=-]{200,}")

app = typer.Typer(
    name="signin-triage",
    help="Find out why AADSTS50099 device sign-ins fail: Entra logs in DuckDB, causes named by SQL rules.",
    epilog="Try it without an account: signin-triage demo",
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def command(name: str, group: typer.Typer = app) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a command whose docstring is its help and whose result is the exit code; errors become sentences."""

    def register(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> int:
            try:
                return function(*args, **kwargs)
            except (TriageError, KeyboardInterrupt) as error:
                return console.exit_code(error)

        group.command(name)(guarded)
        return guarded

    return register


def main() -> None:
    """Run the program and end the process with the exit code of its contract."""
    os.umask(0o077)  # logs hold people's data: what we write is its owner's alone
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere  # a stream that was closed is None
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a name that the stream's encoding lacks is shown escaped
                stream.reconfigure(errors="backslashreplace")
        code = _run()
        # Threads may still wait for an answer that nobody needs any more; they must not keep the process.
        os._exit(code)


def _run() -> int:
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        return 0  # the reader went away (head, less): nothing is wrong, but nothing more can be written either
    except typer.TyperException as error:
        text = _TOKEN.sub("(a token)", " ".join(error.format_message().split())).rstrip(".")
        console.say(f"signin-triage: {text}. See `signin-triage --help`.")
        return UsageError.exit_code
    except Exception as error:  # noqa: BLE001 the last door: a user gets a sentence, whatever went wrong
        return console.exit_code(error)
    return int(code)
