"""A long span as stretches of time, each with few enough records to be worked on in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

MOST = 1_000_000
"""Records of a stretch: what the split and the labels hold in memory at once is some hundred bytes for each."""

LEARNT = timedelta(minutes=10)
"""The least that is learnt from in one go: a health check shows its beat in five to eight minutes."""

EDGE = timedelta(minutes=3)
"""How far beyond a stretch its records are looked at: an answer's record may lie in the window beside."""


@dataclass(frozen=True)
class Stretch:
    """The time from `start` to `end`, either of them open where None, and how many records begin in it."""

    start: datetime | None
    end: datetime | None
    records: int

    def holds(self, edge: timedelta = timedelta(0)) -> pl.Expr:
        """Return whether a record begins in the stretch or within `edge` of it; one without a time is in the first."""
        begins = pl.col("start")
        # Bare comparisons, so that of a Parquet file only what can lie in the stretch is read.
        if self.start is None:
            return pl.lit(value=True) if self.end is None else begins.is_null() | (begins < self.end + edge)
        after = begins >= self.start - edge
        return after if self.end is None else after & (begins < self.end + edge)


def stretches(records: pl.LazyFrame, most: int | None = None) -> list[Stretch]:
    """Return the stretches of a frame of records, cut at full minutes; one and open where the records have no times.

    >>> from datetime import UTC
    >>> minutes = [datetime(2026, 5, 14, 0, m, tzinfo=UTC) for m in (0, 0, 1, 2)]
    >>> [s.records for s in stretches(pl.LazyFrame({"start": minutes}), most=2)]
    [2, 2]
    """
    if "start" not in records.collect_schema().names():
        return [Stretch(None, None, 0)]
    minutes = records.group_by(minute=pl.col("start").dt.truncate("1m")).len("n").collect(engine="streaming")
    found, begin, total = [], None, 0
    for minute, n in minutes.sort("minute", nulls_last=False).iter_rows():
        if total and minute is not None and total + n > (most or MOST):
            found.append(Stretch(begin, minute, total))
            begin, total = minute, 0
        total += n
    return [*found, Stretch(begin, None, total)]


def sample(found: list[Stretch], first: datetime, last: datetime) -> pl.Expr:
    """Return which records to learn from: ten minutes or more at a time, evenly over the span from `first` to `last`.

    As many records as one stretch holds, and more where that many come in less than half an hour.
    """
    records = sum(s.records for s in found)
    share = (last - first) * (MOST / records)
    pieces = max(3, int(share / LEARNT))
    length = max(LEARNT, share / pieces)
    gap = (last - first - length) / (pieces - 1)
    begins = [first + gap * i for i in range(pieces)]
    return pl.any_horizontal([pl.col("start").is_between(b, b + length, closed="left") for b in begins])


def by_time(flows: pl.LazyFrame, most: int = 4 * MOST) -> list[pl.LazyFrame]:
    """Return the flows a stretch of time at a time, of about `most` records, where each of them is read only once so.

    That is where they come from Parquet, as a case's do, of which a filter on the time opens only what it needs. Of
    anything else a part costs as much as the whole, and the whole comes back.
    """
    read = re.findall(r"^\s*(.*SCAN|DF) \[", flows.explain(optimized=False), re.MULTILINE)
    if not read or any(source.split()[0] != "Parquet" for source in read):
        return [flows]
    found = stretches(flows, most)
    return [flows.filter(stretch.holds()) for stretch in found] if len(found) > 1 else [flows]
