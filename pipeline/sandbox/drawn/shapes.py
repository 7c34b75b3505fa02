"""How an incident runs in time: sudden or growing, pausing, repaired half way or for good.

A shape gives each attempt its chance of being refused. What is struck, and why, is the business of the causes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from pipeline.sandbox.traffic import Attempt

_NEVER = timedelta(days=400)
_SPELL = timedelta(hours=2)


@dataclass(frozen=True)
class Shape:
    """The chance of failure from ``begins`` to ``ends`` (naive UTC).

    It grows to ``rate`` within ``ramp``. It is nil at night and on Saturdays and Sundays where those pause, on
    ``quiet_days`` (ordinals), and in the ``calm`` spells of two hours since the beginning. After ``repaired_at`` a half
    of the devices is well.
    """

    begins: datetime
    ends: datetime
    rate: float
    ramp: timedelta = timedelta(0)
    nights_pause: bool = False
    weekends_pause: bool = False
    zone: float = 0.0
    quiet_days: frozenset[int] = frozenset()
    calm: frozenset[int] = frozenset()
    repaired_at: datetime | None = field(default=None)

    def __call__(self, one: Attempt) -> float:
        """Give the chance that this attempt is refused."""
        if not self.begins <= one.at < self.ends or self._pauses(one.at):
            return 0.0
        if self.repaired_at is not None and one.at >= self.repaired_at and _first_half(one):
            return 0.0
        if self.ramp and one.at < self.begins + self.ramp:
            return self.rate * max(0.05, (one.at - self.begins) / self.ramp)
        return self.rate

    def _pauses(self, at: datetime) -> bool:
        local = at + timedelta(hours=self.zone)
        return (
            (self.nights_pause and not 6 <= local.hour < 20)
            or (self.weekends_pause and local.weekday() >= 5)
            or local.toordinal() in self.quiet_days
            or int((at - self.begins) / _SPELL) in self.calm
        )


def draw_shape(
    rng: Random,
    begins: datetime,
    until: datetime,
    *,
    rate: tuple[float, float],
    hours: tuple[float, float] = (10, 240),
    restless: bool = True,
    zone: float = 0.0,
) -> Shape:
    """Draw how an incident runs that lasts so many hours, or to the end of the logs: in a third of all cases.

    Only a ``restless`` one grows, pauses or is repaired half way.
    """
    shortest, longest = hours
    lasting = (
        _NEVER
        if rng.random() < 0.33 and longest > 48
        else timedelta(hours=shortest * (longest / shortest) ** rng.random())
    )
    ends = min(until, begins + lasting)
    reached = rng.uniform(*rate)
    if not restless:
        return Shape(begins, ends, reached)
    span = ends - begins
    drawn = rng.random()
    spells = int(span / _SPELL) + 1
    days = [(begins + timedelta(days=day)).toordinal() for day in range(1, max(1, span.days))]
    return Shape(
        begins,
        ends,
        reached,
        ramp=rng.uniform(0.2, 0.9) * span if rng.random() < 0.25 else timedelta(0),
        nights_pause=drawn < 0.12,
        weekends_pause=0.08 < drawn < 0.22,
        zone=zone,
        quiet_days=frozenset(rng.sample(days, 1)) if 0.22 < drawn < 0.34 and len(days) > 1 else frozenset(),
        calm=frozenset(rng.sample(range(1, spells), spells // 2))
        if 0.34 < drawn < 0.46 and spells > 6
        else frozenset(),
        repaired_at=begins + rng.uniform(0.3, 0.7) * span if 0.46 < drawn < 0.62 else None,
    )


def _first_half(one: Attempt) -> bool:
    return (one.device.id if one.device is not None else one.user.id)[0] < "8"
