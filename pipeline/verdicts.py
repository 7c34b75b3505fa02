"""An analyst's verdict: which incident and which cause are meant, and how it is kept.

A verdict is kept with the incident and its hypotheses as they stand when it is given, so that later nights and purges
change nothing of it. What a verdict teaches the confidence is a fit's business; nothing is judged here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipeline import assets, rules
from pipeline.errors import StoreUnusable, UsageError
from pipeline.fitting import UNEXPLAINED

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

NOISE = "noise"
_SHORTEST_BEGINNING = 6
_MOST_NAMED = 5


@dataclass(frozen=True)
class Verdict:
    """What an analyst said of an incident, and the cause that was ranked first then; ``confirmed_at`` is UTC."""

    incident_id: str
    cause: str
    confirmed_at: datetime
    confirmed_by: str
    note: str | None
    first_cause: str

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--format json`` prints."""
        return asdict(self) | {"confirmed_at": f"{self.confirmed_at:%Y-%m-%dT%H:%M:%SZ}"}


def give(
    con: duckdb.DuckDBPyConnection,
    incident: str,
    cause: str,
    note: str | None,
    confirmed_by: str,
    confirmed_at: datetime,
) -> Verdict:
    """Keep a verdict on an incident of the last analysis, or on one that bears a verdict already.

    ``confirmed_at`` is UTC. Raises UsageError as `meant` does, StoreUnusable for a database in which an interrupted run
    left an analysis half done.
    """
    _require_whole(con)
    incident_id = meant(con, incident, cause)
    con.execute(
        f"INSERT INTO given_verdicts BY NAME {assets.text(assets.VERDICTS / 'given.sql')}",
        {
            "incident_id": incident_id,
            "cause": cause,
            "confirmed_at": confirmed_at,
            "confirmed_by": confirmed_by,
            "note": note or None,
        },
    )
    kept = con.execute(
        "SELECT incident_id, cause, confirmed_at, confirmed_by, note, first_cause FROM verdicts WHERE incident_id = ?",
        [incident_id],
    ).fetchall()
    return Verdict(*kept[0])


def meant(con: duckdb.DuckDBPyConnection, incident: str, cause: str) -> str:
    """Return the id of the incident that a verdict is on. Raises UsageError where incident or cause is none."""
    incident_id, _ = named(con, incident)
    if cause not in (known := words(con)):
        raise UsageError(f"{cause!r} is no word for a cause: give one of {', '.join(known)}.")
    return incident_id


def named(con: duckdb.DuckDBPyConnection, incident: str) -> tuple[str, bool]:
    """Return the id that a user's word means, in full or by a unique beginning, and whether the last analysis has it.

    Raises UsageError where it means none, or more than one.
    """
    known = assets.text(assets.VERDICTS / "known_incidents.sql")
    found: list[tuple[str, bool]] = con.execute(known, {"beginning": incident}).fetchall()
    exact = [one for one in found if one[0] == incident]
    if exact or (len(found) == 1 and len(incident) >= _SHORTEST_BEGINNING):
        return (exact or found)[0]
    if len(incident) < _SHORTEST_BEGINNING:
        raise UsageError(f"{incident!r} is too short for an incident: give its id, or at least its first 6 characters.")
    if found:
        several = _some([one for one, _ in found])
        raise UsageError(f"{incident!r} means more than one incident ({several}): give more of its id.")
    rows = con.execute(
        "SELECT incident_id FROM found_incidents ORDER BY status = 'resolved', failures DESC, incident_id"
    ).fetchall()
    there = (
        f"incidents.csv of `signin-triage report` lists {_some([row[0] for row in rows])}"
        if rows
        else ("the last analysis found none")
    )
    raise UsageError(f"There is no incident {incident!r}: {there}.")


def words(con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the words that a verdict may use: the shipped causes, those that rules of a user named, and noise."""
    shipped = {rule.cause for rule in rules.load()}
    judged = {cause for (cause,) in con.execute("SELECT DISTINCT cause FROM judged_causes").fetchall()}
    return (*sorted((shipped | judged) - {UNEXPLAINED, NOISE}), UNEXPLAINED, NOISE)


def _require_whole(con: duckdb.DuckDBPyConnection) -> None:
    """Refuse to publish what an interrupted run has landed and nobody has analyzed."""
    ((whole,),) = con.execute(assets.text(assets.VERDICTS / "whole.sql")).fetchall()
    if not whole:
        raise StoreUnusable(
            "An interrupted run left records that are not analyzed yet: run `signin-triage nightly` or `analyze` first."
        )


def _some(ids: list[str]) -> str:
    more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    return ", ".join(ids[:_MOST_NAMED]) + more
