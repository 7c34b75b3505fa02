"""What was counted of the failures and of the successes beside them, as frames that can be asked hundreds of times.

The SQL under sql/incidents counts it once, wherever the sign-ins are. There is a row for what fails and none for what
succeeds, so it fits in memory whatever the size of the tenant. What is chosen, and why, may not enter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import duckdb

PARTS = 1_000_000  # of a unit of log-likelihood
_FAILURES = "SELECT weight, slot // 96 AS day FROM scan_failures ORDER BY failure"
_VALUES = "SELECT failure - 1 AS failure, weight FROM scan_values ORDER BY scope, slot, failure"
_SLOTS = """
    SELECT g.scope, g.slot, g.own_weight, g.gap_weight, v.failures
    FROM scan_gaps AS g
    INNER JOIN (SELECT scope, slot, count(*) AS failures FROM scan_values GROUP BY scope, slot) AS v
        ON g.scope = v.scope AND g.slot = v.slot
    ORDER BY g.scope, g.slot
"""
# The more failures bear a scope, the more stretches there are to choose from.
_SCOPES = """
    SELECT v.scope AS number, v.kind, v."value", g.price + 15e-1 * ln(1e0 + v.failures) AS price, v.failures, g.slots
    FROM (SELECT scope, kind, "value", count(*) AS failures FROM scan_values GROUP BY scope, kind, "value") AS v
    INNER JOIN (SELECT scope, max(price) AS price, count(*) AS slots FROM scan_gaps GROUP BY scope) AS g
        ON v.scope = g.scope
    ORDER BY v.scope
"""

_TYPES: dict[str, type[pl.DataType]] = {"kind": pl.String, "value": pl.String, "price": pl.Float64}  # all else is whole


@dataclass(frozen=True)
class Ground:
    """Failures, the scopes that bear them, and what the successes of these weigh; a row is known by its place.

    Weights are thousandths of an attempt. ``failures`` have a weight and a day, in the order they happened. ``scopes``
    have a number, a kind, a value, failures, and the price that a stretch of theirs must explain at least. ``slots``
    are the quarters of an hour (since 1970) in which a scope fails, scope by scope: own_weight is what its successes in
    that slot weigh, gap_weight those since the slot before, through all so far. ``values`` are the failures of each
    slot; they, and the slots of a scope, lie from begin to before end. ``days`` have attempts and failures.
    """

    failures: pl.DataFrame
    scopes: pl.DataFrame
    slots: pl.DataFrame
    values: pl.DataFrame
    days: pl.DataFrame


def counted(con: duckdb.DuckDBPyConnection) -> Ground:
    """Return what stands in the temporary tables of the finder."""

    def frame(select: str) -> pl.DataFrame:
        answer = con.execute(select)
        types = {name: _TYPES.get(name, pl.Int64) for name, *_ in answer.description or ()}
        return pl.DataFrame(answer.fetchall(), types, orient="row")

    return Ground(
        failures=frame(_FAILURES),
        scopes=_laid_out(frame(_SCOPES), "slots"),
        slots=_laid_out(frame(_SLOTS), "failures").with_columns(
            scope=pl.col("scope").rle_id(), through=(pl.col("own_weight") + pl.col("gap_weight")).cum_sum()
        ),
        values=frame(_VALUES).with_columns(pl.col("failure").cast(pl.UInt32)),
        days=frame("SELECT * FROM scan_days"),
    )


def _laid_out(frame: pl.DataFrame, size: str) -> pl.DataFrame:
    """Say where the rows of each lie, of which it has so many."""
    end = pl.col(size).cum_sum()
    return frame.with_columns(begin=end - pl.col(size), end=end)


def runs(frame: pl.DataFrame, first: pl.Series, last: pl.Series | None = None) -> pl.DataFrame:
    """Return from where to where lies what is of some rows of a frame, of each from ``first`` to ``last``."""
    return pl.DataFrame(
        {"begin": frame["begin"].gather(first), "end": frame["end"].gather(first if last is None else last)}
    )


def exploded(runs: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each place from ``begin`` to before ``end`` of a run: the ``run`` it is of, and where it is."""
    places = pl.int_ranges("begin", "end", dtype=pl.UInt32)
    return runs.select(run=pl.int_range(pl.len(), dtype=pl.UInt32), at=places).explode("at")


def run_sums(each: pl.Series, ends: pl.Series) -> pl.Series:
    """Return the sums of runs of a column, each of which reaches to its end (none is empty)."""
    total = each.cum_sum().gather(ends - 1)
    return total - total.shift(1, fill_value=0)


def gains(slots: pl.DataFrame, values: pl.DataFrame, p: pl.Expr) -> pl.DataFrame:
    """Return the ``gain`` of each slot within a stretch, and the ``gap`` that lies between it and the slot before.

    ``p`` is the chance that a sign-in fails by the stretch, ``chance`` that a failure does by all else: it is worth
    ln((c + (1-c)p) / c), a success ln(1-p). Whole ``PARTS``: sums that no order of adding changes.
    """
    failed = values.select(_whole("weight", 1 - p + p / pl.col("chance"))).to_series()
    own = run_sums(failed, slots["failures"].cum_sum())
    return slots.select(gain=own + _whole("own_weight", 1 - p), gap=_whole("gap_weight", 1 - p))


def _whole(weight: str, likelihood: pl.Expr) -> pl.Expr:
    return (pl.col(weight) * (likelihood.log() * (PARTS / 1000))).round().cast(pl.Int64)


def best_ending(gains: pl.DataFrame, group: pl.Series) -> pl.DataFrame:
    """Return for each row the best stretch of its group that ends there: its ``first`` row, and what it is ``worth``.

    The maximum subarray, of all groups side by side: a stretch begins and ends with a failure, so only slots that have
    one are rows.
    """
    gain, before = pl.col("gain"), pl.col("before")
    # each group lies lower than all before it, so that the lowest so far is its own
    depth = (before.max() - before.min() + 1) * group.cast(pl.Int64)
    return (
        gains.select(gain, before=(gain + pl.col("gap")).cum_sum() - gain)
        .select(gain, before=before - depth)
        .select(
            first=pl.when(before == before.cum_min()).then(pl.int_range(pl.len(), dtype=pl.UInt32)).forward_fill(),
            worth=before + gain - before.cum_min(),
        )
    )
