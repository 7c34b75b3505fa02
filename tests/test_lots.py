"""Answers that lie ready and land in lots: as if each had landed alone, all or nothing, and never for long."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import MORNING, body, sign_in

from pipeline import land, store
from pipeline import lots as landing
from pipeline.land import Landed
from pipeline.ledger import Asked
from pipeline.lots import Lots
from pipeline.shelf import Shelf, Shelved, shelf
from pipeline.window import HOUR, Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTE = timedelta(minutes=1)
LATER = MORNING + 30 * MINUTE
DAY = Window(MORNING.replace(hour=0), MORNING.replace(hour=0) + 24 * HOUR)


@pytest.fixture
def con(emptied: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    return emptied


@pytest.fixture
def lots(con: duckdb.DuckDBPyConnection) -> Iterator[Lots]:
    lots = Lots(con)
    yield lots
    lots.close()


@pytest.fixture
def ready(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Iterator[Shelf]:
    with shelf(con, tmp_path) as ready:
        yield ready


def asked(hour: int = 8, workspace: str = "w", table: str = "SigninLogs") -> Asked:
    start = MORNING.replace(hour=hour)
    return Asked(workspace, table, Window(start, start + HOUR), DAY, "complete", requests=1)


def add(lots: Lots, ready: Shelf, of: Asked, *records: dict[str, Any], size: int = 1) -> None:
    shelved = ready.put(of.workspace_id, of.table, body(of.table, *records)) if records else Shelved()
    assert shelved is not None
    lots.add(of, shelved, size, settled_before=DAY.end)


def arrived(identity: str, hour: int = 8, minutes: int = 0, **cells: Any) -> dict[str, Any]:
    return sign_in(Id=identity, IngestedAt=MORNING.replace(hour=hour) + minutes * MINUTE, **cells)


def test_what_lies_ready_has_not_landed(con: duckdb.DuckDBPyConnection, lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(), arrived("a"))
    assert con.execute("SELECT (SELECT count(*) FROM SigninLogs), (SELECT count(*) FROM asked)").fetchall() == [(0, 0)]


def test_the_records_of_several_answers_land_together(con: duckdb.DuckDBPyConnection, lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(8), arrived("a"))
    add(lots, ready, asked(9), arrived("b", hour=9))
    assert lots.finish() == Landed(landed=2)
    assert con.execute("SELECT Id FROM SigninLogs ORDER BY Id").fetchall() == [("a",), ("b",)]


def test_each_answer_has_its_own_hours_in_the_coverage(
    con: duckdb.DuckDBPyConnection, lots: Lots, ready: Shelf
) -> None:
    add(lots, ready, asked(8), arrived("a"), arrived("b", minutes=5))
    add(lots, ready, asked(9))
    add(lots, ready, asked(10), arrived("c", hour=10))
    lots.finish()
    assert con.execute("SELECT asked_from, rows, newest_ingested_at FROM asked ORDER BY asked_from").fetchall() == [
        (MORNING, 2, MORNING + 5 * MINUTE),
        (MORNING + HOUR, 0, None),
        (MORNING + 2 * HOUR, 1, MORNING + 2 * HOUR),
    ]


def test_a_record_in_two_answers_of_a_lot_is_one_row_and_a_duplicate(
    con: duckdb.DuckDBPyConnection, lots: Lots, ready: Shelf
) -> None:
    add(lots, ready, asked(8), arrived("a", AppId="old"))
    add(lots, ready, asked(9), arrived("a", hour=9, AppId="new", TimeGenerated=LATER))
    assert lots.finish() == Landed(landed=1, duplicates=1)
    assert con.execute("SELECT AppId FROM SigninLogs").fetchall() == [("new",)]


def test_equal_ids_of_two_workspaces_in_a_lot_are_two_records(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(workspace="w"), arrived("a"))
    add(lots, ready, asked(workspace="x"), arrived("a"))
    assert lots.finish() == Landed(landed=2)


def test_answers_of_other_columns_and_tables_land_in_one_lot(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(8), arrived("a"))
    add(lots, ready, asked(9), {"Id": "b", "TimeGenerated": MORNING, "IngestedAt": MORNING + HOUR})
    add(lots, ready, asked(8, table="ADFSSignInLogs"), arrived("c"))
    assert lots.finish() == Landed(landed=3)


def test_an_answer_without_ids_is_rejected_and_its_neighbours_land(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(8), {"AppId": "x"}, {"AppId": "y"})
    add(lots, ready, asked(9), arrived("a", hour=9))
    assert lots.finish() == Landed(landed=1, rejected=2)


def test_a_lot_that_cannot_land_whole_leaves_nothing_behind(tmp_path: Path) -> None:
    with store.empty() as con, shelf(con, tmp_path) as ready:
        lots = Lots(con)
        add(lots, ready, asked(8), arrived("a"))
        con.execute("ALTER TABLE asked ADD COLUMN more VARCHAR")
        with pytest.raises(duckdb.BinderException):
            lots.finish()
        assert con.execute("SELECT Id FROM SigninLogs").fetchall() == []
        lots.close()


def test_what_has_landed_lies_ready_no_more(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(), arrived("a"))
    assert lots.finish() == lots.finish() == Landed(landed=1)


def test_what_has_landed_counts_before_the_next_lot(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(), arrived("a"))
    lots.begin()
    end = time.monotonic() + 60
    while lots.landed == Landed() and time.monotonic() < end:
        lots.advance()
    assert lots.landed == Landed(landed=1)


def test_what_has_landed_takes_no_room_any_more(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(8), arrived("a"))
    add(lots, ready, asked(9))
    add(lots, ready, asked(10), {"AppId": "nothing identifies it"})
    lying = list(ready.folder.iterdir())
    lots.finish()
    assert (len(lying), list(ready.folder.iterdir())) == (1, [])


def test_the_first_lot_is_due_once_it_is_large_enough(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(8), size=landing.FIRST_BYTES - 1)
    before = lots.is_due
    add(lots, ready, asked(9), size=1)
    assert (before, lots.is_due) == (False, True)


def test_those_after_it_are_due_once_they_are_larger(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(8))
    lots.finish()
    add(lots, ready, asked(9), size=landing.ENOUGH_BYTES - 1)
    before = lots.is_due
    add(lots, ready, asked(10), size=1)
    assert (before, lots.is_due) == (False, True)


def test_an_answer_that_has_waited_is_due_however_small(
    lots: Lots, ready: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(lots, ready, asked(), arrived("a"))
    now = time.monotonic() + landing.LONGEST_WAIT
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert lots.is_due


def test_an_empty_lot_is_never_due(lots: Lots) -> None:
    assert not lots.is_due


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let nothing land before it is opened."""
    opened, land_records = threading.Event(), land.land_records

    def waits(*given: Any) -> Landed:
        opened.wait(60)
        return land_records(*given)

    monkeypatch.setattr(land, "land_records", waits)
    yield opened
    opened.set()


def test_answers_come_while_others_land(lots: Lots, ready: Shelf, gate: threading.Event) -> None:
    add(lots, ready, asked(8), arrived("a"))
    lots.begin()
    add(lots, ready, asked(9), arrived("b"), size=landing.ENOUGH_BYTES)
    assert not lots.is_due
    assert lots.landed == Landed()
    gate.set()
    assert lots.finish() == Landed(landed=2)


def test_who_asks_faster_than_records_land_waits_for_them(lots: Lots, ready: Shelf, gate: threading.Event) -> None:
    add(lots, ready, asked(8), arrived("a"))
    lots.begin()
    add(lots, ready, asked(9), size=2 * landing.ENOUGH_BYTES)
    assert lots.is_due
    gate.set()


def test_what_was_begun_is_done_before_anything_lands(con: duckdb.DuckDBPyConnection, lots: Lots, ready: Shelf) -> None:
    counts = []
    lots.prepare(lambda con: counts.extend(con.execute("SELECT count(*) FROM SigninLogs").fetchall()))
    add(lots, ready, asked(), arrived("a"))
    assert lots.finish() == Landed(landed=1)
    assert counts == [(0,)]


def test_a_run_that_ends_lands_what_lies_ready(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(), arrived("a"), size=landing.ENOUGH_BYTES)
    lots.stop(soon=False)
    assert lots.landed == Landed(landed=1)


def test_who_stops_soon_waits_for_few_records_and_not_for_many(lots: Lots, ready: Shelf) -> None:
    add(lots, ready, asked(8), arrived("a"), size=landing.FEW_BYTES)
    lots.stop(soon=True)
    assert lots.landed == Landed(landed=1)
    add(lots, ready, asked(9), arrived("b"), size=landing.FEW_BYTES + 1)
    lots.stop(soon=True)
    assert lots.landed == Landed(landed=1)


deliveries = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.sampled_from(["x", "y"])), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(deliveries, min_size=1, max_size=4))
def test_in_one_lot_or_each_alone_the_same_lands(tmp_path: Path, answers: list[list[tuple[str, int, str]]]) -> None:
    def landed(alone: bool) -> tuple[Landed, list[Any], list[Any]]:
        with store.empty() as con, shelf(con, tmp_path) as ready:
            lots = Lots(con)
            for hour, records in enumerate(answers):
                cells = [
                    arrived(identity, hour, TimeGenerated=MORNING + late * MINUTE, AppId=app)
                    for identity, late, app in records
                ]
                add(lots, ready, asked(hour), *cells)
                if alone:
                    lots.finish()
            sums = lots.finish()
            lots.close()
            rows = con.execute("SELECT Id, TimeGenerated, IngestedAt, AppId FROM SigninLogs ORDER BY ALL").fetchall()
            return sums, rows, con.execute("SELECT * FROM asked ORDER BY ALL").fetchall()

    assert landed(alone=False) == landed(alone=True)
