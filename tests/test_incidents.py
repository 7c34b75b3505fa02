"""Which failures are found to belong together, and that they are found the same way twice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from records import target
from stories import BY_CAUSE, OFFICE, ONSET, SINCE, UNTIL, Record, Story, attempt, calm, device

from pipeline import incidents

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from pipeline.choices import Choice
    from pipeline.ground import Ground
    from pipeline.incidents import Incident
    from pipeline.stretches import Outlook


@pytest.fixture
def find(landed: Callable[..., duckdb.DuckDBPyConnection]) -> Callable[[Story], tuple[Incident, ...]]:
    """Land a story and find its incidents."""

    def finds(story: Story) -> tuple[Incident, ...]:
        return incidents.find(landed(*story.pages(), workspace_id="w"), SINCE, UNTIL)

    return finds


def scopes(found: tuple[Incident, ...]) -> list[tuple[str, str]]:
    return [(incident.scope_kind, incident.scope_value) for incident in found]


@pytest.mark.parametrize(
    ("cause", "scope"),
    [
        ("device_key_lost", ("device", "device-0")),
        ("app_config_change", ("app", "app-1")),
        ("federation_change", ("domain", "example.net")),
        ("client_version_regression", ("client", "Broker 5.2")),
        ("network_interception", ("ip", OFFICE)),
        ("service_incident", ("tenant", "all")),
    ],
)
def test_failures_that_share_a_value_are_one_incident_with_that_scope(
    find: Callable[[Story], tuple[Incident, ...]], cause: str, scope: tuple[str, str]
) -> None:
    story = BY_CAUSE[cause]()
    (found,) = find(story)
    assert (found.scope_kind, found.scope_value) == scope
    refused = [record for record in story.sign_ins if record["ResultType"] == "50099"]
    assert found.failures == len(found.keys) == len(refused)
    assert found.first_seen_at == min(record["CreatedDateTime"] for record in refused)
    assert found.last_seen_at == max(record["CreatedDateTime"] for record in refused)


def test_stray_failures_are_no_incident(find: Callable[[Story], tuple[Incident, ...]]) -> None:
    story = calm()
    for number, record in enumerate(story.sign_ins):
        if number % 83 == 0:
            record["ResultType"] = "50099"
    assert find(story) == ()


def test_four_failures_are_no_incident(find: Callable[[Story], tuple[Incident, ...]]) -> None:
    assert find(calm().refuse(lambda record: record["UserId"] == "user-0", until=ONSET + timedelta(hours=4))) == ()


def test_a_device_incident_inside_a_network_incident_is_found_beside_it(
    find: Callable[[Story], tuple[Incident, ...]],
) -> None:
    story = BY_CAUSE["network_interception"]()
    story.refuse(lambda record: record["UserId"] == "user-3", until=UNTIL)
    assert set(scopes(find(story))) == {("ip", OFFICE), ("device", "device-3")}


def test_what_a_device_and_its_office_both_refuse_belongs_to_the_device(
    find: Callable[[Story], tuple[Incident, ...]],
) -> None:
    story = BY_CAUSE["network_interception"]()
    mine = [record for record in story.sign_ins if record["UserId"] == "user-3" and record["CreatedDateTime"] >= ONSET]
    for record in mine[::3]:
        record["ResultType"] = "0"
    for record in mine[1::3] + mine[2::3]:
        record["ResultType"] = "50099"
    (device,) = (one for one in find(story) if one.scope_kind == "device")
    assert device.failures == sum(record["ResultType"] == "50099" for record in mine)


def test_where_nothing_ever_succeeds_no_device_has_a_part_in_it(
    find: Callable[[Story], tuple[Incident, ...]],
) -> None:
    story = BY_CAUSE["algorithm_mismatch"]()
    mine = [record for record in story.sign_ins if record["UserId"] == "user-3" and record["AppId"] != "app-9"]
    later = [record for record in mine if record["CreatedDateTime"] >= ONSET]
    for record in later[::3] + later[1::3]:
        record["ResultType"] = "50099"
    for record in story.sign_ins:
        if record["UserId"] == "user-3" and record["AppId"] == "app-9":
            record["DeviceDetail"] = device(3) | {"browser": "Homemade 0.1"}
    app, own = sorted(find(story), key=lambda one: one.scope_kind != "device", reverse=True)
    assert app.failures == sum(record["AppId"] == "app-9" for record in story.sign_ins)
    assert own.failures == len(later[::3] + later[1::3])


def test_a_stray_failure_days_before_does_not_stretch_an_incident(
    find: Callable[[Story], tuple[Incident, ...]],
) -> None:
    story = BY_CAUSE["app_config_change"]()
    next(record for record in story.sign_ins if record["AppId"] == "app-1")["ResultType"] = "50099"
    (found,) = find(story)
    assert found.first_seen_at >= ONSET


def hidden_fault() -> Story:
    """Half of a domain's sign-ins are refused, and for two days all of one device there."""
    return _half_of_the_domain().refuse(lambda record: record["UserId"] == "user-9", until=ONSET + timedelta(hours=54))


def _half_of_the_domain() -> Story:
    return calm().refuse(_of_the_half, until=UNTIL)


def _of_the_half(record: Record) -> bool:
    hour, person = record["CreatedDateTime"].hour, int(record["UserId"][len("user-") :])
    return bool(record["UserPrincipalName"].endswith("@example.net") and (hour // 2 + person) % 2 == 0)


def _errors(person: int) -> list[Record]:
    return [attempt(person, ONSET + timedelta(hours=hour, minutes=20), ResultType="140000") for hour in range(4)]


def test_a_fault_that_a_wider_incident_hides_is_not_guessed(find: Callable[[Story], tuple[Incident, ...]]) -> None:
    assert scopes(find(hidden_fault())) == [("domain", "example.net")]


def test_errors_beside_it_give_a_hidden_fault_away(find: Callable[[Story], tuple[Incident, ...]]) -> None:
    found = find(hidden_fault().add(*_errors(9)))
    assert set(scopes(found)) == {("domain", "example.net"), ("device", "device-9")}


def test_errors_that_everybody_has_there_give_nothing_away(find: Callable[[Story], tuple[Incident, ...]]) -> None:
    everywhere = [error for person in (8, 9, 10, 11) for error in _errors(person)]
    assert scopes(find(hidden_fault().add(*everywhere))) == [("domain", "example.net")]


def test_a_change_of_its_registration_gives_nothing_away(find: Callable[[Story], tuple[Incident, ...]]) -> None:
    """What a change explains is asked of what was found without it."""
    joined = target("Device", "object-9", "PC-9", DeviceId=(None, '"device-9"'))
    assert scopes(find(hidden_fault().change("Add device", joined))) == [("domain", "example.net")]


@pytest.mark.parametrize(
    ("new", "found"),
    [(True, {("domain", "example.net"), ("device", "device-9")}), (False, {("domain", "example.net")})],
)
def test_people_new_to_a_device_give_a_hidden_copy_of_it_away(
    find: Callable[[Story], tuple[Incident, ...]], new: bool, found: set[tuple[str, str]]
) -> None:
    story = _half_of_the_domain()
    for stranger in (8, 10):
        known_since = [] if new else [SINCE + timedelta(hours=8, minutes=30)]
        times = [*known_since, *(ONSET + timedelta(hours=hour, minutes=30) for hour in range(8))]
        story.add(*(attempt(stranger, at, DeviceDetail=device(9)) for at in times))
    story.refuse(lambda record: record["DeviceDetail"]["deviceId"] == "device-9", until=ONSET + timedelta(hours=9))
    assert set(scopes(find(story))) == found


@pytest.mark.parametrize(("a_day", "incidents_found"), [(1, 1), (10, 2)])
def test_a_lull_is_an_end_only_where_much_succeeds_in_it(
    find: Callable[[Story], tuple[Incident, ...]], a_day: int, incidents_found: int
) -> None:
    story = calm()
    last = UNTIL - timedelta(days=1)
    mine = [record for record in story.sign_ins if record["UserId"] == "user-0"]
    for record in mine:
        at = record["CreatedDateTime"]
        if at < SINCE + timedelta(days=1) or at >= last:
            record["ResultType"] = "50099" if at.hour % 2 else "0"
        elif at.hour >= 8 + a_day:
            story.sign_ins.remove(record)
    assert scopes(find(story)) == [("device", "device-0")] * incidents_found


def test_a_failure_that_names_no_device_belongs_to_the_device_that_its_user_has(
    find: Callable[[Story], tuple[Incident, ...]],
) -> None:
    story = BY_CAUSE["device_key_lost"]()
    for record in story.sign_ins:
        if record["ResultType"] == "50099":
            record["DeviceDetail"] = record["DeviceDetail"] | {"deviceId": ""}
    assert scopes(find(story)) == [("device", "device-0")]


def test_no_scope_is_passed_over_that_would_have_been_chosen(
    landed: Callable[..., duckdb.DuckDBPyConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = BY_CAUSE["network_interception"]()
    story.refuse(lambda record: record["UserId"] in {"user-3", "user-5"}, until=UNTIL)
    con = landed(*story.pages(), workspace_id="w")
    found = incidents.find(con, SINCE, UNTIL)

    def hopeful(known: Ground, _: Choice, outlook: Outlook) -> None:
        outlook.hope = pl.repeat(1e9, known.scopes.height, eager=True)

    monkeypatch.setattr("pipeline.stretches._look_again", hopeful)
    assert len(found) > 1
    assert incidents.find(con, SINCE, UNTIL) == found


def test_failures_outside_the_window_are_left_alone(landed: Callable[..., duckdb.DuckDBPyConnection]) -> None:
    con = landed(*BY_CAUSE["device_key_lost"]().pages(), workspace_id="w")
    assert incidents.find(con, SINCE, ONSET) == ()


def test_an_incident_keeps_its_id_in_a_rebuilt_database(find: Callable[[Story], tuple[Incident, ...]]) -> None:
    first = find(BY_CAUSE["policy_change"]())
    assert first
    assert find(BY_CAUSE["policy_change"]()) == first


def test_an_incident_that_the_window_has_moved_into_keeps_its_id_and_counts_what_is_left(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    con = landed(*BY_CAUSE["device_key_lost"]().pages(), workspace_id="w")
    (whole,) = incidents.find(con, SINCE, UNTIL)
    (rest,) = incidents.find(con, ONSET + timedelta(hours=20), UNTIL)
    assert rest.incident_id == whole.incident_id
    assert rest.keys == whole.keys
    assert rest.failures < whole.failures
    assert rest.first_seen_at >= ONSET + timedelta(hours=20)


def test_a_first_record_that_arrives_late_does_not_rename_an_incident(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["device_key_lost"]()
    refused = [record for record in story.sign_ins if record["ResultType"] == "50099"]
    late = min(refused, key=lambda record: record["CreatedDateTime"])
    for record in story.sign_ins:
        record["IngestedAt"] = record["CreatedDateTime"] + timedelta(minutes=20 if record is not late else 2000)
    story.sign_ins.remove(late)
    con = landed(*story.pages(), workspace_id="w")
    (before,) = incidents.find(con, SINCE, UNTIL)
    story.sign_ins.append(late)
    con = landed(*story.pages(), workspace_id="w")
    (after,) = incidents.find(con, SINCE, UNTIL)
    assert after.incident_id == before.incident_id
    assert after.failures == before.failures + 1
