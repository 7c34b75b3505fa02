"""Turn incidents and the evidence of the rules into ranked causes with a confidence, and store them.

How an incident is found and what speaks for a cause is SQL, how that is weighed is ranking's; nothing of a single cause
may enter here.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from pipeline import assets, calibration, fitting, incidents, ranking, rules, views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

_QUIET = timedelta(hours=24)
_RULE_SECONDS = 60
_RULE_MEMORY = "4GB"  # for a rule of a user's own
_YOUNG = timedelta(days=2)  # younger, an incident may still turn out to be another
# Scopes are told in the kinds that users know: a region is a network, a way of signing in a part of the tenant.
_TOLD_AS = {"region": "network=region {value}", "mode": "tenant={value} sign-ins"}
_TELL_OF_HOLES = """
    UPDATE judged_causes SET evidence_against = concat_ws(' ', nullif(evidence_against, ''), $told)
    WHERE incident_id = $incident AND cause <> 'unexplained'
"""
# Views that are stored and read the incidents, in the order they build on each other.
EVIDENCE_VIEWS = (
    "incident_values",
    "incident_facts",
    "incident_scope_periods",
    "incident_controls",
    "incident_histories",
    "incident_neighbours",
    "incident_changes",
)


@dataclass(frozen=True)
class Judgement:
    """How many incidents have which status, and the rules that could not be evaluated, each with the reason."""

    statuses: Mapping[str, int]
    not_evaluable: Mapping[str, str]


def judge(
    con: duckdb.DuckDBPyConnection,
    pack: Sequence[rules.Rule],
    since: datetime,
    until: datetime,
    values: Mapping[str, rules.Value] | None = None,
) -> Judgement:
    """Find the incidents of [since, until), rank their causes and store both in the place of what was stored.

    ``values`` replaces defaults of the rules' parameters. A rule that is refused, fails or takes too long is left out
    and named in the answer. Opens its own transactions, because a rule that fails would undo the caller's.
    """
    found = incidents.find(con, since, until)
    known = con.execute("SELECT incident_ids FROM last_judgement").fetchall()
    status = {one.incident_id: _status(one, known[0][0] if known else None, until) for one in found}
    with _transaction(con):
        counted = _enter(con, found, status)
    heard, left_out = _hear(con, pack, {**(values or {}), "since": since, "until": until})
    learned = calibration.learned(con)
    unseen = {row[0]: (row[1], row[2]) for row in con.execute(_sql("unseen_shares")).fetchall()}
    with _transaction(con):
        con.execute("DELETE FROM judged_causes")
        con.execute("DELETE FROM found_incidents")
        for incident in found:
            unseen_share, tables = unseen.get(incident.incident_id, (0.0, ""))
            ranked = ranking.ranked(heard.get(incident.incident_id, []), learned, unseen_share)
            _write(con, incident, status[incident.incident_id], counted[incident.incident_id], ranked, until)
            if tables:
                con.execute(_TELL_OF_HOLES, {"incident": incident.incident_id, "told": _holes(unseen_share, tables)})
        con.execute("DELETE FROM last_judgement")
        con.execute("INSERT INTO last_judgement VALUES (?)", [[incident.incident_id for incident in found]])
    return Judgement(dict(Counter(status.values())), left_out)


def refresh(con: duckdb.DuckDBPyConnection) -> None:
    """Fill the stored evidence views from the incidents that are stored now."""
    files = {views.name_of(file): file for file in assets.sql_files(assets.VIEWS)}
    for name in EVIDENCE_VIEWS:
        con.execute(f"DELETE FROM {name}")  # noqa: S608 - one of the names above
        con.execute(f"INSERT INTO {name} {assets.text(files[name])}")


def _enter(
    con: duckdb.DuckDBPyConnection, found: Sequence[incidents.Incident], status: Mapping[str, str]
) -> dict[str, Sequence[Any]]:
    """Store what was found, only cause and what follows from it left blank, and return what each incident counts."""
    con.execute("DELETE FROM incident_failures")
    con.execute("DELETE FROM found_incidents")
    keys = [(incident.incident_id, key) for incident in found for key in incident.keys]
    con.execute(
        "INSERT INTO incident_failures SELECT unnest($1), unnest($2), unnest($3), unnest($4)",
        [
            [incident_id for incident_id, _ in keys],
            [key.workspace_id for _, key in keys],
            [key.source_table for _, key in keys],
            [key.sign_in_id for _, key in keys],
        ],
    )
    for incident in found:
        _insert(con, incident, {"status": status[incident.incident_id], "cause": fitting.UNEXPLAINED})
    refresh(con)
    counted: dict[str, Sequence[Any]] = {row[0]: row[1:] for row in con.execute(_sql("counted_incidents")).fetchall()}
    for incident in found:
        sign_ins, devices, users, apps, *_ = counted[incident.incident_id]
        con.execute(
            "UPDATE found_incidents SET scope = ?, sign_ins = ?, devices = ?, users = ?, apps = ? "
            "WHERE incident_id = ?",
            [_scope(incident), sign_ins, devices, users, apps, incident.incident_id],
        )
    return counted


def _hear(
    con: duckdb.DuckDBPyConnection, pack: Sequence[rules.Rule], values: Mapping[str, Any]
) -> tuple[dict[str, list[tuple[rules.Rule, rules.Evidence]]], dict[str, str]]:
    """Return what the rules say of each incident, and why those that say nothing could not."""
    heard: dict[str, list[tuple[rules.Rule, rules.Evidence]]] = {}
    left_out: dict[str, str] = {}
    ids: set[str] = set()
    for rule in pack:
        name = rule.id if rule.shipped else str(rule.path)
        reason = _refusal(rule, ids) or rules.not_evaluable(con, rule, values["since"])
        ids.add(rule.id)
        if reason is None:
            try:
                for said in _within_time(con, rule, values):
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


def _within_time(con: duckdb.DuckDBPyConnection, rule: rules.Rule, values: Mapping[str, Any]) -> list[rules.Evidence]:
    watchdog = threading.Timer(_RULE_SECONDS, con.interrupt)
    watchdog.start()
    try:
        with contextlib.nullcontext() if rule.shipped else _within_memory(con):
            return rules.evidence(con, rule, values)
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


def _status(incident: incidents.Incident, known: Sequence[str] | None, until: datetime) -> str:
    """Return the status against the run before; ``known`` is None in a first run."""
    quiet = incident.last_seen_at < until - _QUIET
    if known is None:
        return "resolved" if quiet else "new"
    if incident.incident_id not in known:
        return "new"
    return "resolved" if quiet else "ongoing"


def _write(
    con: duckdb.DuckDBPyConnection,
    incident: incidents.Incident,
    status: str,
    counted: Sequence[Any],
    ranked: Sequence[ranking.Hypothesis],
    until: datetime,
) -> None:
    sign_ins, devices, users, apps, onset, scope_name = counted
    first = ranked[0]
    scope = _scope(incident)
    called = f"{scope} ({scope_name})" if scope_name else scope
    summary = (
        f"{incident.failures} device signatures of {called} were refused since {onset:%Y-%m-%dT%H:%MZ} "
        f"({_many(devices, 'device')}, {_many(users, 'user')}, {_many(apps, 'application')}); "
        f"likely cause: {first.title} ({first.cause}), confidence {first.confidence:.2f}"
        f"{'; younger than two days, so the verdict may still move' if onset > until - _YOUNG else ''}."
    )
    judged = {
        "status": status,
        "sign_ins": sign_ins,
        "devices": devices,
        "users": users,
        "apps": apps,
        "scope": scope,
        "cause": first.cause,
        "confidence": round(first.confidence, 4),
        "change_id": first.change_id,
        "change_workspace_id": first.change_workspace_id,
        "summary": summary,
        "next_step": first.next_step,
    }
    _insert(con, incident, judged)
    for rank, one in enumerate(ranked, start=1):
        con.execute(
            "INSERT INTO judged_causes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                incident.incident_id,
                rank,
                one.cause,
                round(one.confidence, 4),
                one.change_id,
                one.evidence_for,
                one.evidence_against,
                one.mechanism,
                round(one.log_odds, 4),
            ],
        )


def _insert(con: duckdb.DuckDBPyConnection, incident: incidents.Incident, judged: Mapping[str, Any]) -> None:
    row = {
        "incident_id": incident.incident_id,
        "first_seen_at": incident.first_seen_at,
        "last_seen_at": incident.last_seen_at,
        "failures": incident.failures,
        "scope_kind": incident.scope_kind,
        "scope_value": incident.scope_value,
        **dict.fromkeys(("sign_ins", "devices", "users", "apps", "confidence"), 0),
        **dict.fromkeys(("scope", "summary", "next_step"), ""),
        **judged,
    }
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    con.execute(f"INSERT INTO found_incidents ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608 - our own column names


def _scope(incident: incidents.Incident) -> str:
    told = _TOLD_AS.get(incident.scope_kind, "{kind}={value}")
    return told.format(kind=incident.scope_kind, value=incident.scope_value)


def _holes(unseen_share: float, tables: str) -> str:
    return f"{unseen_share:.0%} of the hours around it could not be read ({tables}), so it is believed that much less."


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _sql(name: str) -> str:
    return assets.text(assets.INCIDENTS / f"{name}.sql")


@contextlib.contextmanager
def _transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    con.execute("BEGIN")
    try:
        yield
    except BaseException:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")
