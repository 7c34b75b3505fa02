"""Reads the device's certificate, out of x5c or a file, and describes it.

Nothing is judged here. Whether Entra issued it cannot be verified without the issuer's certificate, and is not claimed.
"""

from __future__ import annotations

import base64
import re
import uuid
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from pipeline.errors import UsageError
from pipeline.tokens import given, jws

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

# Extensions that device registration writes; each holds a GUID as Windows lays it out in memory.
_DEVICE_ID = "1.2.840.113556.1.5.284.2"
_TENANT_ID = "1.2.840.113556.1.5.284.5"
_MOST_CERTIFICATES = 5
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)


@dataclass(frozen=True)
class Certificate:
    """What a certificate says; times in UTC."""

    issuer: str
    issuer_names: frozenset[str]
    subject: str
    device_id: str | None
    tenant_id: str | None
    not_before: datetime
    not_after: datetime
    key: CertificatePublicKeyTypes | None
    thumbprint: str
    thumbprint_sha256: str

    @property
    def key_type(self) -> str:
        """Return RSA or EC, or what else the key is."""
        match self.key:
            case rsa.RSAPublicKey():
                return "RSA"
            case ec.EllipticCurvePublicKey():
                return "EC"
            case None:
                return "unreadable"
        return type(self.key).__name__.removesuffix("PublicKey").removeprefix("_")

    @property
    def key_size(self) -> int | None:
        """Return the bits of an RSA or EC key."""
        return self.key.key_size if isinstance(self.key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None

    @property
    def self_issued(self) -> bool:
        """Tell whether it names itself as its issuer."""
        return self.issuer == self.subject


@dataclass(frozen=True)
class Chain:
    """The certificates of x5c as far as they can be read, the device's first, and what is wrong with their form."""

    leaf: Certificate | None
    rest: tuple[Certificate, ...]
    faults: tuple[str, ...]


def from_file(raw: bytes) -> Certificate:
    """Read the certificate of a file, PEM or DER. Raises UsageError for anything else."""
    if len(raw) > given.MOST_BYTES:
        raise UsageError("--cert is larger than 1 MiB: give one certificate, PEM or DER.")
    found = _read(raw)
    if found is None:
        raise UsageError("--cert holds no certificate that can be read: give one, PEM or DER.")
    return found


def from_x5c(header: dict[str, object]) -> Chain:
    """Read x5c, also where its form is not that of RFC 7515, section 4.1.6, which is then named."""
    if "x5c" not in header:
        return Chain(None, (), ("x5c is missing",))
    listed = header["x5c"]
    faults: list[str] = []
    if isinstance(listed, str):
        faults.append("x5c is text where a list of texts is called for")
        listed = [listed]
    if not isinstance(listed, list) or not listed:
        return Chain(None, (), ("x5c is an empty list" if listed == [] else "x5c is no list of texts",))
    read: list[Certificate | None] = []
    for entry in listed[:_MOST_CERTIFICATES]:
        certificate, found = _entry(entry)
        read.append(certificate)
        faults += found
    return Chain(read[0], tuple(each for each in read[1:] if each), tuple(dict.fromkeys(faults)))


def _entry(entry: object) -> tuple[Certificate | None, list[str]]:
    if not isinstance(entry, str):
        return None, ["x5c holds something else than text"]
    faults = []
    body = entry
    if "-----BEGIN" in entry:
        faults.append("x5c holds PEM armour (BEGIN CERTIFICATE) where plain base64 of the DER is called for")
        body = re.sub(r"-----[A-Z ]+-----", "", entry)
    body = re.sub(r"\s+", "", body)
    part = jws.decoded(body)
    if part is None:
        return None, [*faults, "x5c holds what is no base64"]
    if "-" in body or "_" in body or len(body) % 4:
        faults.append("x5c is base64url, or lacks its padding, where standard base64 is called for")
    certificate = _read(part.data)
    if certificate is None:
        faults.append("x5c holds what is no certificate")
    elif part.data.startswith(b"-----BEGIN"):
        faults.append("x5c holds the base64 of a PEM file where that of the DER is called for")
    return certificate, faults


def _read(raw: bytes) -> Certificate | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd about a stranger's certificate is not our user's to mend
            return _described(_loaded(raw))
    except _UNREADABLE:
        return None


def _loaded(raw: bytes) -> x509.Certificate:
    begin = raw.find(_BEGIN)
    if begin >= 0:  # the first, also where a file holds text or a chain around it
        return x509.load_pem_x509_certificate(raw[begin : raw.find(_END, begin) + len(_END)])
    try:
        return x509.load_der_x509_certificate(raw)
    except ValueError:
        # Base64 without its armour, as it stands in x5c itself and in many a portal.
        return x509.load_der_x509_certificate(base64.b64decode(b"".join(raw.split()), validate=True))


def _described(found: x509.Certificate) -> Certificate:
    try:
        key = found.public_key()
    except _UNREADABLE:
        key = None
    common_names = [str(name.value) for name in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return Certificate(
        issuer=found.issuer.rfc4514_string(),
        issuer_names=frozenset(f"{name.rfc4514_attribute_name}={name.value!s}".lower() for name in found.issuer),
        subject=found.subject.rfc4514_string(),
        device_id=next((name.lower() for name in common_names if _is_guid(name)), None) or _guid(found, _DEVICE_ID),
        tenant_id=_guid(found, _TENANT_ID),
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
        key=key,
        thumbprint=found.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 the name by which Windows and Entra know it
        thumbprint_sha256=found.fingerprint(hashes.SHA256()).hex(),
    )


def _guid(found: x509.Certificate, oid: str) -> str | None:
    """Return the GUID of an extension, bare or as an octet string."""
    try:
        extension = found.extensions.get_extension_for_oid(x509.ObjectIdentifier(oid)).value
    except x509.ExtensionNotFound:
        return None
    if not isinstance(extension, x509.UnrecognizedExtension):
        return None
    raw = extension.value
    raw = raw[-16:] if raw[:2] == b"\x04\x10" or raw[:3] == b"\x04\x81\x10" else raw
    return str(uuid.UUID(bytes_le=raw)) if len(raw) == 16 else None


def _is_guid(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text))
