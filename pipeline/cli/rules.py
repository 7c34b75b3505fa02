"""The commands of rule authors: list the pack, show a rule, check one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline import console, output
from pipeline.cli.options import As, Lookback, Rules, Since, Until
from pipeline.cli.program import app, command
from pipeline.errors import UsageError
from pipeline.output import Format

rules_app = typer.Typer(help="The rule pack: list it, read a rule, check your own.")
app.add_typer(rules_app, name="rules")


@command("list", rules_app)
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


@command("show", rules_app)
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


@command("check", rules_app)
def rules_check(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="A rule file or a folder; ours if not given.")
    ] = None,
    differential: Annotated[
        bool,
        typer.Option(
            "--differential",
            envvar="SIGNIN_TRIAGE_DIFFERENTIAL",
            help="Also run each rule on DuckDB and on Spark over a simulated tenant, and compare.",
        ),
    ] = False,
    form: As = Format.table,
) -> int:
    """Check rule files and name every fault at once, with file and line.

    A rule that DuckDB would run is at fault too where Spark may answer it otherwise; a night on DuckDB runs it all the
    same. CSV and JSON list every rule that was checked, one with faults once for each of them.

    \b
    Example:
    signin-triage rules check my-rules/
    """
    from pipeline import assets, portable, rule_files
    from pipeline.rule_checks import check, chosen

    files = chosen(path or assets.RULES)
    if not files:
        console.say(f"{path} holds no rule: rules are files named *.sql.")
    faults = portable.beside(check(path or assets.RULES), files)
    if differential and not faults:
        from pipeline.differing import faults as differences

        faults = differences(files)
    if form is not Format.table:
        rows: list[dict[str, object]] = []
        for rule in map(rule_files.read, files):
            named: dict[str, object] = {"rule": rule.id, "cause": rule.cause, "status": rule.status}
            of_rule = [fault for fault in faults if fault.file == str(rule.path)]
            rows += [named | {"file": each.file, "line": each.line, "message": each.message} for each in of_rule]
            if not of_rule:
                rows.append(named if form is Format.json else named | dict.fromkeys(("file", "line", "message")))
        output.write_rows(rows, form)
    for fault in faults:
        console.say(f"{fault.file}:{fault.line}: {fault.message}")
    if faults:
        raise UsageError(f"{len(faults)} faults in {path or 'our own rules'}: mend them and check again.")
    return 0
