"""A query over a window, asked of Log Analytics: the only file that imports azure.

It asks once and says what came: an answer, or a refusal of a named kind. Whether to ask again, to ask for less or to
give up is not decided here, and nothing is written.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import re
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import DefaultAzureCredential
from azure.monitor.query import LogsQueryClient

from pipeline import assets, bodies
from pipeline.pages import Page, event_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.settings import Source
    from pipeline.window import Window

# That the service may work on a query: less than its own default of 180, because windows are sized to need far less and
# two of them in a row must fit into five minutes without an answer.
SERVER_SECONDS = 120
SILENCE_SECONDS = SERVER_SECONDS + 10.0  # after which a connection on which nothing comes is given up
IMPATIENT_SECONDS = 12.0  # the same for whoever waits for the answer: connecting and silence, each
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


@dataclass(frozen=True)
class SignedIn:
    """A token that was given, without the token: which credential has it, for whom, and until when (UTC).

    ``audience`` is None where the token does not say it in the open.
    """

    credential: str
    audience: str | None
    expires_at: datetime


class LogAnalytics:
    """A connection to the query service, for as long as the ``with`` lasts; safe to share between threads."""

    def __init__(self, source: Source) -> None:
        # The credential chain logs each credential that it tries, which is noise on a user's terminal.
        logging.getLogger("azure").setLevel(logging.CRITICAL)
        self._endpoint = source.endpoint
        self._over_http = source.endpoint.startswith("http://")  # loopback only: settings refuse all else
        self._audience = source.audience
        self._signing_in = threading.Lock()
        self._open = contextlib.ExitStack()
        # One body at a time is taken apart, which takes many times its size, in one thread, which can use it again.
        self._decoding = self._open.enter_context(ThreadPoolExecutor(1, thread_name_prefix="decode"))
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
        return self._put(workspace_id, table, body, {"read_timeout": SILENCE_SECONDS})

    def reach(self, workspace_id: str, table: str, over: Window) -> Answer | Refusal:
        """Ask how far the records of one table reach within a window: one row of Newest, Oldest and Records."""
        body = {"query": assets.reach_query(table), "timespan": f"{_iso(over.start)}/{_iso(over.end)}"}
        # Who asks this waits for it.
        return self._put(
            workspace_id, table, body, {"connection_timeout": IMPATIENT_SECONDS, "read_timeout": IMPATIENT_SECONDS}
        )

    def _put(self, workspace_id: str, table: str, body: dict[str, str], timeouts: dict[str, float]) -> Answer | Refusal:
        """Put one question and say what came."""
        request = HttpRequest(
            "POST",
            f"{self._endpoint}/v1/workspaces/{workspace_id}/query",
            headers={"Prefer": f"wait={SERVER_SECONDS}"},
            json=body,
        )
        client = self._client
        try:
            # Without stream=True the client would decode the whole body into Python objects for us.
            response = client.send_request(request, stream=True, enforce_https=not self._over_http, **timeouts)
            content = response.read()
        except ClientAuthenticationError as error:
            return _unsigned(error)
        except AzureError as error:
            return _without_answer(error, self._endpoint)
        except OSError as error:  # the file of REQUESTS_CA_BUNDLE, which the client reads when it sends
            return _no_authorities(error)
        if response.status_code == 401:
            self._sign_in_anew(client)
        reply = self._decoding.submit(_understood, response, content, table).result()
        return replace(reply, at=_clock(response)) if isinstance(reply, Answer) else reply


def sign_in(audience: str) -> SignedIn | Refusal:
    """Ask the credential chain for a token for an audience, and say what it gave."""
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    with DefaultAzureCredential() as chain:
        try:
            token = chain.get_token(f"{audience}/.default")
        except ClientAuthenticationError as error:
            return _unsigned(error)
        except AzureError as error:
            return _without_answer(error, "the sign-in service")
        except OSError as error:
            return _no_authorities(error)
        # The chain tells its log alone which of its credentials it settled on.
        chosen = getattr(chain, "_successful_credential", None)
    expires_at = datetime.fromtimestamp(token.expires_on, UTC).replace(tzinfo=None)
    return SignedIn(type(chosen).__name__ if chosen else "a credential", _audience(token.token), expires_at)


def _audience(token: str) -> str | None:
    """Read for whom a token is; not every token shows it."""
    try:
        claims = token.split(".")[1]
        said = bodies.json_object(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("aud")
    except (IndexError, ValueError):
        return None
    return said if isinstance(said, str) else None


def bounded(query: str, table: str, arrival: Window, event: Window) -> str:
    """Append to a query the bounds of arrival and event time: typed values and nothing else."""
    happened = event_time(table)
    return (
        f"{query.rstrip()}\n"
        f"| where IngestedAt >= datetime({_iso(arrival.start)}) and IngestedAt < datetime({_iso(arrival.end)})\n"
        f"| where {happened} >= datetime({_iso(event.start)}) and {happened} < datetime({_iso(event.end)})\n"
    )


def _clock(response: HttpResponse) -> datetime | None:
    return _date(response.headers.get("Date"))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds") + "Z"


def _understood(response: HttpResponse, content: bytes, table: str) -> Answer | Refusal:
    if response.status_code == 204 or (response.status_code == 200 and not content.strip()):
        return Answer(None)
    if response.status_code != 200:
        return _refused(response, bodies.json_object(content), table)
    decoded = bodies.decoded(content)
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
        return Refusal(Kind.BUSY, "the service asked for patience (429)", _pause(response.headers))
    if status in (408, 500, 502, 503):
        return Refusal(Kind.BUSY, f"the service failed with status {status}", _pause(response.headers))
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


def _no_authorities(error: OSError) -> Refusal:
    return Refusal(Kind.UNTRUSTED, f"No certificate can be checked ({_short(str(error))}): mend REQUESTS_CA_BUNDLE.")


def _unsigned(error: ClientAuthenticationError) -> Refusal:
    if away := _NO_SIGN_IN_SERVICE.search(str(error)):
        return Refusal(Kind.UNREACHABLE, f"the sign-in service could not be reached: {_short(away[0])}")
    first = _short(str(error).split("\n", maxsplit=1)[0])
    return Refusal(
        Kind.UNSIGNED,
        f"No credential could sign in ({first}): run `az login`, or give this machine a managed identity that may "
        "read the workspace.",
    )


def _pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks for, given in seconds or as a date (RFC 9110, section 10.2.3).

    A date is held against that of the answer itself, where it has one: this machine's clock may be off.
    """
    asked = (headers.get("Retry-After") or "").strip()
    if asked.isdigit():
        return float(asked)
    until = _date(asked)
    if until is None:
        return None
    now = _date(headers.get("Date")) or datetime.now(UTC).replace(tzinfo=None)
    return max((until - now).total_seconds(), 0.0)


def _date(header: str | None) -> datetime | None:
    """Return the date of a header in UTC, naive, or None where there is none to be read."""
    try:
        read = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read


def _short(text: str, most: int = 200) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
