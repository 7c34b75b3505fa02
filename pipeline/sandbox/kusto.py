"""KQL over frames: the engine behind the local workspace.

One in-memory DuckDB a database, one cursor a question. It answers in the rows of the Log Analytics query API, as JSON
that DuckDB itself writes, and refuses what Kusto would refuse. No HTTP enters here.
"""

from __future__ import annotations

import re
import tempfile
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import duckdb_kql
import polars as pl

from pipeline.sandbox import columns, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.sandbox.rows import Answer, Limits

# What Kusto calls the column behind ingestion_time(). No answer shows it: who wants it gives it a name.
HIDDEN = "$IngestionTime"

_TOKEN = re.compile(
    r"""(?P<skipped> //[^\n]* | ```.*?``` | ~~~.*?~~~ | [hH]?@"(?:[^"]|"")*" | [hH]?@'(?:[^']|'')*'
                   | [hH]?"(?:[^"\\\n]|\\.)*" | [hH]?'(?:[^'\\\n]|\\.)*')
      | (?P<ingestion_time> \bingestion_time\s*\(\s*\))
      | \|\s*(?P<operator> [a-z][\w-]*)
      | (?P<word> (?<![\w.])[A-Za-z_]\w*(?!\w)(?!\s*\())""",
    re.VERBOSE | re.DOTALL,
)
_MOMENT = re.compile(r"\bdatetime\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z)\)")
_FIRST_MARK = datetime(2000, 1, 1)
_NO_TABLE = re.compile(r"Table with name (.+?) does not exist")
_NO_COLUMN = re.compile(r'(?:[Cc]olumn (?:named? )?|Alias with name ")"(.+?)"')
_NO_FUNCTION = re.compile(r"Function with name (.+?) does not exist")


class QueryError(Exception):
    """A question that Kusto would refuse, in its codes: SYN.... for syntax, SEM.... for meaning."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def kind(self) -> str:
        """The name that the API gives to this family of errors."""
        return "SyntaxError" if self.code.startswith("SYN") else "SemanticError"


class Database:
    """The tables of one workspace, ready for questions from several threads at once."""

    def __init__(self, tables: Mapping[str, pl.DataFrame]) -> None:
        self._connection = duckdb.connect(":memory:")
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")  # KQL's datetimes are UTC
        self._connection.execute("CREATE SCHEMA stored")
        for name, frame in tables.items():
            _store(self._connection, name, frame)
        self._connection.execute("SET enable_external_access = false")
        self._columns = {
            name: [column for column in frame.columns if column != columns.INGESTION_TIME]
            for name, frame in tables.items()
        }

    def close(self) -> None:
        """Give the memory back."""
        self._connection.close()

    @property
    def tables(self) -> list[str]:
        """The names of the tables that this workspace has."""
        return list(self._columns)

    def ask(self, kql: str, window: tuple[datetime | None, datetime | None], limits: Limits) -> Answer:
        """Run ``kql`` over the rows whose TimeGenerated (naive UTC) lies in the half-open ``window``.

        Raises QueryError where Kusto would refuse.
        """
        self._refuse_other_spelling(kql)
        asks_for_ingestion = "ingestion_time" in (match.lastgroup for match in _TOKEN.finditer(kql))
        schema = {name: [*known, HIDDEN] if asks_for_ingestion else known for name, known in self._columns.items()}
        with self._connection.cursor() as cursor:
            for name in self.tables:
                cursor.execute(_view(name, "TimeGenerated" in schema[name], window, asks_for_ingestion))
            try:
                sql, moments = _translated(_with_hidden_column(kql), schema)
                described = cursor.execute(f"DESCRIBE {sql}", moments).fetchall()
                shown = [(name, kind) for name, kind, *_ in described if name != HIDDEN]
                # The SQL is duckdb_kql's, whose literals are escaped; the names were quoted by us.
                cursor.execute(f"SELECT {rows.as_json(shown)} FROM ({sql}) LIMIT {limits.rows + 1}", moments)  # noqa: S608
                return rows.collect(cursor, shown, limits)
            except (duckdb_kql.KqlError, duckdb.Error) as error:
                raise self._as_kusto_says(error, kql) from error

    def _refuse_other_spelling(self, kql: str) -> None:
        # KQL minds upper and lower case, DuckDB does not: it would forgive what the service refuses.
        named_here = set(re.findall(r"(\w+)\s*(?:=(?![=~])|:)", kql))
        known = {*self._columns, *(column for known in self._columns.values() for column in known)}
        folded = {name.casefold() for name in known}
        for word in words(kql) - known - named_here:
            if word.casefold() in folded:
                is_table = word.casefold() in {name.casefold() for name in self._columns}
                raise _unknown_table(word, kql) if is_table else _unknown_column(word, kql)

    def _as_kusto_says(self, error: Exception, kql: str) -> QueryError:
        text = str(error)
        match error:
            case duckdb_kql.KqlSyntaxError():
                return QueryError("SYN0002", f"Query could not be parsed: {text.splitlines()[0][:200]}")
            case duckdb_kql.KqlUnsupportedError(construct=str(construct)) if construct.startswith(
                ("function:", "aggregate:")
            ):
                # One that Kusto has and duckdb_kql has not is taken for unknown too.
                return QueryError("SEM0260", f"Unknown function: '{construct.partition(':')[2]}'.")
            case duckdb_kql.KqlUnsupportedError():
                return QueryError("SEM0001", f"The local workspace cannot run this query: {text}")
            case duckdb_kql.KqlSchemaError(name=str(name)):
                return _unknown_table(name, kql) if name not in self._columns else QueryError("SEM0001", text)
        if found := _NO_TABLE.search(text):
            return _unknown_table(found[1], kql)
        if found := _NO_FUNCTION.search(text):
            return QueryError("SEM0260", f"Unknown function: '{found[1]}'.")
        if isinstance(error, duckdb.BinderException) and (found := _NO_COLUMN.search(text)):
            return _unknown_column(found[1], kql)
        return QueryError("SEM0001", f"The local workspace cannot run this query: {text.splitlines()[0]}")


def _translated(kql: str, schema: Mapping[str, list[str]]) -> tuple[str, dict[str, datetime]]:
    """Return the SQL of a query, and the values of the moments that it names.

    Translating is what a question costs here, and the questions of a night differ in their moments alone: those become
    parameters, so that each shape of question is translated once.
    """
    moments = [datetime.fromisoformat(text).replace(tzinfo=None) for text in _MOMENT.findall(kql)]
    numbers = iter(range(len(moments)))
    shape = _MOMENT.sub(lambda _: f"_moment{next(numbers)}", kql)
    sql, slots = _shaped(shape, len(moments), tuple((table, *columns) for table, columns in sorted(schema.items())))
    return sql, {slot: moments[number] for slot, number in slots.items()}


@lru_cache(maxsize=64)
def _shaped(shape: str, moments: int, schema: tuple[tuple[str, ...], ...]) -> tuple[str, dict[str, int]]:
    """Translate a query whose moments are parameters; return its SQL and which moment belongs in which of its slots."""
    names = [f"_moment{number}" for number in range(moments)]
    declared = f"declare query_parameters({', '.join(f'{name}:datetime' for name in names)});\n" if names else ""
    marks = {name: _FIRST_MARK + timedelta(days=number) for number, name in enumerate(names)}
    sql = duckdb_kql.to_sql(
        declared + shape, schema={table: columns for table, *columns in schema}, parameters=marks, allow_write=False
    )
    return str(sql), {slot: (mark - _FIRST_MARK).days for slot, mark in sql.parameters.items()}


def words(kql: str) -> set[str]:
    """The names in ``kql``, outside its strings and comments and not those of functions or of properties."""
    return {match["word"] for match in _TOKEN.finditer(kql) if match["word"]}


def _with_hidden_column(kql: str) -> str:
    return _TOKEN.sub(lambda match: f"['{HIDDEN}']" if match["ingestion_time"] else match[0], kql)


def _unknown_table(name: str, kql: str) -> QueryError:
    operator = next((match["operator"] for match in _TOKEN.finditer(kql) if match["operator"]), "")
    return QueryError("SEM0100", f"'{operator}' operator: Failed to resolve table or column expression named '{name}'")


def _unknown_column(name: str, kql: str) -> QueryError:
    operator = ""
    for match in _TOKEN.finditer(kql):
        operator = match["operator"] or operator
        if match["word"] == name:
            break
    return QueryError("SEM0100", f"'{operator}' operator: Failed to resolve scalar expression named '{name}'")


def _store(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    """Copy ``frame`` into the database, by way of Parquet: the direct way needs pyarrow."""
    selected = []
    for column, kind in frame.schema.items():
        quoted = rows.quoted(column)
        if column == columns.INGESTION_TIME:
            continue
        if kind == pl.Binary or columns.is_dynamic(name, column):
            text = f"CAST({quoted} AS VARCHAR)" if kind != pl.Binary else f"decode({quoted})"
            # What is no JSON becomes a JSON string, as it does in Log Analytics; nothing stays nothing.
            selected.append(
                f"CASE WHEN {text} = '' THEN NULL WHEN json_valid({text}) THEN CAST({text} AS JSON)"
                f" ELSE to_json({text}) END AS {quoted}"
            )
        else:
            selected.append(quoted)
    arrived = columns.INGESTION_TIME if columns.INGESTION_TIME in frame.columns else "TimeGenerated"
    if arrived in frame.columns:
        selected.append(f"CAST({rows.quoted(arrived)} AS TIMESTAMP) AS {rows.quoted(HIDDEN)}")
    else:
        selected.append(f"CAST(NULL AS TIMESTAMP) AS {rows.quoted(HIDDEN)}")
    with tempfile.TemporaryDirectory(prefix="workspace-") as folder:
        path = Path(folder) / "table.parquet"
        frame.write_parquet(path)
        connection.execute(
            f"CREATE TABLE stored.{rows.quoted(name)} AS SELECT {', '.join(selected)} FROM read_parquet($path)",  # noqa: S608 - names quoted
            {"path": str(path)},
        )


def _view(table: str, has_time: bool, window: tuple[datetime | None, datetime | None], with_hidden: bool) -> str:
    start, end = window
    bounds = [
        f"TimeGenerated {sign} TIMESTAMP '{bound:%Y-%m-%d %H:%M:%S.%f}'"
        for sign, bound in ((">=", start), ("<", end))
        if bound is not None and has_time
    ]
    everything = "*" if with_hidden else f"* EXCLUDE ({rows.quoted(HIDDEN)})"
    where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    return f"CREATE TEMP VIEW {rows.quoted(table)} AS SELECT {everything} FROM stored.{rows.quoted(table)}{where}"  # noqa: S608 - names quoted, times typed
