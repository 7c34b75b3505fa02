"""The commands of whoever keeps the file: purge."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline import output
from pipeline.cli.options import DB, As, Db, Keep, Mode, Quiet, Until, publishing
from pipeline.cli.program import command
from pipeline.output import Format


@command("purge")
def purge(
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="TIME",
            envvar="SIGNIN_TRIAGE_OLDER_THAN",
            help="Age of what goes, such as 90d, counted back from --until.",
        ),
    ],
    db: Db = DB,
    until: Until = None,
    keep: Keep = None,
    mode: Mode = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Remove for good what happened long ago: raw records, and what was derived from them; verdicts stay.

    The space is given back, the earlier files of --keep are purged too, and later nights do not bring it back.
    Incidents that lose a failure or a change go as a whole: the next run finds anew what is left of them.

    \b
    Example:
    signin-triage purge --older-than 90d
    """
    from pipeline import runs, settings
    from pipeline.window import parse_duration, parse_moment

    now = runs.clock()
    end = parse_moment(until, "--until", now) if until else now
    parse_duration(older_than, "--older-than")
    before = parse_moment(older_than, "--older-than", end)
    removed = runs.purge(settings.database(db), before, publishing(keep, mode))
    if not quiet and form is Format.json:
        output.write_object(removed)
    elif not quiet:
        output.write_rows([{"table": table, "rows": rows} for table, rows in removed.items()], form)
    return 0
