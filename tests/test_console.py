"""What reaches a terminal, and how a run ends."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time

import pytest

from pipeline.console import exit_code, printable, say, ticker, watcher
from pipeline.errors import PermissionRefused, ServiceUnavailable, StoreUnusable, UsageError
from pipeline.pull import Progress

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = "".join(map(chr, [*range(9), *range(11, 32), *range(127, 160)]))


@pytest.mark.parametrize("text", ["ann@example.org", "Großfürst 名前 🦆", "two lines\nand a\ttab", "100 % <b>"])
def test_ordinary_text_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[2J\x1b[1;1HLAPTOP",
        "\x1b[31mLAPTOP\x1b[0m",
        "\x1b]0;new title\x07LAPTOP",
        "\x1b]8;;https://example.org\x1b\\LAPTOP",
        "\x1bcLAPTOP",
        "\x9b31mLAPTOP",
        "\x1b]0;never endedLAPTOP",
        "\x1b\x1b[[31mLAPTOP",
        f"{CONTROLS}LAPTOP",
        f"{BIDI}LAPTOP",
        "\ufeff\u200bLAPTOP",
        "all is well\r\x1b[KLAPTOP",
    ],
)
def test_what_a_terminal_would_obey_is_not_printed_and_the_name_stays_readable(hostile: str) -> None:
    said = printable(hostile)
    assert said.endswith("LAPTOP")
    assert not set(said) & {*CONTROLS, *BIDI, "\ufeff", "\u200b"}


def test_a_hidden_character_leaves_a_mark(capsys: pytest.CaptureFixture[str]) -> None:
    say("LAPTOP\u202egnp.exe")
    assert capsys.readouterr().err == "LAPTOP\N{REPLACEMENT CHARACTER}gnp.exe\n"


class Terminal(io.StringIO):
    """A terminal that remembers all that was written to it."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Give a wide terminal for stderr to go to."""
    written = Terminal()
    monkeypatch.setattr(sys, "stderr", written)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "160", "LINES": "40"}.items():
        monkeypatch.setenv(name, value)
    return written


def progress(table: str = "SigninLogs", share: float = 0.5, **parts: float | str) -> Progress:
    """Return how far a pull has come: half of one table, if nothing else is said."""
    ordinary = {"workspace_id": "w1", "table": table, "share": share, "rows": 1000, "whole": share, "records": 900}
    return Progress(**(ordinary | parts))  # type: ignore[arg-type]  # the names of Progress


def lines_of(terminal: Terminal) -> list[str]:
    """Return the text that stood in the last drawing."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_a_terminal_shows_a_bar_a_table_with_share_rows_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    watch = watcher(quiet=False)
    watch(progress("SigninLogs", 0.25, rows=1234, whole=0.1))
    watch(progress("AuditLogs", 0.5, rows=7, whole=0.2))
    say("done")
    *_, sign_ins, audits, done = lines_of(terminal)
    assert re.fullmatch(r"SigninLogs +\S.* 25% +1,234 rows +[\d,]+/s +[-:\d]+", sign_ins)
    assert re.fullmatch(r"AuditLogs +\S.* 50% +7 rows +[\d,]+/s +[-:\d]+", audits)
    assert done == "done"


def test_tables_of_several_workspaces_have_a_bar_each(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    watch = watcher(quiet=False)
    for workspace in ("11111111-2222", "99999999-2222"):
        watch(progress(workspace_id=workspace))
    say("done")
    first, second, _ = lines_of(terminal)[-3:]
    assert first.startswith("11111111 SigninLogs")
    assert second.startswith("99999999 SigninLogs")


@pytest.mark.parametrize("end", ["the last answer", "an error"])
def test_the_terminal_has_its_cursor_back_in_the_end(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    terminal = on_terminal(monkeypatch)
    watch = watcher(quiet=False)
    watch(progress())
    assert "\x1b[?25l" in terminal.getvalue()
    if end == "an error":
        exit_code(ServiceUnavailable("gave up"))
        assert terminal.getvalue().endswith("signin-triage: gave up\n")
    else:
        watch(progress(share=1.0))
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("\x1b[?25l")


def test_who_wants_no_colour_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def colours() -> list[str]:
        terminal = on_terminal(monkeypatch)
        watcher(quiet=False)(progress(share=1.0))
        return re.findall(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])(?:;\d+)*m", terminal.getvalue())

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colours()
    monkeypatch.setenv("NO_COLOR", "1")
    assert colours() == []


@pytest.mark.parametrize("kind", ["dumb", "unknown", ""])
def test_a_terminal_that_cannot_draw_gets_lines(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    terminal = on_terminal(monkeypatch)
    monkeypatch.setenv("TERM", kind)
    watcher(quiet=False)(progress())
    assert terminal.getvalue().startswith("pull: 900 new records")
    assert "\x1b" not in terminal.getvalue()


def test_a_quiet_pull_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    watcher(quiet=True)(progress())
    assert terminal.getvalue() == ""


def test_in_a_pipe_a_line_is_told_every_five_seconds_and_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((100.0, 101.0, 102.0, 110.0, 111.0, 112.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    watch = watcher(quiet=False)
    for share in (0.01, 0.1, 0.1, 0.9, 1.0):
        watch(progress(share=share))
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "pull: 900 new records, 1,000 rows/s, about 2 min left; SigninLogs 1%",
        "pull: 900 new records, 100 rows/s, about 2 min left; SigninLogs 10%",
        "pull: 900 new records, 83 rows/s; SigninLogs 100%",
    ]


def test_names_of_imported_files_cannot_command_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = ticker(quiet=False)
    later = time.monotonic() + 10
    monkeypatch.setattr(time, "monotonic", lambda: later)
    tick("import: \x1b[2J\u202eevil.csv: 5 records read")
    assert capsys.readouterr().err == "import: \N{REPLACEMENT CHARACTER}evil.csv: 5 records read\n"


def test_help_does_not_wait_for_what_draws_bars() -> None:
    code = "import sys, pipeline.cli; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_a_quiet_run_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    say("pulling", quiet=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("wrong"), 2),
        (PermissionRefused("refused"), 3),
        (ServiceUnavailable("away"), 4),
        (StoreUnusable("full"), 5),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_an_error_is_one_line_on_stderr_and_nothing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code(UsageError("--db /x is a folder:\n  name the file."))
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "signin-triage: --db /x is a folder: name the file.\n"


def test_an_error_that_quotes_a_stranger_is_printed_without_what_a_terminal_would_obey(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exit_code(UsageError("no rule \x1b[2Jevil\u202e.sql."))
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\u202e" not in err


def test_an_interrupted_run_says_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code(KeyboardInterrupt("Stopped: 1,234 records landed."))
    assert capsys.readouterr().err == "Stopped: 1,234 records landed.\n"


def test_a_fault_of_ours_is_one_sentence_too_and_says_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(ZeroDivisionError("division\nby zero")) == 5
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in err
    assert "SIGNIN_TRIAGE_DEBUG" in err


def test_whoever_mends_a_fault_of_ours_can_have_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNIN_TRIAGE_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        exit_code(ZeroDivisionError("division by zero"))
