"""The server's five checks of a PKeyAuth answer in its order (MS-PKAP 3.2.5.3.3), each as far as it can be made here.

Which code follows from which check stands in the reference of Entra's error codes. Causes and wording for people are
verdict's and told's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.tokens import signatures
from pipeline.tokens.challenges import Challenge, urlsplit_or_none

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.tokens.certificates import Certificate, Chain
    from pipeline.tokens.jws import Token

INVALID_SIGNATURE = 50099
UNKNOWN_HEADER = 50120
MISSING_CLAIM = 50098
INVALID_NONCE = 140000
WRONG_AUDIENCE = 500991

_ISSUER = "cn=ms-organization-access"
_ISSUER_BETWEEN_DEVICES = "cn=ms-organization-p2p-access"
_ALGORITHMS = ("RS256", "ES256")
_MOST_QUOTED = 160

Status = Literal["pass", "fail", "not judged"]


@dataclass(frozen=True)
class Check:
    """One check: its status, what is to say of it, the codes that follow, and the word by which its cause is found."""

    name: Literal["signature", "headers", "certificate", "nonce", "audience"]
    status: Status
    detail: str
    codes: tuple[int, ...] = ()
    fault: str = ""


def make(
    token: Token, chain: Chain, expected: Certificate | None, challenge: Challenge | None, now: datetime
) -> tuple[Check, ...]:
    """Make the five checks; ``expected`` is the certificate that the user gave, ``now`` the time in UTC."""
    asked = challenge or Challenge()
    return (
        _signature(token, chain, expected),
        _headers(token, chain, asked),
        _certificate(chain, expected, asked, now),
        _nonce(token, asked),
        _audience(token, asked),
    )


def _signature(token: Token, chain: Chain, expected: Certificate | None) -> Check:
    if chain.leaf is None or chain.leaf.key is None:
        return _unjudged_signature(token, chain, expected)
    others = {f"certificate {place} of x5c": each.key for place, each in enumerate(chain.rest, 2) if each.key}
    if expected and expected.key:
        others["the certificate of --cert"] = expected.key
    found = signatures.judge(token, chain.leaf.key, others)
    if not found.fault:
        return Check("signature", "pass", found.detail)
    return Check("signature", "fail", found.detail, (INVALID_SIGNATURE,), found.fault)


def _unjudged_signature(token: Token, chain: Chain, expected: Certificate | None) -> Check:
    """Say what can be said where x5c, by which alone the server judges, gives no key."""
    why = "The certificate's key cannot be read" if chain.leaf else "x5c holds no certificate that can be read"
    visible = signatures.visible_fault(token)
    if visible:
        also = f"But whatever the key: {visible.detail}"
    elif expected and expected.key:
        also = f"With the certificate of --cert: {signatures.judge(token, expected.key, {}).detail}"
    else:
        also = "Give the device's certificate with --cert to see whether it would verify with that."
    return Check("signature", "not judged", f"{why}. {also}", fault=visible.fault if visible else "")


def _headers(token: Token, chain: Chain, asked: Challenge) -> Check:
    accepted = asked.algorithms or _ALGORITHMS
    typ = token.header.get("typ")
    wrong: list[tuple[str, str]] = []
    if typ is None:
        wrong.append(("typ", "typ is missing, and must be JWT"))
    elif not isinstance(typ, str) or typ.upper() != "JWT":
        wrong.append(("typ", f"typ is {quoted(typ)}, and must be JWT"))
    if token.alg is None:
        wrong.append(("alg_header", "alg is missing"))
    elif token.alg not in accepted:
        wrong.append(("alg_header", f"alg is {quoted(token.alg)}, and must be {' or '.join(accepted)}"))
    wrong += [("x5c" if chain.leaf is None else "x5c_form", fault) for fault in chain.faults]
    if wrong:
        worst = min((fault for fault, _ in wrong), key=("x5c", "x5c_form", "alg_header", "typ").index)
        return Check("headers", "fail", _sentence("; ".join(told for _, told in wrong)), (UNKNOWN_HEADER,), worst)
    return Check("headers", "pass", f"typ, alg ({token.alg}) and x5c are there and in their form.")


def _certificate(chain: Chain, expected: Certificate | None, asked: Challenge, now: datetime) -> Check:
    shown = chain.leaf
    if shown is None:
        return Check("certificate", "not judged", "x5c holds no certificate that can be read.")
    wrong = [
        told
        for told in (
            _issuer(shown, asked),
            _validity(shown, now),
            _thumbprint(shown, asked),
            _tenant(shown, asked),
            _expected(shown, expected),
        )
        if told
    ]
    if wrong:
        return Check("certificate", "fail", _sentence("; ".join(told for _, told in wrong)), fault=wrong[0][0])
    return Check(
        "certificate",
        "pass",
        "Within its validity, and its issuer is as asked. Not seen here: whether that issuer really signed it, and "
        "whether the device is still there and enabled in the directory.",
    )


def _issuer(shown: Certificate, asked: Challenge) -> tuple[str, str] | None:
    if any(name.startswith(_ISSUER_BETWEEN_DEVICES) for name in shown.issuer_names):
        return (
            "p2p",
            "it is the certificate for connections between devices (MS-Organization-P2P-Access), not the device's own",
        )
    if asked.authorities:
        wanted = [frozenset(part.strip().lower() for part in each.split(",")) for each in asked.authorities]
        if any(each <= shown.issuer_names or shown.issuer_names <= each for each in wanted):
            return None
        return "issuer", f"its issuer {quoted(shown.issuer)} is none of CertAuthorities in the challenge"
    if any(name.startswith(_ISSUER) for name in shown.issuer_names):
        return None
    itself = ", which is itself" if shown.self_issued else ""
    return "issuer", f"its issuer is {quoted(shown.issuer)}{itself}, not MS-Organization-Access"


def _validity(shown: Certificate, now: datetime) -> tuple[str, str] | None:
    if now < shown.not_before:
        return "not_yet", f"it is valid only from {shown.not_before:%Y-%m-%d %H:%M} UTC"
    if now > shown.not_after:
        return "expired", f"it was valid until {shown.not_after:%Y-%m-%d %H:%M} UTC"
    return None


def _thumbprint(shown: Certificate, asked: Challenge) -> tuple[str, str] | None:
    if asked.thumbprint in ("", shown.thumbprint, shown.thumbprint_sha256):
        return None
    return "other_certificate", "its thumbprint is not the CertThumbprint of the challenge"


def _tenant(shown: Certificate, asked: Challenge) -> tuple[str, str] | None:
    if not shown.tenant_id or asked.tenant_id.lower() in ("", shown.tenant_id, "common", "organizations"):
        return None
    return "other_tenant", f"it is of tenant {shown.tenant_id}, and the challenge is of {quoted(asked.tenant_id)}"


def _expected(shown: Certificate, expected: Certificate | None) -> tuple[str, str] | None:
    if expected is None or expected.thumbprint_sha256 == shown.thumbprint_sha256:
        return None
    same = " (another certificate of the same key)" if expected.key is not None and expected.key == shown.key else ""
    return "other_certificate", f"it is not the certificate of --cert{same}"


def _nonce(token: Token, asked: Challenge) -> Check:
    nonce = token.claims.get("nonce")
    no_time = "" if "iat" in token.claims else " The claim iat is missing."
    codes = (MISSING_CLAIM,) if no_time else ()
    if not isinstance(nonce, str) or not nonce:
        told = "The claim nonce is missing." if nonce in (None, "") else "The claim nonce is no text."
        return Check("nonce", "fail", told + no_time, (MISSING_CLAIM,), "nonce_missing")
    if asked.nonce and nonce not in (asked.nonce, asked.nonce_encoded):
        undone = nonce == asked.nonce.replace("+", " ")
        why = " (its + was read as a space)" if undone else ""
        told = f"The claim nonce is not the nonce of the challenge{why}.{no_time}"
        return Check("nonce", "fail", told, (*codes, INVALID_NONCE), "nonce_other")
    if asked.nonce and nonce == asked.nonce_encoded and nonce != asked.nonce and asked.submit_url:
        told = f"The claim nonce is the challenge's, still URL-encoded.{no_time}"
        return Check("nonce", "fail", told, (*codes, INVALID_NONCE), "nonce_encoded")
    if no_time:
        return Check("nonce", "fail", "The claim iat, which dates the nonce, is missing.", codes, "iat_missing")
    if not asked.nonce:
        return Check("nonce", "not judged", "Give the challenge with --challenge to compare its nonce.")
    return Check("nonce", "pass", "It is the nonce of the challenge.")


def _audience(token: Token, asked: Challenge) -> Check:
    audience = token.claims.get("aud")
    if audience in (None, ""):
        return Check("audience", "fail", "The claim aud is missing.", (MISSING_CLAIM,), "aud_missing")
    fault, told = "aud_other", ""
    if not isinstance(audience, str):
        told = "The claim aud is no text: it must be one URL"
    elif "?" in audience or "#" in audience:
        fault, told = "aud_query", f"aud has a query: {quoted(audience)}; it must be the URL without it"
    elif urlsplit_or_none(audience) is None:
        told = f"aud is no URL: {quoted(audience)}"
    elif asked.audience and audience != asked.audience:
        told = f"Expected {quoted(asked.audience)}, actual {quoted(audience)}"
    if told:
        return Check("audience", "fail", _sentence(told), (WRONG_AUDIENCE,), fault)
    if not asked.audience:
        return Check(
            "audience",
            "not judged",
            "It must be the URL that the answer was sent to, without query (SubmitUrl of the challenge, "
            "else the token endpoint).",
        )
    return Check("audience", "pass", "It is the SubmitUrl of the challenge, without query.")


def quoted(value: object) -> str:
    """Return a stranger's value as part of a sentence, on one line and of bounded length."""
    text = " ".join(str(value).split())
    return text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]}..."


def _sentence(text: str) -> str:
    return f"{text[0].upper() if text[:3] not in ('typ', 'alg', 'x5c', 'aud') else text[0]}{text[1:]}."
