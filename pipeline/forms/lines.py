"""Text in lines: whole lines in blocks that fit in memory, and the form whose lines are records of JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.forms import records
from pipeline.forms.bench import PIECE
from pipeline.forms.sheet import BEGINNING, Mark, Sheet
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import polars as pl

    from pipeline.forms.bench import Bench

LONGEST = 64 * 2**20  # bytes of one line; what is longer is no record, and is not kept in memory
_SHORTEST = 200  # bytes of a line that is looked at for nothing but spaces
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Block:
    """Whole lines: ``begin`` is what had been read before them; ``ended`` says that the last has its line feed.

    ``too_long`` says that it is one line of more bytes than are kept.
    """

    begin: Mark
    content: bytes
    ended: bool = True
    too_long: bool = False

    @property
    def end(self) -> Mark:
        """How far has been read behind them."""
        return Mark(self.begin.bytes + len(self.content), self.begin.lines + self.content.count(b"\n"))


def blocks(
    pieces: Iterable[bytes],
    begin: Mark = BEGINNING,
    whole: Callable[[bytes], int] = lambda content: content.rfind(b"\n"),
) -> Iterator[Block]:
    """Gather pieces of text into blocks; ``whole`` finds the last line feed that ends a record, or -1."""
    kept, gathered = b"", [b""]
    lost: Block | None = None  # the beginning of a line that is too long

    def cut(content: bytes) -> Iterator[Block]:
        nonlocal begin
        block = Block(begin, content, content.endswith(b"\n"))
        begin = block.end
        yield block

    for piece in pieces:
        if lost is not None:
            end = piece.find(b"\n") + 1
            begin = Mark(begin.bytes + (end or len(piece)), begin.lines + bool(end))
            if not end:
                continue
            yield lost
            lost, gathered = None, [piece[end:]]
            continue
        gathered.append(piece)
        if sum(map(len, gathered)) < PIECE:
            continue
        kept = b"".join(gathered)
        end = whole(kept) + 1
        if end:
            yield from cut(kept[:end])
        elif len(kept) > LONGEST:
            lost = Block(begin, b"", too_long=True)
            begin, end = Mark(begin.bytes + len(kept), begin.lines), len(kept)
        gathered = [kept[end:]]
    if lost is not None:
        yield lost
        return
    kept = b"".join(gathered)
    end = whole(kept) + 1
    if end:
        yield from cut(kept[:end])
    if kept[end:]:
        yield from cut(kept[end:])


def numbered(content: bytes, first: int) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Return the lines that are not blank with their numbers, and those that are not UTF-8."""
    import polars as pl

    broken: list[tuple[int, str]] = []
    lines = pl.Series("text", [content], dtype=pl.Binary)
    try:
        lines = lines.cast(pl.String)
    except pl.exceptions.PolarsError:
        written = content.decode(errors="surrogateescape").split("\n")
        broken = [(first + at, "is not UTF-8") for at, line in enumerate(written) if _NOT_UTF8.search(line)]
        lines = pl.Series("text", ["\n".join("" if _NOT_UTF8.search(line) else line for line in written)])
    frame = pl.DataFrame(lines.str.split("\n").explode()).with_row_index(PLACE, first)
    blank = (pl.col("text").str.len_bytes() < _SHORTEST) & (pl.col("text").str.strip_chars() == "")
    return frame.filter(~blank).cast({PLACE: pl.Int64}), broken


def json_lines(bench: Bench, pieces: Iterable[bytes], begin: Mark, still_written: bool) -> Iterator[Sheet]:
    """Read a record a line; of a file that is ``still_written`` a last line that is no whole one is left for later."""
    keys = records.Keys()
    for block in blocks(pieces, begin):
        first = block.begin.lines + 1
        if block.too_long:
            yield Sheet(_no_rows(), ((first, f"is longer than {LONGEST:,} bytes"),))
            continue
        if (frame := records.straight(bench, block.content, first, keys)) is not None:
            yield Sheet(frame, end=block.end)
            continue
        texts, broken = numbered(block.content, first)
        sheet = records.decoded(bench, texts, broken, keys)
        if block.ended or not sheet.broken:
            yield Sheet(sheet.frame, sheet.broken, end=block.end)
        elif still_written and len(sheet.broken) + sheet.frame.height == 1:
            yield Sheet(sheet.frame, end=block.begin, unfinished=True)
        else:
            yield Sheet(sheet.frame, sheet.broken, end=block.begin)


def _no_rows() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(schema={PLACE: pl.Int64})
