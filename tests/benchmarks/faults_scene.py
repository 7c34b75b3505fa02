"""The place where schedules of faults are played: two small workspaces, a database, and what must be in it at the end.

What goes wrong, and when, is decided by ``faults_schedules``; here are the runs, and the comparison with the source and
with a database that nobody disturbed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline import logs, pull, rules, runs, store
from pipeline.errors import TriageError
from pipeline.logs import LogAnalytics
from pipeline.pages import TABLES
from pipeline.patience import Patience
from pipeline.sandbox.rows import Limits
from pipeline.sandbox.tenant import simulate
from pipeline.sandbox.workspace import Workspace, serve
from pipeline.settings import Source, Span
from pipeline.shelf import shelf
from pipeline.window import Window

from . import faults_program as waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

UNTIL = datetime(2026, 11, 11)
YESTERDAY = UNTIL - timedelta(days=1)
SINCE = UNTIL - timedelta(days=2)
# The second holds records with the Ids of the first.
WORKSPACES = ("0a000000-0000-4000-8000-000000000001", "0a000000-0000-4000-8000-000000000002")
SERVED = ("SigninLogs", "AADNonInteractiveUserSignInLogs", "AuditLogs")
LIMITS = Limits(rows=60)  # windows are cut until answers fit
HOST = "logs.sandbox.test"  # resolved by the schedules alone
REPORTS_THAT_STAY = ("causes", "failures", "by_app", "by_device", "by_user", "by_change", "incidents")
_PROGRAM = Path(__file__).with_name("faults_program.py")

Tables = dict[str, dict[str, pl.DataFrame]]


def source_tables() -> Tables:
    """Return what the workspaces hold: a few hundred records, some of them delivered twice."""
    tables = simulate(5, until=UNTIL, days=2, users=6, causes=("device_reregistered",)).tables
    first = {name: tables[name] for name in SERVED}
    return {WORKSPACES[0]: first, WORKSPACES[1]: {name: first[name] for name in ("SigninLogs", "AuditLogs")}}


def arrived_by(tables: Tables, moment: datetime) -> Tables:
    """Return the tables as they stood at a moment."""
    return {
        workspace: {name: frame.filter(pl.col("ingestion_time") < moment) for name, frame in held.items()}
        for workspace, held in tables.items()
    }


@dataclass(frozen=True)
class Found:
    """What a published file holds: each table's rows as hashes and keys, the hours of coverage, and the incidents."""

    rows: Mapping[str, list[tuple[object, ...]]]
    keys: Mapping[str, list[tuple[object, ...]]]
    hours: list[tuple[object, ...]]
    incidents: list[tuple[object, ...]]

    def without_status(self) -> Found:
        """Return the same with incidents that do not tell whether they are new."""
        return replace(self, incidents=[(identity, *rest) for identity, _, *rest in self.incidents])


@dataclass
class Scene:
    """A database, a report folder, and the workspaces that serve them; each call is a run."""

    folder: Path
    workspace: Workspace
    tables: Tables
    endpoint: str = ""
    mounted: bool = False  # whether the folder is a file system of its own
    out_is_used: bool = False
    slowest_stop: float = 0.0  # seconds that a run took to end after a Ctrl-C

    @property
    def db(self) -> Path:
        """The published file."""
        return self.folder / "s.duckdb"

    @property
    def out(self) -> Path:
        """The report folder."""
        return self.folder / "report"

    def serve_as_of(self, moment: datetime) -> None:
        """Let the workspaces hold what had arrived by then, and tell that as their time."""
        for workspace_id, held in arrived_by(self.tables, moment).items():
            self.workspace.load(workspace_id, held)
        self.workspace.clock = lambda: moment

    def asked_so_far(self) -> int:
        """Return how many questions have been put."""
        return len(self.workspace.requests)

    def quiet_for(self, seconds: float) -> bool:
        """Tell whether no question is answered for so long."""
        before = self.asked_so_far()
        time.sleep(seconds)
        return self.asked_so_far() == before

    def pull(self, clock: datetime = UNTIL, undisturbed: bool = False) -> int:
        """Pull within this process and publish without the views, which cost most; return the exit code.

        Waits are short, but for the ``undisturbed`` run, which may be slow on a busy machine and must not give up.
        """
        source = Source(WORKSPACES, self.endpoint or self.workspace.url, self.workspace.url)
        span = Span(Window(SINCE, clock), fixed=False)
        patience = Patience() if undisturbed else Patience(waits.BUDGET, waits.FIRST_CONTACT, waits.FIRST_WAIT)
        logs.SILENCE_SECONDS = float(logs.SERVER_SECONDS) if undisturbed else waits.SILENCE
        try:
            with LogAnalytics(source) as service, store.working(self.db) as work:
                with shelf(work.con, work.scratch) as ready:
                    pull.pull(pull.Run(work.con, ready, WORKSPACES, span, clock), service, patience, lambda _: None)
                missing = work.con.execute("SELECT count(*) FROM asked WHERE status = 'incomplete'").fetchall()[0][0]
                store.publish(work, self.db)
        except TriageError as error:
            return error.exit_code
        return 1 if missing else 0

    def nightly(self, clock: datetime = UNTIL) -> int:
        """Do a whole night within this process, undisturbed; return the exit code."""
        source = Source(WORKSPACES, self.workspace.url, self.workspace.url)
        span = Span(Window(SINCE, clock), fixed=False)
        logs.SILENCE_SECONDS = float(logs.SERVER_SECONDS)
        runs.clock = lambda: clock
        try:
            told = runs.nightly(self.db, source, span, self.out, rules.load(()), lambda _: None).story
        except TriageError as error:
            return error.exit_code
        return 0 if told.summary.complete else 1

    def start(self, command: str, clock: datetime = UNTIL, jumps: str = "") -> subprocess.Popen[str]:
        """Start ``pull`` or ``nightly`` as a process of its own."""
        self.out_is_used = command == "nightly"
        places = ["--db", self.db, *(["--out", self.out] if command == "nightly" else [])]
        asked = [word for workspace in WORKSPACES for word in ("--workspace", workspace)]
        window = ["--since", SINCE.isoformat()]
        program = [sys.executable, _PROGRAM, clock.isoformat(), jumps]
        return subprocess.Popen(
            [*map(str, program), command, "--endpoint", self.workspace.url, *asked, *map(str, places), *window],
            env=os.environ | self.workspace.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def published(self) -> dict[str, bytes]:
        """Return the bytes of everything that a reader finds."""
        files = [self.db, *sorted(self.out.glob("*"))]
        return {file.name: file.read_bytes() for file in files if file.is_file()}

    def readable(self) -> bool:
        """Tell whether whoever opens the published file now, if there is one, finds it whole."""
        try:
            return not self.db.exists() or bool(self.found())
        except TriageError:
            return False

    def found(self) -> Found:
        """Return what the published file holds."""
        rows: dict[str, list[tuple[object, ...]]] = {}
        keys: dict[str, list[tuple[object, ...]]] = {}
        with store.reading(self.db) as con:
            for table in TABLES:
                rows[table] = con.execute(f"SELECT hash(t) FROM {table} AS t ORDER BY 1").fetchall()
                keys[table] = con.execute(f"SELECT WorkspaceId, Id FROM {table} ORDER BY ALL").fetchall()
            hours = con.execute(
                """SELECT workspace_id, source_table, date_trunc('hour', asked_from),
                    sum(date_diff('second', asked_from, asked_to)), min(status), max(status), sum("rows"),
                    max(newest_ingested_at)
                FROM asked GROUP BY ALL ORDER BY ALL"""
            ).fetchall()
            incidents = con.execute("SELECT incident_id, status, cause, failures FROM found_incidents ORDER BY ALL")
            return Found(rows, keys, hours, incidents.fetchall())

    def reports(self) -> dict[str, bytes]:
        """Return the report files that the same night leaves with the same bytes."""
        return {name: (self.out / f"{name}.csv").read_bytes() for name in REPORTS_THAT_STAY}

    def expected_keys(self) -> dict[str, set[tuple[str, str]]]:
        """Return the keys of all records that the source holds of the window."""
        keys: dict[str, set[tuple[str, str]]] = {table: set() for table in TABLES}
        for workspace, held in arrived_by(self.tables, UNTIL).items():
            for table, frame in held.items():
                event = "ActivityDateTime" if table == "AuditLogs" else "CreatedDateTime"
                happened = frame.filter(pl.col(event).is_between(SINCE, UNTIL, closed="left"))
                keys[table] |= {(workspace, identity) for identity in happened["Id"]}
        return keys


@contextmanager
def staged(folder: Path) -> Iterator[Scene]:
    """Serve the workspaces, and let this process find its credential there."""
    tables = source_tables()
    with serve(arrived_by(tables, UNTIL), limits=LIMITS) as workspace:
        os.environ.update(workspace.environment | {"NO_PROXY": f"127.0.0.1,{HOST}"})
        scene = Scene(folder, workspace, tables)
        scene.serve_as_of(UNTIL)
        yield scene


def wait_for(process: subprocess.Popen[str], seconds: float = 240.0) -> int:
    """Return the exit code of a process; one that does not end is killed and an error of ours."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode


def eventually(happens: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``happens()`` or the time is over; tell which."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happens():
            return True
        time.sleep(0.005)
    return False
