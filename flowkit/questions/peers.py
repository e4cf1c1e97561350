"""Who talked to whom, the biggest first, with the rest in one row so that totals hold."""

from __future__ import annotations

import polars as pl

from flowkit.questions.shared import COUNTS, OTHER, By, columns, number, option, require, seen_from, sums, text, total


def peers(
    flows: pl.LazyFrame,
    *,
    by: By = ("srcaddr", "dstaddr"),
    n: int = 10,
    rank: str = "bytes",
    vantage: str = "once",
) -> pl.LazyFrame:
    """Return the top talkers, and all others in one last row.

    Parameters
    ----------
    flows
        Flow records, as `case.flows` or `flowkit.scan` give them.
    by
        One column or several: whom to tell apart.
    n
        How many to show by name.
    rank
        What makes one bigger: "bytes", "packets" or "flows".
    vantage
        "once" (each pair of addresses from one interface, no byte of a hop twice), "all", or one interface "eni-…".

    Returns
    -------
    Columns `by` as text ("-" where the record has no value), `flows`, `packets`, `bytes`, `first_seen`, `last_seen`
    (UTC), `share` (0 to 1, of what is ranked by), `groups` (how many the row stands for: 1, or in the row "other" all
    the rest) and `vantage`. Sorted by rank, "other" last; it is not there where nothing is left over. Raises
    `QuestionError` on an unknown column or option.

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 5, 14, tzinfo=UTC)] * 3
    >>> flows = pl.LazyFrame({"srcaddr": ["10.0.0.1", "10.0.0.2", "10.0.0.3"], "packets": [9, 5, 1],
    ...                       "bytes": [900, 90, 10], "start": at, "end": at})
    >>> peers(flows, by="srcaddr", n=1, vantage="all").select("srcaddr", "bytes", "share", "groups").collect().rows()
    [('10.0.0.1', 900, 0.9, 1), ('other', 100, 0.1, 2)]
    """
    keys = columns(by)
    option("rank", rank, COUNTS)
    number("n", n)
    made = (*COUNTS, "first_seen", "last_seen", "share", "groups", "vantage")
    require(flows, ["start", "end", "packets", "bytes"], keys, made)
    groups = (
        seen_from(flows, vantage, refused="action" in keys)
        .group_by(text(*keys) or [pl.lit("all").alias("all")])
        .agg(*sums(), first_seen=pl.col("start").min(), last_seen=pl.col("end").max())
    )
    names = keys or ("all",)
    order = groups.sort(rank, *names, descending=[True, *(False for _ in names)])
    first = order.head(n).select(names).with_row_index("_rank")
    named = pl.col("_rank").is_not_null()
    return (
        groups.join(first, on=names, how="left")
        .group_by(
            pl.col("_rank").fill_null(n),
            *(pl.when(named).then(name).otherwise(pl.lit(OTHER)).alias(name) for name in names),
        )
        .agg(
            total(*COUNTS),
            pl.col("first_seen").min(),
            pl.col("last_seen").max(),
            pl.len().cast(pl.Int64).alias("groups"),
        )
        .sort("_rank")
        .with_columns(share=(pl.col(rank) / pl.col(rank).cast(pl.Float64).sum()).fill_nan(0.0), vantage=pl.lit(vantage))
        .select(*names, *COUNTS, "first_seen", "last_seen", "share", "groups", "vantage")
    )
