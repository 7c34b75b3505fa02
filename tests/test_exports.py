from __future__ import annotations

import contextlib
import csv
import io
import os
import tempfile
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import polars as pl
import pytest
from exported import Record, Whole, files, form_of, read, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import sources
from pipeline.errors import UsageError
from pipeline.forms import documents, lines
from pipeline.pages import PLACE, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SHARED = Path(__file__).parents[2] / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the reference data is not beside the checkout")

SIGN_IN: Record = {"Type": "SigninLogs", "Id": "s-1", "CreatedDateTime": "2026-10-01T08:00:00Z"}
AUDIT: Record = {"Type": "AuditLogs", "Id": "a-1", "ActivityDateTime": "2026-10-01T07:00:00Z"}


def only(path: Path) -> Record:
    """Return the one record of a file."""
    ((record,),) = whole(path).rows.values()
    return record


def ndjson(path: Path, *records: object) -> Path:
    path.write_bytes(b"\n".join(r if isinstance(r, bytes) else orjson.dumps(r) for r in records) + b"\n")
    return path


def array(path: Path, *records: object) -> Path:
    path.write_bytes(orjson.dumps(records))
    return path


def comma(path: Path, *records: Mapping[str, object]) -> Path:
    names = list(dict.fromkeys(name for record in records for name in record))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(records)
    path.write_bytes(text.getvalue().encode())
    return path


def parquet(path: Path, *records: Mapping[str, object]) -> Path:
    pl.DataFrame(list(records), infer_schema_length=None).write_parquet(path)
    return path


WRITERS: dict[str, Callable[..., Path]] = {"ndjson": ndjson, "json": array, "csv": comma, "parquet": parquet}
every_form = pytest.mark.parametrize("form", WRITERS)


def at(text: str) -> datetime:
    """Return a time as pages have it: naive, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


# What a page holds of SIGN_IN.
LANDING: Record = SIGN_IN | {"CreatedDateTime": at("2026-10-01T08:00:00Z")}


# Which files are meant.


def test_a_folder_stands_for_its_files_in_a_fixed_order_and_a_file_for_itself(tmp_path: Path) -> None:
    (tmp_path / "logs" / "b").mkdir(parents=True)
    inner = ndjson(tmp_path / "logs" / "b" / "x.jsonl", SIGN_IN)
    later = comma(tmp_path / "logs" / "c.CSV", SIGN_IN)
    alone = ndjson(tmp_path / "alone", SIGN_IN)
    assert files([alone, tmp_path / "logs", later]) == [alone, inner, later]


def test_in_a_folder_hidden_files_and_files_of_no_known_form_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    ndjson(tmp_path / ".git" / "x.ndjson", SIGN_IN)
    ndjson(tmp_path / ".x.ndjson", SIGN_IN)
    (tmp_path / "README.md").write_text("TimeGenerated\n")
    (tmp_path / "labels.json").write_text('{\n  "incidents": [{"cause": "clock_skew"}]\n}\n')
    (tmp_path / "people.csv").write_text("Id,Name\n1,Ada\n")
    wanted = array(tmp_path / "wanted.json", SIGN_IN)
    assert files([tmp_path]) == [wanted]


def test_a_damaged_parquet_file_in_a_folder_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "SigninLogs.parquet").write_bytes(b"nonsense")
    (file,) = files([tmp_path])
    with pytest.raises(UsageError, match=r"SigninLogs\.parquet is no whole Parquet file"):
        list(read(file))


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.csv cannot be read \(No such file or directory\)"):
        files([tmp_path / "gone.csv"])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no file"):
        files([tmp_path])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.md", "# Logs\n"),
        ("labels.json", '{\n  "incidents": []\n}\n'),
        ("settings.json", '[{"colour": "blue"}]'),
        ("people.csv", "Id,Name\n1,Ada\n"),
        ("empty.csv", ""),
    ],
)
def test_a_file_of_no_known_form_that_was_named_is_refused(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=f"{name} is (empty|of no known form)"):
        form_of(tmp_path / name)


def test_what_is_neither_file_nor_folder_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe is neither a file nor a folder"):
        files([tmp_path / "pipe"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    ndjson(tmp_path / "x.ndjson", SIGN_IN).chmod(0)
    with pytest.raises(UsageError, match=r"x\.ndjson cannot be read \(Permission denied\)"):
        files([tmp_path])


# Which form a file has.


@every_form
def test_content_tells_the_form_whatever_the_suffix(tmp_path: Path, form: str) -> None:
    assert form_of(WRITERS[form](tmp_path / "export.txt", SIGN_IN, SIGN_IN)) == form


@pytest.mark.parametrize("form", ["ndjson", "json", "csv"])
def test_a_byte_order_mark_changes_nothing(tmp_path: Path, form: str) -> None:
    file = WRITERS[form](tmp_path / "export", SIGN_IN)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert form_of(file) == form
    assert only(file) == LANDING


def test_a_suffix_tells_the_form_where_the_content_is_damaged(tmp_path: Path) -> None:
    assert form_of(ndjson(tmp_path / "x.ndjson", b"{broken")) == "ndjson"


@pytest.mark.parametrize(("name", "content"), [("x.ndjson", b""), ("x.ndjson", b"\n\n"), ("x.json", b" [ ]\n")])
def test_an_export_without_records_is_no_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert whole(tmp_path / name) == Whole({}, [], 0, 0)


# Which table a record belongs to.


@every_form
@pytest.mark.parametrize("table", TABLES)
def test_a_records_type_is_its_table(tmp_path: Path, form: str, table: str) -> None:
    file = WRITERS[form](tmp_path / "AuditLogs-or-not", SIGN_IN | {"Type": table, "TimeGenerated": "2026-10-01"})
    assert list(whole(file).rows) == [table]


@pytest.mark.parametrize(
    ("category", "table"),
    [
        ("SignInLogs", "SigninLogs"),
        ("NonInteractiveUserSignInLogs", "AADNonInteractiveUserSignInLogs"),
        ("ServicePrincipalSignInLogs", "AADServicePrincipalSignInLogs"),
        ("ManagedIdentitySignInLogs", "AADManagedIdentitySignInLogs"),
        ("ADFSSignInLogs", "ADFSSignInLogs"),
    ],
)
def test_without_a_type_a_sign_ins_category_tells_its_table(tmp_path: Path, category: str, table: str) -> None:
    file = ndjson(tmp_path / "x.ndjson", SIGN_IN | {"Type": None, "Category": category})
    assert list(whole(file).rows) == [table]


def test_without_a_type_an_activity_makes_a_record_an_audit_record(tmp_path: Path) -> None:
    record = AUDIT | {"Type": "", "Category": "Device", "ActivityDisplayName": "Add device"}
    assert list(whole(ndjson(tmp_path / "x.ndjson", record)).rows) == ["AuditLogs"]


@pytest.mark.parametrize("name", ["signinlogs.ndjson", "2026-10-01_SigninLogs.ndjson", "insights-logs-signinlogs.json"])
def test_where_the_content_is_silent_the_files_name_tells_the_table(tmp_path: Path, name: str) -> None:
    file = ndjson(tmp_path / name, {"Id": "1", "TimeGenerated": "2026-10-01T08:00:00Z"})
    assert list(whole(file).rows) == ["SigninLogs"]


def test_a_table_read_from_a_search_job_is_the_table_that_was_searched(tmp_path: Path) -> None:
    file = ndjson(tmp_path / "x.ndjson", SIGN_IN | {"Type": "SigninLogs_SRCH", "Category": "SignInLogs"})
    assert list(whole(file).rows) == ["SigninLogs"]


def test_an_audit_record_whose_type_a_query_overwrote_is_still_one(tmp_path: Path) -> None:
    file = ndjson(tmp_path / "x.ndjson", AUDIT | {"Type": "Application", "ActivityDisplayName": "Add application"})
    assert list(whole(file).rows) == ["AuditLogs"]


@every_form
def test_one_file_may_hold_several_tables(tmp_path: Path, form: str) -> None:
    rows = whole(WRITERS[form](tmp_path / "x", SIGN_IN, AUDIT, SIGN_IN | {"Id": "s-2"})).rows
    assert [r["Id"] for r in rows["SigninLogs"]] == ["s-1", "s-2"]
    assert [r["Id"] for r in rows["AuditLogs"]] == ["a-1"]


@every_form
@pytest.mark.parametrize("foreign", [{"Type": "Heartbeat"}, {"Type": "", "Category": "ProvisioningLogs"}])
def test_records_of_other_tables_are_skipped(tmp_path: Path, form: str, foreign: Record) -> None:
    file = WRITERS[form](tmp_path / "SigninLogs", SIGN_IN, SIGN_IN | foreign, {**SIGN_IN, **foreign, "Id": ""})
    assert whole(file).skipped == 2
    assert whole(file).rejects == []


@every_form
def test_a_file_that_nothing_says_the_table_of_is_refused(tmp_path: Path, form: str) -> None:
    file = WRITERS[form](tmp_path / "export", SIGN_IN | {"Type": ""})
    with pytest.raises(UsageError, match="export does not tell its table: put the table's name into the file's"):
        list(read(file))


def test_a_single_record_without_a_table_is_rejected(tmp_path: Path) -> None:
    rejects = whole(ndjson(tmp_path / "x.ndjson", SIGN_IN, SIGN_IN | {"Type": ""})).rejects
    assert rejects == [(2, "names no table: Type, Category and the file's name are silent")]


# What cannot become a row.


def test_malformed_lines_are_rejected_with_their_line_and_stop_nothing(tmp_path: Path) -> None:
    file = ndjson(tmp_path / "x.ndjson", SIGN_IN, b"{'Id': 1}", b"", b"[1]", b'"x"', b'{"Id": "\xff"}', SIGN_IN)
    result = whole(file)
    assert [line for line, _ in result.rejects] == [2, 4, 5, 6]
    assert [reason for line, reason in result.rejects if line in (4, 5)] == ["is no JSON object"] * 2
    assert "is not valid JSON" in result.rejects[0][1]
    assert result.read == 6


def test_a_last_line_that_was_cut_off_is_one_reject(tmp_path: Path) -> None:
    file = ndjson(tmp_path / "x.ndjson", SIGN_IN, SIGN_IN)
    file.write_bytes(file.read_bytes()[:-20])
    ((line, reason),) = whole(file).rejects
    assert line == 2
    assert "cut off" in reason


@every_form
@pytest.mark.parametrize(
    ("lack", "reason"),
    [
        ({"Id": ""}, "has no Id"),
        ({"Id": None}, "has no Id"),
        (
            {"CreatedDateTime": " ", "TimeGenerated": None},
            "has no time: CreatedDateTime, ActivityDateTime, TimeGenerated are empty",
        ),
    ],
)
def test_a_record_without_id_or_without_any_time_is_rejected(
    tmp_path: Path, form: str, lack: Record, reason: str
) -> None:
    result = whole(WRITERS[form](tmp_path / "x", SIGN_IN, SIGN_IN | lack))
    assert result.rejects == [(3 if form == "csv" else 2, reason)]  # a CSV's first line is its header
    assert result.read == 2


@every_form
@pytest.mark.parametrize("time", ["CreatedDateTime", "ActivityDateTime", "TimeGenerated"])
def test_any_one_time_suffices(tmp_path: Path, form: str, time: str) -> None:
    table = "AuditLogs" if time == "ActivityDateTime" else "SigninLogs"
    file = WRITERS[form](tmp_path / "x", {"Type": table, "Id": "1", time: "6/15/2026, 3:50:30.492 PM"})
    assert only(file)[time] == datetime(2026, 6, 15, 15, 50, 30, 492000)


def test_what_is_nested_beyond_reason_hurts_nobody(tmp_path: Path) -> None:
    deep = b'{"Type": "SigninLogs", "Id": "1", "TimeGenerated": "2026-10-01", "Status": %b}' % (
        b"[" * 5000 + b"]" * 5000
    )
    result = whole(ndjson(tmp_path / "x.ndjson", SIGN_IN, deep, deep[:-1]))
    assert [row["Id"] for row in result.rows["SigninLogs"]] == ["s-1", "1"]
    assert [line for line, _ in result.rejects] == [3]


def test_of_an_array_that_was_cut_off_the_whole_records_remain(tmp_path: Path) -> None:
    file = array(tmp_path / "x.json", SIGN_IN, SIGN_IN | {"Id": "s-2"}, SIGN_IN | {"Id": "s-3"})
    file.write_bytes(file.read_bytes()[:-20])
    result = whole(file)
    assert [row["Id"] for row in result.rows["SigninLogs"]] == ["s-1", "s-2"]
    ((place, reason),) = result.rejects
    assert (place, result.read) == (3, 3)
    assert "cut off" in reason


def test_a_csv_row_with_the_wrong_number_of_cells_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "SigninLogs.csv"
    file.write_text("Id,TimeGenerated\n1,2026-10-01\n2\n3,2026-10-01,x\n4,2026-10-01")
    result = whole(file)
    assert result.rejects == [
        (3, "has another number of cells (1) than the header (2)"),
        (4, "has another number of cells (3) than the header (2)"),
    ]
    assert [r["Id"] for r in result.rows["SigninLogs"]] == ["1", "4"]


def test_a_quote_that_is_never_closed_is_one_reject(tmp_path: Path) -> None:
    file = tmp_path / "SigninLogs.csv"
    file.write_text('Id,TimeGenerated\n1,2026-10-01\n2,"2026-10-01\n3,2026-10-01\n')
    assert whole(file).rejects == [(3, "is not valid CSV: unexpected end of data")]


def test_a_csv_row_that_is_not_utf8_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "SigninLogs.csv"
    file.write_bytes(b"Id,TimeGenerated,Identity\n1,2026-10-01,J\xf6rg\n2,2026-10-01,J\xc3\xb6rg\n")
    result = whole(file)
    assert result.rejects == [(2, "is not UTF-8")]
    assert result.rows["SigninLogs"][0]["Identity"] == "Jörg"


# What becomes of cells.


@pytest.mark.parametrize("form", ["ndjson", "json", "parquet"])
@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (50099, "50099"),
        (0.5, "0.5"),
        (True, "true"),
        ("", ""),
        (None, None),
        ({"deviceId": "d", "isManaged": False}, '{"deviceId":"d","isManaged":false}'),
        (["a", "b"], '["a","b"]'),
    ],
)
def test_a_cell_is_text_whatever_its_type(tmp_path: Path, form: str, value: object, cell: str | None) -> None:
    assert only(WRITERS[form](tmp_path / "x", SIGN_IN | {"Identity": value}))["Identity"] == cell


@pytest.mark.parametrize("form", ["ndjson", "json", "csv", "parquet"])
@pytest.mark.parametrize("code", [50099, 50099.0, "50099", "50099.0"])
def test_a_code_is_a_whole_number_however_it_is_written(tmp_path: Path, form: str, code: object) -> None:
    assert only(WRITERS[form](tmp_path / "x", SIGN_IN | {"ResultType": code}))["ResultType"] == "50099"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_null(tmp_path: Path, number: float) -> None:
    assert only(parquet(tmp_path / "x", SIGN_IN | {"ResultType": number}))["ResultType"] is None


def test_json_that_parquet_holds_as_bytes_is_its_text(tmp_path: Path) -> None:
    assert (
        only(parquet(tmp_path / "x", SIGN_IN | {"Status": b'{"errorCode":50099}'}))["Status"] == '{"errorCode":50099}'
    )


def test_timestamps_of_parquet_stay_times_in_utc_without_zone(tmp_path: Path) -> None:
    at = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
    file = tmp_path / "x.parquet"
    pl.DataFrame([SIGN_IN | {"CreatedDateTime": at, "TimeGenerated": at.replace(tzinfo=None)}]).with_columns(
        pl.col("CreatedDateTime").dt.convert_time_zone("Asia/Tokyo")
    ).write_parquet(file)
    assert only(file)["CreatedDateTime"] == only(file)["TimeGenerated"] == at.replace(tzinfo=None)


@every_form
def test_ingestion_time_is_named_as_the_queries_name_it(tmp_path: Path, form: str) -> None:
    record = only(WRITERS[form](tmp_path / "x", SIGN_IN | {"ingestion_time": "2026-10-01T08:05:00Z"}))
    assert record == LANDING | {"IngestedAt": at("2026-10-01T08:05:00Z")}


def test_the_portals_csv_is_read_with_its_own_headers(tmp_path: Path) -> None:
    file = tmp_path / "query_data.csv"
    file.write_bytes(
        b'\xef\xbb\xbf"TimeGenerated [UTC]",Id,Type,"CreatedDateTime [UTC]"\r\n'
        b'"6/15/2026, 3:50:30.492 PM",s-1,SigninLogs,"6/15/2026, 3:40:00.000 PM"\r\n'
    )
    assert only(file) == {
        "TimeGenerated": datetime(2026, 6, 15, 15, 50, 30, 492000),
        "Id": "s-1",
        "Type": "SigninLogs",
        "CreatedDateTime": datetime(2026, 6, 15, 15, 40),
    }


def test_of_two_csv_columns_with_one_name_the_first_counts(tmp_path: Path) -> None:
    file = tmp_path / "SigninLogs.csv"
    file.write_text("Id,TimeGenerated,Id,TimeGenerated [UTC]\n1,2026-10-01,x,y\n")
    assert only(file) == {"Id": "1", "TimeGenerated": datetime(2026, 10, 1)}


def test_a_line_break_in_a_csv_cell_is_part_of_it_and_lines_stay_counted(tmp_path: Path) -> None:
    file = tmp_path / "SigninLogs.csv"
    file.write_bytes(b'Id,TimeGenerated,UserAgent\r\n1,2026-10-01,"a\r\nb"\r\n\r\n,2026-10-01,c')
    result = whole(file)
    assert result.rows["SigninLogs"][0]["UserAgent"] == "a\r\nb"
    assert result.rejects == [(5, "has no Id")]


def test_an_empty_csv_cell_is_null(tmp_path: Path) -> None:
    assert only(comma(tmp_path / "x.csv", SIGN_IN | {"Identity": ""}))["Identity"] is None


# What bounds the memory.


@every_form
def test_a_long_file_comes_in_batches_and_places_count_through(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (documents, lines):
        monkeypatch.setattr(room, "PIECE", 200_000)
    monkeypatch.setattr(sources, "HEAD", 10_000)
    records = [SIGN_IN | {"Id": str(n)} for n in range(40_000)] + [SIGN_IN | {"Id": ""}]
    file = WRITERS[form](tmp_path / "x", *records)
    batches = list(read(file))
    assert len(batches) > 1
    ids = [id_ for batch in batches for page in batch.pages for id_ in page.frame.get_column("Id")]
    assert ids == [str(n) for n in range(40_000)]
    assert [reject.line for reject in batches[-1].rejects] == [40_002 if form == "csv" else 40_001]


def test_names_that_differ_in_every_record_do_not_become_columns_without_end(tmp_path: Path) -> None:
    file = ndjson(tmp_path / "x.ndjson", *(SIGN_IN | {f"Name{n}": "x"} for n in range(2_000)))
    (batch,) = read(file)
    (page,) = batch.pages
    assert page.frame.width < 502
    assert page.frame.get_column("Id").null_count() == 0


def test_a_name_full_of_wildcards_means_that_file_only(tmp_path: Path) -> None:
    parquet(tmp_path / "ab.parquet", SIGN_IN)
    file = parquet(tmp_path / "[a]*?.parquet", SIGN_IN | {"Id": "wild"})
    assert only(file)["Id"] == "wild"


# Any records, any damage.

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda text: text not in ("NaN", "nan"))
records = st.fixed_dictionaries(
    {
        "Type": st.sampled_from(TABLES),
        "Id": st.uuids().map(str),
        "TimeGenerated": st.datetimes(min_value=datetime(1000, 1, 1)).map(lambda at: at.isoformat() + "Z"),
        "Identity": texts | st.none(),
        "UserAgent": texts,
        "Status": st.dictionaries(texts, st.integers(-(2**53), 2**53) | texts | st.booleans()).map(
            lambda value: orjson.dumps(value).decode()
        ),
    }
)


@every_form
@settings(max_examples=25, deadline=None)
@given(written=st.lists(records, min_size=1, max_size=8))
def test_any_records_come_back_equal(form: str, written: Sequence[Record]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = whole(WRITERS[form](Path(folder) / "x", *written))
    for row in chain.from_iterable(result.rows.values()):  # made of the status
        row.pop("ResultType", None)
        row.pop("ResultDescription", None)
    if form == "csv":  # where null and empty are one
        written = [{name: cell or None for name, cell in record.items()} for record in written]
    written = [record | {"TimeGenerated": at(record["TimeGenerated"])} for record in written]
    assert result.rows == {t: rows for t in TABLES if (rows := [r for r in written if r["Type"] == t])}
    assert (result.rejects, result.read, result.skipped) == ([], len(written), 0)


def test_a_line_that_is_cut_within_a_letter_where_it_is_told_of_is_set_aside(tmp_path: Path) -> None:
    line = f'{{"Id": nothing {"x" * 80}{"ü" * 40}'
    for more in range(4):
        (tmp_path / "x.json").write_text(f'{{"Id":"a","time":"2026-10-01T00:00:00Z"}}\n{"y" * more}{line}\n', "utf-8")
        with contextlib.suppress(UsageError):
            whole(tmp_path / "x.json")
    file = WRITERS["csv"](tmp_path / "x.ndjson", SIGN_IN | {"Status": '{"a":"ü"}'}, AUDIT, {**SIGN_IN, "Id": ""})
    content = bytearray(file.read_bytes())
    content[0], content[4], content[23] = 0, 128, 0
    file.write_bytes(content[:178])
    assert whole(file).rejects


@every_form
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_every_record_is_accounted_for(form: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = WRITERS[form](Path(folder) / "x.ndjson", SIGN_IN | {"Status": '{"a":"ü"}'}, AUDIT, {**SIGN_IN, "Id": ""})
        content = bytearray(file.read_bytes())
        places = st.integers(0, len(content) - 1)
        for place, byte in data.draw(st.dictionaries(places, st.integers(0, 255), max_size=6)).items():
            content[place] = byte
        file.write_bytes(content[: data.draw(st.integers(1, len(content)) | st.just(len(content)))])
        try:
            whole(file)
        except UsageError as error:
            assert str(file) in str(error)  # noqa: PT017 - both outcomes are right, this is one of them


# Real records, and labelled tenants.


@needs_shared
def test_every_record_of_the_real_samples_becomes_a_row() -> None:
    for file in files([SHARED / "samples" / "log_analytics"]):
        written = [orjson.loads(line) for line in file.read_bytes().splitlines()]
        (rows,) = whole(file).rows.values()
        assert [row["Id"] for row in rows] == [record["Id"] for record in written]
        for row, record in zip(rows, written, strict=True):
            for name in ("DeviceDetail", "Status", "ConditionalAccessPolicies", "TargetResources"):
                if isinstance(value := record.get(name), dict | list):
                    assert orjson.loads(row[name]) == value
            assert row["TimeGenerated"] is not None
            if "ResultType" in record:
                assert row["ResultType"] == str(record["ResultType"])


@needs_shared
def test_every_record_of_the_tenants_becomes_a_row_of_its_table() -> None:
    found = files([SHARED / "tenants"])
    assert {file.suffix for file in found} == {".parquet"}
    for file in found:
        written = pl.read_parquet(file, columns=["Id", "ingestion_time"])
        batches = list(read(file))
        pages = [page for batch in batches for page in batch.pages]
        assert {page.table for page in pages} == {file.stem}
        assert sum(batch.read for batch in batches) == written.height
        landed = pl.concat(page.frame.select("Id", ingestion_time="IngestedAt") for page in pages)
        assert landed.equals(written)


def test_each_record_says_where_it_stood(tmp_path: Path) -> None:
    when = {"TimeGenerated": "2026-11-01T08:00:00Z"}
    file = ndjson(tmp_path / "SigninLogs.ndjson", {"Id": "a", **when}, b"{broken", {"Id": "b", **when})
    (page,) = next(read(file)).pages
    assert page.frame.select("Id", PLACE).rows() == [("a", 1), ("b", 3)]
