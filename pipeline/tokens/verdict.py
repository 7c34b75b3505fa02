"""One PKeyAuth JWT judged whole: what it says, the five checks, the first that fails, the code, the cause, what to do.

This is the only entrance to the package. What a credential says is returned to the caller and kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.tokens import certificates, challenges, checks, given, jws, others
from pipeline.tokens.reasons import REASONS

if TYPE_CHECKING:
    from pipeline.tokens.certificates import Certificate
    from pipeline.tokens.challenges import Challenge
    from pipeline.tokens.checks import Check
    from pipeline.tokens.given import Given
    from pipeline.tokens.jws import Token

# Seconds since 1970 have passed this in 5138; milliseconds did in 1973.
_MILLISECONDS = 10**11
_BY_THE_TRACE = "Judged by the challenge that stands in the same trace with the same Context."
_AHEAD = timedelta(minutes=2)
_OLD = timedelta(hours=1)


@dataclass(frozen=True)
class Verdict:
    """A judged token. Codes are AADSTS numbers; cause is None where nothing fails."""

    header: dict[str, Any]
    claims: dict[str, Any]
    certificate: dict[str, Any] | None
    checks: tuple[Check, ...]
    first_failing: str | None
    aadsts: tuple[int, ...]
    cause: str | None
    next_step: str
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the object of the command's contract."""
        listed = [{"check": each.name, "status": each.status, "detail": each.detail} for each in self.checks]
        return {name: getattr(self, name) for name in ("header", "claims", "certificate")} | {
            "checks": listed,
            "first_failing": self.first_failing,
            "aadsts": list(self.aadsts),
            "cause": self.cause,
            "next_step": self.next_step,
            "remarks": list(self.remarks),
        }


def judge(raw: bytes, cert: bytes | None, challenge: bytes | None, now: datetime) -> Verdict:
    """Judge the token in a user's input at a time in UTC. Raises UsageError where there is none that can be judged."""
    found = given.find(raw)
    token = jws.read(found)
    others.refuse(token, found.in_header)
    in_trace = challenges.beside(raw, found.context) if challenge is None else None
    asked = challenges.read(challenge) if challenge is not None else in_trace
    expected = certificates.from_file(cert) if cert is not None else None
    chain = certificates.from_x5c(token.header)
    made = checks.make(token, chain, expected, asked, now)
    failing = [each for each in made if each.status == "fail"]
    fault = next((each.fault for each in made if each.fault), "") if failing else ""
    shown, source = (chain.leaf, "x5c") if chain.leaf else (expected, "--cert")
    return Verdict(
        header=token.header,
        claims=token.claims,
        certificate=_described(shown, source, now) if shown else None,
        checks=made,
        first_failing=failing[0].name if failing else None,
        aadsts=tuple(dict.fromkeys(code for each in failing for code in each.codes)),
        cause=REASONS[fault].cause if fault else None,
        next_step=REASONS[fault].next_step if fault else _nothing_wrong(made),
        remarks=(*_remarks(token, found, asked, now), *([_BY_THE_TRACE] if in_trace else ())),
    )


def _described(shown: Certificate, source: str, now: datetime) -> dict[str, Any]:
    return {
        "issuer": shown.issuer,
        "subject": shown.subject,
        "device_id": shown.device_id,
        "tenant_id": shown.tenant_id,
        "not_before": f"{shown.not_before:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{shown.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "days_left": (shown.not_after - now) // timedelta(days=1),
        "key_type": shown.key_type,
        "key_size": shown.key_size,
        "thumbprint": shown.thumbprint,
        "thumbprint_sha256": shown.thumbprint_sha256,
        "source": source,
    }


def _nothing_wrong(made: tuple[Check, ...]) -> str:
    unjudged = [each.name for each in made if each.status == "not judged"]
    if "signature" in unjudged:
        return "Give the device's certificate with --cert, to see whether the signature verifies with that."
    more = f" To have {' and '.join(unjudged)} judged, give the challenge with --challenge." if unjudged else ""
    return (
        "What can be judged here is well. If Entra refused this very token with 50099, it was altered on the way "
        "(network_interception), or the service failed (service_incident): compare it with what left the proxy, and "
        "see "
        f"`signin-triage explain`.{more}"
    )


def _remarks(token: Token, found: Given, asked: Challenge | None, now: datetime) -> list[str]:
    told = []
    if "exp" in token.claims:
        told.append("It has exp, which PKeyAuth does not call for; nonce and iat bound it.")
    else:
        told.append("It has no exp, and needs none: the nonce, iat and the certificate's ten years bound it.")
    if "iat" in token.claims:
        told += _clock(token.claims["iat"], now)
    if asked and found.context and asked.context and found.context != asked.context:
        told.append("The answer's Context is not the challenge's: they are of different requests.")
    if asked and asked.version not in ("", "1.0"):
        told.append(f"The challenge is of version {checks.quoted(asked.version)}, not 1.0.")
    return told


def _clock(issued: object, now: datetime) -> list[str]:
    told = []
    if isinstance(issued, str) and issued.isascii() and issued.isdigit() and len(issued) <= 20:
        told.append("iat is text, as Apple's clients send it: no fault.")
        issued = int(issued)
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return ["iat is no number of seconds since 1970."]
    if issued > _MILLISECONDS:
        told.append("iat is in milliseconds: it must be in seconds since 1970 (clock_skew).")
        issued = issued / 1000 if issued < _MILLISECONDS * 1000 else issued
    try:
        at = datetime.fromtimestamp(issued, UTC)
    except (OverflowError, ValueError, OSError):
        return [*told, "iat is no time that a calendar has."]
    if at - now > _AHEAD:
        told.append(
            f"iat is {at:%Y-%m-%d %H:%M:%S} UTC, ahead of this machine's clock: one of them is off (clock_skew)."
        )
    elif now - at > _OLD:
        told.append(
            f"iat is {at:%Y-%m-%d %H:%M:%S} UTC: if the token was caught later than that, the device's clock is behind "
            "(clock_skew) or it was replayed."
        )
    else:
        told.append(f"iat is {at:%Y-%m-%d %H:%M:%S} UTC, near this machine's clock.")
    return told
