"""Pages into landed tables: types, JSON, records delivered more than once, and the coverage of what was asked."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import MORNING, audit, detail, page, sign_in, target

from pipeline import land, ledger, store
from pipeline.land import Landed
from pipeline.ledger import Asked
from pipeline.pages import PLACE, SIGN_IN_TABLES, TABLES, Page, Reject
from pipeline.window import HOUR, Window

if TYPE_CHECKING:
    from pathlib import Path

MINUTE = timedelta(minutes=1)
LATER = MORNING + 30 * MINUTE
HOSTILE = [
    "'; DROP TABLE SigninLogs; --",
    '"quoted", {braces} and $name',
    "=cmd|'/c calc'!A1",
    "\x1b[2J\x1b]0;title\x07",
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "line\r\nline\ttab",
    "名前 🦆 \U0010ffff",
    "{not json",
    "nul\x00byte",
]


@pytest.fixture
def con(emptied: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    return emptied


def one(con: duckdb.DuckDBPyConnection, select: str) -> Any:
    """Return the one cell of a one-row answer."""
    ((cell,),) = con.execute(select).fetchall()
    return cell


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_every_table_lands_from_text_in_its_own_type(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, table: str
) -> None:
    policies = '[{"id":"p","displayName":"Require","result":"success","enforcedGrantControls":["Mfa"]}]'
    text = {
        "BOOLEAN": "true",
        "TIMESTAMP": "2026-10-14T08:00:00.1234567Z",
        "VARCHAR": "text",
        "Status": '{"errorCode":50099,"failureReason":"no"}',
        "ConditionalAccessPolicies": policies,
        "ConditionalAccessPoliciesV2": policies,
        "MfaDetail": '{"authMethod":"app"}',
        "DeviceDetail": '{"deviceId":"d"}',
        "LocationDetails": '{"city":"Ghent"}',
        "InitiatedBy": '{"user":{"id":"u"}}',
        "TargetResources": '[{"id":"t","modifiedProperties":[{"displayName":"n","newValue":"[]"}]}]',
        "AdditionalDetails": '[{"key":"k","value":"v"}]',
    }
    columns = con.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND column_name <> 'WorkspaceId'",
        [table],
    ).fetchall()
    record = {name: text.get(name, text.get(kind)) for name, kind in columns}
    land.land(con, page(table, record), tmp_path)
    result = con.execute(f"SELECT * FROM {table}")
    names = [column[0] for column in result.description or ()]
    (row,) = result.fetchall()
    assert [name for name, value in zip(names, row, strict=True) if value is None] == []


def times(con: duckdb.DuckDBPyConnection, tmp_path: Path, *texts: str) -> list[datetime]:
    """Return what became of times that a log wrote as these texts."""
    records = [sign_in(Id=f"{number:02}") | {"CreatedDateTime": text} for number, text in enumerate(texts)]
    land.land(con, page("SigninLogs", *records), tmp_path)
    return [moment for (moment,) in con.execute("SELECT CreatedDateTime FROM SigninLogs ORDER BY Id").fetchall()]


def test_a_time_lands_as_utc_however_it_is_written(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    spellings = [
        "2026-10-14T08:15:00Z",
        "2026-10-14T08:15:00.0000000Z",
        "2026-10-14T08:15:00",
        "2026-10-14T10:15:00+02:00",
        "2026-10-14 08:15:00",
        "10/14/2026, 8:15:00.000 AM",
        "10/14/2026, 8:15:00 AM",
        "10/14/2026 8:15:00 AM",
    ]
    assert times(con, tmp_path, *spellings) == [datetime(2026, 10, 14, 8, 15)] * len(spellings)


def test_the_portals_us_dates_count_noon_and_midnight_as_twelve(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert times(con, tmp_path, "6/15/2026, 12:50:30.492 PM", "6/15/2026, 12:50:30.492 AM", "6/5/2026, 3:50:30 PM") == [
        datetime(2026, 6, 15, 12, 50, 30, 492000),
        datetime(2026, 6, 15, 0, 50, 30, 492000),
        datetime(2026, 6, 5, 15, 50, 30),
    ]


def test_typed_columns_land_like_text(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "Id": ["a"],
            "CreatedDateTime": [MORNING],
            "TimeGenerated": [LATER],
            "ResultType": [50099],
            "IsInteractive": [True],
        }
    )
    land.land(con, Page("SigninLogs", frame), tmp_path)
    assert con.execute(
        "SELECT CreatedDateTime, TimeGenerated, ResultType, IsInteractive FROM SigninLogs"
    ).fetchall() == [(MORNING, LATER, "50099", True)]


def test_columns_that_our_table_lacks_are_left_out_and_those_the_page_lacks_stay_empty(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    land.land(con, page("SigninLogs", sign_in(ColumnOfNextYear="new")), tmp_path)
    assert con.execute("SELECT Id, UserAgent FROM SigninLogs").fetchall() == [("a", None)]


def test_keys_that_our_struct_lacks_are_left_out(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    land.land(con, page("SigninLogs", sign_in(DeviceDetail={"deviceId": "d", "keyOfNextYear": {"a": 1}})), tmp_path)
    assert one(con, "SELECT DeviceDetail.deviceId FROM SigninLogs") == "d"


def test_a_cell_of_malformed_json_is_empty_and_its_record_lands(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    texts = ["{not json", "", "[]", "3", "null", '{"deviceId":']
    records = [sign_in(Id=text or "-", DeviceDetail=text) for text in texts]
    assert land.land(con, page("SigninLogs", *records), tmp_path) == Landed(landed=len(texts))
    assert con.execute("SELECT DISTINCT DeviceDetail.deviceId FROM SigninLogs").fetchall() == [(None,)]


def test_a_value_of_the_wrong_kind_empties_its_own_key_and_not_its_neighbours(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    odd = {"deviceId": "d", "displayName": "LAPTOP-1", "isCompliant": "perhaps"}
    land.land(con, page("SigninLogs", sign_in(DeviceDetail=odd)), tmp_path)
    assert one(con, "SELECT DeviceDetail.deviceId FROM SigninLogs") == "d"


def test_the_targets_of_a_change_land_with_their_properties(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    record = audit("Add device", target("Device", "object-1", "LAPTOP-1", DeviceId=("[]", '["device-1"]')))
    land.land(con, page("AuditLogs", record | {"AdditionalDetails": detail(Device_Id="device-1")}), tmp_path)
    told = con.execute(
        """SELECT TargetResources[1].id, TargetResources[1].modifiedProperties[1].newValue, AdditionalDetails[1]."value"
        FROM AuditLogs"""
    ).fetchall()
    assert told == [("object-1", '["device-1"]', "device-1")]


def test_a_strangers_string_lands_as_it_is(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    records = [sign_in(Id=text, UserAgent=text, DeviceDetail={"displayName": text}) for text in HOSTILE]
    for _ in range(2):
        land.land(con, page("SigninLogs", *records), tmp_path, workspace_id="w")
    told = con.execute("SELECT Id, UserAgent, DeviceDetail.displayName FROM SigninLogs").fetchall()
    assert sorted(told) == sorted((text, text, text) for text in HOSTILE)


def test_a_record_delivered_twice_is_one_row_and_a_duplicate(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    first = land.land(con, page("SigninLogs", sign_in()), tmp_path)
    second = land.land(con, page("SigninLogs", sign_in()), tmp_path)
    assert (first, second) == (Landed(landed=1), Landed(duplicates=1))


def test_a_delivery_that_replaces_an_older_one_is_a_duplicate_too(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    land.land(con, page("SigninLogs", sign_in()), tmp_path)
    fate = land.land(con, page("SigninLogs", sign_in(TimeGenerated=LATER, RiskState="atRisk")), tmp_path)
    assert fate == Landed(duplicates=1)
    assert con.execute("SELECT TimeGenerated, RiskState FROM SigninLogs").fetchall() == [(LATER, "atRisk")]


def test_two_copies_within_one_page_are_one_row_and_a_duplicate(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    fate = land.land(con, page("SigninLogs", sign_in(TimeGenerated=LATER), sign_in()), tmp_path)
    assert fate == Landed(landed=1, duplicates=1)
    assert one(con, "SELECT TimeGenerated FROM SigninLogs") == LATER


def test_audit_records_are_counted_like_sign_ins(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    land.land(con, page("AuditLogs", audit("Add device")), tmp_path)
    again = audit("Add device", TimeGenerated=LATER)
    assert land.land(con, page("AuditLogs", again, audit("Add device", Id="b")), tmp_path) == Landed(1, 1)


def test_a_copy_without_time_generated_never_replaces_one_that_has_it(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    land.land(con, page("SigninLogs", sign_in(UserAgent="log")), tmp_path)
    land.land(con, page("SigninLogs", sign_in(TimeGenerated=None, UserAgent="portal")), tmp_path)
    assert one(con, "SELECT UserAgent FROM SigninLogs") == "log"


def test_a_copy_with_time_generated_replaces_one_that_lacks_it(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    land.land(con, page("SigninLogs", sign_in(TimeGenerated=None, UserAgent="portal")), tmp_path)
    land.land(con, page("SigninLogs", sign_in(UserAgent="log")), tmp_path)
    assert one(con, "SELECT UserAgent FROM SigninLogs") == "log"


def test_the_newest_of_several_copies_in_a_page_replaces_the_landed_one(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    land.land(con, page("SigninLogs", sign_in(), sign_in(Id="b")), tmp_path)
    copies = [sign_in(TimeGenerated=LATER + minute * MINUTE, UserAgent=f"{minute}") for minute in (1, 3, 2)]
    assert land.land(con, page("SigninLogs", *copies, sign_in(Id="c")), tmp_path) == Landed(landed=1, duplicates=3)
    assert con.execute("SELECT Id, UserAgent FROM SigninLogs ORDER BY Id").fetchall() == [
        ("a", "3"),
        ("b", None),
        ("c", None),
    ]


def test_of_copies_that_differ_in_no_time_the_same_one_stays_whichever_came_first(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    stayed = set()
    for agents in (("one", "two"), ("two", "one")):
        con.execute("DELETE FROM SigninLogs")
        for agent in agents:
            land.land(con, page("SigninLogs", sign_in(UserAgent=agent), sign_in(Id=agent)), tmp_path, "w")
        stayed.add(one(con, "SELECT UserAgent FROM SigninLogs WHERE Id = 'a'"))
    assert len(stayed) == 1


def test_a_copy_without_any_time_replaces_nothing(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    land.land(con, page("SigninLogs", sign_in(UserAgent="log")), tmp_path)
    timeless = sign_in() | {"CreatedDateTime": None, "TimeGenerated": None, "IngestedAt": LATER}
    assert land.land(con, page("SigninLogs", timeless), tmp_path) == Landed(rejected=1)
    assert one(con, "SELECT UserAgent FROM SigninLogs") == "log"


def test_the_rejects_of_a_page_are_named_by_their_places(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    timeless = sign_in() | {"Id": "b", "CreatedDateTime": "never", "TimeGenerated": None}
    frame = page("SigninLogs", sign_in(), sign_in(Id=""), sign_in(), timeless).frame
    whole = Page("SigninLogs", frame.with_columns(pl.Series(PLACE, [3, 5, 7, 9])))
    land.land(con, whole, tmp_path)
    assert [reject.line for reject in land.unfit_records(con, whole, "f")] == [5, 9]


def test_settings_for_many_pages_last_no_longer_than_the_block() -> None:
    with store.empty() as con:
        con.execute("SET threads = 3")
        with land.sparing(con):
            assert one(con, "SELECT current_setting('threads')") == 1
        assert one(con, "SELECT current_setting('threads')") == 3


def test_what_stops_a_run_is_told_as_itself_also_where_it_breaks_a_transaction() -> None:
    def stopped(con: duckdb.DuckDBPyConnection) -> None:
        with land.sparing(con):
            con.execute("BEGIN")
            with contextlib.suppress(duckdb.Error):
                con.execute("SELECT error('it breaks')")
            raise KeyboardInterrupt

    with store.empty() as con, pytest.raises(KeyboardInterrupt):
        stopped(con)


SOME_TIME = st.sampled_from([None, MORNING, LATER])
COPIES = st.lists(
    st.fixed_dictionaries(
        {
            "Id": st.sampled_from(["a", "b"]),
            "CreatedDateTime": st.just(MORNING),
            "TimeGenerated": SOME_TIME,
            "IngestedAt": SOME_TIME,
            "UserAgent": st.sampled_from([None, "one", "two"]),
        }
    ),
    min_size=2,
    max_size=4,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_has_landed_does_not_depend_on_the_order_of_deliveries(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, data: st.DataObject
) -> None:
    copies = data.draw(COPIES)
    shuffled = data.draw(st.permutations(copies))
    outcomes = []
    for pages in ([page("SigninLogs", *copies)], [page("SigninLogs", copy) for copy in shuffled]):
        con.execute("DELETE FROM SigninLogs")
        fate = sum((land.land(con, each, tmp_path) for each in pages), Landed())
        outcomes.append((fate, con.execute("SELECT * FROM SigninLogs ORDER BY Id").fetchall()))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("table", [SIGN_IN_TABLES[0], "AuditLogs"])
def test_a_record_without_id_or_any_time_is_rejected_and_counted(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, table: str
) -> None:
    good = sign_in(ActivityDateTime=MORNING)
    without_time = good | {"Id": "b", "CreatedDateTime": "never", "ActivityDateTime": "never", "TimeGenerated": None}
    fate = land.land(con, page(table, good, good | {"Id": None}, without_time), tmp_path)
    assert fate == Landed(landed=1, rejected=2)


def test_read_is_landed_and_duplicates_and_rejected(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    records = [sign_in(), sign_in(), sign_in(Id=""), sign_in(Id="b"), sign_in(TimeGenerated=LATER)]
    fate = land.land(con, page("SigninLogs", *records), tmp_path)
    assert fate.landed + fate.duplicates + fate.rejected == len(records)


def test_a_page_without_ids_is_rejected_whole(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    record = sign_in()
    del record["Id"]
    assert land.land(con, page("SigninLogs", record), tmp_path) == Landed(rejected=1)


def test_a_page_of_columns_that_are_none_of_ours_is_rejected_whole(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert land.land(con, page("SigninLogs", {"Invoice": "1"}), tmp_path) == Landed(rejected=1)


def test_a_page_of_no_records_lands_nothing(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    empty = Page("SigninLogs", pl.DataFrame(schema={"Id": pl.String, "TimeGenerated": pl.String}))
    assert land.land(con, empty, tmp_path) == Landed()


def test_equal_ids_of_two_workspaces_are_two_records(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    for workspace in ("w1", "w2"):
        assert land.land(con, page("SigninLogs", sign_in()), tmp_path, workspace) == Landed(landed=1)
    assert con.execute("SELECT WorkspaceId FROM SigninLogs ORDER BY ALL").fetchall() == [("w1",), ("w2",)]


def test_equal_ids_of_two_tables_are_two_records(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    for table in ("SigninLogs", "AADNonInteractiveUserSignInLogs"):
        assert land.land(con, page(table, sign_in()), tmp_path) == Landed(landed=1)


def test_an_imported_record_belongs_to_the_workspace_of_its_own_tenant_id(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    land.land(con, page("SigninLogs", sign_in(TenantId="w1"), sign_in(TenantId="w2")), tmp_path)
    assert one(con, "SELECT count(DISTINCT WorkspaceId) FROM SigninLogs") == 2


def test_an_imported_record_is_the_one_that_was_pulled_also_where_the_id_is_written_in_capitals(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    workspace = "0e2a4c60-1111-4222-8333-44445555abcd"
    land.land(con, page("SigninLogs", sign_in(TenantId=workspace)), tmp_path, workspace)
    assert land.land(con, page("SigninLogs", sign_in(TenantId=workspace.upper())), tmp_path) == Landed(duplicates=1)


def test_a_table_that_is_none_of_ours_is_refused(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="migrations"):
        land.land(con, page("migrations", sign_in()), tmp_path)


def asked(status: str = "complete", hours: int = 3, start: datetime = MORNING, note: str | None = None) -> Asked:
    arrival = Window(start, start + hours * HOUR)
    return Asked("w", "SigninLogs", arrival, Window(MORNING - 14 * 24 * HOUR, arrival.end), status, 1, note)


def arrivals(con: duckdb.DuckDBPyConnection, scratch: Path, *records: dict[str, Any]) -> Any:
    """Return when the records of a page arrived, by hour."""
    return land.arrivals(con, land.written(page("SigninLogs", *records), scratch / "page.parquet", "w"))


def coverage(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute('SELECT "hour", status, "rows", note FROM coverage ORDER BY "hour"').fetchall()


def test_each_hour_that_was_asked_for_is_a_row_with_the_records_that_arrived_in_it(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    times = [MORNING, MORNING + 59 * MINUTE, MORNING + 2 * HOUR]
    brought = arrivals(con, tmp_path, *[sign_in(IngestedAt=arrived) for arrived in times])
    ledger.record_asked(con, asked(), brought, begun_before=MORNING + 3 * HOUR)
    assert coverage(con) == [
        (MORNING, "complete", 2, None),
        (MORNING + HOUR, "complete", 0, None),
        (MORNING + 2 * HOUR, "complete", 1, None),
    ]


def test_the_newest_arrival_of_an_hour_stands_in_its_row(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    newest = MORNING + 59 * MINUTE
    brought = arrivals(con, tmp_path, sign_in(IngestedAt=MORNING), sign_in(IngestedAt=newest))
    ledger.record_asked(con, asked(hours=1), brought, begun_before=MORNING + HOUR)
    assert one(con, "SELECT newest_ingested_at FROM coverage") == newest


def test_an_hour_asked_for_again_has_the_row_of_the_last_asking(con: duckdb.DuckDBPyConnection) -> None:
    ledger.record_asked(con, asked("incomplete", note="gave up"), brought={}, begun_before=MORNING + 3 * HOUR)
    ledger.record_asked(con, asked(hours=1), brought={}, begun_before=MORNING + 3 * HOUR)
    assert coverage(con) == [
        (MORNING, "complete", 0, None),
        (MORNING + HOUR, "incomplete", 0, "gave up"),
        (MORNING + 2 * HOUR, "incomplete", 0, "gave up"),
    ]


def test_halves_of_an_hour_are_one_row_that_is_as_good_as_the_worse(con: duckdb.DuckDBPyConnection) -> None:
    half = timedelta(minutes=30)
    halves = [Window(MORNING, MORNING + half), Window(MORNING + half, MORNING + HOUR)]
    for arrival, status, note in zip(halves, ("incomplete", "complete"), ("cut", None), strict=True):
        stretch = Asked("w", "SigninLogs", arrival, Window(MORNING, MORNING + HOUR), status, 1, note)
        ledger.record_asked(con, stretch, brought={}, begun_before=MORNING + HOUR)
    assert con.execute('SELECT "hour", status, requests, note FROM coverage').fetchall() == [
        (MORNING, "incomplete", 2, "cut")
    ]


def test_an_hour_that_had_not_begun_is_no_coverage(con: duckdb.DuckDBPyConnection) -> None:
    ledger.record_asked(con, asked(hours=30), brought={}, begun_before=MORNING + HOUR)
    assert [hour for hour, *_ in coverage(con)] == [MORNING]


def test_records_from_hours_that_the_clock_has_not_reached_are_covered_all_the_same(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    brought = arrivals(con, tmp_path, sign_in(IngestedAt=MORNING + 2 * HOUR))
    ledger.record_asked(con, asked(hours=30), brought, begun_before=MORNING + HOUR)
    assert [(hour, rows) for hour, _, rows, _ in coverage(con)] == [
        (MORNING, 0),
        (MORNING + HOUR, 0),
        (MORNING + 2 * HOUR, 1),
    ]


def test_several_answers_at_once_are_covered_as_one_after_the_other(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    half = timedelta(minutes=30)
    event = Window(MORNING, MORNING + 3 * HOUR)
    cut = ((Window(MORNING, MORNING + 2 * HOUR), 3),)
    first = Asked("w", "SigninLogs", Window(MORNING, MORNING + half), event, "complete", 1, cut=cut)
    second = Asked("w", "SigninLogs", Window(MORNING + half, MORNING + 2 * HOUR), event, "complete", 2, cut=cut)
    other = Asked("w", "AuditLogs", Window(MORNING, MORNING + 3 * HOUR), event, "complete", 1)
    brought = arrivals(con, tmp_path, sign_in(IngestedAt=MORNING), sign_in(IngestedAt=MORNING + MINUTE))
    answers = [(first, brought, MORNING + HOUR), (second, {}, MORNING + HOUR), (other, {}, MORNING + 2 * HOUR)]

    def covered() -> list[tuple[Any, ...]]:
        return con.execute("SELECT * FROM asked ORDER BY ALL").fetchall()

    ledger.record_owed(con, Asked("w", "SigninLogs", event, event, "incomplete", 0, "owed"), MORNING + 3 * HOUR)
    ledger.record_answers(con, answers)
    at_once = covered()
    con.execute("DELETE FROM asked")
    ledger.record_owed(con, Asked("w", "SigninLogs", event, event, "incomplete", 0, "owed"), MORNING + 3 * HOUR)
    for stretch, its, begun_before in answers:
        ledger.record_asked(con, stretch, its, begun_before)
    assert covered() == at_once
    assert len(at_once) == 5


def test_asking_for_one_table_leaves_the_coverage_of_another(con: duckdb.DuckDBPyConnection) -> None:
    other = asked("absent", hours=1, note="the workspace has no table")
    ledger.record_asked(con, other, brought={}, begun_before=MORNING + HOUR)
    stretch = Asked("w", "AuditLogs", other.arrival, other.event, "complete", 1)
    ledger.record_asked(con, stretch, brought={}, begun_before=MORNING + HOUR)
    assert sorted(status for _, status, *_ in coverage(con)) == ["absent", "complete"]


def test_one_reject_set_aside_twice_stands_there_once(con: duckdb.DuckDBPyConnection) -> None:
    reject = Reject("logs.json", 3, "no JSON")
    land.record_rejects(con, [reject])
    land.record_rejects(con, [reject, Reject("logs.json", 4, "no JSON")])
    assert con.execute("SELECT * FROM import_rejects ORDER BY line").fetchall() == [
        ("logs.json", 3, "no JSON"),
        ("logs.json", 4, "no JSON"),
    ]


def test_landing_works_in_a_database_that_views_were_never_built_in(tmp_path: Path) -> None:
    import duckdb

    con = duckdb.connect()
    store.migrate(con, None)
    assert land.land(con, page("SigninLogs", sign_in()), tmp_path) == Landed(landed=1)
    con.close()
