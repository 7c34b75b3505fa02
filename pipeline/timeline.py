"""What happened when, as stretches of equal length and as bars in a terminal.

The stretches are counted elsewhere; here is how long they are, which of them are shown, and how they are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DAY = timedelta(days=1)
# As many rows as a screen has room for, and enough to see a shape.
_MOST_STRETCHES = 28
_LENGTHS = tuple(timedelta(minutes=minutes) for minutes in (60, 120, 180, 240, 360, 480, 720, 1440, 2880, 10080))
_REFUSED_WIDTH, _OTHER_WIDTH = 14, 12


@dataclass(frozen=True)
class Frame:
    """From when to when a timeline goes (UTC, ``end`` outside it), in stretches of ``length``."""

    start: datetime
    end: datetime
    length: timedelta


@dataclass(frozen=True)
class Stretch:
    """One stretch of time: refused signatures of an incident, other sign-ins of its scope, and what else happened."""

    start: datetime
    end: datetime
    failures: int
    other_sign_ins: int
    marks: tuple[tuple[datetime, str], ...]


def frame(first_seen_at: datetime, last_seen_at: datetime, until: datetime) -> Frame:
    """Return a frame from a day before the onset to two stretches after the last failure, in 12 to 30 stretches.

    Nothing after ``until`` is in it. An incident of years has more stretches, of a week each.
    """
    whole = last_seen_at - first_seen_at + _DAY
    length = next((one for one in _LENGTHS if whole / one <= _MOST_STRETCHES - 1), _LENGTHS[-1])
    start = _floor(first_seen_at - _DAY, length)
    end = min(_floor(last_seen_at, length) + 3 * length, _floor(until, length) + length)
    return Frame(start, max(end, _floor(last_seen_at, length) + length), length)


def begin(shown: Frame, marks: Sequence[tuple[datetime, str]]) -> datetime:
    """Return from when on to count, so that what is marked before the frame has its counts too."""
    return min([shown.start, *(_floor(at, shown.length) for at, _ in marks)])


def stretches(
    shown: Frame, counts: Mapping[datetime, tuple[int, int]], marks: Sequence[tuple[datetime, str]]
) -> tuple[Stretch, ...]:
    """Return the stretches of a frame in order, and before or after it those in which something is marked.

    ``counts`` holds failures and other sign-ins by the beginning of their stretch.
    """
    starts = {shown.start + place * shown.length for place in range((shown.end - shown.start) // shown.length)}
    starts |= {_floor(at, shown.length) for at, _ in marks}
    return tuple(
        Stretch(
            start=start,
            end=start + shown.length,
            failures=counts.get(start, (0, 0))[0],
            other_sign_ins=counts.get(start, (0, 0))[1],
            marks=tuple(mark for mark in marks if start <= mark[0] < start + shown.length),
        )
        for start in sorted(starts)
    )


def drawn(told: Sequence[Stretch]) -> list[str]:
    """Return the stretches as lines: failures and other sign-ins as bars, each to its own scale, and the marks."""
    most_failures = max((one.failures for one in told), default=0)
    most_others = max((one.other_sign_ins for one in told), default=0)
    lines = [f"  {'from (UTC)':<11}  {'refused':>7} {'':<{_REFUSED_WIDTH}}  {'others':>6}"]
    for number, one in enumerate(told):
        if (number and one.start > told[number - 1].end) or (_dull(told, number) and not _dull(told, number - 1)):
            lines.append("  ...")
        if _dull(told, number):
            continue
        marks = ", ".join(f"{mark} {_time(at, one)}" for at, mark in one.marks)
        lines.append(
            f"  {one.start:%m-%d %H:%M}  {one.failures or '':>7} "
            f"{_bar('#', one.failures, most_failures, _REFUSED_WIDTH)}  {one.other_sign_ins or '':>6} "
            f"{_bar('.', one.other_sign_ins, most_others, _OTHER_WIDTH)}{f'  < {marks}' if marks else ''}".rstrip()
        )
    return lines


def _dull(told: Sequence[Stretch], number: int) -> bool:
    """Tell whether nothing happened in a stretch, nor in those beside it: rows of nothing only push the rest away."""
    beside = told[max(0, number - 1) : number + 2]
    return number >= 0 and not any(one.failures or one.other_sign_ins or one.marks for one in beside)


def _bar(sign: str, count: int, most: int, width: int) -> str:
    length = max(1, round(width * count / most)) if count else 0
    return (sign * length).ljust(width)


def _time(at: datetime, within: Stretch) -> str:
    return f"{at:%H:%M}" if within.end - within.start <= _DAY else f"{at:%m-%d %H:%M}"


def _floor(at: datetime, length: timedelta) -> datetime:
    """Return the last multiple of a length, counted from a midnight, at or before a time."""
    epoch = datetime(1970, 1, 1)
    return epoch + (at - epoch) // length * length
