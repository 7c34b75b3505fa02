"""CSV that survives: the same cells in every reader, nothing that a spreadsheet runs, nor changes with --excel."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pytest
from records import WINDOW, failure, page

from pipeline import report
from pipeline.cells import cell, spreadsheet_cell
from pipeline.report import Shape

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Land = Callable[..., duckdb.DuckDBPyConnection]

EXCEL = Shape(excel=True)
HOSTILE = (
    '=HYPERLINK("http://example.org")',
    'say "hi", please',
    "two\nlines, one comma",
    "a;=1+1",
    "tab\tin it",
    "名前 🦆",
    "'quoted'",
    "NUL\x00 and escape\x1b[2J",
    "0012",
    "MAR1",
    "1234567890123456",
    "x" * 40_000,
    "NULL",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
)


@pytest.mark.parametrize("shape", [report.AS_USUAL, EXCEL])
def test_every_reader_gets_the_same_cells(landed: Land, tmp_path: Path, shape: Shape) -> None:
    records = [failure(Id=f"s{n}", AppId=f"app-{n}", AppDisplayName=name) for n, name in enumerate(HOSTILE)]
    file = tmp_path / "failures.csv"
    report.write_csv(landed(page("SigninLogs", *records)), "failures", WINDOW, file, shape)
    with file.open(encoding="utf-8-sig", newline="") as text:
        header, *rows = csv.reader(text)
    assert len(rows) == len(HOSTILE)
    frame = pl.read_csv(file, infer_schema_length=0)
    assert (frame.columns, [[text or "" for text in row] for row in frame.iter_rows()]) == (header, rows)
    answer = duckdb.connect().execute("SELECT * FROM read_csv($1, all_varchar := true)", [str(file)])
    assert [column[0] for column in answer.description or ()] == header
    assert [[text or "" for text in row] for row in answer.fetchall()] == rows


def test_the_bom_is_there_where_it_was_asked_for_and_only_there(landed: Land, tmp_path: Path) -> None:
    con = landed(page("SigninLogs", failure()))
    written = {}
    for shape in (report.AS_USUAL, EXCEL):
        report.write_csv(con, "failures", WINDOW, tmp_path / "failures.csv", shape)
        written[shape] = (tmp_path / "failures.csv").read_bytes()
    assert written[EXCEL] == b"\xef\xbb\xbf" + written[report.AS_USUAL]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a;=1+1", "a;'=1+1"),
        ('a;"=1+1"', 'a;\'"=1+1"'),
        ("a\t@SUM(1)", "a\t'@SUM(1)"),
        ("a\n+1", "a\n'+1"),
        ("a\r\n  -1", "a\n'  -1"),
        ("a;b=1", "a;b=1"),
        ("iPhone; CPU OS 18", "iPhone; CPU OS 18"),
        ("a,=1+1", "a,=1+1"),  # the writer quotes it, and where the comma separates quotes are heeded
    ],
)
def test_a_cell_that_another_separator_would_split_begins_no_formula(text: str, written: str) -> None:
    assert cell(text) == written


def test_half_a_character_does_not_stop_the_writer() -> None:
    assert cell("a\ud83e") == "a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "text",
    [
        *("1234567890123456", "12e4567890123456", "1E5", "00123", "10.10", "18,2", "1.234.567", "192.168.100.100"),
        *("1-2", "3/4/2026", "2026-10-31", "2026-10-31 08:15", "MAR1", "Sept-1", "1 may", "12:30", "12 AM"),
        *("5%", "€ 5", " 007 ", "1 1/2"),
    ],
)
def test_text_that_excel_would_take_for_another_value_is_kept_text(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"
    assert cell(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("50099", "0", "123456789012345", "0123456789abcdef", "e5", "1e", "10.0.0.1", "::1", "10.0.19045.4"),
        *("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "mark-1", "Mayer 12", "2026-10-31T08:15:00Z", "...", "", "5 apps"),
    ],
)
def test_text_that_excel_leaves_alone_stays_as_it_is(text: str) -> None:
    assert spreadsheet_cell(text) == text


@pytest.mark.parametrize("number", [0, -5, 0.25, -0.5, 1234567890123456])
def test_a_number_stays_a_number(number: float) -> None:
    assert spreadsheet_cell(number) == cell(number) == str(number)


def test_a_cell_longer_than_excel_takes_is_cut_and_says_so() -> None:
    long = "🦆" * 20_000
    cut = spreadsheet_cell(long)
    assert len(cut.encode("utf-16-le")) // 2 <= 32_767
    assert cut.endswith("(cut by --excel: 20,000 characters in all)")
    assert cell(long) == long
    assert spreadsheet_cell("x" * 32_767) == "x" * 32_767
