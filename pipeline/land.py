"""Pages into raw tables.

Text becomes what the table's column is, JSON becomes structs, and a record delivered twice is one row: the delivery
with the newest TimeGenerated. Nothing here speaks to the network, and nothing here interprets what a record means.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline import current, landed
from pipeline.pages import PLACE, TABLES, Reject, event_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import duckdb

    from pipeline.pages import Page

# Records of a table without an Id get one of what identifies them: the id of the event that they tell of; where that is
# missing, the record itself, so that its second delivery is known again.
_MADE_ID = {
    "IntuneAuditLogs": "coalesce(nullif(json_extract_string(TRY_CAST(Properties AS JSON), '$.AuditEventId'), ''), "
    "sha256(concat_ws(' ', TimeGenerated, OperationName, CorrelationId, Properties)))"
}

# Of several deliveries of a record the one with the newest TimeGenerated wins; one without never replaces one with it.
# The rest of the order only makes the winner the same whichever came first.
_WINNER_FIRST = "TimeGenerated DESC NULLS LAST, IngestedAt DESC NULLS LAST, hashed, stored NULLS LAST, number"


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


@contextlib.contextmanager
def sparing(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Bound memory, whatever has landed, and let it land at the least cost, until the block is left.

    What one transaction brings is too small to be shared among threads, and large enough to be stored as it will stay:
    the log would be as large again.
    """
    settings = {"threads": "1", "wal_autocheckpoint": "1MB", "memory_limit": "384MB"}
    current = ", ".join(f"current_setting('{name}')" for name in settings)
    ((*before,),) = con.execute(f"SELECT {current}").fetchall()
    _set(con, settings)
    yield  # of a run that failed nothing is set back: its connection is closed, and may hold a broken transaction
    _set(con, dict(zip(settings, before, strict=True)))


def _set(con: duckdb.DuckDBPyConnection, settings: Mapping[str, object]) -> None:
    for name, value in settings.items():
        con.execute(f"SET {name} = '{value}'")


def land(con: duckdb.DuckDBPyConnection, page: Page, scratch: Path, workspace_id: str | None = None) -> Landed:
    """Land a page; the caller holds the transaction. The temporary table ``arrived`` keeps its keys until the next one.

    ``workspace_id`` is the workspace that was asked; without one (imported files) a record's own TenantId is it.
    """
    if not identifies_records(page):
        return Landed(rejected=page.frame.height)
    return land_records(con, page.table, written(page, scratch / "page.parquet", workspace_id))


def identifies_records(page: Page) -> bool:
    """Tell whether a page has records, and what they are known again by; the records of any other are all rejected."""
    return not page.frame.is_empty() and ("Id" in page.frame.columns or page.table in _MADE_ID)


def land_records(con: duckdb.DuckDBPyConnection, table: str, given: Records) -> Landed:
    """Land records that lie where DuckDB reads them, as ``land`` does those of a page."""
    current.outdate(con)
    records = _in_their_workspace(con, table, given)
    happened = event_time(table)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE arrived AS
        SELECT number, WorkspaceId, Id, TimeGenerated, IngestedAt, Id = '' OR {happened} IS NULL AS unfit,
            coalesce({happened} < (SELECT "before" FROM purged), false) AND NOT unfit AS skipped
        FROM {records.select}""",
        records.parameters,
    )
    received, rejected, skipped, repeated = _counts(
        con,
        f"""SELECT count(*), count(*) FILTER (WHERE unfit), count(*) FILTER (WHERE skipped),
            count(*) > count(DISTINCT (WorkspaceId, Id))
                OR EXISTS (FROM {table} AS o SEMI JOIN arrived USING (WorkspaceId, Id)) FROM arrived""",
    )
    insert = f"INSERT INTO {table} SELECT * EXCLUDE number FROM {records.select}"
    if not (rejected or skipped or repeated):
        (inserted,) = _counts(con, insert, records.parameters)
        return Landed(inserted)
    replaced = _set_aside(con, table, records)
    (inserted,) = _counts(con, f"{insert} ANTI JOIN set_aside USING (number)", records.parameters)
    fresh = inserted - replaced
    return Landed(fresh, received - rejected - skipped - fresh, rejected, skipped)


def _in_their_workspace(con: duckdb.DuckDBPyConnection, table: str, records: Records) -> Records:
    """Let a record that names no workspace (from Microsoft Graph, a blob, the portal) be the one that a workspace has.

    Whichever comes first: what landed without a workspace moves into that of its copy in the page.
    """
    somewhere, nowhere = (
        f"SELECT 1 FROM {table} WHERE WorkspaceId > '' LIMIT 1",
        f"SELECT 1 FROM {table} WHERE WorkspaceId = '' LIMIT 1",
    )
    named, unnamed = not records.nameless, records.nameless
    if named and "workspace" not in records.parameters:
        named, unnamed = map(
            bool,
            _counts(
                con,
                f"SELECT count(*) FILTER (WorkspaceId > ''), count(*) FILTER (WorkspaceId = '') FROM {records.select}",
                records.parameters,
            ),
        )
    if named and con.execute(nowhere).fetchall():
        con.execute(
            f"""UPDATE {table} SET WorkspaceId = known.WorkspaceId
            FROM (SELECT Id, min(WorkspaceId) AS WorkspaceId FROM {records.select}
                WHERE WorkspaceId > '' AND Id > '' GROUP BY Id) AS known
            WHERE {table}.WorkspaceId = '' AND {table}.Id = known.Id""",
            records.parameters,
        )
    if not unnamed or not (named or con.execute(somewhere).fetchall()):
        return records
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE homes AS
        WITH given AS (SELECT Id, WorkspaceId FROM {records.select} WHERE Id != ''),
        homeless AS (SELECT DISTINCT Id FROM given WHERE WorkspaceId = '')
        SELECT Id, min(WorkspaceId) AS home FROM (
            SELECT * FROM given UNION ALL SELECT Id, WorkspaceId FROM {table} SEMI JOIN homeless USING (Id))
        WHERE WorkspaceId != '' AND Id IN (FROM homeless) GROUP BY Id""",
        records.parameters,
    )
    if _counts(con, "SELECT count(*) FROM homes") == (0,):
        return records
    home = "CASE WHEN given.WorkspaceId = '' THEN coalesce(home, '') ELSE given.WorkspaceId END"
    housed = f"SELECT given.* REPLACE ({home} AS WorkspaceId) FROM {records.select} AS given LEFT JOIN homes"
    return Records(f"({housed} ON homes.Id = given.Id)", records.parameters)


def _set_aside(con: duckdb.DuckDBPyConnection, table: str, records: Records) -> int:
    """Make the temporary table ``set_aside`` of the numbers of those records of the page that do not land.

    They do not fit, or are a copy of a record of which a newer one is in the page, or has landed before. Landed copies
    older than the page's are deleted; return how many. All is found by the keys: whole records are read of ties alone.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE set_aside AS SELECT number FROM arrived WHERE unfit OR skipped")
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE copies AS
        WITH fitting AS MATERIALIZED (
            SELECT number, WorkspaceId, Id, TimeGenerated, IngestedAt FROM arrived WHERE NOT unfit AND NOT skipped),
        met AS MATERIALIZED (
            SELECT o.rowid AS stored, WorkspaceId, Id, TimeGenerated, IngestedAt
            FROM {table} AS o SEMI JOIN fitting USING (WorkspaceId, Id)),
        repeated AS (
            SELECT WorkspaceId, Id FROM fitting GROUP BY ALL HAVING count(*) > 1
            UNION SELECT WorkspaceId, Id FROM met)
        SELECT *, CAST(NULL AS BIGINT) AS stored, CAST(NULL AS UBIGINT) AS hashed
        FROM fitting SEMI JOIN repeated USING (WorkspaceId, Id)
        UNION ALL BY NAME FROM met"""
    )
    _break_ties(con, table, records)
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE beaten AS
        SELECT number, stored FROM copies
        QUALIFY row_number() OVER (PARTITION BY WorkspaceId, Id ORDER BY {_WINNER_FIRST}) > 1"""
    )
    con.execute("INSERT INTO set_aside SELECT number FROM beaten WHERE number IS NOT NULL")
    older = "SELECT stored FROM beaten WHERE stored IS NOT NULL"
    if _counts(con, f"SELECT count(*) FROM ({older})") == (0,):
        return 0
    (deleted,) = _counts(con, f"DELETE FROM {table} WHERE rowid IN ({older})")
    return deleted


def _break_ties(con: duckdb.DuckDBPyConnection, table: str, records: Records) -> None:
    """Where copies of one record have the same times, tell them apart by all that is in them."""
    tied = "SELECT 1 FROM copies GROUP BY WorkspaceId, Id, TimeGenerated, IngestedAt HAVING count(*) > 1 LIMIT 1"
    if not con.execute(tied).fetchall():
        return
    con.execute(
        f"""UPDATE copies SET hashed = whole.hashed
        FROM (SELECT number, hash(*COLUMNS(* EXCLUDE number)) AS hashed FROM {records.select}) AS whole
        WHERE whole.number = copies.number""",
        records.parameters,
    )
    con.execute(
        f"""UPDATE copies SET hashed = whole.hashed
        FROM (SELECT rowid AS stored, hash(*COLUMNS(*)) AS hashed FROM {table}
            WHERE rowid IN (SELECT stored FROM copies)) AS whole
        WHERE whole.stored = copies.stored"""
    )


def unfit_records(con: duckdb.DuckDBPyConnection, page: Page, file: str) -> list[Reject]:
    """Return where in their file those records of the page just landed stood that could not become a row."""
    numbers = con.execute("SELECT number FROM arrived WHERE unfit ORDER BY number").fetchall()
    places = page.frame.get_column(PLACE)
    return [Reject(file, places[number], "has no Id, or no time that can be read") for (number,) in numbers]


def _counts(
    con: duckdb.DuckDBPyConnection, statement: str, parameters: Mapping[str, str | list[str]] | None = None
) -> tuple[int, ...]:
    (row,) = con.execute(statement, parameters).fetchall()
    return tuple(row)


@dataclass(frozen=True)
class Records:
    """Records with the columns and types of their landed table, and ``number``, their place among each other.

    ``select`` names parameters, which every statement that reads it must be given; ``nameless`` says that none of the
    records names a workspace. ``arrived`` selects when each arrived, and no more: what reads one column of ``select``
    pays for the making of all.
    """

    select: str
    parameters: Mapping[str, str | list[str]]
    nameless: bool = False
    arrived: str = ""


def together(records: Sequence[Records]) -> Records:
    """Return as one what was written of several pages in the same way, so that they land in one step."""
    files = [file for each in records for file in each.parameters["file"]]
    return replace(records[0], parameters={**records[0].parameters, "file": files})


def written(page: Page, file: Path, workspace_id: str | None) -> Records:
    """Write a page where DuckDB can read it, and return how."""
    import polars as pl

    if page.table not in TABLES:
        raise ValueError(page.table)
    wanted = landed.columns()[page.table]
    # Only what lands: names that differ from ours by case alone would push ours aside.
    given = {name: page.frame.schema[name] == pl.String for name in wanted if name in page.frame.columns}
    page.frame.select(list(given)).write_parquet(file, compression="uncompressed", statistics=False)
    workspace = "$workspace" if workspace_id else ("lower(coalesce(TenantId, ''))" if "TenantId" in given else "''")
    columns = [f"CAST({workspace} AS VARCHAR) AS WorkspaceId"]
    columns += [
        f'{typed(name, given.get(name), kind)} AS "{name}"' for name, kind in wanted.items() if name != "WorkspaceId"
    ]
    select = (
        f"(SELECT {', '.join(columns)}, (file_index << 32) + file_row_number AS number "
        "FROM read_parquet($file, file_row_number = true))"
    )
    if page.table in _MADE_ID:
        made = f"coalesce(nullif(Id, ''), {_MADE_ID[page.table]})"
        select = f"(SELECT * REPLACE ({made} AS Id) FROM {select})"
    nameless = not workspace_id and "TenantId" not in given
    arrived = typed("IngestedAt", given.get("IngestedAt"), wanted["IngestedAt"])
    return Records(
        select,
        {"file": [str(file)]} | ({"workspace": workspace_id} if workspace_id else {}),
        nameless,
        f"(SELECT {arrived} AS IngestedAt FROM read_parquet($file))",
    )


def typed(name: str, is_text: bool | None, wanted: str) -> str:
    """Return the expression that makes a page's column, if it has it, what the landed table wants.

    Names are the catalog's own.
    """
    column = f'"{name}"'
    if is_text is None:
        return f"CAST(NULL AS {wanted})"
    if name == "Id":
        return f"coalesce(CAST({column} AS VARCHAR), '')"
    if wanted == "TIMESTAMP" and is_text:
        return (
            f"coalesce(TRY_CAST(nullif({column}, '') AS TIMESTAMPTZ) AT TIME ZONE 'UTC', TRY_STRPTIME({column}, "
            "['%-m/%-d/%Y, %-I:%M:%S.%f %p', '%-m/%-d/%Y, %-I:%M:%S %p', '%-m/%-d/%Y %-I:%M:%S %p']))"
        )
    if wanted.startswith("STRUCT"):
        structure = f"TRY_CAST(TRY_CAST({column} AS JSON) AS {wanted})"
        return f"nullif({structure}, [])" if wanted.endswith("[]") else structure
    # The service has no empty strings but "" for null, exports write either: here they are one.
    return f"nullif(CAST({column} AS VARCHAR), '')" if wanted == "VARCHAR" else f"TRY_CAST({column} AS {wanted})"


def arrivals(con: duckdb.DuckDBPyConnection, records: Records) -> dict[datetime, tuple[int, datetime]]:
    """Return for each hour of arrival how many of the records it brought, and the newest arrival."""
    counted = con.execute(
        f"""SELECT CAST(date_trunc('hour', IngestedAt) AS TIMESTAMP), count(*), max(IngestedAt)
        FROM {records.arrived} WHERE IngestedAt IS NOT NULL GROUP BY 1""",
        {"file": records.parameters["file"]},
    ).fetchall()
    return {hour: (count, newest) for hour, count, newest in counted}


def record_rejects(con: duckdb.DuckDBPyConnection, rejects: Iterable[Reject]) -> None:
    """Set aside what could not become a row, with file, line and reason; the same reject stands there once."""
    rows = [[reject.file, reject.line, reject.reason] for reject in rejects]
    if rows:
        con.executemany(
            """INSERT INTO import_rejects SELECT $1, $2, $3
            WHERE NOT EXISTS (SELECT 1 FROM import_rejects WHERE file = $1 AND line = $2 AND reason = $3)""",
            rows,
        )
