"""Half-open windows of time in UTC: parse what a user types, align to hours, split, merge.

Times are naive datetimes that mean UTC, as in the database. No clock is read here: what "now" is comes from the caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_DURATION = re.compile(r"([0-9]+)\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, order=True)
class Window:
    """The time from ``start`` (inside) to ``end`` (outside)."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start


_CALENDAR = Window(datetime(1970, 1, 1), datetime(9000, 1, 1))  # what a log may speak of


def parse_duration(text: str, option: str) -> timedelta:
    """Return the duration that text such as ``14d``, ``36h``, ``90m`` or ``2w`` means.

    Raises UsageError, naming the option, where it means none.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if not match:
        raise UsageError(f"{option} {text!r} is no duration: write a number and m, h, d or w, such as 14d or 36h.")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise UsageError(f"{option} {text!r} is longer than any log: write a duration such as 14d.") from None


def parse_moment(text: str, option: str, before: datetime) -> datetime:
    """Return the UTC moment that ISO 8601 text, or a duration before ``before``, means.

    A time without a zone is UTC, a date alone its midnight. Raises UsageError, naming the option.
    """
    if _DURATION.fullmatch(text.strip().lower()):
        try:
            return before - parse_duration(text, option)
        except OverflowError:
            raise UsageError(f"{option} {text!r} reaches back beyond the calendar: write a shorter duration.") from None
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        if not _CALENDAR.start <= moment < _CALENDAR.end:
            raise ValueError
        return moment
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text!r} is no time: write ISO 8601 such as 2026-10-31T08:00:00Z, or a duration such as 14d."
        ) from None


def hour_floor(moment: datetime) -> datetime:
    """Return the beginning of the hour that holds the moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def hour_ceiling(moment: datetime) -> datetime:
    """Return the first full hour at or after the moment."""
    floor = hour_floor(moment)
    return floor if floor == moment else floor + HOUR


def day_floor(moment: datetime) -> datetime:
    """Return the midnight with which the day begins that holds the moment."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def day_ceiling(moment: datetime) -> datetime:
    """Return the first midnight at or after the moment."""
    floor = day_floor(moment)
    return floor if floor == moment else floor + DAY


def hours(window: Window) -> Iterator[datetime]:
    """Yield the beginning of each hour that the window touches, in order."""
    hour = hour_floor(window.start)
    while hour < window.end:
        yield hour
        hour += HOUR


def runs_of_hours(starts: Iterable[datetime]) -> list[Window]:
    """Merge hours, given by their beginnings, into windows as long as they go without a gap."""
    merged: list[Window] = []
    for start in sorted(set(starts)):
        if merged and merged[-1].end == start:
            merged[-1] = Window(merged[-1].start, start + HOUR)
        else:
            merged.append(Window(start, start + HOUR))
    return merged
