"""Flows, packets and bytes over time, with each record spread over the time it covers."""

from __future__ import annotations

import re

import polars as pl

from flowkit.case.stretches import by_time
from flowkit.errors import QuestionError
from flowkit.questions.shared import COUNTS, columns, first, only, require, seen_from, sums, text, total
from flowkit.schema import TIME

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# No capture window is longer than 10 minutes; a record that claims more than an hour has a broken time.
_LONGEST = 3_600_000


def timeline(flows: pl.LazyFrame, *, every: str = "1m", by: str | None = None, vantage: str = "once") -> pl.LazyFrame:
    """Return what flowed in each bin of time.

    A record covers an interval, from its `start` to its `end`: its packets and bytes are spread evenly over the bins
    that it overlaps, so that a record of 600 s makes no spike. They stay whole numbers, and their sums stay those of
    the records. A record is counted once under `flows`, in the bin of its start. One that ends before it starts, or
    claims more than an hour, counts whole in the bin of its start.

    Parameters
    ----------
    flows
        Flow records, as `case.flows` or `flowkit.scan` give them.
    every
        Length of a bin: "30s", "1m", "5m", "1h", "1d". Bins begin at whole multiples of it, counted in UTC.
    by
        Any column. Where it has more than 12 values, the 11 with the most bytes keep their names, the rest is "other".
    vantage
        "once" counts each pair of addresses from one interface, so that no byte of a hop is counted twice; "all" sums
        all interfaces; "eni-…" is one of them. With `by="action"`, "once" keeps every REJECT, whoever refused.

    Returns
    -------
    Columns `time` (start of the bin), the column `by` as text if given, `flows`, `packets`, `bytes` and `vantage`;
    sorted by time, then `by`. A bin that no record touches is not there. Raises `QuestionError` on an unknown column
    or option.

    >>> from datetime import UTC, datetime
    >>> flows = pl.LazyFrame({"start": [datetime(2026, 5, 14, 0, 0, 30, tzinfo=UTC)], "packets": [4], "bytes": [600],
    ...                       "end": [datetime(2026, 5, 14, 0, 1, 30, tzinfo=UTC)]})
    >>> timeline(flows, vantage="all").select(pl.col("time").dt.minute(), "flows", "packets", "bytes").collect().rows()
    [(0, 1, 2, 300), (1, 0, 2, 300)]
    """
    width, keys = _millis(every), columns(by)
    require(flows, ["start", "end", "packets", "bytes"], keys, made=("time", "vantage", *COUNTS))
    seen = seen_from(flows, vantage, refused="action" in keys)
    schema = {"time": TIME} | dict.fromkeys(keys, pl.String()) | dict.fromkeys(COUNTS, pl.Int64())
    whole = pl.defer(lambda: _answer(seen, keys, width), schema=schema)
    return whole.with_columns(vantage=pl.lit(vantage))


def _answer(seen: pl.LazyFrame, keys: tuple[str, ...], width: int) -> pl.DataFrame:
    """Go over the flows a stretch of time at a time: what a query holds beside its runs is more than the runs."""
    # Records that share both times are summed before they are spread: on AWS, most of a window's records do.
    parts = [part.group_by(*text(*keys), *_interval()).agg(sums()) for part in by_time(seen)]
    runs = parts if len(parts) == 1 else [part.collect(engine="streaming").lazy() for part in parts]
    for key in keys:
        sizes = pl.concat(runs).group_by(key).agg(total("bytes").alias("_size"))
        runs = [only(run, key, first(sizes, key)) for run in runs]
    time = pl.col("_bin").mul(width).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC").cast(TIME).alias("time")
    bins = [_spread(run, width).group_by(time, *keys).agg(total(*COUNTS)).collect(engine="streaming") for run in runs]
    return pl.concat(bins).group_by("time", *keys).agg(total(*COUNTS)).sort("time", *keys)


def _interval() -> list[pl.Expr]:
    """Return `_start` and `_end` in milliseconds; where one is missing or they cannot be, the record has no length."""
    start, end = pl.coalesce("start", "end"), pl.coalesce("end", "start")
    length = (end - start).dt.total_milliseconds()
    sound = length.is_between(0, _LONGEST)
    return [
        start.dt.epoch("ms").alias("_start"),
        pl.when(sound).then(end).otherwise(start).dt.epoch("ms").alias("_end"),
    ]


def _spread(runs: pl.LazyFrame, width: int) -> pl.LazyFrame:
    """Return one row for each bin a run overlaps: `_bin` and its part of the counts.

    The part is the difference of two rounded running totals, so the parts of a run add up to the run, exactly.
    """
    first = pl.col("_start") // width
    last = pl.max_horizontal(first, (pl.col("_end") - 1) // width)
    length = pl.max_horizontal(pl.col("_end") - pl.col("_start"), pl.lit(1))

    def until(edge: pl.Expr) -> pl.Expr:
        return ((edge * width - pl.col("_start")) / length).clip(0, 1)

    bins = runs.with_columns(_first=first, _bin=pl.int_ranges(first, last + 1)).explode("_bin")
    before, after = until(pl.col("_bin")), until(pl.col("_bin") + 1)
    parts = [
        ((pl.col(name) * after).round() - (pl.col(name) * before).round()).cast(pl.Int64).alias(name)
        for name in ("packets", "bytes")
    ]
    begun = pl.when(pl.col("_bin").eq_missing(pl.col("_first"))).then("flows").otherwise(0).alias("flows")
    return bins.with_columns(begun, *parts)


def _millis(every: str) -> int:
    found = re.fullmatch(r"([1-9]\d{0,5})([smhd])", str(every))
    if not found:
        raise QuestionError(f"every={every!r} is not a length of time: write it as '30s', '1m', '5m', '1h' or '1d'")
    return int(found[1]) * _UNITS[found[2]]
