"""Answers to queries: bodies of the query API, and both versions of Kusto's, whose records are rows of cells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pipeline import bodies
from pipeline.forms.columns import TIMES, adopted
from pipeline.forms.sheet import Sheet
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

_FRAMES = re.compile(rb'\s*+\[\s*+\{\s*+"FrameType"\s*+:')


def is_frames(start: bytes) -> bool:
    """Tell whether an array is an answer of Kusto in frames."""
    return _FRAMES.match(start) is not None


def of_body(content: bytes, number: int) -> Sheet | None:
    """Return the records of an answer of the query API with one table, straight from its bytes; else None."""
    if not content.lstrip().startswith(b'{"tables"'):
        return None
    try:
        body = bodies.opened(content)
        frame = bodies.framed(body) if body else None
    except (AttributeError, TypeError, ValueError):
        return None
    if body is None or frame is None or not isinstance(body.said.get("tables"), list) or len(body.said["tables"]) != 1:
        return None
    return _sheet(frame, number, _lack(body.said))


def of_value(value: Any, number: int) -> list[Sheet] | None:
    """Return the records of an answer; None for what is none."""
    tables = _tables(value)
    if tables is None:
        return None
    sheets: list[Sheet] = []
    for at, (names, rows) in enumerate(tables):
        if at and not _ours(names):
            continue  # beside the result: statistics, and what Kusto says of itself
        sheet = _of_rows(names, rows, number, _lack(value))
        sheets.append(sheet)
        number += sheet.read
    return sheets


def _ours(names: Sequence[str]) -> bool:
    return any(column in TIMES for column in adopted(names).values())


def _tables(value: Any) -> list[tuple[list[str], list[Any]]] | None:
    """Return the columns and rows of each table of an answer, whichever service wrote it."""
    if isinstance(value, list):
        frames = [frame for frame in value if isinstance(frame, dict) and "FrameType" in frame]
        return _of_frames(frames) if frames and len(frames) == len(value) else None
    if not isinstance(value, dict):
        return None
    for tables, columns, name, rows in (
        ("tables", "columns", "name", "rows"),
        ("Tables", "Columns", "ColumnName", "Rows"),
    ):
        if isinstance(value.get(tables), list):
            return [
                ([str(column.get(name)) for column in _objects(table.get(columns))], _list(table.get(rows)))
                for table in _objects(value[tables])
            ]
    return None


def _of_frames(frames: list[dict[str, Any]]) -> list[tuple[list[str], list[Any]]]:
    found: dict[Any, tuple[list[str], list[Any]]] = {}
    for frame in frames:
        identity = str(frame.get("TableId"))
        if frame.get("TableKind") == "PrimaryResult" and isinstance(frame.get("Columns"), list):
            names = [str(column.get("ColumnName")) for column in _objects(frame["Columns"])]
            found[identity] = (names, list(_list(frame.get("Rows"))))
        elif frame.get("FrameType") == "TableFragment" and identity in found:
            found[identity][1].extend(_list(frame.get("Rows")))
    return list(found.values())


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in _list(value) if isinstance(each, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _of_rows(names: list[str], rows: list[Any], number: int, lack: str | None) -> Sheet:
    import polars as pl

    places = [number + 1 + at for at in range(len(rows))]
    whole = [
        (place, row)
        for place, row in zip(places, rows, strict=True)
        if isinstance(row, list) and len(row) == len(names)
    ]
    broken = tuple(
        (place, f"is no row of {len(names)} cells")
        for place, row in zip(places, rows, strict=True)
        if not isinstance(row, list) or len(row) != len(names)
    )
    ours = adopted(names)
    cells = {
        column: pl.Series(column, [bodies.text(row[names.index(name)]) for _, row in whole], dtype=pl.String)
        for name, column in ours.items()
    }
    frame = pl.DataFrame({PLACE: pl.Series([place for place, _ in whole], dtype=pl.Int64), **cells})
    if not _ours(names):
        return Sheet(frame.clear(), broken, foreign=frame.height, partial=lack)
    return Sheet(frame, broken, partial=lack)


def _sheet(frame: pl.DataFrame, number: int, lack: str | None) -> Sheet:
    import polars as pl

    ours = adopted(frame.columns)
    renamed = frame.select(pl.col(name).alias(column) for name, column in ours.items())
    numbered = renamed.with_row_index(PLACE, number + 1).cast({PLACE: pl.Int64})
    if not _ours(frame.columns):
        return Sheet(numbered.clear(), foreign=frame.height, partial=lack)
    return Sheet(numbered, partial=lack)


def _lack(body: Any) -> str | None:
    """Return what an answer says that it lacks."""
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code") or "an error") if isinstance(error, dict) else None
