"""The ledger of stored views that hold what has landed, so that an analysis fills none that an import has just filled.

Whoever writes a record empties it, in the same transaction. What a view says may not enter here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.pages import TABLES, event_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import duckdb

_BETWEEN = " UNION ALL ".join(
    f"SELECT 1 FROM {table} WHERE {event_time(table)} >= $begin AND {event_time(table)} < $end"  # noqa: S608 - our own tables
    for table in TABLES
)


def outdate(con: duckdb.DuckDBPyConnection) -> None:
    """Note that a record lands, changes or leaves: no stored view holds what has landed any more."""
    con.execute("DELETE FROM current_views")


def filled(con: duckdb.DuckDBPyConnection, until: datetime) -> set[str]:
    """Return the stored views that hold all that has landed from before a moment (UTC), and nothing from after it."""
    entered = con.execute("SELECT view_name, until FROM current_views").fetchall()
    as_of = {moment for _, moment in entered}
    still = all(moment == until or _is_quiet(con, moment, until) for moment in as_of)
    return {name for name, _ in entered} if still else set()


def enter(con: duckdb.DuckDBPyConnection, names: Iterable[str], until: datetime) -> None:
    """Enter the views that hold what has landed from before a moment (UTC), in the place of all others."""
    outdate(con)
    con.execute("INSERT INTO current_views SELECT unnest($1), $2", [sorted(names), until])


def _is_quiet(con: duckdb.DuckDBPyConnection, one: datetime, other: datetime) -> bool:
    """Tell whether nothing on record happened between two moments."""
    between = {"begin": min(one, other), "end": max(one, other)}
    return not con.execute(f"SELECT 1 FROM ({_BETWEEN}) LIMIT 1", between).fetchall()  # noqa: S608 - our own tables
