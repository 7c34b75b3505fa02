"""How records arrive: late, some of them twice, a few a day after the fact.

TimeGenerated and ingestion_time() belong to this file; neither is when something happened.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import log
from typing import TYPE_CHECKING, Any

from pipeline.sandbox.columns import INGESTION_TIME

if TYPE_CHECKING:
    from random import Random

# Seconds from CreatedDateTime to TimeGenerated in a real export: least, median, most.
_LAG = {True: (218, 1344, 3492), False: (56, 309, 2183)}
_TWICE = 0.08
_A_DAY_LATE = 0.008
_UP_TO = timedelta(hours=30)


def sign_ins(rng: Random, records: list[dict[str, Any]], until: datetime) -> list[dict[str, Any]]:
    """Deliver records that have a CreatedDateTime: give each its times, and some of them once more.

    A second delivery has the same Id and a later TimeGenerated, and sometimes another risk. None comes a day late that
    would come after ``until``.
    """
    delivered = []
    for record in records:
        happened: datetime = record["CreatedDateTime"]
        generated = happened + _lag(rng, record.get("IsInteractive", False))
        if rng.random() < _A_DAY_LATE and happened + _UP_TO < until:
            generated = happened + timedelta(hours=rng.uniform(18, 29))
        delivered.append(_at(rng, record, generated))
        if rng.random() < _TWICE:
            again = _at(rng, record, generated + timedelta(minutes=rng.uniform(2, 20)))
            if "RiskState" in record and rng.random() < 0.3:
                again |= {"RiskState": "remediated", "RiskLevelAggregated": "low", "RiskDetail": "userPassedMFA"}
            delivered.append(again)
    return delivered


def changes(rng: Random, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Deliver audit records, which come sooner than sign-ins and once."""
    return [_at(rng, record, record["TimeGenerated"], slowest=900) for record in records]


def _at(rng: Random, record: dict[str, Any], generated: datetime, slowest: int = 240) -> dict[str, Any]:
    ingested = generated + timedelta(seconds=rng.uniform(20, slowest))
    return {**record, "TimeGenerated": generated, INGESTION_TIME: ingested}


def _lag(rng: Random, interactive: bool) -> timedelta:
    least, median, most = _LAG[interactive]
    return timedelta(seconds=min(most, max(least, rng.lognormvariate(log(median), 0.6))))
