"""Records of a lake as landing leaves them: text cells typed, JSON in structs, one row a record.

What `pipeline.land` does to pages in DuckDB is done here by Spark, with the same outcome: of several deliveries of a
record the newest TimeGenerated stays. Only which columns a table has is asked elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from pipeline.pages import event_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import DataFrame

_PORTAL_TIMES = ("M/d/yyyy, h:mm:ss[.SSSSSS][.SSS] a", "M/d/yyyy h:mm:ss a")
# As in landing: the event's id, and where that is missing the record itself.
_INTUNE_ID = (
    "coalesce(nullif(get_json_object(Properties, '$.AuditEventId'), ''), "
    "sha2(concat_ws(' ', CAST(TimeGenerated AS STRING), OperationName, CorrelationId, Properties), 256))"
)
_NEWEST_FIRST = "TimeGenerated DESC NULLS LAST, IngestedAt DESC NULLS LAST, xxhash64(*)"


def landed(table: str, cells: DataFrame, columns: Mapping[str, str]) -> DataFrame:
    """Return the records of a table under the columns and DuckDB types of its landed table.

    ``cells`` are text. Records without an id or a time are left out, as landing rejects them.
    """
    typed = [f"{_typed(name, kind)} AS `{name}`" for name, kind in columns.items() if name != "WorkspaceId"]
    records = cells.selectExpr("lower(coalesce(TenantId, '')) AS WorkspaceId", *typed)
    if table == "IntuneAuditLogs":
        records = records.selectExpr(*(f"{_INTUNE_ID} AS Id" if name == "Id" else f"`{name}`" for name in columns))
    fit = records.where(f"Id <> '' AND {event_time(table)} IS NOT NULL")
    ranked = fit.selectExpr(
        "*", f"row_number() OVER (PARTITION BY WorkspaceId, Id ORDER BY {_NEWEST_FIRST}) AS delivery"
    )
    return ranked.where("delivery = 1").select(*columns)


def nothing(columns: Mapping[str, str]) -> str:
    """Return the SELECT of a table that holds no record."""
    from pipeline.spark.carried import spark_type

    typed = ", ".join(f"CAST(NULL AS {spark_type(kind)}) AS `{name}`" for name, kind in columns.items())
    return f"SELECT {typed} WHERE false"


def _typed(name: str, wanted: str) -> str:
    """Return the expression that makes of a text cell what the landed table wants."""
    column = f"`{name}`"
    if name == "Id":
        return f"coalesce({column}, '')"
    if wanted == "VARCHAR":
        return f"nullif({column}, '')"
    if wanted == "TIMESTAMP":
        zoned = f"CAST(try_cast(nullif({column}, '') AS TIMESTAMP_LTZ) AS TIMESTAMP_NTZ)"
        portal = (f"CAST(try_to_timestamp({column}, '{form}') AS TIMESTAMP_NTZ)" for form in _PORTAL_TIMES)
        return f"coalesce({zoned}, {', '.join(portal)})"
    if wanted.startswith("STRUCT"):
        return _nested(column, exp.DataType.build(wanted, dialect="duckdb"))
    return _scalar(column, wanted)


def _nested(column: str, kind: exp.DataType) -> str:
    """Return JSON text taken apart: first into text throughout, so that one bad value spoils no other, then typed."""
    parsed = f"from_json({column}, '{_texts(kind)}')"
    if kind.this == exp.DType.ARRAY:
        items = f"nullif({parsed}, from_json('[]', '{_texts(kind)}'))"
        return f"CASE WHEN ltrim({column}) LIKE '[%' THEN {_of_texts(items, kind, 0)} END"
    sound = f"get_json_object({column}, '$') IS NOT NULL AND trim({column}) <> 'null'"
    return f"CASE WHEN {sound} THEN {_of_texts(parsed, kind, 0)} END"


def _texts(kind: exp.DataType) -> str:
    """Return the type with text in the place of every scalar, as schema text."""
    if kind.this == exp.DType.ARRAY:
        return f"ARRAY<{_texts(kind.expressions[0])}>"
    if kind.this == exp.DType.STRUCT:
        parts = (f"`{part.name}`: {_texts(part.args['kind'])}" for part in kind.expressions)
        return f"STRUCT<{', '.join(parts)}>"
    return "STRING"


def _of_texts(value: str, kind: exp.DataType, depth: int) -> str:
    if _is_text(kind):
        return value
    if kind.this == exp.DType.ARRAY:
        item = f"item{depth}"
        return f"transform({value}, {item} -> {_of_texts(item, kind.expressions[0], depth + 1)})"
    if kind.this == exp.DType.STRUCT:
        parts = (
            f"'{part.name}', {_of_texts(f'{value}.`{part.name}`', part.args['kind'], depth)}"
            for part in kind.expressions
        )
        return f"named_struct({', '.join(parts)})"
    return _scalar(value, kind.sql(dialect="duckdb"))


def _is_text(kind: exp.DataType) -> bool:
    """Tell whether nothing in a type is anything but text."""
    return all(
        part.this in (exp.DType.ARRAY, exp.DType.STRUCT) or part.is_type("text", "varchar")
        for part in kind.find_all(exp.DataType)
    )


def _scalar(value: str, wanted: str) -> str:
    if wanted == "BIGINT":  # DuckDB rounds what is no whole number
        return f"coalesce(try_cast({value} AS BIGINT), try_cast(round(try_cast({value} AS DOUBLE)) AS BIGINT))"
    return f"try_cast({value} AS {wanted})"
