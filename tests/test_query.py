"""Questions to the published file: what is answered, in which form, and what no question can do."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import duckdb
import pytest
from program import last_line, signin_triage
from records import failure, page, sign_in

from pipeline import answers, kql, land, questions, store, views
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.questions import Answer

ENDLESS = "SELECT count(*) FROM range(10000000000) AS a, range(100) AS b WHERE a.range * b.range % 7 = 3"
DEAF = "SELECT levenshtein(repeat('a', 30000), repeat('b', 30000))"  # hears of an interruption when it is done


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file with a success and two failures; nobody may write to it."""
    db = tmp_path_factory.mktemp("night") / "signins.duckdb"
    hostile = failure(Id="c", UserPrincipalName="=HYPERLINK(1)\x1b[2J\r\nfalse row", DeviceDetail={"deviceId": "d-1"})
    with store.working(db) as work:
        land.land(work.con, page("SigninLogs", sign_in(), failure(Id="b"), hostile), work.scratch)
        views.build(work.con)
        store.publish(work, db)
    return db


@pytest.fixture
def con(db: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with questions.opened(db) as con:
        yield con


def said(con: duckdb.DuckDBPyConnection, sql: str, form: Callable[[Answer], Iterator[str]] = answers.as_csv) -> str:
    return "".join(form(questions.ask(con, sql)))


def kql_said(con: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    return "".join(answers.as_csv(questions.ask(con, *kql.translated(con, text)))).splitlines()


def never(error: BaseException) -> None:
    pytest.fail(f"the process would have been ended: {error}")


def test_in_a_pipe_the_answer_is_csv(db: Path) -> None:
    told = signin_triage("query", "SELECT sign_in_id, seen_at FROM failures ORDER BY 1", "--db", db)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == "sign_in_id,seen_at\nb,2026-10-14T08:00:00Z\nc,2026-10-14T08:00:00Z\n"


def test_a_pipe_that_knows_only_ascii_gets_other_letters_escaped(db: Path) -> None:
    told = signin_triage("query", "SELECT 'Zoë' AS name", "--db", db, env={"PYTHONIOENCODING": "ascii"})
    assert (told.returncode, told.stdout, told.stderr) == (0, "name\nZo\\xeb\n", "")


def test_on_a_terminal_the_answer_is_an_aligned_table(db: Path) -> None:
    ours, theirs = pty.openpty()
    sql = "SELECT 'Ann' AS name, 5 AS failures UNION ALL SELECT 'Bartholomew', 12 ORDER BY 1"
    subprocess.run([sys.executable, "-m", "pipeline", "query", sql, "--db", db], stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode().replace("\r\n", "\n")
    os.close(ours)
    assert shown == "name         failures\nAnn                 5\nBartholomew        12\n"


def test_a_form_that_is_asked_for_wins(db: Path) -> None:
    told = signin_triage("query", "SELECT 1 AS a, 'x' AS b", "--db", db, "--format", "json")
    assert json.loads(told.stdout) == [{"a": 1, "b": "x"}]
    told = signin_triage("query", "SELECT 1 AS a", "--db", db, env={"SIGNIN_TRIAGE_FORMAT": "table"})
    assert told.stdout == "a\n1\n"


def test_a_question_comes_from_standard_input_too(db: Path) -> None:
    assert signin_triage("query", "-", "--db", db, stdin="SELECT 42 AS a").stdout == "a\n42\n"
    assert signin_triage("query", "--kql", "-", "--db", db, stdin="failures | count").stdout == "Count\n2\n"


@pytest.mark.parametrize("words", [(), ("SELECT 1", "--kql", "failures")])
def test_one_question_must_be_given(db: Path, words: tuple[str, ...]) -> None:
    told = signin_triage("query", *words, "--db", db)
    assert told.returncode == 2
    assert "one question" in last_line(told.stderr)


def test_a_question_on_the_command_line_wins_over_one_in_the_environment(db: Path) -> None:
    told = signin_triage("query", "SELECT 1 AS a", "--db", db, env={"SIGNIN_TRIAGE_KQL": "failures | count"})
    assert (told.returncode, told.stdout) == (0, "a\n1\n")
    assert signin_triage("query", "--db", db, env={"SIGNIN_TRIAGE_KQL": "failures | count"}).stdout == "Count\n2\n"


def test_a_file_that_is_not_there_is_5(tmp_path: Path) -> None:
    told = signin_triage("query", "SELECT 1", "--db", tmp_path / "none.duckdb")
    assert told.returncode == 5
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_is_told_in_one_sentence(db: Path) -> None:
    told = signin_triage("query", "SELECT nope FROM failures", "--db", db)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.count("\n") == 1
    assert "nope" in told.stderr


REFUSED = {
    "several statements": "SELECT 1; SELECT 2",
    "no statement": "-- only a comment",
    "a word that is none": "SELEC 1",
    "a deletion": "DELETE FROM runs",
    "a deletion inside a SELECT": "WITH gone AS (DELETE FROM runs RETURNING *) SELECT * FROM gone",
    "an explained insertion": "EXPLAIN ANALYZE INSERT INTO runs SELECT * FROM runs",
    "a table": "CREATE TABLE mine AS SELECT 1",
    "a temporary table": "CREATE TEMP TABLE mine AS SELECT 1",
    "a copy to a file": "COPY runs TO 'out.csv'",
    "a copy inside a SELECT": "WITH out AS (COPY runs TO 'out.csv') SELECT 1",
    "an explained copy": "EXPLAIN ANALYZE COPY runs TO 'out.csv'",
    "an export": "EXPORT DATABASE 'out'",
    "another database": "ATTACH 'other.duckdb'",
    "a file's text": "SELECT * FROM read_text('/etc/passwd')",
    "a file as a table": "SELECT * FROM '/etc/passwd.csv'",
    "a listing": "SELECT * FROM glob('/etc/*')",
    "a sniffed file": "SELECT * FROM sniff_csv('/etc/passwd')",
    "the network": "SELECT * FROM read_csv('https://example.org/x.csv')",
    "a query in a query": "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "an extension": "INSTALL httpfs",
    "an extension's load": "LOAD httpfs",
    "a setting": "SET threads = 1",
    "a variable": "SET VARIABLE mine = 1",
    "settings back": "RESET enable_external_access",
    "a pragma": "PRAGMA database_list",
    "a call": "CALL pragma_version()",
    "logging to a file": "SELECT * FROM enable_logging(storage = 'file', storage_config = {'path': 'out'})",
    "profiling to a file": "SELECT * FROM enable_profiling(save_location = 'out.json')",
    "the environment": "SELECT getenv('HOME')",
    "a variable of ours": "SELECT * FROM statements",
    "a parameter": "SELECT $mine",
    "a value that is none": "SELECT CAST('x' AS INTEGER)",
}


@pytest.mark.parametrize("sql", REFUSED.values(), ids=REFUSED)
def test_what_is_no_question_is_refused_with_2_and_leaves_no_trace(
    con: duckdb.DuckDBPyConnection, db: Path, sql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = db.read_bytes()
    with pytest.raises(UsageError) as refused:
        said(con, sql)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    assert db.read_bytes() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "FROM failures SELECT count(*)",
        "VALUES (1)",
        "SHOW TABLES",
        "DESCRIBE failures",
        "SUMMARIZE runs",
        "EXPLAIN SELECT * FROM failures",
        "PIVOT failures ON app USING count(*) GROUP BY user_id",
        "SELECT ';' AS semicolon; -- and a comment; with one",
    ],
)
def test_a_question_need_not_be_a_plain_select(con: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert len(said(con, sql).splitlines()) > 1


def test_times_are_utc_whatever_their_type(con: duckdb.DuckDBPyConnection) -> None:
    sql = """SELECT TIMESTAMPTZ '2026-10-31 09:15:00+01' AS a, TIMESTAMP '2026-10-31 08:15:00.7' AS b,
        [TIMESTAMPTZ '2026-10-31 08:15:00+00'] AS c, DATE '2026-10-31' AS d, INTERVAL 26 HOUR AS e; -- zoned"""
    moment = "2026-10-31T08:15:00Z"
    assert said(con, sql) == f'a,b,c,d,e\n{moment},{moment},"[""{moment}""]",2026-10-31,26:00:00\n'
    (row,) = json.loads(said(con, sql, answers.as_json))
    assert row == {"a": moment, "b": moment, "c": [moment], "d": "2026-10-31", "e": "26:00:00"}


def test_nested_values_are_json(con: duckdb.DuckDBPyConnection) -> None:
    sql = """SELECT {'a': [1, NULL], 'b': 'ü'} AS nested, CAST('{"c": 1.5}' AS JSON) AS js,
        1.50 AS number, NULL AS nothing"""
    (row,) = csv.DictReader(said(con, sql).splitlines())
    assert json.loads(row["nested"]) == {"a": [1, None], "b": "ü"}
    assert (json.loads(row["js"]), row["number"], row["nothing"]) == ({"c": 1.5}, "1.50", "")
    assert json.loads(said(con, sql, answers.as_json)) == [
        {"nested": {"a": [1, None], "b": "ü"}, "js": {"c": 1.5}, "number": 1.5, "nothing": None}
    ]


def test_numbers_longer_than_a_word_stay_numbers(con: duckdb.DuckDBPyConnection) -> None:
    assert (
        json.loads(said(con, "SELECT CAST(2 AS HUGEINT) ** 2, 10::HUGEINT * 10**18 AS n", answers.as_json))[0]["n"]
        == 10**19
    )


def test_columns_of_one_name_are_told_apart(con: duckdb.DuckDBPyConnection) -> None:
    (row,) = json.loads(said(con, "SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS a", answers.as_json))
    assert row == {"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}


def test_an_answer_without_rows_still_has_its_columns(con: duckdb.DuckDBPyConnection) -> None:
    nothing = "SELECT sign_in_id, user FROM failures WHERE false"
    assert said(con, nothing) == "sign_in_id,user\n"
    assert said(con, nothing, answers.as_table) == "sign_in_id  user\n"
    assert json.loads(said(con, nothing, answers.as_json)) == []


def test_what_strangers_wrote_commands_neither_spreadsheet_nor_terminal(con: duckdb.DuckDBPyConnection) -> None:
    hostile = "SELECT user, chr(155) || '31m' AS \"=cmd\", chr(8238) AS turned FROM failures WHERE sign_in_id = 'c'"
    (header, row) = csv.reader(said(con, hostile).splitlines(keepends=True))
    assert header == ["user", "'=cmd", "turned"]
    assert row[0].startswith("'=HYPERLINK(1)")
    table = said(con, hostile, answers.as_table)
    assert table.count("\n") == 2
    for form in (answers.as_csv, answers.as_table, answers.as_json):
        assert not set(said(con, hostile, form)) & {"\x1b", "\x9b"}
    assert "\u202e" not in said(con, hostile, answers.as_table) + said(con, hostile, answers.as_json)
    assert json.loads(said(con, hostile, answers.as_json))[0]["=cmd"] == "\x9b31m"


def test_a_long_cell_is_cut_in_a_table_only(con: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT repeat('x', 1000) AS long, 1 AS short"
    assert max(map(len, said(con, sql, answers.as_table).splitlines())) < 120
    assert "x" * 1000 in said(con, sql)


def test_a_huge_answer_is_passed_on_as_it_comes(con: duckdb.DuckDBPyConnection) -> None:
    parts = answers.as_csv(questions.ask(con, "SELECT range AS n FROM range(100000000000)"))
    assert next(parts).startswith("n\n0\n1\n")


def test_kql_asks_views_and_landed_tables(con: duckdb.DuckDBPyConnection) -> None:
    assert kql_said(con, "failures | summarize n = count() by result_code") == ["result_code,n", "50099,2"]
    assert kql_said(
        con, "SigninLogs | where DeviceDetail has 'd-1' | project id = tostring(DeviceDetail.deviceId)"
    ) == [
        "id",
        "d-1",
    ]
    assert kql_said(con, "failures | where seen_at > ago(36500d) and seen_at < now() | count")[0] == "Count"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("failures | make-series n = count() on seen_at step 1h", "`make-series`"),
        ("failures | mv-apply p = policies on (take 1)", "`mv-apply`"),
        ("failures | evaluate bag_unpack(policies)", "`evaluate`"),
        ("search 'a'", "`search`"),
        ("externaldata (a: string) [@'/etc/passwd']", "`externaldata`"),
        ("failures | where hash(user) == 1", "`hash()`"),
        ("print read_text('/etc/passwd')", "`read_text()`"),
        (".drop table runs", "drop table"),
        (".set mine <| failures", "set"),
        ("failures | count; runs | count", "multi-statement"),
        ("failures | wher user == 'a'", "KQL cannot be read"),
        ("no_such_table | count", "no_such_table"),
        ("failures | project no_such_column", "no_such_column"),
        ("cluster('c').database('d').T", "cluster"),
        ("['failures\"; DROP TABLE runs; --'] | count", "DROP TABLE"),
    ],
)
def test_kql_that_cannot_be_answered_is_refused_by_name(con: duckdb.DuckDBPyConnection, text: str, name: str) -> None:
    with pytest.raises(UsageError, match=name.replace("(", r"\(").replace(")", r"\)")):
        kql_said(con, text)


def test_a_question_that_wants_too_much_memory_is_told_so() -> None:
    with duckdb.connect() as con:
        con.execute("SET memory_limit = '50MB'; SET temp_directory = ''")
        with pytest.raises(UsageError, match="memory"):
            said(con, "SELECT list(range) FROM range(100000000000)")


def test_a_question_that_does_not_end_is_cut_off_with_a_sentence(con: duckdb.DuckDBPyConnection) -> None:
    begun = time.monotonic()
    parts = questions.in_time(con, (said(con, sql) for sql in (ENDLESS,)), end=never, seconds=0.5)
    with pytest.raises(UsageError, match="cut off after"):
        next(parts)
    assert time.monotonic() - begun < 10
    assert said(con, "SELECT 1 AS again") == "again\n1\n"


def test_an_engine_that_does_not_let_go_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_GRACE", 0.1)
    ended: list[BaseException] = []
    con = duckdb.connect()
    with pytest.raises(UsageError):
        next(questions.in_time(con, (said(con, sql) for sql in (DEAF,)), end=ended.append, seconds=0.2))
    assert [type(error) for error in ended] == [UsageError]


def test_the_clock_stands_still_while_the_reader_takes_its_time(con: duckdb.DuckDBPyConnection) -> None:
    parts = questions.in_time(con, iter(["first", "second"]), end=never, seconds=0.3)
    assert next(parts) == "first"
    time.sleep(0.5)
    assert next(parts) == "second"


def test_a_ctrl_c_ends_a_question_with_130(db: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "pipeline", "query", "-", "--db", db]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asking:
        assert asking.stdin is not None
        asking.stdin.write(ENDLESS + " " * 500_000)  # more than a pipe holds: it is taken when the program is at work
        asking.stdin.close()
        time.sleep(1)
        asking.send_signal(signal.SIGINT)
        assert asking.stderr is not None
        assert asking.stderr.read() == "Stopped: the query was not answered.\n"
        assert asking.wait(timeout=30) == 130


def test_a_reader_that_leaves_is_no_error(db: Path) -> None:
    asked = f"{sys.executable} -m pipeline query 'SELECT * FROM range(100000000)' --db {db} | head -1"
    told = subprocess.run(
        ["bash", "-o", "pipefail", "-c", asked], capture_output=True, text=True, timeout=60, check=True
    )
    assert (told.stdout, told.stderr) == ("range\n", "")
