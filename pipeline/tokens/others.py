"""Tells a PKeyAuth JWT from the other tokens that an analyst finds in a trace of Entra, each by what only it says.

Nothing is judged here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.tokens.jws import Token

_OF_ACCESS = frozenset(("scp", "roles", "appid", "azp", "idtyp", "xms_tcdt", "wids"))
# Of whom an issued token speaks; a device's answer names nobody but by its certificate.
_OF_ISSUED = frozenset(("iss", "sub", "oid", "tid", "upn", "preferred_username")) | _OF_ACCESS


def refuse(token: Token, in_header: bool) -> None:
    """Raise UsageError, with a sentence that says what it is, for a token that is no PKeyAuth JWT."""
    what = _named(token)
    if what:
        raise UsageError(
            f"This is {what}, no PKeyAuth JWT: a device's answer has x5c, aud, nonce and iat, nothing issued."
        )
    if not in_header and not ({"x5c"} & token.header.keys() or {"aud", "nonce"} & token.claims.keys()):
        raise UsageError("This is a JWT of another kind, no PKeyAuth JWT: it has neither x5c nor aud nor nonce.")


def _named(token: Token) -> str | None:
    header, claims = token.header, token.claims
    if "enc" in header:
        return "an encrypted token (JWE)"
    if str(header.get("typ")).lower() == "pop" or {"cnf", "at"} <= claims.keys():
        return "a proof-of-possession access token (PoP, SHR)"
    if "refresh_token" in claims or "is_primary" in claims:
        return "a PRT cookie (x-ms-RefreshTokenCredential)"
    if "request_nonce" in claims or claims.get("iss") == "aad:brokerplugin":
        return "a credential of the broker (x-ms-DeviceCredential or a request for a PRT, MS-OAPXBC)"
    if "x5c" in header and "nonce" in claims:
        return None  # whoever builds one by a JWT library may add iss and exp to it
    if "exp" in claims and claims.get("iss") == claims.get("sub") and "iss" in claims:
        return "an application's client assertion"
    speaks_of_somebody = "x5c" not in header and "aud" in claims and claims.keys() & _OF_ISSUED
    if {"iss", "exp"} <= claims.keys() or speaks_of_somebody:
        return "an access token" if claims.keys() & _OF_ACCESS else "an id token or another token that was issued"
    return None
