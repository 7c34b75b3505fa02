"""What the stored views hold after records have landed, and what of them is left to the next analysis."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from stories import BY_CAUSE, SINCE, UNTIL, attempt

from pipeline import counted, engine, evidence, judge, land, rules, store, views

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    import duckdb

LEFT = (*evidence.VIEWS, *views.kept_by_day())


@pytest.fixture
def con(landed: Callable[..., duckdb.DuckDBPyConnection]) -> duckdb.DuckDBPyConnection:
    """A database that was analyzed, but for the pages of a second story that have not landed yet."""
    con = landed(*BY_CAUSE["device_reregistered"]().pages(), workspace_id="w")
    views.build(con, UNTIL)
    views.build(con, UNTIL, left=evidence.VIEWS)
    judge.judge(con, rules.load(), SINCE, UNTIL)
    return con


@pytest.fixture
def more(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> duckdb.DuckDBPyConnection:
    for page in BY_CAUSE["app_credential_change"]().pages():
        land.land(con, page, tmp_path, "another")
    return con


def rows(con: duckdb.DuckDBPyConnection, *names: str) -> list[Any]:
    return [con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in names]


def test_a_landing_leaves_evidence_and_counts_as_the_last_analysis_left_them(more: duckdb.DuckDBPyConnection) -> None:
    before = rows(more, *LEFT)
    views.build(more, UNTIL, left=LEFT)
    assert rows(more, *LEFT) == before
    assert more.execute("SELECT count(DISTINCT workspace_id) FROM failed_sign_ins").fetchall() == [(2,)]


def test_the_next_analysis_counts_what_was_left_uncounted(more: duckdb.DuckDBPyConnection) -> None:
    views.build(more, UNTIL, left=LEFT)
    views.build(more, UNTIL, left=evidence.VIEWS)
    kept = rows(more, *views.kept_by_day())
    more.execute("DELETE FROM counted_days")
    more.execute("DELETE FROM current_views")
    views.build(more, UNTIL, left=evidence.VIEWS)
    assert rows(more, *views.kept_by_day()) == kept
    assert (
        more.execute("SELECT sum(attempts) FROM slot_counts WHERE kind = 'tenant'").fetchall()
        == more.execute("SELECT count(*) FROM sign_ins").fetchall()
    )


def test_days_counted_portion_by_portion_are_counted_as_all_at_once(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = rows(con, *views.kept_by_day(), "counted_days")
    con.execute("DELETE FROM counted_days")
    con.execute("DELETE FROM current_views")
    monkeypatch.setattr(counted, "_AT_ONCE", 1)
    views.build(con, UNTIL, left=evidence.VIEWS)
    assert rows(con, *views.kept_by_day(), "counted_days") == at_once
    assert con.execute("SELECT count(*) > 1 FROM counted_days").fetchall() == [(True,)]


def test_what_another_release_filled_is_filled_anew_though_it_may_be_left(more: duckdb.DuckDBPyConnection) -> None:
    more.execute("UPDATE filled_views SET made_by = 'another release'")
    more.execute("DELETE FROM incident_facts")
    views.build(more, UNTIL, left=LEFT)
    assert more.execute("SELECT count(*) FROM incident_facts").fetchall() == [(1,)]


def test_before_a_first_analysis_nothing_is_gathered_and_nothing_counted(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    con = landed(*BY_CAUSE["device_reregistered"]().pages())
    con.execute("DELETE FROM filled_views")
    views.build(con, UNTIL, left=LEFT)
    assert rows(con, *LEFT) == [[]] * len(LEFT)


def test_a_new_database_has_its_views_before_anything_lands(tmp_path: Path) -> None:
    with store.working(tmp_path / "new.duckdb") as work:
        views.begin(work.con, LEFT)
        assert rows(work.con, "sign_ins", "incident_facts") == [[], []]


def test_a_database_with_views_keeps_them_until_records_have_landed(more: duckdb.DuckDBPyConnection) -> None:
    before = rows(more, "horizon", "current_views", "failed_sign_ins")
    views.begin(more, LEFT)
    assert rows(more, "horizon", "current_views", "failed_sign_ins") == before


def fills_again(con: duckdb.DuckDBPyConnection, until: datetime = UNTIL) -> bool:
    """Build the views for an analysis, and tell whether the stored ones were filled again."""
    con.execute("INSERT INTO addresses (ip) VALUES ('of no sign-in')")
    views.build(con, until, left=evidence.VIEWS)
    return not con.execute("SELECT 1 FROM addresses WHERE ip = 'of no sign-in'").fetchall()


def test_what_was_filled_since_the_last_landing_is_not_filled_again(con: duckdb.DuckDBPyConnection) -> None:
    assert not fills_again(con)


def test_whatever_lands_has_the_stored_views_filled_again(more: duckdb.DuckDBPyConnection) -> None:
    assert fills_again(more)
    assert not fills_again(more)


def test_a_record_that_lands_again_as_it_was_has_them_filled_again(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    for page in BY_CAUSE["device_reregistered"]().pages():
        land.land(con, page, tmp_path, "w")
    assert fills_again(con)


def test_another_end_has_them_filled_again_only_where_records_lie_between(con: duckdb.DuckDBPyConnection) -> None:
    ((last,),) = con.execute("SELECT max(seen_at) FROM recorded_sign_ins").fetchall()
    assert not fills_again(con, UNTIL + timedelta(days=1))
    assert fills_again(con, last)  # the last sign-in is at the end, which the window does not hold
    assert fills_again(con, last + timedelta(seconds=1))


def test_views_of_another_release_are_filled_again(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE filled_views SET made_by = 'another release'")
    assert fills_again(con)


def test_a_pull_that_brings_nothing_leaves_to_the_analysis_only_what_it_left(con: duckdb.DuckDBPyConnection) -> None:
    views.build(con, views.BEYOND, left=LEFT)
    stored = {name for name, select in views.files().items() if views.is_stored(select)}
    assert {name for (name,) in con.execute("SELECT view_name FROM current_views").fetchall()} == stored - {
        *evidence.VIEWS
    }


def test_what_an_analysis_laid_down_does_not_hide_the_view_of_its_name(con: duckdb.DuckDBPyConnection) -> None:
    ((before,),) = con.execute("SELECT count(*) FROM touched_sign_ins").fetchall()
    con.execute("DELETE FROM incident_failures")
    assert before > 0
    assert con.execute("SELECT count(*) FROM touched_sign_ins").fetchall() == [(0,)]


def test_what_was_usual_is_told_by_the_five_weeks_before_the_first_failure_however_long_the_history(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["device_key_lost"]()
    first = min(record["CreatedDateTime"] for record in story.sign_ins if record["ResultType"] == "50099")
    within, before = (attempt(0, first - timedelta(days=days, hours=1)) for days in (34, 35))
    con = landed(*story.add(within, before).pages(), workspace_id="w")
    judge.judge(con, rules.load(), SINCE, UNTIL)
    ((earliest,),) = con.execute("SELECT min(seen_at) FROM touched_sign_ins WHERE device_id = 'device-0'").fetchall()
    assert earliest == within["CreatedDateTime"]
    laid: list[str] = []
    reading = engine.here(con)
    evidence.lay(replace(reading, lay=lambda name, select: laid.append(select)))
    assert "min(seen_at)" not in laid[0]  # the moment itself stands there
    live = con.execute("SELECT * FROM touched_sign_ins ORDER BY ALL").fetchall()
    assert con.execute(f"SELECT * FROM ({laid[0]}) ORDER BY ALL").fetchall() == live


def test_a_moment_that_is_looked_up_stands_as_such_in_the_views(con: duckdb.DuckDBPyConnection) -> None:
    told = con.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'known_successes'").fetchall()
    assert str(UNTIL) in str(told)
    assert "horizon" not in str(told)
