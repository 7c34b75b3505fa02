"""The options that several commands share: one word, one variable, one line of help everywhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.output import Format

if TYPE_CHECKING:
    from pipeline.pseudonyms import Pseudonyms
    from pipeline.store import Publishing

_PREFIX = "SIGNIN_TRIAGE_"

Db = Annotated[
    Path, typer.Option("--db", metavar="FILE", readable=False, envvar=f"{_PREFIX}DB", help="The published DuckDB file.")
]
Workspaces = Annotated[
    list[str] | None,
    typer.Option(
        "--workspace", metavar="ID", envvar=f"{_PREFIX}WORKSPACE", help="Workspace ID (a GUID) to read; repeatable."
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint", metavar="URL", envvar=f"{_PREFIX}ENDPOINT", help="Another address of the query service."
    ),
]
Cloud = Annotated[
    str, typer.Option("--cloud", metavar="NAME", envvar=f"{_PREFIX}CLOUD", help="public, usgov or china.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        envvar=f"{_PREFIX}SINCE",
        help="Where the window begins: ISO 8601, or 36h before --until.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", envvar=f"{_PREFIX}UNTIL", help="Where the window ends; without it, now."),
]
Lookback = Annotated[
    str | None,
    typer.Option(
        "--lookback", envvar=f"{_PREFIX}LOOKBACK", help="Length of the window without --since; 14d if not set."
    ),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", envvar=f"{_PREFIX}OUT", help="The report folder.")]
Rules = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules", metavar="DIR", envvar=f"{_PREFIX}RULES", help="Folder of further rules (*.sql); repeatable."
    ),
]
As = Annotated[Format, typer.Option("--format", envvar=f"{_PREFIX}FORMAT", help="How the answer is written.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", envvar=f"{_PREFIX}QUIET", help="Nothing on stdout or stderr unless it fails.")
]
Keep = Annotated[
    int | None,
    typer.Option(
        "--keep",
        metavar="N",
        min=0,
        max=999,
        envvar=f"{_PREFIX}KEEP",
        help="Keep the N files published before, FILE.1 the newest; without it, those that are there are left alone.",
    ),
]
Mode = Annotated[
    str | None,
    typer.Option("--mode", metavar="MODE", envvar=f"{_PREFIX}MODE", help="Mode of the published file, such as 0640."),
]
Pseudonymise = Annotated[
    bool,
    typer.Option(
        "--pseudonymise",
        envvar=f"{_PREFIX}PSEUDONYMISE",
        help="Replace names of people and devices, and addresses, by keyed pseudonyms.",
    ),
]
PseudonymKey = Annotated[
    Path | None,
    typer.Option(
        "--pseudonym-key",
        metavar="FILE",
        readable=False,
        help=f"File with the key of --pseudonymise; without it, {_PREFIX}PSEUDONYM_KEY is the key itself.",
    ),
]
Notify = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="URL",
        envvar=f"{_PREFIX}NOTIFY",
        help="Webhook (Slack, Teams) to which the night's summary is posted as JSON.",
    ),
]
Excel = Annotated[
    bool,
    typer.Option(
        "--excel",
        envvar=f"{_PREFIX}EXCEL",
        help="CSV for Excel and Power BI: UTF-8 with BOM, and text that they would change has an apostrophe in front.",
    ),
]
SinceLast = Annotated[
    bool,
    typer.Option(
        "--since-last", envvar=f"{_PREFIX}SINCE_LAST", help="Only incidents that are new since the run before."
    ),
]
EngineName = Annotated[
    str,
    typer.Option("--engine", metavar="NAME", envvar=f"{_PREFIX}ENGINE", help="duckdb, or spark for a --lake."),
]
Lake = Annotated[
    str | None,
    typer.Option(
        "--lake", metavar="PATH", envvar=f"{_PREFIX}LAKE", help="Folder or URL of the exported tables that Spark reads."
    ),
]
Master = Annotated[
    str | None,
    typer.Option(
        "--master", metavar="URL", envvar=f"{_PREFIX}MASTER", help="Spark's master; without it, this machine."
    ),
]
DB = Path("signins.duckdb")
OUT = Path("report")


def publishing(keep: int | None, mode: str | None) -> Publishing:
    """Return how the file is to be published."""
    from pipeline import settings, store

    return store.Publishing(keep, settings.file_mode(mode))


def pseudonyms(pseudonymise: bool, key: Path | None) -> Pseudonyms | None:
    """Return the pseudonyms that stand for names in this run, if they shall. Raises UsageError without a key."""
    from pipeline.pseudonyms import VARIABLE, from_key

    return from_key(key, os.environ.get(VARIABLE)) if pseudonymise else None
