"""Exported files as the program reads them: what a test asks of them before anything lands."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import exports, sources
from pipeline.forms.bench import bench
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.exports import Batch

Record = dict[str, Any]


@dataclass(frozen=True)
class Whole:
    """All of a file: its rows by table, its rejects as (line, reason), its counts."""

    rows: dict[str, list[Record]]
    rejects: list[tuple[int, str]]
    read: int
    skipped: int


def known(path: Path) -> sources.Source:
    """Return the one source of a path."""
    (source,) = sources.found([path])
    return source


def form_of(path: Path) -> str:
    form = exports.form_of(known(path))
    if form is None:
        raise exports.unknown(known(path))
    return form.name


def read(path: Path, day_first: bool | None = None) -> Iterator[Batch]:
    source = known(path)
    form = exports.form_of(source)
    if form is None:
        raise exports.unknown(source)
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as table:
        yield from exports.read(table, source, form, day_first=day_first)


def files(paths: Sequence[Path]) -> list[Path]:
    """Return the files of a known form."""
    return [source.path for source in sources.found(paths) if exports.form_of(source) is not None]


def whole(path: Path, day_first: bool | None = None) -> Whole:
    rows: dict[str, list[Record]] = {}
    rejects: list[tuple[int, str]] = []
    total = skipped = 0
    for batch in read(path, day_first):
        assert batch.read == sum(p.frame.height for p in batch.pages) + len(batch.rejects) + batch.skipped
        for page in batch.pages:
            rows.setdefault(page.table, []).extend(page.frame.drop(PLACE).to_dicts())
        rejects += [(reject.line, reject.reason) for reject in batch.rejects]
        assert {reject.file for reject in batch.rejects} <= {str(path)}
        total += batch.read
        skipped += batch.skipped
    return Whole(rows, rejects, total, skipped)
