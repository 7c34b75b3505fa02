"""What a run was asked to do, as one frozen value made of flags and environment.

Checks happen here, before anything is opened or sent, so that wrong usage costs nothing. No I/O but the clock's reading
by the caller may enter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.errors import UsageError
from pipeline.window import Window, parse_duration, parse_moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DEFAULT_LOOKBACK = "14d"
# Endpoints and audiences of the clouds: the audience is the endpoint's own.
CLOUDS = {
    "public": "https://api.loganalytics.io",
    "usgov": "https://api.loganalytics.us",
    "china": "https://api.loganalytics.azure.cn",
}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LOOPBACK = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")


@dataclass(frozen=True)
class Span:
    """The window of a run by event time; ``fixed`` tells an ``--until`` that was given from one that is the clock's."""

    window: Window
    fixed: bool


@dataclass(frozen=True)
class Source:
    """The Log Analytics workspaces to read, and the service that answers for them."""

    workspaces: tuple[str, ...]
    endpoint: str
    audience: str


def lake(engine: str, lake: str | None, master: str | None, pseudonymise: bool) -> str | None:
    """Return the lake that Spark is to read, or None where DuckDB reads what has landed.

    Raises UsageError for options that do not go together.
    """
    if engine == "duckdb":
        if lake or master:
            raise UsageError("--lake and --master are for Spark: add --engine spark.")
        return None
    if engine != "spark":
        raise UsageError(f"There is no engine {engine!r}: --engine is duckdb or spark.")
    if not lake:
        raise UsageError("Spark reads a lake: name its folder or URL with --lake.")
    if pseudonymise:
        raise UsageError(
            "--pseudonymise covers what lands, and of a lake nothing does: leave it out with --engine spark."
        )
    return lake


def span(since: str | None, until: str | None, lookback: str | None, now: datetime) -> Span:
    """Return the window that ``--since``, ``--until`` and ``--lookback`` ask for.

    ``now`` is the clock's UTC reading. Raises UsageError where the window would end before it begins.
    """
    end = parse_moment(until, "--until", now) if until else now
    lasting = _lookback(lookback or DEFAULT_LOOKBACK, end)
    start = parse_moment(since, "--since", end) if since else end - lasting
    if start >= end:
        raise UsageError(
            f"The window ends ({end.isoformat()}Z) before it begins ({start.isoformat()}Z): "
            "let --since lie before --until."
        )
    return Span(Window(start, end), fixed=bool(until))


def _lookback(text: str, end: datetime) -> timedelta:
    lookback = parse_duration(text, "--lookback")
    if lookback <= timedelta(0) or lookback > end - datetime(1970, 1, 1):
        raise UsageError(f"--lookback {text!r} is no useful window: write a duration such as 14d.")
    return lookback


def source(workspaces: Sequence[str], endpoint: str | None, cloud: str) -> Source:
    """Return where to read from; one word may hold several workspace ids, with commas between.

    Raises UsageError for a missing or malformed workspace id, and for plain http to another host.
    """
    workspaces = [each.strip() for word in workspaces for each in word.split(",") if each.strip()]
    if not workspaces:
        raise UsageError(
            "No workspace to read: give --workspace with the Workspace ID from the workspace's overview page, "
            "or set SIGNIN_TRIAGE_WORKSPACE."
        )
    for workspace in workspaces:
        if not _GUID.fullmatch(workspace):
            raise UsageError(
                f"--workspace {workspace!r} is no workspace id: it is the GUID named Workspace ID on the "
                "workspace's overview page, not its name."
            )
    if cloud not in CLOUDS:
        raise UsageError(f"--cloud {cloud!r} is none of {', '.join(CLOUDS)}.")
    unique = tuple(dict.fromkeys(workspace.lower() for workspace in workspaces))
    return Source(unique, _checked(endpoint or CLOUDS[cloud]), CLOUDS[cloud])


def _checked(endpoint: str) -> str:
    try:
        address = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
        known = address.scheme in ("http", "https") and address.hostname and (address.port or 1)
    except ValueError:  # brackets that do not close, a port that is no number
        known = False
    if not known:
        raise UsageError(f"--endpoint {endpoint!r} is no web address: write one such as {CLOUDS['public']}.")
    if address.scheme == "http" and not _LOOPBACK.fullmatch(address.hostname or ""):
        raise UsageError(
            f"--endpoint {endpoint!r} is plain http to another host, which would show the token to everybody on "
            "the way: write https."
        )
    return address.geturl().rstrip("/").removesuffix("/v1")


def webhook(url: str) -> str:
    """Return the address that ``--notify`` posts to, which is a secret itself and stands in no sentence.

    Raises UsageError where it is none, and for plain http to another host.
    """
    try:
        address = urlsplit(url.strip())
        known = address.scheme in ("http", "https") and address.hostname and (address.port or 1)
    except ValueError:
        known = False
    if not known or not url.strip().isascii() or not url.strip().isprintable() or " " in url.strip():
        raise UsageError("--notify is no web address: write the https address that the webhook was given.")
    if address.scheme == "http" and not _LOOPBACK.fullmatch(address.hostname or ""):
        raise UsageError(
            f"--notify to {address.hostname} is plain http, which everybody on the way reads: write https."
        )
    return url.strip()


def file_mode(text: str | None) -> int | None:
    """Return the mode that ``--mode`` gives the published file, as octal digits. Raises UsageError where it is none."""
    if text is None:
        return None
    if not re.fullmatch("0?[4-7][0-7]{2}", text.strip()):
        raise UsageError(
            f"--mode {text!r} is no mode of a file that its owner may read: write octal digits such as 0640."
        )
    return int(text, 8)


def database(path: Path) -> Path:
    """Return where the database file really lies. Raises UsageError where the path is a folder."""
    if path.is_dir():
        raise UsageError(f"--db {path} is a folder: name the file, such as {path / 'signins.duckdb'}.")
    return path.resolve()
