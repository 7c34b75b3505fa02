"""Files written by other systems, as the same pages that the query client gives.

This is where a file's path becomes pages: which files are meant, which form each has, which table each record belongs
to, and which records cannot become a row. Nothing here lands, prints or asks the network; how a form is taken apart is
the business of `forms`.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import forms
from pipeline.errors import UsageError
from pipeline.pages import PLACE, TABLES, Page, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

_SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson", ".parquet")

# The diagnostic categories of Entra, by the table that Log Analytics keeps each in.
_CATEGORIES = {
    "SignInLogs": "SigninLogs",
    "NonInteractiveUserSignInLogs": "AADNonInteractiveUserSignInLogs",
    "ServicePrincipalSignInLogs": "AADServicePrincipalSignInLogs",
    "ManagedIdentitySignInLogs": "AADManagedIdentitySignInLogs",
}
_TABLE_OF = {name.casefold(): table for name, table in ({table: table for table in TABLES} | _CATEGORIES).items()}
_FOREIGN = ""  # a table, but none of ours
_INTUNE = "IntuneAuditLogs"


@dataclass(frozen=True)
class Batch:
    """A part of a file: ``read`` records are those of the pages, the rejects, and ``skipped`` of other tables."""

    pages: tuple[Page, ...]
    rejects: tuple[Reject, ...]
    read: int
    skipped: int


def files(paths: Sequence[Path]) -> list[Path]:
    """Return what is to be read, in a fixed order and each once: files as named, folders as what they hold.

    In a folder, and the folders in it, what is hidden or of no known form is passed over. Raises UsageError for a path
    that is missing, unreadable or of no known form, and for a folder that holds nothing of a known form.
    """
    found: dict[Path, None] = {}
    for path in paths:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise _unreadable(path, error) from error
        if stat.S_ISDIR(mode):
            held = [file for file in _in_folder(path) if _form(file) is not None]
            if not held:
                raise UsageError(f"{path} holds no file of a known form ({', '.join(_SUFFIXES)}): name another folder.")
            found.update(dict.fromkeys(held))
        elif stat.S_ISREG(mode):
            _known_form(path)
            found[path] = None
        else:
            raise UsageError(f"{path} is neither a file nor a folder: save what it gives to a file first.")
    return list(found)


def form_of(path: Path) -> str:
    """Return a file's form, told by its content first: parquet, json, ndjson or csv.

    Raises UsageError when the file cannot be read or is of no known form.
    """
    return _known_form(path).name


def read(path: Path) -> Iterator[Batch]:
    """Read a file in batches of at most 20,000 records; of each, read = rows of the pages + rejects + skipped.

    Cells are text as landing wants it; only Parquet's timestamps stay typed (naive UTC). Raises UsageError when the
    file cannot be read, is damaged as a whole, or nothing tells which table its records belong to.
    """
    named = _table_named(path)
    known = False
    try:
        for sheet in _known_form(path).sheets(path):
            judged = _judged(sheet.frame, named)
            known = known or judged.get_column("table").count() > 0
            if judged.height and not known:
                raise UsageError(
                    f"{path} does not tell its table: put the table's name into the file's, as in SigninLogs.csv."
                )
            yield _batch(path, sheet, judged)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be read ({error.strerror}): name a file or folder that you may read.")


def _in_folder(folder: Path) -> list[Path]:
    def fail(error: OSError) -> None:
        raise _unreadable(Path(error.filename), error) from error

    held = [Path(place, name) for place, _, names in os.walk(folder, onerror=fail) for name in names]
    return sorted(
        file
        for file in held
        if file.suffix.lower() in _SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.is_file()
    )


def _known_form(path: Path) -> forms.Form:
    form = _form(path)
    if form is None:
        raise UsageError(
            f"{path} is of no known form (neither Parquet, nor a JSON array, NDJSON or CSV in UTF-8 with one of the "
            f"columns {', '.join(forms.TIMES)}): export a Log Analytics table as one of these."
        )
    return form


def _form(path: Path) -> forms.Form | None:
    try:
        start = forms.head(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    by_content = (form for form in forms.FORMS if form.recognises(start))
    by_suffix = (form for form in forms.FORMS if path.suffix.lower() in form.suffixes)
    return next(by_content, None) or next(by_suffix, None)


def _table_named(path: Path) -> str | None:
    """Return the table that a file's name names, if it names one."""
    parts = re.split(r"[._-]", path.name.casefold())
    named = {_TABLE_OF[part] for part in parts if part in _TABLE_OF}
    return named.pop() if len(named) == 1 else None


def _judged(frame: pl.DataFrame, named: str | None) -> pl.DataFrame:
    """Return each record's place, its table, and why it cannot become a row, if it cannot."""
    import polars as pl

    no_time = pl.all_horizontal(_filled(frame, name).is_null() for name in forms.TIMES)
    # Intune's log has no Id: landing makes one.
    no_id = pl.col("no_id") & (pl.col("table") != _INTUNE)
    reason = (
        pl.when(pl.col("table").is_null())
        .then(pl.lit("names no table: Type, Category and the file's name are silent"))
        .when(pl.col("table") == _FOREIGN)
        .then(None)
        .when(no_id)
        .then(pl.lit("has no Id"))
        .when(pl.col("no_time"))
        .then(pl.lit(f"has no time: {', '.join(forms.TIMES)} are empty"))
    )
    facts = frame.select(forms.AT, table=_table(frame, named), no_id=_filled(frame, "Id").is_null(), no_time=no_time)
    return facts.select(forms.AT, "table", reason=reason)


def _table(frame: pl.DataFrame, named: str | None) -> pl.Expr:
    """Return the expression for a record's table, empty for one that is not ours, null where nothing tells it."""
    import polars as pl

    kind, category = (_filled(frame, name).str.to_lowercase() for name in ("Type", "Category"))
    by_type, by_category = (
        text.replace_strict(_TABLE_OF, default=None, return_dtype=pl.String) for text in (kind, category)
    )
    # Type alone may not say whose a record is: a search job's table is called SigninLogs_SRCH, and queries over audit
    # records overwrite Type with their target's. A sign-in's category is always one of ours; an audit record's is a
    # word of its own, such as Device.
    by_shape = pl.when(_filled(frame, "ActivityDisplayName").is_not_null()).then(pl.lit("AuditLogs"))
    # Intune and Entra both call their audit records' category AuditLogs; only Intune's name their event in Properties.
    names_event = _filled(frame, "Properties").str.contains('"AuditEventId"', literal=True).fill_null(value=False)
    of_intune = pl.when(names_event | (kind.is_null() & pl.lit(named == _INTUNE))).then(pl.lit(_INTUNE))
    names_another = kind.is_not_null() | (category.is_not_null() & pl.lit(named != "AuditLogs"))
    by_name = pl.when(names_another).then(pl.lit(_FOREIGN)).otherwise(pl.lit(named, pl.String))
    return pl.coalesce(by_type, of_intune, by_category, by_shape, by_name)


def _filled(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column as text in which empty cells, and those of a column that is not there, are null."""
    import polars as pl

    if name not in frame.columns:
        return pl.lit(None, pl.String)
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text)


def _batch(path: Path, sheet: forms.Sheet, judged: pl.DataFrame) -> Batch:
    import polars as pl

    frame = sheet.frame.rename({forms.AT: PLACE})
    if "IngestedAt" not in frame.columns:
        frame = frame.rename({"ingestion_time": "IngestedAt"}, strict=False)
    fits = judged.get_column("reason").is_null()
    by_table = ((table, frame.filter(fits & (judged.get_column("table") == table))) for table in TABLES)
    unfit = judged.filter(~fits).select(forms.AT, "reason").rows()
    return Batch(
        pages=tuple(Page(table, records) for table, records in by_table if records.height),
        rejects=tuple(Reject(str(path), at, reason) for at, reason in sorted([*sheet.broken, *unfit])),
        read=frame.height + len(sheet.broken),
        skipped=judged.filter(pl.col("table") == _FOREIGN).height,
    )
