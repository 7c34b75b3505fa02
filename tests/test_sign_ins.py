"""Sign-ins as the views show them: one set of names and meanings, whichever table and spelling they come from."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from records import DAY, MORNING, failure, page, sign_in

from pipeline.pages import SIGN_IN_TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    Land = Callable[..., duckdb.DuckDBPyConnection]

NI = "AADNonInteractiveUserSignInLogs"
SP = "AADServicePrincipalSignInLogs"
LAPTOP = {"deviceId": "d1", "displayName": "LAPTOP-1", "operatingSystem": "Windows10", "trustType": "Azure AD joined"}
NAMELESS = {"deviceId": "", "operatingSystem": "Windows10"}
LIBRARY = (
    '[{"key":"Azure AD App Authentication Library","value":"Family: MSAL Library: MSAL.OSX 4.62.0 Platform: MacOs"}]'
)


def seen(con: duckdb.DuckDBPyConnection, column: str, sign_in_id: str = "a") -> Any:
    """Return what the view says in one column of one sign-in."""
    ((cell,),) = con.execute(f'SELECT "{column}" FROM sign_ins WHERE sign_in_id = ?', [sign_in_id]).fetchall()
    return cell


def test_a_sign_in_of_every_table_is_a_row_that_names_its_table(landed: Land) -> None:
    con = landed(*(page(table, sign_in(Id=table)) for table in SIGN_IN_TABLES))
    told = dict(con.execute("SELECT sign_in_id, source_table FROM sign_ins").fetchall())
    assert told == {table: table for table in SIGN_IN_TABLES}


def test_a_refused_signature_of_every_table_is_a_failure(landed: Land) -> None:
    con = landed(*(page(table, failure()) for table in SIGN_IN_TABLES))
    failures = con.execute("SELECT source_table FROM failures").fetchall()
    assert sorted(table for (table,) in failures) == sorted(SIGN_IN_TABLES)


def test_no_other_code_is_a_failure(landed: Land) -> None:
    codes = ["0", "500991", "50098", "5009", "50097", "", None]
    con = landed(page("SigninLogs", *(sign_in(Id=f"{n}", ResultType=code) for n, code in enumerate(codes))))
    assert con.execute("SELECT * FROM failures").fetchall() == []


def test_a_sign_in_happened_when_it_was_created_and_not_when_it_was_logged(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in(TimeGenerated=MORNING + DAY, IngestedAt=MORNING + 2 * DAY)))
    assert seen(con, "seen_at") == MORNING
    assert seen(con, "arrived_at") == MORNING + 2 * DAY


def test_without_a_creation_time_a_sign_in_happened_when_it_was_logged(landed: Land) -> None:
    record = sign_in(TimeGenerated=MORNING + DAY)
    del record["CreatedDateTime"]
    assert seen(landed(page("SigninLogs", record)), "seen_at") == MORNING + DAY


def test_the_platform_is_read_off_the_operating_system(landed: Land) -> None:
    platforms = {
        "Windows10": "windows",
        "Windows 11": "windows",
        "MacOs 15.1": "macos",
        "macOS": "macos",
        "Ios 18.2.1": "ios",
        "iOS 17": "ios",
        "IPadOS 18": "ios",
        "Android 14": "android",
        "Linux": "linux",
        "ChromeOS 120": "chromeos",
    }
    con = landed(page("SigninLogs", *(sign_in(Id=os, DeviceDetail={"operatingSystem": os}) for os in platforms)))
    assert dict(con.execute("SELECT os, platform FROM sign_ins").fetchall()) == platforms


def test_without_an_operating_system_the_user_agent_tells_the_platform(landed: Land) -> None:
    platforms = {
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_2 like Mac OS X) PKeyAuth/1.0": "ios",
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) PKeyAuth/1.0": "android",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)": "macos",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64)": "windows",
        "Mozilla/5.0 (X11; Linux x86_64)": "linux",
        "curl/8.4": None,
    }
    con = landed(page("SigninLogs", *(sign_in(Id=agent, UserAgent=agent) for agent in platforms)))
    assert dict(con.execute("SELECT user_agent, platform FROM sign_ins").fetchall()) == platforms


def test_the_client_is_the_library_that_signed_in(landed: Land) -> None:
    record = sign_in(AuthenticationProcessingDetails=LIBRARY, DeviceDetail={"browser": "Edge 141"}, UserAgent="Mozilla")
    assert seen(landed(page("SigninLogs", record)), "client") == "MSAL.OSX 4.62.0"


def test_the_library_is_found_in_details_that_are_json_twice_over(landed: Land) -> None:
    twice = LIBRARY.replace('"', '\\"')
    assert seen(landed(page(NI, sign_in(AuthenticationProcessingDetails=twice))), "client") == "MSAL.OSX 4.62.0"


def test_without_a_library_the_client_is_the_browser(landed: Land) -> None:
    record = sign_in(DeviceDetail={"browser": "Rich Client 4.79.2.0"}, UserAgent="Mozilla")
    assert seen(landed(page("SigninLogs", record)), "client") == "Rich Client 4.79.2.0"


def test_without_library_and_browser_the_client_is_the_user_agent(landed: Land) -> None:
    record = sign_in(DeviceDetail={"browser": ""}, AuthenticationProcessingDetails="[]", UserAgent="okhttp/4")
    assert seen(landed(page("SigninLogs", record)), "client") == "okhttp/4"


def networks(landed: Land, *addresses: str) -> list[str | None]:
    records = [sign_in(Id=f"{number}", IPAddress=address) for number, address in enumerate(addresses)]
    con = landed(page("SigninLogs", *records))
    return [seen(con, "network", record["Id"]) for record in records]


def test_the_network_is_the_24_or_the_48_of_the_address(landed: Land) -> None:
    assert networks(landed, "203.0.113.77", "2001:db8:1:2:3:4:5:6", "2001:DB8:1:2::6", "") == [
        "203.0.113.0/24",
        "2001:db8:1::/48",
        "2001:db8:1::/48",
        None,
    ]


def test_a_shortened_address_lies_in_the_same_network_as_the_long_one(landed: Land) -> None:
    spellings = ["2001:db8:0:2:3:4:5:6", "2001:db8::6", "2001:db8:0:7::6", "2001:0db8:0000:0:0:0:0:1"]
    assert len(set(networks(landed, *spellings))) == 1


def test_an_address_of_the_old_kind_in_the_new_spelling_is_in_the_same_network(landed: Land) -> None:
    assert networks(landed, "::ffff:203.0.113.78") == ["203.0.113.0/24"]


def test_the_domain_is_what_follows_the_at_sign_in_lower_case(landed: Land) -> None:
    assert seen(landed(page("SigninLogs", sign_in(UserPrincipalName="Ann@Example.ORG"))), "domain") == "example.org"


def test_a_user_without_a_principal_name_is_shown_by_the_display_name(landed: Land) -> None:
    record = sign_in(UserPrincipalName="", UserDisplayName="Ann")
    assert seen(landed(page("SigninLogs", record)), "user") == "Ann"


def test_a_service_principal_is_an_app_without_a_user(landed: Land) -> None:
    record = sign_in(AppId="app-7", ServicePrincipalName="Backup job", ServicePrincipalId="sp-7")
    con = landed(page(SP, record))
    told = con.execute(
        'SELECT app_id, app, service_principal_id, "user", user_id, interactive FROM sign_ins'
    ).fetchall()
    assert told == [("app-7", "Backup job", "sp-7", None, None, False)]


def test_a_device_that_the_record_names_is_logged(landed: Land) -> None:
    con = landed(page("SigninLogs", failure(DeviceDetail=LAPTOP)))
    assert (seen(con, "device_id"), seen(con, "device"), seen(con, "device_known")) == ("d1", "LAPTOP-1", "logged")


def test_the_device_of_a_nameless_failure_is_inferred_from_the_users_successes(landed: Land) -> None:
    con = landed(page(NI, sign_in(DeviceDetail=LAPTOP)), page("SigninLogs", failure(Id="b", DeviceDetail=NAMELESS)))
    assert (seen(con, "device_id", "b"), seen(con, "device", "b")) == ("d1", "LAPTOP-1")
    assert seen(con, "device_known", "b") == "inferred"
    assert con.execute("SELECT device_id, device_known FROM failures").fetchall() == [("d1", "inferred")]


def test_address_and_client_tell_which_of_two_devices_of_one_platform_it_was(landed: Land) -> None:
    often = [sign_in(Id=f"o{n}", DeviceDetail=LAPTOP, IPAddress="203.0.113.1", UserAgent="old") for n in range(5)]
    desktop = LAPTOP | {"deviceId": "d2", "displayName": "DESKTOP-2"}
    once = sign_in(DeviceDetail=desktop, IPAddress="203.0.113.2", UserAgent="new")
    lost = failure(Id="b", DeviceDetail=NAMELESS, IPAddress="203.0.113.2", UserAgent="new")
    assert seen(landed(page("SigninLogs", *often, once, lost)), "device_id", "b") == "d2"


def test_what_a_user_has_on_those_days_goes_before_what_the_user_had(landed: Land) -> None:
    before = [
        sign_in(Id=f"o{n}", DeviceDetail=LAPTOP, CreatedDateTime=MORNING - timedelta(days=9 + n)) for n in range(5)
    ]
    copied = sign_in(DeviceDetail=LAPTOP | {"deviceId": "d2"}, CreatedDateTime=MORNING - timedelta(hours=20))
    lost = failure(Id="b", DeviceDetail=NAMELESS, CreatedDateTime=MORNING)
    assert seen(landed(page("SigninLogs", *before, copied, lost)), "device_id", "b") == "d2"


def test_a_device_of_another_platform_is_not_inferred(landed: Land) -> None:
    phone = {"deviceId": "d3", "operatingSystem": "Ios 18"}
    con = landed(page("SigninLogs", sign_in(DeviceDetail=phone), failure(Id="b", DeviceDetail=NAMELESS)))
    assert (seen(con, "device_id", "b"), seen(con, "device_known", "b")) == (None, "unknown")


def test_a_device_of_another_user_is_not_inferred(landed: Land) -> None:
    other = sign_in(UserId="user-2", DeviceDetail=LAPTOP)
    con = landed(page("SigninLogs", other, failure(Id="b", DeviceDetail=NAMELESS)))
    assert seen(con, "device_known", "b") == "unknown"


def test_a_success_that_names_no_device_stays_without(landed: Land) -> None:
    con = landed(page("SigninLogs", sign_in(DeviceDetail=LAPTOP), sign_in(Id="b", DeviceDetail=NAMELESS)))
    assert (seen(con, "device_id", "b"), seen(con, "device_known", "b")) == (None, "unknown")


def policy(policy_id: str) -> list[dict[str, str]]:
    return [{"id": policy_id, "displayName": policy_id, "result": "failure"}]


@pytest.mark.parametrize("table", [NI, "AADManagedIdentitySignInLogs"])
def test_the_policies_are_those_of_whichever_column_holds_any(landed: Land, table: str) -> None:
    columns = {
        "first": (policy("p1"), []),
        "second, the first empty": ([], policy("p2")),
        "second alone": (None, policy("p2")),
        "both": (policy("p1"), policy("p2")),
    }
    records = [
        sign_in(Id=name, ConditionalAccessPolicies=first, ConditionalAccessPoliciesV2=second)
        for name, (first, second) in columns.items()
    ]
    con = landed(page(table, *records))
    assert dict(con.execute("SELECT sign_in_id, policies[1].id FROM sign_ins").fetchall()) == {
        "first": "p1",
        "second, the first empty": "p2",
        "second alone": "p2",
        "both": "p1",
    }


def test_the_mfa_result_is_found_wherever_the_log_has_it(landed: Land) -> None:
    records = [
        sign_in(Id="status", Status={"additionalDetails": "MFA completed"}),
        sign_in(Id="detail", MfaDetail={"authDetail": "MFA completed", "authMethod": "app"}),
        sign_in(Id="method", Status={"additionalDetails": ""}, MfaDetail={"authMethod": "MFA completed"}),
    ]
    con = landed(page("SigninLogs", *records))
    assert con.execute("SELECT mfa_result FROM sign_ins").fetchall() == [("MFA completed",)] * 3


def test_equal_ids_of_two_tables_are_two_sign_ins(landed: Land) -> None:
    con = landed(page("SigninLogs", failure()), page(NI, failure()))
    assert con.execute("SELECT source_table FROM failures ORDER BY ALL").fetchall() == [(NI,), ("SigninLogs",)]


def test_a_failure_bears_the_incident_it_was_put_into_and_no_other_of_its_id(landed: Land) -> None:
    con = landed(page("SigninLogs", failure()), page(NI, failure()), workspace_id="w")
    con.execute("INSERT INTO incident_failures VALUES ('incident-1', 'w', 'SigninLogs', 'a')")
    told = con.execute("SELECT source_table, incident_id FROM failures ORDER BY ALL").fetchall()
    assert told == [(NI, None), ("SigninLogs", "incident-1")]


def test_a_device_is_shown_as_it_was_last_seen_and_since_when(landed: Land) -> None:
    renamed = LAPTOP | {"displayName": "RENAMED", "operatingSystem": "Windows11"}
    later = sign_in(Id="b", CreatedDateTime=MORNING + DAY, DeviceDetail=renamed)
    con = landed(page(NI, later), page("SigninLogs", sign_in(DeviceDetail=LAPTOP)))
    assert con.execute("SELECT * FROM devices").fetchall() == [
        ("d1", "RENAMED", "Windows11", "Azure AD joined", MORNING, MORNING + DAY)
    ]


def test_a_device_keeps_its_name_though_the_last_record_does_not_tell_it(landed: Land) -> None:
    bare = sign_in(Id="b", CreatedDateTime=MORNING + DAY, DeviceDetail={"deviceId": "d1"})
    con = landed(page("SigninLogs", sign_in(DeviceDetail=LAPTOP), bare))
    assert con.execute("SELECT device, os FROM devices").fetchall() == [("LAPTOP-1", "Windows10")]


def test_an_app_is_shown_as_it_was_last_seen_and_since_when(landed: Land) -> None:
    later = sign_in(Id="b", CreatedDateTime=MORNING + timedelta(hours=1), AppDisplayName="Mail 2")
    con = landed(page("SigninLogs", sign_in(), later))
    assert con.execute("SELECT * FROM apps").fetchall() == [("app-1", "Mail 2", MORNING, MORNING + timedelta(hours=1))]
