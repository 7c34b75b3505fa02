"""The forms in which other systems write records: how each is recognised, and its records as sheets of text cells.

A new form is one entry in FORMS. What table a record belongs to, and whether it has what a record needs, is not asked
here: a sheet holds whatever columns the file has. No network and no stored database enter here.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import io
import math
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

import orjson

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import polars as pl

TIMES = ("CreatedDateTime", "ActivityDateTime", "TimeGenerated")
AT = ""  # the column for a record's place in its file; no column of a table has an empty name

_ROWS = 20_000
_CHARACTERS = 64 * 2**20  # sign-ins of 11 kB are common, so rows alone do not bound the memory
_COLUMNS = 500  # as many as Log Analytics allows a table: names in JSON are the writer's, so they need a bound
_BOM = b"\xef\xbb\xbf"
_ROW = "file_row_number"  # what DuckDB calls it, from 0
_UTC = " [UTC]"  # the portal's CSV says it of each time

_Place: TypeAlias = int
_Size: TypeAlias = int
_BrokenBecause: TypeAlias = str
_Record: TypeAlias = tuple[_Place, _Size, dict[str, str | None] | _BrokenBecause]


@dataclass(frozen=True)
class Sheet:
    """Records as they stood in a file, their tables not yet known.

    ``frame`` has one row a record: text cells (times typed, naive UTC, where the file types them), and in ``AT`` the
    line, or in Parquet and JSON arrays the number, of the record. ``broken`` gives place and reason of what is no
    record.
    """

    frame: pl.DataFrame
    broken: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Form:
    """A way to write records: its sign in the first bytes of a file, the suffixes that belong to it, its reader."""

    name: str
    recognises: Callable[[bytes], bool]
    sheets: Callable[[Path], Iterator[Sheet]]
    suffixes: tuple[str, ...] = ()


def head(path: Path) -> bytes:
    """Return what suffices to recognise a file: its first MiB, without a byte order mark."""
    with path.open("rb") as file:
        return file.read(2**20).removeprefix(_BOM)


# What each form looks like from its first bytes.


def _is_parquet(start: bytes) -> bool:
    return start.startswith(b"PAR1")


def _is_array(start: bytes) -> bool:
    text = start.lstrip()
    return text.startswith(b"[") and (any(b'"%b"' % t.encode() in text for t in TIMES) or text[1:].strip() == b"]")


def _is_ndjson(start: bytes) -> bool:
    return any(_is_record(line) for line in start.splitlines())


def _is_record(line: bytes) -> bool:
    with contextlib.suppress(orjson.JSONDecodeError):
        value = orjson.loads(line)
        return isinstance(value, dict) and not value.keys().isdisjoint(TIMES)
    return False


def _is_csv(start: bytes) -> bool:
    rows = csv.reader(io.StringIO(start.decode(errors="replace"), newline=""), strict=True)
    with contextlib.suppress(csv.Error):
        return not set(TIMES).isdisjoint(_header(rows))
    return False


# How the records of each form are read.


def _ndjson(path: Path) -> Iterator[Sheet]:
    def records() -> Iterator[_Record]:
        with path.open("rb") as file:
            for at, line in enumerate(file, 1):
                text = (line.removeprefix(_BOM) if at == 1 else line).strip()
                if not text:
                    continue
                try:
                    yield at, len(text), _cells(orjson.loads(text))
                except orjson.JSONDecodeError as error:
                    yield at, 0, f"is not valid JSON, or cut off: {error.msg} (column {error.colno})"

    return _sheets(records())


def _array(path: Path) -> Iterator[Sheet]:
    try:
        values = orjson.loads(path.read_bytes().removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise UsageError(
            f"{path} is no whole JSON array ({error.msg}, line {error.lineno}): export it again."
        ) from error
    return _sheets((at, 0, _cells(value)) for at, value in enumerate(values, 1))


def _csv(path: Path) -> Iterator[Sheet]:
    def records() -> Iterator[_Record]:
        # A quote that is never closed swallows lines up to csv's own limit for a cell (128 KiB; Log Analytics' is 64),
        # and is one broken record; strict, so that it is never read as something else.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = csv.reader(file, strict=True)
            names = _header(rows)
            while True:
                at = rows.line_num + 1
                try:
                    row = next(rows)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield at, 0, f"is not valid CSV: {error}"
                    continue
                if not row:
                    continue
                text = "".join(row)
                if len(row) != len(names):
                    yield at, 0, f"has another number of cells ({len(row)}) than the header ({len(names)})"
                elif not _is_utf8(text):
                    yield at, 0, "is not UTF-8"
                else:
                    yield at, len(text), {name: cell or None for name, cell in zip(names, row, strict=True)}

    return _sheets(records())


def _header(rows: Iterator[list[str]]) -> list[str]:
    """Return a CSV's column names; AT, which counts for nothing, for one that is not UTF-8 or was there before."""
    names: list[str] = []
    for cell in next((row for row in rows if row), []):
        name = cell.strip().removesuffix(_UTC)
        names.append(name if name not in names and _is_utf8(name) else AT)
    return names


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parquet(path: Path) -> Iterator[Sheet]:
    import duckdb
    import polars as pl

    # DuckDB in memory decodes, and keeps nothing: on damaged files polars panics, and at times takes the process along.
    # Extensions stay out, as they would be fetched from the network.
    offline: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    slice_of = (
        "SELECT * FROM read_parquet($file, file_row_number = true) "
        "WHERE file_row_number >= $first AND file_row_number < $first + $rows"
    )
    with duckdb.connect(config=offline) as con:
        first, height = 0, _ROWS
        while height == _ROWS:
            given = {"file": glob.escape(str(path.absolute())), "first": first, "rows": _ROWS}
            try:
                frame = pl.DataFrame(con.sql(slice_of, params=given))
                frame = frame.with_columns(map(_as_text, frame.drop(_ROW).iter_columns()))
            except (duckdb.Error, RuntimeError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
                if str(error) == "Query interrupted":  # DuckDB's word for Ctrl-C
                    raise KeyboardInterrupt from error
                raise UsageError(f"{path} is no whole Parquet file, or is damaged: export it again.") from error
            height = frame.height
            first += height
            yield Sheet(frame.with_columns(pl.col(_ROW).alias(AT) + 1).drop(_ROW))


def _as_text(column: pl.Series) -> pl.Series:
    import polars as pl

    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        return column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if kind.time_zone else column
    if kind.is_integer() or kind in (pl.String, pl.Boolean, pl.Binary):  # binary is what JSON text comes as
        return column.cast(pl.String)
    return pl.Series(column.name, [_text(value) for value in column.to_list()], dtype=pl.String)


# From values to sheets.


def _sheets(records: Iterable[_Record]) -> Iterator[Sheet]:
    """Gather records into sheets that fit in memory."""
    rows: list[dict[str, str | int | None]] = []
    broken: list[tuple[int, str]] = []
    size = 0
    for at, characters, cells in records:
        if isinstance(cells, str):
            broken.append((at, cells))
        else:
            rows.append({**cells, AT: at})
            size += characters
        if len(rows) + len(broken) == _ROWS or size >= _CHARACTERS:
            yield Sheet(_frame(rows), tuple(broken))
            rows, broken, size = [], [], 0
    if rows or broken:
        yield Sheet(_frame(rows), tuple(broken))


def _frame(rows: list[dict[str, str | int | None]]) -> pl.DataFrame:
    import polars as pl

    names = [name for name, _ in Counter(chain.from_iterable(rows)).most_common(_COLUMNS) if name != AT]
    return pl.DataFrame(rows, schema={AT: pl.Int64} | dict.fromkeys(names, pl.String))


def _cells(value: object) -> dict[str, str | None] | str:
    if not isinstance(value, dict):
        return "is no JSON object"
    try:
        return {name: cell if type(cell) is str else _text(cell) for name, cell in value.items()}
    except orjson.JSONEncodeError:
        return "is nested too deeply"


def _text(value: object) -> str | None:
    """Return a value as the text of a cell: JSON for what is nested, digits for whole numbers, null for NaN."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, dict | list):
        return orjson.dumps(value, default=str).decode()
    return str(value)


# Ordered: the first form that recognises a file has it.
FORMS = (
    Form("parquet", _is_parquet, _parquet, suffixes=(".parquet",)),
    Form("json", _is_array, _array),
    Form("ndjson", _is_ndjson, _ndjson, suffixes=(".ndjson", ".jsonl")),
    Form("csv", _is_csv, _csv),
)
