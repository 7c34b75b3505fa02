"""The one place that knows where the .sql and .kql files are, in a checkout and in a wheel.

In a wheel they travel inside the package; an editable install finds the checkout's own folders. Only reading of shipped
files may enter here: what is in them is the business of those who ask.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_assets"
_ROOT = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent

QUERIES = _ROOT / "queries"
SCHEMA = _ROOT / "sql" / "schema"
VIEWS = _ROOT / "sql" / "views"
RULES = _ROOT / "sql" / "rules"
REPORTS = _ROOT / "sql" / "reports"
INCIDENTS = _ROOT / "sql" / "incidents"
EXPLAIN = _ROOT / "sql" / "explain"
HISTORY = _ROOT / "sql" / "history"
VERDICTS = _ROOT / "sql" / "verdicts"
DATA = _ROOT / "sql" / "data"
PAGE = _ROOT / "sql" / "page"
CAUSES = _ROOT / "docs" / "causes"


def text(path: Path) -> str:
    """Return the text of a shipped file."""
    return path.read_text(encoding="utf-8")


def sql_files(folder: Path) -> list[Path]:
    """Return the .sql files of a folder in the order of their names, which is the order they build on each other."""
    return sorted(path for path in folder.glob("*.sql") if not path.is_dir())


def query(table: str) -> str:
    """Return the KQL that reads one Log Analytics table."""
    return text(QUERIES / f"{table}.kql")


def reach_query(table: str) -> str:
    """Return the KQL that asks how far the records of one Log Analytics table reach."""
    return text(QUERIES / "doctor" / f"{table}.kql")
