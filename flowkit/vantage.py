"""One observer for each pair of addresses, so that no byte of a hop is counted twice.

The same packet is recorded on every logged interface it passes: on the load balancer's and on the target's. A sum over
all of them counts it twice, and an average is worse. So for each pair of addresses one interface is the observer: the
one that holds the most records of the pair (the longest witness), the first by name where two hold as many.
"""

from __future__ import annotations

import polars as pl

_PAIR = "_pair"


def mark(flows: pl.LazyFrame, seen: pl.DataFrame | None = None) -> pl.LazyFrame:
    """Return the flows with a column `once`: true on the records of the observing interface.

    A connection through a load balancer is two hops, client to load balancer and load balancer to target; each hop is
    counted once. Records without an address or interface are all counted. `seen`, where these flows are a part of more,
    is what `observers` returned for all of them.

    >>> flows = pl.LazyFrame({"interface_id": ["eni-a", "eni-a", "eni-b"],
    ...                       "srcaddr": ["10.0.0.1", "10.0.0.2", "10.0.0.1"],
    ...                       "dstaddr": ["10.0.0.2", "10.0.0.1", "10.0.0.2"]})
    >>> mark(flows).collect()["once"].to_list()
    [True, True, False]
    """
    names = flows.collect_schema().names()
    if not set(names) >= _NEEDED:
        return flows.with_columns(once=pl.lit(value=True))
    best = _best(flows) if seen is None else seen.lazy()
    return (
        flows.with_columns(_pair())
        .join(best, on=_PAIR, how="left", maintain_order="left")
        .with_columns(once=(pl.col("interface_id") == pl.col("_observer")).fill_null(value=True))
        .select(*names, "once")
    )


def observers(flows: pl.LazyFrame) -> pl.DataFrame | None:
    """Return the observing interface of each pair of addresses, for `mark`; None where the flows have no addresses."""
    return _best(flows).collect(engine="streaming") if set(flows.collect_schema().names()) >= _NEEDED else None


_NEEDED = {"srcaddr", "dstaddr", "interface_id"}


def _best(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return `_observer` by pair, for pairs that more than one interface saw: the others need none."""
    counts = flows.select(_pair(), "interface_id").group_by(_PAIR, "interface_id").agg(n=pl.len().cast(pl.Int64))
    best = pl.col("interface_id").sort_by([-pl.col("n"), "interface_id"], nulls_last=True).first()
    return counts.group_by(_PAIR).agg(_observer=best, many=pl.len() > 1).filter("many").drop("many")


def _pair() -> pl.Expr:
    """Return a number for the pair of addresses, the same in both directions: strings would fill the memory."""
    ends = ("srcaddr", "dstaddr")
    return pl.struct(low=pl.min_horizontal(ends), high=pl.max_horizontal(ends)).hash().alias(_PAIR)
