"""Diagnostic records as Entra usually writes them, from their lines to rows in one step of DuckDB.

What exports and landing say of cells of text is said here in SQL, for records about which there is nothing to decide:
where one line is unlike that, in whatever way, none of its neighbours is taken either, and all go the long way.
"""

from __future__ import annotations

import contextlib
from functools import cache
from typing import TYPE_CHECKING

from pipeline import land, landed, moments
from pipeline.errors import is_interrupt
from pipeline.exports import CODES, NOTHING
from pipeline.forms.columns import TABLE_OF
from pipeline.forms.places import places
from pipeline.forms.sheet import Laid
from pipeline.pages import TABLES, event_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from pipeline.forms.bench import Bench
    from pipeline.forms.straight import Lines

_LONGEST = 2**22  # bytes of a line; twice as many are one thread's work
_ZULU = "%Y-%m-%dT%H:%M:%SZ"
_TABLE, _ODD = '"to table"', '"is odd"'  # beside the columns of the tables


def laid(bench: Bench, lines: Lines) -> Laid | None:
    """Lay the records of lines out as rows of their tables; None where one of them is not as usual."""
    import duckdb

    if not lines.are_diagnostic or not {"Id", "StreamCategory"} <= lines.columns.keys():
        return None
    file = bench.folder / f"{lines.file.stem}.{bench.number()}.parquet"
    query, given = lines.query(_nested(), _LONGEST)
    cells = [f'{_cell(name, kind, name in lines.columns)} AS "{name}"' for name, kind in _kinds().items()]
    happened = " ".join(f"WHEN '{table}' THEN {event_time(table)}" for table in TABLES)
    happening = f"(SELECT *, CASE {_TABLE} {happened} END AS happened FROM read_parquet($file))"
    read = {"file": str(file)}
    try:
        with _in_any_order(bench.con):
            bench.con.execute(
                f"COPY (SELECT {', '.join(cells)}, {_TO_TABLE} AS {_TABLE}, {_odd(lines)} AS {_ODD} FROM ({query})) "
                "TO $file (FORMAT parquet, COMPRESSION uncompressed)",
                given | read,
            )
        found = bench.con.execute(
            f"""SELECT {_TABLE}, count(*), strftime(min(happened), $zulu), strftime(max(happened), $zulu),
                bool_or({_ODD} OR (happened IS NULL AND {_TABLE} != '')),
                bool_or(ResultType IS NULL), bool_or(ResultType IS NULL AND Status IS NOT NULL),
                bool_or(coalesce(
                    regexp_matches(ResultType, $padded) OR regexp_matches(ResultDescription, $padded), false))
            FROM {happening} GROUP BY 1""",
            read | {"zulu": _ZULU, "padded": "^[^!-~]|[^!-~]$"},
        ).fetchall()
    except (duckdb.Error, UnicodeDecodeError) as error:
        file.unlink(missing_ok=True)
        if is_interrupt(error):
            raise
        return None
    unlike, without_code, told_by_status, padded = (any(row[at] for row in found) for at in range(4, 8))
    # A code that the status alone tells is looked for the long way, which then cleans all the others' codes too.
    if unlike or told_by_status or (without_code and padded) or sum(row[1] for row in found) != lines.height:
        file.unlink()
        return None
    rows = {table: count for table, count, *_ in found}
    foreign = rows.pop("", 0)
    ours = [times for table, _, *times in (row[:4] for row in found) if table]
    times = (min(first for first, _ in ours), max(last for _, last in ours)) if ours else None
    return Laid(file, {table: rows[table] for table in TABLES if table in rows}, foreign, times)


@contextlib.contextmanager
def _in_any_order(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let every thread write rows as it has them: what lands has no order."""
    con.execute("SET preserve_insertion_order = false")
    try:
        yield
    finally:
        con.execute("SET preserve_insertion_order = true")


def records(rows: Laid, table: str, workspace: str | None) -> land.Records:
    """Return those of the rows that are of a table, as landing takes them; ``workspace`` is whose they are."""
    cells = {name: f'"{name}"' for name in landed.columns()[table]}
    cells["WorkspaceId"] = "''" if workspace is None else "CAST($workspace AS VARCHAR)"
    if workspace is not None:
        cells["TenantId"] = "CAST($workspace AS VARCHAR)"
    select = (
        f"(SELECT {', '.join(f'{value} AS {chr(34)}{name}{chr(34)}' for name, value in cells.items())}, "
        f"file_row_number AS number FROM read_parquet($file, file_row_number = true) WHERE {_TABLE} = $table)"
    )
    given = {"file": str(rows.file), "table": table} | ({"workspace": workspace} if workspace is not None else {})
    return land.Records(select, given, nameless=workspace is None)


@cache
def _kinds() -> dict[str, str]:
    """Return all columns that land and their types, which are the same in every table."""
    kinds = {name: kind for columns in landed.columns().values() for name, kind in columns.items()}
    return {name: kind for name, kind in kinds.items() if name != "WorkspaceId"}


@cache
def _nested() -> dict[str, str]:
    """Return the keys, in lower case, whose value is read as what the one column that it is for wants."""
    return {
        place.key: kind
        for name, kind in _kinds().items()
        if kind.startswith("STRUCT") and not any(place.where or place.value != "{0}" for place in places(name))
        for place in places(name)
    }


def _cell(name: str, kind: str, is_there: bool) -> str:
    """Return the expression for what lands of a column."""
    if not is_there:
        return f"CAST(NULL AS {kind})"
    if kind == "TIMESTAMP":
        return f"TRY_CAST({name} AS TIMESTAMP)"
    if name.lower() in _nested():
        return f'nullif("{name}", [])' if kind.endswith("[]") else f'"{name}"'
    return land.typed(name, is_text=True, wanted=kind)


_CATEGORY = "lower(StreamCategory)"
_TO_TABLE = (
    f"CASE {_CATEGORY} "
    + " ".join(f"WHEN '{name}' THEN '{table}'" for name, table in TABLE_OF.items())
    + " ELSE '' END"
)


def _odd(lines: Lines) -> str:
    """Return the expression for whether something must be decided about a record."""
    kinds = _kinds()
    texts = [name for name in lines.columns if kinds.get(name, "VARCHAR") == "VARCHAR"]
    unclear = ["StreamCategory IS NULL", "NOT regexp_full_match(StreamCategory, '[A-Za-z0-9]+')"]
    unclear += [f"coalesce({name}, '') != ''" for name in ("Type",) if name in lines.columns]
    odd = ["Id IS NULL", "NOT regexp_full_match(Id, '[!-~]+')"]
    odd += [
        f"NOT regexp_matches({name}, '{moments.USUAL}')"
        for name, kind in kinds.items()
        if kind == "TIMESTAMP" and name in lines.columns
    ]
    odd += [f"contains({name}, '.')" for name in CODES if name in lines.columns]
    # Compared one by one: DuckDB takes many times as long for IN.
    odd += [f"\"{name}\" = '{word}'" for name in texts for word in NOTHING]
    return (
        f"CASE WHEN {' OR '.join(unclear)} THEN true WHEN {_TO_TABLE} = '' THEN false "
        f"ELSE coalesce({' OR '.join(odd)}, false) END"
    )
