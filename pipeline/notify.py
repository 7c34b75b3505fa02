"""Tell a webhook how the night went: one JSON object, posted once, within a minute.

Slack and Teams show its ``text``. The address is a secret, so no sentence of ours holds more of it than the host; and
whatever becomes of the message, the night is not undone by it.
"""

from __future__ import annotations

import json
import os
import ssl
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline.errors import StoreUnusable, TriageError

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 30.0  # the contract's minute is for the whole command


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A webhook answers where it is; following it elsewhere would carry the message to whoever it names."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def post(url: str, message: Mapping[str, Any], seconds: float = SECONDS) -> str | None:
    """Post a message and return None, or one sentence on why it was not taken."""
    host = urlsplit(url).hostname
    refusals: list[str] = []

    def send() -> None:
        try:
            with _opener().open(_request(url, message), timeout=seconds):
                return
        except urllib.error.HTTPError as error:
            refusals.append(f"it answered {error.code}")
        except urllib.error.URLError as error:
            refusals.append(str(getattr(error.reason, "strerror", None) or error.reason).replace(url, "its address"))
        except Exception as error:  # noqa: BLE001 whatever it is, the night is done and its reader is owed a sentence
            refusals.append(type(error).__name__)

    # A server that sends a byte now and then never times out; a daemon thread holds nobody up.
    sender = threading.Thread(target=send, name="notify", daemon=True)
    sender.start()
    sender.join(seconds)
    if sender.is_alive():
        refusals.append(f"it did not answer within {seconds:.0f} seconds")
    return f"The webhook at {host} did not take the summary: {refusals[0]}." if refusals else None


def failure(error: Exception) -> dict[str, Any]:
    """Return the object of a night that failed: the keys of one that did not, and the sentence its user reads."""
    known = isinstance(error, TriageError)
    code = error.exit_code if isinstance(error, TriageError) else StoreUnusable.exit_code
    why = " ".join(str(error).split()) if known else f"unexpected {type(error).__name__}."
    nothing = dict.fromkeys(("since", "until", "sign_ins", "failures", "changes", "incidents"))
    return {
        "run_id": "",
        "status": "failed",
        **nothing,
        "complete": False,
        "text": f"signin-triage failed ({code}): {why}",
    }


def _request(url: str, message: Mapping[str, Any]) -> urllib.request.Request:
    return urllib.request.Request(  # noqa: S310 settings let nothing but http and https through
        url,
        json.dumps(message, ensure_ascii=False).encode(),
        {"Content-Type": "application/json; charset=utf-8", "User-Agent": "signin-triage"},
        method="POST",
    )


def _opener() -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    if bundle := os.environ.get("REQUESTS_CA_BUNDLE"):  # the authorities that the Azure client trusts are trusted here
        context.load_verify_locations(bundle)
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirects)
