"""Parquet in table columns."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.forms.columns import adopted
from pipeline.forms.sheet import Sheet
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.forms.bench import Bench

_ROWS = 20_000
_ROW = "file_row_number"  # what DuckDB calls it, from 0


def sheets(bench: Bench, file: Path, name: str) -> Iterator[Sheet]:
    """Read a Parquet file that others call ``name``. Raises UsageError where it is damaged.

    DuckDB decodes, because on damaged files polars panics, and at times takes the process along.
    """
    import duckdb
    import polars as pl

    given: dict[str, object] = {"file": glob.escape(str(file.absolute()))}
    try:
        described = bench.con.execute("DESCRIBE FROM read_parquet($file)", given).fetchall()
        ours = adopted([column for column, *_ in described])
        kinds = {column: kind for column, kind, *_ in described}
        cells = "".join(f", {_cell(column, kinds[column])} AS {_quoted(ours[column])}" for column in ours)
        first, height = 0, _ROWS
        while height == _ROWS:
            frame = bench.take(
                f"""SELECT {_ROW} + 1 AS "{PLACE}"{cells} FROM read_parquet($file, file_row_number = true)
                WHERE {_ROW} >= $first AND {_ROW} < $first + $rows""",
                given | {"first": first, "rows": _ROWS},
            )
            height = frame.height
            first += height
            yield Sheet(frame)
    except (duckdb.Error, RuntimeError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        if "interrupted" in str(error).lower():  # DuckDB's word for Ctrl-C
            raise KeyboardInterrupt from error
        raise UsageError(f"{name} is no whole Parquet file, or is damaged: export it again.") from error


def _cell(column: str, kind: str) -> str:
    """Return the expression for a cell's text: times stay times, what is nested becomes JSON."""
    name = _quoted(column)
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{name} AT TIME ZONE 'UTC'"
    if kind.startswith("TIMESTAMP"):
        return f"CAST({name} AS TIMESTAMP)"
    if kind == "BLOB":  # what JSON text comes as
        return f"decode({name})"
    if kind in ("FLOAT", "DOUBLE"):
        whole = f"abs({name}) < 9007199254740992 AND {name} = trunc({name})"
        text = f"CASE WHEN {whole} THEN CAST(CAST({name} AS BIGINT) AS VARCHAR) ELSE CAST({name} AS VARCHAR) END"
        return f"CASE WHEN isfinite({name}) THEN {text} END"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"CAST(to_json({name}) AS VARCHAR)"
    return f"CAST({name} AS VARCHAR)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
