"""The sizes of flow records: health checks stand out as spikes beside the spread of the service."""

from __future__ import annotations

import polars as pl

from flowkit.questions.shared import biggest, columns, option, require, seen_from, text

_PER_OCTAVE = 16
_FEW = 64
_SPIKE = 0.005


def sizes(
    flows: pl.LazyFrame,
    *,
    by: str | None = "kind",
    measure: str = "bytes",
    protocol: int | None = 6,
    vantage: str = "once",
) -> pl.LazyFrame:
    """Return a histogram of the records' sizes, exact where it matters.

    A size that holds at least half a percent of the records has a row of its own (all of them have, where there are no
    more than 64 different sizes); the rest lies in bins of a sixteenth of an octave (about 4 %). A record of an exact
    size is not counted again in the bin around it.

    Parameters
    ----------
    flows
        Flow records, as `case.flows` or `flowkit.scan` give them.
    by
        Any column: "kind" tells health checks from service. More than 12 values: the 11 with most records, and "other".
    measure
        "bytes" or "packets", of one record.
    protocol
        IANA number: 6 is TCP; None takes all.
    vantage
        "once" (each pair of addresses from one interface), "all", or one interface "eni-…".

    Returns
    -------
    Columns `low`, `high` (both included, in bytes or packets; equal for an exact size), the column `by` as text if
    given, and `flows`; where the flows have ports also `answers`, those of them that came from the lower of the two,
    which is the server's; sorted by `low`, `high`, `by`. Raises `QuestionError` on an unknown column or option.

    >>> flows = pl.LazyFrame({"bytes": [164, 164, 5000], "kind": ["health-check", "health-check", "service"],
    ...                       "protocol": [6, 6, 6]})
    >>> sizes(flows, vantage="all").collect().rows()
    [(164, 164, 'health-check', 2), (5000, 5000, 'service', 1)]
    """
    keys = columns(by)
    option("measure", measure, ("bytes", "packets"))
    needed = [measure] if protocol is None else [measure, "protocol"]
    require(flows, needed, keys, made=("low", "high", "flows", "answers"))
    seen = seen_from(flows, vantage)
    if protocol is not None:
        seen = seen.filter(pl.col("protocol") == protocol)
    # The biggest values are looked for among the counts: the records themselves are not held for it.
    ports = {"srcport", "dstport"} <= set(flows.collect_schema().names())
    answers = {"answers": (pl.col("srcport") < pl.col("dstport")).sum()} if ports else {}
    size = pl.col(measure).cast(pl.Int64).alias("_size")
    counts = seen.group_by(size, *text(*keys)).agg(pl.len().alias("n"), **answers)
    for key in keys:
        counts = biggest(counts, key, measure=pl.col("n").sum())
    counts = counts.with_columns(_exact())
    low, high = bin_of(pl.col("_size"))
    own = pl.col("_exact") | (pl.col("_size") < 1)
    return (
        counts.with_columns(
            low=pl.when(own).then("_size").otherwise(low), high=pl.when(own).then("_size").otherwise(high)
        )
        .group_by("low", "high", *keys)
        .agg(pl.col("n").sum().cast(pl.Int64).alias("flows"), *(pl.col(c).sum().cast(pl.Int64) for c in answers))
        .sort("low", "high", *keys)
    )


def _exact() -> pl.Expr:
    """Return whether a size has a row of its own."""
    share = pl.col("n").sum().over("_size") / pl.col("n").sum()
    return ((pl.col("_size").n_unique() <= _FEW) | (share >= _SPIKE)).alias("_exact")


def bin_of(size: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return the bounds of the bin that holds a size, both included."""
    step = (size.log(2) * _PER_OCTAVE).floor()
    bounds = [pl.lit(2.0).pow((step + n) / _PER_OCTAVE).ceil() for n in (0, 1)]
    return bounds[0].cast(pl.Int64, strict=False), (bounds[1] - 1).cast(pl.Int64, strict=False)
