"""One observer for each pair of addresses, so that no byte of a hop is counted twice.

The same packet is recorded on every logged interface it passes: on the load balancer's and on the target's. A sum over
all of them counts it twice, and an average is worse. So for each pair of addresses one interface is the observer: the
one that holds the most records of the pair (the longest witness), the first by name where two hold as many.
"""

from __future__ import annotations

import polars as pl

_PAIR = ("_low", "_high")


def mark(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the flows with a column `once`: true on the records of the observing interface.

    A connection through a load balancer is two hops, client to load balancer and load balancer to target; each hop is
    counted once. Records without an address or interface are all counted.

    >>> flows = pl.LazyFrame({"interface_id": ["eni-a", "eni-a", "eni-b"],
    ...                       "srcaddr": ["10.0.0.1", "10.0.0.2", "10.0.0.1"],
    ...                       "dstaddr": ["10.0.0.2", "10.0.0.1", "10.0.0.2"]})
    >>> mark(flows).collect()["once"].to_list()
    [True, True, False]
    """
    names = flows.collect_schema().names()
    if not {"srcaddr", "dstaddr", "interface_id"} <= set(names):
        return flows.with_columns(once=pl.lit(value=True))
    return (
        flows.with_columns(_pair())
        .join(observers(flows), on=list(_PAIR), how="left", maintain_order="left")
        .with_columns(once=(pl.col("interface_id") == pl.col("_observer")).fill_null(value=True))
        .select(*names, "once")
    )


def observers(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the observing interface of each pair of addresses."""
    counts = flows.with_columns(_pair()).group_by(*_PAIR, "interface_id").len()
    best = pl.col("interface_id").sort_by([-pl.col("len").cast(pl.Int64), "interface_id"]).first()
    return counts.group_by(_PAIR).agg(best.alias("_observer"))


def _pair() -> list[pl.Expr]:
    ends = ("srcaddr", "dstaddr")
    return [pl.min_horizontal(ends).alias("_low"), pl.max_horizontal(ends).alias("_high")]
