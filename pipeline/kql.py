"""Kusto's language, which analysts know, for the published file: a query in, SQL for questions out.

Nothing is run here; what the SQL may do is for questions to check, whoever wrote it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb_kql

from pipeline.errors import UsageError

if TYPE_CHECKING:
    import duckdb

_LONGEST = 300  # the translator lists all that it would have understood


def translated(con: duckdb.DuckDBPyConnection, kql: str) -> tuple[str, dict[str, object]]:
    """Return a Kusto query over our views and tables as SQL, and the values that the SQL names.

    Raises UsageError, with the construct's name, for what cannot be translated.
    """
    try:
        sql = duckdb_kql.to_sql(
            kql, schema=_schema(con, kql), allow_write=False, clusters={}, functions=[], entity_groups={}
        )
    except duckdb_kql.KqlUnsupportedError as error:
        raise UsageError(
            f"`{_as_written(error.construct, kql)}` is not supported in KQL here: ask without it, or in SQL."
        ) from None
    except (duckdb_kql.KqlError, RecursionError) as error:
        raise UsageError(f"The KQL cannot be read: {_said(error)}.") from None
    return str(sql), dict(sql.parameters)


def _schema(con: duckdb.DuckDBPyConnection, kql: str) -> dict[str, list[str]]:
    """Return the columns of every view and table; what the query may name shows its nested columns as Kusto's dynamic.

    That is JSON, by a temporary view in front of the table.
    """
    columns: dict[str, list[str]] = {}
    nested: dict[str, list[str]] = {}
    rows = con.execute(
        """SELECT table_name, column_name, data_type LIKE 'STRUCT%' OR data_type LIKE '%[]', current_database()
        FROM duckdb_columns() WHERE NOT internal AND database_name = current_database()
        ORDER BY table_name, column_index"""
    ).fetchall()
    for table, column, is_nested, database in rows:
        columns.setdefault(table, []).append(column)
        if is_nested and table in kql:
            nested.setdefault(f"{_quoted(database)}.main.{_quoted(table)}", []).append(_quoted(column))
    for table, dynamic in nested.items():
        shown = ", ".join(f"to_json({column}) AS {column}" for column in dynamic)
        select = f"SELECT * REPLACE ({shown}) FROM {table}"  # noqa: S608 our own names, quoted
        con.execute(f"CREATE OR REPLACE TEMP VIEW {table.rpartition('.')[2]} AS {select}")
    return columns


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_written(construct: str, kql: str) -> str:
    """Return a construct as the query spells it, from the translator's name for it: `make-series`, `foo()`."""
    kind, _, name = construct.rpartition(":")
    name = name.removesuffix("Operator").removesuffix("Expression")
    if kind in ("function", "aggregate"):
        return f"{name}()"
    spelled = re.search("-?".join(re.escape(letter) for letter in name), kql, re.IGNORECASE)
    return spelled[0] if spelled else name


def _said(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
