"""The page as one document: what was found, in words and pictures, put into the template.

One file that asks nobody for anything: styles and script stand in it, and its policy lets nothing else run. Nothing is
asked of the database here.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pipeline import __version__, explain
from pipeline.page import cards, charts, drawing, words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pipeline.page.facts import Breakdown, Facts

Row = dict[str, Any]

_HERE = Path(__file__).parent
_MOST_HOLES = 24
_NONE, _OTHERS = "in no incident", "other causes"
_NEIGHBOURS = {
    "50155": "device authentication failed",
    "700003": "device not found",
    "500991": "wrong audience",
    "50097": "device challenge",
    "140000": "nonce expired or wrong",
    "500133": "assertion outside its time",
}


def rendered(facts: Facts, pages: Collection[str]) -> str:
    """Return the document; ``pages`` are the causes of which a page stands in docs/causes beside it."""
    titles = explain.titles()
    style, script = (_text(f"page.{kind}") for kind in ("css", "js"))
    holes = [row for row in facts.coverage if row["status"] == "incomplete"]
    template = _environment().from_string(_text("page.html"))
    return str(
        template.render(
            facts=facts,
            version=__version__,
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            style_hash=_hash(style),
            script_hash=_hash(script),
            cards=cards.cards(facts, titles, pages),
            title_of=lambda cause: cards.titled(cause, titles),
            linked=set(pages),
            seen=_seen(facts, bool(holes)),
            strays=sum(row["failures"] for row in facts.by_cause if row["cause"] is None),
            neighbours=_neighbours(facts),
            by_cause=_by_cause(facts, titles),
            coverage=_coverage(facts, holes),
            breakdowns=facts.breakdowns,
            spark=lambda name, key: _spark(facts, facts.breakdowns[name], key),
        )
    )


def _environment() -> Any:
    import jinja2

    def harmless(value: Any) -> Any:
        return value if isinstance(value, (Markup, int, float)) else words.plain(value, longest=10_000)

    environment = jinja2.Environment(
        autoescape=True, finalize=harmless, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(
        minute=words.minute,
        stamp=words.stamp,
        percent=words.percent,
        lasted=words.lasted,
        short=lambda value, longest=80: words.plain(value, longest),
        count=lambda number: f"{number:,}",
        many=words.many,
    )
    return environment


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _seen(facts: Facts, holes: bool) -> Row:
    """Say whether everything could be seen."""
    if not facts.asked:
        why = "imported records only" if facts.totals["sign_ins"] else "no hour of this window was asked for"
        return {"word": "not known", "told": f"{why}: nothing says whether its hours are whole"}
    if holes:
        return {"word": "in part", "told": "some hours could not be read: see the coverage below"}
    return {"word": "all", "told": "every hour that was asked for was fully answered"}


def _neighbours(facts: Facts) -> list[Row]:
    """Return the codes beside 50099 with their days."""
    days = [row["day"] for row in facts.by_day]
    told = []
    for code, meaning in _NEIGHBOURS.items():
        counts = [row[f"code_{code}"] for row in facts.by_day]
        most = max(counts, default=0)
        words_ = f"{code} by day: " + ", ".join(f"{day:%m-%d} {count}" for day, count in zip(days, counts, strict=True))
        heights: list[float | None] = [count / most if most else None for count in counts]
        told.append(
            {
                "code": code,
                "meaning": meaning,
                "count": sum(counts),
                "spark": drawing.bars(words_, heights, [0.0] * len(counts)) if most else "",
            }
        )
    return told


def _by_cause(facts: Facts, titles: Mapping[str, str]) -> Row | None:
    """Return the picture of refused signatures over time by cause, and its legend."""
    totals: dict[str, int] = {}
    for row in facts.by_cause:
        if row["cause"] is not None:
            totals[row["cause"]] = totals.get(row["cause"], 0) + row["failures"]
    ranked = sorted(totals, key=lambda cause: (-totals[cause], cause))
    own = ranked[: charts.MOST_SERIES - 2]
    series = {cause: cause if cause in own else _OTHERS for cause in ranked}
    rows: dict[tuple[Any, str], int] = {}
    for row in facts.by_cause:
        key = (row["starts_at"], series.get(row["cause"] or "", _NONE))
        rows[key] = rows.get(key, 0) + row["failures"]
    if not rows:
        return None
    order = [*own, *([_OTHERS] if len(ranked) > len(own) else []), _NONE]
    summed = {name: sum(count for (_, each), count in rows.items() if each == name) for name in order}
    told = "Refused signatures over time, stacked by cause. In all: " + "; ".join(
        f"{name} {summed[name]:,}" for name in order
    )
    placed = [{"starts_at": at, "series": name, "failures": count} for (at, name), count in rows.items()]
    window = facts.window
    return {
        "picture": charts.causes(placed, facts.cause_length, window.start, window.end, order, told),
        "length": words.lasted(facts.cause_length / timedelta(hours=1)),
        "legend": [
            {
                "series": charts.shade(place, len(order)),
                "cause": name if name in totals else None,
                "title": cards.titled(name, titles) if name in totals else name,
                "failures": summed[name],
            }
            for place, name in enumerate(order)
        ],
    }


def _coverage(facts: Facts, holes: list[Row]) -> Row | None:
    if not facts.coverage:
        return None
    several = len({row["workspace_id"] for row in facts.coverage}) > 1

    def name(row: Row) -> str:
        table = words.plain(row["source_table"])
        return f"{table} ({words.plain(row['workspace_id'])[:8]})" if several else table

    rows = [row | {"name": name(row)} for row in facts.coverage]
    order = sorted({row["name"] for row in rows})
    told = [
        f"{name(row)}: {words.minute(row['starts_at'])} to {words.minute(row['ends_at'])} UTC "
        f"({words.many(row['hours'], 'hour')}): {words.plain(row['note'])}"
        for row in holes
    ]
    absent = sorted({row["name"] for row in rows if row["status"] == "absent"})
    spoken = f"Coverage by table and hour of arrival. Could not be seen: {'; '.join(told[:6]) or 'nothing'}."
    if len(told) > 6:
        spoken += f" And {len(told) - 6} more stretches, listed below."
    if absent:
        spoken += f" Not in the workspace: {', '.join(absent)}."
    start, end = min(row["starts_at"] for row in rows), max(row["ends_at"] for row in rows)
    return {
        "picture": charts.coverage(rows, start, end, order, spoken),
        "holes": told[:_MOST_HOLES],
        "more": max(0, len(told) - _MOST_HOLES),
        "absent": absent,
        "start": start,
        "end": end,
        "hours": sum(row["hours"] for row in rows),
        "tables": len(order),
    }


def _spark(facts: Facts, breakdown: Breakdown, key: str | None) -> Markup | str:
    """Draw sign-ins and refused signatures of one row over the window."""
    stretches = breakdown.sparks.get(key or "")
    if not stretches:
        return ""
    window, length = facts.window, facts.spark_length
    places = range(-(-(window.end - window.start) // length))
    counts = [stretches.get(place, (0, 0)) for place in places]
    most = max(sign_ins for sign_ins, _ in counts)
    worst = max(places, key=lambda place: counts[place][1])
    told = f"{words.minute(window.start + worst * length)}: {counts[worst][1]} of {counts[worst][0]} refused, the most"
    if not counts[worst][1]:
        told = "none refused"
    heights: list[float | None] = [sign_ins / most for sign_ins, _ in counts]
    return drawing.bars(told, heights, [failures / sign_ins if sign_ins else 0.0 for sign_ins, failures in counts])
