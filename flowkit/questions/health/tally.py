"""What each lasting state holds: every check, every record of service and every turn counts in one state, and once."""

from __future__ import annotations

import polars as pl

from flowkit.questions.health.outcomes import PAIR
from flowkit.questions.health.states import FAILING, SILENT
from flowkit.questions.health.streaks import TURNS

HELD = ["checks", "failed", "retransmitted", "checkers", "service", "service_failed", "failed_in_a_row"]


def tallied(found: pl.LazyFrame, health: pl.LazyFrame, whole: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return the states with what happened from their start on until the next: counts, and the first turns.

    `health` is by target, checker and bin, `whole` by the keys and bin.
    """
    marks = _marks(health)
    parts = [_checks(marks, found, keys), _service(marks, found, whole, keys)]
    parts += [_turns(health, found, keys, name) for name in TURNS]
    for part in parts:
        found = found.join(part, on=[*keys, "_run"], how="left")
    counts = [pl.col(name).fill_null(0).cast(pl.Int64) for name in HELD]
    return found.select(*keys, "state", "start", "end", *counts, *TURNS).sort(*keys, "start")


def _marks(health: pl.LazyFrame) -> pl.LazyFrame:
    """Return the checks one by one, in their order."""
    until = pl.col("time") + pl.duration(milliseconds=pl.col("_width"))
    each = health.sort(*PAIR, "time").select(*PAIR, "time", "shared", "marks", until=until)
    each = each.explode("marks").unnest("marks")
    return each.drop_nulls("n").with_row_index("_order")


def _held(rows: pl.LazyFrame, found: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return the rows with the `_run` of the state that holds their moment `at`; the first holds what is before it."""
    # A silence begins with the end of the last check, which is none of it.
    after = pl.col("start") + pl.when(pl.col("state").is_in(SILENT)).then(pl.duration(milliseconds=1)).otherwise(
        pl.duration(milliseconds=0)
    )
    starts = found.select(*keys, "_run", after=after).sort("after", "_run")
    first = found.group_by(keys).agg(first=pl.col("_run").min())
    placed = rows.sort("at").join_asof(
        starts, left_on="at", right_on="after", by=keys, strategy="backward", check_sortedness=False
    )
    return placed.join(first, on=keys, how="left").with_columns(_run=pl.coalesce("_run", "first")).drop("first")


def _sided(rows: pl.LazyFrame, found: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return the checks, those of a window in which the state changes on the side of it that they met.

    Where a window's records share its times nobody knows when in it a check failed, but that it did.
    """
    edges = _edges(found, keys).rename({"start": "_from", "end": "_to"})
    placed = rows.join(edges, on=[*keys, "_run"], how="left")
    wrong = pl.col("shared") & pl.when("failed").then("good").otherwise("bad")
    begins, ends = pl.col("_from") > pl.col("time"), pl.col("_to") < pl.col("until")
    before = begins & pl.when("failed").then("before_bad").otherwise("before_good")
    after = ends & pl.when("failed").then("after_bad").otherwise("after_good")
    step = pl.when(wrong & before).then(-1).when(wrong & after).then(1).otherwise(0)
    run = (pl.col("_run").cast(pl.Int64) + step).cast(pl.UInt32)
    return placed.with_columns(_run=run).select(rows.collect_schema().names())


def _edges(found: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return of each state whether it is `bad` or `good` (a silence is neither), and what is before it and after it."""
    bad = pl.col("state").is_in(FAILING)
    kinds = {"bad": bad, "good": ~bad & ~pl.col("state").is_in(SILENT)}
    beside = {
        f"{side}_{what}": kind.shift(step).over(keys, order_by="_run").fill_null(value=False)
        for side, step in (("before", 1), ("after", -1))
        for what, kind in kinds.items()
    }
    return found.select(*keys, "_run", "start", "end", **kinds, **beside)


def _checks(marks: pl.LazyFrame, found: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return how many checks a state holds, of how many checkers, and the most that one of them saw fail in a row."""
    rows = _sided(_held(marks, found, keys), found, keys).sort("_order")
    one = [*PAIR, "_run"]
    rows = rows.with_columns(_streak=pl.col("failed").rle_id().over(one))
    resent = pl.col("n").filter(outcome="retransmitted").sum()
    streaks = rows.group_by(*one, "_streak").agg(pl.col("n").sum(), pl.col("failed").first(), resent=resent)
    longest = pl.col("n").filter("failed").max().fill_null(0)
    return streaks.group_by(*keys, "_run").agg(
        checks=pl.col("n").sum(),
        failed=pl.col("n").filter("failed").sum(),
        retransmitted=pl.col("resent").sum(),
        checkers=pl.col("checker").n_unique(),
        failed_in_a_row=longest,
    )


def _service(marks: pl.LazyFrame, found: pl.LazyFrame, whole: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return the service that a state holds.

    In a bin in which the state changes, service that failed is taken to have met the target beside the checks that
    failed, and the other beside those that it answered.
    """
    at = pl.col("at")
    moments = marks.group_by(*keys, "time").agg(
        bad=at.filter("failed").sort().get(pl.col("failed").sum() // 2, null_on_oob=True),
        good=at.filter(~pl.col("failed")).sort().get((~pl.col("failed")).sum() // 2, null_on_oob=True),
    )
    bins = whole.select(*keys, "time", "service", "service_failed").join(moments, on=[*keys, "time"], how="left")
    good, bad = pl.col("service") - pl.col("service_failed"), pl.col("service_failed")
    halves = [
        bins.select(*keys, at=pl.coalesce("good", "bad", "time"), service=good, service_failed=pl.lit(0, pl.Int64)),
        bins.select(*keys, at=pl.coalesce("bad", "good", "time"), service=bad, service_failed=bad),
    ]
    placed = _held(pl.concat(halves), found, keys)
    return placed.group_by(*keys, "_run").agg(pl.col("service", "service_failed").sum())


def _turns(health: pl.LazyFrame, found: pl.LazyFrame, keys: list[str], name: str) -> pl.LazyFrame:
    turns = health.select(*keys, at=name).drop_nulls("at")
    return _held(turns, found, keys).group_by(*keys, "_run").agg(pl.col("at").min().alias(name))
