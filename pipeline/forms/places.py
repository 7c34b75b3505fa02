"""Where the values of a record may stand, whoever wrote it: the names of each column, and how a file spells them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.forms.columns import official

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WITHIN = "/properties/"
CARRIERS = ("records", "value")  # lists that Event Hubs and Microsoft Graph send as one object


@dataclass(frozen=True)
class Place:
    """Where a value may stand: a key in lower case, of the record or of its `properties`; ``{0}`` is the value."""

    key: str
    inner: bool = False
    where: str = ""
    value: str = "{0}"
    begins: str = ""  # the letter that its first must be, where that tells two systems apart

    def expression(self, value: str) -> str:
        """Return what of a value that stands here is the column's."""
        where = [*(["diagnostic"] if self.inner else []), *([self.where.format(value)] if self.where else [])]
        return f"CASE WHEN {' AND '.join(where)} THEN {self.value.format(value)} END" if where else value


_IS_OBJECT, _IS_TEXT = "starts_with({0}, '{{')", "NOT starts_with({0}, '{{')"
_COUNTRY = "json_extract_string({0}, '$.countryOrRegion')"
# Columns whose value stands elsewhere than under their own name, first of the record and then of its properties. The
# first place that has one counts. A row's TenantId is the workspace, anybody else's tenantId the directory.
_PLACES = {
    "AADTenantId": (
        Place("aadtenantid"),
        Place("tenantid", inner=True),
        Place("tenantid", where="diagnostic"),
        Place("tenantid", begins="t"),
    ),
    "AADOperationType": (
        Place("aadoperationtype"),
        Place("operationtype", inner=True),
        Place("operationtype"),
    ),
    "Category": (Place("category", inner=True), Place("category")),
    "ConditionalAccessPolicies": (
        Place("conditionalaccesspolicies"),
        Place("conditionalaccesspolicies", inner=True),
        Place("appliedconditionalaccesspolicies", inner=True),
        Place("appliedconditionalaccesspolicies"),
    ),
    "IPAddress": (Place("ipaddress", inner=True), Place("ipaddress"), Place("calleripaddress")),
    "IngestedAt": (Place("ingestedat"), Place("ingestion_time")),
    "Location": (
        Place("location", where=_IS_TEXT),
        Place("location", where=_IS_OBJECT, value=_COUNTRY),
        Place("location", inner=True, where=_IS_OBJECT, value=_COUNTRY),
    ),
    "LocationDetails": (
        Place("locationdetails"),
        Place("location", inner=True, where=_IS_OBJECT),
        Place("location", where=_IS_OBJECT),
    ),
    "OperationName": (
        Place("operationname"),
        Place("activitydisplayname", inner=True),
        Place("activitydisplayname"),
    ),
    "Properties": (Place("properties"),),
    "ResourceIdentity": (
        Place("resourceidentity"),
        Place("resourceid", inner=True),
        Place("resourceid", where="NOT starts_with({0}, '/')"),
    ),
    "StreamCategory": (Place("category", where="diagnostic"),),
    "TenantId": (Place("tenantid", where="NOT diagnostic", begins="T"),),
    "TimeGenerated": (Place("timegenerated"), Place("time", where="diagnostic")),
}


@dataclass
class Keys:
    """The keys of a file's records, in lower case with how they are spelled: expected ones, and those that were met."""

    spelled: dict[tuple[str, bool], list[str]] = field(default_factory=dict)
    met: set[tuple[str, bool]] = field(default_factory=set)

    def add(self, keys: Iterable[tuple[str, bool]]) -> None:
        """Take in keys of records, and (true) of their properties."""
        for key, inner in keys:
            held = self.spelled.setdefault((key.lower(), inner), [])
            if key not in held:
                held.append(key)

    def expect(self) -> None:
        """Expect every column as it is spelled by whom the keys so far are known to be of."""
        for sign, inner, spelling in _SPELLINGS:
            if sign in self.spelled.get((sign.lower(), inner), ()):
                unmet = (name for name in official().values() if (name.lower(), inner) not in self.spelled)
                self.add([(spelling(name), inner) for name in unmet])


def _camel(name: str) -> str:
    return "ipAddress" if name == "IPAddress" else name[0].lower() + name[1:]


# A key that tells who wrote a record, and how they spell the columns.
_SPELLINGS: tuple[tuple[str, bool, Callable[[str], str]], ...] = (
    ("TimeGenerated", False, str),
    ("createdDateTime", False, _camel),
    ("activityDateTime", False, _camel),
    ("createdDateTime", True, _camel),
    ("activityDateTime", True, _camel),
)


def places(name: str) -> Sequence[Place]:
    """Return where the values of a column may stand."""
    return _PLACES.get(name, (Place(name.lower()), Place(name.lower(), inner=True)))


def columns_at(
    spelled: dict[tuple[str, bool], list[str]], values: list[str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return the paths to all that is wanted of the records, and of what found there each column is made.

    ``values`` are the expressions for what is found; without them it is a list v.
    """
    # Only Intune's table has its properties as they are.
    as_they_are = ("auditeventid", True) in spelled or ("timegenerated", False) in spelled
    numbers: dict[str, int] = {}
    columns: dict[str, str] = {}
    for name in official().values():
        found = []
        for place in places(name):
            if name == "Properties" and not as_they_are:
                continue
            for key in spelled.get((place.key, place.inner), ()):
                if key.startswith(place.begins):
                    path = f"{WITHIN}{key}" if place.inner else f"/{key}"
                    at = numbers.setdefault(path, len(numbers))
                    found.append(place.expression(values[at] if values else f"v[{at + 1}]"))
        if found:
            columns[name] = f"coalesce({', '.join(found)})"
    return list(numbers), columns
