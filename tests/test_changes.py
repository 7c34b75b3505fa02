"""Audit records as changes: the traps of real audit logs, one by one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from records import MORNING, audit, detail, page, sign_in, target

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    Land = Callable[..., duckdb.DuckDBPyConnection]

SECOND = timedelta(seconds=1)
CREDENTIALS = "Update application – Certificates and secrets management "  # noqa: RUF001 the en dash and the space are the log's own
OLD_KEY = "[KeyIdentifier=k1,KeyType=Password,KeyUsage=Verify,DisplayName=old]"
NEW_KEY = "[KeyIdentifier=k2,KeyType=AsymmetricX509Cert,KeyUsage=Verify,DisplayName=new]"
SERVICE = {"app": {"displayName": "Device Registration Service", "appId": "drs"}}


def listed(*values: str) -> str:
    """Return a list of strings as the JSON text in which an audit record holds it."""
    return "[" + ",".join(f'"{value}"' for value in values) + "]"


def changes(con: duckdb.DuckDBPyConnection, columns: str = "change_id") -> list[Any]:
    """Return columns of every change in time order, or the bare cells of a single column."""
    rows = con.execute(f"SELECT {columns} FROM changes ORDER BY changed_at, change_id").fetchall()
    return rows if "," in columns else [cell for (cell,) in rows]


def join(after: timedelta = timedelta(0), device_id: str = "device-1", suffix: str = "") -> list[dict[str, Any]]:
    """Return the four records of one device join, in the order in which the log wrote them."""
    at = MORNING + after
    device = {"Device__ObjectID": (None, '"object-1"'), "Device__DisplayName": (None, '"LAPTOP-1"')}
    user = target("User", "user-1", None, **device) | {"userPrincipalName": "ann@example.org"}
    return [
        audit(
            "Add device",
            target(
                "Device",
                "object-1",
                "LAPTOP-1",
                DeviceId=("[]", listed(device_id)),
                DeviceOSType=("[]", listed("Windows")),
            ),
            Id=f"m{suffix}",
            ActivityDateTime=at + timedelta(milliseconds=39),
            CorrelationId=f"c1{suffix}",
            InitiatedBy=SERVICE,
        ),
        audit(
            "Add registered owner to device",
            user,
            Id=f"z{suffix}",
            ActivityDateTime=at + timedelta(milliseconds=43),
            CorrelationId=f"c1{suffix}",
            InitiatedBy=SERVICE,
        ),
        audit(
            "Add registered users to device",
            user,
            Id=f"b{suffix}",
            ActivityDateTime=at + timedelta(milliseconds=47),
            CorrelationId=f"c1{suffix}",
            InitiatedBy=SERVICE,
        ),
        audit(
            "Register device",
            target("Device", None, "LAPTOP-1"),
            Id=f"a{suffix}",
            ActivityDateTime=at + timedelta(milliseconds=492),
            CorrelationId=f"c2{suffix}",
            AdditionalDetails=detail(Device_Id=device_id, Device_OS="Windows"),
            InitiatedBy={"user": {"userPrincipalName": "ann@example.org"}},
        ),
    ]


def test_dash_case_and_spaces_of_an_operation_do_not_matter(landed: Land) -> None:
    spellings = [
        CREDENTIALS,
        "Update application - Certificates and secrets management",
        "Update application — Certificates and secrets management",
        "UPDATE APPLICATION - CERTIFICATES AND SECRETS MANAGEMENT  ",
    ]
    records = [audit(spelling, target("Application", f"o{n}"), Id=f"{n}") for n, spelling in enumerate(spellings)]
    assert changes(landed(page("AuditLogs", *records)), "change_kind") == ["credential"] * len(spellings)


def test_the_name_of_a_change_is_shown_with_a_plain_hyphen_and_no_spaces_around(landed: Land) -> None:
    con = landed(page("AuditLogs", audit(CREDENTIALS, target("Application", "object-7", "Mail"))))
    assert changes(con, "change") == ["Update application - Certificates and secrets management"]


def test_a_policy_is_a_policy_however_its_operation_is_capitalised(landed: Land) -> None:
    records = [
        audit(f"Update {spelling} policy", target("Policy", spelling, "Require device"), Id=spelling)
        for spelling in ("Conditional Access", "conditional access")
    ]
    assert changes(landed(page("AuditLogs", *records)), "change_kind, target_type, target_id, target") == [
        ("policy", "Policy", "Conditional Access", "Require device"),
        ("policy", "Policy", "conditional access", "Require device"),
    ]


def test_a_record_without_operation_name_is_known_by_its_display_name(landed: Land) -> None:
    record = audit("", target("Device", "object-1"), ActivityDisplayName="Delete device")
    assert changes(landed(page("AuditLogs", record)), "change_kind") == ["device_state"]


def test_an_operation_that_changes_no_key_and_no_configuration_is_other(landed: Land) -> None:
    assert changes(landed(page("AuditLogs", audit("Reset user password"))), "change_kind") == ["other"]


def test_each_operation_has_its_kind(landed: Land) -> None:
    kinds = {
        "Add service principal credentials": "credential",
        "Update service principal": "app_config",
        "Register device": "device_registration",
        "Unregister device": "device_registration",
        "Delete device": "device_state",
        "Read BitLocker key": "key",
        "Set federation settings on domain": "federation",
        "User registered security info": "user_auth_method",
    }
    con = landed(page("AuditLogs", *(audit(name, target("Other", name), Id=name) for name in kinds)))
    assert dict(changes(con, "change, change_kind")) == kinds


def test_a_change_happened_at_its_activity_time_and_not_when_it_was_logged(landed: Land) -> None:
    record = audit("Delete device", TimeGenerated=MORNING + timedelta(hours=3))
    assert changes(landed(page("AuditLogs", record)), "changed_at") == [MORNING]


def test_a_failed_operation_changed_nothing(landed: Land) -> None:
    records = [audit("Delete device", Id=result, Result=result) for result in ("failure", "Failure", "timeout")]
    assert changes(landed(page("AuditLogs", *records))) == []


def test_an_operation_that_is_not_said_to_have_failed_is_a_change(landed: Land) -> None:
    results = ["success", "Success", "", None]
    records = [audit("Delete device", Id=f"{number}", Result=result) for number, result in enumerate(results)]
    assert changes(landed(page("AuditLogs", *records))) == ["0", "1", "2", "3"]


def test_the_four_records_of_one_join_are_one_change_with_the_earliest_id(landed: Land) -> None:
    con = landed(page("AuditLogs", *join()))
    assert changes(con, "change_id, change_kind, target_type, target_id, target") == [
        ("m", "device_registration", "Device", "device-1", "LAPTOP-1")
    ]


def test_of_records_at_one_moment_the_smallest_id_names_the_change(landed: Land) -> None:
    records = [record | {"ActivityDateTime": MORNING} for record in join()]
    assert changes(landed(page("AuditLogs", *records))) == ["a"]


def test_a_change_of_several_records_is_called_by_the_one_that_tells_most(landed: Land) -> None:
    assert changes(landed(page("AuditLogs", *join())), "change") == ["Register device (4 audit records)"]


def test_what_happened_is_the_same_whichever_record_landed_first(landed: Land) -> None:
    assert changes(landed(page("AuditLogs", *reversed(join())))) == ["m"]


def test_the_joins_of_one_device_on_two_days_are_two_changes(landed: Land) -> None:
    records = join() + join(timedelta(days=1), suffix="2")
    assert changes(landed(page("AuditLogs", *records))) == ["m", "m2"]


def test_the_joins_of_two_devices_at_one_moment_are_two_changes(landed: Land) -> None:
    records = [join()[3], join(device_id="device-2", suffix="2")[3]]
    assert sorted(changes(landed(page("AuditLogs", *records)), "target_id")) == ["device-1", "device-2"]


def test_two_changes_of_one_device_two_hours_apart_are_two(landed: Land) -> None:
    records = [
        audit("Update device", target("Device", "object-1", None, DeviceId=("[]", listed("device-1")))),
        audit(
            "Update device",
            target("Device", "object-1", None, DeviceId=("[]", listed("device-1"))),
            Id="change-2",
            ActivityDateTime=MORNING + timedelta(hours=2),
        ),
    ]
    assert changes(landed(page("AuditLogs", *records))) == ["change-1", "change-2"]


@pytest.mark.parametrize("operation", ["Update device", "Device no longer compliant"])
@pytest.mark.parametrize(("after", "expected"), [(-30, ["change-1", "m"]), (30, ["m"])])
def test_the_upkeep_of_a_device_is_no_part_of_a_join_that_comes_after_it(
    landed: Land, operation: str, after: int, expected: list[str]
) -> None:
    upkeep = target("Device", "object-1", "LAPTOP-1", DeviceId=(None, '"device-1"'))
    record = audit(operation, upkeep, ActivityDateTime=MORNING + after * SECOND)
    assert changes(landed(page("AuditLogs", record, *join()))) == expected


@pytest.mark.parametrize(("apart", "number"), [(120 * SECOND, 1), (121 * SECOND, 2)])
def test_records_of_one_device_up_to_two_minutes_apart_are_one_change(
    landed: Land, apart: timedelta, number: int
) -> None:
    first, *_, last = join()
    records = [first | {"ActivityDateTime": MORNING}, last | {"ActivityDateTime": MORNING + apart}]
    assert len(changes(landed(page("AuditLogs", *records)))) == number


def test_unregister_and_delete_of_one_device_are_one_change(landed: Land) -> None:
    records = [
        audit(
            "Unregister device",
            target("Device", "object-1", "LAPTOP-1"),
            Id="u",
            AdditionalDetails=detail(Device_Id="device-1"),
        ),
        audit(
            "Delete device",
            target("Device", "object-1", "LAPTOP-1", TargetId__DeviceId=(None, '"device-1"')),
            Id="d",
            ActivityDateTime=MORNING + 5 * SECOND,
            AdditionalDetails=[{"key": "DeviceId", "value": "device-1"}],
        ),
    ]
    con = landed(page("AuditLogs", *records))
    assert changes(con, "change_id, target_id, change") == [("u", "device-1", "Unregister device (2 audit records)")]


def test_the_device_id_is_found_in_the_details_however_its_key_is_written(landed: Land) -> None:
    records = [
        audit("Delete device", Id=key, AdditionalDetails=[{"key": key, "value": f"device {number}"}])
        for number, key in enumerate(("Device Id", "DeviceId", "device id"))
    ]
    assert sorted(changes(landed(page("AuditLogs", *records)), "target_id")) == ["device 0", "device 1", "device 2"]


def test_an_object_id_is_resolved_to_the_device_id_that_another_record_tells(landed: Land) -> None:
    update = audit(
        "Update device", target("Device", "object-1", "LAPTOP-1"), Id="u", ActivityDateTime=MORNING + timedelta(days=2)
    )
    con = landed(page("AuditLogs", join()[0], update))
    assert changes(con, "change_id, target_id") == [("m", "device-1"), ("u", "device-1")]


def test_an_owner_record_that_names_only_the_object_id_is_a_change_of_that_device(landed: Land) -> None:
    owner = join(timedelta(days=2), suffix="2")[1]
    con = landed(page("AuditLogs", join()[0], owner))
    assert changes(con, "target_type, target_id, target") == [("Device", "device-1", "LAPTOP-1")] * 2


def test_an_object_id_of_which_nothing_tells_the_device_id_stands_for_it(landed: Land) -> None:
    con = landed(page("AuditLogs", audit("Update device", target("Device", "object-9", "LAPTOP-9"))))
    assert changes(con, "target_id, target") == [("object-9", "LAPTOP-9")]


def test_a_policy_change_mirrored_by_the_directory_is_one_change(landed: Land) -> None:
    access = audit(
        "Update conditional access policy",
        target(
            "Policy",
            "policy-1",
            "Require device",
            ConditionalAccessPolicy=('{"state":"disabled"}', '{"state":"enabled"}'),
        ),
        Id="p2",
        CorrelationId="c1",
        ActivityDateTime=MORNING + 2 * SECOND,
    )
    mirror = audit("Update policy", target("Policy", "policy-1", "Require device"), Id="p1", CorrelationId="c2")
    con = landed(page("AuditLogs", access, mirror))
    assert changes(con, "change_id, change_kind, target_id") == [("p1", "policy", "policy-1")]


def test_two_policies_changed_in_one_minute_are_two_changes(landed: Land) -> None:
    records = [
        audit("Update conditional access policy", target("Policy", f"policy-{n}"), Id=f"p{n}", CorrelationId="c")
        for n in (1, 2)
    ]
    assert changes(landed(page("AuditLogs", *records))) == ["p1", "p2"]


def test_records_of_one_request_to_one_target_are_one_change(landed: Land) -> None:
    records = [
        audit(operation, target("Application", "object-7", "Mail"), Id=record_id, CorrelationId="c")
        for operation, record_id in ((CREDENTIALS, "b"), ("Update application", "a"))
    ]
    con = landed(page("AuditLogs", *records))
    assert changes(con, "change_id, change_kind") == [("a", "credential")]


def test_two_applications_changed_by_one_request_are_two_changes(landed: Land) -> None:
    records = [
        audit("Update application", target("Application", f"object-{n}"), Id=f"{n}", CorrelationId="c") for n in (1, 2)
    ]
    assert changes(landed(page("AuditLogs", *records))) == ["1", "2"]


def test_equal_records_of_two_workspaces_are_two_changes(landed: Land) -> None:
    landed(page("AuditLogs", audit("Delete device")), workspace_id="w1")
    con = landed(page("AuditLogs", audit("Delete device")), workspace_id="w2")
    assert sorted(changes(con, "workspace_id, change_id")) == [("w1", "change-1"), ("w2", "change-1")]


def test_old_and_new_value_are_readable(landed: Land) -> None:
    record = audit("Update device", target("Device", "object-1", None, AccountEnabled=("[true]", "[false]")))
    told = changes(landed(page("AuditLogs", record)), "old_value, new_value")
    assert told == [("AccountEnabled: true", "AccountEnabled: false")]


def test_the_keys_of_an_application_can_be_read_before_and_after(landed: Land) -> None:
    keys = target("Application", "object-7", "Mail", KeyDescription=(listed(OLD_KEY), listed(OLD_KEY, NEW_KEY)))
    ((old, new),) = changes(landed(page("AuditLogs", audit(CREDENTIALS, keys))), "old_value, new_value")
    assert "KeyIdentifier=k1" in old
    assert "KeyIdentifier=k2" not in old
    assert "KeyIdentifier=k1" in new
    assert "KeyIdentifier=k2,KeyType=AsymmetricX509Cert" in new


def test_quotes_within_a_value_are_not_shown_escaped(landed: Land) -> None:
    state = target("Policy", "policy-1", None, State=(None, '"{\\"state\\":\\"enabled\\"}"'))
    con = landed(page("AuditLogs", audit("Update conditional access policy", state)))
    assert changes(con, "new_value") == ['State: {"state":"enabled"}']


def test_an_update_of_an_application_that_changes_its_keys_is_a_credential_change(landed: Land) -> None:
    keys = target("Application", "object-7", "Mail", KeyDescription=("[]", listed(NEW_KEY)))
    assert changes(landed(page("AuditLogs", audit("Update application", keys))), "change_kind") == ["credential"]


def test_an_update_of_an_application_that_leaves_its_keys_is_configuration(landed: Land) -> None:
    keys = target("Application", "object-7", "Mail", AppAddress=("[]", listed("x")))
    assert changes(landed(page("AuditLogs", audit("Update application", keys))), "change_kind") == ["app_config"]


def test_a_service_principals_change_is_tied_to_the_app_id_that_its_sign_ins_tell(landed: Land) -> None:
    record = audit("Add service principal credentials", target("ServicePrincipal", "sp-7", "Backup job"))
    known = page("AADServicePrincipalSignInLogs", sign_in(AppId="app-7", ServicePrincipalId="sp-7"))
    con = landed(known, page("AuditLogs", record))
    assert changes(con, "target_type, target_id, target") == [("Application", "app-7", "Backup job")]


def test_an_applications_change_is_tied_to_the_app_id_in_its_details(landed: Land) -> None:
    record = audit(
        "Update application", target("Application", "object-7", "Mail"), AdditionalDetails=detail(AppId="app-7")
    )
    assert changes(landed(page("AuditLogs", record)), "target_id") == ["app-7"]


def test_an_applications_change_is_tied_to_the_one_app_of_its_name(landed: Land) -> None:
    record = audit("Update application", target("Application", "object-7", "Mail"))
    con = landed(page("SigninLogs", sign_in(AppId="app-7", AppDisplayName="Mail")), page("AuditLogs", record))
    assert changes(con, "target_id") == ["app-7"]


def test_a_name_that_two_apps_bear_tells_neither(landed: Land) -> None:
    twins = page("SigninLogs", *(sign_in(Id=n, AppId=f"app-{n}", AppDisplayName="Mail") for n in "78"))
    con = landed(twins, page("AuditLogs", audit("Update application", target("Application", "object-7", "Mail"))))
    assert changes(con, "target_id") == ["object-7"]


def test_a_users_security_info_is_a_change_of_that_user(landed: Land) -> None:
    user = target("User", "user-1") | {"userPrincipalName": "ann@example.org"}
    con = landed(page("AuditLogs", audit("User registered security info", user)))
    assert changes(con, "target_type, target_id, target") == [("User", "user-1", "ann@example.org")]


def test_a_domains_federation_is_a_change_of_that_domain(landed: Land) -> None:
    con = landed(page("AuditLogs", audit("Set federation settings on domain", target("Domain", None, "example.org"))))
    assert changes(con, "change_kind, target") == [("federation", "example.org")]


def test_who_changed_it_is_told_as_well_as_the_record_can(landed: Land) -> None:
    hands: dict[str, dict[str, Any] | None] = {
        "admin@example.org": {"user": {"userPrincipalName": "admin@example.org", "displayName": "Admin"}},
        "Admin": {"user": {"userPrincipalName": "", "displayName": "Admin"}},
        "Intune": {"app": {"displayName": "Intune", "appId": "i"}},
        "user-9": {"user": {"id": "user-9"}},
        "nobody": None,
    }
    con = landed(
        page("AuditLogs", *(audit("Delete device", Id=name, InitiatedBy=hand) for name, hand in hands.items()))
    )
    assert dict(changes(con, "change_id, changed_by")) == {name: name for name in hands} | {"nobody": None}


def test_a_record_without_targets_is_a_change_all_the_same(landed: Land) -> None:
    con = landed(page("AuditLogs", audit("Update security defaults", TargetResources=None)))
    assert changes(con, "change_id, change_kind, target_id") == [("change-1", "policy", None)]
