"""Everything on stdout: lines for people, rows and objects for programs.

What is written is data that others pipe on, so nothing else may enter here: talk belongs to stderr and to console.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pipeline.console import printable
from pipeline.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.story import Story

_PLAIN_TERMINALS = ("", "dumb", "unknown")
# What may be coloured, and how (ECMA-48, select graphic rendition); each says in words what the colour does.
_COLOURS = {
    re.compile(r"^new(?= +\d{4}-)"): "1;33",
    re.compile(r"^ongoing(?= +\d{4}-)"): "33",
    re.compile(r"^resolved(?= +\d{4}-)"): "32",
    re.compile(r"^Not seen(?=: )"): "1;31",
    re.compile(r"confidence [01]\.\d\d"): "1",
}


class Format(StrEnum):
    """How an answer is written."""

    table = "table"
    csv = "csv"
    json = "json"


def write_lines(lines: Sequence[str]) -> None:
    """Write lines for people, without what a terminal would obey."""
    write_text("".join(f"{printable(line)}\n" for line in lines))


def write_story(story: Story, form: Format) -> None:
    """Write a run's story: its lines for people, its summary for programs."""
    if form is Format.table and sys.stdout.isatty():
        lines = [printable(line) for line in story.fitted(shutil.get_terminal_size().columns)]
        write_text("".join(f"{_coloured(line)}\n" for line in lines))
    elif form is Format.table:
        write_lines(story.lines)
    elif form is Format.json:
        write_object(story.summary.as_json())
    else:
        summary = story.summary.as_json()
        incidents = {f"incidents_{status}": count for status, count in summary.pop("incidents").items()}
        write_rows([summary | incidents], form)


def _coloured(line: str) -> str:
    """Return a line with a little colour, unless the user (no-color.org) or the terminal would not have it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "") in _PLAIN_TERMINALS:
        return line
    for told, colour in _COLOURS.items():
        line = told.sub(f"\x1b[{colour}m\\g<0>\x1b[0m", line)
    return line


def write_object(answer: object) -> None:
    """Write an object or a list as JSON."""
    write_text(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")


def write_rows(rows: Sequence[Mapping[str, Any]], form: Format) -> None:
    """Write rows of the same columns as an aligned table, as CSV, or as a JSON list."""
    if form is Format.json:
        write_object(rows)
    elif form is Format.csv and rows:
        from pipeline.cells import cell

        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows([cell(value) for value in row.values()] for row in rows)
        write_text(text.getvalue())
    elif rows:
        table = [list(rows[0]), *([printable(str(value)) for value in row.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        write_lines(
            ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in table]
        )


def write_text(text: str) -> None:
    """Write text as it is. Raises StoreUnusable where standard output cannot take it, a reader that left excepted."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StoreUnusable(
            f"Standard output cannot be written ({error.strerror}), but what was done stands."
        ) from error
