"""The same analysis on Spark, for lakes that no single machine reads: our SQL there, the judge here.

`evidence` runs in a notebook with the session that is there; the command line starts one of its own. Only failures, the
values that they bear and what is counted of these come back. pyspark is an extra, so it is imported nowhere but here.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import judge, lake_answers, rules, store, views
from pipeline.errors import UsageError
from pipeline.evidence import VIEWS as EVIDENCE_VIEWS
from pipeline.pages import TABLES
from pipeline.spark import elsewhere, landed
from pipeline.spark import lake as lakes
from pipeline.spark.carried import readers, reads
from pipeline.spark.elsewhere import engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import duckdb
    from pyspark.sql import DataFrame, SparkSession

    from pipeline.engine import Answer
    from pipeline.judge import Judgement

__all__ = ["Evidence", "counting", "engine", "evidence", "judged", "opened"]

# Stored views of which the database needs the rows; the others stay where the sign-ins are.
_BROUGHT = ("inferred_devices", "failed_sign_ins", "audited_changes")

_READ_OFF = "recorded_sign_ins"  # the records, read off the lake once
_UNREAD = ("migrations", "current_views", "lake_answers", "imported_files", "import_rejects")


@dataclass(frozen=True)
class Evidence:
    """What an analysis on Spark left: a database with its incidents, causes and failures, and the rows that came.

    ``con`` is asked with SQL, ``con.sql("FROM incidents")`` for one; ``brought`` counts rows by what they are.
    """

    con: duckdb.DuckDBPyConnection
    judgement: Judgement
    brought: Mapping[str, int]


def evidence(
    spark: SparkSession,
    *,
    lake: str | Mapping[str, DataFrame],
    since: datetime,
    until: datetime,
    pack: Sequence[rules.Rule] | None = None,
    con: duckdb.DuckDBPyConnection | None = None,
    scratch: str | None = None,
) -> Evidence:
    """Find the incidents of [since, until) (naive, UTC) in a lake, and rank their causes.

    ``lake`` is a folder or URL, or DataFrames by the name of their Log Analytics table. ``scratch`` is a folder or URL
    where Spark may lay down intermediate results, which are asked often; without one it keeps them itself. The answer
    is in ``con``, or in a database in memory. The session's own settings and views stay as they are.
    Raises UsageError for a lake that is not there, holds no table of ours, or cannot be read.
    """
    con = store.empty() if con is None else con
    with opened(spark, lake, until, con, scratch) as at:
        judgement = judged(at, since, until, rules.load() if pack is None else pack)
    return Evidence(con, judgement, dict(at.brought))


@contextlib.contextmanager
def opened(
    spark: SparkSession,
    lake: str | Mapping[str, DataFrame],
    until: datetime,
    con: duckdb.DuckDBPyConnection,
    scratch: str | None,
) -> Iterator[elsewhere.Workshop]:
    """Make our views of a lake's records, and bring failures and changes into the database."""
    with tempfile.TemporaryDirectory(prefix="signin-triage-") as folder:
        at = elsewhere.Workshop(_session(spark), con, Path(folder), scratch)
        views.build(con, until, unfilled=(*EVIDENCE_VIEWS, *_BROUGHT, *views.kept_by_day()))
        try:
            _open(at, lake)
            yield at
        except ValueError as error:
            raise UsageError(f"Spark could not analyze the lake: {error}") from error


def judged(at: elsewhere.Workshop, since: datetime, until: datetime, pack: Sequence[rules.Rule]) -> Judgement:
    """Find incidents and rank their causes, in the database, from what Spark counts."""
    return judge.judge(at.con, pack, since, until, engine=engine(at))


@contextlib.contextmanager
def counting(at: elsewhere.Workshop) -> Iterator[None]:
    """Let Spark answer what reports ask of sign-ins in the block, and keep the answers in the database."""
    elsewhere.tell(at, _own_tables(at.con))
    asked = engine(at).ask
    counted = readers(_READ_OFF)

    def where(select: str, values: Mapping[str, Any]) -> Answer | None:
        if reads(select).isdisjoint(counted):
            return None
        with contextlib.suppress(ValueError):  # what a page draws may ask in words that Spark lacks
            return asked(select, values)
        return None

    with lake_answers.asking(where):
        yield


def _session(spark: SparkSession) -> SparkSession:
    """Return a session beside the given one, whose views and settings are ours alone."""
    with contextlib.suppress(Exception):  # Spark Connect has none in some releases: then ours stand among the user's
        spark = spark.newSession()
    for name, value in {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        "spark.sql.mapKeyDedupPolicy": "LAST_WIN",
        "spark.sql.ansi.enabled": "true",
    }.items():
        spark.conf.set(name, value)
    return spark


def _open(at: elsewhere.Workshop, lake: str | Mapping[str, DataFrame]) -> None:
    """Make our views of a lake's records, and bring failures and changes."""
    for table, records in _records(at, lake).items():
        records.createOrReplaceTempView(table)
    files = views.files()
    elsewhere.tell(at, [*_own_tables(at.con), "inferred_devices"])
    for name, select in files.items():
        if name in EVIDENCE_VIEWS:
            continue  # the judge fills them
        if name == _READ_OFF or views.is_stored(select):
            frame = elsewhere.lay_down(at, name, elsewhere.run(at, select, {}))
            if name in _BROUGHT:
                elsewhere.bring(at, name, frame)
        else:
            elsewhere.define(at, name, select)


def _own_tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the tables of the program itself, of which the database holds the rows and views elsewhere need them."""
    tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY table_name").fetchall()
    ours = {*views.files(), *TABLES, *_UNREAD}
    return [name for (name,) in tables if name not in ours]


def _records(at: elsewhere.Workshop, lake: str | Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    columns = {table: elsewhere.described(at.con, f"FROM {table}", {}) for table in TABLES}
    if isinstance(lake, str):
        places = lakes.found(at.session, lake)
        cells = {name: lakes.cells(at.session, name, where, list(columns[name])) for name, where in places.items()}
    else:
        lakes.given(lake)
        cells = {
            name: lakes.as_cells(_handed_over(at, name, frame), list(columns[name])) for name, frame in lake.items()
        }
    return {
        table: landed.landed(table, cells[table], kinds) if table in cells else at.session.sql(landed.nothing(kinds))
        for table, kinds in columns.items()
    }


def _handed_over(at: elsewhere.Workshop, name: str, frame: DataFrame) -> DataFrame:
    """Return a DataFrame of the user's session as one of ours."""
    view = f"signin_triage_{name.lower()}"
    frame.createOrReplaceGlobalTempView(view)
    ours = at.session.table(f"global_temp.{view}")
    at.session.catalog.dropGlobalTempView(view)
    return ours
