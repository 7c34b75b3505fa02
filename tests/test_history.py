"""Trends: what failed by cause and day, and what is remembered of incidents once they have left the window."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from records import DAY, MORNING, WINDOW, add_incident, audit, failure, page

from pipeline import history, report, runs, store, views
from pipeline.report import Shape
from pipeline.window import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb

    Land = Callable[..., duckdb.DuckDBPyConnection]


def trends(con: duckdb.DuckDBPyConnection, tmp_path: Path, shape: Shape = report.AS_USUAL) -> list[tuple[str, ...]]:
    report.write_csv(con, "trends", WINDOW, tmp_path / "trends.csv", shape)
    with (tmp_path / "trends.csv").open(encoding="utf-8", newline="") as text:
        return [tuple(row) for row in csv.reader(text)][1:]


@pytest.fixture
def two_days(landed: Land) -> duckdb.DuckDBPyConnection:
    """Two incidents of one cause on the first day, one of them also on the second; and a failure of none."""
    records = [
        failure(Id="a1", UserId="ann"),
        failure(Id="a2", UserId="ann"),
        failure(Id="b1", UserId="bob"),
        failure(Id="a3", UserId="ann", CreatedDateTime=MORNING + DAY),
        failure(Id="stray"),
    ]
    con = landed(page("SigninLogs", *records), workspace_id="w")
    add_incident(con, "a", cause="clock_skew", status="ongoing")
    add_incident(con, "b", cause="clock_skew")
    for name in ("a1", "a2", "a3", "b1"):
        con.execute("INSERT INTO incident_failures VALUES (?, 'w', 'SigninLogs', ?)", [name[0], name])
    return con


def test_a_cause_counts_what_its_incidents_failed_on_a_day(two_days: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert trends(two_days, tmp_path) == [
        ("2026-10-14", "clock_skew", "2", "3", "0", "2"),
        ("2026-10-15", "clock_skew", "1", "1", "0", "1"),
    ]


def test_trends_and_failures_that_belong_to_no_incident_sum_to_the_failures(
    two_days: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    report.write_csv(two_days, "failures", WINDOW, tmp_path / "failures.csv")
    with (tmp_path / "failures.csv").open(encoding="utf-8", newline="") as text:
        failures = list(csv.DictReader(text))
    counted = sum(int(row[3]) for row in trends(two_days, tmp_path))
    assert counted + sum(not row["incident_id"] for row in failures) == len(failures) == 5


def test_trends_since_the_last_run_are_those_of_new_incidents(
    two_days: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert trends(two_days, tmp_path, Shape(since_last=True)) == [("2026-10-14", "clock_skew", "1", "1", "0", "1")]


def night(con: duckdb.DuckDBPyConnection, until: datetime, **found: dict[str, Any]) -> None:
    """Remember a night that looked at the two days before ``until`` and found these incidents."""
    con.execute("DELETE FROM found_incidents")
    for incident_id, cells in found.items():
        add_incident(con, incident_id, **cells)
    history.remember(con, until - 2 * DAY, until, until - DAY)


def remembered(con: duckdb.DuckDBPyConnection, *columns: str) -> list[tuple[Any, ...]]:
    return con.execute(f"SELECT {', '.join(columns)} FROM incident_history ORDER BY incident_id").fetchall()


def test_an_incident_that_has_left_the_window_is_remembered_as_resolved(landed: Land) -> None:
    con = landed()
    night(con, MORNING + 2 * HOUR, i1={"cause": "clock_skew"})
    assert remembered(con, "incident_id", "resolved_at", "hours_to_resolve") == [("i1", None, None)]
    night(con, MORNING + 9 * DAY)
    assert remembered(con, "incident_id", "cause", "resolved_at", "hours_to_resolve") == [
        ("i1", "clock_skew", MORNING + HOUR, 1.0)
    ]


def test_what_a_later_night_learns_replaces_what_was_remembered(landed: Land) -> None:
    con = landed(page("AuditLogs", audit("Delete device")))
    night(con, MORNING + 2 * HOUR, i1={"failures": 5})
    later = {"first_seen_at": MORNING + HOUR, "last_seen_at": MORNING + DAY, "failures": 3, "cause": "device_key_lost"}
    night(con, MORNING + 2 * DAY, i1=later | {"change_id": "change-1", "change_workspace_id": ""})
    assert remembered(con, "first_seen_at", "last_seen_at", "failures", "cause", "change_kind") == [
        (MORNING, MORNING + DAY, 5, "device_key_lost", "device_state")
    ]


def test_an_incident_that_fails_again_is_no_longer_resolved(landed: Land) -> None:
    con = landed()
    night(con, MORNING + 1.5 * DAY, i1={})
    assert remembered(con, "resolved_at") == [(MORNING + HOUR,)]
    night(con, MORNING + 2 * DAY, i1={"last_seen_at": MORNING + 1.9 * DAY})
    assert remembered(con, "resolved_at") == [(None,)]


def test_a_night_that_looks_again_and_finds_nothing_takes_it_back(landed: Land) -> None:
    con = landed()
    night(con, MORNING + 2 * HOUR, i1={}, i2={})
    night(con, MORNING + DAY, i2={})
    assert remembered(con, "incident_id") == [("i2",)]


def test_a_look_back_takes_nothing_back_and_changes_nothing(landed: Land) -> None:
    con = landed()
    night(con, MORNING + DAY, i1={"failures": 9}, i2={})
    before = remembered(con, "*")
    night(con, MORNING + HOUR, i1={"failures": 12, "cause": "clock_skew"})
    assert remembered(con, "*") == before


def test_a_purge_takes_an_incident_whole_out_of_the_history(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    with store.working(db) as work:
        views.build(work.con)
        night(
            work.con, MORNING - 9 * DAY, old={"first_seen_at": MORNING - 10 * DAY, "last_seen_at": MORNING - 9.5 * DAY}
        )
        night(work.con, MORNING + DAY, young={})
        store.publish(work, db)
    assert runs.purge(db, MORNING - DAY)["remembered_incidents"] == 1
    with store.reading(db) as con:
        assert remembered(con, "incident_id") == [("young",)]


def test_an_analysis_remembers_what_it_found(tmp_path: Path) -> None:
    from schemas import WEEK, _worked_on

    db = _worked_on(tmp_path)
    with store.reading(db) as con:
        ((cause, kind, until),) = remembered(con, "cause", "change_kind", "judged_until")
    assert (cause, kind, until) == ("app_credential_change", "credential", WEEK.window.end)


def test_days_are_days_of_utc(landed: Land, tmp_path: Path) -> None:
    late = failure(Id="late", CreatedDateTime=datetime(2026, 10, 14, 23, 59, 59))
    early = failure(Id="early", CreatedDateTime=datetime(2026, 10, 15) + timedelta(microseconds=1))
    con = landed(page("SigninLogs", late, early), workspace_id="w")
    add_incident(con, "i")
    con.execute(
        "INSERT INTO incident_failures VALUES ('i', 'w', 'SigninLogs', 'late'), ('i', 'w', 'SigninLogs', 'early')"
    )
    assert [row[0] for row in trends(con, tmp_path)] == ["2026-10-14", "2026-10-15"]
