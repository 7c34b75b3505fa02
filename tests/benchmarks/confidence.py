"""How far what was said with a confidence came true, and how far a figure may be off.

Pairs of a confidence and whether it was right, or scores by tenant, in; numbers out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

    from .scoring import Score

BINS = 10


def brier(claims: Sequence[tuple[float, bool]]) -> float | None:
    """Return the mean squared distance of confidence from what came true: 0 is best."""
    return sum((confidence - right) ** 2 for confidence, right in claims) / len(claims) if claims else None


def best_constant(claims: Sequence[tuple[float, bool]]) -> float | None:
    """Return the Brier score of whoever says of every claim how often claims are right."""
    share = sum(right for _, right in claims) / len(claims) if claims else None
    return share * (1 - share) if share is not None else None


def reliability(claims: Iterable[tuple[float, bool]]) -> list[tuple[int, float, float]]:
    """Return for each of ``BINS`` equal widths of confidence that holds any: claims, mean confidence, share right."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in claims:
        bins[min(int(confidence * BINS), BINS - 1)].append((confidence, right))
    return [
        (len(one), sum(confidence for confidence, _ in one) / len(one), sum(right for _, right in one) / len(one))
        for one in bins
        if one
    ]


def calibration_error(claims: Sequence[tuple[float, bool]]) -> float | None:
    """Return the expected calibration error over ``reliability`` (Naeini, Cooper, Hauskrecht 2015)."""
    if not claims:
        return None
    return sum(count * abs(said - was) for count, said, was in reliability(claims)) / len(claims)


def interval(
    measure: Callable[[Sequence[Score]], float | None], scores: Sequence[Score], rng: Random, times: int = 400
) -> tuple[float, float] | None:
    """Return the 95% percentile interval of a figure over tenants drawn with replacement (Efron 1979)."""
    drawn = [measure(rng.choices(scores, k=len(scores))) for _ in range(times)] if scores else []
    values = sorted(value for value in drawn if value is not None)
    return (values[int(0.025 * len(values))], values[int(0.975 * len(values))]) if values else None
