"""The local workspace, spoken to by the unchanged Azure client: what it says must be what Azure would say."""

from __future__ import annotations

import os
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import orjson
import polars as pl
import pytest
import trustme
from azure.core.exceptions import (
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest
from azure.identity import DefaultAzureCredential
from azure.monitor.query import LogsQueryClient, LogsQueryPartialResult, LogsQueryResult

from pipeline.sandbox import faults
from pipeline.sandbox.tenant import simulate
from pipeline.sandbox.workspace import Limits, Workspace, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERIES = Path(__file__).parent.parent / "queries"
WORKSPACE = "0e2a4c60-1111-4222-8333-444455556666"
MORNING = datetime(2026, 3, 2, 8, 0)


def sign_ins(count: int = 6) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "Id": [f"id-{number}" for number in range(count)],
            "TimeGenerated": [MORNING + timedelta(hours=number) for number in range(count)],
            "ResultType": ["0" if number % 2 else "50099" for number in range(count)],
            "UserAgent": [None] * count,
            "IsInteractive": [None] * count,
            "DurationMs": list(range(count)),
            "DeviceDetail": ['{"deviceId":"","operatingSystem":"MacOs 15.1"}'] * count,
            "ingestion_time": [
                MORNING + timedelta(hours=number, minutes=5, microseconds=500) for number in range(count)
            ],
        },
        schema_overrides={"UserAgent": pl.String, "IsInteractive": pl.Boolean},
    )


def changes() -> pl.DataFrame:
    return pl.DataFrame({"Id": ["change-0"], "TimeGenerated": [MORNING], "ingestion_time": [MORNING]})


TABLES = {"SigninLogs": sign_ins(), "AuditLogs": changes()}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def rows(self) -> list[list[Any]]:
        rows: list[list[Any]] = self.json["tables"][0]["rows"]
        return rows

    @property
    def columns(self) -> dict[str, str]:
        return {column["name"]: column["type"] for column in self.json["tables"][0]["columns"]}

    @property
    def innermost(self) -> dict[str, str]:
        innermost: dict[str, str] = self.json["error"]["innererror"]["innererror"]
        return innermost


class Asker:
    """An Azure client without retries, so that each question is one request."""

    def __init__(self, workspace: Workspace) -> None:
        self.client = LogsQueryClient(DefaultAzureCredential(), endpoint=workspace.url, retry_total=0)

    def __call__(self, query: str, timespan: str | None = None, workspace_id: str = WORKSPACE) -> Reply:
        request = HttpRequest("POST", f"/workspaces/{workspace_id}/query", json={"query": query, "timespan": timespan})
        with self.client.send_request(request, stream=True, enforce_https=False) as response:
            return Reply(response.status_code, dict(response.headers), response.read())


@contextmanager
def asking(**options: Any) -> Iterator[tuple[Workspace, Asker]]:
    options.setdefault("workspaces", {WORKSPACE: TABLES})
    with serve(options.pop("workspaces"), **options) as workspace, mock.patch.dict(os.environ, workspace.environment):
        asker = Asker(workspace)
        with asker.client:
            yield workspace, asker


@pytest.fixture
def ask() -> Iterator[Asker]:
    with asking() as (_, asker):
        yield asker


def test_a_query_is_answered_in_the_types_and_forms_of_azure(ask: Asker) -> None:
    reply = ask("SigninLogs | project Id, TimeGenerated, UserAgent, IsInteractive, DurationMs, DeviceDetail | take 1")
    assert reply.status == 200
    assert reply.columns == {
        "Id": "string",
        "TimeGenerated": "datetime",
        "UserAgent": "string",
        "IsInteractive": "bool",
        "DurationMs": "long",
        "DeviceDetail": "dynamic",
    }
    assert reply.rows == [
        ["id-0", "2026-03-02T08:00:00Z", "", None, 0, '{"deviceId":"","operatingSystem":"MacOs 15.1"}']
    ]


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("1d + 2h + 3s", "timespan", "1.02:00:03"),
        ("-1500ms", "timespan", "-00:00:01.5000000"),
        ("real(nan)", "real", "NaN"),
        ("2.5", "real", 2.5),
        ("int(7)", "int", 7),
        ("guid(0e2a4c60-1111-4222-8333-444455556666)", "guid", WORKSPACE),
        ("dynamic([1, 2])", "dynamic", "[1,2]"),
    ],
)
def test_every_type_has_its_form(ask: Asker, expression: str, kind: str, value: object) -> None:
    reply = ask(f"print x = {expression}")
    assert reply.columns == {"x": kind}
    assert reply.rows == [[value]]


@pytest.mark.parametrize(
    ("stored", "answered"),
    [
        (b'{"deviceId": "d-1"}', '{"deviceId": "d-1"}'),
        ('{"deviceId": "d-1"}', '{"deviceId": "d-1"}'),
        ("no json", '"no json"'),
        ("", None),
        (None, None),
    ],
)
def test_a_dynamic_column_may_be_stored_as_text_or_bytes(stored: str | bytes | None, answered: str | None) -> None:
    table = {"SigninLogs": pl.DataFrame({"DeviceDetail": [stored], "TimeGenerated": [MORNING]})}
    with asking(workspaces={WORKSPACE: table}) as (_, ask):
        reply = ask("SigninLogs | project DeviceDetail")
    assert reply.columns == {"DeviceDetail": "dynamic"}
    assert reply.rows == [[answered]]


def test_the_timespan_takes_in_its_start_and_leaves_out_its_end(ask: Asker) -> None:
    reply = ask("SigninLogs | project Id", "2026-03-02T09:00:00Z/2026-03-02T11:00:00Z")
    assert reply.rows == [["id-1"], ["id-2"]]


def test_a_timespan_may_be_a_start_and_a_duration(ask: Asker) -> None:
    assert ask("SigninLogs | count", "2026-03-02T09:00:00Z/PT5400S").rows == [[2]]


def test_a_timespan_that_is_none_is_refused(ask: Asker) -> None:
    reply = ask("SigninLogs | count", "yesterday")
    assert reply.status == 400
    assert reply.json["error"]["code"] == "BadArgumentError"


def test_the_ingestion_time_is_there_for_who_asks_and_hidden_from_who_does_not(ask: Asker) -> None:
    assert ask("SigninLogs | project Arrived = ingestion_time() | take 1").rows == [["2026-03-02T08:05:00.0005Z"]]
    named = ask("SigninLogs | take 1").columns
    assert not [name for name in named if "ngestion" in name]
    unnamed = ask("SigninLogs | where ingestion_time() > datetime(2026-03-02T12:00:00Z)").columns
    assert unnamed == named


def test_the_words_ingestion_time_in_a_string_stay_as_they_are(ask: Asker) -> None:
    assert ask("print 'ingestion_time()' // ingestion_time()").rows == [["ingestion_time()"]]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            "Nowhere | take 1",
            "SEM0100",
            "'take' operator: Failed to resolve table or column expression named 'Nowhere'",
        ),
        (
            "union SigninLogs, Nowhere | count",
            "SEM0100",
            "Failed to resolve table or column expression named 'Nowhere'",
        ),
        ("signinlogs | take 1", "SEM0100", "Failed to resolve table or column expression named 'signinlogs'"),
        ("SigninLogs | project Foo", "SEM0100", "'project' operator: Failed to resolve scalar expression named 'Foo'"),
        ("SigninLogs | where id == ''", "SEM0100", "'where' operator: Failed to resolve scalar expression named 'id'"),
        (
            "SigninLogs | summarize count() by Foo",
            "SEM0100",
            "'summarize' operator: Failed to resolve scalar expression named 'Foo'",
        ),
        ("SigninLogs | extend x = frobnicate(Id)", "SEM0260", "Unknown function: 'frobnicate'."),
        ("SigninLogs | where (", "SYN0002", "Query could not be parsed"),
    ],
)
def test_a_query_with_a_mistake_is_refused_for_what_it_is(ask: Asker, query: str, code: str, message: str) -> None:
    reply = ask(query)
    assert reply.status == 400
    assert reply.json["error"]["code"] == "BadArgumentError"
    assert reply.innermost["code"] == code
    assert message in reply.innermost["message"]


def test_the_client_names_the_innermost_reason_of_a_refusal_over_tls(tmp_path: Path) -> None:
    with tls(tmp_path) as client, pytest.raises(HttpResponseError, match="SEM0100"):
        client.query_workspace(WORKSPACE, "Nowhere | take 1", timespan=None)


def test_over_tls_the_client_of_azure_needs_nothing_but_the_certificate(tmp_path: Path) -> None:
    window = (datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 3, 2, 11, tzinfo=UTC))
    with tls(tmp_path) as client:
        result = client.query_workspace(WORKSPACE, "SigninLogs | project Id, TimeGenerated", timespan=window)
    assert isinstance(result, LogsQueryResult)
    assert [list(row) for row in result.tables[0].rows] == [
        ["id-1", datetime(2026, 3, 2, 9, tzinfo=UTC)],
        ["id-2", datetime(2026, 3, 2, 10, tzinfo=UTC)],
    ]


@contextmanager
def tls(folder: Path, **options: Any) -> Iterator[LogsQueryClient]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    with serve({WORKSPACE: TABLES}, certificate=folder / "server.pem", **options) as workspace:
        environment = {**workspace.environment, "REQUESTS_CA_BUNDLE": str(folder / "authority.pem")}
        with (
            mock.patch.dict(os.environ, environment),
            LogsQueryClient(DefaultAzureCredential(), endpoint=workspace.url) as client,
        ):
            yield client


def test_more_rows_than_the_limit_are_a_partial_success(tmp_path: Path) -> None:
    with tls(tmp_path, limits=Limits(rows=4)) as client:
        result = client.query_workspace(WORKSPACE, "SigninLogs", timespan=None)
    assert isinstance(result, LogsQueryPartialResult)
    assert len(result.partial_data[0].rows) == 4
    assert "E_QUERY_RESULT_SET_TOO_LARGE" in str(result.partial_error)


def test_exactly_the_limit_of_rows_is_a_whole_answer() -> None:
    with asking(limits=Limits(rows=6)) as (_, ask):
        reply = ask("SigninLogs")
    assert len(reply.rows) == 6
    assert "error" not in reply.json


def test_more_bytes_than_the_limit_are_a_partial_success_too() -> None:
    with asking(limits=Limits(body_bytes=40)) as (_, ask):
        reply = ask("SigninLogs | project Id")
    assert reply.rows == [["id-0"], ["id-1"], ["id-2"], ["id-3"]]
    assert "40 bytes" in reply.json["error"]["details"][0]["innererror"]["message"]


def test_a_wrong_token_is_refused_with_401_and_where_to_get_one() -> None:
    with asking() as (workspace, ask):
        assert ask("SigninLogs").status == 200
        workspace.token = "a token of tomorrow"  # noqa: S105 - opens nothing but this server
        reply = ask("SigninLogs")
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_workspace_that_is_not_there_is_404(ask: Asker) -> None:
    reply = ask("SigninLogs", workspace_id="00000000-0000-0000-0000-000000000000")
    assert (reply.status, reply.json["error"]["code"]) == (404, "PathNotFoundError")


def test_a_workspace_without_tables_answers_204_and_nothing() -> None:
    with asking(workspaces={WORKSPACE: {}}) as (_, ask):
        reply = ask("SigninLogs")
    assert (reply.status, reply.body) == (204, b"")


def test_what_is_served_can_change_between_two_nights() -> None:
    with asking() as (workspace, ask):
        workspace.load(WORKSPACE, {"SigninLogs": sign_ins(9)})
        assert ask("SigninLogs | count").rows == [[9]]
        assert ask("AuditLogs | count").innermost["code"] == "SEM0100"


def test_every_request_is_on_record() -> None:
    with asking() as (workspace, ask):
        ask("SigninLogs | take 2 // AuditLogs", "PT1H/2026-03-02T09:00:00Z")
        ask("Nowhere")
    first, second = workspace.requests
    assert (first.tables, first.timespan, first.status, first.rows) == (
        ("SigninLogs",),
        "PT1H/2026-03-02T09:00:00Z",
        200,
        1,
    )
    assert (second.workspace_id, second.tables, second.status) == (WORKSPACE, (), 400)


def test_questions_at_the_same_time_see_each_their_own_window() -> None:
    with asking() as (_, ask):
        counted: dict[int, object] = {}

        def count(hours: int) -> None:
            counted[hours] = ask("SigninLogs | count", f"2026-03-02T08:00:00Z/PT{hours}H").rows[0][0]

        threads = [threading.Thread(target=count, args=(hours,)) for hours in range(1, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counted == {hours: hours for hours in range(1, 7)}


def test_the_queries_of_the_pipeline_run_on_every_table_of_a_simulated_tenant() -> None:
    tenant = simulate(1, until=datetime(2026, 3, 19), days=3, users=10, causes=[])
    with asking(workspaces={WORKSPACE: tenant.tables}) as (_, ask):
        for table, frame in tenant.tables.items():
            reply = ask(
                f"{(QUERIES / table).with_suffix('.kql').read_text()}| where IngestedAt >= datetime(2026-03-01)"
            )
            assert reply.status == 200, reply.body
            assert len(reply.rows) == frame.height > 0


def test_the_first_two_requests_can_be_throttled_with_and_without_a_time_to_come_back() -> None:
    with asking(faults=[faults.throttle(retry_after=7), faults.throttle()]) as (workspace, ask):
        replies = [ask("SigninLogs | count") for _ in range(3)]
    assert [reply.status for reply in replies] == [429, 429, 200]
    assert [reply.headers.get("Retry-After") for reply in replies] == ["7", None, None]
    assert [request.status for request in workspace.requests] == [429, 429, 200]


def test_a_fault_can_hit_one_table_and_spare_the_others() -> None:
    with asking(faults=faults.on_table("AuditLogs", faults.forbid())) as (_, ask):
        refused, answered = ask("AuditLogs"), ask("SigninLogs")
    assert (refused.status, refused.json["error"]["code"]) == (403, "InsufficientAccessError")
    assert answered.status == 200


def test_a_fault_on_a_table_counts_that_tables_requests_only() -> None:
    schedule = faults.either(
        faults.on_table("AuditLogs", faults.status(503), times=1),
        faults.on_table("SigninLogs", faults.Fault("no_content")),
    )
    with asking(faults=schedule) as (_, ask):
        statuses = [ask(query).status for query in ("SigninLogs", "AuditLogs", "AuditLogs", "SigninLogs")]
    assert statuses == [204, 503, 200, 204]


def test_a_partial_error_need_not_be_about_size() -> None:
    with asking(faults=faults.first(1, faults.Fault("partial_error"))) as (_, ask):
        reply = ask("SigninLogs | project Id")
    assert len(reply.rows) == 3
    assert "E_LOW_MEMORY_CONDITION" in str(reply.json["error"]["details"])


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("reset_before_answer", (ServiceRequestError, ServiceResponseError)),
        ("reset_in_body", (ServiceResponseError, HttpResponseError)),
        ("cut_body", (IncompleteReadError,)),
    ],
)
def test_a_broken_connection_is_an_error_of_the_client(kind: faults.Kind, error: tuple[type[Exception], ...]) -> None:
    with asking(faults=faults.always(faults.Fault(kind))) as (_, ask), pytest.raises(error):
        ask("SigninLogs")


@pytest.mark.parametrize("kind", ["malformed_json", "cut_body_unannounced"])
def test_a_body_can_be_no_json_although_the_status_is_200(kind: faults.Kind) -> None:
    with asking(faults=faults.always(faults.Fault(kind))) as (_, ask):
        reply = ask("SigninLogs")
    assert reply.status == 200
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(reply.body)


def test_a_body_can_be_empty_although_the_status_is_200() -> None:
    with asking(faults=faults.always(faults.Fault("empty_body"))) as (_, ask):
        reply = ask("SigninLogs")
    assert (reply.status, reply.body) == (200, b"")


def test_a_late_answer_is_a_right_one() -> None:
    with asking(faults=faults.always(faults.Fault("delay", seconds=0.2))) as (_, ask):
        started = time.monotonic()
        assert ask("SigninLogs | count").rows == [[6]]
        assert time.monotonic() - started >= 0.2


def test_leaving_does_not_wait_for_late_answers_and_leaves_no_thread() -> None:
    before = threading.active_count()
    with serve({WORKSPACE: TABLES}, faults=faults.always(faults.Fault("delay", seconds=60))) as workspace:
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            f"{workspace.url}/v1/workspaces/{WORKSPACE}/query",
            data=b'{"query": "SigninLogs"}',
            headers={"Authorization": f"Bearer {workspace.token}"},
        )
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(request, timeout=0.1)  # noqa: S310 - http on loopback
    assert threading.active_count() == before


def test_half_a_million_rows_take_seconds() -> None:
    many = pl.select(Id=pl.int_range(500_000).cast(pl.String), TimeGenerated=pl.lit(MORNING))
    with asking(workspaces={WORKSPACE: {"SigninLogs": many}}) as (_, ask):
        reply = ask("SigninLogs")
    assert len(reply.rows) == 500_000
    assert "error" not in reply.json
