"""Choose the stretches (one value of one dimension over a stretch of time) that together explain the failures.

The log-likelihood of all failures and of the successes beside them, less the prices of what is chosen, only ever grows:
by the stretch that pays most, by one that is cut anew, by one given up where the others explain more without it; what
is best first need not be best together. The SQL under sql/incidents counts; what is chosen stands in scan_windows, the
failures that it covers in scan_covers, what the successes within it weigh in scan_spared. No cause, change or rule may
enter here.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pipeline import assets

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

# Ten to thirty turns are usual; what a later turn would add is detail of the largest incidents, slow to find.
_TURNS = 60
_REFITS = 3
_TRIALS = 16  # so many stretches are given up on trial, the smallest first
_ENOUGH = 3000  # thousandths of log-likelihood that are worth a change of what is chosen

_STRETCH = """
    number BIGINT, scope BIGINT, kind VARCHAR, "value" VARCHAR, from_slot BIGINT, to_slot BIGINT, p DOUBLE, price DOUBLE
"""
# All that comes back where giving a stretch up did not pay.
_CHOSEN = ("scan_windows", "scan_covers", "scan_spared")
TABLES = (
    *_CHOSEN,
    "scan_explained",
    "scan_hopes",
    "scan_looked_at",
    "scan_offers",
    *(f"{name}_before" for name in _CHOSEN),
)


def choose(con: duckdb.DuckDBPyConnection) -> None:
    """Leave in scan_windows and scan_covers the stretches that are best together, as far as was tried."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE scan_windows ({_STRETCH})")
    con.execute("CREATE OR REPLACE TEMP TABLE scan_covers (number BIGINT, failure BIGINT)")
    con.execute("CREATE OR REPLACE TEMP TABLE scan_spared (number BIGINT, weight BIGINT)")
    con.execute("CREATE OR REPLACE TEMP TABLE scan_looked_at (failure BIGINT, chance DOUBLE)")
    con.execute("CREATE OR REPLACE TEMP TABLE scan_hopes AS " + _sql("first_hopes"))
    tried: set[tuple[Any, ...]] = set()
    with _one_thread(con):
        _store(con, "scan_explained")
        for _ in range(_TURNS):
            if not (_add(con) or _cut_anew(con) or _give_up(con, tried)):
                return


def _add(con: duckdb.DuckDBPyConnection) -> bool:
    """Add the stretches that pay their price now, and say whether there were any."""
    _store(con, "scan_hopes")
    _store(con, "scan_offers")
    # what does not pay now is not looked at again before it may
    con.execute("UPDATE scan_hopes AS h SET hope = o.hope FROM scan_offers AS o WHERE h.scope = o.scope")
    con.execute("CREATE OR REPLACE TEMP TABLE scan_looked_at AS SELECT failure, chance FROM scan_explained")
    last = _last(con)
    con.execute("INSERT INTO scan_windows " + _sql("chosen_stretches"), {"chosen": last})
    if _last(con) == last:
        return False
    _cover(con, last)
    _settle(con)
    return True


def _cut_anew(con: duckdb.DuckDBPyConnection) -> bool:
    """Lengthen or shorten what is chosen to what is best beside the others, and say whether anything was."""
    moved = False
    for _ in range(_TURNS):
        better = con.execute(_sql("stretched_anew"), {"enough": _ENOUGH}).fetchall()
        if not better:
            break
        last = _last(con)
        for place, (number, from_slot, to_slot) in enumerate(better, start=1):
            _uncover(con, number)
            con.execute(
                "UPDATE scan_windows SET number = ?, from_slot = ?, to_slot = ? WHERE number = ?",
                [last + place, from_slot, to_slot, number],
            )
        _cover(con, last)
        moved = True
    if moved:
        _settle(con)
    return moved


def _give_up(con: duckdb.DuckDBPyConnection, tried: set[tuple[Any, ...]]) -> bool:
    """Give up a doubtful stretch where the others, and what is then chosen, explain more without it; say whether any.

    What was ``tried`` is remembered there, and tried no more.
    """
    doubtful = [row for row in con.execute(_sql("doubtful_stretches")).fetchall() if row[2:] not in tried]
    before = _worth(con)
    for number, overshadowed, *stretch in doubtful[: max(0, _TRIALS - len(tried))]:
        tried.add(tuple(stretch))
        for name in _CHOSEN:
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name}_before AS FROM {name}")
        _drop(con, number)
        for _ in range(_TURNS):
            if not (_cut_anew(con) or (overshadowed and _add(con))):
                break
        if _worth(con) > before + _ENOUGH / 1e3:
            return True
        for name in _CHOSEN:
            con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM {name}_before")
        _store(con, "scan_explained")
    return False


def _settle(con: duckdb.DuckDBPyConnection) -> None:
    """Fit the chances of the chosen stretches to each other, and drop those that others have made superfluous."""
    refit = f"UPDATE scan_windows AS w SET p = r.p FROM ({_sql('refitted_chances')}) AS r WHERE w.number = r.number"  # noqa: S608 - a file of ours
    while True:
        for _ in range(_REFITS):
            con.execute(refit)
            _store(con, "scan_explained")
        idle = con.execute(_sql("idle_stretch")).fetchone()
        if idle is None:
            return
        _drop(con, idle[0])


def _drop(con: duckdb.DuckDBPyConnection, number: int) -> None:
    con.execute("DELETE FROM scan_windows WHERE number = ?", [number])
    _uncover(con, number)
    _store(con, "scan_explained")


def _cover(con: duckdb.DuckDBPyConnection, chosen: int) -> None:
    """Enter what the stretches beyond number ``chosen`` cover, and what the successes within them weigh."""
    con.execute("INSERT INTO scan_covers " + _sql("covered_failures"), {"chosen": chosen})
    con.execute("INSERT INTO scan_spared " + _sql("spared_weights"), {"chosen": chosen})
    _store(con, "scan_explained")


def _uncover(con: duckdb.DuckDBPyConnection, number: int) -> None:
    con.execute("DELETE FROM scan_covers WHERE number = ?", [number])
    con.execute("DELETE FROM scan_spared WHERE number = ?", [number])


def _last(con: duckdb.DuckDBPyConnection) -> int:
    ((last,),) = con.execute("SELECT coalesce(max(number), 0) FROM scan_windows").fetchall()
    return int(last)


def _worth(con: duckdb.DuckDBPyConnection) -> float:
    ((worth,),) = con.execute(_sql("explained_in_all")).fetchall()
    return float(worth)


def _sql(name: str) -> str:
    return assets.text(assets.INCIDENTS / f"{name}.sql")


def _store(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Keep the answer of one of our files as a temporary table of its name."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {_sql(name)}")


@contextlib.contextmanager
def _one_thread(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run on one thread what is asked of small tables hundreds of times: several mostly wait for each other there."""
    ((threads,),) = con.execute("SELECT current_setting('threads')").fetchall()
    con.execute("SET threads = 1")
    yield  # of a run that failed nothing is set back: its connection may hold a broken transaction
    con.execute(f"SET threads = {threads}")
