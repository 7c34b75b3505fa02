"""Where names stand in a record, and their replacement by pseudonyms before anything lands.

A column or a key says by its name what it holds; text that may hold anything is searched for what looks like a user
name or an address, and for the names that were met elsewhere. Names of applications, policies and groups are
configuration, and stay. How a pseudonym is made is not known here.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline import current
from pipeline.mentions import Search, mentioned, replaced, searched, telling
from pipeline.pseudonyms import adopt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import duckdb
    import polars as pl

    from pipeline.pages import Page
    from pipeline.pseudonyms import Pseudonyms

# What a column holds: a user name, a display name, an address.
_COLUMNS = {
    "UserPrincipalName": "user",
    "AlternateSignInName": "user",
    "SignInIdentifier": "user",
    "UserDisplayName": "person",
    "Identity": "person",
    "IPAddress": "address",
    "GlobalSecureAccessIpAddress": "address",
    "IPAddressFromResourceProvider": "address",
}
_TOLD_IN = ("AuditLogs", "IntuneAuditLogs")
_TOLD = ("InitiatedBy", "TargetResources", "AdditionalDetails", "Properties")  # who did what to whom, as JSON
# Text that may mention anybody, and whether an address may stand in it: a version looks like one.
_TEXTS = {
    "ResultDescription": True,
    "ResultReason": True,
    "Status": True,
    "UserAgent": False,
    "AuthenticationDetails": False,
    "AuthenticationProcessingDetails": False,
    "MfaDetail": False,
}

_LITERAL = re.compile(r"(?i)true|false|-?[0-9]+([.][0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|\+00:00)?")
# What a key holds, by the end of its name in lower case without other signs than letters.
_KEYS = (
    ("address", re.compile(r"(ipaddress(es)?|clientip|callerip)$")),
    ("device", re.compile(r"(device(display)?name|hostname|computername)$")),
    ("user", re.compile(r"(upns?|principalnames?|mails?|(mail|proxy)address(es)?|(signin|nick|account)names?)$")),
    ("person", re.compile(r"(userdisplayname|givenname|surname|phonenumber|mobile|telephonenumber)$")),
)  # fmt: skip
_NAME = re.compile(r"(target)?(display)?names?")
# What was changed about a person or a device is taken for a name unless it is called like one of these.
_PLAIN = re.compile(
    r"os(type|version)?$|version|trust|type|enabled|managed|compliant|included|ids?$|key|method|requirement|licen|plan"
    r"|role|group|stat(e|us)|policy|app|date|time|capabilit|source|country|location|agent|operation|result|category"
)
# How a property is told: its name under one key, its values under others.
_PROPERTIES = (("displayName", ("oldValue", "newValue")), ("Name", ("Old", "New")), ("key", ("value",)))
_ABOUT = {"user": "person", "actor": "person", "device": "device"}
# Text that must be looked at; where no address stands, a user name is what else may be found.
_SUSPECT = {
    True: re.compile(r"@|\\u|\d\.\d+\.\d+\.\d|[0-9a-fA-F]:[0-9a-fA-F:]*:"),
    False: re.compile(r"@|\\u"),
}
_OF_DEVICES = "(?i)manageddevice|cloudpc|autopilotdevice"  # Intune's operations whose targets are devices


@dataclass(frozen=True)
class _Passages:
    """The distinct texts of a column that may mention somebody, with pseudonyms for whom they name by key."""

    column: str
    where: pl.Expr | None
    about: str | None
    key: str
    made: dict[str, str]


def disguised(page: Page, names: Pseudonyms) -> Page:
    """Return a page with pseudonyms in the place of the names of people and devices, and of addresses."""
    frame = page.frame
    names.met.clear()
    for column, kind in _COLUMNS.items():
        frame = _put(frame, column, {text: getattr(names, kind)(text) for text in _distinct(frame, column)})
    frame = _put(frame, "DeviceDetail", {text: _detailed(text, names) for text in _distinct(frame, "DeviceDetail")})
    passages = [*_told_passages(frame, names), *_text_passages(frame, names)]
    # Only now is known whom the whole page names: text that mentions one of them gets another look.
    mentions = mentioned((made for each in passages for made in each.made.values()), names.met)
    for each in passages:
        again = {}
        for text, made in each.made.items():
            if known := mentions.get(made):
                search = Search(names, telling(known) if each.column in _TEXTS else known)
                again[text] = _told_text(text, each.key, each.about, search)
        frame = _put(frame, each.column, each.made | again, each.where)
    return replace(page, frame=frame)


def _told_passages(frame: pl.DataFrame, names: Pseudonyms) -> Iterator[_Passages]:
    import polars as pl

    of_devices = pl.lit(False)
    if "OperationName" in frame.columns:
        of_devices = pl.col("OperationName").cast(pl.String).str.contains(_OF_DEVICES).fill_null(False)
    for column in _TOLD:
        for where, about in ((of_devices, "device"), (~of_devices, None)):
            made = {text: _told_text(text, "", about, Search(names, {})) for text in _distinct(frame, column, where)}
            yield _Passages(column, where, about, "", made)


def _text_passages(frame: pl.DataFrame, names: Pseudonyms) -> Iterator[_Passages]:
    for column, addresses in _TEXTS.items():
        key = "" if addresses else "agent"
        made = {
            text: _told_text(text, key, None, Search(names, {})) if _SUSPECT[addresses].search(text) else text
            for text in _distinct(frame, column)
        }
        yield _Passages(column, None, None, key, made)


@contextmanager
def disguising(con: duckdb.DuckDBPyConnection, names: Pseudonyms | None) -> Iterator[Callable[[Page], Page]]:
    """Give what makes of a page the one that may land: the page itself, or one with pseudonyms."""
    if names is None:
        yield lambda page: page
        return
    adopt(con, names)
    yield lambda page: disguised(page, names)
    mentioned_since(con, names)


def mentioned_since(con: duckdb.DuckDBPyConnection, names: Pseudonyms) -> None:
    """Replace what landed audit records mention of names that were met only later; opens a transaction."""
    con.execute("BEGIN")
    for table in _TOLD_IN:
        columns = con.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND column_name IN ?",
            [table, [*_TOLD, *_TEXTS]],
        ).fetchall()
        for column, kind in columns:
            text = column if kind == "VARCHAR" else f"CAST(to_json({column}) AS VARCHAR)"
            rows = con.execute(f"SELECT DISTINCT {text} FROM {table} WHERE {column} IS NOT NULL").fetchall()
            typed = "$1" if kind == "VARCHAR" else f"CAST(CAST($1 AS JSON) AS {kind})"
            for old, known in mentioned((old for (old,) in rows), telling(names.known)).items():
                new = _everywhere(old, known)
                if new != old:
                    current.outdate(con)
                    con.execute(f"UPDATE {table} SET {column} = {typed} WHERE {text} = $2", [new, old])
    con.execute("COMMIT")


def _everywhere(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_everywhere(each, known) for each in value]
    if isinstance(value, dict):
        return {key: _everywhere(each, known) for key, each in value.items()}
    if not isinstance(value, str) or not value:
        return value
    inner = _parsed(value) if value[0] in '[{"' else None
    return replaced(value, known) if inner is None else _written(_everywhere(inner, known))


def _distinct(frame: pl.DataFrame, column: str, where: pl.Expr | None = None) -> list[str]:
    import polars as pl

    if column not in frame.columns:
        return []
    rows = frame if where is None else frame.filter(where)
    return rows.get_column(column).cast(pl.String).drop_nulls().unique().sort().to_list()


def _put(frame: pl.DataFrame, column: str, made: Mapping[str, str], where: pl.Expr | None = None) -> pl.DataFrame:
    import polars as pl

    changed = {old: new for old, new in made.items() if old != new}
    if not changed:
        return frame
    text = pl.col(column).cast(pl.String)
    new = text.replace(list(changed), list(changed.values()))
    return frame.with_columns((new if where is None else pl.when(where).then(new).otherwise(text)).alias(column))


def _detailed(text: str, names: Pseudonyms) -> str:
    """Return a DeviceDetail with a pseudonym for the device's name; its versions are not to be taken for addresses."""
    detail = _parsed(text)
    if not isinstance(detail, dict):
        return text
    named = {key: names.device(value) for key, value in detail.items() if key.lower() == "displayname" and value}
    return _written(detail | named)


def _told_text(text: str, key: str, about: str | None, search: Search) -> str:
    try:
        told: str = _told(text, key, about, search)
    except RecursionError:  # nested deeper than any log: nobody can say what is in it
        return ""
    return told


def _told(value: Any, key: str, about: str | None, search: Search, whole: bool = False) -> Any:
    """Return a value with pseudonyms in it.

    ``key`` says what it is, ``about`` whether it tells of a person or a device, and ``whole`` that it is a value of
    theirs, which is taken for a name unless its key says something else.
    """
    if isinstance(value, list):
        return [_told(each, key, about, search, whole) for each in value]
    if isinstance(value, dict):
        return _told_of(value, about, search)
    if not isinstance(value, str) or not value or _LITERAL.fullmatch(value):
        return value
    inner = _parsed(value) if value[0] in '[{"' else None
    if inner is not None:
        told = _told(inner, key, about, search, whole)
        # What is escaped is written out, so that a search for a name finds it.
        return value if told == inner and "\\u" not in value else _written(told)
    word = re.sub("[^a-z]", "", key.lower())
    kind = next((kind for kind, ending in _KEYS if ending.search(word)), about if _NAME.fullmatch(word) else None)
    plain = _PLAIN.search(word)
    if whole and not plain:
        kind = kind or about
    if kind:
        made: str = getattr(search.names, kind)(value)
        return made
    return searched(value, search, plain=bool(plain))


def _told_of(value: dict[str, Any], about: str | None, search: Search) -> dict[str, Any]:
    """Return an object with pseudonyms in it: a property with its values, or whatever else has keys."""
    for label, values in _PROPERTIES:
        if isinstance(value.get(label), str) and any(key in value for key in values):
            told = {
                key: _told(value[key], value[label], about, search, about is not None) for key in values if key in value
            }
            return value | told
    kind = value.get("type")
    if isinstance(kind, str) and kind:
        about = _ABOUT.get(kind.lower())
    return {key: _told(each, key, _ABOUT.get(key.lower(), about), search) for key, each in value.items()}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
