"""The headers of the portals' CSV, and cells that say in words what a table keeps as JSON.

Headers of the Entra portal are compared without signs and spaces, because theirs vary between downloads; they are those
of the English portal. Nothing is read from a file here.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import orjson

from pipeline.forms.columns import official
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

_UTC = re.compile(r"\s*\[UTC\]$")  # Log Analytics says it of each time
# Columns of a sign-in whose header is not their name, and of an audit record.
_SIGN_IN = {
    "CreatedDateTime": "dateutc",
    "Id": "requestid",
    "UserDisplayName": "user",
    "UserPrincipalName": "username",
    "AppDisplayName": "application",
    "AppId": "applicationid",
    "ResourceDisplayName": "resource",
    "ResourceIdentity": "resourceid",
    "ResultType": "signinerrorcode",
    "ResultDescription": "failurereason",
    "ClientAppUsed": "clientapp",
    "ConditionalAccessStatus": "conditionalaccess",
    "IsThroughGlobalSecureAccess": "throughglobalsecureaccess",
    "ServicePrincipalCredentialKeyId": "credentialkeyid",
    "ServicePrincipalCredentialThumbprint": "credentialthumbprint",
}
_AUDIT = {
    "ActivityDateTime": "dateutc",
    "LoggedByService": "service",
    "ActivityDisplayName": "activity",
    "OperationName": "activity",
}
_DEVICE = {"deviceId": "deviceid", "browser": "browser", "operatingSystem": "operatingsystem", "trustType": "jointype"}
_DEVICE_STATES = {"isCompliant": "compliant", "isManaged": "managed"}
_MFA = {
    "authMethod": "multifactorauthenticationauthmethod",
    "authDetail": "multifactorauthenticationauthdetail",
}
_POLICY_STATES = {"success": "success", "failure": "failure", "not applied": "notApplied"}
_ACTOR = {
    "user": {
        "id": "actorobjectid",
        "displayName": "actordisplayname",
        "userPrincipalName": "actoruserprincipalname",
        "ipAddress": "ipaddress",
    },
    "app": {"displayName": "actorserviceprincipalname", "servicePrincipalId": "actorserviceprincipalid"},
}
_TARGET = {
    "id": "objectid",
    "displayName": "displayname",
    "type": "type",
    "userPrincipalName": "userprincipalname",
}
_PROPERTY = {"displayName": "name", "oldValue": "oldvalue", "newValue": "newvalue"}
_DETAIL = {"key": "key", "value": "value"}


def bare(name: str) -> str:
    """Return a header in lower case without signs and spaces."""
    return re.sub("[^a-z0-9_]", "", name.lower())


def is_sign_ins(names: Sequence[str]) -> bool:
    """Tell whether these are the headers of the Entra portal's sign-ins."""
    return {"dateutc", "requestid", "signinerrorcode"} <= {bare(name) for name in names}


def is_audit(names: Sequence[str]) -> bool:
    """Tell whether these are the headers of the Entra portal's audit records."""
    return {"dateutc", "activity", "correlationid"} <= {bare(name) for name in names}


def columns(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns that headers stand for, each with the places of its cells: the first that is filled counts."""
    wanted = official() | {"ingestion_time": "IngestedAt"}
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        if column := wanted.get(_UTC.sub("", name.strip()).lower()):
            found.setdefault(column, []).append(place)
    return found


def read(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return rows whose cells are called c0, c1 and so on under the names of Log Analytics."""
    import polars as pl

    if is_sign_ins(names):
        return _sign_ins(frame, [bare(name) for name in names])
    if is_audit(names):
        return _audit(frame, [bare(name) for name in names])
    cells = {name: [pl.col(f"c{place}") for place in places] for name, places in columns(names).items()}
    return frame.select(PLACE, **{name: pl.coalesce(found) for name, found in cells.items()})


def _cell(headers: Sequence[str], header: str) -> pl.Expr | None:
    import polars as pl

    found = [pl.col(f"c{place}") for place, each in enumerate(headers) if each == header]
    filled = [pl.when(cell.str.strip_chars() != "").then(cell.str.strip_chars()) for cell in found]
    return pl.coalesce(filled) if found else None


def _sign_ins(frame: pl.DataFrame, headers: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    called = {name: name.lower() for name in official().values()} | _SIGN_IN
    plain = {name: cell for name, header in called.items() if (cell := _cell(headers, header)) is not None}
    plain.pop("Status", None)
    place = plain.pop("Location", None)
    ok = (_cell(headers, "status") if "status" in headers else pl.lit("")).str.to_lowercase() == "success"  # type: ignore[union-attr]
    code = plain["ResultType"]
    plain["ResultType"] = pl.when(ok & code.is_null()).then(pl.lit("0")).otherwise(code)
    if (state := plain.get("ConditionalAccessStatus")) is not None:
        plain["ConditionalAccessStatus"] = state.str.to_lowercase().replace_strict(_POLICY_STATES, default=state)
    texts = {key: cell for key, header in _DEVICE.items() if (cell := _cell(headers, header)) is not None}
    states = {
        key: cell.str.to_lowercase().replace_strict(
            {"yes": True, "true": True, "no": False, "false": False}, default=None, return_dtype=pl.Boolean
        )
        for key, header in _DEVICE_STATES.items()
        if (cell := _cell(headers, header)) is not None
    }
    if texts or states:
        plain["DeviceDetail"] = _object(texts | states)
    mfa = {key: cell for key, header in _MFA.items() if (cell := _cell(headers, header)) is not None}
    if mfa:
        plain["MfaDetail"] = _object(mfa)
    if place is not None:
        parts = place.str.extract_groups(r"^(?:(?:(?<city>.*),)?\s*(?<state>[^,]*),)?\s*(?<country>[^,]*)$")
        country = parts.struct.field("country").str.strip_chars()
        plain["Location"] = country
        plain["LocationDetails"] = _object(
            {
                "city": pl.coalesce(parts.struct.field("city").str.strip_chars(" ,"), parts.struct.field("state")),
                "state": parts.struct.field("state").str.strip_chars(),
                "countryOrRegion": country,
            }
        )
    told = {"errorCode": code.cast(pl.Int64, strict=False), "failureReason": plain.get("ResultDescription")}
    told["additionalDetails"] = _cell(headers, "multifactorauthenticationresult")
    plain["Status"] = _object({key: cell for key, cell in told.items() if cell is not None})
    return frame.select(PLACE, **plain)


def _object(cells: dict[str, pl.Expr]) -> pl.Expr:
    import polars as pl

    return pl.struct([cell.alias(key) for key, cell in cells.items()]).struct.json_encode()


def _audit(frame: pl.DataFrame, headers: Sequence[str]) -> pl.DataFrame:
    """Return audit records; one without an Id gets one of all that it says, so that it is known again."""
    import polars as pl

    called = {name: name.lower() for name in official().values()} | _AUDIT
    plain = {name: cell for name, header in called.items() if (cell := _cell(headers, header)) is not None}
    plain.pop("IPAddress", None)
    plain["Type"] = pl.lit("AuditLogs")
    rows = [dict(zip(headers, row, strict=True)) for row in frame.drop(PLACE).iter_rows()]
    made: dict[str, list[str | None]] = {
        "Id": [hashlib.sha256(orjson.dumps(list(row.items()))).hexdigest() for row in rows],
        "InitiatedBy": [_text(_filled(row, _ACTOR)) for row in rows],
        "TargetResources": [_text(_targets(row)) for row in rows],
        "AdditionalDetails": [_text(_numbered(row, "additionaldetail", _DETAIL)) for row in rows],
    }
    series = [pl.Series(name, cells, dtype=pl.String) for name, cells in made.items() if name not in plain]
    return frame.select(PLACE, **plain).with_columns(series)


def _filled(row: dict[str, str | None], keys: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    found = {
        kind: {key: value for key, header in inner.items() if (value := row.get(header))}
        for kind, inner in keys.items()
    }
    return {kind: values for kind, values in found.items() if values.keys() - {"ipAddress"}}


def _targets(row: dict[str, str | None]) -> list[dict[str, object]]:
    targets: list[dict[str, object]] = list(_numbered(row, "target", _TARGET))
    for number, target in enumerate(targets, 1):
        target["modifiedProperties"] = _numbered(row, f"target{number}modifiedproperty", _PROPERTY)
    return targets


def _numbered(row: dict[str, str | None], prefix: str, keys: dict[str, str]) -> list[dict[str, object]]:
    """Return the objects whose cells are numbered, as long as any cell of the next is filled."""
    found: list[dict[str, object]] = []
    while any(row.get(f"{prefix}{len(found) + 1}{header}") for header in keys.values()):
        found.append({key: row.get(f"{prefix}{len(found) + 1}{header}") or None for key, header in keys.items()})
    return found


def _text(value: object) -> str | None:
    return orjson.dumps(value).decode() if value else None
