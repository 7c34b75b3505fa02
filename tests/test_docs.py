"""Documents that are made from the program say what the program says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pipeline import assets, dictionary, store

ROOT = Path(__file__).parent.parent


def test_the_reference_is_what_the_program_says_now(tmp_path: Path) -> None:
    made = tmp_path / "reference.md"
    subprocess.run(
        [
            *(Path(sys.executable).with_name("typer"), "pipeline.cli", "utils", "docs"),
            *("--name", "signin-triage", "--title", "Commands", "--output", made),
        ],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert (ROOT / "docs" / "reference.md").read_text() == made.read_text(), "run `make docs`"


def test_the_data_dictionary_is_what_the_file_says_of_itself() -> None:
    with store.empty() as con:
        assert (ROOT / "docs" / "data-dictionary.md").read_text() == dictionary.document(con), "run `make docs`"


def test_the_data_dictionary_names_every_table_and_view_once_and_column_of_it() -> None:
    said = (ROOT / "docs" / "data-dictionary.md").read_text()
    with store.empty() as con:
        columns = con.execute(
            "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
            "WHERE NOT internal GROUP BY table_name"
        ).fetchall()
    sections = {part.partition("\n")[0]: part for part in said.split("\n### ")[1:]}
    assert sorted(sections) == sorted(table for table, _ in columns)
    for table, names in columns:
        assert re.findall(r"^\| `(\w+)` \|", sections[table], re.MULTILINE) == names


def test_every_path_that_the_readme_names_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_the_readme_names_every_shipped_cause() -> None:
    readme = (ROOT / "README.md").read_text()
    for rule in assets.sql_files(assets.RULES):
        assert f"`{rule.stem}`" in readme
