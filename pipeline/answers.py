"""An answer as text: an aligned table for the eye, CSV for a spreadsheet, JSON for a program, in parts as rows come.

Nothing is asked and nothing is printed here. Whatever the rows hold was written by strangers: no form lets it command a
terminal or a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.cells import cell
from pipeline.console import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipeline.questions import Answer

_WIDEST = 100
# Control and format characters that JSON itself leaves as they are.
_UNSEEN = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_NON_STR_KEYS


def as_table(answer: Answer) -> Iterator[str]:
    """Write an aligned table. The first rows set the widths; beside other columns a long cell is cut."""
    widest = _WIDEST if len(answer.columns) > 1 else None
    first = next(answer.batches, [])
    header = [_on_one_line(name, widest) for name in answer.columns]
    lines = [[_on_one_line(text(value), widest) for value in row] for row in first]
    widths = [max(map(len, column)) for column in zip(header, *lines, strict=True)]
    numeric = [any(_is_number(row[place]) for row in first) for place in range(len(header))]

    def aligned(line: list[str]) -> str:
        cells = zip(line, widths, numeric, strict=True)
        return "  ".join(each.rjust(width) if right else each.ljust(width) for each, width, right in cells).rstrip()

    yield "".join(f"{aligned(line)}\n" for line in [header, *lines])
    for rows in answer.batches:
        yield "".join(f"{aligned([_on_one_line(text(value), widest) for value in row])}\n" for row in rows)


def as_csv(answer: Answer) -> Iterator[str]:
    """Write CSV: a header always, text that a spreadsheet would run made harmless, nested values as JSON."""
    first = next(answer.batches, [])  # before the header, so that what fails at once leaves nothing written
    for rows in chain([[answer.columns, *first]], answer.batches):
        yield _csv([_harmless(value) for value in row] for row in rows)


def as_json(answer: Answer) -> Iterator[str]:
    """Write a list of objects."""
    before = "["
    for rows in answer.batches:
        objects = [_json(_record(answer, row)) for row in rows]
        yield before + "\n  " + ",\n  ".join(objects)
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def text(value: object) -> str:
    """Return one value as text: times in UTC to the second, nested values as JSON, nothing for NULL."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return str(value).lower()
        case datetime():
            return f"{value.isoformat(timespec='seconds')}Z"
        case list() | tuple() | dict():
            return _json(value)
        case timedelta() | bytes():
            return str(_plain(value))
    return str(value)


def _plain(value: object) -> str | int | float:
    """Return what JSON has no word for as one of those that it has."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case timedelta():
            seconds = abs(value) // timedelta(seconds=1)
            sign = "-" if value < timedelta(0) else ""
            return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case bytes():
            return value.hex()
    return str(value)


def _json(value: object) -> str:
    """Write JSON; what a terminal would obey is escaped."""
    return _UNSEEN.sub(
        lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(value, default=_plain, option=_OPTIONS).decode()
    )


def _record(answer: Answer, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(answer.columns, map(_member, row, answer.kinds), strict=True))


def _member(value: Any, kind: str) -> Any:
    """Return a value as its object holds it: JSON as what it says, numbers of any length as numbers."""
    if value is None or kind not in ("JSON", "HUGEINT", "UHUGEINT", "BIGNUM"):
        return value
    return orjson.Fragment(str(value))


def _csv(rows: Iterable[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    return written.getvalue()


def _harmless(value: object) -> str:
    if isinstance(value, str):  # most are plain words, and most of an answer's time is spent here
        return value if value[:1].isalnum() and value.isprintable() else cell(value)
    return cell(text(value)) if isinstance(value, list | dict) else text(value)


def _on_one_line(value: str, widest: int | None) -> str:
    line = printable(value).replace("\n", "⏎").replace("\t", " ")
    return line if widest is None or len(line) <= widest else f"{line[: widest - 1]}…"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
