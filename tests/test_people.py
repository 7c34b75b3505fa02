"""Names of people and devices, and addresses, leave a record before it lands, wherever in it they stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import audit, detail, page, sign_in, target

from pipeline import land, people, pseudonyms
from pipeline.errors import UsageError
from pipeline.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from pipeline.pages import Page

KEY = b"a key that nobody guesses"


@pytest.fixture
def names() -> Pseudonyms:
    return Pseudonyms(KEY)


def cell(made: Page, column: str) -> Any:
    """Return a column's cell in the first record, with JSON taken apart."""
    text = made.frame.get_column(column)[0]
    return json.loads(text) if text[:1] in "[{" else text


def told(names: Pseudonyms, *targets: dict[str, Any], **cells: Any) -> dict[str, Any]:
    """Return an audit record as it lands."""
    made = people.disguised(page("AuditLogs", audit("Update user", *targets, **cells)), names)
    return {column: cell(made, column) for column in made.frame.columns}


def test_a_user_name_keeps_its_domain_and_nothing_else() -> None:
    made = Pseudonyms(KEY).user("Ann.Abel@example.org")
    assert made.endswith("@example.org")
    assert "abel" not in made.lower()


def test_a_name_has_the_same_pseudonym_in_every_night_and_another_under_another_key() -> None:
    assert Pseudonyms(KEY).device("ANN-LAPTOP") == Pseudonyms(KEY).device("ann-laptop")
    assert Pseudonyms(KEY).device("ANN-LAPTOP") != Pseudonyms(KEY + b"!").device("ANN-LAPTOP")


def test_an_id_or_a_missing_name_is_no_name(names: Pseudonyms) -> None:
    for text in ("0e2a4c60-1111-4222-8333-444455556666", "", "<null>"):
        assert names.person(text) == text


def network(address: str, groups: int) -> list[str]:
    from ipaddress import ip_address

    return ip_address(address).exploded.split(":")[:groups]


@pytest.mark.parametrize(
    ("one", "other", "groups"),
    [
        ("198.51.100.10", "198.51.100.60", 4),  # one /26
        ("198.51.100.10", "198.51.100.70", 3),  # one /24
        ("2001:db8:1:2::10", "2001:db8:1:2::20", 4),  # one /64
        ("2001:db8:1:2::10", "2001:db8:1:3::20", 3),  # one /48
    ],
)
def test_addresses_of_one_network_stay_in_one_network_and_come_no_closer(
    names: Pseudonyms, one: str, other: str, groups: int
) -> None:
    first, second = names.address(one), names.address(other)
    assert network(first, groups) == network(second, groups)
    assert network(first, groups + 1) != network(second, groups + 1)


@given(st.lists(st.integers(0, 2**16 - 1), min_size=2, max_size=40, unique=True))
def test_no_two_subnets_of_a_network_become_one(subnets: list[int]) -> None:
    names = Pseudonyms(KEY)
    made = {names.address(f"2001:db8:1:{subnet:x}::1") for subnet in subnets}
    assert len({tuple(network(address, 4)) for address in made}) == len(subnets)


def test_an_address_written_in_another_way_is_the_same_address(names: Pseudonyms) -> None:
    assert names.address("2001:DB8::1") == names.address("2001:db8:0:0::1")
    assert (
        names.address("198.51.100.10:4711") == names.address("198.51.100.10") == names.address("::ffff:198.51.100.10")
    )


def test_the_columns_of_a_sign_in_that_name_somebody_hold_pseudonyms(names: Pseudonyms) -> None:
    record = sign_in(
        UserPrincipalName="ann@example.org",
        UserDisplayName="Ann Abel",
        IPAddress="198.51.100.10",
        DeviceDetail={"deviceId": "d1", "displayName": "ANN-LAPTOP", "browser": "Rich Client 4.79.2.0"},
    )
    made = people.disguised(page("SigninLogs", record), names)
    assert cell(made, "UserPrincipalName") == names.user("ann@example.org")
    assert cell(made, "UserDisplayName") == names.person("Ann Abel")
    assert cell(made, "IPAddress") == names.address("198.51.100.10")
    assert cell(made, "DeviceDetail") == {
        "deviceId": "d1",
        "displayName": names.device("ANN-LAPTOP"),
        "browser": "Rich Client 4.79.2.0",
    }
    assert cell(made, "AppDisplayName") == "Mail"


def test_a_user_agent_keeps_its_versions_and_loses_the_device_that_it_names(names: Pseudonyms) -> None:
    agent = "Mozilla/5.0 (iPhone; Chrome/141.0.0.0) on ANN-LAPTOP"
    named = [{"displayName": name} for name in ("ANN-LAPTOP", "iPhone")]
    records = [sign_in(Id=str(number), UserAgent=agent, DeviceDetail=one) for number, one in enumerate(named)]
    made = people.disguised(page("SigninLogs", *records), names)
    assert cell(made, "UserAgent") == f"Mozilla/5.0 (iPhone; Chrome/141.0.0.0) on {names.device('ANN-LAPTOP')}"


def test_whoever_made_a_change_and_whom_it_was_made_to_hold_pseudonyms(names: Pseudonyms) -> None:
    someone = {"id": "u1", "displayName": "Eve Eden", "userPrincipalName": "eve@example.org", "ipAddress": "192.0.2.9"}
    made = told(
        names,
        target("User", "u2", "Ann Abel") | {"userPrincipalName": "ann@example.org"},
        target("Device", "o1", "ANN-LAPTOP"),
        target("Policy", "p1", "Require a device"),
        InitiatedBy={"user": someone},
    )
    assert made["InitiatedBy"]["user"] == {
        "id": "u1",
        "displayName": names.person("Eve Eden"),
        "userPrincipalName": names.user("eve@example.org"),
        "ipAddress": names.address("192.0.2.9"),
    }
    assert [each["displayName"] for each in made["TargetResources"]] == [
        names.person("Ann Abel"),
        names.device("ANN-LAPTOP"),
        "Require a device",
    ]
    assert made["TargetResources"][0]["userPrincipalName"] == names.user("ann@example.org")


def test_old_and_new_values_are_json_within_json(names: Pseudonyms) -> None:
    phone = json.dumps([{"DeviceName": "Anns Phone", "PhoneAppVersion": "6.2.0.1"}])
    changed = target(
        "User",
        "u2",
        "Ann Abel",
        Device__DisplayName=(None, '"ANN-LAPTOP"'),
        StrongAuthenticationPhoneAppDetail=("[]", phone),
        Department=(None, '["Secret Service"]'),
        AccountEnabled=("[true]", "[false]"),
        Device__ObjectID=(None, '"0e2a4c60-1111-4222-8333-444455556666"'),
    )
    values = [each["newValue"] for each in told(names, changed)["TargetResources"][0]["modifiedProperties"]]
    assert json.loads(values[0]) == names.device("ANN-LAPTOP")
    assert json.loads(values[1]) == [{"DeviceName": names.device("Anns Phone"), "PhoneAppVersion": "6.2.0.1"}]
    assert json.loads(values[2]) == [names.person("Secret Service")]
    assert values[3:] == ["[false]", '"0e2a4c60-1111-4222-8333-444455556666"']


def test_what_text_mentions_is_found_by_its_looks_or_because_the_page_names_it(names: Pseudonyms) -> None:
    made = told(
        names,
        target("User", "u2", "Zoë Abel"),
        ResultReason="zoë abel asked eve@example.org from 192.0.2.9.",
        AdditionalDetails=detail(
            Reason="for Zo\N{LATIN SMALL LETTER E WITH DIAERESIS} Abel", User_Agent="Edge/141.0.0.0"
        ),
    )
    zoe, eve, address = names.person("Zoë Abel"), names.user("eve@example.org"), names.address("192.0.2.9")
    assert made["ResultReason"] == f"{zoe} asked {eve} from {address}."
    assert [each["value"] for each in made["AdditionalDetails"]] == [f"for {zoe}", "Edge/141.0.0.0"]


def test_somebody_called_like_a_word_of_the_log_does_not_break_it(names: Pseudonyms) -> None:
    made = told(names, target("User", "u1", "Device"), target("Device", "o1", "User"), target("Policy", "p1", "Device"))
    assert [each["type"] for each in made["TargetResources"]] == ["User", "Device", "Policy"]


def test_intune_names_an_actor_and_where_a_device_is_meant_its_name(names: Pseudonyms) -> None:
    properties = {
        "Actor": {"UPN": "eve@example.org", "Name": "Eve Eden", "ApplicationName": "Intune portal"},
        "TargetDisplayNames": ["ANN-LAPTOP"],
        "Targets": [
            {"Name": "ANN-LAPTOP", "ModifiedProperties": [{"Name": "OSVersion", "Old": "", "New": "10.0.1.2"}]}
        ],
    }
    wiped = {"OperationName": "wipe ManagedDevice", "Identity": "eve@example.org", "Properties": properties}
    made = people.disguised(page("IntuneAuditLogs", wiped), names)
    said = cell(made, "Properties")
    assert cell(made, "Identity") == said["Actor"]["UPN"] == names.user("eve@example.org")
    assert said["Actor"]["Name"] == names.person("Eve Eden")
    assert said["Actor"]["ApplicationName"] == "Intune portal"
    assert said["TargetDisplayNames"] == [said["Targets"][0]["Name"]] == [names.device("ANN-LAPTOP")]
    assert said["Targets"][0]["ModifiedProperties"][0]["New"] == "10.0.1.2"


def test_a_record_nested_beyond_measure_lands_without_what_nobody_can_read(names: Pseudonyms) -> None:
    deep = '{"a":' * 5000 + '"ann@example.org"' + "}" * 5000
    made = people.disguised(page("AuditLogs", audit("Update user", AdditionalDetails=deep)), names)
    assert "ann@example.org" not in made.frame.get_column("AdditionalDetails")[0]


def test_a_name_that_is_met_only_later_is_found_in_what_has_landed(
    emptied: duckdb.DuckDBPyConnection, names: Pseudonyms, tmp_path: Path
) -> None:
    early = audit(
        "Update policy",
        target("Policy", "p1", "Require a device", Note=(None, '"not for ANN-LAPTOP"')),
        ResultReason="by ANN-LAPTOP",
    )
    late = sign_in(DeviceDetail={"displayName": "ANN-LAPTOP"})
    for each in (page("AuditLogs", early), page("SigninLogs", late)):
        land.land(emptied, people.disguised(each, names), tmp_path)
    people.mentioned_since(emptied, names)
    landed = emptied.execute(
        "SELECT TargetResources[1].modifiedProperties[1].newValue, ResultReason, InitiatedBy IS NULL FROM AuditLogs"
    ).fetchall()
    device = names.device("ANN-LAPTOP")
    assert landed == [(f'"not for {device}"', f"by {device}", False)]


def test_without_a_key_or_with_a_short_one_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a key"):
        pseudonyms.from_key(None, None)
    with pytest.raises(UsageError, match="needs 16"):
        pseudonyms.from_key(None, "short")
    with pytest.raises(UsageError, match="cannot be read"):
        pseudonyms.from_key(tmp_path / "nowhere", KEY.decode())


def test_a_last_newline_of_the_key_file_is_no_part_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY + b"\n")
    assert pseudonyms.from_key(tmp_path / "key", "another key that is long").check == Pseudonyms(KEY).check


def test_clear_names_and_pseudonyms_do_not_meet_in_one_database(
    emptied: duckdb.DuckDBPyConnection, names: Pseudonyms, tmp_path: Path
) -> None:
    emptied.execute("DELETE FROM pseudonym_keys")
    db = tmp_path / "s.duckdb"
    pseudonyms.agree(emptied, db, names)
    land.land(emptied, page("SigninLogs", sign_in()), tmp_path)
    with pytest.raises(UsageError, match="holds clear names"):
        pseudonyms.agree(emptied, db, names)
    pseudonyms.adopt(emptied, names)
    pseudonyms.agree(emptied, db, names)
    with pytest.raises(UsageError, match="clear names would come beside"):
        pseudonyms.agree(emptied, db, None)
    with pytest.raises(UsageError, match="another key"):
        pseudonyms.agree(emptied, db, Pseudonyms(KEY + b"!"))
    emptied.execute("DELETE FROM pseudonym_keys")
