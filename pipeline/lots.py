"""Answers on their way into the database: each lies ready as a file, until a lot of them lands in one transaction.

A page alone costs several times as much to land as the same page among others. What a run that is killed loses is one
lot at most, which is asked for again. What to ask, and what to make of a refusal, is not decided here.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import land, ledger
from pipeline.land import Landed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from pipeline.land import Records
    from pipeline.ledger import Asked
    from pipeline.pages import Page

# Of answers: some 300,000 records. DuckDB stores 122,880 rows as one block, and writes a table's last block, which is
# not full, once more for each lot that follows.
ENOUGH_BYTES = 512_000_000
FEW_BYTES = 32_000_000  # land within half a second
LONGEST_WAIT = 5.0  # seconds that an answer lies ready while others are still to come


@dataclass(frozen=True)
class _Ready:
    """An answer that has not landed yet; hours that had not passed by ``settled_before`` are asked for again."""

    asked: Asked
    records: Records | None
    rejected: int
    brought: Mapping[datetime, tuple[int, datetime]]
    settled_before: datetime


@dataclass
class Lot:
    """The answers that lie ready in a folder."""

    folder: Path
    _ready: list[_Ready] = field(default_factory=list)
    _size: int = 0
    _since: float = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is large enough to land, or has waited long enough."""
        waited = bool(self._ready) and time.monotonic() - self._since >= LONGEST_WAIT
        return waited or self._size >= ENOUGH_BYTES

    @property
    def is_small(self) -> bool:
        """Whether it lands in less time than anybody notices."""
        return self._size <= FEW_BYTES

    def add(
        self, con: duckdb.DuckDBPyConnection, asked: Asked, page: Page | None, size: int, settled_before: datetime
    ) -> dict[datetime, int]:
        """Lay an answer of ``size`` bytes ready, and return how many records each hour of arrival brought."""
        records, brought, rejected = None, {}, 0
        if page is not None and not land.identifies_records(page):
            rejected = page.frame.height
        elif page is not None:
            records = land.written(page, self.folder / f"answer{len(self._ready)}.parquet", asked.workspace_id)
            brought = land.arrivals(con, records)
        if not self._ready:
            self._since = time.monotonic()
        self._ready.append(_Ready(asked, records, rejected, brought, settled_before))
        self._size += size
        return {hour: count for hour, (count, _) in brought.items()}

    def land(self, con: duckdb.DuckDBPyConnection) -> Landed:
        """Land what lies ready with the coverage of what was asked, all or nothing."""
        lying, self._ready, self._size = self._ready, [], 0
        if not lying:
            return Landed()
        alike: dict[tuple[str, str, str], list[Records]] = defaultdict(list)
        for ready in lying:
            if ready.records:
                alike[ready.asked.table, ready.asked.workspace_id, ready.records.select].append(ready.records)
        landed = Landed(rejected=sum(ready.rejected for ready in lying))
        con.execute("BEGIN")
        for (table, _, _), records in alike.items():
            landed += land.land_records(con, table, land.together(records))
        ledger.record_answers(con, [(ready.asked, ready.brought, ready.settled_before) for ready in lying])
        con.execute("COMMIT")
        return landed
