"""Large tenants and long histories, made within DuckDB: drawn tenants with their incidents, and much beside them.

A department is a drawn tenant's successes over again, with users, devices and addresses of its own; several share their
applications, as departments do. One in ten thousand is refused, so that there are strays everywhere. All lands day by
day in the landed tables, in the widths that records have, and is counted as an import counts what it lands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline import evidence, store, views
from pipeline.pages import SIGN_IN_TABLES

from . import tenants

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

_FIRST_SEED = 7000  # those of the benchmark of causes and of the fitted weights are others
_SHARING = 20  # departments that have the same applications
_REFUSED = 10_000  # one sign-in of so many is a stray failure
_KEPT = 10  # one refused sign-in of so many is refused in a night of the history too
_WITH_DEVICES = ("SigninLogs", "AADNonInteractiveUserSignInLogs", "ADFSSignInLogs")
_OF_RECORD = ("Id", "OriginalRequestId", "CorrelationId", "SessionId")
_OF_DEPARTMENT = ("UserId", "ServicePrincipalId")
_TIMES = ("TimeGenerated", "CreatedDateTime", "IngestedAt")


@dataclass(frozen=True)
class Bulk:
    """What a large tenant holds; its window is naive UTC."""

    since: datetime
    until: datetime
    sign_ins: int
    failures: int
    apps: int
    devices: int
    users: int
    bytes: int


def made(db: Path, sign_ins: int, drawn: int) -> Bulk:
    """Make a tenant of about so many sign-ins, ``drawn`` tenants with their incidents among them, and publish it."""
    with store.working(db) as work:
        con = work.con
        con.execute("SET preserve_insertion_order = false")
        begins = []
        for number in range(drawn):
            one = tenants.simulated(_FIRST_SEED + 7 * number)  # all of them end with the same day
            tenants.land_arrived(con, one, work.scratch, one.until)
            begins.append(one.since)
            if not number:
                for table in SIGN_IN_TABLES:
                    con.execute(f"CREATE TEMP TABLE template_{table} AS FROM {table} WHERE ResultType <> '50099'")
        _add(con, sign_ins)
        views.build(con, left=evidence.VIEWS)
        everything = " UNION ALL ".join(
            f"SELECT ResultType AS code, AppId AS app, {'DeviceDetail.deviceId' if table in _WITH_DEVICES else 'NULL'} "
            f"AS device, {'UserId' if table in _WITH_DEVICES else 'NULL'} AS person FROM {table}"
            for table in SIGN_IN_TABLES
        )
        (counts,) = con.execute(
            "SELECT count(*), count(*) FILTER (code = '50099'), count(DISTINCT app), count(DISTINCT device), "
            f"count(DISTINCT person) FROM ({everything})"
        ).fetchall()
        store.publish(work, db)
    sign_ins, failures, apps, devices, users = counts
    return Bulk(min(begins), one.until, sign_ins, failures, apps, devices, users, db.stat().st_size)


def lengthened(db: Path, night: Path, nights: int) -> int:
    """Publish a history of so many nights, each like the one that ``night`` holds; return how many sign-ins it has."""
    with store.working(db) as work:
        con = work.con
        con.execute(f"ATTACH '{night}' AS night (READ_ONLY)")
        for back in range(nights, 0, -1):
            for table in SIGN_IN_TABLES:
                values = {name: _guid(f"t.{name}, $back, 'record'") for name in _OF_RECORD}
                values |= {name: f"t.{name} - INTERVAL 1 DAY * $back" for name in _TIMES}
                values["ResultType"] = (
                    f"CASE WHEN t.ResultType = '50099' AND hash(t.Id, $back) % {_KEPT} > 0 THEN '0' "
                    "ELSE t.ResultType END"
                )
                con.execute(
                    f"INSERT INTO {table} SELECT t.* REPLACE ({_replaced(con, table, values)}) FROM night.{table} AS t",
                    {"back": back},
                )
        con.execute("DETACH night")
        views.build(con, left=evidence.VIEWS)
        ((sign_ins,),) = con.execute("SELECT count(*) FROM sign_ins").fetchall()
        store.publish(work, db)
    return int(sign_ins)


def _add(con: duckdb.DuckDBPyConnection, sign_ins: int) -> None:
    """Add departments until there are so many sign-ins, each day's records behind those of the day before."""
    of_template = " UNION ALL ".join(f"SELECT TimeGenerated FROM template_{table}" for table in SIGN_IN_TABLES)
    ((size, first, last),) = con.execute(
        f"SELECT count(*), min(TimeGenerated), max(TimeGenerated) FROM ({of_template})"
    ).fetchall()
    ((landed,),) = con.execute(
        f"SELECT count(*) FROM ({' UNION ALL '.join(f'SELECT 1 FROM {table}' for table in SIGN_IN_TABLES)})"
    ).fetchall()
    departments = max(0, round((sign_ins - landed) / size))
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= last:
        for table in SIGN_IN_TABLES:
            con.execute(_added(con, table), {"departments": departments, "day": day, "next": day + timedelta(days=1)})
        day += timedelta(days=1)


def _added(con: duckdb.DuckDBPyConnection, table: str) -> str:
    values = {name: _guid(f"t.{name}, n.department, 'record'") for name in _OF_RECORD}
    values |= {name: _guid(f"t.{name}, n.department, 'department'") for name in _OF_DEPARTMENT}
    values["UserPrincipalName"] = (
        "concat(split_part(t.UserPrincipalName, '@', 1), '.', n.department, '@', "
        "split_part(t.UserPrincipalName, '@', 2))"
    )
    values["UserDisplayName"] = "concat(t.UserDisplayName, ' ', n.department)"
    values["AppId"] = _guid(f"t.AppId, n.department // {_SHARING}, 'app'")
    values["IPAddress"] = (
        "CASE WHEN t.IPAddress LIKE '%.%.%.%' THEN concat(n.department // 200 % 200 + 11, '.', n.department % 200, "
        "'.', split_part(t.IPAddress, '.', 3), '.', split_part(t.IPAddress, '.', 4)) "
        "ELSE regexp_replace(t.IPAddress, '^([^:]+):[^:]*', '\\1:' || format('{:x}', n.department)) END"
    )
    values["DeviceDetail"] = (
        "CASE WHEN coalesce(t.DeviceDetail.deviceId, '') = '' THEN t.DeviceDetail ELSE struct_update(t.DeviceDetail, "
        f"deviceId := {_guid('t.DeviceDetail.deviceId, n.department, 0')}, "
        "displayName := concat(t.DeviceDetail.displayName, '-', n.department)) END"
    )
    values["ResultType"] = (
        f"CASE WHEN t.ResultType = '0' AND hash(t.Id, n.department) % {_REFUSED} = 0 THEN '50099' ELSE t.ResultType END"
    )
    moved = "INTERVAL 1 SECOND * CAST(hash(n.department, t.Id) % 3000 AS INTEGER)"
    values |= {name: f"t.{name} - {moved}" for name in _TIMES}
    return (
        f"INSERT INTO {table} SELECT t.* REPLACE ({_replaced(con, table, values)}) "
        f"FROM range($departments) AS n(department), template_{table} AS t "
        "WHERE t.TimeGenerated >= $day AND t.TimeGenerated < $next"
    )


def _replaced(con: duckdb.DuckDBPyConnection, table: str, values: dict[str, str]) -> str:
    columns = con.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND database_name = current_database()", [table]
    ).fetchall()
    return ", ".join(f'{values[name]} AS "{name}"' for (name,) in columns if name in values)


def _guid(of: str) -> str:
    """Return an expression for a GUID made of columns, NULL where the first of them is empty."""
    cut = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    parts = ", '-', ".join(f"substr(md5(concat({of})), {begin}, {length})" for begin, length in cut)
    return f"CASE WHEN coalesce({of.split(',')[0]}, '') <> '' THEN concat({parts}) END"
