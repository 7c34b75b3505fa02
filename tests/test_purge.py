"""What is purged is gone from every file, gives its space back, and does not return; what is younger stays whole."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from program import last_line, signin_triage
from records import DAY, MORNING, add_incident, audit, failure, page, sign_in, target

from pipeline import generations, imports, land, runs, store, views
from pipeline.errors import StoreUnusable, UsageError
from pipeline.store import AS_BEFORE, Publishing

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.pages import Page

LONG_AGO = MORNING - 100 * DAY
BEFORE = MORNING - 90 * DAY
BLOCK = 2**18  # what a DuckDB file grows by


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "s.duckdb"


def old_and_new(people: int = 1) -> tuple[Page, ...]:
    """Return sign-ins and a change of long ago by people whose names are theirs alone, and of this morning."""
    old = [
        failure(Id=f"old-{n}", CreatedDateTime=LONG_AGO, UserPrincipalName=f"forgotten-{n}@example.org")
        for n in range(people)
    ]
    changes = [
        audit("Add device", target("Device", "o1", f"{name}-LAPTOP"), Id=name, ActivityDateTime=at)
        for name, at in (("FORGOTTEN", LONG_AGO), ("RECENT", MORNING))
    ]
    return page("SigninLogs", *old, sign_in(Id="new")), page("AuditLogs", *changes)


def publish(db: Path, *pages: Page, how: Publishing = AS_BEFORE, **incidents: dict[str, Any]) -> None:
    with store.working(db) as work:
        for each in pages:
            land.land(work.con, each, work.scratch, "w1")
        for incident_id, cells in incidents.items():
            add_incident(work.con, incident_id, **cells)
        views.build(work.con)
        store.publish(work, db, how)


def purged(db: Path, how: Publishing = AS_BEFORE) -> dict[str, int]:
    return {table: rows for table, rows in runs.purge(db, BEFORE, how).items() if rows}


def asked(db: Path, question: str) -> list[Any]:
    with store.reading(db) as con:
        return [row[0] for row in con.execute(question).fetchall()]


def test_raw_records_go_by_when_they_happened_and_the_rest_stays(db: Path) -> None:
    late = sign_in(Id="late", CreatedDateTime=LONG_AGO, TimeGenerated=MORNING)
    undated = sign_in(Id="undated", TimeGenerated=LONG_AGO) | {"CreatedDateTime": None}
    publish(db, *old_and_new(), page("SigninLogs", late, undated))
    assert purged(db) == {"SigninLogs": 3, "AuditLogs": 1}
    assert asked(db, "SELECT sign_in_id FROM sign_ins") == ["new"]
    assert asked(db, "SELECT change_id FROM changes") == ["RECENT"]
    assert asked(db, "SELECT count(*) FROM failures") == [0]


def test_the_space_is_given_back_and_no_byte_of_a_name_stays_beside_the_database(db: Path, tmp_path: Path) -> None:
    for _ in range(3):
        publish(db, *old_and_new(people=20_000), how=Publishing(keep=2))
    full = db.stat().st_size
    assert b"FORGOTTEN-LAPTOP" in db.read_bytes()
    purged(db)
    never_full = tmp_path / "another" / "s.duckdb"
    publish(never_full, *old_and_new(people=0))
    assert db.stat().st_size <= never_full.stat().st_size + BLOCK < full - BLOCK
    files = [file for file in db.parent.iterdir() if file.is_file()]
    assert {file.name for file in files} == {"s.duckdb", "s.duckdb.1", "s.duckdb.2", ".s.duckdb.lock"}
    assert [file.name for file in files if b"forgotten" in file.read_bytes().lower()] == []
    for generation in (1, 2):
        with duckdb.connect(str(generations.kept(db)[generation]), read_only=True) as con:
            assert con.execute("SELECT sign_in_id FROM sign_ins").fetchall() == [("new",)]


def test_what_was_purged_does_not_land_again_and_counts_as_skipped(db: Path, tmp_path: Path) -> None:
    publish(db, *old_and_new())
    purged(db)
    (tmp_path / "SigninLogs.json").write_text(
        json.dumps(
            [{"Id": name, "CreatedDateTime": f"{at.isoformat()}Z"} for name, at in (("a", LONG_AGO), ("b", MORNING))]
        )
    )
    (counts,) = imports.import_files(db, [tmp_path / "SigninLogs.json"], lambda _: None).files
    assert (counts.read, counts.landed, counts.skipped, counts.duplicates, counts.rejected) == (2, 1, 1, 0, 0)


def test_a_purge_that_reaches_less_far_than_the_last_does_not_let_anything_back(db: Path) -> None:
    publish(db, *old_and_new())
    purged(db)
    runs.purge(db, BEFORE - 50 * DAY)
    assert asked(db, 'SELECT "before" FROM purged') == [BEFORE]


def test_an_incident_goes_with_its_first_failure_or_its_change_and_its_verdict_stays_without_the_name(db: Path) -> None:
    publish(
        db,
        *old_and_new(),
        begun_before={"first_seen_at": LONG_AGO, "scope": "user=forgotten-0@example.org and app=app-1"},
        brought_about={"change_id": "FORGOTTEN"},
        recent={"change_id": "RECENT"},
    )
    with store.working(db) as work:
        work.con.execute(
            """INSERT INTO given_verdicts BY NAME
            SELECT 'begun_before' AS incident_id, 'noise' AS cause, $1 AS confirmed_at, 'eve' AS confirmed_by,
                'user=forgotten-0@example.org and app=app-1' AS scope, $1 AS first_seen_at, $1 AS last_seen_at,
                1 AS failures, 'unexplained' AS first_cause, [] AS hypotheses""",
            [LONG_AGO],
        )
        store.publish(work, db)
    assert purged(db)["found_incidents"] == 2
    assert asked(db, "SELECT incident_id FROM incidents") == ["recent"]
    assert asked(db, "SELECT cause FROM verdicts WHERE incident_id = 'begun_before'") == ["noise"]
    assert asked(db, "SELECT scope FROM given_verdicts") == ["user=purged and app=app-1"]


def test_a_purge_cut_short_leaves_the_file_as_it_was(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(db, *old_and_new())
    whole = db.read_bytes()

    def cut(*_: object) -> None:
        raise OSError(5, "cut short")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", cut)
        with pytest.raises(StoreUnusable):
            purged(db)
    assert db.read_bytes() == whole
    assert not list(db.parent.rglob("purged.duckdb"))
    publish(db)
    assert asked(db, "SELECT count(*) FROM sign_ins") == [2]


def test_an_earlier_generation_that_cannot_be_opened_is_named_and_nothing_is_purged(db: Path) -> None:
    publish(db, *old_and_new())
    db.with_name("s.duckdb.1").write_text("no database")
    whole = db.read_bytes()
    with pytest.raises(StoreUnusable, match=r"s\.duckdb\.1 cannot be purged"):
        purged(db)
    assert db.read_bytes() == whole


def test_a_reader_of_the_file_keeps_what_it_opened(db: Path) -> None:
    publish(db, *old_and_new())
    with store.reading(db) as con:
        purged(db)
        assert con.execute("SELECT count(*) FROM SigninLogs").fetchall() == [(2,)]


def test_mode_and_settings_of_the_file_survive(db: Path) -> None:
    publish(db, *old_and_new(), how=Publishing(mode=0o640))
    purged(db)
    assert db.stat().st_mode & 0o777 == 0o640
    assert asked(db, "SELECT comment FROM duckdb_tables() WHERE table_name = 'purged'") != [None]


def test_nothing_is_purged_that_has_not_come_yet(db: Path) -> None:
    publish(db, *old_and_new())
    with pytest.raises(UsageError, match="has not come yet"):
        runs.purge(db, runs.clock() + timedelta(days=1))


def test_the_command_counts_back_from_until_and_says_what_went_by_table(db: Path) -> None:
    publish(db, *old_and_new())
    until = (MORNING + DAY).isoformat()
    age = {"SIGNIN_TRIAGE_OLDER_THAN": "90d"}
    told = signin_triage("purge", "--until", until, "--db", db, "--format", "json", env=age)
    assert told.returncode == 0, told.stderr
    removed = json.loads(told.stdout)
    assert (removed["SigninLogs"], removed["AuditLogs"], removed["ADFSSignInLogs"]) == (1, 1, 0)
    wrong = signin_triage("purge", "--older-than", "2026-01-01", "--db", db)
    assert wrong.returncode == 2
    assert "--older-than" in last_line(wrong.stderr)
