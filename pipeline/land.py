"""Pages into raw tables, in one transaction with the coverage of what was asked.

Text becomes what the table's column is, JSON becomes structs, and a record delivered twice is one row: the delivery
with the newest TimeGenerated. Nothing here speaks to the network, and nothing here interprets what a record means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.pages import PLACE, TABLES, Reject, event_time
from pipeline.window import HOUR, Window, hour_floor, hours

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from pipeline.pages import Page

_UNFIT = "Id = '' OR {event_time} IS NULL"
_PURGED = 'coalesce({event_time} < (SELECT "before" FROM purged), false)'
# Records of a table without an Id get one of what identifies them: the id of the event that they tell of; where that is
# missing, the record itself, so that its second delivery is known again.
_MADE_ID = {
    "IntuneAuditLogs": "coalesce(nullif(json_extract_string(TRY_CAST(Properties AS JSON), '$.AuditEventId'), ''), "
    "sha256(concat_ws(' ', TimeGenerated, OperationName, CorrelationId, Properties)))"
}

# Of two deliveries of a record the one with the newer TimeGenerated wins; one without never replaces one with it. The
# rest of the order only makes the winner the same whichever came first.
_NEWER_FIRST = "TimeGenerated DESC NULLS LAST, IngestedAt DESC NULLS LAST, hashed"
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
    """What became of records.

    ``landed`` are new, ``duplicates`` were there, ``rejected`` had no id or no time, ``skipped`` happened before what
    was purged.
    """

    landed: int = 0
    duplicates: int = 0
    rejected: int = 0
    skipped: int = 0

    def __add__(self, other: Landed) -> Landed:
        """Add up what became of two lots of records."""
        return Landed(
            self.landed + other.landed,
            self.duplicates + other.duplicates,
            self.rejected + other.rejected,
            self.skipped + other.skipped,
        )


@dataclass(frozen=True)
class Asked:
    """A stretch of arrival time of one table that was asked for.

    ``event`` is the window of event time that the question was bound to; ``status`` is complete, absent or incomplete;
    ``requests`` is how often it had to be asked; ``note`` says why it is not complete; ``cut`` are larger windows that
    were asked in vain before, each with its requests.
    """

    workspace_id: str
    table: str
    arrival: Window
    event: Window
    status: str
    requests: int
    note: str | None = None
    cut: tuple[tuple[Window, int], ...] = ()

    def requests_for(self, start: datetime) -> int:
        """Return the requests that asked for the part of an hour from ``start`` on; one of several parts counts once.

        A larger window is charged to the part with which it, or the hour, begins.
        """
        hour = hour_floor(start)
        return self.requests + sum(tries for window, tries in self.cut if max(hour, window.start) == start < window.end)


def land(con: duckdb.DuckDBPyConnection, page: Page, scratch: Path, workspace_id: str | None = None) -> Landed:
    """Land a page; the caller holds the transaction. The temporary table ``arrived`` keeps it until the next one.

    ``workspace_id`` is the workspace that was asked; without one (imported files) a record's own TenantId is it.
    """
    if page.frame.is_empty() or ("Id" not in page.frame.columns and page.table not in _MADE_ID):
        return Landed(rejected=page.frame.height)
    _arrive(con, page, scratch / "page.parquet", workspace_id)
    unfit = _UNFIT.format(event_time=event_time(page.table))
    purged = _PURGED.format(event_time=event_time(page.table))
    received, rejected, skipped = _counts(
        con,
        f"""SELECT count(*), count(*) FILTER (WHERE {unfit}), count(*) FILTER (WHERE NOT ({unfit}) AND {purged})
        FROM arrived""",
    )
    fits = f"NOT ({unfit}) AND NOT {purged}"
    replaced = _set_aside(con, page.table, fits)
    (inserted,) = _counts(
        con,
        f"INSERT INTO {page.table} SELECT * FROM arrived ANTI JOIN set_aside ON set_aside.number = arrived.rowid",
    )
    fresh = inserted - replaced
    return Landed(fresh, received - rejected - skipped - fresh, rejected, skipped)


def _set_aside(con: duckdb.DuckDBPyConnection, table: str, fits: str) -> int:
    """Make the temporary table ``set_aside`` of the numbers of those records of ``arrived`` that do not land.

    They do not fit, or are a copy of a record of which a newer one is in the page, or has landed before. Landed copies
    older than the page's are deleted; return how many. All is found by the keys alone: whole records are read of few.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE fitting AS SELECT rowid AS number, WorkspaceId, Id FROM arrived WHERE {fits}"
    )
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE set_aside AS
        WITH repeated AS (SELECT WorkspaceId, Id FROM fitting GROUP BY ALL HAVING count(*) > 1),
        again AS (FROM fitting SEMI JOIN repeated USING (WorkspaceId, Id))
        SELECT rowid AS number FROM arrived ANTI JOIN fitting ON fitting.number = arrived.rowid
        UNION ALL
        SELECT number FROM (
            SELECT number, row_number() OVER (PARTITION BY WorkspaceId, Id ORDER BY {_NEWER_FIRST}) AS place
            FROM (SELECT number, TimeGenerated, IngestedAt, arrived.WorkspaceId, arrived.Id, hash(arrived) AS hashed
                FROM arrived JOIN again ON again.number = arrived.rowid)
        ) WHERE place > 1"""
    )
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE met AS
        SELECT n.number, o.rowid AS stored
        FROM {table} AS o JOIN (FROM fitting ANTI JOIN set_aside USING (number)) AS n USING (WorkspaceId, Id)"""
    )
    if _counts(con, "SELECT count(*) FROM met") == (0,):
        return 0
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE superseded AS
        SELECT met.stored, met.number FROM met JOIN {table} AS o ON o.rowid = met.stored
            JOIN arrived AS n ON n.rowid = met.number
        WHERE {_IS_NEWER}"""
    )
    con.execute("INSERT INTO set_aside SELECT number FROM met ANTI JOIN superseded USING (number)")
    (deleted,) = _counts(con, f"DELETE FROM {table} WHERE rowid IN (SELECT stored FROM superseded)")
    return deleted


def unfit_records(con: duckdb.DuckDBPyConnection, page: Page, file: str) -> list[Reject]:
    """Return where in their file those records of the page just landed stood that could not become a row."""
    unfit = _UNFIT.format(event_time=event_time(page.table))
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
    page.frame.select([name for name, _ in wanted if name in page.frame.columns]).write_parquet(
        file, compression="uncompressed", statistics=False
    )
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
    if page.table in _MADE_ID:
        con.execute(f"UPDATE arrived SET Id = {_MADE_ID[page.table]} WHERE coalesce(Id, '') = ''")


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


def record_owed(con: duckdb.DuckDBPyConnection, asked: Asked, begun_before: datetime) -> None:
    """Enter whole hours that are about to be asked as ``asked`` says, until ``record_asked`` replaces them."""
    stretch = {
        "workspace": asked.workspace_id,
        "table": asked.table,
        "start": asked.arrival.start,
        "end": min(asked.arrival.end, begun_before),
    }
    con.execute(
        """DELETE FROM asked WHERE workspace_id = $workspace AND source_table = $table
            AND asked_from < $end AND asked_to > $start""",
        stretch,
    )
    con.execute(
        """INSERT INTO asked
        SELECT $workspace, $table, begun, begun + INTERVAL 1 HOUR, $since, $until, $status, 0, $requests, NULL, $note
        FROM generate_series($start, $end, INTERVAL 1 HOUR) AS hours(begun)
        WHERE begun < $end""",
        stretch
        | {
            "since": asked.event.start,
            "until": asked.event.end,
            "status": asked.status,
            "requests": asked.requests,
            "note": asked.note,
        },
    )


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
    stretch = Window(asked.arrival.start, end)
    begun = [max(hour, stretch.start) for hour in hours(stretch)]
    con.execute(
        """INSERT INTO asked
        SELECT $workspace, $table, unnest(CAST($begun AS TIMESTAMP[])), unnest(CAST($ended AS TIMESTAMP[])),
            $since, $until, $status, unnest(CAST($rows AS BIGINT[])), unnest(CAST($requests AS BIGINT[])),
            unnest(CAST($newest AS TIMESTAMP[])), $note""",
        {
            "workspace": asked.workspace_id,
            "table": asked.table,
            "begun": begun,
            "ended": [min(hour + HOUR, asked.arrival.end) for hour in hours(stretch)],
            "since": asked.event.start,
            "until": asked.event.end,
            "status": asked.status,
            "rows": [brought.get(hour, (0, None))[0] for hour in hours(stretch)],
            "requests": [asked.requests_for(start) for start in begun],
            "newest": [brought.get(hour, (0, None))[1] for hour in hours(stretch)],
            "note": asked.note,
        },
    )


def record_rejects(con: duckdb.DuckDBPyConnection, rejects: Iterable[Reject]) -> None:
    """Set aside what could not become a row, with file, line and reason; the same reject stands there once."""
    rows = [[reject.file, reject.line, reject.reason] for reject in rejects]
    if rows:
        con.executemany(
            """INSERT INTO import_rejects SELECT $1, $2, $3
            WHERE NOT EXISTS (SELECT 1 FROM import_rejects WHERE file = $1 AND line = $2 AND reason = $3)""",
            rows,
        )
