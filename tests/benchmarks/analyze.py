"""How long, and in how much memory, a tenant is analyzed, by its size and by its history: `make bench-analyze`.

Beside each analysis stands one full scan of the same rows in the same file, in a process of its own: the application's
and the device's id of every row of the five landed sign-in tables, grouped and counted. Bars: ten such scans and 4 GB
at 10 million sign-ins, twelve times the seconds from 1 to 10 million, 4 GB at 30 million; with 90 nights landed one and
a half times the first night, and 1.2 copies of the file for what a command publishes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TIMES_SCAN = 10.0  # that the analysis of 10 million may take
TENFOLD = 12.0  # that ten times the sign-ins may take
MOST_MEMORY = 4000  # MB
TIMES_FIRST_NIGHT = 1.5
TIMES_COPY = 1.2  # of the file, that publishing may take a command
_MILLION = 1_000_000
_DRAWN = {1: 2, 10: 10, 30: 20}  # drawn tenants with their incidents, by millions of sign-ins
_NIGHTS = 90
_COPIES = 3
_TRIES = 3

_SCAN = """
import sys, time, duckdb
begun, spent = time.perf_counter(), time.process_time()
con = duckdb.connect(sys.argv[1], read_only=True)
con.execute('SET enable_progress_bar = false')
rows = con.execute('''
    SELECT app, device, count(*) FROM (
        SELECT AppId AS app, DeviceDetail.deviceId AS device FROM SigninLogs
        UNION ALL SELECT AppId, DeviceDetail.deviceId FROM AADNonInteractiveUserSignInLogs
        UNION ALL SELECT AppId, NULL FROM AADServicePrincipalSignInLogs
        UNION ALL SELECT AppId, NULL FROM AADManagedIdentitySignInLogs
        UNION ALL SELECT AppId, DeviceDetail.deviceId FROM ADFSSignInLogs
    ) GROUP BY ALL''').fetchall()
print(time.perf_counter() - begun, time.process_time() - spent, len(rows))
"""


@dataclass(frozen=True)
class Cost:
    """What a process took: wall and CPU seconds, the most memory (MB), bytes it wrote to disk, and what it told."""

    wall: float
    cpu: float
    memory: float
    written: int
    told: str


def cost(*command: str | Path) -> Cost:
    """Run a command and measure it. Linux counts a parent's memory as its child's: this process stays small."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen([*map(str, command)], stdout=told)
        _, status, used = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status):
            sys.exit(f"{command} failed")
        told.seek(0)
        cpu, written = used.ru_utime + used.ru_stime, used.ru_oublock * 512  # blocks, whatever the file system's are
        return Cost(time.monotonic() - begun, cpu, used.ru_maxrss / 1000, written, told.read())


def program(stages: Path, *arguments: str | Path) -> Cost:
    """Run the program as its user does, with a clock at its stages; they are written into a file."""
    return cost(sys.executable, "-m", "tests.benchmarks.analyze", "--program", stages, *arguments)


def run_program(stages: Path, arguments: Sequence[str]) -> None:
    """Be the program, and write down how many seconds its stages took: those of `analyze` do not overlap."""
    from pipeline import cli, evidence, hearing, incidents, judge, store, views, workfile

    seconds: dict[str, float] = {}

    def timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def step_timed(*args: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return step(*args, **named)
            finally:
                seconds[name] = seconds.get(name, 0) + time.perf_counter() - begun
                stages.write_text(json.dumps(seconds))

        return step_timed

    for room, step, name in (
        (views, "build", "views"),
        (incidents, "find", "judge: find"),
        (evidence, "gather", "judge: evidence"),
        (hearing, "hear", "rules"),
        (judge, "judge", "judge, rules among it"),
        (store, "publish", "publish"),
        (workfile, "prepared", "copy"),
    ):
        setattr(room, step, timed(name, getattr(room, step)))
    sys.argv = ["signin-triage", *arguments]
    cli.main()


def sized(folder: Path, millions: int) -> Iterator[tuple[str, float, float | None]]:
    """Make a tenant, measure, and yield each figure that has a bar, with it."""
    db, stages = folder / f"{millions}.duckdb", folder / "stages.json"
    making = cost(sys.executable, "-m", "tests.benchmarks.analyze", "--make", db, str(millions))
    bulk = json.loads(making.told)
    scan_wall, scan_cpu, _ = map(float, cost(sys.executable, "-c", _SCAN, db).told.split())
    window = ("--since", bulk["since"], "--until", bulk["until"])
    analysis = program(stages, "analyze", "--db", db, *window, "--quiet")
    spent = json.loads(stages.read_text())
    report = cost(sys.executable, "-m", "pipeline", "report", "--db", db, "--out", folder / "report", "--quiet")
    aside = spent["publish"] + spent["copy"]
    _say(
        f"{bulk['sign_ins']:,} sign-ins of {bulk['users']:,} users on {bulk['devices']:,} devices to {bulk['apps']:,} "
        f"applications, {bulk['failures']:,} refused; {bulk['bytes'] / 1e6:,.0f} MB, "
        f"{bulk['bytes'] / bulk['sign_ins']:.0f} bytes a sign-in; made in {making.wall:.0f} s"
    )
    _say(f"  scan      {scan_wall:7.1f} s {scan_cpu:7.1f} s of CPU")
    for name, seconds in spent.items():
        _say(f"  {name:<24} {seconds:7.1f} s")
    _say(f"  analyze   {analysis.wall - aside:7.1f} s without copying and publishing, which took {aside:.1f} s")
    _say(f"  analyze   {analysis.cpu:7.1f} s of CPU {analysis.memory:7.0f} MB")
    _say(f"  report    {report.wall:7.1f} s {report.cpu:7.1f} s of CPU {report.memory:7.0f} MB")
    wall = analysis.wall - aside
    yield f"scans of {millions} million that analyze takes", wall / scan_wall, TIMES_SCAN if millions == 10 else None
    yield f"the same of CPU, {millions} million", analysis.cpu / scan_cpu, None
    yield f"MB that analyze takes at {millions} million", analysis.memory, MOST_MEMORY
    yield f"MB that report takes at {millions} million", report.memory, MOST_MEMORY
    yield f"seconds at {millions} million", wall, None


def nights(folder: Path) -> Iterator[tuple[str, float, float | None]]:
    """Measure the first night and the one after ninety others, and yield each figure with its bar."""
    file, stages = folder / "night.json", folder / "stages.json"
    day = json.loads(cost(sys.executable, "-m", "tests.benchmarks.analyze", "--make-night", file).told)
    first, long = folder / "first.duckdb", folder / "long.duckdb"
    seconds, written = {}, {}
    for db in (first, long):
        if db == long:
            told = cost(sys.executable, "-m", "tests.benchmarks.analyze", "--make-history", long, first).told
            _say(f"{_NIGHTS} nights landed: {int(told):,} sign-ins, {long.stat().st_size / 1e6:,.0f} MB")
        for command in (("import", file), ("analyze", "--since", day["since"], "--until", day["until"])):
            took, spent = _quickest(db, stages, command)
            aside = spent["publish"] + spent["copy"]
            seconds[db, command[0]] = took.wall - aside, aside, took.cpu
            written[db, command[0]] = took.written / db.stat().st_size
            _say(
                f"  {db.stem:<5} {command[0]:<8} {took.wall - aside:6.1f} s, {took.cpu:6.1f} s of CPU; copying and "
                f"publishing {aside:5.1f} s; {took.memory:5.0f} MB; views {spent.get('views', 0):.1f} s"
            )
    commands = ("import", "analyze")
    copy = min(_copied(long) for _ in range(_COPIES))
    ((begun, of_cpu), (later, later_cpu)) = (
        [sum(seconds[db, each][at] for each in commands) for at in (0, 2)] for db in (first, long)
    )
    yield f"times the first night's {begun:.1f} s, with {_NIGHTS} nights landed", later / begun, TIMES_FIRST_NIGHT
    yield "the same of CPU, copying included", later_cpu / of_cpu, None
    # an import writes besides what it reads
    yield "copies of the file that `analyze` writes, by bytes", written[long, "analyze"], TIMES_COPY
    yield (
        f"copies of the file (of {copy:.1f} s) that publishing takes a command",
        max(seconds[long, each][1] for each in commands) / copy,
        TIMES_COPY,
    )


def _quickest(db: Path, stages: Path, command: Sequence[str | Path]) -> tuple[Cost, dict[str, float]]:
    """Run a command several times on the same database, and return the quickest: a night is short, a machine uneven."""
    before = db.with_suffix(".before")
    if db.exists():
        shutil.copyfile(db, before)
    runs = []
    for _ in range(_TRIES):
        db.unlink(missing_ok=True)
        if before.exists():
            shutil.copyfile(before, db)
            _flushed(db)
        runs.append((program(stages, *command, "--db", db, "--quiet"), json.loads(stages.read_text())))
    before.unlink(missing_ok=True)
    return min(runs, key=lambda run: run[0].wall - run[1]["publish"] - run[1]["copy"])


def _flushed(file: Path) -> None:
    with file.open("rb") as copied:
        os.fsync(copied.fileno())


def _copied(file: Path) -> float:
    begun = time.perf_counter()
    with (copy := file.with_suffix(".copy")).open("wb") as target, file.open("rb") as source:
        shutil.copyfileobj(source, target, 2**20)
        os.fsync(target.fileno())
    took = time.perf_counter() - begun
    copy.unlink()
    return took


def make_night(file: Path) -> dict[str, str]:
    """Write one day's records as diagnostic settings do, and return its window."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from datetime import datetime

    import orjson
    import renderings

    from pipeline.sandbox.tenant import simulate

    causes = ("device_reregistered", "device_key_lost", "app_credential_change")
    tenant = simulate(7, until=datetime(2026, 11, 10), days=1, users=900, causes=causes)
    with file.open("wb") as target:
        for row in renderings.rows(tenant.tables):
            target.write(orjson.dumps(renderings.diagnostic(row)) + b"\n")
    return {"since": tenant.since.isoformat(), "until": tenant.until.isoformat()}


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a benchmark's answer is what it prints


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print the figures, and return 1 below a bar."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench-analyze")
    parser.add_argument("--millions", type=int, nargs="*", default=[1, 10, 30], metavar="N", help="sign-ins to analyze")
    parser.add_argument("--no-nights", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the databases are made; the largest needs 20 GB")
    for hidden in ("--make", "--make-history", "--make-night", "--program"):
        parser.add_argument(hidden, nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.program:
        run_program(Path(asked.program[0]), asked.program[1:])
    if asked.make_night:
        _say(json.dumps(make_night(Path(asked.make_night[0]))))
        return 0
    if asked.make or asked.make_history:
        from . import bulk

        if asked.make_history:
            _say(str(bulk.lengthened(Path(asked.make_history[0]), Path(asked.make_history[1]), _NIGHTS)))
            return 0
        millions = int(asked.make[1])
        tenant = bulk.made(Path(asked.make[0]), millions * _MILLION, _DRAWN.get(millions, 2))
        _say(json.dumps(vars(tenant), default=lambda moment: moment.isoformat()))
        return 0
    figures: list[tuple[str, float, float | None]] = []
    for millions in asked.millions:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            figures += sized(Path(folder), millions)
    seconds = {name: value for name, value, _ in figures if name.startswith("seconds at")}
    if {"seconds at 1 million", "seconds at 10 million"} <= seconds.keys():
        figures.append(
            (
                "times the seconds of a tenth",
                seconds["seconds at 10 million"] / seconds["seconds at 1 million"],
                TENFOLD,
            )
        )
    if not asked.no_nights:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            figures += nights(Path(folder))
    for name, value, bar in figures:
        _say(f"{value:9.2f} {name}" + (f" (bar: {bar:g})" if bar else "") + ("  MISSED" if bar and value > bar else ""))
    return int(any(bar is not None and value > bar for _, value, bar in figures))


if __name__ == "__main__":
    sys.exit(main())
