"""What another interface saw where the observer of a pair saw nothing: a hole in one log is none in both."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from flowkit import vantage
from flowkit.questions.health.bins import Bins

_ENDS = ["srcaddr", "dstaddr", "srcport", "dstport"]
_PLACE = ["_pair", "_bin"]
# A port that is met in more windows than a window's edge can cut one check into comes back.
_CUT = 2


@dataclass(frozen=True)
class Elsewhere:
    """Records of holes, seen from another interface: those that may be checks, and those of service beside them."""

    checks: pl.LazyFrame
    """With `_bin` and `shared`, as `Bins.placed` gives them."""
    service: pl.LazyFrame


def elsewhere(flows: pl.LazyFrame, kinds: pl.Expr, cut: Bins, needed: tuple[str, ...]) -> Elsewhere:
    """Return the records of each pair of addresses in the bins in which only another than its observer saw checks.

    One record may lie in two bins, as the windows of the two interfaces do not begin together: a check that the
    observer saw in the bin beside is no other check.
    """
    marked = flows if "once" in flows.collect_schema().names() else vantage.mark(flows)
    ends = pl.struct(low=pl.min_horizontal(_ENDS[:2]), high=pl.max_horizontal(_ENDS[:2])).hash()
    placed = cut.placed(marked.filter(kinds).select(*dict.fromkeys((*needed, *_ENDS, "once"))).with_columns(_pair=ends))
    gaps = _gaps(placed.filter(pl.col("kind") == "health-check"))
    if gaps.is_empty():
        none = placed.clear()
        return Elsewhere(none.select(*needed, "_bin", "shared"), none.select(needed))
    around = placed.join(_beside(_beside(gaps)).lazy(), on=_PLACE, how="semi").collect(engine="streaming")
    checks = _unseen(around.filter(pl.col("kind") != "service"), gaps)
    service = around.filter(~pl.col("once")).join(gaps, on=_PLACE, how="semi")
    return Elsewhere(checks.select(*needed, "_bin", "shared").lazy(), service.select(needed).lazy())


def _gaps(checks: pl.LazyFrame) -> pl.DataFrame:
    """Return the pairs and bins in which the observer, which saw checks before and after, saw none and another did."""
    seen = checks.group_by(_PLACE).agg(pl.col("once").any()).collect(engine="streaming")
    own = pl.col("_bin").filter("once")
    inside = (pl.col("_bin") > own.min().over("_pair")) & (pl.col("_bin") < own.max().over("_pair"))
    return seen.filter(inside, ~pl.col("once")).select(_PLACE)


def _unseen(around: pl.DataFrame, gaps: pl.DataFrame) -> pl.DataFrame:
    """Return what only others saw. Where a port comes back, the check beside is another one, and the gap is all."""
    other = around.filter(~pl.col("once")).join(_beside(gaps), on=_PLACE, how="semi")
    keys = ["_pair", *_ENDS]
    other = other.with_columns(back=pl.col("_bin").n_unique().over(keys) > _CUT)
    own = around.filter("once").select(*keys, "_bin")
    once = other.remove("back").join(_beside(own), on=[*keys, "_bin"], how="anti")
    return pl.concat([once, other.filter("back").join(gaps, on=_PLACE, how="semi")])


def _beside(places: pl.DataFrame) -> pl.DataFrame:
    """Return the places with the bins beside them."""
    return pl.concat(places.with_columns(pl.col("_bin") + step) for step in (-1, 0, 1)).unique()
