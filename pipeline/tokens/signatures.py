"""Verifies the signature of a token, and where it fails, finds the one fault with which it would have verified.

The algorithms are those of RFC 7518; the cryptography is a library's. The first check of MS-PKAP 3.2.5.3.3, no other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from pipeline.tokens import jws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from pipeline.tokens.jws import Token


class Scheme(NamedTuple):
    """How a signature is made: the family, and the hash that goes into it."""

    family: Literal["RS", "PS", "ES", "DER"]
    digest: hashes.HashAlgorithm
    name: str


_DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_NAMED: dict[str, Scheme] = {f"RS{size}": Scheme("RS", digest, f"RS{size}") for size, digest in _DIGESTS.items()}
_NAMED |= {f"PS{size}": Scheme("PS", digest, f"PS{size}") for size, digest in _DIGESTS.items()}
_NAMED |= {f"ES{size}": Scheme("ES", digest, f"ES{size}") for size, digest in _DIGESTS.items()}
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_RSA = (*(each for name, each in _NAMED.items() if name[:2] != "ES"), Scheme("RS", hashes.SHA1(), "RSA with SHA-1"))  # noqa: S303 recognised, never trusted
_EC = (
    *(each for name, each in _NAMED.items() if name[:2] == "ES"),
    *(Scheme("DER", digest, f"ECDSA with SHA-{size} in DER") for size, digest in _DIGESTS.items()),
)


@dataclass(frozen=True)
class Finding:
    """What is to say of a signature; fault is the word by which its cause is looked up, empty where it verifies."""

    fault: str
    detail: str


def visible_fault(token: Token) -> Finding | None:
    """Name what no key could make good: no signature at all, or an algorithm that signs nothing."""
    text, alg = token.texts[2], token.alg
    if isinstance(alg, str) and alg.lower() == "none":
        return Finding("alg_none", "alg is none: the token is not signed.")
    if "(null)" in text:
        return Finding(
            "null", "The signature is the text (null): the client printed a signature that it does not have."
        )
    if not text:
        return Finding("empty", "The signature is empty.")
    if isinstance(alg, str) and alg.upper().startswith("HS"):
        return Finding("mac", f"alg is {alg}, a code made with a shared secret: a device has a key pair and no secret.")
    if token.signature is None:
        return Finding("encoding", "The signature is no base64url, so it has no bytes to verify.")
    return None


def judge(token: Token, key: CertificatePublicKeyTypes, others: dict[str, CertificatePublicKeyTypes]) -> Finding:
    """Verify with the certificate's key; where that fails, say with what else it would. ``others`` are keys by name."""
    visible = visible_fault(token)
    if visible or token.signature is None:
        return visible or Finding("encoding", "The signature has no bytes.")
    kind = "RSA" if isinstance(key, rsa.RSAPublicKey) else "EC" if isinstance(key, ec.EllipticCurvePublicKey) else ""
    if not kind:
        return Finding(
            "alg_key", "The certificate's key is neither RSA nor EC: no algorithm of the protocol goes with it."
        )
    scheme = _NAMED.get(str(token.alg))
    if scheme and verifies(key, scheme, token.signed, token.signature):
        if token.faults:
            return Finding(
                "altered" if all(jws.LOOSE_BITS in fault for fault in token.faults) else "encoding",
                f"It verifies when read leniently, but {', '.join(token.faults)}: a strict reader refuses the token.",
            )
        return Finding("", f"Verifies as {scheme.name} with the certificate's {kind} key.")
    as_it_is = next(_other_schemes(token, key), None)
    if scheme and (scheme.family == "ES") != (kind == "EC"):
        also = (
            f"; it was signed as {as_it_is.name}" if as_it_is else "; with that key it does not verify in any way known"
        )
        return Finding("alg_key", f"alg is {scheme.name}, but the certificate's key is {kind}{also}.")
    if as_it_is and as_it_is.family == "DER":
        return Finding(
            "der",
            f"The signature is DER: it would verify as {as_it_is.name}, where {token.alg} is r and s, one after the "
            "other.",
        )
    if as_it_is:
        fault = "alg_unknown" if scheme is None else "scheme"
        return Finding(
            fault, f"alg is {_told(token.alg)}, but the token was signed as {as_it_is.name}: so it would verify."
        )
    curve = _CURVES.get(scheme.name) if scheme else None
    if curve and isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name != curve:
        return Finding(
            "alg_key", f"alg is {token.alg}, which goes with the curve {curve}, but the key is on {key.curve.name}."
        )
    for fault, told in _one_fault(token, key, others):
        return Finding(fault, told)
    if scheme is None:
        return Finding("alg_unknown", f"alg is {_told(token.alg)}, which names no signature that a device could make.")
    beside = f" Also, {', '.join(token.faults)}." if token.faults else ""
    return Finding(
        "mismatch",
        "It does not verify, and no single known fault explains it: either bytes were changed after signing, or it was "
        f"signed with a key that is not the certificate's; the token cannot tell which.{beside}",
    )


def verifies(key: CertificatePublicKeyTypes, scheme: Scheme, data: bytes, signature: bytes) -> bool:
    """Tell whether a signature over data verifies with a key; a key of another kind verifies nothing."""
    try:
        match key, scheme.family:
            case rsa.RSAPublicKey(), "RS":
                key.verify(signature, data, padding.PKCS1v15(), scheme.digest)
            case rsa.RSAPublicKey(), "PS":
                mask = padding.MGF1(scheme.digest)
                key.verify(signature, data, padding.PSS(mask, padding.PSS.AUTO), scheme.digest)
            case ec.EllipticCurvePublicKey(), "ES":
                size = (key.curve.key_size + 7) // 8
                if len(signature) != 2 * size or key.curve.name != _CURVES[scheme.name]:
                    return False
                r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
                key.verify(encode_dss_signature(r, s), data, ec.ECDSA(scheme.digest))
            case ec.EllipticCurvePublicKey(), "DER":
                key.verify(signature, data, ec.ECDSA(scheme.digest))
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, OverflowError):
        return False
    return True


def _other_schemes(token: Token, key: CertificatePublicKeyTypes) -> Iterator[Scheme]:
    for scheme in _RSA if isinstance(key, rsa.RSAPublicKey) else _EC:
        if token.signature is not None and verifies(key, scheme, token.signed, token.signature):
            yield scheme


def _one_fault(
    token: Token, key: CertificatePublicKeyTypes, others: dict[str, CertificatePublicKeyTypes]
) -> Iterator[tuple[str, str]]:
    """Yield each single known fault with which the signature would verify."""
    signature = token.signature or b""
    for name, other in others.items():
        if any(verifies(other, scheme, token.signed, signature) for scheme in (*_RSA[:1], *_EC)):
            yield (
                "other_key",
                f"It verifies with {name}, not with the device certificate of x5c: certificate and key are no pair.",
            )
    usual = _RSA[:1] if isinstance(key, rsa.RSAPublicKey) else _EC
    for told, data in _signed_instead(token):
        if any(verifies(key, scheme, data, signature) for scheme in usual):
            yield "signed_else", f"The key is right, but {told} was signed, not header.payload in base64url as sent."
    for told, written in _written_instead(signature):
        if any(verifies(key, scheme, token.signed, written) for scheme in usual):
            yield "encoding", f"The key is right, but the signature {told}."


def _signed_instead(token: Token) -> Iterator[tuple[str, bytes]]:
    header, payload = (part.data if (part := jws.decoded(text)) else b"" for text in token.texts[:2])
    bare = [text.rstrip("=").translate(str.maketrans("+/", "-_")) for text in token.texts[:2]]
    yield "the text in other base64 (without padding, or in the other alphabet)", ".".join(bare).encode()
    padded = [text + "=" * (-len(text) % 4) for text in bare]
    yield "the text with padding", ".".join(padded).encode()
    yield "the text in standard base64", ".".join(padded).translate(str.maketrans("-_", "+/")).encode()
    yield "the hash of the text (hashed twice)", hashlib.sha256(token.signed).digest()
    yield "the text in UTF-16", token.signed.decode().encode("utf-16-le")
    yield "the text with a line feed", token.signed + b"\n"
    yield "the JSON itself", header + b"." + payload
    yield "the payload alone", token.texts[1].encode()
    yield "the payload's JSON alone", payload


def _written_instead(signature: bytes) -> Iterator[tuple[str, bytes]]:
    yield "has its bytes in reverse order (as Windows CryptoAPI gives them)", signature[::-1]
    half = len(signature) // 2
    yield "has s before r", signature[half:] + signature[:half]
    try:
        text = signature.decode("ascii").strip()
    except UnicodeDecodeError:
        return
    again = jws.decoded(text)
    if again:
        yield "was encoded twice", again.data
    if len(text) % 2 == 0 and all(char in "0123456789abcdefABCDEF" for char in text):
        yield "is hexadecimal text, encoded", bytes.fromhex(text)


def _told(alg: object) -> str:
    if alg is None:
        return "missing"
    return alg[:40] if isinstance(alg, str) else "no text"
