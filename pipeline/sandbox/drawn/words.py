"""Invented words for whatever has a name: people, places, products, companies. No real one among them but by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

_STARTS = (
    "b",
    "br",
    "c",
    "d",
    "dr",
    "f",
    "g",
    "gl",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "v",
    "w",
    "z",
)
_HEARTS = ("a", "e", "i", "o", "u", "ai", "ea", "oo")
_ENDS = ("", "", "n", "r", "l", "s", "m", "nd", "rk", "st")
_THINGS = (
    *("Ledger", "Depot", "Survey", "Voucher", "Portal", "Desk", "Timesheet", "Catalogue", "Invoice", "Fleet", "Ward"),
    *("Lab", "Booking", "Archive", "Claims", "Meter", "Planner", "Signage", "Stock", "Payroll", "Wiki", "Tickets"),
    *("Mail", "Chat", "Drive", "Notes", "Calendar", "Sync", "Whiteboard", "Forms", "Boards", "Video", "Search"),
)


def word(rng: Random, syllables: int = 2) -> str:
    """Draw a word, capitalised."""
    drawn = (rng.choice(_STARTS) + rng.choice(_HEARTS) + rng.choice(_ENDS) for _ in range(syllables))
    return "".join(drawn).capitalize()


def product(rng: Random) -> str:
    """Draw the name of an application."""
    thing = rng.choice(_THINGS)
    return rng.choice([f"{word(rng)} {thing}", f"{thing} {rng.randrange(2, 12)}", f"{word(rng)}{thing}", word(rng, 3)])


def build(rng: Random, major: int, minors: int, parts: int = 3) -> str:
    """Draw a build's number with so many parts."""
    return ".".join(
        str(part) for part in (major, rng.randrange(minors), *(rng.randrange(12) for _ in range(parts - 2)))
    )
