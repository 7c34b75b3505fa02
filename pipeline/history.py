"""What is remembered of incidents when they have left the window, so that weeks can be told: the view incident_history.

What a night found goes in as it was judged; nothing is judged, counted anew or worded here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import assets, store

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb


def remember(con: duckdb.DuckDBPyConnection, since: datetime, until: datetime, quiet_since: datetime) -> None:
    """Take what was found in [since, until) into the history; what is quiet since ``quiet_since`` is resolved.

    All times UTC. A night that looks back leaves what later nights knew.
    """
    values = {"since": since, "until": until, "quiet_since": quiet_since}
    for step in ("forgotten", "remembered", "resolved"):
        store.run(con, assets.text(assets.HISTORY / f"{step}.sql"), values)
