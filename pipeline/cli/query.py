"""The command for questions of one's own to the published file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import console, output
from pipeline.cli.options import DB, Db
from pipeline.cli.program import command
from pipeline.errors import UsageError
from pipeline.output import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

_FROM_STDIN = "-"
_KQL = "SIGNIN_TRIAGE_KQL"


@command("query")
def query(
    sql: Annotated[
        str | None,
        typer.Argument(metavar="SQL", show_default=False, help="One SELECT; - reads it from standard input."),
    ] = None,
    kql: Annotated[
        str | None,
        typer.Option("--kql", metavar="KQL", envvar=_KQL, help="The question in Kusto's language."),
    ] = None,
    db: Db = DB,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            envvar="SIGNIN_TRIAGE_FORMAT",
            help="How the answer is written; if not given, a table on a terminal and CSV in a pipe.",
        ),
    ] = None,
) -> int:
    """Ask the published file a question: read-only, one statement, a minute at most.

    Its views and tables are described in docs/data-dictionary.md, docs/queries.md has questions to start from.

    \b
    Example:
    signin-triage query 'SELECT device, count(*) AS failures FROM failures GROUP BY device ORDER BY failures DESC'
    signin-triage query --kql 'failures | summarize count() by bin(seen_at, 1h)'
    """
    from pipeline import questions, settings

    if sql is not None and kql == os.environ.get(_KQL):
        kql = None  # what is said on the command line wins over the environment
    given = [each for each in (sql, kql) if each is not None]
    if len(given) != 1:
        raise UsageError("Give one question: signin-triage query 'SELECT ...', or signin-triage query --kql '...'.")
    question = _read(given[0])
    chosen = form or (Format.table if sys.stdout.isatty() else Format.csv)
    with questions.opened(settings.database(db)) as con:
        for part in questions.in_time(con, _answered(con, question, kql is not None, chosen), _end):
            try:
                output.write_text(part)
            except BrokenPipeError:  # whoever reads has seen enough; left to typer it would be an error
                break
    return 0


def _answered(con: duckdb.DuckDBPyConnection, question: str, in_kql: bool, form: Format) -> Iterator[str]:
    """Ask, and write the answer in parts; nothing is begun before the first part is asked for."""
    from pipeline import answers, questions

    if in_kql:  # which takes a third of a second to load
        from pipeline import kql

        question, values = kql.translated(con, question)
    else:
        values = {}
    answer = questions.ask(con, question, values)
    writers = {Format.table: answers.as_table, Format.csv: answers.as_csv, Format.json: answers.as_json}
    yield from writers[form](answer)


def _read(question: str) -> str:
    if question != _FROM_STDIN:
        return question
    return sys.stdin.buffer.read().decode(errors="replace")


def _end(error: BaseException) -> None:
    """End the process here and now: what keeps it busy cannot be stopped."""
    os._exit(console.exit_code(error))
