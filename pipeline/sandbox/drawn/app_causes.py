"""The causes that somebody configured, staged in many shapes: an application's key or settings, a policy, a domain."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox.drawn import edits, words
from pipeline.sandbox.drawn.stage import Barren, by_admin
from pipeline.sandbox.population import App, Policy, guid
from pipeline.sandbox.traffic import WELL

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from random import Random
    from typing import Any

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.drawn.stage import Stage
    from pipeline.sandbox.scene import Incident
    from pipeline.sandbox.traffic import Attempt

    Edit = Callable[[Random, datetime, App, dict[str, Any]], list[Change]]

_GUILTY = ("Require a known device", "Trusted devices only", "Device state", "Compliance")


def app_credential_change(stage: Stage) -> Incident:
    """Change a key of an application, and see its sign-ins fail on many devices."""
    return _app_change(stage, "app_credential_change", edits.rotate_key, [app for app in stage.world.apps if app.ours])


def app_config_change(stage: Stage) -> Incident:
    """Change an application's configuration, and see its sign-ins fail on many devices."""
    return _app_change(stage, "app_config_change", edits.configure, list(stage.world.apps))


def policy_change(stage: Stage) -> Incident:
    """Begin to demand device authentication of a platform, of some people on it, or for some applications."""
    rng, world = stage.rng, stage.world
    platform = rng.choice(sorted({device.platform.name for device in world.devices}))
    people: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()
    drawn = rng.random()
    told = world.habits.policies_told > 0.5
    if drawn < 0.25 and told:  # a group's id says nothing where no row lists its policy
        people = frozenset(user.id for user in rng.sample(world.users, len(world.users) * 2 // 5))
    elif drawn < 0.5 and len(world.apps) >= 8:
        apps = frozenset(app.id for app in rng.sample(world.apps, max(3, len(world.apps) // 4)))
        platform = platform if rng.random() < 0.5 else ""
    policy = Policy(
        guid(rng),
        f"{rng.choice(_GUILTY)} {platform or words.word(rng)}",
        "RequireCompliantDevice",
        platform,
        apps,
        people,
        guid(rng),
    )

    def belongs(one: Attempt) -> bool:
        return (
            one.device is not None
            and policy.platform in {"", one.device.platform.name}
            and (not apps or one.app.id in apps)
            and (not people or one.user.id in people)
        )

    shape = stage.shape((0.15, 0.9), after=stage.delay())
    known = f"policy of {platform}"
    stage.claim(known)
    stage.well_before(belongs, 15)
    stage.fertile(belongs, shape, devices=4)
    stage.prompt(belongs, shape)
    records = edits.change_policy(rng, stage.onset, policy, by_admin(stage))
    stage.changes += records
    listed = rng.choice([0.0, 0.6, 0.9, 1.0]) if told and not people else rng.uniform(0.6, 1)
    results = rng.choice(
        [["failure"], ["failure", "failure", "success"], ["notApplied"], ["success"], ["reportOnlyFailure"]]
    )
    stage.strike(known, belongs, shape)
    in_force = stage.onset + timedelta(minutes=2)
    for one in stage.attempts:
        if in_force <= one.at < shape.ends and belongs(one) and rng.random() < listed:
            one.policy, one.policy_result = policy, "success" if one.code == WELL else rng.choice(results)
    stage.keep_clear("olicy", before=timedelta(hours=44 if not told or not listed else 2), after=timedelta(hours=1))
    stage.decoy(
        lambda at: edits.change_policy(rng, at, replace(policy, name=policy.name + " v2"), by_admin(stage)), share=0.3
    )
    return stage.told("policy_change", f"policy={policy.id} and platform={platform or 'all'}", records)


def federation_change(stage: Stage) -> Incident:
    """Change how a domain is federated, and see its people fail on all devices."""
    if not stage.origin.federated:
        raise Barren
    domain = stage.rng.choice(stage.origin.federated)

    def belongs(one: Attempt) -> bool:
        return one.user.domain == domain

    shape = stage.shape((0.2, 1.0), after=stage.delay(18 * 60))
    stage.claim(domain)
    stage.well_before(belongs, 10)
    stage.fertile(belongs, shape, devices=4)
    stage.prompt(belongs, shape)
    records = edits.change_federation(stage.rng, stage.onset, domain, by_admin(stage))
    stage.changes += records
    stage.strike(domain, belongs, shape)
    stage.keep_clear(domain)
    others = [user.domain for user in stage.world.users if user.domain != domain]
    if others:  # the like happens to a domain whose people stay well
        stage.decoy(lambda at: edits.change_federation(stage.rng, at, stage.rng.choice(others), by_admin(stage)))
    return stage.told("federation_change", f"domain={domain}", records)


def _app_change(stage: Stage, cause: str, edit: Edit, apps: list[App]) -> Incident:
    rng = stage.rng
    rotating = [app for app in reversed(stage.world.apps) if app.ours][: stage.world.habits.rotating_apps]
    free = [app for app in apps if app not in rotating]  # a key that is rotated every night names no culprit
    if not free:
        raise Barren
    app = rng.choice(free)

    def belongs(one: Attempt) -> bool:
        return one.app is app

    shape = stage.shape((0.25, 1.0), after=stage.delay())
    stage.claim(app.id, apart=timedelta(days=2))
    stage.well_before(belongs, 8)
    stage.fertile(belongs, shape, devices=4)
    stage.prompt(belongs, shape)
    records = edit(rng, stage.onset, app, by_admin(stage))
    stage.changes += records
    stage.strike(app.id, belongs, shape)
    for text in (app.id, app.object_id, app.principal_id):
        stage.keep_clear(text)
    stage.decoy(lambda at: rng.choice([edits.rotate_key, edits.configure])(rng, at, app, by_admin(stage)))
    others = [other for other in stage.world.apps if other is not app and other.ours]
    if others:  # the like is done to another application shortly before, without harm
        stage.innocent += edit(
            rng, stage.onset - timedelta(minutes=rng.uniform(1, 300)), rng.choice(others), by_admin(stage)
        )
    return stage.told(cause, f"app={app.id}", records)


APP_CAUSES: dict[str, Callable[[Stage], Incident]] = {
    cause.__name__: cause for cause in (app_credential_change, app_config_change, policy_change, federation_change)
}
