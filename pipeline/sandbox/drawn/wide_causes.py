"""The causes that lie between devices, staged in many shapes: client builds, networks, the service, foreign clients."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox import changes, traffic
from pipeline.sandbox.drawn import clients, edits, words
from pipeline.sandbox.drawn.stage import Barren, by_admin
from pipeline.sandbox.population import App, guid
from pipeline.sandbox.traffic import WELL

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.sandbox.drawn.stage import Stage
    from pipeline.sandbox.population import Address, Device
    from pipeline.sandbox.scene import Incident
    from pipeline.sandbox.traffic import Attempt


def client_version_regression(stage: Stage) -> Incident:
    """Roll out a build that signs wrongly: device by device, each well before it got the build."""
    rng, habits = stage.rng, stage.world.habits
    parts = ["library", "library", "browser", *([] if habits.short_systems else ["system"])]
    part = rng.choice([*parts, "broker"] if habits.broker_in_browser else parts)
    platform = rng.choice(sorted({device.platform.name for device in stage.world.devices}))
    old = sorted({getattr(one, part) for one in stage.open(lambda one: _runs(one, platform)) if _shows(one, part)})
    if not old:
        raise Barren
    before = rng.choice(old)
    build = clients.next_build(rng, before)
    family = before.rpartition(" ")[0]
    if any(getattr(one, part) == build for one in stage.attempts):
        raise Barren
    stage.claim(f"build of {platform}", apart=timedelta(days=1))
    devices = {
        one.device: one.user
        for one in stage.open(lambda one: _runs(one, platform) and getattr(one, part).rpartition(" ")[0] == family)
        if _shows(one, part)
    }
    chosen = rng.sample(sorted(filter(None, devices), key=_id), max(1, round(len(devices) * rng.uniform(0.25, 0.8))))
    hours = 200 if stage.onset < stage.begin else rng.choice([6, 24, 72, 200])
    bend = rng.choice([0.5, 1.0, 2.0])
    got: dict[str, datetime] = {
        device.id: stage.onset + rng.random() ** bend * timedelta(hours=hours) for device in chosen
    }
    shape = stage.shape((0.2, 1.0), hours=(30, 300))
    if len(devices) - len(chosen) < 2:
        raise Barren

    def upgraded(one: Attempt) -> bool:
        return (
            one.device is not None
            and one.device.id in got
            and one.at >= got[one.device.id]
            and _shows(one, part)
            and getattr(one, part).rpartition(" ")[0] == family
        )

    stage.fertile(upgraded, shape, devices=3)
    for one in stage.attempts:  # the build stays when it is mended by other means
        if upgraded(one):
            setattr(one, part, build)
    stage.strike(f"build of {platform}", lambda one: getattr(one, part) == build, shape)
    return stage.told("client_version_regression", f"{'os' if part == 'system' else 'client'}={build}")


def network_interception(stage: Stage) -> Incident:
    """Let a site's way to the internet alter the header; the same devices are well everywhere else."""
    rng = stage.rng
    office = rng.choice(stage.world.offices)
    ways = office.egress
    label = office.network
    if len(ways) > 1 and rng.random() < 0.3:
        ways = (rng.choice(ways),)
        label = ways[0].ip
    addresses = {way.ip for way in ways}
    elsewhere = {user.id for user in stage.world.users if user.office is office and user.in_office < 1}
    shape = stage.shape((0.2, 1.0), hours=(14, 240))

    def belongs(one: Attempt) -> bool:
        return one.address.ip in addresses

    stage.claim("|".join(sorted(way.ip for way in office.egress)))
    stage.well_before(belongs, 10, may_precede=True)
    if not any(
        one.code == WELL and one.user.id in elsewhere and not belongs(one) for one in stage.open(lambda _: True)
    ):
        raise Barren
    stage.fertile(belongs, shape, devices=4)
    records = []
    if rng.random() < 0.4:
        at = shape.begins - stage.delay(20 * 60)
        records = changes.inspect_traffic(rng, at, by_admin(stage))
        records = records if rng.random() < 0.5 else [rng.choice(records)]
        stage.changes += records
    stage.strike("|".join(sorted(way.ip for way in office.egress)), belongs, shape)
    stage.keep_clear("Inspection authority", before=timedelta(hours=72))
    stage.keep_clear("Internet access profile", before=timedelta(hours=72))
    return stage.told("network_interception", f"network={label}", records)


def service_incident(stage: Stage) -> Incident:
    """Let the service fail for hours: for all, for one region, or for one kind of sign-in; it recovers by itself."""
    rng = stage.rng
    kind = rng.choice(["everything", "everything", "region", "silent"])
    countries = sorted({one.address.country for one in stage.open(lambda _: True)})
    country = rng.choice(countries) if countries else ""
    shape = stage.shape((0.3, 0.95), hours=(1.5, 7), restless=False)
    if rng.random() < 0.3:
        shape = replace(shape, ramp=(shape.ends - shape.begins) / 2)

    def belongs(one: Attempt) -> bool:
        return kind == "everything" or (one.address.country == country if kind == "region" else not one.interactive)

    hit = stage.open(belongs)
    if (
        len({one.user.id for one in hit}) < 8
        or len({one.address.asn for one in hit}) < 3
        or len({one.app.id for one in hit}) < 3
    ):
        raise Barren
    if kind == "region" and len(countries) < 2:
        raise Barren
    if len({one.device.platform.name for one in hit if one.device is not None}) < 2:
        raise Barren
    stage.claim("service", apart=timedelta(days=1))
    stage.fertile(belongs, shape, devices=4, spread=1)
    stage.strike("service", belongs, shape, retries=rng.choice([0.0, 0.1, 0.3]))
    for text in ("olicy", "Inspection authority", "Internet access profile"):
        stage.keep_clear(text, before=timedelta(hours=40))
    return stage.told("service_incident", "tenant=all" if kind == "everything" else f"tenant={kind}")


def algorithm_mismatch(stage: Stage) -> Incident:
    """Bring in a client that signs in a way that is not accepted, with an application of its own or a known one."""
    rng = stage.rng
    anew = rng.random() < 0.6
    made = App(guid(rng), guid(rng), guid(rng), words.product(rng), ours=rng.random() < 0.7, native=True)
    app = made if anew else rng.choice(stage.world.apps)
    client = f"{words.word(rng)}.Auth {words.build(rng, rng.randrange(4), 30)}" if rng.random() < 0.5 else ""
    agent = f"{words.word(rng).lower()}-client/{words.build(rng, rng.randrange(3), 9, 2)}"
    people = rng.sample(stage.world.users, min(rng.randrange(4, 20), len(stage.world.users)))
    shape = stage.shape((1.0, 1.0), hours=(24, 240), restless=rng.random() < 0.5)
    stage.claim(app.id, apart=timedelta(days=2))
    usual = stage.open(lambda one: one.user in people and one.device is not None, start=shape.begins)
    copied = [one for one in usual if rng.random() < rng.uniform(0.1, 0.35) and shape(one) > 0]
    tried = [replace(one, id=guid(rng), at=one.at + timedelta(minutes=rng.uniform(1, 9)), app=app) for one in copied]
    tried = [one for one in tried if one.at < shape.ends]
    if len([one for one in tried if one.at >= stage.since]) < 12 or len({one.user.id for one in tried}) < 3:
        raise Barren
    for one in tried:
        one.library, one.user_agent, one.native, one.broker = client, agent, True, ""
        one.policy = None
    if anew and rng.random() < 0.4:  # it appears in the directory first, which breaks nothing
        at = shape.begins - timedelta(hours=rng.uniform(0.3, 30))
        stage.changes += edits.add_principal(rng, at, app, by_admin(stage))
    stage.attempts += tried
    stage.refuse(tried, 1.0, retries=rng.choice([0.0, 0.3, 0.6]))
    stage.mark(app.id, lambda one: one.user_agent == agent, shape)
    for text in (app.id, app.object_id, app.principal_id):
        stage.keep_clear(text)
    return stage.told("algorithm_mismatch", f"app={app.id}" if anew else f"app={app.id} and client={client or agent}")


def token_forgery(stage: Stage) -> Incident:
    """Let somebody present JWTs without the key, in a burst or low and slow, from where no victim ever was."""
    rng = stage.rng
    source = rng.choice(stage.origin.strangers)
    if any(one.address.asn == source.asn for one in stage.attempts):
        raise Barren
    burst = rng.random() < 0.5
    shape = stage.shape((1.0, 1.0), hours=(0.3, 5) if burst else (40, 280), restless=False)
    addresses = [source.address(rng) for _ in range(rng.choice([1, 1, 2, 6, 40]))]
    victims = rng.sample(stage.world.users, min(rng.randrange(8, 45), len(stage.world.users)))
    apps = rng.sample(stage.world.apps, min(len(stage.world.apps), rng.randrange(1, 4)))
    risks = rng.choice([["none"], ["none", "medium", "high"], ["low", "high"]])
    agent = rng.choice(
        [f"{words.word(rng).lower()}-requests/{rng.randrange(1, 4)}.{rng.randrange(40)}", "curl/8.5.0", "", None]
    )
    silent = rng.random()
    presented = []
    for number in range(max(len(victims), rng.randrange(25, 130))):
        user = victims[number % len(victims)]
        at = shape.begins + rng.random() * (shape.ends - shape.begins)
        one = traffic.attempt(
            rng, at, user, user.devices[0], rng.choice(apps), _any(stage, addresses), interactive=rng.random() > silent
        )
        if agent is not None:
            one.user_agent, one.device = agent, None
        one.names_device, one.library, one.browser, one.broker, one.native = False, "", "", "", False
        one.risk = rng.choice(risks)
        presented.append(one)
    if sum(one.at >= stage.since for one in presented) < 20:
        raise Barren
    wrong = rng.choice([0.0, 0.2, 0.5])
    stage.attempts += presented
    stage.answer(presented[12:], wrong, ["50126", "50053"])
    stage.refuse([one for one in presented if one.code == WELL], 1.0, retries=0)
    stage.mark(source.asn, lambda one: one.address.asn == source.asn, shape)
    scope = f"ip={addresses[0].ip}" if len(addresses) == 1 else f"network=AS{source.asn}"
    return stage.told("token_forgery", scope)


def _any(stage: Stage, addresses: list[Address]) -> Address:
    return stage.rng.choice(addresses)


def _runs(one: Attempt, platform: str) -> bool:
    return one.device is not None and one.device.platform.name == platform


def _shows(one: Attempt, part: str) -> bool:
    """Tell whether the row of an attempt shows the build of a part: browsers show no library, libraries no browser."""
    if one.device is None or not getattr(one, part):
        return False
    return part == "system" or (not one.native if part == "browser" else bool(one.native))


def _id(device: Device) -> str:
    return device.id


WIDE_CAUSES: dict[str, Callable[[Stage], Incident]] = {
    cause.__name__: cause
    for cause in (client_version_regression, network_interception, service_incident, algorithm_mismatch, token_forgery)
}
