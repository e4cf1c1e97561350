"""Where the logs have holes: a check that nobody logged may have been made all the same."""

from __future__ import annotations

import polars as pl

from flowkit.questions.shared import require

_HOLES = ["SKIPDATA", "no record", "not yet delivered"]


def holes(health: pl.DataFrame, coverage: pl.LazyFrame | None) -> pl.DataFrame:
    """Return the health with `hole`: whether the interface that saw a pair's checks has no whole records of the bin."""
    if coverage is None:
        return health.with_columns(hole=pl.lit(value=False))
    require(coverage, ["interface_id", "time", "state"])
    bins = coverage.select(
        seen_by=pl.col("interface_id").hash(), at=pl.col("time").dt.epoch("ms"), lost=pl.col("state").is_in(_HOLES)
    )
    middle = health.with_row_index("_row").with_columns(at=pl.col("_begin") + pl.col("_width") // 2)
    known = middle.sort("at").join_asof(
        bins.sort("at").collect(), on="at", by="seen_by", strategy="backward", check_sortedness=False
    )
    return known.sort("_row").with_columns(hole=pl.col("lost").fill_null(value=False)).drop("_row", "at", "lost")
