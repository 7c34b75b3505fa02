"""The bench at which files are taken apart: a DuckDB in memory, and a folder for what must pass through a file.

It decodes, and keeps nothing: no stored database enters here.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    import polars as pl

PIECE = 32 * 2**20  # bytes of a file that are decoded at once; what they take in memory is several times as many


@dataclass(frozen=True)
class Bench:
    """Where records are taken apart."""

    con: duckdb.DuckDBPyConnection
    folder: Path
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def number(self) -> int:
        """Return a number that no file of this bench has yet."""
        return next(self._numbers)

    def put(self, frame: pl.DataFrame) -> str:
        """Lay a frame where DuckDB can read it, as Parquet, and return the file's name."""
        file = self.folder / "piece.parquet"
        frame.write_parquet(file, compression="uncompressed", statistics=False)
        return str(file)

    def take(self, query: str, given: dict[str, object] | None = None) -> pl.DataFrame:
        """Return the answer to a query as a frame."""
        import polars as pl

        return pl.DataFrame(self.con.sql(query, params=given or {}))


@contextlib.contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Open a bench. Extensions stay out, as they would be fetched from the network."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": "512MB",
        "temp_directory": str(folder),
    }
    with duckdb.connect(config=settings) as con:
        yield Bench(con, folder)
