"""Write incidents and their ranked causes into their tables, in the words that users read.

What is found and how it is weighed is decided elsewhere; a table is written at once, whatever its rows are.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.fitting import UNEXPLAINED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from pipeline.incidents import Incident
    from pipeline.ranking import Hypothesis

_YOUNG = timedelta(days=2)  # younger, an incident may still turn out to be another
# Scopes are told in the kinds that users know: a region is a network, a way of signing in a part of the tenant.
_TOLD_AS = {"region": "network=region {value}", "mode": "tenant={value} sign-ins"}


def enter(con: duckdb.DuckDBPyConnection, found: Sequence[Incident], status: Mapping[str, str]) -> None:
    """Enter incidents of which is known only where and when they were found."""
    blank = {
        **dict.fromkeys(("sign_ins", "devices", "users", "apps", "confidence"), 0),
        **dict.fromkeys(("summary", "next_step"), ""),
        "cause": UNEXPLAINED,
    }
    _insert(con, "found_incidents", [{**_found(one), "status": status[one.incident_id], **blank} for one in found])


def enter_failures(con: duckdb.DuckDBPyConnection, found: Sequence[Incident]) -> None:
    """Enter which failures are of which incident."""
    rows = [
        {
            "incident_id": incident.incident_id,
            "workspace_id": key.workspace_id,
            "source_table": key.source_table,
            "sign_in_id": key.sign_in_id,
        }
        for incident in found
        for key in incident.keys
    ]
    _insert(con, "incident_failures", rows)


def count(con: duckdb.DuckDBPyConnection, counted: Mapping[str, Sequence[Any]]) -> None:
    """Enter what each incident counts: its sign-ins, devices, users and applications."""
    con.execute(
        """
        UPDATE found_incidents AS f SET sign_ins = c.sign_ins, devices = c.devices, users = c.users, apps = c.apps
        FROM (SELECT unnest($1) AS incident_id, unnest($2) AS sign_ins, unnest($3) AS devices, unnest($4) AS users,
            unnest($5) AS apps) AS c
        WHERE f.incident_id = c.incident_id
        """,
        [list(counted), *([of_one[at] for of_one in counted.values()] for at in range(4))],
    )


def write(
    con: duckdb.DuckDBPyConnection,
    found: Sequence[Incident],
    status: Mapping[str, str],
    counted: Mapping[str, Sequence[Any]],
    ranked: Mapping[str, Sequence[Hypothesis]],
    unseen: Mapping[str, tuple[float, str]],
    until: datetime,
) -> None:
    """Put incidents and their causes in the place of what stands in their tables.

    ``counted`` holds of each incident its sign-ins, devices, users, applications, onset and the name of its scope,
    ``unseen`` which share of its hours could not be read, and of which tables.
    """
    con.execute("DELETE FROM found_incidents")
    con.execute("DELETE FROM judged_causes")
    judged = [
        {
            **_found(one),
            "status": status[one.incident_id],
            **_counts(counted[one.incident_id]),
            **_likeliest(one, counted[one.incident_id], ranked[one.incident_id][0], until),
        }
        for one in found
    ]
    _insert(con, "found_incidents", judged)
    causes = [
        row
        for one in found
        for row in _causes(one.incident_id, ranked[one.incident_id], *unseen.get(one.incident_id, (0.0, "")))
    ]
    _insert(con, "judged_causes", causes)


def _found(incident: Incident) -> dict[str, Any]:
    return {
        "incident_id": incident.incident_id,
        "first_seen_at": incident.first_seen_at,
        "last_seen_at": incident.last_seen_at,
        "failures": incident.failures,
        "scope_kind": incident.scope_kind,
        "scope_value": incident.scope_value,
        "scope": _scope(incident),
    }


def _counts(counted: Sequence[Any]) -> dict[str, int]:
    return dict(zip(("sign_ins", "devices", "users", "apps"), counted, strict=False))


def _likeliest(incident: Incident, counted: Sequence[Any], first: Hypothesis, until: datetime) -> dict[str, Any]:
    _, devices, users, apps, onset, scope_name = counted
    scope = _scope(incident)
    called = f"{scope} ({scope_name})" if scope_name else scope
    summary = (
        f"{incident.failures} device signatures of {called} were refused since {onset:%Y-%m-%dT%H:%MZ} "
        f"({_many(devices, 'device')}, {_many(users, 'user')}, {_many(apps, 'application')}); "
        f"likely cause: {first.title} ({first.cause}), confidence {first.confidence:.2f}"
        f"{'; younger than two days, so the verdict may still move' if onset > until - _YOUNG else ''}."
    )
    return {
        "cause": first.cause,
        "confidence": round(first.confidence, 4),
        "change_id": first.change_id,
        "change_workspace_id": first.change_workspace_id,
        "summary": summary,
        "next_step": first.next_step,
    }


def _causes(
    incident_id: str, ranked: Sequence[Hypothesis], unseen_share: float, unseen_tables: str
) -> Iterator[dict[str, Any]]:
    holes = (
        f"{unseen_share:.0%} of the hours around it could not be read ({unseen_tables}), "
        "so it is believed that much less."
    )
    for rank, one in enumerate(ranked, start=1):
        against = one.evidence_against
        if unseen_tables and one.cause != UNEXPLAINED:
            against = f"{against} {holes}" if against else holes
        yield {
            "incident_id": incident_id,
            "rank": rank,
            "cause": one.cause,
            "confidence": round(one.confidence, 4),
            "change_id": one.change_id,
            "evidence_for": one.evidence_for,
            "evidence_against": against,
            "mechanism": one.mechanism,
            "log_odds": round(one.log_odds, 4),
        }


def _scope(incident: Incident) -> str:
    told = _TOLD_AS.get(incident.scope_kind, "{kind}={value}")
    return told.format(kind=incident.scope_kind, value=incident.scope_value)


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    names = list(rows[0])
    columns = ", ".join(f"unnest(${at})" for at in range(1, len(names) + 1))
    con.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {columns}",
        [[row[name] for row in rows] for name in names],
    )
