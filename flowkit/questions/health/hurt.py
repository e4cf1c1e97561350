"""Service that fails while no check of the target does: a check sees only what it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

# Three failed flows in a window, a fifth of it: fewer are clients that gave up, or a target that was restarted.
_LEAST, _SHARE = 3, 0.2
_FEWEST = 10


@dataclass(frozen=True)
class Hurt:
    """What failed of the service to a target, from the first window to the last in which it did beside good checks."""

    target: str
    failed: int
    service: int
    start: datetime
    end: datetime
    elsewhere: bool
    """Whether it went to ports of the address that nobody checks."""

    @property
    def where(self) -> str:
        """Return where the service went, beside the target's name."""
        return f"to {self.target.rpartition(':')[0]}, on ports that nobody checks," if self.elsewhere else "to it"


def hurt(health: pl.DataFrame, target: str, failing: Sequence[tuple[datetime, datetime]]) -> Hurt | None:
    """Return what failed of a target's service outside the spells in which its checks failed, None where little did.

    `health` is a table of `seen_health`.
    """
    rows = health.filter(pl.col("target") == target).unique("time").sort("time")
    width = timedelta(milliseconds=int(rows["_width"].max() or 0))  # type: ignore[arg-type]
    until = pl.col("time") + width
    for start, end in failing:
        rows = rows.filter((pl.col("time") >= end + width) | (until <= start - width))
    failed, all_ = pl.col("service_failed"), pl.col("service")
    bad = rows.filter((failed >= _LEAST) & (failed >= _SHARE * all_))
    if bad["service_failed"].sum() < _FEWEST:
        return None
    first, last = bad["time"].item(0), bad["time"].item(-1) + width
    whole = rows.filter((pl.col("time") >= first) & (until <= last))
    lost, sent = (int(whole[name].sum()) for name in ("service_failed", "service"))
    return Hurt(target, lost, sent, first, last, elsewhere=bool(whole["elsewhere"].any()))
