"""DuckDB's SQL as Spark's: our views and rules carried over by sqlglot, with the same answer.

sqlglot translates some constructs into other answers without a word; what a rule may use is `pipeline.portable`'s
business. Only text is made here: no session is needed and nothing runs.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from pipeline import views

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIME = exp.DataType.build("TIMESTAMP_NTZ", dialect="spark")
# DuckDB sums whole numbers into a type that Spark does not have; no sum of ours leaves the range of a BIGINT.
_NARROWED = {exp.DType.INT128: exp.DType.BIGINT, exp.DType.UBIGINT: exp.DType.BIGINT}


def carried(select: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a SELECT as Spark runs it, and those of the values that it names as parameters.

    Times stay what they are here, UTC without a zone. Raises ValueError for what sqlglot cannot read.
    """
    text, names = _text(select, frozenset(name for name, value in values.items() if isinstance(value, datetime)))
    return text, {name: _argument(values[name]) for name in names}


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
def _text(select: str, times: frozenset[str]) -> tuple[str, frozenset[str]]:
    try:
        tree = sqlglot.parse_one(select, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise ValueError(f"sqlglot cannot read it: {str(error).splitlines()[0]}") from error
    names = set()
    for place in list(tree.find_all(exp.Placeholder)):
        names.add(place.name)
        if place.name in times:
            place.replace(exp.Cast(this=place.copy(), to=_TIME.copy()))
    for change in (_rows, _values_at_the_greatest, _buckets, _lists_side_by_side):
        change(tree)
    return tree.sql(dialect="spark", comments=False), frozenset(names)


def _argument(value: Any) -> Any:
    """Return a value as Spark takes it: a time as text, which the statement casts."""
    if isinstance(value, list):
        return [_argument(each) for each in value]
    return value.isoformat(sep=" ") if isinstance(value, datetime) else value


# What sqlglot leaves as it stands, or carries over with another answer.


def _rows(tree: exp.Expr) -> None:
    """Write ROW(...) as Spark calls it."""
    for row in list(tree.find_all(exp.Anonymous)):
        if row.name.upper() == "ROW":
            row.replace(exp.Anonymous(this="STRUCT", expressions=row.expressions))


def _values_at_the_greatest(tree: exp.Expr) -> None:
    """Let max_by and min_by pass over rows without a value, as DuckDB's do."""
    for found in list(tree.find_all(exp.ArgMax, exp.ArgMin)):
        given = found.this.is_(exp.null()).not_()
        if isinstance(found.parent, exp.Filter):
            where = found.parent.expression
            where.set("this", exp.and_(where.this, given))
        else:
            found.replace(exp.Filter(this=found.copy(), expression=exp.Where(this=given)))


def _buckets(tree: exp.Expr) -> None:
    """Write time_bucket, of seconds, minutes or hours, as arithmetic on seconds."""
    for bucket in list(tree.find_all(exp.DateBin)):
        width = bucket.this
        seconds = int(width.name) * {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}.get(
            width.text("unit").upper().rstrip("S"), 0
        )
        if not seconds:
            raise ValueError(f"Spark cannot cut time into {width.sql(dialect='duckdb')}")
        time = bucket.expression.sql(dialect="spark")
        bucket.replace(
            sqlglot.parse_one(
                f"CAST(TIMESTAMP_SECONDS(UNIX_SECONDS(CAST({time} AS TIMESTAMP_LTZ)) DIV {seconds} * {seconds}) "
                "AS TIMESTAMP_NTZ)",
                read="spark",
            )
        )


def _lists_side_by_side(tree: exp.Expr) -> None:
    """Take apart several lists of one SELECT row by row, which Spark does to one list alone."""
    for select in list(tree.find_all(exp.Select)):
        lists = [part.this for part in select.expressions if isinstance(part, exp.Alias)]
        if len(lists) < 2 or not all(isinstance(each, exp.Explode) for each in lists):
            continue
        zipped = ", ".join(each.this.sql(dialect="spark") for each in lists)
        names = ", ".join(f"z.`{at}` AS `{part.alias}`" for at, part in enumerate(select.expressions))
        select.replace(
            sqlglot.parse_one(
                f"SELECT {names} FROM (SELECT EXPLODE(ARRAYS_ZIP({zipped})) AS z) AS zipped",  # noqa: S608 - our own SELECT
                read="spark",
            )
        )


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
