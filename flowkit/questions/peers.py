"""Who talked to whom, the biggest first, with the rest in one row so that totals hold."""

from __future__ import annotations

import polars as pl

from flowkit.questions.largest import KEY, SUMMED, key, largest, marked, typed
from flowkit.questions.shared import COUNTS, OTHER, By, columns, number, option, require, seen_from, sums, text, total
from flowkit.schema import TIME
from flowkit.spill import parted


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
    names = keys or ("all",)
    seen = seen_from(flows, vantage, refused="action" in keys).select(
        *(text(*keys) or [pl.lit("all").alias("all")]), "packets", "bytes", "start", "end"
    )
    schema = typed(*names) | SUMMED | {"share": pl.Float64(), "groups": pl.Int64(), "vantage": pl.String()}
    return pl.defer(lambda: _answer(seen, names, n, rank).with_columns(vantage=pl.lit(vantage)), schema=schema)


def _answer(seen: pl.LazyFrame, names: tuple[str, ...], n: int, rank: str) -> pl.DataFrame:
    """Go over the flows twice: there may be millions of groups, and the names of most are never shown."""
    seen = seen.with_columns(key(*names))
    # Good enough to tell which are large, and half of what an exact sum of forged numbers takes.
    size = pl.len() if rank == "flows" else pl.col(rank).cast(pl.Float64).sum()
    with parted(seen.select(KEY, *([] if rank == "flows" else [rank])), KEY) as parts:
        first, groups = largest(parts, size, n)
    rows = (
        marked(seen, first)
        .group_by("_named", *(pl.when("_named").then(name).otherwise(pl.lit(OTHER)).alias(name) for name in names))
        .agg(*sums(), first_seen=pl.col("start").min().cast(TIME), last_seen=pl.col("end").max().cast(TIME))
        .collect(engine="streaming")
    )
    return _cut(rows, names, n, rank, int(groups["_all"].sum()))


def _cut(rows: pl.DataFrame, names: tuple[str, ...], n: int, rank: str, groups: int) -> pl.DataFrame:
    """Return the first `n` rows, and what is left, which no name was looked up for or which comes later, as one."""
    order = rows.lazy().sort("_named", rank, *names, descending=[True, True, *(False for _ in names)])
    place = pl.when("_named").then(pl.col("_rank").clip(0, n)).otherwise(n)
    shown = pl.col("_rank") < n
    return (
        order.with_row_index("_rank")
        .with_columns(place.alias("_rank"))
        .group_by("_rank", *(pl.when(shown).then(name).otherwise(pl.lit(OTHER)).alias(name) for name in names))
        .agg(total(*COUNTS), pl.col("first_seen").min(), pl.col("last_seen").max())
        .sort("_rank")
        .with_columns(
            share=(pl.col(rank) / pl.col(rank).cast(pl.Float64).sum()).fill_nan(0.0),
            groups=pl.when(shown).then(1).otherwise(groups - n).cast(pl.Int64),
        )
        .select(*names, *COUNTS, "first_seen", "last_seen", "share", "groups")
        .collect()
    )
