"""Answers that are read and lie ready: what each hour brought, what is no answer, and what nothing identifies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from records import MORNING, body, sign_in

from pipeline.shelf import Shelf, Shelved, shelf
from pipeline.window import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from pipeline.pages import Page


@pytest.fixture
def ready(emptied: duckdb.DuckDBPyConnection, tmp_path: Path) -> Iterator[Shelf]:
    with shelf(emptied, tmp_path) as ready:
        yield ready


def put(ready: Shelf, *records: dict[str, Any]) -> Shelved:
    shelved = ready.put("w", "SigninLogs", body("SigninLogs", *records))
    assert shelved is not None
    return shelved


def test_an_answer_says_how_many_records_each_hour_brought_and_the_newest(ready: Shelf) -> None:
    moments = {"a": MORNING, "b": MORNING + HOUR / 2, "c": MORNING + HOUR}
    shelved = put(ready, *(sign_in(Id=identity, IngestedAt=moment) for identity, moment in moments.items()))
    assert shelved.rows == 3
    assert shelved.brought == {MORNING: (2, MORNING + HOUR / 2), MORNING + HOUR: (1, MORNING + HOUR)}


def test_records_that_do_not_say_when_they_arrived_are_of_no_hour(ready: Shelf) -> None:
    shelved = put(ready, sign_in(IngestedAt=None), sign_in(Id="b", IngestedAt="yesterday"))
    assert (shelved.rows, shelved.brought) == (2, {})


def test_what_lies_ready_lands_with_the_types_and_the_workspace_of_its_table(
    emptied: duckdb.DuckDBPyConnection, ready: Shelf
) -> None:
    records = put(ready, sign_in(DeviceDetail={"deviceId": "d"}, IngestedAt=MORNING)).records
    assert records is not None
    rows = emptied.execute(
        f"SELECT Id, WorkspaceId, CreatedDateTime, DeviceDetail.deviceId FROM {records.select}", records.parameters
    ).fetchall()
    assert rows == [("a", "w", MORNING, "d")]


def test_records_that_nothing_identifies_are_counted_and_lie_nowhere(ready: Shelf) -> None:
    assert put(ready, {"AppId": "x"}, {"AppId": "y"}) == Shelved(rows=2)


def test_an_answer_that_breaks_off_within_its_rows_is_none(ready: Shelf) -> None:
    whole = body("SigninLogs", sign_in())
    assert ready.put("w", "SigninLogs", replace(whole, rows=(whole.rows[0][:-1],), content=b"")) is None


def test_what_may_land_is_what_the_disguise_makes_of_it(emptied: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    def disguise(page: Page) -> Page:
        return replace(page, frame=page.frame.with_columns(UserId=pl.lit("somebody")))

    with shelf(emptied, tmp_path, disguise) as ready:
        records = put(ready, sign_in(UserId="ann")).records
    assert records is not None
    assert emptied.execute(f"SELECT UserId FROM {records.select}", records.parameters).fetchall() == [("somebody",)]
