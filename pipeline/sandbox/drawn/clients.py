"""The platforms of a drawn tenant: which libraries, brokers, browsers and system builds are in use, and how spelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.sandbox.drawn import words
from pipeline.sandbox.platforms import Platform

if TYPE_CHECKING:
    from random import Random

# Library families seen on each platform, the platform as libraries spell it, its spellings in the log with the range of
# its major versions, browsers, how a device of it is joined, and what stands for it in a user agent.
_LIBRARIES = {
    "Windows": ("MSAL.NetCore", "MSAL.Desktop", "MSAL.xplat.Win32", "MSAL.CoreCLR", "ADAL.NET", "MSAL.Node"),
    "macOS": ("MSAL.OSX", "MSAL.xplat.macOS", "MSAL.Mac", "ADAL.ObjC"),
    "iOS": ("MSAL.iOS", "MSAL.xplat.iOS", "MSAL.Xamarin.iOS", "ADAL.iOS"),
    "Android": ("MSAL.Android", "MSAL.xplat.Android", "MSAL.Xamarin.Android", "ADAL.Android"),
    "Linux": ("MSAL.Python", "MSAL.Java", "MSAL.xplat.Linux", "MSAL.Go"),
}
_SHORT = {"Windows": "Windows10", "macOS": "MacOs", "iOS": "Ios", "Android": "Android", "Linux": "Linux"}
_SPELLINGS = {
    "Windows": ("Windows 10.0.{}", "Windows 11.0.{}", "Windows NT 10.0.{}"),
    "macOS": ("MacOs 1{}", "macOS 1{}", "Mac OS X 1{}"),
    "iOS": ("Ios 1{}", "iOS 1{}", "iPadOS 1{}"),
    "Android": ("Android {}", "Android 1{}"),
    "Linux": ("Linux 6.{}", "Linux {}"),
}
_BROWSERS = {
    "Windows": ("Edge", "Chrome", "Firefox", "Opera"),
    "macOS": ("Safari", "Edge", "Chrome", "Firefox"),
    "iOS": ("Mobile Safari", "Edge Mobile", "Chrome Mobile iOS"),
    "Android": ("Chrome Mobile", "Samsung Browser", "Edge Mobile", "Firefox Mobile"),
    "Linux": ("Chrome", "Firefox", "Edge"),
}
_TRUSTS = {
    "Windows": ("Azure AD joined", "Hybrid Azure AD joined", "Microsoft Entra joined", "Azure AD registered"),
    **dict.fromkeys(("macOS", "iOS", "Android", "Linux"), ("Azure AD registered", "Microsoft Entra registered")),
}
_AGENTS = {
    "Windows": "Windows NT 10.0; Win64; x64",
    "macOS": "Macintosh; Intel Mac OS X 10_15_7",
    "iOS": "iPhone; CPU iPhone OS 1{} like Mac OS X",
    "Android": "Linux; Android 1{}",
    "Linux": "X11; Linux x86_64",
}


def draw_platforms(rng: Random) -> tuple[Platform, ...]:
    """Draw what is in use on each of five platforms."""
    return tuple(_platform(rng, name) for name in _LIBRARIES)


def brokers(rng: Random) -> list[str]:
    """Draw the builds of a broker that are about, oldest first."""
    return _ascending(rng, rng.randrange(1, 8), rng.choice([3, 4]), rng.randrange(2, 5))


def next_build(rng: Random, build: str) -> str:
    """Name a build after this one: its last number grows, or the one before, whatever precedes the numbers."""
    family, space, version = build.rpartition(" ")
    *head, last = version.split(".")
    if len(head) > 1 and rng.random() < 0.5:
        numbers = [*head[:-1], str(int(head[-1]) + rng.randrange(1, 4)), "0"]
    else:
        numbers = [*head, str(int(last) + rng.randrange(1, 9))]
    return family + space + ".".join(numbers)


def _platform(rng: Random, name: str) -> Platform:
    number = rng.randrange(3, 9)
    agent = _AGENTS[name].format(number)
    key = rng.choice(["", " PKeyAuth/1.0"]) if name != "Windows" else ""
    spelling = rng.choice(_SPELLINGS[name])
    systems = [spelling.format(tail) for tail in _tails(rng, name)]
    if rng.random() < 0.3:  # two generations of the log spell one system in two ways
        systems = [rng.choice(_SPELLINGS[name]).format(systems[0].split(".", 1)[-1].split()[-1]), *systems[1:]]
    return Platform(
        name=name,
        library=rng.choice(_LIBRARIES[name]),
        library_platform=_SHORT[name],
        builds=tuple(_ascending(rng, rng.randrange(1, 7), 3, rng.randrange(2, 6))),
        systems=tuple(systems),
        browsers=tuple(
            f"{browser} {build}"
            for browser in rng.sample(_BROWSERS[name], rng.randrange(1, 4))
            for build in _ascending(rng, rng.randrange(100, 150), rng.choice([2, 3, 4]), rng.randrange(1, 3))
        ),
        native_agent=rng.choice(
            ["", f"{words.word(rng)}-Authentication-Provider/1.{number}", f"Dalvik/2.1.0 ({agent})"]
        ),
        web_agent=f"Mozilla/5.0 ({agent}) AppleWebKit/6{number}.1 (KHTML, like Gecko) Version/{number + 10}.0{key}",
        trust=rng.choice(_TRUSTS[name]),
        short=_SHORT[name],
    )


def _tails(rng: Random, name: str) -> list[str]:
    if name == "Windows":
        return [str(build) for build in sorted(rng.sample(range(19000, 27000), rng.randrange(1, 5)))]
    return _ascending(rng, rng.randrange(3, 9), rng.choice([2, 3]), rng.randrange(1, 5))


def _ascending(rng: Random, major: int, parts: int, number: int) -> list[str]:
    drawn = {words.build(rng, major, 90, parts) for _ in range(number)}
    return sorted(drawn, key=lambda build: [int(part) for part in build.split(".")])
