"""A checker whose interval was changed: even before and after, at another pace."""

from __future__ import annotations

import polars as pl

from flowkit.split.beat import GAP

# Both sides are this even about their own mean, in so many windows at least.
EVEN, FEWEST = 0.2, 6
# The paces differ by so much, and by most of a tick in a window: no window's edge does that.
OTHER, A_TICK = 1.25, 0.7


def turned(found: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """Add where a family's pace changed: `turn` (epoch s), and its rate `early` and `late`, in parts of its whole rate.

    The turn is the beginning of the first window that is nearer to the later pace. All are null where one pace explains
    the counts. Needs the families' range, grain, width (of the grain), phase, F and rate, and the counts by range,
    block and bin.
    """
    steady = found.filter(pl.col("F") < EVEN, ~pl.col("failing"), pl.col("union").is_null())
    long = pl.col("width"), pl.col("phase")
    each = counts.join(steady.select("range", "grain", "rate", *long), on="range")
    each = each.with_columns(pl.col("bin") // pl.col("grain"))
    each = each.group_by("range", "bin", "grain", "rate", "width", "phase").agg(now=pl.col("n").sum().cast(pl.Float64))
    # Of several windows together the first and the last may lack some.
    inner = pl.col("bin").is_between(pl.col("bin").min().over("range"), pl.col("bin").max().over("range"), "none")
    each = each.filter((pl.col("grain") == 1) | inner).sort("range", "bin")
    sides = _sides(each).filter(_turns())
    best = sides.sort("range", "left", "bin").unique("range", keep="first", maintain_order=True)
    turn = best.select(
        "range",
        turn=pl.col("bin") * pl.col("width") + pl.col("phase"),
        early=pl.col("before") / pl.col("rate"),
        late=pl.col("after") / pl.col("rate"),
    )
    return found.join(turn, on="range", how="left")


def _sides(each: pl.DataFrame) -> pl.DataFrame:
    """Return for each window that may be the first of another pace what is before it and after: mean and variance."""
    step = pl.col("bin").diff().over("range").fill_null(1)
    # A short silence is part of a slow beat; a longer one is an outage, and says nothing of the pace.
    each = each.with_columns(many=pl.when(step <= GAP).then(step).otherwise(1))
    sums = {"k": pl.col("many"), "s": pl.col("now"), "q": pl.col("now") ** 2}
    each = each.with_columns(**{name: of.cum_sum().over("range") for name, of in sums.items()})
    each = each.with_columns(
        *(pl.col(name).last().over("range").alias(f"{name}_all") for name in sums),
        *(pl.col(name).shift(1).over("range").alias(f"{name}_1") for name in sums),
    ).drop_nulls("k_1")
    each = each.with_columns(*((pl.col(f"{name}_all") - pl.col(f"{name}_1")).alias(f"{name}_2") for name in sums))
    # The change may lie within either of the windows beside it: the paces are those of the others.
    last, many = (pl.col(name).shift(1).over("range") for name in ("now", "many"))
    each = each.with_columns(
        before=(pl.col("s_1") - last) / (pl.col("k_1") - many),
        after=(pl.col("s_2") - pl.col("now")) / (pl.col("k_2") - pl.col("many")),
    )
    spread = [pl.col(f"q_{i}") - pl.col(f"s_{i}") ** 2 / pl.col(f"k_{i}") for i in (1, 2)]
    return each.with_columns(left=spread[0] + spread[1], left_1=spread[0], left_2=spread[1])


def _turns() -> pl.Expr:
    slow, fast = pl.min_horizontal("before", "after"), pl.max_horizontal("before", "after")
    even = [pl.col(f"left_{i}") <= EVEN * pl.col(f"s_{i}") for i in (1, 2)]
    enough = pl.min_horizontal("k_1", "k_2") >= FEWEST
    return pl.all_horizontal(*even, enough, fast >= OTHER * slow, fast - slow >= A_TICK)
