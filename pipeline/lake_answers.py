"""Questions about sign-ins that stay in a lake: answered by Spark while it is there, kept, and answered from here on.

A file that `analyze --engine spark` left holds the failures and no other sign-in, so what counts sign-ins is asked
through `run`. Reports go nowhere else for it; what they ask is not known here.
"""

from __future__ import annotations

import contextlib
import hashlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import duckdb
import orjson

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pipeline.engine import Answer

_ASKING: ContextVar[Callable[[str, Mapping[str, Any]], Answer | None] | None] = ContextVar("asking", default=None)


@contextlib.contextmanager
def asking(where: Callable[[str, Mapping[str, Any]], Answer | None]) -> Iterator[None]:
    """Ask there what is asked through `run` in the block, and keep the answers; None is no question for there."""
    token = _ASKING.set(where)
    try:
        yield
    finally:
        _ASKING.reset(token)


def run(con: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Run one SELECT with those of the values that it names, or give the answer that was kept of it.

    Raises UsageError for a question whose answer was kept for another window alone.
    """
    (parsed,) = con.extract_statements(statement)
    bound = {name: values[name] for name in sorted(parsed.named_parameters)}
    question, told = hashlib.md5(statement.encode(), usedforsecurity=False).hexdigest(), orjson.dumps(bound).decode()
    where = _ASKING.get()
    if where and not _kept(con, question, told):
        answer = where(statement, bound)
        if answer is not None:
            _keep(con, question, told, answer)
    if _kept(con, question, told):
        kinds = con.execute(f"DESCRIBE {statement.strip().rstrip(';')}", bound).fetchall()
        structure = ", ".join(f'"{name}" {kind}' for name, kind, *_ in kinds)
        return con.execute(
            f"""SELECT unnest(CAST(CAST(answer AS JSON) AS STRUCT({structure}))) FROM lake_answers
            WHERE question = $question AND bound = $bound AND place > 0 ORDER BY place""",  # noqa: S608 - our own columns
            {"question": question, "bound": told},
        )
    return con.execute(parsed, bound)


def _keep(con: duckdb.DuckDBPyConnection, question: str, told: str, answer: Answer) -> None:
    rows = [orjson.dumps(dict(zip(answer.columns, row, strict=True)), default=str).decode() for row in answer.rows]
    con.execute("DELETE FROM lake_answers WHERE question = ? AND bound = ?", [question, told])
    con.execute(
        "INSERT INTO lake_answers SELECT $question, $bound, unnest(CAST($places AS BIGINT[])), unnest($answers)",
        {"question": question, "bound": told, "places": list(range(len(rows) + 1)), "answers": [None, *rows]},
    )


def _kept(con: duckdb.DuckDBPyConnection, question: str, told: str) -> bool:
    try:
        known = con.execute("SELECT DISTINCT bound FROM lake_answers WHERE question = ?", [question]).fetchall()
    except duckdb.CatalogException:  # the file of an older release, which knew no lake
        return False
    if not _ASKING.get() and "since" in orjson.loads(told) and known and (told,) not in known:
        raise UsageError(
            "The sign-ins of this file stayed in their lake and were counted for another window: run "
            "`signin-triage analyze --engine spark` over the one that you want."
        )
    return (told,) in known
