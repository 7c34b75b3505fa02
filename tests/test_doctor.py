"""Doctor as whoever sets the program up starts it: the real client, a local workspace, and one thing wrong a test."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import time
from datetime import UTC, datetime, timedelta
from importlib import metadata
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import duckdb
import duckdb_kql
import polars as pl
import pytest
import trustme
from program import last_line, signin_triage

from pipeline import assets, checks, machine_checks, store
from pipeline.errors import StoreUnusable
from pipeline.pages import TABLES
from pipeline.sandbox.faults import always, on_table, status
from pipeline.sandbox.tenant import simulate
from pipeline.sandbox.workspace import Workspace, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

WORKSPACE = "00000000-1111-2222-3333-444444444444"
OTHER = "00000000-9999-2222-3333-444444444444"
NOW = datetime.now(UTC).replace(tzinfo=None, microsecond=0)


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return simulate(5, until=NOW, days=2, users=12, causes=()).tables


@pytest.fixture
def workspace(tables: Mapping[str, pl.DataFrame]) -> Iterator[Workspace]:
    with serve({WORKSPACE: tables}) as served:
        yield served


def doctor(workspace: Workspace, folder: Path, *more: str | Path):  # type: ignore[no-untyped-def]
    return signin_triage(
        *("doctor", "--workspace", WORKSPACE, "--endpoint", workspace.url),
        *("--db", folder / "s.duckdb", "--out", folder / "report", *more),
        env=workspace.environment,
    )


def examined(workspace: Workspace, folder: Path, *more: str | Path) -> tuple[int, dict[str, dict[str, str]]]:
    told = doctor(workspace, folder, "--format", "json", *more)
    found: list[dict[str, str]] = json.loads(told.stdout)
    assert all(list(each) == ["check", "status", "detail", "remedy"] for each in found)
    assert all(each["remedy"] for each in found if each["status"] != "ok")
    return told.returncode, {each["check"]: each for each in found}


def published(folder: Path) -> Path:
    db = folder / "s.duckdb"
    with store.working(db) as work:
        store.publish(work, db)
    return db


def test_all_is_well_and_nothing_is_written(workspace: Workspace, tmp_path: Path) -> None:
    code, found = examined(workspace, tmp_path)
    assert (code, {each["status"] for each in found.values()}) == (0, {"ok"})
    assert found["credential"]["detail"] == "found by ManagedIdentityCredential"
    assert found["table IntuneAuditLogs"]["detail"] == "not in the workspace"
    assert list(tmp_path.iterdir()) == []


def test_people_get_a_line_a_check_and_a_count(workspace: Workspace, tmp_path: Path) -> None:
    told = doctor(workspace, tmp_path)
    *lines, blank, count = told.stdout.splitlines()
    assert {line[:6] for line in lines} == {"ok    "}
    assert (blank, count) == ("", f"{len(lines)} ok, 0 warn, 0 fail")


def test_a_table_tells_how_many_records_how_new_and_how_far_back(
    workspace: Workspace, tables: Mapping[str, pl.DataFrame], tmp_path: Path
) -> None:
    times = tables["SigninLogs"]["TimeGenerated"]
    assert times.max() is not None
    _, found = examined(workspace, tmp_path)
    detail = found["table SigninLogs"]["detail"]
    assert detail.startswith(f"{len(times):,} records, newest ")
    assert detail.endswith(" h; Analytics plan")


def test_an_identity_without_the_role_is_3_and_told_which_one_it_needs(workspace: Workspace, tmp_path: Path) -> None:
    workspace.schedule = always(status(403))
    code, found = examined(workspace, tmp_path)
    line = found[f"workspace {WORKSPACE}"]
    assert (code, line["status"]) == (3, "fail")
    assert "Log Analytics Reader" in line["remedy"]


def test_one_table_that_may_not_be_read_is_1_as_the_night_would_be(workspace: Workspace, tmp_path: Path) -> None:
    workspace.schedule = on_table("AuditLogs", status(403))
    code, found = examined(workspace, tmp_path)
    assert (code, found["table AuditLogs"]["status"]) == (1, "fail")


def test_a_table_on_another_plan_is_1_and_told_to_be_switched(workspace: Workspace, tmp_path: Path) -> None:
    workspace.on_other_plans.add("AADNonInteractiveUserSignInLogs")
    code, found = examined(workspace, tmp_path)
    line = found["table AADNonInteractiveUserSignInLogs"]
    assert (code, line["status"]) == (1, "fail")
    assert "Basic or Auxiliary plan" in line["detail"]
    assert "switch it to the Analytics plan" in line["remedy"]


def test_no_credential_is_3_and_what_needs_it_is_not_judged(workspace: Workspace, tmp_path: Path) -> None:
    workspace.environment.clear()
    workspace.environment["AZURE_TOKEN_CREDENTIALS"] = "EnvironmentCredential"  # noqa: S105 the name of one
    code, found = examined(workspace, tmp_path)
    assert (code, found["credential"]["status"]) == (3, "fail")
    assert found[f"workspace {WORKSPACE}"]["detail"] == "not judged without a token"


def test_a_token_for_somebody_else_is_3(workspace: Workspace, tmp_path: Path) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"aud": "https://management.azure.com"}).encode()).rstrip(b"=")
    workspace.token = f"e30.{claims.decode()}.e30"
    code, found = examined(workspace, tmp_path)
    assert (code, found["token"]["status"]) == (3, "fail")
    assert found["token"]["detail"] == "for https://management.azure.com, not for https://api.loganalytics.io"


def test_a_token_that_the_service_does_not_accept_is_3(workspace: Workspace, tmp_path: Path) -> None:
    workspace.schedule = always(status(401))
    code, found = examined(workspace, tmp_path)
    assert (code, found[f"workspace {WORKSPACE}"]["status"]) == (3, "fail")


def test_a_service_that_is_not_there_is_4_within_half_a_minute(workspace: Workspace, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    begun = time.monotonic()
    code, found = examined(workspace, tmp_path, "--endpoint", f"https://127.0.0.1:{port}")
    assert time.monotonic() - begun < 30
    assert (code, found[f"workspace {WORKSPACE}"]["status"]) == (4, "fail")
    assert found["clock"]["status"] == "warn"


def test_a_certificate_that_nobody_vouches_for_is_4(
    workspace: Workspace, tables: Mapping[str, pl.DataFrame], tmp_path: Path
) -> None:
    pem = tmp_path / "server.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with serve({WORKSPACE: tables}, certificate=pem) as strange:
        code, found = examined(workspace, tmp_path, "--endpoint", strange.url)
    line = found[f"workspace {WORKSPACE}"]
    assert (code, line["status"]) == (4, "fail")
    assert "REQUESTS_CA_BUNDLE" in line["remedy"]


def test_a_service_that_stays_busy_is_4(workspace: Workspace, tmp_path: Path) -> None:
    workspace.schedule = always(status(503, retry_after=600))
    code, found = examined(workspace, tmp_path)
    assert (code, found[f"workspace {WORKSPACE}"]["status"]) == (4, "fail")


def test_a_workspace_that_does_not_exist_is_2(workspace: Workspace, tmp_path: Path) -> None:
    told = signin_triage(
        *("doctor", "--workspace", OTHER, "--endpoint", workspace.url, "--db", tmp_path / "s.duckdb"),
        env=workspace.environment,
        cwd=tmp_path,
    )
    assert told.returncode == 2
    assert "knows no such workspace" in told.stdout
    assert last_line(told.stderr).startswith(f"signin-triage: workspace {OTHER}: ")


def test_of_two_workspaces_each_is_judged_by_its_own_lines(
    workspace: Workspace, tables: Mapping[str, pl.DataFrame], tmp_path: Path
) -> None:
    workspace.load(OTHER, {"SigninLogs": tables["SigninLogs"]})
    code, found = examined(workspace, tmp_path, "--workspace", OTHER)
    lines = [found[f"{each} audit log"]["status"] for each in (WORKSPACE, OTHER)]
    assert (code, lines) == (0, ["ok", "warn"])


def test_no_workspace_is_2_and_what_needs_none_is_judged_all_the_same(workspace: Workspace, tmp_path: Path) -> None:
    told = signin_triage("doctor", "--format", "json", env=workspace.environment, cwd=tmp_path)
    found = {each["check"]: each for each in json.loads(told.stdout)}
    assert told.returncode == 2
    assert "--workspace" in found["settings"]["remedy"]
    assert found["workspace"]["status"] == "warn"
    assert [found[name]["status"] for name in ("versions", "disk", "database", "credential")] == ["ok"] * 4


def test_absent_tables_never_fail_but_what_stays_unseen_is_told(
    workspace: Workspace, tables: Mapping[str, pl.DataFrame], tmp_path: Path
) -> None:
    workspace.load(WORKSPACE, {"SigninLogs": tables["SigninLogs"]})
    code, found = examined(workspace, tmp_path)
    assert (code, found["table AuditLogs"]["status"]) == (0, "ok")
    assert found["audit log"]["status"] == "warn"
    assert found["diagnostic settings"]["status"] == "warn"
    assert "NonInteractiveUserSignInLogs" in found["diagnostic settings"]["remedy"]


def test_an_empty_workspace_warns_and_does_not_fail(workspace: Workspace, tmp_path: Path) -> None:
    workspace.load(WORKSPACE, {})
    code, found = examined(workspace, tmp_path)
    assert (code, found["diagnostic settings"]["status"], found["audit log"]["status"]) == (0, "warn", "warn")


def test_a_log_of_which_nothing_came_for_a_day_is_a_warning(
    workspace: Workspace, tables: Mapping[str, pl.DataFrame], tmp_path: Path
) -> None:
    earlier = tables["SigninLogs"].with_columns(pl.col("TimeGenerated") - timedelta(days=3))
    workspace.load(WORKSPACE, {**tables, "SigninLogs": earlier})
    code, found = examined(workspace, tmp_path)
    assert (code, found["table SigninLogs"]["status"]) == (0, "warn")
    assert "newest 3 days old" in found["table SigninLogs"]["detail"]


def test_a_clock_more_than_two_minutes_from_the_services_is_a_warning(workspace: Workspace, tmp_path: Path) -> None:
    workspace.clock = lambda: datetime.now(UTC) + timedelta(minutes=10)
    code, found = examined(workspace, tmp_path)
    assert (code, found["clock"]["status"]) == (0, "warn")
    assert found["clock"]["detail"] == "this machine's clock is 10 min behind the service's"


def test_a_database_that_another_run_holds_is_5_and_its_process_is_named(workspace: Workspace, tmp_path: Path) -> None:
    with store.working(tmp_path / "s.duckdb"):
        code, found = examined(workspace, tmp_path)
    assert (code, found["database"]["status"]) == (5, "fail")
    assert "held by another run (process " in found["database"]["detail"]


def test_a_published_file_tells_its_schema_and_who_can_read_it(workspace: Workspace, tmp_path: Path) -> None:
    published(tmp_path)
    code, found = examined(workspace, tmp_path)
    assert code == 0
    assert found["database"]["detail"].endswith(f"schema {len(assets.sql_files(assets.SCHEMA))}; no run yet")
    assert found["storage version"]["detail"] == "v1.4.0+: DuckDB 1.4 and newer can read it"


def test_a_file_that_only_the_newest_readers_open_is_a_warning(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "s.duckdb")) as con:
        store.migrate(con, tmp_path / "s.duckdb")
    found = {check.check: check for check in machine_checks.database(tmp_path / "s.duckdb")}
    assert found["storage version"].status == "warn"


@pytest.mark.parametrize("content", [b"no database at all", b""])
def test_a_file_that_is_no_database_of_ours_is_5(workspace: Workspace, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.duckdb").write_bytes(content)
    code, found = examined(workspace, tmp_path)
    assert (code, found["database"]["status"]) == (5, "fail")


def test_a_file_that_everybody_may_read_is_a_warning_with_the_command_that_mends_it(
    workspace: Workspace, tmp_path: Path
) -> None:
    db = published(tmp_path)
    db.chmod(0o644)
    code, found = examined(workspace, tmp_path)
    assert (code, found["permissions"]["status"]) == (0, "warn")
    assert found["permissions"]["remedy"] == f"chmod o= {db}"


def test_a_report_folder_that_is_a_file_is_5(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "report").touch()
    code, found = examined(workspace, tmp_path)
    assert (code, found["report folder"]["status"]) == (5, "fail")


@pytest.mark.parametrize(("free", "status"), [(0, "fail"), (150, "fail"), (550, "warn"), (650, "ok")])
def test_a_disk_must_have_room_for_the_database_and_should_have_it_for_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str
) -> None:
    (tmp_path / "s.duckdb").write_bytes(bytes(200))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    found = machine_checks.disk(tmp_path / "s.duckdb")
    assert (found.status, found.code) == (status, StoreUnusable.exit_code if status == "fail" else 0)


def test_what_the_disk_refuses_to_tell_fails_its_own_check_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied", "/somewhere")

    monkeypatch.setattr(shutil, "disk_usage", refuse)
    found = {check.check: check for check in machine_checks.machine(tmp_path / "s.duckdb", tmp_path / "report")}
    assert (found["disk"].status, found["disk"].code, found["database"].status) == ("fail", 5, "ok")
    assert found["disk"].detail == "/somewhere cannot be used (Permission denied)"


def test_a_database_that_is_a_folder_is_2_and_the_rest_is_judged(workspace: Workspace, tmp_path: Path) -> None:
    code, found = examined(workspace, tmp_path, "--db", tmp_path)
    assert (code, found["database"]["status"], found["credential"]["status"]) == (2, "fail", "ok")


def test_a_package_beyond_the_release_that_we_know_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    really = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "3.0.0" if name == "duckdb" else really(name))
    found = machine_checks.versions()
    assert (found.status, "duckdb 3.0.0 (<3)" in found.detail) == ("warn", True)


def test_the_code_is_that_of_what_a_run_meets_first_and_a_gap_comes_last() -> None:
    gap, away, locked = (checks.fail("a check", code, "", "") for code in (1, 4, 5))
    assert checks.exit_code([gap]) == 1
    assert checks.exit_code([gap, away, locked]) == 4
    assert checks.exit_code([checks.ok("a check", ""), checks.warn("a check", "", "")]) == 0


def test_quiet_says_nothing_when_nothing_fails_and_one_sentence_when_something_does(
    workspace: Workspace, tmp_path: Path
) -> None:
    well = doctor(workspace, tmp_path, "--quiet")
    assert (well.returncode, well.stdout, well.stderr) == (0, "", "")
    workspace.schedule = always(status(403))
    ill = doctor(workspace, tmp_path, "--quiet")
    assert (ill.returncode, ill.stdout, ill.stderr.count("\n")) == (3, "", 1)


def test_no_token_is_in_any_line(workspace: Workspace, tmp_path: Path) -> None:
    workspace.token = "a-secret-nobody-may-see"  # noqa: S105 the secret of this test
    for schedule in (always(status(401)), always(status(403)), lambda _: None):
        workspace.schedule = schedule
        told: Any = doctor(workspace, tmp_path)
        assert workspace.token not in told.stdout + told.stderr


@pytest.mark.parametrize("table", TABLES)
def test_each_table_has_its_question(table: str) -> None:
    assert f'"{table}"' in str(duckdb_kql.to_sql(assets.reach_query(table)))
