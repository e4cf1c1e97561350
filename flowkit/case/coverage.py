"""Coverage: for each interface and minute, what the logs hold, so that silence is never read as "no traffic"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
from polars.lazyframe.group_by import LazyGroupBy

from flowkit.schema import STATUSES, TIME
from flowkit.sources import SLOT, Object
from flowkit.windows import COUNT, cuts, number

DELAY = timedelta(minutes=10)
"""How long delivery takes where it could not be measured: AWS says about 10 minutes to S3, 5 to CloudWatch Logs."""

COPIED = timedelta(hours=1)
"""An object that came this long after its slot was not delivered then, but copied."""

NAMELESS = "all"
"""The interface of records that name none."""

MOST_BINS = 360


def width(start: datetime, end: datetime) -> timedelta:
    """Return the width of a bin: a minute, or as many whole minutes as keep the bins to a few hundred.

    >>> width(datetime(2026, 5, 14, 0), datetime(2026, 5, 15, 0))
    datetime.timedelta(seconds=240)
    """
    minutes = (end - start) / timedelta(minutes=1)
    return timedelta(minutes=max(1, -(-minutes // MOST_BINS)))


def delay(objects: Sequence[Object]) -> timedelta | None:
    """Return how long after its slot's end an object came, for 19 of 20 objects; None where it cannot be known.

    Only a bucket keeps the time of delivery. A file on a disk has the time of its download, and in a bucket to which
    logs were copied later most objects came more than an hour after their slot: that is no delivery.

    >>> slot = datetime(2026, 11, 23, 16, 20, tzinfo=UTC)
    >>> came = int((slot + timedelta(minutes=9)).timestamp() * 1e9)
    >>> delay([Object("a", "s3://bucket/a", 1, came, slot)]), delay([Object("a", "/logs/a", 1, came, slot)])
    (datetime.timedelta(seconds=240), None)
    """
    known = [(o.modified / 1e9, o.slot) for o in objects if o.slot and o.path.startswith("s3://")]
    late = sorted(max(0.0, came - (slot + SLOT).timestamp()) for came, slot in known)
    delivered = [seconds for seconds in late if seconds <= COPIED.total_seconds()]
    if not late or len(delivered) < len(late) / 2:
        return None
    return timedelta(seconds=round(delivered[len(delivered) * 19 // 20]))


def horizon(objects: Sequence[Object]) -> datetime:
    """Return until when anything could have been delivered: the newest slot's end where names tell it, at most now."""
    now = datetime.now(UTC)
    return min([now, *([max(o.slot for o in objects if o.slot) + SLOT] if any(o.slot for o in objects) else [])])


def coverage(
    records: pl.LazyFrame,
    start: datetime,
    end: datetime,
    every: timedelta | None = None,
    *,
    until: datetime | None = None,
    late: timedelta | None = None,
    known: pl.DataFrame | None = None,
) -> pl.LazyFrame:
    """Return what the logs hold of each interface in each bin of [start, end).

    Columns: `interface_id`; `time`, the bin's start; `state`: "SKIPDATA" (records were left out), "OK" (flows),
    "NODATA" (AWS says there was no traffic), "not yet delivered", "no record"; `records`, how many touch the bin;
    `window_s`, the capture window in seconds, null where the records do not show it; `silent`, how many of the windows
    whose middle lies in the bin have no record though it is due, and `silent_from`, when the first of them begins.

    A record speaks for its whole capture window: a bin whose middle lies in the window of some record has that record's
    state, though no packet came in that very minute. A bin that is wider than a window and has a silent one is "no
    record" as a whole, unless it has SKIPDATA: what is there never hides what is missing. "Not yet delivered" is what
    is missing after the last record of an interface, less than a window and the delivery delay `late` before `until`
    (now, or the newest object). A bin that the span covers in part only, and of which there is nothing, is left out: it
    is the edge of what was asked for, no gap. `records` may be counted already, as `flowkit.windows.counted` does it;
    `known`, what `flowkit.windows.cuts` returned for the `named` records, saves looking for the windows again.
    """
    records = named(records)
    step = every or width(start, end)
    begin = datetime.fromtimestamp(start.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
    bins = pl.datetime_range(begin, end, step, closed="left", time_unit="ms", eager=True, time_zone="UTC")
    cut = (cuts(records) if known is None else known.lazy()).select("interface_id", "window_s", "phase_s")
    runs = _runs(records, cut, int(begin.timestamp()), int(step.total_seconds()))
    grid = cut.select("interface_id").join(bins.alias("time").to_frame().lazy(), how="cross")
    seen = _seen(runs, begin, step, len(bins))
    newest = runs.group_by("interface_id").agg(pl.col("_newest").max())
    due = (until or datetime.now(UTC)) - (late or DELAY)
    silent = _silent(_unseen(records, cut, start, end, due), begin, step)
    open_from = pl.lit(due).cast(TIME) - pl.duration(seconds=pl.col("window_s").fill_null(600))
    coming = (pl.col("time") + step > open_from) & (pl.col("time") > pl.col("_newest"))
    state = pl.when(coming).then(pl.lit("not yet delivered")).otherwise(pl.lit("no record"))
    for status in reversed(_ORDER):
        state = pl.when(pl.col(f"_{status}") > 0).then(pl.lit(status)).otherwise(state)
    gap = (pl.col("silent") > 0) & (pl.col("window_s") < step.total_seconds())
    state = pl.when(gap & ~(pl.col("_SKIPDATA") > 0).fill_null(value=False)).then(pl.lit("no record")).otherwise(state)
    whole = (pl.col("time") >= start) & (pl.col("time") + step <= end)
    return (
        grid.join(seen, on=["interface_id", "time"], how="left", nulls_equal=True)
        .join(cut, on="interface_id", how="left", nulls_equal=True)
        .join(newest, on="interface_id", how="left", nulls_equal=True)
        .join(silent, on=["interface_id", "time"], how="left", nulls_equal=True)
        .with_columns(silent=pl.when(pl.col("window_s").is_not_null()).then(pl.col("silent").fill_null(0)))
        .with_columns(state=state, _whole=whole | gap)
        .filter(pl.col("_whole") | (pl.col("state") != "no record"))
        .select("interface_id", "time", "state", pl.col("_touch").fill_null(0).alias("records"), *_OF_WINDOWS)
        .sort("interface_id", "time")
    )


_ORDER = ("SKIPDATA", "OK", "NODATA")
"""What a bin is called when records of several kinds speak for it."""


def silence(table: pl.DataFrame, step: timedelta) -> tuple[int, int, int, datetime] | None:
    """Return what of a coverage with bins `step` wide has no record at all though it is due, None where nothing is.

    How many capture windows (bins, of interfaces whose windows are not known), how many seconds they are together, on
    how many interfaces, and when the first of them begins.

    >>> at = datetime(2026, 5, 14, 16, 40, tzinfo=UTC)
    >>> row = {"interface_id": "eni-a", "time": at, "state": "no record", "window_s": 60, "silent": 3}
    >>> silence(pl.DataFrame([{**row, "silent_from": at + timedelta(minutes=1)}]), timedelta(minutes=4))[:3]
    (3, 180, 1)
    """
    unknown = pl.col("window_s").is_null() & (pl.col("state") == "no record")
    number, wide = pl.when(unknown).then(1).otherwise("silent"), int(step.total_seconds())
    found = table.with_columns(
        _n=number, _s=number * pl.col("window_s").fill_null(wide), _from=pl.coalesce("silent_from", "time")
    ).filter(pl.col("_n") > 0)
    if found.is_empty():
        return None
    first = found.select(pl.col("_from").min()).item()
    return int(found["_n"].sum()), int(found["_s"].sum()), found["interface_id"].n_unique(), first


_OF_WINDOWS = ("window_s", "silent", "silent_from")

_LONGEST = 660
"""Seconds of the longest record that is believed: see `flowkit.windows.windows`."""


def named(records: pl.LazyFrame) -> pl.LazyFrame:
    """Return the records with an interface: where the format has none, what they were taken on, or "all"."""
    known = records.collect_schema().names()
    names = [c for c in ("interface_id", "tgw_attachment_id", "resource_id") if c in known]
    return records.with_columns(interface_id=pl.coalesce(*names, pl.lit(NAMELESS)))


def _seen(runs: pl.LazyFrame, begin: datetime, step: timedelta, bins: int) -> pl.LazyFrame:
    """Return by bin how many records touch it, and how many of each status speak for it."""
    touched = _spread(runs, "_from", "_to", bins).agg(_touch=pl.col("n").sum())
    spoken = [pl.col("n").filter(pl.col("log_status") == s).sum().alias(f"_{s}") for s in STATUSES]
    both = touched.join(
        _spread(runs, "_first", "_last", bins).agg(spoken),
        on=["interface_id", "_bin"],
        how="full",
        coalesce=True,
        nulls_equal=True,
    )
    time = pl.lit(begin).cast(TIME) + pl.duration(seconds=pl.col("_bin") * int(step.total_seconds()))
    return both.with_columns(time=time.cast(TIME)).drop("_bin")


def _runs(records: pl.LazyFrame, known: pl.LazyFrame, zero: int, wide: int) -> pl.LazyFrame:
    """Return records counted by interface, status, the bins they touch (`_from`, `_to`), and those they speak for."""
    start, end = (pl.col(c).dt.epoch("s") for c in ("start", "end"))
    times = [start.alias("_start"), pl.max_horizontal(start, end).alias("_end")]
    spans = records.group_by("interface_id", "log_status", *times).agg(number(records).alias(COUNT))
    timed = spans.drop_nulls(["_start", "_end"])
    opened = (pl.col("_start") - pl.col("phase_s")) // pl.col("window_s") * pl.col("window_s") + pl.col("phase_s")
    closed = opened + pl.col("window_s")
    touch, to = (pl.col("_start") - zero) // wide, (pl.col("_end") - zero) // wide
    # The bins whose middle lies in [opened, closed), and in any case those that the record itself touches.
    first, last = -((wide // 2 - opened + zero) // wide), (closed - zero - 1 - wide // 2) // wide
    bins = {"_from": touch, "_to": to, "_first": pl.min_horizontal(first, touch), "_last": pl.max_horizontal(last, to)}
    placed = timed.join(known, on="interface_id", how="left", nulls_equal=True)
    keys = [expression.alias(name) for name, expression in bins.items()]
    return placed.group_by("interface_id", "log_status", *keys).agg(
        n=pl.col(COUNT).sum(), _newest=(pl.col("_end").max() * 1000).cast(TIME)
    )


def _spread(runs: pl.LazyFrame, first: str, last: str, bins: int) -> LazyGroupBy:
    """Return the counts by interface and bin, one row for each bin from `first` to `last` that there is."""
    low, high = pl.max_horizontal(first, pl.lit(0)), pl.min_horizontal(last, pl.lit(bins - 1))
    rows = runs.with_columns(_bin=pl.int_ranges(low, high + 1)).explode("_bin").filter(pl.col("_bin").is_not_null())
    return rows.group_by("interface_id", "_bin")


def _unseen(records: pl.LazyFrame, known: pl.LazyFrame, start: datetime, end: datetime, due: datetime) -> pl.LazyFrame:
    """Return the runs of windows within the span, `_a` to `_b`, of which an interface has no record though it is due.

    A window is known by its number: how many lie between the epoch and it.
    """
    width, phase = pl.col("window_s").cast(pl.Int64), pl.col("phase_s").cast(pl.Int64)
    begin, stop, late = (int(t.timestamp()) for t in (start, end, due))
    cut = known.drop_nulls(["window_s", "phase_s"])
    begun = pl.col("start").dt.epoch("s")
    ended = pl.min_horizontal(pl.col("end").dt.epoch("s") - 1, begun + _LONGEST)
    seen = records.drop_nulls(["start"]).join(cut, on="interface_id", nulls_equal=True)
    held = seen.group_by("interface_id", _k=(begun - phase) // width, _to=(ended - phase) // width).agg()
    each = held.select("interface_id", pl.int_ranges("_k", pl.max_horizontal("_k", "_to") + 1).alias("_k")).explode(
        "_k"
    )
    first, last = -((phase - begin) // width), (stop - phase) // width - 1
    coming = pl.min_horizontal(last, (late - phase) // width - 1)
    bounds = cut.select("interface_id", _k=pl.concat_list(first - 1, coming + 1)).explode("_k")
    both = pl.concat([each, bounds]).unique().sort("interface_id", "_k")
    gaps = both.with_columns(_a=pl.col("_k").shift().over("interface_id") + 1, _b=pl.col("_k") - 1)
    placed = gaps.join(cut, on="interface_id", nulls_equal=True)
    return placed.with_columns(pl.max_horizontal("_a", first), pl.min_horizontal("_b", last)).filter(
        pl.col("_a") <= pl.col("_b")
    )


def _silent(gaps: pl.LazyFrame, begin: datetime, step: timedelta) -> pl.LazyFrame:
    """Return by bin how many windows of the gaps have their middle in it, and when the first of them begins."""
    zero, wide = int(begin.timestamp()), int(step.total_seconds())
    width, phase = pl.col("window_s").cast(pl.Int64), pl.col("phase_s").cast(pl.Int64)
    middle = phase + width // 2 - zero
    low, high = ((pl.col(c) * width + middle) // wide for c in ("_a", "_b"))
    rows = gaps.with_columns(_bin=pl.int_ranges(low, high + 1)).explode("_bin")
    until = ((pl.col("_bin") + 1) * wide - middle - 1) // width
    after = (pl.col("_bin") * wide - middle - 1) // width
    told = rows.with_columns(pl.max_horizontal("_a", after + 1), pl.min_horizontal("_b", until)).filter(
        pl.col("_a") <= pl.col("_b")
    )
    time = (pl.lit(zero) + pl.col("_bin") * wide) * 1000
    opened = (pl.col("_a") * width + phase) * 1000
    return told.group_by("interface_id", time=time.cast(TIME)).agg(
        silent=(pl.col("_b") - pl.col("_a") + 1).sum(), silent_from=opened.min().cast(TIME)
    )
