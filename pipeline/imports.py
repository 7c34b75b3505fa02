"""One import from paths to the published file: all of what they hold, or, where anything cannot be read, nothing.

Here is the order, and what becomes of each record. How files are read, how records land, and what is remembered of a
file, is other rooms' business.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import evidence, exports, imported_files, land, people, pseudonyms, sources, store, usual, views
from pipeline.ahead import ahead
from pipeline.errors import UsageError, is_interrupt
from pipeline.forms import TRIED
from pipeline.forms.bench import bench
from pipeline.forms.sheet import Mark
from pipeline.imported_files import FATES, Imported
from pipeline.pages import Reject, event_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.forms import Form
    from pipeline.forms.bench import Bench
    from pipeline.pages import Page
    from pipeline.pseudonyms import Pseudonyms
    from pipeline.sources import Source
    from pipeline.store import Publishing

_RESUMED = ("ndjson", "csv")  # forms whose records stand one after the other, so that more may follow


@dataclass(frozen=True)
class Progress:
    """How far an import has come: the file at hand, the share of all bytes that were read, and the records."""

    file: str
    share: float
    records: int


@dataclass(frozen=True)
class Outcome:
    """What became of all files, and the files in folders and archives that were passed over as of no known form."""

    files: tuple[Imported, ...]
    passed_over: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``import --format json`` prints."""
        total: dict[str, Any] = {fate: sum(getattr(file, fate) for file in self.files) for fate in FATES}
        return total | {"files": [asdict(file) for file in self.files], "passed_over": list(self.passed_over)}

    @property
    def incomplete(self) -> bool:
        """Whether an answer that was only partial brought records."""
        return any(file.partial and file.read > file.skipped for file in self.files)


@dataclass(frozen=True)
class Asked:
    """How files are to be read.

    ``day_first`` says whether the day comes first in dates, None that they must prove it; ``strict`` that no record may
    be set aside; ``workspace`` whose the records are that name no workspace.
    """

    day_first: bool | None = None
    strict: bool = False
    workspace: str | None = None


def import_files(
    db: Path,
    paths: Sequence[Path],
    tick: Callable[[Progress], None],
    how: Publishing = store.AS_BEFORE,
    names: Pseudonyms | None = None,
    asked: Asked = Asked(),
) -> Outcome:
    """Bring exported files into the same tables.

    Raises UsageError, and lands nothing, for a path that is missing or of no known form, for what cannot be read, and
    if ``asked`` strictly for a record that cannot become a row.
    """
    recognised, passed_over = _recognised(paths)
    with store.working(db) as work, bench(work.scratch) as table:
        pseudonyms.agree(work.con, db, names)
        with land.sparing(work.con), _telling_that_nothing_landed():
            work.con.execute("BEGIN")
            with people.disguising(work.con, names) as disguise:
                run = _Run(work, table, disguise, names, tick, asked, _shares([source for source, _ in recognised]))
                files = [each for source, form in recognised if (each := run.imported(source, form))]
                work.con.execute("COMMIT")
        views.build(work.con, left=evidence.VIEWS)
        store.publish(work, db, how)
    return Outcome(tuple(files), (*passed_over, *run.passed_over))


def survey(paths: Sequence[Path], tick: Callable[[Progress], None], asked: Asked = Asked()) -> Outcome:
    """Say what an import into an empty database would bring, but for records that stand twice. Nothing is written."""
    recognised, passed_over = _recognised(paths)
    files: list[Imported] = []
    left: list[str] = []
    shares = _shares([source for source, _ in recognised])
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as table:
        for source, form in recognised:
            counts = Imported(source.name, form.name, origin=form.origin, status="dry run")
            try:
                for batch in exports.read(table, source, form, day_first=asked.day_first):
                    _refuse(asked, batch.rejects)
                    counts = _with(counts, batch)
                    counts = replace(counts, landed=counts.landed + sum(page.frame.height for page in batch.pages))
                    tick(Progress(source.name, shares[source.key][0], counts.read))
            except exports.NamesNoTable:
                if source.named:
                    raise
                left.append(source.name)
            else:
                files.append(counts)
    return Outcome(tuple(files), (*passed_over, *left))


@contextlib.contextmanager
def _telling_that_nothing_landed() -> Iterator[None]:
    """Let a Ctrl-C say what is true of an import: what it had landed is taken back."""
    try:
        yield
    except BaseException as error:
        if is_interrupt(error):
            raise KeyboardInterrupt("Stopped: nothing of this import has landed, and nothing was published.") from None
        raise


def _recognised(paths: Sequence[Path]) -> tuple[list[tuple[Source, Form]], list[str]]:
    """Return the sources with their forms, and the names of those in folders and archives that have none."""
    found = [(source, exports.form_of(source)) for source in sources.found(paths)]
    for source, form in found:
        if form is None and source.named:
            raise exports.unknown(source)
    known = [(source, form) for source, form in found if form is not None]
    if not known:
        raise UsageError(
            f"{' and '.join(map(str, paths))} holds no file of a known form (tried: {TRIED}): name another."
        )
    return known, [source.name for source, form in found if form is None]


def _shares(found: Sequence[Source]) -> dict[str, tuple[float, float]]:
    """Return for each source which share of all bytes lies before it, and behind it."""
    sizes = [max(source.size(), 1) / _members(source, found) for source in found]
    total, before, shares = sum(sizes), 0.0, {}
    for source, size in zip(found, sizes, strict=True):
        shares[source.key] = (before / total, (before + size) / total)
        before += size
    return shares


def _members(source: Source, found: Sequence[Source]) -> int:
    return sum(each.path == source.path for each in found) if source.members else 1


def _with(counts: Imported, batch: exports.Batch) -> Imported:
    """Count what a batch read, if not yet what became of its records."""
    rows = Counter(counts.tables)
    rows.update(batch.laid.rows if batch.laid else {page.table: page.frame.height for page in batch.pages})
    times = [_times(page) for page in batch.pages] + ([batch.laid.times] if batch.laid and batch.laid.times else [])
    first, last = counts.first, counts.last
    for begin, end in times:
        first, last = min(first or begin, begin), max(last or end, end)
    return replace(
        counts,
        read=counts.read + batch.read,
        rejected=counts.rejected + len(batch.rejects),
        skipped=counts.skipped + batch.skipped,
        tables=dict(rows),
        first=first,
        last=last,
        unfinished=counts.unfinished or batch.unfinished,
        partial=batch.partial or counts.partial,
    )


def _times(page: Page) -> tuple[str, str]:
    """Return when the first and the last record of a page happened."""
    import polars as pl

    columns = [name for name in re.findall("[A-Z][A-Za-z]+", event_time(page.table)) if name in page.frame.columns]
    happened = page.frame.select(pl.coalesce(columns).alias("at")).get_column("at")
    first, last = happened.sort().dt.to_string("%Y-%m-%dT%H:%M:%SZ").gather([0, -1])
    return str(first), str(last)


def _refuse(asked: Asked, rejects: Sequence[Reject]) -> None:
    if asked.strict and rejects:
        first = rejects[0]
        raise UsageError(
            f"{first.file} line {first.line} {first.reason}, so nothing was imported: mend it, or leave --strict out."
        )


@dataclass
class _Run:
    """An import at work, within the one transaction in which all of it lands."""

    work: store.Workfile
    table: Bench
    disguise: Callable[[Page], Page]
    names: Pseudonyms | None
    tick: Callable[[Progress], None]
    asked: Asked
    shares: dict[str, tuple[float, float]]
    passed_over: list[str] = field(default_factory=list)
    records: int = 0

    def imported(self, source: Source, form: Form) -> Imported | None:
        """Import one source; None where it lies in a folder and says nowhere what its records are."""
        con = self.work.con
        size = source.size()
        known = imported_files.known(con, source)
        counts, begin = Imported(source.name, form.name, origin=form.origin), Mark()
        if known and source.spool is None:
            state = imported_files.state_of(source, known, size)
            if state == "unchanged":
                _refuse(self.asked, imported_files.standing_rejects(con, known))
                return imported_files.remembered(known, source.name, state)
            if state == "grown" and known.end is not None and form.name in _RESUMED and source.encoding_is_utf8():
                counts, begin = imported_files.remembered(known, source.name, "continued"), known.end
        if not begin.bytes:
            con.execute("DELETE FROM import_rejects WHERE file IN ($1, $2)", [source.name, known.file if known else ""])
        end: Mark | None = None
        beside = ThreadPoolExecutor(1)  # not waited for by whoever is stopped
        digest = beside.submit(imported_files.sha256_of, source, size) if source.spool is None else None
        try:
            finish = usual.laid if self.names is None else None  # pseudonyms are given to cells of text
            reading = exports.read(self.table, source, form, begin, size, self.asked.day_first, finish)
            for batch in ahead(reading):
                _refuse(self.asked, batch.rejects)
                counts = self._landed(batch, _with(replace(counts, unfinished=False), batch))
                end = batch.end
                before, behind = self.shares[source.key]
                done = end.bytes / size if end and size and source.plain else 0.0
                self.tick(Progress(source.name, before + (behind - before) * done, self.records))
        except exports.NamesNoTable:
            if source.named:
                raise
            self.passed_over.append(source.name)
            return None
        finally:
            beside.shutdown(wait=False)
        if digest is not None:
            imported_files.enter(con, source, size, digest.result(), end or (begin if begin.bytes else None), counts)
        return counts

    def _landed(self, batch: exports.Batch, counts: Imported) -> Imported:
        con = self.work.con
        land.record_rejects(con, batch.rejects)
        self.records += batch.read
        fates = land.Landed()
        for page in batch.pages:
            fate = land.land(con, self.disguise(_in_workspace(page, self.asked.workspace)), self.work.scratch)
            if fate.rejected:
                land.record_rejects(con, unfit := land.unfit_records(con, page, counts.path))
                _refuse(self.asked, unfit)
            fates += fate
        if batch.laid:
            workspace = self.asked.workspace.lower() if self.asked.workspace is not None else None
            for table in batch.laid.rows:
                fates += land.land_records(con, table, usual.records(batch.laid, table, workspace))
            batch.laid.file.unlink()
        return replace(
            counts,
            landed=counts.landed + fates.landed,
            duplicates=counts.duplicates + fates.duplicates,
            rejected=counts.rejected + fates.rejected,
            skipped=counts.skipped + fates.skipped,
        )


def _in_workspace(page: Page, workspace: str | None) -> Page:
    """Return a page whose records are of a workspace if they name none themselves."""
    import polars as pl

    if workspace is None:
        return page
    named = [pl.when(pl.col("TenantId") != "").then("TenantId")] if "TenantId" in page.frame.columns else []
    return replace(page, frame=page.frame.with_columns(TenantId=pl.coalesce(*named, pl.lit(workspace.lower()))))
