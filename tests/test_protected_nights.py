"""Nights that protect people, as their user starts them: pseudonyms in all that is written, and a webhook told."""

from __future__ import annotations

import csv
import json
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import duckdb
import orjson
import polars as pl
import pytest
from program import last_line, signin_triage

from pipeline.pages import SIGN_IN_TABLES
from pipeline.sandbox.faults import always, status
from pipeline.sandbox.tenant import Tenant, simulate
from pipeline.sandbox.workspace import Workspace, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKSPACE = "00000000-1111-2222-3333-444444444444"
UNTIL = datetime(2026, 11, 10)
KEY = "a key that nobody guesses"


class Hook(ThreadingHTTPServer):
    """A webhook on loopback that remembers what it was posted, and answers with ``status`` after ``seconds``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.bodies: list[bytes] = []
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_address[1]}/services/secret-path"

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


class _Taking(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return simulate(11, until=UNTIL, days=5, users=30, causes=("federation_change", "network_interception"))


@pytest.fixture
def workspace(tenant: Tenant) -> Iterator[Workspace]:
    with serve({WORKSPACE: tenant.tables}) as served:
        yield served


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def nightly(workspace: Workspace, folder: Path, *more: str | Path, key: str | None = None):  # type: ignore[no-untyped-def]
    since = UNTIL - timedelta(days=5)
    return signin_triage(
        *("nightly", "--workspace", WORKSPACE, "--endpoint", workspace.url, "--db", folder / "s.duckdb"),
        *("--out", folder / "report", "--since", since.isoformat(), "--until", UNTIL.isoformat(), *more),
        env=workspace.environment | ({"SIGNIN_TRIAGE_PSEUDONYM_KEY": key} if key else {}),
    )


def clear_names(tenant: Tenant) -> set[str]:
    """Return every user name, display name, device name and address that the tenant's logs hold, wherever in them."""
    names: set[str | None] = set()
    for table in SIGN_IN_TABLES:
        frame = tenant.tables[table]
        for column in ("UserPrincipalName", "UserDisplayName", "IPAddress"):
            if column in frame.columns:
                names |= set(frame[column].drop_nulls().to_list())
        if "DeviceDetail" in frame.columns:
            details = (orjson.loads(text) for text in frame["DeviceDetail"].cast(pl.String).drop_nulls().unique())
            names |= {detail.get("displayName") for detail in details if detail}
    for record in tenant.tables["AuditLogs"].iter_rows(named=True):
        someone = orjson.loads(record["InitiatedBy"]).get("user") or {}
        names |= {someone.get("userPrincipalName"), someone.get("displayName"), someone.get("ipAddress")}
        for each in orjson.loads(record["TargetResources"]):
            names.add(each.get("userPrincipalName"))
            names |= {each["displayName"]} if each["type"] in ("User", "Device") else set()
    # A device that is called iPhone names nobody, and user agents say the word anyway.
    return {name for name in names if name and name != "iPhone"}


def everything_written(folder: Path) -> str:
    """Return all bytes of a folder's files as text, and all rows of the databases in it."""
    parts = []
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        parts += [str(file.relative_to(folder)), file.read_bytes().decode("utf-8", errors="replace")]
        if file.suffix == ".duckdb":
            with duckdb.connect(str(file), read_only=True) as con:
                for (name,) in con.execute("SELECT table_name FROM information_schema.tables").fetchall():
                    parts += [str(row) for row in con.execute(f'SELECT t::VARCHAR FROM "{name}" AS t').fetchall()]
    return "\n".join(parts).lower()


def judged(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "report" / "incidents.csv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    columns = ("status", "first_seen_at", "last_seen_at", "failures", "sign_ins", "devices", "users", "cause")
    return [(*(row[column] for column in columns), row["scope"].split("=")[0]) for row in rows]


def test_a_search_of_all_that_a_pseudonymised_night_wrote_finds_no_name_and_the_judgement_is_the_same(
    workspace: Workspace, tenant: Tenant, hook: Hook, tmp_path: Path
) -> None:
    assert nightly(workspace, tmp_path / "clear").returncode == 0
    told = nightly(workspace, tmp_path / "disguised", "--pseudonymise", "--notify", hook.url, key=KEY)
    assert told.returncode == 0, told.stderr
    names = clear_names(tenant)
    clear, disguised = (everything_written(tmp_path / each) for each in ("clear", "disguised"))
    said = "\n".join(
        [disguised, told.stdout.lower(), told.stderr.lower(), *(str(body).lower() for body in hook.bodies)]
    )
    assert len([name for name in names if name.lower() in clear]) > 0.9 * len(names) > 50
    assert [name for name in names if name.lower() in said] == []
    assert len(judged(tmp_path / "clear")) >= 2
    assert judged(tmp_path / "disguised") == judged(tmp_path / "clear")


def test_a_pseudonymised_night_once_more_adds_nothing_and_without_its_key_there_is_none(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    assert nightly(workspace, tmp_path, "--pseudonymise", key=KEY).returncode == 0
    failures = (tmp_path / "report" / "failures.csv").read_bytes()
    assert nightly(workspace, tmp_path, "--pseudonymise", "--pseudonym-key", tmp_path / "key").returncode == 0
    assert (tmp_path / "report" / "failures.csv").read_bytes() == failures
    published = (tmp_path / "s.duckdb").read_bytes()
    for told, said in (
        (nightly(workspace, tmp_path), "holds pseudonyms"),
        (nightly(workspace, tmp_path, "--pseudonymise"), "needs a key"),
        (nightly(workspace, tmp_path, "--pseudonymise", key=KEY + "!"), "another key"),
    ):
        assert told.returncode == 2
        assert said in last_line(told.stderr)
    assert (tmp_path / "s.duckdb").read_bytes() == published


def test_the_webhook_gets_the_object_that_nightly_prints(workspace: Workspace, hook: Hook, tmp_path: Path) -> None:
    told = nightly(workspace, tmp_path, "--notify", hook.url, "--format", "json")
    assert told.returncode == 0, told.stderr
    assert hook.told == [json.loads(told.stdout)]


def test_a_webhook_that_refuses_is_a_warning_that_does_not_show_its_address(
    workspace: Workspace, hook: Hook, tmp_path: Path
) -> None:
    hook.status = 500
    told = nightly(workspace, tmp_path, "--notify", hook.url)
    assert told.returncode == 0
    assert last_line(told.stderr) == "The webhook at 127.0.0.1 did not take the summary: it answered 500."
    assert "secret-path" not in told.stdout + told.stderr


def test_a_night_that_fails_tells_the_webhook_why(workspace: Workspace, hook: Hook, tmp_path: Path) -> None:
    workspace.schedule = always(status(403))
    told = nightly(workspace, tmp_path, "--notify", hook.url)
    assert told.returncode == 3
    ((message),) = hook.told
    assert (message["status"], message["complete"]) == ("failed", False)
    assert message["text"].removeprefix("signin-triage failed (3): ") == last_line(told.stderr).split(": ", 1)[1]


def test_a_night_after_a_purge_brings_nothing_back_and_asks_only_for_what_may_land(
    workspace: Workspace, tmp_path: Path
) -> None:
    assert nightly(workspace, tmp_path).returncode == 0
    coverage = len((tmp_path / "report" / "coverage.csv").read_text().splitlines())
    told = signin_triage("purge", "--older-than", "2d", "--until", UNTIL.isoformat(), "--db", tmp_path / "s.duckdb")
    assert told.returncode == 0, told.stderr
    assert nightly(workspace, tmp_path).returncode == 0
    with duckdb.connect(str(tmp_path / "s.duckdb"), read_only=True) as con:
        oldest, newest = con.execute("SELECT min(seen_at), max(seen_at) FROM sign_ins").fetchall()[0]
    assert UNTIL - timedelta(days=2) <= oldest < newest < UNTIL
    assert len((tmp_path / "report" / "coverage.csv").read_text().splitlines()) == coverage
