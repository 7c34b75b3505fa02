"""The ground on which incidents are staged: ordinary traffic, and ways to make a part of it fail.

An incident takes attempts that would have succeeded and lets their signature be refused, retries included. An attempt
belongs to one incident at most. Which attempts, when and why is the business of ``incidents``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.sandbox import traffic
from pipeline.sandbox.traffic import WELL, Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from random import Random

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.population import Device, User, World

REFUSED = "50099"
AT_LEAST = 8  # failures an incident, else it is none


@dataclass(frozen=True)
class Incident:
    """The truth about one incident: what to find, where, since when, and what it did.

    ``failures`` are Ids of sign-ins, ``changes`` Ids of the AuditLogs records any of which brought it about.
    """

    cause: str
    scope: str
    started_at: datetime
    ended_at: datetime
    failures: tuple[str, ...]
    changes: tuple[str, ...]


@dataclass
class Scene:
    """One incident in the making, between ``onset`` and ``end``, upon everything that happens in the tenant.

    ``number`` marks its attempts; ``taken`` are the ids of devices, applications, networks that have an incident.
    """

    rng: Random
    world: World
    onset: datetime
    end: datetime
    attempts: list[Attempt]
    changes: list[Change]
    number: int
    taken: set[str] = field(default_factory=set)

    def open(
        self,
        belongs: Callable[[Attempt], bool],
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> list[Attempt]:
        """Find the successes that could still fail, from ``start`` (the onset) to ``end``, in order."""
        start, end = start or self.onset, end or self.end
        return [
            one
            for one in self.attempts
            if start <= one.at < end and one.code == WELL and one.incident is None and belongs(one)
        ]

    def refuse(
        self, attempts: Sequence[Attempt], share: float | Callable[[Attempt], float], *, retries: float = 0.3
    ) -> None:
        """Refuse about ``share`` of ``attempts``, a part of them again within minutes, and AT_LEAST altogether.

        A share may differ from attempt to attempt. Raises ValueError where there is nothing to refuse.
        """
        if not attempts:
            raise ValueError(f"the tenant is too small for incident {self.number}: nothing signs in where it is staged")
        chances = [share(one) if callable(share) else share for one in attempts]
        chosen = [one for one, chance in zip(attempts, chances, strict=True) if self.rng.random() < chance]
        chosen = chosen or [attempts[0]]
        failed = len(chosen)
        for one in chosen:
            self._refuse(one)
            while self.rng.random() < retries:
                self._retry(one)
                failed += 1
        for _ in range(failed, AT_LEAST):
            self._retry(self.rng.choice(chosen))

    def answer(self, attempts: Iterable[Attempt], share: float, codes: Sequence[str]) -> None:
        """Give about ``share`` of ``attempts`` one of the neighbouring ``codes`` instead."""
        for one in attempts:
            if one.code == WELL and self.rng.random() < share:
                one.code = self.rng.choice(codes)
                one.names_device = False

    def busiest(self, devices: Iterable[tuple[Device, User]]) -> tuple[Device, User]:
        """Pick, of the devices that no incident is about yet, one of the five that sign in most in the time."""
        count = Counter(one.device.id for one in self.open(lambda _: True) if one.device is not None)
        free = [pair for pair in devices if pair[0].id not in self.taken]
        ranked = sorted(free, key=lambda pair: (-count[pair[0].id], pair[0].id))
        device, user = self.rng.choice(ranked[:5])
        self.taken.add(device.id)
        return device, user

    def told(self, cause: str, scope: str, changes: Sequence[Change] = ()) -> Incident:
        """Sum up what was staged."""
        failed = sorted((one for one in self.attempts if self._is_failure(one)), key=lambda one: (one.at, one.id))
        return Incident(
            cause=cause,
            scope=scope,
            started_at=failed[0].at,
            ended_at=failed[-1].at,
            failures=tuple(one.id for one in failed),
            changes=tuple(change.id for change in changes),
        )

    def _is_failure(self, one: Attempt) -> bool:
        return one.incident == self.number and one.code == REFUSED

    def _refuse(self, one: Attempt) -> None:
        one.code = REFUSED
        one.incident = self.number

    def _retry(self, first: Attempt) -> None:
        self.attempts.append(traffic.again(self.rng, first, timedelta(seconds=self.rng.uniform(15, 400))))
