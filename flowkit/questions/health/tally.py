"""What each lasting state holds: every check, every record of service and every turn counts in one state, and once."""

from __future__ import annotations

import polars as pl

from flowkit.questions.health.outcomes import PAIR
from flowkit.questions.health.states import SILENT
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
    each = health.sort(*PAIR, "time").select(*PAIR, "time", "marks").explode("marks").unnest("marks")
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


def _checks(marks: pl.LazyFrame, found: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Return how many checks a state holds, of how many checkers, and the most that one of them saw fail in a row."""
    rows = _held(marks, found, keys).sort("_order")
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
