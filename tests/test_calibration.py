"""What verdicts teach about confidence, and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from stories import BY_CAUSE, SINCE, UNTIL

from pipeline import calibration, judge, ranking, rule_files, rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import duckdb

GIVEN = datetime(2026, 10, 12)


@pytest.fixture
def judged(emptied: duckdb.DuckDBPyConnection) -> Iterator[Callable[..., duckdb.DuckDBPyConnection]]:
    """Give verdicts, all on incidents for which the same was said, and return the database."""

    def gives(verdicts: int, cause: str, said: dict[str, float]) -> duckdb.DuckDBPyConnection:
        hypotheses: list[dict[str, Any]] = [
            {"cause": one, "rank": 1, "confidence": 0.5, "log_odds": odds, "change_id": None}
            for one, odds in said.items()
        ]
        for number in range(verdicts):
            emptied.execute(
                "INSERT INTO given_verdicts VALUES (?, ?, ?, 'me', NULL, 'device=d', ?, ?, 9, 'device_key_lost', ?)",
                [f"incident-{number}", cause, GIVEN + timedelta(minutes=number), GIVEN, GIVEN, hypotheses],
            )
        return emptied

    yield gives
    emptied.execute("DELETE FROM given_verdicts")


def test_few_verdicts_teach_nothing_yet(judged: Callable[..., duckdb.DuckDBPyConnection]) -> None:
    con = judged(calibration.ENOUGH_VERDICTS - 1, "device_key_lost", {"device_key_lost": 1.0})
    assert calibration.learned(con) == calibration.Calibration()
    assert calibration.told(con).endswith("not on incidents of this tenant")


def test_verdicts_that_confirm_a_cause_make_it_likelier(judged: Callable[..., duckdb.DuckDBPyConnection]) -> None:
    con = judged(60, "device_key_lost", {"device_key_lost": 1.0, "clock_skew": 1.0, "unexplained": 0.0})
    learned = calibration.learned(con)
    assert learned.log_odds("device_key_lost", 1.0) > 1.0 > learned.log_odds("clock_skew", 1.0)
    assert learned.log_odds("token_forgery", 0.0) == 0.0
    assert calibration.told(con).endswith("and on 60 confirmed verdicts")


def test_noise_counts_against_every_cause(judged: Callable[..., duckdb.DuckDBPyConnection]) -> None:
    con = judged(60, "noise", {"device_key_lost": 2.0})
    assert calibration.learned(con).log_odds("device_key_lost", 2.0) < 2.0


def test_a_cause_is_believed_less_where_the_judge_looked_through_a_hole() -> None:
    (rule,) = (each for each in rules.load() if each.id == "device_key_lost")
    said = [(rule, rules.Evidence("i", 3.0, None, None, "", ""))]
    whole = ranking.ranked(said, calibration.Calibration())[0]
    half_seen = ranking.ranked(said, calibration.Calibration(), unseen_share=0.5)[0]
    assert whole.cause == half_seen.cause == "device_key_lost"
    assert half_seen.confidence == pytest.approx(0.75 * whole.confidence)


def test_the_doubt_that_was_fitted_stays_however_much_speaks_for_a_cause() -> None:
    (rule,) = (each for each in rules.load() if each.id == "device_key_lost")
    said = [(rule, rules.Evidence("i", 30.0, None, None, "", ""))]
    doubt = rule_files.fitted_weights()[""]["doubt"]
    first, rest = ranking.ranked(said, calibration.Calibration())
    assert 0 < doubt < 0.1
    assert (first.cause, rest.cause) == ("device_key_lost", "unexplained")
    assert rest.confidence == pytest.approx(doubt)
    assert ranking.ranked(said, calibration.Calibration(doubt=0.2))[0].confidence == pytest.approx(0.8)


def test_hours_that_could_not_be_read_are_held_against_the_causes_and_named(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    story = BY_CAUSE["device_key_lost"]()
    con = landed(*story.pages(), workspace_id="w")
    judge.judge(con, rules.load(), SINCE, UNTIL)
    ((clear,),) = con.execute("SELECT confidence FROM found_incidents").fetchall()
    for hour in range(24 * 7):
        begin = SINCE + timedelta(hours=hour)
        con.execute(
            "INSERT INTO asked VALUES ('w', 'SigninLogs', ?, ?, ?, ?, ?, 0, 1, NULL, NULL)",
            [begin, begin + timedelta(hours=1), SINCE, UNTIL, "incomplete" if hour % 2 else "complete"],
        )
    judge.judge(con, rules.load(), SINCE, UNTIL)
    ((dim, against),) = con.execute(
        "SELECT i.confidence, c.evidence_against FROM found_incidents AS i INNER JOIN causes AS c USING (incident_id) "
        "WHERE c.cause = 'device_key_lost'"
    ).fetchall()
    assert dim == pytest.approx(0.75 * clear, abs=0.02)
    assert "of the hours around it could not be read (SigninLogs)" in against
