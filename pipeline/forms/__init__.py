"""The forms in which other systems write records: how each is recognised, and its records as sheets of text cells.

What table a record belongs to, and whether it has what a record needs, is not asked here. No network and no stored
database enter here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.forms import avro, columnar, delimited, documents, lines, portal, tabular
from pipeline.forms.columns import TIMES
from pipeline.forms.places import CARRIERS
from pipeline.forms.sheet import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.forms.bench import Bench
    from pipeline.forms.lines import Finish
    from pipeline.forms.sheet import Mark, Sheet
    from pipeline.sources import Source

TRIED = (
    "Parquet, Event Hub captures in Avro, answers of the query API and of Kusto, JSON and NDJSON of Log Analytics, "
    "diagnostic settings and Microsoft Graph, CSV of Log Analytics and of the Entra portal"
)
_KEYS = {name.lower() for name in TIMES}
_DIAGNOSTIC = {"time", "properties"}
# What a JSON document must show at its beginning to be one of ours: a record's time, or a list that may hold records.
_SIGN = re.compile(
    rb'(?i)"(?:%s|time|FrameType)"\s*:|^\s*(?:\[\s*\]|\{[^\[\]]*"(?:records|value|tables)"\s*:\s*\[)'
    % "|".join(TIMES).encode()
)
_BLOB = re.compile(r"(?i)PT[0-9]+[HM]\.json")
_SUFFIXES = {".parquet": "parquet", ".ndjson": "ndjson", ".jsonl": "ndjson", ".avro": "avro"}


@dataclass(frozen=True)
class Form:
    """How a file is written (parquet, avro, json, ndjson, csv), and by whom, as far as its beginning tells."""

    name: str
    origin: str = ""


def recognised(start: bytes, name: str) -> Form | None:
    """Return the form of a file with these first bytes; its suffix tells only where they are damaged."""
    for sign, binary in ((b"PAR1", "parquet"), (avro.MAGIC, "avro")):
        if start.startswith(sign):
            return Form(binary, "" if binary == "parquet" else "event hub capture")
    text = start.lstrip()
    form = _json(text) if text[:1] in (b"{", b"[") else _csv(text)
    if form is None and any(_is_record(line) for line in text.splitlines()):
        form = Form("ndjson", _origin(text))
    by_suffix = _SUFFIXES.get(PurePath(name).suffix.lower())
    return form or (Form(by_suffix) if by_suffix else None)


def _json(text: bytes) -> Form | None:
    line, fed, _ = text.partition(b"\n")
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict) and ("tables" in value or "Tables" in value):
        return Form("json", "query api") if tabular.of_value(value, 0) is not None else None
    several = isinstance(value, dict) and (bool(fed) or not any(carrier in value for carrier in CARRIERS))
    if several and (_is_known(value) or any(_is_record(other) for other in text.splitlines()[1:])):
        return Form("ndjson", _origin(text))
    if isinstance(value, dict) or not _SIGN.search(text):
        return Form("json", _origin(text)) if isinstance(value, dict) and _carries(value) else None
    if value is None and any(_is_record(other) for other in text.splitlines()[1:]):
        return Form("ndjson", _origin(text))
    return Form("json", _origin(text))


def _carries(value: dict[str, Any]) -> bool:
    return any(isinstance(value.get(carrier), list) for carrier in CARRIERS)


def _is_record(line: bytes) -> bool:
    try:
        return _is_known(orjson.loads(line))
    except orjson.JSONDecodeError:
        return False


def _is_known(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    keys = {key.lower() for key in value}
    return bool(keys & _KEYS) or keys >= _DIAGNOSTIC or _carries(value)


def _origin(text: bytes) -> str:
    """Return who wrote JSON, by the names at its beginning."""
    if tabular.is_frames(text) or re.search(rb'"(?:tables|Tables)"\s*:\s*\[', text[:4096]):
        return "query api"
    if re.search(rb'"properties"\s*:\s*\{', text) and re.search(rb'(?i)"category"\s*:', text):
        return "diagnostic settings"
    if b'"TimeGenerated"' in text:
        return "log analytics"
    return "microsoft graph" if re.search(rb'"(?:createdDateTime|activityDateTime)"\s*:|"@odata', text) else ""


def _csv(text: bytes) -> Form | None:
    try:
        names, _, _ = delimited.header(text)
    except delimited.NoHeader:
        return None
    if portal.is_sign_ins(names) or portal.is_audit(names):
        return Form("csv", "entra portal")
    ours = portal.columns(names)
    return Form("csv", "log analytics") if len(ours) > 1 and not set(TIMES).isdisjoint(ours) else None


def sheets(
    bench: Bench,
    source: Source,
    form: Form,
    begin: Mark = BEGINNING,
    size: int | None = None,
    finish: Finish | None = None,
) -> Iterator[Sheet]:
    """Read a source from where an earlier reading ended, up to so many bytes of its file.

    Lines that are all of one kind are given to ``finish`` first.
    """
    if form.name in ("parquet", "avro"):
        with source.file(bench.folder) as file:
            if form.name == "parquet":
                yield from columnar.sheets(bench, file, source.name)
            else:
                yield from avro.sheets(bench, file, source.name)
        return
    pieces = source.text(begin.bytes, size)
    if form.name == "ndjson":
        still_written = source.plain and is_blob(source, form)
        yield from lines.json_lines(bench, pieces, begin, still_written, finish)
    elif form.name == "csv":
        yield from delimited.sheets(bench, pieces, begin, source.head())
    else:
        yield from documents.sheets(bench, pieces, source.name)


def is_blob(source: Source, form: Form) -> bool:
    """Tell whether a file is a blob that the service may still append to."""
    return form.origin == "diagnostic settings" or _BLOB.fullmatch(PurePath(source.name).name) is not None
