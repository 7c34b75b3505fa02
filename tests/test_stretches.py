"""How the stretches are found that explain failures together: arithmetic that can be done by hand."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stories import BY_CAUSE, SINCE, UNTIL

from pipeline import choices, ground, incidents, stretches

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from pipeline.ground import Ground

_WORTHS = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 0)), min_size=1, max_size=8)


@given(st.lists(_WORTHS, max_size=5))
def test_the_best_stretch_that_ends_somewhere_is_the_best_of_all_that_do(groups: list[list[tuple[int, int]]]) -> None:
    rows = [(group, gain, gap) for group, worths in enumerate(groups) for gain, gap in worths]
    frame = pl.DataFrame(rows, {"group": pl.UInt32, "gain": pl.Int64, "gap": pl.Int64}, orient="row")
    best = ground.best_ending(frame.select("gain", "gap"), frame["group"])
    for last, (first, worth) in enumerate(best.iter_rows()):
        begins = [at for at in range(last + 1) if rows[at][0] == rows[last][0]]
        worths = {
            at: sum(row[1] for row in rows[at : last + 1]) + sum(row[2] for row in rows[at + 1 : last + 1])
            for at in begins
        }
        assert worth == max(worths.values()) == worths[first]


@given(st.lists(st.lists(st.integers(-9, 9), min_size=1), min_size=1))
def test_runs_are_added_up_each_by_itself(runs: list[list[int]]) -> None:
    each, ends = pl.Series(list(chain.from_iterable(runs))), pl.Series([len(run) for run in runs]).cum_sum()
    assert ground.run_sums(each, ends).to_list() == [sum(run) for run in runs]


@pytest.fixture
def known(landed: Callable[..., duckdb.DuckDBPyConnection], monkeypatch: pytest.MonkeyPatch) -> Ground:
    """What is counted of a night on which a network refuses everybody, and two people are refused for good."""
    story = BY_CAUSE["network_interception"]()
    story.refuse(lambda record: record["UserId"] in {"user-3", "user-5"}, until=UNTIL)
    con = landed(*story.pages(), workspace_id="w")
    seen: list[Ground] = []
    choose = stretches.choose

    def looked_at(con: duckdb.DuckDBPyConnection) -> None:
        seen.append(ground.counted(con))
        choose(con)

    monkeypatch.setattr(stretches, "choose", looked_at)
    incidents.find(con, SINCE, UNTIL)
    return seen[0]


def test_what_is_chosen_explains_more_than_nothing_and_than_any_part_of_it(known: Ground) -> None:
    chosen = stretches.best_together(known)
    nothing = choices.explaining(known, pl.DataFrame(schema=choices.STRETCH))
    worth = choices.worth(known, chosen)
    assert worth > choices.worth(known, nothing)
    for place in range(chosen.stretches.height):
        assert worth > choices.worth(known, choices.without(known, chosen, place))


def test_a_failure_that_two_stretches_cover_is_as_likely_as_that_either_causes_it(known: Ground) -> None:
    widest = known.scopes.with_row_index("scope").sort(pl.col("end") - pl.col("begin")).tail(2)
    both = widest.select("scope", first="begin", last=pl.col("end") - 1, p=pl.Series([0.5, 0.2])).cast(choices.STRETCH)
    chosen = choices.explaining(known, both)
    twice = chosen.covers.group_by("failure").len().filter(pl.col("len") == 2)["failure"]
    assert not twice.is_empty()
    expected = 1 - (1 - chosen.floor) * 0.5 * 0.8
    assert all(math.isclose(chance, expected, abs_tol=1e-8) for chance in chosen.chances.gather(twice))


def test_a_stretch_cut_too_short_is_lengthened_to_where_its_failures_lie(known: Ground) -> None:
    whole = stretches.best_together(known)
    largest = whole.stretches.select(pl.all().sort_by(pl.col("last") - pl.col("first"))).tail(1)
    cut = choices.explaining(known, largest.with_columns(last=pl.col("first") + 1))
    longer = stretches._cut_anew(known, cut)
    assert longer is not None
    scope, first, last = longer.stretches.select("scope", "first", "last").row(0)
    assert scope == largest["scope"].item()
    assert last > cut.stretches["last"].item()
    assert first <= cut.stretches["first"].item()
