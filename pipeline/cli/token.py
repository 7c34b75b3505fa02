"""The command of whoever has a PKeyAuth header or JWT from a client's trace: take it apart and judge it."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import console, output
from pipeline.cli.options import As, Quiet
from pipeline.cli.program import command
from pipeline.errors import UsageError
from pipeline.output import Format

if TYPE_CHECKING:
    from typing import IO

_FROM_STDIN = "-"


@command("token")
def token(
    jwt: Annotated[
        str | None,
        typer.Argument(
            metavar="JWT",
            show_default=False,
            help="The token, the header around it, or a file with either; - or nothing reads standard input.",
        ),
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(
            "--cert",
            metavar="FILE",
            envvar="SIGNIN_TRIAGE_CERT",
            help="The device's certificate (PEM or DER): x5c is compared with it; where x5c is missing, it says "
            "whether the signature would verify with that.",
        ),
    ] = None,
    challenge: Annotated[
        str | None,
        typer.Option(
            "--challenge",
            metavar="TEXT|FILE",
            envvar="SIGNIN_TRIAGE_CHALLENGE",
            help="The server's challenge (WWW-Authenticate header or urn:http-auth:PKeyAuth URL), for nonce and "
            "audience.",
        ),
    ] = None,
    form: As = Format.table,
    quiet: Quiet = False,
) -> int:
    """Take a PKeyAuth JWT apart and say which of the server's five checks it would fail.

    Standard input keeps the token out of the shell's history and the list of processes. Nothing of it is sent or
    written anywhere. An access token, an id token or a cookie is told as such, with exit 2. A challenge that stands in
    the same trace need not be given once more.

    \b
    Example:
    signin-triage token < trace-line.txt
    signin-triage token - --challenge challenge.txt --cert device.pem --format json
    """
    from datetime import UTC, datetime

    from pipeline.tokens import told, verdict

    given = _given(jwt, quiet)
    found = verdict.judge(
        given,
        _file(cert, "--cert") if cert is not None else None,
        _text_or_file(challenge, "--challenge") if challenge is not None else None,
        datetime.now(UTC),
    )
    if quiet:
        return 0
    if form is Format.table:
        output.write_lines(told.lines(found))
    elif form is Format.json:
        # ASCII alone, so that no character of a stranger's claim reaches a terminal as itself.
        output.write_text(json.dumps(found.as_json(), indent=2).replace("\x7f", "\\u007f") + "\n")
    else:
        rows = [
            {"check": each.name, "status": each.status, "aadsts": " ".join(map(str, each.codes)), "detail": each.detail}
            for each in found.checks
        ]
        output.write_rows(rows, form)
    return 0


def _given(jwt: str | None, quiet: bool) -> bytes:
    if jwt not in (None, _FROM_STDIN):
        return _text_or_file(str(jwt), "The token")
    if sys.stdin is None:
        raise UsageError("Nothing was given: standard input is closed.")
    if sys.stdin.isatty():
        console.say("Paste the token or header, then press Ctrl-D on a line of its own.", quiet)
    return _bounded(sys.stdin.buffer)


def _text_or_file(said: str, what: str) -> bytes:
    try:
        is_file = Path(said).exists()
    except (OSError, ValueError):  # a token is no name that a file can have
        is_file = False
    return _file(Path(said), what) if is_file and said else said.encode(errors="replace")


def _file(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            return _bounded(file)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # a token in the wrong place, which no sentence may quote
            raise UsageError(f"{what} is no name of a file.") from None
        raise UsageError(f"{what}: {path} cannot be read ({error.strerror or error}).") from error
    except ValueError:
        raise UsageError(f"{what} is no name of a file.") from None


def _bounded(file: IO[bytes]) -> bytes:
    """Read no more than tells that it is too much."""
    from pipeline.tokens.given import MOST_BYTES

    return file.read(MOST_BYTES + 1)
