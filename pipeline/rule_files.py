"""How a rule is written down: one .sql file, a header of `-- key: value` lines, then one SELECT with parameters.

Only reading of files and text may enter here; nothing runs and nothing is judged.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline import assets
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

Value = str | int | float | datetime

STATUSES = ("stable", "experimental")
MECHANISMS = ("direct", "indirect", "doubtful")
EVIDENCE_COLUMNS = ("incident_id", "log_odds", "change_id", "change_workspace_id", "evidence_for", "evidence_against")
WINDOW = ("since", "until")
_PLAIN = ("title", "version", "status", "severity", "mechanism", "references", "false_positives", "remediation")
KEYS = ("id", "cause", *_PLAIN, "tags", "requires", "params", "weights")

_HEADER_LINE = re.compile(r"--\s*([a-z_]+):\s*(.*?)\s*$")
# What may hold a `$name` that is no parameter: comments, strings, quoted names, dollar-quoted text.
_OPAQUE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(\w*)\$.*?\$\1\$", re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """One rule as its file has it; all but id and cause have defaults.

    ``params`` are thresholds that a user may set, ``weights`` what its terms add to the log-odds: a fit may set them.
    """

    id: str
    cause: str
    path: Path
    sql: str
    title: str = ""
    version: str = "1"
    status: str = "experimental"
    severity: str = "medium"
    tags: tuple[str, ...] = ()
    mechanism: str = "doubtful"
    requires: tuple[str, ...] = ()
    params: Mapping[str, Value] = field(default_factory=dict)
    weights: Mapping[str, Value] = field(default_factory=dict)
    references: str = ""
    false_positives: str = ""
    remediation: str = ""
    unreadable: str = ""  # why the file could not be read, which is a fault as any other

    @property
    def shipped(self) -> bool:
        """Whether it belongs to the program's own pack."""
        return self.path.parent == assets.RULES


def files(folders: Iterable[Path] = ()) -> list[Path]:
    """Return the files of our own pack and then of a user's folders, each folder in the order of names.

    Raises UsageError for a folder that is not there.
    """
    found = assets.sql_files(assets.RULES)
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder of rules: name one with --rules.")
        found += assets.sql_files(folder)
    return found


def header(text: str) -> list[tuple[int, str, str]]:
    """Return line number, key and value of the `-- key: value` lines above the statement."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("--"):
            break
        if match := _HEADER_LINE.match(line):
            found.append((number, match[1], match[2]))
    return found


def read(path: Path) -> Rule:
    """Return one rule, the gaps of its header filled with defaults; one that cannot be opened is empty, and says so."""
    unreadable = ""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        text, unreadable = "", error.strerror or type(error).__name__
    said = {key: value for _, key, value in reversed(header(text))}
    plain = {key: said[key] for key in _PLAIN if said.get(key)}
    return Rule(
        id=said.get("id") or path.stem,
        cause=said.get("cause") or path.stem,
        path=path,
        sql=text,
        tags=tuple(part.strip() for part in said.get("tags", "").split(",") if part.strip()),
        requires=tuple(said.get("requires", "").split()),
        params=dict(_default(word) for word in said.get("params", "").split()),
        weights=dict(_default(word) for word in said.get("weights", "").split()),
        unreadable=unreadable,
        **plain,
    )


def fitted_weights() -> dict[str, dict[str, float]]:
    """Return rule, weight and value as `make fit` wrote them into sql/data/weights.csv; a row without a rule counts."""
    fitted: dict[str, dict[str, float]] = {}
    with (assets.DATA / "weights.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            fitted.setdefault(row["rule"], {})[row["weight"]] = float(row["value"])
    return fitted


def _default(word: str) -> tuple[str, Value]:
    name, _, text = word.partition("=")
    for kind in (int, float):
        try:
            return name, kind(text)
        except ValueError:
            continue
    return name, text


def blanked(text: str) -> str:
    """Return the text with comments, strings and quoted names blanked out; every other character keeps its place."""
    return _OPAQUE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
