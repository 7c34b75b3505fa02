"""Where SQL over the sign-ins runs: in the database itself, or in an engine that reads them elsewhere.

The finder of incidents, the judge and the rules ask through an Engine whatever reads sign-ins; all else they ask the
database, to which every answer comes. Neither a cause nor a view may be known here by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import duckdb


@dataclass(frozen=True)
class Answer:
    """What a SELECT returned."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Engine:
    """What asks the sign-ins: ``ask`` returns an answer, ``keep`` makes a temporary table of the database of it.

    ``lay`` computes a view for the SELECTs to come, where the sign-ins are.
    ``fill`` puts an answer into the place of what a table of the database holds, ``tell`` lets later SELECTs see what
    some tables of the database hold now, and ``stop`` cuts off what is running. Raises duckdb.Error or ValueError.
    """

    ask: Callable[[str, Mapping[str, Any]], Answer]
    keep: Callable[[str, str, Mapping[str, Any]], None]
    lay: Callable[[str, str], None]
    fill: Callable[[str, str], None]
    tell: Callable[[Sequence[str]], None]
    stop: Callable[[], None]


def here(con: duckdb.DuckDBPyConnection) -> Engine:
    """Return the database as the engine: what is kept, filled and told stands in its tables already."""

    def ask(select: str, values: Mapping[str, Any]) -> Answer:
        answer = store.run(con, select, values)
        return Answer(tuple(column[0] for column in answer.description or ()), answer.fetchall())

    def keep(name: str, select: str, values: Mapping[str, Any]) -> None:
        store.run(con, f"CREATE OR REPLACE TEMP TABLE {name} AS {select}", values)

    def lay(name: str, select: str) -> None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")  # it stands before the view of its name

    def fill(name: str, select: str) -> None:
        con.execute(f"DELETE FROM {name}")  # noqa: S608 - the name of a view of ours
        con.execute(f"INSERT INTO {name} {select}")

    def tell(names: Sequence[str]) -> None:
        """Nothing to do: they stand where the SELECTs run."""

    return Engine(ask, keep, lay, fill, tell, con.interrupt)
