"""The same logs, however they were exported: one tenant in every form is the same sign-ins, failures and changes."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
import renderings
from renderings import FORMS, WITHOUT_ARRIVAL

from pipeline import imports, rules, runs, store
from pipeline.sandbox.tenant import Tenant, simulate
from pipeline.settings import Span
from pipeline.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from renderings import Row

UNTIL = datetime(2026, 11, 10)
SPAN = Span(Window(datetime(2026, 11, 6), UNTIL), fixed=True)
# What no file but those of Log Analytics has.
ARRIVAL = ("arrived_at",)
# What Microsoft Graph has in other words or not at all.
UNLIKE = (*ARRIVAL, "result_text")


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return simulate(11, until=UNTIL, days=4, users=12, causes=("app_credential_change", "device_reregistered"))


@pytest.fixture(scope="module")
def rows(tenant: Tenant) -> list[Row]:
    return renderings.rows(tenant.tables)


def told(db: Path, leaving_out: tuple[str, ...] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Return what the views say."""
    with store.reading(db) as con:
        but = "EXCLUDE (" + ", ".join(leaving_out) + ")" if leaving_out else ""
        asked = {
            "sign_ins": f"SELECT * {but} FROM sign_ins ORDER BY ALL",
            "failures": f"SELECT * {but} FROM failures ORDER BY ALL",
            "changes": "SELECT * EXCLUDE workspace_id FROM changes ORDER BY ALL",
            "incidents": "SELECT incident_id, scope, cause, confidence, change_id FROM incidents ORDER BY ALL",
        }
        return {name: con.execute(query).fetchall() for name, query in asked.items()}


def analyzed(db: Path, *files: Path, workspace: str | None = None) -> imports.Outcome:
    outcome = imports.import_files(db, files, lambda _: None, asked=imports.Asked(workspace=workspace))
    runs.analyze(db, SPAN, rules.load())
    return outcome


@pytest.fixture(scope="module")
def expected(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("expected")
    for name, frame in tenant.tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    analyzed(folder / "s.duckdb", folder)
    return folder / "s.duckdb"


@pytest.mark.parametrize("form", FORMS)
def test_one_tenant_in_any_form_is_the_same_sign_ins_failures_changes_and_incidents(
    form: str, rows: list[Row], expected: Path, tmp_path: Path
) -> None:
    file = tmp_path / "export"
    file.write_bytes(FORMS[form](rows))
    (counts,) = analyzed(tmp_path / "s.duckdb", file, workspace=rows[0]["TenantId"]).files
    assert (counts.read, counts.rejected, counts.skipped) == (len(rows), 0, 0)
    assert counts.landed == len({(row["Type"], row["Id"]) for row in rows})
    unlike = UNLIKE if form in WITHOUT_ARRIVAL else ARRIVAL
    of_this, of_parquet = told(tmp_path / "s.duckdb", unlike), told(expected, unlike)
    for view, found in of_this.items():
        assert found == of_parquet[view], view
    assert of_this["failures"]
    assert of_this["incidents"]


@pytest.mark.parametrize("order", [("query api", "blob", "graph pages"), ("graph pages", "blob", "query api")])
def test_a_record_from_graph_a_blob_and_the_query_api_is_one(
    order: tuple[str, ...], rows: list[Row], expected: Path, tmp_path: Path
) -> None:
    for form in order:
        (tmp_path / form).write_bytes(FORMS[form](rows))
    files = [imports.import_files(tmp_path / "s.duckdb", [tmp_path / form], lambda _: None).files[0] for form in order]
    assert [count.landed for count in files[1:]] == [0, 0]
    assert [count.duplicates for count in files[1:]] == [len(rows), len(rows)]
    runs.analyze(tmp_path / "s.duckdb", SPAN, rules.load())
    unlike = ("arrived_at",)
    assert told(tmp_path / "s.duckdb", unlike) == told(expected, unlike)


def zipped(content: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", "what this is")
        archive.writestr("a/b/SigninLogs.json.gz", gzip.compress(content))
    return written.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, renderings.zstandard, zipped])
@pytest.mark.parametrize("form", ["blob", "portal csv in UTF-16", "query api", "graph pages"])
def test_a_packed_file_is_what_is_in_it(
    pack: Callable[[bytes], bytes], form: str, rows: list[Row], tmp_path: Path
) -> None:
    some = rows[:40]
    file = tmp_path / "export"
    file.write_bytes(pack(FORMS[form](some)))
    outcome = imports.import_files(tmp_path / "s.duckdb", [file], lambda _: None)
    (counts,) = outcome.files
    assert (counts.read, counts.rejected) == (len(some), 0)
    assert [name.rsplit("/", 1)[-1] for name in outcome.passed_over] == (["README.txt"] if pack is zipped else [])
