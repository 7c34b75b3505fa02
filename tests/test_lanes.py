"""Sizing windows: everything is asked for once, little is wasted, and only answers decide."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lanes import IDEAL_ROWS, LONGEST, SHORTEST, USUAL, Lane, weight
from pipeline.window import HOUR, Window, hour_floor

if TYPE_CHECKING:
    from collections.abc import Callable

MONDAY = datetime(2026, 11, 2)
FORTNIGHT = Window(MONDAY, MONDAY + timedelta(days=14))


def office_hours(moment: datetime) -> float:
    """Return the records an hour of a tenant that works from eight to six, and hardly at weekends."""
    busy = 8 <= moment.hour < 18 and moment.weekday() < 5
    return 1000.0 if busy else 20.0


@dataclass
class Service:
    """A service that holds so many records an hour and cuts answers at ``limit`` records."""

    rate: Callable[[datetime], float]
    limit: int
    answered: list[Window] = field(default_factory=list)
    cut: list[Window] = field(default_factory=list)
    given_up: list[Window] = field(default_factory=list)

    def work_off(self, lane: Lane) -> None:
        while windows := lane.next_round():
            for window in windows:
                records = self.records(window)
                if records.total() <= self.limit:
                    self.answered.append(window)
                    lane.answered(window, weight(records.total(), 0), records)
                elif lane.too_large(window, weight(self.limit, 0)):
                    self.cut.append(window)
                else:
                    self.given_up.append(window)

    def records(self, window: Window) -> Counter[datetime]:
        records: Counter[datetime] = Counter()
        moment = window.start
        while moment < window.end:
            records[hour_floor(moment)] += round(self.rate(moment) / 6)
            moment += SHORTEST
        return records


def lane(*pending: Window) -> Lane:
    return Lane("workspace", "SigninLogs", list(pending), width=5)


def test_without_limits_on_the_way_a_table_is_asked_day_by_day() -> None:
    service = Service(office_hours, limit=500_000)
    service.work_off(lane(FORTNIGHT))
    assert [window.length for window in service.answered] == [USUAL] * 14


def test_a_table_with_hardly_anything_in_it_is_asked_for_several_days_at_once_after_the_first() -> None:
    service = Service(lambda _: 60.0, limit=500_000)
    service.work_off(lane(FORTNIGHT))
    assert [window.length for window in service.answered] == [USUAL, *[LONGEST] * 3, USUAL]


def test_several_days_would_fit_though_they_brought_ten_times_as_much() -> None:
    service = Service(lambda moment: 60.0 if moment.day == MONDAY.day else 600.0, limit=IDEAL_ROWS)
    service.work_off(lane(FORTNIGHT))
    assert service.cut == []


def test_the_first_round_is_one_window_alone() -> None:
    assert len(lane(FORTNIGHT).next_round()) == 1


def test_windows_shrink_to_what_an_answer_should_hold() -> None:
    service = Service(lambda _: 30_000.0, limit=500_000)
    service.work_off(lane(FORTNIGHT))
    assert service.cut == [Window(MONDAY, MONDAY + USUAL)]
    learned = service.answered[10:]
    assert max(service.records(window).total() for window in learned) <= IDEAL_ROWS


def test_limits_a_hundred_times_tighter_waste_less_than_a_third() -> None:
    service = Service(office_hours, limit=5_000)
    service.work_off(lane(FORTNIGHT))
    assert service.given_up == []
    assert len(service.cut) < (len(service.cut) + len(service.answered)) / 3


def test_a_window_that_cannot_be_cut_further_is_given_up() -> None:
    service = Service(lambda _: 600.0, limit=10)
    service.work_off(lane(Window(MONDAY, MONDAY + HOUR)))
    assert service.answered == []
    assert service.given_up == [Window(MONDAY + part * SHORTEST, MONDAY + (part + 1) * SHORTEST) for part in range(6)]


def test_the_tail_is_asked_last_and_whole() -> None:
    with_tail = Lane("workspace", "SigninLogs", [Window(MONDAY, MONDAY + HOUR)], tail=FORTNIGHT, width=5)
    service = Service(lambda _: 0.0, limit=10)
    service.work_off(with_tail)
    assert service.answered == [Window(MONDAY, MONDAY + HOUR), FORTNIGHT]


def test_a_closed_lane_returns_what_was_not_asked() -> None:
    closing = lane(FORTNIGHT)
    (first,) = closing.next_round()
    closing.failed(first)
    assert closing.close() == [Window(first.end, FORTNIGHT.end)]
    assert closing.next_round() == []
    assert closing.share == 1.0


@settings(deadline=None)
@given(
    rates=st.lists(st.integers(0, 5_000), min_size=24, max_size=24),
    limit=st.integers(200, 20_000),
    spans=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=4),
)
def test_every_moment_is_answered_once_or_given_up(rates: list[int], limit: int, spans: list[tuple[int, int]]) -> None:
    pending, start = [], MONDAY
    for gap, length in spans:
        start += gap * HOUR + HOUR
        pending.append(Window(start, start + length * HOUR))
        start += length * HOUR
    service = Service(lambda moment: float(rates[moment.hour]), limit)
    service.work_off(lane(*pending))
    settled = sorted(service.answered + service.given_up)
    assert sum((window.length for window in settled), timedelta()) == sum(
        (window.length for window in pending), timedelta()
    )
    assert all(before.end <= after.start for before, after in pairwise(settled))
    assert all(any(p.start <= w.start and w.end <= p.end for p in pending) for w in settled)


@given(order=st.permutations(range(5)))
def test_the_order_in_which_answers_come_decides_nothing(order: list[int]) -> None:
    def next_sizes(sequence: list[int]) -> list[Window]:
        asked = lane(FORTNIGHT)
        (first,) = asked.next_round()
        asked.answered(first, 0.5, {first.start: 10})
        windows = asked.next_round()
        for number in sequence:
            if number % 2:
                asked.too_large(windows[number], 0.1 * (number + 1))
            else:
                asked.answered(windows[number], 0.2 * number, {windows[number].start: number})
        return asked.next_round()

    assert next_sizes(order) == next_sizes(list(range(5)))
