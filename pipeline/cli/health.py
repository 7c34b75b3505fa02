"""The command of whoever sets it up: doctor."""

from __future__ import annotations

from pipeline import console, output
from pipeline.cli.options import DB, OUT, As, Cloud, Db, Endpoint, Out, Quiet, Workspaces
from pipeline.cli.program import command
from pipeline.output import Format


@command("doctor")
def doctor(
    workspace: Workspaces = None,
    endpoint: Endpoint = None,
    cloud: Cloud = "public",
    db: Db = DB,
    out: Out = OUT,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Say what is missing for a real run, each with its remedy: credential, permission, tables, plan, clock, disk.

    Ends with 0 when nothing fails, else with the code that a run would end with. Nothing is changed.

    \b
    Example:
    signin-triage doctor --workspace 11111111-2222-3333-4444-555555555555
    """
    from pipeline import checks, runs
    from pipeline import doctor as examination

    found = list(examination.checks(workspace or (), endpoint, cloud, db, out, runs.clock))
    code = checks.exit_code(found)
    if not quiet and form is Format.table:
        output.write_lines(checks.lines(found))
    elif not quiet:
        output.write_rows([check.as_json() for check in found], form)
    if code:
        first = next(check for check in found if check.status == "fail" and check.code == code)
        console.say(f"signin-triage: {first.check}: {first.detail}; {first.remedy}.")
    return code
