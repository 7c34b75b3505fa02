"""The report folder: the columns that users script against, cells that no spreadsheet runs, whole or not at all."""

from __future__ import annotations

import csv
import io
import shutil
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from records import DAY, MORNING, WINDOW, add_incident, audit, detail, failure, page, sign_in, target

from pipeline import ledger, report
from pipeline import page as page_of_night
from pipeline.cells import cell
from pipeline.errors import StoreUnusable
from pipeline.ledger import Asked
from pipeline.window import HOUR, Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import duckdb

    Land = Callable[..., duckdb.DuckDBPyConnection]

NI = "AADNonInteractiveUserSignInLogs"
HEADERS = {
    "incidents": (
        "incident_id, status, first_seen_at, last_seen_at, failures, sign_ins, devices, users, apps, scope, "
        "cause, confidence, change_id, changed_at, change, changed_by, summary, next_step, verdict"
    ),
    "causes": ("incident_id, rank, cause, confidence, change_id, evidence_for, evidence_against, mechanism"),
    "failures": (
        "sign_in_id, incident_id, seen_at, source_table, user, app_id, app, device_id, device, device_known, "
        "os, client, ip, result_code, workspace_id, correlation_id"
    ),
    "by_app": (
        "app_id, app, failures, sign_ins, failure_rate, baseline_rate, devices, users, first_seen_at, "
        "last_seen_at, last_change_id, last_changed_at, last_change, likely_cause"
    ),
    "by_device": (
        "device_id, device, os, trust_type, failures, sign_ins, failure_rate, baseline_rate, apps, users, "
        "first_seen_at, last_seen_at, last_change_id, last_changed_at, last_change, likely_cause"
    ),
    "by_user": (
        "user_id, user, failures, sign_ins, devices, apps, first_seen_at, last_seen_at, "
        "authentication_requirement, mfa_result, last_security_info_change, likely_cause"
    ),
    "by_change": (
        "change_id, changed_at, change, change_kind, target_type, target, changed_by, failures_before, "
        "failures_after, sign_ins_before, sign_ins_after, rate_ratio, incidents, old_value, new_value"
    ),
    "coverage": ("source_table, hour, status, rows, requests, newest_ingested_at, note, workspace_id"),
    "trends": ("day, cause, incidents, failures, devices, users"),
}


def written(
    con: duckdb.DuckDBPyConnection,
    name: str,
    tmp_path: Path,
    window: Window = WINDOW,
    shape: report.Shape = report.AS_USUAL,
) -> str:
    """Return the text of one CSV file."""
    file = tmp_path / f"{name}.csv"
    report.write_csv(con, name, window, file, shape)
    return file.read_bytes().decode("utf-8")


def rows(
    con: duckdb.DuckDBPyConnection,
    name: str,
    tmp_path: Path,
    window: Window = WINDOW,
    shape: report.Shape = report.AS_USUAL,
) -> list[dict[str, str]]:
    """Return the rows of one CSV file as a program reads them."""
    return list(csv.DictReader(io.StringIO(written(con, name, tmp_path, window, shape), newline="")))


def picked(table: list[dict[str, str]], *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in columns) for row in table]


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_without_rows_has_the_header_that_users_script_against(
    emptied: duckdb.DuckDBPyConnection, tmp_path: Path, name: str
) -> None:
    lines = written(emptied, name, tmp_path).splitlines()
    promised = HEADERS[name].split(", ")
    assert len(lines) == 1
    assert lines[0].split(",")[: len(promised)] == promised


def test_every_promised_file_is_part_of_the_report() -> None:
    assert [name for name in HEADERS if name not in report.FILES] == []


def test_the_headers_of_these_tests_are_those_that_were_promised(shared: Path) -> None:
    lines = (shared / "CONTRACT.md").read_text(encoding="utf-8").splitlines()
    table = [[part.strip() for part in line.split("|")[1:-1]] for line in lines if line.startswith("| `")]
    promised = {name.strip("`").removesuffix(".csv"): columns for name, *_, columns in table if name.endswith(".csv`")}
    assert {name: columns for name, columns in promised.items() if name in report.FILES} == HEADERS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        (0, "0"),
        (-5, "-5"),
        (1234567, "1234567"),
        (0.5, "0.5"),
        (1.0, "1"),
        (100.0, "100"),
        (1 / 3, "0.333333"),
        (0.0, "0"),
        (datetime(2026, 10, 31, 8, 15), "2026-10-31T08:15:00Z"),
        (datetime(2026, 10, 31, 8, 15, 59, 999999), "2026-10-31T08:15:59Z"),
        ("ann@example.org", "ann@example.org"),
    ],
)
def test_a_value_is_written_the_same_everywhere(value: object, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    "formula",
    [
        "=cmd|'/c calc'!A1",
        "+1+1",
        "-1+1",
        "@SUM(1)",
        "\t=1+1",
        "\n=1+1",
        "   =1+1",
        "＝1+1",  # noqa: RUF001 the look-alike is the point
        "＋1",  # noqa: RUF001
        "－1",  # noqa: RUF001
        "＠SUM(1)",  # noqa: RUF001
    ],
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe_in_front(formula: str) -> None:
    assert cell(formula) == f"'{formula}"


def test_what_terminals_obey_and_readers_stop_at_is_made_visible() -> None:
    assert (
        cell("\x1b[2Jgone\x00\x9b")
        == "\N{REPLACEMENT CHARACTER}[2Jgone\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    )


def test_every_line_break_is_a_line_feed_and_breaks_no_row(landed: Land, tmp_path: Path) -> None:
    records = [failure(Id="a", AppId="a", AppDisplayName="one\rtwo\r\nthree")]
    (row,) = rows(landed(page("SigninLogs", *records)), "failures", tmp_path)
    assert row["app"] == "one\ntwo\nthree"


def test_a_carriage_return_hides_no_formula() -> None:
    assert cell("\r=1+1") == "'\n=1+1"


def test_strangers_strings_come_back_from_the_file_as_they_are(landed: Land, tmp_path: Path) -> None:
    names = [
        'say "hi", please',
        "two\nlines",
        "a,b;c\td",
        "名前 🦆",
        "'quoted'",
        " spaces ",
    ]
    records = [failure(Id=f"{n}", AppId=f"{n}", AppDisplayName=name) for n, name in enumerate(names)]
    found = rows(landed(page("SigninLogs", *records)), "failures", tmp_path)
    assert [row["app"] for row in found] == names


def test_a_formula_in_a_name_is_harmless_in_the_file(landed: Land, tmp_path: Path) -> None:
    con = landed(page("SigninLogs", failure(UserPrincipalName="=HYPERLINK(1)@example.org")))
    assert "=HYPERLINK" not in [row["user"][:10] for row in rows(con, "failures", tmp_path)]
    assert "'=HYPERLINK(1)@example.org" in written(con, "failures", tmp_path)


def busy_night() -> list[Any]:
    """Return pages of a night with failures of known and unknown devices, apps and users."""
    laptop = {"deviceId": "d1", "displayName": "LAPTOP-1", "operatingSystem": "Windows10"}
    nobody = {"AppId": None, "AppDisplayName": None, "UserId": None, "UserPrincipalName": None}
    return [
        page(
            "SigninLogs",
            sign_in(Id="ok", DeviceDetail=laptop),
            failure(Id="logged", DeviceDetail=laptop),
            failure(Id="unknown", UserId="user-2", UserPrincipalName="bob@example.org"),
            failure(Id="nameless", **nobody),
        ),
        page(
            NI, failure(Id="inferred", DeviceDetail={"operatingSystem": "Windows10"}), sign_in(Id="ok2", AppId="app-2")
        ),
        page("ADFSSignInLogs", failure(Id="logged")),
        page(
            "AuditLogs",
            audit("Update application", target("Application", "o", "Mail"), AdditionalDetails=detail(AppId="app-1")),
        ),
    ]


@pytest.mark.parametrize("name", ["by_app", "by_device", "by_user"])
def test_a_breakdown_sums_to_the_failures(landed: Land, tmp_path: Path, name: str) -> None:
    con = landed(*busy_night())
    total = len(rows(con, "failures", tmp_path))
    assert total == 5
    assert sum(int(row["failures"]) for row in rows(con, name, tmp_path)) == total


def test_every_failure_stands_there_once_though_it_was_delivered_twice(landed: Land, tmp_path: Path) -> None:
    con = landed(*busy_night(), *busy_night())
    found = picked(rows(con, "failures", tmp_path), "source_table", "sign_in_id")
    assert len(found) == len(set(found)) == 5


def test_the_same_night_gives_the_same_bytes_whichever_record_landed_first(landed: Land, tmp_path: Path) -> None:
    files = ("failures", "by_app", "by_device", "by_user", "by_change")
    con = landed(*busy_night())
    first = [written(con, name, tmp_path) for name in files]
    for table in ("SigninLogs", NI, "ADFSSignInLogs", "AuditLogs"):
        con.execute(f"DELETE FROM {table}")
    landed(*reversed(busy_night()))
    assert [written(con, name, tmp_path) for name in files] == first


def test_rows_that_a_later_night_leaves_alone_keep_their_order(landed: Land, tmp_path: Path) -> None:
    first = [failure(Id=f"{n}", AppId=f"app-{n % 7}", UserId=f"user-{n % 5}") for n in range(40)]
    files = ("failures", "by_app", "by_user")
    before = {name: written(landed(page("SigninLogs", *first)), name, tmp_path).splitlines() for name in files}
    more = [failure(Id=f"more-{n}", AppId=f"app-{n}", UserId="user-3") for n in (2, 4, 9)]
    con = landed(page("SigninLogs", *more))
    for name, rows_before in before.items():
        rows_after = written(con, name, tmp_path).splitlines()
        kept = [row for row in rows_before if row in rows_after]
        assert len(kept) < len(rows_after)
        assert [row for row in rows_after if row in kept] == kept


def test_one_record_id_in_two_tables_gives_the_same_bytes_whichever_landed_first(landed: Land, tmp_path: Path) -> None:
    twins = [
        page("SigninLogs", failure(AppDisplayName="Mail", DeviceDetail={"deviceId": "d", "displayName": "one"})),
        page(NI, failure(AppDisplayName="Post", DeviceDetail={"deviceId": "d", "displayName": "two"})),
    ]
    files = ("failures", "by_app", "by_device", "by_user")
    con = landed(*twins)
    first = [written(con, name, tmp_path) for name in files]
    for table in ("SigninLogs", NI):
        con.execute(f"DELETE FROM {table}")
    landed(*reversed(twins))
    assert [written(con, name, tmp_path) for name in files] == first


@pytest.fixture
def known_and_new(landed: Land) -> duckdb.DuckDBPyConnection:
    """A night with an incident known before, a new one, a failure of none, and a change that each of both names."""
    records = [
        sign_in(Id="ok"),
        failure(Id="known"),
        failure(Id="new", UserId="user-2"),
        failure(Id="stray", AppId="app-2"),
    ]
    app = target("Application", "o", "Mail")
    changes = [
        audit("Update application", app, Id=name, AdditionalDetails=detail(AppId="app-1"))
        for name in ("blamed", "suspected", "of-the-known")
    ]
    con = landed(page("SigninLogs", *records), page("AuditLogs", *changes), workspace_id="w")
    add_incident(con, "known", status="ongoing", change_id="of-the-known", change_workspace_id="w")
    add_incident(con, "new", cause="app_config_change", change_id="blamed", change_workspace_id="w")
    hypotheses = [("known", "of-the-known", 1), ("new", "blamed", 1), ("new", "suspected", 2)]
    for incident, change, rank in hypotheses:
        con.execute(
            "INSERT INTO incident_failures VALUES ($1, 'w', 'SigninLogs', $1)", [incident]
        ) if rank == 1 else None
        con.execute(
            """INSERT INTO judged_causes (incident_id, rank, cause, confidence, change_id)
            VALUES (?, ?, 'app_config_change', 0.5, ?)""",
            [incident, rank, change],
        )
    return con


SINCE_LAST = report.Shape(since_last=True)


def test_since_the_last_run_there_are_new_incidents_and_their_failures_only(
    known_and_new: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    def of(name: str, *columns: str) -> list[tuple[str, ...]]:
        return picked(rows(known_and_new, name, tmp_path, WINDOW, SINCE_LAST), *columns)

    assert of("incidents", "incident_id") == [("new",)]
    assert of("causes", "incident_id", "rank") == [("new", "1"), ("new", "2")]
    assert of("failures", "sign_in_id") == [("new",)]
    assert of("by_app", "app_id", "failures", "sign_ins", "failure_rate", "likely_cause") == [
        ("app-1", "1", "3", "0.333333", "app_config_change")
    ]
    assert of("by_user", "user_id", "failures") == [("user-2", "1")]
    assert of("by_device", "device_id", "failures") == [("", "1")]
    assert of("by_change", "change_id", "incidents") == [("blamed", "1"), ("suspected", "0")]


def test_since_the_last_run_nothing_new_is_headers_alone_and_the_whole_coverage(
    known_and_new: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    known_and_new.execute("UPDATE found_incidents SET status = 'ongoing'")
    hour = Window(MORNING, MORNING + HOUR)
    asked = Asked("w", "SigninLogs", hour, WINDOW, "complete", 1)
    ledger.record_asked(known_and_new, asked, brought={}, begun_before=hour.end)
    lengths = {name: len(rows(known_and_new, name, tmp_path, WINDOW, SINCE_LAST)) for name in report.FILES}
    assert lengths == dict.fromkeys(report.FILES, 0) | {"coverage": 1}


def test_a_device_counts_the_failures_that_were_inferred_to_be_its_own(landed: Land, tmp_path: Path) -> None:
    (row,) = [row for row in rows(landed(*busy_night()), "by_device", tmp_path) if row["device_id"] == "d1"]
    assert (row["failures"], row["sign_ins"], row["failure_rate"]) == ("2", "3", "0.666667")


def test_the_window_holds_its_beginning_and_not_its_end(landed: Land, tmp_path: Path) -> None:
    edges = {"since": WINDOW.start, "until": WINDOW.end, "before": WINDOW.start - timedelta(microseconds=1)}
    con = landed(page("SigninLogs", *(failure(Id=name, CreatedDateTime=at) for name, at in edges.items())))
    assert picked(rows(con, "failures", tmp_path), "sign_in_id") == [("since",)]
    assert picked(rows(con, "by_app", tmp_path), "failures", "sign_ins") == [("1", "1")]


def test_the_baseline_is_the_rate_outside_incidents_and_empty_where_nothing_is(landed: Land, tmp_path: Path) -> None:
    records = [
        failure(Id="a"),
        failure(Id="b"),
        sign_in(Id="c"),
        sign_in(Id="d"),
        sign_in(Id="e"),
        failure(Id="f", AppId="app-2"),
    ]
    con = landed(page("SigninLogs", *records), workspace_id="w")
    con.execute("INSERT INTO incident_failures VALUES ('i', 'w', 'SigninLogs', 'a'), ('i', 'w', 'SigninLogs', 'f')")
    assert picked(rows(con, "by_app", tmp_path), "app_id", "failure_rate", "baseline_rate") == [
        ("app-1", "0.4", "0.25"),
        ("app-2", "1", ""),
    ]


def test_the_likely_cause_is_that_of_the_incident_with_most_of_the_failures(landed: Land, tmp_path: Path) -> None:
    con = landed(page("SigninLogs", *(failure(Id=name) for name in "abc")), workspace_id="w")
    add_incident(con, "i1", cause="clock_skew")
    add_incident(con, "i2", cause="device_key_lost")
    for incident, name in (("i1", "a"), ("i2", "b"), ("i2", "c")):
        con.execute("INSERT INTO incident_failures VALUES (?, 'w', 'SigninLogs', ?)", [incident, name])
    for name in ("by_app", "by_user"):
        assert picked(rows(con, name, tmp_path), "likely_cause") == [("device_key_lost",)]


def test_the_last_change_of_an_app_is_the_last_before_its_last_failure(landed: Land, tmp_path: Path) -> None:
    app = target("Application", "o", "Mail")
    records = [
        audit("Update application", app, Id=name, ActivityDateTime=at, AdditionalDetails=detail(AppId="app-1"))
        for name, at in (("early", MORNING - 5 * HOUR), ("last", MORNING - HOUR), ("repair", MORNING + HOUR))
    ]
    con = landed(page("SigninLogs", failure()), page("AuditLogs", *records))
    assert picked(rows(con, "by_app", tmp_path), "last_change_id", "last_changed_at", "last_change") == [
        ("last", "2026-10-14T07:00:00Z", "Update application")
    ]


def test_a_user_shows_the_mfa_of_the_last_failure_and_the_last_security_info_change(
    landed: Land, tmp_path: Path
) -> None:
    earlier = failure(Id="a", CreatedDateTime=MORNING - HOUR, AuthenticationRequirement="singleFactorAuthentication")
    last = failure(
        Id="b", AuthenticationRequirement="multiFactorAuthentication", Status={"additionalDetails": "MFA denied"}
    )
    change = audit("User registered security info", target("User", "user-1"), ActivityDateTime=MORNING - DAY)
    con = landed(page("SigninLogs", last, earlier), page("AuditLogs", change))
    columns = ("authentication_requirement", "mfa_result", "last_security_info_change")
    assert picked(rows(con, "by_user", tmp_path), *columns) == [
        ("multiFactorAuthentication", "MFA denied", "2026-10-13T08:00:00Z User registered security info")
    ]


def test_users_without_failures_are_not_listed(landed: Land, tmp_path: Path) -> None:
    con = landed(page("SigninLogs", sign_in(UserId="fine"), failure(Id="b")))
    assert picked(rows(con, "by_user", tmp_path), "user_id", "sign_ins") == [("user-1", "1")]


def around(name: str, **cells: Any) -> list[dict[str, Any]]:
    """Return one sign-in before MORNING and three after, of which two fail."""
    return [
        sign_in(Id=f"{name}0", CreatedDateTime=MORNING - HOUR, **cells),
        sign_in(Id=f"{name}1", CreatedDateTime=MORNING, **cells),
        failure(Id=f"{name}2", CreatedDateTime=MORNING + HOUR, **cells),
        failure(Id=f"{name}3", CreatedDateTime=MORNING + 2 * HOUR, **cells),
    ]


BEFORE_AND_AFTER = ("failures_before", "failures_after", "sign_ins_before", "sign_ins_after")
LISTING = [{"id": "policy-1", "result": "failure"}]
AFFECTED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "the device": (
        audit("Register device", target("Device", None, "L"), AdditionalDetails=detail(Device_Id="d1")),
        {"DeviceDetail": {"deviceId": "d1"}},
        {"DeviceDetail": {"deviceId": "d2"}},
    ),
    "the application": (
        audit("Update application", target("Application", "o"), AdditionalDetails=detail(AppId="app-1")),
        {"AppId": "app-1"},
        {"AppId": "app-2"},
    ),
    "the policy": (
        audit("Update conditional access policy", target("Policy", "policy-1")),
        {"ConditionalAccessPolicies": LISTING},
        {"ConditionalAccessPolicies": [{"id": "policy-2", "result": "failure"}]},
    ),
    "the user": (
        audit("User registered security info", target("User", "user-1")),
        {"UserId": "user-1"},
        {"UserId": "user-2"},
    ),
    "the domain": (
        audit("Set federation settings on domain", target("Domain", None, "Example.org")),
        {"UserPrincipalName": "ann@example.org"},
        {"UserPrincipalName": "ann@example.com"},
    ),
}


@pytest.mark.parametrize(("change", "touched", "other"), AFFECTED.values(), ids=AFFECTED)
def test_a_change_counts_the_sign_ins_that_it_touches_before_and_after(
    landed: Land, tmp_path: Path, change: dict[str, Any], touched: dict[str, Any], other: dict[str, Any]
) -> None:
    con = landed(page("SigninLogs", *around("t", **touched), *around("o", **other)), page("AuditLogs", change))
    assert picked(rows(con, "by_change", tmp_path), *BEFORE_AND_AFTER) == [("0", "2", "1", "3")]


def test_sign_ins_more_than_two_days_from_a_change_do_not_count(landed: Land, tmp_path: Path) -> None:
    change = audit("User registered security info", target("User", "user-1"))
    far = [failure(Id="f1", CreatedDateTime=MORNING - 3 * DAY), failure(Id="f2", CreatedDateTime=MORNING + 2 * DAY)]
    another = audit("Delete device", Id="another", ActivityDateTime=MORNING - 4 * DAY)
    con = landed(page("SigninLogs", *far, *around("t")), page("AuditLogs", change, another))
    week = Window(MORNING - 5 * DAY, MORNING + 5 * DAY)
    assert picked(rows(con, "by_change", tmp_path, week), "change_id", *BEFORE_AND_AFTER) == [
        ("another", "0", "0", "0", "0"),
        ("change-1", "0", "2", "1", "3"),
    ]


def test_the_ratio_of_rates_is_empty_where_one_side_has_no_sign_in(landed: Land, tmp_path: Path) -> None:
    change = audit("User registered security info", target("User", "user-1"))
    con = landed(page("SigninLogs", failure()), page("AuditLogs", change))
    assert picked(rows(con, "by_change", tmp_path), "sign_ins_before", "sign_ins_after", "rate_ratio") == [
        ("0", "1", "")
    ]


def test_the_ratio_of_rates_is_above_one_where_failures_grew(landed: Land, tmp_path: Path) -> None:
    change = audit("User registered security info", target("User", "user-1"))
    con = landed(page("SigninLogs", *around("t")), page("AuditLogs", change))
    (row,) = rows(con, "by_change", tmp_path)
    assert float(row["rate_ratio"]) > 1


def test_changes_of_no_key_and_no_configuration_and_changes_outside_the_window_are_not_listed(
    landed: Land, tmp_path: Path
) -> None:
    records = [
        audit("Reset user password", Id="other"),
        audit("Delete device", Id="early", ActivityDateTime=WINDOW.start - HOUR),
        audit("Delete device", Id="late", ActivityDateTime=WINDOW.end),
        audit("Delete device", Id="inside"),
    ]
    assert picked(rows(landed(page("AuditLogs", *records)), "by_change", tmp_path), "change_id") == [("inside",)]


def test_a_change_that_an_incident_blames_is_listed_wherever_it_lies(landed: Land, tmp_path: Path) -> None:
    records = [audit("Delete device", ActivityDateTime=WINDOW.start - DAY)]
    con = landed(page("AuditLogs", *records))
    add_incident(con, "i1", change_id="change-1", change_workspace_id="")
    add_incident(con, "i2", change_id="change-1", change_workspace_id="")
    assert picked(rows(con, "by_change", tmp_path), "change_id", "incidents") == [("change-1", "2")]
    assert {row["change_id"] for row in rows(con, "incidents", tmp_path)} == {"change-1"}


def test_a_change_that_only_incidents_outside_the_window_blame_is_not_listed(landed: Land, tmp_path: Path) -> None:
    con = landed(page("AuditLogs", audit("Delete device", ActivityDateTime=WINDOW.start - DAY)))
    add_incident(con, "i1", change_id="change-1", change_workspace_id="")
    next_week = Window(WINDOW.end + 7 * DAY, WINDOW.end + 8 * DAY)
    assert rows(con, "incidents", tmp_path, next_week) == []
    assert rows(con, "by_change", tmp_path, next_week) == []


def test_an_incident_shows_its_change_and_who_made_it(landed: Land, tmp_path: Path) -> None:
    con = landed(page("AuditLogs", audit("Delete device")))
    add_incident(con, "i1", change_id="change-1", change_workspace_id="", confidence=0.85)
    columns = ("changed_at", "change", "changed_by", "confidence", "first_seen_at", "verdict")
    assert picked(rows(con, "incidents", tmp_path), *columns) == [
        ("2026-10-14T08:00:00Z", "Delete device", "admin@example.org", "0.85", "2026-10-14T08:00:00Z", "")
    ]


def test_the_causes_of_an_incident_stand_in_their_rank(landed: Land, tmp_path: Path) -> None:
    con = landed()
    add_incident(con, "i1")
    for rank, cause in ((2, "unexplained"), (1, "clock_skew")):
        con.execute(
            "INSERT INTO judged_causes (incident_id, rank, cause, confidence) VALUES ('i1', ?, ?, 0.5)", [rank, cause]
        )
    assert picked(rows(con, "causes", tmp_path), "rank", "cause") == [("1", "clock_skew"), ("2", "unexplained")]


def test_an_hour_that_was_not_seen_stands_in_the_coverage_with_its_note(
    emptied: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    hour = Window(MORNING, MORNING + HOUR)
    asked = Asked("w", "AuditLogs", hour, WINDOW, "incomplete", 3, "the identity may not read it")
    ledger.record_asked(emptied, asked, brought={}, begun_before=hour.end)
    assert picked(rows(emptied, "coverage", tmp_path), *HEADERS["coverage"].split(", ")) == [
        ("AuditLogs", "2026-10-14T08:00:00Z", "incomplete", "0", "3", "", "the identity may not read it", "w")
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_report_that_ends_well_replaces_every_file_and_leaves_a_users_own(landed: Land, tmp_path: Path) -> None:
    out = tmp_path / "report"
    with report.staged(landed(), WINDOW, out):
        pass
    quiet = contents(out)
    (out / "my notes.txt").write_text("call Ann")
    with report.staged(landed(*busy_night()), WINDOW, out):
        pass
    pages = ["report.html", *(f"docs/causes/{playbook.name}" for playbook in page_of_night.playbooks())]
    assert sorted(contents(out)) == sorted([*(f"{name}.csv" for name in report.FILES), *pages, "my notes.txt"])
    assert contents(out)["failures.csv"] != quiet["failures.csv"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_run_that_fails_leaves_the_old_report_byte_for_byte(
    landed: Land, tmp_path: Path, error: type[BaseException]
) -> None:
    out = tmp_path / "report"
    with report.staged(landed(), WINDOW, out):
        pass
    before = contents(out)
    with pytest.raises(error), report.staged(landed(*busy_night()), WINDOW, out):
        raise error
    assert contents(out) == before


@pytest.mark.parametrize("published", [True, False])
def test_after_a_run_that_was_killed_the_report_of_the_published_night_stands(
    landed: Land, tmp_path: Path, published: bool
) -> None:
    out, left = tmp_path / "report", tmp_path / "left"
    with report.staged(landed(), WINDOW, out):
        pass
    before = contents(out)
    con = landed(*busy_night())
    con.execute("BEGIN")
    con.execute(
        "INSERT INTO runs (run_id, started_at, status, since, until) VALUES ('killed', $1, 'complete', $1, $1)",
        [MORNING],
    )
    with report.staged(con, WINDOW, out):
        shutil.copytree(out, left)
    if not published:
        con.execute("DELETE FROM runs WHERE run_id = 'killed'")
    with pytest.raises(RuntimeError), report.staged(con, WINDOW, left):
        raise RuntimeError
    con.execute("ROLLBACK")
    assert contents(left) == (contents(out) if published else before)


def test_one_file_that_cannot_be_replaced_leaves_all_the_others_as_they_were(landed: Land, tmp_path: Path) -> None:
    out = tmp_path / "report"
    with report.staged(landed(), WINDOW, out):
        pass
    (out / "coverage.csv").unlink()
    (out / "coverage.csv" / "a folder").mkdir(parents=True)
    before = {file.name: file.read_bytes() for file in out.glob("*.csv") if file.is_file()}
    with pytest.raises(StoreUnusable, match=r"coverage\.csv"), report.staged(landed(*busy_night()), WINDOW, out):
        pass
    assert {file.name: file.read_bytes() for file in out.glob("*.csv") if file.is_file()} == before


def test_a_run_that_fails_leaves_no_folder_where_there_was_none(landed: Land, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), report.staged(landed(), WINDOW, tmp_path / "report"):
        raise RuntimeError
    assert not (tmp_path / "report").exists()


def test_a_new_report_folder_is_its_owners_alone(landed: Land, tmp_path: Path) -> None:
    with report.staged(landed(), WINDOW, tmp_path / "report"):
        pass
    assert (tmp_path / "report").stat().st_mode & 0o777 == 0o700


def test_what_a_killed_run_left_unfinished_is_cleared_away(landed: Land, tmp_path: Path) -> None:
    leftover = tmp_path / "report" / ".unfinished"
    leftover.mkdir(parents=True)
    (leftover / "failures.csv").write_text("half")
    with report.staged(landed(), WINDOW, tmp_path / "report"):
        pass
    assert not leftover.exists()
