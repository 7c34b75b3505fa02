"""Finds the compact JWS in what a user has: the token, the header around it, or a line of a trace with both.

What is found is not read here. An answer without a token, a challenge and other text are told as what they are.
"""

from __future__ import annotations

import codecs
import html
import re
from dataclasses import dataclass
from urllib.parse import unquote

from pipeline.errors import UsageError

# A token has few kilobytes; whoever gives more than this gives something else.
MOST_BYTES = 1 << 20

_AUTH_TOKEN = re.compile(
    r"""AuthToken\s*=\s*(?:"(?P<double>[^"]*)|'(?P<single>[^']*)|(?P<plain>[^\s,;"']*))""", re.IGNORECASE
)
_CONTEXT = re.compile(r"""\bContext\s*=\s*"(?P<value>[^"]*)""", re.IGNORECASE)
_ANSWER = re.compile(r"""PKeyAuth\s+(?:Context|Version)\s*=""", re.IGNORECASE)
_CHALLENGE = re.compile(r"(?:Nonce|SubmitUrl|CertAuthorities)=", re.IGNORECASE)
_WHOLE = re.compile(r"ey[\w+/=-]*\.[\w+/=-]*(?:\.[^.]*)?|ey[\w+/=-]*(?:\.[\w+/=-]*){4}", re.ASCII)
# Begun at no character of its own alphabet, so that a long text without a token is read once.
_WITHIN = re.compile(r"(?<![\w+/-])ey[\w+/-]{4,}={0,2}(?:\.[\w+/-]*={0,2}){1,4}(?:\(null\))?", re.ASCII)
_BREAKS = re.compile(r"\s+|\\[rn]")
_AROUND = "\"'`<>,;"


@dataclass(frozen=True)
class Given:
    """A compact JWS, and what the header around it said, where there was one."""

    token: str
    in_header: bool
    context: str | None = None


def text(raw: bytes) -> str:
    """Decode what was given. Raises UsageError for more than 1 MiB, and for what is no text."""
    if len(raw) > MOST_BYTES:
        raise UsageError("More than 1 MiB was given: give the token, or the one line of the trace that holds it.")
    form = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return raw.decode(form)
    except UnicodeDecodeError:
        raise UsageError("What was given is no UTF-8 text, so it holds no token.") from None


def find(raw: bytes) -> Given:
    """Find the token in a user's input. Raises UsageError where there is none, or more than one."""
    said = plain(text(raw))
    if not said.strip(_AROUND + " \r\n\t\0"):
        raise UsageError("Nothing was given: a PKeyAuth header or JWT is expected as argument, file or standard input.")
    answers = list(_AUTH_TOKEN.finditer(said))
    if answers:
        tokens = _different(
            [_BREAKS.sub("", next(part for part in answer.groups() if part is not None)) for answer in answers]
        )
        if tokens == [""]:
            raise UsageError(_UNANSWERED)
        # A challenge may stand before it, with a Context of its own.
        begins = max(said.rfind(scheme, 0, answers[-1].start()) for scheme in ("PKeyAuth", "pkeyauth"))
        context = _CONTEXT.search(said, max(0, begins))
        return Given(_only([token for token in tokens if token]), True, context["value"] if context else None)
    tokens = _different(_WITHIN.findall(said))
    whole = _BREAKS.sub("", said).strip(_AROUND)
    if _WHOLE.fullmatch(whole) and sum(token.count(".") > 1 for token in tokens) < 2:
        return Given(whole, False)
    if tokens:
        return Given(_only(tokens), False)
    if _ANSWER.search(said):
        raise UsageError(_UNANSWERED)
    if "pkeyauth" in said.lower() and _CHALLENGE.search(said):
        raise UsageError(
            "This is the server's challenge, not the client's answer: give the answer here, and this with --challenge."
        )
    raise UsageError(
        "What was given is neither a file nor a PKeyAuth header or JWT (three parts of base64url, with dots)."
    )


def plain(said: str) -> str:
    """Take away what tools that record traffic put around a value: URL encoding, JSON's and HTML's escapes."""
    if re.search(r"PKeyAuth(?:%20|\+)|AuthToken%3D", said, re.IGNORECASE):
        said = unquote(re.sub(r"PKeyAuth\+", "PKeyAuth ", said, flags=re.IGNORECASE))
    if "&quot;" in said or "&amp;" in said:
        said = html.unescape(said)
    return re.sub(r'(?<!\\)\\+"', '"', said)


def _different(tokens: list[str]) -> list[str]:
    return list(dict.fromkeys(tokens))


def _only(tokens: list[str]) -> str:
    if len(tokens) > 1:
        raise UsageError(f"What was given holds {len(tokens)} different tokens: give one of them.")
    return tokens[0]


_UNANSWERED = (
    "This answer holds no AuthToken: the client found no certificate for the challenge, or does not sign on its "
    "platform, and Entra then treats the device as having none (50097, 50187 or a device policy), not as badly signed "
    "(50099)."
)
