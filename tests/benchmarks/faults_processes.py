"""What befalls a process and the disk it writes to: no room, Ctrl-C, kill -9."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from pipeline.sandbox.faults import Fault

from . import faults_program as waits
from .faults_scene import Scene, eventually, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

    Play = Callable[[Random, Scene], list[int]]

_ROOM = 64 << 20


def full_disk(rng: Random, scene: Scene) -> list[int]:
    """Let the disk be full in the middle of a run: a small file system of its own, or a limit on files."""
    used = sum(file.stat().st_size for file in scene.folder.rglob("*"))
    with little_room(scene, used + rng.randrange(100_000, 2_400_000)):
        return [scene.pull()]


@contextmanager
def little_room(scene: Scene, most: int) -> Iterator[None]:
    """Let no more than so many bytes fit: into the folder where it is a file system of its own, else into a file."""
    if scene.mounted:
        resize(scene.folder, most)
        yield
        resize(scene.folder, _ROOM)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def mounted(folder: Path) -> bool:
    """Make a folder a file system of its own in memory, where this user may; tell whether it is one."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM},mode=0700", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0


def resize(folder: Path, size: int) -> None:
    """Change how many bytes fit into a folder that is a file system of its own."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)


def unmount(folder: Path) -> None:
    """Let a folder be an ordinary one again, empty."""
    subprocess.run(["umount", str(folder)], check=True)


def killed(command: Literal["pull", "nightly"], times: int, when: str) -> Play:
    """Kill up to so many processes in a row, at a random moment: while each lives, asks or publishes."""

    def play(rng: Random, scene: Scene) -> list[int]:
        codes = []
        for _ in range(rng.randint(1, times)):
            strike(rng, scene, process := scene.start(command), when)
            codes.append(wait_for(process))
        return codes

    return play


def interrupted(rng: Random, scene: Scene) -> list[int]:
    """Stop a pull as Ctrl-C does, while it asks, waits for an answer or lands; it must end in two seconds."""
    start = scene.asked_so_far()
    hanging = rng.randrange(3, 20)
    if rng.random() < 0.5:
        scene.workspace.schedule = lambda question: (
            Fault("delay", seconds=10 * waits.SILENCE) if question.number - start >= hanging else None
        )
    process = scene.start("pull")
    eventually(lambda: process.poll() is not None or scene.asked_so_far() > start + hanging // 2, 30)
    eventually(lambda: process.poll() is not None, rng.uniform(0, 0.5))
    process.send_signal(signal.SIGINT)
    struck = time.monotonic()
    code = wait_for(process)
    scene.slowest_stop = max(scene.slowest_stop, time.monotonic() - struck)
    return [code]


def strike(rng: Random, scene: Scene, process: subprocess.Popen[str], when: str) -> None:
    """Kill a process at a random moment of the kind ``when``."""
    start = scene.asked_so_far()
    nth = rng.randrange(0, 20)

    def dead() -> bool:
        return process.poll() is not None

    match when:
        case "lives":
            eventually(dead, rng.uniform(0.1, 3))
        case "asks":
            eventually(lambda: dead() or scene.asked_so_far() - start > nth, 30)
            eventually(dead, rng.uniform(0, 0.1))
        case "publishes":  # all is asked for; what comes then is made, put aside and renamed
            working = scene.folder / ".s.duckdb.working"
            eventually(lambda: dead() or scene.asked_so_far() > start, 30)
            report = scene.out / ".unfinished"
            eventually(lambda: dead() or (report.exists() if scene.out_is_used else scene.quiet_for(0.15)), 30)
            eventually(lambda: dead() or not working.exists(), rng.choice([rng.uniform(0, 0.3), rng.uniform(0, 1.5)]))
    if not dead():
        process.kill()
