"""The views, made from the files under sql/views, and the comments that explain them and the tables to every tool.

A file is one SELECT; its name after the number is the view's, the number the order in which views build on each other.
What a view says is the file's business; nothing here knows any view by name.
"""

from __future__ import annotations

import csv
import hashlib
import re
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline import assets, counted, current

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    import duckdb

BEYOND = datetime(9999, 12, 31)
_HORIZON = "(SELECT until FROM horizon)"


def build(
    con: duckdb.DuckDBPyConnection,
    until: datetime = BEYOND,
    *,
    unfilled: Collection[str] = (),
    left: Collection[str] = (),
) -> None:
    """Make every view that may tell something else now, and refill those that are stored, whenever records have landed.

    ``until`` (UTC) is what "now" means for what is derived: nothing after it is taken into account. Stored views that
    are ``unfilled`` stay empty, for a caller that is about to fill them; those that are ``left`` stay as the last
    analysis filled them, which is empty before the first. Where some are left, those stay as well that were filled so
    since anything has landed.
    """
    con.execute("BEGIN")
    con.execute("DELETE FROM lake_answers")
    con.execute("DELETE FROM audit_operations")
    con.execute(assets.text(assets.DATA / "audit_operations.sql"), {"file": str(assets.DATA / "audit_operations.csv")})
    selects = files()
    release = _release(selects)
    # whoever leaves nothing fills the evidence too, which changes without anything landing
    of_records = {name for name, select in selects.items() if is_stored(select)}.difference(left) if left else set()
    still: set[str] = set()
    same = _was_made_by(con, release)
    if left and not same:
        left, unfilled = (), (() if _has_incidents(con) else (*unfilled, *left))
    elif left:
        still = current.filled(con, until)
    stay = still.union(left)
    con.execute("UPDATE horizon SET until = ?", [until])
    tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    by_day = [name for name, select in selects.items() if _is_kept(select) and name not in stay]
    counts = bool(by_day) and not set(by_day).intersection(unfilled)
    if counts:
        counted.look(con)
    kept = set(by_day)
    if kept and not (counts and kept <= tables and counted.forget(con, kept, release)):
        counted.forget_all(con)
        kept = set()
    for name, select in selects.items():
        if _kind(select) == "TABLE" and name in tables - kept.union(stay):
            con.execute(f"DELETE FROM {name}")  # nothing that is derived may feed on what it was before
    made = set()
    for name, select in selects.items():
        if name in stay or (same and _kind(select) == "VIEW" and _HORIZON not in select):
            continue
        if name in by_day:
            if name not in kept:
                con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM ({select}) LIMIT 0")
                made.add(name)
            if counts and name == by_day[-1]:
                _count(con, by_day, selects, release)
            continue
        # DuckDB takes what is before a moment that it must look up for a handful, and joins it from the wrong side
        told = select.replace(_HORIZON, f"TIMESTAMP '{until.isoformat(sep=' ')}'")
        rows = f"SELECT * FROM ({told}) LIMIT 0" if name in unfilled else told
        con.execute(f"CREATE OR REPLACE {_kind(select)} {name} AS {rows}")  # our own file's name, no one else's text
        made.add(name)
    counted.look_away(con)
    current.enter(con, of_records.difference(unfilled) | still, until)
    con.execute("DELETE FROM filled_views")
    con.execute("INSERT INTO filled_views VALUES (?)", [release])
    _comment(con, [comment for name in selects if name in made for comment in _header(name, selects[name], selects)])
    con.execute("COMMIT")


def begin(con: duckdb.DuckDBPyConnection, left: Collection[str]) -> None:
    """Make the views of a new database before anything lands; where there are views, leave them to ``build``."""
    if not con.execute("FROM filled_views").fetchall():
        build(con, left=left)


def _count(con: duckdb.DuckDBPyConnection, names: Collection[str], selects: Mapping[str, str], release: str) -> None:
    for _ in counted.portions(con, selects, release):
        for name in names:
            con.execute(f"INSERT INTO {name} {selects[name]}")


def comment_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Put the comments of the tables into the catalog; a row without a table speaks of the landed tables' columns."""
    with (assets.DATA / "comments.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["table_name"], row["column_name"], row["comment"]) for row in csv.DictReader(file)]
    landed = [(column, comment) for table, column, comment in rows if not table]
    own = {table for table, _, _ in rows if table}
    shared = [("TABLE", table, column, comment) for table in own for column, comment in landed]
    _comment(con, [*shared, *(("TABLE", table, column, comment) for table, column, comment in rows if table)])


def files() -> dict[str, str]:
    """Return our views in the order in which they build on each other: name and SELECT."""
    return {name_of(file): assets.text(file) for file in assets.sql_files(assets.VIEWS)}


def name_of(file: Path) -> str:
    """Return the name of the view that a file under sql/views defines."""
    return file.stem.split("_", 1)[1]


def is_stored(select: str) -> bool:
    """Tell whether a view's rows are stored."""
    return "\n-- stored: yes\n" in select


def kept_by_day() -> tuple[str, ...]:
    """Return the stored views whose rows stay from run to run, where only those of days that changed are made anew."""
    return tuple(name for name, select in files().items() if _is_kept(select))


def _is_kept(select: str) -> bool:
    return "\n-- kept: by day\n" in select


def _was_made_by(con: duckdb.DuckDBPyConnection, release: str) -> bool:
    return con.execute("FROM filled_views").fetchall() == [(release,)]


def _has_incidents(con: duckdb.DuckDBPyConnection) -> bool:
    return bool(con.execute("SELECT 1 FROM found_incidents LIMIT 1").fetchall())


def _release(selects: Mapping[str, str]) -> str:
    """Return what changes whenever any view does, or the operations that views take for changes."""
    operations = (assets.DATA / "audit_operations.csv").read_text(encoding="utf-8")
    return hashlib.md5("\n".join((*selects.values(), operations)).encode(), usedforsecurity=False).hexdigest()


def _kind(select: str) -> str:
    return "TABLE" if is_stored(select) else "VIEW"


def _header(name: str, select: str, files: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """Return the comments that a view's header holds.

    The first line describes the view, ``name: text`` a column; ``columns: view`` takes over another view's columns.
    """
    lines = [line[3:] for line in select.splitlines() if line.startswith("-- ")]
    said = dict(line.split(": ", 1) for line in lines[1:] if re.match(r"\w+: ", line))
    other = said.get("columns", "")
    inherited = [each for each in _header(other, files[other], files) if each[2]] if other else []
    own = [(_kind(select), name, column, comment) for column, comment in said.items()]
    return [
        (_kind(select), name, "", lines[0]),
        *((_kind(select), name, column, comment) for _, _, column, comment in inherited),
        *own,
    ]


def _comment(con: duckdb.DuckDBPyConnection, comments: Iterable[tuple[str, str, str, str]]) -> None:
    """Set comments, given as kind, table or view, column (empty for the whole) and text, on what exists."""
    existing = set(con.execute("SELECT table_name, column_name FROM duckdb_columns()").fetchall())
    for kind, name, column, text in comments:
        if not column:
            con.execute(f"COMMENT ON {kind} {name} IS {_literal(text)}")
        elif (name, column) in existing:
            con.execute(f'COMMENT ON COLUMN {name}."{column}" IS {_literal(text)}')


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
