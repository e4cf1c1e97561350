"""Spells in which a target answered, but packets were lost on the way: checks in which something was sent again."""

from __future__ import annotations

import polars as pl

# One lost packet is no news: in the captures of healthy targets one check in a thousand has one. A spell has four among
# forty checks, and ends where sixty come through without: at 5 % of checks that is one chance in twenty. Where fewer
# come before it or after it, nothing says that it had not begun, or that it ended.
_SEEDS, _AMONG, _ENDS = 4, 40, 60


def losses(health: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return `first` and `last`, the bins in which a spell begins and ends, by keys."""
    place, time, n = pl.col("_place"), pl.col("time"), pl.col("retransmitted")
    bins = health.group_by(*keys, "time").agg(pl.col("checks", "retransmitted").sum()).sort(*keys, "time")
    bins = bins.with_columns(_to=pl.col("checks").cum_sum().over(keys)).with_columns(
        _all=pl.col("_to").max().over(keys), _begin=time.min().over(keys), _end=time.max().over(keys)
    )
    # Within their bin they are taken to lie at even steps.
    step = (pl.col("checks") // n).clip(1)
    each = bins.filter(n > 0).with_columns(_step=pl.int_ranges(1, n + 1)).explode("_step")
    each = each.with_columns(_place=pl.col("_to") - pl.col("checks") + pl.col("_step") * step)
    gap = (place - place.shift(1).over(keys)).fill_null(0)
    spells = each.with_columns(_spell=(gap > _ENDS).cum_sum().over(keys))
    together = place - place.shift(_SEEDS - 1).over(*keys, "_spell") < _AMONG
    spells = spells.with_columns(_dense=together.fill_null(value=False))
    found = spells.group_by(*keys, "_spell").agg(
        first=pl.when(place.min() <= _ENDS).then(pl.col("_begin").min()).otherwise(time.min()),
        last=pl.when(pl.col("_all").max() - place.max() < _ENDS).then(pl.col("_end").max()).otherwise(time.max()),
        dense=pl.col("_dense").any(),
    )
    return found.filter("dense").drop("dense", "_spell")


def marked(bins: pl.LazyFrame, spells: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return the bins with `lossy`: whether one is in a spell."""
    met = bins.sort("time").join_asof(
        spells.sort("first"), left_on="time", right_on="first", by=keys, strategy="backward", check_sortedness=False
    )
    return met.with_columns(lossy=(pl.col("time") <= pl.col("last")).fill_null(value=False)).drop("first", "last")
