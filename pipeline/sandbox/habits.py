"""What differs from tenant to tenant in how people work and how the logs tell it, as one value.

The defaults are the tenant of the demo. Numbers only: who exists is the business of ``population``, what happens that
of ``traffic``, and how a record is written that of ``records`` and ``delivery``, which all read them here.
"""

from __future__ import annotations

from dataclasses import dataclass

# What goes wrong on an ordinary day, by how often per attempt: mistyped passwords, prompts, policies, lost sessions.
_INTERACTIVE_CODES = (
    *(("50126", 0.012), ("50058", 0.010), ("50140", 0.010), ("50076", 0.006), ("53003", 0.004), ("65001", 0.001)),
)
_SILENT_CODES = (("70043", 0.010), ("53003", 0.002), ("50155", 0.0006), ("140000", 0.0004), ("700003", 0.0003))


@dataclass(frozen=True)
class Habits:
    """How a tenant works and logs.

    Sign-ins are per user and day, shares lie between 0 and 1, lags are seconds (least, median, most) from the event to
    TimeGenerated, ``arrival`` is the longest from there to ingestion of a sign-in and of a change. ``short_systems``
    logs a system without its build where a person is there. ``policies_told`` is the share of rows that list the
    policies that were evaluated.
    """

    on_a_workday: float = 19
    on_a_day_off: float = 3
    workdays: frozenset[int] = frozenset(range(5))
    day_length: float = 9.5
    busiest_after: float = 1.5
    at_odd_hours: float = 0.12
    interactive: float = 0.26
    interactive_codes: tuple[tuple[str, float], ...] = _INTERACTIVE_CODES
    silent_codes: tuple[tuple[str, float], ...] = _SILENT_CODES
    challenged_first: float = 0.015
    unnamed_when_well: float = 0.0
    policies_told: float = 1.0
    short_systems: bool = False
    broker_in_browser: bool = False
    browser_in_agent: bool = False
    family_told: bool = True
    interactive_lag: tuple[float, float, float] = (218, 1344, 3492)
    silent_lag: tuple[float, float, float] = (56, 309, 2183)
    arrival: tuple[int, int] = (240, 900)
    delivered_twice: float = 0.08
    a_day_late: float = 0.008
    changes_a_day: float = 6
    rotating_apps: int = 1
    rotation_hour: float = 2


USUAL = Habits()
