"""What several test files stand on: a clean environment, the reference folder, and a database to land in."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline import assets, land, pages, store

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from pipeline.pages import Page

# The stored views that sign-ins, failures and changes are made of, each standing on those before it.
_STORED = ("inferred_devices", "failed_sign_ins", "audited_changes")
_OWN_TABLES = ("asked", "incident_failures", "found_incidents", "judged_causes", "import_rejects")


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
    return store.empty()


@pytest.fixture
def emptied() -> duckdb.DuckDBPyConnection:
    """A database with our tables and views, in which nothing has landed.

    It is one for all tests, emptied each time: making tables and views anew takes longer than a test may.
    """
    con = _database()
    for table in (*pages.TABLES, *_OWN_TABLES):
        con.execute(f"DELETE FROM {table}")
    return con


@pytest.fixture
def landed(emptied: duckdb.DuckDBPyConnection, tmp_path: Path) -> Callable[..., duckdb.DuckDBPyConnection]:
    """Land pages, each in the workspace ``workspace_id``, and return the database with its views as of now."""

    def lands(*delivered: Page, workspace_id: str | None = None) -> duckdb.DuckDBPyConnection:
        for page in delivered:
            land.land(emptied, page, tmp_path, workspace_id)
        for file in assets.sql_files(assets.VIEWS):
            name = store.view_name(file)
            if name in _STORED:
                emptied.execute(f"CREATE OR REPLACE TABLE {name} AS {assets.text(file)}")
        return emptied

    return lands
