"""A pull against the documented way of the SDK and against decoding alone, on the same bodies; exit 1 below a bar.

Everything that is measured runs in a process of its own, and so does the service: wall and CPU seconds and peak memory
are a process's and its children's. This process stays small, because Linux counts a parent's memory as its child's.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WORKSPACE = "00000000-1111-2222-3333-444444444444"
SINCE = "2026-10-01T00:00:00"
INTERACTIVE, SILENT = "SigninLogs", "AADNonInteractiveUserSignInLogs"
HERE = __package__ or "tests.benchmarks"
AT_ONCE = 5  # questions that the program has under way


@dataclass(frozen=True)
class Cost:
    """What a process took: wall and CPU seconds, the most memory (MB), and what it printed last, as JSON."""

    wall: float
    cpu: float
    memory: float
    told: Any


@dataclass(frozen=True)
class Service:
    """A running service: what it says of itself, and the process to ask."""

    said: dict[str, Any]
    process: subprocess.Popen[str]
    folder: Path

    def queries(self) -> int:
        """How many queries it has been asked so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextlib.contextmanager
def serving(folder: Path, **load: Any) -> Iterator[Service]:
    """Run a service with a load (pull_service.Load) until the block is left."""
    folder.mkdir(parents=True)
    process = subprocess.Popen(
        [sys.executable, "-m", f"{HERE}.pull_service", json.dumps(load), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Service(json.loads(process.stdout.readline()), process, folder)
        process.stdin.close()


def measured(command: Sequence[str | Path], environment: dict[str, str]) -> Cost:
    """Run a command, and say what it took; whatever fails ends the benchmark."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNIN_TRIAGE_", "AZURE_"))}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as talk:
        process = subprocess.Popen(
            [*map(str, command)], env=inherited | environment, stdout=subprocess.PIPE, stderr=talk, text=True
        )
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            talk.seek(0)
            raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}: {talk.read()[-1000:]}")
    wall = time.perf_counter() - began
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, json.loads(said))


def pulled(service: Service, database: Path, until: str) -> Cost:
    """Run the real program on a new database, from its start to the published file; check that nothing is missing."""
    for left in database.parent.glob(f"*{database.name}*"):
        left.unlink()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pipeline",
        "pull",
        "--db",
        database,
        "--workspace",
        WORKSPACE,
        "--format",
        "json",
    ]
    command += ["--endpoint", service.said["url"], "--since", SINCE, "--until", until]
    cost = measured(command, service.said["environment"])
    if cost.told["sign_ins"] != service.said["distinct"]:
        raise SystemExit(f"{cost.told['sign_ins']} records landed of {service.said['distinct']}")
    return cost


def end_of(service: Service) -> str:
    """The end of the last slot that a service holds records for, as its pull is told."""
    from datetime import datetime, timedelta

    load = service.said["load"]
    return (datetime.fromisoformat(str(load["since"])) + int(load["slots"]) * timedelta(minutes=10)).isoformat()


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a benchmark's answer is what it prints


def _said(name: str, cost: Cost, more: str = "") -> None:
    _tell(f"{name:34} {cost.wall:8.1f} s wall {cost.cpu:8.1f} s CPU {cost.memory:7.0f} MB{more}")


def _bar(name: str, reached: float, bar: float, *, at_least: bool) -> bool:
    met = reached >= bar if at_least else reached <= bar
    _tell(f"{'met' if met else 'MISSED':6} {name}: {reached:.2f} ({'at least' if at_least else 'at most'} {bar:g})")
    return met


def speed(folder: Path) -> list[bool]:
    """Pull a fortnight and eight weeks of wide records, 254,000 and a million, three ways each."""
    return [met for days in (14, 56) for met in _three_ways(folder / f"wide{days}", days)]


def _three_ways(folder: Path, days: int) -> list[bool]:
    with serving(folder, since=SINCE, slots=days * 144, records={INTERACTIVE: 24, SILENT: 100}, keep=True) as wide:
        size = f"{wide.said['sent']:,} records"
        _tell(f"{size} of {wide.said['row_bytes']:,} bytes, {wide.said['distinct']:,} distinct")
        database = folder.with_suffix(".duckdb")
        pulled(wide, database, end_of(wide))  # the service makes its bodies, and keeps them for all
        ours = pulled(wide, database, end_of(wide))
        _said("(c) signin-triage pull", ours)
        rival = [sys.executable, "-m", f"{HERE}.pull_rivals"]
        alone = measured([*rival, "decoded", wide.folder], {})
        _said("(b) orjson.loads and reading", alone, f", orjson.loads alone {alone.told['cpu']:.2f} s CPU")
        theirs = folder.with_suffix(".documented.duckdb")
        documented = measured(
            [*rival, "documented", wide.folder, wide.said["url"], WORKSPACE, theirs], wide.said["environment"]
        )
        _said("(a) query_workspace, pandas, DuckDB", documented)
    if documented.told["landed"] != wide.said["distinct"]:
        raise SystemExit("the documented way landed other records")
    return [
        _bar(f"{size}, (a) / (c) by wall", documented.wall / ours.wall, 10, at_least=True),
        _bar(f"{size}, (a) / (c) by CPU", documented.cpu / ours.cpu, 10, at_least=True),
        _bar(f"{size}, (c) / (b) by CPU", ours.cpu / alone.told["cpu"], 4, at_least=False),
    ]


def latency(folder: Path) -> list[bool]:
    """Pull about a hundred windows without and with 300 ms before each answer."""
    load = {"since": SINCE, "slots": 14 * 144, "records": {INTERACTIVE: 2, SILENT: 8}}
    with serving(folder / "near", **load) as near:
        pulled(near, folder / "near.duckdb", end_of(near))
        before = near.queries()
        prompt = pulled(near, folder / "near.duckdb", end_of(near))
        windows = near.queries() - before
    with serving(folder / "far", **load, latency=0.3) as far:
        late = pulled(far, folder / "far.duckdb", end_of(far))
    expected = 0.3 * windows / AT_ONCE + prompt.wall
    _said(f"{windows} windows, no latency", prompt)
    _said(f"{windows} windows, 300 ms each", late)
    return [_bar("wall / (latency x windows / 5 + wall without)", late.wall / expected, 1.3, at_least=False)]


def memory(folder: Path) -> list[bool]:
    """Pull one million and five million narrow records, in windows of as many bytes as wide ones."""
    peaks = []
    for days in (14, 70):
        name = f"narrow{days}"
        load = {"since": SINCE, "slots": days * 144, "records": {INTERACTIVE: 96, SILENT: 400}, "narrow": True}
        with serving(folder / name, **load) as service:
            cost = pulled(service, folder / f"{name}.duckdb", end_of(service))
            _said(f"{service.said['sent']:,} records of {service.said['row_bytes']} bytes", cost)
        peaks.append(cost.memory)
    return [
        _bar("peak memory of 5 million / of 1 million", peaks[1] / peaks[0], 1.3, at_least=False),
        _bar("peak memory of 5 million, MB", peaks[1], 1000, at_least=False),
    ]


def main() -> None:
    """Measure what the command line names (speed, latency, memory; by default the first two); exit 1 below a bar."""
    every = {"speed": speed, "latency": latency, "memory": memory}
    with tempfile.TemporaryDirectory(prefix="bench-pull-") as folder:
        met = [each for name in sys.argv[1:] or ["speed", "latency"] for each in every[name](Path(folder))]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
