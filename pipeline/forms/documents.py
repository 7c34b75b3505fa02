"""JSON that does not end with the line: arrays of records, and objects that carry such an array, however large.

An array is cut between its elements into pieces that fit in memory. Where to cut is told by counting brackets, and
checked by reading the piece: one that does not read is gone through element by element, and what is none is set aside.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.forms import places, records, tabular
from pipeline.forms.bench import PIECE
from pipeline.forms.columns import TIMES
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.forms.bench import Bench
    from pipeline.forms.sheet import Sheet

_WHOLE = 256 * 2**20  # bytes of a value that must be read as a whole
_ELEMENT = 32 * 2**20  # bytes of an element; what is longer is no record
_NAME = rb'"(?:[^"\\]|\\.)*+"\s*+:\s*+'
# Up to the first element: nothing but the array, or the scalars of the object that carries it.
_ARRAY = re.compile(
    rb"\s*+(?P<open>\[|\{(?:\s*+"
    + _NAME
    + rb'(?:"(?:[^"\\]|\\.)*+"|[-+.\w]++)\s*+,)*+\s*+"(?:records|value)"\s*+:\s*+\[)'
)
_BOUNDARY = re.compile(rb"\}\s*+(?:,\s*+(?=\{)|(?P<end>\]))")
_NEXT = re.compile(r"\}\s*,\s*(?=\{)")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)
_OF_RECORDS = {name.lower() for name in TIMES} | {"time", "properties"}


class _Text:
    """Text that comes in pieces: ``kept`` is what has come and was not taken yet."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.kept = b""
        self.whole = False

    def fill(self, size: int) -> bytes:
        """Let ``kept`` hold so many bytes, or all that there are."""
        gathered = [self.kept]
        held = len(self.kept)
        while held < size and not self.whole:
            piece = next(self._pieces, None)
            self.whole = piece is None
            gathered.append(piece or b"")
            held += len(piece or b"")
        self.kept = b"".join(gathered)
        return self.kept

    def take(self, size: int) -> bytes:
        """Take bytes off."""
        taken, self.kept = self.kept[:size], self.kept[size:]
        return taken


def sheets(bench: Bench, pieces: Iterable[bytes], name: str) -> Iterator[Sheet]:
    """Read all values of a text; a record's place is its number."""
    text = _Text(pieces)
    number = 0
    while text.fill(PIECE).strip():
        start = _ARRAY.match(text.kept)
        if start and not tabular.is_frames(text.kept):
            text.take(start.end())
            for sheet, count in _array(bench, text, number):
                number += count
                yield sheet
            if start["open"] != b"[":
                _leave_object(text)
        else:
            for sheet, count in _values(bench, text, number, name):
                number += count
                yield sheet
        text.kept = text.fill(PIECE).lstrip(b" \t\r\n,\x1e")


def _array(bench: Bench, text: _Text, number: int) -> Iterator[tuple[Sheet, int]]:
    """Read the elements up to the end of the array; yield them with how many they were."""
    ended = False
    while not ended:
        cut, ended = _cut(text.fill(PIECE))
        if cut and _is_json(bench, text.kept[:cut]):
            piece = text.take(cut)
            if ended:
                text.take(text.kept.find(b"]") + 1)
            else:
                text.kept = text.kept.lstrip(b" \t\r\n,")
            sheet, count = _elements(bench, _listed(bench, piece), [], number)
        else:
            found, broken, ended = _one_by_one(text)
            sheet, count = _elements(bench, found, broken, number)
        if count:
            yield sheet, count
        number += count


def _cut(content: bytes) -> tuple[int, bool]:
    """Return behind which byte the last whole element ends, by its brackets, and whether the array ends there."""
    braces = brackets = at = cut = 0
    for boundary in _BOUNDARY.finditer(content):
        stop = boundary.start() + 1
        braces += content.count(b"{", at, stop) - content.count(b"}", at, stop)
        brackets += content.count(b"[", at, stop) - content.count(b"]", at, stop)
        at = stop
        if not braces and not brackets:
            cut = stop
            if boundary["end"]:
                return cut, True
    return cut, False


def _is_json(bench: Bench, elements: bytes) -> bool:
    try:
        listed = f"[{elements.decode()}]"
    except UnicodeDecodeError:
        return False
    return bench.con.execute("SELECT json_valid($1)", [listed]).fetchall() == [(True,)]


def _listed(bench: Bench, elements: bytes) -> list[str]:
    found = bench.con.execute(
        "SELECT CAST(unnest(json_extract($1, '$[*]')) AS VARCHAR)", [f"[{elements.decode()}]"]
    ).fetchall()
    return [element for (element,) in found]


def _one_by_one(text: _Text) -> tuple[list[str | None], list[tuple[int, str]], bool]:
    """Read some elements where brackets do not tell; an element that is none is None and stands in the second list."""
    content = text.fill(_ELEMENT).decode(errors="surrogateescape")
    found: list[str | None] = []
    broken: list[tuple[int, str]] = []
    at, ended = 0, False
    while at < len(content) and at < PIECE:
        if content[at] in " \t\r\n,":
            at += 1
            continue
        if content[at] == "]":
            at, ended = at + 1, True
            break
        try:
            value, end = _DECODER.raw_decode(content, at)
        except (json.JSONDecodeError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            broken.append((len(found), f"is not valid JSON, or cut off: {why}"))
            found.append(None)
            at, ended = _resumed(content, at + 1)
            if ended:
                text.take(len(text.fill(_ELEMENT)))
                return found, broken, True
            continue
        element = content[at:end]
        if _NOT_UTF8.search(element):
            broken.append((len(found), "is not UTF-8"))
            found.append(None)
        elif not isinstance(value, dict):
            broken.append((len(found), "is no JSON object"))
            found.append(None)
        else:
            found.append(element)
        at = end
    text.take(len(content[:at].encode(errors="surrogateescape")))
    if at >= len(content) and text.whole and not text.kept and not ended:
        broken.append((len(found), "is missing: the array is cut off"))
        found.append(None)
        ended = True
    return found, broken, ended


def _resumed(content: str, at: int) -> tuple[int, bool]:
    """Return where the next record begins behind one that does not read, or that there is none."""
    while boundary := _NEXT.search(content, at):
        at = boundary.end()
        try:
            value, end = _DECODER.raw_decode(content, at)
        except (json.JSONDecodeError, RecursionError):
            continue
        if isinstance(value, dict) and _OF_RECORDS & {key.lower() for key in value}:
            return at, False
        at = max(at, end - 1)
    return len(content), True


def _elements(
    bench: Bench, found: Sequence[str | None], broken: list[tuple[int, str]], number: int
) -> tuple[Sheet, int]:
    import polars as pl

    texts = pl.DataFrame({"text": found}, schema={"text": pl.String}).with_row_index(PLACE, number + 1)
    set_aside = [(number + 1 + at, why) for at, why in broken]
    whole = texts.filter(pl.col("text").is_not_null()).cast({PLACE: pl.Int64})
    return records.decoded(bench, whole, set_aside), len(found)


def _leave_object(text: _Text) -> None:
    """Pass over what an object holds behind the array that it carries."""
    content = text.fill(PIECE).decode(errors="surrogateescape")
    try:
        _, end = _DECODER.raw_decode('{"":0' + content)
    except (json.JSONDecodeError, RecursionError):
        text.take(len(text.fill(_WHOLE)))  # cut off behind the records: nothing of them is lost
        return
    text.take(len(content[: end - len('{"":0')].encode(errors="surrogateescape")))


def _values(bench: Bench, text: _Text, number: int, name: str) -> Iterator[tuple[Sheet, int]]:
    """Read what is no array of records: a single record, or what a query was answered with."""
    content = text.fill(_WHOLE)
    if not text.whole:
        raise UsageError(f"{name} is one JSON value of more than {_WHOLE:,} bytes, but no list: export it in parts.")
    text.take(len(content))
    if (sheet := tabular.of_body(content, number)) is not None:
        yield sheet, sheet.read
        return
    written = content.decode(errors="surrogateescape")
    at = 0
    while at < len(written):
        if written[at] in " \t\r\n,\x1e":
            at += 1
            continue
        try:
            value, end = _DECODER.raw_decode(written, at)
        except (json.JSONDecodeError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            yield _elements(bench, [None], [(0, f"is not valid JSON, or cut off: {why}")], number)
            return
        if _NOT_UTF8.search(written, at, end):
            yield _elements(bench, [None], [(0, "is not UTF-8")], number)
            number += 1
        else:
            for sheet, count in _value(bench, value, number):
                yield sheet, count
                number += count
        at = end


def _value(bench: Bench, value: Any, number: int) -> Iterator[tuple[Sheet, int]]:
    if (answers := tabular.of_value(value, number)) is not None:
        for sheet in answers:
            yield sheet, sheet.read
        return
    elements = value if isinstance(value, list) else [value]
    if isinstance(value, dict):
        for carrier in places.CARRIERS:
            if isinstance(value.get(carrier), list):
                elements = value[carrier]
    yield _elements(bench, [records.text(each) for each in elements], [], number)
