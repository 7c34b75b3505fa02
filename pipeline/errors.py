"""The errors that a user can meet, as one tree; their exit codes are those of the command's contract.

    TriageError
    ├── UsageError           2  wrong usage, or input that cannot be read
    ├── PermissionRefused    3  no credential, or one that may not read
    ├── ServiceUnavailable   4  not reached, not trusted, or given up after retries
    └── StoreUnusable        5  the database or the disk, or another run holds it

Each carries one sentence that names the thing and the remedy. Nothing that prints or exits may enter here.
"""

from __future__ import annotations


class TriageError(Exception):
    """An error whose message is one sentence for the user."""

    exit_code = 2


class UsageError(TriageError):
    """Wrong usage, or input that cannot be read."""


class PermissionRefused(TriageError):
    """The service would not let us sign in or read."""

    exit_code = 3


class ServiceUnavailable(TriageError):
    """The service could not be reached, was not trusted, or gave up after retries."""

    exit_code = 4


class StoreUnusable(TriageError):
    """The database or its folder cannot be used, or another run holds it."""

    exit_code = 5


def is_interrupt(error: BaseException) -> bool:
    """Tell whether an error is a Ctrl-C; DuckDB tells of one that met it at work by an error of its own."""
    return isinstance(error, KeyboardInterrupt) or (
        isinstance(error, RuntimeError) and "interrupted" in str(error).lower()
    )
