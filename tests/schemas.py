"""Databases as releases left them, one a schema version, kept in tests/data/schemas for the tests of upgrades.

`python tests/schemas.py` makes the files that are missing; run it when a step of the schema is added, and never make
again what a release has made. That of the newest version is a week's work of the whole program; of a version that no
release ever had it is that of the version before, one step further.
"""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from unittest import mock

from stories import SINCE, UNTIL, app_credential_change

from pipeline import assets, land, rules, runs, store, views
from pipeline.settings import Span
from pipeline.window import Window

FOLDER = Path(__file__).parent / "data" / "schemas"
WEEK = Span(Window(SINCE, UNTIL), fixed=True)
STEPS = assets.sql_files(assets.SCHEMA)


def kept(version: int) -> Path:
    """Return where the file of a version is kept; its name is the newest step's."""
    return FOLDER / f"{STEPS[version - 1].stem}.gz"


def unpacked(version: int, folder: Path) -> Path:
    """Write the database of a version into a folder."""
    db = folder / "signins.duckdb"
    db.write_bytes(gzip.decompress(kept(version).read_bytes()))
    return db


def _worked_on(folder: Path) -> Path:
    """Return a week in which an application fails after a change of its key, as this release leaves it."""
    db = folder / "signins.duckdb"
    with store.working(db) as work:
        for page in app_credential_change().pages():
            land.land(work.con, page, work.scratch)
        store.publish(work, db)
    runs.analyze(db, WEEK, rules.load())
    return db


def _migrated(folder: Path, version: int) -> Path:
    """Return the database of the version before, brought one step further and no more."""
    db = unpacked(version - 1, folder)
    # The comments speak of tables that are to come.
    with (
        mock.patch.object(assets, "sql_files", return_value=STEPS[:version]),
        mock.patch.object(views, "comment_tables"),
        store.working(db) as work,
    ):
        store.publish(work, db)
    return db


def main() -> None:
    """Make the files that are missing, the oldest first."""
    for version in (version for version in range(1, len(STEPS) + 1) if not kept(version).exists()):
        with tempfile.TemporaryDirectory() as folder:
            newest = version == len(STEPS)
            db = _worked_on(Path(folder)) if newest else _migrated(Path(folder), version)
            kept(version).write_bytes(gzip.compress(db.read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
