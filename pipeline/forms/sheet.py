"""What every form gives: records as rows of text cells, and where in the file each of them stood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


@dataclass(frozen=True)
class Mark:
    """How far a file has been read: the bytes, and the lines in them."""

    bytes: int = 0
    lines: int = 0


BEGINNING = Mark()


@dataclass(frozen=True)
class Laid:
    """Records as landing wants them, in a Parquet file that is whoever takes it's to remove.

    ``rows`` are how many there are of each table, ``foreign`` how many more were of no table of ours; ``times`` are
    when the first and the last of the tables' happened.
    """

    file: Path
    rows: dict[str, int]
    foreign: int
    times: tuple[str, str] | None


@dataclass(frozen=True)
class Sheet:
    """Records as they stood in a file, their tables not yet known.

    ``frame`` has one row a record: cells of text (times typed, naive UTC, where the file types them) under the columns
    of Log Analytics, and in PLACE the line, or the number, of the record. ``broken`` gives place and reason of what is
    no record, ``foreign`` counts records of no table of ours. ``end`` is how far the file has been read, where it can
    be gone on with from there; ``partial`` what an answer says it lacks; ``unfinished`` that a last line, which is not
    counted, is still being written; ``laid`` are records that are rows already, in place of those of the frame.
    """

    frame: pl.DataFrame
    broken: tuple[tuple[int, str], ...] = ()
    foreign: int = 0
    end: Mark | None = None
    partial: str | None = None
    unfinished: bool = False
    laid: Laid | None = None

    @property
    def read(self) -> int:
        """How many records these are, whatever becomes of them."""
        laid = sum(self.laid.rows.values()) if self.laid else 0
        return self.frame.height + laid + len(self.broken) + self.foreign
