"""Fit the weights of evidence to incidents whose cause is known: a multinomial logistic regression, small and readable.

Numbers in, numbers out. Where the incidents come from, simulated or confirmed, is not known here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNEXPLAINED = "unexplained"
_STEPS = 400
_STRIDE = 0.1


@dataclass(frozen=True)
class Case:
    """An incident whose cause is known, and what each cause's evidence adds to its log-odds, weight by weight.

    ``truth`` is a cause of ``terms``; any other is `unexplained`, whose log-odds are 0.
    """

    truth: str
    terms: Mapping[str, Mapping[str, float]]


def fit(cases: Sequence[Case], prior: Mapping[str, float], spread: float) -> dict[str, float]:
    """Return the weights under which the true causes are likeliest, drawn towards ``prior``.

    Maximises sum(log softmax(weights . terms)[truth]) - sum(((weight - prior) / spread)^2) / 2, the posterior under a
    normal prior (ridge), by gradient steps sized as Adagrad does. A weight never changes its sign: what speaks for a
    cause is not made to speak against it, for that would be an accident of the cases.
    """
    weights = dict(prior)
    steepness = dict.fromkeys(weights, 1e-9)
    for _ in range(_STEPS):
        slope = {name: (prior[name] - weight) / spread**2 for name, weight in weights.items()}
        for case in cases:
            for cause, chance in chances(case, weights).items():
                for name, value in case.terms.get(cause, {}).items():
                    slope[name] += ((cause == case.truth) - chance) * value
        for name, up in slope.items():
            steepness[name] += up * up
            moved = weights[name] + _STRIDE * up / math.sqrt(steepness[name])
            weights[name] = moved if moved * prior[name] >= 0 else 0.0
    return weights


def chances(case: Case, weights: Mapping[str, float]) -> dict[str, float]:
    """Return how likely each cause is, `unexplained` with them."""
    odds = {
        cause: math.exp(max(-30.0, min(30.0, math.fsum(weights[name] * value for name, value in terms.items()))))
        for cause, terms in case.terms.items()
    }
    whole = 1.0 + math.fsum(odds.values())
    return {UNEXPLAINED: 1.0 / whole} | {cause: value / whole for cause, value in odds.items()}
