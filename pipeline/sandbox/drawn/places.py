"""Where people of a drawn tenant sign in from: sites, shared proxies, homes among strangers, carriers, a VPN.

Addresses are of ranges that nobody owns (documentation, benchmarks, carriers' shared space), AS numbers private ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.sandbox.drawn import words
from pipeline.sandbox.population import Address, Office

if TYPE_CHECKING:
    from random import Random

_COUNTRIES = (
    "AT",
    "BR",
    "CA",
    "CL",
    "CZ",
    "DE",
    "EG",
    "FI",
    "GR",
    "IN",
    "JP",
    "KE",
    "MX",
    "NZ",
    "PL",
    "RO",
    "SG",
    "US",
    "ZA",
)
_ZONES = (-8, -6, -5, -3, 0, 0, 1, 1, 1, 2, 3, 5.5, 8, 9, 10, 12)


@dataclass(frozen=True)
class Provider:
    """A company through whose lines people reach the internet, with its /24s or IPv6 /48s."""

    asn: str
    country: str
    cities: tuple[str, ...]
    blocks: tuple[str, ...]
    by_v6: bool

    def address(self, rng: Random) -> Address:
        """Draw an address somewhere among its other customers."""
        city, block = rng.choice(self.cities), rng.choice(self.blocks)
        if self.by_v6:
            return Address(_host(rng, f"{block}:{rng.randrange(1, 0xFFFF):x}"), self.asn, city, self.country)
        return Address(f"{block}.{rng.randrange(2, 255)}", self.asn, city, self.country)


@dataclass(frozen=True)
class Places:
    """All of it: ``zones`` are the offices' hours ahead of UTC, in their order; ``vpn`` may be empty."""

    offices: tuple[Office, ...]
    zones: tuple[float, ...]
    providers: tuple[Provider, ...]
    carriers: tuple[tuple[Address, ...], ...]
    vpn: tuple[Address, ...]
    strangers: tuple[Provider, ...]


def draw_places(rng: Random) -> Places:
    """Draw the sites and networks of a tenant; nobody ever is at its ``strangers``."""
    used: set[str] = set()
    main = rng.choice(_COUNTRIES)
    countries = [main, main, *rng.sample(_COUNTRIES, 2)]
    proxy = _site(rng, used, countries[0], 0) if rng.random() < 0.3 else None
    offices: list[Office] = []
    for number in range(rng.choice([1, 2, 2, 3, 4, 5, 7])):
        if proxy is not None and rng.random() < 0.6:
            offices.append(replace(proxy, city=words.word(rng)))  # their traffic leaves through one cloud proxy
        else:
            offices.append(_site(rng, used, rng.choice(countries), number))
    home_zone = rng.choice(_ZONES)
    providers = tuple(_provider(rng, used, rng.choice(countries), offices) for _ in range(rng.randrange(2, 6)))
    carriers = tuple(
        tuple(carrier.address(rng) for _ in range(rng.randrange(2, 13)))
        for carrier in (_provider(rng, used, rng.choice(countries), offices) for _ in range(rng.randrange(1, 4)))
    )
    return Places(
        tuple(offices),
        tuple(home_zone if rng.random() < 0.6 else rng.choice(_ZONES) for _ in offices),
        providers,
        carriers,
        _site(rng, used, main, 9).egress if rng.random() < 0.4 else (),
        tuple(_provider(rng, used, rng.choice(_COUNTRIES), ()) for _ in range(8)),
    )


def privately(rng: Random, home: Address) -> tuple[Address, ...]:
    """Give more addresses of a home whose machines change theirs within its IPv6 /64; none of an IPv4 home."""
    if ":" not in home.ip:
        return ()
    prefix = ":".join(home.ip.split(":")[:4])
    return tuple(replace(home, ip=_host(rng, prefix)) for _ in range(rng.randrange(1, 8)))


def _site(rng: Random, used: set[str], country: str, number: int) -> Office:
    asn, city = _asn(rng), words.word(rng)
    block = _v4_block(rng, used)
    base = 64 * rng.randrange(4)

    def at(ip: str) -> Address:
        return Address(ip, asn, city, country)

    one_26 = [at(f"{block}.{base + host}") for host in rng.sample(range(1, 63), rng.randrange(2, 7))]
    v6 = _v6_block(rng, used)
    all_v6 = tuple(at(_host(rng, f"{v6}:{subnet:x}")) for subnet in rng.sample(range(1, 0xFFFF), rng.randrange(1, 5)))
    match rng.randrange(5):
        case 0:
            return Office(city, one_26[0].ip, (one_26[0],))
        case 1:
            return Office(city, f"{block}.{base}/26", tuple(one_26))
        case 2:
            return Office(city, f"{block}.{base}/26 and {v6}::/48", (*one_26[:2], *all_v6))
        case 3:
            return Office(city, f"{v6}::/48", all_v6)
        case _:
            others = (at(f"{_v4_block(rng, used)}.{rng.randrange(1, 255)}") for _ in range(rng.randrange(1, 4)))
            return Office(city, f"AS{asn} in {city}", (one_26[0], *others))


def _provider(rng: Random, used: set[str], country: str, offices: tuple[Office, ...] | list[Office]) -> Provider:
    by_v6 = rng.random() < 0.25
    near = [office.city for office in offices]
    cities = [*rng.sample(near, min(len(near), 2)), *(words.word(rng) for _ in range(rng.randrange(1, 5)))]
    told = rng.random() < 0.7
    blocks = tuple((_v6_block if by_v6 else _v4_block)(rng, used) for _ in range(rng.randrange(1, 5)))
    return Provider(_asn(rng), country, tuple(cities) if told else ("",), blocks, by_v6)


def _asn(rng: Random) -> str:
    return str(rng.randrange(64512, 65535) if rng.random() < 0.7 else rng.randrange(4200000000, 4294967294))


def _host(rng: Random, prefix: str) -> str:
    """Draw an address within an IPv6 /64: a server's short one, or one that a machine made up for itself."""
    if rng.random() < 0.3:
        return f"{prefix}::{rng.randrange(1, 0xFFFF):x}"
    return ":".join([prefix, *(f"{rng.randrange(1, 0xFFFF):x}" for _ in range(4))])


def _v4_block(rng: Random, used: set[str]) -> str:
    while True:
        block = rng.choice(
            [
                f"100.{rng.randrange(64, 128)}.{rng.randrange(256)}",
                f"198.{rng.randrange(18, 20)}.{rng.randrange(256)}",
                rng.choice(["192.0.2", "198.51.100", "203.0.113"]),
            ]
        )
        if block not in used:
            used.add(block)
            return block


def _v6_block(rng: Random, used: set[str]) -> str:
    while True:
        block = rng.choice(
            [f"2001:db8:{rng.randrange(1, 0xFFFF):x}", f"3fff:{rng.randrange(0xFFF):x}:{rng.randrange(1, 0xFFFF):x}"]
        )
        if block not in used:
            used.add(block)
            return block
