"""How far weights may be believed, read off incidents that they were not fitted to."""

from __future__ import annotations

from benchmarks import held_out

from pipeline.fitting import UNEXPLAINED, Case

PRIOR = {"lost.silence": 1.0, "cloned.strangers": 1.0}


def told(truth: str, lost: float, cloned: float) -> Case:
    return Case(truth, {"lost": {"lost.silence": lost}, "cloned": {"cloned.strangers": cloned}})


def test_every_case_is_judged_once_and_by_other_tenants_alone() -> None:
    # only tenant 0 has clones, and they would teach their weight
    cases = [(0, told("cloned", 0.0, 3.0))] * 9 + [(seed, told("lost", 3.0, 0.0)) for seed in range(1, 12)]
    judged = held_out.judged(cases, PRIOR, spread=2.0)
    assert sorted(map(id, (case for case, _ in judged))) == sorted(map(id, (case for _, case in cases)))
    (weight,) = {weights["cloned.strangers"] for case, weights in judged if case.truth == "cloned"}
    others = [weights["cloned.strangers"] for case, weights in judged if case.truth == "lost"]
    assert weight < max(others)


def test_weights_that_say_too_little_are_made_larger_and_those_that_say_too_much_smaller() -> None:
    right, wrong = told("lost", 1.0, 0.0), told(UNEXPLAINED, 1.0, 0.0)
    assert held_out.scale([(right, PRIOR)] * 19 + [(wrong, PRIOR)]) > 1
    assert held_out.scale([(right, PRIOR), (wrong, PRIOR)]) < 1


def test_of_what_the_evidence_is_sure_a_doubt_stays_by_how_often_it_was_wrong() -> None:
    sure, wrong, unsure = told("lost", 9.0, 0.0), told("cloned", 9.0, 0.0), told("cloned", 1.0, 0.0)
    assert held_out.doubt([(sure, PRIOR)] * 98, 1.0) == 1 / 100
    assert held_out.doubt([(sure, PRIOR)] * 97 + [(wrong, PRIOR)], 1.0) == 2 / 100
    assert held_out.doubt([(sure, PRIOR)] * 98 + [(unsure, PRIOR)] * 50, 1.0) == 1 / 100
