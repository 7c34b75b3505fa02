"""An incident as the page's card: the facts in words, the picture, and the SQL by which each can be asked for again.

Nothing is asked of the database here, and nothing is decided.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from pipeline import assets, rule_files, rules
from pipeline.page import charts
from pipeline.page.words import lasted, many, minute, percent, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pipeline.page.facts import Facts

Row = dict[str, Any]

_YOUNG = timedelta(days=2)
_LONGEST_VALUE = 600
# Hypotheses less likely than this are named, not argued.
_UNLIKELY = 0.01
_MECHANISMS = {
    "direct": "this breaks a device's signature by itself",
    "indirect": "this makes a broken signature show, or breaks it by way of something else",
    "doubtful": "how this would break a device's signature is not known",
}
_BESIDE = {
    "outside": "nothing shared with it",
    "other_apps": "same devices, other apps than its commonest",
    "other_devices": "its commonest app, other devices and users",
    "user_elsewhere": "same users, other devices than its commonest",
    "other_networks": "same devices, other addresses than its commonest",
    "other_builds": "its commonest platform, other clients",
    "other_platforms": "other platforms",
    "other_domains": "users of other domains",
}
_KINDS = {
    "user": "users",
    "device": "devices",
    "app": "apps",
    "client": "clients",
    "ip": "addresses",
}
_EVIDENCE = ("failures", "picture", "controls", "causes", "changes")


def cards(facts: Facts, titles: Mapping[str, str], pages: Collection[str]) -> list[Row]:
    """Return what the template shows of each incident; ``pages`` are the causes that have a page to link."""
    statements = {name: rule_files.read(assets.PAGE / "evidence" / f"{name}.sql") for name in _EVIDENCE}
    return [_card(facts, row, titles, pages, statements) for row in facts.incidents]


def titled(cause: str, titles: Mapping[str, str]) -> str:
    """Return a cause in plain words; a user's own rule may have brought one that has none."""
    return titles.get(cause) or cause.replace("_", " ")


def _card(
    facts: Facts,
    row: Row,
    titles: Mapping[str, str],
    pages: Collection[str],
    statements: Mapping[str, rule_files.Rule],
) -> Row:
    one = row["incident_id"]
    hypotheses = [each | {"title": titled(each["cause"], titles)} for each in facts.causes.get(one, [])]
    controls = _controls(facts.controls.get(one, []))
    hours = (row["last_seen_at"] - row["first_seen_at"]).total_seconds() / 3600
    return row | {
        "title": titled(row["cause"], titles),
        "page": row["cause"] if row["cause"] in pages else None,
        "lasted": lasted(hours),
        "share": percent(row["failures"] / row["sign_ins"]) if row["sign_ins"] else "",
        "mechanism_told": _MECHANISMS.get(row["mechanism"] or "", ""),
        "young": facts.window.end - row["first_seen_at"] < _YOUNG,
        "delay": _before(row["minutes_before_onset"]),
        "old_value": _value(row["old_value"]),
        "new_value": _value(row["new_value"]),
        "verdict_title": titled(row["verdict"], titles) if row["verdict"] else None,
        "affected": list(_affected(facts.affected.get(one, []))),
        "controls": controls,
        "picture": _picture(facts, row, controls),
        "hypotheses": [each for each in hypotheses if each["rank"] == 1 or each["confidence"] >= _UNLIKELY],
        "unlikely": [each for each in hypotheses if each["rank"] > 1 and each["confidence"] < _UNLIKELY],
        "sql": [_code(rules.shown(each, {"incident_id": one})) for each in statements.values()],
    }


def _picture(facts: Facts, row: Row, controls: list[Row]) -> Markup:
    one = row["incident_id"]
    frame, rows = facts.frames[one], facts.timelines.get(one, [])
    marks = [mark for mark in facts.marks[one] if frame.start <= mark[0] < frame.end]
    rates = [f"{each['told']}: {each['refused']:,} of {each['attempts']:,} refused" for each in controls[:2]]
    meanwhile = [
        each for each in rows if row["first_seen_at"] - frame.length < each["starts_at"] <= row["last_seen_at"]
    ]
    refused, attempts = (sum(each[f"outside_{name}"] for each in meanwhile) for name in ("refused", "attempts"))
    rates.append(f"the control, outside its scope meanwhile: {refused:,} of {attempts:,} refused")
    told = (
        f"Incident {one}, {minute(frame.start)} to {minute(frame.end)} UTC: {charts.spelled(rows, frame.length)}. "
        f"{', '.join(f'{mark} {minute(at)}' for at, mark in marks)}. {rates}."
    )
    return charts.incident(frame.start, frame.end, frame.length, rows, marks, told)


def _controls(rows: list[Row]) -> list[Row]:
    """Return the rates as rows: in the scope before and during it, then beside it, where anything signed in."""
    if not rows:
        return []
    (row,) = rows
    told = [
        {"told": f"its scope, {name}", "refused": row[f"failed_{period}"], "attempts": row[f"attempts_{period}"]}
        for period, name in (("before", "before the onset"), ("during", "from onset to last failure"))
    ]
    for name, words in _BESIDE.items():
        attempts = row[f"{name}_attempts"] or 0
        if attempts or name == "outside":
            refused = round((row[f"{name}_rate"] or 0) * attempts)
            told.append({"told": words, "refused": refused, "attempts": attempts})
    for each in told:
        each["rate"] = each["refused"] / each["attempts"] if each["attempts"] else None
    return told


def _affected(rows: Iterable[Row]) -> Iterable[Row]:
    """Give the commonest users, devices and so on, in the order of _KINDS."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["kind"], []).append(row)
    for kind, name in _KINDS.items():
        if kind in found:
            yield {
                "kind": name,
                "values": [
                    {"called": row["called"] or row["value"], "value": row["value"], "share": percent(row["share"])}
                    for row in found[kind]
                ],
            }


def _before(minutes: int | None) -> str:
    if minutes is None:
        return ""
    length = many(minutes, "minute") if minutes < 180 else f"{minutes / 60:.1f} hours"
    return f"{length} before the first failure"


def _value(text: str | None) -> str:
    return plain(text, _LONGEST_VALUE) if text else "not in the log"


def _code(statement: str) -> Markup:
    return Markup(escape(statement.strip()))  # noqa: S704 - escaped in the same breath
