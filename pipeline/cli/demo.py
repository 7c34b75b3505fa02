"""The command that shows the whole job without an account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline import console, output
from pipeline.cli.night import told
from pipeline.cli.options import As, Quiet
from pipeline.cli.program import command
from pipeline.output import Format


@command("demo")
def demo(
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", envvar="SIGNIN_TRIAGE_OUT", help="Folder for the database and the report."
        ),
    ] = Path("demo"),
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="NUMBER", envvar="SIGNIN_TRIAGE_SEED", help="Another seed is another tenant."),
    ] = 7,
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
    code = told(analysis.story, form, quiet)
    if form is Format.table and not quiet:
        output.write_lines(truth)
    return code
