"""Reads the server's PKeyAuth challenge in the forms in which it comes: a header, a redirect, and either encoded.

A challenge is not judged here; what it does not say stays empty.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pipeline.errors import UsageError
from pipeline.tokens import given

_IN_HEADER = re.compile(r"""PKeyAuth\s+(?P<parameters>.*)""", re.IGNORECASE | re.DOTALL)
_IN_REDIRECT = re.compile(r"""urn:http-auth:PKeyAuth\?(?P<query>[^\s"'<>]+)""", re.IGNORECASE)
_PARAMETER = re.compile(r"""(?<!\w)(?P<name>[A-Za-z]+)\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s,"]+))""")
_BEGINS = re.compile(r"(?=urn:http-auth:PKeyAuth\?|WWW-Authenticate)", re.IGNORECASE)
_NAMES = frozenset(
    ("nonce", "submiturl", "version", "certauthorities", "certthumbprint", "context", "tenantid", "supportedalgs")
)


@dataclass(frozen=True)
class Challenge:
    """What the server asked for; a name that it did not send is an empty text."""

    nonce: str = ""
    submit_url: str = ""
    version: str = ""
    authorities: tuple[str, ...] = ()
    thumbprint: str = ""
    context: str = ""
    tenant_id: str = ""
    algorithms: tuple[str, ...] = ()
    # As it stood in the challenge, where that was URL-encoded.
    nonce_encoded: str = ""

    @property
    def audience(self) -> str:
        """Return the URL that the claim aud must name: the SubmitUrl without its query."""
        return self.submit_url.partition("#")[0].partition("?")[0]


def read(raw: bytes) -> Challenge:
    """Read a challenge. Raises UsageError for a text that holds none."""
    said = given.plain(given.text(raw))
    if re.search(r"PKeyAuth%3F", said, re.IGNORECASE):
        said = unquote(said)
    redirect, header = _IN_REDIRECT.search(said), _IN_HEADER.search(said)
    bare = said.strip().strip("\"'")
    of_url = False
    if redirect:
        sent, of_url = _from_query(redirect["query"]), True
    elif header and _named(_from_header(header["parameters"])):
        sent = _from_header(header["parameters"])
    elif "&" in bare and '"' not in bare:
        sent, of_url = _from_query(bare), True
    else:
        sent = _from_header(said)
    if not _named(sent):
        raise UsageError(
            "--challenge is neither a file nor a PKeyAuth challenge: give the WWW-Authenticate header, or the "
            "urn:http-auth:PKeyAuth URL."
        )
    plain = {name: unquote(value) for name, value in sent.items()}
    if not of_url and "://" in sent.get("submiturl", ""):  # a header as the server sends it, which encodes nothing
        plain["nonce"] = sent.get("nonce", "")
    if plain.get("submiturl") and not urlsplit_or_none(plain["submiturl"]):
        raise UsageError("The SubmitUrl of --challenge is no URL.")
    return Challenge(
        nonce=plain.get("nonce", ""),
        submit_url=plain.get("submiturl", ""),
        version=plain.get("version", ""),
        authorities=tuple(part.strip() for part in plain.get("certauthorities", "").split(";") if part.strip()),
        thumbprint=re.sub(r"[^0-9a-f]", "", plain.get("certthumbprint", "").lower()),
        context=plain.get("context", ""),
        tenant_id=plain.get("tenantid", ""),
        algorithms=tuple(re.findall(r"[A-Za-z0-9]+", plain.get("supportedalgs", ""))),
        nonce_encoded=sent.get("nonce", "") if plain.get("nonce") != sent.get("nonce") else "",
    )


def beside(raw: bytes, context: str | None) -> Challenge | None:
    """Return the challenge in the same trace that the answer's Context belongs to; None where there is no such one."""
    for part in _BEGINS.split(given.plain(given.text(raw))) if context else ():
        with contextlib.suppress(UsageError):
            asked = read(part.partition("\n")[0].encode())
            if asked.context == context:
                return asked
    return None


def urlsplit_or_none(text: str) -> tuple[str, str] | None:
    """Return scheme and host of an absolute URL, None for anything else."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc) if parts.scheme and parts.netloc else None


def _named(sent: dict[str, str]) -> bool:
    return bool(sent.keys() & {"nonce", "submiturl", "certauthorities", "certthumbprint"})


def _from_header(text: str) -> dict[str, str]:
    sent: dict[str, str] = {}
    for found in _PARAMETER.finditer(text):
        name = found["name"].lower()
        if name in _NAMES:
            sent.setdefault(name, found["quoted"] if found["quoted"] is not None else found["bare"])
    return sent


def _from_query(text: str) -> dict[str, str]:
    sent: dict[str, str] = {}
    for part in text.partition("#")[0].lstrip("?").split("&"):
        name, _, value = part.partition("=")
        if name.lower() in _NAMES:
            sent.setdefault(name.lower(), value)
    return sent
