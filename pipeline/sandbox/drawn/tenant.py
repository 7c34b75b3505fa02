"""A drawn tenant: its ordinary days, its incidents, narrow ones first, its strays, and the truth as logs hold it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import TYPE_CHECKING

import polars as pl

from pipeline.sandbox import columns, traffic
from pipeline.sandbox.drawn.app_causes import APP_CAUSES
from pipeline.sandbox.drawn.device_causes import DEVICE_CAUSES
from pipeline.sandbox.drawn.habits import draw_habits
from pipeline.sandbox.drawn.people import draw_origin
from pipeline.sandbox.drawn.stage import Barren, Stage
from pipeline.sandbox.drawn.upkeep import innocent_changes
from pipeline.sandbox.drawn.wide_causes import WIDE_CAUSES
from pipeline.sandbox.scene import AT_LEAST, REFUSED, Incident
from pipeline.sandbox.tenant import Labels, Tenant, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.sandbox.drawn.stage import Struck
    from pipeline.sandbox.traffic import Attempt

# Narrow ones first: what an incident of one device leaves well, a wider one may still strike.
CAUSES = {**DEVICE_CAUSES, **APP_CAUSES, **WIDE_CAUSES}
_QUIET = 1 / 7
_SMALL, _FEW = 50, 3  # so many people have no more than so few incidents
_TRIES = 25
_TRIED_AGAIN = 0.15
_STRAYS_OF_ONE = 2  # stray failures of one person: three would be an incident to anybody but us


def drawn(seed: int, *, until: datetime, users: int | None = None, causes: Sequence[str] | None = None) -> Tenant:
    """Draw a whole tenant from ``seed``, with 0 to 7 incidents; its logs end at ``until`` (UTC, naive taken as UTC).

    Number of ``users`` and ``causes`` are drawn too, where they are not given (words for causes, one incident each).
    Its tables hold what had arrived by ``until`` and begin at ``Tenant.since``, in half of the tenants some days before
    it: history. The labels speak of failures of the window alone, and of changes in the tables alone; what they
    name has arrived. Raises ValueError for a word that is no cause of CAUSES.
    """
    if unknown := [cause for cause in causes or () if cause not in CAUSES]:
        raise ValueError(f"no such cause: {', '.join(unknown)}; there are {', '.join(CAUSES)}")
    if until.tzinfo is not None:
        until = until.astimezone(UTC).replace(tzinfo=None)
    for trial in count():
        rng = Random(f"{seed}/{trial}")  # noqa: S311 - a simulation must be repeatable
        tenant = _draw(rng, until, users or round(30 * (350 / 30) ** rng.random()), causes)
        staged = tenant.labels.incidents
        if (causes is None or len(staged) == len(causes)) and all(len(one.failures) >= AT_LEAST for one in staged):
            return tenant
    raise AssertionError("trials do not end")


def _draw(rng: Random, until: datetime, users: int, causes: Sequence[str] | None) -> Tenant:
    since = until - timedelta(days=rng.randrange(10, 22))
    begin = since - timedelta(days=rng.choice([0, 0, 2, 4]))
    habits = draw_habits(rng, users)
    origin = draw_origin(rng, habits, users, begin, until)
    attempts = traffic.ordinary(rng, origin.world, begin, until)
    _settle(rng, attempts)
    innocent = innocent_changes(rng, origin, begin, until)
    ground = Stage(
        rng, origin.world, since, until, attempts, [], 0,
        origin=origin, since=since, begin=begin, until=until, struck=[], taboos=[], innocent=innocent,
    )  # fmt: skip
    incidents = _stage(ground, _causes(rng, users) if causes is None else causes)
    changes = ground.changes + [one for one in innocent if not any(taboo.forbids(one) for taboo in ground.taboos)]
    noise = _scatter(rng, ground, rng.randrange(26))
    unnamed = min(0.97, rng.uniform(0, 1.2))
    for one in attempts:
        if one.code == REFUSED and rng.random() < unnamed:
            one.names_device = False
    arrived = {
        table: frame.filter(pl.col(columns.INGESTION_TIME) < until)
        for table, frame in tables(rng, origin.world, attempts, changes, begin, until).items()
    }
    return Tenant(since, until, arrived, _seen(arrived, attempts, incidents, noise, since))


def _settle(rng: Random, attempts: list[Attempt]) -> None:
    """Decide what was made in a browser, which shows no library, and what the log keeps untold."""
    untold = rng.choice([0.0, 0.02, 0.1])
    in_browser = rng.uniform(0.3, 0.9)
    for one in attempts:
        if one.native is None:
            one.native = not (one.interactive and rng.random() < in_browser)
        if not one.native or rng.random() < untold:
            one.library = ""


def _causes(rng: Random, users: int) -> list[str]:
    if rng.random() < _QUIET:
        return []
    wanted = rng.choices(range(1, 8), (1, 2, 3, 3, 3, 2, 1.5))[0]
    return rng.choices(list(CAUSES), k=min(wanted, _FEW) if users < _SMALL else wanted)


def _stage(ground: Stage, causes: Sequence[str]) -> list[Incident]:
    incidents: list[Incident] = []
    for cause in sorted(causes, key=list(CAUSES).index):
        for _ in range(_TRIES):
            onset = _onset(ground)
            scene = replace(ground, onset=onset, end=ground.until, number=len(incidents))
            try:
                incidents.append(CAUSES[cause](scene))
            except Barren:
                continue
            break
    return incidents


def _onset(ground: Stage) -> datetime:
    """Choose any moment, at times before the window; half of them in working hours, when most is done."""
    rng, window = ground.rng, ground.until - ground.since
    if rng.random() < 0.12:
        return ground.since - timedelta(days=rng.uniform(0.2, 3))
    at = ground.since + rng.uniform(0.05, 0.95) * window
    if ground.struck and rng.random() < 0.25:  # in the middle of another incident
        other = rng.choice(ground.struck)
        inside = other.start + timedelta(days=1) + rng.random() * (other.end - other.start - timedelta(days=2))
        return min(max(inside, ground.since), ground.until - timedelta(hours=5))
    if rng.random() < 0.5:
        zone = rng.choice(ground.world.users).zone
        at = at.replace(hour=0, minute=0) + timedelta(hours=rng.uniform(7.5, 17) - zone)
    return min(max(at, ground.since), ground.until - timedelta(hours=5))


def _scatter(rng: Random, ground: Stage, strays: int) -> set[str]:
    """Let so many sign-ins fail that belong to nothing: anywhere, at any time, but where an incident strikes."""
    candidates = [one for one in ground.attempts if one.code == traffic.WELL and one.at >= ground.since]
    rng.shuffle(candidates)
    of_one: Counter[str] = Counter()
    chosen: set[str] = set()
    for one in candidates:
        if len(chosen) >= strays:
            break
        of_one[one.user.id] += 1
        if of_one[one.user.id] <= _STRAYS_OF_ONE and not any(_within(struck, one) for struck in ground.struck):
            one.code = REFUSED
            chosen.add(one.id)
            if rng.random() < _TRIED_AGAIN:
                repeated = traffic.again(rng, one, timedelta(seconds=rng.uniform(2, 90)))
                ground.attempts.append(repeated)
                chosen.add(repeated.id)
    return chosen


def _within(struck: Struck, one: Attempt) -> bool:
    return struck.start <= one.at <= struck.end and struck.belongs(one)


def _seen(
    arrived: dict[str, pl.DataFrame],
    attempts: list[Attempt],
    incidents: list[Incident],
    noise: set[str],
    since: datetime,
) -> Labels:
    """Cut the truth to what the logs hold of the window."""
    here = {id_ for frame in arrived.values() for id_ in frame["Id"]}
    times = {one.id: one.at for one in attempts if one.code == REFUSED and one.id in here and one.at >= since}
    told = []
    for incident in incidents:
        failures = tuple(id_ for id_ in incident.failures if id_ in times)
        told.append(
            replace(
                incident,
                started_at=min((times[id_] for id_ in failures), default=incident.started_at),
                ended_at=max((times[id_] for id_ in failures), default=incident.ended_at),
                failures=failures,
                changes=tuple(id_ for id_ in incident.changes if id_ in here),
            )
        )
    return Labels(tuple(told), tuple(sorted(noise & times.keys())))
