"""The operating systems in the simulated tenant, and which client builds, browsers and agents are in use on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Platform:
    """An operating system with the builds that are in use on it, oldest first."""

    name: str
    library: str
    library_platform: str
    builds: tuple[str, ...]
    systems: tuple[str, ...]
    browsers: tuple[str, ...]
    native_agent: str
    web_agent: str
    trust: str
    short: str = ""

    def next_build(self) -> str:
        """Name the build after the newest."""
        major, minor, _ = self.builds[-1].split(".")
        return f"{major}.{int(minor) + 1}.0"


PLATFORMS = (
    Platform(
        "Windows", "MSAL.NetCore", "Windows10", ("4.76.0", "4.77.1", "4.79.2"),
        ("Windows 10.0.19045", "Windows 10.0.22631", "Windows 10.0.26100"), ("Edge 142.0.3595", "Chrome 142.0.0"),
        "", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
        "Azure AD joined",
    ),
    Platform(
        "macOS", "MSAL.OSX", "MacOs", ("1.8.1", "1.9.0"), ("MacOs 14.7.6", "MacOs 15.5.0"),
        ("Safari 18.5", "Edge 142.0.3595"), "MSAL.OSX PKeyAuth/1.0",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15 PKeyAuth/1.0",
        "Azure AD registered",
    ),
    Platform(
        "iOS", "MSAL.iOS", "Ios", ("1.8.1", "1.9.0"), ("Ios 18.4.1", "Ios 18.5.0"), ("Mobile Safari 18.5",),
        "", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 PKeyAuth/1.0",
        "Azure AD registered",
    ),
    Platform(
        "Android", "MSAL.Android", "Android", ("6.0.1", "6.1.0"), ("Android 14", "Android 15"),
        ("Chrome Mobile 142.0.0",), "",
        "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36 PKeyAuth/1.0",
        "Azure AD registered",
    ),
)  # fmt: skip
