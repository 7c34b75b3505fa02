"""What is missing for a real run: every check, in the order in which a run would meet what they check.

What cannot be judged, because an option is missing or something before it failed, is said so and not left out. Nothing
is changed and nothing lands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import machine_checks, settings
from pipeline.checks import Check, failed, warn
from pipeline.errors import TriageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path


def checks(
    workspaces: Sequence[str],
    endpoint: str | None,
    cloud: str,
    db: Path,
    out: Path,
    clock: Callable[[], datetime],
) -> Iterator[Check]:
    """Judge each thing that a run needs; ``clock`` is UTC."""
    try:
        source = settings.source(workspaces, endpoint, cloud)
    except TriageError as error:
        source = None
        yield failed("settings", error)
    file = None
    try:
        file = settings.database(db)
    except TriageError as error:
        yield failed("database", error)
    yield from machine_checks.machine(file, out)
    from pipeline import service_checks

    audience = source.audience if source else settings.CLOUDS.get(cloud, settings.CLOUDS["public"])
    signed_in = list(service_checks.signed_in(audience, clock()))
    yield from signed_in
    if source is None:
        yield warn("workspace", "not judged without --workspace", "give it the Workspace ID of its overview page")
    elif signed_in[0].status == "fail":
        for workspace in source.workspaces:
            yield warn(f"workspace {workspace}", "not judged without a token", "mend the credential, then run again")
    else:
        yield from service_checks.asked(source, clock)
