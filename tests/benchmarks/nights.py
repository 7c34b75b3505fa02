"""One tenant night by night: the log grows as it arrived, and every midnight is analyzed as a nightly run does.

When was an incident first to be found, when was it found, and what was said of it on the way. Scoring is scoring's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from pipeline.pages import SIGN_IN_TABLES
from pipeline.sandbox.columns import INGESTION_TIME

from . import tenants
from .scoring import AT_LEAST, UNEXPLAINED, Followed, matched

if TYPE_CHECKING:
    from pathlib import Path

    from .scoring import Report, Truth
    from .tenants import Labelled

_NIGHT = timedelta(days=1)
_LOOKBACK = timedelta(days=14)  # the default window of a nightly run


@dataclass
class _Track:
    """What was said of one incident so far; ``possible`` is the first night on which it can be found."""

    possible: datetime
    found: datetime | None = None
    wrong: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


def follow(tenant: Labelled, scratch: Path, most: int) -> tuple[Followed, ...]:
    """Run the last ``most`` nights of a tenant, or those since its first incident could be found.

    An incident can be found on the first midnight by which ``AT_LEAST`` of its failures had arrived; one for which that
    was before the first night run is not followed. On a night it counts as found where a report matches what of it had
    arrived.
    """
    first_run = tenant.until - (most - 1) * _NIGHT
    possible = {place: _possible(tenant, truth) for place, truth in enumerate(tenant.truths)}
    tracks = {place: _Track(night) for place, night in possible.items() if night and first_run <= night <= tenant.until}
    if not tracks:
        return ()
    night = min(track.possible for track in tracks.values())
    before = datetime.min
    con = tenants.database()
    while night <= tenant.until:
        tenants.land_arrived(con, tenant, scratch, night, before)
        since = max(night - _LOOKBACK, tenant.since)  # the truth speaks of nothing before
        reports = tenants.analyze(con, since, night)
        _note(tracks, night, tenant.truths, tenants.seen_failures(con, since, night), reports)
        before, night = night, night + _NIGHT
    con.close()
    return tuple(_told(tenant.truths[place], track) for place, track in sorted(tracks.items()))


def _possible(tenant: Labelled, truth: Truth) -> datetime | None:
    """Return the first midnight by which enough of its failures had arrived."""
    arrived = sorted(
        moment
        for table in SIGN_IN_TABLES
        if table in tenant.tables
        for moment in tenant.tables[table]
        .filter(pl.col("Id").is_in(list(truth.failures)))
        .group_by("Id")
        .agg(pl.col(INGESTION_TIME).min())
        .get_column(INGESTION_TIME)
    )
    if len(arrived) < AT_LEAST:
        return None
    enough: datetime = arrived[AT_LEAST - 1]
    return datetime(enough.year, enough.month, enough.day) + _NIGHT


def _note(
    tracks: dict[int, _Track], night: datetime, truths: tuple[Truth, ...], seen: frozenset[str], reports: list[Report]
) -> None:
    pairs = matched([truth.failures & seen for truth in truths], [report.failures for report in reports])
    for place, index in pairs.items():
        if place not in tracks:
            continue
        track, report = tracks[place], reports[index]
        track.found = track.found or night
        if report.incident_id not in track.ids:
            track.ids.append(report.incident_id)
        named = report.ranked[0].cause
        if named not in (UNEXPLAINED, truths[place].cause, *track.wrong):
            track.wrong.append(named)


def _told(truth: Truth, track: _Track) -> Followed:
    late = None if track.found is None else max(0, (track.found - track.possible) // _NIGHT)
    return Followed(truth.cause, truth.scope, late, tuple(track.wrong), tuple(track.ids))
