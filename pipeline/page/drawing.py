"""A Vega-Lite specification into an SVG fit to stand in a page, many of them: small, still, told in words.

No browser runs: vl-convert draws. What is drawn is the business of charts; here is only how it becomes a part of a page
that allows no style attribute, has one set of ids, and is light or dark as its reader likes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

from pipeline.page.words import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMESPACE = re.compile(r' xmlns(?::\w+)?="[^"]*"')
_SPECIFICATION = "https://vega.github.io/schema/vega-lite/v5.json"
# What a browser draws the same without: the page's style sheet says the rest.
_UNNEEDED = (
    "class",
    "role",
    "aria-hidden",
    "aria-label",
    "aria-roledescription",
    "pointer-events",
    "font-family",
    "style",
)
_DEFAULTS = {
    "opacity": "1",
    "stroke-width": "1",
    "stroke-dasharray": "1,0",
    "font-weight": "normal",
    "font-size": "11px",
}
_TEXT_DEFAULTS = {"fill": "currentColor", "text-anchor": "start"}
_AT = re.compile(r"translate\((-?[\d.]+),(-?[\d.]+)\)")
_SQUARE = re.compile(r"M(-?[\d.]+),(-?[\d.]+)(h[^MA]+)")
_LONGEST_TOLD = 4000
# What every picture repeats, as classes of the style sheet.
_THICK = ' stroke-width="1.5"'
_DASHED = f'{_THICK} stroke-dasharray="2,2"'
_NUMBER = re.compile(r"-?\d*\.\d{2,}(?:e-?\d+)?")
_CONFIG: dict[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "tickColor": "var(--line)",
        "domainColor": "var(--line)",
        "gridColor": "var(--grid)",
        "labelFontSize": 11,
        "labelPadding": 3,
        "tickSize": 3,
    },
    "title": {"color": "currentColor", "anchor": "start", "fontSize": 11, "fontWeight": "normal", "offset": 4},
    "text": {"fill": "currentColor"},
}


def svg(specification: Mapping[str, Any], told: str) -> Markup:
    """Draw a specification as one ``svg`` element; ``told`` is what it shows, for those who do not see it.

    Colours of the specification are the page's own (``var(--name)``, ``currentColor``).
    """
    import vl_convert

    whole = {"$schema": _SPECIFICATION, "config": _CONFIG, "padding": 2, **specification}
    text = _NAMESPACE.sub("", vl_convert.vegalite_to_svg(whole))
    drawn = ElementTree.fromstring(text)  # noqa: S314 - our own library's output
    width, height = (float(drawn.get(side, "0")) for side in ("width", "height"))
    _strip(drawn)
    inner = "".join(ElementTree.tostring(child, encoding="unicode") for child in drawn)
    inner = inner.replace(" />", "/>").replace(_DASHED, ' class="d"').replace(_THICK, ' class="l"')
    return Markup('<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {:.0f} {:.0f}" width="{:.0f}">').format(
        plain(told, _LONGEST_TOLD), width, height, width
    ) + Markup(inner + "</svg>")  # noqa: S704 - ElementTree escaped it


def bars(told: str, heights: list[float | None], parts: list[float], *, width: int = 96, height: int = 18) -> Markup:
    """Draw a spark: a bar a stretch, its height the number of sign-ins, the dark part of it those refused.

    ``heights`` lie between 0 and 1, ``parts`` are shares of them.
    """
    step = width / max(1, len(heights))
    whole, dark = "", ""
    for place, (tall, part) in enumerate(zip(heights, parts, strict=True)):
        if not tall:
            continue
        pixels = max(1.0, tall * (height - 1))
        whole += f"M{place * step:.0f} {height}v-{pixels:.0f}h{max(1, step - 1):.0f}v{pixels:.0f}z"
        if part:
            refused = max(1.0, part * pixels)
            dark += f"M{place * step:.0f} {height}v-{refused:.0f}h{max(1, step - 1):.0f}v{refused:.0f}z"
    return Markup(
        '<svg class="spark" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">'
        '<path class="o" d="{}"/><path class="r" d="{}"/></svg>'
    ).format(told, width, height, width, height, whole, dark)


def _strip(element: ElementTree.Element) -> None:
    """Take away what nobody sees, round numbers, and draw neighbours that look the same as one."""
    for child in list(element):
        _strip(child)
        if _invisible(child):
            element.remove(child)
    defaults = _DEFAULTS | (_TEXT_DEFAULTS if element.tag == "text" else {})
    for name, value in list(element.attrib.items()):
        if name in _UNNEEDED or defaults.get(name) == value:
            del element.attrib[name]
    if element.tag == "path":
        _settle(element)
    for name in ("d", "transform", "x1", "x2", "y1", "y2", "x", "y"):
        if name in element.attrib:
            element.set(name, _NUMBER.sub(_rounded, element.attrib[name]))
    _join(element)
    for place, child in reversed(list(enumerate(element))):
        if child.tag == "g" and not child.attrib:  # a group that does nothing but hold
            element[place : place + 1] = list(child)
    _join(element)
    element.tail = None


def _invisible(element: ElementTree.Element) -> bool:
    if element.tag == "g":
        return not len(element)
    if element.tag == "rect":
        return element.get("fill") in ("none", "white", None)
    if element.tag == "text":
        return not element.text
    return element.tag == "path" and (
        not element.get("d") or not any(element.get(name, "none") != "none" for name in ("fill", "stroke"))
    )


def _join(element: ElementTree.Element) -> None:
    last: ElementTree.Element | None = None
    for child in list(element):
        if child.tag == "line":  # a path says the same, and joins
            _as_path(child)
        if (
            last is not None
            and child.tag == last.tag == "path"
            and {**child.attrib, "d": ""} == {**last.attrib, "d": ""}
            and "transform" not in child.attrib
        ):
            last.set("d", last.attrib["d"] + child.attrib["d"])
            element.remove(child)
        else:
            last = child


def _settle(path: ElementTree.Element) -> None:
    """Write a square where it stands, so that squares of one line can be drawn as one."""
    moved, square = _AT.fullmatch(path.get("transform", "")), _SQUARE.fullmatch(path.get("d", ""))
    if moved and square:
        path.set("d", f"M{float(square[1]) + float(moved[1]):g},{float(square[2]) + float(moved[2]):g}{square[3]}")
        del path.attrib["transform"]
    if "stroke" not in path.attrib:
        path.attrib.pop("stroke-width", None)


def _as_path(line: ElementTree.Element) -> None:
    x, y = 0.0, 0.0
    if match := _AT.fullmatch(line.attrib.pop("transform", "")):
        x, y = float(match[1]), float(match[2])
    dx, dy = (float(line.attrib.pop(name, "0")) for name in ("x2", "y2"))
    line.tag = "path"
    line.set("d", f"M{x:g} {y:g}l{dx:g} {dy:g}")


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".rstrip("0").rstrip(".")
