"""One question to the query service, over HTTP with the unchanged Azure client: an answer, or a refusal by its kind."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest
import trustme
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential

from pipeline import bodies, logs
from pipeline.logs import LogAnalytics
from pipeline.patience import BUDGET
from pipeline.replies import Answer, Kind, Refusal
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.rows import Limits
from pipeline.sandbox.tenant import Tenant, simulate
from pipeline.sandbox.workspace import serve
from pipeline.settings import source
from pipeline.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from azure.core.credentials import AccessTokenInfo

WORKSPACE = "00000000-1111-2222-3333-444444444444"
UNTIL = datetime(2026, 11, 8)
WEEK = Window(datetime(2026, 11, 1), UNTIL)
ARRIVAL = Window(datetime(2026, 11, 1), datetime(2026, 11, 11))


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return simulate(3, until=UNTIL, days=7, users=30, causes=("device_reregistered",))


@pytest.fixture
def ask(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer | Refusal]:
    def asking(
        table: str = "SigninLogs",
        faults: Sequence[Fault] = (),
        limits: Limits | None = None,
        tables: dict[str, pl.DataFrame] | None = None,
        workspace_id: str = WORKSPACE,
        environment: dict[str, str] | None = None,
    ) -> Answer | Refusal:
        served = {WORKSPACE: tenant.tables if tables is None else tables}
        with serve(served, faults=faults, limits=limits) as workspace:
            for name, value in (workspace.environment | (environment or {})).items():
                monkeypatch.setenv(name, value)
            with LogAnalytics(source([workspace_id], workspace.url, "public")) as service:
                return service.ask(workspace_id, table, ARRIVAL, WEEK)

    return asking


def refusal(reply: Answer | Refusal) -> Refusal:
    assert isinstance(reply, Refusal)
    return reply


def test_an_answer_holds_every_delivery_of_the_window(ask: Callable[..., Answer], tenant: Tenant) -> None:
    body = ask("AADNonInteractiveUserSignInLogs").body
    frame = bodies.framed(body) if body else None
    assert frame is not None
    source_rows = tenant.tables["AADNonInteractiveUserSignInLogs"].filter(
        pl.col("CreatedDateTime").is_between(WEEK.start, WEEK.end, closed="left"),
        pl.col("ingestion_time") < ARRIVAL.end,
    )
    assert sorted(frame["Id"]) == sorted(source_rows["Id"])


def test_a_table_that_the_workspace_lacks_is_absent(ask: Callable[..., Refusal], tenant: Tenant) -> None:
    reply = refusal(ask("ADFSSignInLogs", tables={"SigninLogs": tenant.tables["SigninLogs"]}))
    assert (reply.kind, reply.reason) == (Kind.ABSENT, "the workspace has no table ADFSSignInLogs")


def test_a_missing_column_is_a_mistake_and_not_an_absent_table(ask: Callable[..., Refusal], tenant: Tenant) -> None:
    reply = refusal(ask(tables={"SigninLogs": tenant.tables["SigninLogs"].drop("UserAgent")}))
    assert reply.kind is Kind.MISTAKEN
    assert "UserAgent" in reply.reason


def test_an_answer_cut_at_a_limit_is_too_large_and_no_answer(ask: Callable[..., Refusal]) -> None:
    assert refusal(ask(limits=Limits(rows=10))).kind is Kind.TOO_LARGE
    assert refusal(ask(limits=Limits(body_bytes=10_000))).kind is Kind.TOO_LARGE


def test_a_partial_answer_for_another_reason_is_told_apart(ask: Callable[..., Refusal]) -> None:
    assert refusal(ask(faults=[Fault("partial_error")])).kind is Kind.PARTIAL


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("answer_status", status=500), Kind.BUSY),
        (Fault("answer_status", status=502), Kind.BUSY),
        (Fault("answer_status", status=503), Kind.BUSY),
        (Fault("answer_status", status=504), Kind.SLOW),
        (Fault("answer_status", status=401), Kind.STALE),
        (Fault("answer_status", status=403), Kind.FORBIDDEN),
        (Fault("cut_body"), Kind.BROKEN),
        (Fault("cut_body_unannounced"), Kind.BROKEN),
        (Fault("malformed_json"), Kind.BROKEN),
        (Fault("reset_in_body"), Kind.BROKEN),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else "",
)
def test_a_fault_has_its_kind(ask: Callable[..., Refusal], fault: Fault, kind: Kind) -> None:
    assert refusal(ask(faults=[fault] * 2)).kind is kind


def test_a_throttled_question_says_how_long_to_wait(ask: Callable[..., Refusal]) -> None:
    reply = refusal(ask(faults=[Fault("answer_status", status=429, retry_after=7)]))
    assert (reply.kind, reply.retry_after) == (Kind.BUSY, 7.0)


def test_a_date_to_come_back_at_is_held_against_the_clock_of_the_service(ask: Callable[..., Refusal]) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    reply = refusal(ask(faults=[Fault("answer_status", status=503, retry_after=in_a_minute)]))
    assert reply.retry_after is not None
    assert 50 < reply.retry_after <= 60


@pytest.mark.parametrize("said", ["Wed, 21 Oct 2015 07:28:00 GMT", "0"])
def test_a_time_to_come_back_that_is_past_is_now(ask: Callable[..., Refusal], said: str) -> None:
    assert refusal(ask(faults=[Fault("answer_status", status=429, retry_after=said)])).retry_after == 0.0


def test_a_time_to_come_back_that_nobody_can_read_is_none(ask: Callable[..., Refusal]) -> None:
    assert refusal(ask(faults=[Fault("answer_status", status=429, retry_after="soon")])).retry_after is None


@pytest.mark.parametrize("kind", ["no_content", "empty_body"])
def test_an_empty_answer_is_an_answer_without_records(ask: Callable[..., Answer], kind: str) -> None:
    assert ask(faults=[Fault(kind)]) == Answer(None)  # type: ignore[arg-type]  # one of the fault's literals


@pytest.mark.parametrize("fault", [Fault("delay", seconds=2), Fault("stall_in_body", stalls=2)], ids=lambda f: f.kind)
def test_silence_before_or_within_an_answer_is_slow(
    ask: Callable[..., Refusal], monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(logs, "SILENCE_SECONDS", 0.5)
    assert refusal(ask(faults=[fault])).kind is Kind.SLOW


def test_two_silences_in_a_row_fit_into_five_minutes() -> None:
    assert BUDGET < 2 * logs.SILENCE_SECONDS < 300


def test_after_a_refused_token_the_next_question_brings_a_new_one(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve({WORKSPACE: tenant.tables}) as workspace:
        for name, value in workspace.environment.items():
            monkeypatch.setenv(name, value)
        with LogAnalytics(source([WORKSPACE], workspace.url, "public")) as service:
            assert isinstance(service.ask(WORKSPACE, "AuditLogs", ARRIVAL, WEEK), Answer)
            workspace.token = "another"  # noqa: S105 opens nothing but this server
            assert refusal(service.ask(WORKSPACE, "AuditLogs", ARRIVAL, WEEK)).kind is Kind.STALE
            assert isinstance(service.ask(WORKSPACE, "AuditLogs", ARRIVAL, WEEK), Answer)


def test_an_answer_tells_the_clock_of_the_service(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({WORKSPACE: tenant.tables}) as workspace:
        workspace.clock = lambda: UNTIL
        for name, value in workspace.environment.items():
            monkeypatch.setenv(name, value)
        with LogAnalytics(source([WORKSPACE], workspace.url, "public")) as service:
            reply = service.ask(WORKSPACE, "AuditLogs", ARRIVAL, WEEK)
    assert isinstance(reply, Answer)
    assert reply.at == UNTIL


def test_an_unknown_workspace_is_told_apart(ask: Callable[..., Refusal]) -> None:
    other = "99999999-1111-2222-3333-444444444444"
    assert refusal(ask(workspace_id=other)).kind is Kind.NO_WORKSPACE


def test_no_credential_is_told_with_a_remedy(ask: Callable[..., Refusal]) -> None:
    reply = refusal(ask(environment={"IDENTITY_HEADER": "wrong"}))
    assert reply.kind is Kind.UNSIGNED
    assert "az login" in reply.reason


def test_a_sign_in_service_whose_name_is_unknown_is_unreachable_and_no_missing_credential(
    ask: Callable[..., Refusal], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unresolved(ManagedIdentityCredential):
        def get_token_info(self, *_: object, **__: object) -> AccessTokenInfo:
            raise ClientAuthenticationError(
                "DefaultAzureCredential failed to retrieve a token from the included credentials.\nAttempted "
                "credentials:\n\tEnvironmentCredential: Authentication failed: HTTPSConnection(host='login.example', "
                "port=443): Failed to resolve 'login.example' ([Errno -2] Name or service not known)\nTo mitigate"
            )

    monkeypatch.setattr(logs, "DefaultAzureCredential", Unresolved)
    reply = refusal(ask())
    assert reply.kind is Kind.UNREACHABLE
    assert "Failed to resolve 'login.example'" in reply.reason


def test_a_service_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound, and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        with serve({}) as identity:
            for name, value in identity.environment.items():
                monkeypatch.setenv(name, value)
            with LogAnalytics(source([WORKSPACE], f"http://127.0.0.1:{taken.getsockname()[1]}", "public")) as service:
                reply = refusal(service.ask(WORKSPACE, "SigninLogs", ARRIVAL, WEEK))
    assert reply.kind is Kind.UNREACHABLE


def test_an_untrusted_certificate_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = tmp_path / "server.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with serve({}) as identity, serve({}, certificate=certificate) as workspace:
        for name, value in identity.environment.items():
            monkeypatch.setenv(name, value)
        with LogAnalytics(source([WORKSPACE], workspace.url, "public")) as service:
            reply = refusal(service.ask(WORKSPACE, "SigninLogs", ARRIVAL, WEEK))
    assert reply.kind is Kind.UNTRUSTED
    assert "REQUESTS_CA_BUNDLE" in reply.reason
