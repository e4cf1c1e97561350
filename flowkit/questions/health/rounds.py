"""Mixed bins told round by round where checks have times of their own: spells shorter than a window are told apart."""

from __future__ import annotations

import polars as pl

from flowkit.questions.health.outcomes import FAILED, OUTCOMES
from flowkit.questions.health.states import LASTING, SILENT, met


def rounds(bins: pl.LazyFrame, health: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return the bins with state and `weight`, the mixed ones cut into rounds: a check of each checker, in their order.

    `bins` is by the keys and bin, `health` by target, checker and bin. Where records share the times of their window,
    nothing is known of what lies in it, and its bin stays whole. A round weighs 1: a state lasts from two on.
    """
    answered = pl.col("answered") + pl.col("retransmitted")
    mixed = ~pl.col("state").is_in(SILENT) & pl.max_horizontal(answered, "slow", *FAILED).lt(pl.col("checks"))
    met = health.filter(pl.col("checks") > 0).select(*keys, "shared", _by="checker")
    own = met.group_by(keys).agg(checkers=pl.col("_by").n_unique(), own=~pl.col("shared").any())
    bins = bins.join(own, on=keys, how="left").with_columns(_cut=(mixed & pl.col("own")).fill_null(value=False))
    whole = bins.remove("_cut").with_columns(weight=pl.lit(LASTING, pl.Int64))
    cut = _cut(health, bins.filter("_cut").select(*keys, "time", "lossy", "checkers"), keys)
    return pl.concat([whole.select(cut.collect_schema().names()), cut])


def _cut(health: pl.LazyFrame, where: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return the rounds of the bins."""
    each = health.select(*keys, "time", "marks").join(where, on=[*keys, "time"]).explode("marks").unnest("marks")
    rows = each.drop_nulls("n").sort(*keys, "time", "at")
    number = (pl.col("n").cum_sum().over(*keys, "time") - 1) // pl.col("checkers")
    n, outcome = pl.col("n"), pl.col("outcome")
    found = rows.group_by(*keys, "time", _round=number).agg(
        *(n.filter(outcome == name).sum().alias(name) for name in OUTCOMES),
        *(pl.col("since").filter(outcome == name).min().alias(f"first_{name}") for name in OUTCOMES),
        *(pl.col("at").filter(outcome == name).max().alias(f"last_{name}") for name in OUTCOMES),
        checks=n.sum(),
        opened=pl.col("since").min(),
        _at=pl.col("at").min(),
        closed=pl.col("end").max(),
        lossy=pl.col("lossy").first(),
        weight=pl.lit(1, pl.Int64),
    )
    return found.drop("_round", "time").rename({"_at": "time"}).with_columns(state=met())
