"""`make bench-faults`: seeded schedules of faults, each followed by an undisturbed run and compared with the source.

Prints the schedules by kind and ends with 1 where a record is lost or doubled, where a database differs from that of an
undisturbed run, or where a run that failed changed what readers find.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, RUSAGE_SELF
from typing import TYPE_CHECKING

from .faults_processes import mounted, unmount
from .faults_scene import UNTIL, YESTERDAY, Found, Scene, staged
from .faults_schedules import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_LEFT_AS_IT_WAS = (2, 3, 4, 5, 130)
_SECONDS_TO_STOP = 2.0
_SHARE = 10  # schedules that one process plays before a fresh one takes its place

BEGUN = "yesterday"

Undisturbed = dict[tuple[bool, bool], tuple[Found, dict[str, bytes]]]


@dataclass(frozen=True)
class Played:
    """A schedule: its kind, the exit codes of the disturbed runs, and what was wrong in the end."""

    seed: int
    kind: str
    codes: tuple[int, ...]
    lost: int
    doubled: int
    differs: bool
    touched: bool
    unfinished: bool
    slowest_stop: float


def play(seeds: Sequence[int], begun: Path, undisturbed: Undisturbed) -> tuple[list[Played], float]:
    """Play some schedules on one server; return with them the CPU seconds that they took."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, staged(Path(folder)) as scene:
        played = [one(seed, Path(folder) / str(seed), scene, begun, undisturbed) for seed in seeds]
        return played, sum(sum(resource.getrusage(who)[:2]) for who in (RUSAGE_SELF, RUSAGE_CHILDREN))


def references(folder: Path) -> Undisturbed:
    """Leave yesterday's night in ``folder``; return what undisturbed pulls and nights leave, anew and after it."""
    found: Undisturbed = {}
    with staged(folder / BEGUN) as scene:
        scene.serve_as_of(YESTERDAY)
        expect(scene.nightly(YESTERDAY))
        scene.serve_as_of(UNTIL)
        for night, after in product((False, True), repeat=2):
            scene.folder = folder / f"{night} {after}"
            if after:
                shutil.copytree(folder / BEGUN, scene.folder)
            expect(scene.nightly() if night else scene.pull(undisturbed=True))
            found[night, after] = scene.found(), scene.reports() if night else {}
    return found


def expect(code: int) -> None:
    """Stop where an undisturbed run fails: nothing could be compared."""
    if code:
        raise SystemExit(f"an undisturbed run ended with {code}")


def one(seed: int, folder: Path, scene: Scene, begun: Path, undisturbed: Undisturbed) -> Played:
    """Play one schedule, then run undisturbed until all is done, and compare."""
    rng = Random(seed)  # noqa: S311 schedules, no secrets
    kind = list(KINDS)[seed % len(KINDS)]
    night, after = "nightly" in kind, rng.random() < 0.7
    scene.folder, scene.slowest_stop, scene.workspace.token = folder, 0.0, "sandbox-token"
    folder.mkdir()
    if kind == "full disk":
        scene.mounted = mounted(folder)
    if after:
        shutil.copytree(begun / BEGUN, folder, dirs_exist_ok=True)
    before = scene.published()
    codes = KINDS[kind](rng, scene)
    # A night that was killed after its renaming is published: run again, its incidents are no longer new.
    twice = night and scene.published().get(scene.db.name) != before.get(scene.db.name)
    touched = not scene.readable() or (codes[-1] in _LEFT_AS_IT_WAS and scene.published() != before)
    scene.workspace.schedule = lambda _: None
    unfinished = all(scene.nightly() if night else scene.pull(undisturbed=True) for _ in range(3))
    lost = doubled = 0
    differs = unfinished
    if not unfinished:
        found, reports = scene.found(), scene.reports() if night else {}
        expected = scene.expected_keys()
        lost = sum(len(keys - set(found.keys[table])) for table, keys in expected.items())
        doubled = sum(len(keys) - len(set(keys)) for keys in found.keys.values())
        expected_found, expected_reports = undisturbed[night, after]
        if twice:
            found, expected_found = found.without_status(), expected_found.without_status()
            reports, expected_reports = reports | {"incidents": b""}, expected_reports | {"incidents": b""}
        differs = (found, reports) != (expected_found, expected_reports)
    if scene.mounted:
        unmount(folder)
        scene.mounted = False
    shutil.rmtree(folder)
    return Played(seed, kind, tuple(codes), lost, doubled, differs, touched, unfinished, scene.slowest_stop)


def shares(first: int, count: int) -> Iterator[list[int]]:
    """Deal the seeds out to processes."""
    seeds = iter(range(first, first + count))
    while share := list(islice(seeds, _SHARE)):
        yield share


def main() -> int:
    """Play the schedules and print what came of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--schedules", type=int, default=300)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1 + (os.cpu_count() or 1))
    asked = parser.parse_args()
    began = time.monotonic()
    played: list[Played] = []
    cpu = 0.0
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as folder,
        ProcessPoolExecutor(asked.processes, max_tasks_per_child=1) as pool,
    ):
        undisturbed = pool.submit(references, Path(folder)).result()
        playing = partial(play, begun=Path(folder), undisturbed=undisturbed)
        for some, seconds in pool.map(playing, shares(asked.first_seed, asked.schedules)):
            played += some
            cpu += seconds
            for each in some:
                if each.lost or each.doubled or each.differs or each.touched or each.unfinished:
                    print(f"  {each}", flush=True)  # noqa: T201 a benchmark prints
            print(f"{len(played)} schedules, {time.monotonic() - began:.0f} s", file=sys.stderr)  # noqa: T201
    return told(played, time.monotonic() - began, cpu)


def told(played: Sequence[Played], seconds: float, cpu: float) -> int:
    """Print the figures; return the exit code."""
    lines = []
    for kind, count in Counter(each.kind for each in played).items():
        codes = Counter(code for each in played if each.kind == kind for code in each.codes)
        ended = ", ".join(f"{times} x {code}" for code, times in sorted(codes.items()))
        lines.append(f"  {kind:<38} {count:>4}   runs that ended with: {ended}")
    figures = {
        "rows lost": sum(each.lost for each in played),
        "rows doubled": sum(each.doubled for each in played),
        "databases that differ": sum(each.differs for each in played),
        "published files broken, or touched by a run that failed": sum(each.touched for each in played),
        "not completed by the runs after it": sum(each.unfinished for each in played),
        f"Ctrl-C that took longer than {_SECONDS_TO_STOP:.0f} s": sum(
            each.slowest_stop > _SECONDS_TO_STOP for each in played
        ),
    }
    killed = sum(1 for each in played if "kill" in each.kind)
    head = f"schedules run: {len(played)}, {killed} of them with kill -9 ({seconds:.0f} s, {cpu:.0f} s of CPU)"
    print("\n".join([head, *lines]))  # noqa: T201
    print("\n".join(f"{name}: {figure}" for name, figure in figures.items()))  # noqa: T201
    print(f"slowest Ctrl-C: {max((each.slowest_stop for each in played), default=0.0):.2f} s")  # noqa: T201
    return 1 if any(figures.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
