"""Results into files: the report folder, whole or not at all.

Each CSV is one SELECT under sql/reports, run over a window, and the page is page's work; this room only writes them.
Nothing is judged, counted or worded here, and no clock is read: the same data and window give the same bytes.
"""

from __future__ import annotations

import contextlib
import csv
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline import assets, disk, page
from pipeline.cells import cell, spreadsheet_cell
from pipeline.errors import StoreUnusable
from pipeline.lake_answers import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from pipeline.window import Window

FILES = ("incidents", "causes", "failures", "by_app", "by_device", "by_user", "by_change", "coverage", "trends")
_PLAYBOOKS = "docs/causes"
_PLACES = (*(f"{name}.csv" for name in FILES), "report.html")


@dataclass(frozen=True)
class Shape:
    """How a report is wanted: ``excel`` for spreadsheets, ``since_last`` for new incidents and their failures only."""

    excel: bool = False
    since_last: bool = False


AS_USUAL = Shape()


@contextlib.contextmanager
def staged(con: duckdb.DuckDBPyConnection, window: Window, out: Path, shape: Shape = AS_USUAL) -> Iterator[None]:
    """Write the report beside its place and move every file into it; where the block fails, put back what stood there.

    Raises StoreUnusable where the folder cannot be written.
    """
    fresh = not out.exists()
    with disk.faults(out):
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging = out / ".unfinished"
        if staging.exists() and not _was_published(con, staging):  # by a run that was killed
            _put_back(staging, out)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
    done = False
    try:
        with disk.faults(out):
            for name in FILES:
                write_csv(con, name, window, staging / f"{name}.csv", shape)
            page.write(con, window, staging / "report.html", since_last=shape.since_last)
            for playbook in page.playbooks():
                (staging / _PLAYBOOKS).mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(playbook, staging / _PLAYBOOKS / playbook.name)
            _exchange(staging, out)
            (staging / "run").write_text(_last_run(con))
        yield
        done = True
    except BaseException:
        _put_back(staging, out)
        raise
    finally:
        shutil.rmtree(out if fresh and not done else staging, ignore_errors=True)


def require_folder(out: Path) -> None:
    """Raise StoreUnusable, before any work is done, where the report folder is something else."""
    if out.exists() and not out.is_dir():
        raise StoreUnusable(f"{out} is no folder: name another with --out.")


def _places() -> tuple[str, ...]:
    return (*_PLACES, *(f"{_PLAYBOOKS}/{playbook.name}" for playbook in page.playbooks()))


def _exchange(staging: Path, out: Path) -> None:
    """Move every file into its place, and those that stood there aside."""
    (staging / "kept").mkdir()
    for name in _places():
        place, kept = out / name, staging / "kept" / name
        if place.is_dir():
            raise StoreUnusable(f"{place} is a folder where the report's file belongs: move it away.")
        for folder in (place.parent, kept.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if place.exists():
            place.replace(kept)
        (staging / name).replace(place)


def _last_run(con: duckdb.DuckDBPyConnection) -> str:
    runs = con.execute("SELECT run_id FROM runs ORDER BY started_at DESC, run_id LIMIT 1").fetchall()
    return str(runs[0][0]) if runs else ""


def _was_published(con: duckdb.DuckDBPyConnection, staging: Path) -> bool:
    """Tell whether the run that left this had put every file into its place, and its database too."""
    left = staging / "run"
    return left.exists() and bool(con.execute("SELECT 1 FROM runs WHERE run_id = ?", [left.read_text()]).fetchall())


def _put_back(staging: Path, out: Path) -> None:
    """Put what stood in the folder back into its place, and take out what came in its place."""
    for name in _places():
        kept, place = staging / "kept" / name, out / name
        if kept.exists():
            kept.replace(place)
        elif (staging / "kept").exists() and not (staging / name).exists() and place.is_file():
            place.unlink()
    for folder in (out / _PLAYBOOKS, (out / _PLAYBOOKS).parent):
        with contextlib.suppress(OSError):  # it was there before, with something in it, or never
            folder.rmdir()


def write_csv(con: duckdb.DuckDBPyConnection, name: str, window: Window, file: Path, shape: Shape = AS_USUAL) -> None:
    """Write the rows of one report: UTF-8, a header always, times to the second in UTC."""
    values = {"since": window.start, "until": window.end, "since_last": shape.since_last}
    result = run(con, assets.text(assets.REPORTS / f"{name}.sql"), values)
    encoding, text = ("utf-8-sig", spreadsheet_cell) if shape.excel else ("utf-8", cell)
    with file.open("w", encoding=encoding, newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(column[0] for column in result.description or ())
        while rows := result.fetchmany(10_000):
            writer.writerows([text(value) for value in row] for row in rows)
