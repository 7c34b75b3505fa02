"""What reaches a terminal, and how a run ends."""

from __future__ import annotations

import pytest

from pipeline.console import exit_code, printable, say
from pipeline.errors import PermissionRefused, ServiceUnavailable, StoreUnusable, UsageError

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
