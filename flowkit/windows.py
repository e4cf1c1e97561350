"""How time is cut: the capture windows of each interface, read off its records.

AWS cuts time into windows of at most 60 or 600 s, in practice also of 30 s, and says nowhere in the logs which. No
record is longer than its window, and none reaches across a cut, so the records tell.
"""

from __future__ import annotations

import polars as pl

_MARK = {600: 10, 60: 1, 30: 1}
"""How finely the beginning of a window is looked for, in seconds."""

COUNT = "_records"
"""The column in which records that were counted together have their number."""


def counted(records: pl.LazyFrame) -> pl.LazyFrame:
    """Return the records counted by interface, status, start and end: all that windows and coverage need of them.

    AWS gives the records of an interface and window the same times, so that this is a small table of many records.
    """
    return records.group_by("interface_id", "log_status", "start", "end").agg(number(records).alias(COUNT))


def number(records: pl.LazyFrame) -> pl.Expr:
    """Return how many records there are, of a frame of records or of what `counted` returned."""
    return (pl.col(COUNT).sum() if COUNT in records.collect_schema().names() else pl.len()).cast(pl.Int64)


def windows(records: pl.LazyFrame) -> pl.LazyFrame:
    """Return the capture window of each interface, as far as its records show it.

    The longest records tell: beyond 33 s it is 60 s, beyond 66 s it is 600 s (a tenth is allowed for windows that close
    late; one record in 10,000, and any longer than 11 minutes, may have a broken time). Where all records of an
    interface share their window's times and are shorter, it is 30 s. Where each flow has times of its own and all are
    short, nothing tells, and `window_s` is null.

    Needs `interface_id`, `start`, `end`, of records or of what `counted` returned. Returns `interface_id`; `window_s`:
    30, 60, 600 or null; `longest_s`: the longest record in seconds; `shared`: whether records share start and end;
    `flows`, the records. Sorted by interface.

    >>> from datetime import UTC, datetime
    >>> flows = pl.LazyFrame({"interface_id": ["eni-a"] * 3, "start": [datetime(2026, 5, 14, tzinfo=UTC)] * 3,
    ...                       "end": [datetime(2026, 5, 14, 0, 0, 58, tzinfo=UTC)] * 3})
    >>> windows(flows).collect().rows()
    [('eni-a', 60, 58, True, 3)]
    """
    lengths = records.group_by("interface_id", _length().alias("_length")).agg(n=number(records))
    sound = pl.col("_length").is_between(0, 660)
    few = pl.col("n").sum() // 10_000
    over_66, over_33 = (pl.col("n").filter(sound & (pl.col("_length") > s)).sum() > few for s in (66, 33))
    window = pl.when("_66").then(600).when("_33").then(60).when("shared").then(30)
    by_length = lengths.group_by("interface_id").agg(
        over_66.alias("_66"),
        over_33.alias("_33"),
        longest_s=pl.col("_length").filter(sound).max().cast(pl.Int64),
        flows=pl.col("n").sum().cast(pl.Int64),
    )
    return (
        by_length.join(_shared(records), on="interface_id", how="left", nulls_equal=True)
        .with_columns(window_s=window.cast(pl.Int32))
        .select("interface_id", "window_s", "longest_s", "shared", "flows")
        .sort("interface_id")
    )


def cuts(records: pl.LazyFrame) -> pl.LazyFrame:
    """Return `windows` with `phase_s`: the second, from the full ten minutes on, at which an interface's windows begin.

    It is the cut across which the fewest records reach, the one that leaves them nearest to it where several fit; null
    where the window is not known.

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 5, 14, 0, m, s, tzinfo=UTC) for m, s in [(0, 10), (1, 9), (1, 12), (2, 8)]]
    >>> flows = pl.LazyFrame({"interface_id": ["eni-a"] * 2, "start": at[::2], "end": at[1::2]})
    >>> cuts(flows).select("window_s", "phase_s").collect().rows()
    [(60, 10)]
    """
    known = windows(records).filter(pl.col("window_s").is_not_null())
    width = pl.col("window_s")
    step = width.replace_strict(_MARK, return_dtype=pl.Int64)
    keys = [(pl.col("start").dt.epoch("s") % 600).alias("_mark"), _length().clip(0, 660).alias("_length")]
    marks = records.group_by("interface_id", *keys).agg(n=number(records)).drop_nulls()
    few = (
        marks.join(known.select("interface_id", "window_s"), on="interface_id", nulls_equal=True)
        .group_by("interface_id", "window_s", _mark=pl.col("_mark") % width // step * step, _length="_length")
        .agg(pl.col("n").sum())
    )
    into = (pl.col("_mark") - pl.col("_cut")) % width
    tried = few.with_columns(_cut=pl.int_ranges(0, width.cast(pl.Int64), step)).explode("_cut")
    fits = tried.group_by("interface_id", "_cut").agg(
        inside=pl.col("n").filter(into + pl.col("_length") < width).sum(), early=(into * pl.col("n")).sum()
    )
    best = pl.struct(-pl.col("inside").cast(pl.Int64), "early", "_cut")
    phase = fits.group_by("interface_id").agg(phase_s=pl.col("_cut").sort_by(best).first().cast(pl.Int32))
    return windows(records).join(phase, on="interface_id", how="left", nulls_equal=True).sort("interface_id")


def _length() -> pl.Expr:
    return (pl.col("end") - pl.col("start")).dt.total_seconds()


def _shared(records: pl.LazyFrame) -> pl.LazyFrame:
    """Return whether an interface's records share their times: one start a window, 20 s apart or more, most of them.

    Not on average: one record with a broken time, years away, would move that.
    """
    starts = records.group_by("interface_id", _start=pl.col("start").dt.epoch("s")).agg(n=number(records))
    apart = (pl.col("_start").sort().diff().median() >= 20).fill_null(value=True)
    shared = (pl.col("n").sum() >= 3 * pl.len()) & apart
    return starts.group_by("interface_id").agg(shared=shared.fill_null(value=False))
