"""Names within text that may hold anything: found by their looks, or because they are known from elsewhere.

Only text enters here; which text of a record may mention somebody is not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.pseudonyms import Pseudonyms

_USER_NAME = re.compile(r"(?<!\w)\w[\w.+'#-]*@[\w-]+(?:\.[\w-]+)+")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{0,4}|[0-9.]+))"
    r"(?![\w:]|\.[0-9])"
)
_SHORTEST = 4  # letters of a name that is looked for
_OURS = ("user", "person", "device", "address")  # words that pseudonyms begin with
_SIGN = re.compile(r"[\d\W_]")


@dataclass(frozen=True)
class Search:
    """What text is searched for: the pseudonyms that replace, and clear names in lower case with theirs."""

    names: Pseudonyms
    known: Mapping[str, str]


def searched(text: str, search: Search, plain: bool) -> str:
    """Return text with pseudonyms for whom it mentions; in ``plain`` text a version is no address, a word no name."""

    def address(found: re.Match[str]) -> str:
        try:
            ip_address(found[0])
        except ValueError:
            return found[0]
        return search.names.address(found[0])

    text = _USER_NAME.sub(lambda found: search.names.user(found[0]), text)
    return replaced(text if plain else _ADDRESS.sub(address, text), telling(search.known) if plain else search.known)


def replaced(text: str, known: Mapping[str, str]) -> str:
    """Return text with pseudonyms in the place of the known names that it mentions, the longest first."""
    if not known:
        return text
    any_name = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    return re.sub(rf"(?i)(?<!\w)(?:{any_name})(?!\w)", lambda found: known.get(found[0].lower(), found[0]), text)


def telling(known: Mapping[str, str]) -> dict[str, str]:
    """Return those of the names that are no ordinary words: they may be replaced wherever they are mentioned."""
    return {name: made for name, made in known.items() if len(name) > _SHORTEST and _SIGN.search(name)}


def mentioned(texts: Iterable[str], known: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return for each text that mentions known names, as far as letters tell, which these are."""
    import polars as pl

    looked_for = [name for name in known if len(name) >= _SHORTEST and name not in _OURS]
    unique = list(dict.fromkeys(texts))
    if not looked_for or not unique:
        return {}
    # One automaton for all names and texts at once: it takes longer to build than to run.
    lowered = pl.Series(unique, dtype=pl.String).str.to_lowercase()
    found = lowered.str.extract_many(looked_for, overlapping=True)
    return {
        text: {name: known[name] for name in names} for text, names in zip(unique, found, strict=True) if len(names)
    }
