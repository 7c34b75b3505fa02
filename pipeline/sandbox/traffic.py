"""Ordinary days: people sign in at their hours, on their devices, from where they are, and mostly it works.

Attempts here are what happened; how the logs tell it is the business of ``records``. No signature fails here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from pipeline.sandbox.population import guid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from pipeline.sandbox.habits import Habits
    from pipeline.sandbox.population import Address, App, Device, Policy, User, World

WELL = "0"
_Thing = TypeVar("_Thing")


@dataclass(slots=True)
class Attempt:
    """One sign-in; ``names_device`` is false where the log will not say which device it was.

    ``native`` says whether it was made outside of a browser, None where the log may tell it either way.
    """

    id: str
    at: datetime
    user: User
    device: Device | None
    app: App
    address: Address
    interactive: bool
    library: str
    system: str
    browser: str
    code: str = WELL
    names_device: bool = True
    user_agent: str | None = None
    policy: Policy | None = None
    policy_result: str = "success"
    risk: str = "none"
    native: bool | None = None
    broker: str = ""
    incident: int | None = None


def attempt(
    rng: Random, at: datetime, user: User, device: Device, app: App, address: Address, *, interactive: bool
) -> Attempt:
    """Draw a sign-in that succeeds."""
    library = app.library or device.library(at)
    made = Attempt(guid(rng), at, user, device, app, address, interactive, library, device.system, device.browser)
    made.native, made.broker = app.native, device.broker
    for start, part, build in device.later:
        if start <= at:
            setattr(made, part, build)
    return made


def again(rng: Random, first: Attempt, after: timedelta) -> Attempt:
    """Repeat an attempt, as a client does that was refused."""
    return replace(first, id=guid(rng), at=first.at + after)


def ordinary(rng: Random, world: World, since: datetime, until: datetime) -> list[Attempt]:
    """Draw all attempts of the time from ``since`` to ``until``, in order."""
    attempts: list[Attempt] = []
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    for user in world.users:
        ahead = timedelta(hours=user.zone)
        day = midnight - timedelta(days=1)
        while day - ahead < until:
            if day - ahead + timedelta(days=1) > since:
                attempts.extend(_day(rng, world.habits, user, day))
            day += timedelta(days=1)
    return sorted((one for one in attempts if since <= one.at < until), key=lambda one: (one.at, one.id))


def _day(rng: Random, habits: Habits, user: User, day: datetime) -> Iterator[Attempt]:
    works = day.weekday() in habits.workdays
    at_desk = user.office.egress if works and rng.random() < user.in_office else (user.home, *user.also_from)
    mean = (habits.on_a_workday if works else habits.on_a_day_off) * user.pace
    for _ in range(round(max(0.0, rng.gauss(mean, mean / 4)))):
        at = day + timedelta(hours=_hour(rng, habits, user.begins_at, works) - user.zone)
        desk, *pocket = user.devices
        device = _only_or_any(rng, pocket) if pocket and rng.random() < (0.4 if works else 0.8) else desk
        is_phone = device.platform.name in {"iOS", "Android"}
        address = _only_or_any(rng, user.roams or (user.mobile,)) if is_phone and rng.random() < 0.5 else None
        address = address or rng.choice(at_desk)
        interactive = rng.random() < habits.interactive
        app = rng.choices(user.apps, user.favour)[0] if user.favour else rng.choice(user.apps)
        made = attempt(rng, at, user, device, app, address, interactive=interactive)
        made.code = _ordinary_code(rng, habits.interactive_codes if interactive else habits.silent_codes)
        made.names_device = made.code not in {"50155", "700003", "50126"}
        if made.code == WELL and habits.unnamed_when_well and rng.random() < habits.unnamed_when_well:
            made.names_device = False
        if made.code == WELL and rng.random() < habits.challenged_first:
            challenged = again(rng, made, timedelta(seconds=-rng.uniform(0.4, 2)))
            challenged.code, challenged.names_device = "50097", False
            yield challenged
        yield made


def _only_or_any(rng: Random, things: Sequence[_Thing]) -> _Thing:
    # Where there is no choice nothing is drawn: a tenant whose people have none stays as it is.
    return things[0] if len(things) == 1 else rng.choice(things)


def _hour(rng: Random, habits: Habits, begins_at: float, works: bool) -> float:
    if not works or rng.random() < habits.at_odd_hours:  # phones and sync engines do not keep office hours
        return rng.uniform(0, 24)
    return min(23.9, max(0.0, begins_at + rng.triangular(0, habits.day_length, habits.busiest_after)))


def _ordinary_code(rng: Random, shares: Sequence[tuple[str, float]]) -> str:
    drawn = rng.random()
    for code, share in shares:
        drawn -= share
        if drawn < 0:
            return code
    return WELL
