"""`make bench-causes`: the product over many simulated tenants and the labelled ones, beside two other methods.

Prints every figure with its bar and ends with 1 where a bar is missed. What a figure means is said in ``figures``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import nights, rivals, tables, tenants
from .figures import FIGURES
from .scoring import score

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from .scoring import Score

_RIVALS = {"by hand": rivals.by_hand, "likelihood": rivals.likelihood_ratio}
_NIGHTS_BACK = 9


@dataclass(frozen=True)
class Work:
    """A tenant to run: a seed, or the name of a labelled one; with its last nights one by one, or without."""

    seed: int | None
    name: str
    night_by_night: bool


@dataclass(frozen=True)
class Result:
    """What came of a tenant: the product's score, the others' by their name, and where the seconds went."""

    work: Work
    sign_ins: int
    score: Score
    others: dict[str, Score]
    seconds: dict[str, float]


def run(work: Work) -> Result:
    """Simulate or read a tenant, land it, analyze it, and ask the other methods about the same database."""
    seconds: dict[str, float] = {}
    with _timed(seconds, "simulate"):
        tenant = tenants.shared(work.name) if work.seed is None else tenants.simulated(work.seed)
    window = tenant.since, tenant.until
    with tempfile.TemporaryDirectory() as folder, tenants.database() as con:
        scratch = Path(folder)
        with _timed(seconds, "land"):
            tenants.land_arrived(con, tenant, scratch, tenant.until)
        with _timed(seconds, "analyze"):
            reports = tenants.analyze(con, *window)
        truths = tenants.limited(tenant.truths, tenants.seen_failures(con, *window))
        product = score(truths, tenant.noise, reports)
        others = {}
        for name, ask in _RIVALS.items():
            with _timed(seconds, name):
                others[name] = score(truths, tenant.noise, ask(con, *window))
        ((sign_ins,),) = con.execute("SELECT count(*) FROM sign_ins").fetchall()
        if work.night_by_night:
            with _timed(seconds, "nights"):
                product = replace(product, followed=nights.follow(tenant, scratch, _NIGHTS_BACK))
    return Result(work, sign_ins, product, others, seconds)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], what: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[what] = time.perf_counter() - begun


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    options = _options()
    seeds = options.seed_list or range(options.first_seed, options.first_seed + options.tenants)
    works = [
        Work(seed, str(seed), options.nights > 0 and number % options.nights == 0) for number, seed in enumerate(seeds)
    ]
    works += [] if options.no_shared else [Work(None, name, options.nights > 0) for name in tenants.shared_names()]
    results, failed = _all(works, options.jobs)
    if options.json:
        Path(options.json).write_text(json.dumps([asdict(result) for result in results], indent=1))
    print(*_told(results), *failed, sep="\n")  # noqa: T201 - a benchmark's answer is what it prints
    simulated = [result.score for result in results if result.work.seed is not None]
    missed = [figure.name for figure in FIGURES if figure.missed(figure.measure(simulated))]
    return 1 if missed or failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="bench-causes")
    parser.add_argument("--tenants", type=int, default=60, metavar="N")
    parser.add_argument("--first-seed", type=int, default=1000, metavar="S")
    parser.add_argument("--seed-list", type=int, nargs="+", metavar="S", help="these seeds and no others")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    parser.add_argument(
        "--nights", type=int, default=5, metavar="N", help="every Nth tenant night by night; 0 for none"
    )
    parser.add_argument("--no-nights", dest="nights", action="store_const", const=0)
    parser.add_argument("--no-shared", action="store_true", help="leave the labelled tenants out")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured there")
    return parser.parse_args()


def _all(works: Sequence[Work], jobs: int) -> tuple[list[Result], list[str]]:
    """Run everything in processes of its own, and return what came of it and which tenants failed."""
    done: list[Result] = []
    failed: list[str] = []
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(run, work): work for work in works}
        for number, future in enumerate(as_completed(futures), start=1):
            error = future.exception()
            if error is None:
                done.append(future.result())
            else:
                failed.append(f"FAILED tenant {futures[future].name}: {type(error).__name__}: {error}")
            sys.stderr.write(f"{number}/{len(works)} {_line(future, futures[future])}\n")
    order = {work: place for place, work in enumerate(works)}
    return sorted(done, key=lambda result: order[result.work]), failed


def _line(future: Future[Result], work: Work) -> str:
    if future.exception() is not None:
        return f"tenant {work.name}: {future.exception()!r}"
    result = future.result()
    sought, claims = result.score.sought, result.score.claims
    wrong = [f"{one.cause} -> {one.named or 'not found'}" for one in sought if one.rank != 1]
    fates = {
        fate: sum(one.fate == fate and one.names_a_cause for one in claims) for fate in ("false alarm", "fragment")
    }
    return (
        f"tenant {work.name}: {sum(one.f1 > 0 for one in sought)} of {len(sought)} found, "
        f"{sum(one.rank == 1 for one in sought)} right, {fates['false alarm']} false alarms, "
        f"{fates['fragment']} fragments, {sum(result.seconds.values()):.0f} s{'; ' if wrong else ''}{', '.join(wrong)}"
    )


def _told(results: Sequence[Result]) -> Iterator[str]:
    own = [result for result in results if result.work.seed is not None]
    ours = [result.score for result in own]
    labelled = [result.score for result in results if result.work.seed is None]
    yield f"{len(own)} simulated tenants, {len(labelled)} labelled ones; 95% intervals by resampling tenants"
    others = {name: [result.others[name] for result in own] for name in _RIVALS}
    yield from tables.figures(ours, {"labelled": labelled} | others)
    yield from ("", "Simulated, by cause", *tables.by_cause(ours), *tables.alarms(ours))
    yield from ("", "Labelled, by cause", *tables.by_cause(labelled), *tables.alarms(labelled))
    yield from ("", "Confidence in simulated tenants", *tables.confidences(ours))
    yield from ("", f"Seconds a tenant of {sum(result.sign_ins for result in own) // max(1, len(own)):,} sign-ins")
    for what in ("simulate", "land", "analyze", *_RIVALS, "nights"):
        spent = [result.seconds[what] for result in own if what in result.seconds]
        if spent:
            yield f"{what:12} mean {sum(spent) / len(spent):6.1f}  most {max(spent):6.1f}"


if __name__ == "__main__":
    sys.exit(main())
