"""Runs that end before their end, each a process of its own: stopped, killed, shut out, or without room on the disk."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest
from program import last_line

from pipeline.sandbox.faults import Fault
from pipeline.sandbox.tenant import Tenant, simulate
from pipeline.sandbox.workspace import Workspace, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.sandbox.faults import Question

WORKSPACE = "00000000-1111-2222-3333-444444444444"
UNTIL = datetime(2026, 11, 8)
SINCE = UNTIL - timedelta(days=3)
HANGS = Fault("delay", seconds=60)
# The program, and what stands before its start: nothing, landing that takes a minute, a limit on the size of files.
PROGRAM = "from pipeline.cli import main; main()"
SLOW_LANDING = f"""
from pipeline import land
def slowly(con, *_):
    print("landing", flush=True)
    con.execute("SELECT sum(hash(range)) FROM range(100_000_000_000)").fetchall()
land.land_records = slowly
{PROGRAM}"""
LITTLE_ROOM = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (int(__import__("os").environ["ROOM"]),) * 2)
{PROGRAM}"""


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return simulate(5, until=UNTIL, days=3, users=20, causes=("device_reregistered",))


@pytest.fixture
def workspace(tenant: Tenant) -> Iterator[Workspace]:
    tables = {table: tenant.tables[table] for table in ("SigninLogs", "AuditLogs")}
    with serve({WORKSPACE: tables}) as served:
        yield served


@pytest.fixture
def start(workspace: Workspace, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command on the database in the test's folder; what is left running at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def starting(
        command: str = "pull", program: str = PROGRAM, until: datetime = UNTIL, **environment: str
    ) -> subprocess.Popen[str]:
        out = ["--out", str(tmp_path / "report")] if command == "nightly" else []
        asked = ["--workspace", WORKSPACE, "--endpoint", workspace.url, "--db", str(tmp_path / "s.duckdb")]
        window = ["--since", SINCE.isoformat(), "--until", until.isoformat()]
        process = subprocess.Popen(
            [sys.executable, "-c", program, command, *asked, *window, *out],
            env=os.environ | workspace.environment | {"NO_PROXY": "127.0.0.1"} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield starting
    for process in running:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str], code: int) -> str:
    """Return the last sentence of a process that must end with a code."""
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Traceback" not in said
    return last_line(said)


def stopped(process: subprocess.Popen[str]) -> str:
    """Stop a process as Ctrl-C does, and return its last sentence; it has two seconds."""
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    sentence = told(process, 130)
    assert time.monotonic() - began < 2
    return sentence


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def after(answers: int, fault: Fault) -> Callable[[Question], Fault | None]:
    return lambda question: fault if question.number >= answers else None


def landed(db: Path) -> list[str]:
    with duckdb.connect(str(db), read_only=True) as con:
        return [identity for (identity,) in con.execute("SELECT Id FROM SigninLogs ORDER BY Id").fetchall()]


def in_source(tenant: Tenant) -> list[str]:
    frame = tenant.tables["SigninLogs"]
    return sorted(frame.filter(pl.col("CreatedDateTime").is_between(SINCE, UNTIL, closed="left"))["Id"].unique())


def everything_under(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name[0] != "."}


def test_ctrl_c_while_the_service_hangs_says_what_has_landed_and_the_next_run_goes_on(
    workspace: Workspace, tenant: Tenant, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    workspace.schedule = after(8, HANGS)
    process = start()
    until(lambda: len(workspace.requests) == 8)
    time.sleep(0.5)  # for what was answered to land
    sentence = stopped(process)
    with duckdb.connect(str(tmp_path / ".s.duckdb.working"), read_only=True) as con:
        kept = con.execute("SELECT (SELECT count(*) FROM SigninLogs) + (SELECT count(*) FROM AuditLogs)").fetchall()[0][
            0
        ]
    assert kept > 0
    assert f"{kept:,} new records had landed" in sentence
    assert not (tmp_path / "s.duckdb").exists()
    workspace.schedule = lambda _: None
    told(start(), 0)
    assert landed(tmp_path / "s.duckdb") == in_source(tenant)


def test_ctrl_c_while_records_land_ends_at_once(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start(program=SLOW_LANDING)
    assert process.stdout is not None
    process.stdout.readline()
    assert "had landed and are kept" in stopped(process)


def test_a_second_run_is_told_who_holds_the_database_and_a_dead_holder_holds_nothing(
    workspace: Workspace, tenant: Tenant, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    workspace.schedule = after(3, HANGS)
    holder = start()
    until(lambda: len(workspace.requests) == 3)
    began = time.monotonic()
    assert re.search(rf"held by another run \(process {holder.pid}\)", told(start(), 5))
    assert time.monotonic() - began < 5
    holder.kill()
    holder.wait()
    workspace.schedule = lambda _: None
    told(start(), 0)
    assert landed(tmp_path / "s.duckdb") == in_source(tenant)


def test_a_night_that_fills_the_disk_leaves_everything_as_it_was_and_the_next_completes(
    tenant: Tenant, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    told(start("nightly", until=SINCE + timedelta(hours=12)), 0)
    before = everything_under(tmp_path)
    room = (tmp_path / "s.duckdb").stat().st_size + 20_000
    assert "disk is full" in told(start("nightly", LITTLE_ROOM, ROOM=str(room)), 5)
    assert everything_under(tmp_path) == before
    told(start(), 0)
    assert landed(tmp_path / "s.duckdb") == in_source(tenant)


def test_a_night_that_is_killed_while_it_publishes_concludes_the_same_when_it_is_run_again(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    killed_there = f"from pipeline import disk\ndisk.sync = lambda _: __import__('os')._exit(9)\n{PROGRAM}"
    process = start("nightly", killed_there)
    assert process.wait(timeout=120) == 9
    told(start("nightly"), 0)
    with duckdb.connect(str(tmp_path / "s.duckdb"), read_only=True) as con:
        assert con.execute("SELECT DISTINCT status FROM incidents WHERE status = 'ongoing'").fetchall() == []
        assert con.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]
