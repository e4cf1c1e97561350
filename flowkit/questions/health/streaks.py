"""Checks in the order they were made: counts a bin, failures in a row, and what the load balancer makes of them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from flowkit.knowledge import TargetGroup
from flowkit.questions.health.outcomes import ANSWERED, OUTCOMES, PAIR
from flowkit.schema import TIME

TIMES = ["opened", *(f"{which}_{name}" for which in ("first", "last") for name in OUTCOMES), "closed"]
LATEST = [name for name in TIMES if name.startswith(("last", "closed"))]
MARK = pl.Struct(
    {
        **dict.fromkeys(("at", "since", "end"), TIME),
        "outcome": pl.Enum(OUTCOMES),
        "n": pl.Int64(),
        "failed": pl.Boolean(),
    }
)
"""A check, or `n` of one time and outcome, `at` the moment it was made as near as the records tell."""
TURNS = ["unhealthy_at", "healthy_at"]
# The least of the times that AWS waits for an answer where nobody says otherwise: 6 s by HTTP, 10 s by TCP and HTTPS.
_WAITS_S = 6
COUNTED = {
    **dict.fromkeys(PAIR, pl.String()),
    "_bin": pl.Int64(),
    **dict.fromkeys(OUTCOMES, pl.Int64()),
    **dict.fromkeys(TIMES, TIME),
    "borrowed": pl.Int64(),
    "shared": pl.Boolean(),
    "failed_in_a_row": pl.Int64(),
    "seen_by": pl.UInt64(),
    "marks": pl.List(MARK),
    "lb_state": pl.String(),
    **dict.fromkeys(TURNS, TIME),
}


def counted(checks: pl.DataFrame, groups: Sequence[TargetGroup] = ()) -> pl.DataFrame:
    """Return the checks of each target by each checker and bin; bins without any have a row of zeros.

    `failed_in_a_row` is the count at the end of the bin, `marks` its checks in their order, `seen_by` a number for the
    interface that saw them. Where target groups give their thresholds, `lb_state` is what a load balancer that counts
    only this checker's checks calls the target, and `unhealthy_at`, `healthy_at` say when it changed its mind.
    """
    if checks.is_empty():
        return pl.DataFrame(schema=COUNTED)
    known = checks.join(_limits(checks["target"].unique().to_list(), groups), on="target", maintain_order="left")
    rows = _turned(_ordered(known))
    rows = _streaks(rows, pl.col("failed"))
    n, outcome, start = pl.col("n"), pl.col("outcome"), pl.col("start")
    counts = rows.group_by(*PAIR, "_bin").agg(
        *(n.filter(outcome == name).sum().alias(name) for name in OUTCOMES),
        # Of records that share their window's times none says when its check was made.
        *(pl.col("since").filter(~pl.col("shared"), outcome == name).min().alias(f"first_{name}") for name in OUTCOMES),
        *(start.filter(outcome == name).max().alias(f"last_{name}") for name in OUTCOMES),
        opened=start.min(),
        closed=pl.col("end").max(),
        borrowed=n.filter(~pl.col("sure")).sum(),
        shared=pl.col("shared").any(),
        failed_in_a_row=pl.col("failures").last(),
        seen_by=pl.col("seen_by").first(),
        marks=pl.struct("at", "since", "end", pl.col("outcome").cast(MARK.fields[3].dtype), "n", "failed"),
        lb_state=pl.col("lb_state").last(),
        unhealthy_at=pl.col("at").filter(pl.col("turned") == "unhealthy").first(),
        healthy_at=pl.col("at").filter(pl.col("turned") == "healthy").first(),
    )
    whole = _every_bin(counts).with_columns(pl.col(*OUTCOMES, "borrowed").fill_null(0))
    kept = [
        pl.col(name).forward_fill().over(PAIR, order_by="_bin") for name in ("failed_in_a_row", "lb_state", "seen_by")
    ]
    return whole.with_columns(kept).select(list(COUNTED)).cast(pl.Schema(COUNTED))


def _ordered(checks: pl.DataFrame) -> pl.DataFrame:
    """Return the checks in order, with `failed` and `at`: their own time, or an even step of their window's.

    Where all records of a window share its times their order is not to be known: what the window before ended with is
    taken to have come first.
    """
    rows = checks.with_columns(failed=~pl.col("outcome").is_in(ANSWERED))
    bins = rows.group_by(*PAIR, "_bin").agg(mostly=(pl.col("failed") * pl.col("n")).sum() * 2 > pl.col("n").sum())
    before = pl.col("mostly").shift(1).over(PAIR, order_by="_bin").fill_null(value=False)
    rows = rows.join(bins.with_columns(before=before), on=[*PAIR, "_bin"])
    turn = pl.when("shared").then(pl.col("failed") != pl.col("before")).otherwise(False)
    rows = rows.sort(*PAIR, "_bin", turn, "start", "outcome", "end")
    place = [*PAIR, "_bin", "start"]
    step = (pl.col("n").cum_sum().over(place) - pl.col("n") / 2) / pl.col("n").sum().over(place)
    within = pl.col("start") + ((pl.col("end") - pl.col("start")).dt.total_milliseconds() * step).cast(
        pl.Duration("ms")
    )
    return rows.with_columns(at=pl.when("shared").then(within).otherwise("start").cast(TIME))


def _streaks(rows: pl.DataFrame, failed: pl.Expr) -> pl.DataFrame:
    """Return the checks with `failures` and `successes`: how many in a row, this one included."""
    rows = rows.with_columns(run=failed.rle_id().over(PAIR))
    length = pl.col("n").cum_sum().over(*PAIR, "run")
    return rows.with_columns(
        failures=pl.when(failed).then(length).otherwise(0), successes=pl.when(failed).then(0).otherwise(length)
    )


def _turned(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the checks with `lb_state` and `turned`, the state where it is not the one before.

    An answer that came whole, only late, is a failure for a load balancer where it came later than it waits.
    """
    if rows["bad"].is_null().all():
        return rows.with_columns(lb_state=pl.lit(None, pl.String()), turned=pl.lit(None, pl.String()))
    in_time = (pl.col("took") < pl.col("waits")).fill_null(value=False)
    rows = _streaks(rows, pl.col("failed") & ~in_time)
    bad, good = pl.col("failures") >= pl.col("bad"), pl.col("successes") >= pl.col("good")
    said = pl.when(bad).then(pl.lit("unhealthy")).when(good).then(pl.lit("healthy"))
    rows = rows.with_columns(lb_state=said.forward_fill().over(PAIR))
    before = pl.col("lb_state").shift(1).over(PAIR)
    # The first state is met, not turned to, unless the target had answered before.
    turned = (pl.col("lb_state") != before) | (before.is_null() & (pl.col("lb_state") == "unhealthy"))
    return rows.with_columns(turned=pl.when(turned).then("lb_state"))


def _limits(targets: list[str], groups: Sequence[TargetGroup]) -> pl.DataFrame:
    """Return per target `bad` and `good`, the checks in a row that its group asks for, if known, and `waits` (ms)."""
    found = [(target, group_of(target, groups)) for target in targets]
    rows = [
        (target, group and group.unhealthy_threshold, group and group.healthy_threshold, group and group.timeout_s)
        for target, group in found
    ]
    schema = {"target": pl.String(), "bad": pl.Int64(), "good": pl.Int64(), "waits": pl.Float64()}
    limits = pl.DataFrame(rows, schema=schema, orient="row")
    return limits.with_columns(pl.col("waits").fill_null(_WAITS_S) * 1_000)


def group_of(target: str, groups: Sequence[TargetGroup]) -> TargetGroup | None:
    """Return the group that checks a target: one that names its address before one that names only its port.

    >>> web = TargetGroup("web", port=80, health_check_port=8080)
    >>> group_of("[fd00::1]:8080", [web]) is web, group_of("10.0.0.1:80", [web])
    (True, None)
    """
    address, _, port = target.rpartition(":")
    ends = [(end, group) for group in groups for end in group.ends()]
    for wanted in (address.strip("[]"), None):
        for (where, _, checked), group in ends:
            if where == wanted and checked in (int(port), None):
                return group
    return None


def _every_bin(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the counts with a row for every bin between the first and the last, so that silence has rows too."""
    first, last = int(counts["_bin"].min()), int(counts["_bin"].max())  # type: ignore[arg-type]
    # A record with a broken time must not make a million rows. The first and the last window are cut off: no silence.
    inner = pl.DataFrame({"_bin": range(first + 1, min(last, first + 100_000))}, schema={"_bin": pl.Int64})
    grid = counts.select(PAIR).unique().join(inner, how="cross")
    return grid.join(counts, on=[*PAIR, "_bin"], how="full", coalesce=True)
