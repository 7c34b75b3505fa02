"""An import as its user meets it: what is read again, what is set aside, what is refused, and what is left alone."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
import zipfile
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import renderings
from exported import Record, whole
from program import last_line, signin_triage

from pipeline import imports
from pipeline.errors import UsageError
from pipeline.pseudonyms import Pseudonyms

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.imported_files import Imported
    from pipeline.imports import Outcome

SIGN_IN: Record = {"Type": "SigninLogs", "Id": "s-1", "CreatedDateTime": "2026-10-01T08:00:00Z", "ResultType": "0"}
FOLDERS = "insights-logs-signinlogs/tenantId=0a/y=2026/m=10/d=01/h=08/m=00"


def record(number: int, **properties: Any) -> Record:
    """Return a diagnostic record."""
    inner = {"id": f"s-{number}", "createdDateTime": "2026-10-01T08:00:00+00:00", "status": {"errorCode": 50099}}
    return {"time": "2026-10-01T08:05:00.1234567Z", "category": "SignInLogs", "properties": inner | properties}


def lines(*records: object) -> str:
    return "".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in records)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "s.duckdb"


def imported(db: Path, *paths: Path, **asked: Any) -> Outcome:
    return imports.import_files(db, paths, lambda _: None, asked=imports.Asked(**asked))


def one(db: Path, path: Path, **asked: Any) -> Imported:
    (counts,) = imported(db, path, **asked).files
    assert counts.read == counts.landed + counts.duplicates + counts.rejected + counts.skipped
    return counts


def rows(db: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(db), read_only=True) as con:
        return con.execute(query).fetchall()


# What is known, and what grew.


def test_a_file_that_is_known_is_not_read_again_and_its_records_count_as_duplicates(db: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.ndjson"
    file.write_text(lines(SIGN_IN, "{broken", SIGN_IN | {"Type": "Heartbeat"}))
    first = one(db, file)
    assert (first.status, first.read, first.landed, first.rejected, first.skipped) == ("imported", 3, 1, 1, 1)
    again = one(db, file)
    assert (again.status, again.known, again.read) == ("unchanged", 3, 3)
    assert (again.landed, again.duplicates, again.rejected, again.skipped) == (0, 1, 1, 1)
    assert rows(db, "SELECT line FROM import_rejects") == [(2,)]


def test_a_file_that_changed_in_place_is_read_anew_and_its_old_rejects_go(db: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.ndjson"
    file.write_text(lines(SIGN_IN, "{broken"))
    one(db, file)
    file.write_text(lines(SIGN_IN, SIGN_IN | {"Id": "s-2"}))
    counts = one(db, file)
    assert (counts.status, counts.landed, counts.duplicates, counts.rejected) == ("imported", 1, 1, 0)
    assert rows(db, "SELECT count(*) FROM import_rejects") == [(0,)]


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_blob_that_grew_is_gone_on_with_where_it_ended(db: Path, tmp_path: Path, ending: str) -> None:
    file = tmp_path / "PT1H.json"
    file.write_text(lines(record(1), "{broken", record(2)).removesuffix("\n") + ending)
    one(db, file)
    file.write_text(lines(record(1), "{broken", record(2), record(3), "[]"))
    counts = one(db, file)
    assert (counts.status, counts.known, counts.read) == ("continued", 3, 5)
    assert (counts.landed, counts.duplicates, counts.rejected) == (1, 2, 2)
    assert rows(db, "SELECT line FROM import_rejects ORDER BY line") == [(2,), (5,)]


def test_a_line_that_is_being_written_is_left_for_the_next_import(db: Path, tmp_path: Path) -> None:
    file = tmp_path / FOLDERS / "PT1H.json"
    file.parent.mkdir(parents=True)
    text = lines(record(1), record(2))
    file.write_text(text[:-40])
    counts = one(db, tmp_path / "insights-logs-signinlogs", strict=True)
    assert (counts.read, counts.landed, counts.rejected, counts.unfinished) == (1, 1, 0, True)
    file.write_text(text)
    counts = one(db, tmp_path / "insights-logs-signinlogs")
    assert (counts.status, counts.read, counts.landed, counts.unfinished) == ("continued", 2, 1, False)


def test_a_csv_that_grew_is_gone_on_with_under_its_header(db: Path, tmp_path: Path) -> None:
    file = tmp_path / "SigninLogs.csv"
    file.write_bytes(b'\xef\xbb\xbfId,TimeGenerated\r\n1,"2026-10-01"\r\n')
    one(db, file)
    file.write_bytes(file.read_bytes() + b"2,2026-10-02\r\n,2026-10-02\r\n")
    counts = one(db, file)
    assert (counts.status, counts.read, counts.landed, counts.duplicates, counts.rejected) == ("continued", 3, 1, 1, 1)
    assert rows(db, "SELECT line, reason FROM import_rejects") == [(4, "has no Id")]


# What is refused, and leaves everything as it was.


def test_strict_makes_any_reject_fatal_with_nothing_landed(db: Path, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(lines(SIGN_IN))
    imported(db, tmp_path / "a.ndjson")
    before = db.read_bytes()
    (tmp_path / "b.ndjson").write_text(lines(SIGN_IN | {"Id": "s-2"}))
    (tmp_path / "c.ndjson").write_text(lines(SIGN_IN | {"Id": "s-3"}, "{broken"))
    with pytest.raises(UsageError, match=r"c\.ndjson line 2 is not valid JSON.*so nothing was imported"):
        imported(db, tmp_path / "b.ndjson", tmp_path / "c.ndjson", strict=True)
    assert db.read_bytes() == before
    imported(db, tmp_path / "a.ndjson")
    assert rows(db, "SELECT Id FROM SigninLogs") == [("s-1",)]


def test_a_file_of_no_known_form_is_refused_with_what_was_tried_and_nothing_lands(tmp_path: Path) -> None:
    (tmp_path / "good.ndjson").write_text(lines(SIGN_IN))
    (tmp_path / "notes.txt").write_text("nothing of interest")
    told = signin_triage("import", "good.ndjson", "notes.txt", cwd=tmp_path)
    assert told.returncode == 2
    assert "notes.txt is of no known form (tried: Parquet, " in last_line(told.stderr)
    assert not (tmp_path / "signins.duckdb").exists()


def test_in_a_folder_foreign_files_are_passed_over_and_named(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "SigninLogs.ndjson").write_text(lines(SIGN_IN))
    (tmp_path / "logs" / "people.json").write_text('[{"id": "1", "createdDateTime": "2026-01-01", "mail": "a@b.c"}]')
    (tmp_path / "logs" / "notes.txt").write_text("nothing of interest")
    told = signin_triage("import", "logs", "--format", "json", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert (answer["read"], answer["landed"]) == (1, 1)
    assert answer["passed_over"] == ["logs/notes.txt", "logs/people.json"]
    assert "Passed over as no logs of ours: logs/notes.txt, logs/people.json." in told.stderr


def test_an_archive_with_a_password_is_refused_in_a_sentence(tmp_path: Path, db: Path) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("x.ndjson", lines(SIGN_IN))
    content = bytearray(written.getvalue())
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + place] |= 1
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(UsageError, match="is encrypted: unpack it with its password first"):
        imported(db, tmp_path / "x.zip")


@pytest.mark.parametrize("name", ["x.gz", "x.zip", "x.zst", "x.parquet", "x.avro"])
def test_a_damaged_file_is_refused_in_a_sentence(name: str, tmp_path: Path, db: Path) -> None:
    starts = {
        "x.gz": b"\x1f\x8b\x08",
        "x.zip": b"PK\x03\x04",
        "x.zst": b"\x28\xb5\x2f\xfd",
        "x.parquet": b"PAR1",
        "x.avro": b"Obj\x01",
    }
    (tmp_path / name).write_bytes(starts[name] + b"\0" * 40)
    with pytest.raises(UsageError, match=name):
        imported(db, tmp_path / name)


def test_what_expands_beyond_reason_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, db: Path) -> None:
    import gzip

    from pipeline import sources

    monkeypatch.setattr(sources, "_EXPANDED", 10_000)
    monkeypatch.setattr(sources, "_TIMES", 10)
    (tmp_path / "x.gz").write_bytes(gzip.compress(lines(*[SIGN_IN] * 60_000).encode()))
    with pytest.raises(UsageError, match="expands to more than"):
        imported(db, tmp_path / "x.gz")


# Standard input, patterns, and looking without touching.


def test_standard_input_is_a_file_too(tmp_path: Path) -> None:
    told = signin_triage("import", "-", "--format", "json", cwd=tmp_path, stdin=lines(SIGN_IN, "{broken"))
    assert told.returncode == 0, told.stderr
    (counts,) = json.loads(told.stdout)["files"]
    assert (counts["path"], counts["landed"], counts["rejected"]) == ("-", 1, 1)
    assert rows(tmp_path / "signins.duckdb", "SELECT file, line FROM import_rejects") == [("-", 2)]


def test_a_pattern_stands_for_what_it_matches_and_a_name_with_brackets_for_itself(db: Path, tmp_path: Path) -> None:
    (tmp_path / "[a].ndjson").write_text(lines(SIGN_IN))
    (tmp_path / "a.ndjson").write_text(lines(SIGN_IN | {"Id": "s-2"}))
    assert [file.path for file in imported(db, tmp_path / "[a].ndjson").files] == [str(tmp_path / "[a].ndjson")]
    assert imported(db, tmp_path / "*.ndjson").as_json()["landed"] == 1


def test_a_dry_run_says_what_there_is_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text(
        lines(SIGN_IN, "{broken", SIGN_IN | {"Id": "s-2", "CreatedDateTime": "2026-10-03"})
    )
    told = signin_triage("import", "x.ndjson", "--dry-run", "--db", "none/s.duckdb", "--format", "json", cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    (counts,) = json.loads(told.stdout)["files"]
    assert (counts["form"], counts["tables"], counts["rejected"]) == ("ndjson", {"SigninLogs": 2}, 1)
    assert (counts["first"], counts["last"]) == ("2026-10-01T08:00:00Z", "2026-10-03T00:00:00Z")
    assert [path.name for path in tmp_path.iterdir()] == ["x.ndjson"]


def test_a_stopped_import_says_so_and_leaves_the_published_file(tmp_path: Path, db: Path) -> None:
    (tmp_path / "a.ndjson").write_text(lines(SIGN_IN))
    imported(db, tmp_path / "a.ndjson")
    before = db.read_bytes()
    (tmp_path / "b.ndjson").write_text(lines(*(SIGN_IN | {"Id": f"s-{at}"} for at in range(400_000))))
    command = [sys.executable, "-m", "pipeline", "import", "b.ndjson", "--db", str(db)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob(".s.duckdb.scratch/piece.json")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert last_line(said) == "Stopped: nothing of this import has landed, and nothing was published."
    assert db.read_bytes() == before


# Times.


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2026-10-01T08:00:00Z", "2026-10-01 08:00:00"),
        ("2026-10-01 08:00:00", "2026-10-01 08:00:00"),
        ("2026-10-01T08:00:00.123456789Z", "2026-10-01 08:00:00.123456"),
        ("2026-10-01T08:00:00.1+02:00", "2026-10-01 06:00:00.100000"),
        ("2026-10-01T08:00:00-0530", "2026-10-01 13:30:00"),
        ("6/15/2026, 3:50:30.492 PM", "2026-06-15 15:50:30.492000"),
        ("6/15/2026, 3:50:30.492\u202fPM", "2026-06-15 15:50:30.492000"),
        ("15/06/2026, 15:50:30", "2026-06-15 15:50:30"),
        ("15.06.2026 00:50", "2026-06-15 00:50:00"),
        ("6/15/2026, 12:00:00.000 AM", "2026-06-15 00:00:00"),
    ],
)
def test_a_time_is_read_however_it_is_written(written: str, time: str, tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text(lines(SIGN_IN | {"CreatedDateTime": written}))
    ((row,),) = whole(tmp_path / "x.ndjson").rows.values()
    assert str(row["CreatedDateTime"]) == time


def dated(*dates: str, **more: str) -> str:
    return lines(*(SIGN_IN | {"Id": f"s-{at}", "CreatedDateTime": date} | more for at, date in enumerate(dates)))


@pytest.mark.parametrize(
    ("name", "text", "month"),
    [
        ("x", dated("6/5/2026, 1:00:00 PM", "6/13/2026, 1:00:00 PM"), 6),
        ("x", dated("6/5/2026, 1:00:00 PM", "13/5/2026, 1:00:00 PM"), 5),
        ("x", dated("6/5/2026, 1:00:00 PM", TimeGenerated="2026-06-05T13:20:00Z"), 6),
        ("x", dated("6/5/2026, 1:00:00 PM", TimeGenerated="2026-05-06T13:20:00Z"), 5),
        ("InteractiveSignIns_2026-05-01_2026-05-08", dated("6/5/2026, 1:00:00 PM"), 5),
        ("x", dated("5/30/2026, 1:00:00 PM", "6/1/2026, 1:00:00 PM", "6/2/2026, 1:00:00 PM"), 5),
        ("x", dated("6/5/2026, 1:00:00 PM", "6/7/2026, 1:00:00 PM", "7/4/2026, 1:00:00 PM"), 6),
    ],
)
def test_a_file_proves_whether_day_or_month_comes_first(name: str, text: str, month: int, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    ((row, *_),) = whole(tmp_path / name).rows.values()
    assert row["CreatedDateTime"].month == month


def test_an_order_that_a_file_does_not_prove_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.ndjson").write_text(dated("6/5/2026, 1:00:00 PM", "6/7/2026, 1:00:00 PM"))
    told = signin_triage("import", "x.ndjson", cwd=tmp_path)
    assert told.returncode == 2
    assert "x.ndjson writes dates in which day and month could be either" in last_line(told.stderr)
    for option, day in (("--day-first", "2026-05-06"), ("--month-first", "2026-06-05")):
        db = tmp_path / f"{option}.duckdb"
        assert signin_triage("import", "x.ndjson", option, "--db", db, cwd=tmp_path).returncode == 0
        assert rows(db, "SELECT CAST(min(CreatedDateTime) AS DATE)::VARCHAR FROM SigninLogs") == [(day,)]


# Whatever a stream holds.


def test_other_categories_of_a_stream_are_skipped_and_counted_and_audit_records_of_intune_are_intunes(
    db: Path, tmp_path: Path
) -> None:
    audit = {
        "id": "a-1",
        "activityDateTime": "2026-10-01T08:00:00Z",
        "activityDisplayName": "Add device",
        "category": "Device",
    }
    stream = [
        record(1),
        {"time": "2026-10-01T08:00:00Z", "category": "ProvisioningLogs", "properties": {"id": "p-1"}},
        {"time": "2026-10-01T08:00:00Z", "category": "AuditLogs", "properties": audit},
        {"time": "2026-10-01T08:00:00Z", "category": "AuditLogs", "properties": {"AuditEventId": "i-1", "Category": 3}},
    ]
    (tmp_path / "capture.json").write_text(json.dumps({"records": stream}))
    counts = one(db, tmp_path / "capture.json")
    assert (counts.landed, counts.skipped) == (3, 1)
    assert counts.tables == {"SigninLogs": 1, "AuditLogs": 1, "IntuneAuditLogs": 1}
    assert rows(db, "SELECT Id, Category FROM AuditLogs") == [("a-1", "Device")]
    assert rows(db, "SELECT Id FROM IntuneAuditLogs") == [("i-1",)]


PORTAL = (
    "Date (UTC),Request ID,User agent,User ID,User,Username,Incoming token type,Application,Application ID ,"
    "Resource ID ,IP address,Location,Status,Sign-in error code,Failure reason,Client app,Device ID,Browser,"
    "Operating System,Compliant,Managed,Join Type,Autonomous system  number,Incoming token type,Conditional Access\n"
    '2026-10-01T08:00:00Z,s-1,UA,u-1,Ann,ann@example.org,none,Mail,app-1,res-1,203.0.113.1,"Bonn, NRW, DE",'
    "Failure,50099,Bad signature.,Browser,d-1,Edge,Windows,Yes,No,Azure AD joined,3320,primaryRefreshToken,"
    "Not Applied\n"
    '2026-10-01T08:01:00Z,s-2,UA,u-1,Ann,ann@example.org,,Mail,app-1,res-1,203.0.113.1,"Bonn, NRW, DE",Success,,Other.,'
    "Browser,,,,,,,3320,none,Success\n"
)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("InteractiveSignIns_2026-09-24_2026-10-01.csv", "SigninLogs"),
        ("NonInteractiveSignIns_2026-09-24_2026-10-01.csv", "AADNonInteractiveUserSignInLogs"),
    ],
)
def test_the_entra_portals_download_is_read_under_its_own_headers(
    name: str, table: str, db: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(PORTAL)
    assert one(db, tmp_path / name).tables == {table: 2}
    found = rows(
        db,
        f"""SELECT Id, ResultType, AppId, DeviceDetail.deviceId, DeviceDetail.isCompliant, DeviceDetail.isManaged,
            LocationDetails.city, LocationDetails.countryOrRegion, ConditionalAccessStatus, IncomingTokenType,
            AutonomousSystemNumber, TimeGenerated FROM {table} ORDER BY Id""",
    )
    assert found == [
        ("s-1", "50099", "app-1", "d-1", True, False, "Bonn", "DE", "notApplied", "none", "3320", None),
        ("s-2", "0", "app-1", None, None, None, "Bonn", "DE", "success", "none", "3320", None),
    ]


def test_a_portal_download_whose_name_is_silent_is_refused(db: Path, tmp_path: Path) -> None:
    (tmp_path / "download.csv").write_text(PORTAL)
    with pytest.raises(UsageError, match=r"download\.csv does not tell its table"):
        imported(db, tmp_path / "download.csv")


def avro(*bodies: bytes, deflated: bool) -> bytes:
    """Return a capture of an Event Hub, as Avro 1.11 says how."""

    def number(value: int) -> bytes:
        value = (value << 1) ^ (value >> 63)
        written = b""
        while value > 0x7F:
            written, value = written + bytes([value & 0x7F | 0x80]), value >> 7
        return written + bytes([value])

    def text(content: bytes) -> bytes:
        return number(len(content)) + content

    fields = [
        {"name": "SequenceNumber", "type": "long"},
        {"name": "Properties", "type": {"type": "map", "values": ["long", "double", "string", "bytes"]}},
        {"name": "Body", "type": ["null", "bytes"]},
    ]
    schema = json.dumps({"type": "record", "name": "EventData", "fields": fields}).encode()
    codec = b"deflate" if deflated else b"null"
    about = number(2) + text(b"avro.schema") + text(schema) + text(b"avro.codec") + text(codec) + number(0)
    properties = number(1) + text(b"k") + number(2) + text(b"v") + number(0)
    events = b"".join(number(at) + properties + number(1) + text(body) for at, body in enumerate(bodies))
    packer = zlib.compressobj(wbits=-15)
    block = packer.compress(events) + packer.flush() if deflated else events
    mark = bytes(range(16))
    return b"Obj\x01" + about + mark + number(len(bodies)) + text(block) + mark


@pytest.mark.parametrize("deflated", [True, False])
def test_a_capture_of_an_event_hub_in_avro_is_the_records_of_its_events(
    deflated: bool, db: Path, tmp_path: Path
) -> None:
    bodies = [
        json.dumps({"records": [record(1), record(2)]}).encode(),
        lines(record(3), record(4)).encode(),
        b"{broken",
    ]
    (tmp_path / "00.avro").write_bytes(avro(*bodies, deflated=deflated))
    counts = one(db, tmp_path / "00.avro")
    assert (counts.form, counts.landed, counts.rejected) == ("avro", 4, 1)
    assert rows(db, "SELECT line FROM import_rejects") == [(3,)]


# Pseudonyms.


@pytest.mark.parametrize("form", ["blob", "graph array", "query api", "portal csv"])
def test_names_are_pseudonyms_whatever_the_form(form: str, db: Path, tmp_path: Path) -> None:
    row = {
        "Type": "SigninLogs",
        "Id": "s-1",
        "TimeGenerated": datetime(2026, 10, 15, 8, 5),
        "CreatedDateTime": datetime(2026, 10, 15, 8),
        "OperationName": "Sign-in activity",
        "ResultType": "50099",
        "ResultDescription": "",
        "CorrelationId": "c-1",
        "AppId": "app-1",
        "UserPrincipalName": "gwendolyn.quist@example.org",
        "UserDisplayName": "Gwendolyn Quist",
        "IPAddress": "203.0.113.77",
        "Status": {"errorCode": 50099},
        "DeviceDetail": {"deviceId": "d-1", "displayName": "QUIST-LAPTOP"},
    }
    (tmp_path / "SigninLogs").write_bytes(renderings.FORMS[form]([row]))
    outcome = imports.import_files(db, [tmp_path / "SigninLogs"], lambda _: None, names=Pseudonyms(b"0123456789abcdef"))
    assert outcome.files[0].landed == 1
    ((user, address, device),) = rows(db, "SELECT user, ip, device FROM sign_ins")
    assert user.endswith("@example.org")
    assert address.startswith("fc")
    assert device.startswith("device-")
    content = db.read_bytes().lower()
    assert [name for name in (b"gwendolyn", b"quist", b"203.0.113.77") if name in content] == []
