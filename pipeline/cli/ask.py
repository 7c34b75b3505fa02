"""The commands of whoever looks into one incident: explain it, and say what it was."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import output
from pipeline.cli.options import DB, As, Db, Keep, Mode, Quiet, publishing
from pipeline.cli.program import command
from pipeline.errors import UsageError
from pipeline.output import Format

Incident = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="The incident's id, or a unique beginning of at least 6 characters.")
]


@command("explain")
def explain(incident: Incident, db: Db = DB, form: As = Format.table) -> int:
    """Explain one incident whole: timeline, controls, evidence for and against each cause, what to do next.

    \b
    Example:
    signin-triage explain b525bfe90a75711d
    """
    from pipeline import explained, runs, settings

    if form is Format.csv:
        raise UsageError("An explanation is no table: ask for --format table or --format json.")
    found = runs.explain(settings.database(db), incident)
    if form is Format.json:
        output.write_object(found.as_json())
    else:
        output.write_lines(explained.lines(found))
    return 0


@command("confirm")
def confirm(
    incident: Incident,
    cause: Annotated[str, typer.Argument(metavar="CAUSE", help="A word for causes, or noise.")],
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", envvar="SIGNIN_TRIAGE_NOTE", help="What to keep beside it.")
    ] = None,
    db: Db = DB,
    keep: Keep = None,
    mode: Mode = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Keep an analyst's verdict on an incident: it survives every later run and is shown beside the hypothesis.

    A second verdict takes the place of the first.

    \b
    Example:
    signin-triage confirm b525bfe90a75711d client_version_regression --note "rolled back, all well"
    """
    from pipeline import runs, settings

    verdict = runs.confirm(settings.database(db), incident, cause, note, publishing(keep, mode))
    if quiet:
        return 0
    if form is Format.table:
        agrees = "as it was ranked first" if verdict.cause == verdict.first_cause else f"not {verdict.first_cause}"
        output.write_lines(
            [f"Incident {verdict.incident_id} is {verdict.cause} ({agrees}), says {verdict.confirmed_by}."]
        )
    elif form is Format.json:
        output.write_object(verdict.as_json())
    else:
        output.write_rows([verdict.as_json()], form)
    return 0
