"""Sign-ins without a person: service principals, managed identities, and the federation server's own log.

A steady hum with an expired secret now and then, and never a device's signature.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.sandbox.population import guid
from pipeline.sandbox.records import GRAPH

if TYPE_CHECKING:
    from random import Random

    from pipeline.sandbox.population import World

TABLES = ("AADServicePrincipalSignInLogs", "AADManagedIdentitySignInLogs", "ADFSSignInLogs")
_EVERY = {
    "AADServicePrincipalSignInLogs": timedelta(hours=2),
    "AADManagedIdentitySignInLogs": timedelta(hours=4),
    "ADFSSignInLogs": timedelta(hours=3),
}
_CATEGORY = {
    "AADServicePrincipalSignInLogs": "ServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs": "ManagedIdentitySignInLogs",
    "ADFSSignInLogs": "ADFSSignInLogs",
}


def sign_ins(rng: Random, world: World, table: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Write the records of one of the three tables from ``since`` to ``until``."""
    records = []
    at = since + rng.random() * _EVERY[table]
    while at < until:
        failed = rng.random() < 0.03
        code, reason = ("7000222", "The provided client secret keys are expired.") if failed else ("0", "")
        if table == "ADFSSignInLogs":
            code, reason = ("50126", "Invalid username or password.") if failed else ("0", "")
        record = {
            "Id": guid(rng),
            "CorrelationId": guid(rng),
            "CreatedDateTime": at,
            "TenantId": world.workspace_id,
            "Category": _CATEGORY[table],
            "Type": table,
            "OperationName": "Sign-in activity",
            "SourceSystem": "Azure AD",
            "Level": "4",
            "ResultType": code,
            "ResultDescription": reason,
            "ResourceIdentity": GRAPH,
            "ResourceDisplayName": "Microsoft Graph",
            "ConditionalAccessStatus": "notApplied",
            "ConditionalAccessPolicies": "[]",
            "LocationDetails": "{}",
        }
        records.append(record | (_person if table == "ADFSSignInLogs" else _program)(rng, world))
        at += rng.uniform(0.5, 1.5) * _EVERY[table]
    return records


def _program(rng: Random, world: World) -> dict[str, Any]:
    app = rng.choice([app for app in world.apps if app.ours])
    return {
        "AADTenantId": world.tenant_id,
        "AppId": app.id,
        "ServicePrincipalId": app.principal_id,
        "ServicePrincipalName": app.name,
        "ServicePrincipalCredentialKeyId": app.object_id,
        "ClientCredentialType": "certificate",
        "IPAddress": world.offices[0].egress[0].ip,
    }


def _person(rng: Random, world: World) -> dict[str, Any]:
    federated = [user for user in world.users if user.domain == world.federated_domain]
    user = rng.choice(federated or list(world.users))
    return {
        "AppDisplayName": "Federation service",
        "AppId": world.apps[0].id,
        "UserId": user.id,
        "UserDisplayName": user.name,
        "UserPrincipalName": user.principal_name,
        "IPAddress": user.office.egress[0].ip,
        "IsInteractive": True,
        "Status": "{}",
        "DeviceDetail": "{}",
    }
