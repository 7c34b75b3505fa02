"""What a rule may be made of: each trap that sqlglot carries to Spark otherwise is refused, with the rewrite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from program import signin_triage

from pipeline import assets, portable, rules

if TYPE_CHECKING:
    from pathlib import Path

RULE = """-- id: mine
-- cause: own_cause
SELECT
    incident_id, {} AS log_odds, CAST(NULL AS VARCHAR) AS change_id, CAST(NULL AS VARCHAR) AS change_workspace_id,
    'for' AS evidence_for, 'against' AS evidence_against
FROM incident_facts
"""
SECONDS = "date_diff('second', date_trunc('second', a), date_trunc('second', b))"
FIRST = "row_number() OVER (... ORDER BY ..., an id) = 1 in QUALIFY"


def messages(statement: str) -> str:
    return "\n".join(message for _, message in portable.faults(statement))


def test_our_own_rules_may_run_on_either_engine() -> None:
    found = {path.name: list(portable.faults(assets.text(path))) for path in assets.sql_files(assets.RULES)}
    assert found
    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize(
    ("trap", "rewrite"),
    [
        ("SELECT array_agg(x ORDER BY y) FROM t", "list_sort(array_agg(x))"),
        ("SELECT array_agg(x) FROM t", "list_sort(array_agg(DISTINCT x)"),
        ("SELECT percentile_cont(5e-1) WITHIN GROUP (ORDER BY x) FROM t", "median(x)"),
        ("SELECT quantile_cont(x, 5e-1) FROM t", "median(x)"),
        ("SELECT date_diff('minute', a, b) FROM t", SECONDS),
        ("SELECT date_diff('second', a, b) FROM t", SECONDS),
        ("SELECT date_sub('day', a, b) FROM t", SECONDS),
        ("SELECT 1.0 / 3", "write 1e0"),
        ("SELECT 0.5", "write 5e-1"),
        ("SELECT 1.96", "write 196e-2"),
        ("SELECT CAST(x AS BIGINT) FROM t", "CAST(floor(x) AS BIGINT)"),
        ("SELECT regexp_replace(a, 'b', 'c') FROM t", "regexp_replace(text, pattern, replacement, 'g')"),
        ("SELECT regexp_extract(a, '[[]x', 0) FROM t", r"\["),
        ("SELECT unnest(generate_series(0, n)) FROM t", "join a view that has the rows"),
        ("SELECT 1 FROM generate_series(0, 3)", "read the views"),
        ("SELECT json_array_length(j) FROM t", "read the typed views"),
        ("SELECT j ->> '$.a' FROM t", "read the typed views"),
        ("SELECT j -> '$[*].k' FROM t", "read the typed views"),
        ("SELECT from_json(j, '[{}]') FROM t", "read the typed views"),
        ("SELECT json_valid(j) FROM t", "read the typed views"),
        ("SELECT hash(x) FROM t", "md5(concat(...))"),
        ("SELECT ln(x) FROM t", "ln(greatest(x, 1e-9))"),
        ("SELECT date_trunc('hour', t) FROM t", "CAST(date_trunc('hour', t) AS TIMESTAMP)"),
        ("SELECT time_bucket(INTERVAL '1 hour', t) FROM t", "CAST(date_trunc('hour', t) AS TIMESTAMP)"),
        ("SELECT string_agg(DISTINCT x, ',') FROM t", "array_to_string(list_sort(array_agg(DISTINCT x)), ', ')"),
        ("SELECT string_agg(x, ',') FROM t", "ORDER BY x"),
        ("SELECT epoch_ms(t) FROM t", "TIMESTAMP '1970-01-01'"),
        ("SELECT extract(epoch FROM t) FROM t", "TIMESTAMP '1970-01-01'"),
        ("SELECT strftime(t, '%Y') FROM t", "concat(substr(CAST(t AS VARCHAR), 1, 10)"),
        ("SELECT to_hours(3)", "INTERVAL '24 hours'"),
        ("SELECT isodow(t) FROM t", "leave the day of the week out"),
        ("SELECT lgamma(x) FROM t", "Wilson"),
        ("SELECT regexp_full_match(a, 'b') FROM t", "regexp_matches(text, '^...$')"),
        ("SELECT len(x) FROM t", "cardinality(list)"),
        ("SELECT * REPLACE (1 AS a) FROM t", "name the columns"),
        ("SELECT a FROM t UNION ALL BY NAME SELECT a FROM u", "UNION ALL with the columns in the same order"),
        ("SELECT a + 1 AS b FROM t WHERE b > 1", "use a CTE"),
        (r"SELECT a LIKE 'x' ESCAPE '\' FROM t", "LIKE without ESCAPE"),
        ("SELECT a / b FROM t", "nullif(x, 0)"),
        ("SELECT a // b FROM t", "nullif(x, 0)"),
        ("SELECT x[3] FROM t", "CROSS JOIN UNNEST(list) AS u(item)"),
        ("SELECT list_transform(x, lambda y: y + 1) FROM t", "CROSS JOIN UNNEST(list) AS u(item)"),
        ("SELECT a FROM t ASOF JOIN u ON t.x >= u.x", "row_number()"),
        ("SELECT any_value(a) FROM t", FIRST),
        ("SELECT first(a) FROM t", FIRST),
        ("SELECT a FROM t ORDER BY a LIMIT 3", FIRST),
        ("SELECT CAST(t AS TIMESTAMPTZ) FROM t", "TIMESTAMP in UTC"),
        ("SELECT chr(8211)", "write the character itself"),
    ],
)
def test_a_trap_is_refused_and_the_message_names_the_rewrite(trap: str, rewrite: str) -> None:
    assert rewrite in messages(trap)


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT {SECONDS} / 36e2 FROM t",
        "SELECT CAST(floor(x) AS BIGINT), CAST(date_trunc('hour', t) AS TIMESTAMP), a / nullif(b, 0) FROM t",
        "SELECT array_to_string(list_sort(array_agg(DISTINCT x) FILTER (WHERE x IS NOT NULL)), ',') FROM t",
        "SELECT string_agg(x, ',' ORDER BY x), median(y), max_by(y, x), bool_or(z) FROM t",
        "SELECT ln((k + 5e-1) / (n + 1e0)), ln(greatest(x, 1e-9)) FROM t",
        "SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY b ORDER BY c DESC, a) = 1",
        "SELECT u.o.id FROM t CROSS JOIN UNNEST(t.listed) AS u(o)",
        "SELECT a FROM t WHERE seen_at >= $since - INTERVAL '24 hours'",
    ],
)
def test_what_was_measured_to_agree_may_pass(statement: str) -> None:
    assert messages(statement) == ""


def test_every_fault_is_told_at_once_with_its_line() -> None:
    statement = "SELECT\n    0.5 AS a,\n    hash(b) AS c,\n    d / e AS f\nFROM t\n"
    assert [line for line, _ in portable.faults(statement)] == [2, 3, 4]


def test_rules_check_names_file_line_and_rewrite_and_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "mine.sql"
    path.write_text(RULE.format("1.5"))
    run = signin_triage("rules", "check", path)
    assert run.returncode == 2
    assert f"{path}:4: 1.5 is a decimal of few digits on Spark: write 15e-1" in run.stderr


def test_a_rule_that_is_refused_for_spark_alone_still_runs_on_duckdb(tmp_path: Path) -> None:
    path = tmp_path / "mine.sql"
    path.write_text(RULE.format("1.5"))
    assert rules.check(path) == ()


def test_without_spark_the_differential_check_says_what_to_install(tmp_path: Path) -> None:
    path = tmp_path / "mine.sql"
    path.write_text(RULE.format("15e-1"))
    run = signin_triage("rules", "check", "--differential", path, env={"JAVA_HOME": str(tmp_path)})
    assert run.returncode == 2
    assert any(word in run.stderr for word in ("default-jre-headless", "signin-triage[spark]"))
