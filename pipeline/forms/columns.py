"""What other systems call the columns of Log Analytics: every name of a column, for all the forms.

Names only: no record is read here. A name is compared without regard to case.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipeline import landed
from pipeline.pages import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMES = ("CreatedDateTime", "ActivityDateTime", "TimeGenerated")

# Beside what lands: what tells a record's table.
TELLING = ("Type", "StreamCategory", "SignInEventTypes")

# The diagnostic categories of Entra, by the table that Log Analytics keeps each in.
_CATEGORIES = {
    "SignInLogs": "SigninLogs",
    "NonInteractiveUserSignInLogs": "AADNonInteractiveUserSignInLogs",
    "ServicePrincipalSignInLogs": "AADServicePrincipalSignInLogs",
    "ManagedIdentitySignInLogs": "AADManagedIdentitySignInLogs",
    "ADFSSignInLogs": "ADFSSignInLogs",
}
# What the Entra portal calls its downloads, by the table that their records belong to.
_DOWNLOADS = {
    "InteractiveSignIns": "SigninLogs",
    "NonInteractiveSignIns": "AADNonInteractiveUserSignInLogs",
    "ApplicationSignIns": "AADServicePrincipalSignInLogs",
    "MSISignIns": "AADManagedIdentitySignInLogs",
}
# What Microsoft Graph calls a kind of sign-in.
EVENT_TYPES = {
    "nonInteractiveUser": "AADNonInteractiveUserSignInLogs",
    "servicePrincipal": "AADServicePrincipalSignInLogs",
    "managedIdentity": "AADManagedIdentitySignInLogs",
    "interactiveUser": "SigninLogs",
}
TABLE_OF = {name.casefold(): table for name, table in ({table: table for table in TABLES} | _CATEGORIES).items()}
NAMED_TABLE = TABLE_OF | {name.casefold(): table for name, table in _DOWNLOADS.items()}


@cache
def official() -> dict[str, str]:
    """Return the names of all columns that land, and of those that tell a table, by their lower case."""
    named = {name for columns in landed.columns().values() for name in columns if name != "WorkspaceId"}
    return {name.lower(): name for name in sorted([*named, *TELLING])}


def adopted(names: Sequence[str]) -> dict[str, str]:
    """Return which of a table's columns are ours, and their names; of two that are one the first counts."""
    wanted = official() | {"ingestion_time": "IngestedAt"}
    found: dict[str, str] = {}
    for name in names:
        column = wanted.get(name.strip().lower())
        if column and column not in found.values():
            found[name] = column
    return found
