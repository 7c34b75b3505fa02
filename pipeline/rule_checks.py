"""The linter for rule authors: everything that is wrong with a rule, at once, with file and line.

DuckDB itself does the judging: it tells statements and parameters apart, and binds the rule against an empty database
of our views in which files and network are shut. No record and no published file may be needed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import orjson

from pipeline import assets, rule_files, store
from pipeline.errors import UsageError
from pipeline.pages import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILES = r"read_\w+|parquet_\w+|\w+_scan|glob|sniff_csv|getenv"
_UNSTEADY = (
    r"now|random|uuid|uuidv[47]|gen_random_uuid|today|get_current_\w+|transaction_timestamp|setseed|nextval|currval"
)
_CLOCK_WORDS = r"current_date|current_time|current_timestamp|localtime|localtimestamp"
_CONSTRUCTS = (
    (re.compile(rf"\b({_FILES})\s*\(", re.IGNORECASE), "{} reads files or the network: a rule reads the views only"),
    (
        re.compile(rf"\b((?:{_UNSTEADY})\s*\(|(?:{_CLOCK_WORDS})\b)", re.IGNORECASE),
        "{} gives another answer each time: use $since and $until",
    ),
)
# The table functions that neither reach outside the views, nor run text as SQL, nor change how the engine works.
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"})
_RESERVED = {"noise": "a verdict", "unexplained": "what is left where no rule says enough"}
_MESSAGE_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a rule."""

    file: str
    line: int
    message: str


def check(path: Path) -> tuple[Fault, ...]:
    """Return every fault of a rule file, or of all rules of a folder; ids may not occur in our own pack either.

    Raises UsageError where there is no such file or folder.
    """
    files = chosen(path)
    others = [file for file in rule_files.files() if file.resolve() not in {one.resolve() for one in files}]
    taken = {rule_files.read(file).id: file for file in others}
    faults: list[Fault] = []
    with store.empty() as con:
        con.execute("SET enable_external_access = false")
        for file in files:
            faults += _faults(con, file)
            name = rule_files.read(file).id
            if name in taken:
                faults.append(Fault(str(file), _line_of(file, "id"), f"id {name} is taken by {taken[name]}"))
            taken.setdefault(name, file)
    return tuple(sorted(faults, key=lambda fault: (fault.file, fault.line, fault.message)))


def chosen(path: Path) -> list[Path]:
    """Return the rule files that a path names. Raises UsageError where there is no such file or folder."""
    if not path.exists() and not path.is_symlink():
        raise UsageError(f"{path} does not exist: name a rule file or a folder of rules.")
    return assets.sql_files(path) if path.is_dir() else [path]


def _faults(con: duckdb.DuckDBPyConnection, file: Path) -> list[Fault]:
    rule = rule_files.read(file)
    if rule.unreadable:
        return [Fault(str(file), 1, f"it cannot be read: {rule.unreadable}")]
    found = [*_header_faults(rule), *_construct_faults(rule.sql)]
    try:
        statements = duckdb.extract_statements(rule.sql)
    except duckdb.Error as error:
        found.append(_said(error))
    else:
        found += _statement_faults(con, rule, statements)
    return [Fault(str(file), line, message) for line, message in found]


def _header_faults(rule: rule_files.Rule) -> Iterator[tuple[int, str]]:
    lines: dict[str, int] = {}
    for line, key, value in rule_files.header(rule.sql):
        if key not in rule_files.KEYS:
            yield line, f"unknown header key {key}: known are {', '.join(rule_files.KEYS)}"
        elif key in lines:
            yield line, f"header key {key} stands in line {lines[key]} already"
        elif key in ("id", "cause") and not re.fullmatch(r"[A-Za-z][\w.-]*", value):
            yield line, f"{key} is one word of letters, digits, _, . and -"
        elif key == "cause" and value in _RESERVED:
            yield line, f"cause {value} is {_RESERVED[value]}: name the cause that the rule speaks of"
        lines.setdefault(key, line)
    for key in ("id", "cause"):
        if key not in lines:
            yield 1, f"header key {key} is missing: add a line `-- {key}: NAME` above the SELECT"
    if rule.mechanism not in rule_files.MECHANISMS:
        yield lines["mechanism"], f"mechanism is one of {', '.join(rule_files.MECHANISMS)}"
    if rule.status not in rule_files.STATUSES:
        yield lines["status"], f"status is one of {', '.join(rule_files.STATUSES)}"
    for need in rule.requires:
        if not _requirement(need):
            yield lines["requires"], f"requires {need}: write table:NAME or history:3d"
    for name, default in rule.params.items():
        if not re.fullmatch(r"[a-z_]\w*", name) or name in rule_files.WINDOW or default == "":
            yield lines["params"], f"parameter {name}: write name=default, and neither since nor until"
    for name, weight in rule.weights.items():
        taken = name in (*rule_files.WINDOW, *rule.params)
        if not re.fullmatch(r"[a-z_]\w*", name) or taken or isinstance(weight, str):
            yield lines["weights"], f"weight {name}: write name=number, and no name that is since, until or a parameter"


def _requirement(need: str) -> bool:
    kind, _, what = need.partition(":")
    return (kind == "table" and what in TABLES) or (kind == "history" and re.fullmatch(r"\d+[dh]", what) is not None)


def _construct_faults(text: str) -> Iterator[tuple[int, str]]:
    plain = rule_files.blanked(text)
    for pattern, message in _CONSTRUCTS:
        for match in pattern.finditer(plain):
            yield _line_at(text, match.start()), message.format(match[1].rstrip("( \t\n"))


def _statement_faults(
    con: duckdb.DuckDBPyConnection, rule: rule_files.Rule, statements: list[duckdb.Statement]
) -> Iterator[tuple[int, str]]:
    if len(statements) != 1:
        yield 1, f"{len(statements)} statements: a rule is one SELECT"
        return
    (statement,) = statements
    if statement.type != duckdb.StatementType.SELECT:
        yield _first_line(rule.sql), f"{statement.type.name} statement: a rule is one SELECT"
        return
    yield from _table_function_faults(con, rule.sql)
    unknown = statement.named_parameters - {*rule_files.WINDOW, *rule.params, *rule.weights}
    for name in sorted(unknown):
        place = re.search(rf"\${re.escape(name)}\b", rule_files.blanked(rule.sql))
        yield (
            _line_at(rule.sql, place.start()) if place else 1,
            f"unknown parameter ${name}: give it a default in `-- params: {name}=...`",
        )
    body = rule.sql.strip().rstrip(";")
    try:
        described = con.execute(f"DESCRIBE {body}", dict.fromkeys(statement.named_parameters)).fetchall()
    except duckdb.Error as error:
        yield _said(error)
        return
    columns = [row[0] for row in described]
    for name in rule_files.EVIDENCE_COLUMNS:
        if name not in columns:
            yield _first_line(rule.sql), f"output column {name} is missing"
    for name in columns:
        if name not in rule_files.EVIDENCE_COLUMNS or columns.count(name) > 1:
            yield (
                _first_line(rule.sql),
                f"output column {name}: a rule returns {', '.join(rule_files.EVIDENCE_COLUMNS)}",
            )


def _table_function_faults(con: duckdb.DuckDBPyConnection, text: str) -> Iterator[tuple[int, str]]:
    """Name the functions in the place of a table that a rule has no use for, wherever in the statement they stand."""
    try:
        ((taken_apart,),) = con.execute("SELECT json_serialize_sql(CAST($1 AS VARCHAR))", [text]).fetchall()
    except duckdb.Error as error:
        yield _said(error)
        return
    statement = orjson.loads(taken_apart)
    if statement["error"]:  # what cannot be looked into may hold anything
        yield _first_line(text), f"the SELECT cannot be taken apart: {statement['error_message']}"
    ahead = [statement]
    while ahead:
        node = ahead.pop()
        if isinstance(node, list):
            ahead += node
        elif isinstance(node, dict):
            ahead += node.values()
            if node.get("type") == "TABLE_FUNCTION":
                name = str(node["function"].get("function_name", "")).lower()
                if name not in _TABLE_FUNCTIONS and not re.fullmatch(_FILES, name):
                    line = text.encode()[: node["query_location"]].count(b"\n") + 1
                    yield line, f"{name} stands for a table that is none of the views: a rule reads the views only"


def _said(error: duckdb.Error) -> tuple[int, str]:
    """Return line and first sentence of what DuckDB refuses."""
    line = _MESSAGE_LINE.search(str(error))
    return (int(line[1]) if line else 1), str(error).splitlines()[0]


def _line_of(file: Path, key: str) -> int:
    return next((line for line, name, _ in rule_files.header(rule_files.read(file).sql) if name == key), 1)


def _line_at(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _first_line(text: str) -> int:
    """Return the line on which the statement begins."""
    plain = rule_files.blanked(text)
    return _line_at(text, len(plain) - len(plain.lstrip()))
