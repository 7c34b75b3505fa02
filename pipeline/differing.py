"""Rules asked twice, on DuckDB and on Spark, over one simulated tenant: what they say must be the same, row for row.

The allow-list of `portable` refuses what is known to differ; this finds what nobody knew. Only comparing happens here.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipeline import evidence, judge, land, rule_files, rules, store, views
from pipeline.engine import here
from pipeline.pages import Page
from pipeline.rule_checks import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

    from pipeline.engine import Engine
    from pipeline.rules import Rule, Value

_DIGITS = 9  # of log-odds: sums in another order differ in the last of their sixteen
_SEED, _USERS, _DAYS = 20, 24, 10
_CAUSES = ("device_reregistered", "app_credential_change", "client_version_regression", "token_forgery")


def faults(files: Sequence[Path]) -> tuple[Fault, ...]:
    """Return each rule that says something else on Spark than on DuckDB, with the first row that differs.

    Raises UsageError where pyspark or Java is missing.
    """
    from pipeline import spark
    from pipeline.sandbox.tenant import simulate
    from pipeline.spark import sessions

    with (
        sessions.started(None, sessions.FOR_FEW_ROWS) as session,
        tempfile.TemporaryDirectory(prefix="signin-triage-") as folder,
    ):
        tenant = simulate(_SEED, until=datetime(2026, 11, 16), days=_DAYS, users=_USERS, causes=_CAUSES)
        window: dict[str, Value] = {"since": tenant.since, "until": tenant.until}
        lake = written(tenant.tables, Path(folder, "lake"))
        shelf = Path(folder, "shelf").as_uri()
        with landed(tenant.tables, Path(folder)) as con, store.empty() as other:
            views.build(con, tenant.until, unfilled=evidence.VIEWS)
            judge.judge(con, [], tenant.since, tenant.until)
            with spark.opened(session, str(lake), tenant.until, other, shelf) as at:
                spark.judged(at, tenant.since, tenant.until, [])
                there = spark.engine(at)
                read = map(rule_files.read, files)
                return tuple(fault for rule in read for fault in _compared(rule, here(con), there, window))


def written(tables: Mapping[str, pl.DataFrame], lake: Path) -> Path:
    """Write tables as a lake of Parquet, a folder each, and return the lake."""
    for name, frame in tables.items():
        (lake / name).mkdir(parents=True)
        frame.write_parquet(lake / name / "part-0.parquet")
    return lake


def landed(tables: Mapping[str, pl.DataFrame], scratch: Path) -> duckdb.DuckDBPyConnection:
    """Return a database in memory in which the same tables have landed as imported files do."""
    con = store.empty()
    for name, frame in tables.items():
        land.land(con, Page(name, frame.rename({"ingestion_time": "IngestedAt"})), scratch)
    return con


def _compared(rule: Rule, ours: Engine, theirs: Engine, window: Mapping[str, Value]) -> Iterator[Fault]:
    said = []
    for name, engine in (("DuckDB", ours), ("Spark", theirs)):
        try:
            said.append([_told(row) for row in rules.evidence(engine, rule, window)])
        except (duckdb.Error, ValueError, TypeError) as error:
            yield Fault(str(rule.path), 1, f"{name} refuses it: {str(error).splitlines()[0]}")
            return
    here_, there = map(Counter, said)
    if here_ != there:
        only = sorted(
            [*((row, "DuckDB") for row in here_ - there), *((row, "Spark") for row in there - here_)], key=repr
        )
        told = "; ".join(f"{name} {row}" for row, name in only[:2])
        yield Fault(str(rule.path), 1, f"it says something else on Spark, in {len(only)} rows: {told}")


def _told(said: rules.Evidence) -> tuple[object, ...]:
    return (
        said.incident_id,
        round(said.log_odds, _DIGITS),
        said.change_id,
        said.change_workspace_id,
        said.evidence_for,
        said.evidence_against,
    )
