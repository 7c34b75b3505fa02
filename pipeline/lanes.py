"""How large the next windows of one table are: from what its earlier windows returned, never from timing.

A lane is one table of one workspace, with the stretches of arrival time still to be asked. It hands out windows in
rounds and sizes each round from the answers of all rounds before it: the same answers give the same windows, however
they were timed. No I/O and no clock enter here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.window import HOUR, Window, hours

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

USUAL = timedelta(days=1)  # the longest window, but of a table that has hardly anything in it
LONGEST = timedelta(days=4)  # of such a table: it would fit though each hour brought many times what any has brought
_MANY_TIMES = 10
SHORTEST = timedelta(minutes=10)  # the smallest window that is asked before an hour is called incomplete
# An answer of so many rows or bytes is as large as we want one: a fifth of the service's 500,000 rows, a quarter of the
# 64,000,000 bytes at which it stops, because several answers are in memory at once.
IDEAL_ROWS = 100_000
IDEAL_BYTES = 16_000_000
_MARGIN = 0.7  # of what a cut answer held: a busier day than the last must still fit
# Two cut answers of about the same size show the service's limit; one may have been cut for any reason, and a cut of a
# hundredth of the ideal is no limit that a service has.
_SAME = 0.1
_LEAST_LIMIT = 0.01


def weight(rows: int, size: int) -> float:
    """Return how large an answer of so many rows and bytes is, where 1 is as large as we want one."""
    return max(rows / IDEAL_ROWS, size / IDEAL_BYTES)


@dataclass
class Lane:
    """The stretches of one table that are still to be asked, and what its answers have taught about their size.

    ``tail`` is asked last and whole: the time that has hardly begun, which is almost always empty. ``width`` is the
    number of windows in a round once the table has answered; until then one window alone tells what it is like.
    """

    workspace_id: str
    table: str
    pending: list[Window]
    tail: Window | None = None
    width: int = 1
    cut: list[tuple[Window, int]] = field(default_factory=list)  # windows asked in vain, and the requests they took
    _rhythm: dict[int, float] = field(default_factory=dict)  # the most weight that each hour of the day has brought
    _capacity: float = 1.0  # the weight that an answer may have
    _under_way: int = 0
    _cuts: list[float] = field(default_factory=list)
    has_answered: bool = False
    rows: int = 0  # that its answers brought
    _done: timedelta = timedelta()
    _total: timedelta = field(init=False)

    def __post_init__(self) -> None:
        self._total = sum((window.length for window in self.pending), timedelta())

    @property
    def share(self) -> float:
        """How much of the lane's time is answered or given up, from 0 to 1."""
        return min(1.0, self._done / self._total) if self._total else 1.0

    @property
    def idle(self) -> bool:
        """Whether every window that was handed out has been answered or has failed."""
        return self._under_way == 0

    def next_round(self) -> list[Window]:
        """Hand out the next windows; none when everything has been asked."""
        windows: list[Window] = []
        while self.pending and len(windows) < (self.width if self.has_answered else 1):
            stretch = self.pending.pop(0)
            window = Window(stretch.start, self._end(stretch))
            if window.end < stretch.end:
                self.pending.insert(0, Window(window.end, stretch.end))
            windows.append(window)
        if not windows and self.tail:
            windows, self.tail = [self.tail], None
        self._under_way = len(windows)
        return windows

    def answered(self, window: Window, answer_weight: float, arrivals: Mapping[datetime, int]) -> None:
        """Learn from a whole answer of which ``arrivals`` tells how many records each hour brought."""
        self._settled(window)
        self.has_answered = True
        records = sum(arrivals.values())
        self.rows += records
        for hour in hours(window):
            asked = min(hour + HOUR, window.end) - max(hour, window.start)
            share = arrivals.get(hour, 0) / records if records else 0.0
            self._expect(hour, share * answer_weight / (asked / HOUR))

    def too_large(self, window: Window, cut_weight: float) -> bool:
        """Learn from an answer cut at ``cut_weight`` (0 where nothing came), and ask again in shorter windows.

        Return False where the window is too short to be cut, and is given up.
        """
        if window.length <= SHORTEST:
            self._settled(window)
            return False
        self._under_way -= 1
        if cut_weight > _LEAST_LIMIT:
            if any(abs(cut_weight - other) <= _SAME * other for other in self._cuts):
                self._capacity = min(self._capacity, _MARGIN * cut_weight)
            self._cuts.append(cut_weight)
        for hour in hours(window):
            self._expect(hour, max(2 * self._capacity, cut_weight) / (window.length / HOUR))
        self.pending = sorted([*self.pending, window])
        return True

    def failed(self, window: Window) -> None:
        """Note that a window will not be answered in this run, for a reason that is not its size."""
        self._settled(window)

    def close(self) -> list[Window]:
        """Give up the rest of the lane, and return what was not asked."""
        rest = [*self.pending, *([self.tail] if self.tail else [])]
        self.pending, self.tail = [], None
        self._done = self._total
        return rest

    def _settled(self, window: Window) -> None:
        self._under_way -= 1
        self._done += window.length

    def _expect(self, hour: datetime, at_least: float) -> None:
        self._rhythm[hour.hour] = max(self._rhythm.get(hour.hour, 0.0), at_least)

    def _end(self, stretch: Window) -> datetime:
        """Return where a window from the beginning of a stretch should end, so that its answer fits."""
        limit = min(stretch.end, stretch.start + USUAL)
        if not self._rhythm:
            return limit
        busiest = max(self._rhythm.values())  # what an hour of the day may bring that no answer has shown yet
        room = self._capacity
        if busiest * _MANY_TIMES * (LONGEST / HOUR) <= room:
            return min(stretch.end, stretch.start + LONGEST)
        for hour in hours(Window(stretch.start, limit)):
            expected = self._rhythm.get(hour.hour, busiest)
            if expected > room:
                if hour > stretch.start:
                    return hour
                return min(limit, stretch.start + _part(HOUR * self._capacity / expected, stretch.start))
            room -= expected
        return limit


def _part(length: timedelta, start: datetime) -> timedelta:
    """Return the longest of 30, 20 or 10 minutes that is at most ``length`` and ends within the hour."""
    left = HOUR - timedelta(minutes=start.minute)
    return next((part for part in (HOUR / 2, HOUR / 3) if part <= min(length, left)), SHORTEST)
