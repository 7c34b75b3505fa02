"""What ``token`` says of each known fault of a client; every vector is made with keys of this run."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st
from token_vectors import (
    AUTHORITY,
    CHALLENGE,
    NONCE,
    NOW,
    SUBMIT_URL,
    Answer,
    b64url,
    certificate,
    der,
    ec_answer,
    ec_key,
    es256_der,
    pem,
    ps256,
    rs256,
    rsa_key,
    x5c_entry,
)

from pipeline.tokens import verdict

if TYPE_CHECKING:
    from pipeline.tokens.verdict import Verdict


def judged(answer: Answer | str, cert: bytes | None = None, challenge: str | None = CHALLENGE) -> Verdict:
    text = answer if isinstance(answer, str) else answer.jwt()
    return verdict.judge(text.encode(), cert, challenge.encode() if challenge is not None else None, NOW)


def status(found: Verdict, name: str) -> str:
    return next(each.status for each in found.checks if each.name == name)


def detail(found: Verdict, name: str) -> str:
    return next(each.detail for each in found.checks if each.name == name)


@pytest.mark.parametrize("answer", [Answer(), ec_answer()], ids=["RSA", "EC"])
def test_a_token_built_right_passes_all_five_checks(answer: Answer) -> None:
    found = judged(answer)
    assert [(each.name, each.status) for each in found.checks] == [
        ("signature", "pass"),
        ("headers", "pass"),
        ("certificate", "pass"),
        ("nonce", "pass"),
        ("audience", "pass"),
    ]
    assert (found.first_failing, found.aadsts, found.cause) == (None, (), None)


def hs256(_: Any, data: bytes) -> bytes:
    return hmac.digest(b"secret", data, hashlib.sha256)


def unsigned(_: Any, data: bytes) -> bytes:
    del data
    return b""


def hashed_twice(key: Any, data: bytes) -> bytes:
    return rs256(key, hashlib.sha256(data).digest())


def in_utf16(key: Any, data: bytes) -> bytes:
    return rs256(key, data.decode().encode("utf-16-le"))


def backwards(key: Any, data: bytes) -> bytes:
    return rs256(key, data)[::-1]


def with_another_key(_: Any, data: bytes) -> bytes:
    return rs256(rsa_key(1), data)


def padded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def standard(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


SIGNATURE_FAULTS = {
    "(null) in place of a signature": (Answer(signature=lambda _: "(null)"), "(null)", "device_key_unavailable"),
    "no signature": (Answer(sign=unsigned), "empty", "device_key_unavailable"),
    "alg none": (Answer(alg="none", sign=unsigned), "none", "token_forgery"),
    "alg none, signed": (Answer(alg="None"), "none", "token_forgery"),
    "a shared secret": (Answer(alg="HS256", sign=hs256), "shared secret", "algorithm_mismatch"),
    "an EC signature as DER": (ec_answer(sign=es256_der), "DER", "algorithm_mismatch"),
    "ES256 with an RSA key": (Answer(alg="ES256"), "key is RSA; it was signed as RS256", "algorithm_mismatch"),
    "RS256 with an EC key": (ec_answer(alg="RS256"), "key is EC; it was signed as ES256", "algorithm_mismatch"),
    "PSS under the name RS256": (Answer(sign=ps256), "signed as PS256", "algorithm_mismatch"),
    "an alg in small letters": (Answer(alg="rs256"), "signed as RS256", "algorithm_mismatch"),
    "a signature with padding": (Answer(signature=padded), "padded with =", "algorithm_mismatch"),
    "all parts with padding": (Answer(signature=padded, encode=padded), "padded with =", "algorithm_mismatch"),
    "the standard alphabet": (Answer(signature=standard), "standard alphabet", "algorithm_mismatch"),
    "a signature encoded twice": (Answer(signature=lambda data: b64url(b64url(data).encode())), "twice", "algorithm"),
    "hexadecimal text": (Answer(signature=lambda data: b64url(data.hex().encode())), "hexadecimal", "algorithm"),
    "a hash hashed again": (Answer(sign=hashed_twice), "hashed twice", "algorithm_mismatch"),
    "UTF-16 signed": (Answer(sign=in_utf16), "UTF-16", "algorithm_mismatch"),
    "bytes in reverse order": (Answer(sign=backwards), "reverse", "algorithm_mismatch"),
    "another key": (Answer(sign=with_another_key), "cannot tell which", "network_interception"),
    "what is no base64": (Answer(signature=lambda _: "a&b"), "no base64url", "algorithm_mismatch"),
}


@pytest.mark.parametrize("fault", SIGNATURE_FAULTS)
def test_a_fault_of_the_signature_is_named(fault: str) -> None:
    answer, says, cause = SIGNATURE_FAULTS[fault]
    found = judged(answer)
    assert (status(found, "signature"), found.first_failing, found.aadsts[0]) == ("fail", "signature", 50099)
    assert says in detail(found, "signature")
    assert cause in (found.cause or "")


def test_a_claim_changed_after_signing_cannot_be_told_from_a_wrong_key() -> None:
    header, _, signature = Answer().jwt().split(".")
    other = Answer(claims={"iat": 1}).jwt().split(".")[1]
    found = judged(f"{header}.{other}.{signature}")
    assert found.first_failing == "signature"
    assert "cannot tell which" in detail(found, "signature")


@given(st.data())
def test_no_signature_survives_a_flipped_bit(data: st.DataObject) -> None:
    head, _, signature = ec_answer().jwt().rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert judged(f"{head}.{b64url(bytes(raw))}").first_failing == "signature"


@given(st.data())
def test_no_token_survives_another_character_in_its_signature(data: st.DataObject) -> None:
    head, _, signature = Answer().jwt().rpartition(".")
    place = data.draw(st.integers(0, len(signature) - 1))
    other = data.draw(st.sampled_from(sorted(set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))))
    changed = signature[:place] + other + signature[place + 1 :]
    assert (judged(f"{head}.{changed}").first_failing == "signature") == (changed != signature)


def test_a_signature_that_verifies_with_the_given_certificate_means_that_x5c_is_another() -> None:
    found = judged(Answer(sign=with_another_key), cert=pem(certificate(rsa_key(1))))
    assert "verifies with the certificate of --cert" in detail(found, "signature")
    assert "no pair" in (found.cause or "")


def test_a_key_of_another_kind_goes_with_no_algorithm() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name.from_rfc4514_string(AUTHORITY)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    signed = made.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1)).sign(key, None)
    found = judged(Answer(header={"x5c": [x5c_entry(signed)]}))
    assert "neither RSA nor EC" in detail(found, "signature")


def test_a_chain_with_the_device_certificate_behind_is_told() -> None:
    chain = [x5c_entry(certificate(rsa_key(1))), x5c_entry(certificate(rsa_key()))]
    found = judged(Answer(header={"x5c": chain}))
    assert "certificate 2 of x5c" in detail(found, "signature")


HEADER_FAULTS: dict[str, tuple[Answer, str, str]] = {
    "no x5c": (Answer(without=("x5c",)), "x5c is missing", "not judged"),
    "an empty x5c": (Answer(header={"x5c": []}), "empty list", "not judged"),
    "x5c of rubbish": (Answer(header={"x5c": ["AAAA"]}), "no certificate", "not judged"),
    "x5c of numbers": (Answer(header={"x5c": [1]}), "something else than text", "not judged"),
    "x5c as an object": (Answer(header={"x5c": {}}), "no list", "not judged"),
    "x5c as text": (Answer(header={"x5c": x5c_entry(certificate(rsa_key()))}), "a list of texts", "pass"),
    "x5c in base64url": (Answer(header={"x5c": [b64url(der(certificate(rsa_key())))]}), "base64url", "pass"),
    "x5c with PEM armour": (Answer(header={"x5c": [pem(certificate(rsa_key())).decode()]}), "PEM armour", "pass"),
    "x5c of a PEM file": (
        Answer(header={"x5c": [base64.b64encode(pem(certificate(rsa_key()))).decode()]}),
        "base64 of a PEM file",
        "pass",
    ),
    "no typ": (Answer(without=("typ",)), "typ is missing", "pass"),
    "another typ": (Answer(header={"typ": "JOSE"}), "typ is JOSE", "pass"),
    "an algorithm that was not asked for": (Answer(alg="PS256", sign=ps256), "alg is PS256", "pass"),
}


@pytest.mark.parametrize("fault", HEADER_FAULTS)
def test_a_fault_of_the_header_is_named(fault: str) -> None:
    answer, says, signature = HEADER_FAULTS[fault]
    found = judged(answer)
    assert (status(found, "signature"), found.first_failing, found.aadsts) == (signature, "headers", (50120,))
    assert says in detail(found, "headers")


def test_without_x5c_the_signature_is_not_judged_though_it_verifies_with_the_given_certificate() -> None:
    found = judged(Answer(without=("x5c",)), cert=der(Answer().certificate()))
    assert (status(found, "signature"), found.first_failing, found.aadsts) == ("not judged", "headers", (50120,))
    assert "With the certificate of --cert: Verifies" in detail(found, "signature")
    assert (found.certificate or {})["source"] == "--cert"


def test_without_x5c_it_is_told_that_the_signature_does_not_verify_with_the_given_certificate() -> None:
    found = judged(Answer(without=("x5c",)), cert=der(certificate(rsa_key(1))))
    assert (status(found, "signature"), found.aadsts) == ("not judged", (50120,))
    assert "With the certificate of --cert: It does not verify" in detail(found, "signature")


def test_supported_algorithms_of_the_challenge_bind_the_header() -> None:
    found = judged(ec_answer(), challenge=f'{CHALLENGE}, SupportedAlgs="RS256"')
    assert (found.first_failing, found.aadsts) == ("headers", (50120,))


DAYS = timedelta(days=1)
CERTIFICATE_FAULTS = {
    "expired": (certificate(rsa_key(), valid=(-40 * DAYS, -2 * DAYS)), "was valid until"),
    "not valid yet": (certificate(rsa_key(), valid=(2 * DAYS, 40 * DAYS)), "valid only from"),
    "of another issuer": (certificate(rsa_key(), issuer="CN=Corp CA"), "CertAuthorities"),
    "for connections between devices": (
        certificate(rsa_key(), issuer="CN=MS-Organization-P2P-Access [2026]"),
        "between devices",
    ),
}


@pytest.mark.parametrize("fault", CERTIFICATE_FAULTS)
def test_a_certificate_that_does_not_meet_the_criteria_fails_without_a_known_code(fault: str) -> None:
    made, says = CERTIFICATE_FAULTS[fault]
    found = judged(Answer(header={"x5c": [x5c_entry(made)]}))
    assert (found.first_failing, found.aadsts) == ("certificate", ())
    assert says in detail(found, "certificate")
    assert found.cause


def test_a_certificate_is_described() -> None:
    found = judged(Answer()).certificate or {}
    assert found["device_id"] == "0d3d4f8e-9d5b-4a57-9d1c-6f2a7d1b6c11"
    assert (found["key_type"], found["key_size"], found["days_left"]) == ("RSA", 2048, 3619)


def test_the_device_id_of_the_extension_counts_where_the_subject_is_no_id() -> None:
    made = certificate(rsa_key(), subject="CN=Laptop")
    found = judged(Answer(header={"x5c": [x5c_entry(made)]})).certificate or {}
    assert found["device_id"] == "0d3d4f8e-9d5b-4a57-9d1c-6f2a7d1b6c11"


def test_another_certificate_than_the_given_one_is_a_fault_of_the_certificate() -> None:
    found = judged(Answer(), cert=pem(certificate(ec_key(1))))
    assert (found.first_failing, status(found, "signature")) == ("certificate", "pass")


def test_the_thumbprint_of_the_challenge_binds_the_certificate() -> None:
    thumbprint = (judged(Answer()).certificate or {})["thumbprint"].upper()
    assert judged(Answer(), challenge=f'PKeyAuth Nonce="{NONCE}", CertThumbprint="{thumbprint}"').first_failing is None
    other = judged(Answer(), challenge=f'PKeyAuth Nonce="{NONCE}", CertThumbprint="{"0" * 40}"')
    assert other.first_failing == "certificate"


def test_the_certificate_of_another_tenant_is_told() -> None:
    found = judged(Answer(), challenge=f'PKeyAuth Nonce="{NONCE}", TenantId="1f0c526a-0000-4c58-8d1e-2f6b1a9e4d33"')
    assert (found.first_failing, "tenant" in detail(found, "certificate")) == ("certificate", True)


CLAIM_FAULTS = {
    "no nonce": (Answer(without=("nonce",)), "nonce", 50098),
    "no iat": (Answer(without=("iat",)), "nonce", 50098),
    "another nonce": (Answer(claims={"nonce": "other"}), "nonce", 140000),
    "a nonce whose + was read as a space": (Answer(claims={"nonce": NONCE.replace("+", " ")}), "nonce", 140000),
    "no audience": (Answer(without=("aud",)), "audience", 50098),
    "an audience with its query": (Answer(claims={"aud": f"{SUBMIT_URL}?slice=null&dc=null"}), "audience", 500991),
    "another audience": (Answer(claims={"aud": "https://login.microsoftonline.com/common"}), "audience", 500991),
    "an audience that is no URL": (Answer(claims={"aud": "urn-of-nothing"}), "audience", 500991),
}


@pytest.mark.parametrize("fault", CLAIM_FAULTS)
def test_a_fault_of_a_claim_is_named_with_its_code(fault: str) -> None:
    answer, check, code = CLAIM_FAULTS[fault]
    found = judged(answer)
    assert (found.first_failing, found.aadsts) == (check, (code,))


def test_without_a_challenge_nonce_and_audience_are_not_judged_but_a_query_fails() -> None:
    found = judged(Answer(), challenge=None)
    assert (status(found, "nonce"), status(found, "audience"), found.first_failing) == (
        "not judged",
        "not judged",
        None,
    )
    assert judged(Answer(claims={"aud": f"{SUBMIT_URL}?x=1"}), challenge=None).aadsts == (500991,)


def test_every_failing_check_adds_its_code_in_the_order_of_the_server() -> None:
    found = judged(Answer(sign=with_another_key, without=("nonce",), claims={"aud": "https://elsewhere.example/x"}))
    assert found.aadsts == (50099, 50098, 500991)


@pytest.mark.parametrize(
    ("issued", "says"),
    [
        (str(int(NOW.timestamp())), "iat is text"),
        (int(NOW.timestamp() * 1000), "milliseconds"),
        (int(NOW.timestamp()) + 3600, "clock_skew"),
        (int(NOW.timestamp()) - 86_400, "clock_skew"),
        (10**300, "no time"),
        (True, "no number"),
        (None, "no number"),
    ],
    ids=["text", "milliseconds", "ahead", "behind", "absurd", "truth", "nothing"],  # the clock would name them anew
)
def test_the_clock_is_remarked_upon_and_fails_no_check(issued: object, says: str) -> None:
    found = judged(Answer(claims={"iat": issued}))
    assert found.first_failing is None
    assert any(says in remark for remark in found.remarks)


def test_a_token_without_exp_is_told_what_bounds_it() -> None:
    assert any("no exp" in remark and "nonce" in remark for remark in judged(Answer()).remarks)


@pytest.mark.parametrize(
    "challenge",
    [
        CHALLENGE,
        CHALLENGE.partition(": ")[2],
        f"HTTP/1.1 401 Unauthorized\r\nDate: x\r\n{CHALLENGE}\r\nContent-Length: 0\r\n",
        f"urn:http-auth:PKeyAuth?Nonce=bm9uY2U%2Bof%2Fit&CertAuthorities={AUTHORITY.replace('=', '%3D')}&Version=1.0"
        "&SubmitUrl=https%3A%2F%2Flogin.microsoftonline.com%2Fcommon%2FDeviceAuthPKeyAuth%3Fslice%3D1&Context=c",
        f"Location: urn:http-auth:PKeyAuth?Nonce={NONCE}&Version=1.0&SubmitUrl={SUBMIT_URL}&Context=c",
        CHALLENGE.replace('"', '\\"'),
        f'PKeyAuth Nonce="bm9uY2U%2Bof%2Fit", SubmitUrl="{SUBMIT_URL.replace("/", "%2f")}"',
        f'pkeyauth nonce="{NONCE}",submiturl="{SUBMIT_URL}"',
    ],
)
def test_a_challenge_is_read_in_every_form_that_it_comes_in(challenge: str) -> None:
    found = judged(Answer(), challenge=challenge)
    assert (status(found, "nonce"), status(found, "audience")) == ("pass", "pass")


def test_a_nonce_that_looks_url_encoded_in_a_header_is_echoed_as_it_stands() -> None:
    challenge = f'PKeyAuth Nonce="a%2Bb", SubmitUrl="{SUBMIT_URL}", Version="1.0"'
    assert status(judged(Answer(claims={"nonce": "a%2Bb"}), challenge=challenge), "nonce") == "pass"
    assert status(judged(Answer(claims={"nonce": "a+b"}), challenge=challenge), "nonce") == "fail"


@pytest.mark.parametrize(("context", "nonce"), [("ctx-1", "pass"), ("ctx-2", "not judged")])
def test_a_challenge_in_the_same_trace_counts_where_its_context_is_the_answer_s(context: str, nonce: str) -> None:
    other = f'WWW-Authenticate: PKeyAuth Nonce="old", Context="ctx-0", SubmitUrl="{SUBMIT_URL}"'
    trace = f"{other}\r\n{CHALLENGE}\r\n\r\n{Answer().http().replace('ctx-1', context)}\r\n"
    assert status(judged(trace, challenge=None), "nonce") == nonce


def test_an_answer_of_another_request_is_told_by_its_context() -> None:
    found = judged(Answer().http().replace("ctx-1", "ctx-2"))
    assert any("different requests" in remark for remark in found.remarks)
