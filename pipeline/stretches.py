"""Choose the stretches (one value of one dimension over a stretch of time) that together explain the failures.

The log-likelihood of all failures and of the successes beside them, less the prices of what is chosen, only ever grows:
by the stretch that pays most, by one that is cut anew, by one given up where the others explain more without it; what
is best first need not be best together. What is chosen is left in scan_windows, the failures that it covers in
scan_covers. No cause, change or rule may enter here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pipeline import assets, choices, ground
from pipeline.choices import STRETCH
from pipeline.ground import PARTS, exploded, runs

if TYPE_CHECKING:
    import duckdb

    from pipeline.choices import Choice
    from pipeline.ground import Ground

TABLES = ("scan_windows", "scan_covers")
# Ten to thirty turns are usual; what a later turn would add is detail of the largest incidents, slow to find.
_TURNS = 60
_REFITS = 3
_TRIALS = 8  # so many stretches are given up on trial, the smallest first
_ENOUGH = 3.0  # of log-likelihood that are worth a change of what is chosen
_CHANCES = (0.05, 0.15, 0.35, 0.7, 0.97)  # that a sign-in fails within a stretch, of those that are on offer


@dataclass
class Outlook:
    """What the best stretch of each scope can be worth at most beyond its price, and how likely each failure was then.

    Only where there is hope is a scope looked at again.
    """

    hope: pl.Series
    chances: pl.Series


def choose(con: duckdb.DuckDBPyConnection) -> None:
    """Leave in scan_windows and scan_covers the stretches that are best together, as far as was tried."""
    known = ground.counted(con)
    chosen = best_together(known).stretches
    columns = {
        "scope": known.scopes["number"].gather(chosen["scope"]),
        "kind": known.scopes["kind"].gather(chosen["scope"]),
        "value": known.scopes["value"].gather(chosen["scope"]),
        "from_slot": known.slots["slot"].gather(chosen["first"]),
        "to_slot": known.slots["slot"].gather(chosen["last"]),
        "p": chosen["p"],
    }
    con.execute(
        'CREATE OR REPLACE TEMP TABLE scan_windows (number BIGINT, scope BIGINT, kind VARCHAR, "value" VARCHAR, '
        "from_slot BIGINT, to_slot BIGINT, p DOUBLE)"
    )
    con.execute(
        "INSERT INTO scan_windows SELECT row_number() OVER (), * FROM (SELECT unnest($scope), unnest($kind), "
        "unnest($value), unnest($from_slot), unnest($to_slot), unnest($p))",
        {name: column.to_list() for name, column in columns.items()},
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE scan_covers AS {assets.text(assets.INCIDENTS / 'scan_covers.sql')}")


def best_together(known: Ground) -> Choice:
    """Return the stretches that are best together, as far as was tried."""
    choice = choices.explaining(known, pl.DataFrame(schema=STRETCH))
    # what a scope can be worth is not known before it is looked at
    outlook = Outlook(pl.repeat(1e9, known.scopes.height, eager=True), choice.chances)
    tried: set[tuple[int, ...]] = set()
    for _ in range(_TURNS):
        better = _add(known, choice, outlook) or _cut_anew(known, choice) or _give_up(known, choice, outlook, tried)
        if better is None:
            break
        choice = better
    return choice


def _add(known: Ground, choice: Choice, outlook: Outlook) -> Choice | None:
    """Add the stretches that pay their price now, if there are any.

    Those are the best on offer, and the others that no better one shares a failure with: choosing them at once is
    choosing them one after the other.
    """
    offers = _offers(known, choice, outlook)
    if offers.is_empty():
        return None
    within = exploded(runs(known.slots, offers["first"], offers["last"]))
    alone = (
        within.select("run", failure=known.values["failure"].gather(within["at"]))
        .select("run", best=pl.col("run").min().over("failure"))
        .group_by("run", maintain_order=True)
        .agg(alone=(pl.col("run") == pl.col("best")).all())
    )
    chosen = offers.filter(alone["alone"])
    together = pl.concat([each.select(*STRETCH) for each in (choice.stretches, chosen)])
    return _settled(known, choices.explaining(known, together))


def _offers(known: Ground, choice: Choice, outlook: Outlook) -> pl.DataFrame:
    """Return for each scope the stretch that explains most of what is not explained yet, if it pays its price.

    The best first. Of equal ones of a scope it is the one of the higher chance, then the one that ends first.
    """
    _look_again(known, choice, outlook)
    hopeful = outlook.hope.gt(0).arg_true()
    rows = exploded(runs(known.scopes, hopeful))
    slots = known.slots[rows["at"]]
    within = known.values[exploded(slots)["at"]]
    values = within.select("weight", chance=choice.chances.gather(within["failure"]))
    tried = []
    for chance in _CHANCES:
        best = ground.best_ending(ground.gains(slots, values, pl.lit(chance)), rows["run"])
        tried.append(
            best.select(
                scope=slots["scope"], first=rows["at"].gather(best["first"]), last=rows["at"], p=chance, worth="worth"
            ).filter(pl.col("worth") == pl.col("worth").max().over("scope"))
        )
    best = (
        pl.concat(tried)
        .sort("scope", "worth", "p", "last", descending=[False, True, True, False])
        .unique("scope", keep="first", maintain_order=True)
    )
    scopes = known.scopes[best["scope"]]
    score = (best["worth"] / PARTS - scopes["price"]).round(3)
    # what rounding may have cost it comes on top
    outlook.hope = outlook.hope.scatter(best["scope"], score + (scopes["failures"] + 2) / 1e3)
    return best.with_columns(score=score).filter(score > 0).sort("score", "scope", descending=[True, False])


def _look_again(known: Ground, choice: Choice, outlook: Outlook) -> None:
    """Let hope rise with what has become less likely: no stretch gains more than ln(c / d) by a chance that falls to d.

    It is never more than what the failures of a scope leave unexplained, less its price.
    """
    values, ends = known.values, known.slots["end"].gather(known.scopes["end"] - 1)
    risen = (outlook.chances / choice.chances).clip(1).log().gather(values["failure"])
    unexplained = (1 / choice.chances).log().gather(values["failure"])
    weight = values["weight"] / 1e3
    most = ground.run_sums(weight * unexplained, ends) - known.scopes["price"]
    hope = outlook.hope + ground.run_sums(weight * risen, ends)
    outlook.hope, outlook.chances = hope.zip_with(hope < most, most), choice.chances


def _cut_anew(known: Ground, choice: Choice) -> Choice | None:
    """Lengthen or shorten what is chosen to what is best beside the others, if anything would be better."""
    cut = choice
    for _ in range(_TURNS):
        better = _moved(known, cut)
        if better.is_empty():
            break
        stretches = cut.stretches.with_row_index("place")
        kept = stretches.join(better, on="place", how="anti", maintain_order="left")
        moved = stretches.drop("first", "last").join(better, on="place", maintain_order="left")
        cut = choices.explaining(known, pl.concat([each.select(*STRETCH) for each in (kept, moved)]))
    return None if cut is choice else _settled(known, cut)


def _moved(known: Ground, choice: Choice) -> pl.DataFrame:
    """Return the places of chosen stretches that would explain more over another time, with its first and last slot.

    Of those that meet in time only the one that gains most.
    """
    better = _best_times(known, choice).sort("more", "place", descending=[True, False])
    slot, held = known.slots["slot"], choice.stretches[better["place"]]
    begins, ends = (
        pl.select(of_both(slot.gather(held[bound]), slot.gather(better[bound]))).to_series()
        for of_both, bound in ((pl.min_horizontal, "first"), (pl.max_horizontal, "last"))
    )
    times = list(zip(begins, ends, strict=True))
    apart = [
        not any(begun <= end and ended >= begin for begun, ended in times[:at]) for at, (begin, end) in enumerate(times)
    ]
    return better.filter(pl.Series(apart, dtype=pl.Boolean)).sort("place")


def _best_times(known: Ground, choice: Choice) -> pl.DataFrame:
    """Return for each chosen stretch the time over which it explains most beside the others, if it gains enough by it.

    They were chosen when others were not yet.
    """
    stretches, slots = choice.stretches, known.slots
    extent = runs(known.scopes, stretches["scope"])
    rows = exploded(extent)
    within = exploded(runs(slots, rows["at"]))
    held = stretches[rows["run"]].with_columns(inside=pl.lit(rows["at"]).is_between(pl.col("first"), pl.col("last")))
    failed = known.values[within["at"]]
    p, chance = pl.col("p"), pl.col("chance")
    # without its stretch a failure has the chance 1 - (1-c) / (1-p) still, c being the chance with it
    by_others = (1 - (1 - chance) / (1 - p)).clip(choice.floor).round(6)
    values = (
        held.select("p", "inside")[within["run"]]
        .with_columns(failed["weight"], chance=choice.chances.gather(failed["failure"]))
        .with_columns(chance=pl.when("inside").then(by_others).otherwise(chance))
    )
    gains = ground.gains(slots[rows["at"]].with_columns(held["p"]), values, p)
    best = ground.best_ending(gains, rows["run"])
    # where the rows of each begin, and so where its first and last slot are among them
    base = (extent["end"] - extent["begin"]).cum_sum() - extent["end"]
    first, last = base + stretches["first"], base + stretches["last"]
    through = (gains["gain"] + gains["gap"]).cum_sum()
    present = through.gather(last) - through.gather(first) + gains["gain"].gather(first)
    return (
        best.select(
            place=rows["run"],
            first=rows["at"].gather(best["first"]),
            last=rows["at"],
            more=pl.col("worth") - present.gather(rows["run"]),
        )
        .filter(pl.col("more") > _ENOUGH * PARTS)
        .sort("place", "more", "last", descending=[False, True, False])
        .unique("place", keep="first", maintain_order=True)
    )


def _give_up(known: Ground, choice: Choice, outlook: Outlook, tried: set[tuple[int, ...]]) -> Choice | None:
    """Give up a doubtful stretch where the others, and what is then chosen, explain more without it, if there is one.

    What was ``tried`` is remembered there, and tried no more.
    """
    doubtful = [
        (place, overshadowed, stretch)
        for place, overshadowed in choices.doubtful(known, choice)
        if (stretch := choice.stretches.select("scope", "first", "last").row(place)) not in tried
    ]
    for place, overshadowed, stretch in doubtful[: max(0, _TRIALS - len(tried))]:
        tried.add(stretch)
        trial = choices.without(known, choice, place)
        for _ in range(_TURNS):
            better = _cut_anew(known, trial) or (_add(known, trial, outlook) if overshadowed else None)
            if better is None:
                break
            trial = better
        if choices.worth(known, trial) > choices.worth(known, choice) + _ENOUGH:
            return trial
    return None


def _settled(known: Ground, choice: Choice) -> Choice:
    """Fit the chances of the stretches to each other, and drop those that others have made superfluous."""
    while True:
        for _ in range(_REFITS):
            choice = choices.refitted(known, choice)
        beyond = choices.beyond_the_others(choice)
        idlest = beyond.arg_min()
        if idlest is None or beyond[idlest] >= 0:
            return choice
        choice = choices.without(known, choice, idlest)
