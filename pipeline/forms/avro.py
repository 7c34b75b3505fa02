"""Avro as Event Hub Capture writes it: each record's body is JSON, `{"records": [...]}` or records a line.

Read after the Avro 1.11 specification (object container files); only what a capture uses.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline.errors import UsageError
from pipeline.forms import records
from pipeline.pages import PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.forms.bench import Bench
    from pipeline.forms.sheet import Sheet

MAGIC = b"Obj\x01"
_BLOCK = 2**28  # bytes of a block, expanded


class _Damaged(ValueError):
    """The bytes are not what the specification says."""


def sheets(bench: Bench, file: Path, name: str) -> Iterator[Sheet]:
    """Read a capture; a record's place is the number of the event that it came with."""
    import polars as pl

    number = 0
    try:
        with file.open("rb") as stream:
            for bodies in _blocks(stream):
                texts = [(number + at, line) for at, body in enumerate(bodies, 1) for line in _values(body)]
                broken = [(at, "is not UTF-8") for at, line in texts if line is None]
                frame = pl.DataFrame(texts, schema={PLACE: pl.Int64, "text": pl.String}, orient="row")
                yield records.decoded(bench, frame.filter(pl.col("text").is_not_null()), broken)
                number += len(bodies)
    except (_Damaged, zlib.error, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{name} is no whole capture of an Event Hub, or is damaged: fetch it again.") from error


def _values(body: bytes) -> list[str | None]:
    """Return an event's JSON values: one, or one a line."""
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return [None]
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return list(lines) if len(lines) > 1 else [text]
    return [text]


def _blocks(stream: BinaryIO) -> Iterator[list[bytes]]:
    _exactly(stream, len(MAGIC))
    about = _map(stream, lambda: _bytes(stream))
    schema = json.loads(about["avro.schema"])
    codec = about.get("avro.codec", b"null").decode()
    if codec not in ("null", "deflate"):
        raise _Damaged(codec)
    mark = _exactly(stream, 16)
    while (first := stream.read(1)) != b"":
        count = _long(stream, first)
        content = _bytes(stream)
        if codec == "deflate":
            inflating = zlib.decompressobj(-15)
            content = inflating.decompress(content, _BLOCK)
            if inflating.unconsumed_tail:
                raise _Damaged("block")
        yield list(_events(content, count, schema))
        if _exactly(stream, 16) != mark:
            raise _Damaged("mark")


def _events(content: bytes, count: int, schema: Any) -> Iterator[bytes]:
    import io

    block = io.BytesIO(content)
    for _ in range(count):
        event = _value(block, schema)
        body = event.get("Body") if isinstance(event, dict) else None
        if isinstance(body, bytes):
            yield body


def _value(stream: BinaryIO, schema: Any) -> Any:
    """Read one value of a schema."""
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, list):  # a union, written as a schema or as a field's type
        return _value(stream, kind[_within(_long(stream), kind)])
    match kind:
        case "record":
            return {field["name"]: _value(stream, field["type"]) for field in schema["fields"]}
        case "map":
            return _map(stream, lambda: _value(stream, schema["values"]))
        case "array":
            return list(_map(stream, lambda: _value(stream, schema["items"]), keyed=False).values())
        case "null":
            return None
        case "boolean":
            return _exactly(stream, 1) == b"\1"
        case "int" | "long":
            return _long(stream)
        case "float":
            return _exactly(stream, 4)
        case "double":
            return _exactly(stream, 8)
        case "bytes":
            return _bytes(stream)
        case "string":
            return _bytes(stream).decode()
        case dict():
            return _value(stream, kind)
    raise _Damaged(kind)


def _within(place: int, options: list[Any]) -> int:
    if not 0 <= place < len(options):
        raise _Damaged(place)
    return place


def _map(stream: BinaryIO, value: Callable[[], Any], keyed: bool = True) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    while count := _long(stream):
        if count < 0:
            count = -count
            _long(stream)
        for _ in range(count):
            key = _bytes(stream).decode() if keyed else len(found)
            found[key] = value()
    return found


def _long(stream: BinaryIO, first: bytes = b"") -> int:
    number = shift = 0
    while True:
        (byte,) = first or _exactly(stream, 1)
        first = b""
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (number >> 1) ^ -(number & 1)
        if shift > 63:
            raise _Damaged("number")


def _bytes(stream: BinaryIO) -> bytes:
    return _exactly(stream, _long(stream))


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size) if 0 <= size <= _BLOCK else b""
    if len(content) != size:
        raise _Damaged(size)
    return content
