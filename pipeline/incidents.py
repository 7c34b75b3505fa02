"""Find incidents: sets of 50099 failures that share one explanation, before anybody asks for its cause.

Every failure is explained by a noisy-or of chosen stretches (one value of one dimension over a stretch of time) and a
floor of strays, and belongs to the stretch that likeliest caused it. The SQL under sql/incidents does the counting,
``stretches`` the choosing. No cause or rule may enter here: changes and other errors say where to look, never why.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pipeline import assets, engine
from pipeline.window import day_ceiling, day_floor, hour_ceiling, hour_floor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from pipeline.engine import Engine

# An incident that goes on as the window begins is looked at from its onset on, so far back.
_ONSET_BEFORE = timedelta(days=14)

_COUNTED_ONCE = ("scan_failures", "scan_values", "scan_successes", "scan_days", "scan_prices", "scan_signs")


@dataclass(frozen=True)
class FailureKey:
    """The key of a landed record."""

    workspace_id: str
    source_table: str
    sign_in_id: str


@dataclass(frozen=True)
class Incident:
    """Failures that share one explanation; times are UTC.

    ``failures`` counts those of the window, between ``first_seen_at`` and ``last_seen_at``; ``keys`` are of all, in the
    order they happened, those before the window included. ``on_record_since`` is the hour in which the failure that
    names the incident arrived.
    """

    incident_id: str
    scope_kind: str
    scope_value: str
    first_seen_at: datetime
    last_seen_at: datetime
    failures: int
    keys: tuple[FailureKey, ...]
    on_record_since: datetime


def find(
    con: duckdb.DuckDBPyConnection, since: datetime, until: datetime, counting: Engine | None = None
) -> tuple[Incident, ...]:
    """Return the incidents that failed in [since, until), in the order of their first failures there.

    Strays belong to no incident. The same records and window give the same incidents and ids. What is counted of all
    sign-ins, ``counting`` asks where they are.
    """
    from pipeline import stretches  # and polars with it, which a report does without

    counting = counting or engine.here(con)
    window = {"since": since - _ONSET_BEFORE, "until": until}
    for name in _COUNTED_ONCE:
        counting.keep(name, _sql(name), window | _counted_already(**window))
    con.execute("CREATE OR REPLACE TEMP TABLE scan_gaps AS " + _sql("scan_gaps"))
    stretches.choose(con)
    claimed = con.execute(_sql("claimed_failures")).fetchall()
    for name in (*_COUNTED_ONCE, "scan_gaps", *stretches.TABLES):
        con.execute(f"DROP TABLE IF EXISTS temp.{name}")
    return tuple(sorted(_incidents(claimed, since), key=lambda found: (found.first_seen_at, found.incident_id)))


def together(parts: Sequence[Incident]) -> Incident:
    """Return the one incident that several are parts of, over the scope of the largest."""
    largest = max(parts, key=lambda part: (part.failures, part.incident_id))
    first = min(parts, key=lambda part: (part.on_record_since, part.incident_id))
    return replace(
        largest,
        incident_id=first.incident_id,
        first_seen_at=min(part.first_seen_at for part in parts),
        last_seen_at=max(part.last_seen_at for part in parts),
        failures=sum(part.failures for part in parts),
        keys=tuple(key for part in parts for key in part.keys),
        on_record_since=first.on_record_since,
    )


def _incidents(claimed: list[tuple[Any, ...]], since: datetime) -> Iterator[Incident]:
    for (kind, value, _), rows in groupby(claimed, key=lambda row: row[:3]):
        failures = list(rows)
        # what was on record first names it: neither a late record nor a scope that widens displaces that one
        first = min(failures, key=lambda row: row[7:])
        seen_at = [row[6] for row in failures if row[6] >= since]
        if not seen_at:
            continue
        yield Incident(
            incident_id=_identity(first),
            scope_kind=kind,
            scope_value=value,
            first_seen_at=seen_at[0],
            last_seen_at=seen_at[-1],
            failures=len(seen_at),
            keys=tuple(FailureKey(*row[3:6]) for row in failures),
            on_record_since=first[7],
        )


def _identity(first: tuple[Any, ...]) -> str:
    return hashlib.md5("\n".join(first[3:6]).encode(), usedforsecurity=False).hexdigest()[:16]


def _counted_already(since: datetime, until: datetime) -> dict[str, datetime | int]:
    """Return the whole hours and the whole days of a window, and their slots (quarters of an hour since 1970)."""
    hour_since = min(hour_ceiling(since), until)
    hour_until = max(hour_floor(until), hour_since)
    day_since = min(day_ceiling(since), until)
    day_until = max(day_floor(until), day_since)
    first_slot, last_slot, first_day, last_day = (
        (each - datetime(1970, 1, 1)) // timedelta(minutes=15)
        for each in (hour_since, hour_until, day_since, day_until)
    )
    return {
        "whole_since": hour_since,
        "whole_until": hour_until,
        "first_slot": first_slot,
        "last_slot": last_slot,
        "day_since": day_since,
        "day_until": day_until,
        "first_day": first_day,
        "last_day": last_day,
    }


def _sql(name: str) -> str:
    return assets.text(assets.INCIDENTS / f"{name}.sql")
