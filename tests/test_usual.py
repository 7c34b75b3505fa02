"""Diagnostic records as Entra usually writes them become rows in one step, and are the same rows as the long way."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import duckdb
import pytest
import renderings

from pipeline import imports, usual
from pipeline.forms import lines as reading
from pipeline.forms import straight
from pipeline.forms.bench import bench
from pipeline.forms.places import Keys
from pipeline.pages import TABLES
from pipeline.sandbox.tenant import simulate

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.forms.sheet import Laid
    from pipeline.imports import Outcome

Record = dict[str, Any]
INNER: Record = {
    "id": "11111111-0000-4000-8000-000000000001",
    "createdDateTime": "2026-10-01T08:00:00.1234567Z",
    "status": {"errorCode": 50099},
    "deviceDetail": {"deviceId": "d-1", "isCompliant": True},
}
UNUSUAL: dict[str, tuple[Record, Record]] = {
    "no id": ({}, {"id": None}),
    "an id with spaces": ({}, {"id": " 11111111-0000-4000-8000-000000000001"}),
    "no time": ({"time": None}, {"createdDateTime": None}),
    "a time with an offset": ({}, {"createdDateTime": "2026-10-01T08:00:00+02:00"}),
    "a time of the portal": ({}, {"createdDateTime": "10/1/2026, 8:00:00 AM"}),
    "a cell that says it is empty": ({}, {"userDisplayName": "<null>"}),
    "a code that is a fraction": ({"resultType": "50099.0"}, {}),
    "a code that the status alone tells": ({"resultType": None}, {}),
    "no category": ({"category": None}, {}),
    "a category with a space": ({"category": "SignInLogs "}, {}),
    "a type of its own": ({}, {"type": "SigninLogs"}),
    "JSON text for an object": ({}, {"deviceDetail": '{"deviceId": "d-1"}'}),
    "a number too large for its column": ({}, {"status": {"errorCode": 10**30}}),
}


def record(around: Record | None = None, inner: Record | None = None) -> Record:
    outside = {"time": "2026-10-01T08:05:00.1234567Z", "category": "SignInLogs", "resultType": "50099"}
    return outside | (around or {}) | {"properties": INNER | (inner or {})}


def ndjson(*records: Record) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


def laid(folder: Path, content: bytes) -> Laid | None:
    with bench(folder) as table:
        lines = straight.laid_out(table, [content], content.count(b"\n"), Keys())
        assert lines is not None
        return usual.laid(table, lines)


def imported(folder: Path, content: bytes, **asked: Any) -> tuple[Outcome, dict[str, list[tuple[Any, ...]]]]:
    """Return what an import says, and what it landed."""
    folder.mkdir()
    file = folder.parent / "PT1H.json"
    file.write_bytes(content)
    outcome = imports.import_files(folder / "s.duckdb", [file], lambda _: None, asked=imports.Asked(**asked))
    with duckdb.connect(str(folder / "s.duckdb"), read_only=True) as con:
        return outcome, {table: con.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in TABLES}


def test_the_rows_of_each_table_are_counted_and_so_are_records_of_other_tables(tmp_path: Path) -> None:
    audit = {"id": "audit-0001", "activityDateTime": "2026-10-02T08:00:00Z", "status": None}
    found = record(), record({"category": "AuditLogs", "resultType": ""}, audit), record({"category": "RiskyUsers"})
    rows = laid(tmp_path, ndjson(*found))
    assert rows is not None
    assert (rows.rows, rows.foreign) == ({"SigninLogs": 1, "AuditLogs": 1}, 1)
    assert rows.times == ("2026-10-01T08:00:00Z", "2026-10-02T08:00:00Z")


@pytest.mark.parametrize("name", UNUSUAL)
def test_a_record_about_which_something_must_be_decided_goes_the_long_way_with_its_neighbours(
    name: str, tmp_path: Path
) -> None:
    assert laid(tmp_path, ndjson(record(), record())) is not None
    assert laid(tmp_path, ndjson(record(), record(*UNUSUAL[name]))) is None
    assert not [*tmp_path.glob("*.parquet")]


@pytest.mark.parametrize("workspace", [None, "AB-1"])
def test_both_ways_say_and_land_the_same(
    workspace: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = simulate(11, until=datetime(2026, 11, 10), days=3, users=8, causes=("app_credential_change",))
    found = [renderings.diagnostic(row) for row in renderings.rows(tenant.tables)]
    content = ndjson(*found, *found[:5], found[0] | {"category": "RiskyUsers"})
    taken = Mock(wraps=usual.records)
    monkeypatch.setattr(usual, "records", taken)
    quickly = imported(tmp_path / "quickly", content, workspace=workspace)
    assert taken.called
    monkeypatch.setattr(usual, "laid", lambda *_: None)
    assert imported(tmp_path / "slowly", content, workspace=workspace) == quickly
    assert quickly[0].files[0].duplicates >= 5


def test_one_damaged_line_is_set_aside_with_its_number_and_its_neighbours_land(tmp_path: Path) -> None:
    content = ndjson(record(), record(inner={"id": "b"})) + b"{broken\n" + ndjson(record(inner={"id": "c"}))
    outcome, rows = imported(tmp_path / "x", content)
    assert (outcome.files[0].landed, outcome.files[0].rejected) == (3, 1)
    assert len(rows["SigninLogs"]) == 3


def test_in_a_long_file_both_ways_are_gone_and_lines_stay_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PIECE", 2**20)
    found = [record(inner={"id": f"11111111-{number}"}) for number in range(12_000)]
    taken = Mock(wraps=usual.records)
    monkeypatch.setattr(usual, "records", taken)
    outcome, rows = imported(tmp_path / "x", ndjson(*found[:11_000]) + b"{broken\n" + ndjson(*found[11_000:]))
    assert taken.called
    assert (outcome.files[0].landed, outcome.files[0].rejected, len(rows["SigninLogs"])) == (12_000, 1, 12_000)
    with duckdb.connect(str(tmp_path / "x" / "s.duckdb"), read_only=True) as con:
        assert con.execute("SELECT line FROM import_rejects").fetchall() == [(11_001,)]
