"""What the query service replied, read from status, headers and body: an answer, or a refusal of a named kind.

How a question is put, and whether to put it again, is not known here: neither azure nor the network enters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from pipeline import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.bodies import Body

ROW_LIMIT = 500_000  # rows of one answer, azure-monitor-docs service limits
# How the engine says that an answer grew too large or too costly (Kusto query limits).
_SIZE = re.compile(
    r"TOO_LARGE|too large|RUNAWAY|exceed\w* (?:the )?(?:set |allowed |maximum |internal )*"
    r"(?:limit|size|record|row|budget)",
    re.IGNORECASE,
)
# How the service refuses a table that is not on the Analytics plan: its error's code, or words of older messages.
_OTHER_PLAN = re.compile(r"UnsupportedApiQueryValidationError|(?:Basic|Auxiliary) Logs? (?:table|plan)", re.IGNORECASE)
_UNRESOLVED = re.compile(r"(?:Failed to resolve .*?|Unknown function: ?)['\"](\w+)['\"]", re.IGNORECASE)
_QUOTED = re.compile(r"['\"](\w+)['\"]")


class Kind(Enum):
    """Why a query was refused; the value is the word for it in a note."""

    ABSENT = "absent"  # the workspace has no such table
    OTHER_PLAN = "other plan"  # it has, on a plan of which this service answers nothing
    MISTAKEN = "mistaken"  # the query names what the workspace does not know
    TOO_LARGE = "too large"  # ask for less
    SLOW = "slow"  # ask again, and if that does not help for less
    BUSY = "busy"  # ask again later
    BROKEN = "broken"  # the answer did not arrive whole
    PARTIAL = "partial"  # the service itself says that it did not answer whole, for another reason than size
    UNREACHABLE = "unreachable"  # there was no answer
    UNTRUSTED = "untrusted"  # somebody answered whom this machine does not trust
    UNSIGNED = "unsigned"  # there is no token
    STALE = "stale"  # the token was not accepted; the next question brings a new one
    FORBIDDEN = "forbidden"  # the token may not read this
    NO_WORKSPACE = "no workspace"  # no such workspace
    STRANGE = "strange"  # whoever answered is no Log Analytics


@dataclass(frozen=True)
class Refusal:
    """No records, and why.

    ``reason`` is a sentence for people, ``retry_after`` the seconds that the service asked for; ``rows`` and ``size``
    (bytes) are what an answer held that was cut for its size.
    """

    kind: Kind
    reason: str
    retry_after: float | None = None
    rows: int = 0
    size: int = 0


UNREADABLE = Refusal(Kind.BROKEN, "the answer broke off or was no JSON")


@dataclass(frozen=True)
class Answer:
    """All records of a window, as their bytes: whoever reads them may find that it is no answer (UNREADABLE).

    ``body`` is None where there was nothing at all, ``size`` its bytes, ``at`` the service's own clock when it answered
    (UTC): this machine's may be wrong.
    """

    body: Body | None
    size: int = 0
    at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Head:
    """What stands above the body of a reply; header names are those of HTTP, in whatever case the mapping takes."""

    status: int
    reason: str
    headers: Mapping[str, str]


def understood(head: Head, content: bytes, table: str) -> Answer | Refusal:
    """Return what a reply to a question about a table means."""
    at = _date(head.headers.get("Date"))
    if head.status == 204 or (head.status == 200 and not content.strip()):
        return Answer(None, at=at)
    if head.status != 200:
        return _refused(head, bodies.json_object(content), table)
    body = bodies.opened(content)
    if body is None:
        return UNREADABLE
    if error := body.said.get("error"):
        return _cut_short(body, " ".join(_messages(error)))
    return Answer(body, len(content), at)


def at_the_limit(rows: int, size: int) -> Refusal | None:
    """Refuse an answer of so many rows and bytes where it reached the service's limit of rows: there may be more."""
    if rows < ROW_LIMIT:
        return None
    return Refusal(Kind.TOO_LARGE, "the answer reached the service's limit of rows", rows=rows, size=size)


def _cut_short(body: Body, said: str) -> Refusal:
    frame = bodies.framed(body)
    if frame is None:
        return UNREADABLE
    if _SIZE.search(said):
        reason = "the answer was cut at a limit of the service"
        return Refusal(Kind.TOO_LARGE, reason, rows=frame.height, size=len(body.content))
    return Refusal(Kind.PARTIAL, f"the service answered only in part: {shortened(said)}")


def _refused(head: Head, body: dict[str, Any], table: str) -> Refusal:
    status = head.status
    error = body.get("error") if isinstance(body.get("error"), dict) else {}
    said = " ".join(_messages(error)) or head.reason or "no reason given"
    if status == 400:
        if _OTHER_PLAN.search(said):
            return Refusal(
                Kind.OTHER_PLAN,
                "the table is on the Basic or Auxiliary plan, which cannot be queried so: switch it to the Analytics "
                "plan, or export it and use `signin-triage import`",
            )
        if _names_missing_table(said, table):
            return Refusal(Kind.ABSENT, f"the workspace has no table {table}")
        unknown = ", ".join(dict.fromkeys(_UNRESOLVED.findall(said)))
        reason = f"the workspace does not know {unknown}" if unknown else f"the service says {shortened(said)}"
        return Refusal(Kind.MISTAKEN, reason)
    if status == 401:
        return Refusal(
            Kind.STALE,
            f"The service did not accept the token ({shortened(said)}): check --cloud and the identity, or `az login`.",
        )
    if status == 403:
        return Refusal(Kind.FORBIDDEN, f"the identity may not read it: {shortened(said)}")
    if status == 404 and error:
        return Refusal(Kind.NO_WORKSPACE, f"the service knows no such workspace: {shortened(said)}")
    if status == 413:
        return Refusal(Kind.TOO_LARGE, "the service refused an answer of its size")
    if status == 504:
        return Refusal(Kind.SLOW, "the service ran out of time on it (504)")
    if status == 429:
        return Refusal(Kind.BUSY, "the service asked for patience (429)", _pause(head.headers))
    if status in (408, 500, 502, 503):
        return Refusal(Kind.BUSY, f"the service failed with status {status}", _pause(head.headers))
    return Refusal(Kind.STRANGE, f"it answered with status {status} ({shortened(said)})")


def _names_missing_table(said: str, table: str) -> bool:
    """Tell a refusal that names the missing table from one that names a missing column or function."""
    unresolved = _UNRESOLVED.findall(said) or _QUOTED.findall(said)
    return bool(unresolved) and set(unresolved) == {table}


def _messages(error: Any) -> Iterator[str]:
    """Yield codes and messages of an error, outermost first."""
    if isinstance(error, dict):
        yield from (str(error[key]) for key in ("code", "message") if error.get(key))
        yield from _messages(error.get("innererror"))
        for detail in error.get("details") or ():
            yield from _messages(detail)


def _pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, given in seconds or as a date (RFC 9110, section 10.2.3).

    A date is held against that of the answer itself, where it has one: this machine's clock may be off.
    """
    asked = (headers.get("Retry-After") or "").strip()
    if asked.isdigit():
        return float(asked)
    until = _date(asked)
    if until is None:
        return None
    now = _date(headers.get("Date")) or datetime.now(UTC).replace(tzinfo=None)
    return max((until - now).total_seconds(), 0.0)


def _date(header: str | None) -> datetime | None:
    """Return the date of a header in UTC, naive, or None where there is none to be read."""
    try:
        read = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read


def shortened(text: str, most: int = 200) -> str:
    """Return a text as one line of at most ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
