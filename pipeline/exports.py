"""Files written by other systems, as the same pages that the query client gives.

This is where the records of a source get their table and their times, and where it is said which of them cannot become
a row. Nothing here lands, prints or asks the network; how a form is taken apart is the business of `forms`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline import forms, moments
from pipeline.errors import UsageError
from pipeline.forms.columns import EVENT_TYPES, NAMED_TABLE, TABLE_OF, TIMES
from pipeline.forms.sheet import BEGINNING, Mark
from pipeline.pages import PLACE, SIGN_IN_TABLES, TABLES, Page, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from pipeline.forms.bench import Bench
    from pipeline.forms.lines import Finish
    from pipeline.forms.sheet import Laid, Sheet
    from pipeline.sources import Source

_FOREIGN = ""  # a table, but none of ours
_INTUNE = "IntuneAuditLogs"
_MOMENTS = (*TIMES, "IngestedAt")
NOTHING = ["(blank)", "<null>", "NaN", "nan"]  # what exports write into a cell that is empty
CODES = ("ResultType", "AutonomousSystemNumber")  # whole numbers that a spreadsheet or a frame made fractions of


class NamesNoTable(UsageError):
    """Nothing in a file, nor its name, says which table its records belong to."""


@dataclass(frozen=True)
class Batch:
    """A part of a source: ``read`` records are those of the pages, the rejects, and ``skipped`` of other tables.

    ``laid`` are records that are rows already, in place of pages.
    """

    pages: tuple[Page, ...]
    rejects: tuple[Reject, ...]
    read: int
    skipped: int
    end: Mark | None = None
    partial: str | None = None
    unfinished: bool = False
    laid: Laid | None = None


def form_of(source: Source) -> forms.Form | None:
    """Return a source's form, told by its content first; None where it has none that is known."""
    return forms.recognised(source.head(), source.name)


def unknown(source: Source) -> UsageError:
    """Return the error for a source of no known form, with what was tried."""
    what = "is empty" if not source.head().strip() else f"is of no known form (tried: {forms.TRIED})"
    return UsageError(f"{source.name} {what}: export sign-in or audit logs as one of these.")


def read(
    bench: Bench,
    source: Source,
    form: forms.Form,
    begin: Mark = BEGINNING,
    size: int | None = None,
    day_first: bool | None = None,
    finish: Finish | None = None,
) -> Iterator[Batch]:
    """Read a source in batches; of each, read = rows of the pages + rejects + skipped.

    Cells are text as landing wants it; times are naive UTC, microseconds. ``begin`` is where an earlier reading ended,
    ``size`` how many bytes of the file are read. Raises UsageError when the source cannot be read, is damaged as a
    whole, has times whose order of day and month nothing tells, or (NamesNoTable) does not say its table. ``finish``
    makes rows of lines, where it can.
    """
    named = _table_of(source)
    known = False
    for sheet in forms.sheets(bench, source, form, begin, size, finish if named != _INTUNE else None):
        frame = _cleaned(sheet.frame)
        if day_first is None and _has_local_times(frame):
            day_first = _proven_order(bench, source, form, size)
        judged = _judged(frame, timed := _timed(frame, day_first), named)
        known = known or sheet.foreign > 0 or sheet.laid is not None or judged.get_column("table").count() > 0
        if judged.height and not known:
            raise NamesNoTable(
                f"{source.name} does not tell its table: put the table's name into the file's, as in SigninLogs.csv."
            )
        yield _batch(source, sheet, timed, judged)


def _cleaned(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a sheet in which empty is empty, and codes are whole numbers."""
    import polars as pl

    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    frame = frame.with_columns(pl.when(~pl.col(name).is_in(NOTHING)).then(pl.col(name)).alias(name) for name in texts)
    codes = [name for name in CODES if name in texts]
    frame = frame.with_columns(pl.col(name).str.replace(r"^\s*(\d+)\.0+\s*$", "$1") for name in codes)
    if "Status" not in frame.columns:
        return frame
    code, told = _filled(frame, "ResultType"), _filled(frame, "ResultDescription")
    if not frame.select(code.is_null().any()).item():
        return frame
    # Microsoft Graph says it within the status alone.
    status = pl.when(pl.col("Status").str.starts_with("{")).then(pl.col("Status"))
    inner = status.str.json_path_match("$.errorCode").str.replace(r"\.0+$", "")
    reason = pl.when(code.is_null() & (inner != "0")).then(status.str.json_path_match("$.failureReason"))
    return frame.with_columns(ResultType=pl.coalesce(code, inner), ResultDescription=pl.coalesce(told, reason))


def _has_local_times(frame: pl.DataFrame) -> bool:
    import polars as pl

    texts = [name for name in _MOMENTS if frame.schema.get(name) == pl.String]
    return bool(texts) and bool(
        frame.select(pl.any_horizontal(moments.is_local(pl.col(name)).any() for name in texts)).item()
    )


def _proven_order(bench: Bench, source: Source, form: forms.Form, size: int | None) -> bool:
    """Return whether in a file's dates the day comes first, from all of the file. Raises UsageError where unproven."""
    evidence = moments.Evidence(_MOMENTS)
    for sheet in forms.sheets(bench, source, form, BEGINNING, size):
        evidence.gather(sheet.frame)
    order = evidence.day_first(source.name, datetime.now(UTC).replace(tzinfo=None))
    if order is None:
        raise UsageError(
            f"{source.name} writes dates in which day and month could be either: "
            "say which comes first with --day-first or --month-first."
        )
    return order


def _timed(frame: pl.DataFrame, day_first: bool | None) -> pl.DataFrame:
    import polars as pl

    texts = [name for name in _MOMENTS if frame.schema.get(name) == pl.String]
    quick = {name: moments.quickly(frame.get_column(name)) for name in texts}
    return frame.with_columns(
        moments.parsed(pl.col(name), day_first).alias(name) if (times := quick[name]) is None else times.alias(name)
        for name in texts
    )


def table_named(name: str) -> str | None:
    """Return the table that the name of a file or folder names, if it names one."""
    named = {NAMED_TABLE[word] for word in re.split(r"[^a-z0-9]+", name.casefold()) if word in NAMED_TABLE}
    return named.pop() if len(named) == 1 else None


def _table_of(source: Source) -> str | None:
    """Return the table that a source's path names, the part nearest to its name first."""
    return next(filter(None, map(table_named, reversed(source.name.split("/")))), None)


def _judged(frame: pl.DataFrame, timed: pl.DataFrame, named: str | None) -> pl.DataFrame:
    """Return each record's place, its table, and why it cannot become a row, if it cannot."""
    import polars as pl

    silent = pl.all_horizontal(_filled(frame, name).is_null() for name in TIMES)
    facts = frame.select(PLACE, table=_table(frame, named), no_id=_filled(frame, "Id").is_null(), no_time=silent)
    facts = facts.with_columns(
        (timed.get_column(name).is_null() if name in timed.columns else pl.lit(value=True)).alias(f"no {name}")
        for name in TIMES
    )
    table = pl.col("table")
    happened = (
        pl.when(table.is_in(SIGN_IN_TABLES)).then(pl.col("no CreatedDateTime"))
        .when(table == "AuditLogs").then(pl.col("no ActivityDateTime"))
        .otherwise(pl.lit(value=True))
    )  # fmt: skip
    reason = (
        pl.when(table.is_null())
        .then(pl.lit("names no table: Type, Category and the file's name are silent"))
        .when(table == _FOREIGN)
        .then(None)
        # Intune's log has no Id: landing makes one.
        .when(pl.col("no_id") & (table != _INTUNE))
        .then(pl.lit("has no Id"))
        .when(pl.col("no_time"))
        .then(pl.lit(f"has no time: {', '.join(TIMES)} are empty"))
        .when(happened & pl.col("no TimeGenerated"))
        .then(pl.lit("has no time that can be read"))
    )
    return facts.select(PLACE, "table", reason=reason)


def _table(frame: pl.DataFrame, named: str | None) -> pl.Expr:
    """Return the expression for a record's table, empty for one that is not ours, null where nothing tells it."""
    import polars as pl

    kind, category, stream = (
        _filled(frame, name).str.to_lowercase() for name in ("Type", "Category", "StreamCategory")
    )
    by_type, by_category, by_stream = (
        text.replace_strict(TABLE_OF, default=None, return_dtype=pl.String) for text in (kind, category, stream)
    )
    # Type alone may not say whose a record is: a search job's table is called SigninLogs_SRCH, and queries over audit
    # records overwrite Type with their target's. A sign-in's category is always one of ours; an audit record's is a
    # word of its own, such as Device.
    by_shape = pl.when(_filled(frame, "ActivityDisplayName").is_not_null()).then(pl.lit("AuditLogs"))
    # Intune and Entra both call their audit records' category AuditLogs; only Intune's name their event in Properties.
    names_event = _filled(frame, "Properties").str.contains('(?i)"AuditEventId"').fill_null(value=False)
    of_intune = pl.when(names_event | (kind.is_null() & pl.lit(named == _INTUNE))).then(pl.lit(_INTUNE))
    of_another_stream = pl.when(stream.is_not_null() & by_stream.is_null()).then(pl.lit(_FOREIGN))
    names_another = kind.is_not_null() | (category.is_not_null() & pl.lit(named != "AuditLogs"))
    by_name = pl.when(names_another).then(pl.lit(_FOREIGN)).otherwise(pl.lit(named, pl.String))
    return pl.coalesce(
        by_type,
        of_intune,
        by_stream,
        of_another_stream,
        by_category,
        by_shape,
        _by_event(frame),
        by_name,
        _by_graph(frame),
    )


def _by_event(frame: pl.DataFrame) -> pl.Expr:
    """Return the table of the kinds of sign-in that Microsoft Graph names."""
    import polars as pl

    kinds = _filled(frame, "SignInEventTypes")
    adfs = pl.when(kinds.is_not_null() & (_filled(frame, "TokenIssuerType") == "ADFederationServices"))
    found = [
        pl.when(kinds.str.contains(f'"{kind}"', literal=True)).then(pl.lit(table))
        for kind, table in EVENT_TYPES.items()
    ]
    return pl.coalesce(adfs.then(pl.lit("ADFSSignInLogs")), *found)


def _by_graph(frame: pl.DataFrame) -> pl.Expr:
    """Return the table of what has the shape of a sign-in of Microsoft Graph, which lists people's alone by default."""
    import polars as pl

    status = _filled(frame, "Status").str.starts_with("{")
    shaped = status & _filled(frame, "AppId").is_not_null() & _filled(frame, "CorrelationId").is_not_null()
    silently = _filled(frame, "IsInteractive").str.to_lowercase() == "false"
    silent = pl.when(silently).then(pl.lit("AADNonInteractiveUserSignInLogs")).otherwise(pl.lit("SigninLogs"))
    return pl.when(shaped & _filled(frame, "IsInteractive").is_not_null()).then(silent)


def _filled(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column as text in which empty cells, and those of a column that is not there, are null."""
    import polars as pl

    if name not in frame.columns:
        return pl.lit(None, pl.String)
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _batch(source: Source, sheet: Sheet, frame: pl.DataFrame, judged: pl.DataFrame) -> Batch:
    import polars as pl

    fits = judged.get_column("reason").is_null()
    by_table = ((table, frame.filter(fits & (judged.get_column("table") == table))) for table in TABLES)
    unfit = judged.filter(~fits).select(PLACE, "reason").rows()
    return Batch(
        pages=tuple(Page(table, records) for table, records in by_table if records.height),
        rejects=tuple(Reject(source.name, at, reason) for at, reason in sorted([*sheet.broken, *unfit])),
        read=sheet.read,
        skipped=judged.filter(pl.col("table") == _FOREIGN).height + sheet.foreign,
        end=sheet.end,
        partial=sheet.partial,
        unfinished=sheet.unfinished,
        laid=sheet.laid,
    )
