"""Text as it may stand in the page: what strangers wrote made harmless, times and numbers written the same everywhere.

Escaping is the template's business; here is what escaping does not see: control characters, and marks that would let a
name reorder the text around it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# Controls (tabs and line breaks are text), halves of characters, and what no document may hold.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Embeddings, overrides and isolates: shown by their number, so that a name reads as what it is (Unicode report 9).
_REORDERS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(value: object, longest: int = 400) -> str:
    """Return a value as one line of text in which nothing is hidden; what is longer is cut, and says so."""
    if value is None:
        return ""
    text = " ".join(str(value).split())
    text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    text = _REORDERS.sub(lambda mark: f"[U+{ord(mark[0]):04X}]", text)
    return text if len(text) <= longest else f"{text[:longest]} … ({len(text):,} characters in all)"


def minute(at: datetime | None) -> str:
    """Return a time to the minute; all times of the page are UTC."""
    return f"{at:%Y-%m-%d %H:%M}" if at else ""


def stamp(at: datetime | None) -> str:
    """Return a time as the CSV files write it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else ""


def percent(rate: float | None) -> str:
    """Return a rate in a hundred; small ones keep two figures, and what is not nothing is never 0%."""
    if rate is None:
        return "–"  # noqa: RUF001 - a dash for what there is not
    if 0 < rate < 0.0001:
        return "< 0.01%"
    digits = 0 if rate in (0, 1) else 1 if rate >= 0.1 else 2
    return f"{rate:.{digits}%}"


def many(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def lasted(hours: float | None) -> str:
    """Return a span of hours in the unit that reads best."""
    if hours is None:
        return ""
    if hours < 3:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.1f} days"
