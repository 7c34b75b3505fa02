"""JSON records into columns, whatever wrote them: the text of each becomes cells under the names of Log Analytics.

A record is a row in table columns, a diagnostic record with its `properties`, or an entity of Microsoft Graph. One
reading serves them all: a column is looked for under every name that it has. What a cell means is not asked here.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pipeline.errors import is_interrupt
from pipeline.forms.columns import TIMES, official
from pipeline.forms.places import CARRIERS, WITHIN, Keys, columns_at, places
from pipeline.forms.sheet import Sheet
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from pipeline.forms.bench import Bench

FIRST, EVERY = 100, 64  # the records whose keys are looked at: so many, and of the others one in so many
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


def decoded(
    bench: Bench, texts: pl.DataFrame, broken: Iterable[tuple[int, str]] = (), keys: Keys | None = None
) -> Sheet:
    """Return the records of ``texts`` (``PLACE``, ``text``) as a sheet; several may stand at one place.

    ``keys`` are those of the file's earlier records, and learn from these.
    """
    keys = keys if keys is not None else Keys()
    sheet = _quickly(bench, texts, keys)
    if sheet is not None:
        return Sheet(sheet, tuple(broken))
    rejects = [*broken, *_lay_out(bench, texts)]
    if (carried := _carried(bench)) is not None:
        rejects += _lay_out(bench, carried)
    for column, inner in (("keys", False), ("inner_keys", True)):
        met = bench.con.execute(f"SELECT DISTINCT unnest({column}) AS key FROM given ORDER BY key").fetchall()
        keys.add((key, inner) for (key,) in met)
    frame = _extracted(bench, keys, "given", {})
    return Sheet(frame, tuple(sorted(rejects)))


def _quickly(bench: Bench, texts: pl.DataFrame, keys: Keys) -> pl.DataFrame | None:
    """Return the records by the keys of some of them; None where one of them is none, or is of another kind."""
    import duckdb

    if texts.is_empty():
        return None
    given: dict[str, object] = {"file": bench.put(texts.with_row_index("number"))}
    some = f"(SELECT text FROM read_parquet($file) WHERE number < {FIRST} OR number % {EVERY} = 0)"
    try:
        met = bench.con.execute(
            f"""SELECT DISTINCT unnest(json_keys(text)) AS key, false FROM {some}
            UNION SELECT DISTINCT unnest(json_keys(text, '$.properties')), true FROM {some} ORDER BY ALL""",
            given,
        ).fetchall()
        if any(key in CARRIERS for key, inner in met if not inner):
            return None
        keys.add(met)
        keys.met |= {(key.lower(), inner) for key, inner in met}
        keys.expect()
        frame = _extracted(bench, keys, f'(SELECT number, "{PLACE}" AS place, text FROM read_parquet($file))', given)
    except (duckdb.Error, UnicodeDecodeError) as error:  # of a message that DuckDB cut within a letter of the line
        if is_interrupt(error):
            raise
        return None
    return complete(frame, keys)


def complete(frame: pl.DataFrame, keys: Keys) -> pl.DataFrame | None:
    """Return records that each have an Id and a time; None where one lacks them, and so may be of another kind."""
    import polars as pl

    if "Id" not in frame.columns or frame.get_column("Id").null_count():
        return None
    times = [name for name in TIMES if name in frame.columns]
    timeless = frame.select(
        pl.all_horizontal(pl.col(name).is_null() for name in times).any() if times else pl.lit(value=True)
    )
    if timeless.item():
        return None
    # What was only expected, and is nowhere, is no column of these records.
    there = {name for name in official().values() if any((p.key, p.inner) in keys.met for p in places(name))}
    return frame.select(
        name for name in frame.columns if name in (PLACE, *there) or frame.get_column(name).null_count() < frame.height
    )


def _extracted(bench: Bench, keys: Keys, source: str, given: dict[str, object]) -> pl.DataFrame:
    paths, columns = columns_at(keys.spelled)
    return bench.take(
        f"""SELECT place AS "{PLACE}"{"".join(f', {value} AS "{name}"' for name, value in columns.items())}
        FROM (SELECT number, place, v, {_diagnostic(paths)} AS diagnostic
            FROM (SELECT number, place, json_extract_string(text, $paths) AS v FROM {source})) ORDER BY number""",
        given | {"paths": paths or ["/no"]},
    )


def _diagnostic(paths: list[str]) -> str:
    """Return the expression for whether a record is one with properties, around which its time or category stands."""
    inner = [f"v[{at}]" for at, path in enumerate(paths, 1) if path.startswith(WITHIN)]
    around = [f"v[{at}]" for at, path in enumerate(paths, 1) if path.lower() in ("/time", "/category")]
    generated = [f"v[{at}]" for at, path in enumerate(paths, 1) if path.lower() == "/timegenerated"]
    if not inner or not around:
        return "false"
    is_row = f"coalesce({', '.join(generated)}) IS NULL" if generated else "true"
    return f"coalesce({', '.join(inner)}) IS NOT NULL AND coalesce({', '.join(around)}) IS NOT NULL AND {is_row}"


def _lay_out(bench: Bench, texts: pl.DataFrame) -> list[tuple[int, str]]:
    """Make the table ``given`` of the records and their keys; return place and reason of what is none."""
    import polars as pl

    given = {"file": bench.put(texts.with_row_index("number"))}
    odd = bench.con.execute(
        f"""SELECT number, "{PLACE}", text FROM read_parquet($file)
        WHERE CASE WHEN json_valid(text) THEN json_type(text) END IS DISTINCT FROM 'OBJECT'""",
        given,
    ).fetchall()
    rejects = []
    if odd:
        mended: dict[int, str | None] = {}
        for number, at, written in odd:
            mended[number], why = _mended(written)
            if why:
                rejects.append((at, why))
        number = pl.col("number")
        again = number.replace_strict(mended, default=None, return_dtype=pl.String)
        whole = pl.when(number.is_in(list(mended))).then(again).otherwise("text").alias("text")
        bench.put(texts.with_row_index("number").with_columns(whole).filter(pl.col("text").is_not_null()))
    bench.con.execute(
        f"""CREATE OR REPLACE TEMP TABLE given AS
        SELECT number, "{PLACE}" AS place, text, json_keys(text) AS keys,
            coalesce(json_keys(text, '$.properties'), []) AS inner_keys FROM read_parquet($file)""",
        given,
    )
    return rejects


def _mended(written: str) -> tuple[str | None, str]:
    """Return a record that a strict reader does not take, as one that it does; or why it is none."""
    try:
        value = json.loads(written, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        return None, f"is not valid JSON, or cut off: {error.msg} (column {error.colno})"
    except RecursionError:
        return None, "is nested too deeply"
    if not isinstance(value, dict):
        return None, "is no JSON object"
    return text(value), ""


def text(value: object) -> str:
    """Return a value as JSON; half of a character is U+FFFD."""
    return _HALF_A_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", json.dumps(value, ensure_ascii=False))


def _carried(bench: Bench) -> pl.DataFrame | None:
    """Return all records anew with those that an object carries in its place; None where none does."""
    carries = {
        carrier: f"(list_contains(keys, '{carrier}') AND json_type(text, '$.{carrier}') = 'ARRAY')"
        for carrier in CARRIERS
    }
    any_does = " OR ".join(carries.values())
    if not bench.con.execute(f"SELECT 1 FROM given WHERE {any_does} LIMIT 1").fetchall():
        return None
    parts = [f'SELECT number, place AS "{PLACE}", text FROM given WHERE NOT ({any_does})'] + [
        f"SELECT number, place, CAST(unnest(json_extract(text, '$.{carrier}[*]')) AS VARCHAR) FROM given WHERE {does}"
        for carrier, does in carries.items()
    ]
    return bench.take(f"SELECT * EXCLUDE number FROM ({' UNION ALL '.join(parts)}) ORDER BY number")
