"""Pages into raw tables, in one transaction with the coverage of what was asked.

Text becomes what the table's column is, JSON becomes structs, and a record delivered twice is one row: the delivery
with the newest TimeGenerated. Nothing here speaks to the network, and nothing here interprets what a record means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.pages import PLACE, TABLES, Reject
from pipeline.window import HOUR, Window, hours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from pipeline.pages import Page

_EVENT_TIME = {"AuditLogs": "ActivityDateTime"}
_UNFIT = "Id = '' OR coalesce({event_time}, TimeGenerated) IS NULL"

# Of two deliveries of a record the one with the newer TimeGenerated wins; one without never replaces one with it. The
# rest of the order only makes the winner the same whichever came first.
_NEWER_FIRST = "TimeGenerated DESC NULLS LAST, IngestedAt DESC NULLS LAST, hash(arrived)"
_IS_NEWER = """
    (n.TimeGenerated IS NOT NULL AND o.TimeGenerated IS NULL)
    OR n.TimeGenerated > o.TimeGenerated
    OR (n.TimeGenerated IS NOT DISTINCT FROM o.TimeGenerated AND (
        (n.IngestedAt IS NOT NULL AND o.IngestedAt IS NULL)
        OR n.IngestedAt > o.IngestedAt
        OR (n.IngestedAt IS NOT DISTINCT FROM o.IngestedAt AND hash(n) < hash(o))))
"""


@dataclass(frozen=True)
class Landed:
    """What became of records: ``landed`` are new, ``duplicates`` were there, ``rejected`` had no id or no time."""

    landed: int = 0
    duplicates: int = 0
    rejected: int = 0

    def __add__(self, other: Landed) -> Landed:
        """Add up what became of two lots of records."""
        return Landed(self.landed + other.landed, self.duplicates + other.duplicates, self.rejected + other.rejected)


@dataclass(frozen=True)
class Asked:
    """A stretch of arrival time of one table that was asked for.

    ``event`` is the window of event time that the question was bound to; ``status`` is complete, absent or incomplete;
    ``requests`` is how often it had to be asked; ``note`` says why it is not complete.
    """

    workspace_id: str
    table: str
    arrival: Window
    event: Window
    status: str
    requests: int
    note: str | None = None


def land(con: duckdb.DuckDBPyConnection, page: Page, scratch: Path, workspace_id: str | None = None) -> Landed:
    """Land a page; the caller holds the transaction. The temporary table ``arrived`` keeps it until the next one.

    ``workspace_id`` is the workspace that was asked; without one (imported files) a record's own TenantId is it.
    """
    if page.frame.is_empty() or "Id" not in page.frame.columns:
        return Landed(rejected=page.frame.height)
    _arrive(con, page, scratch / "page.parquet", workspace_id)
    unfit = _UNFIT.format(event_time=_EVENT_TIME.get(page.table, "CreatedDateTime"))
    received, rejected = _counts(con, f"SELECT count(*), count(*) FILTER (WHERE {unfit}) FROM arrived")
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE newest AS
        SELECT * FROM arrived
        WHERE NOT ({unfit})
        QUALIFY row_number() OVER (PARTITION BY WorkspaceId, Id ORDER BY {_NEWER_FIRST}) = 1"""
    )
    (replaced,) = _counts(
        con,
        f"""DELETE FROM {page.table} AS o USING newest AS n
        WHERE n.WorkspaceId = o.WorkspaceId AND n.Id = o.Id AND ({_IS_NEWER})""",
    )
    (inserted,) = _counts(
        con,
        f"""INSERT INTO {page.table} BY NAME SELECT * FROM newest AS n
        WHERE NOT EXISTS (SELECT 1 FROM {page.table} AS o WHERE n.WorkspaceId = o.WorkspaceId AND n.Id = o.Id)""",
    )
    fresh = inserted - replaced
    return Landed(fresh, received - rejected - fresh, rejected)


def unfit_records(con: duckdb.DuckDBPyConnection, page: Page, file: str) -> list[Reject]:
    """Return where in their file those records of the page just landed stood that could not become a row."""
    unfit = _UNFIT.format(event_time=_EVENT_TIME.get(page.table, "CreatedDateTime"))
    # The temporary table holds the page's records in the page's order.
    numbers = con.execute(
        f"SELECT number FROM (SELECT row_number() OVER () - 1 AS number, * FROM arrived) WHERE {unfit} ORDER BY number"
    ).fetchall()
    places = page.frame.get_column(PLACE)
    return [Reject(file, places[number], "has no Id, or no time that can be read") for (number,) in numbers]


def _counts(con: duckdb.DuckDBPyConnection, statement: str) -> tuple[int, ...]:
    (row,) = con.execute(statement).fetchall()
    return tuple(row)


def _arrive(con: duckdb.DuckDBPyConnection, page: Page, file: Path, workspace_id: str | None) -> None:
    """Make the temporary table ``arrived`` of a page, with the columns and types of its landed table."""
    if page.table not in TABLES:
        raise ValueError(page.table)
    wanted = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
        [page.table],
    ).fetchall()
    # Only what lands: names that differ from ours by case alone would push ours aside.
    page.frame.select([name for name, _ in wanted if name in page.frame.columns]).write_parquet(file)
    given = dict(
        con.execute("SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet(?))", [str(file)]).fetchall()
    )
    workspace = "$workspace" if workspace_id else ("lower(coalesce(TenantId, ''))" if "TenantId" in given else "''")
    columns = [f"CAST({workspace} AS VARCHAR) AS WorkspaceId"]
    columns += [f'{_typed(name, given.get(name), kind)} AS "{name}"' for name, kind in wanted if name != "WorkspaceId"]
    parameters = {"file": str(file)} | ({"workspace": workspace_id} if workspace_id else {})
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE arrived AS SELECT {', '.join(columns)} FROM read_parquet($file)", parameters
    )


def _typed(name: str, given: str | None, wanted: str) -> str:
    """Return the expression that makes a page's column what the landed table wants; names are the catalog's own."""
    column = f'"{name}"'
    if given is None:
        return f"CAST(NULL AS {wanted})"
    if name == "Id":
        return f"coalesce(CAST({column} AS VARCHAR), '')"
    if wanted == "TIMESTAMP" and given == "VARCHAR":
        return (
            f"coalesce(TRY_CAST(nullif({column}, '') AS TIMESTAMPTZ) AT TIME ZONE 'UTC', TRY_STRPTIME({column}, "
            "['%-m/%-d/%Y, %-I:%M:%S.%f %p', '%-m/%-d/%Y, %-I:%M:%S %p', '%-m/%-d/%Y %-I:%M:%S %p']))"
        )
    if wanted.startswith("STRUCT"):
        structure = f"TRY_CAST(TRY_CAST({column} AS JSON) AS {wanted})"
        return f"nullif({structure}, [])" if wanted.endswith("[]") else structure
    # The service has no empty strings but "" for null, exports write either: here they are one.
    return f"nullif(CAST({column} AS VARCHAR), '')" if wanted == "VARCHAR" else f"TRY_CAST({column} AS {wanted})"


def arrivals(con: duckdb.DuckDBPyConnection) -> dict[datetime, tuple[int, datetime]]:
    """Return for each hour of arrival how many records of the page just landed it brought, and the newest arrival."""
    counted = con.execute(
        """SELECT CAST(date_trunc('hour', IngestedAt) AS TIMESTAMP), count(*), max(IngestedAt)
        FROM arrived WHERE IngestedAt IS NOT NULL GROUP BY 1"""
    ).fetchall()
    return {hour: (count, newest) for hour, count, newest in counted}


def record_asked(
    con: duckdb.DuckDBPyConnection,
    asked: Asked,
    brought: Mapping[datetime, tuple[int, datetime]],
    begun_before: datetime,
) -> None:
    """Enter a stretch into the coverage, an hour a row; the caller holds the transaction of its page.

    ``brought`` are the ``arrivals`` of the page. Hours that had not begun by ``begun_before`` are no coverage, unless
    records came from them or from later ones.
    """
    end = min(asked.arrival.end, max([begun_before, *(hour + HOUR for hour in brought)]))
    con.execute(
        "DELETE FROM asked WHERE workspace_id = ? AND source_table = ? AND asked_from < ? AND asked_to > ?",
        [asked.workspace_id, asked.table, asked.arrival.end, asked.arrival.start],
    )
    rows = [
        [
            asked.workspace_id,
            asked.table,
            max(hour, asked.arrival.start),
            min(hour + HOUR, asked.arrival.end),
            asked.event.start,
            asked.event.end,
            asked.status,
            brought.get(hour, (0, None))[0],
            asked.requests,
            brought.get(hour, (0, None))[1],
            asked.note,
        ]
        for hour in hours(Window(asked.arrival.start, end))
    ]
    if rows:
        con.executemany("INSERT INTO asked VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def record_rejects(con: duckdb.DuckDBPyConnection, rejects: Iterable[Reject]) -> None:
    """Set aside what could not become a row, with file, line and reason; the same reject stands there once."""
    rows = [[reject.file, reject.line, reject.reason] for reject in rejects]
    if rows:
        con.executemany(
            """INSERT INTO import_rejects SELECT $1, $2, $3
            WHERE NOT EXISTS (SELECT 1 FROM import_rejects WHERE file = $1 AND line = $2 AND reason = $3)""",
            rows,
        )
