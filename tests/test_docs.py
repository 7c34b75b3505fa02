"""Documents that are made from the program say what the program says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from pipeline import assets

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


def test_every_path_that_the_readme_names_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\(((?!http)[^)#]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_the_readme_names_every_shipped_cause() -> None:
    readme = (ROOT / "README.md").read_text()
    for rule in assets.sql_files(assets.RULES):
        assert f"`{rule.stem}`" in readme
