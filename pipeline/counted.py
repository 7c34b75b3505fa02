"""The ledger of days whose sign-ins are counted already, so that a night counts its own and no other.

A day is known by its records: as soon as one lands, is replaced or leaves, all of that day is counted anew. What is
counted, and how, the views say; here is only which days are in them.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from pipeline.pages import SIGN_IN_TABLES, event_time

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import duckdb

# Days are counted together up to so many sign-ins: what DuckDB keeps of them at once fits into what it may hold.
_AT_ONCE = 4_000_000
_UNCOUNTED = "uncounted_sign_ins"
_RECORDS = " UNION ALL ".join(
    f"SELECT {place} AS place, rowid AS number, TimeGenerated AS arrived, {event_time(table)} AS seen_at FROM {table}"  # noqa: S608 - our own tables
    for place, table in enumerate(SIGN_IN_TABLES)
)
# A record that replaces another has a row number of its own; that of a row never changes while it stays.
_NOW = f"""
    SELECT
        date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', seen_at)) // 86400 AS "day",
        count(*) AS "rows",
        CAST(bit_xor(hash(place, number, arrived)) AS VARCHAR) AS mark
    FROM ({_RECORDS})
    WHERE seen_at IS NOT NULL
    GROUP BY 1
"""  # noqa: S608 - our own tables


def look(con: duckdb.DuckDBPyConnection) -> None:
    """Look at which days have records, for what follows; the caller holds the transaction, and looks away after it."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE days_on_record AS {_NOW}")


def look_away(con: duckdb.DuckDBPyConnection) -> None:
    """Keep nothing of what was looked at."""
    con.execute("DROP TABLE IF EXISTS temp.days_on_record")


def forget(con: duckdb.DuckDBPyConnection, kept: Collection[str], made_by: str) -> bool:
    """Take days that are no longer as they were counted out of the ledger, and their slots out of the ``kept`` tables.

    Returns whether any day is left; without one, and where ``made_by`` tells that another release counted, the ledger
    is empty and the tables are to be made anew. The caller holds the transaction.
    """
    con.execute("DELETE FROM counted_days WHERE made_by <> $1", [made_by])
    if not con.execute("SELECT 1 FROM counted_days LIMIT 1").fetchall():
        return False
    as_before = 'SELECT "day" FROM days_on_record JOIN counted_days USING ("day", "rows", mark)'
    changed = f'SELECT "day" FROM counted_days EXCEPT {as_before}'  # noqa: S608 - our own tables
    con.execute(f"CREATE OR REPLACE TEMP TABLE changed_days AS {changed}")
    for name in kept:
        con.execute(f"DELETE FROM {name} WHERE slot // 96 IN (FROM changed_days)")  # noqa: S608 - a view of ours
    con.execute('DELETE FROM counted_days WHERE "day" IN (FROM changed_days)')
    con.execute("DROP TABLE changed_days")
    return bool(con.execute("SELECT 1 FROM counted_days LIMIT 1").fetchall())


def portions(con: duckdb.DuckDBPyConnection, selects: Mapping[str, str], made_by: str) -> Iterator[None]:
    """Let the caller count what is not counted portion by portion, and enter the days of each after it.

    Meanwhile the view of what is uncounted, one of the ``selects``, holds that portion alone; a day is never parted.
    The caller holds the transaction.
    """
    pending = con.execute(
        'SELECT "day", "rows" FROM days_on_record WHERE "day" NOT IN (SELECT "day" FROM counted_days) ORDER BY "day"'
    ).fetchall()
    while pending:
        last = _last_of_portion(pending)
        before = f"make_timestamp({(last + 1) * 86_400_000_000})"  # naive, whatever the session's time zone
        portion = f"SELECT * FROM ({selects[_UNCOUNTED]}) AS s WHERE s.seen_at < {before}"  # noqa: S608 - our own file and a number
        con.execute(f"CREATE OR REPLACE TEMP VIEW {_UNCOUNTED} AS {portion}")  # it stands before the view of its name
        yield
        con.execute(
            """INSERT INTO counted_days SELECT "day", "rows", mark, $1 FROM days_on_record
            WHERE "day" <= $2 AND "day" NOT IN (SELECT "day" FROM counted_days)""",
            [made_by, last],
        )
        pending = [row for row in pending if row[0] > last]
    con.execute(f"DROP VIEW IF EXISTS temp.{_UNCOUNTED}")


def _last_of_portion(days: Sequence[tuple[int, int]]) -> int:
    """Return the last of the days, given with their sign-ins, that the first can be counted with."""
    so_far = accumulate(sign_ins for _, sign_ins in days)
    fitting = [day for (day, _), sign_ins in zip(days, so_far, strict=True) if sign_ins <= _AT_ONCE]
    return fitting[-1] if fitting else days[0][0]


def forget_all(con: duckdb.DuckDBPyConnection) -> None:
    """Empty the ledger: the next run counts every day."""
    con.execute("DELETE FROM counted_days")
