"""The changes of ordinary days, which have nothing to do with any failure.

Joins, updates, roles, groups, policies, and an application that rotates its keys every night.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.sandbox import audit, changes
from pipeline.sandbox.population import Policy, guid

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.population import World


def ordinary(rng: Random, world: World, since: datetime, until: datetime) -> list[Change]:
    """Draw the harmless changes of the time from ``since`` to ``until``."""
    days = (until - since) / timedelta(days=1)
    drawn = [
        change
        for _ in range(round(world.habits.changes_a_day * days))
        for change in _unrelated(rng, since + rng.random() * (until - since), world)
    ]
    for rotated in [app for app in reversed(world.apps) if app.ours][: world.habits.rotating_apps]:
        for night in range(int(days)):
            at = since + timedelta(days=night, hours=world.habits.rotation_hour, minutes=rng.uniform(0, 5))
            drawn.extend(changes.rotate_credential(rng, at, rotated, _by_robot(world)))
    return drawn


def _unrelated(rng: Random, at: datetime, world: World) -> list[Change]:
    """Draw a change that has nothing to do with anything."""
    user, admin = rng.choice(world.users), audit.by_admin(rng, world)
    match rng.randrange(9):
        case 0:
            newcomer = replace(rng.choice(world.devices), id=guid(rng), object_id=guid(rng), name="iPhone")
            return changes.join_device(rng, at, newcomer, user)
        case 1 | 2:
            return changes.update_device(rng, at, rng.choice(world.devices))
        case 3:
            return changes.configure_app(rng, at, rng.choice([app for app in world.apps if app.ours]), admin)
        case 4:
            return changes.enforce_policy(rng, at, Policy(guid(rng), "Block legacy authentication", "Block"), admin)
        case 5:
            operation, category, service = "User registered security info", "UserManagement", "Authentication Methods"
            return [
                audit.record(rng, at, operation, category, audit.by(user), [audit.person(user, {})], service=service)
            ]
        case 6:
            return [audit.record(rng, at, "Add member to role", "RoleManagement", admin, [audit.person(user, {})])]
        case 7:
            group = {"Group.DisplayName": (None, "All employees")}
            return [audit.record(rng, at, "Add member to group", "GroupManagement", admin, [audit.person(user, group)])]
        case _:
            return [
                audit.record(
                    rng, at, "Update user", "UserManagement", admin, [audit.person(user, {"City": ([""], ["Porto"])})]
                )
            ]


def _by_robot(world: World) -> dict[str, Any]:
    """Let an application have done it that rotates keys by night."""
    return {"app": {"appId": None, "displayName": "Key Rotation", "servicePrincipalId": world.apps[0].principal_id}}
