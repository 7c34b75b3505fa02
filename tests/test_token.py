"""The command ``token``: what it takes, in which forms it answers, and what it does not let itself be talked into."""

from __future__ import annotations

import base64
import contextlib
import csv
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import last_line, signin_triage
from token_vectors import CHALLENGE, NOW, Answer, b64url, pem, rsa_key

from pipeline.errors import UsageError
from pipeline.tokens import challenges, told, verdict

if TYPE_CHECKING:
    from pathlib import Path


def judged(text: str | bytes) -> verdict.Verdict:
    return verdict.judge(text if isinstance(text, bytes) else text.encode(), None, None, NOW)


def refusal(text: str | bytes) -> str:
    with pytest.raises(UsageError) as refused:
        judged(text)
    return str(refused.value)


def jwt_of(header: object, claims: object, signature: str = "AAAA") -> str:
    parts = [b64url(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, claims)]
    return ".".join([*parts, signature])


def wrapped(text: str, width: int = 60) -> str:
    return "\r\n".join(text[at : at + width] for at in range(0, len(text), width))


JWT = Answer().jwt()
HTTP = Answer().http()
FORMS: dict[str, str | bytes] = {
    "a bare token": JWT,
    "a token with a line feed": f"{JWT}\n",
    "a token in lines": wrapped(JWT),
    "a token in quotes": f'"{JWT}"\r\n',
    "a token with a byte order mark": b"\xef\xbb\xbf" + JWT.encode(),
    "a token in UTF-16, as PowerShell writes": JWT.encode("utf-16"),
    "the header": HTTP,
    "the header without its name": HTTP.partition(": ")[2],
    "the header in small letters": HTTP.replace(
        "Authorization: PKeyAuth AuthToken", "authorization: pkeyauth authtoken"
    ),
    "the header in quotes": f"'{HTTP}'",
    "a header that lost its quotes": HTTP.replace('"', ""),
    "a header whose token is in lines": HTTP.replace(JWT, wrapped(JWT)),
    "a line of a trace": f"2026-11-09T08:00:00Z [MSAL] GET /common/DeviceAuthPKeyAuth {HTTP} sent (243 ms)",
    "a trace": f"GET /x HTTP/1.1\r\nUser-Agent: PKeyAuth/1.0\r\n{HTTP}\r\nAccept: */*\r\n\r\n",
    "a trace in JSON": json.dumps({"name": "Authorization", "value": HTTP.partition(": ")[2]}),
    "a header URL-encoded": HTTP.replace("=", "%3D").replace('"', "%22").replace(" ", "%20"),
    "a token in a line": f"AuthToken was {JWT}, sent",
    "the same token twice": f"{HTTP}\n{HTTP}",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_token_is_found_in(form: str) -> None:
    assert judged(FORMS[form]).first_failing is None


def test_a_header_whose_signature_is_null_is_found_whole() -> None:
    found = judged(Answer(signature=lambda _: "(null)").http())
    assert "device_key_unavailable" in (found.cause or "")


NO_TOKEN: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "Nothing was given"),
    "quotes alone": ('""\r\n', "Nothing was given"),
    "prose": ("hello world", "neither a file nor a PKeyAuth"),
    "an answer without a token": ('Authorization: PKeyAuth Context="c", Version="1.0"', "holds no AuthToken"),
    "an answer with an empty token": ('PKeyAuth AuthToken="", Context="c", Version="1.0"', "holds no AuthToken"),
    "a challenge": (CHALLENGE, "server's challenge"),
    "two tokens": (f"{JWT}\n{Answer(claims={'iat': 1}).jwt()}", "2 different tokens"),
    "an encrypted token": (jwt_of({"alg": "RSA-OAEP", "enc": "A256GCM"}, {"a": 1}, "AA.AA.AA"), "encrypted token"),
    "a token cut off": (JWT.rpartition(".")[0], "2 parts"),
    "an access token": (
        jwt_of({"typ": "JWT", "alg": "RS256", "kid": "k"}, {"iss": "i", "exp": 1, "scp": "s", "aud": "a"}),
        "an access token",
    ),
    "an id token": (
        jwt_of({"typ": "JWT", "kid": "k"}, {"iss": "i", "exp": 1, "nonce": "n", "aud": "a"}),
        "an id token",
    ),
    "an id token without its end": (jwt_of({"typ": "JWT"}, {"sub": "s", "nonce": "n", "aud": "a"}), "an id token"),
    "an access token without its end": (jwt_of({"nonce": "n"}, {"scp": "User.Read", "aud": "a"}), "an access token"),
    "a PRT cookie": (jwt_of({"alg": "HS256", "ctx": "c"}, {"refresh_token": "r", "is_primary": "true"}), "PRT cookie"),
    "a broker's credential": (jwt_of({"x5c": ["AA"]}, {"request_nonce": "n", "iss": "aad:brokerplugin"}), "broker"),
    "an assertion": (jwt_of({"x5t": "t"}, {"iss": "c", "sub": "c", "exp": 1, "aud": "a"}), "client assertion"),
    "a PoP token": (jwt_of({"typ": "pop"}, {"at": "a", "cnf": {}}), "proof-of-possession"),
    "another JWT": (jwt_of({"alg": "HS256"}, {"sub": "1"}), "another kind"),
    "claims that are no object": (jwt_of({"x5c": []}, [1]), "no JSON object"),
    "claims that are no JSON": (jwt_of({"x5c": []}, b"{"), "no JSON"),
    "a claim twice": (jwt_of({"x5c": []}, b'{"aud": 1, "aud": 2}'), "twice"),
    "claims nested deep": (jwt_of({"x5c": []}, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "no JSON"),
    "claims nested 900 deep": (jwt_of({"x5c": []}, b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"), "too deep"),
    "an endless number": (jwt_of({"x5c": []}, b'{"iat": 1e999}'), "number"),
    "a number of no JSON": (jwt_of({"x5c": []}, b'{"iat": NaN}'), "number"),
    "a number of 9000 digits": (jwt_of({"x5c": []}, b'{"iat": ' + b"9" * 9000 + b"}"), "no JSON"),
    "claims in Latin-1": (jwt_of({"x5c": []}, b'{"aud": "\xe9"}'), "no JSON"),
    "half a character": (jwt_of({"x5c": []}, b'{"aud": "\\ud800"}'), "no JSON"),
    "too much": (b"a" * (2 << 20), "More than 1 MiB"),
    "bytes": (b"\xff\x00\xfe\x81", "no UTF-8 text"),
}


@pytest.mark.parametrize("what", NO_TOKEN)
def test_what_is_no_token_to_judge_is_refused_with_what_it_is(what: str) -> None:
    given_text, says = NO_TOKEN[what]
    assert says in refusal(given_text)


def test_a_client_that_adds_exp_and_iss_by_its_library_is_judged_all_the_same() -> None:
    assert judged(Answer(claims={"exp": 2_000_000_000, "iss": "me"}).jwt()).first_failing is None


@given(st.text() | st.text(alphabet="ey.JA=+/-_ \n\"'%2(null)PKeyAuthToken", max_size=200))
def test_no_text_makes_it_stumble(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert told.lines(judged(text.encode(errors="replace")))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["typ", "alg", "x5c", "kid", "\x1b"]), JSON),
    st.dictionaries(st.sampled_from(["aud", "nonce", "iat", "iss", "exp", "a\n"]), JSON),
    st.text(alphabet="AB_-+/=()", max_size=12),
)
def test_no_header_and_no_claims_make_it_stumble(
    header: dict[str, Any], claims: dict[str, Any], signature: str
) -> None:
    try:
        found = judged(f'PKeyAuth AuthToken="{jwt_of(header, claims, signature)}"')
    except UsageError:
        return
    assert found.first_failing in ("signature", "headers")
    assert json.dumps(found.as_json(), allow_nan=False)
    assert told.lines(found)


@given(st.integers(0, 700), st.integers(1, 255))
def test_no_damaged_certificate_makes_it_stumble(place: int, flip: int) -> None:
    raw = bytearray(base64.b64decode(json.loads(base64.urlsafe_b64decode(JWT.partition(".")[0] + "=="))["x5c"][0]))
    raw[place % len(raw)] ^= flip
    found = judged(Answer(header={"x5c": [base64.b64encode(raw).decode()]}).jwt())
    assert told.lines(found)


@given(st.text(max_size=60))
def test_no_challenge_makes_it_stumble(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert challenges.read(f"urn:http-auth:PKeyAuth?Nonce={text}&SubmitUrl={text}".encode(errors="replace"))


def test_json_is_the_object_of_the_contract() -> None:
    done = signin_triage("token", "-", "--challenge", CHALLENGE, "--format", "json", stdin=HTTP)
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert [*answer][:8] == [
        "header",
        "claims",
        "certificate",
        "checks",
        "first_failing",
        "aadsts",
        "cause",
        "next_step",
    ]
    assert [each["check"] for each in answer["checks"]] == ["signature", "headers", "certificate", "nonce", "audience"]
    assert {each["status"] for each in answer["checks"]} == {"pass"}


def test_the_picture_names_check_code_cause_and_next_step() -> None:
    done = signin_triage("token", stdin=Answer(signature=lambda _: "(null)").jwt())
    assert done.returncode == 0
    assert "1. signature    FAIL" in done.stdout
    assert "AADSTS50099" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_a_long_name_of_a_claim_leaves_room_for_what_it_says() -> None:
    lines = told.lines(judged(Answer(claims={"n" * 3000: "word " * 30}).jwt()))
    assert all(len(line) <= 80 for line in lines)
    assert any("word word word" in line for line in lines)


def test_files_and_variables_give_token_certificate_and_challenge(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text(JWT)
    (tmp_path / "device.pem").write_bytes(pem(Answer(key=rsa_key(1)).certificate()))
    (tmp_path / "challenge.txt").write_text(CHALLENGE)
    environment = {"SIGNIN_TRIAGE_CERT": "device.pem", "SIGNIN_TRIAGE_CHALLENGE": "challenge.txt"}
    done = signin_triage("token", "token.txt", "--format", "csv", env=environment, cwd=tmp_path)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["check"], row["status"]) for row in rows][2:] == [
        ("certificate", "fail"),
        ("nonce", "pass"),
        ("audience", "pass"),
    ]


def test_nothing_is_left_on_disk_and_quiet_says_nothing(tmp_path: Path) -> None:
    done = signin_triage("token", JWT, "--quiet", cwd=tmp_path, env={"TMPDIR": str(tmp_path), "HOME": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.rglob("*")) == []


def test_what_a_terminal_would_obey_does_not_reach_it() -> None:
    hostile = Answer(
        claims={"aud": "https://x.example/\x1b[2J\x9b31m\u202e\x7f\r\nNext step   pay"}, without=("nonce",)
    ).jwt()
    for form in ("table", "json", "csv"):
        said = signin_triage("token", hostile, "--format", form).stdout
        assert not {"\x1b", "\x9b", "\u202e", "\x7f", "\r"} & set(said)
        assert "\nNext step   pay" not in said


@pytest.mark.parametrize("args", [["nonsense"], ["-", "--cert", "missing.pem"], ["-", "--challenge", "what?"]])
def test_a_refusal_is_one_sentence_and_exit_2_and_does_not_quote_the_token(args: list[str], tmp_path: Path) -> None:
    done = signin_triage("token", *args, stdin=JWT, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert last_line(done.stderr).startswith("signin-triage: ")
    assert JWT[:40] not in done.stderr


@pytest.mark.parametrize(
    "args", [("token", "PKeyAuth", HTTP), ("token", JWT, JWT), ("token", HTTP, "--cert", JWT), (JWT,)]
)
def test_a_token_in_the_wrong_place_is_not_quoted_in_the_refusal(args: tuple[str, ...]) -> None:
    done = signin_triage(*args)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert JWT[:12] not in done.stderr


def test_a_folder_is_no_token(tmp_path: Path) -> None:
    assert signin_triage("token", tmp_path).returncode == 2


@pytest.mark.parametrize("repeated", ["PKeyAuth ", "\\", "eyJ.", "-----BEGIN CERTIFICATE-----", 'Context="'])
def test_a_mebibyte_of_anything_is_refused_in_seconds(repeated: str) -> None:
    begun = time.monotonic()
    refusal((repeated * (1 << 20))[: 1 << 20])
    assert time.monotonic() - begun < 10
