"""What the page's pictures show, as Vega-Lite specifications: an incident, the causes over time, the coverage.

A picture is made to be argued with: counts to scale from zero, the control drawn as large as the claim. Nothing is
counted here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.page import drawing
from pipeline.page.words import minute

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

Row = dict[str, Any]

_WIDTH = 560
_LETTER = 6.5  # pixels, about
_EPOCH = datetime(1970, 1, 1)
# Okabe and Ito's palette, which colour-blind readers can tell apart; the page gives each its shade in light and dark.
MOST_SERIES = 7
_MARKS = {
    "change": "var(--change)",
    "onset": "currentColor",
    "last failure": "var(--muted)",
    "succeeds again": "var(--good)",
}


def incident(
    start: datetime,
    end: datetime,
    length: timedelta,
    rows: Sequence[Row],
    marks: Sequence[tuple[datetime, str]],
    told: str,
) -> Markup:
    """Draw an incident: what was refused, what else its scope did, and both as a rate beside the control.

    ``rows`` are of sql/page/timelines.sql; marks are change, onset and the like, within [start, end).
    """
    x = _time(start, end)
    across = {"x": _at("t", x), "x2": {"field": "u"}}
    placed = [
        {
            "t": _stamp(row["starts_at"]),
            "u": _stamp(row["starts_at"] + 0.86 * length),
            "m": _stamp(row["starts_at"] + 0.43 * length),
            "f": row["failures"],
            "o": row["others"],
            "r": _rate(row["refused"], row["attempts"]),
            "c": _rate(row["outside_refused"], row["outside_attempts"]),
        }
        for row in rows
    ]
    panels = [
        _panel(
            "refused signatures",
            62,
            [_bar(across, "f", "var(--refused)"), *_rules(marks, x), *_labels(marks, x)],
            offset=22,
        ),
        _panel("other sign-ins of its scope", 38, [_bar(across, "o", "var(--other)"), *_rules(marks, x)]),
        _panel(
            "share refused: in its scope (solid) and outside it, the control (dashed)",
            62,
            [
                _line(x, "c", "var(--control)", [4, 3], False),
                _line(x, "r", "var(--refused)", [1, 0], True),
                *_rules(marks, x),
            ],
        ),
    ]
    for panel in panels[:-1]:
        _hide_times(panel)
    return drawing.svg({"data": {"values": placed}, "vconcat": panels, "spacing": 6}, told)


def causes(
    rows: Sequence[Row], length: timedelta, start: datetime, end: datetime, order: Sequence[str], told: str
) -> Markup:
    """Draw refused signatures over time, stacked by cause; ``order`` names the causes from the bottom up."""
    x = _time(start, end)
    placed = []
    heights: dict[datetime, int] = {}
    for row in sorted(rows, key=lambda row: (row["starts_at"], order.index(row["series"]))):
        low = heights.get(row["starts_at"], 0)
        heights[row["starts_at"]] = low + row["failures"]
        placed.append(
            {
                "t": _stamp(row["starts_at"]),
                "u": _stamp(row["starts_at"] + 0.86 * length),
                "low": low,
                "high": low + row["failures"],
                "series": row["series"],
            }
        )
    stacked = {
        "mark": {"type": "rect"},
        "encoding": {
            "x": _at("t", x),
            "x2": {"field": "u"},
            "y": {"field": "low", "type": "quantitative", "axis": _counts(4)},
            "y2": {"field": "high"},
            "fill": {
                "field": "series",
                "type": "nominal",
                "scale": {
                    "domain": list(order),
                    "range": [f"var(--series-{shade(place, len(order))})" for place in range(len(order))],
                },
                "legend": None,
            },
        },
    }
    return drawing.svg({"data": {"values": placed}, "width": 860, "height": 170, **stacked}, told)


def coverage(rows: Sequence[Row], start: datetime, end: datetime, order: Sequence[str], told: str) -> Markup:
    """Draw the coverage as a strip a table; what could not be seen stands out, what is not there is empty."""
    placed = [
        {"name": row["name"], "t": _stamp(row["starts_at"]), "u": _stamp(row["ends_at"]), "s": row["status"]}
        for row in rows
    ]
    domain = ["complete", "absent", "incomplete"]
    encoding = {
        "y": {
            "field": "name",
            "type": "nominal",
            "sort": list(order),
            "scale": {"paddingInner": 0.45, "domain": list(order)},
            "axis": {
                "title": None,
                "domain": False,
                "ticks": False,
                "labelLimit": 280,
                "labelPadding": 6,
                "minExtent": 7 * max(map(len, order)),
            },
        },
        "x": _at("t", _time(start, end)),
        "x2": {"field": "u"},
        "fill": {
            "field": "s",
            "scale": {"domain": domain, "range": ["var(--seen)", "none", "var(--refused)"]},
            "legend": None,
        },
        "stroke": {
            "field": "s",
            "scale": {"domain": domain, "range": ["var(--seen)", "var(--muted)", "var(--refused)"]},
            "legend": None,
        },
    }
    strip = {"mark": {"type": "rect", "strokeWidth": 1}, "encoding": encoding}
    return drawing.svg({"data": {"values": placed}, "width": 640, "height": {"step": 22}, **strip}, told)


def shade(place: int, many: int) -> int:
    """Return the number of a series' colour: what stands last, in no incident, is grey."""
    return MOST_SERIES if place == many - 1 else place + 1


def _panel(title: str, height: int, layers: list[Any], *, offset: int = 4) -> dict[str, Any]:
    return {
        "title": {"text": title, "offset": offset, "frame": "group"},
        "width": _WIDTH,
        "height": height,
        "layer": layers,
    }


def _bar(across: Mapping[str, Any], field: str, colour: str) -> dict[str, Any]:
    y = {"field": field, "type": "quantitative", "axis": _counts(2)}
    return {
        "transform": [{"filter": f"datum.{field} > 0"}, {"calculate": "0", "as": "zero"}],
        "mark": {"type": "rect", "fill": colour},
        "encoding": {**across, "y": y, "y2": {"field": "zero"}},
    }


def _line(x: Mapping[str, Any], field: str, colour: str, dash: list[int], points: bool) -> dict[str, Any]:
    axis = {"title": None, "tickCount": 2, "format": "~%", "grid": True, "domain": False}
    return {
        "mark": {
            "type": "line",
            "stroke": colour,
            "strokeWidth": 1.5,
            "strokeDash": dash,
            "point": {"shape": "square", "size": 14, "fill": colour, "stroke": None} if points else False,
        },
        "encoding": {"x": _at("m", x), "y": {"field": field, "type": "quantitative", "axis": axis}},
    }


def _rules(marks: Sequence[tuple[datetime, str]], x: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "data": {"values": [{"t": _stamp(at)}]},
            "mark": {
                "type": "rule",
                "stroke": _MARKS[mark],
                "strokeWidth": 1.5,
                "strokeDash": [2, 2] if mark != "onset" else [1, 0],
            },
            "encoding": {"x": _at("t", x)},
        }
        for at, mark in marks
    ]


def _labels(marks: Sequence[tuple[datetime, str]], x: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name the marks above the first panel, each beside its line where no other name stands, else a row higher."""
    start, end = x["scale"]["domain"]
    taken: list[tuple[int, float, float]] = []
    labels = []
    places = [_WIDTH * (_stamp(at) - start) / (end - start) for at, _ in marks]
    for (at, mark), place, following in zip(marks, places, [*places[1:], float(_WIDTH)], strict=True):
        length = _LETTER * len(mark)
        sides = [(place + 3, place + 3 + length, "left"), (place - 3 - length, place - 3, "right")]
        if following - place < length:  # where the next line is close, its name stands on the other side
            sides.reverse()
        spots = [(row, *side) for row in (0, 1, 2) for side in sides if side[0] >= 0 and side[1] <= _WIDTH]
        free = [
            spot for spot in spots if not any(spot[0] == row and spot[1] < b and spot[2] > a for row, a, b in taken)
        ]
        row, left, right, align = (free or spots or [(0, place, place + length, "left")])[0]
        taken.append((row, left, right))
        text = {"type": "text", "text": mark, "align": align, "dx": 3 if align == "left" else -3, "dy": -7 - 12 * row}
        labels.append(
            {
                "data": {"values": [{"t": _stamp(at)}]},
                "mark": {**text, "fontSize": 11, "fill": _MARKS[mark]},
                "encoding": {"x": _at("t", x), "y": {"value": 0}},
            }
        )
    return labels


def _hide_times(panel: dict[str, Any]) -> None:
    for layer in panel["layer"]:
        layer["encoding"]["x"] = {**layer["encoding"]["x"], "axis": None}


def _time(start: datetime, end: datetime) -> dict[str, Any]:
    days = (end - start) / timedelta(days=1)
    form = "%m-%d" if days > 4 else "%m-%d %H:%M"
    axis = {
        "title": None,
        "format": form,
        "tickCount": 7,
        "labelAngle": 0,
        "labelOverlap": "greedy",
        "labelBound": 2,
        "grid": False,
    }
    return {"scale": {"type": "utc", "domain": [_stamp(start), _stamp(end)]}, "axis": axis}


def _at(field: str, x: Mapping[str, Any]) -> dict[str, Any]:
    return {"field": field, "type": "temporal", **x}


def _counts(ticks: int) -> dict[str, Any]:
    return {"title": None, "tickCount": ticks, "format": ",d", "tickMinStep": 1, "domain": False, "grid": True}


def _rate(refused: int, attempts: int) -> float | None:
    return round(refused / attempts, 4) if attempts > 0 else None


def _stamp(at: datetime) -> int:
    """Return a time as Vega counts: milliseconds, UTC."""
    return round((at - _EPOCH) / timedelta(milliseconds=1))


def spelled(rows: Sequence[Row], length: timedelta) -> str:
    """Say in words when most was refused."""
    most = max(rows, key=lambda row: (row["failures"], row["starts_at"]), default=None)
    if most is None or not most["failures"]:
        return "nothing was refused"
    hours = length / timedelta(hours=1)
    stretch = "an hour" if hours == 1 else f"{hours:g} hours"
    return f"at most {most['failures']:,} refused in {stretch}, from {minute(most['starts_at'])} UTC"
