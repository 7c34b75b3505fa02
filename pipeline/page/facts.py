"""What the page asks of the database: each question one SELECT of sql/page or sql/reports, for all incidents at once.

Nothing is worded or drawn here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline import assets, calibration, lake_answers, timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import duckdb

    from pipeline.window import Window

Row = dict[str, Any]

_DAY = timedelta(days=1)
# Of each breakdown so many rows stand in the page; the CSV beside it has all.
MOST_ROWS = 50
_LENGTHS = tuple(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24, 48, 168))
_MOST_STRETCHES, _MOST_SPARK = 60, 21
_RATED = {"by_app": "app_id", "by_device": "device_id", "by_user": "user_id"}


@dataclass(frozen=True)
class Breakdown:
    """The first rows of a CSV file of the folder, how many it has, and sign-ins and failures by stretch and id."""

    rows: list[Row]
    in_all: int
    sparks: Mapping[str, Mapping[int, tuple[int, int]]]


@dataclass(frozen=True)
class Facts:
    """All that the page tells; dictionaries are by incident_id, times naive and UTC."""

    window: Window
    run: Row
    totals: Row
    asked: int
    statuses: Mapping[str, int]
    incidents: list[Row]
    causes: Mapping[str, list[Row]]
    controls: Mapping[str, list[Row]]
    affected: Mapping[str, list[Row]]
    frames: Mapping[str, timeline.Frame]
    marks: Mapping[str, list[tuple[datetime, str]]]
    timelines: Mapping[str, list[Row]]
    calibrated_on: str
    by_day: list[Row]
    by_table: list[Row]
    by_cause: list[Row]
    cause_length: timedelta
    coverage: list[Row]
    breakdowns: Mapping[str, Breakdown]
    spark_length: timedelta
    trends: Mapping[str, list[Row]]


def gather(con: duckdb.DuckDBPyConnection, window: Window, *, since_last: bool) -> Facts:
    """Ask everything; ``since_last`` leaves out the incidents that were known before."""
    values: dict[str, Any] = {"since": window.start, "until": window.end, "since_last": since_last}

    def ask(name: str, **more: Any) -> list[Row]:
        return _rows(con, "page", name, values | more)

    incidents = ask("incidents")
    marks = _marks(incidents, {row["incident_id"]: row["recovered_at"] for row in ask("recovered")})
    frames = {row["incident_id"]: _frame(row, window.end) for row in incidents}
    timelines = ask(
        "timelines",
        ids=list(frames),
        starts=[frame.start for frame in frames.values()],
        ends=[frame.end for frame in frames.values()],
        seconds=[int(frame.length.total_seconds()) for frame in frames.values()],
    )
    (totals,) = _rows(con, "reports", "story", values)
    (asked,) = _rows(con, "reports", "asked", values)
    everything = _rows(con, "reports", "incidents", values | {"since_last": False})
    cause_length, spark_length = _length(window, _MOST_STRETCHES), _length(window, _MOST_SPARK)
    return Facts(
        window=window,
        run=next(iter(ask("run")), dict.fromkeys(("run_id", "started_at", "ended_at"))),
        totals=totals,
        asked=asked["workspaces"],
        statuses={
            status: sum(row["status"] == status for row in everything) for status in ("new", "ongoing", "resolved")
        },
        incidents=incidents,
        causes=_by_incident(ask("causes")),
        controls=_by_incident(ask("controls")),
        affected=_by_incident(ask("affected")),
        frames=frames,
        marks=marks,
        timelines=_by_incident(timelines),
        calibrated_on=calibration.told(con),
        by_day=ask("by_day"),
        by_table=ask("by_table"),
        by_cause=ask("by_cause", seconds=int(cause_length.total_seconds())),
        cause_length=cause_length,
        coverage=ask("coverage"),
        breakdowns=_breakdowns(con, values, spark_length),
        spark_length=spark_length,
        trends={name: ask(f"trend_{name}") for name in ("causes", "scopes", "changes", "verdicts", "weeks")},
    )


def _rows(con: duckdb.DuckDBPyConnection, folder: str, name: str, values: Mapping[str, Any]) -> list[Row]:
    file = {"page": assets.PAGE, "reports": assets.REPORTS}[folder] / f"{name}.sql"
    answer = lake_answers.run(con, assets.text(file), values)
    columns = [column[0] for column in answer.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def _by_incident(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["incident_id"], []).append(row)
    return found


def _marks(incidents: list[Row], recovered: Mapping[str, datetime]) -> dict[str, list[tuple[datetime, str]]]:
    """Return the moments to draw of each incident, in order."""
    marks: dict[str, list[tuple[datetime, str]]] = {}
    for row in incidents:
        moments = [
            (row["changed_at"], "change"),
            (row["first_seen_at"], "onset"),
            (row["last_seen_at"], "last failure"),
            (recovered.get(row["incident_id"]), "succeeds again"),
        ]
        marks[row["incident_id"]] = sorted((at, mark) for at, mark in moments if at is not None)
    return marks


def _frame(row: Row, until: datetime) -> timeline.Frame:
    """Return what an incident's picture shows: from a day before its onset, or before the change if it is earlier."""
    begun = row["first_seen_at"]
    if row["changed_at"] is not None:
        begun = min(begun, row["changed_at"] + _DAY / 2)
    return timeline.frame(begun, row["last_seen_at"], until)


def _length(window: Window, most: int) -> timedelta:
    whole = window.end - window.start
    return next((one for one in _LENGTHS if whole / one <= most), whole / most)


def _breakdowns(con: duckdb.DuckDBPyConnection, values: Mapping[str, Any], length: timedelta) -> dict[str, Breakdown]:
    tables = {name: _rows(con, "reports", name, values) for name in (*_RATED, "by_change")}
    first = {name: _first(name, rows) for name, rows in tables.items()}
    ids = {name: [row[key] for row in first[name] if row[key] is not None] for name, key in _RATED.items()}
    shown = {"apps": ids["by_app"], "devices": ids["by_device"], "users": ids["by_user"]}
    stretches = _rows(con, "page", "sparks", {**values, **shown, "seconds": int(length.total_seconds())})
    sparks: dict[str, dict[str, dict[int, tuple[int, int]]]] = {}
    for row in stretches:
        of_id = sparks.setdefault(row["report"], {}).setdefault(row["id"], {})
        of_id[row["place"]] = (row["sign_ins"], row["failures"])
    return {name: Breakdown(first[name], len(rows), sparks.get(name, {})) for name, rows in tables.items()}


def _first(name: str, rows: list[Row]) -> list[Row]:
    """Return the rows for which there is room: those that failed most; of changes those blamed, then the latest."""
    if name == "by_change":
        rows = sorted(rows, key=lambda row: (row["incidents"], row["changed_at"]), reverse=True)
    elif name != "by_app":
        rows = [row for row in rows if row["failures"]]
    return rows[:MOST_ROWS]
