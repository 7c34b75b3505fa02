"""Weights that are fitted to incidents whose cause is known."""

from __future__ import annotations

from random import Random

from pipeline.fitting import UNEXPLAINED, Case, chances, fit


def told(truth: str, lost: float, cloned: float) -> Case:
    return Case(truth, {"lost": {"lost.base": 1.0, "lost.silence": lost}, "cloned": {"cloned.strangers": cloned}})


PRIOR = {"lost.base": -1.0, "lost.silence": 1.0, "cloned.strangers": 1.0}


def test_chances_and_that_of_no_known_cause_are_a_distribution() -> None:
    found = chances(told("lost", 1.0, 0.0), PRIOR)
    assert set(found) == {"lost", "cloned", UNEXPLAINED}
    assert abs(sum(found.values()) - 1) < 1e-12


def test_evidence_that_goes_with_a_cause_gains_weight() -> None:
    cases = [told("lost", 1.0, 0.0)] * 20 + [told("cloned", 0.0, 1.0)] * 20
    fitted = fit(cases, PRIOR, spread=2.0)
    assert fitted["lost.silence"] > PRIOR["lost.silence"]
    assert fitted["cloned.strangers"] > PRIOR["cloned.strangers"]


def test_what_speaks_for_a_cause_is_never_made_to_speak_against_it() -> None:
    cases = [told(UNEXPLAINED, 1.0, 0.0)] * 50
    assert fit(cases, PRIOR, spread=5.0)["lost.silence"] >= 0


def test_few_cases_move_a_weight_less_than_many() -> None:
    few = fit([told("lost", 1.0, 0.0)], PRIOR, spread=1.0)
    many = fit([told("lost", 1.0, 0.0)] * 100, PRIOR, spread=1.0)
    assert PRIOR["lost.silence"] < few["lost.silence"] < many["lost.silence"]


def test_without_cases_the_weights_are_the_prior() -> None:
    assert fit([], PRIOR, spread=1.0) == PRIOR


def test_chances_that_were_fitted_are_as_often_right_as_they_say() -> None:
    rng = Random(3)  # noqa: S311 - a test must be repeatable
    cases = []
    for _ in range(400):
        silence = rng.random()
        cases.append(told("lost" if rng.random() < silence else UNEXPLAINED, silence, 0.0))
    fitted = fit(cases, PRIOR, spread=10.0)
    said = sum(chances(case, fitted)["lost"] for case in cases) / len(cases)
    true = sum(case.truth == "lost" for case in cases) / len(cases)
    assert abs(said - true) < 0.05
