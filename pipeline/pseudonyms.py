"""Keyed pseudonyms: the same name and the same key give the same pseudonym, and without the key nothing leads back.

A pseudonym keeps what the analysis compares: the domain of a user name, and which addresses share a network. Which
parts of a record are names is not known here, and no clear name may be kept beyond this process.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from base64 import b32encode
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.pages import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

VARIABLE = "SIGNIN_TRIAGE_PSEUDONYM_KEY"
SHORTEST_KEY = 16  # bytes; what is shorter can be guessed, and then every name can be tried
_GUID = re.compile(r"[{(]?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}[)}]?")
_USER_NAME = re.compile(r"(\S.*)@([\w-]+(?:\.[\w-]+)*)")
_WITH_PORT = re.compile(r"\[?([0-9A-Fa-f:.]+?)\]?:[0-9]{1,5}")
_NOBODY = ("", "<null>", "null", "none", "unknown", "{pii removed}", "n/a")  # what logs write where a name is missing
_V4, _V6 = b"\xfc", b"\xfd"  # the halves of fc00::/7, the addresses that belong to nobody (RFC 4193)


class Pseudonyms:
    """The pseudonyms that one key gives.

    ``known`` are the clear names that they were asked for so far, in lower case, with theirs; ``met`` the same, until
    somebody clears it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._made: dict[tuple[str, str], str] = {}
        self.known: dict[str, str] = {}
        self.met: dict[str, str] = {}
        self.check = self._token("check", "the key of this database")

    def user(self, name: str) -> str:
        """Return the pseudonym of a user name; what follows the @ stays, as it names no person."""
        return self._learnt("user", name)

    def person(self, name: str) -> str:
        """Return the pseudonym of a display name, or of a user name that stands in its place."""
        return self._learnt("user" if _USER_NAME.fullmatch(name.strip()) else "person", name)

    def device(self, name: str) -> str:
        """Return the pseudonym of a device's name."""
        return self._learnt("device", name)

    def address(self, text: str) -> str:
        """Return the pseudonym of an address: one of fc00::/8 for IPv4, of fd00::/8 for IPv6.

        Addresses of one /24 or /48 share a /48, those of one /26 or /64 share a /64, others share nothing. The reserved
        networks of IPv4 are too small for that: in them two networks would become one.
        """
        return self._learnt("address", text)

    def _learnt(self, kind: str, name: str) -> str:
        text = name.strip().lower()
        if text in _NOBODY or _GUID.fullmatch(text):
            return name
        made = self._made.get((kind, text))
        if made is None:
            made = self._made[kind, text] = self._of_address(text) if kind == "address" else self._of_name(kind, text)
            # A text may be the name of a person and of a device: which stands for it does not hang on the order.
            self.known[text] = min(made, self.known.get(text, made))
        self.met[text] = self.known[text]
        return made

    def _of_name(self, kind: str, text: str) -> str:
        found = _USER_NAME.fullmatch(text) if kind == "user" else None
        return f"{kind}-{self._token(kind, text)}" + (f"@{found[2]}" if found else "")

    def _of_address(self, text: str) -> str:
        bare = _WITH_PORT.fullmatch(text)
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            try:
                address = ipaddress.ip_address(bare[1] if bare else "")
            except ValueError:
                return f"address-{self._token('address', text)}"
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        octets = address.packed
        if len(octets) == 4:
            half, network, subnet = _V4, octets[:3], octets[3] >> 6
        else:
            half, network, subnet = _V6, octets[:6], int.from_bytes(octets[6:8])
        return str(
            ipaddress.IPv6Address(
                half
                + self._digest("network", half + network)[:5]
                + self._shuffled(half + network, subnet).to_bytes(2)
                + self._digest("host", half + octets)[:8]
            )
        )

    def _shuffled(self, network: bytes, subnet: int) -> int:
        """Give every subnet of a network another number of sixteen bits: four rounds of a Feistel cipher."""
        left, right = divmod(subnet, 256)
        for turn in range(4):
            left, right = right, left ^ self._digest("subnet", network + bytes([turn, right]))[0]
        return left * 256 + right

    def _token(self, kind: str, text: str) -> str:
        return b32encode(self._digest(kind, text.encode())[:10]).decode().lower()

    def _digest(self, kind: str, octets: bytes) -> bytes:
        return hmac.digest(self._key, kind.encode() + b"\0" + octets, "sha256")


def from_key(file: Path | None, variable: str | None) -> Pseudonyms:
    """Return the pseudonyms of the key in a file, else of the key that the environment holds.

    A last newline of the file is not part of the key. Raises UsageError where there is no key, or one too short.
    """
    if file is not None:
        try:
            key = file.read_bytes()
        except OSError as error:
            raise UsageError(
                f"--pseudonym-key {file} cannot be read ({error.strerror}): name a file that you may read."
            ) from error
        key = key.removesuffix(b"\n").removesuffix(b"\r")
    elif variable:
        key = variable.encode()
    else:
        raise UsageError(f"--pseudonymise needs a key: name its file with --pseudonym-key, or set {VARIABLE} to it.")
    if len(key) < SHORTEST_KEY:
        raise UsageError(
            f"The key of --pseudonymise has {len(key)} bytes and needs {SHORTEST_KEY}: make one, for example with "
            "`openssl rand -base64 32`."
        )
    return Pseudonyms(key)


def agree(con: duckdb.DuckDBPyConnection, db: Path, names: Pseudonyms | None) -> None:
    """Make sure that what is to land matches what is there: clear names only, or pseudonyms of one key only.

    Raises UsageError where it does not.
    """
    held = con.execute("SELECT key_check FROM pseudonym_keys").fetchall()
    if names is None:
        if held:
            raise UsageError(
                f"{db} holds pseudonyms, and clear names would come beside them: give --pseudonymise, or another --db."
            )
    elif held and held != [(names.check,)]:
        raise UsageError(f"{db} holds pseudonyms of another key: give the key they were made with, or another --db.")
    elif not held and any(con.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall() for table in TABLES):
        raise UsageError(
            f"{db} holds clear names, and --pseudonymise would only add to them: name a new file with --db, into which "
            "the logs are read again."
        )


def adopt(con: duckdb.DuckDBPyConnection, names: Pseudonyms) -> None:
    """Remember by which key the names of this database are replaced."""
    con.execute("INSERT INTO pseudonym_keys SELECT $1 WHERE NOT EXISTS (FROM pseudonym_keys)", [names.check])
