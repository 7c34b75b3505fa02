"""The main job as its user starts it: the program in its own process, the service over TLS, the files it leaves."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest
import trustme
from program import last_line, signin_triage

from pipeline.pages import ENTRA_TABLES, SIGN_IN_TABLES
from pipeline.sandbox.faults import always, on_table, status
from pipeline.sandbox.tenant import Tenant, simulate
from pipeline.sandbox.workspace import Workspace, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKSPACE = "00000000-1111-2222-3333-444444444444"
UNTIL = datetime(2026, 11, 10)
SINCE = UNTIL - timedelta(days=5)


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return simulate(11, until=UNTIL, days=5, users=30, causes=("app_credential_change", "device_reregistered"))


@pytest.fixture
def workspace(tenant: Tenant, tmp_path: Path) -> Iterator[Workspace]:
    """A workspace over TLS, with the environment of a machine that has a managed identity and trusts its authority."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    with serve({WORKSPACE: tenant.tables}, certificate=tmp_path / "server.pem") as served:
        served.environment["REQUESTS_CA_BUNDLE"] = str(tmp_path / "ca.pem")
        yield served


def nightly(workspace: Workspace, folder: Path, *more: str | Path, until: datetime = UNTIL):  # type: ignore[no-untyped-def]
    return signin_triage(
        *("nightly", "--workspace", WORKSPACE, "--endpoint", workspace.url, "--db", folder / "s.duckdb"),
        *("--out", folder / "report", "--since", SINCE.isoformat(), "--until", until.isoformat(), *more),
        env=workspace.environment,
    )


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def happened(frame: pl.DataFrame) -> pl.DataFrame:
    event = "ActivityDateTime" if "ActivityDateTime" in frame.columns else "CreatedDateTime"
    return frame.filter(pl.col(event).is_between(SINCE, UNTIL, closed="left")).unique("Id")


def everything_under(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_night_lands_every_record_and_reports_every_failure_once(
    workspace: Workspace, tenant: Tenant, tmp_path: Path
) -> None:
    told = nightly(workspace, tmp_path, "--format", "json")
    assert told.returncode == 0, told.stderr
    with duckdb.connect(str(tmp_path / "s.duckdb"), read_only=True) as con:
        for table in ENTRA_TABLES:
            landed = sorted(identity for (identity,) in con.execute(f"SELECT Id FROM {table}").fetchall())
            assert landed == sorted(happened(tenant.tables[table])["Id"]), table
    source = pl.concat([happened(tenant.tables[table]).select("Id", "AppId", "ResultType") for table in SIGN_IN_TABLES])
    failed = source.filter(pl.col("ResultType") == "50099")
    assert sorted(row["sign_in_id"] for row in rows(tmp_path / "report" / "failures.csv")) == sorted(failed["Id"])
    by_app = {
        row["app_id"]: (int(row["failures"]), int(row["sign_ins"])) for row in rows(tmp_path / "report" / "by_app.csv")
    }
    attempts, failures = Counter(source["AppId"]), Counter(failed["AppId"])
    assert by_app == {app: (failures[app], attempts[app]) for app in attempts}
    summary = json.loads(told.stdout)
    assert (summary["failures"], summary["sign_ins"], summary["complete"]) == (failed.height, source.height, True)


def test_the_oldest_reader_gets_as_many_rows_of_each_view_as_it_counts(workspace: Workspace, tmp_path: Path) -> None:
    old = Path(sys.prefix) / "duckdb-1.4" / "bin" / "python"
    if not old.exists():
        pytest.skip("needs DuckDB 1.4 in the virtual environment: `make check` puts it there")
    assert nightly(workspace, tmp_path).returncode == 0
    counts_all = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=True)
for (name,) in con.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall():
    ((counted,),) = con.execute(f'SELECT count(*) FROM "{name}"').fetchall()
    fetched = len(con.execute(f'SELECT * FROM "{name}"').fetchall())
    if counted != fetched:
        print(name, counted, fetched)
"""
    told = subprocess.run(
        [old, "-c", counts_all, tmp_path / "s.duckdb"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_the_same_night_once_more_changes_status_and_coverage_only(workspace: Workspace, tmp_path: Path) -> None:
    assert nightly(workspace, tmp_path).returncode == 0
    before = everything_under(tmp_path / "report")
    incidents = rows(tmp_path / "report" / "incidents.csv")
    assert nightly(workspace, tmp_path).returncode == 0
    after = everything_under(tmp_path / "report")
    changed = {name.rsplit("/", maxsplit=1)[-1] for name in before if before[name] != after[name]}
    assert changed <= {"incidents.csv", "coverage.csv", "report.html"}
    again = rows(tmp_path / "report" / "incidents.csv")
    assert [row | {"status": ""} for row in incidents] == [row | {"status": ""} for row in again]


def test_a_look_back_at_an_earlier_day_does_not_see_the_days_after_it(workspace: Workspace, tmp_path: Path) -> None:
    day = UNTIL - timedelta(days=2)
    for folder, nights in ((tmp_path / "back", (UNTIL, day)), (tmp_path / "fresh", (day,))):
        for until in nights:
            assert nightly(workspace, folder, until=until).returncode == 0
    back, fresh = (everything_under(tmp_path / name / "report") for name in ("back", "fresh"))
    assert {file.rsplit("/", maxsplit=1)[-1] for file in back} == {file.rsplit("/", maxsplit=1)[-1] for file in fresh}
    for name in ("causes", "failures", "by_app", "by_device", "by_user", "by_change"):
        back_text, fresh_text = ((tmp_path / side / "report" / f"{name}.csv").read_text() for side in ("back", "fresh"))
        assert back_text == fresh_text, name


def test_report_writes_the_bytes_that_nightly_wrote(workspace: Workspace, tmp_path: Path) -> None:
    assert nightly(workspace, tmp_path).returncode == 0
    told = signin_triage("report", "--db", tmp_path / "s.duckdb", "--out", tmp_path / "again")
    assert told.returncode == 0, told.stderr
    first = {file.name: file.read_bytes() for file in (tmp_path / "report").rglob("*.*")}
    assert {file.name: file.read_bytes() for file in (tmp_path / "again").rglob("*.*")} == first


def test_import_analyze_report_find_what_a_pull_finds(workspace: Workspace, tenant: Tenant, tmp_path: Path) -> None:
    assert nightly(workspace, tmp_path).returncode == 0
    exported = tmp_path / "exported"
    exported.mkdir()
    for table, frame in tenant.tables.items():
        frame.with_columns(TenantId=pl.lit(WORKSPACE)).write_parquet(exported / f"{table}.parquet")
    db, window = tmp_path / "i.duckdb", ("--since", SINCE.isoformat(), "--until", UNTIL.isoformat())
    for command in (
        ("import", exported, "--db", db),
        ("analyze", "--db", db, *window),
        ("report", "--db", db, "--out", tmp_path / "imported"),
    ):
        told = signin_triage(*command)
        assert told.returncode == 0, told.stderr
    for name in ("incidents", "causes", "failures", "by_app", "by_device", "by_user", "by_change"):
        assert (tmp_path / "imported" / f"{name}.csv").read_text() == (tmp_path / "report" / f"{name}.csv").read_text()


def test_a_table_that_may_not_be_read_is_told_on_stdout_and_by_exit_1(workspace: Workspace, tmp_path: Path) -> None:
    workspace.schedule = on_table("AuditLogs", status(403))
    told = nightly(workspace, tmp_path)
    assert told.returncode == 1
    assert "Not seen: AuditLogs" in told.stdout
    assert {
        row["status"] for row in rows(tmp_path / "report" / "coverage.csv") if row["source_table"] == "AuditLogs"
    } == {"incomplete"}


def test_an_authority_file_that_is_not_there_is_named(workspace: Workspace, tmp_path: Path) -> None:
    workspace.environment["REQUESTS_CA_BUNDLE"] = str(tmp_path / "no-such.pem")
    told = nightly(workspace, tmp_path)
    assert told.returncode in (3, 4)
    assert "Traceback" not in told.stderr
    assert "unexpected" not in told.stderr


@pytest.mark.parametrize(("code", "exit_code"), [(401, 3), (403, 3), (404, 2), (400, 4)])
def test_a_night_that_fails_leaves_everything_as_it_was(
    workspace: Workspace, tmp_path: Path, code: int, exit_code: int
) -> None:
    assert nightly(workspace, tmp_path).returncode == 0
    before = everything_under(tmp_path / "report"), (tmp_path / "s.duckdb").read_bytes()
    workspace.schedule = always(status(code))
    told = nightly(workspace, tmp_path, until=UNTIL + timedelta(hours=1))
    assert told.returncode == exit_code, told.stderr
    assert last_line(told.stderr).startswith("signin-triage: ")
    assert "Traceback" not in told.stderr
    assert (everything_under(tmp_path / "report"), (tmp_path / "s.duckdb").read_bytes()) == before


def test_an_empty_workspace_is_a_quiet_night_with_every_file(workspace: Workspace, tmp_path: Path) -> None:
    workspace.load(WORKSPACE, {})
    told = nightly(workspace, tmp_path)
    assert told.returncode == 0, told.stderr
    assert "No sign-in of this window has landed" in told.stdout
    assert len(list((tmp_path / "report").glob("*.csv"))) == 9


def test_quiet_says_nothing_at_all(workspace: Workspace, tmp_path: Path) -> None:
    told = nightly(workspace, tmp_path, "--quiet")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_no_token_is_shown_anywhere(workspace: Workspace, tmp_path: Path) -> None:
    workspace.token = "a-secret-nobody-may-see"  # noqa: S105 the secret of this test
    told = nightly(workspace, tmp_path)
    workspace.schedule = always(status(401))
    refused = nightly(workspace, tmp_path, until=UNTIL + timedelta(hours=1))
    said = told.stdout + told.stderr + refused.stdout + refused.stderr
    assert workspace.token not in said
    assert not [name for name, content in everything_under(tmp_path).items() if workspace.token.encode() in content]


@pytest.mark.parametrize("option", ["--excel", "--format=csv"])
def test_a_report_after_the_night_writes_the_same_bytes_and_tells_the_same_story(
    workspace: Workspace, tmp_path: Path, option: str
) -> None:
    night = nightly(workspace, tmp_path, option)
    before = everything_under(tmp_path / "report")
    told = signin_triage("report", "--db", tmp_path / "s.duckdb", "--out", tmp_path / "report", option)
    assert (told.returncode, told.stdout) == (night.returncode, night.stdout)
    assert everything_under(tmp_path / "report") == before
    assert before[str(tmp_path / "report" / "trends.csv")].startswith(b"\xef\xbb\xbf") == (option == "--excel")
