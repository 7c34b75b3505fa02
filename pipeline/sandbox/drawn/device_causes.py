"""The causes that lie in one device, staged in many shapes: registration, key, clone, clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox import changes
from pipeline.sandbox.drawn.stage import Barren
from pipeline.sandbox.population import guid
from pipeline.sandbox.traffic import WELL

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.sandbox.drawn.stage import Stage
    from pipeline.sandbox.population import Device
    from pipeline.sandbox.scene import Incident
    from pipeline.sandbox.traffic import Attempt

_APART = timedelta(days=2)


def device_reregistered(stage: Stage) -> Incident:
    """Replace or remove a registration, by its owner or an administrator, in one of its several ways."""
    rng = stage.rng
    device, user = stage.somebodys_device()
    alone = all(other.known != device.id for other in stage.struck)
    way = rng.choice(["rejoined", "joined", "joined", *(["as another", "left", "half left"] if alone else [])])
    gone = way in {"as another", "left", "half left"}
    shape = stage.shape((0.8 if gone else 0.4, 1.0), after=stage.delay(12 * 60), hours=(12, 200))
    if gone:
        shape = replace(shape, repaired_at=None)
    stage.claim(device.id, apart=_APART)
    stage.well_before(_on(device))
    stage.fertile(_on(device), shape)
    stage.prompt(_on(device), shape)
    who = stage.by_somebody(user)
    left = changes.leave_device(rng, stage.onset, device, who)
    anew = replace(device, id=guid(rng), object_id=guid(rng))
    soon = stage.onset + timedelta(seconds=rng.uniform(15, 60))
    records = {
        "rejoined": [*left, *changes.join_device(rng, soon, device, who)],
        "joined": changes.join_device(rng, stage.onset, device, who),
        "as another": [*left, *changes.join_device(rng, soon, anew, who)],
        "left": left,
        "half left": [rng.choice(left)],
    }[way]
    stage.changes += records
    _answer(stage, device, ["700003", "50155"])
    stage.strike(device.id, _on(device), shape)
    if gone and stage.end < stage.until:  # whoever is well again has a registration again
        if way != "as another":
            stage.changes += changes.join_device(rng, stage.end, anew, who)
        for one in stage.attempts:
            if one.device is device and one.at >= stage.end:
                one.device = anew
    _clear(stage, device)
    stage.decoy(lambda at: changes.join_device(rng, at, device, who), share=0.0 if gone else 0.3)
    return stage.told("device_reregistered", f"device={device.id}", records)


def device_key_lost(stage: Stage) -> Incident:
    """Lose a device's key: from then on nothing succeeds there, or next to nothing, until it is joined again."""
    device, user = stage.somebodys_device()
    shape = stage.shape((0.96, 0.999), hours=(24, 300), restless=False)
    if stage.rng.random() < 0.5:
        shape = replace(shape, rate=1.0)
    stage.claim(device.id, apart=_APART)
    stage.well_before(_on(device), 8)
    stage.fertile(_on(device), shape)
    if stage.rng.random() < 0.5:
        _answer(stage, device, ["50187", "50155"])
    stage.strike(device.id, _on(device), shape)
    _clear(stage, device)
    if device.platform.name == "Windows" and stage.rng.random() < 0.6:
        at = stage.onset + timedelta(hours=stage.rng.uniform(-1, 5))
        stage.changes += changes.read_recovery_key(stage.rng, at, device, stage.by_somebody(user))
    if stage.end < stage.until:  # the repair is a change of the registration, and not what did it
        stage.changes += changes.join_device(stage.rng, stage.end, device, stage.by_somebody(user))
    stage.decoy(lambda at: changes.join_device(stage.rng, at, device, user), share=0.3)
    return stage.told("device_key_lost", f"device={device.id}")


def device_key_unavailable(stage: Stage) -> Incident:
    """Keep a device's key out of reach at times for days, mostly when nobody is there."""
    apple = ("iOS", "macOS") if stage.rng.random() < 0.75 else ()
    device, user = stage.somebodys_device(apple)
    shape = stage.shape((0.2, 0.6), hours=(48, 300))
    present = stage.rng.choice([0.0, 0.1, 0.25])

    def chance(one: Attempt) -> float:
        return shape(one) * (present if one.interactive else 1.0)

    stage.claim(device.id, apart=_APART)
    stage.well_before(_on(device), 3)
    stage.fertile(_on(device), chance)
    stage.mixed(_on(device), chance)
    stage.strike(device.id, _on(device), shape, chance=chance, retries=stage.rng.choice([0.0, 0.2, 0.4]))
    _clear(stage, device)
    stage.decoy(lambda at: changes.join_device(stage.rng, at, device, user), share=0.3)
    return stage.told("device_key_unavailable", f"device={device.id}")


def device_identity_cloned(stage: Stage) -> Incident:
    """Let several machines present one registration: strangers use it from their places, beside its owner."""
    device, owner = stage.somebodys_device(("Windows", "macOS", "Linux"))
    shape = replace(stage.shape((0.25, 0.75), hours=(30, 300)), ramp=timedelta(0))
    if stage.onset < stage.since:  # whoever had it before the window began would be no stranger to it
        raise Barren
    stage.claim(device.id, apart=_APART)
    stage.well_before(_on(device), 3)
    near = [user for user in stage.world.users if user.office is owner.office]
    others = near if len(near) > 6 and stage.rng.random() < 0.4 else list(stage.world.users)
    desks = {
        user.devices[0]
        for user in others
        if user is not owner
        and user.devices[0] not in stage.origin.shared
        and user.devices[0].platform is device.platform
    }
    taken = {one.known for one in stage.struck}
    free = sorted((desk for desk in desks if desk.id not in taken), key=lambda desk: desk.id)
    if len(free) < 2:
        raise Barren
    chosen = stage.rng.sample(free, min(len(free), stage.rng.randrange(2, 7)))
    theirs = stage.open(lambda one: one.device in chosen, start=shape.begins)
    if len({one.user.id for one in theirs if one.at < shape.ends}) < 2:
        raise Barren
    stage.fertile(lambda one: one.device in (*chosen, device), shape)
    hides = stage.rng.choice([0.0, 0.0, 0.2])
    for one in theirs:
        one.device, one.broker = device, device.broker
        if one.library.startswith(device.platform.library):
            one.library = device.library(one.at)
        one.names_device = stage.rng.random() >= hides
    stage.strike(device.id, _on(device), shape)
    _clear(stage, device)
    return stage.told("device_identity_cloned", f"device={device.id}")


def clock_skew(stage: Stage) -> Incident:
    """Let one device's clock go wrong: intermittent, beside codes of nonce and time."""
    device, user = stage.somebodys_device()
    shape = stage.shape((0.2, 0.65), hours=(20, 300))
    stage.claim(device.id, apart=_APART)
    stage.well_before(_on(device), 3)
    stage.fertile(_on(device), shape)
    stage.mixed(_on(device), lambda one: 0.35 + 0.65 * shape(one))
    beside = stage.open(_on(device), start=shape.begins)
    codes = stage.rng.sample(["140000", "500991", "500133"], stage.rng.randrange(1, 4))
    told = stage.rng.uniform(0.12, 0.35)
    for number, one in enumerate(beside[1:-1]):
        if number in {1, 4, 7} or stage.rng.random() < told:
            one.code, one.names_device = stage.rng.choice(codes), stage.rng.random() < 0.3
    stage.strike(device.id, _on(device), shape, retries=0.2)
    _clear(stage, device)
    stage.decoy(lambda at: changes.join_device(stage.rng, at, device, user), share=0.3)
    return stage.told("clock_skew", f"device={device.id}")


def _on(device: Device) -> Callable[[Attempt], bool]:
    return lambda one: one.device is device


def _answer(stage: Stage, device: Device, codes: list[str]) -> None:
    for one in stage.open(_on(device))[1:]:
        if one.code == WELL and stage.rng.random() < 0.06:
            one.code, one.names_device = stage.rng.choice(codes), False


def _clear(stage: Stage, device: Device) -> None:
    for text in (device.id, device.object_id):
        stage.keep_clear(text)


DEVICE_CAUSES: dict[str, Callable[[Stage], Incident]] = {
    cause.__name__: cause
    for cause in (
        device_reregistered,
        device_key_lost,
        device_key_unavailable,
        device_identity_cloned,
        clock_skew,
    )
}
