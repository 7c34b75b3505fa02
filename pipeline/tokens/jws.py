"""Reads a compact JWS as what it says, leniently, and keeps each place where a strict reader would stop.

Nothing is verified here. What no reader could read is refused with a sentence that does not quote it.
"""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.tokens.given import Given

_ALPHABET = re.compile(r"[\w+/-]*={0,2}", re.ASCII)
_PARTS = 3
_PARTS_ENCRYPTED = 5
_MOST_DEPTH = 20

PADDED = "is padded with ="
STANDARD_ALPHABET = "uses the standard alphabet (+ and /)"
LOOSE_BITS = "has bits set in its last character that belong to no byte"


@dataclass(frozen=True)
class Decoded:
    """Bytes out of base64, and what in the text a strict reader of base64url refuses."""

    data: bytes
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Token:
    """A compact JWS: what it says, and its three texts as they came."""

    header: dict[str, Any]
    claims: dict[str, Any]
    texts: tuple[str, str, str]
    signature: bytes | None
    faults: tuple[str, ...]

    @property
    def signed(self) -> bytes:
        """Return the bytes that the signature is made over (RFC 7515, section 5.1)."""
        return ".".join(self.texts[:2]).encode()

    @property
    def alg(self) -> object:
        """Return the algorithm that the header names, whatever its type."""
        return self.header.get("alg")


def decoded(text: str) -> Decoded | None:
    """Decode base64 in either alphabet; None where the text is neither."""
    body = text.rstrip("=")
    if not _ALPHABET.fullmatch(text) or len(body) % 4 == 1:
        return None
    faults = [PADDED] if body != text else []
    if "+" in body or "/" in body:
        faults.append(STANDARD_ALPHABET)
    urlsafe = body.translate(str.maketrans("+/", "-_"))
    data = base64.urlsafe_b64decode(urlsafe + "=" * (-len(urlsafe) % 4))
    if encoded(data) != urlsafe:
        faults.append(LOOSE_BITS)
    return Decoded(data, tuple(faults))


def encoded(data: bytes) -> str:
    """Return unpadded base64url (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read(given: Given) -> Token:
    """Read the parts of a token. Raises UsageError where it is encrypted, has other parts, or says no JSON object."""
    parts = given.token.split(".")
    if len(parts) == _PARTS_ENCRYPTED:
        raise UsageError(
            "This is an encrypted token (JWE, five parts), such as a session or id token that is not for the client to "
            "read: a PKeyAuth JWT is signed and has three parts."
        )
    if len(parts) != _PARTS:
        raise UsageError(
            f"This token has {len(parts)} parts where a PKeyAuth JWT has three (header, claims, signature): perhaps it "
            "was cut off when it was copied."
        )
    header, claims = _object(parts[0], "header"), _object(parts[1], "claims")
    signature = decoded(parts[2])
    faults = [
        f"the {name} {fault}"
        for name, text in zip(("header", "payload", "signature"), parts, strict=True)
        if (part := decoded(text)) is not None
        for fault in part.faults
    ]
    texts = (parts[0], parts[1], parts[2])
    return Token(header, claims, texts, signature.data if signature else None, tuple(faults))


def _object(text: str, name: str) -> dict[str, Any]:
    part = decoded(text)
    if part is None:
        raise UsageError(f"This is no PKeyAuth JWT: its {name} part is no base64.")
    try:
        said = json.loads(
            part.data.decode(), object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_such_number
        )
        json.dumps(said, ensure_ascii=False).encode()  # halves of a surrogate pair are no text
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, _Refused) else "is no JSON in UTF-8"
        raise UsageError(f"This is no PKeyAuth JWT that can be judged: its {name} part {why}.") from None
    if _deeper_than(said, _MOST_DEPTH):
        raise UsageError(f"This is no PKeyAuth JWT that can be judged: its {name} part is nested too deep.")
    if not isinstance(said, dict):
        raise UsageError(f"This is no PKeyAuth JWT: its {name} part is no JSON object.")
    return said


def _deeper_than(value: object, most: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return most < 0 or any(_deeper_than(each, most - 1) for each in inner)


class _Refused(ValueError):
    """JSON that parsers read differently."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("names a member twice, which parsers read differently")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Refused("holds a number that no clock and no counter has")
    return number


def _no_such_number(_: str) -> float:
    raise _Refused("holds a number that JSON does not have")
