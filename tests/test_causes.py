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


def _named(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str | None]]:
    judge.judge(con, list(PACK.values()), SINCE, UNTIL)
    return con.execute("SELECT cause, change_id FROM found_incidents").fetchall()


def _against(con: duckdb.DuckDBPyConnection, cause: str) -> str:
    ((said,),) = con.execute("SELECT evidence_against FROM causes WHERE cause = $cause", {"cause": cause}).fetchall()
    return str(said)


def test_a_change_after_which_a_scope_fails_no_more_than_before_it_is_not_the_cause(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["client_version_regression"]()
    policy, later = target("Policy", "policy-w", "Known devices"), ONSET + timedelta(hours=1, minutes=20)
    story.changes.append(audit("Update conditional access policy", policy, ActivityDateTime=later))
    con = landed(*story.pages(), workspace_id="w")
    assert _named(con) == [("client_version_regression", None)]
    ((alike,),) = con.execute("SELECT failed_alike_before FROM incident_changes WHERE touches = 'policy'").fetchall()
    assert alike > 0.5


@pytest.mark.parametrize("well_until", [True, False])
def test_a_registration_changed_after_some_strays_is_the_cause_if_the_device_went_well_until_then(
    landed: Callable[..., duckdb.DuckDBPyConnection], *, well_until: bool
) -> None:
    changed_at = ONSET + timedelta(hours=4, minutes=30)
    story = calm().refuse(
        lambda one: (
            one["UserId"] == "user-0"
            and (not well_until or one["CreatedDateTime"] >= changed_at or one["CreatedDateTime"].hour in (9, 11))
        )
    )
    joined = target("Device", "object-0", "PC-0", DeviceId=(None, '"device-0"'))
    story.changes.append(audit("Add device", joined, Id="change-1", ActivityDateTime=changed_at))
    expected = ("device_reregistered", "change-1") if well_until else ("device_key_lost", None)
    assert _named(landed(*story.pages(), workspace_id="w")) == [expected]


@pytest.mark.parametrize("cause", ["app_config_change", "policy_change"])
def test_a_policy_that_spares_most_of_those_it_is_in_force_for_is_not_the_cause(
    landed: Callable[..., duckdb.DuckDBPyConnection], cause: str
) -> None:
    story = BY_CAUSE[cause]()
    if cause != "policy_change":
        story.change("Update conditional access policy", target("Policy", "policy-i", "Phones need a device"))
        story.changes[-1]["Id"] = "change-2"
    con = landed(*story.pages(), workspace_id="w")
    assert _causes(con) == [cause]
    assert ("it is in force for only" in _against(con, "policy_change")) is (cause != "policy_change")


def test_a_change_of_the_way_that_sign_ins_take_asks_nobody_for_a_device(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["policy_change"]()
    story.changes.clear()
    story.change("Update Forwarding Profile", target("Policy", "profile-1", "Internet access profile"))
    con = landed(*story.pages(), workspace_id="w")
    assert [change for _, change in _named(con)] == [None]
    assert con.execute("SELECT DISTINCT touches FROM incident_changes").fetchall() == [("network",)]


@pytest.mark.parametrize("still_well", [False, True])
def test_a_registration_changed_long_ago_is_the_cause_only_of_a_device_that_has_not_gone_well_since(
    landed: Callable[..., duckdb.DuckDBPyConnection], *, still_well: bool
) -> None:
    story = BY_CAUSE["device_reregistered"]()
    changed_at = ONSET - timedelta(hours=40)
    story.changes = [one | {"ActivityDateTime": changed_at} for one in story.changes]
    last_success = ONSET if still_well else changed_at
    story.sign_ins = [
        one for one in story.sign_ins if one["UserId"] != "user-0" or not last_success <= one["CreatedDateTime"] < ONSET
    ]
    expected = ("device_key_lost", None) if still_well else ("device_reregistered", story.changes[0]["Id"])
    con = landed(*story.pages(), workspace_id="w")
    assert _named(con) == [expected]
    assert ("It still succeeded" in _against(con, "device_reregistered")) is still_well


@pytest.mark.parametrize(
    ("cause", "operation"),
    [
        ("app_config_change", "Update application"),
        ("app_credential_change", "Update application - Certificates and secrets management"),
    ],
)
def test_an_application_that_other_builds_still_reach_was_not_spoilt_by_a_change_of_its_own(
    landed: Callable[..., duckdb.DuckDBPyConnection], cause: str, operation: str
) -> None:
    """One build alone is refused, and it is used for one application alone, which was changed shortly before."""
    story = BY_CAUSE["client_version_regression"]()
    for record in story.sign_ins:
        if record["DeviceDetail"]["browser"] == "Broker 5.2" and record["AppId"] != "app-1":
            record |= {"ResultType": "0", "DeviceDetail": record["DeviceDetail"] | {"browser": "Broker 5.1"}}
    story.change(operation, target("Application", "object-a", "App 1", AppId=(None, '"app-1"')))
    con = landed(*story.pages(), workspace_id="w")
    assert [change for _, change in _named(con)] == [None]
    assert "Of all sign-ins to the application only" in _against(con, cause)


@pytest.mark.parametrize("cause", ["app_config_change", "app_credential_change"])
@pytest.mark.parametrize("changed_back", [False, True])
def test_what_ends_within_hours_speaks_against_an_application_that_nobody_changed_back(
    landed: Callable[..., duckdb.DuckDBPyConnection], cause: str, *, changed_back: bool
) -> None:
    story, end = BY_CAUSE[cause](), ONSET + timedelta(hours=3)
    for record in story.sign_ins:
        if record["CreatedDateTime"] >= end and record["ResultType"] == "50099":
            record["ResultType"] = "0"
    story.refuse(lambda one: bool(one["AppId"] in ("app-1", "app-2")), until=end)
    for record in story.sign_ins:
        record["AppId"] = "app-1" if record["AppId"] == "app-2" else record["AppId"]
    if changed_back:
        story.changes.append(story.changes[0] | {"Id": "change-2", "ActivityDateTime": end})
    con = landed(*story.pages(), workspace_id="w")
    _causes(con)
    assert ("nothing was changed back" in _against(con, cause)) is not changed_back


@pytest.mark.parametrize("cause", ["client_version_regression", None])
def test_it_speaks_against_a_regression_that_the_build_worked_for_days(
    landed: Callable[..., duckdb.DuckDBPyConnection], cause: str | None
) -> None:
    story = (
        BY_CAUSE[cause]() if cause else calm().refuse(lambda one: bool(one["DeviceDetail"]["browser"] == "Broker 2.7"))
    )
    con = landed(*story.pages(), workspace_id="w")
    assert _causes(con) == [cause or "unexplained"]
    assert ("succeeded before the onset" in _against(con, "client_version_regression")) is (cause is None)


def test_a_domain_of_which_no_change_is_on_record_is_no_federation_change(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["federation_change"]()
    story.changes = [audit("Update user", target("User", "user-1", "Ann"), ActivityDateTime=ONSET)]
    assert _causes(landed(*story.pages(), workspace_id="w")) == ["unexplained"]


def test_two_who_used_a_device_before_make_no_clone_of_it(landed: Callable[..., duckdb.DuckDBPyConnection]) -> None:
    story = calm().add(
        *(
            attempt(2, SINCE + timedelta(days=day, hours=hour, minutes=30), DeviceDetail=device(0))
            for day in range((UNTIL - SINCE).days)
            for hour in (range(8, 18) if day >= (ONSET - SINCE).days else (19, 20))
        )
    )
    story.refuse(
        lambda one: bool(one["DeviceDetail"].get("deviceId") == "device-0" and one["CreatedDateTime"].hour % 2 == 0),
        UNTIL,
    )
    assert _causes(landed(*story.pages(), workspace_id="w")) == ["device_key_unavailable"]


def test_copies_that_worked_for_most_of_a_day_are_still_new_when_the_first_of_them_fails(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    story = calm().add(
        *(
            attempt(stranger, ONSET + timedelta(hours=hour, minutes=20 * stranger), DeviceDetail=device(0))
            for stranger in (2, 3)
            for hour in range(-18, 30)
        )
    )
    story.refuse(
        lambda one: bool(one["DeviceDetail"].get("deviceId") == "device-0" and one["CreatedDateTime"].hour % 2 == 0),
        UNTIL,
    )
    assert _causes(landed(*story.pages(), workspace_id="w")) == ["device_identity_cloned"]


def test_a_policy_for_every_platform_explains_one_platform_less_than_a_policy_for_it(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    story = calm().refuse(lambda one: one["DeviceDetail"]["operatingSystem"] == "Windows10", UNTIL)
    for hours, platform in ((9, "windows"), (1, "all")):
        asks = f'{{"conditions":{{"platforms":{{"includePlatforms":["{platform}"]}}}}}}'
        policy = target("Policy", f"policy-{platform}", platform, ConditionalAccessPolicy=(None, asks))
        at = ONSET - timedelta(hours=hours)
        story.changes.append(audit("Update conditional access policy", policy, Id=platform, ActivityDateTime=at))
    assert _named(landed(*story.pages(), workspace_id="w")) == [("policy_change", "windows")]
