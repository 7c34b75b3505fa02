"""`make fit`: fit the weights of our rules to incidents of simulated tenants, and write them to sql/data/weights.csv.

Tenants of the fit and of `make bench-causes` have different seeds; the labelled tenants beside the checkout are never
seen. What the rules' files hold as weights is the prior that the fit starts from. Tenants that are left out of the fit
tell by what to scale what the weights say, and what doubt stays where they leave none.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import assets, fitting, rule_files, rules
from pipeline.engine import here
from pipeline.fitting import UNEXPLAINED, Case

from . import held_out, tenants
from .scoring import score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import duckdb

SPREAD = 1.5  # of the prior: how far a weight may wander before ten cases or so must ask for it


def priors() -> dict[str, float]:
    """Return the weights that the rules' own files hold."""
    return {
        f"{rule.id}.{name}": float(str(value))
        for rule in map(rule_files.read, assets.sql_files(assets.RULES))
        for name, value in rule.weights.items()
    }


def cases(seed: int) -> list[dict[str, Any]]:
    """Return the incidents that are found in a simulated tenant: their true causes and the terms of every rule."""
    tenant = tenants.simulated(seed)
    window = tenant.since, tenant.until
    with tempfile.TemporaryDirectory() as folder, tenants.database() as con:
        tenants.land_arrived(con, tenant, Path(folder), tenant.until)
        reports = tenants.analyze(con, *window)
        truths = tenants.limited(tenant.truths, tenants.seen_failures(con, *window))
        told = score(truths, tenant.noise, reports)
        terms = _terms(con, *window)
    return [
        {"seed": seed, "fate": one.fate, "truth": one.truth or UNEXPLAINED, "terms": terms.get(one.incident_id, {})}
        for one in told.claims
    ]


def _terms(con: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> dict[str, dict[str, dict[str, float]]]:
    """Return incident, cause and weight, and what a weight of one would add: each rule is asked for one at a time."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for rule in map(rule_files.read, assets.sql_files(assets.RULES)):
        if rules.not_evaluable(here(con), rule, since):
            continue
        for name in rule.weights:
            asked = dict.fromkeys(rule.weights, 0.0) | {name: 1.0}
            for said in rules.evidence(here(con), rule, {**asked, "since": since, "until": until}):
                found.setdefault(said.incident_id, {}).setdefault(rule.cause, {})[f"{rule.id}.{name}"] = said.log_odds
    return found


def written(weights: Mapping[str, float], learned: Mapping[str, float], path: Path) -> None:
    """Write the weights, and what was learned of them all."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("rule", "weight", "value"))
        writer.writerows(("", name, f"{value:g}") for name, value in learned.items())
        writer.writerows((*name.split("."), f"{value:.2f}") for name, value in sorted(weights.items()))


def shipped() -> dict[str, float]:
    """Return the weights that sql/data/weights.csv holds."""
    return {
        f"{rule}.{name}": value
        for rule, weights in rule_files.fitted_weights().items()
        for name, value in weights.items()
        if rule
    }


def _loss(told: Sequence[Case], weights: Mapping[str, float]) -> tuple[float, float]:
    """Return the share of cases whose likeliest cause is the true one, and of them all the mean Brier score of it."""
    right = brier = 0.0
    for case in told:
        odds = fitting.chances(case, weights)
        first = max(odds, key=lambda cause: odds[cause])
        right += first == case.truth
        brier += (odds[first] - (first == case.truth)) ** 2
    return right / len(told), brier / len(told)


def main() -> int:
    """Gather the cases, or read those gathered before, fit, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, prog="fit")
    parser.add_argument("--tenants", type=int, default=120, metavar="N")
    parser.add_argument("--first-seed", type=int, default=5000, metavar="S")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    parser.add_argument("--cases", type=Path, metavar="FILE", help="read the cases there if it exists, else write them")
    parser.add_argument("--keep", action="store_true", help="keep the weights, and learn only how far to believe them")
    options = parser.parse_args()
    if options.cases and options.cases.exists():
        gathered = json.loads(options.cases.read_text())
    else:
        gathered = []
        with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
            seeds = range(options.first_seed, options.first_seed + options.tenants)
            for number, more in enumerate(pool.map(cases, seeds), start=1):
                gathered += more
                print(f"{number}/{options.tenants} tenants, {len(gathered)} incidents", file=sys.stderr, flush=True)  # noqa: T201 - progress
        if options.cases:
            options.cases.write_text(json.dumps(gathered))
    told = [Case(one["truth"] if one["truth"] in one["terms"] else UNEXPLAINED, one["terms"]) for one in gathered]
    prior = priors()
    apart = held_out.judged([(one["seed"], case) for one, case in zip(gathered, told, strict=True)], prior, SPREAD)
    times = held_out.scale(apart)
    doubt = round(held_out.doubt(apart, times), 3)
    incidents = rule_files.fitted_weights()[""]["incidents"] if options.keep else len(told)
    weights = shipped() if options.keep else fitting.fit(told, prior, SPREAD)
    learned = {"incidents": incidents, "scale": times, "doubt": doubt}
    written(weights, learned, assets.DATA / "weights.csv")
    print(f"{len(told)} incidents; true causes: {dict(sorted(Counter(one.truth for one in told).items()))}")  # noqa: T201 - its answer
    for name, chosen in (("by hand", prior), ("fitted", weights), ("scaled", held_out.scaled(weights, times))):
        right, brier = _loss(told, chosen)
        print(f"{name:8} first cause right {right:.3f}, Brier {brier:.4f}")  # noqa: T201 - its answer
    print(f"of tenants left out: scale {times:.2f}, doubt {doubt:.3f}")  # noqa: T201 - its answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
