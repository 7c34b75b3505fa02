"""report.html: what stands on it, that it agrees with the CSV, and that no name in a log becomes a part of it."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from page_nights import (
    LONG,
    NOTE,
    SCRIPT,
    TAG,
    WINDOW,
    Node,
    hostile,
    hostile_page,
    html,
    night,
    parsed,
    quiet,
    quiet_page,
)
from records import WINDOW as RECORDS
from records import add_incident
from stories import ONSET, SINCE, UNTIL, device_key_lost

from pipeline import assets, page, report, rules, store
from pipeline.page import drawing, facts, words
from pipeline.window import HOUR, Window

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

PAGES = (hostile_page, quiet_page)


@cache
def tree() -> Node:
    return parsed(hostile_page())


def card() -> Node:
    return tree().one("article")


def field(name: str) -> str:
    """Return what a card says of one thing."""
    facts = card().one("dl")
    told = dict(zip((each.text for each in facts.all("dt")), facts.all("dd"), strict=True))
    return told[name].text


def row(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return the one incident as the database has it."""
    answer = con.execute("SELECT * FROM incidents")
    columns = [column[0] for column in answer.description or ()]
    (found,) = answer.fetchall()
    return dict(zip(columns, found, strict=True))


def test_a_card_bears_id_cause_change_and_next_step_as_the_csv_has_them(tmp_path: Path) -> None:
    report.write_csv(hostile(), "incidents", WINDOW, tmp_path / "incidents.csv")
    with (tmp_path / "incidents.csv").open(encoding="utf-8", newline="") as file:
        (told,) = csv.DictReader(file)
    assert told["incident_id"] in card().one("p", class_="meta").text
    assert told["next_step"] in card().text
    assert told["cause"] in card().one("h3").text
    for column in ("change", "changed_at", "change_id"):
        assert told[column] in field("Change")
    assert told["scope"] in field("Scope")
    assert told["verdict"] in field("Verdict")


def test_plain_words_stand_beside_the_word_of_a_cause_wherever_one_is_named() -> None:
    (rule,) = [rule for rule in rules.load() if rule.cause == "app_credential_change"]
    assert card().one("h3").text == f"{rule.title} app_credential_change"
    for title in re.findall(r"([^<>]*)<code>app_credential_change</code>", hostile_page()):
        assert title.strip().endswith(rule.title)


def test_a_card_says_how_sure_it_is_and_on_what_that_is_calibrated() -> None:
    assert re.match(r"0\.\d\d, calibrated on \d+ incidents of simulated tenants", field("Confidence"))
    assert field("Mechanism").startswith("doubtful")


def test_a_card_links_the_page_of_its_cause_which_travels_with_it() -> None:
    (link,) = [each for each in card().all("a") if each.attributes["href"].startswith("docs/")]
    assert link.attributes["href"] == "docs/causes/app_credential_change.md"
    assert "app_credential_change.md" in [playbook.name for playbook in page.playbooks()]


def test_every_statement_of_a_card_runs_as_it_stands_and_the_first_returns_the_failures() -> None:
    statements = [each.raw for each in card().all("pre")]
    answers = [len(hostile().execute(statement).fetchall()) for statement in statements]
    assert answers[0] == row(hostile())["failures"] > 0
    assert len(answers) == 5
    assert all(answers)


def test_the_picture_is_told_in_words_with_onset_change_and_control() -> None:
    told = card().one("svg", class_="chart").attributes["aria-label"]
    assert f"change 2026-10-08 08:30, onset {words.minute(row(hostile())['first_seen_at'])}" in told
    assert "the control, outside its scope meanwhile: 0 of" in told
    assert "before the onset: 0 of" in told


def test_the_picture_counts_every_failure_of_the_incident_and_the_control_beside_it() -> None:
    found = facts.gather(hostile(), WINDOW, since_last=False)
    (rows,) = found.timelines.values()
    assert sum(each["failures"] for each in rows) == row(hostile())["failures"]
    before = [each for each in rows if each["starts_at"] < ONSET - HOUR]
    assert sum(each["attempts"] for each in before) > 0
    assert sum(each["refused"] for each in before) == 0
    assert sum(each["outside_attempts"] for each in rows) > sum(each["attempts"] for each in rows)
    assert sum(each["outside_refused"] for each in rows) == 0


def test_the_control_and_the_scope_together_are_all_attempts() -> None:
    found = facts.gather(hostile(), WINDOW, since_last=False)
    ((incident, rows),) = found.timelines.items()
    frame = found.frames[incident]
    ((attempts,),) = (
        hostile()
        .execute(
            "SELECT count(*) FROM sign_ins WHERE result_code IN ('0', '50099') AND seen_at >= ? AND seen_at < ?",
            [frame.start, frame.end],
        )
        .fetchall()
    )
    assert sum(each["attempts"] + each["outside_attempts"] for each in rows) == attempts


def test_an_incident_without_a_change_names_none() -> None:
    told = parsed(html(night(device_key_lost()))).one("article")
    assert told.one("dl").all("dd")[5].text == "none is named"
    assert "old value" not in told.text


def test_the_top_tells_incidents_by_status_and_whether_everything_could_be_seen() -> None:
    tiles = [each.text for each in tree().one("ul", class_="tiles").all("li")]
    assert tiles[:3] == ["0 new", "0 ongoing", "1 resolved"]
    assert tiles[-1] == "in part could be seen"
    assert parsed(quiet_page()).one("ul", class_="tiles").all("li")[-1].text == "all could be seen"


def test_the_coverage_shows_its_holes_and_says_them() -> None:
    (section,) = [each for each in tree().all("section") if each.attributes["aria-labelledby"] == "coverage"]
    hole = f"AuditLogs: 2026-10-06 16:00 to 2026-10-06 19:00 UTC (3 hours): throttled {TAG}"
    assert hole in section.one("svg", class_="chart").attributes["aria-label"]
    assert hole in [each.text for each in section.all("li")]
    assert "Not in the workspace: ADFSSignInLogs." in section.text


def test_a_quiet_night_says_what_was_seen_and_that_it_was_whole() -> None:
    text = parsed(quiet_page()).one("main").text
    assert "A quiet night: no device signature was refused in 840 sign-ins, and the coverage is whole." in text
    assert "SigninLogs 840 0" in text
    assert "50155 device authentication failed 0" in text
    assert not parsed(quiet_page()).all("article")


def test_a_window_in_which_nothing_landed_is_told_apart_from_a_quiet_night() -> None:
    text = parsed(html(quiet(), Window(UNTIL, UNTIL + HOUR))).one("main").text
    assert "nothing can be said of it" in text


def test_a_window_that_nobody_asked_for_is_not_said_to_be_whole() -> None:
    text = parsed(html(quiet(), Window(SINCE - 9 * 24 * HOUR, SINCE - 8 * 24 * HOUR))).one("main").text
    assert "No hour of this window was asked for" in text
    assert "fully answered" not in text


def test_no_name_becomes_markup() -> None:
    text = hostile_page()
    assert not tree().all("img")
    assert len(tree().all("script")) == len(tree().all("style")) == 1
    assert "<b>old" not in text
    assert not [name for node in _every(tree()) for name in node.attributes if name.startswith("on")]
    assert TAG in field("Scope")
    assert SCRIPT in tree().text
    assert TAG in field("Change")


def test_what_a_terminal_obeys_is_visible_and_a_name_cannot_turn_the_page_around() -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", hostile_page())
    assert "gpj.exe[U+202E]cod[U+2066]" in tree().text
    assert "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}" in field("Change")


def test_a_name_of_pages_is_cut_and_says_so() -> None:
    assert LONG not in hostile_page()
    assert "WWWW … (4,000 characters in all)" in tree().text


def test_a_note_of_an_analyst_is_shown_as_it_was_written() -> None:
    assert words.plain(NOTE) in field("Verdict")
    assert "by analyst at 2026-10-12 09:00 UTC" in field("Verdict")


@pytest.mark.parametrize("told", PAGES)
def test_the_page_asks_nobody_for_anything(told: Any) -> None:
    document = parsed(told())
    for node in _every(document):
        assert "src" not in node.attributes
        assert "style" not in node.attributes
        if node.tag in ("a", "link"):
            assert re.match(r"#|docs/causes/\w+\.md$|data:,$", node.attributes["href"])
    assert "url(" not in told()
    assert "http:" not in told().replace("http-equiv", "")
    assert "https:" not in told()


@pytest.mark.parametrize("told", PAGES)
def test_its_policy_lets_run_what_stands_in_it_and_nothing_else(told: Any) -> None:
    document = parsed(told())
    policy = next(
        each.attributes["content"]
        for each in document.all("meta")
        if each.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    rules_ = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules_["default-src"] == "'none'"
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(document.one(tag).raw.encode()).digest()).decode()
        assert rules_[f"{tag}-src"] == f"'sha256-{digest}'"


@pytest.mark.parametrize("told", PAGES)
def test_headings_go_down_one_at_a_time_and_no_id_stands_twice(told: Any) -> None:
    nodes = list(_every(parsed(told())))
    levels = [int(node.tag[1]) for node in nodes if re.fullmatch("h[1-6]", node.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [node.attributes["id"] for node in nodes if "id" in node.attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("told", PAGES)
def test_every_table_has_a_caption_and_heads_with_scope_and_every_picture_is_told(told: Any) -> None:
    document = parsed(told())
    for table in document.all("table"):
        assert table.one("caption").text
        assert {head.attributes.get("scope") for head in table.all("th")} <= {"col", "row"}
    pictures = [each for each in document.all("svg") if "aria-hidden" not in each.attributes]
    assert pictures
    assert all(each.attributes["role"] == "img" and each.attributes["aria-label"] for each in pictures)


def test_the_same_night_gives_the_same_bytes_and_the_runs_clock_is_one_line() -> None:
    first = hostile_page().splitlines()
    hostile().execute("UPDATE runs SET run_id = 'run-2', ended_at = ended_at + INTERVAL '1 hour'")
    second = html(hostile()).splitlines()
    hostile().execute("UPDATE runs SET run_id = 'run-1', ended_at = ended_at - INTERVAL '1 hour'")
    assert [one for one, other in zip(first, second, strict=True) if one != other] == [
        "<p>Run <code>run-1</code>, 2026-10-12T00:00:00Z to 2026-10-12T00:04:00Z, signin-triage 0.1.0</p>"
    ]


def test_since_last_leaves_out_what_was_known_and_counts_it() -> None:
    document = parsed(html(hostile(), since_last=True))
    assert not document.all("article")
    assert document.one("ul", class_="tiles").all("li")[2].text == "1 resolved"
    assert "No incident is new since the run before; 1 incident" in document.one("main").text


def test_trends_tell_what_recurs_how_long_it_took_and_what_verdicts_said() -> None:
    (section,) = [each for each in tree().all("section") if each.attributes["aria-labelledby"] == "trends"]
    tables = {table.one("caption").text: table for table in section.all("table")}
    (causes,) = [each for name, each in tables.items() if name.startswith("What recurs")]
    cells = [each.text for each in causes.one("tbody").all("td")]
    assert cells[:3] == ["1", str(row(hostile())["failures"]), "1"]
    assert cells[3].endswith("h")
    (verdicts,) = [each for name, each in tables.items() if name.startswith("Verdicts")]
    assert verdicts.one("tbody").text.count("app_credential_change") == 2
    assert "1 of 1 confirmed it" in verdicts.text


def test_breakdowns_are_capped_and_say_where_the_rest_is() -> None:
    found = facts.gather(hostile(), WINDOW, since_last=False)
    assert len(found.breakdowns["by_user"].rows) <= facts.MOST_ROWS
    (shown,) = [each for each in tree().all("table") if each.one("caption").text.startswith("Apps")]
    assert shown.one("tbody").all("tr")[0].text.startswith(TAG)
    assert "by_app.csv" in shown.one("caption").text


def test_a_cause_without_a_page_is_not_linked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(assets, "CAUSES", tmp_path / "nowhere")
    assert 'href="docs/' not in html(hostile())


def test_the_folder_holds_the_page_and_what_it_links_or_nothing_new(tmp_path: Path) -> None:
    out = tmp_path / "report"
    with report.staged(hostile(), WINDOW, out):
        pass
    assert (out / "report.html").read_text(encoding="utf-8") == hostile_page()
    linked = [each.attributes["href"] for each in card().all("a") if each.attributes["href"].startswith("docs/")]
    assert all((out / each).is_file() for each in linked)
    (out / "report.html").write_text("of last night")
    (out / linked[0]).write_text("of last night")
    with pytest.raises(RuntimeError), report.staged(hostile(), WINDOW, out):
        raise RuntimeError
    assert (out / "report.html").read_text() == (out / linked[0]).read_text() == "of last night"


def test_a_report_that_fails_leaves_no_folder_of_pages_behind(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RuntimeError), report.staged(hostile(), WINDOW, tmp_path):
        raise RuntimeError
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_a_rate_is_never_nothing_where_something_was_refused() -> None:
    assert [words.percent(rate) for rate in (None, 0.0, 0.00001, 0.0123, 0.25, 1.0)] == [
        "–",  # noqa: RUF001 - the dash is the point
        "0%",
        "< 0.01%",
        "1.23%",
        "25.0%",
        "100%",
    ]


def test_a_picture_takes_no_attribute_that_the_policy_forbids() -> None:
    picture = drawing.svg(
        {"data": {"values": [{"a": 1}]}, "mark": "bar", "encoding": {"x": {"field": "a"}}}, 'told "so"'
    )
    assert 'aria-label="told &#34;so&#34;"' in picture
    assert "style=" not in picture
    assert " id=" not in picture


def test_what_another_engine_found_has_its_page_though_nothing_landed_beside_it() -> None:
    con = store.empty()
    add_incident(con, "i1", cause="a_users_own", scope="tenant=all", scope_kind="tenant", change_id="gone", sign_ins=0)
    told = parsed(html(con, RECORDS)).one("article")
    assert told.one("h3").text == "a users own a_users_own"
    assert "not on record any more" in told.text
    assert "signin-triage explain i1" in told.text


def test_the_window_of_the_page_is_told() -> None:
    assert f"{words.minute(SINCE)} to {words.minute(UNTIL)} UTC" in tree().one("title").text


def _every(node: Node) -> list[Node]:
    return [each for inner in node.inside for each in (inner, *_every(inner))]
