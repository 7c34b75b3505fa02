"""The whole job against a simulated tenant: a local workspace serves it, the real client pulls it, the rules run.

What is simulated ends at the socket. No answer is prepared here: the report shows what the rules made of the logs, and
the truth that the simulator knows is printed beside it.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from pipeline import rules, runs
from pipeline.errors import UsageError
from pipeline.sandbox.tenant import simulate
from pipeline.sandbox.workspace import serve
from pipeline.settings import Source, Span, span

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.pull import Progress
    from pipeline.runs import Analysis
    from pipeline.sandbox.tenant import Tenant

WORKSPACE = "5ad0c0de-0000-4000-8000-000000000000"
# Fixed, so that the demo shows the same night whenever it is run; four days before the simulated logs end, so that some
# of it is over and some is going on.
NIGHT = datetime(2026, 11, 12)
LOGS_END = NIGHT + timedelta(days=4)


def run(out: Path, seed: int, watch: Callable[[Progress], None]) -> tuple[Analysis, list[str]]:
    """Serve a simulated tenant and do a night's work on it under ``out``; return what came out, and the truth in words.

    Raises UsageError where ``out`` is a file.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: name a folder.")
    tenant = simulate(seed, until=LOGS_END)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = (out / "signins.duckdb").resolve()
    db.unlink(missing_ok=True)  # the demo begins anew each time
    with serve({WORKSPACE: tenant.tables}) as workspace:
        # The real credential chain finds the workspace's identity endpoint here, as on an Azure host. Loopback is asked
        # directly, whatever proxy this machine uses.
        os.environ.update(workspace.environment)
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
        source = Source((WORKSPACE,), workspace.url, workspace.url)
        analysis = runs.nightly(db, source, _window(), out / "report", rules.load(()), watch)
    return analysis, [*_truth(tenant), f"Database: {db}", f"Report: {out / 'report'}"]


def _window() -> Span:
    return span("10d", NIGHT.isoformat(), None, NIGHT)


def _truth(tenant: Tenant) -> list[str]:
    """Say what the simulator did, for the reader to hold against the report."""
    happened = {
        identity
        for frame in tenant.tables.values()
        if "CreatedDateTime" in frame.columns
        for identity in frame.filter(pl.col("CreatedDateTime") < NIGHT)["Id"]
    }
    lines = ["", "What the simulated tenant really held until that night:"]
    for incident in sorted(tenant.labels.incidents, key=lambda incident: incident.started_at):
        failures = len(happened & set(incident.failures))
        if failures:
            lines.append(
                f"  {incident.started_at:%m-%d %H:%M}  {failures} failures, {incident.scope}: {incident.cause}"
            )
    return [*lines, f"  {len(happened & set(tenant.labels.noise))} stray failures", ""]
