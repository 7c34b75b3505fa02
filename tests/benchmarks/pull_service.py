"""The service that the pull benchmark pulls from: a local workspace over TLS, in a process of its own.

Its records are those that the simulated tenant writes and the local workspace answers the program's own queries with.
Every ten minutes of arrival hold the same records under other Ids and times, so the answer to a window is put together
from bytes, before the clock runs or as fast as they can be copied. A record in twelve or so is delivered twice, some of
them ten minutes later, which is another window now and then. Nothing is measured here.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import trustme

from pipeline import assets
from pipeline.sandbox import bodies, faults
from pipeline.sandbox.kusto import Database
from pipeline.sandbox.rows import Answer, Limits
from pipeline.sandbox.tenant import simulate
from pipeline.sandbox.workspace import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.sandbox.faults import Question

WORKSPACE = "00000000-1111-2222-3333-444444444444"
SLOT = timedelta(minutes=10)  # no window of the program is shorter, or ends within one
LATE = 0.01  # of the records of a slot come once more in the next
_ARRIVAL = re.compile(r"IngestedAt >= datetime\(([^)]+)\) and IngestedAt < datetime\(([^)]+)\)")
_TIMES = ("CreatedDateTime", "TimeGenerated", "IngestedAt")
_EMPTIED = {"Id", "UserId", "AppId", "ResultType", "IPAddress", "DeviceDetail", *_TIMES}  # a narrow record keeps these
# What stands for the slot in the bytes of a record: eight characters of its Id, and of the slot before; its time.
_THIS, _BEFORE, _TIME = b"@@@@@@@@", b"%%%%%%%%", b"####-##-##T##:#"


@dataclass(frozen=True)
class Load:
    """What the service holds: records a slot by table, from ``since`` (UTC) for ``slots``; seconds that it hesitates.

    ``narrow`` records are those of a tenant that logs little; ``keep`` writes down each question and body.
    """

    since: str
    slots: int
    records: dict[str, int]
    latency: float = 0.0
    narrow: bool = False
    keep: bool = False

    @property
    def until(self) -> str:
        """The end of the last slot."""
        return (datetime.fromisoformat(self.since) + self.slots * SLOT).isoformat()


@dataclass(frozen=True)
class Sheet:
    """The records of one table in one slot, as the rows of an answer with marks for Ids and times."""

    columns: list[tuple[str, str]]
    rows: bytes
    records: int
    distinct: int
    late: int

    def at(self, number: int, since: datetime) -> bytes:
        """Give the rows of a slot."""
        time = f"{since + number * SLOT:%Y-%m-%dT%H:%M}"[:-1].encode()
        return self.rows.replace(_THIS, b"%08x" % number).replace(_BEFORE, b"%08x" % (number - 1)).replace(_TIME, time)


def sheets(load: Load) -> dict[str, Sheet]:
    """Make the records of a slot of each table."""
    tenant = simulate(11, until=datetime(2026, 11, 10), days=2, users=150, causes=())
    source = Database(tenant.tables)
    made = {}
    for table, wanted in load.records.items():
        answer = source.ask(assets.query(table), (None, None), Limits())
        names = [name for name, _ in answer.columns]
        rows = [orjson.loads(row) for row in answer.rows]
        rows.sort(key=lambda row: row[names.index("IngestedAt")])
        made[table] = _sheet(answer, names, rows[:wanted], load.narrow)
    source.close()
    return made


def _sheet(answer: Answer, names: list[str], rows: list[list[Any]], narrow: bool) -> Sheet:
    for row in rows:
        row[0] = _THIS.decode() + row[0][8:]
        for place in map(names.index, _TIMES):
            row[place] = _TIME.decode() + row[place][15:]
        if narrow:
            row[:] = [
                cell if name in _EMPTIED or not isinstance(cell, str) else ""
                for name, cell in zip(names, row, strict=True)
            ]
    late = [[_BEFORE.decode() + row[0][8:], *row[1:]] for row in rows[: ceil(len(rows) * LATE)]]
    distinct, twice = len({row[0] for row in rows}), len({row[0] for row in late})
    return Sheet(
        answer.columns, b",".join(orjson.dumps(row) for row in rows + late), len(rows) + len(late), distinct, twice
    )


class Library:
    """Bodies by question; each is made once and kept, unless it can be made again as fast (narrow records)."""

    def __init__(self, load: Load, folder: Path) -> None:
        self._load, self._folder = load, folder
        self._since = datetime.fromisoformat(load.since)
        self._sheets = sheets(load)
        self._kept: dict[tuple[str, datetime, datetime], bodies.Prepared] = {}
        self._lock = threading.Lock()

    def prepared(self, question: Question) -> bodies.Prepared | None:
        """Give the answer to a question for one of our tables, None for another."""
        bounds = _ARRIVAL.search(question.query)
        if not bounds or not question.tables or question.tables[0] not in self._sheets:
            return None
        start, end = (datetime.fromisoformat(text.rstrip("Z")) for text in bounds.groups())
        key = question.tables[0], start, end
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        answer = self._made(*key, question)
        if not self._load.narrow:
            self._kept[key] = answer
        return answer

    def _made(self, table: str, start: datetime, end: datetime, question: Question) -> bodies.Prepared:
        sheet = self._sheets[table]
        numbers = range(max(0, -((self._since - start) // SLOT)), min(self._load.slots, -((self._since - end) // SLOT)))
        most = Limits().body_bytes // len(sheet.rows)
        rows = [sheet.at(number, self._since) for number in numbers[:most]]
        cut = bodies.cut_off(f"{Limits().body_bytes} bytes") if len(numbers) > most else None
        body = bodies.table(Answer(sheet.columns, rows, None), error=cut)
        if self._load.keep and not cut:
            with self._lock:
                asked = {"query": question.query, "timespan": question.timespan}
                place = len(list(self._folder.glob("*.json")))
                (self._folder / f"{place:04}.json").write_bytes(body)
                (self._folder / f"{place:04}.question").write_text(json.dumps(asked))
        return bodies.Prepared(gzip.compress(body, compresslevel=1), len(rows) * sheet.records)

    def described(self) -> Iterator[tuple[str, object]]:
        """Yield what whoever measures must know: records sent, distinct ones, bytes of a row."""
        every = self._sheets.values()
        slots = self._load.slots
        yield "sent", sum(sheet.records for sheet in every) * slots
        yield "distinct", sum(sheet.distinct * slots + sheet.late for sheet in every)
        yield "row_bytes", round(sum(len(sheet.rows) for sheet in every) / sum(sheet.records for sheet in every))


def main() -> None:
    """Serve the load that is described in JSON on the command line until standard input ends; say where, in a line."""
    load, folder = Load(**json.loads(sys.argv[1])), Path(sys.argv[2])
    library = Library(load, folder)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    hesitation = faults.always(faults.Fault("delay", seconds=load.latency)) if load.latency else ()
    with serve({WORKSPACE: {}}, faults=hesitation, certificate=folder / "server.pem") as workspace:
        workspace.prepared = library.prepared
        environment = workspace.environment | {"REQUESTS_CA_BUNDLE": str(folder / "ca.pem"), "NO_PROXY": "127.0.0.1"}
        where = {"url": workspace.url, "environment": environment, "load": asdict(load)}
        print(json.dumps(where | dict(library.described())), flush=True)  # noqa: T201 - read by who started it
        for _ in sys.stdin:  # a line asks how many queries there have been
            print(len(workspace.requests), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
