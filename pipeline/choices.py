"""A choice of stretches that explain failures together, and what follows from it.

How likely each failure is by them, how likely each stretch makes it, and what each adds to the others. What to choose
is not decided here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from pipeline.ground import exploded, run_sums, runs

if TYPE_CHECKING:
    from pipeline.ground import Ground

STRETCH = pl.Schema({"scope": pl.UInt32, "first": pl.UInt32, "last": pl.UInt32, "p": pl.Float64})
_MOST_STRAYS = 0.02
_DAY = 96  # slots


@dataclass(frozen=True)
class Choice:
    """Stretches that explain failures together; scopes, slots, failures and stretches are known by their places.

    ``stretches`` have a scope, their first and last slot, p (how likely a sign-in within fails by them), a price, and
    what the successes within weigh (spared). ``covers`` are the failures within each; the rows of a failure that is
    ``covered`` lie together there, up to its place in ``ends``. ``chances`` says how likely each failure is:
    1 - (1-g) * prod(1-p), g being the ``floor`` of strays.
    """

    stretches: pl.DataFrame
    covers: pl.DataFrame
    covered: pl.Series
    ends: pl.Series
    floor: float
    chances: pl.Series


def explaining(known: Ground, stretches: pl.DataFrame) -> Choice:
    """Return a choice of stretches (of which scope, slots and p are given) with all that follows from it."""
    stretches = stretches.select(*STRETCH)
    slots, first, last = known.slots, stretches["first"], stretches["last"]
    within = exploded(runs(slots, first, last))
    values = known.values[within["at"]]
    covers = values.select("failure", "weight", place=within["run"]).sort("failure", "place")
    times = covers["failure"].rle().struct.unnest()
    # the quietest day tells the floor: on the others an incident may hide
    by_day = known.failures["day"].gather(times["value"]).value_counts(name="covered")
    strays = known.days.join(by_day, on="day", how="left").select(
        (pl.col("failures") - pl.col("covered").fill_null(0) + 0.5) / (pl.col("attempts") + 1.0)
    )
    through = slots["through"]
    choice = Choice(
        stretches=stretches.with_columns(
            price=known.scopes["price"].gather(stretches["scope"]),
            # what lies before the first slot is not within
            spared=through.gather(last) - through.gather(first) + slots["own_weight"].gather(first),
        ),
        covers=covers,
        covered=times["value"],
        ends=times["len"].cum_sum(),
        floor=min([_MOST_STRAYS, *strays.to_series()]),
        chances=pl.Series(),
    )
    return _with_chances(known, choice, stretches["p"])


def without(known: Ground, choice: Choice, place: int) -> Choice:
    """Return the choice without one of its stretches."""
    return explaining(known, pl.concat([choice.stretches[:place], choice.stretches[place + 1 :]]))


def refitted(known: Ground, choice: Choice) -> Choice:
    """Return the choice with the chances of its stretches that fit best beside each other, one step nearer.

    Of a failure with chance c a stretch caused the share p / c, of a success none (expectation maximisation of the
    noisy-or).
    """
    caused = (
        _covered(choice)
        .select("place", "weight", failed=(pl.col("weight") * pl.col("p") / pl.col("chance")).round())
        .group_by("place")
        .agg(pl.col("weight", "failed").sum())
        .sort("place")
    )
    p = caused.select(p=pl.col("failed") / (pl.col("weight") + choice.stretches["spared"]))
    return _with_chances(known, choice, p.select(pl.col("p").clip(1e-3, 0.98).round(6)).to_series())


def _covered(choice: Choice) -> pl.DataFrame:
    """Return the failures within each stretch, with its p and how likely they are."""
    covers, stretches = choice.covers, choice.stretches
    return covers.with_columns(stretches["p"].gather(covers["place"]), chance=choice.chances.gather(covers["failure"]))


def _with_chances(known: Ground, choice: Choice, p: pl.Series) -> Choice:
    log_spared = run_sums((1 - p).log().gather(choice.covers["place"]), choice.ends)
    spared = log_spared.to_frame("log").select((1 - (1 - choice.floor) * pl.col("log").exp()).round(9)).to_series()
    chances = pl.repeat(round(choice.floor, 9), known.failures.height, eager=True).scatter(choice.covered, spared)
    return replace(choice, stretches=choice.stretches.with_columns(p=p), chances=chances)


def beyond_the_others(choice: Choice) -> pl.Series:
    """Return for each stretch what it explains beyond what the others explain, less its price."""
    p, chance = pl.col("p"), pl.col("chance")
    by_others = (1 - (1 - chance) / (1 - p)).clip(choice.floor)
    loss = (
        _covered(choice)
        .select("place", loss=pl.col("weight") / 1e3 * (chance / by_others).log())
        .group_by("place", maintain_order=True)
        .agg(pl.col("loss").sum())
        .sort("place")["loss"]
    )
    spared = pl.col("spared") / 1e3 * (1 - p).log()
    return choice.stretches.select((loss + spared - pl.col("price")).round(3)).to_series()


def worth(known: Ground, choice: Choice) -> float:
    """Return the log-likelihood of all failures and of the successes within the stretches, less the prices of these."""
    stretches = choice.stretches
    failed = known.failures["weight"] / 1e3 * choice.chances.log()
    succeeded = stretches["spared"] / 1e3 * (1 - stretches["p"]).log()
    return round(math.fsum(failed) + math.fsum(succeeded - stretches["price"]), 3)


def doubtful(known: Ground, choice: Choice) -> list[tuple[int, bool]]:
    """Return the places of the stretches that may be given up, the smallest first, and whether they are overshadowed.

    A stretch is overshadowed where another explains most of its failures better. The others are doubtful because nearly
    all of their failures are of the scope of another of these days, which may just have been cut too short.
    """
    stretches = pl.DataFrame(
        {
            "p": choice.stretches["p"],
            "since": known.slots["slot"].gather(choice.stretches["first"]),
            "until": known.slots["slot"].gather(choice.stretches["last"]),
        }
    ).with_row_index("place")
    covers = choice.covers.join(stretches, on="place", maintain_order="left")
    best = covers.sort("failure", "p", "place", descending=[False, True, False]).unique("failure", keep="first")
    sizes = (
        covers.group_by("place")
        .agg(failures=pl.len())
        .join(best.group_by("place").agg(best=pl.len()), on="place", how="left")
        .with_columns(overshadowed=pl.col("best").fill_null(0) < 0.5 * pl.col("failures"))
    )
    slots = exploded(runs(known.scopes, choice.stretches["scope"]))
    values = exploded(runs(known.slots, slots["at"]))
    failing = pl.DataFrame(
        {"failure": known.values["failure"].gather(values["at"]), "other": slots["run"].gather(values["run"])}
    )
    within_other = (
        covers.join(failing, on="failure")
        .join(stretches.select(other="place", begin="since", end="until"), on="other")
        .filter(
            pl.col("other") != pl.col("place"),
            pl.col("begin") <= pl.col("until") + _DAY,
            pl.col("end") >= pl.col("since") - _DAY,
        )
        .group_by("place", "other")
        .agg(shared=pl.len())
        .join(sizes, on="place")
        .filter(pl.col("shared") >= 0.9 * pl.col("failures"))
    )
    return (
        sizes.filter(pl.col("overshadowed") | pl.col("place").is_in(within_other["place"].implode()))
        .sort(pl.col("best").fill_null(0), "place")
        .select("place", "overshadowed")
        .rows()
    )
