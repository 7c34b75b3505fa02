"""What the weights say of incidents that they were not fitted to: how far they may be believed.

A fit is drawn towards its prior and says less than it knows; and however much speaks for a cause, another may be the
true one. Both are read off incidents of tenants that were left out of the fit. Cases and weights in, numbers out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipeline import fitting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.fitting import Case

FOLDS = 6
SURE = 0.98  # a chance that leaves almost no doubt
_SCALES = [step / 20 for step in range(10, 61)]

Judged = tuple["Case", "Mapping[str, float]"]


def judged(cases: Sequence[tuple[int, Case]], prior: Mapping[str, float], spread: float) -> list[Judged]:
    """Return each case with weights fitted without its tenant: of ``FOLDS`` parts of the tenants all but its own."""
    seeds = sorted({seed for seed, _ in cases})
    return list(_judged(cases, [set(seeds[part::FOLDS]) for part in range(FOLDS)], prior, spread))


def _judged(
    cases: Sequence[tuple[int, Case]], parts: Sequence[set[int]], prior: Mapping[str, float], spread: float
) -> Iterator[Judged]:
    for part in parts:
        weights = fitting.fit([case for seed, case in cases if seed not in part], prior, spread)
        yield from ((case, weights) for seed, case in cases if seed in part)


def scaled(weights: Mapping[str, float], scale: float) -> dict[str, float]:
    """Return all weights so many times as large, and so all log-odds."""
    return {name: scale * value for name, value in weights.items()}


def scale(told: Sequence[Judged]) -> float:
    """Return by what all log-odds are to be multiplied for the true causes to be likeliest (Guo et al. 2017)."""

    def surprise(times: float) -> float:
        return -math.fsum(
            math.log(max(1e-9, fitting.chances(case, scaled(weights, times))[case.truth])) for case, weights in told
        )

    return min(_SCALES, key=lambda times: (surprise(times), times))


def doubt(told: Sequence[Judged], times: float) -> float:
    """Return how often the likeliest cause is wrong though the evidence is sure of it, by the rule of succession.

    Of no wrong one among n this makes 1 in n + 2: that none was seen does not mean that there is none.
    """
    sure = wrong = 0
    for case, weights in told:
        odds = fitting.chances(case, scaled(weights, times))
        first = max(odds, key=lambda cause: odds[cause])
        if odds[first] >= SURE:
            sure += 1
            wrong += first != case.truth
    return (wrong + 1) / (sure + 2)
