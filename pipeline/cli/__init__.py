"""The command line: parse, call one function, print. Nothing else imports typer.

Each module holds the commands of one kind of user; importing it registers them, in the order in which help names them.
"""

from pipeline.cli import night, imports, ask, query, rules, token, upkeep, health, demo  # noqa: F401, I001 registers the commands in the order of --help
from pipeline.cli.program import app, main

__all__ = ["app", "main"]
