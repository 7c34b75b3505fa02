"""Answers on their way into the database: each lies ready as a file, until a lot of them lands in one transaction.

A page alone costs several times as much to land as the same page among others. What a run that is killed loses is two
lots at most, which are asked for again. They land in a thread of their own, which alone uses the database: whoever
asks goes on meanwhile. What to ask, and what to make of a refusal, is not decided here.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from pipeline import land, ledger, shelf
from pipeline.land import Landed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from pipeline.land import Records
    from pipeline.ledger import Asked
    from pipeline.shelf import Shelved

# Of answers: some 300,000 records. DuckDB stores 122,880 rows as one block, and writes a table's last block, which is
# not full, once more for each lot that follows. The first lot is smaller, so that landing begins early.
ENOUGH_BYTES = 512_000_000
FIRST_BYTES = 200_000_000
FEW_BYTES = 32_000_000  # land within half a second
LONGEST_WAIT = 5.0  # seconds that an answer lies ready while others are still to come
LAST_WAIT = 0.5  # seconds that a lot gets to land when somebody wants to stop


@dataclass(frozen=True)
class _Ready:
    """An answer that has not landed yet; hours that had not passed by ``settled_before`` are asked for again."""

    asked: Asked
    shelved: Shelved
    settled_before: datetime


class Lots:
    """The answers that lie ready, those that are landing, and what became of those that have (``landed``)."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.landed = Landed()
        self._con = con
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="land")
        self._steps: deque[Future[Landed]] = deque()  # in the database, one after the other
        self._enough = FIRST_BYTES
        self._ready: list[_Ready] = []
        self._size = 0
        self._since = 0.0

    @property
    def is_due(self) -> bool:
        """Whether what lies ready is large enough to land, or has waited long enough, and the lot before it landed.

        Where landing is slower than asking, whoever asks waits for it once twice as much lies ready.
        """
        if self._steps and not self._steps[-1].done():
            return self._size >= 2 * ENOUGH_BYTES
        waited = bool(self._ready) and time.monotonic() - self._since >= LONGEST_WAIT
        return waited or self._size >= self._enough

    def prepare(self, step: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """Take a step in the database before anything lands; as little waits for it as for a lot."""
        self._take(_prepare, step)

    def add(self, asked: Asked, shelved: Shelved, size: int, settled_before: datetime) -> None:
        """Let an answer of ``size`` bytes land with the others."""
        if not self._ready:
            self._since = time.monotonic()
        self._ready.append(_Ready(asked, shelved, settled_before))
        self._size += size

    def refused(self, asked: Asked, begun_before: datetime) -> None:
        """Let what was not answered be entered into the coverage, as ``ledger.record_asked`` does."""
        self._take(_record, asked, begun_before)

    def advance(self) -> None:
        """Count what has landed meanwhile, and let what is due land."""
        while self._steps and self._steps[0].done():
            self._count()
        if self.is_due:
            self.begin()

    def begin(self) -> None:
        """Let what lies ready land; what is landing is waited for."""
        self._collect()
        self._begin()

    def finish(self) -> Landed:
        """Land whatever lies ready, and return what became of all that did."""
        self.begin()
        self._collect()
        return self.landed

    def stop(self, *, soon: bool) -> None:
        """Land what lies ready, but for what somebody who wants to stop ``soon`` would have to wait for."""
        if soon and self._size > FEW_BYTES:
            self._ready = []
        self._end(soon)
        self._begin()
        self._end(soon)

    def close(self) -> None:
        """Wait for what is landing; nothing lands any more."""
        self._hand.shutdown(cancel_futures=True)

    def _take(self, step: Callable[..., Landed], *given: object) -> None:
        self._steps.append(self._hand.submit(step, self._con, *given))

    def _begin(self) -> None:
        lot, self._ready, self._size = self._ready, [], 0
        if lot:
            self._enough = ENOUGH_BYTES
            self._take(_land, lot)

    def _end(self, soon: bool) -> None:
        if soon and wait_for(self._steps, LAST_WAIT).not_done:
            self._con.interrupt()
        while self._steps:
            with contextlib.suppress(duckdb.Error):  # of what was interrupted
                self._collect()

    def _collect(self) -> None:
        while self._steps:
            # Polars' own handler lets a wait without an end go on after a Ctrl-C.
            while not wait_for([self._steps[0]], timeout=1.0).done:
                pass
            self._count()

    def _count(self) -> None:
        self.landed += self._steps.popleft().result()


def _prepare(con: duckdb.DuckDBPyConnection, step: Callable[[duckdb.DuckDBPyConnection], None]) -> Landed:
    step(con)
    return Landed()


def _land(con: duckdb.DuckDBPyConnection, lot: Sequence[_Ready]) -> Landed:
    """Land a lot with the coverage of what was asked, all or nothing."""
    alike: dict[tuple[str, str, str], list[Records]] = defaultdict(list)
    landed = Landed()
    for ready in lot:
        if records := ready.shelved.records:
            alike[ready.asked.table, ready.asked.workspace_id, records.select].append(records)
        else:
            landed += Landed(rejected=ready.shelved.rows)
    with _transaction(con):
        for (table, _, _), of_table in alike.items():
            landed += land.land_records(con, table, land.together(of_table))
        ledger.record_answers(con, [(each.asked, each.shelved.brought, each.settled_before) for each in lot])
    shelf.clear(ready.shelved for ready in lot)
    return landed


def _record(con: duckdb.DuckDBPyConnection, asked: Asked, begun_before: datetime) -> Landed:
    with _transaction(con):
        ledger.record_asked(con, asked, {}, begun_before=begun_before)
    return Landed()


@contextlib.contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.execute("BEGIN")
    try:
        yield
        con.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # that was rolled back already
            con.execute("ROLLBACK")
        raise
