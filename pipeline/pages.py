"""The one shape in which records travel to landing, wherever they come from.

A page holds records of one Log Analytics table under its official column names. Cells are text as the source wrote
them (or typed, where the source is typed); landing alone decides what they become. No parsing and no I/O enter here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

SIGN_IN_TABLES = (
    "SigninLogs",
    "AADNonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs",
    "ADFSSignInLogs",
)
ENTRA_TABLES = (*SIGN_IN_TABLES, "AuditLogs")
TABLES = (*ENTRA_TABLES, "IntuneAuditLogs")
_HAPPENED = {"AuditLogs": "coalesce(ActivityDateTime, TimeGenerated)", "IntuneAuditLogs": "TimeGenerated"}

PLACE = "place in file"  # a column of the pages of a file: line, or number of the record; no official column's name


@dataclass(frozen=True)
class Page:
    """Records of one table.

    ``frame`` has one row a record and any subset of the table's official columns; dynamic columns hold JSON text. Pages
    of a file say in PLACE where each record stood.
    """

    table: str
    frame: pl.DataFrame


def event_time(table: str) -> str:
    """Return when a record of the table happened, as an expression over its columns that is SQL and KQL at once.

    What Intune writes as the time of an audit record is when it happened, and lands as TimeGenerated.
    """
    return _HAPPENED.get(table, "coalesce(CreatedDateTime, TimeGenerated)")


@dataclass(frozen=True)
class Reject:
    """A record that could not become a row: where it stood, and why."""

    file: str
    line: int
    reason: str
