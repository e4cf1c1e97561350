"""Lines chosen by hand, and the type of the fixture that writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
FLOW = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 40000 80 6 3 164 1795449900 1795449930 ACCEPT OK"
NODATA = "2 123456789010 eni-1 - - - - - - - 1795449900 1795449930 - NODATA"
SKIPDATA = "2 123456789010 eni-2 - - - - - - - 1795449900 1795449930 - SKIPDATA"

Writer = Callable[..., Path]


def ordered(flows: pl.LazyFrame) -> pl.DataFrame:
    """Return flows in one order: threads may give them in any."""
    return flows.sort(pl.all()).collect()
