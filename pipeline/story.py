"""The closing story of a run: what was seen, what stands out, what could not be seen; as lines, and as one object.

It reads views and words what it finds for a tired person. Nothing is printed here, and nothing is decided.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipeline import assets
from pipeline.calibration import told
from pipeline.lake_answers import run
from pipeline.wrapping import wrapped

if TYPE_CHECKING:
    import duckdb

    from pipeline.window import Window

_MOST_LINES = 30
_MOST_INCIDENTS = 6
_NARROWEST = 60  # a narrower terminal breaks lines itself: broken here, they would leave no room for an incident
_MOST_TEXT, _MOST_NAME = 400, 100  # what strangers chose may be a page long
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
    """A run for programs (``summary``) and for people (the rest); ``incidents`` are those told first, of ``found``."""

    summary: Summary
    opening: tuple[str, ...]
    incidents: tuple[tuple[str, ...], ...]
    found: int
    closing: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The story in at most thirty lines, however long."""
        return self.fitted(None)

    def fitted(self, width: int | None) -> tuple[str, ...]:
        """Return the story in at most thirty lines, on a terminal none wider than it, as incidents go to make room."""
        if width and width >= _NARROWEST:
            for shown in range(len(self.incidents), 0, -1):
                lines = tuple(part for line in self._told(shown) for part in wrapped(line, width))
                if len(lines) <= _MOST_LINES:
                    return lines
        return next(
            lines
            for shown in range(len(self.incidents), -1, -1)
            if len(lines := self._told(shown)) <= _MOST_LINES or not shown
        )

    def _told(self, shown: int) -> tuple[str, ...]:
        told = [*self.opening, *(line for block in self.incidents[:shown] for line in block)]
        if self.found > shown:
            told.append(f"and {self.found - shown} smaller ones in incidents.csv")
        return (*told, *self.closing)


def tell(con: duckdb.DuckDBPyConnection, window: Window, run_id: str, since_last: bool = False) -> Story:
    """Tell the story of a window from what the database holds; of incidents, ``since_last`` tells the new ones."""
    values = {"since": window.start, "until": window.end, "since_last": False}
    ((sign_ins, failures, strays, changes, verdicts, confirmed, *neighbours),) = _rows(con, "story", values)
    incidents = _rows(con, "incidents", values)
    unseen = _rows(con, "unseen", values)
    holes = [row for row in unseen if row[2] == "incomplete"]
    statuses = {status: sum(row[1] == status for row in incidents) for status in _STATUSES}
    ((asked,),) = _rows(con, "asked", values)
    seen = "coverage incomplete" if holes else "coverage complete" if asked else _unasked(sign_ins)
    text = (
        f"signin-triage {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC: "
        f"{_count(len(incidents), 'incident')} ({statuses['new']} new, {statuses['ongoing']} ongoing, "
        f"{statuses['resolved']} resolved), {failures:,} refused device signatures (50099) in {sign_ins:,} sign-ins; "
        f"{seen}"
    )
    opening = [text, ""]
    if not failures:
        opening.append(_quiet(sign_ins, bool(asked), bool(holes)))
    wanted = [row for row in incidents if row[1] == "new" or not since_last]
    lines = []
    if since_last:
        lines.append(_left_out(len(wanted), len(incidents) - len(wanted)))
    if strays:
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
    blocks = tuple(_incident_lines(row) for row in _largest(wanted))
    return Story(summary, tuple(opening), blocks, len(wanted), tuple(lines))


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


def _unasked(sign_ins: int) -> str:
    return "imported records only" if sign_ins else "coverage not known"


def _left_out(new: int, others: int) -> str:
    left = f"; {_count(others, 'other')} (ongoing or resolved) left out" if others else ""
    return f"Since the run before {_count(new, 'incident')} {'is' if new == 1 else 'are'} new{left}."


def _incident_lines(row: tuple[Any, ...]) -> tuple[str, ...]:
    incident_id, status, first, last = row[:4]
    changed_at, change, changed_by, summary, _, verdict = row[13:19]
    judged = f"; an analyst's verdict: {_one_line(verdict)}" if verdict else ""
    lines = [
        f"{status:<9} {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, incident {incident_id}{judged}",
        f"    {_one_line(summary)}",
    ]
    if changed_at:
        hand = _one_line(changed_by or "an unknown hand", _MOST_NAME)
        lines.append(f"    After {_one_line(change, _MOST_NAME)} by {hand} at {changed_at:%Y-%m-%d %H:%M} UTC.")
    return tuple(lines)


def _one_line(text: str, most: int = _MOST_TEXT) -> str:
    """Return text of strangers on one line, so that it cannot forge a line of ours, and of bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most // 2]} ... {line[-most // 2 :]}"


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
