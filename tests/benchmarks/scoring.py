"""How well an answer names what was true: who matches whom, and what became of each incident on either side.

Sets of sign-in ids and words for causes in, what became of each out. Nothing here knows a tenant, a database or a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNEXPLAINED = "unexplained"
AT_LEAST = 5  # failures; fewer are no incident (the same bound in truth and answer)
SAME_FROM = 0.5  # F1 of failure sets from which a reported incident is a true one

Fate = Literal["matched", "fragment", "false alarm"]


@dataclass(frozen=True)
class Truth:
    """A true incident: the Ids of its failed sign-ins, and those of the audit records any of which did it."""

    cause: str
    scope: str
    failures: frozenset[str]
    changes: frozenset[str]


@dataclass(frozen=True)
class Hypothesis:
    """One ranked cause of a reported incident; a method without confidences gives None."""

    cause: str
    confidence: float | None
    change_id: str | None
    log_odds: float | None = None


@dataclass(frozen=True)
class Report:
    """A reported incident; ``ranked`` holds at least one hypothesis, the likeliest first."""

    incident_id: str
    scope: str
    failures: frozenset[str]
    ranked: tuple[Hypothesis, ...]


@dataclass(frozen=True)
class Sought:
    """What became of a true incident; ``f1`` is 0 and the rest empty where no report matches it.

    ``rank`` is the place of the true cause among the hypotheses; ``change_right`` is None where none is named.
    """

    cause: str
    scope: str
    failures: int
    has_change: bool
    f1: float = 0.0
    incident_id: str | None = None
    named: str | None = None
    rank: int | None = None
    change_right: bool | None = None


@dataclass(frozen=True)
class Claim:
    """What became of a reported incident; ``truth`` is the cause of the incident it matches or is a piece of."""

    incident_id: str
    scope: str
    failures: int
    fate: Fate
    f1: float
    truth: str | None
    right: bool
    change_right: bool | None
    ranked: tuple[Hypothesis, ...]

    @property
    def names_a_cause(self) -> bool:
        """Say whether it claims to know."""
        return self.ranked[0].cause != UNEXPLAINED


@dataclass(frozen=True)
class Followed:
    """A true incident followed night by night: nights from the first possible to the first found (None: never).

    ``wrong`` are the wrong causes that stood first on the way, ``ids`` the ids under which it was reported, each once.
    """

    cause: str
    scope: str
    nights_late: int | None
    wrong: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """What became of everything in one tenant; ``followed`` is None where it was not run night by night."""

    sought: tuple[Sought, ...]
    claims: tuple[Claim, ...]
    strays: int
    strays_blamed: int
    followed: tuple[Followed, ...] | None = None


def f1(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the F1 of two sets of failures: 1 where they are the same, 0 where they share nothing."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 0.0


def matched(truths: Sequence[frozenset[str]], reports: Sequence[frozenset[str]]) -> dict[int, int]:
    """Match sets one to one, the largest sum of F1 winning, pairs from ``SAME_FROM`` up.

    Exact: tries all choices within each group of sets that compete. Sets of one side do not overlap, so each has three
    partners at most and groups are small.
    """
    likeness = {
        (place, index): value
        for place, truth in enumerate(truths)
        for index, report in enumerate(reports)
        if (value := f1(truth, report)) >= SAME_FROM
    }
    partners = {place: [index for t, index in likeness if t == place] for place, _ in likeness}

    @cache
    def best(places: tuple[int, ...], taken: frozenset[int]) -> tuple[float, tuple[tuple[int, int], ...]]:
        if not places:
            return 0.0, ()
        place, rest = places[0], places[1:]
        choices = [best(rest, taken)]
        for index in partners[place]:
            if index not in taken:
                value, pairs = best(rest, taken | {index})
                choices.append((value + likeness[place, index], ((place, index), *pairs)))
        return max(choices, key=lambda choice: choice[0])

    return dict(pair for group in _competing(partners) for pair in best(group, frozenset())[1])


def _competing(partners: dict[int, list[int]]) -> Iterator[tuple[int, ...]]:
    """Put together those who have a partner in common, directly or through others."""
    left = set(partners)
    while left:
        group = [min(left)]
        left.remove(group[0])
        for place in group:
            near = {other for other in left if set(partners[other]) & set(partners[place])}
            left -= near
            group.extend(sorted(near))
        yield tuple(group)


def score(truths: Sequence[Truth], noise: frozenset[str], reports: Sequence[Report]) -> Score:
    """Say what became of each true incident, of each reported one, and of the failures that belong to nothing.

    True incidents below ``AT_LEAST`` failures are not sought, but who reports their failures raises no false alarm.
    """
    large = [truth for truth in truths if len(truth.failures) >= AT_LEAST]
    pairs = matched([truth.failures for truth in large], [report.failures for report in reports])
    owner = {index: large[place] for place, index in pairs.items()}
    blamed = {one for report in reports if report.ranked[0].cause != UNEXPLAINED for one in report.failures & noise}
    return Score(
        sought=tuple(
            _sought(truth, reports[pairs[place]] if place in pairs else None) for place, truth in enumerate(large)
        ),
        claims=tuple(_claim(report, owner.get(index), truths) for index, report in enumerate(reports)),
        strays=len(noise),
        strays_blamed=len(blamed),
    )


def _sought(truth: Truth, report: Report | None) -> Sought:
    plain = Sought(truth.cause, truth.scope, len(truth.failures), bool(truth.changes))
    if report is None:
        return plain
    causes = [one.cause for one in report.ranked]
    return Sought(
        *(plain.cause, plain.scope, plain.failures, plain.has_change),
        f1=f1(truth.failures, report.failures),
        incident_id=report.incident_id,
        named=causes[0],
        rank=causes.index(truth.cause) + 1 if truth.cause in causes else None,
        change_right=_change_right(report, truth),
    )


def _claim(report: Report, owner: Truth | None, truths: Sequence[Truth]) -> Claim:
    mostly = [truth for truth in truths if 2 * len(truth.failures & report.failures) > len(report.failures)]
    shared = sum(len(truth.failures & report.failures) for truth in truths)
    of_incidents = 2 * shared > len(report.failures)
    truth = owner or (mostly[0] if mostly else None)
    return Claim(
        incident_id=report.incident_id,
        scope=report.scope,
        failures=len(report.failures),
        fate="matched" if owner else "fragment" if of_incidents else "false alarm",
        f1=f1(truth.failures, report.failures) if truth else 0.0,
        truth=truth.cause if truth else None,
        right=truth is not None and report.ranked[0].cause == truth.cause,
        change_right=_change_right(report, truth),
        ranked=report.ranked,
    )


def _change_right(report: Report, truth: Truth | None) -> bool | None:
    change_id = report.ranked[0].change_id
    return (truth is not None and change_id in truth.changes) if change_id else None
