"""Who and what exists in the simulated tenant: people, devices, clients, applications, networks, policies.

Invented throughout: documentation addresses and domains, private AS numbers. What anybody does is the business of
``traffic`` and ``incidents``.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox.habits import USUAL, Habits
from pipeline.sandbox.platforms import PLATFORMS, Platform

if TYPE_CHECKING:
    from random import Random

DOMAINS = ("example.com", "example.org")  # the second is federated
_FIRST = (
    *("Ada", "Bram", "Chloe", "Dirk", "Esra", "Femke", "Goran", "Hanne", "Ivo", "Jasmin"),
    *("Kofi", "Lena", "Milan", "Noor", "Otto", "Pia", "Quinn", "Rosa", "Sven", "Tess"),
)
_LAST = (
    *("Abel", "Brandt", "Costa", "Dekker", "Egger", "Fonseca", "Geller", "Holm"),
    *("Ilves", "Jansen", "Keller", "Lund", "Moreau", "Novak", "Olsen", "Petit"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request comes from."""

    ip: str
    asn: str
    city: str
    country: str


@dataclass(frozen=True)
class Office:
    """A site and the addresses through which it reaches the internet, all within ``network``."""

    city: str
    network: str
    egress: tuple[Address, ...]


@dataclass(frozen=True, eq=False)
class Device:
    """A registered machine; ``upgrades`` says from when on it runs which library build.

    ``later`` says the same of its system, browser and broker: from when on, which part, which build.
    """

    id: str
    object_id: str
    name: str
    platform: Platform
    system: str
    browser: str
    upgrades: tuple[tuple[datetime, str], ...]
    broker: str = ""
    later: tuple[tuple[datetime, str, str], ...] = ()

    def library(self, at: datetime) -> str:
        """Name the client library, as in "MSAL.iOS 1.9.0", that it ran at a time."""
        build = next(build for start, build in reversed(self.upgrades) if start <= at or start == self.upgrades[0][0])
        return f"{self.platform.library} {build}"


@dataclass(frozen=True)
class App:
    """An application: ``object_id`` is its directory object, ``principal_id`` its service principal.

    Where it brings its own client, ``library`` names that, whatever the device runs; ``native`` says whether it is used
    outside of a browser, where that does not vary.
    """

    id: str
    object_id: str
    principal_id: str
    name: str
    ours: bool
    library: str = ""
    native: bool | None = None


@dataclass(frozen=True)
class Policy:
    """A conditional access policy; without a platform it is for all, so too without apps or people (their ids).

    ``group`` is the id of the group that the people are in: a record names that, and nobody in it.
    """

    id: str
    name: str
    control: str
    platform: str = ""
    apps: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    group: str = ""
    reports_only: bool = False


@dataclass(frozen=True, eq=False)
class User:
    """A person with habits: where they work, on what, with which applications and from what hour of their zone.

    ``zone`` is hours ahead of UTC, ``pace`` multiplies the tenant's sign-ins a day, ``favour`` weighs ``apps``.
    ``also_from`` are other places than ``home`` to be at when not in the office, ``roams`` those of the phone.
    """

    id: str
    name: str
    principal_name: str
    office: Office
    home: Address
    mobile: Address
    devices: tuple[Device, ...]
    apps: tuple[App, ...]
    begins_at: float
    zone: float = 0.0
    pace: float = 1.0
    in_office: float = 0.65
    favour: tuple[float, ...] = ()
    also_from: tuple[Address, ...] = ()
    roams: tuple[Address, ...] = ()

    @property
    def domain(self) -> str:
        """The suffix of the user principal name."""
        return self.principal_name.partition("@")[2]


@dataclass(frozen=True)
class World:
    """Everything that exists."""

    tenant_id: str
    workspace_id: str
    users: tuple[User, ...]
    kiosk: Device
    apps: tuple[App, ...]
    offices: tuple[Office, ...]
    policies: tuple[Policy, ...]
    admins: tuple[User, ...]
    federated_domain: str = DOMAINS[1]
    habits: Habits = USUAL

    def platforms(self) -> list[Platform]:
        """Give the platforms that people here have devices of."""
        return [platform for platform in PLATFORMS if any(device.platform is platform for device in self.devices)]

    @property
    def devices(self) -> list[Device]:
        """All devices of people, without the kiosk."""
        return [device for user in self.users for device in user.devices if device is not self.kiosk]


def guid(rng: Random) -> str:
    """Draw a GUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def populate(rng: Random, users: int, since: datetime, until: datetime) -> World:
    """Draw a tenant with ``users`` people for the time from ``since`` to ``until``."""
    offices = _offices()
    apps = _apps(rng)
    kiosk = _device(rng, PLATFORMS[0], "KIOSK-GATE-1", since, until)
    people: list[User] = []
    for number in range(users):
        first, last = _FIRST[number % len(_FIRST)], _LAST[(number // len(_FIRST) + number) % len(_LAST)]
        suffix = "" if number < len(_FIRST) * len(_LAST) else str(number)
        devices = _devices(rng, first, since, until)
        if number % 10 == 4:
            devices = (*devices[1:], kiosk)  # shift workers share a machine
        own = rng.sample([app for app in apps if app.ours], 3)
        people.append(
            User(
                id=guid(rng),
                name=f"{first} {last}{suffix}",
                principal_name=f"{first}.{last}{suffix}@{DOMAINS[number % 4 == 3]}".lower(),
                office=offices[number % len(offices)],
                home=_home(rng, number),
                mobile=Address(f"203.0.113.{128 + number % 8}", "64505", "", "NL"),
                devices=devices,
                apps=(*own, *(app for app in apps if not app.ours)),
                begins_at=rng.gauss(7.5, 0.7),
            )
        )
    return World(
        tenant_id=guid(rng),
        workspace_id=guid(rng),
        users=tuple(people),
        kiosk=kiosk,
        apps=apps,
        offices=offices,
        policies=(
            Policy(guid(rng), "Require multifactor authentication", "Mfa"),
            Policy(guid(rng), "Require compliant device on macOS", "RequireCompliantDevice", "macOS"),
            Policy(guid(rng), "Require compliant device on iOS", "RequireCompliantDevice", "iOS"),
            Policy(guid(rng), "Require compliant device on Windows", "RequireCompliantDevice", "Windows"),
        ),
        admins=tuple(people[:2]),
    )


def _offices() -> tuple[Office, ...]:
    # Two offices share a /24, so that a prefix that is too wide mixes the well with the ill.
    def office(number: int, city: str, country: str, prefix: str, hosts: tuple[int, ...]) -> Office:
        asn = str(64496 + number)
        old = tuple(Address(f"{prefix}.{host}", asn, city, country) for host in hosts)
        new = Address(f"2001:db8:{0x10 + number:x}::5", asn, city, country)
        first = hosts[0] // 64 * 64
        return Office(city, f"{prefix}.{first}/26", (*old, new) if number == 3 else old)

    return (
        office(0, "Utrecht", "NL", "192.0.2", (10, 11)),
        office(1, "Aarhus", "DK", "192.0.2", (140, 141)),
        office(2, "Porto", "PT", "203.0.113", (10, 11, 12)),
        office(3, "Tartu", "EE", "198.51.100", (10, 11)),
    )


def _home(rng: Random, number: int) -> Address:
    asn = str(64500 + number % 3)
    if number % 4 == 1:
        return Address(f"2001:db8:{0x1000 + number:x}:1::{rng.randrange(2, 0xFFFF):x}", asn, "", "NL")
    return Address(f"198.51.100.{64 + number % 190}", asn, "", "NL")


def _apps(rng: Random) -> tuple[App, ...]:
    ours = ("Roster", "Quote Builder", "Parcel Tracker", "Shop Floor", "Price Book", "Travel Claims")
    microsofts = {
        "Microsoft Teams": "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
        "Outlook Mobile": "27922004-5251-4030-b22d-91ecd9a37ea4",
        "Microsoft Office": "d3590ed6-52b3-4102-aeff-aad2292ab01c",
        "OneDrive SyncEngine": "ab9b8c07-8f02-4f72-87fa-80105867a763",
    }
    return (
        *(App(guid(rng), guid(rng), guid(rng), name, True) for name in ours),
        *(App(app_id, guid(rng), guid(rng), name, False) for name, app_id in microsofts.items()),
    )


def _devices(rng: Random, owner: str, since: datetime, until: datetime) -> tuple[Device, ...]:
    windows, mac, phone, android = PLATFORMS
    desk = windows if rng.random() < 0.6 else mac
    name = f"LT-{rng.randrange(10_000):04}" if desk is windows else f"{owner}s-MacBook"
    devices = [_device(rng, desk, name, since, until)]
    if rng.random() < 0.8:
        # Phones keep the name they came with: display names are not unique.
        pocket = phone if rng.random() < 0.6 else android
        devices.append(_device(rng, pocket, "iPhone" if pocket is phone else f"{owner}_Android", since, until))
    return tuple(devices)


def _device(rng: Random, platform: Platform, name: str, since: datetime, until: datetime) -> Device:
    *older, newest = platform.builds
    upgrades = [(since - timedelta(days=30), rng.choice(older))]
    if rng.random() < 0.6:  # an ordinary roll-out goes on in the background and hurts nobody
        upgrades.append((since + rng.random() * (until - since), newest))
    return Device(
        id=guid(rng),
        object_id=guid(rng),
        name=name,
        platform=platform,
        system=rng.choice(platform.systems),
        browser=rng.choice(platform.browsers),
        upgrades=tuple(upgrades),
    )
