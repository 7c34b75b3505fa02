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

from pipeline import assets, calibration, evidence, findings, hearing, history, incidents, ranking
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
        findings.write(con, found, case.status, case.counted, case.ranked, case.unseen, until)
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
    findings.enter_failures(con, found)
    findings.enter(con, [one for one in found if one.incident_id not in as_before], status)
    if not as_before:
        evidence.lay(engine)
    with evidence.kept(con, engine, list(as_before)):
        evidence.gather(engine)
        counted = {**as_before, **{row[0]: row[1:] for row in engine.ask(_sql("counted_incidents"), {}).rows}}
    findings.enter(con, [one for one in found if one.incident_id in as_before], status)
    findings.count(con, counted)
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
