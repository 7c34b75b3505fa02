"""What several test files stand on: a clean environment, the reference folder, and a database to land in."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from pipeline import assets, land, pages, store, views

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from pipeline.pages import Page

# The stored views that sign-ins, failures and changes are made of, each with the tables without which it is empty.
_STORED = {
    "addresses": set(pages.SIGN_IN_TABLES),
    "inferred_devices": set(pages.SIGN_IN_TABLES),
    "failed_sign_ins": set(pages.SIGN_IN_TABLES),
    "audited_changes": {"AuditLogs", "IntuneAuditLogs"},
    "policies_in_force": {"AuditLogs", *pages.SIGN_IN_TABLES},
    "policy_counts": {"AuditLogs", *pages.SIGN_IN_TABLES},
    "day_counts": set(pages.SIGN_IN_TABLES),
    "slot_builds": set(pages.SIGN_IN_TABLES),
    "slot_counts": set(pages.SIGN_IN_TABLES),
}
_OWN_TABLES = (
    *("asked", "incident_failures", "found_incidents", "judged_causes", "given_verdicts", "import_rejects"),
    *("imported_files", "counted_days", "current_views"),
    *("purged", "pseudonym_keys", "remembered_incidents"),
)

# How long an example takes says more of the machine's other work than of ours.
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SIGNIN_TRIAGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def shared() -> Path:
    """The reference folder that may lie beside the checkout."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the reference folder does not lie beside this checkout")
    return folder


@cache
def _database() -> duckdb.DuckDBPyConnection:
    con = store.empty()
    con.execute("SET threads = 1")
    return con


@pytest.fixture
def emptied() -> duckdb.DuckDBPyConnection:
    """A database with our tables and views, in which nothing has landed.

    It is one for all tests, emptied each time: making tables and views anew takes longer than a test may.
    """
    con = _database()
    for table in (*pages.TABLES, *_OWN_TABLES, *_STORED):
        con.execute(f"DELETE FROM {table}")
    if con.execute("SELECT 1 FROM horizon WHERE year(until) < 9999").fetchall():
        views.build(con)  # those that a test built for its own moment hold that moment
    return con


@pytest.fixture
def landed(emptied: duckdb.DuckDBPyConnection, tmp_path: Path) -> Callable[..., duckdb.DuckDBPyConnection]:
    """Land pages, each in the workspace ``workspace_id``, and return the database with its views as of now."""

    holding: set[str] = set()

    def lands(*delivered: Page, workspace_id: str | None = None) -> duckdb.DuckDBPyConnection:
        for page in delivered:
            land.land(emptied, page, tmp_path, workspace_id)
            holding.add(page.table)
        emptied.execute("DELETE FROM inferred_devices")
        for file in assets.sql_files(assets.VIEWS):
            name = views.name_of(file)
            if holding & _STORED.get(name, set()):
                emptied.execute(f"CREATE OR REPLACE TABLE {name} AS {assets.text(file)}")
        return emptied

    return lands
