"""The ground of a drawn incident: a scene with a shape in time, and what keeps its cause tellable.

A cause that finds too little to strike raises ``Barren`` before it changes anything; it is then drawn anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox import audit
from pipeline.sandbox.drawn.habits import LATEST_ARRIVAL
from pipeline.sandbox.drawn.shapes import Shape, draw_shape
from pipeline.sandbox.scene import AT_LEAST, Scene
from pipeline.sandbox.traffic import WELL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.drawn.people import Origin
    from pipeline.sandbox.population import Device, User
    from pipeline.sandbox.traffic import Attempt

_ENOUGH = AT_LEAST + 2  # expected refusals, so that chance seldom leaves too few
_FELT = 4  # expected refusals, within the time in which a change is plausible as their cause
_HOURS_HIT = 4  # a single burst of retries is a stray, not an incident
FROM_MINUTES, TO_A_DAY_AND_A_HALF = 3.0, 36 * 60.0


class Barren(Exception):
    """Nothing, or too little, signs in where an incident was to be staged."""


@dataclass(frozen=True)
class Taboo:
    """No innocent change whose record holds ``text`` may stand between the two times."""

    text: str
    start: datetime
    end: datetime

    def forbids(self, change: Change) -> bool:
        """Tell whether a change breaks it."""
        if change.operation == "Update device":  # no change of a registration, whatever the device's id in it
            return False
        told = (change.operation, change.targets, change.details)
        return self.start <= change.at <= self.end and self.text in repr(told)


@dataclass(frozen=True)
class Struck:
    """What an incident strikes: attempts that ``belongs`` picks, from ``start`` to ``end``; by what it is ``known``."""

    known: str
    belongs: Callable[[Attempt], bool]
    start: datetime
    end: datetime


@dataclass
class Stage(Scene):
    """A scene in a drawn tenant, whose logs go from ``begin`` to ``until`` and whose window from ``since``."""

    origin: Origin = field(kw_only=True)
    since: datetime = field(kw_only=True)
    begin: datetime = field(kw_only=True)
    until: datetime = field(kw_only=True)
    struck: list[Struck] = field(kw_only=True)
    taboos: list[Taboo] = field(kw_only=True)
    innocent: list[Change] = field(kw_only=True)

    def shape(
        self,
        rate: tuple[float, float],
        *,
        after: timedelta = timedelta(0),
        hours: tuple[float, float] = (10, 240),
        restless: bool = True,
    ) -> Shape:
        """Draw how it runs from ``after`` the onset, and set the scene's end by it."""
        zone = self.rng.choice(self.world.users).zone
        drawn = draw_shape(
            self.rng, self.onset + after, self.until, rate=rate, hours=hours, restless=restless, zone=zone
        )
        self.end = drawn.ends
        return drawn

    def delay(self, longest: float = TO_A_DAY_AND_A_HALF) -> timedelta:
        """Draw how long a change takes to be felt: minutes mostly, a day and a half at most."""
        return timedelta(minutes=FROM_MINUTES * (longest / FROM_MINUTES) ** (self.rng.random() ** 1.5))

    def fertile(
        self,
        belongs: Callable[[Attempt], bool],
        chance: Callable[[Attempt], float],
        *,
        devices: int = 1,
        spread: int = _HOURS_HIT,
    ) -> None:
        """Raise Barren where that would strike too seldom inside the window, in too few hours, or too few devices."""
        surely_seen = self.until - LATEST_ARRIVAL
        struck = [one for one in self.open(belongs) if self.since <= one.at < surely_seen and chance(one) > 0]
        expected = sum(chance(one) for one in struck)
        hours = {int(one.at.timestamp() // 3600) for one in struck}
        enough = expected >= _ENOUGH and len(hours) >= spread
        if not enough or len({one.device.id for one in struck if one.device is not None}) < devices:
            raise Barren

    def prompt(self, belongs: Callable[[Attempt], bool], chance: Callable[[Attempt], float]) -> None:
        """Raise Barren where a change would hardly be felt within a day and a half."""
        latest = self.onset + timedelta(minutes=TO_A_DAY_AND_A_HALF)
        if sum(chance(one) for one in self.open(belongs, end=latest)) < _FELT:
            raise Barren

    def mixed(self, belongs: Callable[[Attempt], bool], chance: Callable[[Attempt], float]) -> None:
        """Raise Barren where hardly anything would succeed between the failures."""
        if sum(1 - chance(one) for one in self.open(belongs)) < _ENOUGH:
            raise Barren

    def strike(
        self,
        known: str,
        belongs: Callable[[Attempt], bool],
        shape: Shape,
        *,
        chance: Callable[[Attempt], float] | None = None,
        retries: float | None = None,
    ) -> None:
        """Refuse what belongs, by the shape or a chance made of it, and note where no stray failure may fall."""
        again = self.rng.choice([0.0, 0.15, 0.3, 0.5, 0.75]) if retries is None else retries
        self.refuse(self.open(belongs, start=shape.begins), chance or shape, retries=again)
        self.mark(known, belongs, shape)

    def mark(self, known: str, belongs: Callable[[Attempt], bool], shape: Shape) -> None:
        """Note what an incident strikes, and a day around it: no stray failure may fall there."""
        self.struck.append(Struck(known, belongs, shape.begins - timedelta(days=1), shape.ends + timedelta(days=1)))

    def keep_clear(self, text: str, *, before: timedelta = timedelta(hours=44), after: timedelta | None = None) -> None:
        """Let no innocent change that holds ``text`` stand near the onset, nor until ``after`` it (to the end)."""
        self.taboos.append(Taboo(text, self.onset - before, self.end if after is None else self.onset + after))

    def decoy(self, draw: Callable[[datetime], list[Change]], *, share: float = 0.5) -> None:
        """Make the same kind of change innocently at another time, long before or after the incident."""
        if self.rng.random() >= share:
            return
        free = [(self.begin, self.onset - timedelta(days=3)), (self.end + timedelta(hours=6), self.until)]
        spans = [(start, end) for start, end in free if end - start > timedelta(hours=12)]
        if spans:
            start, end = self.rng.choice(spans)
            self.innocent += draw(start + self.rng.random() * (end - start))

    def somebodys_device(self, platforms: Sequence[str] = ()) -> tuple[Device, User]:
        """Pick a person's device that signs in enough and has had no incident within three days of this one."""
        counted: dict[str, int] = {}
        for one in self.attempts:
            if one.device is not None and one.code == WELL and self.onset <= one.at < self.until:
                counted[one.device.id] = counted.get(one.device.id, 0) + 1
        pairs = [
            (device, user)
            for user in self.world.users
            for device in user.devices
            if device not in self.origin.shared
            and counted.get(device.id, 0) >= _ENOUGH
            and (not platforms or device.platform.name in platforms)
        ]
        if not pairs:
            raise Barren
        seen_before = [pair for pair in pairs if any(one.known == pair[0].id for one in self.struck)]
        again = bool(seen_before) and self.rng.random() < 0.7
        return self.rng.choice(seen_before if again else pairs)

    def claim(self, known: str, *, apart: timedelta = timedelta(0)) -> None:
        """Raise Barren where another incident that is known by the same strikes within ``apart`` of this one."""
        for other in self.struck:
            if other.known == known and other.start < self.end + apart and self.onset - apart < other.end:
                raise Barren

    def well_before(self, belongs: Callable[[Attempt], bool], at_least: int = 5, *, may_precede: bool = False) -> None:
        """Raise Barren where what belongs has not succeeded so often before the onset.

        An incident that is told without a look at the time before ``may_precede`` the logs.
        """
        if may_precede and self.onset < self.begin:
            return
        if sum(one.code == WELL and belongs(one) for one in self.attempts if one.at < self.onset) < at_least:
            raise Barren

    def by_somebody(self, user: User) -> User:
        """Choose who makes a change of a person's device: mostly they, at times an administrator."""
        return user if self.rng.random() < 0.7 else self.rng.choice(self.world.admins)


def by_admin(stage: Stage) -> dict[str, object]:
    """Say that an administrator did it."""
    return audit.by_admin(stage.rng, stage.world)
