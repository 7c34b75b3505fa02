"""The closing story: plain about a quiet night, about holes, and never longer than a screen."""

from __future__ import annotations

import io
import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from records import DAY, MORNING, WINDOW, add_incident, audit, failure, page, sign_in

from pipeline import ledger, output, story
from pipeline.ledger import Asked
from pipeline.pages import TABLES
from pipeline.window import HOUR, Window
from pipeline.wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    Land = Callable[..., duckdb.DuckDBPyConnection]


def ask(con: duckdb.DuckDBPyConnection, table: str, status: str, note: str | None = None, workspace: str = "w") -> None:
    """Enter six hours of a table into the coverage."""
    arrival = Window(MORNING, MORNING + 6 * HOUR)
    asked = Asked(workspace, table, arrival, WINDOW, status, 1, note)
    ledger.record_asked(con, asked, brought={}, begun_before=arrival.end)


def told(con: duckdb.DuckDBPyConnection) -> story.Story:
    return story.tell(con, WINDOW, "run-1")


def text(con: duckdb.DuckDBPyConnection) -> str:
    return "\n".join(told(con).lines)


def test_a_night_without_failures_says_so_plainly(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in(), sign_in(Id="b")))
    ask(con, "SigninLogs", "complete")
    assert "No device signature was refused: 2 sign-ins were seen, and the coverage is whole." in told(con).lines
    assert told(con).summary.complete


def test_a_night_of_which_nothing_landed_is_not_called_a_quiet_one(landed: Land) -> None:
    said = text(landed())
    assert "No sign-in of this window has landed" in said
    assert "No device signature was refused" not in said


def test_a_window_that_nobody_asked_for_is_not_called_complete(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in()))
    ask(con, "SigninLogs", "complete")
    month_before = Window(WINDOW.start - 30 * DAY, WINDOW.end - 30 * DAY)
    said = story.tell(con, month_before, "run-1").summary.text
    assert said.endswith("coverage not known")


def test_a_quiet_night_with_holes_is_not_called_whole(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in()))
    ask(con, "SigninLogs", "incomplete", "gave up")
    assert "part of the logs was not" in text(con)
    assert "the coverage is whole" not in text(con)


def test_hours_that_could_not_be_seen_are_named_with_table_and_reason(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in()))
    ask(con, "AuditLogs", "incomplete", "the identity may not read it")
    (line,) = [line for line in told(con).lines if "AuditLogs" in line]
    assert "6 hours between 2026-10-14 08:00 and 2026-10-14 14:00" in line
    assert "the identity may not read it" in line
    assert not told(con).summary.complete


def test_each_table_with_holes_is_named(landed: Land) -> None:
    con = landed()
    for workspace in ("w1", "w2"):
        for table in TABLES:
            ask(con, table, "incomplete", "gave up", workspace)
    assert [table for table in TABLES if table not in text(con)] == []


def test_a_table_that_the_workspace_lacks_is_named_and_makes_nothing_incomplete(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in()))
    ask(con, "ADFSSignInLogs", "absent", "the workspace has no table ADFSSignInLogs")
    assert "Not in the workspace: ADFSSignInLogs." in told(con).lines
    assert told(con).summary.complete


def test_holes_outside_the_window_are_not_this_nights(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in()))
    long_ago = Window(WINDOW.start - DAY, WINDOW.start - DAY + HOUR)
    ledger.record_asked(
        con,
        Asked("w", "SigninLogs", long_ago, long_ago, "incomplete", 1, "gave up"),
        brought={},
        begun_before=MORNING,
    )
    assert told(con).summary.complete


def test_the_worst_of_nights_is_told_in_thirty_lines(landed: Land) -> None:
    con = landed(
        page("SigninLogs", *(failure(Id=f"{n}") for n in range(300))), page("AuditLogs", audit("Delete device"))
    )
    for number in range(60):
        add_incident(con, f"incident-{number}", failures=4, change_id="change-1", change_workspace_id="")
    for workspace in map(str, range(5)):
        for table in TABLES:
            ask(con, table, "absent" if table == "ADFSSignInLogs" else "incomplete", "gave up", workspace)
    assert len(text(con).splitlines()) <= 30


def test_incidents_without_room_are_counted(landed: Land) -> None:
    con = landed(page("SigninLogs", failure()))
    for number in range(60):
        add_incident(con, f"incident-{number}")
    shown = sum("incident incident-" in line for line in told(con).lines)
    assert f"and {60 - shown} smaller ones in incidents.csv" in told(con).lines


def test_an_incident_is_told_with_its_change_and_who_made_it(landed: Land) -> None:
    con = landed(page("SigninLogs", failure()), page("AuditLogs", audit("Delete device")))
    add_incident(con, "incident-1", change_id="change-1", change_workspace_id="", summary="A laptop fails.")
    said = text(con)
    assert "incident-1" in said
    assert "A laptop fails." in said
    assert "After Delete device by admin@example.org at 2026-10-14 08:00 UTC." in said


def test_a_stranger_cannot_add_lines_to_the_story(landed: Land) -> None:
    forged = "Eve\nNo device signature was refused: 9 sign-ins were seen"
    change = audit("Delete device", InitiatedBy={"user": {"displayName": forged}})
    con = landed(page("SigninLogs", failure()), page("AuditLogs", change))
    add_incident(con, "incident-1", change_id="change-1", change_workspace_id="")
    assert [line for line in told(con).lines if len(line.splitlines()) > 1] == []


def test_failures_of_no_incident_are_counted_as_such(landed: Land) -> None:
    con = landed(page("SigninLogs", *(failure(Id=f"{n}") for n in range(5))), workspace_id="w")
    add_incident(con, "incident-1", failures=3)
    con.execute("INSERT INTO incident_failures SELECT 'incident-1', 'w', 'SigninLogs', unnest(['0', '1', '2'])")
    assert "2 refused signatures belong to no incident." in told(con).lines


def test_an_incident_that_is_larger_than_the_window_hides_no_failure_of_none(landed: Land) -> None:
    early = failure(Id="early", CreatedDateTime=WINDOW.start - HOUR)
    con = landed(page("SigninLogs", failure(Id="stray"), early), workspace_id="w")
    add_incident(con, "incident-1", first_seen_at=WINDOW.start - HOUR, failures=40)
    con.execute("INSERT INTO incident_failures VALUES ('incident-1', 'w', 'SigninLogs', 'early')")
    assert "1 refused signature belongs to no incident." in told(con).lines


def test_neighbouring_codes_are_counted_by_the_whole_code(landed: Land) -> None:
    codes = ["50155", "700003", "70003", "700030", "500991", "50099", "50097"]
    con = landed(page("SigninLogs", *(sign_in(Id=code, ResultType=code) for code in codes)))
    (line,) = [line for line in told(con).lines if line.startswith("Neighbouring")]
    assert [word.strip(",.") for word in line.split() if word.strip(",.") == "1"] == ["1"] * 4


def test_the_object_for_programs_counts_what_the_window_holds(landed: Land) -> None:
    outside = sign_in(Id="late", CreatedDateTime=WINDOW.end)
    con = landed(
        page("SigninLogs", sign_in(), failure(Id="b"), outside),
        page("AuditLogs", audit("Delete device"), audit("Reset user password", Id="c2")),
    )
    for number, status in enumerate(["new", "new", "ongoing", "resolved"]):
        add_incident(con, f"incident-{number}", status=status)
    summary: dict[str, Any] = told(con).summary.as_json()
    assert summary.pop("text")
    assert summary == {
        "run_id": "run-1",
        "status": "complete",
        "since": "2026-10-13T08:00:00Z",
        "until": "2026-10-16T08:00:00Z",
        "sign_ins": 2,
        "failures": 1,
        "changes": 1,
        "incidents": {"new": 2, "ongoing": 1, "resolved": 1},
        "complete": True,
    }


def test_the_text_of_the_object_is_one_line_fit_for_a_mail_subject(landed: Land) -> None:
    con = landed(page("SigninLogs", failure()))
    add_incident(con, "incident-1")
    subject = told(con).summary.text
    assert "1 incident (1 new, 0 ongoing, 0 resolved)" in subject
    assert len(subject.splitlines()) == 1
    assert len(subject) < 250


def test_an_incident_that_ended_before_the_window_is_not_told(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in()))
    add_incident(con, "incident-1", first_seen_at=MORNING - 9 * DAY, last_seen_at=MORNING - 8 * DAY)
    assert "incident-1" not in text(con)


def test_a_going_incident_is_told_before_a_larger_one_that_is_over(landed: Land) -> None:
    con = landed(page("SigninLogs", failure()))
    add_incident(con, "over", failures=900, status="resolved")
    add_incident(con, "going", failures=9, status="ongoing", last_seen_at=MORNING + timedelta(hours=9))
    said = text(con)
    assert said.index("incident going") < said.index("incident over")


def hostile_night(landed: Land) -> duckdb.DuckDBPyConnection:
    """Return a night of 200 incidents with names as strangers choose them."""
    names = [
        "x" * 5_000,
        "名前 " * 200,
        "\x1b[2Jgone\x1b]0;title\x07",
        "\N{RIGHT-TO-LEFT OVERRIDE}eve",
        "🦆" * 300,
        "a\nb",
    ]
    changes = [
        audit("Delete device", Id=f"c{n}", InitiatedBy={"user": {"displayName": names[n % 6]}}) for n in range(200)
    ]
    con = landed(page("SigninLogs", *(failure(Id=f"{n}") for n in range(300))), page("AuditLogs", *changes))
    for number in range(200):
        cells = {
            "change_id": f"c{number}",
            "change_workspace_id": "",
            "summary": f"{names[number % 6]}; likely cause: it.",
        }
        add_incident(con, f"incident-{number}", failures=1, **cells)
    return con


@pytest.mark.parametrize("width", [None, 40, 60, 80, 200])
def test_two_hundred_incidents_with_hostile_names_are_told_in_thirty_lines(landed: Land, width: int | None) -> None:
    lines = told(hostile_night(landed)).fitted(width)
    assert len(lines) <= 30
    assert [line for line in lines if len(line.splitlines()) > 1] == []
    assert "incident incident-" in " ".join(" ".join(lines).split())
    assert any(line.strip().startswith("and ") and "smaller ones" in line for line in lines)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(landed: Land, width: int) -> None:
    lines = told(hostile_night(landed)).fitted(width)
    assert max(len(line) + sum(char in "名前🦆" for char in line) for line in lines) <= width


def test_lines_are_broken_between_words_and_go_on_indented() -> None:
    assert wrapped("    one two three", 12) == ["    one two", "      three"]
    assert wrapped("名前名前名前", 8) == ["名前名前", "  名前"]
    assert wrapped("a   b", 8) == ["a   b"]


def test_an_incident_is_told_with_the_verdict_of_an_analyst(landed: Land) -> None:
    con = landed(page("SigninLogs", failure()))
    add_incident(con, "incident-1")
    con.execute(
        """INSERT INTO given_verdicts BY NAME
        SELECT 'incident-1' AS incident_id, 'clock_skew' AS cause, $1 AS confirmed_at, 'eve' AS confirmed_by,
            's' AS scope, $1 AS first_seen_at, $1 AS last_seen_at, 1 AS failures, 'unexplained' AS first_cause,
            [] AS hypotheses""",
        [MORNING],
    )
    assert "incident incident-1; an analyst's verdict: clock_skew" in text(con)


def test_since_the_last_run_new_incidents_are_told_and_the_others_counted(landed: Land) -> None:
    con = landed(page("SigninLogs", failure()))
    for name, status in (("fresh", "new"), ("known", "ongoing"), ("over", "resolved")):
        add_incident(con, name, status=status)
    whole, since_last = told(con), story.tell(con, WINDOW, "run-1", since_last=True)
    assert since_last.summary == whole.summary
    assert "Since the run before 1 incident is new; 2 others (ongoing or resolved) left out." in since_last.lines
    assert [name for name in ("fresh", "known", "over") if f"incident {name}" in "\n".join(since_last.lines)] == [
        "fresh"
    ]


class Terminal(io.StringIO):
    """What a terminal is told."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdout", "environment", "coloured"),
    [
        (Terminal, {"TERM": "xterm"}, True),
        (Terminal, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them_and_say_nothing_by_themselves(
    landed: Land,
    monkeypatch: pytest.MonkeyPatch,
    stdout: type[io.StringIO],
    environment: dict[str, str],
    coloured: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (environment | {"COLUMNS": "200"}).items():
        monkeypatch.setenv(name, value)
    con = landed(page("SigninLogs", failure()))
    add_incident(con, "incident-1", summary="A laptop \x1b[31mfails\x1b[0m; confidence 0.90.")
    monkeypatch.setattr(sys, "stdout", screen := stdout())
    output.write_story(told(con), output.Format.table)
    written = screen.getvalue()
    assert ("\x1b[1;33mnew\x1b[0m" in written) == ("\x1b" in written) == coloured
    plain = re.sub(r"\x1b\[[0-9;]*m", "", written)
    assert "new       2026-10-14 08:00" in plain
    assert "A laptop fails; confidence 0.90." in plain
