"""How long a run waits: told by a clock that only waiting moves."""

from __future__ import annotations

import random
import threading
import time

import pytest

from pipeline.patience import BUDGET, FIRST_CONTACT, LONGEST_WAIT, Patience


class Clock:
    """A clock that stands still but for waiting, which it remembers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def read(self) -> float:
        return self.now

    def wait(self, event: threading.Event, timeout: float) -> bool:
        self.waits.append(timeout)
        self.now += timeout
        return event.is_set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.read)
    monkeypatch.setattr(threading.Event, "wait", lambda event, timeout: clock.wait(event, timeout))
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    return clock


def try_until_refused(patience: Patience, contact: bool) -> int:
    tries = 1
    while patience.wait_again(tries, None, contact):
        tries += 1
        assert tries < 1000
    return tries


def test_waits_double_up_to_the_longest(clock: Clock) -> None:
    patience = Patience()
    patience.answered()
    assert all(patience.wait_again(tries, None, contact=True) for tries in range(1, 8))
    assert clock.waits == [1, 2, 4, 8, 16, LONGEST_WAIT, LONGEST_WAIT]


def test_a_wait_is_drawn_between_half_and_all_of_it(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(random, "uniform", lambda least, _: least)
    assert Patience().wait_again(3, None, contact=False)
    assert clock.waits == [2.0]


def test_a_service_that_never_answered_is_given_up_after_first_contact(clock: Clock) -> None:
    began = clock.now
    try_until_refused(Patience(), contact=False)
    assert FIRST_CONTACT / 2 <= clock.now - began <= FIRST_CONTACT


def test_a_service_that_only_refuses_is_given_up_within_the_budget_and_told_within_four_minutes(clock: Clock) -> None:
    began = clock.now
    try_until_refused(Patience(), contact=True)
    assert BUDGET - LONGEST_WAIT <= clock.now - began <= BUDGET < 240


def test_an_answer_fills_the_budget_again(clock: Clock) -> None:
    patience = Patience()
    try_until_refused(patience, contact=True)
    patience.answered()
    began = clock.now
    try_until_refused(patience, contact=False)
    assert clock.now - began > BUDGET - LONGEST_WAIT


def test_a_refusal_does_not_fill_the_budget_again(clock: Clock) -> None:
    patience = Patience()
    try_until_refused(patience, contact=True)
    assert not patience.wait_again(5, None, contact=True)


def test_patience_is_worn_after_half_of_the_budget_without_an_answer_and_spent_after_all_of_it(clock: Clock) -> None:
    patience = Patience()
    told = []
    for _ in range(3):
        told.append((patience.worn(), patience.spent()))
        clock.now += BUDGET / 2 + 1
    assert told == [(False, False), (True, False), (True, True)]
    patience.answered()
    assert not patience.worn()


def test_a_retry_after_pauses_everybody_for_as_long_as_the_service_asked(clock: Clock) -> None:
    patience = Patience()
    assert patience.wait_again(1, 7.0, contact=True)
    assert clock.waits == []
    assert patience.wait_turn()
    assert clock.waits == [7.0]


def test_the_longer_of_two_pauses_holds(clock: Clock) -> None:
    patience = Patience()
    patience.wait_again(1, 20.0, contact=True)
    patience.wait_again(1, 2.0, contact=True)
    assert patience.wait_turn()
    assert clock.waits == [20.0]


def test_without_a_pause_a_turn_comes_at_once(clock: Clock) -> None:
    assert Patience().wait_turn()
    assert clock.waits == []


def test_a_pause_that_would_outlast_the_budget_is_not_waited_for(clock: Clock) -> None:
    patience = Patience()
    patience.answered()
    assert not patience.wait_again(1, BUDGET + 1, contact=True)
    assert clock.waits == []


def test_after_giving_up_nobody_gets_a_turn_and_nobody_tries_again(clock: Clock) -> None:
    patience = Patience()
    patience.give_up()
    assert not patience.wait_turn()
    assert not patience.wait_again(1, None, contact=True)


def test_giving_up_ends_a_wait_that_is_under_way() -> None:
    patience = Patience(first_wait=LONGEST_WAIT)
    patience.answered()
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(patience.wait_again(1, None, contact=True)))
    waiting.start()
    patience.give_up()
    waiting.join(timeout=5)
    assert answers == [False]
