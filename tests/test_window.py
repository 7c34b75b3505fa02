"""Windows of time: what a user may type, and how a window is cut and put together."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.window import (
    HOUR,
    Window,
    hour_ceiling,
    hour_floor,
    hours,
    parse_duration,
    parse_moment,
    runs_of_hours,
)

NOON = datetime(2026, 10, 31, 12)
MINUTE = timedelta(minutes=1)

moments = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2030, 1, 1))
lengths = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=40))
windows = st.builds(lambda start, length: Window(start, start + length), moments, lengths)
starts_of_hours = st.integers(min_value=0, max_value=60).map(lambda hour: NOON + hour * HOUR)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("14d", timedelta(days=14)),
        ("36h", timedelta(hours=36)),
        ("90m", timedelta(minutes=90)),
        ("2w", timedelta(weeks=2)),
        (" 14D ", timedelta(days=14)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, means: timedelta) -> None:
    assert parse_duration(text, "--lookback") == means


@pytest.mark.parametrize("text", ["", "14", "d", "-1d", "1.5h", "14 days", "99999999999d", "١4x"])  # noqa: RUF001 a foreign digit is the point
def test_what_is_no_duration_is_wrong_usage_of_the_option_named(text: str) -> None:
    with pytest.raises(UsageError, match="--lookback"):
        parse_duration(text, "--lookback")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("2026-10-31T08:15:00Z", datetime(2026, 10, 31, 8, 15)),
        ("2026-10-31T08:15:00+02:00", datetime(2026, 10, 31, 6, 15)),
        ("2026-10-31T22:15:00-05:00", datetime(2026, 11, 1, 3, 15)),
        ("2026-10-31T08:15:00", datetime(2026, 10, 31, 8, 15)),
        ("2026-10-31 08:15", datetime(2026, 10, 31, 8, 15)),
        ("2026-10-31", datetime(2026, 10, 31)),
        ("36h", datetime(2026, 10, 30)),
    ],
)
def test_a_moment_is_iso_8601_in_utc_or_a_duration_before_another(text: str, means: datetime) -> None:
    assert parse_moment(text, "--until", NOON) == means


@pytest.mark.parametrize("text", ["", "yesterday", "31.10.2026", "2026-13-01", "999999w", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_moment_is_wrong_usage_of_the_option_named(text: str) -> None:
    with pytest.raises(UsageError, match="--until"):
        parse_moment(text, "--until", NOON)


@given(moments)
def test_a_moment_lies_in_the_hour_from_its_floor(moment: datetime) -> None:
    assert hour_floor(moment) <= moment < hour_floor(moment) + HOUR


@given(moments)
def test_the_ceiling_is_the_first_full_hour_not_before(moment: datetime) -> None:
    assert hour_ceiling(moment) - HOUR < moment <= hour_ceiling(moment) == hour_floor(hour_ceiling(moment))


def test_a_window_touches_the_hours_that_it_begins_and_ends_in() -> None:
    window = Window(NOON + 30 * MINUTE, NOON + 2 * HOUR + MINUTE)
    assert list(hours(window)) == [NOON, NOON + HOUR, NOON + 2 * HOUR]


def test_the_hour_at_which_a_window_ends_is_outside() -> None:
    assert list(hours(Window(NOON, NOON + HOUR))) == [NOON]


@given(windows)
def test_the_hours_of_a_window_put_together_cover_it_from_floor_to_ceiling(window: Window) -> None:
    assert runs_of_hours(hours(window)) == [Window(hour_floor(window.start), hour_ceiling(window.end))]


def test_hours_with_a_gap_between_them_are_two_windows() -> None:
    assert runs_of_hours([NOON + 3 * HOUR, NOON, NOON + HOUR, NOON]) == [
        Window(NOON, NOON + 2 * HOUR),
        Window(NOON + 3 * HOUR, NOON + 4 * HOUR),
    ]


@given(st.lists(starts_of_hours))
def test_windows_of_hours_hold_those_hours_and_no_others(starts: list[datetime]) -> None:
    merged = runs_of_hours(starts)
    assert [hour for window in merged for hour in hours(window)] == sorted(set(starts))
    assert all(left.end < right.start for left, right in pairwise(merged))
