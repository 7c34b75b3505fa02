"""Results into files: the report folder's CSV, whole or not at all.

Each file is one SELECT under sql/reports, run over a window; this room only writes what they return. Nothing is judged,
counted or worded here, and no clock is read: the same data and window give the same bytes.
"""

from __future__ import annotations

import contextlib
import csv
import re
import shutil
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline import assets
from pipeline.errors import StoreUnusable
from pipeline.store import disk_faults, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from pipeline.window import Window

FILES = ("incidents", "causes", "failures", "by_app", "by_device", "by_user", "by_change", "coverage")
_RATE_DIGITS = 6
# What makes a spreadsheet run a cell, full-width forms included (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 the look-alikes are the point
# What stands before a formula and does not show: spaces of any kind, marks of direction and of byte order.
_UNSEEN = re.compile(r"^[^\S\n\t]*[\s\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]*(?=[=+\-@＝＋－＠])")  # noqa: RUF001
# What a terminal obeys, and a NUL at which readers stop; line breaks and tabs are text.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@contextlib.contextmanager
def staged(con: duckdb.DuckDBPyConnection, window: Window, out: Path) -> Iterator[None]:
    """Write the report beside its place and move every file into it; where the block fails, put back what stood there.

    Raises StoreUnusable where the folder cannot be written.
    """
    fresh = not out.exists()
    with disk_faults(out):
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging = out / ".unfinished"
        if staging.exists() and not _was_published(con, staging):  # by a run that was killed
            _put_back(staging, out)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
    done = False
    try:
        with disk_faults(out):
            for name in FILES:
                write_csv(con, name, window, staging / f"{name}.csv")
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


def _exchange(staging: Path, out: Path) -> None:
    """Move every file into its place, and those that stood there aside."""
    (staging / "kept").mkdir()
    for name in FILES:
        place = out / f"{name}.csv"
        if place.is_dir():
            raise StoreUnusable(f"{place} is a folder where the report's file belongs: move it away.")
        if place.exists():
            place.replace(staging / "kept" / place.name)
        (staging / place.name).replace(place)


def _last_run(con: duckdb.DuckDBPyConnection) -> str:
    runs = con.execute("SELECT run_id FROM runs ORDER BY started_at DESC, run_id LIMIT 1").fetchall()
    return str(runs[0][0]) if runs else ""


def _was_published(con: duckdb.DuckDBPyConnection, staging: Path) -> bool:
    """Tell whether the run that left this had put every file into its place, and its database too."""
    left = staging / "run"
    return left.exists() and bool(con.execute("SELECT 1 FROM runs WHERE run_id = ?", [left.read_text()]).fetchall())


def _put_back(staging: Path, out: Path) -> None:
    """Put what stood in the folder back into its place, and take out what came in its place."""
    for name in FILES:
        kept, place = staging / "kept" / f"{name}.csv", out / f"{name}.csv"
        if kept.exists():
            kept.replace(place)
        elif (staging / "kept").exists() and not (staging / place.name).exists() and place.is_file():
            place.unlink()


def write_csv(con: duckdb.DuckDBPyConnection, name: str, window: Window, file: Path) -> None:
    """Write the rows of one report: UTF-8, a header always, times to the second in UTC."""
    result = run(con, assets.text(assets.REPORTS / f"{name}.sql"), {"since": window.start, "until": window.end})
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(column[0] for column in result.description or ())
        while rows := result.fetchmany(10_000):
            writer.writerows([cell(value) for value in row] for row in rows)


def cell(value: object) -> str:
    """Return a value as the text of a CSV cell.

    Text that a spreadsheet would run gets an apostrophe in front, control characters are made visible, and every line
    break is a line feed, which the writer quotes.
    """
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, float):
        return f"{value:.{_RATE_DIGITS}f}".rstrip("0").rstrip(".")
    text = str(value)
    if isinstance(value, str):
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))
        if _UNSEEN.sub("", text).startswith(_FORMULA):
            return f"'{text}"
    return text
