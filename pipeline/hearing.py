"""Ask every rule what it says of the incidents that are stored, and live with those that fail.

A rule of a user's own is checked before it runs, and bounded in time and memory. What evidence is worth, and which
cause it makes likeliest, is not decided here.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import duckdb

from pipeline import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.engine import Engine

_RULE_SECONDS = 60
_RULE_MEMORY = "2GB"  # for a rule of a user's own, less than the whole program has


def hear(
    con: duckdb.DuckDBPyConnection, engine: Engine, pack: Sequence[rules.Rule], values: Mapping[str, Any]
) -> tuple[dict[str, list[tuple[rules.Rule, rules.Evidence]]], dict[str, str]]:
    """Return what the rules say of each stored incident, and why those that say nothing could not.

    ``values`` replaces defaults of the rules' parameters, ``since`` and ``until`` among them.
    """
    heard: dict[str, list[tuple[rules.Rule, rules.Evidence]]] = {}
    left_out: dict[str, str] = {}
    ids: set[str] = set()
    for rule in pack:
        name = rule.id if rule.shipped else str(rule.path)
        reason = _refusal(rule, ids) or rules.not_evaluable(engine, rule, values["since"])
        ids.add(rule.id)
        if reason is None:
            try:
                for said in _within_time(con, engine, rule, values):
                    heard.setdefault(said.incident_id, []).append((rule, said))
            except duckdb.InterruptException:
                reason = f"cut off after {_RULE_SECONDS} seconds"
            except (duckdb.Error, ValueError, TypeError) as error:
                reason = f"it failed: {str(error).splitlines()[0]}"
        if reason is not None:
            left_out[name] = reason
    return heard, left_out


def _refusal(rule: rules.Rule, ids: set[str]) -> str | None:
    """Return why a user's rule may not run; our own pack is linted when it is built."""
    if rule.shipped:
        return None
    faults = rules.check(rule.path)
    if faults:
        more = f" (and {len(faults) - 1} more faults)" if len(faults) > 1 else ""
        return f"line {faults[0].line}: {faults[0].message}{more}"
    return f"id {rule.id} is taken by another rule" if rule.id in ids else None


def _within_time(
    con: duckdb.DuckDBPyConnection, engine: Engine, rule: rules.Rule, values: Mapping[str, Any]
) -> list[rules.Evidence]:
    watchdog = threading.Timer(_RULE_SECONDS, engine.stop)
    watchdog.start()
    try:
        with contextlib.nullcontext() if rule.shipped else _within_memory(con):
            return rules.evidence(engine, rule, values)
    finally:
        watchdog.cancel()


@contextlib.contextmanager
def _within_memory(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Bound what a user's rule may hold in memory; what the database holds already counts with it."""
    ((before,),) = con.execute("SELECT current_setting('memory_limit')").fetchall()
    con.execute(f"SET memory_limit = '{_RULE_MEMORY}'")
    try:
        yield
    finally:
        con.execute(f"SET memory_limit = '{before}'")
