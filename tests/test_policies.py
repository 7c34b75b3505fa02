"""Whom a policy is for: read off the sign-ins that list it, and off its conditions where a change records them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from records import audit, target
from stories import ONSET, SINCE, UNTIL, calm

from pipeline import judge, rules

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    Land = Callable[..., duckdb.DuckDBPyConnection]

APPS = {"app-0", "app-1", "app-2", "app-3"}
WINDOWS, IOS = {0, 2, 4, 6, 8, 10}, {1, 3, 5, 7, 9, 11}


def changed(
    conditions: dict[str, Any] | None, state: str = "enabled", control: str = "compliantDevice"
) -> dict[str, Any]:
    """Return the record of a change to a policy that no sign-in lists."""
    value = {"state": state, "grantControls": [control]} | ({"conditions": conditions} if conditions else {})
    policy = target("Policy", "policy-n", "Known devices", ConditionalAccessPolicy=(None, json.dumps(value)))
    return audit("Update conditional access policy", policy, ActivityDateTime=ONSET - timedelta(minutes=30))


def in_scope(con: duckdb.DuckDBPyConnection) -> tuple[set[int], set[str]]:
    """Return the people and the applications that policy-n is for."""
    judge.judge(con, rules.load(), SINCE, UNTIL)
    users = con.execute("SELECT user_id FROM policy_scopes WHERE policy_id = 'policy-n'").fetchall()
    apps = con.execute("SELECT app_id FROM policy_apps WHERE policy_id = 'policy-n'").fetchall()
    return {int(user.removeprefix("user-")) for (user,) in users}, {app for (app,) in apps}


@pytest.mark.parametrize(
    ("conditions", "people", "apps"),
    [
        ({"platforms": {"includePlatforms": ["iOS", "android"]}}, IOS, APPS),
        ({"platforms": {"includePlatforms": ["all"]}, "applications": {"includeApplications": ["All"]}}, set(), set()),
        ({"applications": {"includeApplications": ["APP-1", "app-9"]}}, WINDOWS | IOS, {"app-1"}),
        (
            {"platforms": {"includePlatforms": ["windows"]}, "users": {"includeUsers": ["All"], "includeGroups": []}},
            WINDOWS,
            APPS,
        ),
        # whom a group or a role has for members is not on record
        ({"platforms": {"includePlatforms": ["windows"]}, "users": {"includeGroups": ["g-1"]}}, set(), APPS),
        ({"platforms": {"includePlatforms": ["windows"]}, "users": {"includeRoles": ["r-1"]}}, set(), APPS),
        ({"platforms": {"includePlatforms": ["windows"]}, "users": {"includeUsers": ["user-2"]}}, set(), APPS),
        (None, set(), set()),
    ],
)
def test_its_conditions_tell_whom_it_is_for(
    landed: Land, conditions: dict[str, Any] | None, people: set[int], apps: set[str]
) -> None:
    story = calm()
    story.changes.append(changed(conditions))
    assert in_scope(landed(*story.pages(), workspace_id="w")) == (people, apps)


def test_one_that_was_turned_off_is_for_nobody(landed: Land) -> None:
    story = calm()
    story.changes.append(changed({"platforms": {"includePlatforms": ["windows"]}}, state="disabled"))
    assert in_scope(landed(*story.pages(), workspace_id="w")) == (set(), set())


@pytest.mark.parametrize(
    ("control", "people"), [("mfa", set()), ("compliantDevice", WINDOWS), ("domainJoinedDevice", WINDOWS)]
)
def test_the_conditions_of_one_that_asks_for_no_device_say_nothing(
    landed: Land, control: str, people: set[int]
) -> None:
    story = calm()
    story.changes.append(changed({"platforms": {"includePlatforms": ["windows"]}}, control=control))
    assert in_scope(landed(*story.pages(), workspace_id="w")) == (people, APPS if people else set())


def test_who_lists_it_is_in_its_scope_besides(landed: Land) -> None:
    story = calm()
    story.changes.append(changed({"platforms": {"includePlatforms": ["windows"]}, "users": {"includeGroups": ["g"]}}))
    for record in story.sign_ins:
        if record["UserId"] == "user-2":
            record["ConditionalAccessPolicies"] = [{"id": "policy-n", "result": "success"}]
    assert in_scope(landed(*story.pages(), workspace_id="w")) == ({2}, APPS)


def test_failures_that_list_no_policy_are_one_incident_of_the_one_whose_conditions_they_meet(landed: Land) -> None:
    story = calm().refuse(
        lambda one: one["AppId"] in {"app-1", "app-2"} and one["DeviceDetail"]["operatingSystem"] == "Windows10", UNTIL
    )
    meant = {"includePlatforms": ["windows"]}, {"includeApplications": ["app-1", "app-2"]}
    story.changes.append(changed(dict(zip(("platforms", "applications"), meant, strict=True))))
    con = landed(*story.pages(), workspace_id="w")
    judge.judge(con, rules.load(), SINCE, UNTIL)
    found = con.execute("SELECT scope_kind, scope_value, cause FROM found_incidents").fetchall()
    assert found == [("policy", "policy-n", "policy_change")]
