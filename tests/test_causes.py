"""Every rule of the pack in a week where it should speak, and in the week that is likest to it but not its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from records import audit, target
from stories import BY_CAUSE, ONSET, SINCE, UNTIL, attempt, calm, device

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


def _causes(con: duckdb.DuckDBPyConnection) -> list[str]:
    judge.judge(con, list(PACK.values()), SINCE, UNTIL)
    return [row[0] for row in con.execute("SELECT cause FROM found_incidents").fetchall()]


@pytest.mark.parametrize(("days", "cause"), [(0, "device_identity_cloned"), (2, "device_key_unavailable")])
def test_one_stranger_makes_a_clone_if_the_owner_signs_in_elsewhere_at_the_same_time(
    landed: Callable[..., duckdb.DuckDBPyConnection], days: int, cause: str
) -> None:
    handed_over = ONSET + timedelta(days=days)
    story = calm().add(
        *(
            attempt(2, handed_over + timedelta(hours=24 * day + hour, minutes=30), DeviceDetail=device(0))
            for day in range(2)
            for hour in range(9)
        )
    )
    if days:
        story.sign_ins = [
            one for one in story.sign_ins if one["UserId"] != "user-0" or one["CreatedDateTime"] < handed_over
        ]
    story.refuse(
        lambda one: one["DeviceDetail"].get("deviceId") == "device-0" and one["CreatedDateTime"].hour % 2 == 0, UNTIL
    )
    assert _causes(landed(*story.pages(), workspace_id="w")) == [cause]


@pytest.mark.parametrize("changed_back", [False, True])
def test_what_ends_within_hours_speaks_against_a_policy_that_nobody_changed_back(
    landed: Callable[..., duckdb.DuckDBPyConnection], changed_back: bool
) -> None:
    policy, end = target("Policy", "policy-w", "Known devices"), ONSET + timedelta(hours=3)
    story = calm().refuse(lambda one: one["DeviceDetail"]["operatingSystem"] == "Windows10", until=end)
    story.change("Update conditional access policy", policy)
    if changed_back:
        story.changes.append(audit("Update conditional access policy", policy, Id="change-2", ActivityDateTime=end))
    con = landed(*story.pages(), workspace_id="w")
    assert _causes(con) == ["policy_change"]
    ((against,),) = con.execute("SELECT evidence_against FROM causes WHERE cause = 'policy_change'").fetchall()
    assert ("nothing was changed back" in against) is not changed_back
