"""What `doctor` asks for: a token, how far each of our tables reaches in each workspace, and the service's clock.

One question a table, put as a run would put it; what the answers mean is judged in workspace_checks. Nothing lands, and
no token or header enters a sentence.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pipeline import pages, workspace_checks
from pipeline.checks import Check, duration, fail, ok, warn
from pipeline.errors import PermissionRefused, ServiceUnavailable
from pipeline.logs import LogAnalytics, SignedIn, sign_in
from pipeline.patience import Patience
from pipeline.replies import Answer, Kind, Refusal
from pipeline.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from pipeline.settings import Source

T = TypeVar("T")

SKEW = timedelta(minutes=2)
SIGN_IN_SECONDS = 30.0  # a chain of credentials tries one after another
SERVICE_SECONDS = 25.0
LOG_ANALYTICS_APP = "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"  # the query service's application id in every cloud
_PASSING = (Kind.BUSY, Kind.BROKEN, Kind.UNREACHABLE)


def signed_in(audience: str, now: datetime) -> Iterator[Check]:
    """Judge the credential and its token."""
    reply = _in_time(partial(sign_in, audience), SIGN_IN_SECONDS)
    if reply is None:
        reply = Refusal(Kind.UNREACHABLE, f"no credential answered within {SIGN_IN_SECONDS:.0f} seconds")
    if isinstance(reply, Refusal):
        detail, _, remedy = reply.reason.rpartition(": ")
        if reply.kind is Kind.UNSIGNED:
            yield fail("credential", PermissionRefused.exit_code, detail, remedy.rstrip("."))
        else:
            remedy = "check the network, the proxy and REQUESTS_CA_BUNDLE of this machine"
            yield fail("credential", ServiceUnavailable.exit_code, reply.reason, remedy)
        return
    yield ok("credential", f"found by {reply.credential}")
    yield _token(reply, audience, now)


def _token(token: SignedIn, audience: str, now: datetime) -> Check:
    left = token.expires_at - now
    lasting = f"valid for {duration(left)}" if left > timedelta(0) else f"expired for {duration(-left)}"
    if token.audience is None:
        said = f"asked for {audience} (it does not say its audience in the open)"
    elif token.audience.rstrip("/") in (audience, LOG_ANALYTICS_APP):
        said = f"for {token.audience}"
    else:
        return fail(
            "token",
            PermissionRefused.exit_code,
            f"for {token.audience}, not for {audience}",
            "check --cloud, and the resource for which the identity endpoint hands out tokens",
        )
    if left <= timedelta(0):
        remedy = "set this machine's clock, or sign in anew"
        return fail("token", PermissionRefused.exit_code, f"{said}, {lasting}", remedy)
    return ok("token", f"{said}, {lasting}")


def asked(source: Source, now: Callable[[], datetime]) -> Iterator[Check]:
    """Judge each workspace with its tables, and the clock by the first answer."""
    behind: list[timedelta] = []
    with LogAnalytics(source) as service:
        for workspace in source.workspaces:
            replies = _in_time(partial(_replies, service, workspace, now, behind), SERVICE_SECONDS)
            prefix = f"{workspace} " if len(source.workspaces) > 1 else ""
            if replies is None:
                replies = {pages.TABLES[0]: Refusal(Kind.SLOW, f"no answer within {SERVICE_SECONDS:.0f} seconds")}
            yield from workspace_checks.judged(workspace, replies, now(), prefix)
    yield _clock(behind)


def _replies(
    service: LogAnalytics, workspace: str, now: Callable[[], datetime], behind: list[timedelta]
) -> dict[str, Answer | Refusal]:
    """Ask every table of a workspace; only the first where that tells that the others would say the same."""
    end = now() + timedelta(days=1)  # a clock that is slow must not hide the newest records
    over = Window(end - workspace_checks.LOOKS_BACK - timedelta(days=1), end)
    patience = Patience(budget=SERVICE_SECONDS / 2, first_contact=SERVICE_SECONDS / 3)

    def ask(table: str) -> Answer | Refusal:
        tries = 0
        while True:
            reply = service.reach(workspace, table, over)
            if isinstance(reply, Answer):
                if reply.at:
                    behind.append(reply.at - now())
                return reply
            tries += 1
            contact = reply.kind is not Kind.UNREACHABLE
            if reply.kind not in _PASSING or not patience.wait_again(tries, reply.retry_after, contact):
                return reply
            patience.wait_turn()

    first, *others = pages.TABLES
    replies = {first: ask(first)}
    if isinstance(reply := replies[first], Answer) or reply.kind in (Kind.ABSENT, Kind.OTHER_PLAN, Kind.FORBIDDEN):
        with ThreadPoolExecutor(len(others)) as crew:
            replies |= dict(zip(others, crew.map(ask, others), strict=True))
    return replies


def _clock(behind: Sequence[timedelta]) -> Check:
    if not behind:
        return warn("clock", "not judged: no answer of the service says its time", "mend what fails above")
    skew = min(behind, key=abs)
    if abs(skew) > SKEW - timedelta(seconds=2):  # the header holds whole seconds, and comes a moment late
        direction = "behind" if skew > timedelta(0) else "ahead of"
        return warn(
            "clock", f"this machine's clock is {duration(abs(skew))} {direction} the service's", "let NTP set it"
        )
    return ok("clock", f"within {max(1, round(abs(skew).total_seconds()))} s of the service's")


def _in_time(work: Callable[[], T], seconds: float) -> T | None:
    """Do something that may hang, and return None where it takes longer; its thread then holds nobody up."""
    results: list[T] = []
    faults: list[BaseException] = []

    def do() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 it is raised below, in the thread that asked
            faults.append(error)

    worker = threading.Thread(target=do, name="doctor", daemon=True)
    worker.start()
    worker.join(seconds)
    if faults:
        raise faults[0]
    return results[0] if results else None
