"""The rules' front door: load them, show one, ask whether it can be evaluated, and hear its evidence.

Parameters are bound, never formatted in; only `shown` writes their values out, for a reader who wants to run the rule
by hand. What evidence amounts to is the judge's business: no cause and no weight may be named here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline import rule_files
from pipeline.pages import TABLES
from pipeline.rule_checks import Fault, check
from pipeline.rule_files import Rule, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pipeline.engine import Engine

__all__ = ["Evidence", "Fault", "Rule", "Value", "check", "evidence", "load", "not_evaluable", "shown"]

_LONGEST_TEXT = 4000  # of evidence: the file keeps it, every report repeats it
_PARAMETER = re.compile(r"\$([A-Za-z_]\w*)")


@dataclass(frozen=True)
class Evidence:
    """What one rule says of one incident; log_odds are against `unexplained`, whose own are 0."""

    incident_id: str
    log_odds: float
    change_id: str | None
    change_workspace_id: str | None
    evidence_for: str
    evidence_against: str


def load(folders: Iterable[Path] = ()) -> tuple[Rule, ...]:
    """Return the rules of our own pack and of a user's folders, fit to run or not: that is for `check` to say.

    The weights of our own are those that were fitted. Raises UsageError for a folder that is not there.
    """
    fitted = rule_files.fitted_weights()
    read = (rule_files.read(path) for path in rule_files.files(folders))
    return tuple(
        replace(rule, weights={**rule.weights, **fitted.get(rule.id, {})}) if rule.shipped else rule for rule in read
    )


def shown(rule: Rule, values: Mapping[str, Value]) -> str:
    """Return the rule with its values written out, so that it runs in a DuckDB shell on the published file."""
    bound = {**rule.params, **rule.weights, **values}
    parts = []
    done = 0
    for match in _PARAMETER.finditer(rule_files.blanked(rule.sql)):
        if match[1] in bound:
            parts += [rule.sql[done : match.start()], _literal(bound[match[1]])]
            done = match.end()
    return "".join([*parts, rule.sql[done:]])


def _literal(value: Value) -> str:
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def not_evaluable(engine: Engine, rule: Rule, since: datetime) -> str | None:
    """Return why a rule cannot be asked of these records, or None where it can.

    `table:NAME` asks for a record in that table, `history:3d` (or `12h`) for sign-ins that long before the window.
    """
    for need in rule.requires:
        kind, _, what = need.partition(":")
        if kind == "table" and what in TABLES and not engine.ask(f"SELECT 1 AS one FROM {what} LIMIT 1", {}).rows:  # noqa: S608 - one of our own names
            return f"{what} holds no record"
        if kind == "history":
            ((oldest,),) = engine.ask("SELECT min(seen_at) AS oldest FROM sign_ins", {}).rows
            if oldest is None or oldest > since - _span(what):
                return f"history of {what} before the window is missing"
    return None


def _span(text: str) -> timedelta:
    """Return `3d` or `12h` as a duration."""
    return int(text[:-1]) * {"d": timedelta(days=1), "h": timedelta(hours=1)}[text[-1]]


def evidence(engine: Engine, rule: Rule, values: Mapping[str, Value]) -> list[Evidence]:
    """Return what the rule says, one row an incident, in the order of incident ids; rows without log_odds say nothing.

    ``values`` holds since and until, and what a user sets instead of the rule's defaults. Raises duckdb.Error, and
    ValueError for log-odds that are no number.
    """
    answer = engine.ask(rule.sql, {**rule.params, **rule.weights, **values})
    place = [answer.columns.index(name) for name in rule_files.EVIDENCE_COLUMNS]
    rows = [[row[at] for at in place] for row in answer.rows]
    return sorted(
        (
            Evidence(
                str(row[0]), _finite(row[1]), _text(row[2]), _text(row[3]), _text(row[4]) or "", _text(row[5]) or ""
            )
            for row in rows
            if row[0] is not None and row[1] is not None
        ),
        key=lambda said: (said.incident_id, -said.log_odds, said.change_id or ""),
    )


def _finite(log_odds: object) -> float:
    """Return log-odds as a number. Raises ValueError for what is none, which would outweigh every other rule."""
    number = float(str(log_odds))
    if not math.isfinite(number):
        raise ValueError(f"log_odds is {number}, which is no number")
    return number


def _text(value: object) -> str | None:
    """Return text of bounded length, whatever type a user's rule gives it."""
    if value is None:
        return None
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} ..."
