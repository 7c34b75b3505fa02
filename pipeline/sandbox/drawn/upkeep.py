"""The harmless changes of a drawn tenant, beside those of every tenant: waves, edits of what people use, inspection."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox import audit, changes, upkeep
from pipeline.sandbox.drawn import edits

if TYPE_CHECKING:
    from random import Random

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.drawn.people import Origin


def innocent_changes(rng: Random, origin: Origin, begin: datetime, until: datetime) -> list[Change]:
    """Draw all changes from ``begin`` to ``until`` that bring nothing about."""
    world = origin.world
    drawn = upkeep.ordinary(rng, world, begin, until)

    def some_time() -> datetime:
        return begin + rng.random() * (until - begin)

    for _ in range(rng.choice([0, 4, 12, 40])):
        edit = rng.choice([edits.rotate_key, edits.configure])
        drawn += edit(rng, some_time(), rng.choice(world.apps), audit.by_admin(rng, world))
    for policy in world.policies:
        if rng.random() < 0.4:
            drawn += edits.change_policy(rng, some_time(), policy, audit.by_admin(rng, world))
    for _ in range(rng.choice([0, 0, 1, 2])):
        domain = rng.choice(world.users).domain
        drawn += edits.change_federation(rng, some_time(), domain, audit.by_admin(rng, world))
    for _ in range(rng.choice([0, 0, 1, 3])):
        drawn += changes.inspect_traffic(rng, some_time(), audit.by_admin(rng, world))
    for _ in range(rng.choice([0, 0, 1, 2])):
        drawn += _wave(rng, origin, some_time())
    return drawn


def _wave(rng: Random, origin: Origin, start: datetime) -> list[Change]:
    """Register many devices anew within hours, as after a migration, without harm to any."""
    pairs = [(device, user) for user in origin.world.users for device in user.devices]
    made: list[Change] = []
    for device, user in rng.sample(pairs, max(1, round(len(pairs) * rng.uniform(0.03, 0.25)))):
        at = start + timedelta(hours=rng.uniform(0, 8))
        if rng.random() < 0.5:
            made += changes.leave_device(rng, at, device, user)
        made += changes.join_device(rng, at + timedelta(seconds=30), device, user)
    return made
