"""The figures that naming a cause is judged by, each with its bar.

Each figure is measured over the scores of many tenants. How a score comes about is scoring's; nothing is run here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Literal

from .confidence import best_constant, brier, calibration_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .scoring import Claim, Followed, Score, Sought


@dataclass(frozen=True)
class Figure:
    """One line of the table; ``bar`` is None where the figure is told for its own sake."""

    name: str
    measure: Callable[[Sequence[Score]], float | None]
    side: Literal[">=", "<=", "<", ""] = ""
    bar: float | None = None

    def missed(self, value: float | None) -> bool:
        """Say whether a measured value misses the bar."""
        if value is None or self.bar is None:
            return False
        return {">=": value < self.bar, "<=": value > self.bar, "<": value >= self.bar}[self.side]


def sought(scores: Sequence[Score]) -> list[Sought]:
    return [one for score in scores for one in score.sought]


def claims(scores: Sequence[Score]) -> list[Claim]:
    return [one for score in scores for one in score.claims]


def _followed(scores: Sequence[Score]) -> list[Followed]:
    return [one for score in scores for one in score.followed or ()]


def mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else None


def _of_sought(worth: Callable[[Sought], float], scores: Sequence[Score]) -> float | None:
    return mean(worth(one) for one in sought(scores))


def _change_named(scores: Sequence[Score]) -> float | None:
    return mean(one.change_right is True for one in sought(scores) if one.has_change)


def _named_change_right(scores: Sequence[Score]) -> float | None:
    return mean(one.change_right for one in claims(scores) if one.change_right is not None)


def _change_invented(scores: Sequence[Score]) -> float | None:
    return mean(one.change_right is not None for one in sought(scores) if not one.has_change)


def _a_tenant(fate: str, names_a_cause: bool, scores: Sequence[Score]) -> float | None:
    return mean(
        sum(claim.fate == fate and claim.names_a_cause is names_a_cause for claim in score.claims) for score in scores
    )


def _strays_blamed(scores: Sequence[Score]) -> float | None:
    strays = sum(score.strays for score in scores)
    return sum(score.strays_blamed for score in scores) / strays if strays else None


def _quiet_silent(scores: Sequence[Score]) -> float | None:
    return mean(not any(claim.names_a_cause for claim in score.claims) for score in scores if not score.sought)


def stated(scores: Sequence[Score]) -> list[tuple[float, bool]]:
    """Return the confidence of each claim's first-ranked cause and whether it is right.

    A claim is a reported incident that is a true one, or names a cause; of a fragment the cause of its true incident is
    right.
    """
    return [
        (claim.ranked[0].confidence, claim.right)
        for claim in claims(scores)
        if claim.ranked[0].confidence is not None and (claim.fate == "matched" or claim.names_a_cause)
    ]


def _brier_beyond_constant(scores: Sequence[Score]) -> float | None:
    said, constant = brier(stated(scores)), best_constant(stated(scores))
    return None if said is None or constant is None else said - constant


def _median_nights(scores: Sequence[Score]) -> float | None:
    late = [math.inf if one.nights_late is None else one.nights_late for one in _followed(scores)]
    return median(late) if late else None


FIGURES = (
    Figure("found", partial(_of_sought, lambda one: one.incident_id is not None), ">=", 0.97),
    Figure("mean F1", partial(_of_sought, lambda one: one.f1), ">=", 0.95),
    Figure("top-1 cause", partial(_of_sought, lambda one: one.rank == 1), ">=", 0.92),
    Figure("top-3 cause", partial(_of_sought, lambda one: one.rank in (1, 2, 3)), ">=", 0.97),
    Figure("change named where one did it", _change_named, ">=", 0.95),
    Figure("of changes named, right", _named_change_right, ">=", 0.95),
    Figure("change named where none did", _change_invented, "<=", 0.05),
    Figure("false alarms a tenant", partial(_a_tenant, "false alarm", True), "<=", 0.05),
    Figure("fragments a tenant", partial(_a_tenant, "fragment", True), "<=", 0.3),
    Figure("stray failures blamed", _strays_blamed, "<=", 0.05),
    Figure("quiet tenants silent", _quiet_silent, ">=", 1.0),
    Figure("Brier of every claim", lambda scores: brier(stated(scores)), "<=", 0.08),
    Figure("Brier beyond best constant", _brier_beyond_constant, "<", 0.0),
    Figure("calibration error", lambda scores: calibration_error(stated(scores)), "<=", 0.10),
    Figure("nights late (median)", _median_nights, "<=", 0.0),
    Figure("wrong causes on the way", lambda scores: mean(len(one.wrong) for one in _followed(scores)), "<=", 0.2),
    Figure("found on the first night", lambda scores: mean(one.nights_late == 0 for one in _followed(scores))),
    Figure("kept its id", lambda scores: mean(len(one.ids) == 1 for one in _followed(scores) if one.ids)),
    Figure("unexplained alarms a tenant", partial(_a_tenant, "false alarm", False)),
    Figure("unexplained pieces a tenant", partial(_a_tenant, "fragment", False)),
)
