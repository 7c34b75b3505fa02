"""The options that several commands share: one word, one variable, one line of help everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.output import Format

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
DB = Path("signins.duckdb")
OUT = Path("report")
