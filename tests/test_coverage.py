"""What could not be seen is told: by workspace, table and hour, with the reason and the remedy."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import polars as pl
import pytest
from azure.core.credentials import AccessToken

from pipeline import bodies, logs, store, story, views
from pipeline import pull as pulling
from pipeline.errors import PermissionRefused, ServiceUnavailable
from pipeline.logs import LogAnalytics
from pipeline.patience import Patience
from pipeline.replies import Answer
from pipeline.sandbox import columns
from pipeline.sandbox.faults import on_table, status
from pipeline.sandbox.rows import Limits
from pipeline.sandbox.workspace import Workspace, serve
from pipeline.settings import CLOUDS, Source, Span, source
from pipeline.shelf import shelf
from pipeline.window import Window, hours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from pipeline.sandbox.faults import Fault, Question

FIRST = "00000000-1111-2222-3333-444444444444"
SECOND = "99999999-1111-2222-3333-444444444444"
UNTIL = datetime(2026, 11, 8)
HOUR = timedelta(hours=1)
DAY = Window(UNTIL - 24 * HOUR, UNTIL)


def sign_ins(*moments: datetime, **cells: str) -> pl.DataFrame:
    """Return sign-ins that arrived as they happened, with ids from a0 on."""
    rows = [
        {
            "Id": f"a{number}",
            "CreatedDateTime": moment,
            "TimeGenerated": moment,
            columns.INGESTION_TIME: moment,
            "ResultType": "0",
        }
        | cells
        for number, moment in enumerate(moments)
    ]
    return pl.DataFrame(rows, schema=columns.schema("SigninLogs"))


HOURLY = sign_ins(*(DAY.start + number * HOUR / 4 for number in range(96)))


@dataclass
class Night:
    """A database, and workspaces that a run pulls."""

    con: duckdb.DuckDBPyConnection
    scratch: Path
    workspace: Workspace
    ids: Sequence[str]

    def pull(self, window: Window = DAY) -> None:
        asked = Source(tuple(self.ids), self.workspace.url, self.workspace.url)
        with LogAnalytics(asked) as service, shelf(self.con, self.scratch) as ready:
            run = pulling.Run(self.con, ready, asked.workspaces, Span(window, fixed=False), UNTIL)
            patience = Patience(budget=2, first_contact=1, first_wait=0.01)
            pulling.pull(run, service, patience, lambda _: None)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    @contextmanager
    def begun(
        workspaces: dict[str, dict[str, pl.DataFrame]],
        faults: Callable[[Question], Fault | None] = lambda _: None,
        limits: Limits | None = None,
    ) -> Iterator[Night]:
        with serve(workspaces, faults=faults, limits=limits) as workspace, store.empty() as con:
            for name, value in workspace.environment.items():
                monkeypatch.setenv(name, value)
            yield Night(con, tmp_path, workspace, list(workspaces))

    return begun


def test_a_table_on_another_plan_is_incomplete_with_its_remedy_and_asked_once(night) -> None:  # type: ignore[no-untyped-def]
    with night({FIRST: {"SigninLogs": HOURLY}}) as run:
        run.workspace.on_other_plans = {"SigninLogs"}
        run.pull()
        ((status, hours, note),) = run.rows(
            "SELECT status, count(*), note FROM coverage WHERE source_table = 'SigninLogs' GROUP BY ALL"
        )
        assert (status, hours) == ("incomplete", 24)
        assert "switch it to the Analytics plan" in note
        assert "signin-triage import" in note
        assert sum("SigninLogs" in request.tables for request in run.workspace.requests) == 1


def test_each_hour_counts_every_request_that_asked_for_it(night) -> None:  # type: ignore[no-untyped-def]
    with night({FIRST: {"SigninLogs": HOURLY}}, limits=Limits(rows=10)) as run:
        run.pull()
        asked: Counter[datetime] = Counter()
        for request in run.workspace.requests:
            if "SigninLogs" in request.tables:
                asked.update(hours_asked(request.query))
        assert asked[DAY.start] > 1
        counted = run.rows("SELECT hour, requests FROM coverage WHERE source_table = 'SigninLogs'")
        assert dict(counted) == dict(asked)


def test_an_hour_asked_in_parts_counts_the_window_before_them_once(night) -> None:  # type: ignore[no-untyped-def]
    busy = sign_ins(*(DAY.start + 8 * HOUR + number * HOUR / 60 for number in range(60)))
    with night({FIRST: {"SigninLogs": busy}}, limits=Limits(rows=15)) as run:
        run.pull()
        parts = sum("SigninLogs" in request.tables for request in run.workspace.requests if request.status == 200)
        ((most,),) = run.rows("SELECT max(requests) FROM coverage WHERE source_table = 'SigninLogs'")
        asked = [
            request
            for request in run.workspace.requests
            if "SigninLogs" in request.tables and DAY.start + 8 * HOUR in hours_asked(request.query)
        ]
        assert 6 < most == len(asked) <= parts


def test_every_hour_that_is_not_complete_has_a_note(night) -> None:  # type: ignore[no-untyped-def]
    with night({FIRST: {"SigninLogs": HOURLY}}, on_table("SigninLogs", status(403)), Limits(rows=1)) as run:
        with pytest.raises(PermissionRefused):
            run.pull()
        told = run.rows("SELECT status, bool_and(note <> '') FROM coverage GROUP BY status ORDER BY status")
        assert told == [("absent", True), ("incomplete", True)]


def test_what_a_run_did_not_come_to_is_not_taken_for_seen(night) -> None:  # type: ignore[no-untyped-def]
    tables = {"SigninLogs": HOURLY}
    fault = status(503)
    with night(
        {FIRST: tables}, lambda question: fault if question.nth and "SigninLogs" in question.tables else None
    ) as run:
        with pytest.raises(ServiceUnavailable):
            run.pull(Window(UNTIL - 72 * HOUR, UNTIL))
        views.build(run.con, UNTIL)
        told = story.tell(run.con, Window(UNTIL - 72 * HOUR, UNTIL), "night")
        assert not told.summary.complete
        assert any(line.startswith("Not seen") and "SigninLogs" in line for line in told.lines)
        unseen = (
            "SELECT count(*), note FROM coverage WHERE source_table = 'SigninLogs' AND status <> 'complete' GROUP BY 2"
        )
        ((hours_unseen, note),) = run.rows(unseen)
        assert hours_unseen == 48
        assert "run again" in note
        run.workspace.schedule = lambda _: None
        run.pull(Window(UNTIL - 72 * HOUR, UNTIL))
        assert run.rows("SELECT count(*) FROM coverage WHERE status = 'incomplete'") == [(0,)]


def test_equal_ids_of_two_workspaces_are_two_records(night) -> None:  # type: ignore[no-untyped-def]
    with night({workspace: {"SigninLogs": HOURLY} for workspace in (FIRST, SECOND)}) as run:
        run.pull()
        run.pull()
        landed = run.rows("SELECT WorkspaceId, count(*) FROM SigninLogs GROUP BY ALL ORDER BY ALL")
        assert landed == [(FIRST, HOURLY.height), (SECOND, HOURLY.height)]
        keys = run.rows("SELECT count(*), count(DISTINCT sign_in_id), count(DISTINCT workspace_id) FROM sign_ins")
        assert keys == [(2 * HOURLY.height, HOURLY.height, 2)]


@pytest.mark.parametrize("refused", [FIRST, SECOND])
def test_a_workspace_that_may_not_be_read_hides_nothing_of_another(night, refused: str) -> None:  # type: ignore[no-untyped-def]
    (readable,) = {FIRST, SECOND} - {refused}
    with night(
        {workspace: {"SigninLogs": HOURLY} for workspace in (FIRST, SECOND)},
        lambda question: status(403) if question.workspace_id == refused else None,
    ) as run:
        run.pull()
        assert run.rows("SELECT DISTINCT WorkspaceId FROM SigninLogs") == [(readable,)]
        seen = run.rows(
            """SELECT workspace_id, status, count(*) FROM coverage
            WHERE source_table = 'SigninLogs' GROUP BY ALL ORDER BY status"""
        )
        assert seen == [(readable, "complete", 24), (refused, "incomplete", 24)]
        views.build(run.con, UNTIL)
        told = story.tell(run.con, DAY, "night")
        assert not told.summary.complete
        assert any(
            line.startswith("Not seen: ") and f"of workspace {refused[:8]}, 24 hours" in line for line in told.lines
        )
        assert not any(line.startswith("Not seen") and readable[:8] in line for line in told.lines)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_token_is_asked_for_the_audience_of_the_cloud(cloud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes: list[str] = []

    class Credential:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def close(self) -> None:
            pass

        def get_token(self, *asked: str, **_: object) -> AccessToken:
            scopes.extend(asked)
            return AccessToken("sandbox-token", 2**40)

    monkeypatch.setattr(logs, "DefaultAzureCredential", Credential)
    with (
        serve({FIRST: {"SigninLogs": HOURLY}}) as workspace,
        LogAnalytics(source([FIRST], workspace.url, cloud)) as service,
    ):
        answer = service.ask(FIRST, "SigninLogs", DAY, DAY)
    assert isinstance(answer, Answer)
    assert answer.body is not None
    frame = bodies.framed(answer.body)
    assert frame is not None
    assert frame.height == HOURLY.height
    assert scopes == [f"{CLOUDS[cloud]}/.default"]


def hours_asked(query: str) -> set[datetime]:
    """Return the hours that a query's bounds of arrival time touch."""
    first, last = (
        datetime.fromisoformat(moment).replace(tzinfo=None)
        for moment in re.findall(r"IngestedAt [<>=]+ datetime\((.+?)\)", query)
    )
    return {hour for hour in hours(Window(first, last)) if hour < UNTIL}
