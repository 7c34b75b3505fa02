"""The stored evidence on incidents: which views hold it, and how it is gathered where the sign-ins are.

What an incident is, and what evidence is worth, is not decided here.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pipeline import views

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from pipeline.engine import Engine

# Views that are stored and read the incidents, in the order they build on each other.
VIEWS = (
    "incident_values",
    "incident_facts",
    "incident_scope_periods",
    "incident_controls",
    "incident_histories",
    "incident_neighbours",
    "incident_changes",
)
_OF_INCIDENTS = "FROM failures WHERE incident_id IS NOT NULL"
# What most of the evidence is read off; few sign-ins of all.
_LAID = ("touched_sign_ins", "cut_sign_ins", "succeeding_clients", "succeeding_addresses")


def lay(engine: Engine) -> None:
    """Compute once what most of the evidence is read off, for the incidents and failures that our tables hold.

    What incidents are joined of begins and ends where one of its parts does, so it serves for them as well.
    """
    engine.tell(("incident_failures", "found_incidents"))
    selects = views.files()
    ((onset,),) = engine.ask(f"SELECT min(seen_at) AS onset {_OF_INCIDENTS}", {}).rows
    # before a moment that it is told, DuckDB reads nothing; one that it must look up it holds beside every row
    told = f"CAST({'NULL' if onset is None else repr(str(onset))} AS TIMESTAMP)"
    for name in _LAID:
        engine.lay(name, selects[name].replace(f"(SELECT min(seen_at) {_OF_INCIDENTS})", told))


def gather(engine: Engine) -> None:
    """Fill the views with the evidence on the incidents that found_incidents holds."""
    engine.tell(("incident_failures", "found_incidents"))
    selects = views.files()
    for name in VIEWS:
        engine.fill(name, selects[name])


def clear(con: duckdb.DuckDBPyConnection) -> None:
    """Let the views stand again that were computed once."""
    for name in _LAID:
        con.execute(f"DROP TABLE IF EXISTS temp.{name}")


@contextlib.contextmanager
def kept(con: duckdb.DuckDBPyConnection, engine: Engine, incident_ids: list[str]) -> Iterator[None]:
    """Put the evidence on some incidents aside while that on others is gathered, and back beside it."""
    if not incident_ids:
        yield
        return
    for name in VIEWS:
        theirs = f"FROM {name} WHERE incident_id IN (SELECT unnest($1))"
        con.execute(f"CREATE OR REPLACE TEMP TABLE kept_{name} AS {theirs}", [incident_ids])
    yield
    for name in VIEWS:
        con.execute(f"INSERT INTO {name} FROM kept_{name}")
        con.execute(f"DROP TABLE kept_{name}")
    engine.tell(VIEWS)
