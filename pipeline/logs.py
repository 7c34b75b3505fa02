"""A query over a window, asked of Log Analytics: the only file that imports azure.

It asks once and says what came: an answer, or a refusal of a named kind. Whether to ask again, to ask for less or to
give up is not decided here, and nothing is written.
"""

from __future__ import annotations

import contextlib
import logging
import re
import ssl
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import orjson
import polars as pl
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import DefaultAzureCredential
from azure.monitor.query import LogsQueryClient

from pipeline import assets
from pipeline.pages import Page, event_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pipeline.settings import Source
    from pipeline.window import Window

# That the service may work on a query: less than its own default of 180, because windows are sized to need far less and
# two of them in a row must fit into five minutes without an answer.
SERVER_SECONDS = 120
SILENCE_SECONDS = SERVER_SECONDS + 10.0  # after which a connection on which nothing comes is given up
BLOCK_BYTES = 1 << 20  # read from the connection at once, where the client itself would take 4 kB
ROW_LIMIT = 500_000  # rows of one answer, azure-monitor-docs service limits
# TimeGenerated lies at most two days before arrival and one after it, else the service replaces it.
TIME_GENERATED_GUARD = timedelta(days=3)
# How the engine says that an answer grew too large or too costly (Kusto query limits).
_SIZE = re.compile(
    r"TOO_LARGE|too large|RUNAWAY|exceed\w* (?:the )?(?:set |allowed |maximum |internal )*"
    r"(?:limit|size|record|row|budget)",
    re.IGNORECASE,
)
# How the service refuses a table that is not on the Analytics plan: its error's code, or words of older messages.
_OTHER_PLAN = re.compile(r"UnsupportedApiQueryValidationError|(?:Basic|Auxiliary) Logs? (?:table|plan)", re.IGNORECASE)
# Where the rows of the first table begin and end in an answer as the service writes it.
_ROWS, _AFTER_ROWS = b'"rows":[', b"]}]"
_UNRESOLVED = re.compile(r"(?:Failed to resolve .*?|Unknown function: ?)['\"](\w+)['\"]", re.IGNORECASE)
_QUOTED = re.compile(r"['\"](\w+)['\"]")
# How a credential says that its sign-in service was not reached; a managed identity's own endpoint speaks plain http.
_NO_SIGN_IN_SERVICE = re.compile(r"HTTPSConnection\w*\(.*")


class Kind(Enum):
    """Why a query was refused; the value is the word for it in a note."""

    ABSENT = "absent"  # the workspace has no such table
    OTHER_PLAN = "other plan"  # it has, on a plan of which this service answers nothing
    MISTAKEN = "mistaken"  # the query names what the workspace does not know
    TOO_LARGE = "too large"  # ask for less
    SLOW = "slow"  # ask again, and if that does not help for less
    BUSY = "busy"  # ask again later
    BROKEN = "broken"  # the answer did not arrive whole
    PARTIAL = "partial"  # the service itself says that it did not answer whole, for another reason than size
    UNREACHABLE = "unreachable"  # there was no answer
    UNTRUSTED = "untrusted"  # somebody answered whom this machine does not trust
    UNSIGNED = "unsigned"  # there is no token
    STALE = "stale"  # the token was not accepted; the next question brings a new one
    FORBIDDEN = "forbidden"  # the token may not read this
    NO_WORKSPACE = "no workspace"  # no such workspace
    STRANGE = "strange"  # whoever answered is no Log Analytics


@dataclass(frozen=True)
class Refusal:
    """No records, and why.

    ``reason`` is a sentence for people, ``retry_after`` the seconds that the service asked for; ``rows`` and ``size``
    (bytes) are what an answer held that was cut for its size.
    """

    kind: Kind
    reason: str
    retry_after: float | None = None
    rows: int = 0
    size: int = 0


@dataclass(frozen=True)
class Answer:
    """All records of a window.

    ``page`` is None where there was nothing at all, ``size`` the bytes of the body, ``at`` the service's own clock when
    it answered (UTC): this machine's may be wrong.
    """

    page: Page | None
    size: int = 0
    at: datetime | None = field(default=None, compare=False)

    @property
    def rows(self) -> int:
        """How many records it holds."""
        return self.page.frame.height if self.page else 0


class LogAnalytics:
    """A connection to the query service, for as long as the ``with`` lasts; safe to share between threads."""

    def __init__(self, source: Source) -> None:
        # The credential chain logs each credential that it tries, which is noise on a user's terminal.
        logging.getLogger("azure").setLevel(logging.CRITICAL)
        self._endpoint = source.endpoint
        self._over_http = source.endpoint.startswith("http://")  # loopback only: settings refuse all else
        self._decoding = threading.Lock()
        self._audience = source.audience
        self._signing_in = threading.Lock()
        self._open = contextlib.ExitStack()
        self._client = self._signed_in()

    def __enter__(self) -> LogAnalytics:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _signed_in(self) -> LogsQueryClient:
        credential = self._open.enter_context(DefaultAzureCredential())
        # Retrying is the caller's: it alone knows the budget of the run.
        client = LogsQueryClient(
            credential,
            endpoint=self._endpoint,
            audience=self._audience,
            retry_total=0,
            logging_enable=False,
            connection_data_block_size=BLOCK_BYTES,
        )
        return self._open.enter_context(client)

    def _sign_in_anew(self, refused: LogsQueryClient) -> None:
        """Replace a client whose token was refused: its credential would hand out the same one until it expires."""
        with self._signing_in:
            if self._client is refused:
                self._client = self._signed_in()

    def ask(self, workspace_id: str, table: str, arrival: Window, event: Window) -> Answer | Refusal:
        """Ask for the records of one table that arrived in ``arrival`` and happened in ``event``."""
        body = {
            "query": bounded(assets.query(table), table, arrival, event),
            "timespan": f"{_iso(arrival.start - TIME_GENERATED_GUARD)}/{_iso(arrival.end + TIME_GENERATED_GUARD)}",
        }
        request = HttpRequest(
            "POST",
            f"{self._endpoint}/v1/workspaces/{workspace_id}/query",
            headers={"Prefer": f"wait={SERVER_SECONDS}"},
            json=body,
        )
        client = self._client
        try:
            # Without stream=True the client would decode the whole body into Python objects for us.
            response = client.send_request(
                request, stream=True, enforce_https=not self._over_http, read_timeout=SILENCE_SECONDS
            )
            content = response.read()
        except ClientAuthenticationError as error:
            return _unsigned(error)
        except AzureError as error:
            return _without_answer(error, self._endpoint)
        except OSError as error:  # the file of REQUESTS_CA_BUNDLE, which the client reads when it sends
            return Refusal(
                Kind.UNTRUSTED, f"No certificate can be checked ({_short(str(error))}): mend REQUESTS_CA_BUNDLE."
            )
        if response.status_code == 401:
            self._sign_in_anew(client)
        # One body at a time is taken apart: as Python objects it is many times its size.
        with self._decoding:
            reply = _understood(response, content, table)
        return replace(reply, at=_clock(response)) if isinstance(reply, Answer) else reply


def bounded(query: str, table: str, arrival: Window, event: Window) -> str:
    """Append to a query the bounds of arrival and event time: typed values and nothing else."""
    happened = event_time(table)
    return (
        f"{query.rstrip()}\n"
        f"| where IngestedAt >= datetime({_iso(arrival.start)}) and IngestedAt < datetime({_iso(arrival.end)})\n"
        f"| where {happened} >= datetime({_iso(event.start)}) and {happened} < datetime({_iso(event.end)})\n"
    )


def _clock(response: HttpResponse) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers["Date"]).astimezone(UTC).replace(tzinfo=None)
    except (KeyError, TypeError, ValueError):
        return None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds") + "Z"


def _understood(response: HttpResponse, content: bytes, table: str) -> Answer | Refusal:
    if response.status_code == 204 or (response.status_code == 200 and not content.strip()):
        return Answer(None)
    if response.status_code != 200:
        return _refused(response, _object(content), table)
    decoded = _sliced(content) or _loaded(content)
    if decoded is None:
        return Refusal(Kind.BROKEN, "the answer broke off or was no JSON")
    body, frame = decoded
    rows, size = frame.height, len(content)
    if error := body.get("error"):
        said = " ".join(_messages(error))
        if _SIZE.search(said):
            return Refusal(Kind.TOO_LARGE, "the answer was cut at a limit of the service", rows=rows, size=size)
        return Refusal(Kind.PARTIAL, f"the service answered only in part: {_short(said)}")
    if rows >= ROW_LIMIT:
        return Refusal(Kind.TOO_LARGE, "the answer reached the service's limit of rows", rows=rows, size=size)
    return Answer(Page(table, frame), size)


def _sliced(content: bytes) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """Decode the rows of an answer from their bytes, as columns of text and never as objects of Python.

    What is around the rows and the rows themselves must each be whole JSON, or it is None: then the rows lie elsewhere,
    hold nested values, or the answer is not whole.
    """
    start, end = content.find(_ROWS) + len(_ROWS), content.rfind(_AFTER_ROWS)
    body = _object(content[:start] + content[end:])
    try:
        primary = body["tables"][0]
        names = [column["name"] for column in primary["columns"]]
        text = pl.Series([content[start - 1 : end + 1]], dtype=pl.Binary).cast(pl.String)
        cells = text.str.json_decode(pl.List(pl.List(pl.String))).explode(empty_as_null=False)
    except (KeyError, IndexError, TypeError, pl.exceptions.PolarsError):
        return None
    whole = primary["rows"] == [] and cells.null_count() == 0 and (cells.list.len() == len(names)).all()
    columns = [cells.list.get(place).alias(name) for place, name in enumerate(names)]
    return (body, pl.DataFrame(columns)) if whole else None


def _loaded(content: bytes) -> tuple[dict[str, Any], pl.DataFrame] | None:
    """Decode any answer that is whole, at several times the cost."""
    body = _object(content)
    try:
        primary = body["tables"][0] if body["tables"] else {"columns": [], "rows": []}
        return body, frame_of(primary["columns"], primary["rows"])
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _object(content: bytes) -> dict[str, Any]:
    """Return a JSON object, an empty one where it is none."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def frame_of(columns: Sequence[dict[str, str]], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Turn columns and rows of an answer into a frame of text; nested values become JSON text."""
    names = [column["name"] for column in columns]
    cells: Iterator[Sequence[Any]] = iter(zip(*rows, strict=True)) if rows else iter([()] * len(names))
    return pl.DataFrame([_text(name, column) for name, column in zip(names, cells, strict=True)])


def _text(name: str, column: Sequence[Any]) -> pl.Series:
    try:
        return pl.Series(name, column, dtype=pl.String)
    except (TypeError, pl.exceptions.PolarsError):  # numbers, booleans or nested values among them
        return pl.Series(name, [_cell(value) for value in column], dtype=pl.String)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _refused(response: HttpResponse, body: dict[str, Any], table: str) -> Refusal:
    status = response.status_code
    error = body.get("error") if isinstance(body.get("error"), dict) else {}
    said = " ".join(_messages(error)) or response.reason or "no reason given"
    if status == 400:
        if _OTHER_PLAN.search(said):
            return Refusal(
                Kind.OTHER_PLAN,
                "the table is on the Basic or Auxiliary plan, which cannot be queried so: switch it to the Analytics "
                "plan, or export it and use `signin-triage import`",
            )
        if _names_missing_table(said, table):
            return Refusal(Kind.ABSENT, f"the workspace has no table {table}")
        unknown = ", ".join(dict.fromkeys(_UNRESOLVED.findall(said)))
        reason = f"the workspace does not know {unknown}" if unknown else f"the service says {_short(said)}"
        return Refusal(Kind.MISTAKEN, reason)
    if status == 401:
        return Refusal(
            Kind.STALE,
            f"The service did not accept the token ({_short(said)}): check --cloud and the identity, or `az login`.",
        )
    if status == 403:
        return Refusal(Kind.FORBIDDEN, f"the identity may not read it: {_short(said)}")
    if status == 404 and error:
        return Refusal(Kind.NO_WORKSPACE, f"the service knows no such workspace: {_short(said)}")
    if status == 413:
        return Refusal(Kind.TOO_LARGE, "the service refused an answer of its size")
    if status == 504:
        return Refusal(Kind.SLOW, "the service ran out of time on it (504)")
    if status == 429:
        return Refusal(Kind.BUSY, "the service asked for patience (429)", _seconds(response.headers.get("Retry-After")))
    if status in (408, 500, 502, 503):
        after = _seconds(response.headers.get("Retry-After"))
        return Refusal(Kind.BUSY, f"the service failed with status {status}", after)
    return Refusal(Kind.STRANGE, f"it answered with status {status} ({_short(said)})")


def _names_missing_table(said: str, table: str) -> bool:
    """Tell a refusal that names the missing table from one that names a missing column or function."""
    unresolved = _UNRESOLVED.findall(said) or _QUOTED.findall(said)
    return bool(unresolved) and set(unresolved) == {table}


def _messages(error: Any) -> Iterator[str]:
    """Yield codes and messages of an error, outermost first."""
    if isinstance(error, dict):
        yield from (str(error[key]) for key in ("code", "message") if error.get(key))
        yield from _messages(error.get("innererror"))
        for detail in error.get("details") or ():
            yield from _messages(detail)


def _without_answer(error: AzureError, endpoint: str) -> Refusal:
    text = str(error)
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, ssl.SSLCertVerificationError):
            break
        chain = chain.__cause__ or chain.__context__
    if chain is not None or "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return Refusal(
            Kind.UNTRUSTED,
            f"The certificate of {endpoint} is not trusted by this machine: "
            "name its authority's file in REQUESTS_CA_BUNDLE.",
        )
    if isinstance(error, ServiceRequestError):
        return Refusal(Kind.UNREACHABLE, f"{endpoint} could not be reached: {_short(text)}")
    if "timed out" in text.lower():
        return Refusal(Kind.SLOW, "no answer came in time")
    return Refusal(Kind.BROKEN, f"the connection broke: {_short(text)}")


def _unsigned(error: ClientAuthenticationError) -> Refusal:
    if away := _NO_SIGN_IN_SERVICE.search(str(error)):
        return Refusal(Kind.UNREACHABLE, f"the sign-in service could not be reached: {_short(away[0])}")
    first = _short(str(error).split("\n", maxsplit=1)[0])
    return Refusal(
        Kind.UNSIGNED,
        f"No credential could sign in ({first}): run `az login`, or give this machine a managed identity that may "
        "read the workspace.",
    )


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.strip().isdigit() else None


def _short(text: str, most: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
