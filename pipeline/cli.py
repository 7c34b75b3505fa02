"""The command line: parse, call one function, print. Nothing else imports typer.

stdout is data and is written here; stderr is talk and is console's. Everything heavy is imported by the command that
needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline import console, output
from pipeline.errors import TriageError, UsageError
from pipeline.output import Format

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.runs import Analysis
    from pipeline.story import Story


INCOMPLETE = 1
_PREFIX = "SIGNIN_TRIAGE_"

Db = Annotated[
    Path, typer.Option("--db", metavar="FILE", readable=False, envvar=f"{_PREFIX}DB", help="The published DuckDB file.")
]
Workspaces = Annotated[
    list[str] | None,
    typer.Option(
        "--workspace", metavar="ID", envvar=f"{_PREFIX}WORKSPACE", help="Workspace ID (a GUID) to read; repeatable."
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint", metavar="URL", envvar=f"{_PREFIX}ENDPOINT", help="Another address of the query service."
    ),
]
Cloud = Annotated[
    str, typer.Option("--cloud", metavar="NAME", envvar=f"{_PREFIX}CLOUD", help="public, usgov or china.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        envvar=f"{_PREFIX}SINCE",
        help="Where the window begins: ISO 8601, or 36h before --until.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", envvar=f"{_PREFIX}UNTIL", help="Where the window ends; without it, now."),
]
Lookback = Annotated[
    str | None,
    typer.Option(
        "--lookback", envvar=f"{_PREFIX}LOOKBACK", help="Length of the window without --since; 14d if not set."
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", envvar=f"{_PREFIX}OUT", help="The report folder.")]
Rules = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules", metavar="DIR", envvar=f"{_PREFIX}RULES", help="Folder of further rules (*.sql); repeatable."
    ),
]
As = Annotated[Format, typer.Option("--format", envvar=f"{_PREFIX}FORMAT", help="How the answer is written.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", envvar=f"{_PREFIX}QUIET", help="Nothing on stdout or stderr unless it fails.")
]
_DB = Path("signins.duckdb")
_OUT = Path("report")

app = typer.Typer(
    name="signin-triage",
    help="Find out why AADSTS50099 device sign-ins fail: Entra logs in DuckDB, causes named by SQL rules.",
    epilog="Try it without an account: signin-triage demo",
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
rules_app = typer.Typer(help="The rule pack: list it, read a rule, check your own.")
app.add_typer(rules_app, name="rules")


def _command(name: str, group: typer.Typer = app) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a command whose docstring is its help and whose result is the exit code; errors become sentences."""

    def register(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> int:
            try:
                return function(*args, **kwargs)
            except (TriageError, KeyboardInterrupt) as error:
                return console.exit_code(error)

        group.command(name)(guarded)
        return guarded

    return register


@_command("nightly")
def nightly(
    workspace: Workspaces = None,
    endpoint: Endpoint = None,
    cloud: Cloud = "public",
    db: Db = _DB,
    out: Out = _OUT,
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
    _name_rules_left_out(analysis, quiet)
    return _told(analysis.story, form, quiet)


@_command("pull")
def pull(
    workspace: Workspaces = None,
    endpoint: Endpoint = None,
    cloud: Cloud = "public",
    db: Db = _DB,
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
    return _told(runs.pull(settings.database(db), source, span, console.watcher(quiet)), form, quiet)


@_command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Exported files, or folders of them.")],
    db: Db = _DB,
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


@_command("analyze")
def analyze(
    db: Db = _DB,
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
    _name_rules_left_out(analysis, quiet)
    return _told(analysis.story, form, quiet)


@_command("report")
def report(
    db: Db = _DB,
    out: Out = _OUT,
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
    return _told(runs.write_report(settings.database(db), span, out), form, quiet)


@_command("list", rules_app)
def rules_list(rules: Rules = None, form: As = Format.table) -> int:
    """List the rules: our own, and those of --rules.

    \b
    Example:
    signin-triage rules list --format csv
    """
    from pipeline.rules import load

    rows = [
        {"rule": rule.id, "cause": rule.cause, "status": rule.status, "title": rule.title} for rule in load(rules or ())
    ]
    output.write_rows(rows, form)
    return 0


@_command("show", rules_app)
def rules_show(
    rule: Annotated[str, typer.Argument(metavar="ID", help="The rule's id, as `rules list` names it.")],
    since: Since = None,
    until: Until = None,
    lookback: Lookback = None,
    rules: Rules = None,
) -> int:
    """Print one rule with its values filled in, ready for a DuckDB shell on the published file.

    \b
    Example:
    signin-triage rules show device-reregistered | duckdb -readonly signins.duckdb
    """
    from pipeline import runs, settings
    from pipeline.rules import load, shown

    window = settings.span(since, until, lookback, runs.clock()).window
    chosen = [each for each in load(rules or ()) if each.id == rule]
    if not chosen:
        raise UsageError(f"There is no rule {rule!r}: `signin-triage rules list` names them all.")
    sys.stdout.write(shown(chosen[0], {"since": window.start, "until": window.end}) + "\n")
    return 0


@_command("check", rules_app)
def rules_check(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="A rule file or a folder; ours if not given.")
    ] = None,
    form: As = Format.table,
) -> int:
    """Check rule files and name every fault at once, with file and line.

    \b
    Example:
    signin-triage rules check my-rules/
    """
    from pipeline import assets
    from pipeline.rule_checks import check

    faults = check(path or assets.RULES)
    rows = [{"file": str(fault.file), "line": fault.line, "message": fault.message} for fault in faults]
    if form is not Format.table:
        output.write_rows(rows, form)
    for fault in faults:
        console.say(f"{fault.file}:{fault.line}: {fault.message}")
    if faults:
        raise UsageError(f"{len(faults)} faults in {path or 'our own rules'}: mend them and check again.")
    return 0


@_command("demo")
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the database and the report.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Another seed is another tenant.")] = 7,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Do the whole job against a simulated tenant that a local workspace serves: no account, no network.

    \b
    Example:
    signin-triage demo --out demo
    """
    from pipeline.sandbox import demo as sandbox_demo

    analysis, truth = sandbox_demo.run(out, seed, console.watcher(quiet))
    code = _told(analysis.story, form, quiet)
    if form is Format.table and not quiet:
        output.write_lines(truth)
    return code


def _told(story: Story, form: Format, quiet: bool) -> int:
    if not quiet:
        output.write_story(story, form)
    return 0 if story.summary.complete else INCOMPLETE


def _name_rules_left_out(analysis: Analysis, quiet: bool) -> None:
    for rule, reason in analysis.not_evaluable.items():
        console.say(f"rule {rule} was not evaluated: {reason}", quiet)


def main() -> None:
    """Run the program and end the process with the exit code of its contract."""
    os.umask(0o077)  # logs hold people's data: what we write is its owner's alone
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere  # a stream that was closed is None
        code = _run()
        # Threads may still wait for an answer that nobody needs any more; they must not keep the process.
        os._exit(code)


def _run() -> int:
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        return 0  # the reader went away (head, less): nothing is wrong, but nothing more can be written either
    except typer.TyperException as error:
        text = " ".join(error.format_message().split())
        console.say(f"signin-triage: {text} See `signin-triage --help`.")
        return UsageError.exit_code
    except Exception as error:  # noqa: BLE001 the last door: a user gets a sentence, whatever went wrong
        return console.exit_code(error)
    return int(code)
