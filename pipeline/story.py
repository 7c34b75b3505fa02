"""The closing story of a run: what was seen, what stands out, what could not be seen; as lines, and as one object.

It reads views and words what it finds for a tired person. Nothing is printed here, and nothing is decided.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipeline import assets
from pipeline.store import run

if TYPE_CHECKING:
    import duckdb

    from pipeline.window import Window

_MOST_INCIDENTS = 12
_MOST_UNSEEN = 8
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
    ((sign_ins, failures, changes, *neighbours),) = _rows(con, "story", values)
    incidents = _rows(con, "incidents", values)
    unseen = _rows(con, "unseen", values)
    holes = [row for row in unseen if row[2] == "incomplete"]
    statuses = {status: sum(row[1] == status for row in incidents) for status in _STATUSES}
    asked = con.execute("SELECT count(*) > 0 FROM asked").fetchall()[0][0]
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
    lines += [_incident_line(row) for row in incidents[:_MOST_INCIDENTS]]
    if len(incidents) > _MOST_INCIDENTS:
        lines.append(f"  and {len(incidents) - _MOST_INCIDENTS} more in incidents.csv")
    strays = failures - sum(row[4] for row in incidents)
    if failures and strays > 0:
        lines.append(f"{_count(strays, 'refused signature')} belong to no incident.")
    lines.append(
        "Neighbouring codes: 50155 (device authentication failed) {:,}, 700003 (device not found) {:,}, 500991 (wrong "
        "audience) {:,}, 50097 (device challenge) {:,}.".format(*neighbours)
    )
    lines += _unseen_lines(unseen)
    if incidents:
        lines.append(
            "Causes are hypotheses; their confidence is set by hand and not calibrated yet (causes.csv says why)."
        )
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


def _quiet(sign_ins: int, asked: bool, holes: bool) -> str:
    if not sign_ins:
        return "No sign-in of this window has landed, so nothing can be said of it: look at window and coverage."
    if holes:
        return f"No device signature was refused in the {sign_ins:,} sign-ins that were seen; part of the logs was not."
    whole = ", and the coverage is whole" if asked else ""
    return f"No device signature was refused: {sign_ins:,} sign-ins were seen{whole}."


def _incident_line(row: tuple[Any, ...]) -> str:
    (
        _,
        status,
        first,
        last,
        failures,
        _,
        devices,
        users,
        _,
        scope,
        cause,
        confidence,
        _,
        changed_at,
        change,
        changed_by,
        *_,
    ) = row
    blamed = f"; after {change} by {changed_by or 'unknown'} at {changed_at:%m-%d %H:%M}" if changed_at else ""
    return (
        f"  {status:<8} {first:%m-%d %H:%M} to {last:%m-%d %H:%M}  {failures:,} failures, {_count(devices, 'device')}, "
        f"{_count(users, 'user')}  {scope}: {cause} ({confidence:.2f}){blamed}"
    )


def _unseen_lines(unseen: list[tuple[Any, ...]]) -> list[str]:
    absent = sorted({row[1] for row in unseen if row[2] == "absent"})
    holes = [row for row in unseen if row[2] == "incomplete"]
    lines = [
        f"Not seen: {table}, {_count(hours, 'hour')} between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M}: {note}."
        for _, table, _, hours, first, last, note in holes[:_MOST_UNSEEN]
    ]
    if len(holes) > _MOST_UNSEEN:
        lines.append(f"Not seen: {len(holes) - _MOST_UNSEEN} more tables in coverage.csv.")
    if absent:
        lines.append(f"Not in the workspace: {', '.join(absent)}.")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
