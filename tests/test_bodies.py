"""The bytes of an answer into columns of text: what the quick way takes, what it leaves, and what is no answer."""

from __future__ import annotations

import json
from typing import Any

import orjson
import polars as pl
import pytest

from pipeline import bodies

COLUMNS = [{"name": "Id", "type": "string"}, {"name": "Cell", "type": "dynamic"}]


def answer(rows: bytes, rest: bytes = b"") -> bytes:
    """Return an answer of two columns whose rows are these bytes; ``rest`` follows its tables."""
    columns = orjson.dumps(COLUMNS)
    return b'{"tables":[{"name":"PrimaryResult","columns":' + columns + b',"rows":[' + rows + b"]}]" + rest + b"}"


def records(content: bytes) -> list[tuple[Any, ...]] | None:
    body = bodies.opened(content)
    frame = bodies.framed(body) if body else None
    return None if frame is None else frame.rows()


def quickly(content: bytes) -> list[tuple[Any, ...]]:
    """Return what polars makes of an answer whose cells were not written anew."""
    body = bodies.opened(content)
    assert body is not None
    return [row for rows in bodies.lists(body) for row in bodies._frame(rows, body.columns).rows()]


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PIECE_BYTES", 1)


def test_cells_are_text_whatever_the_answer_held() -> None:
    assert quickly(answer(b'["a",true],["b",50099],["c",null],["d",""]')) == [
        ("a", "true"),
        ("b", "50099"),
        ("c", None),
        ("d", ""),
    ]


def test_escapes_become_the_characters_that_they_stand_for() -> None:
    assert quickly(answer(rb'["\"[\\]\/\n\t\u0000","\u540d"]')) == [('"[\\]/\n\t\x00', "名")]


def test_nested_values_become_their_json() -> None:
    nested = answer(b'["a",{"k":[1,null]}],["b",[]]')
    with pytest.raises(pl.exceptions.PolarsError):
        quickly(nested)
    assert records(nested) == [("a", '{"k":[1,null]}'), ("b", "[]")]


@pytest.mark.usefixtures("small_pieces")
def test_an_answer_in_pieces_holds_every_row_in_its_order() -> None:
    rows = [[str(number), "x" * number] for number in range(20)]
    assert quickly(answer(b",".join(map(orjson.dumps, rows)))) == [tuple(row) for row in rows]


@pytest.mark.usefixtures("small_pieces")
def test_an_answer_with_spaces_between_its_parts_is_read_as_quickly() -> None:
    rows = [[str(number), "x"] for number in range(20)]
    spaced = json.dumps({"tables": [{"name": "PrimaryResult", "columns": COLUMNS, "rows": rows}]}).encode()
    body = bodies.opened(spaced)
    assert body is not None
    assert len(body.rows) == 20
    assert quickly(spaced) == [tuple(row) for row in rows]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("cell", ['"],["', '"],[', '],["', '\\"],["', "],["])
def test_a_cell_that_looks_like_the_seam_of_two_rows_stays_one_cell(cell: str) -> None:
    rows = [["a", cell], [cell, "b"], ["c", "d"]]
    assert records(answer(b",".join(map(orjson.dumps, rows)))) == [tuple(row) for row in rows]


def test_a_table_without_rows_has_its_columns() -> None:
    body = bodies.opened(answer(b""))
    frame = bodies.framed(body) if body else None
    assert frame is not None
    assert (frame.columns, frame.height) == (["Id", "Cell"], 0)


def test_an_answer_without_a_table_has_no_records() -> None:
    assert records(b'{"tables":[]}') == []


def test_what_stands_beside_the_rows_is_kept() -> None:
    body = bodies.opened(answer(b'["a","b"]', rest=b',"error":{"code":"PartialError"}'))
    assert body is not None
    assert body.said["error"] == {"code": "PartialError"}


def test_a_second_table_adds_no_records() -> None:
    tables = orjson.dumps([{"columns": COLUMNS, "rows": [["a", "b"]]}, {"columns": COLUMNS, "rows": [["c", "d"]]}])
    assert records(b'{"tables":' + tables + b"}") == [("a", "b")]


@pytest.mark.parametrize("rows", [b'["a","b"],["c"]', b'["a","b","c"]', b"[]", b'["a","b"],null', b'["a","b"],"c"'])
def test_rows_that_do_not_fit_the_columns_are_no_answer(rows: bytes) -> None:
    assert records(answer(rows)) is None


@pytest.mark.parametrize(
    "rows", [b'["a","b"],["c","d"', b'["a","b"],', b'["a","b"]],[["c","d"]', b'["a","b\n"]', b'["a","\xff"]', b'["a",']
)
def test_malformed_rows_are_no_answer(rows: bytes) -> None:
    assert records(answer(rows)) is None


def test_an_answer_that_broke_off_anywhere_is_no_answer() -> None:
    whole = answer(b'["a","]}]"],["c","d"]')
    assert [length for length in range(len(whole)) if records(whole[:length]) is not None] == []


def test_half_of_a_surrogate_pair_is_a_replacement_character() -> None:
    assert records(answer(rb'["x\ud800y","\uDC00"],["\ud83e\udd86","\\ud800"]')) == [
        ("x\ufffdy", "\ufffd"),
        ("🦆", "\\ud800"),
    ]


@pytest.mark.parametrize("half", [rb"\ud800", rb"\udc00", rb"x\uD83E", rb"\ud800\n", rb"\ud800\ud83e\udd86"])
def test_half_of_a_surrogate_pair_touches_no_other_cell(half: bytes) -> None:
    decoded = records(answer(b'["' + half + b'","y"],["z","' + half + b'"],["v","w"]'))
    assert decoded is not None
    assert (decoded[0][1], decoded[1][0], decoded[2]) == ("y", "z", ("v", "w"))
