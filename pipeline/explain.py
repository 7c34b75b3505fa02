"""One incident whole, from the published file: what happened when, what speaks for and against each cause, what to do.

Each question is one SELECT under sql/explain; the same statements, their values written out, go along, so that every
figure can be asked for again. Nothing is judged here, and how it looks is explained's business.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline import assets, blind_spots, calibration, lake_answers, rule_files, rules, timeline, verdicts
from pipeline.errors import UsageError
from pipeline.fitting import UNEXPLAINED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb

Row = dict[str, Any]

_DAY = timedelta(days=1)
_PLAIN = {UNEXPLAINED: "no cause is supported well enough", verdicts.NOISE: "no incident at all, says an analyst"}


@dataclass(frozen=True)
class Explanation:
    """An incident with everything that is known of it; times are naive and UTC, rates between 0 and 1."""

    incident: Row
    timeline: tuple[timeline.Stretch, ...]
    shared: list[Row]
    controls: list[Row]
    causes: list[Row]
    change: Row | None
    mfa: Row
    new_token: Row
    devices: list[Row]
    support: list[Row]
    not_seen: tuple[str, ...]
    next_steps: tuple[str, ...]
    sql: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--format json`` prints, times as text."""
        answer: dict[str, Any] = _texts(asdict(self))
        for stretch in answer["timeline"]:
            stretch["marks"] = [{"at": at, "mark": mark} for at, mark in stretch["marks"]]
        return answer


def explain(con: duckdb.DuckDBPyConnection, incident: str) -> Explanation:
    """Explain an incident, given by its id or a unique beginning of it.

    Raises UsageError where the last analysis has none.
    """
    incident_id, current = verdicts.named(con, incident)
    if not current:
        raise UsageError(
            f"Incident {incident_id} has left the window, only its verdict is kept: analyze up to an earlier --until."
        )
    values: dict[str, Any] = {"incident_id": incident_id}
    sql = [_shown(assets.EXPLAIN / "failures.sql", values)]

    def ask(name: str, more: dict[str, Any] | None = None, folder: Path = assets.EXPLAIN) -> list[Row]:
        bound = values | (more or {})
        sql.append(_shown(folder / f"{name}.sql", bound))
        return _rows(con, folder / f"{name}.sql", bound)

    (about,), (limits,) = ask("incident"), ask("limits")
    scope = {name: about[name] for name in ("scope_kind", "scope_value", "last_seen_at")}
    marks = [(row["marked_at"], row["mark"]) for row in ask("marks", scope)]
    frame = timeline.frame(about["first_seen_at"], about["last_seen_at"], limits["until"])
    seconds = int(frame.length.total_seconds())
    counted = ask("timeline", scope | {"start": timeline.begin(frame, marks), "seconds": seconds})
    counts = {row["starts_at"]: (row["failures"], row["other_sign_ins"]) for row in counted}
    hours = {"since": about["first_seen_at"] - _DAY, "until": about["last_seen_at"]}
    unseen = ask("unseen", hours, assets.REPORTS)
    devices = ask("devices")
    plain = titles()
    return Explanation(
        incident=_titled(about, plain) | {"calibrated_on": calibration.told(con)},
        timeline=timeline.stretches(frame, counts, marks),
        shared=ask("shared"),
        controls=ask("controls"),
        causes=[_titled(row, plain) for row in ask("causes")],
        change=next(iter(ask("change")), None),
        mfa=ask("mfa")[0],
        new_token=ask("new_token")[0],
        devices=devices,
        support=ask("support"),
        not_seen=blind_spots.not_seen(about, limits, unseen),
        next_steps=_next_steps(about, {row["kind"] for row in devices}),
        sql=tuple(sql),
    )


def titles() -> dict[str, str]:
    """Return the plain words of every cause that this release knows."""
    return {rule.cause: rule.title for rule in rules.load()} | _PLAIN


def _rows(con: duckdb.DuckDBPyConnection, file: Path, values: dict[str, Any]) -> list[Row]:
    answer = lake_answers.run(con, assets.text(file), values)
    columns = [column[0] for column in answer.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def _shown(file: Path, values: dict[str, Any]) -> str:
    """Return a statement of ours as it runs in any DuckDB shell; it has the form of a rule: comments, one SELECT."""
    return rules.shown(rule_files.read(file), values).strip()


def _titled(row: Row, titles: Mapping[str, str]) -> Row:
    """Put the plain words beside a cause's word; a user's own rule may have brought one that has none."""
    return row | {"title": titles.get(row["cause"]) or row["cause"].replace("_", " ")}


def _next_steps(about: Row, kinds: set[str]) -> tuple[str, ...]:
    """Return what to do about the confirmed cause, else the first-ranked one, on the kinds of device concerned."""
    cause = about["verdict"] or about["cause"]
    if cause == verdicts.NOISE:
        return ("Nothing: an analyst called it noise.",)
    with (assets.DATA / "next_steps.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["cause"] == cause]
    # Of a device of which nothing is known every way may be the right one, of a Windows device each of three.
    concerned = kinds | ({"joined", "hybrid", "registered"} if "windows" in kinds else set())
    if kinds <= {"unknown"}:
        concerned = set(_DEVICES)
    steps = [
        f"{_DEVICES[row['devices']]}: {row['step']}" if row["devices"] else row["step"]
        for row in rows
        if not row["devices"] or row["devices"] in concerned
    ]
    own = [about["next_step"]] if cause == about["cause"] else []
    return (*own, *steps)


_DEVICES = {
    "joined": "Windows, Entra joined",
    "hybrid": "Windows, hybrid joined",
    "registered": "Windows, registered",
    "ios": "iOS",
    "android": "Android",
    "macos": "macOS",
}


def _texts(value: Any) -> Any:
    """Return a value with its times as text, UTC to the second."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, dict):
        return {name: _texts(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(each) for each in value]
    return value
