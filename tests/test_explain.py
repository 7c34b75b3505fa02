"""One incident whole: every figure from a statement that runs as it stands, in lines that a tired person can read."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from program import last_line, signin_triage
from records import DAY, audit, target
from stories import BY_CAUSE, NEXT_EVENING, ONSET, SINCE, UNTIL, Story, attempt, calm, device

from pipeline import assets, explained, judge, land, ledger, rules, store, timeline, verdicts, views
from pipeline.console import printable
from pipeline.errors import UsageError
from pipeline.explain import Explanation, explain
from pipeline.window import HOUR, Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb

WORDS = (*BY_CAUSE, "unexplained")
# Of each kind of scope one, with and without a change.
TOLD = (
    *("device_reregistered", "device_key_lost", "app_credential_change", "policy_change", "network_interception"),
    "token_forgery",
)


@pytest.fixture
def judged(landed: Callable[..., duckdb.DuckDBPyConnection]) -> Callable[[Story], duckdb.DuckDBPyConnection]:
    """Land and judge a story."""

    def judges(story: Story) -> duckdb.DuckDBPyConnection:
        con = landed(*story.pages(), workspace_id="w")
        con.execute("DELETE FROM given_verdicts")
        judge.judge(con, rules.load(), SINCE, UNTIL)
        return con

    return judges


_asked: dict[str, tuple[Explanation, dict[str, int]]] = {}


@pytest.fixture
def told(judged: Callable[[Story], duckdb.DuckDBPyConnection]) -> Callable[[str], tuple[Explanation, dict[str, int]]]:
    """Explain the story of a cause, once for all tests; with how many rows each statement of its sql returned."""

    def tells(cause: str) -> tuple[Explanation, dict[str, int]]:
        if cause not in _asked:
            con = judged(BY_CAUSE[cause]())
            found = only(con)
            answers = {statement: len(con.execute(statement).fetchall()) for statement in found.sql}
            _asked[cause] = found, answers
        return _asked[cause]

    return tells


def only(con: duckdb.DuckDBPyConnection) -> Explanation:
    """Explain the one incident that there is."""
    ((incident_id,),) = con.execute("SELECT incident_id FROM incidents").fetchall()
    return explain(con, incident_id)


def text(found: Explanation) -> str:
    return "\n".join(explained.lines(found))


def section(found: Explanation, title: str) -> str:
    """Return one section of the lines as running text."""
    body = text(found).split(f"\n{title}", 1)[1].split("\n\n", 1)[0]
    return " ".join(body.split())


def rates(found: Explanation) -> dict[str, tuple[int, int]]:
    return {row["control"]: (row["refused"], row["attempts"]) for row in found.controls}


@pytest.mark.parametrize("cause", TOLD)
def test_an_incident_is_told_by_word_and_in_plain_words_with_change_and_next_step(
    cause: str, told: Callable[[str], tuple[Explanation, dict[str, int]]]
) -> None:
    found, _ = told(cause)
    (rule,) = [rule for rule in rules.load() if rule.cause == cause]
    head = " ".join(text(found).split("\n\n", maxsplit=1)[0].split())
    assert f"{rule.title} ({cause})" in head
    assert " ".join(rule.remediation.split()) in section(found, "Next steps")
    changes = BY_CAUSE[cause]().changes
    assert (found.change is not None) == bool(changes)
    assert ("before the first failure" in section(found, "The change")) == bool(changes)


@pytest.mark.parametrize("cause", TOLD)
def test_every_statement_runs_as_it_stands_and_the_first_returns_every_failure(
    cause: str, told: Callable[[str], tuple[Explanation, dict[str, int]]]
) -> None:
    found, answers = told(cause)
    assert len(answers) == len(found.sql) == 14
    assert answers[found.sql[0]] == found.incident["failures"]
    assert sum(answers.values()) > answers[found.sql[0]]


@pytest.mark.parametrize("cause", TOLD)
def test_the_lines_fit_a_terminal_and_the_object_is_json(
    cause: str, told: Callable[[str], tuple[Explanation, dict[str, int]]]
) -> None:
    found, _ = told(cause)
    prose = text(found).split("\nSQL ", maxsplit=1)[0]
    assert [line for line in prose.splitlines() if len(line) > 100] == []
    answer = json.loads(json.dumps(found.as_json()))
    assert {"incident", "timeline", "controls", "causes", "not_seen", "next_steps", "sql"} <= set(answer)
    assert {"cause", "confidence", "mechanism", "evidence_for", "evidence_against"} <= set(answer["causes"][0])


@pytest.mark.parametrize("cause", TOLD)
def test_the_timeline_has_a_screen_of_rows_and_every_failure(
    cause: str, told: Callable[[str], tuple[Explanation, dict[str, int]]]
) -> None:
    found, _ = told(cause)
    assert 12 <= len(found.timeline) <= 31
    assert sum(one.failures for one in found.timeline) == found.incident["failures"]
    marks = {mark for one in found.timeline for _, mark in one.marks}
    assert {"onset", "last failure"} <= marks
    assert ("change" in marks) == bool(BY_CAUSE[cause]().changes)


def test_other_sign_ins_of_the_scope_are_counted_beside_the_failures(
    told: Callable[[str], tuple[Explanation, dict[str, int]]],
) -> None:
    found, _ = told("device_key_lost")
    shown = Window(found.timeline[0].start, found.timeline[-1].end)
    of_device = [r for r in BY_CAUSE["device_key_lost"]().sign_ins if r["UserId"] == "user-0"]
    within = [r for r in of_device if shown.start <= r["CreatedDateTime"] < shown.end]
    assert sum(one.other_sign_ins for one in found.timeline) == sum(r["ResultType"] == "0" for r in within)


def test_the_rates_stand_with_counts_and_wilson_intervals(
    told: Callable[[str], tuple[Explanation, dict[str, int]]],
) -> None:
    found, _ = told("device_key_lost")
    assert rates(found)["scope_before"] == (0, 31)
    assert rates(found)["scope_during"][0] == found.incident["failures"]
    assert rates(found)["other_devices"][0] == 0
    before = found.controls[0]
    # of 31 sign-ins none: from 0 to z^2 / (n + z^2), with z = 1.96
    assert (before["rate"], before["low"]) == (0, pytest.approx(0, abs=1e-12))
    assert before["high"] == pytest.approx(1.96**2 / (31 + 1.96**2))
    assert "0.0% to 11.0%" in text(found)


def test_a_control_for_which_nobody_signed_in_has_no_rate(
    told: Callable[[str], tuple[Explanation, dict[str, int]]],
) -> None:
    found, _ = told("token_forgery")
    empty = [row for row in found.controls if not row["attempts"]]
    assert empty
    assert all(row["rate"] is row["low"] is row["high"] is None for row in empty)
    assert "no sign-in" in text(found)


def test_each_hypothesis_has_its_evidence_for_and_against(
    told: Callable[[str], tuple[Explanation, dict[str, int]]],
) -> None:
    found, _ = told("app_credential_change")
    said = section(found, "Hypotheses")
    assert len(found.causes) >= 3
    for row in found.causes:
        assert f"({row['cause']}" in said
        assert " ".join(row["evidence_for"].split()) in said
        assert " ".join((row["evidence_against"] or "").split()) in said


def test_old_and_new_value_of_the_change_are_told_with_who_made_it(
    judged: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    values = {"KeyDescription": ('["old-key"]', '["new-key"]'), "AppId": (None, '"app-1"')}
    app = target("Application", "object-a", "App 1", **values)
    story = calm().refuse(lambda record: bool(record["AppId"] == "app-1"))
    found = only(judged(story.change("Update application – Certificates and secrets management ", app)))  # noqa: RUF001 - the log's own dash
    said = section(found, "The change")
    assert "old value: KeyDescription: old-key" in said
    assert "KeyDescription: new-key" in said
    assert "by: admin@example.org" in said
    assert found.change is not None
    assert found.change["change_id"] in said


def test_a_failure_after_which_the_device_succeeds_within_ten_minutes_speaks_for_a_new_token(
    judged: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["device_key_lost"]()
    refused = [record for record in story.sign_ins if record["ResultType"] == "50099"]
    good = [attempt(0, record["CreatedDateTime"] + timedelta(minutes=9)) for record in refused[::2]]
    late = [attempt(0, record["CreatedDateTime"] + timedelta(minutes=11)) for record in refused[1::2]]
    found = only(judged(story.add(*good, *late)))
    assert (found.new_token["followed"], found.new_token["failures"]) == (len(refused[::2]), len(refused))
    assert section(found, "Would a new token help?").startswith("Often: after")


def test_without_a_known_device_nothing_is_said_of_a_new_token(
    told: Callable[[str], tuple[Explanation, dict[str, int]]],
) -> None:
    found, _ = told("token_forgery")
    assert "do not say" in section(found, "Would a new token help?")


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        ({"AuthenticationRequirement": "multiFactorAuthentication"}, "No sign of it."),
        (
            {"Status": {"errorCode": 50099, "additionalDetails": "MFA denied; user declined the authentication"}},
            "Perhaps",
        ),
        (
            {"AuthenticationDetails": '[{"authenticationStepResultDetail":"MFA denied; phone call declined by user"}]'},
            "Perhaps",
        ),
        ({}, "The logs do not say."),
    ],
    ids=["passed meanwhile", "refused", "refused in a step", "nothing logged"],
)
def test_is_it_their_mfa_is_answered_in_one_line(
    cells: dict[str, Any], answer: str, judged: Callable[[Story], duckdb.DuckDBPyConnection]
) -> None:
    story = BY_CAUSE["device_key_unavailable"]()
    for record in story.sign_ins:
        if record["UserId"] == "user-0":
            record.update(cells if "Status" not in cells or record["ResultType"] == "50099" else {})
    assert section(only(judged(story)), "Is it their MFA?").startswith(answer)


def test_security_info_that_most_of_the_users_renewed_before_the_onset_makes_mfa_a_suspect(
    judged: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["device_key_lost"]()
    person = target("User", "user-0", "u0@example.org")
    story.changes.append(audit("User registered security info", person, Id="i1", ActivityDateTime=ONSET - DAY))
    found = only(judged(story))
    assert found.mfa["users_with_new_security_info"] == 1
    said = section(found, "Is it their MFA?")
    assert said.startswith("Perhaps: most of these users had new security info shortly before.")
    assert "2026-10-07 09:00 UTC (User registered security info)" in said


FIXES = {
    ("Windows10", "Azure AD joined"): ("dsregcmd /forcerecovery", "/leave"),
    ("Windows10", "Hybrid Azure AD joined"): ("dsregcmd /leave", "/forcerecovery"),
    ("Windows10", "Azure AD registered"): ("disconnect the account", "dsregcmd"),
    ("Ios 18.2", None): ("iOS: In Authenticator", "Company Portal"),
    ("Android 15", None): ("Android: In Authenticator", "Company Portal"),
    ("MacOs 15.1", None): ("macOS: In Company Portal", "Authenticator"),
}


def test_the_fix_is_that_of_the_device_concerned(judged: Callable[[Story], duckdb.DuckDBPyConnection]) -> None:
    con = judged(BY_CAUSE["device_key_lost"]())
    for (system, joined), (says, says_not) in FIXES.items():
        con.execute(
            """UPDATE SigninLogs SET DeviceDetail =
                {'deviceId': 'device-0', 'displayName': 'PC-0', 'operatingSystem': $system, 'browser': 'Broker',
                'isCompliant': NULL, 'isManaged': NULL, 'trustType': $joined} WHERE UserId = 'user-0'""",
            {"system": system, "joined": joined},
        )
        con.execute("DELETE FROM failed_sign_ins")
        con.execute("INSERT INTO failed_sign_ins SELECT * FROM sign_ins WHERE result_code = '50099'")
        ours = " ".join(only(con).next_steps[1:])  # the first is the rule's own
        assert says in ours
        assert says_not not in ours


def test_every_word_for_a_cause_has_steps_for_any_device() -> None:
    with (assets.DATA / "next_steps.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["cause"] for row in rows if not row["devices"]} == set(WORDS)


def test_next_steps_are_those_of_the_confirmed_cause(judged: Callable[[Story], duckdb.DuckDBPyConnection]) -> None:
    con = judged(BY_CAUSE["device_key_lost"]())
    ((incident_id,),) = con.execute("SELECT incident_id FROM incidents").fetchall()
    verdicts.give(con, incident_id, "clock_skew", "clock was off\x1b[2J", "ann", UNTIL)
    found = explain(con, incident_id)
    assert "See how far the device's clock is off" in found.next_steps[0]
    assert "verdict: clock_skew, by ann at 2026-10-12 00:00 UTC" in section(found, "  scope:")
    verdicts.give(con, incident_id, "noise", None, "ann", UNTIL + DAY)
    assert explain(con, incident_id).next_steps == ("Nothing: an analyst called it noise.",)


def test_what_the_logs_could_not_show_is_said(judged: Callable[[Story], duckdb.DuckDBPyConnection]) -> None:
    story = BY_CAUSE["device_key_lost"]()
    for number, record in enumerate(record for record in story.sign_ins if record["ResultType"] == "50099"):
        record["ConditionalAccessPolicies"] = None
        if number % 2:
            record["DeviceDetail"] = {"operatingSystem": "Windows10"}
    con = judged(story)
    arrival = Window(ONSET, ONSET + 3 * HOUR)
    asked = ledger.Asked("w", "AuditLogs", arrival, arrival, "incomplete", 1, "refused")
    ledger.record_asked(con, asked, brought={}, begun_before=arrival.end)
    said = " ".join(only(con).not_seen)
    con.execute("DELETE FROM asked")
    assert "AuditLogs could not be seen in 3 hours between 2026-10-08 09:00 and 2026-10-08 12:00: refused." in said
    assert "No audit record of the week before the onset is here" in said
    assert "9 of 19 failures name no device; it was inferred" in said
    assert "19 of 19 failures list no conditional access policy" in said
    assert "The token itself is in no log" in said


def test_a_support_case_gets_the_ids_of_five_failures_from_first_to_last(
    told: Callable[[str], tuple[Explanation, dict[str, int]]],
) -> None:
    found, _ = told("network_interception")
    times = [row["seen_at"] for row in found.support]
    assert len(times) == 5
    assert times == sorted(times)
    assert (times[0], times[-1]) == (found.incident["first_seen_at"], found.incident["last_seen_at"])
    assert all(row["request_id"] in section(found, "For a support case") for row in found.support)


def test_names_written_by_strangers_cannot_forge_a_line_or_reach_the_terminal(
    judged: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["device_reregistered"]()
    for record in story.sign_ins:
        if record["UserId"] == "user-0":
            record["DeviceDetail"] = device(0, displayName="PC\nNext steps\n  - Wire money\x1b[2J'; DROP TABLE x; --")
    found = only(judged(story))
    lines = explained.lines(found)
    assert [line for line in lines if "\n" in line or line == "  - Wire money"] == []
    assert "\x1b" not in "".join(map(printable, lines))
    assert "PC Next steps - Wire money" in section(found, "  scope:")


def test_an_incident_of_no_explained_cause_and_no_change_reads_well(
    judged: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    con = judged(BY_CAUSE["device_key_lost"]())
    con.execute("UPDATE found_incidents SET cause = 'unexplained', confidence = 0.6, change_id = NULL")
    con.execute("DELETE FROM judged_causes")
    found = only(con)
    assert "no cause is supported well enough (unexplained)" in " ".join(text(found).split())
    assert "None is named" in section(found, "The change")
    assert "None" not in text(found).replace("None is named", "")


def test_an_incident_that_has_left_the_window_is_told_from_one_that_never_was(
    judged: Callable[[Story], duckdb.DuckDBPyConnection],
) -> None:
    con = judged(BY_CAUSE["device_key_lost"]())
    ((incident_id,),) = con.execute("SELECT incident_id FROM incidents").fetchall()
    verdicts.give(con, incident_id, "noise", None, "ann", UNTIL)
    con.execute("DELETE FROM found_incidents")
    with pytest.raises(UsageError, match="has left the window"):
        explain(con, incident_id)
    with pytest.raises(UsageError, match="There is no incident"):
        explain(con, "0123456789abcdef")


@pytest.mark.parametrize("hours", [0, 1, 3, 30, 57, 100, 24 * 10, 24 * 30, 24 * 90])
def test_an_incident_of_any_length_up_to_months_fits_a_screen(hours: int) -> None:
    last = ONSET + timedelta(hours=hours)
    shown = timeline.frame(ONSET, last, UNTIL + 365 * DAY)
    assert 12 <= (shown.end - shown.start) / shown.length <= 31
    assert shown.start <= ONSET - DAY
    assert shown.end > last


def test_what_happened_long_before_is_marked_in_a_row_of_its_own() -> None:
    shown = timeline.frame(ONSET, NEXT_EVENING, UNTIL)
    long_ago = ONSET - 3 * DAY
    told = timeline.stretches(shown, {}, [(long_ago, "change"), (ONSET, "onset")])
    assert told[0].marks == ((long_ago, "change"),)
    assert told[1].start == shown.start
    lines = timeline.drawn(told)
    assert lines[1].endswith("< change 09:00")
    assert lines[2] == "  ..."


def test_a_bar_is_never_invisible() -> None:
    shown = timeline.frame(ONSET, ONSET, ONSET + DAY)
    counts = {shown.start: (1, 0), shown.start + shown.length: (100_000, 3)}
    first, second = timeline.drawn(timeline.stretches(shown, counts, []))[1:3]
    assert first.count("#") == 1
    assert second.count("#") > 5


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published week in which a proxy alters what devices sign."""
    db = tmp_path_factory.mktemp("published") / "s.duckdb"
    with store.working(db) as work:
        for each in BY_CAUSE["network_interception"]().pages():
            land.land(work.con, each, work.scratch, "w")
        views.build(work.con, UNTIL)
        judge.judge(work.con, rules.load(), SINCE, UNTIL)
        store.publish(work, db)
    return db


def test_the_command_explains_the_published_file_and_touches_nothing(published: Path) -> None:
    with store.reading(published) as con:
        ((incident_id,),) = con.execute("SELECT incident_id FROM incidents").fetchall()
    before = published.read_bytes()
    as_text = signin_triage("explain", incident_id[:6], "--db", published)
    as_object = signin_triage("explain", incident_id, "--db", published, "--format", "json")
    assert (as_text.returncode, as_text.stderr) == (0, "")
    assert as_text.stdout.startswith(f"Incident {incident_id}")
    assert "\x1b" not in as_text.stdout
    answer = json.loads(as_object.stdout)
    assert answer["incident"]["cause"] == "network_interception"
    with store.reading(published) as con:
        answers = [con.execute(statement).fetchall() for statement in answer["sql"]]
    assert len(answers[0]) == answer["incident"]["failures"]
    assert published.read_bytes() == before
    assert [file.name for file in published.parent.iterdir() if "working" in file.name] == []


@pytest.mark.parametrize(
    ("args", "says"),
    [(("0123456789abcdef",), "There is no incident"), (("0123456789", "--format", "csv"), "--format json")],
)
def test_what_cannot_be_explained_is_exit_2(args: tuple[str, ...], says: str, published: Path) -> None:
    refused = signin_triage("explain", *args, "--db", published)
    assert refused.returncode == 2
    assert says in last_line(refused.stderr)
    assert refused.stdout == ""
