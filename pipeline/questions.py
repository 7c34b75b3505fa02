"""Questions to the published file, in SQL: read-only, shut off from files and network, bounded in time.

The engine itself does the refusing: the file is open read-only, everything outside it is shut, and the settings are
locked before a word of the question is read. No writing of answers enters here, and no question of our own.
"""

from __future__ import annotations

import contextlib
import re
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from pipeline import disk, rule_files, store
from pipeline.errors import StoreUnusable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    Rows = list[tuple[Any, ...]]

SECONDS = 60.0  # that a question may take
_GRACE = 5.0  # for the engine to let go: some of its functions hear of it only when they are done
_BATCH = 10_000
# The engine makes a SELECT of DESCRIBE, SHOW and SUMMARIZE too, and MULTI of a PIVOT that must look its columns up.
_ASKING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI)
_SEAL = (
    "SET memory_limit = '50%'",  # a night may be at work beside it
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",  # a table's name never means a variable of this program
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
_ZONED = re.compile(r"\b(TIMESTAMP|TIME) WITH TIME ZONE\b")
_WHERE_IT_STANDS = re.compile(r"\n\s*LINE \d+:.*|\nPossible solutions:.*", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """Columns, each name once, the engine's name for each column's type, and the rows as they come."""

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    batches: Iterator[Rows]


@contextlib.contextmanager
def opened(db: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published file for questions from outside. Raises StoreUnusable where it cannot be read."""
    with store.reading(db) as con:
        seal(con)
        yield con


def seal(con: duckdb.DuckDBPyConnection) -> None:
    """Shut files, network, extensions and settings to every statement that follows."""
    for statement in _SEAL:
        con.execute(statement)


def ask(con: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object] | None = None) -> Answer:
    """Run one statement that asks, and return its answer; times are UTC and naive.

    Raises UsageError for anything that is not one question, also while the rows are read.
    """
    with _in_a_sentence():
        kind = _kind_of_question(con, sql)
        result = con.execute(sql, values)
        if kind == duckdb.StatementType.EXPLAIN:
            plan = [(line,) for _, text in result.fetchall() for line in text.splitlines()]
            return Answer(("plan",), ("VARCHAR",), iter([plan]))
        described = [(name, str(kind)) for name, kind, *_ in result.description or ()]
        if any(_ZONED.search(kind) for _, kind in described):
            result = con.execute(_without_zones(sql, [kind for _, kind in described]), values)
    kinds = tuple(_ZONED.sub(r"\1", kind) for _, kind in described)
    return Answer(_each_once([name for name, _ in described]), kinds, _batches(result))


def in_time(
    con: duckdb.DuckDBPyConnection,
    parts: Iterator[str],
    end: Callable[[BaseException], object],
    seconds: float = SECONDS,
) -> Iterator[str]:
    """Pass on the parts of an answer while the work on them takes no longer than ``seconds`` in all.

    The clock stands still while whoever takes the parts keeps us waiting. The work is done in a thread of its own, so
    that a Ctrl-C is heard; ``end`` is called where the engine does not let go. Raises UsageError.
    """
    worker = ThreadPoolExecutor(max_workers=1)
    stopped: BaseException = UsageError(
        f"The query was cut off after {seconds:.0f} seconds: ask for less, such as fewer days or fewer joins."
    )
    left = seconds
    while True:
        begun = time.monotonic()
        working = worker.submit(next, parts, None)
        try:
            part = working.result(max(left, 0))
        except TimeoutError:
            break
        except KeyboardInterrupt:
            stopped = KeyboardInterrupt("Stopped: the query was not answered.")
            break
        left -= time.monotonic() - begun
        if part is None:
            worker.shutdown()
            return
        yield part
    con.interrupt()
    worker.shutdown(wait=False)
    if wait([working], _GRACE).not_done:
        end(stopped)
    raise stopped


def _kind_of_question(con: duckdb.DuckDBPyConnection, text: str) -> duckdb.StatementType:
    """Return what kind of question the text is. Raises UsageError where it is anything else, or more than one."""
    statements = con.extract_statements(text)
    if len(statements) != 1:
        raise UsageError(f"The query holds {len(statements) or 'no'} statements: ask one question at a time.")
    (statement,) = statements
    if statement.type not in _ASKING:
        raise UsageError(f"{statement.type.name} is refused: a query only reads the published file, with one SELECT.")
    return statement.type


def _batches(result: duckdb.DuckDBPyConnection) -> Iterator[Rows]:
    while True:
        with _in_a_sentence():
            rows = result.fetchmany(_BATCH)
        if not rows:
            return
        yield rows


def _without_zones(sql: str, kinds: list[str]) -> str:
    """Return the question with its zoned times as plain UTC ones: Python gets the others through a package we lack."""
    end = rule_files.blanked(sql).find(";")
    question = sql if end < 0 else sql[:end]
    names = [f"c{number}" for number in range(len(kinds))]
    plain = [_ZONED.sub(r"\1", kind) for kind in kinds]
    shown = ", ".join(f"CAST({name} AS {kind})" for name, kind in zip(names, plain, strict=True))
    return f"SELECT {shown} FROM (\n{question}\n) AS zoned({', '.join(names)})"  # noqa: S608 the asker's own question


def _each_once(names: list[str]) -> tuple[str, ...]:
    """Return column names with those that came before marked by a number, as the engine does in a subquery."""
    taken: dict[str, None] = {}
    for name in names:
        number, unique = 0, name
        while unique in taken or (number and unique in names):
            number += 1
            unique = f"{name}_{number}"
        taken[unique] = None
    return tuple(taken)


@contextlib.contextmanager
def _in_a_sentence() -> Iterator[None]:
    """Turn what the engine refuses into a sentence for whoever asked."""
    try:
        yield
    except (duckdb.InternalException, duckdb.FatalException):
        raise
    except duckdb.PermissionException as error:
        raise UsageError(
            f"The query is refused, it may read the published file only, no other file and no network: {_said(error)}."
        ) from None
    except duckdb.OutOfMemoryException:
        raise UsageError(
            "The query needs more than half of this machine's memory: ask for less, such as fewer days or columns."
        ) from None
    except duckdb.IOException as error:
        raise StoreUnusable(f"The published file cannot be read: {_said(error)}.") from None
    except (duckdb.Error, UnicodeError) as error:
        if disk.tells_of_damage(error):
            raise
        raise UsageError(f"The query cannot be answered: {_said(error)}.") from None


def _said(error: Exception) -> str:
    told = _WHERE_IT_STANDS.sub("", str(error)).partition(" Error: ")
    return _shortened(told[2] or told[0])


def _shortened(text: str) -> str:
    text = " ".join(text.split()).rstrip(".!?")
    return text if len(text) <= 300 else f"{text[:300]} ..."
