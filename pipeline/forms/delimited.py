"""CSV: the portals' of Log Analytics and of Entra, and anybody's with the columns of a table.

A block of rows is read by DuckDB; one in which anything is amiss is read again, row by row, to tell which row it is.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

from pipeline.forms import portal
from pipeline.forms.bench import PIECE
from pipeline.forms.lines import Block, blocks
from pipeline.forms.sheet import Mark, Sheet
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import polars as pl

    from pipeline.forms.bench import Bench

_SEPARATORS = ",;\t"
_WITHIN = re.compile(rb'[^,;\t\r\n"]"[^,;\t\r\n"]')  # a quote that neither opens nor closes a cell
_SLACK = 2**20  # more than the longest cell that Python's reader takes (128 KiB; Log Analytics' is 64)


class NoHeader(ValueError):
    """The first line is no header of a CSV."""


def header(start: bytes) -> tuple[list[str], str, Mark]:
    """Return the names that a CSV begins with as they are written, what separates its cells, and where its rows begin.

    Raises NoHeader where there is none.
    """
    text = start.decode(errors="replace")
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        names = next((row for row in rows if any(row)), [])
    except csv.Error as error:
        raise NoHeader from error
    line = 0
    end = 0
    while line < rows.line_num and (feed := start.find(b"\n", end)) >= 0:
        line, end = line + 1, feed + 1
    return names, separator, Mark(end or len(start), rows.line_num)


def sheets(bench: Bench, pieces: Iterable[bytes], begin: Mark, start: bytes) -> Iterator[Sheet]:
    """Read the rows of a CSV whose first bytes are ``start``, from where an earlier reading ended."""
    names, separator, rows_begin = header(start)
    if not begin.bytes:
        begin, pieces = rows_begin, _without(pieces, rows_begin.bytes)
    for block in blocks(pieces, begin, _end_of_row):
        read = None if block.too_long else _fast(bench, block, len(names), separator)
        frame, broken = read or _careful(block, len(names), separator)
        yield Sheet(portal.read(frame, names), tuple(broken), end=block.end if block.ended else block.begin)


def _without(pieces: Iterable[bytes], skipped: int) -> Iterator[bytes]:
    for piece in pieces:
        if skipped < len(piece):
            yield piece[skipped:]
        skipped = max(0, skipped - len(piece))


def _end_of_row(content: bytes) -> int:
    """Return where the last line feed stands that is not within quotes, or -1; a quote is not waited for for ever."""
    last = end = content.rfind(b"\n")
    quotes = content.count(b'"', 0, end + 1)
    while end >= 0 and quotes % 2:
        before = content.rfind(b"\n", 0, end)
        quotes -= content.count(b'"', before + 1, end + 1)
        end = before
    return end if end >= 0 or len(content) < PIECE + _SLACK else last


def _fast(bench: Bench, block: Block, width: int, separator: str) -> tuple[pl.DataFrame, list[tuple[int, str]]] | None:
    """Return the rows of a block; None where not every line is a row of as many cells as the header."""
    import duckdb
    import polars as pl

    content = block.content
    if b"\0" in content or _WITHIN.search(content.replace(b'""', b"")):
        return None
    file = bench.folder / "piece.csv"
    file.write_bytes(content)
    names = [f"c{number}" for number in range(width)]
    try:
        frame = bench.take(
            """SELECT * FROM read_csv($file, columns = $columns, delim = $separator, quote = '"', escape = '"',
                header = false, auto_detect = false, null_padding = false, encoding = 'utf-8')""",
            {"file": str(file), "columns": dict.fromkeys(names, "VARCHAR"), "separator": separator},
        )
    except (duckdb.Error, UnicodeDecodeError):
        return None
    within = pl.sum_horizontal(pl.col(name).str.count_matches("\n", literal=True).fill_null(0) for name in names)
    frame = frame.with_columns(_lines=within.cast(pl.Int64) + 1)
    if frame.get_column("_lines").sum() != content.count(b"\n") + (not content.endswith(b"\n")):
        return None
    place = pl.col("_lines").cum_sum() - pl.col("_lines") + block.begin.lines + 1
    return frame.select(place.alias(PLACE), *names), []


def _careful(block: Block, width: int, separator: str) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Return the rows of a block in which something is amiss, and place and reason of what is no row.

    A quote that is never closed swallows lines up to the reader's own limit for a cell, and is one broken row.
    """
    import polars as pl

    broken: list[tuple[int, str]] = []
    if block.too_long:
        broken.append((block.begin.lines + 1, "is longer than a row can be"))
    text = io.StringIO(block.content.decode(errors="surrogateescape"), newline="")
    rows = csv.reader(text, delimiter=separator, strict=True)
    whole: list[tuple[int | str | None, ...]] = []
    while True:
        at = block.begin.lines + rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            broken.append((at, f"is not valid CSV: {error}"))
            continue
        if not row:
            continue
        if len(row) != width:
            broken.append((at, f"has another number of cells ({len(row)}) than the header ({width})"))
        elif not _is_utf8("".join(row)):
            broken.append((at, "is not UTF-8"))
        else:
            whole.append((at, *(cell or None for cell in row)))
    schema = {PLACE: pl.Int64} | {f"c{number}": pl.String for number in range(width)}
    return pl.DataFrame(whole, schema=schema, orient="row"), broken


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
