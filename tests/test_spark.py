"""The same answer on Spark: one small tenant on both engines, its tables compared row for row."""

from __future__ import annotations

import warnings
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest
from program import last_line, signin_triage
from records import MORNING, failure, page, sign_in

from pipeline import differing, evidence, judge, report, rules, runs, store, views
from pipeline.errors import UsageError
from pipeline.sandbox.tenant import simulate
from pipeline.settings import Span
from pipeline.spark import sessions
from pipeline.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    from pyspark.sql import SparkSession

    from pipeline.engine import Engine

if not sessions.pyspark_present():
    pytest.skip(sessions.NO_PYSPARK, allow_module_level=True)
if sessions.java() is None:
    pytest.skip(sessions.NO_JAVA, allow_module_level=True)

UNTIL = datetime(2026, 11, 16)
EVIDENCE = (
    "failures",
    "changes",
    "inferred_devices",
    *evidence.VIEWS,
    "incident_failures",
    "incidents",
    "causes",
)


class Both(NamedTuple):
    """One tenant analyzed twice."""

    duckdb: duckdb.DuckDBPyConnection
    spark: duckdb.DuckDBPyConnection
    brought: dict[str, int]
    folder: Path


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyspark's own, of packages that it would like to be older
        with sessions.started("local[2]", sessions.FOR_FEW_ROWS) as started:
            yield started


@pytest.fixture(scope="module")
def both(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    from pipeline import spark

    folder = tmp_path_factory.mktemp("tenant")
    tenant = simulate(
        20, until=UNTIL, days=10, users=16, causes=("device_reregistered", "app_credential_change", "token_forgery")
    )
    with differing.landed(tenant.tables, folder) as ours:
        views.build(ours, tenant.until, unfilled=evidence.VIEWS)
        judge.judge(ours, rules.load(), tenant.since, tenant.until)
        lake = differing.written(tenant.tables, folder / "lake")
        shelf = (folder / "shelf").as_uri()
        window = Window(tenant.since, tenant.until)
        with store.empty() as theirs, spark.opened(session, str(lake), tenant.until, theirs, shelf) as at:
            spark.judged(at, tenant.since, tenant.until, rules.load())
            with spark.counting(at), report.staged(theirs, window, folder / "first"):
                pass
            with report.staged(ours, window, folder / "duckdb"), report.staged(theirs, window, folder / "spark"):
                pass
            yield Both(ours, theirs, at.brought, folder)


def rows(con: duckdb.DuckDBPyConnection, table: str) -> Counter[str]:
    return Counter(repr([_rounded(cell) for cell in row]) for row in con.execute(f"FROM {table}").fetchall())


def _rounded(cell: Any) -> Any:
    return round(cell, 9) if isinstance(cell, float) else cell


@pytest.mark.parametrize("table", EVIDENCE)
def test_both_engines_leave_the_same_rows(both: Both, table: str) -> None:
    ours, theirs = rows(both.duckdb, table), rows(both.spark, table)
    assert ours.total()
    assert theirs - ours == Counter()
    assert ours - theirs == Counter()


@pytest.mark.parametrize("name", report.FILES)
def test_both_engines_report_the_same_bytes(both: Both, name: str) -> None:
    ours = (both.folder / "duckdb" / f"{name}.csv").read_text()
    assert ours.count("\n") > (0 if name == "coverage" else 1)
    assert (both.folder / "spark" / f"{name}.csv").read_text() == ours


def test_a_report_over_a_window_that_spark_did_not_count_is_refused(both: Both, tmp_path: Path) -> None:
    another = Window(UNTIL.replace(day=10), UNTIL)
    with (
        pytest.raises(UsageError, match="run `signin-triage analyze --engine spark`"),
        report.staged(both.spark, another, tmp_path / "report"),
    ):
        pass


def test_what_comes_back_is_bounded_by_the_failures_and_the_values_that_they_bear(both: Both) -> None:
    ((sign_ins,),) = both.duckdb.execute("SELECT count(*) FROM sign_ins").fetchall()
    ((failures,),) = both.duckdb.execute("SELECT count(*) FROM failures").fetchall()
    assert both.brought["failed_sign_ins"] == failures < sign_ins / 5
    assert "sign_ins" not in both.brought
    assert both.spark.execute("SELECT count(*) FROM sign_ins").fetchall() == [(0,)]


def lake_of(folder: Path, name: str, *lines: dict[str, Any] | str) -> Path:
    """Write records as lines of JSON, as exports do, and return the lake."""
    (folder / "lake" / name).mkdir(parents=True, exist_ok=True)
    text = "\n".join(line if isinstance(line, str) else orjson.dumps(line).decode() for line in lines)
    (folder / "lake" / name / "PT1H.json").write_text(text + "\n")
    return folder / "lake"


EXPORTED = [
    failure(Id="a", DeviceDetail={"deviceId": "d1", "isCompliant": ""}, TenantId="WS-1", IsInteractive="False"),
    sign_in(Id="b", IPAddress="2001:DB8:0:01::7", ConditionalAccessPolicies=[{"id": "p", "result": "success"}]),
    sign_in(Id="b", IPAddress="192.0.2.9", TimeGenerated=MORNING.replace(day=15)),
    sign_in(Id="", UserId="nobody"),
]
ENVELOPED = {
    "id": "a",
    "createdDateTime": "2026-10-14T08:00:00.1234567Z",
    "userPrincipalName": "ann@example.org",
    "appId": "app-1",
    "ipAddress": "192.0.2.7",
    "deviceDetail": {"deviceId": "d1", "operatingSystem": "Windows 11"},
    "location": {"city": "Porto", "countryOrRegion": "PT"},
    "appliedConditionalAccessPolicies": [{"id": "p", "result": "failure"}],
}


@pytest.fixture(scope="module")
def lake(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A lake of a data export and of diagnostic settings, opened."""
    from pipeline import spark

    folder = tmp_path_factory.mktemp("exported")
    lake_of(folder, "am-SigninLogs", *map(_as_json, EXPORTED), "no json at all")
    lake_of(
        folder,
        "insights-logs-noninteractiveusersigninlogs",
        {"time": "2026-10-14T08:05:00Z", "resultType": "50099", "category": "any", "properties": ENVELOPED},
    )
    change = {"id": "c", "activityDateTime": "2026-10-14T07:00:00Z", "result": "success", "targetResources": []}
    lake_of(folder, "insights-logs-auditlogs", {"operationName": "Add device", "time": "x", "properties": change})
    shelf = (folder / "shelf").as_uri()
    with store.empty() as con, spark.opened(session, str(folder / "lake"), UNTIL, con, shelf) as at:
        yield spark.engine(at)


def _as_json(record: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{cell.isoformat()}Z" if isinstance(cell, datetime) else cell for name, cell in record.items()}


def test_records_of_a_data_export_are_what_landing_makes_of_them(lake: Engine, landed: Any) -> None:
    wanted = """SELECT sign_in_id, workspace_id, seen_at, device_id, compliant, interactive, ip, network, policies
        FROM sign_ins WHERE source_table = 'SigninLogs' ORDER BY sign_in_id"""
    con = landed(page("SigninLogs", *EXPORTED))
    assert lake.ask(wanted, {}).rows == con.execute(wanted).fetchall()


def test_records_of_diagnostic_settings_become_sign_ins_and_changes(lake: Engine) -> None:
    wanted = """SELECT sign_in_id, seen_at, device_id, platform, ip, country, city, result_code, interactive
        FROM failures WHERE source_table = 'AADNonInteractiveUserSignInLogs'"""
    at = datetime(2026, 10, 14, 8, 0, 0, 123456)
    assert lake.ask(wanted, {}).rows == [("a", at, "d1", "windows", "192.0.2.7", "PT", "Porto", "50099", False)]
    assert lake.ask("SELECT change_id, change FROM changes", {}).rows == [("c", "Add device")]


def test_a_notebook_gives_its_session_and_dataframes_and_asks_the_answer(session: SparkSession) -> None:
    from pipeline import spark

    frame = session.createDataFrame(
        [("a", MORNING, "50099", "ann@example.org", ("d1", True))],
        "Id STRING, TimeGenerated TIMESTAMP_NTZ, ResultType STRING, UserPrincipalName STRING, "
        "DeviceDetail STRUCT<deviceId: STRING, isCompliant: BOOLEAN>",
    )
    found = spark.evidence(session, lake={"SigninLogs": frame}, since=MORNING, until=UNTIL)
    with found.con as con:
        assert con.execute('SELECT sign_in_id, "user", device_id, compliant FROM failures').fetchall() == [
            ("a", "ann@example.org", "d1", True)
        ]
    assert found.brought["failed_sign_ins"] == 1
    assert not session.catalog.tableExists("sign_ins")


def opened(session: SparkSession, lake: Path) -> None:
    from pipeline import spark

    with store.empty() as con, spark.opened(session, str(lake), UNTIL, con, None):
        pass


def test_a_lake_that_is_not_there_or_of_no_known_table_is_a_sentence(session: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist: name"):
        opened(session, tmp_path / "nowhere")
    lake_of(tmp_path, "Heartbeat", {"a": 1})
    with pytest.raises(UsageError, match="holds no table of ours: name"):
        opened(session, tmp_path / "lake")


def test_a_file_that_is_no_parquet_is_a_sentence_that_names_it(session: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "SigninLogs").mkdir()
    (tmp_path / "SigninLogs" / "part.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(UsageError, match="Parquet file"):
        opened(session, tmp_path)


def test_without_java_the_command_says_what_to_install(tmp_path: Path) -> None:
    run = signin_triage(
        *("analyze", "--engine", "spark", "--lake", tmp_path, "--db", tmp_path / "x.duckdb"),
        env={"JAVA_HOME": str(tmp_path)},
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert "default-jre-headless" in last_line(run.stderr)
    assert not (tmp_path / "x.duckdb").exists()


def test_without_pyspark_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "pyspark_present", lambda: False)
    window = Span(Window(MORNING, UNTIL), fixed=True)
    with pytest.raises(UsageError, match=r"pip install 'signin-triage\[spark\]'"):
        runs.analyze_lake(tmp_path / "x.duckdb", str(tmp_path), None, window, (), lambda told: None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "spark"], "name its folder or URL with --lake"),
        (["--lake", "somewhere"], "add --engine spark"),
        (["--engine", "flink"], "--engine is duckdb or spark"),
        (["--engine", "spark", "--lake", "x", "--pseudonymise"], "leave it out with --engine spark"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path: Path, options: list[str], said: str) -> None:
    run = signin_triage(
        "analyze", *options, "--db", tmp_path / "x.duckdb", env={"SIGNIN_TRIAGE_PSEUDONYM_KEY": "k" * 32}
    )
    assert run.returncode == 2
    assert said in last_line(run.stderr)
