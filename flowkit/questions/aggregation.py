"""How long the capture windows are: nothing shorter than a window can be seen in its records."""

from __future__ import annotations

import polars as pl

from flowkit.questions.shared import require


def aggregation(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the capture window of each interface, as far as its records show it.

    AWS cuts time into windows of at most 60 or 600 s, in practice also 30 s, and no record is longer than its window.
    So the longest records tell: beyond 33 s it is 60 s, beyond 66 s it is 600 s (a tenth is allowed for windows that
    close late; one record in 10,000, and any longer than 11 minutes, may have a broken time). Where all records of an
    interface share their window's times and are shorter, it is 30 s. Where each flow has times of its own and all are
    short, nothing tells, and `window_s` is null.

    Returns columns `interface_id`; `window_s`: 30, 60, 600 or null; `longest_s`: the longest record in seconds;
    `shared`: whether records share start and end, so that the order inside a window is not to be known; `flows`. Sorted
    by interface. Raises `QuestionError` where a column is missing.

    >>> from datetime import UTC, datetime
    >>> flows = pl.LazyFrame({"interface_id": ["eni-a"] * 3, "start": [datetime(2026, 5, 14, tzinfo=UTC)] * 3,
    ...                       "end": [datetime(2026, 5, 14, 0, 0, 58, tzinfo=UTC)] * 3})
    >>> aggregation(flows).collect().rows()
    [('eni-a', 60, 58, True, 3)]
    """
    require(flows, ["interface_id", "start", "end"])
    length = (pl.col("end") - pl.col("start")).dt.total_seconds()
    runs = flows.group_by("interface_id", "start", length.alias("_length")).len("n")
    sound = pl.col("_length").is_between(0, 660)
    few = pl.col("n").sum() // 10_000
    over_66, over_33 = (pl.col("n").filter(sound & (pl.col("_length") > s)).sum() > few for s in (66, 33))
    # One pair of times a window: far fewer pairs than records, and on the average at least 20 s apart.
    span = (pl.col("start").max() - pl.col("start").min()).dt.total_seconds()
    shared = (pl.col("n").sum() >= 3 * pl.len()) & (span >= 20 * (pl.len() - 1))
    window = pl.when("_66").then(600).when("_33").then(60).when("shared").then(30)
    return (
        runs.group_by("interface_id")
        .agg(
            over_66.alias("_66"),
            over_33.alias("_33"),
            longest_s=pl.col("_length").filter(sound).max().cast(pl.Int64),
            shared=shared,
            flows=pl.col("n").sum().cast(pl.Int64),
        )
        .with_columns(window_s=window.cast(pl.Int32))
        .select("interface_id", "window_s", "longest_s", "shared", "flows")
        .sort("interface_id")
    )
