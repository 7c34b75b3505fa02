"""What administrators change in Intune: pulled where the workspace has it, imported, landed once, and a change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
import pytest
from exported import read
from records import MORNING, WINDOW, audit, page

from pipeline import assets, store
from pipeline import pull as pulling
from pipeline.logs import LogAnalytics
from pipeline.patience import Patience
from pipeline.sandbox import columns
from pipeline.sandbox.workspace import serve
from pipeline.settings import Source, Span
from pipeline.shelf import shelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb

    Land = Callable[..., duckdb.DuckDBPyConnection]

WORKSPACE = "00000000-1111-2222-3333-444444444444"


def properties(**said: Any) -> dict[str, Any]:
    """Return what Intune says of an event that set the server of a profile, with parts replaced."""
    ordinary = {
        "ActivityDate": "10/14/2026 8:00:00 AM",
        "ActivityResultStatus": 1,
        "ActivityType": 1,
        "Actor": {"ActorType": 1, "Application": "app", "ApplicationName": "Portal", "UPN": "admin@example.org"},
        "AuditEventId": "event-1",
        "Category": 3,
        "TargetDisplayNames": ["Tunnel to work"],
        "TargetObjectIds": ["profile-1"],
        "Targets": [
            {"Name": "Tunnel to work", "ModifiedProperties": [{"Name": "Server", "Old": "old.example", "New": "a"}]}
        ],
    }
    return ordinary | said


def record(operation: str = "Patch DeviceConfiguration", at: datetime = MORNING, **said: Any) -> dict[str, Any]:
    """Return a record of IntuneAuditLogs, whose table has no Id."""
    return {
        "TenantId": WORKSPACE,
        "Type": "IntuneAuditLogs",
        "Category": "AuditLogs",
        "TimeGenerated": at,
        "OperationName": operation,
        "Identity": "admin@example.org",
        "ResultType": "Success",
        "Properties": properties(**said),
    }


def changes(con: duckdb.DuckDBPyConnection, cells: str = "*") -> list[tuple[Any, ...]]:
    return con.execute(f"SELECT {cells} FROM changes ORDER BY changed_at, change_id").fetchall()


def in_workspace(*records: dict[str, Any]) -> pl.DataFrame:
    """Return records as the table of a workspace, each ingested ten minutes after it happened."""
    rows = [
        row
        | {
            "Properties": orjson.dumps(row["Properties"]).decode(),
            columns.INGESTION_TIME: row["TimeGenerated"] + timedelta(minutes=10),
        }
        for row in records
    ]
    return pl.DataFrame(rows, schema=columns.schema("IntuneAuditLogs"))


def test_an_intune_record_is_a_change_of_kind_intune_with_all_that_is_told_of_it(landed: Land) -> None:
    con = landed(page("IntuneAuditLogs", record()), workspace_id="w")
    assert changes(con) == [
        (
            "event-1",
            "w",
            MORNING,
            "Patch DeviceConfiguration",
            "intune",
            "ConfigurationProfile",
            "profile-1",
            "Tunnel to work",
            "admin@example.org",
            "Server: old.example",
            "Server: a",
        )
    ]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("Create MobileApp", "MobileApp"),
        ("Create Win32LobApp", "MobileApp"),
        ("Delete MobileAppAssignment", "MobileApp"),
        ("Create IosTrustedRootCertificate", "Certificate"),
        ("Update ClientCertificate", "Certificate"),
        ("Create Windows10VpnConfiguration", "Vpn"),
        ("Patch IosWiFiConfiguration", "WiFi"),
        ("Create WindowsNetworkProxy", "Proxy"),
        ("Patch DeviceCompliancePolicy", "CompliancePolicy"),
        ("create deviceManagementConfigurationPolicy ", "ConfigurationProfile"),
    ],
)
def test_roll_outs_profiles_and_policies_are_told_apart(landed: Land, operation: str, kind: str) -> None:
    con = landed(page("IntuneAuditLogs", record(operation)))
    assert changes(con, "change, target_type") == [(operation.strip(), kind)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("VPN for all", "Vpn"), ("Office wi-fi", "WiFi"), ("Proxy", "Proxy"), ("SCEP users", "Certificate")],
)
def test_a_profile_of_no_kind_of_its_own_is_of_the_kind_that_its_name_tells(landed: Land, name: str, kind: str) -> None:
    con = landed(page("IntuneAuditLogs", record(TargetDisplayNames=[name])))
    assert changes(con, "target_type, target") == [(kind, name)]


@pytest.mark.parametrize("operation", ["syncDevice ManagedDevice", "Create RoleAssignment", "Patch DeviceCategory", ""])
def test_what_changes_neither_app_nor_profile_is_no_change(landed: Land, operation: str) -> None:
    assert changes(landed(page("IntuneAuditLogs", record(operation)))) == []


def test_an_attempt_that_failed_changed_nothing(landed: Land) -> None:
    assert changes(landed(page("IntuneAuditLogs", record() | {"ResultType": "Failure"}))) == []


def test_an_object_without_a_name_goes_by_its_id(landed: Land) -> None:
    con = landed(page("IntuneAuditLogs", record(TargetDisplayNames=["<null>"], Targets=[])))
    assert changes(con, "target_id, target, new_value") == [("profile-1", "profile-1", None)]


@pytest.mark.parametrize("said", ["", "no JSON", "[]", '{"Targets": "odd"}'])
def test_a_record_whose_properties_cannot_be_read_is_a_change_all_the_same(landed: Land, said: str) -> None:
    con = landed(page("IntuneAuditLogs", record() | {"Properties": said}))
    assert changes(con, "change, target, changed_by") == [("Patch DeviceConfiguration", None, "admin@example.org")]


def test_an_event_delivered_twice_is_one_change(landed: Land) -> None:
    landed(page("IntuneAuditLogs", record()))
    con = landed(page("IntuneAuditLogs", record(), record()))
    assert changes(con, "change_id") == [("event-1",)]


def test_records_without_an_event_id_are_told_apart_and_known_again(landed: Land) -> None:
    nameless = [record(at=MORNING + n * timedelta(minutes=1), AuditEventId=None) for n in range(2)]
    landed(page("IntuneAuditLogs", *nameless))
    assert len(changes(landed(page("IntuneAuditLogs", *nameless)))) == 2


def test_equal_events_of_two_workspaces_are_two_changes(landed: Land) -> None:
    landed(page("IntuneAuditLogs", record()), workspace_id="w1")
    con = landed(page("IntuneAuditLogs", record()), workspace_id="w2")
    assert sorted(changes(con, "workspace_id, change_id")) == [("w1", "event-1"), ("w2", "event-1")]


def test_changes_of_entra_stand_beside_those_of_intune_as_before(landed: Land) -> None:
    con = landed(page("AuditLogs", audit("Delete device")), page("IntuneAuditLogs", record()))
    assert changes(con, "change_id, change_kind") == [("change-1", "device_state"), ("event-1", "intune")]


def test_by_change_holds_what_was_changed_in_intune(landed: Land) -> None:
    con = landed(page("IntuneAuditLogs", record()))
    values = {"since": WINDOW.start, "until": WINDOW.end, "since_last": False}
    rows = store.run(con, assets.text(assets.REPORTS / "by_change.sql"), values).fetchall()
    assert [row[:6] for row in rows] == [
        ("event-1", MORNING, "Patch DeviceConfiguration", "intune", "ConfigurationProfile", "Tunnel to work")
    ]


# From a workspace, and from files.


def pulled(
    tables: dict[str, pl.DataFrame], con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve({WORKSPACE: tables}) as workspace:
        for name, value in workspace.environment.items():
            monkeypatch.setenv(name, value)
        source = Source((WORKSPACE,), workspace.url, workspace.url)
        with LogAnalytics(source) as service, shelf(con, tmp_path) as ready:
            run = pulling.Run(con, ready, source.workspaces, Span(WINDOW, fixed=True), WINDOW.end)
            pulling.pull(run, service, Patience(budget=5, first_wait=0.01), lambda _: None)


def test_the_records_of_the_window_are_pulled_once(
    emptied: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = {"before": WINDOW.start - timedelta(seconds=1), "in": MORNING, "after": WINDOW.end}
    table = in_workspace(*(record(at=at, AuditEventId=name) for name, at in times.items()))
    for _ in range(2):
        pulled({"IntuneAuditLogs": table}, emptied, tmp_path, monkeypatch)
    assert emptied.execute("SELECT Id, WorkspaceId FROM IntuneAuditLogs").fetchall() == [("in", WORKSPACE)]


def test_a_workspace_without_intune_is_seen_whole(
    emptied: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled({"SigninLogs": pl.DataFrame(schema=columns.schema("SigninLogs"))}, emptied, tmp_path, monkeypatch)
    told = emptied.execute("SELECT DISTINCT status, note FROM coverage WHERE source_table = 'IntuneAuditLogs'")
    assert told.fetchall() == [("absent", "the workspace has no table IntuneAuditLogs")]
    assert emptied.execute("SELECT count(*) FROM coverage WHERE status = 'incomplete'").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("name", "silent"),
    [("x", {}), ("x", {"Type": ""}), ("IntuneAuditLogs", {"Type": "", "Properties": {}}), ("AuditLogs", {"Type": ""})],
)
def test_an_exported_record_of_intune_is_known_for_one(tmp_path: Path, name: str, silent: dict[str, Any]) -> None:
    file = tmp_path / f"{name}.ndjson"
    file.write_bytes(orjson.dumps(record() | silent))
    (batch,) = read(file)
    assert ([each.table for each in batch.pages], batch.rejects) == (["IntuneAuditLogs"], ())


def test_what_is_pulled_and_imported_is_one_record(
    landed: Land, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.ndjson"
    file.write_bytes(orjson.dumps(record(AuditEventId=None) | {"TenantId": WORKSPACE}))
    con = landed(*next(read(file)).pages)
    pulled({"IntuneAuditLogs": in_workspace(record(AuditEventId=None))}, con, tmp_path, monkeypatch)
    assert con.execute("SELECT count(*) FROM IntuneAuditLogs").fetchall() == [(1,)]
