"""Coverage: for each interface and minute, what the logs hold, so that silence is never read as "no traffic"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl

from flowkit.schema import TIME

LAG = timedelta(minutes=20)
"""Records of the newest 20 minutes may still be on their way: 10 of window and about 10 of delivery to S3."""

MOST_BINS = 360


def width(start: datetime, end: datetime) -> timedelta:
    """Return the width of a bin: a minute, or as many whole minutes as keep the bins to a few hundred.

    >>> width(datetime(2026, 5, 14, 0), datetime(2026, 5, 15, 0))
    datetime.timedelta(seconds=240)
    """
    minutes = (end - start) / timedelta(minutes=1)
    return timedelta(minutes=max(1, -(-minutes // MOST_BINS)))


def windows(records: pl.LazyFrame) -> pl.LazyFrame:
    """Return each interface's capture window in seconds, read off its longest records: 30, 60 or 600.

    A record never spans more than its window, and the longest ones nearly fill it; a tenth is allowed for windows that
    AWS closes late.
    """
    length = (pl.col("end") - pl.col("start")).dt.total_seconds().quantile(0.99)
    seconds = pl.when(length <= 33).then(30).when(length <= 66).then(60).otherwise(600)
    return records.group_by("interface_id").agg(seconds.cast(pl.Int32).alias("window_s"))


def coverage(records: pl.LazyFrame, start: datetime, end: datetime, every: timedelta | None = None) -> pl.LazyFrame:
    """Return what the logs hold of each interface in each bin of [start, end).

    Columns: `interface_id`; `time`, the bin's start; `state`: "SKIPDATA" (records were left out), "OK" (flows),
    "NODATA" (AWS says there was no traffic), "not yet delivered", "no record"; `records`, how many touch the bin;
    `window_s`, the capture window in seconds.
    """
    step = every or width(start, end)
    begin = datetime.fromtimestamp(start.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
    bins = pl.datetime_range(begin, end, step, closed="left", time_unit="ms", eager=True, time_zone="UTC")
    seen = _seen(records, begin, step, len(bins))
    grid = records.select(pl.col("interface_id").unique()).join(bins.alias("time").to_frame().lazy(), how="cross")
    late = pl.lit(datetime.now(UTC) - LAG).cast(TIME)
    newest = records.select(pl.col("end").max().alias("_newest"))
    state = (
        pl.when(pl.col("SKIPDATA") > 0)
        .then(pl.lit("SKIPDATA"))
        .when(pl.col("OK") > 0)
        .then(pl.lit("OK"))
        .when(pl.col("NODATA") > 0)
        .then(pl.lit("NODATA"))
        .when((pl.col("time") > late) & (pl.col("time") > pl.col("_newest")))
        .then(pl.lit("not yet delivered"))
        .otherwise(pl.lit("no record"))
    )
    return (
        grid.join(seen, on=["interface_id", "time"], how="left")
        .join(windows(records), on="interface_id", how="left")
        .join(newest, how="cross")
        .with_columns(pl.col("OK", "NODATA", "SKIPDATA").fill_null(0))
        .with_columns(state=state, records=pl.sum_horizontal("OK", "NODATA", "SKIPDATA"))
        .select("interface_id", "time", "state", "records", "window_s")
        .sort("interface_id", "time")
    )


def _seen(records: pl.LazyFrame, begin: datetime, step: timedelta, bins: int) -> pl.LazyFrame:
    """Return how many records of each status touch each bin: counted first, then spread over their bins."""
    millis = int(step.total_seconds() * 1000)

    def number(column: str) -> pl.Expr:
        return ((pl.col(column) - pl.lit(begin).cast(TIME)).dt.total_milliseconds() // millis).alias(column)

    runs = records.group_by("interface_id", "log_status", number("start"), number("end")).len("n")
    first = pl.max_horizontal("start", pl.lit(0))
    last = pl.min_horizontal(pl.max_horizontal("start", "end"), pl.lit(bins - 1))
    spread = runs.with_columns(_bin=pl.int_ranges(first, last + 1)).explode("_bin").filter(pl.col("_bin").is_not_null())
    time = (pl.lit(begin).cast(TIME) + pl.duration(milliseconds=pl.col("_bin") * millis)).cast(TIME)
    by_status = [
        pl.col("n").filter(pl.col("log_status") == s).sum().cast(pl.Int64).alias(s)
        for s in ("OK", "NODATA", "SKIPDATA")
    ]
    return spread.group_by("interface_id", time.alias("time")).agg(by_status)
