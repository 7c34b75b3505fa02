"""JSON records into columns, whatever wrote them: the text of each becomes cells under the names of Log Analytics.

A record is a row in table columns, a diagnostic record with its `properties`, or an entity of Microsoft Graph. One
reading serves them all: a column is looked for under every name that it has. What a cell means is not asked here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from pipeline.errors import is_interrupt
from pipeline.forms.columns import TIMES, official
from pipeline.forms.sheet import Sheet
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import polars as pl

    from pipeline.forms.bench import Bench

_WITHIN = "/properties/"
_FIRST, _EVERY = 100, 64  # the records whose keys are looked at: so many, and of the others one in so many
CARRIERS = ("records", "value")  # lists that Event Hubs and Microsoft Graph send as one object
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class _Place:
    """Where a value may stand: a key in lower case, of the record or of its `properties`; ``{0}`` is the value."""

    key: str
    inner: bool = False
    where: str = ""
    value: str = "{0}"
    begins: str = ""  # the letter that its first must be, where that tells two systems apart

    def expression(self, value: str) -> str:
        where = [*(["diagnostic"] if self.inner else []), *([self.where.format(value)] if self.where else [])]
        return f"CASE WHEN {' AND '.join(where)} THEN {self.value.format(value)} END" if where else value


_IS_OBJECT, _IS_TEXT = "starts_with({0}, '{{')", "NOT starts_with({0}, '{{')"
_COUNTRY = "json_extract_string({0}, '$.countryOrRegion')"
# Columns whose value stands elsewhere than under their own name, first of the record and then of its properties. The
# first place that has one counts. A row's TenantId is the workspace, anybody else's tenantId the directory.
_PLACES = {
    "AADTenantId": (
        _Place("aadtenantid"),
        _Place("tenantid", inner=True),
        _Place("tenantid", where="diagnostic"),
        _Place("tenantid", begins="t"),
    ),
    "AADOperationType": (
        _Place("aadoperationtype"),
        _Place("operationtype", inner=True),
        _Place("operationtype"),
    ),
    "Category": (_Place("category", inner=True), _Place("category")),
    "ConditionalAccessPolicies": (
        _Place("conditionalaccesspolicies"),
        _Place("conditionalaccesspolicies", inner=True),
        _Place("appliedconditionalaccesspolicies", inner=True),
        _Place("appliedconditionalaccesspolicies"),
    ),
    "IPAddress": (_Place("ipaddress", inner=True), _Place("ipaddress"), _Place("calleripaddress")),
    "IngestedAt": (_Place("ingestedat"), _Place("ingestion_time")),
    "Location": (
        _Place("location", where=_IS_TEXT),
        _Place("location", where=_IS_OBJECT, value=_COUNTRY),
        _Place("location", inner=True, where=_IS_OBJECT, value=_COUNTRY),
    ),
    "LocationDetails": (
        _Place("locationdetails"),
        _Place("location", inner=True, where=_IS_OBJECT),
        _Place("location", where=_IS_OBJECT),
    ),
    "OperationName": (
        _Place("operationname"),
        _Place("activitydisplayname", inner=True),
        _Place("activitydisplayname"),
    ),
    "Properties": (_Place("properties"),),
    "ResourceIdentity": (
        _Place("resourceidentity"),
        _Place("resourceid", inner=True),
        _Place("resourceid", where="NOT starts_with({0}, '/')"),
    ),
    "StreamCategory": (_Place("category", where="diagnostic"),),
    "TenantId": (_Place("tenantid", where="NOT diagnostic", begins="T"),),
    "TimeGenerated": (_Place("timegenerated"), _Place("time", where="diagnostic")),
}


@dataclass
class Keys:
    """The keys of a file's records, in lower case with how they are spelled: expected ones, and those that were met."""

    spelled: dict[tuple[str, bool], list[str]] = field(default_factory=dict)
    met: set[tuple[str, bool]] = field(default_factory=set)

    def add(self, keys: Iterable[tuple[str, bool]]) -> None:
        """Take in keys of records, and (true) of their properties."""
        for key, inner in keys:
            held = self.spelled.setdefault((key.lower(), inner), [])
            if key not in held:
                held.append(key)

    def expect(self) -> None:
        """Expect every column as it is spelled by whom the keys so far are known to be of."""
        for sign, inner, spelling in _SPELLINGS:
            if sign in self.spelled.get((sign.lower(), inner), ()):
                unmet = (name for name in official().values() if (name.lower(), inner) not in self.spelled)
                self.add([(spelling(name), inner) for name in unmet])


def _camel(name: str) -> str:
    return "ipAddress" if name == "IPAddress" else name[0].lower() + name[1:]


# A key that tells who wrote a record, and how they spell the columns.
_SPELLINGS: tuple[tuple[str, bool, Callable[[str], str]], ...] = (
    ("TimeGenerated", False, str),
    ("createdDateTime", False, _camel),
    ("activityDateTime", False, _camel),
    ("createdDateTime", True, _camel),
    ("activityDateTime", True, _camel),
)


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


def straight(bench: Bench, content: bytes, first: int, keys: Keys) -> pl.DataFrame | None:
    """Return the records of whole lines, straight from their bytes; None where a line is not just one of their kind.

    Their keys are those of some of them; DuckDB reads the lines itself, in a fraction of the time.
    """
    import duckdb
    import polars as pl

    lines = content.split(b"\n")
    try:
        some = [orjson.loads(line) for at, line in enumerate(lines) if line and (at < _FIRST or at % _EVERY == 0)]
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
    columns, wanted, inner_wanted = _named(keys, has_inner)
    if len({name.lower() for name in wanted}) < len(wanted) or len({n.lower() for n in inner_wanted}) < len(
        inner_wanted
    ):
        return None
    file = bench.folder / "piece.json"
    file.write_bytes(content)
    schema = dict.fromkeys(wanted, "VARCHAR")
    if inner_wanted:
        schema["properties"] = "STRUCT(" + ", ".join(f'"{name}" VARCHAR' for name in inner_wanted) + ")"
    selected = ", ".join(f'{value} AS "{name}"' for name, value in columns.items())
    try:
        frame = bench.take(
            f"SELECT {selected} FROM (SELECT *, {_told_by(wanted, bool(inner_wanted))} AS diagnostic FROM "
            "read_json($file, format = 'newline_delimited', columns = $schema))",
            {"file": str(file), "schema": schema},
        )
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        if is_interrupt(error):
            raise
        return None
    if frame.height != len(lines) - (not lines[-1]):
        return None
    return _complete(frame.with_row_index(PLACE, first).cast({PLACE: pl.Int64}), keys)


def _keeps_properties(keys: Keys) -> bool:
    """Tell whether properties may be wanted as they are, as Intune's are."""
    return ("auditeventid", True) in keys.met or ("timegenerated", False) in keys.met


def _named(keys: Keys, has_inner: bool) -> tuple[dict[str, str], list[str], list[str]]:
    """Return the columns of what DuckDB calls the keys, and these keys: of records, and of their properties."""
    spelled = keys.spelled if has_inner else {at: names for at, names in keys.spelled.items() if not at[1]}
    spelled = {at: names for at, names in spelled.items() if at != ("properties", False)}
    paths, _ = _columns(spelled)
    names = [
        f'properties."{path.removeprefix(_WITHIN)}"' if path.startswith(_WITHIN) else f'"{path[1:]}"' for path in paths
    ]
    _, columns = _columns(spelled, names)
    own = [path[1:] for path in paths if not path.startswith(_WITHIN)]
    return columns, own, [path.removeprefix(_WITHIN) for path in paths if path.startswith(_WITHIN)]


def _told_by(own: list[str], has_inner: bool) -> str:
    around = [f'"{name}"' for name in own if name.lower() in ("time", "category")]
    generated = [f'"{name}" IS NULL' for name in own if name.lower() == "timegenerated"]
    if not has_inner or not around:
        return "false"
    return " AND ".join(["properties IS NOT NULL", f"coalesce({', '.join(around)}) IS NOT NULL", *generated])


def _quickly(bench: Bench, texts: pl.DataFrame, keys: Keys) -> pl.DataFrame | None:
    """Return the records by the keys of some of them; None where one of them is none, or is of another kind."""
    import duckdb

    if texts.is_empty():
        return None
    given: dict[str, object] = {"file": bench.put(texts.with_row_index("number"))}
    some = f"(SELECT text FROM read_parquet($file) WHERE number < {_FIRST} OR number % {_EVERY} = 0)"
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
    except duckdb.Error as error:
        if is_interrupt(error):
            raise
        return None
    return _complete(frame, keys)


def _complete(frame: pl.DataFrame, keys: Keys) -> pl.DataFrame | None:
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
    there = {name for name in official().values() if any((p.key, p.inner) in keys.met for p in _places(name))}
    return frame.select(
        name for name in frame.columns if name in (PLACE, *there) or frame.get_column(name).null_count() < frame.height
    )


def _places(name: str) -> Sequence[_Place]:
    return _PLACES.get(name, (_Place(name.lower()), _Place(name.lower(), inner=True)))


def _extracted(bench: Bench, keys: Keys, source: str, given: dict[str, object]) -> pl.DataFrame:
    paths, columns = _columns(keys.spelled)
    return bench.take(
        f"""SELECT place AS "{PLACE}"{"".join(f', {value} AS "{name}"' for name, value in columns.items())}
        FROM (SELECT number, place, v, {_diagnostic(paths)} AS diagnostic
            FROM (SELECT number, place, json_extract_string(text, $paths) AS v FROM {source})) ORDER BY number""",
        given | {"paths": paths or ["/no"]},
    )


def _diagnostic(paths: list[str]) -> str:
    """Return the expression for whether a record is one with properties, around which its time or category stands."""
    inner = [f"v[{at}]" for at, path in enumerate(paths, 1) if path.startswith(_WITHIN)]
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


def _columns(
    spelled: dict[tuple[str, bool], list[str]], values: list[str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return the paths to all that is wanted of the records, and of what found there each column is made.

    ``values`` are the expressions for what is found; without them it is a list v.
    """
    # Only Intune's table has its properties as they are.
    as_they_are = ("auditeventid", True) in spelled or ("timegenerated", False) in spelled
    places: dict[str, int] = {}
    columns: dict[str, str] = {}
    for name in official().values():
        found = []
        for place in _places(name):
            if name == "Properties" and not as_they_are:
                continue
            for key in spelled.get((place.key, place.inner), ()):
                if key.startswith(place.begins):
                    path = f"{_WITHIN}{key}" if place.inner else f"/{key}"
                    at = places.setdefault(path, len(places))
                    found.append(place.expression(values[at] if values else f"v[{at + 1}]"))
        if found:
            columns[name] = f"coalesce({', '.join(found)})"
    return list(places), columns
