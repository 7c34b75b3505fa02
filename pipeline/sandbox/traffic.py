"""Ordinary days: people sign in at their hours, on their devices, from where they are, and mostly it works.

Attempts here are what happened; how the logs tell it is the business of ``records``. No signature fails here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox.population import guid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from pipeline.sandbox.population import Address, App, Device, Policy, User, World

WELL = "0"
_ON_A_WORKDAY = 19
_ON_A_WEEKEND_DAY = 3
_INTERACTIVE_SHARE = 0.26
# What goes wrong on an ordinary day, by how often per attempt: mistyped passwords, prompts, policies, lost sessions.
_ORDINARY_CODES = {
    True: (("50126", 0.012), ("50058", 0.010), ("50140", 0.010), ("50076", 0.006), ("53003", 0.004), ("65001", 0.001)),
    False: (("70043", 0.010), ("53003", 0.002), ("50155", 0.0006), ("140000", 0.0004), ("700003", 0.0003)),
}
_CHALLENGED_FIRST = 0.015


@dataclass(slots=True)
class Attempt:
    """One sign-in; ``names_device`` is false where the log will not say which device it was."""

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
    incident: int | None = None


def attempt(
    rng: Random, at: datetime, user: User, device: Device, app: App, address: Address, *, interactive: bool
) -> Attempt:
    """Draw a sign-in that succeeds."""
    return Attempt(
        guid(rng), at, user, device, app, address, interactive, device.library(at), device.system, device.browser
    )


def again(rng: Random, first: Attempt, after: timedelta) -> Attempt:
    """Repeat an attempt, as a client does that was refused."""
    return replace(first, id=guid(rng), at=first.at + after)


def ordinary(rng: Random, world: World, since: datetime, until: datetime) -> list[Attempt]:
    """Draw all attempts of the time from ``since`` to ``until``, in order."""
    attempts: list[Attempt] = []
    midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
    for user in world.users:
        day = midnight
        while day < until:
            attempts.extend(_day(rng, user, day))
            day += timedelta(days=1)
    return sorted((one for one in attempts if since <= one.at < until), key=lambda one: (one.at, one.id))


def is_workday(day: datetime) -> bool:
    """Tell Monday to Friday from the rest."""
    return day.weekday() < 5


def _day(rng: Random, user: User, day: datetime) -> Iterator[Attempt]:
    works = is_workday(day)
    at_desk = user.office.egress if works and rng.random() < 0.65 else (user.home,)
    mean = _ON_A_WORKDAY if works else _ON_A_WEEKEND_DAY
    for _ in range(round(max(0.0, rng.gauss(mean, mean / 4)))):
        at = day + timedelta(hours=_hour(rng, user.begins_at, works))
        desk, *pocket = user.devices
        device = pocket[0] if pocket and rng.random() < (0.4 if works else 0.8) else desk
        is_phone = device.platform.name in {"iOS", "Android"}
        address = user.mobile if is_phone and rng.random() < 0.5 else rng.choice(at_desk)
        interactive = rng.random() < _INTERACTIVE_SHARE
        made = attempt(rng, at, user, device, rng.choice(user.apps), address, interactive=interactive)
        made.code = _ordinary_code(rng, interactive)
        made.names_device = made.code not in {"50155", "700003", "50126"}
        if made.code == WELL and rng.random() < _CHALLENGED_FIRST:
            challenged = again(rng, made, timedelta(seconds=-rng.uniform(0.4, 2)))
            challenged.code, challenged.names_device = "50097", False
            yield challenged
        yield made


def _hour(rng: Random, begins_at: float, works: bool) -> float:
    if not works or rng.random() < 0.12:  # phones and sync engines do not keep office hours
        return rng.uniform(0, 24)
    return min(23.9, max(0.0, begins_at + rng.triangular(0, 9.5, 1.5)))


def _ordinary_code(rng: Random, interactive: bool) -> str:
    drawn = rng.random()
    for code, share in _ORDINARY_CODES[interactive]:
        drawn -= share
        if drawn < 0:
            return code
    return WELL
