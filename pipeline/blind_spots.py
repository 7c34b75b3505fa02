"""What the logs could not show of an incident, in sentences: where to doubt what is said of it.

It words what was counted elsewhere. Nothing is counted or judged here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_YOUNG = timedelta(days=2)
_SHORT_HISTORY_HOURS = 24
# True of every incident, whatever was pulled.
_ALWAYS = (
    "The token itself is in no log: neither its header, its certificate nor its signature; which of them was wrong can "
    "only be inferred.",
)


def not_seen(
    incident: Mapping[str, Any], limits: Mapping[str, Any], unseen: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the sentences; ``limits`` and ``unseen`` are the rows of the statements of these names."""
    failures = limits["failures"]
    said = [_hole(row) for row in unseen]
    if not limits["asked"]:
        said.append("The records were imported: nothing says whether their hours are whole.")
    if not limits["audit_records"]:
        said.append(
            "No audit record of the week before the onset is here, so a change could not be found: that none is named "
            "does not mean that there was none."
        )
    if limits["unknown"]:
        said.append(f"{limits['unknown']:,} of {failures:,} failures name no device, and none could be inferred.")
    if limits["inferred"]:
        said.append(
            f"{limits['inferred']:,} of {failures:,} failures name no device; it was inferred from what their users "
            "sign in with when they succeed."
        )
    hours = limits["hours_before"] or 0
    if hours < _SHORT_HISTORY_HOURS:
        before = "no sign-in" if not hours else f"only {hours:.0f} hours of sign-ins"
        said.append(f"Of its scope {before} before the onset is on record: there is little to compare with.")
    if limits["without_policies"]:
        said.append(
            f"{limits['without_policies']:,} of {failures:,} failures list no conditional access policy, so whom a "
            "policy touched could not be told there."
        )
    if limits["until"] - incident["first_seen_at"] < _YOUNG:
        said.append("Less than two days have passed since the onset: what is said here may still move.")
    return (*said, *_ALWAYS)


def _hole(row: Mapping[str, Any]) -> str:
    if row["status"] == "absent":
        return f"The workspace has no {row['source_table']}."
    return (
        f"{row['source_table']} could not be seen in {row['unseen_hours']} hours between "
        f"{row['first_hour']:%Y-%m-%d %H:%M} and {row['last_hour']:%Y-%m-%d %H:%M}: {row['note']}."
    )
