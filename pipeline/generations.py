"""The published files of earlier runs, kept beside the newest under its name and a number.

What is in a file is not known here.
"""

from __future__ import annotations

import glob
import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def kept(db: Path) -> dict[int, Path]:
    """Return the earlier generations beside a published file by their numbers; 1 is the newest."""
    beside = {file.name.removeprefix(f"{db.name}."): file for file in db.parent.glob(f"{glob.escape(db.name)}.*")}
    return {int(number): file for number, file in beside.items() if re.fullmatch("[1-9][0-9]{0,2}", number)}


def keep(db: Path, generations: int) -> None:
    """Let the published file be the newest of the generations beside it; a crash at any point loses none of them.

    The published file keeps its name throughout: its generation is a second link to it. Those that are older move down
    to the first number that is free, so that a rotation cut short is gone on with, not begun again.
    """
    for number, file in kept(db).items():
        if number > generations:
            file.unlink()
    newest = _generation(db, 1)
    if not generations or not db.exists() or (newest.exists() and newest.samefile(db)):
        return
    numbers = range(1, generations + 1)
    free = next((number for number in numbers if not _generation(db, number).exists()), generations)
    for number in range(free, 1, -1):
        _generation(db, number - 1).replace(_generation(db, number))
    link = db.with_name(f".{db.name}.kept")
    link.unlink(missing_ok=True)
    try:
        link.hardlink_to(db)
    except OSError:  # a file system without links
        shutil.copy2(db, link)
    link.replace(newest)


def _generation(db: Path, number: int) -> Path:
    return db.with_name(f"{db.name}.{number}")
