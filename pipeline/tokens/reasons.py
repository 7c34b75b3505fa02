"""For each fault that a check can find: its likely cause, with the word of docs/causes, and the next step.

Words only. A cause is a hypothesis about the client; that a code follows from a check is said in verdict.
"""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """The likely cause and the next step."""

    cause: str
    next_step: str


_UNSIGNED = Reason(
    "The client could not use its key and sent the answer all the same (device_key_unavailable).",
    "On the device, see whether the key can be used at that moment: unlock it once, look at the keychain's state or at "
    "KeySignTest of dsregcmd /status; ask the client's maker to check that signing succeeded before sending.",
)
_BUILT_WRONG = (
    "Give this finding to the maker of the client; docs/clients.md has how an answer is built right. Registering the "
    "device again changes nothing."
)
_PAIR = Reason(
    "Certificate and key are no pair: the client sends the certificate of one registration and signs with the key of "
    "another (device_reregistered).",
    "Remove the device's registration on the device and register it again, so that one pair is left; see whether other "
    "machines use the same registration (device_identity_cloned).",
)

REASONS = {
    "null": _UNSIGNED,
    "empty": _UNSIGNED,
    "alg_none": Reason(
        "A client that does not sign (algorithm_mismatch), or somebody without the key (token_forgery).",
        "See which client and source sent it; no client of Microsoft sends alg none, so treat an unknown source as "
        "an attack.",
    ),
    "mac": Reason(
        "A client that signs with a secret where the device's private key belongs (algorithm_mismatch), or somebody "
        "without the key (token_forgery).",
        _BUILT_WRONG,
    ),
    "der": Reason(
        "The client sends its EC signature as DER, as the system's library returns it, and does not convert it to r "
        "and s (algorithm_mismatch).",
        "Apple's clients are known to send DER, and whether Entra takes it is not public: see whether the same client "
        f"ever succeeded with an EC key. {_BUILT_WRONG}",
    ),
    "alg_key": Reason(
        "The client names an algorithm that does not go with its key (algorithm_mismatch).",
        f"The alg must follow the key: RS256 for RSA, ES256 for EC on P-256. {_BUILT_WRONG}",
    ),
    "scheme": Reason("The client signs with another algorithm than it names (algorithm_mismatch).", _BUILT_WRONG),
    "alg_unknown": Reason("The client names no algorithm that the service knows (algorithm_mismatch).", _BUILT_WRONG),
    "encoding": Reason("The client encodes the parts of the token wrongly (algorithm_mismatch).", _BUILT_WRONG),
    "signed_else": Reason("The client signs something else than it sends (algorithm_mismatch).", _BUILT_WRONG),
    "altered": Reason(
        "Somebody or something changed the last character on the way, for no encoder writes it so "
        "(network_interception).",
        "Take the token from the client's own trace, and compare it with what arrived.",
    ),
    "other_key": _PAIR,
    "mismatch": Reason(
        "Bytes were changed after signing (network_interception, or a client that changes the token after it "
        "signed), or another key signed (device_reregistered, device_identity_cloned, token_forgery).",
        "Capture the answer in the client and beyond the proxy: if they differ, the way alters it. If not, export the "
        "device's certificate and give it with --cert; see with `signin-triage explain` whether the device fails "
        "everywhere.",
    ),
    "x5c": Reason(
        "The client sends no certificate that can be read, so the service cannot look the device up "
        "(algorithm_mismatch).",
        f"x5c must be a list with the device's certificate in standard base64 of its DER. {_BUILT_WRONG}",
    ),
    "x5c_form": Reason(
        "The client writes x5c in another form than a list of base64 DER (algorithm_mismatch).", _BUILT_WRONG
    ),
    "alg_header": Reason("The client names an algorithm that was not asked for (algorithm_mismatch).", _BUILT_WRONG),
    "typ": Reason(
        "The client builds the header wrongly (client_version_regression if it was well before).", _BUILT_WRONG
    ),
    "p2p": Reason(
        "The client took the first certificate that looked right, not the device's own (client_version_regression if "
        "it was well before).",
        "Have the client choose the certificate by the whole issuer and thumbprint of the challenge. " + _BUILT_WRONG,
    ),
    "issuer": Reason(
        "The client sends a certificate that device registration did not issue: a leftover, one of the "
        "organisation's own, or a made one (token_forgery).",
        "See whose certificate it is. Is it none of yours, keep the token as evidence and look where it came from.",
    ),
    "expired": Reason(
        "The certificate of an old registration is still used (device_reregistered), or this machine's clock is off.",
        "See the clock of this machine, then register the device again.",
    ),
    "not_yet": Reason(
        "This machine's clock or the one that issued the certificate is off (clock_skew).",
        "See the clock of this machine first, then the device's.",
    ),
    "other_certificate": Reason(
        "The client sends the certificate of another registration (device_reregistered, device_identity_cloned).",
        "Compare device id and thumbprint with the device list of Entra, and remove the leftover registration on the "
        "device.",
    ),
    "other_tenant": Reason(
        "The client sends the certificate of another tenant's registration.",
        "Update the client: old ones assume that a device is registered in one tenant only.",
    ),
    "nonce_missing": Reason("The client leaves out the nonce (algorithm_mismatch).", _BUILT_WRONG),
    "iat_missing": Reason("The client leaves out iat (algorithm_mismatch).", _BUILT_WRONG),
    "nonce_other": Reason(
        "The answer belongs to another challenge: it was replayed, kept too long, or the two are from different "
        "requests (clock_skew).",
        "See that challenge and answer are of one request; if they are, the client keeps nonces, or it is a replay.",
    ),
    "nonce_encoded": Reason("The client does not decode the challenge before it uses its nonce.", _BUILT_WRONG),
    "aud_missing": Reason("The client leaves out aud (algorithm_mismatch).", _BUILT_WRONG),
    "aud_query": Reason(
        "The client takes the whole URL of its request as audience, query and all (client_version_regression if it "
        "was well before).",
        _BUILT_WRONG,
    ),
    "aud_other": Reason(
        "The client takes another URL as audience than it was asked to answer to (client_version_regression if it "
        "was well before).",
        _BUILT_WRONG,
    ),
}
