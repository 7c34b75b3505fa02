"""The command that brings exported files in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline import console, output
from pipeline.cli.options import (
    DB,
    As,
    Db,
    Keep,
    Mode,
    Pseudonymise,
    PseudonymKey,
    Quiet,
    pseudonyms,
    publishing,
)
from pipeline.cli.program import command
from pipeline.output import Format

if TYPE_CHECKING:
    from pipeline.imports import Outcome

_INCOMPLETE = 1
_NAMED = 5  # files that are named, of those that were passed over


@command("import")
def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Exported files, folders of them, archives, patterns, or - (standard input)."
        ),
    ],
    db: Db = DB,
    workspace: Annotated[
        list[str] | None,
        typer.Option(
            "--workspace",
            metavar="ID",
            envvar="SIGNIN_TRIAGE_WORKSPACE",
            help="Workspace of records that name none (blobs, Microsoft Graph, the Entra portal); one only.",
        ),
    ] = None,
    day_first: Annotated[
        bool | None,
        typer.Option(
            "--day-first/--month-first",
            envvar="SIGNIN_TRIAGE_DAY_FIRST",
            help="Order of day and month in dates such as 6/5/2026, where a file does not prove it.",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", envvar="SIGNIN_TRIAGE_STRICT", help="Import nothing if any record must be set aside."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", envvar="SIGNIN_TRIAGE_DRY_RUN", help="Say what is in the files, and write nothing."),
    ] = False,
    keep: Keep = None,
    mode: Mode = None,
    pseudonymise: Pseudonymise = False,
    pseudonym_key: PseudonymKey = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Bring the same logs from exported files into the same tables.

    Whatever Entra and Azure write: Log Analytics (CSV, JSON, NDJSON, Parquet, answers of the query API), diagnostic
    settings (storage blobs, Event Hub captures), Microsoft Graph, and the Entra portal; also packed with gzip, zstd or
    zip. Forms are told by content. A file that is known is not read again; one that grew is gone on with.

    \b
    Example:
    signin-triage import exports/ && signin-triage analyze --lookback 30d && signin-triage report
    """
    from pipeline import imports, settings

    asked = imports.Asked(day_first, strict, workspace[0] if workspace and len(workspace) == 1 else None)
    tick = console.reader(quiet)
    if dry_run:
        outcome = imports.survey(paths, tick, asked)
    else:
        how, names = publishing(keep, mode), pseudonyms(pseudonymise, pseudonym_key)
        outcome = imports.import_files(settings.database(db), paths, tick, how, names, asked)
    if not quiet and form is Format.json:
        output.write_object(outcome.as_json())
    elif not quiet:
        output.write_rows([_row(file) for file in outcome.as_json()["files"]], form)
    _tell(outcome, db, dry_run, quiet)
    return _INCOMPLETE if outcome.incomplete else 0


def _row(file: dict[str, Any]) -> dict[str, Any]:
    """Return a file's counts as cells of a table."""
    tables = ", ".join(f"{table} {rows:,}" for table, rows in file.pop("tables").items())
    cells = {name: "" if value is None else value for name, value in file.items()}
    return cells | {"tables": tables}


def _tell(outcome: Outcome, db: Path, dry_run: bool, quiet: bool) -> None:
    if rejected := sum(file.rejected for file in outcome.files):
        where = "" if dry_run else f"; import_rejects in {db} names each"
        console.say(f"Records set aside: {rejected:,}{where}.", quiet)
    for file in outcome.files:
        if file.unfinished:
            console.say(f"{file.path}: the last line is still being written; it is left for the next import.", quiet)
        if file.partial:
            console.say(f"{file.path} is a partial answer ({file.partial}): ask for the window again.", quiet)
    if passed := outcome.passed_over:
        more = f", and {len(passed) - _NAMED:,} more" if len(passed) > _NAMED else ""
        console.say(f"Passed over as no logs of ours: {', '.join(passed[:_NAMED])}{more}.", quiet)
