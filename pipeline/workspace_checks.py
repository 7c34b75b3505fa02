"""What the answers of a workspace say of it: whether it can be read, its tables, and what is switched on.

Nothing is asked here, and no token or header enters a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline import bodies
from pipeline.checks import Check, duration, fail, ok, warn
from pipeline.errors import PermissionRefused, ServiceUnavailable, UsageError
from pipeline.replies import Answer, Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOOKS_BACK = timedelta(days=30)
_QUIET = timedelta(days=1)
_QUIET_FOR = {
    "ADFSSignInLogs": timedelta(days=7),
    "IntuneAuditLogs": timedelta(days=7),
}  # few write to them
# The category of Entra's diagnostic settings that fills a table, and what is missed without it.
_NEEDED = {
    "SigninLogs": ("SignInLogs", "interactive sign-ins"),
    "AADNonInteractiveUserSignInLogs": ("NonInteractiveUserSignInLogs", "most silent failures"),
}
_READER = "give the identity the role Log Analytics Reader on the workspace (a new permission can take an hour)"


@dataclass(frozen=True)
class Reach:
    """How far the records of a table reach (UTC)."""

    records: int
    oldest: datetime
    newest: datetime


def judged(workspace: str, replies: Mapping[str, Answer | Refusal], now: datetime, prefix: str = "") -> Iterator[Check]:
    """Judge what a workspace said of each table, or of the first where that told enough; now is UTC."""
    name = f"workspace {workspace}"
    refused = {table: reply for table, reply in replies.items() if isinstance(reply, Refusal)}
    if refusal := _refused_whole(replies):
        yield _unreadable(name, refusal)
        return
    yield ok(name, f"answers for {sum(isinstance(reply, Answer) for reply in replies.values())} of our tables")
    reached = {table: reach for table, reply in replies.items() if (reach := _reach(reply))}
    for table, reply in replies.items():
        yield _table(f"{prefix}table {table}", table, reply, reached.get(table), now)
    unseen = {*refused} - {table for table, reply in refused.items() if reply.kind is Kind.ABSENT}
    yield _diagnostics(f"{prefix}diagnostic settings", {*reached} | unseen)
    yield _audit(f"{prefix}audit log", {*reached} | unseen)


def _refused_whole(replies: Mapping[str, Answer | Refusal]) -> Refusal | None:
    """Return the refusal for which nothing of the workspace can be read, if there is one."""
    refusals = [reply for reply in replies.values() if isinstance(reply, Refusal)]
    if len(replies) == 1:  # the others were not asked
        return refusals[0]
    forbidden = [refusal for refusal in refusals if refusal.kind is Kind.FORBIDDEN]
    if forbidden and len(refusals) == len(replies):
        return forbidden[0]
    return next((refusal for refusal in refusals if refusal.kind in (Kind.STALE, Kind.UNSIGNED)), None)


def _unreadable(name: str, refusal: Refusal) -> Check:
    detail = refusal.reason.rstrip(".")
    match refusal.kind:
        case Kind.FORBIDDEN:
            return fail(name, PermissionRefused.exit_code, detail, _READER)
        case Kind.NO_WORKSPACE:
            remedy = "give --workspace the Workspace ID of the workspace's overview page, and check --cloud"
            return fail(name, UsageError.exit_code, detail, remedy)
        case Kind.STALE | Kind.UNSIGNED:
            head, _, remedy = detail.rpartition(": ")
            return fail(name, PermissionRefused.exit_code, head, remedy)
        case Kind.UNTRUSTED:
            head, _, remedy = detail.rpartition(": ")
            return fail(name, ServiceUnavailable.exit_code, head, remedy)
        case Kind.BUSY:
            return fail(name, ServiceUnavailable.exit_code, detail, "run again later")
    return fail(name, ServiceUnavailable.exit_code, detail, "check --endpoint, the network and the proxy")


def _reach(reply: Answer | Refusal) -> Reach | None:
    """Return how far a table's records reach, None where it has none."""
    if isinstance(reply, Refusal) or reply.body is None:
        return None
    frame = bodies.framed(reply.body)
    if frame is None or frame.is_empty():
        return None
    row = frame.row(0, named=True)
    if not int(row["Records"] or 0):
        return None
    oldest, newest = (datetime.fromisoformat(row[name]).replace(tzinfo=None) for name in ("Oldest", "Newest"))
    return Reach(int(row["Records"]), oldest, newest)


def _table(name: str, table: str, reply: Answer | Refusal, reach: Reach | None, now: datetime) -> Check:
    if isinstance(reply, Refusal):
        match reply.kind:
            case Kind.ABSENT:
                return ok(name, "not in the workspace")
            case Kind.OTHER_PLAN:
                detail, _, remedy = reply.reason.partition(": ")
                return fail(name, 1, detail, remedy)
            case Kind.FORBIDDEN:
                return fail(name, 1, reply.reason, _READER + ", or a role that may read this table")
        return warn(name, f"not judged: {reply.reason}", "run again later")
    if reach is None:
        return ok(name, f"no record in the last {LOOKS_BACK.days} days")
    age, back = now - reach.newest, now - reach.oldest
    kept = f"at least {LOOKS_BACK.days} days" if back > LOOKS_BACK - timedelta(days=1) else duration(back)
    detail = f"{reach.records:,} records, newest {duration(age)} old, reaching back {kept}; Analytics plan"
    if age > _QUIET_FOR.get(table, _QUIET):
        return warn(name, detail, "check whether a diagnostic setting still sends this log to the workspace")
    return ok(name, detail)


def _diagnostics(name: str, seen: set[str]) -> Check:
    off = {category: missed for table, (category, missed) in _NEEDED.items() if table not in seen}
    if off:
        return warn(
            name,
            f"{' and '.join(off)} seem to be off: {' and '.join(off.values())} stay unseen",
            f"switch on {' and '.join(off)} in Entra's diagnostic settings, to this workspace",
        )
    return ok(name, "interactive and non-interactive sign-ins arrive")


def _audit(name: str, seen: set[str]) -> Check:
    if "AuditLogs" in seen:
        return ok(name, "there: changes can be named")
    remedy = "switch on AuditLogs in Entra's diagnostic settings, to this workspace"
    return warn(name, "no AuditLogs: no key or configuration change can be named", remedy)
