"""What to ask of Log Analytics, in which windows, how often, and what to make of the answers.

Questions are windows of arrival time, handed out by lanes that size them from what came before. Several are under way
at once; answers land in the one thread that owns the database. The questions follow from the database, the window and
the answers alone. How a question is put is not known here.
"""

from __future__ import annotations

import contextlib
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb

from pipeline.errors import PermissionRefused, ServiceUnavailable, TriageError, UsageError, is_interrupt
from pipeline.land import Landed
from pipeline.lanes import Lane, weight
from pipeline.ledger import Asked, record_asked, record_owed
from pipeline.lots import Lot
from pipeline.pages import TABLES
from pipeline.replies import Answer, Kind, Refusal
from pipeline.window import Window, hour_ceiling, hour_floor, hours, runs_of_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from pipeline.logs import LogAnalytics
    from pipeline.pages import Page
    from pipeline.patience import Patience
    from pipeline.settings import Span

PULSE = 5.0  # seconds after which whoever watches hears that a question is still under way
AT_ONCE = 5  # Analytics queries that the service runs at once for one user (azure-monitor-limits-log-queries)
# A record may become visible two hours after its ingestion_time(), so younger hours are asked again.
VISIBLE_AFTER = timedelta(hours=2)
# A record may arrive days after it happened (log-standard-columns rewrites TimeGenerated after two days).
LATEST_ARRIVAL = timedelta(days=3)
LONGEST_RETENTION = timedelta(days=12 * 366)  # nothing is kept longer (azure-monitor-limits-workspaces)

_UNASKED = "it was not asked, because the run ended before: run again"
_PASSING = (Kind.BUSY, Kind.BROKEN, Kind.UNREACHABLE)  # refusals that may be gone at the next try
_TRIES = {Kind.PARTIAL: 3, Kind.SLOW: 2, Kind.STALE: 3}  # and those that may be, but most likely will not


@dataclass(frozen=True)
class Question:
    """One window of one table of one workspace; ``tries`` counts the requests that it has taken so far."""

    workspace_id: str
    table: str
    arrival: Window
    tries: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a pull has come.

    ``share`` (0 to 1) of a table's hours is answered and brought ``rows``; of all tables ``whole`` is (0 to 1), and
    ``records`` of theirs were new.
    """

    workspace_id: str
    table: str
    share: float
    rows: int
    whole: float
    records: int


@dataclass(frozen=True)
class Run:
    """What stays the same during a pull: where to land, what to ask for, and the clock when it began (UTC).

    ``disguise`` makes of an answer's page the one that may land.
    """

    con: duckdb.DuckDBPyConnection
    scratch: Path
    workspaces: Sequence[str]
    span: Span
    now: datetime
    disguise: Callable[[Page], Page] = lambda page: page


def lanes(run: Run) -> list[Lane]:
    """Return what is to be asked: for each table every hour of arrival that is not settled for the run's window."""
    event = run.span.window
    last = hour_ceiling(event.end + LATEST_ARRIVAL if run.span.fixed else event.end)
    # What has not arrived yet by the clock is one question: it is almost always empty.
    present = min(last, max(hour_ceiling(run.now), hour_ceiling(event.end)))
    arrival = Window(hour_floor(max(event.start, event.end - LONGEST_RETENTION)), present)
    tail = Window(present, last) if present < last else None
    return [
        Lane(
            workspace,
            table,
            runs_of_hours(set(hours(arrival)) - _settled(run, workspace, table)),
            tail,
            width=AT_ONCE,
        )
        for workspace in run.workspaces
        for table in TABLES
    ]


def _settled(run: Run, workspace: str, table: str) -> set[datetime]:
    """Return the hours that an earlier run asked for whole, late enough, and for all that this run's window holds."""
    rows = run.con.execute(
        """
        SELECT CAST(date_trunc('hour', asked_from) AS TIMESTAMP) AS hour
        FROM asked
        WHERE workspace_id = $workspace AND source_table = $table
        GROUP BY hour
        HAVING sum(date_diff('second', asked_from, asked_to)) = 3600
            AND bool_and(status = 'complete')
            AND bool_and(until >= asked_to + $visible_after)
            AND bool_and(since <= $since OR asked_from >= since + $latest_arrival)
        """,
        {
            "workspace": workspace,
            "table": table,
            "since": run.span.window.start,
            "visible_after": VISIBLE_AFTER,
            "latest_arrival": LATEST_ARRIVAL,
        },
    ).fetchall()
    return {hour for (hour,) in rows}


def pull(run: Run, service: LogAnalytics, patience: Patience, watch: Callable[[Progress], None]) -> Landed:
    """Ask every question of the run and land every answer, a lot at a time; what has landed is kept, whatever comes.

    Raises PermissionRefused where nothing could be read, ServiceUnavailable where the service cannot be reached, gives
    up, or does not understand a query, and UsageError for a workspace that does not exist.
    """
    to_ask = lanes(run)
    _owe(run, to_ask)
    records, lot = Landed(), Lot(run.scratch)
    readable = not any(lane.pending for lane in to_ask)
    forbidden = ""
    waiting: deque[tuple[Lane, Question]] = deque()
    under_way: dict[Future[tuple[Answer | Refusal, int]], tuple[Lane, Question]] = {}
    crew = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ask")
    try:
        while True:
            for lane in to_ask:
                if lane.idle:
                    waiting.extend((lane, Question(lane.workspace_id, lane.table, each)) for each in lane.next_round())
            # An answer counts as under way until it lies ready on disk: what is in memory is bounded by them.
            while waiting and len(under_way) < AT_ONCE:
                lane, question = waiting.popleft()
                under_way[crew.submit(_ask, service, question, run.span.window, patience)] = lane, question
            if not under_way:
                break
            if lot.is_due:  # whoever is asked meanwhile does not wait for it
                records += lot.land(run.con)
            done, _ = wait(under_way, timeout=PULSE, return_when=FIRST_COMPLETED)
            if not done:
                for lane, _ in under_way.values():
                    watch(_progress(lane, to_ask, records))
            for future in done:
                lane, question = under_way.pop(future)
                reply, tries = future.result()
                readable = readable or isinstance(reply, Answer)
                hopeless = patience.spent() or (not readable and patience.worn())
                _settle(run, lane, replace(question, tries=tries), reply, hopeless, lot)
                if isinstance(reply, Refusal) and reply.kind is Kind.FORBIDDEN:
                    forbidden = reply.reason
                watch(_progress(lane, to_ask, records))
        records += lot.land(run.con)
    except BaseException as error:
        patience.give_up()
        # What has come is kept, unless somebody would have to wait for it.
        if isinstance(error, TriageError) or (is_interrupt(error) and lot.is_small):
            with contextlib.suppress(duckdb.Error):  # of a transaction that was interrupted
                records += lot.land(run.con)
                watch(_progress(to_ask[0], to_ask, records))
        raise
    finally:
        patience.give_up()
        crew.shutdown(wait=False, cancel_futures=True)
    if forbidden and not readable:
        raise PermissionRefused(
            f"No table could be read: {forbidden}; give the identity the role Log Analytics Reader on the "
            "workspace (a new permission can take an hour)."
        )
    return records


def _progress(lane: Lane, to_ask: Sequence[Lane], records: Landed) -> Progress:
    whole = sum(each.share for each in to_ask) / len(to_ask)
    return Progress(lane.workspace_id, lane.table, lane.share, lane.rows, whole, records.landed)


def _owe(run: Run, to_ask: Sequence[Lane]) -> None:
    """Enter what is to be asked as not yet seen: it stands so wherever the run does not come to it."""
    run.con.execute("BEGIN")
    for lane in to_ask:
        for stretch in lane.pending:
            asked = Asked(lane.workspace_id, lane.table, stretch, _event(run), "incomplete", 0, _UNASKED)
            record_owed(run.con, asked, begun_before=run.now)
    run.con.execute("COMMIT")


def _settle(run: Run, lane: Lane, question: Question, reply: Answer | Refusal, hopeless: bool, lot: Lot) -> None:
    """Keep an answer, or enter a refusal into the coverage; teach the lane. Raises for a refusal that ends the run.

    ``hopeless`` tells that the service had its time and has answered nothing: slow then means that it has given up.
    """
    if isinstance(reply, Answer):
        _keep(run, lane, question, reply, lot)
        return
    if reply.kind in _FATAL:
        raise _FATAL[reply.kind](_sentence(question, reply))
    if reply.kind in (Kind.TOO_LARGE, Kind.SLOW):
        if reply.kind is Kind.SLOW and hopeless:
            raise ServiceUnavailable(_sentence(question, reply))
        if lane.too_large(question.arrival, weight(reply.rows, reply.size)):
            lane.cut.append((question.arrival, question.tries))
            return
        if reply.kind is Kind.SLOW and not lane.has_answered:
            raise ServiceUnavailable(_sentence(question, reply))
    else:
        lane.failed(question.arrival)
    _record(run, lane, question, reply)
    if reply.kind in (Kind.ABSENT, Kind.FORBIDDEN, Kind.OTHER_PLAN):
        for rest in lane.close():
            _record(run, lane, Question(lane.workspace_id, lane.table, rest), reply)


# Refusals that end a run, and the error that tells the user.
_FATAL: dict[Kind, type[TriageError]] = {
    Kind.MISTAKEN: ServiceUnavailable,
    Kind.BUSY: ServiceUnavailable,
    Kind.BROKEN: ServiceUnavailable,
    Kind.UNREACHABLE: ServiceUnavailable,
    Kind.UNTRUSTED: ServiceUnavailable,
    Kind.STRANGE: ServiceUnavailable,
    Kind.UNSIGNED: PermissionRefused,
    Kind.STALE: PermissionRefused,
    Kind.NO_WORKSPACE: UsageError,
}


def _sentence(question: Question, refusal: Refusal) -> str:
    tries = f"{question.tries} {'try' if question.tries == 1 else 'tries'}"
    match refusal.kind:
        case Kind.UNTRUSTED | Kind.UNSIGNED | Kind.STALE:
            return refusal.reason
        case Kind.NO_WORKSPACE:
            return (
                f"Workspace {question.workspace_id} does not exist ({refusal.reason}): check --workspace and --cloud."
            )
        case Kind.STRANGE:
            return f"No Log Analytics answers at the endpoint: {refusal.reason}; check --endpoint."
        case Kind.MISTAKEN:
            return f"{question.table} could not be read: {refusal.reason}; the workspace and our query do not fit."
        case Kind.UNREACHABLE:
            return f"Gave up after {tries}: {refusal.reason}; check --endpoint and the network, then run again."
    return f"Gave up on {question.table} after {tries}: {refusal.reason}; what had landed is kept, run again to go on."


def _ask(service: LogAnalytics, question: Question, event: Window, patience: Patience) -> tuple[Answer | Refusal, int]:
    """Ask until there is an answer, a refusal that asking again does not change, or no patience left."""
    tries = 0
    reply: Answer | Refusal = Refusal(Kind.BUSY, "the run ended before it was asked")
    while patience.wait_turn():
        tries += 1
        reply = service.ask(question.workspace_id, question.table, question.arrival, event)
        if isinstance(reply, Answer):
            patience.answered()
            break
        again = reply.kind in _PASSING or tries < _TRIES.get(reply.kind, 1)
        if reply.kind is Kind.SLOW and patience.worn():
            break
        if not again or not patience.wait_again(tries, reply.retry_after, reply.kind is not Kind.UNREACHABLE):
            break
    return reply, tries


def _keep(run: Run, lane: Lane, question: Question, answer: Answer, lot: Lot) -> None:
    """Lay an answer ready to land, and teach its lane."""
    page = run.disguise(answer.page) if answer.page is not None and answer.rows else None
    # Hours that had not passed for the service are not settled, however far ahead the clock of this machine is.
    settled_before = min(run.now, answer.at or run.now)
    asked = _asked(run, lane, question, "complete", None)
    counts = lot.add(run.con, asked, page, answer.size, settled_before)
    lane.answered(question.arrival, weight(answer.rows, answer.size), counts)


def _record(run: Run, lane: Lane, question: Question, refusal: Refusal) -> None:
    status = "absent" if refusal.kind is Kind.ABSENT else "incomplete"
    run.con.execute("BEGIN")
    record_asked(run.con, _asked(run, lane, question, status, refusal.reason), {}, begun_before=run.now)
    run.con.execute("COMMIT")


def _asked(run: Run, lane: Lane, question: Question, status: str, note: str | None) -> Asked:
    return Asked(
        lane.workspace_id, lane.table, question.arrival, _event(run), status, question.tries, note, tuple(lane.cut)
    )


def _event(run: Run) -> Window:
    """Return the event times that the run asks for: what has not happened yet when it asks is not asked for."""
    return Window(run.span.window.start, min(run.span.window.end, run.now))
