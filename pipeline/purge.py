"""Retention: what happened before a moment leaves the database, and every file beside it, for good.

Nothing is deleted in place, where its bytes would stay: what is kept is copied into a fresh file, which then takes the
old one's place. Raw records go by event time, incidents as soon as one of their failures or changes goes, because what
they say may name those who are gone. Verdicts stay; only the names in their scope do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import generations, store, views, workfile
from pipeline.errors import StoreUnusable
from pipeline.pages import TABLES, event_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    import duckdb

# By the schema, and with the views; a file whose records were purged is one to be read again.
_REFILLED = (
    *("migrations", "filled_views", "current_views", "horizon"),
    *("audit_operations", "inferred_devices", "imported_files"),
)
_GONE = """
    SELECT incident_id FROM found_incidents WHERE first_seen_at < $before
    UNION SELECT incident_id FROM found_incidents WHERE change_id IN ({changes})
    UNION SELECT incident_id FROM judged_causes WHERE change_id IN ({changes})
    UNION SELECT incident_id FROM remembered_incidents WHERE first_seen_at < $before OR change_id IN ({changes})
"""
_CHANGES = " UNION ".join(
    f"SELECT Id FROM {table} WHERE {event_time(table)} < $before" for table in ("AuditLogs", "IntuneAuditLogs")
)
# A verdict counts whomever it was about; whoever is gone is no longer named in it.
_VERDICTS = r"""
    SELECT * REPLACE (CASE
        WHEN last_seen_at < $before
            THEN regexp_replace(scope, '\b(user|device|ip|network)=.*?( and |$)', '\1=purged\2', 'g')
        ELSE scope
    END AS scope) FROM given_verdicts
"""


def purge(work: store.Workfile, db: Path, before: datetime, how: store.Publishing) -> dict[str, int]:
    """Purge the database and its earlier generations, publish it, and return how many rows of which table it lost.

    The generations stay as many as they are, or as ``how`` says; the file that is replaced does not become one.
    """
    for number, file in generations.kept(db).items():
        if how.keep is not None and number > how.keep:
            file.unlink()
        else:
            _purge_generation(file, work.scratch, before)
    fresh, removed = _copied(work, before)
    with store.opened(fresh, work.scratch) as purged:
        views.build(purged.con, _until(work.con))
        work.con.close()
        store.publish(purged, db, store.Publishing(mode=how.mode))
    workfile.forget(db)
    return removed


def _purge_generation(file: Path, scratch: Path, before: datetime) -> None:
    """Purge an earlier generation in its place. Raises StoreUnusable, naming it, where it cannot be opened."""
    try:
        with store.opened(store.duplicate(file, scratch / "generation.duckdb"), scratch) as work:
            fresh, removed = _copied(work, before)
            if any(removed.values()):
                with store.opened(fresh, scratch) as purged:
                    views.build(purged.con, _until(work.con))
                    store.publish(purged, file)
    except StoreUnusable as error:
        raise StoreUnusable(f"{file} cannot be purged, so nothing was: move it away, or remove it.") from error


def _copied(work: store.Workfile, before: datetime) -> tuple[Path, dict[str, int]]:
    """Copy what is kept into a fresh file; return its path, and how many rows of which table were left behind."""
    fresh = work.scratch / "purged.duckdb"
    fresh.unlink(missing_ok=True)
    store.create(fresh)
    removed = {}
    with store.copied_into(work, fresh):
        for table, kept in _kept(work.con).items():
            ((old,),) = work.con.execute(f"SELECT count(*) FROM {table}").fetchall()
            ((new,),) = store.run(work.con, f"INSERT INTO fresh.{table} BY NAME {kept}", {"before": before}).fetchall()
            if old - new or table in TABLES or "incident_id NOT IN" in kept:
                removed[table] = old - new
        work.con.execute('INSERT INTO fresh.purged SELECT greatest($1, max("before")) FROM purged', [before])
    return fresh, removed


def _kept(con: duckdb.DuckDBPyConnection) -> Mapping[str, str]:
    """Return for each table that is copied the statement that gives what stays of it."""
    fresh = con.execute(
        """SELECT table_name, bool_or(column_name = 'incident_id') FROM duckdb_columns()
        WHERE database_name = 'fresh' GROUP BY table_name ORDER BY table_name"""
    ).fetchall()
    kept = {}
    for table, of_incident in fresh:
        if table in TABLES:
            kept[table] = f"SELECT * FROM {table} WHERE NOT coalesce({event_time(table)} < $before, false)"
        elif table == "given_verdicts":
            kept[table] = _VERDICTS
        elif of_incident:
            kept[table] = f"SELECT * FROM {table} WHERE incident_id NOT IN ({_GONE.format(changes=_CHANGES)})"
        elif table not in (*_REFILLED, "purged"):
            kept[table] = f"SELECT * FROM {table}"
    return kept


def _until(con: duckdb.DuckDBPyConnection) -> datetime:
    ((until,),) = con.execute("SELECT until FROM horizon").fetchall()
    moment: datetime = until
    return moment
