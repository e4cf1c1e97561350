"""The state of a target over time, and its lasting runs."""

from __future__ import annotations

import polars as pl

from flowkit.questions.health.outcomes import ANSWERED, OUTCOMES
from flowkit.questions.health.streaks import TIMES
from flowkit.schema import TIME

# AWS takes a target out after two failed checks in a row at the least: one alone changes nothing.
LASTING = 2
NOT_LOGGED = "not logged"
FAILING = ["refused", "unreachable", "slow"]
SILENT = ["no checks seen", NOT_LOGGED]
# A target is no longer checked when this many checks that were due have not come.
_OVERDUE = 3
_STATE_OF = {
    "answering": ANSWERED,
    "retransmitting": ANSWERED,
    "slow": ("slow",),
    "refused": ("refused",),
    "unreachable": ("unreachable",),
}


def states(counts: pl.LazyFrame, keys: list[str], failing: pl.Expr | None = None) -> pl.LazyFrame:
    """Return the counts with `state`: what most checks of the bin met, by `met`.

    Where no check that was due has come, none was seen; in the bins of a `hole`, that is because none was logged.
    """
    pace = pl.col("checks").sum().over(keys) / (pl.col("checks") > 0).sum().over(keys)
    hole = (pl.col("checks") == 0) & pl.col("hole")
    silence = pl.struct(empty=pl.col("checks") == 0, hole=hole).rle_id().over(keys, order_by="time")
    counts = counts.with_columns(state=met(failing), _silence=silence, _pace=pace)
    # One empty bin may be the work of windows that lie askew; two are not.
    empty = pl.len().over(*keys, "_silence")
    overdue = (pl.col("checks") == 0) & (empty >= 2) & (empty * pl.col("_pace") >= _OVERDUE)
    silent = pl.when(hole).then(pl.lit(NOT_LOGGED)).otherwise(pl.lit("no checks seen"))
    counts = counts.with_columns(state=pl.when(overdue).then(silent).otherwise("state"))
    kept = pl.col("state").forward_fill().backward_fill().over(keys, order_by="time")
    return counts.with_columns(state=kept).drop("_silence", "_pace")


def met(failing: pl.Expr | None = None) -> pl.Expr:
    """Return the state that most checks met; two slow ones, or a third, make it slow.

    It is retransmitting where they were answered, and `lossy` says that packets are lost for some time.
    `failing` is the share of the checks that failed, the mean of the checkers: of two that made as many, one sees half
    fail, however its checks lie in the window. Where there is one checker it is not asked for.
    """
    failed = pl.col("refused") + pl.col("unreachable")
    most = pl.lit(value=True) if failing is None else failing > 1 / 2
    return (
        pl.when(pl.col("checks") == 0)
        .then(None)
        .when((2 * failed > pl.col("checks")) & most)
        .then(
            pl.when(pl.col("refused") >= pl.col("unreachable")).then(pl.lit("refused")).otherwise(pl.lit("unreachable"))
        )
        .when(pl.col("slow") >= pl.max_horizontal(1, pl.min_horizontal(pl.col("checks") / 3, 2), pl.col("checks") / 10))
        .then(pl.lit("slow"))
        .when("lossy")
        .then(pl.lit("retransmitting"))
        .otherwise(pl.lit("answering"))
    )


def _share(before: str = "") -> pl.Expr:
    """Return which share of a bin's checks met the row's state, in this bin or (`before="_"`) in the one before."""
    met = pl.sum_horizontal(
        pl.when(pl.col("state") == word).then(pl.sum_horizontal(before + name for name in names)).otherwise(0)
        for word, names in _STATE_OF.items()
    )
    return met / pl.col(f"{before}checks").clip(1)


def runs(table: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return `_run` (its number), `state`, `start` and `end` of the lasting runs of a state of what the keys name."""

    def over(expr: pl.Expr) -> pl.Expr:
        return expr.over(keys, order_by="time")

    checks = pl.col("checks") > 0
    # A bin without checks before the first of them, or after the last, is none of a state's time.
    inside = over(checks.cum_max()) & over(checks.reverse().cum_max().reverse())
    rows = table.filter(inside | pl.col("state").is_in(SILENT))
    rows = rows.with_columns(_run=over(pl.col("state").rle_id()), _met=_share() * pl.col("checks"))
    few = pl.min_horizontal(pl.col("_met", "weight").sum().over(*keys, "_run")) < LASTING
    brief = few & ~pl.col("state").is_in(SILENT)
    # Where none lasts, there is but one: the one that most checks met.
    some = pl.col("checks").sum().over(keys) >= LASTING
    most = pl.col("state").sort_by("_met").last().over(keys)
    state = pl.when(~brief).then("state").when(brief.all().over(keys) & some).then(most)
    rows = rows.with_columns(state=state)
    rows = rows.with_columns(state=over(pl.col("state").forward_fill().backward_fill())).drop_nulls("state")
    last = [over(pl.col(name).shift(1)).alias(f"_{name}") for name in (*OUTCOMES, "checks", *TIMES, "state")]
    rows = rows.with_columns(*last, _run=over(pl.col("state").rle_id())).with_columns(began=_began())
    found = rows.group_by(*keys, "_run").agg(
        pl.col("state").first(),
        start=pl.col("began").sort_by("time").first(),
        closed=pl.coalesce("closed", "time").max(),
    )
    found = found.with_columns(pl.col("start").cum_max().over(keys, order_by="_run"))
    end = pl.col("start").shift(-1).over(keys, order_by="_run").fill_null(pl.col("closed"))
    return found.with_columns(end=end).sort(*keys, "_run").select(*keys, "_run", "state", "start", "end")


def _within(before: str = "") -> pl.Expr:
    """Return when in a mixed bin the state began: its first check's own time, or by the share of the others.

    What still met the state before comes before it.
    """
    opened, closed = pl.col(f"{before}opened"), pl.col(f"{before}closed")
    first, last = (
        pl.coalesce(
            pl.when(pl.col(state) == word).then(edge(f"{before}{which}_{name}" for name in names))
            for word, names in _STATE_OF.items()
        )
        for which, state, edge in (
            ("first", "state", pl.min_horizontal),
            ("last", "_state", pl.max_horizontal),
        )
    )
    # Where all records of a window share its start, no check has a time of its own.
    shared = closed - (closed - opened) * _share(before)
    return pl.when(first > opened).then(pl.max_horizontal(first, last + pl.duration(milliseconds=1))).otherwise(shared)


def _began() -> pl.Expr:
    """Return when a state that first shows in this bin began, as near as the counts can tell.

    In a mixed bin the checks that met the old state came first. Where this bin has only the new one, it may have begun
    at the end of the bin before.
    """
    opened = pl.col("opened")
    moment = pl.when(_share() < 1).then(_within()).when(_share("_") > 0).then(_within("_")).otherwise(opened)
    silent = pl.col("state").is_in(SILENT)
    # Such checks come in no order among the others: only one with a time of its own says when they began, or ended.
    for state, outcome in (("retransmitting", "retransmitted"), ("slow", "slow")):
        first, last = pl.col(f"first_{outcome}"), pl.col(f"last_{outcome}") + pl.duration(milliseconds=1)
        over = pl.when(first >= opened).then(pl.max_horizontal(opened, last)).otherwise(opened)
        moment = pl.when(pl.col("_state") == state).then(over).otherwise(moment)
        # Losses are met by chance: the spell has begun with the bin.
        begun = opened if state == "retransmitting" else pl.max_horizontal(opened, first)
        moment = pl.when(pl.col("state") == state).then(begun).otherwise(moment)
    moment = pl.when(pl.col("_state").is_null() | pl.col("_state").is_in(SILENT)).then(opened).otherwise(moment)
    moment = pl.when(silent).then(pl.col("_closed")).otherwise(moment)
    return moment.fill_null(pl.col("time")).cast(TIME)
