"""The raw bytes of an answer of Log Analytics into what it says and a frame of its first table, every cell text.

An answer is taken apart where its bytes lie: its rows become columns without passing through objects of Python. What
an answer means is not known here, nor how it was had: neither azure nor the network enters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Where the rows of the first table begin and end in an answer as the service writes it.
_ROWS, _AFTER_ROWS = b'"rows":[', b"]}]"
_BETWEEN_ROWS = b'"],["'  # between most rows, whose first and last cells are strings
_ESCAPE = re.compile(rb"(?i)\\(?:ud[89ab]..\\ud[c-f]..|(?P<half>ud[89a-f]..)|.)", re.DOTALL)
# Decoded at once: what it takes beside its bytes, several times as many, is used again for the next.
PIECE_BYTES = 1 << 20


def decoded(content: bytes) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """Return what an answer holds beside its records, and the records of its first table; None where it is not whole.

    Cells are strings as they are, and the JSON text of all else; null is null.
    """
    return _sliced(content) or _loaded(content)


def json_object(content: bytes) -> dict[str, Any]:
    """Return a JSON object, an empty one where it is none; half of a surrogate pair is U+FFFD."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        mended = _ESCAPE.sub(_whole_character, content) if b"\\ud" in content.lower() else content
        try:
            body = orjson.loads(mended)
        except orjson.JSONDecodeError:
            return {}
    return body if isinstance(body, dict) else {}


def _whole_character(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["half"] else escape[0]


def _sliced(content: bytes) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """Decode the rows of an answer from their bytes, as columns of text, a piece at a time.

    What is around the rows and each piece of them must be whole JSON, or it is None: then the rows lie elsewhere, hold
    nested values, were cut within a cell, or the answer is not whole.
    """
    start, end = content.find(_ROWS) + len(_ROWS), content.rfind(_AFTER_ROWS)
    body = json_object(content[:start] + content[end:])
    try:
        primary = body["tables"][0]
        names = [column["name"] for column in primary["columns"]]
        frames = [_piece(piece, names) for piece in _pieces(content, start, end)]
    except (KeyError, IndexError, TypeError, ValueError, pl.exceptions.PolarsError):
        return None
    return (body, pl.concat(frames, rechunk=False)) if primary["rows"] == [] else None


def _pieces(content: bytes, start: int, end: int) -> Iterator[bytes]:
    """Cut rows into lists of rows of some PIECE_BYTES; at least one, of what may be no rows at all.

    A cell can end like a row and begin the next like one, but then what stands before the cut is no whole JSON.
    """
    rows = memoryview(content)
    while True:
        cut = content.find(_BETWEEN_ROWS, start + PIECE_BYTES, end)
        stop = end if cut < 0 else cut + _BETWEEN_ROWS.index(b",")
        yield b"".join((b"[", rows[start:stop], b"]"))
        if cut < 0:
            return
        start = stop + 1


def _piece(rows: bytes, names: Sequence[str]) -> pl.DataFrame:
    lists = pl.Series([rows], dtype=pl.Binary).cast(pl.String).str.json_decode(pl.List(pl.List(pl.String)))
    cells = lists.explode(empty_as_null=False)
    # polars takes several lists for rows of its own.
    if lists.len() != 1 or cells.null_count() or not (cells.list.len() == len(names)).all():
        raise ValueError(names)
    return cells.list.to_struct(fields=names).struct.unnest()


def _loaded(content: bytes) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """Decode any answer that is whole, at several times the cost."""
    body = json_object(content)
    try:
        primary = body["tables"][0] if body["tables"] else {"columns": [], "rows": []}
        return body, _framed(primary["columns"], primary["rows"])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _framed(columns: Sequence[dict[str, str]], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    names = [column["name"] for column in columns]
    cells: Iterator[Sequence[Any]] = iter(zip(*rows, strict=True)) if rows else iter([()] * len(names))
    return pl.DataFrame([_text(name, column) for name, column in zip(names, cells, strict=True)])


def _text(name: str, column: Sequence[Any]) -> pl.Series:
    try:
        return pl.Series(name, column, dtype=pl.String)
    except (TypeError, pl.exceptions.PolarsError):  # numbers, booleans or nested values among them
        return pl.Series(name, [text(value) for value in column], dtype=pl.String)


def text(value: Any) -> str | None:
    """Return a value as a cell: strings as they are, all else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
