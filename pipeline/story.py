"""The closing story of a run: what was seen, what stands out, what could not be seen; as lines, and as one object.

It reads views and words what it finds for a tired person. Nothing is printed here, and nothing is decided.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipeline import assets
from pipeline.calibration import told
from pipeline.store import run

if TYPE_CHECKING:
    import duckdb

    from pipeline.window import Window

_MOST_INCIDENTS = 6
_MOST_UNSEEN = 3
_STATUSES = ("new", "ongoing", "resolved")


@dataclass(frozen=True)
class Summary:
    """A run in one object; ``text`` is one line fit for a mail subject, ``complete`` tells whether all was seen."""

    run_id: str
    status: str
    since: str
    until: str
    sign_ins: int
    failures: int
    changes: int
    incidents: dict[str, int]
    complete: bool
    text: str

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--format json`` prints."""
        return asdict(self)


@dataclass(frozen=True)
class Story:
    """A run for programs (``summary``) and for people (``lines``)."""

    summary: Summary
    lines: tuple[str, ...]


def tell(con: duckdb.DuckDBPyConnection, window: Window, run_id: str) -> Story:
    """Tell the story of a window from what the database holds, in at most thirty lines."""
    values = {"since": window.start, "until": window.end}
    ((sign_ins, failures, changes, verdicts, confirmed, *neighbours),) = _rows(con, "story", values)
    incidents = _rows(con, "incidents", values)
    unseen = _rows(con, "unseen", values)
    holes = [row for row in unseen if row[2] == "incomplete"]
    statuses = {status: sum(row[1] == status for row in incidents) for status in _STATUSES}
    asked = con.execute("SELECT count(DISTINCT workspace_id) FROM asked").fetchall()[0][0]
    seen = "coverage incomplete" if holes else ("coverage complete" if asked else "imported records only")
    text = (
        f"signin-triage {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC: "
        f"{_count(len(incidents), 'incident')} ({statuses['new']} new, {statuses['ongoing']} ongoing, "
        f"{statuses['resolved']} resolved), {failures:,} refused device signatures (50099) in {sign_ins:,} sign-ins; "
        f"{seen}"
    )
    lines = [text, ""]
    if not failures:
        lines.append(_quiet(sign_ins, bool(asked), bool(holes)))
    for row in _largest(incidents):
        lines += _incident_lines(row)
    if len(incidents) > _MOST_INCIDENTS:
        lines.append(f"and {len(incidents) - _MOST_INCIDENTS} smaller ones in incidents.csv")
    strays = failures - sum(row[4] for row in incidents)
    if failures and strays > 0:
        lines.append(f"{_count(strays, 'refused signature')} {'belongs' if strays == 1 else 'belong'} to no incident.")
    lines.append(
        "Neighbouring codes: 50155 (device authentication failed) {:,}, 700003 (device not found) {:,}, 500991 (wrong "
        "audience) {:,}, 50097 (device challenge) {:,}.".format(*neighbours)
    )
    lines += _unseen_lines(unseen, several=asked > 1)
    if incidents:
        lines.append(f"Causes are hypotheses; their confidence is {told(con)} (causes.csv says why).")
        lines.append("Every night judges again: a verdict younger than two days may still move.")
    if verdicts:
        lines.append(f"Verdicts: {verdicts:,} given; the first-ranked cause was confirmed in {confirmed:,} of them.")
    summary = Summary(
        run_id=run_id,
        status="incomplete" if holes else "complete",
        since=f"{window.start:%Y-%m-%dT%H:%M:%SZ}",
        until=f"{window.end:%Y-%m-%dT%H:%M:%SZ}",
        sign_ins=sign_ins,
        failures=failures,
        changes=changes,
        incidents=statuses,
        complete=not holes,
        text=text,
    )
    return Story(summary, tuple(lines))


def _rows(con: duckdb.DuckDBPyConnection, report: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    return run(con, assets.text(assets.REPORTS / f"{report}.sql"), values).fetchall()


def _largest(incidents: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the incidents that the story has room for, those still going on first, then by failures."""
    return sorted(incidents, key=lambda row: (row[1] == "resolved", -row[4], row[0]))[:_MOST_INCIDENTS]


def _quiet(sign_ins: int, asked: bool, holes: bool) -> str:
    if not sign_ins:
        return "No sign-in of this window has landed, so nothing can be said of it: look at window and coverage."
    if holes:
        return f"No device signature was refused in the {sign_ins:,} sign-ins that were seen; part of the logs was not."
    whole = ", and the coverage is whole" if asked else ""
    return f"No device signature was refused: {sign_ins:,} sign-ins were seen{whole}."


def _incident_lines(row: tuple[Any, ...]) -> list[str]:
    incident_id, status, first, last = row[:4]
    changed_at, change, changed_by, summary = row[13:17]
    lines = [
        f"{status:<9} {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, incident {incident_id}",
        f"    {_one_line(summary)}",
    ]
    if changed_at:
        hand = _one_line(changed_by or "an unknown hand")
        lines.append(f"    After {_one_line(change)} by {hand} at {changed_at:%Y-%m-%d %H:%M} UTC.")
    return lines


def _one_line(text: str) -> str:
    """Return text of strangers without the line breaks by which it could forge a line of ours."""
    return " ".join(text.split())


def _unseen_lines(unseen: list[tuple[Any, ...]], several: bool) -> list[str]:
    def name(workspace_id: str, table: str) -> str:
        return f"{table} of workspace {workspace_id[:8]}" if several else table

    absent = sorted({name(*row[:2]) for row in unseen if row[2] == "absent"})
    holes = [row for row in unseen if row[2] == "incomplete"]
    lines = [
        f"Not seen: {name(workspace_id, table)}, {_count(hours, 'hour')} between {first:%Y-%m-%d %H:%M} and "
        f"{last:%Y-%m-%d %H:%M}: {_one_line(note)}."
        for workspace_id, table, _, hours, first, last, note in holes[:_MOST_UNSEEN]
    ]
    if others := sorted({name(*row[:2]) for row in holes[_MOST_UNSEEN:]}):
        lines.append(f"Not seen either (coverage.csv says which hours): {', '.join(others)}.")
    if absent:
        lines.append(f"Not in the workspace: {', '.join(absent)}.")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
