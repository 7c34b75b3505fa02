"""The command line: wrong usage costs one sentence with the remedy, and the exit code of the contract."""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import pytest
from program import last_line, signin_triage

WORKSPACE = "00000000-1111-2222-3333-444444444444"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nightly"], "give --workspace"),
        (["nightly", "--workspace", "contoso-logs"], "no workspace id"),
        (["nightly", "--workspace", WORKSPACE, "--since", "2026-11-02", "--until", "2026-11-01"], "before it begins"),
        (["nightly", "--workspace", WORKSPACE, "--since", "yesterday"], "--since"),
        (["nightly", "--workspace", WORKSPACE, "--endpoint", "http://logs.example.com"], "write https"),
        (["nightly", "--workspace", WORKSPACE, "--cloud", "mars"], "public, usgov, china"),
        (["nightly", "--workspace", WORKSPACE, "--rules", "no-such-folder"], "no-such-folder"),
        (["import", "no-such-file"], "no-such-file"),
        (["frobnicate"], "No such command"),
        (["nightly", "--frobnicate"], "--frobnicate"),
        (["rules", "show", "no-such-rule"], "rules list"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_wrong_usage_is_one_sentence_and_exit_2(args: list[str], says: str, tmp_path: Path) -> None:
    told = signin_triage(*args, cwd=tmp_path)
    assert told.returncode == 2
    assert says in last_line(told.stderr)
    assert told.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_no_credential_is_exit_3(tmp_path: Path) -> None:
    told = signin_triage(
        *("pull", "--workspace", WORKSPACE, "--endpoint", "http://127.0.0.1:9"),
        cwd=tmp_path,
        env={"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"},
    )
    assert told.returncode == 3
    assert "az login" in last_line(told.stderr)


@pytest.mark.parametrize("content", [b"not a database", b"", b"\0" * 9000], ids=["text", "empty", "zeros"])
def test_a_database_that_is_none_is_exit_5_and_stays(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "signins.duckdb").write_bytes(content)
    told = signin_triage("analyze", cwd=tmp_path)
    assert told.returncode == 5
    assert "signins.duckdb" in last_line(told.stderr)
    assert (tmp_path / "signins.duckdb").read_bytes() == content


def test_a_database_of_somebody_else_is_exit_5_and_stays(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "signins.duckdb")) as con:
        con.execute("CREATE TABLE theirs (a INT)")
    before = (tmp_path / "signins.duckdb").read_bytes()
    told = signin_triage("analyze", cwd=tmp_path)
    assert told.returncode == 5
    assert "somebody else" in last_line(told.stderr)
    assert (tmp_path / "signins.duckdb").read_bytes() == before


def test_a_report_without_a_database_says_what_to_run_first(tmp_path: Path) -> None:
    told = signin_triage("report", cwd=tmp_path)
    assert told.returncode == 5
    assert "signin-triage nightly" in last_line(told.stderr)


def test_a_bad_line_is_set_aside_and_the_rest_lands(tmp_path: Path) -> None:
    good = {
        "Id": "a",
        "TimeGenerated": "2026-11-01T08:05:00Z",
        "CreatedDateTime": "2026-11-01T08:00:00Z",
        "ResultType": "0",
    }
    (tmp_path / "SigninLogs.ndjson").write_text(f'{json.dumps(good)}\n{{"Id": "b", "TimeGen\n')
    told = signin_triage("import", "SigninLogs.ndjson", "--format", "json", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    counts = json.loads(told.stdout)
    assert {key: counts[key] for key in ("read", "landed", "duplicates", "rejected", "skipped")} == {
        "read": 2,
        "landed": 1,
        "duplicates": 0,
        "rejected": 1,
        "skipped": 0,
    }
    with duckdb.connect(str(tmp_path / "signins.duckdb"), read_only=True) as con:
        assert con.execute("SELECT file, line FROM import_rejects").fetchall() == [("SigninLogs.ndjson", 2)]


def test_options_come_from_the_environment_too_and_flags_win(tmp_path: Path) -> None:
    environment = {"SIGNIN_TRIAGE_WORKSPACE": WORKSPACE, "SIGNIN_TRIAGE_SINCE": "nonsense"}
    assert "nonsense" in last_line(signin_triage("nightly", env=environment, cwd=tmp_path).stderr)
    told = signin_triage("nightly", "--since", "rubbish", env=environment, cwd=tmp_path)
    assert "rubbish" in last_line(told.stderr)


def test_every_command_teaches_with_an_example() -> None:
    for command in ("nightly", "pull", "import", "analyze", "report", "demo"):
        told = signin_triage(command, "--help")
        assert told.returncode == 0
        assert f"Example:\n  signin-triage {command}" in told.stdout


def test_rules_are_listed_shown_and_checked() -> None:
    listed = json.loads(signin_triage("rules", "list", "--format", "json").stdout)
    assert {"rule", "cause", "status"} <= set(listed[0])
    shown = signin_triage("rules", "show", listed[0]["rule"]).stdout
    assert "SELECT" in shown
    assert "$since" not in shown
    checked = signin_triage("rules", "check", "--format", "json")
    assert checked.returncode == 0
    assert json.loads(checked.stdout) == [{key: rule[key] for key in ("rule", "cause", "status")} for rule in listed]


def test_a_rule_with_faults_has_them_named_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text("-- id: mine\n-- cause: mine\nSELECT 1 AS one;\nDROP TABLE x\n")
    told = signin_triage("rules", "check", "mine.sql", "--format", "json", cwd=tmp_path)
    assert told.returncode == 2
    faults = json.loads(told.stdout)
    assert faults
    assert all({"file", "line", "message"} <= set(fault) for fault in faults)


def test_a_folder_without_rules_is_told_as_such(tmp_path: Path) -> None:
    told = signin_triage("rules", "check", tmp_path, "--format", "json")
    assert (told.returncode, json.loads(told.stdout)) == (0, [])
    assert "holds no rule" in told.stderr


def test_every_option_can_be_set_by_a_variable() -> None:
    reference = (Path(__file__).parents[1] / "docs" / "reference.md").read_text()
    options = re.findall(r"^\* `--([\w-]+).*", reference, re.MULTILINE)
    assert {"db", "older-than", "seed"} <= set(options)
    for option in set(options) - {"help"}:
        told = re.findall(rf"^\* `--{option}[ `].*", reference, re.MULTILINE)
        variable = f"SIGNIN_TRIAGE_{option.upper().replace('-', '_')}"
        assert [line for line in told if variable not in line] == []
