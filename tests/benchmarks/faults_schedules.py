"""What goes wrong, drawn from a seed: a function a kind plays its faults on a scene and returns the runs' exit codes.

A function disturbs; it does not look at what became of the database. After it the scene is played without faults.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.sandbox.faults import Fault, status, throttle, unauthorized
from pipeline.sandbox.rows import Limits

from . import faults_program as waits
from .faults_processes import full_disk, interrupted, killed
from .faults_scene import HOST, LIMITS, UNTIL, Scene, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from pipeline.sandbox.faults import Question

    Play = Callable[[Random, Scene], list[int]]

_HANG = 1.5 * waits.SILENCE
_ORDINARY = [throttle(0), throttle(), status(503), Fault("reset_before_answer"), Fault("cut_body")]


def answers(*faults: Fault, most: int = 1000) -> Play:
    """Let requests meet one of the faults: few, many, or all from some moment on; ``most`` is the number of the hit."""

    def play(rng: Random, scene: Scene) -> list[int]:
        share = rng.choice([0.1, 0.3, 0.6])
        lasting = rng.randrange(30) if rng.random() < 0.25 and most > 5 else None
        hit = {n: rng.choice(faults) for n in range(120) if rng.random() < share}
        also = {n: rng.choice(_ORDINARY) for n in range(120) if rng.random() < 0.03}
        chosen = also | dict(list(hit.items())[:most])

        def schedule(question: Question) -> Fault | None:
            if lasting is not None and question.number - start >= lasting:
                return faults[0]
            return chosen.get(question.number - start)

        start = scene.asked_so_far()
        scene.workspace.schedule = schedule
        return [scene.pull()]

    return play


def too_large(rng: Random, scene: Scene) -> list[int]:
    """Change, in the middle of a run, how much an answer may hold: PartialErrors of size."""
    sizes = {n: rng.choice([5, 10, 20, 40]) for n in range(60) if rng.random() < 0.3}
    start = scene.asked_so_far()

    def schedule(question: Question) -> Fault | None:
        scene.workspace.limits = Limits(rows=sizes.get(question.number - start, LIMITS.rows))
        return None

    scene.workspace.schedule = schedule
    return [scene.pull()]


def expired_token(rng: Random, scene: Scene) -> list[int]:
    """Let the token be refused after some requests, once or more often; mostly a fresh one is accepted."""
    start = scene.asked_so_far()
    expiries = {rng.randrange(1, 40) for _ in range(rng.randint(1, 3))}
    for_good = rng.random() < 0.2

    def schedule(question: Question) -> Fault | None:
        number = question.number - start
        if for_good and number > min(expiries):
            return unauthorized()
        if number in expiries:
            scene.workspace.token = f"token-{question.number}"
            return unauthorized()
        return None

    scene.workspace.schedule = schedule
    return [scene.pull()]


def no_names(rng: Random, scene: Scene) -> list[int]:
    """Let the service's name be unknown for some look-ups, from the beginning or in the middle; connections break."""
    start = scene.asked_so_far()
    begins = rng.choice([0, rng.randrange(1, 30)])
    failing = rng.choice([1, 3, 6, 1000])
    failures = 0
    resolve = socket.getaddrinfo

    def resolver(host: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal failures
        if host != HOST:
            return resolve(host, *args, **kwargs)
        if scene.asked_so_far() - start >= begins and failures < failing:
            failures += 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve("127.0.0.1", *args, **kwargs)

    def schedule(question: Question) -> Fault | None:
        return Fault("reset_before_answer") if 0 <= question.number - start - begins < 5 else None

    scene.workspace.schedule = schedule
    scene.endpoint = scene.workspace.url.replace("127.0.0.1", HOST)
    socket.getaddrinfo = resolver
    try:
        return [scene.pull()]
    finally:
        socket.getaddrinfo = resolve
        scene.endpoint = ""


def jumping_clock(rng: Random, scene: Scene) -> list[int]:
    """Let the process's clock jump by hours while it works, forwards and backwards, beside ordinary faults."""
    jumps = ",".join(f"{rng.uniform(0.4, 2):.2f}:{rng.choice([-30, -5, -1, 1, 5, 30])}" for _ in range(3))
    start = scene.asked_so_far()
    also = {n: rng.choice(_ORDINARY) for n in range(60) if rng.random() < 0.2}
    scene.workspace.schedule = lambda question: also.get(question.number - start)
    return [wait_for(scene.start("pull", jumps=jumps))]


def wrong_clock(rng: Random, scene: Scene) -> list[int]:
    """Let a run's clock be wrong by hours, half a day before the last run, whose clock is right."""
    now = UNTIL - timedelta(hours=12)
    scene.serve_as_of(now)
    wrong = now + rng.choice([-9, -4, 2, 4, 9]) * timedelta(hours=1)
    code = scene.pull(clock=wrong)
    scene.serve_as_of(UNTIL)
    return [code]


KINDS: dict[str, Play] = {
    "429 with Retry-After": answers(throttle(0), throttle(1), most=20),
    "429": answers(throttle()),
    "500": answers(status(500)),
    "502": answers(status(502)),
    "503": answers(status(503)),
    "504": answers(status(504)),
    "time-out": answers(Fault("delay", seconds=_HANG), most=3),
    "time-out in the body": answers(Fault("stall_in_body", stalls=_HANG), most=3),
    "reset before the answer": answers(Fault("reset_before_answer")),
    "reset in the body": answers(Fault("reset_in_body")),
    "body cut short": answers(Fault("cut_body"), Fault("cut_body_unannounced")),
    "malformed JSON": answers(Fault("malformed_json")),
    "PartialError of size": too_large,
    "PartialError": answers(Fault("partial_error")),
    "expired token": expired_token,
    "no name resolution": no_names,
    "jumping clock": jumping_clock,
    "wrong clock": wrong_clock,
    "full disk": full_disk,
    "Ctrl-C": interrupted,
    "all at once": answers(
        *_ORDINARY, status(500), status(502), status(504), Fault("partial_error"), Fault("reset_in_body")
    ),
    "kill -9, pull": killed("pull", 1, "lives"),
    "kill -9, pull, between questions": killed("pull", 1, "asks"),
    "kill -9, pull, several in a row": killed("pull", 3, "asks"),
    "kill -9, pull, while it publishes": killed("pull", 1, "publishes"),
    "kill -9, nightly": killed("nightly", 2, "lives"),
    "kill -9, nightly, while it publishes": killed("nightly", 1, "publishes"),
}
