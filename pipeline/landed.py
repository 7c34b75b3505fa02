"""The columns of the landed tables and their types, as the schema says. No stored database is asked."""

from __future__ import annotations

from functools import cache

from pipeline import assets
from pipeline.pages import TABLES


@cache
def columns() -> dict[str, dict[str, str]]:
    """Return the columns of each landed table with their types, in their order."""
    import duckdb

    with duckdb.connect() as con:
        for step in assets.sql_files(assets.SCHEMA):
            con.execute(assets.text(step))
        rows = con.execute(
            """SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE table_name IN ?
            ORDER BY table_name, column_index""",
            [list(TABLES)],
        ).fetchall()
    return {table: {name: kind for of, name, kind in rows if of == table} for table in TABLES}
