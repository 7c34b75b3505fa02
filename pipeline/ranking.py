"""From what the rules say of an incident to hypotheses with a confidence, the likeliest first.

Log-odds become probabilities over all causes that a rule speaks of and `unexplained`, the honest answer where evidence
is thin. No cause but that one is known here by name, and no order of rules decides anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.fitting import UNEXPLAINED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline import rules
    from pipeline.calibration import Calibration

# Below this no single cause carries the incident, and naming the best of many would be a guess.
_FLOOR = 0.3
# An incident of whose hours nothing at all could be read would keep half of its confidence.
_BLINDNESS = 0.5
_MOST_HYPOTHESES = 5
_NEXT_STEP = (
    "Read the evidence for and against each cause, look at one failing device's own sign-in log, and confirm the cause "
    "once it is known."
)


@dataclass(frozen=True)
class Hypothesis:
    """One cause of one incident: what its strongest rule says, and how likely it is beside the others."""

    cause: str
    log_odds: float
    confidence: float
    change_id: str | None
    change_workspace_id: str | None
    evidence_for: str
    evidence_against: str
    mechanism: str | None
    title: str
    next_step: str


def ranked(
    said: Sequence[tuple[rules.Rule, rules.Evidence]], calibration: Calibration, unseen_share: float = 0.0
) -> list[Hypothesis]:
    """Return the hypotheses, the likeliest first; of several rules for one cause the strongest speaks for it.

    ``unseen_share`` (0 to 1) of the hours around the incident could not be read: each cause is believed that much less.
    """
    best: dict[str, tuple[rules.Rule, rules.Evidence]] = {}
    for rule, evidence in sorted(said, key=lambda one: (-one[1].log_odds, one[0].id)):
        best.setdefault(rule.cause, (rule, evidence))
    best.pop(UNEXPLAINED, None)
    odds = {
        cause: math.exp(max(-30.0, min(30.0, calibration.log_odds(cause, evidence.log_odds))))
        for cause, (_, evidence) in best.items()
    }
    whole = 1.0 + math.fsum(odds.values())
    # Where even the best is thin, half of every share goes to the honest answer, which then stands first.
    thin = max(odds.values(), default=0.0) / whole < _FLOOR
    trust = (1 - calibration.doubt) * (1 - _BLINDNESS * unseen_share) / (2 if thin else 1)
    share = {cause: value / whole * trust for cause, value in odds.items()}
    named = [
        Hypothesis(
            cause=cause,
            log_odds=evidence.log_odds,
            confidence=share[cause],
            change_id=evidence.change_id,
            change_workspace_id=evidence.change_workspace_id,
            evidence_for=evidence.evidence_for,
            evidence_against=evidence.evidence_against,
            mechanism=rule.mechanism,
            title=rule.title or rule.cause,
            next_step=rule.remediation or _NEXT_STEP,
        )
        for cause, (rule, evidence) in best.items()
    ]
    named.sort(key=lambda one: (-one.confidence, -one.log_odds, one.cause))
    unexplained = _unexplained(1.0 - math.fsum(share.values()), named)
    return sorted([*named[:_MOST_HYPOTHESES], unexplained], key=lambda one: (-one.confidence, -one.log_odds, one.cause))


def _unexplained(confidence: float, named: Sequence[Hypothesis]) -> Hypothesis:
    best = f"the best of {len(named)} causes, {named[0].cause}, reaches {named[0].confidence:.2f}" if named else ""
    return Hypothesis(
        cause=UNEXPLAINED,
        log_odds=0.0,
        confidence=confidence,
        change_id=None,
        change_workspace_id=None,
        evidence_for="No rule speaks of it." if not named else "What no cause accounts for stays here.",
        evidence_against=f"Of what could be asked, {best}." if named else "",
        mechanism=None,
        title="no cause is supported well enough",
        next_step=_NEXT_STEP,
    )
