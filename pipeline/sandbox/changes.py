"""What the directory writes into AuditLogs when something is changed: one record or several a change.

With the traps of real ones: ids are object ids here and device ids there, one join writes four records under different
correlation ids, a policy is written twice. Why anybody changes anything is the business of others.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.sandbox import audit
from pipeline.sandbox.population import guid

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.population import App, Device, Policy, User

# The operation's name as the service spells it: an en dash, and a space at the end.
CREDENTIALS = "Update application \u2013 Certificates and secrets management "
_APPLICATIONS = "ApplicationManagement"
_DRS = "Device Registration Service"
_BY_DRS = {"app": {"appId": None, "displayName": _DRS, "servicePrincipalId": None}}


def join_device(rng: Random, at: datetime, device: Device, user: User) -> list[Change]:
    """Register a device: Add device, its owner and its users by object id, then Register device by device id."""
    added = audit.record(
        rng,
        at,
        "Add device",
        "Device",
        _BY_DRS,
        [
            audit.target(
                device.object_id,
                device.name,
                "Device",
                {
                    "DeviceId": (None, [device.id]),
                    "DeviceTrustType": (None, [device.platform.trust]),
                    "DisplayName": (None, [device.name]),
                    "DeviceOSType": (None, [device.platform.library_platform]),
                },
            )
        ],
    )
    people = [
        audit.record(
            rng,
            at + timedelta(milliseconds=rng.randrange(4, 20)),
            f"Add registered {role} to device",
            "Device",
            _BY_DRS,
            [
                audit.person(
                    user, {"Device.ObjectID": (None, device.object_id), "Device.DisplayName": (None, device.name)}
                )
            ],
        )
        for role in ("owner", "users")
    ]
    registered = audit.record(
        rng,
        at + timedelta(milliseconds=rng.randrange(300, 900)),
        "Register device",
        "Device",
        audit.by(user),
        [audit.target(None, device.name, "Device", {})],
        service=_DRS,
        details=audit.device_details(device),
    )
    return [added, *people, registered]


def leave_device(rng: Random, at: datetime, device: Device, user: User) -> list[Change]:
    """Take a registration away: Unregister device, then Delete device."""
    return [
        audit.record(
            rng,
            at,
            "Unregister device",
            "Device",
            audit.by(user),
            [audit.target(None, device.name, "Device", {})],
            service=_DRS,
            details=audit.device_details(device),
        ),
        audit.record(
            rng,
            at + timedelta(milliseconds=rng.randrange(100, 800)),
            "Delete device",
            "Device",
            _BY_DRS,
            [audit.target(device.object_id, device.name, "Device", {"TargetId.DeviceId": (None, device.id)})],
            details=[{"key": "DeviceId", "value": device.id}],
        ),
    ]


def update_device(rng: Random, at: datetime, device: Device) -> list[Change]:
    """Note a new operating system version, which management does all day."""
    values = {"CloudDeviceOSVersion": ([device.platform.systems[0]], [device.system])}
    return [
        audit.record(
            rng,
            at,
            "Update device",
            "Device",
            {"app": {"appId": None, "displayName": "Microsoft Intune"}},
            [audit.target(device.object_id, device.name, "Device", values)],
            details=audit.device_details(device),
        )
    ]


def read_recovery_key(rng: Random, at: datetime, device: Device, user: User) -> list[Change]:
    """Read a BitLocker key, as somebody does whose machine asks for it."""
    return [
        audit.record(
            rng,
            at,
            "Read BitLocker key",
            "KeyManagement",
            audit.by(user),
            [audit.target(None, device.name, "Device", {})],
            service=_DRS,
            details=audit.device_details(device),
        )
    ]


def rotate_credential(rng: Random, at: datetime, app: App, by: dict[str, Any]) -> list[Change]:
    """Replace a certificate of an application, and mirror it on its service principal."""
    old, new = (
        f"[KeyIdentifier={guid(rng)},KeyType=AsymmetricX509Cert,KeyUsage=Verify,DisplayName=CN={app.name}]"
        for _ in range(2)
    )
    keys = {"KeyDescription": ([old], [new])}
    details = [{"key": "AppId", "value": app.id}]
    principal = audit.target(
        app.principal_id, app.name, "ServicePrincipal", {"Included Updated Properties": (None, "")}
    )
    return [
        audit.record(
            rng,
            at,
            CREDENTIALS,
            _APPLICATIONS,
            by,
            [audit.target(app.object_id, app.name, "Application", keys)],
            details=details,
        ),
        audit.record(
            rng,
            at + timedelta(milliseconds=30),
            "Update service principal",
            _APPLICATIONS,
            by,
            [principal],
            details=details,
        ),
    ]


def configure_app(rng: Random, at: datetime, app: App, by: dict[str, Any]) -> list[Change]:
    """Change the reply addresses of an application, and mirror it on its service principal."""
    old, new = (
        [{"AddressType": 0, "Address": f"https://{host}.example.com/auth", "ReplyAddressClientType": 1}]
        for host in ("www", "app")
    )
    values = {"AppAddress": (old, new)}
    details = [{"key": "AppId", "value": app.id}]
    return [
        audit.record(rng, when, operation, _APPLICATIONS, by, [target], details=details)
        for when, operation, target in (
            (at, "Update application", audit.target(app.object_id, app.name, "Application", values)),
            (
                at + timedelta(milliseconds=40),
                "Update service principal",
                audit.target(app.principal_id, app.name, "ServicePrincipal", values),
            ),
        )
    ]


def enforce_policy(rng: Random, at: datetime, policy: Policy, by: dict[str, Any]) -> list[Change]:
    """Turn a conditional access policy on: written by Conditional Access and mirrored by the directory."""
    parts: dict[str, Any] = {}
    if policy.apps:
        parts["applications"] = {"includeApplications": sorted(policy.apps)}
    if policy.people:
        parts["users"] = {"includeGroups": [policy.group]}
    old, new = (
        {
            "id": policy.id,
            "displayName": policy.name,
            "state": state,
            "conditions": {"platforms": {"includePlatforms": [policy.platform or "all"]}, **parts},
            "grantControls": {"operator": "OR", "builtInControls": [policy.control]},
        }
        for state in ("enabledForReportingButNotEnforced", "enabled")
    )
    return [
        audit.record(
            rng,
            at + lag,
            operation,
            "Policy",
            by,
            [audit.target(policy.id, policy.name, "Policy", {name: (old, new)})],
            service=service,
        )
        for lag, operation, service, name in (
            (timedelta(0), "Update conditional access policy", "Conditional Access", "ConditionalAccessPolicy"),
            (timedelta(milliseconds=70), "Update policy", "Core Directory", "PolicyDetail"),
        )
    ]


def federate(rng: Random, at: datetime, domain: str, by: dict[str, Any]) -> list[Change]:
    """Replace the signing certificate in a domain's federation settings."""
    old, new = ({"IssuerUri": f"http://sts.{domain}/adfs", "SigningCertificate": guid(rng)} for _ in range(2))
    return [
        audit.record(
            rng,
            at,
            "Set federation settings on domain",
            "DirectoryManagement",
            by,
            [audit.target(None, domain, "Other", {"FederationSettings": (old, new)})],
        )
    ]


def inspect_traffic(rng: Random, at: datetime, by: dict[str, Any]) -> list[Change]:
    """Turn TLS inspection on in Global Secure Access."""
    return [
        audit.record(
            rng,
            at + timedelta(seconds=seconds),
            operation,
            category,
            by,
            [audit.target(guid(rng), name, "Other", {})],
            service="Global Secure Access",
        )
        for seconds, operation, category, name in (
            (0, "Create Certificate", _APPLICATIONS, "Inspection authority"),
            (95, "Update Forwarding Profile", "PolicyManagement", "Internet access profile"),
        )
    ]
