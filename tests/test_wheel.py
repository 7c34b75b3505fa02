"""What a user installs: the wheel, in an environment that knows nothing of the checkout."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from pipeline import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT],
        capture_output=True,
        timeout=180,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_queries_and_sql_and_what_the_page_is_made_of(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for folder in ("queries", "sql", "docs/causes"):
        for file in (ROOT / folder).rglob("*.*"):
            assert f"pipeline/_assets/{file.relative_to(ROOT).as_posix()}" in names
    for file in (ROOT / "pipeline" / "page").glob("page.*"):
        assert f"pipeline/page/{file.name}" in names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_installed_program_does_the_demo_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    # The libraries of this environment serve, our own package does not: what runs is what the wheel holds.
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel],
        capture_output=True,
        timeout=180,
        check=True,
    )
    site = next(path for path in sys.path if path.endswith("site-packages"))
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for entry in Path(site).iterdir():
        if "signin_triage" not in entry.name:
            (libraries / entry.name).symlink_to(entry)
    told = subprocess.run(
        [tmp_path / "env" / "bin" / "signin-triage", "demo", "--out", "here"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(libraries), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "refused device signatures (50099)" in told.stdout
    assert (tmp_path / "here" / "report" / "incidents.csv").exists()


def test_the_version_is_the_packages_own(wheel: Path) -> None:
    assert wheel.name.startswith(f"signin_triage-{__version__}-")
