"""The raw bytes of an answer of Log Analytics into what it says and the rows of its first table, every cell text.

An answer is taken apart where its bytes lie: its rows become columns without passing through objects of Python. What
an answer means is not known here, nor how it was had: neither azure nor the network enters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Where the rows of the first table begin and end in an answer as the service writes it.
_ROWS, _AFTER_ROWS = re.compile(rb'"rows": ?\['), b"]}]"
_BETWEEN_ROWS = re.compile(rb'(?<="\]), ?(?=\[")')  # between most rows, whose first and last cells are strings
_ESCAPE = re.compile(rb"(?i)\\(?:ud[89ab]..\\ud[c-f]..|(?P<half>ud[89a-f]..)|.)", re.DOTALL)
# Read at once: what it takes beside its bytes, several times as many, is used again for the next.
PIECE_BYTES = 1 << 20
_ROWS_AT_ONCE = 1000  # of an answer that was written anew


@dataclass(frozen=True)
class Body:
    """An answer that is whole JSON around the rows of its first table.

    ``said`` is what it holds beside them, ``columns`` names the cells of a row. ``rows`` are pieces of ``content`` with
    commas between their rows; whether they are whole JSON, and each row has its cells, is known to who reads them.
    """

    said: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[memoryview, ...]
    content: bytes


def opened(content: bytes) -> Body | None:
    """Return an answer without reading its rows where its bytes tell where they lie, else with each of them read.

    It is None where the answer is not whole.
    """
    found, end = _ROWS.search(content), content.rfind(_AFTER_ROWS)
    if not found or end < found.end():
        return rewritten(content)
    said = json_object(content[: found.end()] + content[end:])
    try:
        primary = said["tables"][0]
        columns = tuple(column["name"] for column in primary["columns"])
        lies_there = primary["rows"] == []
    except (KeyError, IndexError, TypeError):
        lies_there = False
    return Body(said, columns, tuple(_cut(content, found.end(), end)), content) if lies_there else rewritten(content)


def rewritten(content: bytes) -> Body | None:
    """Return any answer that is whole as one whose cells are all strings or null, at several times the cost.

    A cell that is no string is its JSON text then, and half of a surrogate pair is U+FFFD. It is None where the answer
    is not whole, or a row has other cells than the columns.
    """
    said = json_object(content)
    try:
        primary = said["tables"][0] if said["tables"] else {"columns": [], "rows": []}
        columns = tuple(column["name"] for column in primary["columns"])
        rows = [[text(cell) for cell in row] for row in primary["rows"]]
        fits = all(isinstance(row, list) and len(row) == len(columns) for row in primary["rows"])
    except (KeyError, IndexError, TypeError):
        return None
    if not fits:
        return None
    several = (orjson.dumps(rows[at : at + _ROWS_AT_ONCE]) for at in range(0, len(rows), _ROWS_AT_ONCE))
    return Body(said, columns, tuple(memoryview(piece)[1:-1] for piece in several), content)


def _cut(content: bytes, start: int, end: int) -> Iterator[memoryview]:
    """Cut rows into pieces of some PIECE_BYTES.

    A cell can end like a row and begin the next like one, but then what stands before the cut is no whole JSON.
    """
    rows = memoryview(content)
    while start < end:
        seam = _BETWEEN_ROWS.search(content, start + PIECE_BYTES, end)
        yield rows[start : seam.start() if seam else end]
        start = seam.end() if seam else end


def lists(body: Body) -> list[str]:
    """Return the rows of an answer as JSON lists of rows. Raises ValueError where they are no text."""
    return [f"[{str(piece, 'utf-8')}]" for piece in body.rows]


def framed(body: Body) -> pl.DataFrame | None:
    """Return the rows of an answer as a frame; None where they are not whole.

    Cells are strings as they are, and the JSON text of all else; null is null.
    """
    if not body.rows:
        return pl.DataFrame(schema=dict.fromkeys(body.columns, pl.String))
    try:
        return pl.concat([_frame(rows, body.columns) for rows in lists(body)], rechunk=False)
    except (ValueError, pl.exceptions.PolarsError):  # nested values among the cells, a cut within a cell, a half pair
        whole = rewritten(body.content)
    return None if whole is None else pl.concat([_frame(rows, whole.columns) for rows in lists(whole)], rechunk=False)


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


def _frame(rows: str, names: Sequence[str]) -> pl.DataFrame:
    decoded = pl.Series([rows], dtype=pl.String).str.json_decode(pl.List(pl.List(pl.String)))
    cells = decoded.explode(empty_as_null=False)
    # polars takes several lists for rows of its own.
    if decoded.len() != 1 or cells.null_count() or not (cells.list.len() == len(names)).all():
        raise ValueError(names)
    return cells.list.to_struct(fields=names).struct.unnest()


def text(value: Any) -> str | None:
    """Return a value as a cell: strings as they are, all else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
