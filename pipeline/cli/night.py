"""The commands of the nightly batch: nightly, and its parts one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import console, output
from pipeline.cli.options import DB, OUT, As, Cloud, Db, Endpoint, Lookback, Out, Quiet, Rules, Since, Until, Workspaces
from pipeline.cli.program import command
from pipeline.output import Format

if TYPE_CHECKING:
    from pipeline.runs import Analysis
    from pipeline.story import Story

INCOMPLETE = 1


@command("nightly")
def nightly(
    workspace: Workspaces = None,
    endpoint: Endpoint = None,
    cloud: Cloud = "public",
    db: Db = DB,
    out: Out = OUT,
    since: Since = None,
    until: Until = None,
    lookback: Lookback = None,
    rules: Rules = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Pull, land, analyze, report and publish: the whole job, once.

    Running it again for the same night changes nothing, and the next night goes on where this one ended.

    \b
    Example:
    signin-triage nightly --workspace 11111111-2222-3333-4444-555555555555 --out report
    """
    from pipeline import runs, settings
    from pipeline.rules import load

    span = settings.span(since, until, lookback, runs.clock())
    source = settings.source(workspace or (), endpoint, cloud)
    analysis = runs.nightly(settings.database(db), source, span, out, load(rules or ()), console.watcher(quiet))
    name_rules_left_out(analysis, quiet)
    return told(analysis.story, form, quiet)


@command("pull")
def pull(
    workspace: Workspaces = None,
    endpoint: Endpoint = None,
    cloud: Cloud = "public",
    db: Db = DB,
    since: Since = None,
    until: Until = None,
    lookback: Lookback = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Bring sign-in and audit logs from Log Analytics into the database, incrementally.

    \b
    Example:
    signin-triage pull --workspace 11111111-2222-3333-4444-555555555555 --lookback 30d
    """
    from pipeline import runs, settings

    span = settings.span(since, until, lookback, runs.clock())
    source = settings.source(workspace or (), endpoint, cloud)
    return told(runs.pull(settings.database(db), source, span, console.watcher(quiet)), form, quiet)


@command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Exported files, or folders of them.")],
    db: Db = DB,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Bring the same logs from exported files into the same tables.

    Files hold Log Analytics' own columns as NDJSON, a JSON array, CSV or Parquet; the form is recognised by content.

    \b
    Example:
    signin-triage import exports/ && signin-triage analyze --lookback 30d && signin-triage report
    """
    from pipeline import runs, settings

    counts = runs.import_files(settings.database(db), paths, console.ticker(quiet))
    total = runs.in_all(counts)
    if not quiet and form is Format.json:
        output.write_object(total)
    elif not quiet:
        output.write_rows(total["files"], form)
    if total["rejected"]:
        console.say(f"Records set aside: {total['rejected']:,}; import_rejects in {db} names each.", quiet)
    return 0


@command("analyze")
def analyze(
    db: Db = DB,
    since: Since = None,
    until: Until = None,
    lookback: Lookback = None,
    rules: Rules = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Run the SQL rules over what has landed: find incidents and rank their causes.

    \b
    Example:
    signin-triage analyze --since 2026-10-01 --until 2026-10-15
    """
    from pipeline import runs, settings
    from pipeline.rules import load

    span = settings.span(since, until, lookback, runs.clock())
    analysis = runs.analyze(settings.database(db), span, load(rules or ()))
    name_rules_left_out(analysis, quiet)
    return told(analysis.story, form, quiet)


@command("report")
def report(
    db: Db = DB,
    out: Out = OUT,
    since: Since = None,
    until: Until = None,
    lookback: Lookback = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Write the report folder from the published file; without a window, over that of the last run.

    \b
    Example:
    signin-triage report --db signins.duckdb --out report
    """
    from pipeline import runs, settings

    given = since or until or lookback
    span = settings.span(since, until, lookback, runs.clock()) if given else None
    return told(runs.write_report(settings.database(db), span, out), form, quiet)


def told(story: Story, form: Format, quiet: bool) -> int:
    """Print the story of a run and return the exit code that its coverage asks for."""
    if not quiet:
        output.write_story(story, form)
    return 0 if story.summary.complete else INCOMPLETE


def name_rules_left_out(analysis: Analysis, quiet: bool) -> None:
    """Name each rule that could not be evaluated, with the reason."""
    for rule, reason in analysis.not_evaluable.items():
        console.say(f"rule {rule} was not evaluated: {reason}", quiet)
