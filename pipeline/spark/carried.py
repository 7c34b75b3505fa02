"""DuckDB's SQL as Spark's: our views and rules carried over by sqlglot, with the same answer.

sqlglot translates some constructs into other answers without a word; what a rule may use is `pipeline.portable`'s
business. Only text is made here: no session is needed and nothing runs.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from pipeline import views

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_TIME = exp.DataType.build("TIMESTAMP_NTZ", dialect="spark")
# DuckDB sums whole numbers into a type that Spark does not have; no sum of ours leaves the range of a BIGINT.
_NARROWED = {exp.DType.INT128: exp.DType.BIGINT, exp.DType.UBIGINT: exp.DType.BIGINT}


def carried(select: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a SELECT as Spark runs it, and those of the values that it names as parameters.

    Times stay what they are here, UTC without a zone. Raises ValueError for what sqlglot cannot read.
    """
    text, names, times = _text(select, frozenset(name for name, value in values.items() if hasattr(value, "tzinfo")))
    return text, {name: _at(values[name]) if name in times else values[name] for name in names}


def structure(columns: Mapping[str, str]) -> str:
    """Return columns with their DuckDB types as the schema text that Spark's from_json reads."""
    return ", ".join(f"`{name}` {spark_type(kind)}" for name, kind in columns.items())


def spark_type(kind: str) -> str:
    """Return the name that Spark has for a DuckDB type."""
    built = exp.DataType.build(kind, dialect="duckdb")
    for part in built.find_all(exp.DataType):
        part.set("this", _NARROWED.get(part.this, part.this))
    return built.sql(dialect="spark")


@cache
def _text(select: str, times: frozenset[str]) -> tuple[str, frozenset[str], frozenset[str]]:
    try:
        tree = sqlglot.parse_one(select, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"sqlglot cannot read it: {str(error).splitlines()[0]}") from error
    names = set()
    for place in list(tree.find_all(exp.Placeholder)):
        names.add(place.name)
        if place.name in times:
            place.replace(exp.Cast(this=place.copy(), to=_TIME.copy()))
    for row in list(tree.find_all(exp.Anonymous)):
        if row.name.upper() == "ROW":  # which sqlglot leaves as it stands
            row.replace(exp.Anonymous(this="STRUCT", expressions=row.expressions))
    return tree.sql(dialect="spark", comments=False), frozenset(names), times & names


def _at(time: datetime) -> str:
    return time.isoformat(sep=" ")


@cache
def reads(select: str) -> frozenset[str]:
    """Return the tables and views that a SELECT names."""
    return frozenset(table.name for table in sqlglot.parse_one(select, read="duckdb").find_all(exp.Table))


def readers(view: str) -> set[str]:
    """Return a view of ours and those that are computed from it whenever they are asked."""
    found = {view}
    for name, select in views.files().items():
        if not views.is_stored(select) and not found.isdisjoint(reads(select)):
            found.add(name)
    return found
