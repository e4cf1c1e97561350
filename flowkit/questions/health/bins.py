"""Where a record lies in time: the capture window it belongs to, as near as the records tell."""

from __future__ import annotations

import math
import re

import polars as pl

from flowkit.errors import QuestionError
from flowkit.questions.aggregation import aggregation

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def timed(seen: pl.LazyFrame, flows: pl.LazyFrame, every: str | None) -> pl.LazyFrame:
    """Return the records with `_bin` (of the middle, which its window contains), `_width` (ms), and `shared`."""
    middle = (pl.col("start").dt.epoch("ms") + pl.col("end").dt.epoch("ms")) // 2
    windows = aggregation(flows)
    if every is not None:
        seen = seen.with_columns(_width=pl.lit(_millis(every))).with_columns(_bin=middle // pl.col("_width"))
        return seen.join(_shared(windows), on="interface_id", how="left", nulls_equal=True)
    # The widest window among the interfaces: a bin that holds whole windows of all. Where nothing tells, a minute.
    width = windows.select(_width=pl.col("window_s").max().fill_null(60).cast(pl.Int64) * 1000)
    seen = seen.join(width, how="cross")
    # Windows that all records of an interface share have a grid of their own, and each is a bin.
    angle = middle % pl.col("_width") * (2 * math.pi) / pl.col("_width")
    mean = pl.arctan2(angle.sin().sum(), angle.cos().sum()) / (2 * math.pi) * pl.col("_width").first()
    centre = (
        seen.group_by("interface_id").agg(_centre=mean).join(windows.filter("shared"), on="interface_id", how="semi")
    )
    seen = seen.join(centre, on="interface_id", how="left")
    nearest = ((middle - pl.col("_centre") + pl.col("_width") / 2) // pl.col("_width")).cast(pl.Int64)
    seen = seen.with_columns(
        _bin=pl.coalesce(nearest, middle // pl.col("_width")), shared=pl.col("_centre").is_not_null()
    )
    return seen.drop("_centre")


def _shared(windows: pl.LazyFrame) -> pl.LazyFrame:
    return windows.select("interface_id", pl.col("shared").fill_null(value=False))


def _millis(every: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", every)
    if not match or int(match[1]) == 0:
        raise QuestionError(f"every={every!r} is no length of time: write it as '30s', '1m', '5m' or '1h'")
    return int(match[1]) * _UNITS[match[2]]
