"""Changes of applications, policies and domains in the several forms in which directories write them.

One edit may be one record or several, under one correlation id or many; ids of applications stand in the details, or
among the properties. Why anybody edits anything is the business of others.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.sandbox import audit, changes
from pipeline.sandbox.drawn import words
from pipeline.sandbox.population import guid

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.population import App, Policy

_APPLICATIONS = "ApplicationManagement"
_KEYS = ("AsymmetricX509Cert", "Password")


def rotate_key(rng: Random, at: datetime, app: App, by: dict[str, Any]) -> list[Change]:
    """Replace, add or remove a key of an application or of its service principal."""
    kind = rng.choice(_KEYS)
    old, new = (
        f"[KeyIdentifier={guid(rng)},KeyType={kind},KeyUsage=Verify,DisplayName={words.word(rng)}]" for _ in range(2)
    )
    values = rng.choice([([old], [new]), ([], [new]), ([old], [old, new]), ([old, new], [old])])
    operation = rng.choice([changes.CREDENTIALS, changes.CREDENTIALS.replace("\u2013", "-").strip(), "", ""])
    if not operation:
        operation = (
            "Add service principal credentials"
            if len(values[1]) >= len(values[0])
            else "Remove service principal credentials"
        )
    return _with_company(rng, at, app, by, operation, {"KeyDescription": values})


def configure(rng: Random, at: datetime, app: App, by: dict[str, Any]) -> list[Change]:
    """Change what an application answers to, asks for or is allowed to do."""
    name, old, new = rng.choice(
        [
            (
                "AppAddress",
                [{"Address": "https://old.example/auth"}],
                [{"Address": f"https://{words.word(rng)}.example/auth"}],
            ),
            ("RequiredResourceAccess", [], [{"ResourceAppId": guid(rng), "RequiredAppPermissions": []}]),
            ("AvailableToOtherTenants", [False], [True]),
            ("PublicClient", [True], [False]),
            ("IdentifierUris", [], [f"api://{guid(rng)}"]),
        ]
    )
    operation = "Update application" if app.ours and rng.random() < 0.8 else "Update service principal"
    return _with_company(rng, at, app, by, operation, {name: (old, new)})


def add_principal(rng: Random, at: datetime, app: App, by: dict[str, Any]) -> list[Change]:
    """Bring an application into the directory."""
    target = audit.target(app.principal_id, app.name, "ServicePrincipal", {"AppId": (None, [app.id])})
    return [audit.record(rng, at, "Add service principal", _APPLICATIONS, by, [target])]


def change_policy(rng: Random, at: datetime, policy: Policy, by: dict[str, Any]) -> list[Change]:
    """Turn a conditional access policy on, by a new one or an old one, with or without the directory's mirror."""
    written, mirror = changes.enforce_policy(rng, at, policy, by)
    if rng.random() < 0.3:
        written = replace(written, operation="Add conditional access policy")
    if rng.random() < 0.3:
        written = replace(written, operation=written.operation.replace("conditional access", "Conditional Access"))
    return [written] if rng.random() < 0.4 else [written, mirror]


def change_federation(rng: Random, at: datetime, domain: str, by: dict[str, Any]) -> list[Change]:
    """Change a domain's federation settings, its kind of authentication, or the certificate that signs for it."""
    (settings,) = changes.federate(rng, at, domain, by)
    if rng.random() < 0.5:
        return [settings]
    old, new = rng.choice([("Managed", "Federated"), ("Federated", "Federated")])
    target = audit.target(None, domain, rng.choice(["Other", "Domain"]), {"LiveType": ([old], [new])})
    made = audit.record(
        rng, at + timedelta(seconds=rng.uniform(0, 4)), "Set domain authentication", settings.category, by, [target]
    )
    return [made] if rng.random() < 0.5 else [settings, made]


def _with_company(
    rng: Random, at: datetime, app: App, by: dict[str, Any], operation: str, values: dict[str, tuple[object, object]]
) -> list[Change]:
    """Write an edit, and perhaps what the directory writes beside it within a second or two."""
    principal_names = {"TargetId.ServicePrincipalNames": (None, app.id)}
    in_details = rng.random() < 0.7

    def written(when: datetime, name: str, properties: dict[str, tuple[object, object]]) -> Change:
        of_principal = "service principal" in name
        object_id, kind = (app.principal_id, "ServicePrincipal") if of_principal else (app.object_id, "Application")
        # One of the two always says which application it is.
        told = (
            properties if in_details else properties | (principal_names if of_principal else {"AppId": (None, app.id)})
        )
        details = [{"key": "AppId", "value": app.id}] if in_details else []
        return audit.record(
            rng, when, name, _APPLICATIONS, by, [audit.target(object_id, app.name, kind, told)], details=details
        )

    first = written(at, operation, values | {"Included Updated Properties": (None, next(iter(values)))})
    company = [name for name in ("Update application", "Update service principal") if name != operation and app.ours]
    beside = company if rng.random() < 0.3 else company[-1:] if rng.random() < 0.6 else []
    others = [
        written(
            at + timedelta(milliseconds=rng.randrange(5, 1500)),
            name,
            {"Included Updated Properties": (None, next(iter(values)))},
        )
        for name in beside
    ]
    if rng.random() < 0.6:  # one request, or as many as records
        others = [replace(other, correlation_id=first.correlation_id) for other in others]
    return [first, *others]
