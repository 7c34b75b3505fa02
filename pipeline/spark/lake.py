"""Where in a lake the records of each table lie, and the same records as cells of text under official column names.

Parquet and JSON lines in table columns are read as they stand; of what diagnostic settings write, an envelope around a
record's properties, the columns are made here. What a cell becomes is the business of `landed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.exports import table_named
from pipeline.pages import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

_DEPTH = 3  # folders of a workspace, say, may stand above those of the tables
_PARQUET, _LINES = "parquet", "lines"
_SUFFIXES = {".parquet": _PARQUET, ".json": _LINES, ".ndjson": _LINES, ".jsonl": _LINES}
_PACKED = (".gz", ".snappy", ".zst", ".bz2")
_LOOKED_AT = 1000  # files of a folder that are looked at for their form
# What a record of diagnostic settings calls a column otherwise than the table does; its envelope first, then the
# properties. The rest bears the table's name, whatever its case.
_ENVELOPE = {
    "TimeGenerated": ("time",),
    "OperationName": ("operationname",),
    "CorrelationId": ("correlationid",),
    "ResultType": ("resulttype",),
    "ResultDescription": ("resultdescription",),
    "AADTenantId": ("tenantid",),
    "IPAddress": ("calleripaddress",),
    "Location": ("location",),
    "Identity": ("identity",),
}
_PROPERTY = {
    "ConditionalAccessPolicies": "appliedconditionalaccesspolicies",
    "LocationDetails": "location",
    "AADOperationType": "operationtype",
}
# The properties tell these better than the envelope does.
_OF_PROPERTIES = ("CorrelationId", "IPAddress")


def found(session: SparkSession, lake: str) -> dict[str, list[tuple[str, str]]]:
    """Return for each table of ours that a lake holds the form and path of its files or folders.

    ``lake`` is a path or any URL that Spark reads: folders named as a table (``SigninLogs``, ``table=SigninLogs``,
    ``am-SigninLogs``) or as a category of diagnostic settings (``insights-logs-signinlogs``). Raises UsageError.
    """
    try:
        jvm: Any = session.sparkContext._jvm  # Spark has no other way to list a folder, whatever the store
        path = jvm.org.apache.hadoop.fs.Path(lake)
        store = path.getFileSystem(session.sparkContext._jsc.hadoopConfiguration())
        if not store.exists(path):
            raise UsageError(f"{lake} does not exist: name the folder or URL of the lake with --lake.")
        tables: dict[str, list[tuple[str, str]]] = {}
        for table, place in _tables(store, store.getFileStatus(path), _DEPTH):
            forms = _forms(store, place)
            tables.setdefault(table, []).extend((form, place.toString()) for form in forms)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"{lake} cannot be listed by Spark: {_reason(error)}") from error
    tables = {table: places for table, places in tables.items() if places}
    if not tables:
        raise UsageError(
            f"{lake} holds no table of ours: name a folder whose folders are called SigninLogs, AuditLogs and so on, "
            "or insights-logs-signinlogs as diagnostic settings call them."
        )
    return tables


def cells(session: SparkSession, table: str, places: Sequence[tuple[str, str]], wanted: Sequence[str]) -> DataFrame:
    """Return the records of a table as text cells, null where a record does not have the column.

    Raises UsageError for a Parquet file that is none.
    """
    read = [
        _of_parquet(session, place, wanted) if form == _PARQUET else _of_lines(session, table, place, wanted)
        for form, place in places
    ]
    records = read[0]
    for more in read[1:]:
        records = records.unionByName(more)
    return records


def as_cells(frame: DataFrame, wanted: Sequence[str]) -> DataFrame:
    """Return a table's records, whatever the types of its columns, as text cells."""
    kinds = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    if "IngestedAt" not in kinds and "ingestion_time" in kinds:
        kinds["IngestedAt"] = kinds["ingestion_time"]
        frame = frame.withColumn("IngestedAt", frame["ingestion_time"])
    return frame.selectExpr(*(f"{_cell(name, kinds.get(name))} AS `{name}`" for name in wanted))


def _cell(name: str, kind: str | None) -> str:
    column = f"`{name}`"
    if kind is None:
        return "CAST(NULL AS STRING)"
    if kind.startswith(("struct", "array", "map")):
        return f"to_json({column}, map('ignoreNullFields', 'false'))"
    if kind == "timestamp":
        return f"CAST(CAST({column} AS TIMESTAMP_NTZ) AS STRING)"
    if kind in ("double", "float"):
        whole = f"CAST(CAST({column} AS BIGINT) AS STRING)"
        return f"CASE WHEN {column} = floor({column}) THEN {whole} ELSE CAST({column} AS STRING) END"
    return f"CAST({column} AS STRING)"


def _of_parquet(session: SparkSession, place: str, wanted: Sequence[str]) -> DataFrame:
    try:
        frame = session.read.option("recursiveFileLookup", "true").option("mergeSchema", "true").parquet(place)
    except Exception as error:
        raise UsageError(f"{place} holds what is no whole Parquet file: {_reason(error)}") from error
    return as_cells(frame, wanted)


def _of_lines(session: SparkSession, table: str, place: str, wanted: Sequence[str]) -> DataFrame:
    lines = session.read.option("recursiveFileLookup", "true").text(place)
    cell = lines.selectExpr("from_json(value, 'MAP<STRING, STRING>') AS cell").where("cell IS NOT NULL")
    told = cell.selectExpr(
        "cell",
        "cell['properties'] IS NOT NULL AND cell['TimeGenerated'] IS NULL AS enveloped",
        "transform_keys(cell, (name, text) -> lower(name)) AS envelope",
        "transform_keys(from_json(cell['properties'], 'MAP<STRING, STRING>'), (name, text) -> lower(name)) AS property",
    )
    if table in ("AuditLogs", "IntuneAuditLogs"):  # Entra and Intune both call their category AuditLogs
        intune = "NOT enveloped OR instr(cell['properties'], '\"AuditEventId\"') > 0"
        entra = "NOT enveloped OR instr(cell['properties'], '\"AuditEventId\"') = 0"
        told = told.where(intune if table == "IntuneAuditLogs" else entra)
    return told.selectExpr(*(f"{_told(name)} AS `{name}`" for name in wanted))


def _told(name: str) -> str:
    """Return the expression for a column of a record that is a line of JSON, enveloped or not."""
    stands = f"cell['{name}']"
    if name == "IngestedAt":
        stands = "coalesce(cell['IngestedAt'], cell['ingestion_time'])"
    if name == "Properties":
        return f"coalesce({stands}, cell['properties'])"
    if name == "TenantId":  # of an envelope it is the directory's id; no workspace received the record
        return f"CASE WHEN NOT enveloped THEN {stands} END"
    properties = [f"property['{_PROPERTY.get(name, name.lower())}']"]
    if name == "Location":
        properties = ["get_json_object(property['location'], '$.countryOrRegion')"]
    envelope = [f"envelope['{key}']" for key in _ENVELOPE.get(name, ())]
    parts = [*properties, *envelope] if name in _OF_PROPERTIES else [*envelope, *properties]
    return f"CASE WHEN enveloped THEN coalesce({', '.join(parts)}) ELSE {stands} END"


def _tables(store: Any, folder: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Return the tables in a folder, the highest folder that is named as one for each."""
    name = folder.getPath().getName()
    table = table_named(name)
    if table:
        yield table, folder.getPath()
        if table == "AuditLogs" and name.startswith("insights-logs-"):
            yield "IntuneAuditLogs", folder.getPath()
    elif folder.isDirectory() and depth:
        for child in sorted(store.listStatus(folder.getPath()), key=lambda each: str(each.getPath())):
            if not child.getPath().getName().startswith((".", "_")):
                yield from _tables(store, child, depth - 1)


def _forms(store: Any, place: Any) -> list[str]:
    files = store.listFiles(place, True)
    forms: dict[str, None] = {}
    looked_at = 0
    while looked_at < _LOOKED_AT and files.hasNext():
        name = str(files.next().getPath().getName()).lower()
        looked_at += 1
        for packed in _PACKED:
            name = name.removesuffix(packed)
        forms |= {form: None for suffix, form in _SUFFIXES.items() if name.endswith(suffix)}
    return list(forms)


def _reason(error: Exception) -> str:
    text = str(getattr(error, "java_exception", None) or error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def given(lake: Mapping[str, DataFrame]) -> None:
    """Raise UsageError for tables, given as DataFrames, that are none of ours."""
    if unknown := sorted(set(lake) - set(TABLES)):
        raise UsageError(f"{', '.join(unknown)}: no table of ours; there are {', '.join(TABLES)}.")
