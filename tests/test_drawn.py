"""Drawn tenants: the same for the same seed, true to their labels, wide in what they draw, each cause tellable."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pipeline.pages import SIGN_IN_TABLES
from pipeline.sandbox import columns
from pipeline.sandbox.drawn import drawn
from pipeline.sandbox.drawn.tenant import CAUSES

if TYPE_CHECKING:
    from pipeline.sandbox.scene import Incident
    from pipeline.sandbox.tenant import Tenant

UNTIL = datetime(2026, 3, 19, 12)
# Documentation, benchmarks, and the space that carriers share behind their own translation.
NOBODYS = [
    ip_network(text)
    for text in (
        *("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "100.64.0.0/10"),
        *("2001:db8::/32", "3fff::/20"),
    )
]
PEOPLE = ("SigninLogs", "AADNonInteractiveUserSignInLogs")
WITH_A_CHANGE = {
    "device_reregistered",
    "app_credential_change",
    "app_config_change",
    "policy_change",
    "federation_change",
}
ANY = range(100, 104)  # seeds of tenants in which all is left to the draw


@cache
def anything(seed: int) -> Tenant:
    return drawn(seed, until=UNTIL, users=45)


@cache
def staged(cause: str) -> Tenant:
    return drawn(5, until=UNTIL, users=45, causes=[cause])


def sign_ins(of: Tenant) -> pl.DataFrame:
    """People's sign-ins, once each, with the device id that they log."""
    frame = pl.concat([of.tables[table] for table in PEOPLE], how="diagonal_relaxed")
    device_id = pl.col("DeviceDetail").str.json_path_match("$.deviceId").fill_null("").alias("device_id")
    return frame.unique("Id", keep="first").with_columns(device_id).sort("CreatedDateTime", "Id")


def the_incident(of: Tenant) -> Incident:
    (incident,) = of.labels.incidents
    return incident


def failures(of: Tenant) -> pl.DataFrame:
    return sign_ins(of).filter(pl.col("Id").is_in(the_incident(of).failures))


def successes(of: Tenant) -> pl.DataFrame:
    return sign_ins(of).filter(pl.col("ResultType") == "0")


def of_its_device(cause: str) -> pl.DataFrame:
    """What the logs say of the device of the only incident, by its id."""
    device = the_incident(staged(cause)).scope.removeprefix("device=")
    return sign_ins(staged(cause)).filter(pl.col("device_id") == device)


def during(cause: str, frame: pl.DataFrame) -> pl.DataFrame:
    incident = the_incident(staged(cause))
    return frame.filter(pl.col("CreatedDateTime").is_between(incident.started_at, incident.ended_at))


def test_the_same_seed_gives_the_same_tenant_in_another_process() -> None:
    program = (
        "from datetime import datetime\n"
        "from pipeline.sandbox.drawn import drawn\n"
        f"tenant = drawn(100, until=datetime({UNTIL.year}, {UNTIL.month}, {UNTIL.day}, {UNTIL.hour}), users=30)\n"
        "print([frame.write_csv() for frame in tenant.tables.values()], tenant.labels)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": hashed}, capture_output=True, text=True, check=True
        ).stdout
        for hashed in ("1", "2")
    ]
    assert said[0] == said[1] != ""


def test_a_cause_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="no such cause: gremlins"):
        drawn(1, until=UNTIL, causes=["gremlins"])


def test_a_quiet_tenant_has_strays_and_changes_only() -> None:
    quiet = drawn(9, until=UNTIL, users=40, causes=[])
    assert quiet.labels.incidents == ()
    assert quiet.tables["AuditLogs"].height > 0


@pytest.mark.parametrize("seed", ANY)
def test_every_table_has_its_official_columns(seed: int) -> None:
    for table, frame in anything(seed).tables.items():
        assert dict(frame.schema) == columns.schema(table)


@pytest.mark.parametrize("seed", ANY)
def test_every_failure_of_the_window_belongs_to_one_incident_or_to_the_noise(seed: int) -> None:
    labels = anything(seed).labels
    labelled = [*labels.noise, *(id_ for incident in labels.incidents for id_ in incident.failures)]
    of_the_window = sign_ins(anything(seed)).filter(
        pl.col("ResultType") == "50099", pl.col("CreatedDateTime") >= anything(seed).since
    )
    assert sorted(labelled) == sorted(of_the_window["Id"])


@pytest.mark.parametrize("seed", ANY)
def test_everything_in_the_tables_had_arrived_by_the_end(seed: int) -> None:
    assert all((frame["ingestion_time"] < UNTIL).all() for frame in anything(seed).tables.values())


@pytest.mark.parametrize("seed", ANY)
def test_addresses_can_be_read_and_belong_to_nobody(seed: int) -> None:
    addresses = [ip_address(text) for text in sign_ins(anything(seed))["IPAddress"].unique()]
    assert all(any(address in network for network in NOBODYS) for address in addresses)


def test_tenants_differ_in_size_and_span_and_words() -> None:
    tenants = [anything(seed) for seed in ANY]
    apps = [set(sign_ins(tenant)["AppDisplayName"]) for tenant in tenants]
    builds = [set(sign_ins(tenant)["AuthenticationProcessingDetails"]) for tenant in tenants]
    assert len({tenant.until - tenant.since for tenant in tenants}) > 1
    assert len({sign_ins(tenant).height // 1000 for tenant in tenants}) > 1
    assert not set.intersection(*apps)
    assert len(set.intersection(*builds)) <= 2  # what says nothing of a library


def test_a_record_is_generated_after_it_happened_and_ingested_after_that() -> None:
    for table in SIGN_IN_TABLES:
        frame = anything(ANY[0]).tables[table]
        assert (frame["TimeGenerated"] > frame["CreatedDateTime"]).all()
        assert (frame["ingestion_time"] > frame["TimeGenerated"]).all()


@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_leaves_at_least_eight_failures_and_its_changes_come_before_them(cause: str) -> None:
    incident, found = the_incident(staged(cause)), failures(staged(cause))
    assert incident.cause == cause
    assert len(incident.failures) == found.height >= 8
    changes = staged(cause).tables["AuditLogs"].filter(pl.col("Id").is_in(incident.changes))
    assert changes.height == len(incident.changes)
    assert (changes["ActivityDateTime"] < found["CreatedDateTime"][0]).all()
    assert changes.height > 0 or cause not in WITH_A_CHANGE


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause.startswith("device_") or cause == "clock_skew"])
def test_a_device_of_an_incident_had_succeeded_before(cause: str) -> None:
    before = of_its_device(cause).filter(pl.col("CreatedDateTime") < the_incident(staged(cause)).started_at)
    assert "0" in set(before["ResultType"])


def test_a_device_without_its_key_hardly_succeeds() -> None:
    within = during("device_key_lost", of_its_device("device_key_lost"))
    assert within.filter(pl.col("ResultType") == "0").height <= failures(staged("device_key_lost")).height / 10


@pytest.mark.parametrize("cause", ["device_key_unavailable", "clock_skew"])
def test_a_device_that_fails_at_times_succeeds_in_between(cause: str) -> None:
    assert during(cause, of_its_device(cause)).filter(pl.col("ResultType") == "0").height >= 4


def test_no_innocent_change_of_a_lost_key_s_device_stands_shortly_before() -> None:
    incident = the_incident(staged("device_key_lost"))
    named = pl.concat_str("TargetResources", "AdditionalDetails").str.contains(incident.scope.removeprefix("device="))
    shortly_before = pl.col("ActivityDateTime").is_between(
        incident.started_at - timedelta(hours=36), incident.started_at
    )
    found = staged("device_key_lost").tables["AuditLogs"].filter(named, shortly_before)
    assert set(found["OperationName"]) <= {"Update device", "Read BitLocker key"}


def test_a_cloned_identity_is_used_by_two_or_more_people_who_never_used_it_before() -> None:
    mine = of_its_device("device_identity_cloned").filter(pl.col("ResultType") == "0")
    before = mine.filter(pl.col("CreatedDateTime") < the_incident(staged("device_identity_cloned")).started_at)
    assert len(set(during("device_identity_cloned", mine)["UserId"]) - set(before["UserId"])) >= 2


def test_a_wrong_clock_shows_in_codes_of_nonce_and_time() -> None:
    person = failures(staged("clock_skew"))["UserId"][0]
    beside = during("clock_skew", sign_ins(staged("clock_skew"))).filter(pl.col("UserId") == person)
    assert {"140000", "500991", "500133"} & set(beside["ResultType"])


@pytest.mark.parametrize("cause", ["app_credential_change", "app_config_change"])
def test_an_application_fails_for_several_people_and_had_been_well(cause: str) -> None:
    incident, found = the_incident(staged(cause)), failures(staged(cause))
    app = incident.scope.removeprefix("app=")
    assert set(found["AppId"]) == {app}
    assert found["UserId"].n_unique() >= 3
    before = successes(staged(cause)).filter(pl.col("AppId") == app, pl.col("CreatedDateTime") < incident.started_at)
    assert before.height >= 5


def test_a_federation_change_hits_one_domain() -> None:
    domain = the_incident(staged("federation_change")).scope.removeprefix("domain=")
    assert set(failures(staged("federation_change"))["UserPrincipalName"].str.split("@").list.last()) == {domain}


def test_a_build_that_signs_wrongly_is_in_the_row_of_every_failure_of_it() -> None:
    build = the_incident(staged("client_version_regression")).scope.partition("=")[2]
    told = pl.concat_str("AuthenticationProcessingDetails", "DeviceDetail").str.contains(build, literal=True)
    assert failures(staged("client_version_regression")).select(told.all()).item()


def test_an_intercepting_network_hurts_people_who_are_well_elsewhere() -> None:
    found = failures(staged("network_interception"))
    elsewhere = during("network_interception", successes(staged("network_interception"))).filter(
        pl.col("UserId").is_in(found["UserId"].to_list()), ~pl.col("IPAddress").is_in(found["IPAddress"].to_list())
    )
    assert found["AppId"].n_unique() >= 3
    assert elsewhere.height > 0


def test_a_service_incident_is_over_within_hours_and_spares_no_network_of_its_kind() -> None:
    incident = the_incident(staged("service_incident"))
    assert incident.ended_at - incident.started_at < timedelta(hours=8)
    assert failures(staged("service_incident"))["AutonomousSystemNumber"].n_unique() >= 3


def test_a_client_with_a_wrong_algorithm_never_once_succeeds() -> None:
    agents = failures(staged("algorithm_mismatch"))["UserAgent"].unique().to_list()
    assert successes(staged("algorithm_mismatch")).filter(pl.col("UserAgent").is_in(agents)).height == 0


def test_a_forger_comes_from_a_provider_where_nobody_ever_succeeded() -> None:
    sources = failures(staged("token_forgery"))["AutonomousSystemNumber"].unique().to_list()
    there = successes(staged("token_forgery")).filter(pl.col("AutonomousSystemNumber").is_in(sources))
    assert there.height == 0
    assert failures(staged("token_forgery"))["UserId"].n_unique() >= 5
