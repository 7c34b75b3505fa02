"""The causes, staged: one function a cause, each with the traces that the cause leaves and those that it does not.

A function gets a ``Scene``, changes what happens in it and tells the truth about it. What the traces are is said in
docs/causes; a detector may not read this file.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox import changes, traffic
from pipeline.sandbox.audit import by_admin
from pipeline.sandbox.population import Address, App, Policy, guid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.sandbox.population import Device, User
    from pipeline.sandbox.scene import Incident, Scene
    from pipeline.sandbox.traffic import Attempt

_APPLE = {"iOS", "macOS"}


def device_reregistered(scene: Scene) -> Incident:
    """Register a device anew while its client keeps the old key."""
    device, user = scene.busiest(_own_devices(scene))
    records = changes.leave_device(scene.rng, scene.onset, device, user)
    records += changes.join_device(scene.rng, scene.onset + timedelta(seconds=20), device, user)
    scene.changes += records
    start = scene.onset + timedelta(minutes=scene.rng.uniform(3, 30))
    mine = scene.open(_on(device), start=start)
    scene.answer(mine[1:], 0.06, ["700003", "50155"])
    scene.refuse(scene.open(_on(device), start=start), 0.92)
    return scene.told("device_reregistered", f"device={device.id}", records)


def device_key_lost(scene: Scene) -> Incident:
    """Lose a device's key for good, until the device is joined again."""
    device, user = scene.busiest(_own_devices(scene))
    mine = scene.open(_on(device))
    scene.answer(mine[1:], 0.05, ["50187", "50155"])
    scene.refuse(scene.open(_on(device)), 0.98)
    if device.platform.name == "Windows":  # a hint, and no change that did it
        scene.changes += changes.read_recovery_key(scene.rng, scene.onset + timedelta(hours=1), device, user)
    scene.changes += changes.join_device(scene.rng, scene.end, device, user)
    return scene.told("device_key_lost", f"device={device.id}")


def device_key_unavailable(scene: Scene) -> Incident:
    """Keep a device's key out of reach at times, mostly when nobody is there."""
    apple = [pair for pair in _own_devices(scene) if pair[0].platform.name in _APPLE] or list(_own_devices(scene))
    device, _ = scene.busiest(apple)
    silent = scene.open(lambda one: one.device is device and not one.interactive)
    scene.answer(silent, 0.05, ["50097"])
    scene.refuse(scene.open(lambda one: one.device is device and not one.interactive), 0.4, retries=0.2)
    return scene.told("device_key_unavailable", f"device={device.id}")


def device_identity_cloned(scene: Scene) -> Incident:
    """Let several machines present one registration: strangers use it from their places, beside its owner."""
    device, owner = scene.busiest(_own_devices(scene, {"Windows", "macOS"}))
    others = [user for user in scene.world.users if user is not owner and scene.world.kiosk not in user.devices]
    for user in scene.rng.sample(others, min(4, len(others))):
        at_their_desk = scene.open(lambda one, user=user: one.user is user)  # type: ignore[misc]
        for one in at_their_desk:
            if one.device is not None and one.device.platform.name not in {"iOS", "Android"}:
                one.device, one.library, one.browser = device, device.library(one.at), device.browser
                one.system = scene.rng.choice(device.platform.systems)
    scene.refuse(scene.open(_on(device)), 0.5)
    return scene.told("device_identity_cloned", f"device={device.id}")


def app_credential_change(scene: Scene) -> Incident:
    """Replace an application's certificate, and see its sign-ins fail on every device."""
    app = _our_app(scene)
    records = changes.rotate_credential(scene.rng, scene.onset, app, by_admin(scene.rng, scene.world))
    scene.changes += records
    start = scene.onset + timedelta(minutes=scene.rng.uniform(5, 45))
    scene.refuse(scene.open(lambda one: one.app is app, start=start), 0.7)
    return scene.told("app_credential_change", f"app={app.id}", records)


def app_config_change(scene: Scene) -> Incident:
    """Change an application's configuration, and see its sign-ins fail on every device."""
    app = _our_app(scene)
    records = changes.configure_app(scene.rng, scene.onset, app, by_admin(scene.rng, scene.world))
    scene.changes += records
    start = scene.onset + timedelta(minutes=scene.rng.uniform(2, 40))
    scene.refuse(scene.open(lambda one: one.app is app, start=start), 0.75)
    return scene.told("app_config_change", f"app={app.id}", records)


def policy_change(scene: Scene) -> Incident:
    """Begin to demand device authentication of one platform; most of the failed rows name the policy."""
    platform = scene.rng.choice(sorted(_APPLE))
    policy = Policy(guid(scene.rng), f"Require known device on {platform}", "RequireCompliantDevice", platform)
    records = changes.enforce_policy(scene.rng, scene.onset, policy, by_admin(scene.rng, scene.world))
    scene.changes += records
    start = scene.onset + timedelta(minutes=scene.rng.uniform(4, 40))
    scope = scene.open(lambda one: one.device is not None and one.device.platform.name == platform, start=start)
    for one in scope:
        if scene.rng.random() < 0.75:
            one.policy, one.policy_result = policy, scene.rng.choice(["failure", "failure", "success"])
    scene.refuse(scope, 0.35)
    return scene.told("policy_change", f"policy={policy.id} and platform={platform}", records)


def federation_change(scene: Scene) -> Incident:
    """Replace the signing certificate of a federated domain."""
    domain = scene.world.federated_domain
    records = changes.federate(scene.rng, scene.onset, domain, by_admin(scene.rng, scene.world))
    scene.changes += records
    start = scene.onset + timedelta(minutes=scene.rng.uniform(5, 40))
    scene.refuse(scene.open(lambda one: one.user.domain == domain, start=start), 0.5)
    return scene.told("federation_change", f"domain={domain}", records)


def client_version_regression(scene: Scene) -> Incident:
    """Roll out a client build that signs wrongly: device by device, each well before it got the build."""
    platform = scene.rng.choice([platform for platform in scene.world.platforms() if platform.name not in scene.taken])
    scene.taken.add(platform.name)
    build = f"{platform.library} {platform.next_build()}"
    devices = [device for device, _ in _own_devices(scene, {platform.name})]
    for device in scene.rng.sample(devices, max(1, len(devices) * 2 // 3)):
        upgraded_at = scene.onset + scene.rng.random() ** 2 * (scene.end - scene.onset)
        for one in scene.open(_on(device), start=upgraded_at):
            one.library = build
    scene.refuse(scene.open(lambda one: one.library == build), 0.6)
    return scene.told("client_version_regression", f"client={build}")


def network_interception(scene: Scene) -> Incident:
    """Let one office's way to the internet alter the header; the same devices are well everywhere else."""
    office = scene.rng.choice([office for office in scene.world.offices if office.network not in scene.taken])
    scene.taken.add(office.network)
    records = []
    if scene.rng.random() < 0.4:
        records = changes.inspect_traffic(scene.rng, scene.onset, by_admin(scene.rng, scene.world))
        scene.changes += records
    start = scene.onset + timedelta(minutes=scene.rng.uniform(4, 30))
    scene.refuse(scene.open(lambda one: one.address in office.egress, start=start), 0.5)
    return scene.told("network_interception", f"network={office.network}", records)


def clock_skew(scene: Scene) -> Incident:
    """Let one device's clock go wrong: intermittent, beside codes of nonce and time."""
    device, _ = scene.busiest(_own_devices(scene))
    mine = scene.open(_on(device))
    scene.answer(mine[1:], 0.3, ["140000", "500991", "500133"])
    scene.refuse(scene.open(_on(device)), 0.35, retries=0.2)
    return scene.told("clock_skew", f"device={device.id}")


def algorithm_mismatch(scene: Scene) -> Incident:
    """Bring in an application whose own client signs in a way that is not accepted: it never once succeeds."""
    rng = scene.rng
    app = App(guid(rng), guid(rng), guid(rng), "Badge Printer", ours=True)
    people = rng.sample(scene.world.users, min(6, len(scene.world.users)))
    usual = scene.open(lambda one: one.user in people and one.device is not None)
    tried = [
        replace(one, id=guid(rng), at=one.at + timedelta(minutes=rng.uniform(1, 9)), app=app) for one in usual[::3]
    ]
    for one in tried:
        one.library, one.user_agent = "", "badge-printer/0.9 (java)"
    scene.attempts += tried
    scene.refuse(tried, 1.0)
    return scene.told("algorithm_mismatch", f"app={app.id}")


def token_forgery(scene: Scene) -> Incident:
    """Let somebody present JWTs without the key: many people, from where none of them ever was, in a burst."""
    rng = scene.rng
    source = Address(f"203.0.113.{rng.randrange(230, 250)}", "64510", "", "US")
    people = rng.sample(scene.world.users, min(30, len(scene.world.users)))
    app = scene.world.apps[-3]
    presented = []
    for number in range(max(40, len(people))):
        user = people[number % len(people)]
        at = scene.onset + timedelta(minutes=rng.uniform(0, 90))
        one = traffic.attempt(rng, at, user, user.devices[0], app, source, interactive=rng.random() < 0.3)
        one.device, one.names_device, one.library, one.browser = None, False, "", ""
        one.user_agent, one.risk = "python-requests/2.31", rng.choice(["none", "medium", "high"])
        presented.append(one)
    scene.attempts += presented
    scene.answer(presented[1:], 0.2, ["50126", "50053"])
    scene.refuse([one for one in presented if one.code == traffic.WELL], 1.0, retries=0)
    return scene.told("token_forgery", f"ip={source.ip}")


def service_incident(scene: Scene) -> Incident:
    """Let the service fail for everybody, for hours, and recover by itself."""
    end = scene.onset + timedelta(hours=scene.rng.uniform(2, 4))
    scene.refuse(scene.open(lambda _: True, end=end), 0.5, retries=0.1)
    return scene.told("service_incident", "tenant=all")


CAUSES: dict[str, Callable[[Scene], Incident]] = {
    cause.__name__: cause
    for cause in (
        device_reregistered,
        device_key_lost,
        device_key_unavailable,
        device_identity_cloned,
        app_credential_change,
        app_config_change,
        policy_change,
        federation_change,
        client_version_regression,
        network_interception,
        clock_skew,
        algorithm_mismatch,
        token_forgery,
        service_incident,
    )
}


def _own_devices(scene: Scene, platforms: set[str] | None = None) -> Iterator[tuple[Device, User]]:
    for user in scene.world.users:
        for device in user.devices:
            if device is not scene.world.kiosk and (platforms is None or device.platform.name in platforms):
                yield device, user


def _on(device: Device) -> Callable[[Attempt], bool]:
    return lambda one: one.device is device


def _our_app(scene: Scene) -> App:
    # The one whose keys are rotated every night is left alone.
    app = scene.rng.choice([app for app in scene.world.apps if app.ours and app.id not in scene.taken][:-1])
    scene.taken.add(app.id)
    return app
