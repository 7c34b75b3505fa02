"""The simulated tenant: two weeks of everybody's sign-ins and changes, with known incidents in it.

The same seed gives the same tenant. The truth is in ``Tenant.labels`` and nowhere in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl

from pipeline.pages import SIGN_IN_TABLES
from pipeline.sandbox import columns, delivery, machines, records, traffic, upkeep
from pipeline.sandbox.habits import USUAL
from pipeline.sandbox.incidents import CAUSES
from pipeline.sandbox.population import World, populate
from pipeline.sandbox.scene import REFUSED, Incident, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.traffic import Attempt

QUIET_END = timedelta(hours=6)  # nothing is staged so late that it could not have arrived by the end
A_GOOD_STORY = (
    "device_reregistered",
    "app_credential_change",
    "client_version_regression",
    "network_interception",
    "token_forgery",
)


@dataclass(frozen=True)
class Labels:
    """The truth: the incidents, and the Ids of the failures that belong to none (``noise``)."""

    incidents: tuple[Incident, ...]
    noise: tuple[str, ...]


@dataclass(frozen=True)
class Tenant:
    """A tenant's logs from ``since`` to ``until`` (naive UTC), and the truth about them.

    ``tables`` holds all of ``pipeline.pages.ENTRA_TABLES`` in official columns with ``ingestion_time``. Records of the
    last hour may arrive after ``until``; those of incidents and noise do not.
    """

    since: datetime
    until: datetime
    tables: dict[str, pl.DataFrame]
    labels: Labels

    def arrived_by(self, moment: datetime) -> dict[str, pl.DataFrame]:
        """Give the tables as they stood at ``moment`` (naive UTC): what had been ingested before it."""
        return {table: frame.filter(pl.col(columns.INGESTION_TIME) < moment) for table, frame in self.tables.items()}


def simulate(
    seed: int,
    *,
    until: datetime,
    days: int = 14,
    users: int = 80,
    causes: Sequence[str] | None = None,
    strays: int = 8,
    unnamed: float = 0.5,
) -> Tenant:
    """Simulate a tenant up to ``until`` (UTC; naive is taken as UTC).

    ``causes`` are words for causes, one incident each, by default five that tell a story; ``strays`` is the number of
    failures that belong to nothing; of the refused signatures the share ``unnamed`` is logged without a device id.
    Raises ValueError for a cause that cannot be staged, by its word or in a tenant so small.
    """
    wanted = A_GOOD_STORY if causes is None else tuple(causes)
    if unknown := [cause for cause in wanted if cause not in CAUSES]:
        raise ValueError(f"no such cause: {', '.join(unknown)}; there are {', '.join(CAUSES)}")
    if until.tzinfo is not None:
        until = until.astimezone(UTC).replace(tzinfo=None)
    since = until - timedelta(days=days)
    rng = Random(seed)  # noqa: S311 - a simulation must be repeatable
    world = populate(rng, users, since, until)
    attempts = traffic.ordinary(rng, world, since, until)
    changes = upkeep.ordinary(rng, world, since, until)
    incidents = tuple(_stage(rng, world, wanted, since, until, attempts, changes))
    noise = _scatter(rng, attempts, strays, incidents, until)
    for one in attempts:
        if one.code == REFUSED and rng.random() < unnamed:
            one.names_device = False
    return Tenant(since, until, tables(rng, world, attempts, changes, since, until), Labels(incidents, noise))


def _stage(
    rng: Random,
    world: World,
    causes: Sequence[str],
    since: datetime,
    until: datetime,
    attempts: list[Attempt],
    changes: list[Change],
) -> Iterator[Incident]:
    taken: set[str] = set()
    for number, cause in enumerate(causes):
        onset = _onset(rng, since, until, (number + rng.random()) / len(causes))
        end = min(_working_days_later(onset, rng.uniform(1.5, 3)), until - QUIET_END)
        yield CAUSES[cause](Scene(rng, world, onset, end, attempts, changes, number, taken))


def _onset(rng: Random, since: datetime, until: datetime, place: float) -> datetime:
    """Choose a working morning between a third and three quarters of the time, later for a greater ``place``."""
    day = since + (0.35 + 0.4 * place) * (until - since)
    while day.weekday() not in USUAL.workdays:  # Friday for a Saturday, Monday for a Sunday
        day += timedelta(days=1 if day.weekday() == 6 else -1)
    morning = day.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=rng.uniform(7.5, 10.5))
    return min(max(morning, since + (until - since) / 4), until - timedelta(hours=18))


def _working_days_later(onset: datetime, days: float) -> datetime:
    end = onset
    while days > 0:
        step = min(days, 1.0)
        end += timedelta(days=step)
        days -= step if end.weekday() in USUAL.workdays else 0
    return end


def _scatter(
    rng: Random, attempts: list[Attempt], strays: int, incidents: Sequence[Incident], until: datetime
) -> tuple[str, ...]:
    # A stray failure in the middle of an incident would be a part of it to anybody but us.
    free = [
        one
        for one in attempts
        if one.code == traffic.WELL
        and one.at < until - QUIET_END
        and not any(incident.started_at <= one.at <= incident.ended_at for incident in incidents)
    ]
    chosen = rng.sample(free, min(strays, len(free)))
    for one in chosen:
        one.code = REFUSED
    return tuple(sorted(one.id for one in chosen))


def tables(
    rng: Random, world: World, attempts: list[Attempt], changes: list[Change], since: datetime, until: datetime
) -> dict[str, pl.DataFrame]:
    """Write the logs of what happened, and of sign-ins without a person, from ``since`` to ``until`` (naive UTC)."""
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in SIGN_IN_TABLES}
    for one in sorted(attempts, key=lambda one: (one.at, one.id)):
        record = records.sign_in(rng, world, one)
        rows[record["Type"]].append(record)
    for table in machines.TABLES:
        rows[table] = machines.sign_ins(rng, world, table, since, until)
    delivered = {table: delivery.sign_ins(rng, rows[table], until, world.habits) for table in SIGN_IN_TABLES}
    told = [records.change(world, one) for one in changes if since <= one.at < until]
    delivered["AuditLogs"] = delivery.changes(rng, told, world.habits)
    return {table: _frame(table, told) for table, told in delivered.items()}


def _frame(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = columns.schema(table)
    rows.sort(key=lambda row: (row[columns.INGESTION_TIME], row["Id"]))
    written = set().union(*rows)
    frame = pl.DataFrame(
        [
            pl.Series(name, [row.get(name) for row in rows], dtype=kind)
            if name in written
            else pl.Series(name, [None], dtype=kind).new_from_index(0, len(rows))
            for name, kind in schema.items()
        ]
    )
    plain = [name for name, kind in schema.items() if kind == pl.String and not columns.is_dynamic(table, name)]
    return frame.with_columns(pl.col(plain).fill_null(""))  # Log Analytics has no null strings
