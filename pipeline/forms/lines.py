"""Text in lines: whole lines in blocks that fit in memory, and the form whose lines are records of JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.ahead import ahead
from pipeline.forms import records, straight
from pipeline.forms.bench import PIECE
from pipeline.forms.places import Keys
from pipeline.forms.sheet import BEGINNING, Mark, Sheet
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import polars as pl

    from pipeline.forms.bench import Bench
    from pipeline.forms.sheet import Laid

    Finish = Callable[[Bench, straight.Lines], Laid | None]  # makes of lines rows, where it can

_FINISHED = 2  # pieces that become rows at once: what is done for each lot is done less often
LONGEST = 64 * 2**20  # bytes of one line; what is longer is no record, and is not kept in memory
_SHORTEST = 200  # bytes of a line that is looked at for nothing but spaces
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Block:
    """Whole lines, as the ``parts`` in which they were read: ``begin`` is what had been read before them.

    ``ended`` says that the last has its line feed, ``too_long`` that it is one line of more bytes than are kept.
    """

    begin: Mark
    parts: tuple[bytes, ...]
    ended: bool = True
    too_long: bool = False

    @property
    def content(self) -> bytes:
        """All of it, made anew each time: whoever can does with the parts."""
        return b"".join(self.parts)

    @cached_property
    def end(self) -> Mark:
        """How far has been read behind them."""
        size, lines = sum(map(len, self.parts)), sum(part.count(b"\n") for part in self.parts)
        return Mark(self.begin.bytes + size, self.begin.lines + lines)

    @property
    def height(self) -> int:
        """How many lines they are."""
        return self.end.lines - self.begin.lines + (not self.ended)


def blocks(
    pieces: Iterable[bytes],
    begin: Mark = BEGINNING,
    whole: Callable[[bytes], int] | None = None,
    times: int = 1,
) -> Iterator[Block]:
    """Gather pieces of text into blocks of whole lines, each so many ``times`` as large as a piece.

    ``whole`` finds the last line feed that ends a record, or -1, where a record may have others.
    """
    gathered: list[bytes] = []
    lost: Block | None = None  # the beginning of a line that is too long

    def cut(parts: list[bytes]) -> Iterator[Block]:
        nonlocal begin
        block = Block(begin, tuple(parts), parts[-1].endswith(b"\n"))
        begin = block.end
        yield block

    for piece in filter(None, pieces):
        if lost is not None:
            end = piece.find(b"\n") + 1
            begin = Mark(begin.bytes + (end or len(piece)), begin.lines + bool(end))
            if not end:
                continue
            yield lost
            lost, gathered = None, [piece[end:]]
            continue
        gathered.append(piece)
        size = sum(map(len, gathered))
        if size < times * PIECE:
            continue
        kept, gathered = _parted(gathered, whole)
        if kept:
            yield from cut(kept)
        elif size > LONGEST:
            lost, gathered = Block(begin, (), too_long=True), []
            begin = Mark(begin.bytes + size, begin.lines)
    if lost is not None:
        yield lost
        return
    for kept in _parted(gathered, whole):
        if kept:
            yield from cut(kept)


def _parted(parts: list[bytes], whole: Callable[[bytes], int] | None) -> tuple[list[bytes], list[bytes]]:
    """Return the parts up to the last line feed that ends a record, and those behind it; none of them is empty."""
    if whole:
        parts = [b"".join(parts)]
    for at in reversed(range(len(parts))):
        end = (whole(parts[at]) if whole else parts[at].rfind(b"\n")) + 1
        if end:
            ended, begun = [*parts[:at], parts[at][:end]], [parts[at][end:], *parts[at + 1 :]]
            return ended, [part for part in begun if part]
    return [], [part for part in parts if part]


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


def json_lines(
    bench: Bench, pieces: Iterable[bytes], begin: Mark, still_written: bool, finish: Finish | None = None
) -> Iterator[Sheet]:
    """Read a record a line; of a file that is ``still_written`` a last line that is no whole one is left for later.

    Lines that are all of one kind are given to ``finish`` first.
    """
    keys = Keys()
    for block in ahead(blocks(pieces, begin, times=_FINISHED if finish else 1)):
        if finish and (laid := _finished(bench, block, keys, finish)) is not None:
            yield Sheet(_no_rows(), laid=laid, foreign=laid.foreign, end=block.end)
        else:
            for each in [block] if block.too_long else blocks(block.parts, block.begin):
                yield _decoded(bench, each, keys, still_written)


def _finished(bench: Bench, block: Block, keys: Keys, finish: Finish) -> Laid | None:
    lines = None if block.too_long else straight.laid_out(bench, block.parts, block.height, keys)
    return finish(bench, lines) if lines is not None else None


def _decoded(bench: Bench, block: Block, keys: Keys, still_written: bool) -> Sheet:
    first = block.begin.lines + 1
    if block.too_long:
        return Sheet(_no_rows(), ((first, f"is longer than {LONGEST:,} bytes"),))
    lines = straight.laid_out(bench, block.parts, block.height, keys)
    if lines is not None and (frame := straight.read(bench, lines, first, keys)) is not None:
        return Sheet(frame, end=block.end)
    sheet = records.decoded(bench, *numbered(block.content, first), keys)
    if block.ended or not sheet.broken:
        return Sheet(sheet.frame, sheet.broken, end=block.end)
    if still_written and len(sheet.broken) + sheet.frame.height == 1:
        return Sheet(sheet.frame, end=block.begin, unfinished=True)
    return Sheet(sheet.frame, sheet.broken, end=block.begin)


def _no_rows() -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(schema={PLACE: pl.Int64})
