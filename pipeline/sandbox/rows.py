"""Rows of the query API out of DuckDB: each a JSON array that DuckDB itself writes, in the types and forms of Kusto.

Which rows they are is the business of ``kusto``; here they are written down, and no more of them than the limits let.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

FETCHED_AT_ONCE = 5_000


@dataclass(frozen=True)
class Limits:
    """What one answer may hold before it is cut off; the defaults are those of Log Analytics."""

    rows: int = 500_000
    body_bytes: int = 64_000_000


@dataclass(frozen=True)
class Answer:
    """A table of the query API: ``columns`` are (name, type), ``rows`` are JSON arrays, ``cut`` says why rows lack."""

    columns: list[tuple[str, str]]
    rows: list[bytes]
    cut: str | None


def collect(cursor: duckdb.DuckDBPyConnection, shown: list[tuple[str, str]], limits: Limits) -> Answer:
    """Fetch the rows of ``as_json`` that wait in ``cursor`` until a limit stops it; the rest is never computed."""
    named = [(name, _kusto_type(kind)) for name, kind in shown]
    kept: list[bytes] = []
    size = 0
    while batch := cursor.fetchmany(FETCHED_AT_ONCE):
        for (text,) in batch:
            row = text.encode()
            size += len(row) + 1
            if len(kept) == limits.rows:
                return Answer(named, kept, f"{limits.rows} records")
            if size > limits.body_bytes:
                return Answer(named, kept, f"{limits.body_bytes} bytes")
            kept.append(row)
    return Answer(named, kept, None)


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def as_json(shown: list[tuple[str, str]]) -> str:
    """Give the SQL expression that writes the columns ``shown``, (name, DuckDB type), as one JSON array."""
    return f"json_array({', '.join(_json_cell(quoted(name), kind) for name, kind in shown)})"


def _json_cell(cell: str, kind: str) -> str:
    match _kusto_type(kind):
        case "string":
            return f"coalesce(CAST({cell} AS VARCHAR), '')"  # Log Analytics has no null strings
        case "datetime":
            return f"replace(CAST(CAST({cell} AS TIMESTAMP) AS VARCHAR), ' ', 'T') || 'Z'"
        case "dynamic" if kind != "JSON":
            return f"CAST(to_json({cell}) AS VARCHAR)"
        case "long":
            return f"CAST({cell} AS BIGINT)"
        case "real":
            return (
                f"CASE WHEN isfinite({cell}) THEN to_json({cell}) WHEN isnan({cell}) THEN to_json('NaN')"
                f" WHEN {cell} > 0 THEN to_json('Infinity') WHEN {cell} < 0 THEN to_json('-Infinity') END"
            )
        case "timespan":
            micros = f"epoch_us({cell})"
            return (
                f"CASE WHEN {micros} < 0 THEN '-' ELSE '' END"
                f" || CASE WHEN abs({micros}) >= 86400000000 THEN (abs({micros}) // 86400000000) || '.' ELSE '' END"
                f" || strftime(make_timestamp(abs({micros}) % 86400000000), '%H:%M:%S')"
                f" || CASE WHEN {micros} % 1000000 = 0 THEN ''"
                f" ELSE printf('.%06d0', abs({micros}) % 1000000) END"
            )
        case "bool" | "int":
            return cell
        case _:
            return f"CAST({cell} AS VARCHAR)"


def _kusto_type(kind: str) -> str:
    if kind == "JSON" or kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return "dynamic"
    if kind.startswith("DECIMAL"):
        return "decimal"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return "datetime"
    return {
        "BOOLEAN": "bool",
        "INTEGER": "int",
        "SMALLINT": "int",
        "TINYINT": "int",
        "BIGINT": "long",
        "UBIGINT": "long",
        "HUGEINT": "long",
        "UINTEGER": "long",
        "DOUBLE": "real",
        "FLOAT": "real",
        "INTERVAL": "timespan",
        "UUID": "guid",
    }.get(kind, "string")
