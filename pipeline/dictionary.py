"""The data dictionary: every view, table and column of the published file, as the comments in the file explain them.

`make docs` writes it to docs/data-dictionary.md. Nothing is explained here that the file itself does not say.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline import store
from pipeline.pages import TABLES

if TYPE_CHECKING:
    import duckdb

# What users hold on to, in the order in which one gets to know it.
INTERFACE = (
    "incidents",
    "causes",
    "verdicts",
    "failures",
    "sign_ins",
    "changes",
    "devices",
    "apps",
    "coverage",
    "runs",
    "import_rejects",
)
_HEAD = """# Data dictionary

Made by `make docs` from the comments in the file itself, which every tool that shows comments has too. Times are UTC.
"""
_INTERFACE = "Ask these: their names and columns stay as they are from release to release."
_LANDED = "The logs as Log Analytics names them, one row a record; the views above are made of these."
_OWN = "What the program remembers, and what it derives once and stores: it may change with any release."


def document(con: duckdb.DuckDBPyConnection) -> str:
    """Return the dictionary of a database of ours as Markdown; its order follows from the names alone."""
    comments = dict(
        con.execute(
            """SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal
            UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"""
        ).fetchall()
    )
    columns = con.execute(
        """SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal
        ORDER BY table_name, column_index"""
    ).fetchall()
    groups = {
        ("What to ask", _INTERFACE): INTERFACE,
        ("Landed tables", _LANDED): TABLES,
        ("Behind them", _OWN): sorted(set(comments) - {*INTERFACE, *TABLES}),
    }
    parts = [_HEAD]
    for (title, said), names in groups.items():
        parts.append(f"\n## {title}\n\n{said}\n")
        for name in names:
            rows = [_row(f"`{column}`", f"`{kind}`", told) for table, column, kind, told in columns if table == name]
            parts.append(f"\n### {name}\n\n{comments[name]}\n\n{_row('column', 'type', 'meaning')}{_row(*3 * ['---'])}")
            parts += rows
    return "".join(parts)


def _row(*cells: str | None) -> str:
    return f"| {' | '.join((cell or '').replace('|', '/') for cell in cells)} |\n"


if __name__ == "__main__":
    with store.empty() as ours:
        sys.stdout.write(document(ours))
