"""The simulated tenant: the same for the same seed, with the traps of real logs, and true to its labels."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import cache

import orjson
import polars as pl
import pytest

from pipeline.pages import ENTRA_TABLES, SIGN_IN_TABLES
from pipeline.sandbox import columns
from pipeline.sandbox.incidents import CAUSES
from pipeline.sandbox.tenant import A_GOOD_STORY, Tenant, simulate

UNTIL = datetime(2026, 3, 19, 12)
USERS = ("SigninLogs", "AADNonInteractiveUserSignInLogs")
WITH_A_CHANGE = {
    "device_reregistered",
    "app_credential_change",
    "app_config_change",
    "policy_change",
    "federation_change",
}


@cache
def tenant() -> Tenant:
    return simulate(7, until=UNTIL)


@cache
def staged(cause: str) -> Tenant:
    return simulate(11, until=UNTIL, causes=[cause], users=30)


def sign_ins(of: Tenant) -> pl.DataFrame:
    """People's sign-ins, one row a record as delivered."""
    return pl.concat([of.tables[table] for table in USERS], how="diagonal_relaxed")


def failures(of: Tenant) -> pl.DataFrame:
    """The sign-ins of the only incident, once each, in order."""
    (incident,) = of.labels.incidents
    found = sign_ins(of).filter(pl.col("Id").is_in(incident.failures)).unique("Id", keep="first", maintain_order=True)
    return found.sort("CreatedDateTime")


def device_ids(frame: pl.DataFrame) -> set[str]:
    return {orjson.loads(text).get("deviceId", "") for text in frame["DeviceDetail"]} - {""}


def test_the_same_seed_gives_the_same_tenant_and_another_seed_another() -> None:
    first, second, other = (simulate(seed, until=UNTIL, days=5, users=20, causes=[]) for seed in (3, 3, 4))
    assert all(first.tables[table].equals(second.tables[table]) for table in ENTRA_TABLES)
    assert first.labels == second.labels
    assert not first.tables["SigninLogs"].equals(other.tables["SigninLogs"])


def test_every_table_has_its_official_columns_and_rows() -> None:
    for table, frame in tenant().tables.items():
        assert dict(frame.schema) == columns.schema(table)
        assert frame.height > 0
    assert set(tenant().tables) == set(ENTRA_TABLES)


def test_it_holds_about_fifteen_thousand_sign_ins_a_quarter_of_them_interactive() -> None:
    interactive, silent = (tenant().tables[table]["Id"].n_unique() for table in USERS)
    assert 12_000 < interactive + silent < 20_000
    assert 0.2 < interactive / (interactive + silent) < 0.4


def test_a_cause_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="no such cause: gremlins"):
        simulate(1, until=UNTIL, causes=["gremlins"])


def test_a_record_is_generated_after_it_happened_and_ingested_after_that() -> None:
    for table in SIGN_IN_TABLES:
        frame = tenant().tables[table]
        assert (frame["TimeGenerated"] > frame["CreatedDateTime"]).all()
        assert (frame["ingestion_time"] > frame["TimeGenerated"]).all()


def test_some_records_are_delivered_again_under_the_same_id_and_some_of_them_differ() -> None:
    frame = tenant().tables["AADNonInteractiveUserSignInLogs"]
    again = frame.filter(pl.col("Id").is_duplicated())
    assert 0.1 < again.height / frame.height < 0.2  # both copies counted
    differing = again.group_by("Id").agg(pl.col("RiskState").n_unique().alias("risks"))
    assert 0 < differing.filter(pl.col("risks") > 1).height < differing.height


def test_some_records_arrive_a_day_late() -> None:
    frame = sign_ins(tenant())
    late = frame.filter(pl.col("ingestion_time") - pl.col("CreatedDateTime") > timedelta(hours=17))
    assert 0 < late.height < frame.height / 50


def test_some_failures_name_no_device_with_an_empty_id_or_without_the_key() -> None:
    refused = sign_ins(tenant()).filter(pl.col("ResultType") == "50099")
    details = [orjson.loads(text) for text in refused["DeviceDetail"]]
    unnamed = [detail for detail in details if not detail.get("deviceId")]
    assert 0.35 < len(unnamed) / len(details) < 0.7
    assert {"deviceId" in detail for detail in unnamed} == {True, False}


def test_no_failure_names_its_device_where_none_is_to_be_named() -> None:
    silent = simulate(5, until=UNTIL, days=8, users=30, causes=["clock_skew"], unnamed=1.0)
    assert device_ids(sign_ins(silent).filter(pl.col("ResultType") == "50099")) == set()


def test_devices_can_share_a_name_and_people_a_device() -> None:
    well = sign_ins(tenant()).filter(pl.col("ResultType") == "0").select("UserId", "DeviceDetail").unique()
    people: dict[str, set[str]] = {}
    ids: dict[str, set[str]] = {}
    for user, text in well.iter_rows():
        detail = orjson.loads(text)
        people.setdefault(detail["deviceId"], set()).add(user)
        ids.setdefault(detail["displayName"], set()).add(detail["deviceId"])
    assert max(len(users) for users in people.values()) >= 5
    assert max(len(devices) for devices in ids.values()) >= 2


def test_addresses_and_names_are_those_set_aside_for_documentation() -> None:
    frame = sign_ins(tenant())
    assert set(frame["UserPrincipalName"].str.split("@").list.last()) == {"example.com", "example.org"}
    documentation = re.compile(r"192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8:")
    assert all(documentation.match(ip) for ip in frame["IPAddress"].unique())


def test_one_join_writes_four_records_and_only_two_of_them_name_the_device_id() -> None:
    (incident,) = staged("device_reregistered").labels.incidents
    changes = staged("device_reregistered").tables["AuditLogs"].sort("ActivityDateTime")
    brought = changes.filter(pl.col("Id").is_in(incident.changes))
    joined = brought.filter(~pl.col("OperationName").str.contains("Unregister|Delete"))
    device_id = incident.scope.removeprefix("device=")
    names_it = pl.concat_str("TargetResources", "AdditionalDetails").str.contains(device_id, literal=True)
    assert joined["CorrelationId"].n_unique() == 4
    assert dict(joined.select("OperationName", names_it.alias("names_it")).iter_rows()) == {
        "Add device": True,
        "Add registered owner to device": False,
        "Add registered users to device": False,
        "Register device": True,
    }


def test_the_target_of_a_device_change_is_an_object_id_or_nothing() -> None:
    (incident,) = staged("device_reregistered").labels.incidents
    changes = staged("device_reregistered").tables["AuditLogs"].filter(pl.col("Id").is_in(incident.changes))
    targets = {
        name: orjson.loads(text)[0]["id"]
        for name, text in changes.select("OperationName", "TargetResources").iter_rows()
    }
    assert targets["Register device"] is None
    assert targets["Unregister device"] is None
    assert targets["Add device"] == targets["Delete device"] != incident.scope.removeprefix("device=")


def test_a_credential_change_is_spelled_as_the_service_spells_it_and_happens_every_night() -> None:
    changes = tenant().tables["AuditLogs"]
    spelled = changes.filter(
        pl.col("OperationName") == "Update application \u2013 Certificates and secrets management "
    )
    assert spelled.height >= 14
    assert all("KeyIdentifier=" in text for text in spelled["TargetResources"])


def test_nothing_that_a_label_names_arrives_after_the_end() -> None:
    named = {id_ for incident in tenant().labels.incidents for id_ in incident.failures} | set(tenant().labels.noise)
    arrived = tenant().arrived_by(UNTIL)
    assert named <= set(pl.concat([arrived[table]["Id"] for table in USERS]))


def test_the_default_tells_the_story_of_five_causes() -> None:
    assert tuple(incident.cause for incident in tenant().labels.incidents) == A_GOOD_STORY


def test_every_failure_belongs_to_one_incident_or_to_the_noise() -> None:
    labels = tenant().labels
    labelled = [*labels.noise, *(id_ for incident in labels.incidents for id_ in incident.failures)]
    refused = sign_ins(tenant()).filter(pl.col("ResultType") == "50099")["Id"].unique()
    assert len(labels.noise) == 8
    assert sorted(labelled) == sorted(refused)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_leaves_failures_and_the_changes_that_brought_them_about(cause: str) -> None:
    (incident,) = staged(cause).labels.incidents
    found = failures(staged(cause))
    assert incident.cause == cause
    assert len(incident.failures) == found.height >= 8
    assert set(found["ResultType"]) == {"50099"}
    changes = staged(cause).tables["AuditLogs"].filter(pl.col("Id").is_in(incident.changes))
    assert changes.height == len(incident.changes)
    if cause in WITH_A_CHANGE:
        assert changes.height > 0
    elif cause != "network_interception":
        assert changes.height == 0
    assert all(changed < found["CreatedDateTime"][0] for changed in changes["ActivityDateTime"])


@pytest.mark.parametrize(
    "cause",
    ["device_reregistered", "device_key_lost", "device_key_unavailable", "device_identity_cloned", "clock_skew"],
)
def test_a_cause_of_one_device_fails_on_that_device_only(cause: str) -> None:
    (incident,) = staged(cause).labels.incidents
    assert {f"device={device}" for device in device_ids(failures(staged(cause)))} == {incident.scope}


def test_a_cloned_identity_is_used_by_people_who_never_used_it_before_and_some_succeed() -> None:
    (incident,) = staged("device_identity_cloned").labels.incidents
    mine = sign_ins(staged("device_identity_cloned")).filter(
        pl.col("DeviceDetail").str.contains(incident.scope.removeprefix("device="), literal=True)
    )
    before = set(mine.filter(pl.col("CreatedDateTime") < incident.started_at)["UserId"])
    during = mine.filter(pl.col("CreatedDateTime") >= incident.started_at)
    assert len(before) == 1
    assert len(set(during["UserId"]) - before) >= 2
    assert {"0", "50099"} <= set(during["ResultType"])


@pytest.mark.parametrize("cause", ["app_credential_change", "app_config_change", "algorithm_mismatch"])
def test_a_cause_of_one_application_fails_there_only_and_for_several_people(cause: str) -> None:
    (incident,) = staged(cause).labels.incidents
    found = failures(staged(cause))
    assert {f"app={app}" for app in found["AppId"]} == {incident.scope}
    assert found["UserId"].n_unique() >= 3


def test_an_application_with_a_wrong_algorithm_never_once_succeeds() -> None:
    found = failures(staged("algorithm_mismatch"))
    every = sign_ins(staged("algorithm_mismatch")).filter(pl.col("AppId") == found["AppId"][0])
    assert set(every["ResultType"]) == {"50099"}


def test_a_policy_is_named_in_most_of_its_failures_and_was_in_none_before() -> None:
    (incident,) = staged("policy_change").labels.incidents
    policy = incident.scope.partition(" ")[0].removeprefix("policy=")
    names_it = pl.col("ConditionalAccessPolicies").str.contains(policy, literal=True)
    assert failures(staged("policy_change")).select(names_it.mean()).item() > 0.5
    earlier = sign_ins(staged("policy_change")).filter(
        pl.col("CreatedDateTime") < incident.started_at - timedelta(hours=1)
    )
    assert earlier.filter(names_it).height == 0
    mirrored = staged("policy_change").tables["AuditLogs"].filter(pl.col("Id").is_in(incident.changes))
    assert set(mirrored["LoggedByService"]) == {"Conditional Access", "Core Directory"}


def test_a_federation_change_hits_the_people_of_one_domain() -> None:
    assert set(failures(staged("federation_change"))["UserPrincipalName"].str.split("@").list.last()) == {"example.org"}


def test_a_build_that_signs_wrongly_was_not_there_before_and_older_builds_stay_well() -> None:
    (incident,) = staged("client_version_regression").labels.incidents
    build = incident.scope.removeprefix("client=")
    found = failures(staged("client_version_regression"))
    assert found["AuthenticationProcessingDetails"].str.contains(f"Library: {build} ", literal=True).all()
    before = sign_ins(staged("client_version_regression")).filter(
        pl.col("CreatedDateTime") < incident.started_at - timedelta(days=1)
    )
    assert not before["AuthenticationProcessingDetails"].str.contains(build, literal=True).any()


def test_an_intercepting_network_hurts_devices_that_are_well_elsewhere() -> None:
    found = failures(staged("network_interception"))
    elsewhere = sign_ins(staged("network_interception")).filter(
        pl.col("UserId").is_in(found["UserId"].to_list()), ~pl.col("IPAddress").is_in(found["IPAddress"].to_list())
    )
    assert found["AutonomousSystemNumber"].n_unique() == 1
    assert found["AppId"].n_unique() > 3
    assert elsewhere.filter(pl.col("ResultType") == "0").height > 0


def test_a_wrong_clock_shows_in_other_codes_of_the_same_person() -> None:
    (incident,) = staged("clock_skew").labels.incidents
    user = failures(staged("clock_skew"))["UserId"][0]
    beside = sign_ins(staged("clock_skew")).filter(
        pl.col("UserId") == user, pl.col("CreatedDateTime").is_between(incident.started_at, incident.ended_at)
    )
    assert {"140000", "500991", "500133"} & set(beside["ResultType"])


def test_a_forger_comes_from_where_nobody_ever_succeeded() -> None:
    (incident,) = staged("token_forgery").labels.incidents
    there = sign_ins(staged("token_forgery")).filter(pl.col("IPAddress") == incident.scope.removeprefix("ip="))
    assert "0" not in set(there["ResultType"])
    assert there["UserId"].n_unique() >= 20
    assert incident.ended_at - incident.started_at < timedelta(hours=2)


def test_a_service_incident_hits_every_platform_and_ends_by_itself() -> None:
    (incident,) = staged("service_incident").labels.incidents
    found = failures(staged("service_incident"))
    assert found["AppId"].n_unique() >= 8
    assert incident.ended_at - incident.started_at < timedelta(hours=5)
