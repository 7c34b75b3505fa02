"""PKeyAuth answers made with fresh keys: a good one, and each part of it to be made wrong."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Callable

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

DEVICE_ID = "0d3d4f8e-9d5b-4a57-9d1c-6f2a7d1b6c11"
TENANT_ID = "6a1f0c52-3a7e-4c58-8d1e-2f6b1a9e4d33"
SUBMIT_URL = "https://login.microsoftonline.com/common/DeviceAuthPKeyAuth"
AUTHORITY = "OU=82dbaca4-3e81-46ca-9c73-0950c1eaca97,CN=MS-Organization-Access,DC=windows,DC=net"
NONCE = "bm9uY2U+of/it"
CHALLENGE = (
    f'WWW-Authenticate: PKeyAuth Nonce="{NONCE}", Version="1.0", CertAuthorities="{AUTHORITY}", Context="ctx-1", '
    f'SubmitUrl="{SUBMIT_URL}?slice=1", TenantId="{TENANT_ID}"'
)
NOW = datetime.now(UTC)


@cache
def rsa_key(which: int = 0) -> rsa.RSAPrivateKey:
    """Return a key of this run; another number gives another key."""
    del which
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key(which: int = 0) -> ec.EllipticCurvePrivateKey:
    """Return a P-256 key of this run; another number gives another key."""
    del which
    return ec.generate_private_key(ec.SECP256R1())


def certificate(
    key: Key,
    issuer: str = AUTHORITY,
    subject: str = f"CN={DEVICE_ID}",
    valid: tuple[timedelta, timedelta] = (timedelta(days=-30), timedelta(days=3620)),
    extensions: bool = True,
) -> x509.Certificate:
    """Return a device's certificate as registration issues it, self-signed for want of the issuer's key."""
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(x509.Name.from_rfc4514_string(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + valid[0])
        .not_valid_after(NOW + valid[1])
    )
    if extensions:
        for oid, guid in (("1.2.840.113556.1.5.284.2", DEVICE_ID), ("1.2.840.113556.1.5.284.5", TENANT_ID)):
            value = b"\x04\x10" + uuid.UUID(guid).bytes_le
            made = made.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False)
    return made.sign(key, hashes.SHA256())


def der(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.DER)


def pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)


def x5c_entry(made: x509.Certificate) -> str:
    return base64.b64encode(der(made)).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def rs256(key: Key, data: bytes) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def ps256(key: Key, data: bytes) -> bytes:
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


def es256_der(key: Key, data: bytes) -> bytes:
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def es256(key: Key, data: bytes) -> bytes:
    r, s = decode_dss_signature(es256_der(key, data))
    return r.to_bytes(32) + s.to_bytes(32)


@dataclass
class Answer:
    """What a client puts into its answer; change a part, then print it."""

    key: Key = field(default_factory=rsa_key)
    sign: Callable[[Key, bytes], bytes] = rs256
    alg: object = "RS256"
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    signature: Callable[[bytes], str] = b64url
    encode: Callable[[bytes], str] = b64url

    def certificate(self) -> x509.Certificate:
        return _certificate_of(self.key)

    def jwt(self) -> str:
        header = {"typ": "JWT", "alg": self.alg, "x5c": [x5c_entry(self.certificate())]} | self.header
        claims = {"aud": SUBMIT_URL, "nonce": NONCE, "iat": int(NOW.timestamp())} | self.claims
        parts = [
            self.encode(json.dumps({name: value for name, value in part.items() if name not in self.without}).encode())
            for part in (header, claims)
        ]
        signed = ".".join(parts)
        return f"{signed}.{self.signature(self.sign(self.key, signed.encode()))}"

    def http(self) -> str:
        return f'Authorization: PKeyAuth AuthToken="{self.jwt()}", Context="ctx-1", Version="1.0"'


@cache
def _certificate_of(key: Key) -> x509.Certificate:
    return certificate(key)


def ec_answer(**parts: Any) -> Answer:
    """Return an answer of a device with an EC key."""
    given: dict[str, Any] = {"key": ec_key(), "sign": es256, "alg": "ES256"} | parts
    return Answer(**given)
