"""What a rule may be made of, so that DuckDB and Spark answer it alike: an allow-list over its syntax tree.

sqlglot carries rules to Spark and says nothing where the answer changes, so only what was measured to agree may pass,
and each refusal names what to write instead. A rule that is refused here still runs on DuckDB.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from pipeline import rule_files
from pipeline.rule_checks import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_ALLOWED = frozenset(
    {
        # statements and their parts
        *(
            exp.Select,
            exp.From,
            exp.Where,
            exp.Group,
            exp.Having,
            exp.Qualify,
            exp.Order,
            exp.Ordered,
            exp.With,
            exp.CTE,
        ),
        *(exp.Join, exp.Subquery, exp.Union, exp.Distinct, exp.Table, exp.TableAlias, exp.Alias, exp.Star, exp.Exists),
        *(exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.IgnoreNulls),
        *(exp.Unnest, exp.Explode, exp.Lateral, exp.Filter, exp.GroupingSets, exp.Tuple),
        # names, values and operators
        *(exp.Column, exp.Dot, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Placeholder, exp.Var, exp.Paren),
        *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Interval, exp.DataType),
        *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Is),
        *(exp.Like, exp.ILike, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Case, exp.If, exp.Cast, exp.TryCast, exp.Coalesce),
        # functions
        *(exp.Nullif, exp.Greatest, exp.Least, exp.Abs, exp.Floor, exp.Ceil, exp.Round, exp.Ln, exp.Exp, exp.Sqrt),
        *(exp.Lower, exp.Upper, exp.Trim, exp.Replace, exp.Substring, exp.Concat, exp.ConcatWs, exp.SplitPart),
        *(exp.RegexpLike, exp.RegexpExtract, exp.RegexpReplace, exp.MD5, exp.SHA2, exp.Chr),
        *(exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.ArgMax, exp.ArgMin, exp.Median),
        *(
            exp.LogicalOr,
            exp.LogicalAnd,
            exp.GroupConcat,
            exp.ArrayAgg,
            exp.ArraySort,
            exp.ArrayToString,
            exp.ArraySize,
        ),
        *(exp.DateDiff, exp.TimestampTrunc),
    }
)
_ALLOWED_BY_NAME = frozenset({"cardinality"})  # which sqlglot has no class for
_TYPES = frozenset({"TEXT", "VARCHAR", "BIGINT", "INT", "DOUBLE", "BOOLEAN", "TIMESTAMP", "TIMESTAMPNTZ"})
_WHOLE = frozenset({"BIGINT", "INT"})
_VIEWS_ONLY = "read the typed views, where JSON has ended"
_NO_LAMBDA = "take the list apart: CROSS JOIN UNNEST(list) AS u(item)"
_FIRST = "row_number() OVER (... ORDER BY ..., an id) = 1 in QUALIFY, which is the same each time"
_EPOCH = "date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', t))"
_LENGTH = "write cardinality(list) for a list"
# What to write instead, by what sqlglot calls the construct, or by the function's name.
_INSTEAD = {
    "PercentileCont": "Spark makes it approximate: median(x) is the one exact percentile",
    "WithinGroup": "median(x) is the one exact percentile",
    "Quantile": "median(x) is the one exact percentile",
    "GenerateSeries": "it counts otherwise in Spark: join a view that has the rows",
    "JSONExtract": _VIEWS_ONLY,
    "JSONExtractScalar": _VIEWS_ONLY,
    "FromJson": _VIEWS_ONLY,
    "JSON": _VIEWS_ONLY,
    "UnixToTime": _EPOCH,
    "Extract": _EPOCH,
    "TimeToStr": "concat(substr(CAST(t AS VARCHAR), 1, 10), 'T', substr(CAST(t AS VARCHAR), 12, 8), 'Z')",
    "DateBin": "CAST(date_trunc('hour', t) AS TIMESTAMP)",
    "DateAdd": "t + INTERVAL '24 hours'",
    "DayOfWeekIso": "it raises in Spark: leave the day of the week out",
    "RegexpFullMatch": "regexp_matches(text, '^...$')",
    "Length": _LENGTH,
    "Bracket": "an index past the end raises in Spark: CROSS JOIN UNNEST(list) AS u(item)",
    "Lambda": _NO_LAMBDA,
    "Transform": _NO_LAMBDA,
    "ArrayFilter": _NO_LAMBDA,
    "Escape": "LIKE without ESCAPE, or regexp_matches",
    "Glob": "LIKE with % for any text",
    "AnyValue": _FIRST,
    "First": _FIRST,
    "Last": _FIRST,
    "Mode": _FIRST,
    "Limit": _FIRST,
    "Offset": _FIRST,
    "TableSample": "it gives another answer each time: leave it out",
    "Pivot": "count(*) FILTER (WHERE ...) for each column",
    "Columns": "name the columns",
    "hash": "md5(concat(...)) of text",
    "date_sub": "date_diff('second', date_trunc('second', a), date_trunc('second', b)), then divide",
    "isodow": "it raises in Spark: leave the day of the week out",
    "to_hours": "INTERVAL '24 hours'",
    "row": "concat of text, or several columns in ORDER BY",
    "lgamma": "an interval by Wilson, a log ratio or G, of plain arithmetic",
    "len": _LENGTH,
}


def beside(known: Sequence[Fault], files: Sequence[Path]) -> tuple[Fault, ...]:
    """Return faults that are known of rule files together with what is not portable in them, in the order of lines."""
    more = [
        Fault(str(file), line, message)
        for file in files
        if not (rule := rule_files.read(file)).unreadable
        for line, message in faults(rule.sql)
    ]
    return tuple(sorted([*known, *more], key=lambda fault: (fault.file, fault.line, fault.message)))


def faults(text: str) -> Iterator[tuple[int, str]]:
    """Return line and message of each construct of a rule that Spark may answer otherwise than DuckDB."""
    try:
        tree = sqlglot.parse_one(text, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        said = error.errors[0] if isinstance(error, sqlglot.errors.ParseError) and error.errors else {}
        yield (
            said.get("line") or 1,
            f"sqlglot cannot read it, so it cannot run on Spark: {said.get('description', error)}",
        )
        return
    told: set[tuple[int, str]] = set()
    for node in tree.walk():
        for message in _of(node):
            told.add((_line(node, text), message))
    yield from sorted(told)


def _of(node: exp.Expr) -> Iterator[str]:
    name = type(node).__name__
    if isinstance(node, exp.Anonymous):
        if node.name.lower() in _ALLOWED_BY_NAME:
            return
        if not _CLOCK.fullmatch(node.name):  # which is refused on DuckDB too
            advice = _INSTEAD.get(node.name.lower())
            json = node.name.lower().startswith("json") or node.name.lower() == "from_json"
            yield _refused(f"{node.name}()", advice or (_VIEWS_ONLY if json else None))
    elif type(node) not in _ALLOWED:
        if isinstance(node, exp.JSONPath | exp.JSONPathPart | exp.PropertyEQ | exp.CurrentTimestamp | exp.CurrentDate):
            return  # part of what is refused already, or refused on DuckDB too
        yield _refused(_called(node, name), _INSTEAD.get(name))
    elif check := _TRAPS.get(type(node)):
        yield from check(node)


_CLOCK = re.compile("now|random|uuid|today|current_.*", re.IGNORECASE)


def _refused(construct: str, advice: str | None) -> str:
    instead = advice or "leave it out, or ask for it to be measured (docs/spark.md)"
    return f"{construct} may answer otherwise on Spark: {instead}"


def _called(node: exp.Expr, name: str) -> str:
    """Return what the author knows a construct by: the function's name in DuckDB, else sqlglot's word."""
    if isinstance(node, exp.Func):
        return f"{node.sql(dialect='duckdb').split('(', 1)[0].lower()}()" if "(" in node.sql(dialect="duckdb") else name
    return name.upper()


def _line(node: exp.Expr, text: str) -> int:
    """Return the line on which a construct stands, as near as the tree knows it."""
    lines = [part.meta["line"] for part in node.walk() if "line" in part.meta]
    above = node
    while not lines and above.parent is not None:
        above = above.parent
        lines = [part.meta["line"] for part in above.walk() if "line" in part.meta]
    if lines:
        return int(min(lines))
    plain = rule_files.blanked(text)
    return plain.count("\n", 0, len(plain) - len(plain.lstrip())) + 1


# The traps: constructs that carry over, but only as they are written here.


def _array_agg(node: exp.Expr) -> Iterator[str]:
    if isinstance(node.this, exp.Order):
        yield "array_agg(x ORDER BY y) loses its order on Spark: list_sort(array_agg(x)), string_agg(x, ',' ORDER BY y)"
    elif not node.find_ancestor(exp.ArraySort):
        yield "array_agg(x) has no order: list_sort(array_agg(DISTINCT x) FILTER (WHERE x IS NOT NULL))"


def _string_agg(node: exp.Expr) -> Iterator[str]:
    if node.find(exp.Distinct):
        yield "string_agg(DISTINCT x) fails on Spark: array_to_string(list_sort(array_agg(DISTINCT x)), ', ')"
    elif not node.find(exp.Order):
        yield "string_agg without ORDER BY has no order: string_agg(x, ', ' ORDER BY x)"


def _date_diff(node: exp.Expr) -> Iterator[str]:
    whole = all(
        isinstance(side, exp.TimestampTrunc) or (isinstance(side, exp.Cast) and isinstance(side.this, exp.Literal))
        for side in (node.this, node.expression)
    )
    if node.text("unit").lower() != "second" or not whole:
        yield (
            "date_diff counts boundaries on DuckDB and full units on Spark: "
            "date_diff('second', date_trunc('second', a), date_trunc('second', b)), then divide"
        )


def _date_trunc(node: exp.Expr) -> Iterator[str]:
    if not isinstance(node.parent, exp.DateDiff | exp.Cast):
        yield "date_trunc gives a time with a zone on Spark: CAST(date_trunc('hour', t) AS TIMESTAMP)"


def _literal(node: exp.Expr) -> Iterator[str]:
    number = node.name
    if not node.args.get("is_string") and "." in number and "e" not in number.lower():
        yield f"{number} is a decimal of few digits on Spark: write {_exponent(number)}"


def _exponent(number: str) -> str:
    whole, _, part = number.partition(".")
    digits = (whole + part.rstrip("0")).lstrip("0") or "0"
    places = len(part.rstrip("0"))
    return f"{digits}e-{places}" if places else f"{digits}e0"


def _cast(node: exp.Expr) -> Iterator[str]:
    target = node.args["to"].this.name
    if target not in _TYPES:
        advice = (
            "times are TIMESTAMP in UTC"
            if target.startswith("TIMESTAMP")
            else "cast to VARCHAR, BIGINT, DOUBLE, BOOLEAN or TIMESTAMP"
        )
        yield _refused(f"a cast to {node.args['to'].sql(dialect='duckdb')}", advice)
    value = node.this.unnest()
    if target in _WHOLE and not isinstance(value, _ALREADY_WHOLE):
        yield f"CAST of a fraction to {target} is cut off on Spark and rounded on DuckDB: CAST(floor(x) AS BIGINT)"


_ALREADY_WHOLE = (
    *(exp.Floor, exp.Ceil, exp.Count, exp.CountIf, exp.Sum, exp.IntDiv),
    *(exp.SplitPart, exp.RegexpExtract, exp.Literal, exp.Case, exp.Null),
)


def _regexp_replace(node: exp.Expr) -> Iterator[str]:
    if "g" not in node.text("modifiers"):
        yield "regexp_replace without 'g' replaces all on Spark: regexp_replace(text, pattern, replacement, 'g')"
    yield from _pattern(node)


def _pattern(node: exp.Expr) -> Iterator[str]:
    pattern = node.text("expression")
    if re.search(r"\[\^?\]|\[[^\]\\]*\[(?!:)", pattern):
        yield f"'{pattern}' is no pattern to Spark: a bracket that means itself is \\[ or \\]"


def _division(node: exp.Expr) -> Iterator[str]:
    divisor = node.expression.unnest()
    sound = isinstance(divisor, exp.Nullif | exp.Greatest) or (
        isinstance(divisor, exp.Literal) and float(divisor.name) != 0
    )
    if not sound and not any(_positive(part) for part in _addends(divisor)):  # a count plus something is not 0
        yield f"division by {divisor.sql(dialect='duckdb')} raises on Spark where that is 0: / nullif(x, 0)"


def _addends(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Add):
        yield from _addends(node.this.unnest())
        yield from _addends(node.expression.unnest())
    else:
        yield node


def _positive(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and not node.args.get("is_string") and float(node.name) > 0


def _logarithm(node: exp.Expr) -> Iterator[str]:
    value = node.this.unnest()
    if not isinstance(value, exp.Greatest | exp.Div) and not any(_positive(part) for part in _addends(value)):
        yield "ln(0) is NULL on Spark and -inf on DuckDB: ln(greatest(x, 1e-9))"


def _join(node: exp.Expr) -> Iterator[str]:
    method = node.text("method").upper()
    if method in ("ASOF", "POSITIONAL", "NATURAL"):
        yield f"{method} JOIN is DuckDB's alone: join on an inequality and keep the first by row_number()"


def _union(node: exp.Expr) -> Iterator[str]:
    if node.args.get("by_name"):
        yield "UNION BY NAME is DuckDB's alone: UNION ALL with the columns in the same order"


def _star(node: exp.Expr) -> Iterator[str]:
    if any(node.args.get(word) for word in ("except_", "replace", "rename", "except")):
        yield "* REPLACE and * EXCLUDE are DuckDB's alone: name the columns"


def _distinct(node: exp.Expr) -> Iterator[str]:
    if node.args.get("on"):
        yield f"DISTINCT ON is DuckDB's alone: {_FIRST}"


def _character(node: exp.Expr) -> Iterator[str]:
    codes = node.expressions
    if not all(isinstance(code, exp.Literal) and code.name.isdigit() and int(code.name) < 128 for code in codes):
        yield "chr(n) is another character on Spark from 256 on: write the character itself"


def _table(node: exp.Expr) -> Iterator[str]:
    if isinstance(node.this, exp.Func):
        yield "a function in the place of a table is DuckDB's alone: read the views"


def _where(node: exp.Expr) -> Iterator[str]:
    select = node.parent
    named = (
        {} if select is None else {part.alias: part.this for part in select.expressions if isinstance(part, exp.Alias)}
    )
    for column in node.find_all(exp.Column):
        meant = named.get(column.name)
        own = column.find_ancestor(exp.Select) is select
        if own and not column.table and meant is not None and meant.name != column.name:
            yield f"{column.name} is a name of the SELECT, which Spark's WHERE does not know: use a CTE"


_TRAPS: dict[type, Callable[[exp.Expr], Iterator[str]]] = {
    exp.ArrayAgg: _array_agg,
    exp.GroupConcat: _string_agg,
    exp.DateDiff: _date_diff,
    exp.TimestampTrunc: _date_trunc,
    exp.Literal: _literal,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.RegexpReplace: _regexp_replace,
    exp.RegexpExtract: _pattern,
    exp.RegexpLike: _pattern,
    exp.Div: _division,
    exp.IntDiv: _division,
    exp.Mod: _division,
    exp.Ln: _logarithm,
    exp.Join: _join,
    exp.Union: _union,
    exp.Star: _star,
    exp.Distinct: _distinct,
    exp.Chr: _character,
    exp.Table: _table,
    exp.Where: _where,
}
