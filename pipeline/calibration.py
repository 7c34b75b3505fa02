"""How far a confidence may be trusted: on what it was calibrated, and what analysts' verdicts teach about it.

The weights of the evidence come fitted on simulated tenants, and with them a common scale and the doubt that stays
where the evidence leaves none; verdicts move the scale, and each cause's log-odds by a bias of its own, once there are
enough of them. No rule is known here, and nothing is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline import assets, fitting, rule_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

ENOUGH_VERDICTS = 30
_SPREAD = 0.7  # how far scale and biases may wander from what is shipped before some ten verdicts must ask for it
_SCALE = "scale"


def _fitted(name: str) -> float:
    """Return what `make fit` learned of all weights from simulated tenants that it left out of the fit."""
    return rule_files.fitted_weights()[""][name]


@dataclass(frozen=True)
class Calibration:
    """What turns the log-odds of rules into those of confidences: scale x log-odds + bias of the cause.

    ``doubt`` is the share that no cause gets: it stays for what no rule knows.
    """

    scale: float = field(default_factory=lambda: _fitted("scale"))
    biases: Mapping[str, float] = field(default_factory=dict)
    doubt: float = field(default_factory=lambda: _fitted("doubt"))

    def log_odds(self, cause: str, said: float) -> float:
        """Return the log-odds of a cause for which a rule said so much."""
        return self.scale * said + self.biases.get(cause, 0.0)


def learned(con: duckdb.DuckDBPyConnection) -> Calibration:
    """Return what the verdicts of this database teach; as shipped where they are too few."""
    verdicts = con.execute(assets.text(assets.INCIDENTS / "judged_verdicts.sql")).fetchall()
    if len(verdicts) < ENOUGH_VERDICTS:
        return Calibration()
    cases = [
        fitting.Case(
            truth,
            {
                one["cause"]: {_SCALE: one["log_odds"], one["cause"]: 1.0}
                for one in hypotheses
                if one["cause"] != fitting.UNEXPLAINED and one["log_odds"] is not None
            },
        )
        for truth, hypotheses in verdicts
    ]
    causes = {cause for case in cases for cause in case.terms}
    fitted = fitting.fit(cases, {_SCALE: _fitted(_SCALE), **dict.fromkeys(causes, 0.0)}, _SPREAD)
    return Calibration(fitted.pop(_SCALE), fitted)


def told(con: duckdb.DuckDBPyConnection) -> str:
    """Say on what the confidences of this database are calibrated."""
    incidents = int(rule_files.fitted_weights().get("", {}).get("incidents", 0))
    ((verdicts,),) = con.execute("SELECT count(*) FROM verdicts").fetchall()
    simulated = f"calibrated on {incidents:,} incidents of simulated tenants"
    if verdicts >= ENOUGH_VERDICTS:
        return f"{simulated} and on {verdicts:,} confirmed verdicts"
    return f"{simulated}, not on incidents of this tenant"
