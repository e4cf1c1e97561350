"""One observer for each pair of addresses, so that no byte of a hop is counted twice.

The same packet is recorded on every logged interface it passes: on the load balancer's and on the target's. A sum over
all of them counts it twice, and an average is worse. So for each pair of addresses one interface is the observer: the
one that holds the most records of the pair (the longest witness), the first by name where two hold as many.
"""

from __future__ import annotations

from collections.abc import Iterable

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
    if not _told(flows):
        return flows.with_columns(once=pl.lit(value=True))
    best = _best(_counts(flows)) if seen is None else seen.lazy()
    return (
        flows.with_columns(_pair())
        .join(best, on=_PAIR, how="left", maintain_order="left")
        .with_columns(once=(pl.col("interface_id") == pl.col("_observer")).fill_null(value=True))
        .select(*names, "once")
    )


def observers(parts: Iterable[pl.LazyFrame]) -> pl.DataFrame | None:
    """Return the observing interface of each pair of addresses, for `mark`; None where the flows have no addresses.

    The flows come in parts, such as stretches of time. A pair that only one interface saw in a part has no need of an
    observer there, so that of a part with a million strangers little is kept.
    """
    met = [_counts(part).collect(engine="streaming") for part in parts if _told(part)]
    return _best(pl.concat(met).lazy()).collect(engine="streaming") if met else None


_NEEDED = {"srcaddr", "dstaddr", "interface_id"}


def _told(flows: pl.LazyFrame) -> bool:
    return set(flows.collect_schema().names()) >= _NEEDED


def _counts(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return how many records of a pair each interface has, for pairs that more than one interface saw."""
    counts = flows.select(_pair(), "interface_id").group_by(_PAIR, "interface_id").agg(n=pl.len().cast(pl.Int64))
    met = counts.group_by(_PAIR).agg("interface_id", "n").filter(pl.col("n").list.len() > 1)
    return met.explode("interface_id", "n")


def _best(counts: pl.LazyFrame) -> pl.LazyFrame:
    """Return `_observer` by pair."""
    counts = counts.group_by(_PAIR, "interface_id").agg(pl.col("n").sum())
    best = pl.col("interface_id").sort_by([-pl.col("n"), "interface_id"], nulls_last=True).first()
    return counts.group_by(_PAIR).agg(_observer=best)


def _pair() -> pl.Expr:
    """Return a number for the pair of addresses, the same in both directions: strings would fill the memory."""
    ends = ("srcaddr", "dstaddr")
    return pl.struct(low=pl.min_horizontal(ends), high=pl.max_horizontal(ends)).hash().alias(_PAIR)
