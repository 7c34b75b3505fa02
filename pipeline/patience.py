"""How long a run waits for a service that is busy, broken or away: backoff, a budget, and one pause for all.

Shared by the threads that ask. What a refusal means, and what is asked again, is decided elsewhere.
"""

from __future__ import annotations

import random
import threading
import time

BUDGET = (
    225.0  # seconds without an answer after which a run gives up; a service not reached is told within four minutes
)
FIRST_CONTACT = 30.0  # seconds for a service that never answered: most likely the address is wrong
LONGEST_WAIT = 30.0


class Patience:
    """The waiting of one run.

    Waits double from one second up to half a minute, each drawn between half and all of that, so that threads do not
    come back together (full jitter halves the load after an outage: exponential backoff and jitter, AWS 2015).
    """

    def __init__(self, budget: float = BUDGET, first_contact: float = FIRST_CONTACT, first_wait: float = 1.0) -> None:
        self._budget = budget
        self._first_contact = first_contact
        self._first_wait = first_wait
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._contacted = False
        self._progress_at = time.monotonic()
        self._paused_until = 0.0

    def answered(self) -> None:
        """Note that the service answered, which fills the budget again."""
        with self._lock:
            self._contacted = True
            self._progress_at = time.monotonic()

    def worn(self) -> bool:
        """Tell whether over half of the budget has passed without an answer: too much for another slow question."""
        return self._silence() > self._budget / 2

    def spent(self) -> bool:
        """Tell whether the whole budget has passed without an answer."""
        return self._silence() >= self._budget

    def _silence(self) -> float:
        with self._lock:
            return time.monotonic() - self._progress_at

    def give_up(self) -> None:
        """End every wait at once."""
        self._ended.set()

    def wait_turn(self) -> bool:
        """Wait while the service asked everybody for a pause; False when the run has ended meanwhile."""
        while (rest := self._paused_until - time.monotonic()) > 0:
            if self._ended.wait(rest):
                return False
        return not self._ended.is_set()

    def wait_again(self, tries: int, retry_after: float | None, contact: bool) -> bool:
        """Wait before another try; False when that would outlast the budget, or the run has ended meanwhile.

        ``retry_after`` (seconds, from the service) pauses every thread; ``contact`` tells whether anybody answered.
        """
        with self._lock:
            now = time.monotonic()
            self._contacted = self._contacted or contact
            budget = self._budget if self._contacted else min(self._budget, self._first_contact)
            left = self._progress_at + budget - now
            if retry_after is not None:
                if retry_after > left:
                    return False
                self._paused_until = max(self._paused_until, now + retry_after)
                return True
        # the jitter spreads load and guards nothing
        delay = min(LONGEST_WAIT, self._first_wait * 2 ** (tries - 1)) * random.uniform(0.5, 1.0)  # noqa: S311
        return delay <= left and not self._ended.wait(delay)
