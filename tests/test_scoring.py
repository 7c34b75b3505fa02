"""How answers are scored against the truth: matching, what became of each incident, confidence, intervals."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from benchmarks import confidence, figures, scoring
from benchmarks.scoring import Claim, Followed, Hypothesis, Report, Score, Truth
from hypothesis import given
from hypothesis import strategies as st


def ids(*numbers: int) -> frozenset[str]:
    return frozenset(str(number) for number in numbers)


def span(first: int, last: int) -> frozenset[str]:
    return ids(*range(first, last))


def truth(failures: frozenset[str], cause: str = "clock_skew", *changes: str) -> Truth:
    return Truth(cause, "device=d", failures, frozenset(changes))


def report(failures: frozenset[str], *causes: str, change_id: str | None = None, stated: float = 0.8) -> Report:
    ranked = [Hypothesis(cause, stated, change_id) for cause in causes or ("clock_skew",)]
    return Report(min(failures), "device=d", failures, tuple(ranked))


def only_claim(score: Score) -> Claim:
    (claim,) = score.claims
    return claim


def test_f1_is_one_for_the_same_failures_and_nought_for_others() -> None:
    assert [scoring.f1(span(0, 4), other) for other in (span(0, 4), span(2, 6), span(4, 8))] == [1.0, 0.5, 0.0]


def test_below_half_an_f1_two_sets_are_not_the_same_incident() -> None:
    assert scoring.matched([span(0, 10)], [span(0, 3)]) == {}
    assert scoring.matched([span(0, 9)], [span(0, 3)]) == {0: 0}


def test_the_largest_sum_wins_over_the_largest_pair() -> None:
    # Report 0 is most like truth 0 (.58), but then truth 1 stays alone; the other way round the sum is 1.15.
    truths = [span(0, 10), span(10, 20)]
    reports = [span(3, 17), span(0, 4)]
    assert scoring.f1(truths[0], reports[0]) > scoring.f1(truths[0], reports[1])
    assert scoring.matched(truths, reports) == {0: 1, 1: 0}


_SETS = st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=1), max_size=4)


@given(_SETS, _SETS)
def test_no_other_matching_has_a_larger_sum(truths: list[frozenset[str]], reports: list[frozenset[str]]) -> None:
    def worth(place: int, index: int) -> float:
        value = scoring.f1(truths[place], reports[index]) if index < len(reports) else 0.0
        return value if value >= scoring.SAME_FROM else 0.0

    orders = permutations(range(len(reports) + len(truths)), len(truths))
    most = max(sum(worth(place, index) for place, index in enumerate(order)) for order in orders)
    pairs = scoring.matched(truths, reports)
    assert len(set(pairs.values())) == len(pairs)
    assert sum(worth(place, index) for place, index in pairs.items()) == pytest.approx(most)


def test_a_true_incident_is_found_with_the_place_of_its_cause_among_the_hypotheses() -> None:
    score = scoring.score([truth(span(0, 8))], ids(), [report(span(0, 8), "device_key_lost", "clock_skew")])
    (sought,) = score.sought
    assert (sought.f1, sought.named, sought.rank) == (1.0, "device_key_lost", 2)
    assert (only_claim(score).fate, only_claim(score).right) == ("matched", False)


def test_an_incident_that_nobody_reports_is_sought_in_vain() -> None:
    (sought,) = scoring.score([truth(span(0, 8))], ids(), []).sought
    assert (sought.f1, sought.incident_id, sought.named, sought.rank) == (0.0, None, None, None)


def test_a_second_piece_of_a_true_incident_is_a_fragment() -> None:
    score = scoring.score([truth(span(0, 20))], ids(), [report(span(0, 15)), report(span(15, 20))])
    assert [claim.fate for claim in score.claims] == ["matched", "fragment"]


def test_a_report_of_strays_is_a_false_alarm() -> None:
    score = scoring.score([truth(span(0, 8))], span(8, 20), [report(span(7, 15))])
    assert (only_claim(score).fate, only_claim(score).truth) == ("false alarm", None)


def test_too_few_failures_are_not_sought_and_who_reports_them_raises_no_false_alarm() -> None:
    score = scoring.score([truth(span(0, 4))], ids(), [report(span(0, 4))])
    assert score.sought == ()
    assert only_claim(score).fate == "fragment"


def test_strays_are_blamed_by_an_incident_that_names_a_cause_and_not_by_an_unexplained_one() -> None:
    reports = [report(span(0, 6)), report(span(6, 12), "unexplained")]
    score = scoring.score([truth(span(2, 6)), truth(span(8, 12))], ids(0, 1, 6, 7, 30), reports)
    assert (score.strays, score.strays_blamed) == (5, 2)


@pytest.mark.parametrize(("named", "right"), [("change-1", True), ("change-2", True), ("other", False), (None, None)])
def test_any_record_of_the_change_is_the_right_one(named: str | None, right: bool | None) -> None:
    truths = [truth(span(0, 8), "clock_skew", "change-1", "change-2")]
    score = scoring.score(truths, ids(), [report(span(0, 8), change_id=named)])
    assert score.sought[0].change_right is right
    assert only_claim(score).change_right is right


def test_a_change_named_where_none_did_it_is_wrong() -> None:
    score = scoring.score([truth(span(0, 8))], ids(), [report(span(0, 8), change_id="change-1")])
    measured = {figure.name: figure.measure([score]) for figure in figures.FIGURES}
    assert measured["change named where none did"] == 1.0
    assert measured["of changes named, right"] == 0.0
    assert measured["change named where one did it"] is None


def test_brier_is_the_mean_squared_distance_and_the_best_constant_knows_the_share() -> None:
    claims = [(0.9, True), (0.9, True), (0.6, False), (1.0, True)]
    assert confidence.brier(claims) == pytest.approx((0.01 + 0.01 + 0.36 + 0.0) / 4)
    assert confidence.best_constant(claims) == pytest.approx(0.75 * 0.25)
    assert confidence.brier([]) is None


def test_calibration_error_is_the_distance_in_each_tenth_weighed_by_its_claims() -> None:
    claims = [(0.92, True), (0.98, True), (0.95, False), (0.35, False), (1.0, True)]
    assert confidence.reliability(claims) == [(1, 0.35, 0.0), (4, pytest.approx(0.9625), 0.75)]
    assert confidence.calibration_error(claims) == pytest.approx((0.35 + 4 * 0.2125) / 5)


def test_what_is_said_is_what_comes_true_of_a_calibrated_answer() -> None:
    assert confidence.calibration_error([(0.5, True), (0.5, False)] * 3) == 0.0


def seeded() -> Random:
    return Random(1)  # noqa: S311 - the same resamples each time


def _with_found(share: float) -> Score:
    truths = [truth(span(10 * number, 10 * number + 8)) for number in range(10)]
    return scoring.score(truths, ids(), [report(one.failures) for one in truths[: round(10 * share)]])


def test_an_interval_holds_the_figure_and_shrinks_to_it_where_all_tenants_are_alike() -> None:
    measure = figures.FIGURES[0].measure
    alike = [_with_found(0.8)] * 20
    assert confidence.interval(measure, alike, seeded()) == (0.8, 0.8)
    mixed = [_with_found(1.0), _with_found(0.6)] * 10
    least, most = confidence.interval(measure, mixed, seeded()) or (0.0, 0.0)
    assert 0.6 < least < 0.8 < most < 1.0


def test_a_tenant_counts_as_one_when_intervals_are_drawn() -> None:
    # Ten incidents of one tenant stand or fall together: with two tenants a resample may miss either.
    drawn = confidence.interval(figures.FIGURES[0].measure, [_with_found(1.0), _with_found(0.0)], seeded())
    assert drawn == (0.0, 1.0)


def test_a_quiet_tenant_is_silent_also_where_something_unexplained_is_reported() -> None:
    silent = scoring.score([], span(0, 9), [report(span(0, 9), "unexplained")])
    loud = scoring.score([], span(0, 9), [report(span(0, 9))])
    measured = {figure.name: figure.measure([silent, loud]) for figure in figures.FIGURES}
    assert measured["quiet tenants silent"] == 0.5
    assert measured["false alarms a tenant"] == 0.5
    assert measured["unexplained alarms a tenant"] == 0.5
    assert measured["stray failures blamed"] == 0.5


def test_an_incident_never_found_weighs_more_nights_than_any_other() -> None:
    late = [Followed("clock_skew", "device=d", nights, (), ()) for nights in (0, None, None)]
    score = Score((), (), 0, 0, tuple(late))
    measured = {figure.name: figure for figure in figures.FIGURES}["nights late (median)"]
    assert measured.measure([score]) == float("inf")
    assert measured.missed(measured.measure([score]))


@pytest.mark.parametrize(("name", "value", "missed"), [("found", 0.97, False), ("found", 0.96, True)])
def test_a_figure_misses_its_bar_on_the_wrong_side_only(name: str, value: float, missed: bool) -> None:
    (figure,) = [figure for figure in figures.FIGURES if figure.name == name]
    assert figure.missed(value) is missed
