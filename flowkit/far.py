"""Records whose time is years away from all others: they must not stretch every axis until nothing else is seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

YEAR = timedelta(days=366)
_DAY = timedelta(days=1)
# The bulk is all but one in a thousand at either end, and one at the least; of fewer records no bulk is made.
_TAIL, _FEWEST = 1000, 20


@dataclass(frozen=True)
class Far:
    """The flows that lie far outside the bulk, and from when to when the bulk goes."""

    number: int
    first: datetime
    last: datetime
    bulk: tuple[datetime, datetime]


def bulk(counts: pl.DataFrame) -> tuple[datetime, datetime] | None:
    """Return the first and the last time that is not far outside, None where none is.

    `counts` has the columns `time` and `n`, how many there are then. Far outside is what lies before or after the bulk
    by more than a year and by more than the bulk is long. The bulk is all but one in a thousand at either end.

    >>> from datetime import UTC
    >>> counts = {"time": [datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 2026, 2027, 2100)], "n": [1, 90, 90, 1]}
    >>> [time.year for time in bulk(pl.DataFrame(counts))]
    [2026, 2027]
    >>> bulk(pl.DataFrame(counts).filter(pl.col("time").dt.year().is_between(2026, 2027)))
    """
    summed = counts.drop_nulls("time").group_by("time").agg(pl.col("n").sum()).filter(pl.col("n") > 0).sort("time")
    total = int(summed["n"].sum())
    if total < _FEWEST:
        return None
    tail = max(1, total // _TAIL)
    until = pl.col("n").cum_sum()
    middle = summed.filter((until > tail) & (until - pl.col("n") < total - tail))["time"]
    low, high = middle[0], middle[-1]
    reach = max(YEAR, high - low)
    near = summed.filter(pl.col("time").is_between(low - reach, high + reach))["time"]
    return None if len(near) == summed.height else (near[0], near[-1])


def far(flows: pl.LazyFrame, first: datetime | None, last: datetime | None) -> Far | None:
    """Return what lies far outside the bulk of flows that go from `first` to `last`; None where nothing does."""
    if not first or not last or last - first <= YEAR:
        return None
    days = flows.group_by(time=pl.col("start").dt.truncate("1d")).agg(n=pl.len()).collect(engine="streaming")
    found = bulk(days)
    if not found:
        return None
    near = pl.col("start").is_between(found[0], found[1] + _DAY) & (pl.col("end") <= found[1] + 2 * _DAY)
    row = flows.select(
        (~near).sum().alias("number"),
        pl.col("start").filter(~near).min().alias("first"),
        pl.col("end").filter(~near).max().alias("last"),
        pl.col("start").filter(near).min().alias("low"),
        pl.col("end").filter(near).max().alias("high"),
    )
    number, begun, ended, low, high = row.collect(engine="streaming").row(0)
    return Far(number, begun, ended, (low, high)) if number and low else None
