"""Sizes that share one clock: a checker whose requests vary is even in all of its sizes together, and in none alone.

Where each tick takes one of several sizes, one size has a tick more where another has one less: their counts waver
against each other from window to window, which those of clients do not. Such sizes are drawn together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import polars as pl

from flowkit.split.beat import WIDEST, log_chance

# Of a port, so many sizes and pairs of addresses are looked at, the commonest first; and so many ports.
MOST_SIZES, MOST_PAIRS, MOST_PORTS = 16, 24, 64
# Sizes waver against each other beyond chance: so many standard deviations of the sum of their products. Among the
# 120 pairs of 16 sizes chance reaches 2.5 about once.
AGAINST = 3.0
# All together must be far more even than chance, and more even than clients ever are.
UNITED, LOOSE = -4.0, 0.5
# Nearly twice the size is two checks in one record, whose source port came back within the window.
TWO = 1.7
# Sets of sizes that a port may have: a checker of its own for each.
MOST_SETS = 3

PORT = ["sp", "h"]
SETS = {"sp": pl.Int32(), "h": pl.Int32(), "x": pl.List(pl.Int64)}


def unions(counts: pl.DataFrame, ranges: pl.DataFrame) -> pl.DataFrame:
    """Return the sets found: sp, h, union (a number), x. Sizes that are so near that they make one range need none.

    Needs `counts` by range, block and bin, and the ranges of one size each, with `unit`, `sp`, `h`.
    """
    each = counts.join(ranges.select("range", "unit", *PORT, x="lo"), on="range")
    totals = each.group_by(*PORT).agg(pl.col("n").sum(), sizes=pl.col("x").n_unique()).filter(pl.col("sizes") > 1)
    ports = totals.sort("n", *PORT, descending=[True, False, False]).head(MOST_PORTS).select(PORT)
    rows = []
    for port in ports.iter_rows(named=True):
        here = each.filter(pl.col("sp") == port["sp"], pl.col("h") == port["h"])
        rows += [(*port.values(), x) for x in _sets(here) if x[0] + WIDEST < x[-1] < TWO * x[0]]
    found = pl.DataFrame(rows, schema=["sp", "h", "x"], schema_overrides=SETS, orient="row").with_row_index("union")
    return found.explode("x")


@dataclass(frozen=True)
class _Steps:
    """How the counts of sizes step from window to window: their mean, and the sums of products of their steps."""

    means: dict[str, float]
    products: dict[tuple[str, str], float]
    height: int

    def apart(self, chosen: Sequence[str], others: Sequence[str]) -> float:
        return sum(self.products[one, other] for one in chosen for other in others)

    def against(self, chosen: Sequence[str], size: str) -> float:
        """Return by how many standard deviations a size wavers against the others together."""
        alone = self.apart(chosen, chosen) * self.apart([size], [size]) / self.height
        return -self.apart(chosen, [size]) / sqrt(alone) if alone > 0 else 0.0

    def joins(self, chosen: Sequence[str], size: str) -> bool:
        """Return whether a size wavers against the others beyond chance, and all are more even with it."""
        return self.against(chosen, size) >= AGAINST and self.even([*chosen, size]) < self.even(chosen)

    def even(self, chosen: Sequence[str]) -> float:
        """Return F, the unevenness of these sizes together."""
        return self.apart(chosen, chosen) / 2 / self.height / sum(self.means[size] for size in chosen)


def _sets(each: pl.DataFrame) -> list[list[int]]:
    """Return the sets of sizes of one port that share a clock."""
    steps = _steps(each)
    sizes = list(steps.means)
    found: list[list[int]] = []
    while steps.height and len(found) < MOST_SETS:
        grown = [_grown(steps, sizes, pair) for pair in _pairs(steps, sizes)]
        chosen = min((one for one in grown if _united(steps, one)), key=steps.even, default=None)
        if chosen is None:
            break
        found.append(sorted(map(int, chosen)))
        sizes = [size for size in sizes if size not in chosen]
    return found


def _steps(each: pl.DataFrame) -> _Steps:
    sizes = each.group_by("x").agg(pl.col("n").sum()).sort("n", "x", descending=[True, False])["x"].head(MOST_SIZES)
    units = each.group_by("unit").agg(pl.col("n").sum()).sort("n", "unit", descending=[True, False])["unit"]
    kept = each.filter(pl.col("x").is_in(sizes.implode()), pl.col("unit").is_in(units.head(MOST_PAIRS).implode()))
    series = ["unit", "block", "bin"]
    # Windows with none of these count too: without them what is left would seem even.
    bins = pl.int_ranges(pl.col("bin").min(), pl.col("bin").max() + 1)
    every = kept.group_by("unit", "block").agg(bin=bins.first()).explode("bin")
    wide = kept.pivot("x", index=series, values="n", aggregate_function="sum")
    wide = every.join(wide, on=series, how="left").fill_null(0).sort(series)
    names = [name for name in wide.columns if name not in series]
    follows = (pl.col("bin").diff() == 1) & (pl.col("unit") == pl.col("unit").shift(1))
    follows &= pl.col("block") == pl.col("block").shift(1)
    steps = wide.select(*(pl.col(name).cast(pl.Float64).diff() for name in names), follows=follows).filter("follows")
    pairs = [(one, other) for one in names for other in names]
    sums = steps.select((pl.col(one) * pl.col(other)).sum().alias(f"{one} {other}") for one, other in pairs)
    return _Steps(
        wide.select(pl.col(names).mean()).row(0, named=True) if names else {},
        dict(zip(pairs, sums.row(0), strict=True)) if pairs else {},
        steps.height,
    )


def _pairs(steps: _Steps, sizes: Sequence[str]) -> list[list[str]]:
    """Return the pairs of sizes that waver against each other most, to begin with."""
    pairs = [(steps.against([one], other), one, other) for i, one in enumerate(sizes) for other in sizes[i + 1 :]]
    best = [(one, other) for _, one, other in sorted(pairs, reverse=True)[:MOST_SETS]]
    return [[one, other] for one, other in best if steps.joins([one], other) and steps.joins([other], one)]


def _grown(steps: _Steps, sizes: Sequence[str], chosen: list[str]) -> list[str]:
    """Return a set of sizes with all that waver against those in it."""
    while len(chosen) < len(sizes):
        best = max((size for size in sizes if size not in chosen), key=lambda size: steps.against(chosen, size))
        if not steps.joins(chosen, best):
            break
        chosen = [*chosen, best]
    return chosen


def _united(steps: _Steps, chosen: Sequence[str]) -> bool:
    f = steps.even(chosen)
    chance = pl.select(log_chance(pl.lit(f), pl.lit(float(steps.height)))).item()
    return f <= LOOSE and chance + 0.7 * len(chosen) <= UNITED
