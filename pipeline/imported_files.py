"""What became of each imported file, and the ledger that remembers it from one import to the next.

By the ledger a file that is known is not read again, and one that grew is gone on with. How a file is read, and how its
records land, is not known here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.forms.sheet import Mark
from pipeline.pages import Reject

if TYPE_CHECKING:
    import duckdb

    from pipeline.sources import Source

FATES = ("read", "landed", "duplicates", "rejected", "skipped")


@dataclass(frozen=True)
class Imported:
    """What became of the records of one file; read = landed + duplicates + rejected + skipped.

    All records of the file are counted, also those that an earlier import took over: of these, ``known`` were not read
    again, and those of them that landed then are duplicates now. ``unfinished`` says that a last line was left, because
    the file is still being written; ``partial`` what an answer said that it lacked.
    """

    path: str
    form: str
    read: int = 0
    landed: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0
    origin: str = ""
    status: str = "imported"
    known: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    first: str | None = None
    last: str | None = None
    unfinished: bool = False
    partial: str | None = None


@dataclass(frozen=True)
class Known:
    """A row of the ledger."""

    file: str
    size: int
    sha256: str
    end: Mark | None
    counts: Imported


def known(con: duckdb.DuckDBPyConnection, source: Source) -> Known | None:
    """Return what is known of a source from its last import."""
    rows = con.execute(
        """SELECT file, form, origin, bytes, sha256, read_bytes, read_lines, "read", landed, duplicates, rejected,
            skipped, unfinished FROM imported_files WHERE path = $1""",
        [source.key],
    ).fetchall()
    if not rows:
        return None
    ((file, form, origin, size, sha256, read_bytes, read_lines, *counts, unfinished),) = rows
    end = None if read_bytes is None else Mark(read_bytes, read_lines)
    fates = dict(zip(FATES, counts, strict=True))
    return Known(file, size, sha256, end, Imported(file, form, origin=origin, unfinished=unfinished, **fates))


def remembered(known: Known, name: str, status: str) -> Imported:
    """Return the counts of an earlier import as they are now: what landed then is there already."""
    then = known.counts
    return replace(then, path=name, status=status, known=then.read, landed=0, duplicates=then.landed + then.duplicates)


def state_of(source: Source, known: Known, size: int) -> str:
    """Tell whether a file is unchanged, has grown behind what was read, or is another one."""
    if size < known.size or sha256_of(source, known.size) != known.sha256:
        return "changed"
    return "unchanged" if size == known.size else "grown"


def sha256_of(source: Source, size: int) -> str:
    """Return the SHA-256 of the first ``size`` bytes of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with source.path.open("rb") as file:
        left = size
        while left and (piece := file.read(min(left, 2**20))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def enter(
    con: duckdb.DuckDBPyConnection, source: Source, size: int, sha256: str, end: Mark | None, counts: Imported
) -> None:
    """Enter an imported file in the place of what was known of it."""
    con.execute("DELETE FROM imported_files WHERE path = $1", [source.key])
    fates = {fate: getattr(counts, fate) for fate in FATES}
    row = {
        "path": source.key,
        "file": source.name,
        "form": counts.form,
        "origin": counts.origin,
        "bytes": size,
        "sha256": sha256,
        "read_bytes": end.bytes if end else None,
        "read_lines": end.lines if end else None,
        **fates,
        "unfinished": counts.unfinished,
        "imported_at": datetime.now(UTC).replace(tzinfo=None),
    }
    con.execute(f"INSERT INTO imported_files VALUES ({', '.join('?' * len(row))})", [*row.values()])


def standing_rejects(con: duckdb.DuckDBPyConnection, known: Known) -> list[Reject]:
    """Return the rejects that an earlier import of a file set aside."""
    rows = con.execute("SELECT file, line, reason FROM import_rejects WHERE file = $1 ORDER BY line", [known.file])
    return [Reject(*row) for row in rows.fetchall()]
