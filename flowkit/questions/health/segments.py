"""What the bytes of a check's packets say by themselves: SYNs alone, and what IPv6 adds."""

from __future__ import annotations

import polars as pl


def longer() -> pl.Expr:
    """Return what each IPv6 header weighs more than one of IPv4."""
    return pl.when("v6").then(20).otherwise(0)


def mean_size() -> pl.Expr:
    """Return the mean size of a packet sent there, as IPv4 has it."""
    return pl.col("fb") / pl.col("fp") - longer()


def syns_only() -> pl.Expr:
    """Whether nothing but SYNs went there: 60 bytes each, or without timestamps 52, 48 or 44.

    The shorter ones are believed only where nothing came back, or as many resets of 40 bytes: a whole check without
    timestamps weighs 132 bytes in 3 packets, as much as three SYNs; and a lone 52 may be the rest of a connection.
    """
    reset = (pl.col("bp") == pl.col("fp")) & (pl.col("bb") == (40 + longer()) * pl.col("bp"))
    lost = (pl.col("bp") == 0) & ((mean_size() != 52) | (pl.col("fp") > 1))
    return (mean_size() == 60) | (mean_size().is_in([44.0, 48.0, 52.0]) & (reset | lost))
