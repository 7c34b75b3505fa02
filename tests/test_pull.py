"""Acquisition: nothing lost, nothing twice, whatever the service does; spoken over HTTP with the unchanged client."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pipeline import logs, replies, store
from pipeline import pull as pulling
from pipeline.errors import PermissionRefused, ServiceUnavailable, UsageError
from pipeline.logs import LogAnalytics
from pipeline.pages import ENTRA_TABLES
from pipeline.patience import Patience
from pipeline.sandbox.faults import Fault, always, on_table, status
from pipeline.sandbox.rows import Limits
from pipeline.sandbox.tenant import Tenant, simulate
from pipeline.sandbox.workspace import Workspace, serve
from pipeline.settings import Source, Span
from pipeline.shelf import shelf
from pipeline.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import duckdb

    from pipeline.land import Landed
    from pipeline.sandbox.faults import Question

WORKSPACE = "00000000-1111-2222-3333-444444444444"
UNTIL = datetime(2026, 11, 8)
SINCE = UNTIL - timedelta(days=3)
CLOCK = UNTIL + timedelta(hours=1)


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return simulate(5, until=UNTIL, days=3, users=20, causes=("device_reregistered",))


@dataclass
class Night:
    """A database and a workspace; each call of ``pull`` is a run on them."""

    con: duckdb.DuckDBPyConnection
    scratch: Path
    workspace: Workspace

    def pull(
        self, since: datetime = SINCE, until: datetime = UNTIL, fixed: bool = True, now: datetime | None = None
    ) -> Landed:
        source = Source((WORKSPACE,), self.workspace.url, self.workspace.url)
        span = Span(Window(since, until), fixed)
        with LogAnalytics(source) as service, shelf(self.con, self.scratch) as ready:
            run = pulling.Run(self.con, ready, source.workspaces, span, now or (CLOCK if fixed else until))
            patience = Patience(budget=5, first_contact=1, first_wait=0.01)
            return pulling.pull(run, service, patience, lambda _: None)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()

    def ids(self, table: str) -> list[object]:
        return [identity for (identity,) in self.rows(f"SELECT Id FROM {table} ORDER BY Id")]

    def queries(self) -> list[str]:
        return sorted(request.query for request in self.workspace.requests)


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    @contextmanager
    def begun(
        tables: dict[str, pl.DataFrame],
        faults: Callable[[Question], Fault | None] = lambda _: None,
        limits: Limits | None = None,
    ) -> Iterator[Night]:
        shutil.rmtree(tmp_path / "scratch", ignore_errors=True)
        (tmp_path / "scratch").mkdir()
        with serve({WORKSPACE: tables}, faults=faults, limits=limits) as workspace, store.empty() as con:
            for name, value in workspace.environment.items():
                monkeypatch.setenv(name, value)
            yield Night(con, tmp_path / "scratch", workspace)

    return begun


def two(tenant: Tenant) -> dict[str, pl.DataFrame]:
    """Give the two tables that most facts need."""
    return {table: tenant.tables[table] for table in ("SigninLogs", "AuditLogs")}


def in_window(frame: pl.DataFrame, since: datetime = SINCE, until: datetime = UNTIL) -> list[str]:
    event = "ActivityDateTime" if "ActivityDateTime" in frame.columns else "CreatedDateTime"
    return sorted(frame.filter(pl.col(event).is_between(since, until, closed="left"))["Id"].unique())


def test_every_record_of_the_window_lands_once(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(tenant.tables) as run:
        run.pull()
        for table in ENTRA_TABLES:
            assert run.ids(table) == in_window(tenant.tables[table]), table


def test_the_same_night_twice_changes_nothing(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(tenant.tables) as run:
        run.pull()
        before = [run.rows(f"SELECT * FROM {table} ORDER BY Id") for table in ENTRA_TABLES]
        assert run.pull().landed == 0
        assert [run.rows(f"SELECT * FROM {table} ORDER BY Id") for table in ENTRA_TABLES] == before


def test_the_same_database_and_window_ask_the_same_queries(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant)) as run:
        run.pull()
        first = run.queries()
    with night(two(tenant)) as run:
        run.pull()
        assert run.queries() == first
        assert len(first) == len(set(first))


def test_the_next_night_fetches_what_is_new_and_two_hours_again(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    yesterday = UNTIL - timedelta(days=1)
    with night(tenant.arrived_by(yesterday)) as run:
        run.pull(until=yesterday, fixed=False)
        run.workspace.load(WORKSPACE, tenant.arrived_by(UNTIL))
        asked_before = len(run.workspace.requests)
        run.pull(fixed=False)
        fetched = sum(request.rows for request in run.workspace.requests[asked_before:])
        new = sum(
            frame.filter(pl.col("ingestion_time").is_between(yesterday - timedelta(hours=2), UNTIL)).height
            for frame in tenant.tables.values()
        )
        assert fetched <= new
        for table in ENTRA_TABLES:
            assert run.ids(table) == in_window(tenant.arrived_by(UNTIL)[table])


def test_a_record_that_arrives_a_day_late_lands_the_next_night_once(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    late = (
        tenant.tables["SigninLogs"]
        .head(1)
        .with_columns(
            Id=pl.lit("late"),
            CreatedDateTime=pl.lit(UNTIL - timedelta(hours=30)),
            TimeGenerated=pl.lit(UNTIL - timedelta(hours=3)),
            ingestion_time=pl.lit(UNTIL - timedelta(hours=3)),
        )
    )
    tables = {"SigninLogs": pl.concat([tenant.tables["SigninLogs"], late])}
    with night(tables) as run:
        run.workspace.load(WORKSPACE, {"SigninLogs": tenant.tables["SigninLogs"]})
        run.pull(until=UNTIL - timedelta(days=1), fixed=False)
        run.workspace.load(WORKSPACE, tables)
        run.pull(fixed=False)
        assert run.rows("SELECT count(*) FROM SigninLogs WHERE Id = 'late'") == [(1,)]


def test_a_record_that_becomes_visible_an_hour_after_it_arrived_is_not_lost(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    arrived = UNTIL - timedelta(minutes=50)
    shy = (
        tenant.tables["SigninLogs"]
        .head(1)
        .with_columns(
            Id=pl.lit("shy"),
            CreatedDateTime=pl.lit(arrived),
            TimeGenerated=pl.lit(arrived),
            ingestion_time=pl.lit(arrived),
        )
    )
    with night({"SigninLogs": tenant.tables["SigninLogs"]}) as run:
        run.pull(fixed=False)
        run.workspace.load(WORKSPACE, {"SigninLogs": pl.concat([tenant.tables["SigninLogs"], shy])})
        run.pull(until=UNTIL + timedelta(days=1), fixed=False)
        assert run.rows("SELECT count(*) FROM SigninLogs WHERE Id = 'shy'") == [(1,)]


def test_an_earlier_until_looks_back_and_a_later_one_goes_on(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    middle = SINCE + timedelta(days=1)
    with night(two(tenant)) as run:
        run.pull(until=middle)
        assert run.ids("SigninLogs") == in_window(tenant.tables["SigninLogs"], until=middle)
        run.pull()
        assert run.ids("SigninLogs") == in_window(tenant.tables["SigninLogs"])


def test_an_earlier_since_fetches_what_it_had_not(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant)) as run:
        run.pull(since=SINCE + timedelta(days=2))
        run.pull()
        assert run.ids("SigninLogs") == in_window(tenant.tables["SigninLogs"])


def test_what_had_not_happened_when_it_was_asked_is_asked_again(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    tomorrow = UNTIL + timedelta(days=1)
    hour = timedelta(hours=1)
    new = (
        tenant.tables["SigninLogs"]
        .head(1)
        .with_columns(
            Id=pl.lit("new"),
            CreatedDateTime=pl.lit(UNTIL + 2 * hour),
            TimeGenerated=pl.lit(UNTIL + 2 * hour),
            ingestion_time=pl.lit(UNTIL + 3 * hour),
        )
    )
    with night({"SigninLogs": tenant.tables["SigninLogs"]}) as run:
        run.pull(until=tomorrow, now=UNTIL)
        assert run.rows("SELECT max(hour) < TIMESTAMP '2026-11-08 06:00' FROM coverage") == [(True,)]
        run.workspace.load(WORKSPACE, {"SigninLogs": pl.concat([tenant.tables["SigninLogs"], new])})
        run.pull(until=tomorrow, now=tomorrow)
        assert run.rows("SELECT count(*) FROM SigninLogs WHERE Id = 'new'") == [(1,)]


def test_a_service_that_runs_out_of_time_on_everything_has_given_up(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant), always(status(504))) as run:
        with pytest.raises(ServiceUnavailable, match="ran out of time"):
            run.pull()
        assert len(run.workspace.requests) < 150


def test_a_window_on_which_the_service_ran_out_of_time_is_asked_once_more_as_it_was(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night({"AuditLogs": tenant.tables["AuditLogs"]}, on_table("AuditLogs", status(504), times=1)) as run:
        run.pull()
        first, second = [request.query for request in run.workspace.requests if "AuditLogs" in request.tables][:2]
        assert first == second


def test_windows_are_halved_until_answers_fit(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(tenant.tables, limits=Limits(rows=100)) as run:
        run.pull()
        for table in ENTRA_TABLES:
            assert run.ids(table) == in_window(tenant.tables[table]), table
        assert run.rows("SELECT DISTINCT status FROM coverage WHERE status <> 'absent'") == [("complete",)]


def test_an_answer_with_as_many_rows_as_the_service_gives_is_asked_for_in_halves(  # type: ignore[no-untyped-def]
    night, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "ROW_LIMIT", 100)
    with night(two(tenant)) as run:
        run.pull()
        for table in two(tenant):
            assert run.ids(table) == in_window(tenant.tables[table]), table
        assert list(run.scratch.iterdir()) == []


def test_an_answer_that_never_fits_is_incomplete_with_the_reason(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night({"AuditLogs": tenant.tables["AuditLogs"]}, limits=Limits(rows=1)) as run:
        run.pull(since=UNTIL - timedelta(days=1), fixed=False)
        notes = run.rows("SELECT DISTINCT note FROM coverage WHERE status = 'incomplete'")
        assert notes == [("the answer was cut at a limit of the service",)]


def test_what_one_run_could_not_get_the_next_asks_for_again(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    yesterday = UNTIL - timedelta(days=1)
    with night({"AuditLogs": tenant.tables["AuditLogs"]}, limits=Limits(rows=1)) as run:
        run.pull(since=yesterday, fixed=False)
        run.workspace.limits = Limits()
        run.pull(since=yesterday, fixed=False)
        assert run.ids("AuditLogs") == in_window(tenant.arrived_by(UNTIL)["AuditLogs"], since=yesterday)
        assert run.rows("SELECT DISTINCT status FROM coverage WHERE source_table = 'AuditLogs'") == [("complete",)]


def test_coverage_counts_the_deliveries_of_each_hour(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(tenant.tables) as run:
        run.pull()
        counted = dict(run.rows('SELECT source_table, CAST(sum("rows") AS BIGINT) FROM coverage GROUP BY 1'))
    for table, frame in tenant.tables.items():
        event = "ActivityDateTime" if table == "AuditLogs" else "CreatedDateTime"
        assert counted[table] == frame.filter(pl.col(event).is_between(SINCE, UNTIL, closed="left")).height, table


def test_an_absent_table_is_noted_and_asked_for_few_times(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night({"SigninLogs": tenant.tables["SigninLogs"]}) as run:
        run.pull()
        status = "SELECT DISTINCT status, note FROM coverage WHERE source_table = 'ADFSSignInLogs'"
        assert run.rows(status) == [("absent", "the workspace has no table ADFSSignInLogs")]
        assert sum("ADFSSignInLogs" in request.tables for request in run.workspace.requests) <= pulling.AT_ONCE


def test_a_refused_table_beside_readable_ones_is_incomplete(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant), on_table("AuditLogs", status(403))) as run:
        run.pull()
        assert run.rows("SELECT DISTINCT source_table FROM coverage WHERE status = 'incomplete'") == [("AuditLogs",)]
        assert run.ids("SigninLogs") == in_window(tenant.tables["SigninLogs"])


def test_a_run_that_could_read_nothing_is_refused(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with (
        night(two(tenant), always(status(403))) as run,
        pytest.raises(PermissionRefused, match="Log Analytics Reader"),
    ):
        run.pull()


def test_a_missing_column_ends_the_run_and_is_named(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    tables = two(tenant) | {"SigninLogs": tenant.tables["SigninLogs"].drop("UserAgent")}
    with night(tables) as run, pytest.raises(ServiceUnavailable, match="UserAgent"):
        run.pull()


def test_an_unknown_workspace_is_wrong_usage(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant)) as run:
        run.workspace.close()
        with pytest.raises(UsageError, match=WORKSPACE):
            run.pull()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("answer_status", status=503),
        Fault("answer_status", status=500),
        Fault("answer_status", status=429, retry_after=0),
        Fault("answer_status", status=429),
        Fault("cut_body"),
        Fault("malformed_json"),
        Fault("reset_before_answer"),
        Fault("reset_in_body"),
        Fault("partial_error"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_passing_fault_loses_nothing(night, tenant: Tenant, fault: Fault) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant), lambda question: fault if question.nth == 1 else None) as run:
        run.pull()
        for table in two(tenant):
            assert run.ids(table) == in_window(tenant.tables[table]), table
        assert run.rows("SELECT count(*) FROM coverage WHERE status = 'incomplete'") == [(0,)]


def test_a_lasting_fault_ends_the_run_and_keeps_what_had_landed(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant), on_table("AuditLogs", status(503))) as run:
        with pytest.raises(ServiceUnavailable, match="Gave up on AuditLogs"):
            run.pull()
        assert run.rows("SELECT count(*) > 0 FROM SigninLogs") == [(True,)]


def test_a_token_that_expires_midway_is_replaced_and_loses_nothing(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant)) as run:

        def expires(question: Question) -> Fault | None:
            if question.number != 4:
                return None
            run.workspace.token = "another"  # noqa: S105 opens nothing but this server
            return status(401)

        run.workspace.schedule = expires
        run.pull()
        for table in two(tenant):
            assert run.ids(table) == in_window(tenant.tables[table]), table


def test_a_token_that_is_never_accepted_is_refused(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant), always(status(401))) as run, pytest.raises(PermissionRefused, match="did not accept"):
        run.pull()


def test_a_service_that_falls_silent_is_given_up_and_what_had_landed_is_kept(  # type: ignore[no-untyped-def]
    night, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "SILENCE_SECONDS", 3.0)
    silence = Fault("delay", seconds=60)
    with night(two(tenant), lambda question: silence if question.number > 7 else None) as run:
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="no answer came in time"):
            run.pull()
        assert time.monotonic() - began < 15
        assert run.rows("SELECT count(*) > 0 FROM AuditLogs") == [(True,)]


@pytest.mark.parametrize("ahead", [5, -5])
def test_a_clock_that_was_wrong_by_hours_costs_no_record(night, tenant: Tenant, ahead: int) -> None:  # type: ignore[no-untyped-def]
    noon = UNTIL - timedelta(hours=12)
    wrong = noon + timedelta(hours=ahead)
    with night(tenant.arrived_by(noon)) as run:
        run.workspace.clock = lambda: noon
        run.pull(until=wrong, fixed=False)
        run.workspace.clock = lambda: UNTIL
        run.workspace.load(WORKSPACE, tenant.arrived_by(UNTIL))
        run.pull(fixed=False)
        for table in two(tenant):
            assert run.ids(table) == in_window(tenant.arrived_by(UNTIL)[table]), table


def test_a_partial_answer_that_stays_is_incomplete_and_never_whole(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(
        tenant.tables, lambda question: Fault("partial_error") if "AuditLogs" in question.tables else None
    ) as run:
        run.pull()
        assert run.ids("AuditLogs") == []
        assert run.rows("SELECT DISTINCT source_table FROM coverage WHERE status = 'incomplete'") == [("AuditLogs",)]


def test_an_empty_workspace_is_whole_and_empty(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night({}) as run:
        assert run.pull().landed == 0
        assert run.rows('SELECT DISTINCT status, "rows" FROM coverage') == [("complete", 0)]


def test_the_hours_of_a_table_neither_overlap_nor_leave_gaps(night, tenant: Tenant) -> None:  # type: ignore[no-untyped-def]
    with night(two(tenant), limits=Limits(rows=200)) as run:
        run.pull(until=UNTIL - timedelta(days=1))
        run.pull()
        gaps = run.rows(
            """SELECT source_table FROM (
                SELECT source_table, asked_from, lag(asked_to) OVER by_time AS before FROM asked
                WINDOW by_time AS (PARTITION BY source_table ORDER BY asked_from)
            ) WHERE asked_from <> before"""
        )
        assert gaps == []
