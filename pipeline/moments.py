"""Times as exports write them into naive UTC, and which of day and month comes first where that is not said.

ISO 8601 with 0 to 9 digits of a second, with Z, an offset or none (then it is UTC); and what portals and spreadsheets
make of it: 6/15/2026, 3:50:30.492 PM. Nothing is guessed: an order that a file does not prove is asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

_ISO = (
    r"^\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:(?:\s*[Tt]\s*|\s+)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?)?"
    r"\s*(?:[Zz]|UTC|GMT|([+-]\d{2}):?(\d{2})?)?\s*$"
)
_LOCAL = (
    r"^\s*(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}),?(?:\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?"
    r"\s*(?:([AaPp])\.?\s?[Mm]\.?)?)?\s*(?:[Zz]|UTC|GMT)?\s*$"
)
USUAL = r"^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?Z$"  # as the service writes them
_IN_NAME = re.compile(r"(20\d{2})-?(\d{2})-?(\d{2})")
_STEPS = "AuthenticationDetails"  # JSON, in which steps have the time of the sign-in
_DAY = timedelta(days=1)
_NEAR = 3 * _DAY  # between two times of one record, whichever they are
_ENOUGH = 3  # dates in a row that prove an order by rising, or falling, throughout


def parsed(column: pl.Expr, day_first: bool | None) -> pl.Expr:
    """Return a text column as times, microseconds, naive UTC; null where it is no time, or its order is not known."""
    import polars as pl

    iso = column.str.extract_groups(_ISO)
    part = [iso.struct.field(str(number)).cast(pl.Int32, strict=False) for number in range(1, 7)]
    moment = _moment(part[0], part[1], part[2], part[3], part[4], part[5], iso.struct.field("7"))
    hours = iso.struct.field("8").cast(pl.Int32, strict=False)
    minutes = iso.struct.field("9").cast(pl.Int32, strict=False).fill_null(0)
    behind = pl.duration(minutes=hours.abs() * 60 + minutes)
    east = iso.struct.field("8").str.starts_with("-").not_()
    in_utc = pl.when(hours.is_null()).then(moment).when(east).then(moment - behind).otherwise(moment + behind)
    if day_first is None:
        return in_utc
    return pl.coalesce(in_utc, _local(column, day_first))


def quickly(column: pl.Series) -> pl.Series | None:
    """Return a text column as times where every cell is written as the service itself does, or empty; else None."""
    import polars as pl

    if not column.str.contains(USUAL).all():
        return None
    digits = column.str.slice(20, 6).str.strip_chars_end("Z+:0").str.pad_end(6, "0")
    seconds = column.str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    return seconds + digits.cast(pl.Int64, strict=False).fill_null(0).cast(pl.Duration("us"))


def is_local(column: pl.Expr) -> pl.Expr:
    """Tell which cells are times whose order of day and month is not said."""
    return column.str.contains(_LOCAL).fill_null(value=False)


def _local(column: pl.Expr, day_first: bool) -> pl.Expr:
    import polars as pl

    local = column.str.extract_groups(_LOCAL)
    part = [local.struct.field(str(number)).cast(pl.Int32, strict=False) for number in range(1, 7)]
    half = local.struct.field("8").str.to_lowercase()
    hour = pl.when(half.is_null()).then(part[3]).otherwise(part[3] % 12 + pl.when(half == "p").then(12).otherwise(0))
    hour = pl.when(half.is_not_null() & ~part[3].is_between(1, 12)).then(None).otherwise(hour)
    month, day = (part[1], part[0]) if day_first else (part[0], part[1])
    return _moment(part[2], month, day, hour, part[4], part[5], local.struct.field("7"))


def _moment(
    year: pl.Expr, month: pl.Expr, day: pl.Expr, hour: pl.Expr, minute: pl.Expr, second: pl.Expr, fraction: pl.Expr
) -> pl.Expr:
    import polars as pl

    micros = fraction.str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int32, strict=False).fill_null(0)
    of_day = (hour.fill_null(0), minute.fill_null(0), second.fill_null(0))
    in_range = (
        year.is_between(1, 9999)
        & month.is_between(1, 12)
        & day.is_between(1, 31)
        & of_day[0].is_between(0, 23)
        & of_day[1].is_between(0, 59)
        & of_day[2].is_between(0, 59)
    )
    text = pl.format(
        "{}-{}-{}",
        year.cast(pl.String).str.zfill(4),
        month.cast(pl.String).str.zfill(2),
        day.cast(pl.String).str.zfill(2),
    )
    midnight = pl.when(in_range).then(text.str.to_date("%Y-%m-%d", strict=False)).cast(pl.Datetime("us"))
    return midnight + pl.duration(hours=of_day[0], minutes=of_day[1], seconds=of_day[2], microseconds=micros)


@dataclass
class Evidence:
    """What a file shows of which comes first, day or month."""

    names: tuple[str, ...]
    dates: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)  # of each column, as they follow
    near: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})  # records whose other time agrees

    def gather(self, frame: pl.DataFrame) -> None:
        """Take in a part of the file."""
        import polars as pl

        for name in self.names:
            if name not in frame.columns or frame.schema[name] != pl.String:
                continue
            local = frame.filter(is_local(pl.col(name)))
            groups = local.select(pl.col(name).str.extract_groups(_LOCAL).alias("parts")).unnest("parts")
            numbers = groups.select(pl.col(str(at)).cast(pl.Int32) for at in range(1, 4))
            changed = numbers.filter(
                (numbers != numbers.shift(1)).select(pl.any_horizontal(pl.all()).fill_null(value=True)).to_series()
            )
            held = self.dates.setdefault(name, [])
            held.extend(row for row in changed.iter_rows() if row not in held[-1:])
            unlike = local.filter((numbers["1"] != numbers["2"]).fill_null(value=False))
            for said in self._said_otherwise(unlike, name):
                for day_first in (True, False):
                    apart = (parsed(pl.col(name), day_first) - said).abs()
                    self.near[day_first] += unlike.select((apart <= _NEAR).sum()).item()

    def _said_otherwise(self, frame: pl.DataFrame, name: str) -> Iterator[pl.Expr]:
        """Yield the times of records that are written beyond doubt, if not in the column of that name."""
        import polars as pl

        for other in self.names:
            if other != name and other in frame.columns:
                yield parsed(pl.col(other), None) if frame.schema[other] == pl.String else pl.col(other)
        if _STEPS in frame.columns:
            yield parsed(pl.col(_STEPS).str.extract(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}", 0), None)

    def day_first(self, name: str, now: datetime) -> bool | None:
        """Return whether the day comes first in the file of that name; None where it proves neither."""
        dates = [each for column in self.dates.values() for each in column]
        can = {day_first: all(_date(each, day_first) for each in dates) for day_first in (True, False)}
        if can[True] != can[False]:
            return can[True]
        if not can[True]:  # both orders are contradicted: the file is none that one program wrote
            return None
        if all(_date(each, True) == _date(each, False) for each in dates):
            return False
        tests = (
            {order: self.near[order] > 0 and self.near[not order] == 0 for order in (True, False)},
            {
                order: self._within(order, name, now) and not self._within(not order, name, now)
                for order in (True, False)
            },
            {order: self._in_order(order) and not self._in_order(not order) for order in (True, False)},
        )
        proven = {order for test in tests for order, proves in test.items() if proves}
        return proven.pop() if len(proven) == 1 else None

    def _within(self, day_first: bool, name: str, now: datetime) -> bool:
        """Tell whether all dates lie before the day of reading, and within those that the file's name gives."""
        named = sorted(made for found in _IN_NAME.findall(name) if (made := _real(*map(int, found))))
        last = min([now.date(), *named[-1:]]) + _DAY
        first = named[0] - _DAY if len(named) > 1 else date.min
        dates = [_date(each, day_first) for column in self.dates.values() for each in column]
        return all(first <= each <= last for each in dates if each)

    def _in_order(self, day_first: bool) -> bool:
        """Tell whether the dates of a column rise, or fall, throughout the file."""
        for column in self.dates.values():
            dates = [_date(each, day_first) or date.min for each in column]
            if len(set(dates)) >= _ENOUGH and dates in (sorted(dates), sorted(dates, reverse=True)):
                return True
        return False


def _date(numbers: Sequence[int], day_first: bool) -> date | None:
    first, second, year = numbers
    return _real(year, second, first) if day_first else _real(year, first, second)


def _real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
