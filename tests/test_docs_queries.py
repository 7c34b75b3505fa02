"""The questions of docs/queries.md, each asked of a published file as a reader would ask it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from stories import NEXT_EVENING, SINCE, app_credential_change

from pipeline import answers, kql, land, questions, rules, runs, store
from pipeline.settings import Span
from pipeline.window import Window

DOCUMENT = Path(__file__).parent.parent / "docs" / "queries.md"
# Title, language and text of each question; a section holds one at most.
QUESTIONS = {
    section.partition("\n")[0]: (block["language"], block["text"])
    for section in re.split(r"^#+ ", DOCUMENT.read_text(), flags=re.MULTILINE)
    if (block := re.search(r"^```(?P<language>sql|kql)\n(?P<text>.*?)^```", section, re.MULTILINE | re.DOTALL))
}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published week in which an application fails after a change of its key, and a table could not be read."""
    db = tmp_path_factory.mktemp("asked") / "signins.duckdb"
    hour = timedelta(hours=1)
    with store.working(db) as work:
        for page in app_credential_change().pages():
            land.land(work.con, page, work.scratch)
        work.con.execute(
            "INSERT INTO asked VALUES ('w', 'ADFSSignInLogs', ?, ?, ?, ?, 'incomplete', 0, 1, NULL, 'refused')",
            [NEXT_EVENING - hour, NEXT_EVENING, SINCE, NEXT_EVENING],
        )
        store.publish(work, db)
    runs.analyze(db, Span(Window(SINCE, NEXT_EVENING), fixed=True), rules.load())
    return db


def test_there_are_a_dozen_questions_in_sql_and_three_in_kql() -> None:
    languages = [language for language, _ in QUESTIONS.values()]
    assert len(languages) == DOCUMENT.read_text().count("```") / 2
    assert languages.count("sql") >= 12
    assert languages.count("kql") >= 3


@pytest.mark.parametrize("title", QUESTIONS)
def test_a_question_of_the_document_has_an_answer(db: Path, title: str) -> None:
    language, text = QUESTIONS[title]
    with questions.opened(db) as con:
        sql, values = kql.translated(con, text) if language == "kql" else (text, {})
        lines = "".join(answers.as_csv(questions.ask(con, sql, values))).splitlines()
    assert len(lines) > 1
