"""A query over a window, asked of Log Analytics: the only file that imports azure.

It asks once and says what came. What a reply means is read in ``replies``; whether to ask again, to ask for less or to
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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError
from azure.core.rest import HttpRequest
from azure.identity import DefaultAzureCredential
from azure.monitor.query import LogsQueryClient

from pipeline import assets, bodies
from pipeline.pages import event_time
from pipeline.replies import Answer, Head, Kind, Refusal, shortened, understood

if TYPE_CHECKING:
    from pipeline.settings import Source
    from pipeline.window import Window

# That the service may work on a query: less than its own default of 180, because windows are sized to need far less and
# two of them in a row must fit into five minutes without an answer.
SERVER_SECONDS = 120
SILENCE_SECONDS = SERVER_SECONDS + 10.0  # after which a connection on which nothing comes is given up
IMPATIENT_SECONDS = 12.0  # the same for whoever waits for the answer: connecting and silence, each
BLOCK_BYTES = 1 << 20  # read from the connection at once, where the client itself would take 4 kB
# TimeGenerated lies at most two days before arrival and one after it, else the service replaces it.
TIME_GENERATED_GUARD = timedelta(days=3)
# How a credential says that its sign-in service was not reached; a managed identity's own endpoint speaks plain http.
_NO_SIGN_IN_SERVICE = re.compile(r"HTTPSConnection\w*\(.*")


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
        # A body whose rows must be read to know what it is takes many times its size: one at a time, in one thread,
        # which can use that again.
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
        head = Head(response.status_code, response.reason or "", response.headers)
        return self._decoding.submit(understood, head, content, table).result()


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


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds") + "Z"


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
        return Refusal(Kind.UNREACHABLE, f"{endpoint} could not be reached: {shortened(text)}")
    if "timed out" in text.lower():
        return Refusal(Kind.SLOW, "no answer came in time")
    return Refusal(Kind.BROKEN, f"the connection broke: {shortened(text)}")


def _no_authorities(error: OSError) -> Refusal:
    return Refusal(Kind.UNTRUSTED, f"No certificate can be checked ({shortened(str(error))}): mend REQUESTS_CA_BUNDLE.")


def _unsigned(error: ClientAuthenticationError) -> Refusal:
    if away := _NO_SIGN_IN_SERVICE.search(str(error)):
        return Refusal(Kind.UNREACHABLE, f"the sign-in service could not be reached: {shortened(away[0])}")
    first = shortened(str(error).split("\n", maxsplit=1)[0])
    return Refusal(
        Kind.UNSIGNED,
        f"No credential could sign in ({first}): run `az login`, or give this machine a managed identity that may "
        "read the workspace.",
    )
