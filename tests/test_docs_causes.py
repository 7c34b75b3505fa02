"""The playbooks: a page for each cause, kept with its rule, and no page that names what is not there."""

from __future__ import annotations

import csv
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer
from program import signin_triage
from stories import NEXT_EVENING, SINCE, app_credential_change
from token_vectors import CHALLENGE, Answer

from pipeline import answers, assets, land, questions, rules, runs, store
from pipeline.cli import app
from pipeline.settings import Span
from pipeline.window import Window

if TYPE_CHECKING:
    from pipeline.rules import Rule

DOCS = Path(__file__).parent.parent / "docs"
CAUSES = DOCS / "causes"
PAGES = {page.stem: page.read_text() for page in sorted(CAUSES.glob("*.md"))}
PROSE = [*sorted(CAUSES.glob("*.md")), DOCS / "aadsts50099.md", DOCS / "clients.md"]
RULES = {rule.cause: rule for rule in rules.load()}
UNEXPLAINED = "unexplained"
QUERIES = {
    f"{page.stem} {number}": sql
    for page in PROSE
    for number, sql in enumerate(re.findall(r"^```sql\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL), 1)
}
SECTIONS = (
    "How sure one can be",
    "How it looks in the logs",
    "How to confirm it",
    "How to fix it",
    "When to treat it as an attack",
    "Often mistaken for",
    "Which command shows what",
)
PLATFORMS = {
    "joined": "Windows, Entra joined",
    "hybrid": "Windows, hybrid joined",
    "registered": "Windows, registered",
    "ios": "iOS",
    "android": "Android",
    "macos": "macOS",
}


def on_one_line(text: str) -> str:
    return " ".join(text.split())


def next_steps() -> list[tuple[str, str, str]]:
    with (assets.DATA / "next_steps.csv").open(encoding="utf-8", newline="") as file:
        return [(row["cause"], row["devices"], row["step"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published week in which an application fails after a change of its key."""
    db = tmp_path_factory.mktemp("playbooks") / "signins.duckdb"
    with store.working(db) as work:
        for page in app_credential_change().pages():
            land.land(work.con, page, work.scratch)
        work.con.execute(
            "INSERT INTO asked VALUES ('w', 'ADFSSignInLogs', ?, ?, ?, ?, 'incomplete', 0, 1, NULL, 'refused')",
            [NEXT_EVENING - timedelta(hours=1), NEXT_EVENING, SINCE, NEXT_EVENING],
        )
        store.publish(work, db)
    runs.analyze(db, Span(Window(SINCE, NEXT_EVENING), fixed=True), rules.load())
    return db


def test_each_cause_of_a_rule_has_its_page_and_each_page_its_rule() -> None:
    assert set(PAGES) == {*RULES, UNEXPLAINED}


@pytest.mark.parametrize("cause", PAGES)
def test_a_page_has_what_a_reader_at_night_looks_for_in_its_place(cause: str) -> None:
    assert tuple(re.findall(r"^## (.*)$", PAGES[cause], re.MULTILINE)) == SECTIONS
    assert PAGES[cause].startswith(f"# `{cause}`: ")
    assert 60 <= PAGES[cause].count("\n") <= 100


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_page_says_what_its_rule_says(rule: Rule) -> None:
    said = on_one_line(PAGES[rule.cause])
    assert f"**Mechanism: {rule.mechanism}**" in said
    assert on_one_line(rule.title) in said
    assert on_one_line(rule.remediation) in said


@pytest.mark.parametrize(("cause", "devices", "step"), next_steps())
def test_a_next_step_of_the_program_stands_on_the_page_of_its_cause(cause: str, devices: str, step: str) -> None:
    assert (f"| {PLATFORMS[devices]} | {step} |" if devices else step) in on_one_line(PAGES[cause])


@pytest.mark.parametrize("cause", PAGES)
def test_a_page_speaks_of_every_platform(cause: str) -> None:
    fix = PAGES[cause].partition("## How to fix it")[2].partition("\n## ")[0].lower()
    platforms = ("entra joined", "hybrid", "registered", "ios", "android", "macos")
    named = [name for name in platforms if name in fix]
    assert named == list(platforms) or "phones and macs" in fix


@pytest.mark.parametrize("cause", PAGES)
def test_a_page_links_two_neighbours_at_least_and_not_itself(cause: str) -> None:
    linked = re.findall(r"^\| \[\w+\]\((\w+)\.md\) \|", PAGES[cause], re.MULTILINE)
    assert len(linked) >= 2
    assert cause not in linked


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.stem)
def test_a_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_page_of_the_code_links_every_cause() -> None:
    linked = set(re.findall(r"\(causes/(\w+)\.md\)", (DOCS / "aadsts50099.md").read_text()))
    assert linked == set(PAGES)


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_a_page_runs_on_a_published_file(db: Path, query: str) -> None:
    with questions.opened(db) as con:
        lines = "".join(answers.as_csv(questions.ask(con, QUERIES[query], {}))).splitlines()
    assert "," in lines[0]


def test_every_page_has_a_query_and_that_of_a_changed_credential_finds_the_story(db: Path) -> None:
    assert {name.rpartition(" ")[0] for name in QUERIES} >= set(PAGES)
    with questions.opened(db) as con:
        rows = "".join(answers.as_json(questions.ask(con, QUERIES["app_credential_change 1"], {})))
    assert json.loads(rows)[0]["refused_devices"] > 0


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.stem)
def test_every_command_and_option_that_a_page_names_exists(page: Path) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined] # the program is a group
    for command, rest in re.findall(r"signin-triage (\w+)([^`\n]*)", page.read_text()):
        known = {option for parameter in commands[command].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest.partition("|")[0])) <= known


def test_what_clients_md_promises_of_a_build_test_is_so(tmp_path: Path) -> None:
    (tmp_path / "challenge.txt").write_text(CHALLENGE.replace("MS-Organization-Access", "Another"))
    args = ("token", "-", "--challenge", "challenge.txt", "--format", "json")
    done = signin_triage(*args, stdin=Answer().http(), cwd=tmp_path)
    assert json.loads(done.stdout)["first_failing"] == "certificate"
    unsigned = signin_triage(*args, stdin='Authorization: PKeyAuth Context="c", Version="1.0"', cwd=tmp_path)
    assert (unsigned.returncode, "no AuthToken" in unsigned.stderr) == (2, True)
