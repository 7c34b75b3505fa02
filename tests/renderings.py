"""The same records as different systems write them: rows of Log Analytics' tables in, files out."""

from __future__ import annotations

import csv
import io
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Row = dict[str, Any]

CATEGORIES = {
    "SigninLogs": "SignInLogs",
    "AADNonInteractiveUserSignInLogs": "NonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs": "ServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs": "ManagedIdentitySignInLogs",
    "ADFSSignInLogs": "ADFSSignInLogs",
    "AuditLogs": "AuditLogs",
}
EVENT_TYPES = {
    "SigninLogs": "interactiveUser",
    "AADNonInteractiveUserSignInLogs": "nonInteractiveUser",
    "AADServicePrincipalSignInLogs": "servicePrincipal",
    "AADManagedIdentitySignInLogs": "managedIdentity",
    "ADFSSignInLogs": "interactiveUser",
}
_RENAMED = {
    "IPAddress": "ipAddress",
    "AADTenantId": "tenantId",
    "AADOperationType": "operationType",
    "ConditionalAccessPolicies": "appliedConditionalAccessPolicies",
    "LocationDetails": "location",
    "ResourceIdentity": "resourceId",
    "RiskEventTypes_V2": "riskEventTypes_v2",
}
# What only the row around a record has, not the record itself.
_AROUND = (
    *("TenantId", "Type", "SourceSystem", "TimeGenerated", "ingestion_time", "_BilledSize", "_IsBillable", "_ItemId"),
    *("Category", "ResultType", "ResultDescription", "ResultSignature", "Location", "Level", "OperationName"),
    *("OperationVersion", "Identity", "DurationMs", "Resource", "ResourceGroup", "ResourceId", "ResourceProvider"),
    "AppliedConditionalAccessPolicies",
)


def rows(tables: Mapping[str, pl.DataFrame]) -> list[Row]:
    """Return the rows of tables, nested values as what they say, in a mixed but fixed order."""
    found = [_nested(row) for frame in tables.values() for row in frame.iter_rows(named=True)]
    return sorted(found, key=lambda row: (row["ingestion_time"], row["Type"], row["Id"]))


def _nested(row: Row) -> Row:
    return {
        name: orjson.loads(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
        for name, value in row.items()
    }


def _camel(name: str) -> str:
    return _RENAMED.get(name, name[0].lower() + name[1:])


def _time(value: datetime, digits: int = 6) -> str:
    text = f"{value:%Y-%m-%dT%H:%M:%S}"
    return (
        f"{text}.{value.microsecond:06}"[: len(text) + 1 + digits] + "0" * (digits - 6) + "Z" if digits else f"{text}Z"
    )


def _json(value: object) -> bytes:
    return orjson.dumps(value, default=str)


def entity(row: Row) -> Row:
    """Return what is within a diagnostic record, and what Microsoft Graph gives."""
    made = {_camel(name): value for name, value in row.items() if name not in _AROUND and value not in ("", None)}
    made |= {name: _time(value) for name, value in made.items() if isinstance(value, datetime)}
    if row["Type"] == "AuditLogs":
        return made | {"category": row["Category"]}
    status = row.get("Status") or {"errorCode": int(row["ResultType"])}
    reason = row.get("ResultDescription") or ("Other." if row["ResultType"] == "0" else None)
    return made | {"status": {"failureReason": reason, **status}}


def diagnostic(row: Row) -> Row:
    """Return a record as diagnostic settings write it."""
    return {
        "time": _time(row["TimeGenerated"], 7),
        "resourceId": f"/tenants/{row.get('AADTenantId')}/providers/Microsoft.aadiam",
        "operationName": row["OperationName"],
        "operationVersion": "1.0",
        "category": CATEGORIES[row["Type"]],
        "tenantId": row.get("AADTenantId") or "directory",
        "resultType": row["ResultType"] or None,
        "resultDescription": row["ResultDescription"] or None,
        "durationMs": 0,
        "callerIpAddress": row.get("IPAddress"),
        "correlationId": row["CorrelationId"],
        "identity": row.get("Identity"),
        "Level": 4,
        "location": row.get("Location"),
        "properties": entity(row),
    }


def graph(row: Row) -> Row:
    """Return an entity of auditLogs/signIns (beta) or auditLogs/directoryAudits."""
    if row["Type"] == "AuditLogs":
        return entity(row)
    where = entity(row).get("location") or ({"countryOrRegion": row["Location"]} if row.get("Location") else {})
    adfs = {"tokenIssuerType": "ADFederationServices"} if row["Type"] == "ADFSSignInLogs" else {}
    return entity(row) | adfs | {"signInEventTypes": [EVENT_TYPES[row["Type"]]], "location": where}


def table(row: Row, text: bool) -> Row:
    """Return a row in table columns, nested values as they are or as JSON text."""
    return {
        name: _time(value)
        if isinstance(value, datetime)
        else _json(value).decode()
        if text and _is_nested(value)
        else value
        for name, value in row.items()
    }


def _is_nested(value: object) -> bool:
    return isinstance(value, dict | list)


def portal(row: Row) -> Row:
    """Return a row as the CSV of Log Analytics' portal writes it."""
    times = {
        name: f"{value:%-m/%-d/%Y, %-I:%M:%S}.{value.microsecond:06} {value:%p}"
        for name, value in row.items()
        if isinstance(value, datetime)
    }
    cells = {name: times.get(name, value) for name, value in table(row, text=True).items()}
    return {f"{name} [UTC]" if name in times else name: value for name, value in cells.items()}


def body(found: list[Row]) -> Row:
    """Return an answer of the query API."""
    names = list(dict.fromkeys(name for row in found for name in row))
    cells = [[table(row, text=True).get(name) for name in names] for row in found]
    columns = [{"name": name, "type": "string"} for name in names]
    return {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": cells}]}


def kusto(found: list[Row]) -> Row:
    """Return an answer of Kusto, version 1."""
    (answer,) = body(found)["tables"]
    columns = [{"ColumnName": column["name"], "DataType": "String"} for column in answer["columns"]]
    return {"Tables": [{"TableName": "Table_0", "Columns": columns, "Rows": answer["rows"]}]}


def frames(found: list[Row]) -> list[Row]:
    """Return an answer of Kusto, version 2."""
    (first,) = kusto(found)["Tables"]
    return [
        {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"},
        {"FrameType": "DataTable", "TableId": 0, "TableKind": "QueryProperties", "Columns": [], "Rows": []},
        {"FrameType": "DataTable", "TableId": 1, "TableKind": "PrimaryResult", **first},
        {"FrameType": "DataSetCompletion", "HasErrors": False},
    ]


def comma(found: list[Row]) -> bytes:
    """Return rows as CSV."""
    names = list(dict.fromkeys(name for row in found for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def zstandard(content: bytes) -> bytes:
    """Return bytes packed with zstd."""
    packed: bytes = zstd.compress(content)
    return packed


def lines(found: list[Any]) -> bytes:
    """Return values one a line."""
    return b"".join(_json(value) + b"\n" for value in found)


def parquet(file: Path, found: list[Row]) -> None:
    """Write rows as Parquet."""
    pl.DataFrame([table(row, text=True) for row in found], infer_schema_length=None).write_parquet(file)


def _pages(found: list[Row]) -> bytes:
    half = len(found) // 2
    about = {"@odata.context": "https://graph.microsoft.com/beta/$metadata#auditLogs/signIns"}
    more = {"@odata.nextLink": "https://graph.microsoft.com/beta/auditLogs/signIns?$skiptoken=x"}
    return lines([about | more | {"value": found[:half]}, about | {"value": found[half:]}])


# Each form's file, of all rows.
FORMS: dict[str, Callable[[list[Row]], bytes]] = {
    "ndjson": lambda found: lines([table(row, text=at % 2 == 0) for at, row in enumerate(found)]),
    "array": lambda found: orjson.dumps([table(row, text=False) for row in found], option=orjson.OPT_INDENT_2),
    "portal csv": lambda found: b"\xef\xbb\xbf" + comma([portal(row) for row in found]),
    "portal csv in UTF-16": lambda found: comma([portal(row) for row in found]).decode().encode("utf-16"),
    "query api": lambda found: _json(body(found)),
    "kusto v1": lambda found: _json(kusto(found)),
    "kusto v2": lambda found: _json(frames(found)),
    "blob": lambda found: lines([diagnostic(row) for row in found]),
    "event hub": lambda found: _json({"records": [diagnostic(row) for row in found]}),
    "several event hub batches": lambda found: b"".join(_json({"records": [diagnostic(row)]}) for row in found),
    "graph pages": lambda found: _pages([graph(row) for row in found]),
    "graph array": lambda found: _json([graph(row) for row in found]),
    "graph ndjson": lambda found: lines([graph(row) for row in found]),
}
WITHOUT_ARRIVAL = ("graph pages", "graph array", "graph ndjson")
