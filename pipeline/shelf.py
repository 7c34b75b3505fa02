"""Answers that lie ready, each a file of its records, until a lot of them lands.

An answer is read from its bytes and written in one thread: what that takes beside the bytes, several times as many, is
used again for the next. What was asked is not known here, nor what becomes of an answer.
"""

from __future__ import annotations

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import bodies, land
from pipeline.pages import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    import duckdb

    from pipeline.bodies import Body
    from pipeline.land import Records


@dataclass(frozen=True)
class Shelved:
    """An answer that lies ready, read to its last record.

    ``brought`` tells how many of its ``rows`` each hour of arrival brought, and the newest arrival of the hour. It has
    no ``records`` where it was empty, or where nothing identifies them: these are all rejected.
    """

    records: Records | None = None
    rows: int = 0
    brought: Mapping[datetime, tuple[int, datetime]] = field(default_factory=dict)


@dataclass(frozen=True)
class Shelf:
    """Where answers lie; ``disguise`` makes of a page the one that may land."""

    con: duckdb.DuckDBPyConnection
    folder: Path
    hand: ThreadPoolExecutor
    disguise: Callable[[Page], Page]
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def put(self, workspace_id: str, table: str, body: Body) -> Shelved | None:
        """Lay an answer of a workspace ready, from whatever thread; return None where its records are not whole."""
        return self.hand.submit(self._put, workspace_id, table, body).result()

    def _put(self, workspace_id: str, table: str, body: Body) -> Shelved | None:
        frame = bodies.framed(body)
        if frame is None:
            return None
        page = Page(table, frame)
        if not land.identifies_records(page):
            return Shelved(rows=frame.height)
        records = land.written(self.disguise(page), self.folder / f"answer{next(self._numbers)}.parquet", workspace_id)
        return Shelved(records, frame.height, land.arrivals(self.con, records))


def clear(answers: Iterable[Shelved]) -> None:
    """Take answers off the shelf that have landed, or will not."""
    for answer in answers:
        for file in answer.records.parameters["file"] if answer.records else ():
            Path(file).unlink()


@contextlib.contextmanager
def shelf(
    con: duckdb.DuckDBPyConnection, folder: Path, disguise: Callable[[Page], Page] = lambda page: page
) -> Iterator[Shelf]:
    """Keep a shelf in a folder, for a run that lands in a database, until the block is left."""
    with contextlib.closing(con.cursor()) as own:
        # A connection has these for itself: a time without a zone is in UTC, and stdout is for data.
        own.execute("SET TimeZone = 'UTC'")
        own.execute("SET enable_progress_bar = false")
        hand = ThreadPoolExecutor(1, thread_name_prefix="read")
        try:
            yield Shelf(own, folder, hand, disguise)
        finally:
            hand.shutdown(cancel_futures=True)
