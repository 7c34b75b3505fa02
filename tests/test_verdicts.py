"""An analyst's verdict: given once, it outlives every later run, and is counted against what was ranked first."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from program import last_line, signin_triage
from records import WINDOW, add_incident, failure, page
from stories import BY_CAUSE, SINCE, UNTIL

from pipeline import judge, land, ledger, rules, store, story, verdicts, views
from pipeline.errors import StoreUnusable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import duckdb

    Land = Callable[..., duckdb.DuckDBPyConnection]

NOW = datetime(2026, 10, 20, 9)


@pytest.fixture
def con(landed: Land) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with a refused signature that two incidents may explain, and no verdict yet."""
    con = landed(page("SigninLogs", failure()))
    con.execute("DELETE FROM given_verdicts")
    add_incident(con, "abcdef0123456789", cause="clock_skew")
    add_incident(con, "abcdee0123456789")
    for rank, (cause, odds) in enumerate({"clock_skew": 2.5, "unexplained": 0.0}.items(), start=1):
        con.execute(
            "INSERT INTO judged_causes (incident_id, rank, cause, confidence, log_odds) VALUES (?, ?, ?, ?, ?)",
            ["abcdef0123456789", rank, cause, 0.9 if rank == 1 else 0.1, odds],
        )
    yield con
    con.execute("DELETE FROM given_verdicts")


def give(con: duckdb.DuckDBPyConnection, incident: str, cause: str, at: datetime = NOW) -> verdicts.Verdict:
    return verdicts.give(con, incident, cause, None, "ann", at)


def shown(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(con.execute("SELECT incident_id, verdict FROM incidents WHERE verdict IS NOT NULL").fetchall())


def test_a_verdict_is_shown_beside_the_hypothesis(con: duckdb.DuckDBPyConnection) -> None:
    give(con, "abcdef0123456789", "device_key_lost")
    rows = con.execute("SELECT cause, verdict FROM incidents WHERE incident_id = 'abcdef0123456789'").fetchall()
    assert rows == [("clock_skew", "device_key_lost")]


def test_a_second_verdict_takes_the_place_of_the_first_which_stays_in_the_table(con: duckdb.DuckDBPyConnection) -> None:
    give(con, "abcdef0123456789", "noise")
    give(con, "abcdef0123456789", "clock_skew", NOW + timedelta(hours=1))
    assert con.execute("SELECT cause FROM verdicts").fetchall() == [("clock_skew",)]
    assert con.execute("SELECT cause FROM given_verdicts ORDER BY confirmed_at").fetchall() == [
        ("noise",),
        ("clock_skew",),
    ]


def test_a_verdict_keeps_the_hypotheses_as_they_stood(con: duckdb.DuckDBPyConnection) -> None:
    give(con, "abcdef0123456789", "noise")
    con.execute("UPDATE judged_causes SET confidence = 0, log_odds = -9")
    ((scope, failures, hypotheses),) = con.execute("SELECT scope, failures, hypotheses FROM given_verdicts").fetchall()
    assert (scope, failures) == ("device=d1", 1)
    assert hypotheses == [
        {"cause": "clock_skew", "rank": 1, "confidence": 0.9, "log_odds": 2.5, "change_id": None},
        {"cause": "unexplained", "rank": 2, "confidence": 0.1, "log_odds": 0.0, "change_id": None},
    ]


def test_an_incident_that_left_the_window_may_be_judged_again_with_what_was_known(
    con: duckdb.DuckDBPyConnection,
) -> None:
    give(con, "abcdef0123456789", "noise")
    con.execute("DELETE FROM found_incidents")
    con.execute("DELETE FROM judged_causes")
    give(con, "abcdef", "clock_skew", NOW + timedelta(hours=1))
    kept = con.execute(
        "SELECT cause, first_cause, len(hypotheses) FROM given_verdicts ORDER BY confirmed_at"
    ).fetchall()
    assert kept == [("noise", "clock_skew", 2), ("clock_skew", "clock_skew", 2)]


def test_an_incident_without_hypotheses_may_be_judged(con: duckdb.DuckDBPyConnection) -> None:
    assert give(con, "abcdee", "noise").first_cause == "unexplained"
    assert con.execute("SELECT hypotheses FROM given_verdicts").fetchall() == [([],)]


@pytest.mark.parametrize(
    ("incident", "says"),
    [
        ("abc", "at least its first 6 characters"),
        ("", "at least its first 6 characters"),
        ("abcde", "at least its first 6 characters"),
        ("999999", r"no incident '999999'.*abcdee0123456789, abcdef0123456789"),
        ("abcdef%", "no incident"),
        ("abcdef0123456789 ", "no incident"),
    ],
)
def test_what_names_no_incident_is_told_with_those_that_there_are(
    incident: str, says: str, con: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(UsageError, match=says):
        verdicts.named(con, incident)


def test_a_beginning_of_two_incidents_names_both(con: duckdb.DuckDBPyConnection) -> None:
    add_incident(con, "abcdef0fffffffff")
    with pytest.raises(UsageError, match="abcdef0123456789, abcdef0fffffffff"):
        verdicts.named(con, "abcdef0")
    assert verdicts.named(con, "abcdef01") == ("abcdef0123456789", True)


def test_a_word_that_is_no_cause_is_told_with_all_that_are(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(UsageError) as refused:
        give(con, "abcdef", "it_was_dns")
    for word in (*BY_CAUSE, "unexplained", "noise"):
        assert word in str(refused.value)


def test_a_cause_that_a_users_rule_has_named_may_be_confirmed(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("INSERT INTO judged_causes (incident_id, rank, cause, confidence) VALUES ('abcdef', 3, 'own_cause', 0)")
    assert give(con, "abcdef", "own_cause").cause == "own_cause"


def test_records_that_landed_since_the_analysis_are_not_published_by_a_verdict(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    land.land(con, page("SigninLogs", failure(Id="later")), tmp_path)
    with pytest.raises(StoreUnusable, match="not analyzed yet"):
        give(con, "abcdef", "noise")


def test_the_story_counts_verdicts_and_how_many_confirmed_the_first_ranked_cause(
    con: duckdb.DuckDBPyConnection,
) -> None:
    give(con, "abcdef", "clock_skew")
    give(con, "abcdee", "noise")
    told = story.tell(con, WINDOW, "run-1").lines
    assert "Verdicts: 2 given; the first-ranked cause was confirmed in 1 of them." in told


def test_a_night_without_verdicts_does_not_speak_of_them(con: duckdb.DuckDBPyConnection) -> None:
    assert "Verdicts" not in "\n".join(story.tell(con, WINDOW, "run-1").lines)


def test_verdicts_do_not_make_the_longest_story_longer_than_a_screen(con: duckdb.DuckDBPyConnection) -> None:
    for number in range(20):
        add_incident(con, f"incident-{number}", failures=4)
    give(con, "abcdef", "clock_skew")
    for workspace in "abcdefgh":
        for table in ("SigninLogs", "AuditLogs", "ADFSSignInLogs"):
            asked = ledger.Asked(
                workspace, table, WINDOW, WINDOW, "absent" if table[1] == "D" else "incomplete", 1, "gave up"
            )
            ledger.record_asked(con, asked, brought={}, begun_before=WINDOW.end)
    assert len("\n".join(story.tell(con, WINDOW, "run-1").lines).splitlines()) <= 30


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A published week in which one device was registered anew, and its incident."""
    folder = tmp_path_factory.mktemp("published")
    db = folder / "s.duckdb"
    with store.working(db) as work:
        for each in BY_CAUSE["device_reregistered"]().pages():
            land.land(work.con, each, work.scratch, "w")
        views.build(work.con, UNTIL)
        judge.judge(work.con, rules.load(), SINCE, UNTIL)
        ((incident_id,),) = work.con.execute("SELECT incident_id FROM incidents").fetchall()
        store.publish(work, db)
    return db, incident_id


@pytest.fixture
def week(published: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """A copy of it that a test may change."""
    shutil.copy(published[0], tmp_path / "s.duckdb")
    return tmp_path / "s.duckdb", published[1]


def read(db: Path, query: str) -> list[Any]:
    with store.reading(db) as con:
        return con.execute(query).fetchall()


def test_the_command_publishes_the_verdict_and_says_what_it_was_as_an_object(week: tuple[Path, str]) -> None:
    db, incident_id = week
    told = signin_triage(
        *("confirm", incident_id[:6], "device_reregistered", "--note", "joined twice", "--db", db, "--format", "json"),
        env={"LOGNAME": "somebody else", "USER": "somebody else"},
    )
    assert told.returncode == 0, told.stderr
    verdict = json.loads(told.stdout)
    assert (verdict["incident_id"], verdict["cause"]) == (incident_id, "device_reregistered")
    assert verdict["confirmed_by"] != "somebody else"
    rows = read(db, "SELECT incident_id, cause, confirmed_by, note FROM verdicts")
    assert rows == [(incident_id, "device_reregistered", verdict["confirmed_by"], "joined twice")]
    assert [file.name for file in db.parent.iterdir() if file.name.endswith(("working", "base", "wal"))] == []


@pytest.mark.parametrize("args", [("{}", "it_was_dns"), ("123456", "noise")], ids=["cause", "incident"])
def test_a_slip_of_the_pen_is_exit_2_and_changes_nothing(args: tuple[str, str], week: tuple[Path, str]) -> None:
    db, incident_id = week
    before = db.read_bytes()
    told = signin_triage("confirm", *(arg.format(incident_id) for arg in args), "--db", db)
    assert told.returncode == 2
    assert args[1] in last_line(told.stderr) or incident_id in last_line(told.stderr)
    assert db.read_bytes() == before
    assert [file.name for file in db.parent.iterdir()] == ["s.duckdb"]


def test_a_verdict_survives_the_next_analysis_and_the_purge_of_what_it_was_made_from(week: tuple[Path, str]) -> None:
    db, incident_id = week
    quiet = signin_triage("confirm", incident_id, "noise", "--quiet", "--db", db)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    with store.working(db, begin=False) as work:
        views.build(work.con, UNTIL)
        judge.judge(work.con, rules.load(), SINCE, UNTIL)
        assert shown(work.con) == {incident_id: "noise"}
        for table in ("SigninLogs", "AuditLogs"):
            work.con.execute(f"DELETE FROM {table}")
        views.build(work.con, UNTIL)
        judge.judge(work.con, rules.load(), SINCE, UNTIL)
        store.publish(work, db)
    assert read(db, "SELECT count(*) FROM incidents") == [(0,)]
    assert read(db, "SELECT cause FROM verdicts") == [("noise",)]


def test_the_report_holds_the_verdict_and_not_the_hour_in_which_it_was_given(week: tuple[Path, str]) -> None:
    db, incident_id = week
    window = ("--since", SINCE.isoformat(), "--until", UNTIL.isoformat())
    folders = [db.parent / "one", db.parent / "two"]
    for folder in folders:
        assert signin_triage("confirm", incident_id, "noise", "--db", db).returncode == 0
        assert signin_triage("report", "--db", db, "--out", folder, *window).returncode == 0
    with (folders[0] / "incidents.csv").open(encoding="utf-8", newline="") as text:
        assert [row["verdict"] for row in csv.DictReader(text)] == ["noise"]
    first, second = ({file.name: file.read_bytes() for file in folder.glob("*.csv")} for folder in folders)
    assert first == second
