"""How records arrive: late, some of them twice, a few a day after the fact.

TimeGenerated and ingestion_time() belong to this file; neither is when something happened.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import log
from typing import TYPE_CHECKING, Any

from pipeline.sandbox.columns import INGESTION_TIME
from pipeline.sandbox.habits import USUAL, Habits

if TYPE_CHECKING:
    from random import Random

_UP_TO = timedelta(hours=30)


def sign_ins(
    rng: Random, records: list[dict[str, Any]], until: datetime, habits: Habits = USUAL
) -> list[dict[str, Any]]:
    """Deliver records that have a CreatedDateTime: give each its times, and some of them once more.

    A second delivery has the same Id and a later TimeGenerated, and sometimes another risk. None comes a day late that
    would come after ``until``.
    """
    delivered = []
    for record in records:
        happened: datetime = record["CreatedDateTime"]
        generated = happened + _lag(
            rng, habits.interactive_lag if record.get("IsInteractive", False) else habits.silent_lag
        )
        if rng.random() < habits.a_day_late and happened + _UP_TO < until:
            generated = happened + timedelta(hours=rng.uniform(18, 29))
        delivered.append(_at(rng, record, generated, habits.arrival[0]))
        if rng.random() < habits.delivered_twice:
            again = _at(rng, record, generated + timedelta(minutes=rng.uniform(2, 20)), habits.arrival[0])
            if "RiskState" in record and rng.random() < 0.3:
                again |= {"RiskState": "remediated", "RiskLevelAggregated": "low", "RiskDetail": "userPassedMFA"}
            delivered.append(again)
    return delivered


def changes(rng: Random, records: list[dict[str, Any]], habits: Habits = USUAL) -> list[dict[str, Any]]:
    """Deliver audit records, which come sooner than sign-ins and once."""
    return [_at(rng, record, record["TimeGenerated"], habits.arrival[1]) for record in records]


def _at(rng: Random, record: dict[str, Any], generated: datetime, slowest: int) -> dict[str, Any]:
    ingested = generated + timedelta(seconds=rng.uniform(20, slowest))
    return {**record, "TimeGenerated": generated, INGESTION_TIME: ingested}


def _lag(rng: Random, lag: tuple[float, float, float]) -> timedelta:
    least, median, most = lag
    return timedelta(seconds=min(most, max(least, rng.lognormvariate(log(median), 0.6))))
