"""The commands of the nightly batch: nightly, and its parts one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import console, output
from pipeline.cli.options import (
    DB,
    OUT,
    As,
    Cloud,
    Db,
    Endpoint,
    EngineName,
    Excel,
    Keep,
    Lake,
    Lookback,
    Master,
    Mode,
    Notify,
    Out,
    Pseudonymise,
    PseudonymKey,
    Quiet,
    Rules,
    Since,
    SinceLast,
    Until,
    Workspaces,
    pseudonyms,
    publishing,
)
from pipeline.cli.program import command
from pipeline.errors import is_interrupt
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
    keep: Keep = None,
    mode: Mode = None,
    pseudonymise: Pseudonymise = False,
    pseudonym_key: PseudonymKey = None,
    notify: Notify = None,
    excel: Excel = False,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Pull, land, analyze, report and publish: the whole job, once.

    Running it again for the same night changes nothing, and the next night goes on where this one ended.

    \b
    Example:
    signin-triage nightly --workspace 11111111-2222-3333-4444-555555555555 --out report
    """
    from pipeline import notify as webhook
    from pipeline import runs, settings
    from pipeline.report import Shape
    from pipeline.rules import load

    hook = settings.webhook(notify) if notify else None
    try:
        span = settings.span(since, until, lookback, runs.clock())
        source = settings.source(workspace or (), endpoint, cloud)
        how, names = publishing(keep, mode), pseudonyms(pseudonymise, pseudonym_key)
        pack, watch = load(rules or ()), console.watcher(quiet)
        shape = Shape(excel=excel)
        analysis = runs.nightly(settings.database(db), source, span, out, pack, watch, how, names, shape)
    except Exception as error:
        if hook and not is_interrupt(error):
            notified(hook, webhook.failure(error), quiet)
        raise
    name_rules_left_out(analysis, quiet)
    code = told(analysis.story, form, quiet)
    if hook:
        notified(hook, analysis.story.summary.as_json(), quiet)
    return code


@command("pull")
def pull(
    workspace: Workspaces = None,
    endpoint: Endpoint = None,
    cloud: Cloud = "public",
    db: Db = DB,
    since: Since = None,
    until: Until = None,
    lookback: Lookback = None,
    keep: Keep = None,
    mode: Mode = None,
    pseudonymise: Pseudonymise = False,
    pseudonym_key: PseudonymKey = None,
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
    how, names = publishing(keep, mode), pseudonyms(pseudonymise, pseudonym_key)
    return told(runs.pull(settings.database(db), source, span, console.watcher(quiet), how, names), form, quiet)


@command("analyze")
def analyze(
    db: Db = DB,
    since: Since = None,
    until: Until = None,
    lookback: Lookback = None,
    rules: Rules = None,
    keep: Keep = None,
    mode: Mode = None,
    pseudonymise: Pseudonymise = False,
    pseudonym_key: PseudonymKey = None,
    engine: EngineName = "duckdb",
    lake: Lake = None,
    master: Master = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Run the SQL rules over what has landed, or over a lake on Spark: find incidents and rank their causes.

    \b
    Example:
    signin-triage analyze --since 2026-10-01 --until 2026-10-15
    signin-triage analyze --engine spark --lake /data/lake --since 2026-10-01 --until 2026-10-15
    """
    from pipeline import runs, settings
    from pipeline.rules import load

    span = settings.span(since, until, lookback, runs.clock())
    how = publishing(keep, mode)
    if place := settings.lake(engine, lake, master, pseudonymise):
        analysis = runs.analyze_lake(
            settings.database(db), place, master, span, load(rules or ()), lambda told: console.say(told, quiet), how
        )
    else:
        names = pseudonyms(pseudonymise, pseudonym_key)
        analysis = runs.analyze(settings.database(db), span, load(rules or ()), how, names)
    name_rules_left_out(analysis, quiet)
    return told(analysis.story, form, quiet)


@command("report")
def report(
    db: Db = DB,
    out: Out = OUT,
    since: Since = None,
    until: Until = None,
    lookback: Lookback = None,
    pseudonymise: Pseudonymise = False,
    pseudonym_key: PseudonymKey = None,
    excel: Excel = False,
    since_last: SinceLast = False,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Write the report folder from the published file; without a window, over that of the last run.

    \b
    Example:
    signin-triage report --db signins.duckdb --out report
    """
    from pipeline import runs, settings
    from pipeline.report import Shape

    given = since or until or lookback
    span = settings.span(since, until, lookback, runs.clock()) if given else None
    names = pseudonyms(pseudonymise, pseudonym_key)
    shape = Shape(excel, since_last)
    return told(runs.write_report(settings.database(db), span, out, names, shape), form, quiet)


def told(story: Story, form: Format, quiet: bool) -> int:
    """Print the story of a run and return the exit code that its coverage asks for."""
    if not quiet:
        output.write_story(story, form)
    return 0 if story.summary.complete else INCOMPLETE


def notified(hook: str, message: dict[str, Any], quiet: bool) -> None:
    """Post a message to the webhook; that it was not taken is a warning, and no more."""
    from pipeline import notify as webhook

    if refusal := webhook.post(hook, message):
        console.say(refusal, quiet)


def name_rules_left_out(analysis: Analysis, quiet: bool) -> None:
    """Name each rule that could not be evaluated, with the reason."""
    for rule, reason in analysis.not_evaluable.items():
        console.say(f"rule {rule} was not evaluated: {reason}", quiet)
