"""What is stored of an incident, which status it has, and that a bad rule costs no night."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from stories import BY_CAUSE, ONSET, SINCE, UNTIL, Story, attempt, calm

from pipeline import evidence, hearing, judge, rules
from pipeline.engine import here
from pipeline.pages import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import duckdb

    from pipeline.judge import Judgement

OWN = """-- id: own
-- cause: own_cause
SELECT
    incident_id, {odds} AS log_odds, CAST(NULL AS VARCHAR) AS change_id, CAST(NULL AS VARCHAR) AS change_workspace_id,
    'for' AS evidence_for, 'against' AS evidence_against
FROM incident_facts
"""


@pytest.fixture
def land(landed: Callable[..., duckdb.DuckDBPyConnection]) -> Callable[[Story], duckdb.DuckDBPyConnection]:
    """Land a story in a database that has never been judged."""

    def lands(story: Story) -> duckdb.DuckDBPyConnection:
        con = landed(*story.pages(), workspace_id="w")
        con.execute("DELETE FROM last_judgement")
        return con

    return lands


def judged(con: duckdb.DuckDBPyConnection, until: datetime = UNTIL, folder: Path | None = None) -> Judgement:
    return judge.judge(con, rules.load([folder] if folder else []), SINCE, until)


def everything(con: duckdb.DuckDBPyConnection) -> list[Any]:
    tables = ("found_incidents", "judged_causes", "incident_failures")
    return [con.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in tables]


def test_an_incident_is_told_in_one_sentence_with_its_change_and_the_next_step(
    land: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    con = land(BY_CAUSE["device_reregistered"]())
    judged(con)
    ((scope, cause, change_id, summary, next_step, failures, sign_ins),) = con.execute(
        "SELECT scope, cause, change_id, summary, next_step, failures, sign_ins FROM incidents"
    ).fetchall()
    assert (scope, cause, change_id) == ("device=device-0", "device_reregistered", "change-1")
    assert summary.startswith("19 device signatures of device=device-0 (PC-0) were refused since 2026-10-08T09:00Z")
    assert "(device_reregistered)" in summary
    assert next_step.startswith("Remove the old account")
    assert failures == sign_ins == 19


def test_the_hypotheses_are_ranked_and_their_confidences_with_the_unexplained_one_are_a_distribution(
    land: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    con = land(BY_CAUSE["policy_change"]())
    judged(con)
    rows = con.execute("SELECT rank, cause, confidence FROM causes ORDER BY rank").fetchall()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) <= 6
    assert "unexplained" in [row[1] for row in rows]
    confidences = [row[2] for row in rows]
    assert confidences == sorted(confidences, reverse=True)
    assert 0.98 < sum(confidences) <= 1.001


def test_what_no_rule_knows_is_unexplained_and_still_has_a_next_step(
    land: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    con = land(BY_CAUSE["device_key_lost"]())
    judge.judge(con, [], SINCE, UNTIL)
    ((cause, confidence, change_id, next_step),) = con.execute(
        "SELECT cause, confidence, change_id, next_step FROM found_incidents"
    ).fetchall()
    assert (cause, confidence, change_id) == ("unexplained", 1.0, None)
    assert next_step


@pytest.mark.parametrize(("change", "incidents"), [("'change-1'", 1), ("CAST(NULL AS VARCHAR)", 2)])
def test_incidents_that_one_change_brought_about_in_one_way_are_one(
    land: Callable[[Story], duckdb.DuckDBPyConnection], tmp_path: Path, change: str, incidents: int
) -> None:
    own = OWN.format(odds="9e0").replace("CAST(NULL AS VARCHAR) AS change_id", f"{change} AS change_id")
    (tmp_path / "own.sql").write_text(own)
    story = BY_CAUSE["device_reregistered"]()
    story.refuse(lambda record: record["UserId"] == "user-3")
    con = land(story)
    judged(con, folder=tmp_path)
    found = con.execute("SELECT scope, failures, devices, cause FROM incidents ORDER BY scope").fetchall()
    assert len(found) == incidents
    assert sum(failures for _, failures, *_ in found) == 38
    assert sum(devices for _, _, devices, _ in found) == 2
    assert {cause for *_, cause in found} == {"own_cause"}
    assert con.execute("SELECT count(DISTINCT incident_id), count(*) FROM incident_failures").fetchall() == [
        (incidents, 38)
    ]


def test_the_evidence_on_an_incident_stays_what_it_was_where_others_are_joined(
    land: Callable[[Story], duckdb.DuckDBPyConnection], tmp_path: Path
) -> None:
    change = "CASE WHEN top_device = 'device-5' THEN NULL ELSE 'change-1' END"
    own = OWN.format(odds="9e0").replace("CAST(NULL AS VARCHAR) AS change_id", f"{change} AS change_id")
    (tmp_path / "own.sql").write_text(own)
    story = BY_CAUSE["device_reregistered"]()
    story.refuse(lambda record: record["UserId"] in {"user-3", "user-5"})
    con = land(story)
    judged(con, folder=tmp_path)
    assert con.execute("SELECT failures FROM incidents ORDER BY failures").fetchall() == [(19,), (38,)]
    gathered = [con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in evidence.VIEWS]
    evidence.gather(here(con))
    assert gathered == [con.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in evidence.VIEWS]


def test_a_device_that_failed_from_its_first_moment_on_is_unexplained(
    land: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    newcomer = {"UserId": "user-99", "UserPrincipalName": "new@example.org", "ResultType": "50099"}
    own = {"deviceId": "device-99", "displayName": "PC-99", "operatingSystem": "Windows10", "browser": "Broker 5.1"}
    tries = [attempt(0, ONSET + timedelta(hours=hour), DeviceDetail=own, **newcomer) for hour in range(9)]
    con = land(calm().add(*tries))
    judged(con)
    assert con.execute("SELECT scope, cause FROM found_incidents").fetchall() == [("device=device-99", "unexplained")]


def test_in_a_first_run_an_incident_is_new_or_after_a_quiet_day_resolved(
    land: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    con = land(BY_CAUSE["device_key_lost"]())  # its last failure is on the ninth at 17:00
    assert judged(con, datetime(2026, 10, 10)).statuses == {"new": 1}
    con.execute("DELETE FROM last_judgement")
    assert judged(con, datetime(2026, 10, 12)).statuses == {"resolved": 1}


def test_against_the_run_before_an_incident_is_new_then_ongoing_then_resolved(
    land: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    con = land(BY_CAUSE["device_key_lost"]())
    assert judged(con, ONSET).statuses == {}
    seen = [judged(con, until).statuses for until in (datetime(2026, 10, 9), datetime(2026, 10, 10), UNTIL)]
    assert seen == [{"new": 1}, {"ongoing": 1}, {"resolved": 1}]


def test_the_same_records_and_window_give_the_same_rows(land: Callable[[Story], duckdb.DuckDBPyConnection]) -> None:
    rows = []
    for _ in range(2):
        con = land(BY_CAUSE["client_version_regression"]())
        judged(con)
        rows.append(everything(con))
    assert rows[0] == rows[1]


def test_a_users_rule_may_name_a_cause_of_its_own(
    land: Callable[[Story], duckdb.DuckDBPyConnection], tmp_path: Path
) -> None:
    con = land(BY_CAUSE["device_key_lost"]())
    (tmp_path / "own.sql").write_text(OWN.format(odds="9e0"))
    assert judged(con, folder=tmp_path).not_evaluable == {
        rule.id: "AuditLogs holds no record" for rule in rules.load() if "table:AuditLogs" in rule.requires
    }
    assert con.execute("SELECT cause FROM causes WHERE rank = 1").fetchall() == [("own_cause",)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OWN.format(odds="CAST(evidence AS DOUBLE)"), "line 4"),
        (OWN.format(odds="CAST(top_device AS DOUBLE)"), "it failed"),
        ("DROP TABLE found_incidents", "DROP statement"),
    ],
)
def test_a_rule_that_is_refused_or_fails_is_named_by_its_file_and_the_night_is_done(
    land: Callable[[Story], duckdb.DuckDBPyConnection], tmp_path: Path, text: str, said: str
) -> None:
    con = land(BY_CAUSE["device_key_lost"]())
    path = tmp_path / "own.sql"
    path.write_text(text)
    left_out = judged(con, folder=tmp_path).not_evaluable
    assert said in left_out[str(path)]
    assert con.execute("SELECT cause FROM found_incidents").fetchall() == [("device_key_lost",)]


def test_a_rule_that_does_not_end_is_cut_off(
    land: Callable[[Story], duckdb.DuckDBPyConnection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "_RULE_SECONDS", 0.5)
    con = land(BY_CAUSE["device_key_lost"]())
    endless = "(SELECT count(*) FROM range(100000000) AS a(x), range(1000000) AS b(y) WHERE x % 7 = y % 11)"
    (tmp_path / "own.sql").write_text(OWN.format(odds=endless))
    assert "cut off" in judged(con, folder=tmp_path).not_evaluable[str(tmp_path / "own.sql")]


def test_a_users_rule_sees_scope_status_and_counts_of_the_incidents(
    land: Callable[[Story], duckdb.DuckDBPyConnection], tmp_path: Path
) -> None:
    con = land(BY_CAUSE["device_key_lost"]())
    seen = (
        OWN.format(odds="9e0").replace("FROM incident_facts", "FROM incidents")
        + "WHERE scope LIKE 'device=%' AND status = 'resolved' AND sign_ins > 0 AND users = 1 AND apps > 0"
    )
    (tmp_path / "own.sql").write_text(seen)
    judged(con, folder=tmp_path)
    assert con.execute("SELECT cause FROM causes WHERE rank = 1").fetchall() == [("own_cause",)]


def test_a_users_rule_that_takes_all_memory_is_refused_it_and_the_limit_is_lifted_after_it(
    land: Callable[[Story], duckdb.DuckDBPyConnection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "_RULE_MEMORY", "200MB")
    con = land(BY_CAUSE["device_key_lost"]())
    limit = con.execute("SELECT current_setting('memory_limit')").fetchall()
    (tmp_path / "own.sql").write_text(
        OWN.format(odds="(SELECT length(CAST(list(x) AS VARCHAR)) FROM range(90000000) AS a(x))")
    )
    assert "memory" in judged(con, folder=tmp_path).not_evaluable[str(tmp_path / "own.sql")].lower()
    assert con.execute("SELECT current_setting('memory_limit')").fetchall() == limit


@pytest.mark.parametrize("tenant", ["alpha", "beta", "gamma", "delta", "epsilon"])
def test_most_incidents_of_a_labelled_tenant_are_found_and_a_quiet_one_is_quiet(
    shared: Path, tenant: str, landed: Callable[..., duckdb.DuckDBPyConnection]
) -> None:
    folder = shared / "tenants" / tenant
    labels = json.loads((folder / "labels.json").read_text())
    frames = {file.stem: pl.read_parquet(file) for file in sorted(folder.glob("*.parquet"))}
    # JSON is read as bytes
    con = landed(*(Page(table, frame.cast({pl.Binary: pl.String})) for table, frame in frames.items()))
    judge.judge(con, rules.load(), datetime.fromisoformat(labels["since"]), datetime.fromisoformat(labels["until"]))
    causes = dict(con.execute("SELECT incident_id, cause FROM found_incidents").fetchall())
    owned: dict[str, set[str]] = {incident_id: set() for incident_id in causes}
    for incident_id, sign_in_id in con.execute("SELECT incident_id, sign_in_id FROM incident_failures").fetchall():
        owned[incident_id].add(sign_in_id)
    found = []
    for truth in labels["incidents"]:
        match = max(owned, key=lambda one: _f1(owned[one], truth["failures"]))
        if _f1(owned[match], truth["failures"]) >= 0.5:
            found.append(causes[match] == truth["cause"])
    assert len(owned) - len(found) <= 1  # false alarms
    assert 2 * sum(found) >= len(labels["incidents"])


def _f1(found: set[str], truth: Sequence[str]) -> float:
    return 2 * len(found.intersection(truth)) / (len(found) + len(truth))
