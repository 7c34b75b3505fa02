"""How a drawn tenant works and logs: rhythm, everyday errors, spelling, delivery. Numbers only, no names."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox.habits import USUAL, Habits

if TYPE_CHECKING:
    from random import Random

_CROWD = 150  # from so many people on nobody signs in all day long: a tenant must be simulated in seconds
# Mondays to Fridays, Sundays to Thursdays, six days, every day.
_WEEKS = (*(range(5),) * 6, (6, 0, 1, 2, 3), range(6), range(7))
LATEST_ARRIVAL = timedelta(hours=4)  # but for records that come a day late, none comes later than this


def draw_habits(rng: Random, users: int) -> Habits:
    """Draw the habits of a tenant of so many people."""
    busy = rng.uniform(9, 30) if users < _CROWD else rng.uniform(8, 18)
    slow = rng.uniform(0.5, 2.2)
    return Habits(
        on_a_workday=busy,
        on_a_day_off=busy * rng.choice([0.02, 0.1, 0.2, 0.35, 0.6]),
        workdays=frozenset(rng.choice(_WEEKS)),
        day_length=rng.uniform(7, 11.5),
        busiest_after=rng.uniform(0.3, 6),
        at_odd_hours=rng.uniform(0.03, 0.4),
        interactive=rng.uniform(0.08, 0.45),
        interactive_codes=_scaled(rng, (*USUAL.interactive_codes, ("50074", 0.008), ("500991", 0.0002))),
        silent_codes=_scaled(rng, (*USUAL.silent_codes, ("50173", 0.003), ("700082", 0.004), ("500133", 0.0002))),
        challenged_first=rng.choice([0.0, 0.005, 0.015, 0.05]),
        unnamed_when_well=rng.choice([0.0, 0.0, 0.03, 0.1, 0.25]),
        policies_told=rng.choice([1.0, 1.0, 1.0, 0.9, 0.6, 0.0]),
        short_systems=rng.random() < 0.25,
        browser_in_agent=rng.random() < 0.5,
        broker_in_browser=rng.random() < 0.5,
        family_told=rng.random() < 0.85,
        interactive_lag=_lag(rng, slow * rng.uniform(60, 250), slow * rng.uniform(400, 1400)),
        silent_lag=_lag(rng, slow * rng.uniform(20, 80), slow * rng.uniform(120, 900)),
        arrival=(rng.choice([90, 240, 600]), rng.choice([120, 900, 1800])),
        delivered_twice=rng.uniform(0.01, 0.2),
        a_day_late=rng.choice([0.0, 0.004, 0.01, 0.03]),
        changes_a_day=rng.choice([1, 2, 5, 8, 12]),
        rotating_apps=rng.choice([0, 1, 1, 2, 3]),
        rotation_hour=rng.uniform(0, 24),
    )


def _scaled(rng: Random, codes: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    return tuple((code, share * 3 ** rng.uniform(-1.3, 1)) for code, share in codes)


def _lag(rng: Random, least: float, median: float) -> tuple[float, float, float]:
    return (least, least + median, least + median * rng.uniform(3, 6))
