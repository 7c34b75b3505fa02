"""What can go wrong between a client and the query API, on request.

A ``Fault`` says what happens to one request, a ``Schedule`` which requests it happens to. Schedules look at a request's
number and tables only, so the same run meets the same faults. Nothing here touches a socket: the server acts them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Kind = Literal[
    "answer_status",  # an error status with Azure's error body
    "reset_before_answer",  # the connection is reset and nothing was said
    "reset_in_body",  # the connection is reset in the middle of the body
    "cut_body",  # an orderly close in the middle of the announced body
    "cut_body_unannounced",  # the same without Content-Length: the cut shows in the JSON only
    "stall_in_body",  # half of the announced body, and then nothing for ``stalls`` seconds
    "malformed_json",  # a whole body that is not JSON
    "partial_error",  # 200 with half the rows and an error that is not about size
    "empty_body",  # 200 without a body
    "no_content",  # 204
    "delay",  # a whole and right answer, late
]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong with one request.

    ``status`` is for ``answer_status``, ``retry_after`` (seconds, or a date as HTTP writes it) for a 429 or 503,
    ``seconds`` is how long the server waits before it does anything, ``stalls`` how long it is silent within a body.
    """

    kind: Kind
    status: int = 503
    retry_after: int | str | None = None
    seconds: float = 0.0
    stalls: float = 0.0


@dataclass(frozen=True)
class Question:
    """A request as a schedule sees it.

    ``number`` counts all requests, ``nth`` those that name the same tables, both from 0.
    """

    number: int
    nth: int
    workspace_id: str
    tables: tuple[str, ...]
    query: str
    timespan: str | None


Schedule: TypeAlias = "Callable[[Question], Fault | None]"


def status(code: int, *, retry_after: int | None = None) -> Fault:
    """Answer with ``code`` and Azure's error body."""
    return Fault("answer_status", status=code, retry_after=retry_after)


def throttle(retry_after: int | None = None) -> Fault:
    """Answer 429, with or without saying when to come back."""
    return status(429, retry_after=retry_after)


def forbid() -> Fault:
    """Answer 403, as for a table that this identity may not read."""
    return status(403)


def unauthorized() -> Fault:
    """Answer 401, as for a token that has expired."""
    return status(401)


def in_turn(faults: Sequence[Fault | None]) -> Schedule:
    """Give each request, in order of arrival, its fault; those past the end get none."""
    return lambda question: faults[question.number] if question.number < len(faults) else None


def first(count: int, fault: Fault) -> Schedule:
    """Hit the first ``count`` requests, whatever they ask."""
    return lambda question: fault if question.number < count else None


def always(fault: Fault) -> Schedule:
    """Hit every request."""
    return lambda _: fault


def on_table(table: str, fault: Fault, *, times: int | None = None) -> Schedule:
    """Hit the requests that name ``table``: all of them, or the first ``times``, whatever happens to other tables."""

    def schedule(question: Question) -> Fault | None:
        return fault if table in question.tables and (times is None or question.nth < times) else None

    return schedule


def either(*schedules: Callable[[Question], Fault | None]) -> Schedule:
    """Take the first fault that one of ``schedules`` has for a request."""
    return lambda question: next((fault for schedule in schedules if (fault := schedule(question))), None)
