"""Turn incidents and the evidence of the rules into ranked causes with a confidence, and store them.

How an incident is found and what speaks for a cause is SQL, how that is weighed is ranking's; nothing of a single cause
may enter here.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline import assets, calibration, evidence, fitting, hearing, history, incidents, ranking
from pipeline.engine import here

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from pipeline import rules
    from pipeline.engine import Engine

_QUIET = timedelta(hours=24)
_CARRIED = 0.5  # from here on a cause carries an incident
_THINKABLE = 0.2  # from here on it may be what carries another
_HARMFUL = 3  # how much likelier a change is that has done harm elsewhere; chosen on simulated tenants
_YOUNG = timedelta(days=2)  # younger, an incident may still turn out to be another
# Scopes are told in the kinds that users know: a region is a network, a way of signing in a part of the tenant.
_TOLD_AS = {"region": "network=region {value}", "mode": "tenant={value} sign-ins"}
_TELL_OF_HOLES = """
    UPDATE judged_causes SET evidence_against = concat_ws(' ', nullif(evidence_against, ''), $told)
    WHERE incident_id = $incident AND cause <> 'unexplained'
"""


@dataclass(frozen=True)
class Judgement:
    """How many incidents have which status, and the rules that could not be evaluated, each with the reason."""

    statuses: Mapping[str, int]
    not_evaluable: Mapping[str, str]


@dataclass(frozen=True)
class _Case:
    """Incidents as the rules have them: status, counts, hypotheses, and the hours of each that could not be read."""

    status: Mapping[str, str]
    counted: Mapping[str, Sequence[Any]]
    ranked: Mapping[str, Sequence[ranking.Hypothesis]]
    unseen: Mapping[str, tuple[float, str]]
    not_evaluable: Mapping[str, str]


def judge(
    con: duckdb.DuckDBPyConnection,
    pack: Sequence[rules.Rule],
    since: datetime,
    until: datetime,
    values: Mapping[str, rules.Value] | None = None,
    engine: Engine | None = None,
) -> Judgement:
    """Find the incidents of [since, until), rank their causes and store both in the place of what was stored.

    ``values`` replaces defaults of the rules' parameters. A rule that is refused, fails or takes too long is left out
    and named in the answer. Sign-ins are asked through ``engine``, without one in the database. Opens its own
    transactions, because a rule that fails would undo the caller's.
    """
    engine = engine or here(con)
    bound = {**(values or {}), "since": since, "until": until}
    found = incidents.find(con, since, until, engine)
    case = _tried(con, engine, found, pack, bound)
    joined = _joined(found, case.ranked)
    if len(joined) < len(found):
        as_before = {one.incident_id: case.counted[one.incident_id] for one in joined if one in found}
        found, case = joined, _tried(con, engine, joined, pack, bound, as_before)
    with _transaction(con):
        con.execute("DELETE FROM judged_causes")
        con.execute("DELETE FROM found_incidents")
        for incident in found:
            name = incident.incident_id
            _write(con, incident, case.status[name], case.counted[name], case.ranked[name], until)
            unseen_share, tables = case.unseen.get(name, (0.0, ""))
            if tables:
                con.execute(_TELL_OF_HOLES, {"incident": incident.incident_id, "told": _holes(unseen_share, tables)})
        history.remember(con, since, until, until - _QUIET)
        con.execute("DELETE FROM last_judgement")
        con.execute("INSERT INTO last_judgement VALUES (?)", [[incident.incident_id for incident in found]])
    evidence.clear(con)
    return Judgement(dict(Counter(case.status.values())), case.not_evaluable)


def _tried(
    con: duckdb.DuckDBPyConnection,
    engine: Engine,
    found: Sequence[incidents.Incident],
    pack: Sequence[rules.Rule],
    values: Mapping[str, Any],
    as_before: Mapping[str, Sequence[Any]] | None = None,
) -> _Case:
    """Put incidents before the rules, and rank what they say of each.

    Of those that are ``as_before`` the evidence that is stored, and what is counted there, stays.
    """
    known = con.execute("SELECT incident_ids FROM last_judgement").fetchall()
    status = {one.incident_id: _status(one, known[0][0] if known else None, values["until"]) for one in found}
    with _transaction(con):
        counted = _enter(con, found, status, engine, as_before or {})
    heard, not_evaluable = hearing.hear(con, engine, pack, values)
    learned = calibration.learned(con)
    unseen = {row[0]: (row[1], row[2]) for row in con.execute(_sql("unseen_shares")).fetchall()}
    ranked = {
        name: ranking.ranked(heard.get(name, []), learned, unseen.get(name, (0.0, ""))[0])
        for name in (incident.incident_id for incident in found)
    }
    return _Case(status, counted, ranked, unseen, not_evaluable)


def _joined(
    found: Sequence[incidents.Incident], ranked: Mapping[str, Sequence[ranking.Hypothesis]]
) -> tuple[incidents.Incident, ...]:
    """Join incidents that one change brought about in one way, for they share an explanation.

    That a change has done harm in one incident makes it likelier behind another that it can be thought of.
    """
    told = {name: _explanations(hypotheses) for name, hypotheses in ranked.items()}
    carries = {name: {why for why, sure in of.items() if sure >= _CARRIED} for name, of in told.items()}
    carried = Counter(why for whys in carries.values() for why in whys)
    parts: dict[Hashable, list[incidents.Incident]] = {}
    for incident in found:
        own = carries[incident.incident_id]
        weighed = {
            why: sure * (_HARMFUL if carried[why] > (why in own) else 1)
            for why, sure in told[incident.incident_id].items()
            if carried[why] and sure >= _THINKABLE
        }
        first = ranked[incident.incident_id][0]
        alone = first.confidence if first.change_id is None else 0.0
        likeliest = max(weighed, key=lambda why: (weighed[why], why), default=None)
        shared = likeliest is not None and weighed[likeliest] > alone
        parts.setdefault(likeliest if shared else incident.incident_id, []).append(incident)
    joined = [incidents.together(several) for several in parts.values()]
    return tuple(sorted(joined, key=lambda one: (one.first_seen_at, one.incident_id)))


def _explanations(hypotheses: Sequence[ranking.Hypothesis]) -> dict[tuple[str, str, str], float]:
    """Return how likely each cause with the change that brought it about is; those that name no change are left out."""
    return {
        (one.cause, one.change_workspace_id or "", one.change_id): one.confidence
        for one in hypotheses
        if one.change_id is not None
    }


def _enter(
    con: duckdb.DuckDBPyConnection,
    found: Sequence[incidents.Incident],
    status: Mapping[str, str],
    engine: Engine,
    as_before: Mapping[str, Sequence[Any]],
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
    blank = {
        incident.incident_id: {"status": status[incident.incident_id], "cause": fitting.UNEXPLAINED}
        for incident in found
    }
    for incident in found:
        if incident.incident_id not in as_before:
            _insert(con, incident, blank[incident.incident_id])
    if not as_before:
        evidence.lay(engine)
    with evidence.kept(con, engine, list(as_before)):
        evidence.gather(engine)
        counted = {**as_before, **{row[0]: row[1:] for row in engine.ask(_sql("counted_incidents"), {}).rows}}
    for incident in found:
        if incident.incident_id in as_before:
            _insert(con, incident, blank[incident.incident_id])
        sign_ins, devices, users, apps, *_ = counted[incident.incident_id]
        con.execute(
            "UPDATE found_incidents SET scope = ?, sign_ins = ?, devices = ?, users = ?, apps = ? "
            "WHERE incident_id = ?",
            [_scope(incident), sign_ins, devices, users, apps, incident.incident_id],
        )
    engine.tell(("found_incidents",))
    return counted


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
