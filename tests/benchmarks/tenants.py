"""Where labelled tenants come from, and how the product answers over one of them.

Landing, analysis and the reading of its answer go through the product's own doors: what is measured is what users get.
Nothing that the product reads may hold a label.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from pipeline import evidence, judge, land, rules, store, views
from pipeline.pages import Page
from pipeline.sandbox.columns import INGESTION_TIME
from pipeline.sandbox.drawn import drawn

from .scoring import Hypothesis, Report, Truth

if TYPE_CHECKING:
    import duckdb

SHARED = Path(__file__).parents[3] / "shared" / "tenants"
# A simulated tenant ends on this midnight or, by its seed, on one of the six after it.
_UNTIL = datetime(2026, 10, 15)
_WORKSPACE = "bench"


@dataclass(frozen=True)
class Labelled:
    """A tenant's logs over [since, until) with the truth about them; times are naive UTC."""

    name: str
    since: datetime
    until: datetime
    tables: dict[str, pl.DataFrame]
    truths: tuple[Truth, ...]
    noise: frozenset[str]


def simulated(seed: int) -> Labelled:
    """Simulate a tenant whose parameters are drawn from its seed."""
    until = _UNTIL + timedelta(days=seed % 7)
    tenant = drawn(seed, until=until)
    truths = tuple(
        Truth(one.cause, one.scope, frozenset(one.failures), frozenset(one.changes)) for one in tenant.labels.incidents
    )
    return Labelled(str(seed), tenant.since, tenant.until, tenant.tables, truths, frozenset(tenant.labels.noise))


def shared_names() -> list[str]:
    """Return the labelled tenants that lie beside the checkout, none where there are none."""
    return sorted(file.parent.name for file in SHARED.glob("*/labels.json"))


def shared(name: str) -> Labelled:
    """Read one of the labelled tenants beside the checkout."""
    labels = json.loads((SHARED / name / "labels.json").read_text())
    frames = {file.stem: pl.read_parquet(file) for file in sorted((SHARED / name).glob("*.parquet"))}
    truths = tuple(
        Truth(one["cause"], str(one.get("scope", "")), frozenset(one["failures"]), frozenset(one["changes"]))
        for one in labels["incidents"]
    )
    return Labelled(
        name,
        datetime.fromisoformat(labels["since"]),
        datetime.fromisoformat(labels["until"]),
        {table: frame.cast({pl.Binary: pl.String}) for table, frame in frames.items()},  # JSON is read as bytes
        truths,
        frozenset(labels["noise"]),
    )


def database() -> duckdb.DuckDBPyConnection:
    """Return a database in memory with our tables and no row, which leaves other processes a core."""
    con = store.empty()
    con.execute("SET threads = 1")
    con.execute("SET enable_progress_bar = false")
    return con


def land_arrived(
    con: duckdb.DuckDBPyConnection, tenant: Labelled, scratch: Path, before: datetime, after: datetime = datetime.min
) -> None:
    """Land what had arrived before ``before``, and not before ``after``."""
    con.execute("BEGIN")
    for table, frame in tenant.tables.items():
        new = frame.filter(pl.col(INGESTION_TIME).is_between(after, before, closed="left"))
        land.land(con, Page(table, new.rename({INGESTION_TIME: "IngestedAt"})), scratch, _WORKSPACE)
    con.execute("COMMIT")


def analyze(con: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> list[Report]:
    """Analyze what has landed as a nightly run does, and return its answer: of each incident what the window shows."""
    views.build(con, until, unfilled=evidence.VIEWS)
    judge.judge(con, rules.load(), since, until)
    return _answer(con, seen_failures(con, since, until))


def seen_failures(con: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> frozenset[str]:
    """Return the failures of [since, until) that have landed."""
    rows = con.execute("SELECT sign_in_id FROM failures WHERE seen_at >= ? AND seen_at < ?", [since, until]).fetchall()
    return frozenset(sign_in_id for (sign_in_id,) in rows)


def limited(truths: tuple[Truth, ...], seen: frozenset[str]) -> list[Truth]:
    """Return the true incidents as far as anybody could see them."""
    return [Truth(one.cause, one.scope, one.failures & seen, one.changes) for one in truths if one.failures & seen]


def _answer(con: duckdb.DuckDBPyConnection, seen: frozenset[str]) -> list[Report]:
    failures: dict[str, set[str]] = {}
    for incident_id, sign_in_id in con.execute(
        "SELECT incident_id, sign_in_id FROM failures WHERE incident_id IS NOT NULL"
    ).fetchall():
        failures.setdefault(incident_id, set()).add(sign_in_id)
    columns = {name for (name,) in con.execute("SELECT column_name FROM (DESCRIBE judged_causes)").fetchall()}
    log_odds = "log_odds" if "log_odds" in columns else "NULL"
    ranked: dict[str, list[Hypothesis]] = {}
    for incident_id, *said in con.execute(
        f"SELECT incident_id, cause, confidence, change_id, {log_odds} FROM judged_causes ORDER BY incident_id, rank"
    ).fetchall():
        ranked.setdefault(incident_id, []).append(Hypothesis(*said))
    incidents = con.execute("SELECT incident_id, scope FROM incidents ORDER BY first_seen_at, incident_id").fetchall()
    return [Report(one, scope, seen.intersection(failures[one]), tuple(ranked[one])) for one, scope in incidents]
