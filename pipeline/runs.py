"""One run from its beginning to the published file: pull or import, land, analyze, report, publish, in that order.

Each function is a command of the program without its command line. What a step does is known only to its own room; here
is the order, and that a run which fails leaves the published file and the report folder as they were.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import judge, land, report, store, story, views
from pipeline.errors import UsageError, is_interrupt
from pipeline.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from pipeline.pull import Progress
    from pipeline.rules import Rule
    from pipeline.settings import Source, Span
    from pipeline.story import Story


@dataclass(frozen=True)
class Analysis:
    """The story of a run that analyzed, and the rules that could not be evaluated, with the reason."""

    story: Story
    not_evaluable: dict[str, str]


@dataclass(frozen=True)
class Imported:
    """What became of the records of one file, or of all; read = landed + duplicates + rejected + skipped."""

    path: str
    form: str
    read: int = 0
    landed: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0


def clock() -> datetime:
    """Return the clock's reading: naive, UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def nightly(
    db: Path, source: Source, span: Span, out: Path, rules: Sequence[Rule], watch: Callable[[Progress], None]
) -> Analysis:
    """Do the whole job once: pull, land, analyze, report, publish."""
    begun = clock()
    report.require_folder(out)
    with _telling_what_landed(watch) as watched, store.working(db) as work:
        _pull(work, source, span, begun, watched)
        analysis = _analyze(work.con, span, rules, begun)
        with report.staged(work.con, span.window, out):
            store.publish(work, db)
    return analysis


def pull(db: Path, source: Source, span: Span, watch: Callable[[Progress], None]) -> Story:
    """Bring the logs of the window into the database."""
    begun = clock()
    with _telling_what_landed(watch) as watched, store.working(db) as work:
        _pull(work, source, span, begun, watched)
        views.build(work.con, span.window.end)
        told = _entered(work.con, span, begun)
        store.publish(work, db)
    return told


def analyze(db: Path, span: Span, rules: Sequence[Rule]) -> Analysis:
    """Run the rules over what has landed."""
    begun = clock()
    with store.working(db, begin=False) as work:
        analysis = _analyze(work.con, span, rules, begun)
        store.publish(work, db)
    return analysis


def write_report(db: Path, span: Span | None, out: Path) -> Story:
    """Write the report folder from the published file, over the last run's window unless one is given."""
    with store.reading(db) as con:
        last = con.execute("SELECT since, until, run_id FROM runs ORDER BY started_at DESC, run_id LIMIT 1").fetchall()
        if span is None and not last:
            raise UsageError(
                f"{db} was never analyzed: run `signin-triage analyze` first, or give --since and --until."
            )
        window = span.window if span else Window(*last[0][:2])
        run_id = last[0][2] if last else ""
        with report.staged(con, window, out):
            return story.tell(con, window, run_id)


def import_files(db: Path, paths: Sequence[Path], tick: Callable[[str], None]) -> list[Imported]:
    """Bring exported files into the same tables; ``tick`` hears how far it has come.

    Raises UsageError for a path that is missing or of no known form.
    """
    from pipeline import exports

    files = [(file, exports.form_of(file)) for file in exports.files(paths)]
    with store.working(db) as work:
        counts = [_import_file(work, file, form, tick) for file, form in files]
        views.build(work.con)
        store.publish(work, db)
    return counts


def in_all(counts: Sequence[Imported]) -> dict[str, Any]:
    """Return the object that ``import --format json`` prints."""
    fates = ("read", "landed", "duplicates", "rejected", "skipped")
    total: dict[str, Any] = {fate: sum(getattr(count, fate) for count in counts) for fate in fates}
    return total | {"files": [asdict(count) for count in counts]}


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


def _pull(work: store.Workfile, source: Source, span: Span, begun: datetime, watch: Callable[[Progress], None]) -> None:
    from pipeline import pull as pulling
    from pipeline.logs import LogAnalytics
    from pipeline.patience import Patience

    with LogAnalytics(source) as service:
        run = pulling.Run(work.con, work.scratch, source.workspaces, span, begun)
        pulling.pull(run, service, Patience(), watch)


def _analyze(con: duckdb.DuckDBPyConnection, span: Span, rules: Sequence[Rule], begun: datetime) -> Analysis:
    views.build(con, span.window.end)
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


def _import_file(work: store.Workfile, file: Path, form: str, tick: Callable[[str], None]) -> Imported:
    from pipeline import exports

    read = skipped = rejected = 0
    fate = land.Landed()
    work.con.execute("BEGIN")
    for batch in exports.read(file):
        read += batch.read
        skipped += batch.skipped
        rejected += len(batch.rejects)
        land.record_rejects(work.con, batch.rejects)
        for page in batch.pages:
            landed = land.land(work.con, page, work.scratch)
            if landed.rejected:
                land.record_rejects(work.con, land.unfit_records(work.con, page, str(file)))
            fate += landed
        tick(f"import: {file}: {read:,} records read")
    work.con.execute("COMMIT")
    return Imported(str(file), form, read, fate.landed, fate.duplicates, rejected + fate.rejected, skipped)
