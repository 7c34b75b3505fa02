"""Who and what exists in a drawn tenant: people in their zones, devices, shared machines, applications, policies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox.drawn import clients, places, words
from pipeline.sandbox.population import App, Device, Policy, User, World, guid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from random import Random

    from pipeline.sandbox.habits import Habits
    from pipeline.sandbox.platforms import Platform

_MOBILE = ("iOS", "Android")
_CONTROLS = ("Mfa", "RequireCompliantDevice", "RequireDomainJoinedDevice", "Block", "RequireApprovedApp")


@dataclass(frozen=True)
class Origin:
    """A drawn tenant: its world, its platforms, the machines that many share, and places where none of it ever is."""

    world: World
    platforms: tuple[Platform, ...]
    shared: tuple[Device, ...]
    federated: tuple[str, ...]
    strangers: tuple[places.Provider, ...]


def draw_origin(rng: Random, habits: Habits, users: int, since: datetime, until: datetime) -> Origin:
    """Draw a tenant of so many people for the time from ``since`` to ``until``."""
    where = places.draw_places(rng)
    shop = _Shop(rng, clients.draw_platforms(rng), since, until)
    domains = _domains(rng)
    federated = tuple(rng.sample(domains[1:], min(len(domains) - 1, rng.choice([0, 1, 1, 2]))))
    domain_weights = [1.0, *(rng.uniform(0.1, 0.6) for _ in domains[1:])]
    apps = _apps(rng, users)
    office_weights = [rng.uniform(0.3, 2) for _ in where.offices]
    kiosks = tuple(shop.device(shop.desk(), f"{words.word(rng)}-KIOSK") for _ in range(rng.choice([0, 1, 1, 2, 3])))
    on_shift = rng.uniform(0, 0.3)
    people = []
    for number in range(users):
        office, zone = rng.choices(list(zip(where.offices, where.zones, strict=True)), office_weights)[0]
        first, last = words.word(rng), words.word(rng, 2)
        domain = rng.choices(domains, domain_weights)[0]
        provider = rng.choice(where.providers)
        home, carrier = provider.address(rng), rng.choice(where.carriers)
        visited = [rng.choice(where.providers).address(rng)] if rng.random() < 0.25 else []
        elsewhere = (*places.privately(rng, home), *visited, *(where.vpn if rng.random() < 0.4 else ()))
        own = rng.sample(apps, min(len(apps), rng.randrange(3, 13)))
        devices = shop.devices(first)
        if kiosks and rng.random() < on_shift:
            devices = (rng.choice(kiosks), *devices[1:])
        people.append(
            User(
                id=guid(rng),
                name=f"{first} {last}",
                principal_name=f"{first}.{last}{number}@{domain}".lower(),
                office=office,
                home=home,
                mobile=carrier[0],
                devices=devices,
                apps=tuple(own),
                begins_at=rng.gauss(8.3, 1.0) + rng.choice([0, 0, 0, -2, 4]),
                zone=zone,
                pace=min(3.0, rng.lognormvariate(-0.1, 0.45)),
                in_office=rng.choice([0.0, 0.3, 0.65, 0.9, 1.0]),
                favour=tuple(1 / (1 + apps.index(app)) ** 0.8 for app in own),
                also_from=elsewhere,
                roams=tuple(rng.sample(carrier, min(len(carrier), rng.randrange(1, 5)))),
            )
        )
    world = World(
        tenant_id=guid(rng),
        workspace_id=guid(rng),
        users=tuple(people),
        kiosk=kiosks[0] if kiosks else shop.device(shop.desk(), "SPARE"),
        apps=apps,
        offices=where.offices,
        policies=_policies(rng, people, apps),
        admins=tuple(people[: rng.randrange(1, 4)]),
        federated_domain=federated[0] if federated else "",
        habits=habits,
    )
    return Origin(world, shop.platforms, kiosks, federated, where.strangers)


@dataclass
class _Shop:
    """Where devices come from."""

    rng: Random
    platforms: tuple[Platform, ...]
    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        rng = self.rng
        self.weights = {
            "desk": [rng.uniform(0.3, 1), rng.choice([0, 0.2, 0.8]), rng.choice([0, 0, 0.1, 0.3])],
            "pocket": [rng.uniform(0.1, 1), rng.uniform(0.1, 1)],
        }
        self.numbers = [rng.uniform(0.1, 1), rng.uniform(0.3, 2), rng.uniform(0, 0.5), rng.uniform(0, 0.2)]
        self.brokers = {platform.name: clients.brokers(rng) for platform in self.platforms}
        self.rolling = {platform.name: rng.uniform(0, 0.8) for platform in self.platforms}
        self.named = rng.random()

    def desk(self) -> Platform:
        windows, mac, _, _, linux = self.platforms
        return self.rng.choices((windows, mac, linux), self.weights["desk"])[0]

    def devices(self, owner: str) -> tuple[Device, ...]:
        number = self.rng.choices((1, 2, 3, 4), self.numbers)[0]
        pockets = self.rng.choices(self.platforms[2:4], self.weights["pocket"], k=number - 1)
        return tuple(self.device(platform, self._name(platform, owner)) for platform in (self.desk(), *pockets))

    def device(self, platform: Platform, name: str) -> Device:
        rng, brokers = self.rng, self.brokers[platform.name]
        library, newest = rng.choice(platform.builds), platform.builds[-1]
        upgrades = [(self.since - timedelta(days=30), library)]
        later: list[tuple[datetime, str, str]] = []
        # Ordinary roll-outs go on in the background and hurt nobody.
        if rng.random() < self.rolling[platform.name]:
            upgrades.append((self._some_time(), newest))
            later = [
                (self._some_time(), part, build)
                for part, build in (("system", platform.systems[-1]), ("broker", brokers[-1]))
                if rng.random() < 0.5
            ]
        return Device(
            id=guid(rng),
            object_id=guid(rng),
            name=name,
            platform=platform,
            system=rng.choice(platform.systems),
            browser=rng.choice(platform.browsers),
            upgrades=tuple(upgrades),
            broker=rng.choice(brokers),
            later=tuple(later),
        )

    def _some_time(self) -> datetime:
        return self.since + self.rng.random() * (self.until - self.since)

    def _name(self, platform: Platform, owner: str) -> str:
        if platform.name in _MOBILE:  # many keep the name they came with: display names are not unique
            return (
                platform.name.replace("iOS", "iPhone") if self.rng.random() < self.named else f"{owner}_{platform.name}"
            )
        return f"{self.rng.choice(['PC', 'NB', 'WS', owner])}-{self.rng.randrange(100_000):05}"


def _domains(rng: Random) -> list[str]:
    company = words.word(rng, 3).lower()
    endings = ["example", "test", "example.org", "example.net"]
    subs = [f"{words.word(rng).lower()}.{company}.example" for _ in range(2)]
    names = [*(f"{company}.{ending}" for ending in rng.sample(endings, 2)), f"{words.word(rng).lower()}.example", *subs]
    return rng.sample(names, rng.randrange(1, 5))


def _apps(rng: Random, users: int) -> tuple[App, ...]:
    """Draw applications, the most used one first."""
    ours = rng.uniform(0.15, 0.85)
    number = rng.randrange(5, 41) if users > 60 else rng.randrange(5, 18)
    apps = []
    for _ in range(number):
        own_client = (
            f"{words.word(rng)}.Auth {words.build(rng, rng.randrange(1, 6), 20)}" if rng.random() < 0.06 else ""
        )
        native = rng.choice([True, True, False, None, None]) if not own_client else True
        apps.append(App(guid(rng), guid(rng), guid(rng), words.product(rng), rng.random() < ours, own_client, native))
    # Ours are wanted at both ends of the ranking, so that some changed one is in use and some rotating one exists.
    apps[0], apps[-1] = replace(apps[0], ours=True), replace(apps[-1], ours=True)
    return tuple(apps)


def _policies(rng: Random, people: Sequence[User], apps: tuple[App, ...]) -> tuple[Policy, ...]:
    policies = []
    for _ in range(rng.randrange(9)):
        platform = rng.choice(["", "", "Windows", "macOS", "iOS", "Android"])
        group = (
            frozenset(user.id for user in rng.sample(people, max(1, len(people) // 3))) if rng.random() < 0.3 else ()
        )
        some = frozenset(app.id for app in rng.sample(apps, max(1, len(apps) // 4))) if rng.random() < 0.25 else ()
        control = rng.choice(_CONTROLS)
        name = f"{control} {platform or words.word(rng)}"
        policies.append(
            Policy(guid(rng), name, control, platform, frozenset(some), frozenset(group), guid(rng), rng.random() < 0.2)
        )
    return tuple(policies)
