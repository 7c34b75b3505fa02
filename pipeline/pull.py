"""What to ask of Log Analytics, in which windows, how often, and what to make of the answers.

Questions are windows of arrival time, handed out by lanes that size them from what came before. Several are under way
at once, and answers land meanwhile. The questions follow from the database, the window and the answers alone. How a
question is put is not known here.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.errors import PermissionRefused, ServiceUnavailable, TriageError, UsageError, is_interrupt
from pipeline.lanes import Lane, weight
from pipeline.ledger import Asked, record_owed
from pipeline.lots import Lots
from pipeline.pages import TABLES
from pipeline.replies import UNREADABLE, Answer, Kind, Refusal, at_the_limit
from pipeline.shelf import Shelved, clear
from pipeline.window import Window, hour_ceiling, hour_floor, hours, runs_of_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    import duckdb

    from pipeline.land import Landed
    from pipeline.logs import LogAnalytics
    from pipeline.patience import Patience
    from pipeline.settings import Span
    from pipeline.shelf import Shelf

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

    ``prepare`` is done in the database before anything lands, while the first answers are on their way.
    """

    con: duckdb.DuckDBPyConnection
    shelf: Shelf
    workspaces: Sequence[str]
    span: Span
    now: datetime
    prepare: Callable[[duckdb.DuckDBPyConnection], None] = lambda con: None


@dataclass(frozen=True)
class Read:
    """An answer whose records all lie ready; ``size`` (bytes) and ``at`` are as in Answer."""

    shelved: Shelved
    size: int
    at: datetime | None


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
    lots = Lots(run.con)
    readable = not any(lane.pending for lane in to_ask)
    forbidden = ""
    waiting: deque[tuple[Lane, Question]] = deque()
    under_way: dict[Future[tuple[Read | Refusal, int]], tuple[Lane, Question]] = {}
    crew = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ask")
    try:
        lots.prepare(run.prepare)
        while True:
            for lane in to_ask:
                if lane.idle:
                    waiting.extend((lane, Question(lane.workspace_id, lane.table, each)) for each in lane.next_round())
            # An answer counts as under way until it lies ready: the bodies in memory are bounded by them.
            while waiting and len(under_way) < AT_ONCE:
                lane, question = waiting.popleft()
                under_way[crew.submit(_ask, service, run, question, patience)] = lane, question
            if not under_way:
                break
            lots.advance()
            done, _ = wait(under_way, timeout=PULSE, return_when=FIRST_COMPLETED)
            if not done:
                for lane, _ in under_way.values():
                    watch(_progress(lane, to_ask, lots))
            for future in done:
                lane, question = under_way.pop(future)
                reply, tries = future.result()
                readable = readable or isinstance(reply, Read)
                hopeless = patience.spent() or (not readable and patience.worn())
                _settle(run, lane, replace(question, tries=tries), reply, hopeless, lots)
                if isinstance(reply, Refusal) and reply.kind is Kind.FORBIDDEN:
                    forbidden = reply.reason
                watch(_progress(lane, to_ask, lots))
        lots.finish()
    except BaseException as error:
        patience.give_up()
        if isinstance(error, TriageError) or is_interrupt(error):
            lots.stop(soon=is_interrupt(error))
            watch(_progress(to_ask[0], to_ask, lots))
        raise
    finally:
        patience.give_up()
        crew.shutdown(wait=False, cancel_futures=True)
        lots.close()
    if forbidden and not readable:
        raise PermissionRefused(
            f"No table could be read: {forbidden}; give the identity the role Log Analytics Reader on the "
            "workspace (a new permission can take an hour)."
        )
    return lots.landed


def _progress(lane: Lane, to_ask: Sequence[Lane], lots: Lots) -> Progress:
    whole = sum(each.share for each in to_ask) / len(to_ask)
    return Progress(lane.workspace_id, lane.table, lane.share, lane.rows, whole, lots.landed.landed)


def _owe(run: Run, to_ask: Sequence[Lane]) -> None:
    """Enter what is to be asked as not yet seen: it stands so wherever the run does not come to it."""
    run.con.execute("BEGIN")
    for lane in to_ask:
        for stretch in lane.pending:
            asked = Asked(lane.workspace_id, lane.table, stretch, _event(run), "incomplete", 0, _UNASKED)
            record_owed(run.con, asked, begun_before=run.now)
    run.con.execute("COMMIT")


def _settle(run: Run, lane: Lane, question: Question, reply: Read | Refusal, hopeless: bool, lots: Lots) -> None:
    """Keep an answer, or enter a refusal into the coverage; teach the lane. Raises for a refusal that ends the run.

    ``hopeless`` tells that the service had its time and has answered nothing: slow then means that it has given up.
    """
    if isinstance(reply, Read):
        _keep(run, lane, question, reply, lots)
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
    lots.refused(_refused(run, lane, question, reply), run.now)
    if reply.kind in (Kind.ABSENT, Kind.FORBIDDEN, Kind.OTHER_PLAN):
        for rest in lane.close():
            unasked = Question(lane.workspace_id, lane.table, rest)
            lots.refused(_refused(run, lane, unasked, reply), run.now)


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


def _ask(service: LogAnalytics, run: Run, question: Question, patience: Patience) -> tuple[Read | Refusal, int]:
    """Ask until there is an answer, a refusal that asking again does not change, or no patience left."""
    tries = 0
    reply: Read | Refusal = Refusal(Kind.BUSY, "the run ended before it was asked")
    while patience.wait_turn():
        tries += 1
        came = service.ask(question.workspace_id, question.table, question.arrival, run.span.window)
        reply = _read(run.shelf, question, came) if isinstance(came, Answer) else came
        if isinstance(reply, Read):
            patience.answered()
            break
        again = reply.kind in _PASSING or tries < _TRIES.get(reply.kind, 1)
        if reply.kind is Kind.SLOW and patience.worn():
            break
        if not again or not patience.wait_again(tries, reply.retry_after, reply.kind is not Kind.UNREACHABLE):
            break
    return reply, tries


def _read(shelf: Shelf, question: Question, answer: Answer) -> Read | Refusal:
    """Read the records of an answer, and lay them ready; refuse what turns out to be no answer."""
    shelved = shelf.put(question.workspace_id, question.table, answer.body) if answer.body else Shelved()
    if shelved is None:
        return UNREADABLE
    if refusal := at_the_limit(shelved.rows, answer.size):
        clear([shelved])
        return refusal
    return Read(shelved, answer.size, answer.at)


def _keep(run: Run, lane: Lane, question: Question, read: Read, lots: Lots) -> None:
    """Let an answer land with the next lot, and teach its lane."""
    # Hours that had not passed for the service are not settled, however far ahead the clock of this machine is.
    lots.add(_asked(run, lane, question, "complete", None), read.shelved, read.size, min(run.now, read.at or run.now))
    counts = {hour: count for hour, (count, _) in read.shelved.brought.items()}
    lane.answered(question.arrival, weight(read.shelved.rows, read.size), counts)


def _refused(run: Run, lane: Lane, question: Question, refusal: Refusal) -> Asked:
    status = "absent" if refusal.kind is Kind.ABSENT else "incomplete"
    return _asked(run, lane, question, status, refusal.reason)


def _asked(run: Run, lane: Lane, question: Question, status: str, note: str | None) -> Asked:
    return Asked(
        lane.workspace_id, lane.table, question.arrival, _event(run), status, question.tries, note, tuple(lane.cut)
    )


def _event(run: Run) -> Window:
    """Return the event times that the run asks for: what has not happened yet when it asks is not asked for."""
    return Window(run.span.window.start, min(run.span.window.end, run.now))
