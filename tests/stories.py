"""Fourteen weeks in a small company, one cause in each: what a rule must find, and no other take for its own.

Twelve people with a device each sign in every hour of the working day, now from the office and now from home. A story
refuses some of these sign-ins from ONSET on, and may add a change or other records. Written by hand to be read, not to
be likely: the simulated tenant is for that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from records import audit, page, sign_in, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.pages import Page

Record = dict[str, Any]

SINCE = datetime(2026, 10, 5)
UNTIL = datetime(2026, 10, 12)
ONSET = datetime(2026, 10, 8, 9)
NEXT_EVENING = datetime(2026, 10, 9, 19)
OFFICE = "198.51.100.10"
PEOPLE = 12


@dataclass
class Story:
    """A week's records: sign-ins, and changes."""

    sign_ins: list[Record]
    changes: list[Record] = field(default_factory=list)

    def refuse(self, which: Callable[[Record], bool], until: datetime = NEXT_EVENING) -> Story:
        """Refuse the sign-ins from ONSET to ``until`` that ``which`` picks."""
        for record in self.sign_ins:
            if ONSET <= record["CreatedDateTime"] < until and which(record):
                record["ResultType"] = "50099"
        return self

    def add(self, *records: Record) -> Story:
        """Add sign-ins."""
        self.sign_ins += records
        return self

    def change(self, operation: str, *targets: Record) -> Story:
        """Record a change half an hour before the onset."""
        self.changes.append(audit(operation, *targets, ActivityDateTime=ONSET - timedelta(minutes=30)))
        return self

    def pages(self) -> Iterable[Page]:
        """Return the records as they travel to landing, each with its own Id."""
        yield page("SigninLogs", *(record | {"Id": f"s{number:05}"} for number, record in enumerate(self.sign_ins)))
        if self.changes:
            yield page("AuditLogs", *self.changes)


def attempt(person: int, at: datetime, **cells: Any) -> Record:
    """Return the success that a person's own device has at that time, with cells replaced."""
    hour = (at - SINCE) // timedelta(hours=1)
    windows = person % 2 == 0
    ordinary: Record = {
        "CreatedDateTime": at + timedelta(minutes=4 * person),
        "UserId": f"user-{person}",
        "UserPrincipalName": f"u{person}@example.{'org' if person < 8 else 'net'}",
        "AppId": f"app-{hour % 4}",
        "AppDisplayName": f"App {hour % 4}",
        "IPAddress": OFFICE if (hour + person) % 2 else f"203.0.{person}.7",
        "DeviceDetail": device(person),
        "ConditionalAccessPolicies": [{"id": "policy-w" if windows else "policy-i", "result": "success"}],
    }
    return sign_in(**(ordinary | cells))


def device(person: int, **detail: str) -> Record:
    """Return the device of a person as a record details it."""
    system, broker = ("Windows10", "Broker 5.1") if person % 2 == 0 else ("Ios 18.2", "Broker 2.7")
    ordinary = {"deviceId": f"device-{person}", "displayName": f"PC-{person}", "operatingSystem": system}
    return ordinary | {"browser": broker} | detail


def calm() -> Story:
    """A week without an incident."""
    days = range((UNTIL - SINCE).days)
    hours = range(8, 18)
    return Story(
        [
            attempt(person, SINCE + timedelta(days=day, hours=hour))
            for day in days
            for hour in hours
            for person in range(PEOPLE)
        ]
    )


def _of(person: int) -> Callable[[Record], bool]:
    return lambda record: bool(record["UserId"] == f"user-{person}")


def _every_other(which: Callable[[Record], bool]) -> Callable[[Record], bool]:
    return lambda record: which(record) and record["CreatedDateTime"].hour % 2 == 0


def _hours(start: datetime, count: int, **step: float) -> list[datetime]:
    return [start + number * timedelta(**(step or {"hours": 1})) for number in range(count)]


def device_reregistered() -> Story:
    joined = target("Device", "object-0", "PC-0", DeviceId=(None, '"device-0"'))
    return calm().refuse(_of(0)).change("Add device", joined)


def device_key_lost() -> Story:
    return calm().refuse(_of(0))


def device_key_unavailable() -> Story:
    return calm().refuse(_every_other(_of(0)), until=UNTIL)


def device_identity_cloned() -> Story:
    """Three strangers sign in with the device of person 0; every other sign-in is refused."""
    twins = [
        attempt(stranger, at, DeviceDetail=device(0))
        for stranger in (2, 4, 6)
        for at in _hours(ONSET + timedelta(minutes=30), 9)
    ]
    story = calm().add(*twins)
    return story.refuse(_every_other(lambda record: bool(record["DeviceDetail"]["deviceId"] == "device-0")))


def clock_skew() -> Story:
    mistimed = [attempt(0, at, ResultType="140000") for at in _hours(ONSET + timedelta(minutes=20), 6)]
    return calm().refuse(_every_other(_of(0))).add(*mistimed)


def _to_app(record: Record) -> bool:
    return bool(record["AppId"] == "app-1")


def app_credential_change() -> Story:
    app = target("Application", "object-a", "App 1", AppId=(None, '"app-1"'))
    return calm().refuse(_to_app).change("Update application – Certificates and secrets management ", app)  # noqa: RUF001 - the log's own dash


def app_config_change() -> Story:
    app = target("Application", "object-a", "App 1", AppId=(None, '"app-1"'))
    return calm().refuse(_to_app).change("Update application", app)


def policy_change() -> Story:
    policy = target("Policy", "policy-i", "Phones need a device")
    phones = calm().refuse(lambda record: bool(record["DeviceDetail"]["operatingSystem"] == "Ios 18.2"))
    return phones.change("Update conditional access policy", policy)


def federation_change() -> Story:
    domain = target("Directory", "example.net", "example.net")
    story = calm().refuse(lambda record: bool(record["UserPrincipalName"].endswith("@example.net")))
    return story.change("Set federation settings on domain", domain)


def client_version_regression() -> Story:
    story = calm()
    for record in story.sign_ins:
        if record["CreatedDateTime"] >= ONSET and record["UserId"] in ("user-0", "user-2", "user-4", "user-6"):
            record["DeviceDetail"]["browser"] = "Broker 5.2"
    return story.refuse(lambda record: bool(record["DeviceDetail"]["browser"] == "Broker 5.2"))


def network_interception() -> Story:
    return calm().refuse(lambda record: bool(record["IPAddress"] == OFFICE))


def algorithm_mismatch() -> Story:
    cells = {"AppId": "app-9", "AppDisplayName": "App 9", "DeviceDetail": {"browser": "Homemade 0.1"}}
    tries = [attempt(person, at, **cells) for person in range(6) for at in _hours(ONSET, 6)]
    return calm().add(*tries).refuse(lambda record: bool(record["AppId"] == "app-9"))


def token_forgery() -> Story:
    stranger = {"IPAddress": "192.0.2.66", "DeviceDetail": {"browser": "script 1.0"}, "RiskLevelDuringSignIn": "high"}
    tries = [attempt(person, at, **stranger) for person in range(PEOPLE) for at in _hours(ONSET, 3, minutes=5)]
    return calm().add(*tries).refuse(lambda record: bool(record["IPAddress"] == "192.0.2.66"))


def service_incident() -> Story:
    return calm().refuse(lambda _: True, until=ONSET + timedelta(hours=3))


BY_CAUSE: dict[str, Callable[[], Story]] = {
    story.__name__: story
    for story in (
        device_reregistered,
        device_key_lost,
        device_key_unavailable,
        device_identity_cloned,
        clock_skew,
        app_credential_change,
        app_config_change,
        policy_change,
        federation_change,
        client_version_regression,
        network_interception,
        algorithm_mismatch,
        token_forgery,
        service_incident,
    )
}
