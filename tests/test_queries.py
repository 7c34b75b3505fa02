"""The query files: each reads one table, projects what its landed table holds, and is KQL that real parsers accept."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import duckdb_kql
import pytest

from pipeline import assets, store
from pipeline.logs import bounded
from pipeline.pages import TABLES
from pipeline.window import Window

ROOT = Path(__file__).parent.parent
CHECKER = ROOT.parent / "shared" / "tools" / "kql_check.js"
PARSER = Path(os.environ.get("KUSTO_LANGUAGE_SERVICE", ROOT / ".venv" / "kusto" / "node_modules"))


def projected(table: str) -> list[str]:
    _, columns = re.sub(r"//.*", "", assets.query(table)).split("| project")
    return [column.split("=")[0].strip() for column in columns.split(",")]


@pytest.mark.parametrize("table", TABLES)
def test_a_query_projects_just_what_its_landed_table_holds(table: str) -> None:
    with store.empty() as con:
        landed = con.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [table]).fetchall()
    assert sorted(projected(table)) == sorted(name for (name,) in landed if name != "WorkspaceId")


@pytest.mark.parametrize("table", TABLES)
def test_a_query_stands_alone_and_reads_one_table(table: str) -> None:
    lines = [line for line in assets.query(table).splitlines() if not line.startswith("//")]
    assert lines[0] == table
    assert lines[1] == "| project"


@pytest.mark.parametrize("table", TABLES)
def test_a_bounded_query_translates_for_duckdb(table: str) -> None:
    week = Window(datetime(2026, 11, 1), datetime(2026, 11, 8))
    kql = bounded(assets.query(table), table, week, week).replace("ingestion_time()", "ingestion_time")
    assert "2026-11-01T00:00:00" in str(duckdb_kql.to_sql(kql))


def test_nothing_but_typed_times_is_added_to_a_query() -> None:
    window = Window(datetime(2026, 11, 1), datetime(2026, 11, 2, 12, 30))
    text = assets.query("AuditLogs")
    added = bounded(text, "AuditLogs", window, window).removeprefix(text.rstrip())
    assert re.fullmatch(
        r"\n\| where IngestedAt >= datetime\([0-9T:.-]+Z\) and IngestedAt < datetime\([0-9T:.-]+Z\)"
        r"\n\| where coalesce\(ActivityDateTime, TimeGenerated\) >= datetime\([0-9T:.-]+Z\)"
        r" and coalesce\(ActivityDateTime, TimeGenerated\) < datetime\([0-9T:.-]+Z\)\n",
        added,
    )


def test_microsofts_own_parser_finds_no_fault(tmp_path: Path) -> None:
    if not CHECKER.exists() or not shutil.which("node") or not PARSER.exists():
        pytest.skip("needs node, the Kusto language service (npm) and the checker beside the checkout")
    files = []
    window = Window(datetime(2026, 11, 1), datetime(2026, 11, 2))
    for table in TABLES:
        with_bounds = tmp_path / f"{table}.bounded.kql"
        with_bounds.write_text(bounded(assets.query(table), table, window, window))
        files += [assets.QUERIES / f"{table}.kql", with_bounds, assets.QUERIES / "doctor" / f"{table}.kql"]
    checked = subprocess.run(
        ["node", CHECKER, *files],
        env=os.environ | {"NODE_PATH": str(PARSER)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (checked.returncode, checked.stdout) == (0, "")
