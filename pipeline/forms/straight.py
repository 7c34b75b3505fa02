"""Lines that are records of one kind, straight from their bytes: DuckDB reads them itself, in a fraction of the time.

Where one line is not just one record of the kind of those that are looked at, nothing is read; what then is read how is
not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from pipeline.errors import is_interrupt
from pipeline.forms.places import CARRIERS, WITHIN, columns_at
from pipeline.forms.records import EVERY, FIRST, complete
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from pipeline.forms.bench import Bench
    from pipeline.forms.places import Keys

_WHOLE = 2**24  # bytes of an object that DuckDB reads


@dataclass(frozen=True)
class Lines:
    """Whole lines in a file of their own, ``height`` of them, and where in them the columns stand.

    ``columns`` are expressions over what is read, ``own`` the keys of the records that these name, ``inner`` those of
    their properties.
    """

    file: Path
    height: int
    columns: dict[str, str]
    own: tuple[str, ...]
    inner: tuple[str, ...]

    @property
    def are_diagnostic(self) -> bool:
        """Whether they may be records with properties, around which their time and category stand."""
        return _told_by(self.own, bool(self.inner)) != "false"

    def query(self, kinds: Mapping[str, str] | None = None, whole: int = _WHOLE) -> tuple[str, dict[str, object]]:
        """Return the query for the columns, in the order of the lines, and its parameters.

        What is read is text, but for keys (in lower case) that are of other ``kinds``. No line may have more than
        ``whole`` bytes: half as many as DuckDB gives one thread to read.
        """
        kinds = kinds or {}
        schema = {name: kinds.get(name.lower(), "VARCHAR") for name in self.own}
        if self.inner:
            inner = (f'"{name}" {kinds.get(name.lower(), "VARCHAR")}' for name in self.inner)
            schema["properties"] = f"STRUCT({', '.join(inner)})"
        selected = ", ".join(f'{value} AS "{name}"' for name, value in self.columns.items())
        query = (
            f"SELECT {selected} FROM (SELECT *, {_told_by(self.own, bool(self.inner))} AS diagnostic FROM read_json("
            "$lines, format = 'newline_delimited', columns = $schema, maximum_object_size = $whole))"
        )
        return query, {"lines": str(self.file), "schema": schema, "whole": whole}


def laid_out(bench: Bench, parts: Sequence[bytes], height: int, keys: Keys) -> Lines | None:
    """Lay so many whole lines where DuckDB can read them; None where some that are looked at are not of one kind.

    ``keys`` are those of the file's earlier records, and learn from these.
    """
    try:
        some = [orjson.loads(line) for line in _some(parts, EVERY * sum(map(len, parts)) // height)]
        met = {(key, False) for record in some for key in record} | {
            (key, True) for record in some if isinstance(inner := record.get("properties"), dict) for key in inner
        }
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        return None
    keys.add(sorted(met))
    keys.met |= {(key.lower(), inner) for key, inner in met}
    keys.expect()
    has_inner = any(inner for _, inner in met)
    if any(key in CARRIERS for key, inner in met if not inner) or (has_inner and _keeps_properties(keys)):
        return None
    columns, own, inner_names = _named(keys, has_inner)
    if any(len({name.lower() for name in names}) < len(names) for names in (own, inner_names)):
        return None
    file = bench.folder / "piece.json"
    with file.open("r+b" if file.exists() else "wb") as written:  # over what was there: its pages are at hand
        written.writelines(parts)
        written.truncate()
    return Lines(file, height, columns, tuple(own), tuple(inner_names))


def read(bench: Bench, lines: Lines, first: int, keys: Keys) -> pl.DataFrame | None:
    """Return the records of lines, of which ``first`` is the first's number; None where a line is not just one."""
    import duckdb
    import polars as pl

    try:
        frame = bench.take(*lines.query())
    except (duckdb.Error, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        if is_interrupt(error):
            raise
        return None
    if frame.height != lines.height:
        return None
    return complete(frame.with_row_index(PLACE, first).cast({PLACE: pl.Int64}), keys)


def _some(parts: Sequence[bytes], passed_over: int) -> Iterator[bytes]:
    """Yield the first lines, and behind them one in so many bytes; none that is empty, or that two parts share."""
    left = FIRST
    for number, part in enumerate(parts):
        before = part.find(b"\n") if number else -1  # the line feed before the next line
        is_line = number == 0 or before >= 0
        while is_line:
            end = part.find(b"\n", before + 1)
            if end > before + 1:
                yield part[before + 1 : end]
            left -= 1
            before = end if left > 0 or end < 0 else part.find(b"\n", end + passed_over)
            is_line = before >= 0


def _keeps_properties(keys: Keys) -> bool:
    """Tell whether properties may be wanted as they are, as Intune's are."""
    return ("auditeventid", True) in keys.met or ("timegenerated", False) in keys.met


def _named(keys: Keys, has_inner: bool) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the columns of what DuckDB calls the keys, and these keys: of records, and of their properties."""
    spelled = keys.spelled if has_inner else {at: names for at, names in keys.spelled.items() if not at[1]}
    spelled = {at: names for at, names in spelled.items() if at != ("properties", False)}
    paths, _ = columns_at(spelled)
    names = [
        f'properties."{path.removeprefix(WITHIN)}"' if path.startswith(WITHIN) else f'"{path[1:]}"' for path in paths
    ]
    _, columns = columns_at(spelled, names)
    own = [path[1:] for path in paths if not path.startswith(WITHIN)]
    return columns, own, [path.removeprefix(WITHIN) for path in paths if path.startswith(WITHIN)]


def _told_by(own: tuple[str, ...], has_inner: bool) -> str:
    around = [f'"{name}"' for name in own if name.lower() in ("time", "category")]
    generated = [f'"{name}" IS NULL' for name in own if name.lower() == "timegenerated"]
    if not has_inner or not around:
        return "false"
    return " AND ".join(["properties IS NOT NULL", f"coalesce({', '.join(around)}) IS NOT NULL", *generated])
