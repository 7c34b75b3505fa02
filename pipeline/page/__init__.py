"""report.html: everything of the report folder for the eye, in one file.

What is asked is in facts (SQL under sql/page), what is said of an incident in cards, what is drawn in charts and
drawing, and document puts them into the template. Nothing is judged here, and no clock is read: the run's is in the
database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import assets

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from pipeline.window import Window

__all__ = ["playbooks", "write"]


def write(con: duckdb.DuckDBPyConnection, window: Window, file: Path, *, since_last: bool = False) -> None:
    """Write the page of a window; ``since_last`` shows the cards of incidents that are new, and no others.

    It links the pages of causes that ``playbooks`` lists, as docs/causes beside it.
    """
    from pipeline.page import document, facts

    found = facts.gather(con, window, since_last=since_last)
    file.write_text(document.rendered(found, {page.stem for page in playbooks()}), encoding="utf-8")


def playbooks() -> list[Path]:
    """Return the pages on single causes that travel with the page, in the order of their names."""
    return sorted(assets.CAUSES.glob("*.md")) if assets.CAUSES.is_dir() else []
