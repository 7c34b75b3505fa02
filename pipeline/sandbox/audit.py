"""The parts that an AuditLogs record is made of.

Shapes as real exports have them: a value is JSON text inside JSON, an id may be null, who did it is a user or an app.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.sandbox.population import guid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from random import Random

    from pipeline.sandbox.population import Device, User, World


@dataclass(frozen=True)
class Change:
    """One audit record."""

    id: str
    at: datetime
    operation: str
    category: str
    service: str
    initiated_by: dict[str, Any]
    targets: list[dict[str, Any]]
    details: list[dict[str, str]] = field(default_factory=list)
    correlation_id: str = ""

    @property
    def kind(self) -> str:
        """The AADOperationType: the verb, or Update."""
        verb = self.operation.partition(" ")[0]
        return verb if verb in {"Add", "Delete", "Register", "Unregister", "Remove"} else "Update"


def by(user: User) -> dict[str, Any]:
    """Say that a person did it, from their office."""
    return {
        "user": {
            "id": user.id,
            "displayName": None,
            "userPrincipalName": user.principal_name,
            "ipAddress": user.office.egress[0].ip,
            "roles": [],
        }
    }


def by_admin(rng: Random, world: World) -> dict[str, Any]:
    """Say that an administrator did it."""
    return by(rng.choice(world.admins))


def device_details(device: Device) -> list[dict[str, str]]:
    """Name a device by its device id, where the target is named by nothing or by its object id."""
    return [
        {"key": "Device Id", "value": device.id},
        {"key": "Device OS", "value": device.platform.name},
        {"key": "Device Trust Type", "value": device.platform.trust},
    ]


def target(object_id: str | None, name: str, kind: str, values: Mapping[str, tuple[object, object]]) -> dict[str, Any]:
    """Describe what was changed: ``values`` are (old, new) by property, None for what was not there."""
    return {
        "id": object_id,
        "displayName": name,
        "type": kind,
        "modifiedProperties": [
            {"displayName": key, "oldValue": _text(old), "newValue": _text(new)} for key, (old, new) in values.items()
        ],
        "administrativeUnits": [],
    }


def person(user: User, values: Mapping[str, tuple[object, object]]) -> dict[str, Any]:
    """Describe a person who was changed, or to whom something was given."""
    return {**target(user.id, user.name, "User", values), "userPrincipalName": user.principal_name}


def _text(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def record(
    rng: Random,
    at: datetime,
    operation: str,
    category: str,
    by: dict[str, Any],
    targets: list[dict[str, Any]],
    *,
    service: str = "Core Directory",
    details: list[dict[str, str]] | None = None,
) -> Change:
    """Write a record under an id and a correlation id of its own."""
    record_id = f"Directory_{guid(rng)}_{rng.randrange(36**5):05X}_{rng.randrange(10**7)}"
    return Change(record_id, at, operation, category, service, by, targets, details or [], guid(rng))
