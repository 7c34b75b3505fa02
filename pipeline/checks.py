"""What `doctor` finds: one check, how it went, and what to do about it.

A check that fails knows the exit code with which a run would end over it. Nothing is looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from pipeline.errors import TriageError


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; ``status`` is ok, warn or fail, ``code`` the exit code of a run that meets it."""

    check: str
    status: str
    detail: str
    remedy: str = ""
    code: int = 0

    def as_json(self) -> dict[str, str]:
        """Return what ``--format json`` prints of it."""
        return {"check": self.check, "status": self.status, "detail": self.detail, "remedy": self.remedy}


def ok(check: str, detail: str) -> Check:
    """Nothing to do."""
    return Check(check, "ok", detail)


def warn(check: str, detail: str, remedy: str) -> Check:
    """A run would be done, but with less than there could be, or not for long."""
    return Check(check, "warn", detail, remedy)


def fail(check: str, code: int, detail: str, remedy: str) -> Check:
    """A run would end with ``code``."""
    return Check(check, "fail", detail, remedy, code)


def failed(check: str, error: TriageError) -> Check:
    """Say what a run would: its sentence names the thing, and after a colon the remedy."""
    detail, _, remedy = " ".join(str(error).split()).partition(": ")
    return fail(check, error.exit_code, detail, remedy.rstrip("."))


def exit_code(checks: Sequence[Check]) -> int:
    """Return the exit code of a run that would meet these checks in their order.

    What a run could not see (1) never ends it, so anything else comes before that.
    """
    codes = [check.code for check in checks if check.status == "fail"]
    return next((code for code in codes if code > 1), max(codes, default=0))


def lines(checks: Sequence[Check]) -> list[str]:
    """Return the checks for people: aligned, a remedy below what needs one, and a count of them at the end."""
    width = max(len(check.check) for check in checks)
    told = []
    for check in checks:
        told.append(f"{check.status:<4}  {check.check:<{width}}  {check.detail}")
        if check.status != "ok":
            told.append(f"{'':<4}  {'':<{width}}  -> {check.remedy}")
    counts = [f"{sum(check.status == status for check in checks)} {status}" for status in ("ok", "warn", "fail")]
    return [*told, "", ", ".join(counts)]


def duration(length: timedelta) -> str:
    """Return how long something is, for people."""
    minutes = max(0, round(length.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"
