"""Every rule of the pack in a week where it should speak, and in the week that is likest to it but not its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from stories import BY_CAUSE, SINCE, UNTIL

from pipeline import judge, rules
from pipeline.engine import here

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

PACK = {rule.id: rule for rule in rules.load()}
WINDOW: dict[str, rules.Value] = {"since": SINCE, "until": UNTIL}

# the story in which a rule, of all others, is most easily misled
LIKEST = {
    "device_reregistered": "device_key_lost",
    "device_key_lost": "device_key_unavailable",
    "device_key_unavailable": "device_key_lost",
    "device_identity_cloned": "device_key_unavailable",
    "clock_skew": "device_key_unavailable",
    "app_credential_change": "app_config_change",
    "app_config_change": "app_credential_change",
    "policy_change": "network_interception",
    "federation_change": "policy_change",
    "client_version_regression": "policy_change",
    "network_interception": "token_forgery",
    "algorithm_mismatch": "token_forgery",
    "token_forgery": "algorithm_mismatch",
    "service_incident": "network_interception",
}


@dataclass(frozen=True)
class Told:
    """What was found in a story, and what each rule said of it."""

    causes: list[str]
    evidence: dict[str, list[rules.Evidence]]


_told: dict[str, Told] = {}


@pytest.fixture
def tell(landed: Callable[..., duckdb.DuckDBPyConnection]) -> Callable[[str], Told]:
    """Judge the story of a cause, once for all tests."""

    def tells(cause: str) -> Told:
        if cause not in _told:
            con = landed(*BY_CAUSE[cause]().pages(), workspace_id="w")
            judge.judge(con, list(PACK.values()), SINCE, UNTIL)
            causes = [row[0] for row in con.execute("SELECT cause FROM found_incidents").fetchall()]
            _told[cause] = Told(causes, {rule.id: rules.evidence(here(con), rule, WINDOW) for rule in PACK.values()})
        return _told[cause]

    return tells


def test_every_rule_has_its_stories() -> None:
    assert set(BY_CAUSE) == set(LIKEST) == set(PACK)


@pytest.mark.parametrize("cause", BY_CAUSE)
def test_a_rule_speaks_for_its_own_story(cause: str, tell: Callable[[str], Told]) -> None:
    told = tell(cause)
    (said,) = told.evidence[cause]
    assert said.log_odds > 1
    assert said.evidence_for
    assert said.evidence_against
    assert told.causes == [cause]
    # a change is named where there was one, and only there
    assert (said.change_id is not None) == bool(BY_CAUSE[cause]().changes)


@pytest.mark.parametrize("cause", LIKEST)
def test_a_rule_is_quiet_in_the_story_likest_to_its_own(cause: str, tell: Callable[[str], Told]) -> None:
    told = tell(LIKEST[cause])
    assert len(told.causes) == 1
    assert all(said.log_odds < 0 for said in told.evidence[cause])
