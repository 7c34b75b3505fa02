"""Answers that lie ready and land in lots: as if each had landed alone, all or nothing, and never for long."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import MORNING, page, sign_in

from pipeline import lots, store
from pipeline.land import Landed
from pipeline.ledger import Asked
from pipeline.lots import Lot
from pipeline.window import HOUR, Window

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = timedelta(minutes=1)
LATER = MORNING + 30 * MINUTE
DAY = Window(MORNING.replace(hour=0), MORNING.replace(hour=0) + 24 * HOUR)


@pytest.fixture
def con(emptied: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    return emptied


@pytest.fixture
def lot(tmp_path: Path) -> Lot:
    return Lot(tmp_path)


def asked(hour: int = 8, workspace: str = "w", table: str = "SigninLogs") -> Asked:
    start = MORNING.replace(hour=hour)
    return Asked(workspace, table, Window(start, start + HOUR), DAY, "complete", requests=1)


def add(con: duckdb.DuckDBPyConnection, lot: Lot, of: Asked, *records: dict[str, Any], size: int = 1) -> Any:
    return lot.add(con, of, page(of.table, *records) if records else None, size, settled_before=DAY.end)


def arrived(identity: str, hour: int = 8, minutes: int = 0, **cells: Any) -> dict[str, Any]:
    return sign_in(Id=identity, IngestedAt=MORNING.replace(hour=hour) + minutes * MINUTE, **cells)


def test_what_lies_ready_has_not_landed(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(), arrived("a"))
    assert con.execute("SELECT (SELECT count(*) FROM SigninLogs), (SELECT count(*) FROM asked)").fetchall() == [(0, 0)]


def test_the_records_of_several_answers_land_together(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(8), arrived("a"))
    add(con, lot, asked(9), arrived("b", hour=9))
    assert lot.land(con) == Landed(landed=2)
    assert con.execute("SELECT Id FROM SigninLogs ORDER BY Id").fetchall() == [("a",), ("b",)]


def test_an_answer_says_how_many_records_each_hour_brought(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    two = Asked("w", "SigninLogs", Window(MORNING, MORNING + 2 * HOUR), DAY, "complete", requests=1)
    counts = add(con, lot, two, arrived("a"), arrived("b"), arrived("c", hour=9))
    assert counts == {MORNING: 2, MORNING + HOUR: 1}


def test_each_answer_has_its_own_hours_in_the_coverage(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(8), arrived("a"), arrived("b", minutes=5))
    add(con, lot, asked(9))
    add(con, lot, asked(10), arrived("c", hour=10))
    lot.land(con)
    assert con.execute("SELECT asked_from, rows, newest_ingested_at FROM asked ORDER BY asked_from").fetchall() == [
        (MORNING, 2, MORNING + 5 * MINUTE),
        (MORNING + HOUR, 0, None),
        (MORNING + 2 * HOUR, 1, MORNING + 2 * HOUR),
    ]


def test_a_record_in_two_answers_of_a_lot_is_one_row_and_a_duplicate(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(8), arrived("a", AppId="old"))
    add(con, lot, asked(9), arrived("a", hour=9, AppId="new", TimeGenerated=LATER))
    assert lot.land(con) == Landed(landed=1, duplicates=1)
    assert con.execute("SELECT AppId FROM SigninLogs").fetchall() == [("new",)]


def test_equal_ids_of_two_workspaces_in_a_lot_are_two_records(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(workspace="w"), arrived("a"))
    add(con, lot, asked(workspace="x"), arrived("a"))
    assert lot.land(con) == Landed(landed=2)


def test_answers_of_other_columns_and_tables_land_in_one_lot(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(8), arrived("a"))
    add(con, lot, asked(9), {"Id": "b", "TimeGenerated": MORNING, "IngestedAt": MORNING + HOUR})
    add(con, lot, asked(8, table="ADFSSignInLogs"), arrived("c"))
    assert lot.land(con) == Landed(landed=3)


def test_an_answer_without_ids_is_rejected_and_its_neighbours_land(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(8), {"AppId": "x"}, {"AppId": "y"})
    add(con, lot, asked(9), arrived("a", hour=9))
    assert lot.land(con) == Landed(landed=1, rejected=2)


def test_a_lot_that_cannot_land_whole_leaves_nothing_behind(lot: Lot) -> None:
    with store.empty() as con:
        add(con, lot, asked(8), arrived("a"))
        con.execute("ALTER TABLE asked ADD COLUMN more VARCHAR")
        with pytest.raises(duckdb.BinderException):
            lot.land(con)
        con.execute("ROLLBACK")
        assert con.execute("SELECT Id FROM SigninLogs").fetchall() == []


def test_what_has_landed_lies_ready_no_more(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(), arrived("a"))
    lot.land(con)
    assert lot.land(con) == Landed()


def test_a_lot_that_is_large_enough_is_due(con: duckdb.DuckDBPyConnection, lot: Lot) -> None:
    add(con, lot, asked(8), size=lots.ENOUGH_BYTES - 1)
    assert not lot.is_due
    add(con, lot, asked(9), size=1)
    assert lot.is_due


def test_an_answer_that_has_waited_is_due_however_small(
    con: duckdb.DuckDBPyConnection, lot: Lot, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(con, lot, asked(), arrived("a"))
    now = time.monotonic() + lots.LONGEST_WAIT
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert lot.is_due


def test_an_empty_lot_is_never_due(lot: Lot) -> None:
    assert not lot.is_due


deliveries = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.sampled_from(["x", "y"])), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=st.lists(deliveries, min_size=1, max_size=4))
def test_in_one_lot_or_each_alone_the_same_lands(tmp_path: Path, answers: list[list[tuple[str, int, str]]]) -> None:
    def landed(alone: bool) -> tuple[Landed, list[Any], list[Any]]:
        with store.empty() as con:
            lot, sums = Lot(tmp_path), Landed()
            for hour, records in enumerate(answers):
                cells = [
                    arrived(identity, hour, TimeGenerated=MORNING + late * MINUTE, AppId=app)
                    for identity, late, app in records
                ]
                add(con, lot, asked(hour), *cells)
                if alone:
                    sums += lot.land(con)
            sums += lot.land(con)
            rows = con.execute("SELECT Id, TimeGenerated, IngestedAt, AppId FROM SigninLogs ORDER BY ALL").fetchall()
            return sums, rows, con.execute("SELECT * FROM asked ORDER BY ALL").fetchall()

    assert landed(alone=False) == landed(alone=True)
