"""The rule format: what a header may say, what the linter refuses, and that a shown rule runs as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stories import BY_CAUSE, SINCE, UNTIL

from pipeline import assets, judge, rule_files, rules
from pipeline.engine import here
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb

WINDOW: dict[str, rules.Value] = {"since": SINCE, "until": UNTIL}
SELECT = """SELECT
    incident_id, 1e0 AS log_odds, CAST(NULL AS VARCHAR) AS change_id, CAST(NULL AS VARCHAR) AS change_workspace_id,
    'for' AS evidence_for, 'against' AS evidence_against
FROM incident_facts"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a rule file."""

    def writes(select: str, header: str = "-- id: mine\n-- cause: own_cause\n", name: str = "mine") -> Path:
        path = tmp_path / f"{name}.sql"
        path.write_text(header + select)
        return path

    return writes


def messages(path: Path) -> list[str]:
    return [fault.message for fault in rules.check(path)]


def test_our_own_pack_has_no_fault() -> None:
    assert rules.check(assets.RULES) == ()


def test_our_own_rules_tell_a_reader_everything() -> None:
    for rule in rules.load():
        assert all((rule.title, rule.remediation, rule.references, rule.false_positives, rule.tags)), rule.id


def test_id_and_cause_are_all_that_a_rule_must_say(write: Callable[..., Path]) -> None:
    path = write(SELECT)
    assert rules.check(path) == ()
    rule = rule_files.read(path)
    assert (rule.id, rule.cause, rule.mechanism, rule.params) == ("mine", "own_cause", "doubtful", {})


def test_a_missing_a_double_and_an_unknown_header_key_are_told_at_once_with_their_lines(
    write: Callable[..., Path],
) -> None:
    path = write(SELECT, "-- id: mine\n-- id: yours\n-- colour: red\n-- mechanism: magic\n")
    told = {(fault.line, fault.message.split(":")[0]) for fault in rules.check(path)}
    assert told == {
        (1, "header key cause is missing"),
        (2, "header key id stands in line 1 already"),
        (3, "unknown header key colour"),
        (4, "mechanism is one of direct, indirect, doubtful"),
    }


@pytest.mark.parametrize(
    ("statement", "construct"),
    [
        (SELECT.replace("'for'", "CAST(now() AS VARCHAR)"), "now"),
        (SELECT.replace("'for'", "CAST(current_date AS VARCHAR)"), "current_date"),
        (SELECT.replace("1e0", "random()"), "random"),
        (SELECT + ", read_csv('/etc/hostname')", "read_csv"),
        (SELECT + ", read_parquet('x.parquet')", "read_parquet"),
        (SELECT + ", glob('*')", "glob"),
        (SELECT + ", 'notes.csv'", "notes.csv"),
    ],
)
def test_a_rule_that_reads_files_or_the_clock_is_refused_by_the_name_of_the_construct(
    write: Callable[..., Path], statement: str, construct: str
) -> None:
    assert any(construct in message for message in messages(write(statement)))


@pytest.mark.parametrize(
    "function",
    [
        "enable_logging('QueryLog', storage='file', storage_path='here')",
        '"force_checkpoint"()',
        "query('SELECT 1')",
        "json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    ],
)
def test_a_function_in_the_place_of_a_view_is_refused_where_it_does_more_than_count_or_unnest(
    write: Callable[..., Path], function: str
) -> None:
    name = function.split("(", maxsplit=1)[0].strip('"')
    path = write(f"WITH other AS (\n    SELECT 1 FROM {function}\n)\n{SELECT}")
    assert (4, f"{name} stands for a table that is none of the views: a rule reads the views only") in [
        (fault.line, fault.message) for fault in rules.check(path)
    ]
    assert rules.check(write(SELECT + ", range(3), unnest([1, 2])")) == ()


@pytest.mark.parametrize("word", ["noise", "unexplained"])
def test_a_word_that_is_no_cause_is_no_cause_of_a_rule(write: Callable[..., Path], word: str) -> None:
    (fault,) = rules.check(write(SELECT, f"-- id: mine\n-- cause: {word}\n"))
    assert (fault.line, fault.message.split(":")[0].split(" is ")[0]) == (2, f"cause {word}")


def test_a_file_of_windows_is_a_rule_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "mine.sql"
    path.write_bytes(f"\ufeff-- id: mine\n-- cause: own_cause\n{SELECT}\n".replace("\n", "\r\n").encode())
    assert rules.check(path) == ()
    assert rule_files.read(path).cause == "own_cause"


def test_a_rule_that_cannot_be_opened_is_a_fault_beside_the_others(write: Callable[..., Path], tmp_path: Path) -> None:
    write(SELECT)
    (tmp_path / "gone.sql").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.sql").mkdir()
    (fault,) = rules.check(tmp_path)
    assert (fault.file, fault.message) == (
        str(tmp_path / "gone.sql"),
        "it cannot be read: No such file or directory",
    )
    assert [rule.id for rule in rules.load([tmp_path]) if not rule.shipped] == ["gone", "mine"]


@pytest.mark.parametrize("odds", ["'inf'", "'-inf'", "'nan'"])
def test_log_odds_that_are_no_number_are_refused(
    landed: Callable[..., duckdb.DuckDBPyConnection], write: Callable[..., Path], odds: str
) -> None:
    path = write(SELECT.replace("1e0", f"CAST({odds} AS DOUBLE)").replace("FROM incident_facts", ""))
    rule = rule_files.read(write(path.read_text().replace("incident_id,", "'i' AS incident_id,"), header=""))
    with pytest.raises(ValueError, match="which is no number"):
        rules.evidence(here(landed()), rule, WINDOW)


def test_evidence_of_any_type_and_length_is_text_of_bounded_length(
    landed: Callable[..., duckdb.DuckDBPyConnection], write: Callable[..., Path]
) -> None:
    select = """SELECT 1 AS incident_id, 1 AS log_odds, 2 AS change_id, NULL AS change_workspace_id,
    repeat('x', 1000000) AS evidence_for, {'a': 1} AS evidence_against"""
    (said,) = rules.evidence(here(landed()), rule_files.read(write(select)), WINDOW)
    assert (said.incident_id, said.change_id, said.evidence_against) == ("1", "2", "{'a': 1}")
    assert len(said.evidence_for) < 5000


def test_a_word_in_a_text_or_a_comment_is_no_construct(write: Callable[..., Path]) -> None:
    assert rules.check(write(SELECT.replace("'for'", "'now() and $then'") + " -- not random() either")) == ()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"{SELECT};\nSELECT 1", "2 statements: a rule is one SELECT"),
        ("DELETE FROM incident_facts", "DELETE statement: a rule is one SELECT"),
        ("", "0 statements: a rule is one SELECT"),
        (SELECT.replace("1e0", "$weight"), "unknown parameter $weight: give it a default in `-- params: weight=...`"),
        (SELECT.replace("AS log_odds", "AS odds"), "output column log_odds is missing"),
        (SELECT.replace("incident_facts", "incident_fact"), "Catalog Error: Table with name incident_fact"),
    ],
)
def test_what_is_no_rule_is_told(write: Callable[..., Path], statement: str, said: str) -> None:
    assert any(message.startswith(said) for message in messages(write(statement)))


def test_an_id_of_our_own_pack_or_of_a_neighbour_is_taken(write: Callable[..., Path], tmp_path: Path) -> None:
    write(SELECT, "-- id: clock_skew\n-- cause: a\n", "ours")
    write(SELECT, "-- id: twin\n-- cause: a\n", "one")
    write(SELECT, "-- id: twin\n-- cause: a\n", "two")
    assert [message.rsplit(" by ")[0] for message in messages(tmp_path)] == [
        "id clock_skew is taken",
        "id twin is taken",
    ]


def test_a_path_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.sql does not exist"):
        rules.check(tmp_path / "none.sql")
    with pytest.raises(UsageError, match="no folder of rules"):
        rules.load([tmp_path / "none"])


def test_a_shown_rule_runs_as_it_stands_and_says_what_the_bound_one_says(
    landed: Callable[..., duckdb.DuckDBPyConnection],
) -> None:
    con = landed(*BY_CAUSE["device_reregistered"]().pages(), workspace_id="w")
    judge.judge(con, rules.load(), SINCE, UNTIL)
    for rule in rules.load():
        shown = rules.shown(rule, WINDOW)
        assert not con.extract_statements(shown)[0].named_parameters
        assert len(con.execute(shown).fetchall()) == len(rules.evidence(here(con), rule, WINDOW))


def test_values_are_shown_as_literals_of_their_type(write: Callable[..., Path]) -> None:
    header = "-- id: mine\n-- cause: own_cause\n-- params: share=0.5 word=it's\n"
    path = write("SELECT $share, $word, $since, '$share' -- $word", header)
    shown = rules.shown(rule_files.read(path), WINDOW).splitlines()[-1]
    assert shown == "SELECT 0.5, 'it''s', TIMESTAMP '2026-10-05 00:00:00', '$share' -- $word"


def test_a_rule_without_its_table_or_its_history_says_why_it_cannot_be_evaluated(
    landed: Callable[..., duckdb.DuckDBPyConnection], write: Callable[..., Path]
) -> None:
    con = landed(*BY_CAUSE["device_key_lost"]().pages(), workspace_id="w")
    header = "-- id: mine\n-- cause: own_cause\n-- requires: "
    audited = rule_files.read(write(SELECT, f"{header}table:AuditLogs\n"))
    assert rules.not_evaluable(here(con), audited, SINCE) == "AuditLogs holds no record"
    looking_back = rule_files.read(write(SELECT, f"{header}table:SigninLogs history:3d\n"))
    assert rules.not_evaluable(here(con), looking_back, SINCE) == "history of 3d before the window is missing"
    assert rules.not_evaluable(here(con), looking_back, UNTIL) is None
