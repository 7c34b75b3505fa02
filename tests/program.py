"""The program as its user starts it: another process, its own environment, nothing shared but the file system."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def signin_triage(
    *args: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command and return its exit code, stdout and stderr; the environment holds no credential but ``env``."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNIN_TRIAGE_", "AZURE_"))}
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, args)],
        env=inherited | {"NO_PROXY": "127.0.0.1"} | dict(env or {}),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def last_line(text: str) -> str:
    """Return the last line that was said."""
    return text.rstrip("\n").rsplit("\n", maxsplit=1)[-1]
