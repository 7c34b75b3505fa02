"""Landed records in few words: what a test does not name is an ordinary successful sign-in, or a successful change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

from pipeline import bodies
from pipeline.pages import Page
from pipeline.window import Window

if TYPE_CHECKING:
    import duckdb

    from pipeline.bodies import Body

MORNING = datetime(2026, 10, 14, 8)
DAY = timedelta(days=1)
WINDOW = Window(MORNING - DAY, MORNING + 2 * DAY)


def sign_in(**cells: Any) -> dict[str, Any]:
    """Return a sign-in that succeeded at MORNING and reached the log five minutes later, with cells replaced."""
    ordinary = {
        "Id": "a",
        "CreatedDateTime": MORNING,
        "TimeGenerated": cells.get("CreatedDateTime", MORNING) + timedelta(minutes=5),
        "ResultType": "0",
        "UserId": "user-1",
        "UserPrincipalName": "ann@example.org",
        "AppId": "app-1",
        "AppDisplayName": "Mail",
    }
    return ordinary | cells


def failure(**cells: Any) -> dict[str, Any]:
    """Return a sign-in whose device signature was refused."""
    return sign_in(ResultType="50099", **cells)


def audit(operation: str, *targets: dict[str, Any], **cells: Any) -> dict[str, Any]:
    """Return a successful audit record of an operation at MORNING, with cells replaced."""
    ordinary = {
        "Id": "change-1",
        "ActivityDateTime": MORNING,
        "TimeGenerated": cells.get("ActivityDateTime", MORNING),
        "OperationName": operation,
        "Result": "success",
        "InitiatedBy": {"user": {"userPrincipalName": "admin@example.org"}},
        "TargetResources": list(targets),
    }
    return ordinary | cells


def target(
    kind: str, object_id: str | None, name: str | None = None, **properties: tuple[str | None, str | None]
) -> dict[str, Any]:
    """Return what an audit record was done to; properties are (old, new) as the JSON text that the log holds.

    In a property's name ``__`` stands for a dot: ``Device__ObjectID``.
    """
    modified = [
        {"displayName": name.replace("__", "."), "oldValue": old, "newValue": new}
        for name, (old, new) in properties.items()
    ]
    return {"id": object_id, "displayName": name, "type": kind, "modifiedProperties": modified}


def detail(**pairs: str) -> list[dict[str, str]]:
    """Return the AdditionalDetails of an audit record; in a key ``_`` stands for a space."""
    return [{"key": key.replace("_", " "), "value": value} for key, value in pairs.items()]


def page(table: str, *records: dict[str, Any]) -> Page:
    """Return records as they travel to landing: every cell is text, nested values are JSON text."""
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: [_text(record.get(name)) for record in records] for name in names}
    return Page(table, pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String)))


def body(table: str, *records: dict[str, Any]) -> Body:
    """Return records as an answer of the query service holds them."""
    frame = page(table, *records).frame
    columns = [{"name": name, "type": "string"} for name in frame.columns]
    answer = {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": [list(row) for row in frame.rows()]}]}
    opened = bodies.opened(orjson.dumps(answer))
    assert opened is not None
    return opened


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    return orjson.dumps(value).decode()


def add_incident(con: duckdb.DuckDBPyConnection, incident_id: str, **cells: Any) -> None:
    """Enter an incident as the judge would, with cells replaced."""
    row = {
        "incident_id": incident_id,
        "status": "new",
        "first_seen_at": MORNING,
        "last_seen_at": MORNING + timedelta(hours=1),
        "failures": 1,
        "sign_ins": 1,
        "devices": 1,
        "users": 1,
        "apps": 1,
        "scope_kind": "device",
        "scope_value": "d1",
        "scope": "device=d1",
        "cause": "unexplained",
        "confidence": 0.5,
        "summary": "One device fails.",
        "next_step": "Look at it.",
    } | cells
    con.execute(f"INSERT INTO found_incidents ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
