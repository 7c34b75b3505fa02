"""A database of every schema version opens with this release, and becomes one of this release's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from schemas import STEPS, WEEK, kept, unpacked

from pipeline import questions, rules, runs, store

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

VERSIONS = range(1, len(STEPS) + 1)


def columns(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, str]]:
    return con.execute(
        "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    ).fetchall()


@pytest.fixture(params=VERSIONS)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database as the release with that schema version published it."""
    if not kept(request.param).exists():
        pytest.fail(f"no database of schema version {request.param} is kept: run `python tests/schemas.py`, once")
    return unpacked(request.param, tmp_path)


def test_a_database_of_an_older_release_migrates_and_is_analyzed(db: Path) -> None:
    told = runs.analyze(db, WEEK, rules.load())
    assert (told.story.summary.sign_ins, told.story.summary.failures) == (840, 72)
    with store.reading(db) as con, store.empty() as new:
        assert con.execute("SELECT max(version) FROM migrations").fetchall() == [(len(STEPS),)]
        assert columns(con) == columns(new)
        assert con.execute("SELECT scope, cause FROM incidents").fetchall() == [("app=app-1", "app_credential_change")]


def test_a_database_of_an_older_release_answers_before_it_migrates(db: Path) -> None:
    before = db.read_bytes()
    with questions.opened(db) as con:
        answer = questions.ask(con, "SELECT count(*) FROM SigninLogs WHERE ResultType = '50099'")
        assert list(answer.batches) == [[(72,)]]
    assert db.read_bytes() == before
