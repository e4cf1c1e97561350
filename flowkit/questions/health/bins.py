"""Where a record lies in time: the capture window it belongs to, as near as the records tell."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import polars as pl

from flowkit.errors import QuestionError
from flowkit.split.lengths import MINUTE, doubled_of
from flowkit.windows import number

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# Every capture window fits whole into ten minutes: where a record lies in them tells where it lies in its window.
_WHOLE = 600_000
_MIDDLE = (pl.col("start").dt.epoch("ms") + pl.col("end").dt.epoch("ms")) // 2


@dataclass(frozen=True)
class Bins:
    """How time is cut: the width of a bin in milliseconds, and per interface whether its records share their times."""

    width: int
    interfaces: pl.DataFrame
    """`interface_id`, `shared`, and `_centre` (ms): the middle of its windows, where they are the bins."""

    def placed(self, records: pl.LazyFrame) -> pl.LazyFrame:
        """Return the records with `_bin` (of the middle, which its window contains) and `shared`."""
        known = records.join(self.interfaces.lazy(), on="interface_id", how="left", nulls_equal=True)
        nearest = ((_MIDDLE - pl.col("_centre") + self.width / 2) // self.width).cast(pl.Int64)
        return known.with_columns(_bin=pl.coalesce(nearest, _MIDDLE // self.width)).drop("_centre")

    def begun(self, health: pl.DataFrame) -> pl.DataFrame:
        """Return the health with `_begin` (ms): when a target's bins begin, which are the windows of who saw it.

        Windows of two interfaces that lie askew have no bound in common; it is the mean of theirs.
        """
        late = (pl.col("_centre") - self.width / 2).fill_null(0)
        starts = self.interfaces.select(seen_by=pl.col("interface_id").hash(), _late=late)
        known = health.join(starts, on="seen_by", how="left", maintain_order="left")
        second = (pl.col("_late").mean().over("target").fill_null(0) / 1_000).round().cast(pl.Int64)
        begin = pl.col("_bin") * self.width + second * 1_000
        return known.with_columns(_begin=begin, _width=pl.lit(self.width, pl.Int64)).drop("_late")


def bins(seen: pl.LazyFrame, windows: pl.DataFrame, width: int | None) -> Bins:
    """Return how the time of the seen records is cut, from the capture `windows` of their interfaces.

    The records may be counted already, as `flowkit.windows.counted` does it. Without a width it is the widest window
    among them: a bin that holds whole windows of all. Where nothing tells, a minute.
    """
    own = windows.select("interface_id", shared=pl.col("shared").fill_null(value=False))
    if width is not None:
        return Bins(width, own.with_columns(_centre=pl.lit(None, pl.Float64)))
    widest: int | None = windows["window_s"].cast(pl.Int64).max()  # type: ignore[assignment]
    width = (widest or 60) * 1_000
    centres = _centres(seen, own.filter("shared")["interface_id"].drop_nulls().to_list(), width)
    known = own.join(centres, on="interface_id", how="left").with_columns(shared=pl.col("_centre").is_not_null())
    return Bins(width, known)


def _centres(seen: pl.LazyFrame, interfaces: list[str], width: int) -> pl.DataFrame:
    """Return the middle of the windows of interfaces whose records share them: each window is to be a bin."""
    there = seen.filter(pl.col("interface_id").is_in(interfaces))
    # Counted first, by few values: a sine of each record would take longer than to read it.
    counts = there.group_by("interface_id", _at=_MIDDLE % _WHOLE).agg(n=number(there))
    angle, n = pl.col("_at") % width * (2 * math.pi) / width, pl.col("n")
    mean = pl.arctan2((angle.sin() * n).sum(), (angle.cos() * n).sum()) / (2 * math.pi) * width
    return counts.group_by("interface_id").agg(_centre=mean).collect(engine="streaming")


def millis(every: str | None) -> int | None:
    """Return a length of time in milliseconds."""
    if every is None:
        return None
    match = re.fullmatch(r"(\d+)([smhd])", every)
    if not match or int(match[1]) == 0:
        raise QuestionError(f"every={every!r} is no length of time: write it as '30s', '1m', '5m' or '1h'")
    return int(match[1]) * _UNITS[match[2]]


def slow_log(records: pl.LazyFrame, windows: pl.DataFrame) -> list[str]:
    """Return the interfaces that two flow logs tell of, one by the minute and one by ten: what a slow one says is told.

    `records` may be counted already.
    """
    wide = windows.filter(window_s=600)["interface_id"].drop_nulls().to_list()
    if not wide:
        return []
    length = (pl.col("end") - pl.col("start")).dt.total_seconds().alias("length")
    there = records.filter(pl.col("interface_id").is_in(wide))
    return list(doubled_of(there.group_by("interface_id", length).agg(n=number(there)).collect(engine="streaming")))


def once_told(records: pl.LazyFrame, doubled: list[str]) -> pl.LazyFrame:
    """Return the records without those of more than a minute of the interfaces that a faster flow log tells of too."""
    slow = pl.col("interface_id").is_in(doubled) & (pl.col("end") - pl.col("start") > pl.duration(seconds=MINUTE))
    return records.remove(slow) if doubled else records
