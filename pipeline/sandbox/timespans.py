"""The timespan of a query request, which bounds TimeGenerated: ISO 8601, read as the query API reads it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


def bounds(timespan: str | None) -> tuple[datetime | None, datetime | None]:
    """Give the half-open window, naive UTC, of ``start/end``, ``start/duration``, ``duration/end`` or ``duration``.

    Without a timespan nothing is bounded; a lone duration ends now. Raises ValueError for anything else.
    """
    if not timespan:
        return None, None
    first, _, second = timespan.partition("/")
    if not second:
        now = datetime.now(UTC).replace(tzinfo=None)
        return now - _duration(first), now
    if first.startswith("P"):
        end = _moment(second)
        return end - _duration(first), end
    start = _moment(first)
    return start, start + _duration(second) if second.startswith("P") else _moment(second)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    parts = {unit: float(amount) for unit, amount in found.groupdict().items() if amount} if found else {}
    if not parts:
        raise ValueError(f"not an ISO 8601 duration: {text!r}")
    return timedelta(**parts)
