"""One run from its beginning to the published file: pull or import, land, analyze, report, publish, in that order.

Each function is a command of the program without its command line. What a step does is known only to its own room; here
is the order, and that a run which fails leaves the published file and the report folder as they were.
"""

from __future__ import annotations

import os
import pwd
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from pipeline import evidence, judge, land, people, pseudonyms, report, store, story, verdicts, views
from pipeline import explain as explaining
from pipeline.errors import UsageError, is_interrupt
from pipeline.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from pipeline.explain import Explanation
    from pipeline.pseudonyms import Pseudonyms
    from pipeline.pull import Progress
    from pipeline.report import Shape
    from pipeline.rules import Rule
    from pipeline.settings import Source, Span
    from pipeline.store import Publishing
    from pipeline.story import Story
    from pipeline.verdicts import Verdict


@dataclass(frozen=True)
class Analysis:
    """The story of a run that analyzed, and the rules that could not be evaluated, with the reason."""

    story: Story
    not_evaluable: dict[str, str]


def clock() -> datetime:
    """Return the clock's reading: naive, UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def nightly(
    db: Path,
    source: Source,
    span: Span,
    out: Path,
    rules: Sequence[Rule],
    watch: Callable[[Progress], None],
    how: Publishing = store.AS_BEFORE,
    names: Pseudonyms | None = None,
    shape: Shape = report.AS_USUAL,
) -> Analysis:
    """Do the whole job once: pull, land, analyze, report, publish."""
    begun = clock()
    report.require_folder(out)
    _ready_to_ask()
    with _telling_what_landed(watch) as watched, store.working(db) as work:
        pseudonyms.agree(work.con, db, names)
        _pull(work, source, span, begun, watched, names)
        analysis = _analyze(work.con, span, rules, begun)
        with report.staged(work.con, span.window, out, shape):
            store.publish(work, db, how)
    return analysis


def pull(
    db: Path,
    source: Source,
    span: Span,
    watch: Callable[[Progress], None],
    how: Publishing = store.AS_BEFORE,
    names: Pseudonyms | None = None,
) -> Story:
    """Bring the logs of the window into the database."""
    begun = clock()
    _ready_to_ask()
    with _telling_what_landed(watch) as watched, store.working(db) as work:
        pseudonyms.agree(work.con, db, names)
        _pull(work, source, span, begun, watched, names)
        with land.sparing(work.con):
            views.build(work.con, span.window.end, left=_of_analyses())
        told = _entered(work.con, span, begun)
        store.publish(work, db, how)
    return told


def analyze(
    db: Path,
    span: Span,
    rules: Sequence[Rule],
    how: Publishing = store.AS_BEFORE,
    names: Pseudonyms | None = None,
) -> Analysis:
    """Run the rules over what has landed."""
    begun = clock()
    with store.working(db, begin=False) as work:
        if names:
            pseudonyms.agree(work.con, db, names)
        analysis = _analyze(work.con, span, rules, begun)
        store.publish(work, db, how)
    return analysis


def analyze_lake(
    db: Path,
    lake: str,
    master: str | None,
    span: Span,
    rules: Sequence[Rule],
    tell: Callable[[str], None],
    how: Publishing = store.AS_BEFORE,
) -> Analysis:
    """Run the rules over a lake on Spark; the database gets incidents, causes, failures and what a report counts.

    ``tell`` hears how much came back. Raises UsageError where Spark is missing or the lake cannot be read.
    """
    from pipeline import spark
    from pipeline.spark import sessions

    begun = clock()
    with sessions.started(master) as session, store.working(db) as work:
        shelf = (work.scratch / "spark").absolute().as_uri() if sessions.is_local(master) else None
        with spark.opened(session, lake, span.window.end, work.con, shelf) as at:
            judgement = spark.judged(at, span.window.start, span.window.end, rules)
            with spark.counting(at):
                told = _entered(work.con, span, begun)
                for since_last in (False, True):  # what either report will ask, while there is somebody to answer
                    shape = report.Shape(since_last=since_last)
                    with report.staged(work.con, span.window, work.scratch / "report", shape):
                        pass
        came = ", ".join(f"{name} {count:,}" for name, count in sorted(at.brought.items()))
        tell(f"spark: {sum(at.brought.values()):,} rows came back ({came})")
        store.publish(work, db, how)
    return Analysis(told, dict(judgement.not_evaluable))


def write_report(
    db: Path, span: Span | None, out: Path, names: Pseudonyms | None = None, shape: Shape = report.AS_USUAL
) -> Story:
    """Write the report folder from the published file, over the last run's window unless one is given."""
    with store.reading(db) as con:
        if names:
            pseudonyms.agree(con, db, names)
        last = con.execute("SELECT since, until, run_id FROM runs ORDER BY started_at DESC, run_id LIMIT 1").fetchall()
        if span is None and not last:
            raise UsageError(
                f"{db} was never analyzed: run `signin-triage analyze` first, or give --since and --until."
            )
        window = span.window if span else Window(*last[0][:2])
        run_id = last[0][2] if last else ""
        with report.staged(con, window, out, shape):
            return story.tell(con, window, run_id, shape.since_last)


def explain(db: Path, incident: str) -> Explanation:
    """Explain one incident from the published file."""
    with store.reading(db) as con:
        return explaining.explain(con, incident)


def confirm(db: Path, incident: str, cause: str, note: str | None, how: Publishing = store.AS_BEFORE) -> Verdict:
    """Keep an analyst's verdict, in the name of the user whose process this is."""
    with store.reading(db) as con:
        verdicts.meant(con, incident, cause)  # a slip of the pen is told before the database is held and copied
    with store.working(db, begin=False) as work:
        verdict = verdicts.give(work.con, incident, cause, note, _user(), clock())
        store.publish(work, db, how)
    return verdict


def purge(db: Path, before: datetime, how: Publishing = store.AS_BEFORE) -> dict[str, int]:
    """Remove for good what happened before a moment (UTC); return how many rows of which table went.

    Raises UsageError for a moment that has not come yet: nothing would ever land again.
    """
    from pipeline import purge as purging

    if before > clock():
        raise UsageError(
            f"Everything before {before.isoformat()}Z would be purged, and that has not come yet: see --until."
        )
    with store.working(db, begin=False) as work:
        return purging.purge(work, db, before, how)


def _user() -> str:
    """Return the operating system's name for who runs this; no environment variable can make it another's."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user that no password file lists
        return str(os.getuid())


@contextmanager
def _telling_what_landed(watch: Callable[[Progress], None]) -> Iterator[Callable[[Progress], None]]:
    """Let a Ctrl-C say how many records had landed when it came."""
    records = 0

    def watched(progress: Progress) -> None:
        nonlocal records
        records = progress.records
        watch(progress)

    try:
        yield watched
    except BaseException as error:
        if is_interrupt(error):
            raise KeyboardInterrupt(
                f"Stopped: {records:,} new records had landed and are kept, nothing was published; run again to go on."
            ) from None
        raise


def _ready_to_ask() -> None:
    """Load what asks the service, a quarter of a second's work, while the database is opened."""
    ThreadPoolExecutor(1, thread_name_prefix="load").submit(import_module, "pipeline.logs")


def _pull(
    work: store.Workfile,
    source: Source,
    span: Span,
    begun: datetime,
    watch: Callable[[Progress], None],
    names: Pseudonyms | None,
) -> None:
    from pipeline import pull as pulling
    from pipeline.logs import LogAnalytics
    from pipeline.patience import Patience
    from pipeline.shelf import shelf

    ((purged,),) = work.con.execute('SELECT max("before") FROM purged').fetchall()
    start, end = max(span.window.start, purged or span.window.start), span.window.end
    if start >= end:
        return  # all that could be asked for was purged, and must not come back
    span = replace(span, window=Window(start, end))
    with (
        LogAnalytics(source) as service,
        land.sparing(work.con),
        people.disguising(work.con, names) as disguise,
        shelf(work.con, work.scratch, disguise) as ready,
    ):
        # The views of a new database take nearly a second, which nobody waits for while the first answers come.
        begin = partial(views.begin, left=_of_analyses())
        run = pulling.Run(work.con, ready, source.workspaces, span, begun, begin)
        pulling.pull(run, service, Patience(), watch)


def _of_analyses() -> tuple[str, ...]:
    """Return the stored views that whoever only lands leaves as the last analysis filled them."""
    return (*evidence.VIEWS, *views.kept_by_day())


def _analyze(con: duckdb.DuckDBPyConnection, span: Span, rules: Sequence[Rule], begun: datetime) -> Analysis:
    views.build(con, span.window.end, left=evidence.VIEWS)
    judgement = judge.judge(con, rules, span.window.start, span.window.end)
    return Analysis(_entered(con, span, begun), dict(judgement.not_evaluable))


def _entered(con: duckdb.DuckDBPyConnection, span: Span, begun: datetime) -> Story:
    """Enter the run into the ledger and tell its story."""
    run_id = f"{begun:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    told = story.tell(con, span.window, run_id)
    summary = told.summary
    con.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            run_id,
            begun,
            clock(),
            summary.status,
            span.window.start,
            span.window.end,
            summary.sign_ins,
            summary.failures,
            sum(summary.incidents.values()),
        ],
    )
    return told
