"""How evenly checks come: counts of each checker per capture window, in proportion to the window's true length."""

from __future__ import annotations

from functools import partial

import polars as pl

from flowkit.questions.aggregation import aggregation
from flowkit.questions.health import seen_health
from flowkit.questions.health.bins import bins, millis

# A record with a broken time must not make a million rows.
_MOST = 100_000


def cadence(flows: pl.LazyFrame, *, every: str | None = None) -> pl.LazyFrame:
    """Return how many health checks each checker made in each capture window, and how many were due.

    A load balancer's node checks like a clock, so that its count a window hardly wavers; a step is a node or a target
    that came or went. The first and the last window of a log are cut off, and are counted for as long as they are: a
    short window has fewer checks, and has missed none.

    Parameters
    ----------
    flows
        Labelled flow records, as `case.flows` gives them.
    every
        Length of a bin: "30s", "1m", "5m", "1h". By default the capture window.

    Returns
    -------
    Columns `checker` (its address), `time` (start of the bin), `checks` (whatever became of them), `targets` (how many
    it checked), `length_s` (of the bin, as far as there are records), `per_minute` (checks a minute of that length),
    `due` (checks at the checker's usual pace: the median of its whole windows, silent ones left out, and those in which
    checks failed where there are others). Sorted by checker and time. Raises
    `QuestionError` like `flowkit.target_health`.

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 5, 14, 0, minute, second, tzinfo=UTC) for minute in range(4) for second in (0, 20, 40)]
    >>> flows = pl.LazyFrame({"interface_id": "eni-a", "start": at, "end": at, "kind": "health-check", "dstport": 80,
    ...     "srcaddr": "10.0.0.9", "dstaddr": "10.0.1.1", "srcport": range(40000, 40012), "packets": 4, "bytes": 216})
    >>> cadence(flows).select("checker", "checks", "length_s", "due").collect().rows()[1:]
    [('10.0.0.9', 3, 60.0, 3.0), ('10.0.0.9', 3, 60.0, 3.0), ('10.0.0.9', 3, 40.0, 2.0)]
    """
    health = seen_health(flows, every, ())
    counts = health.group_by("checker", "time", "_bin", "_width").agg(
        checks=pl.col("checks").sum(),
        targets=(pl.col("checks") > 0).sum().cast(pl.Int64),
        failed=(pl.col("checks") > pl.col("answered")).any(),
    )
    seen = pl.defer(partial(_seen, flows, millis(every)), schema={"_bin": pl.Int64(), "seen": pl.Float64()})
    whole = counts.join(seen, on="_bin", how="left")
    length = pl.coalesce("seen", "_width") / 1_000
    pace = pl.col("checks") * 60 / pl.col("length_s")
    there = (pl.col("checks") > 0) & pl.col("seen").is_null()
    # A checker that waits for an answer in vain gets round to fewer.
    some = [pl.col("per_minute").filter(which).median() for which in (there & ~pl.col("failed"), there, pl.lit(True))]
    usual = pl.coalesce(some).over("checker")
    return (
        whole.with_columns(length_s=length)
        .with_columns(per_minute=pace)
        .with_columns(due=usual * pl.col("length_s") / 60)
        .select("checker", "time", "checks", "targets", "length_s", "per_minute", "due")
        .sort("checker", "time")
    )


def _seen(flows: pl.LazyFrame, width: int | None) -> pl.DataFrame:
    """Return of the bins that a log's beginning or end cuts off how much was seen, in milliseconds.

    Each interface that logs checks has windows of its own: what was seen of a bin is the mean of theirs.
    """
    windows = aggregation(flows).collect(engine="streaming")
    checkers = flows.filter(pl.col("kind") == "health-check").select(pl.col("interface_id").unique())
    some = checkers.collect(engine="streaming")["interface_id"].drop_nulls().to_list()
    there = flows.select("interface_id", "start", "end").filter(pl.col("interface_id").is_in(some))
    cut = bins(there, windows, width)
    each = cut.placed(there).group_by("interface_id", "_bin").agg(pl.col("start").min(), pl.col("end").max())
    return _partly(each.collect(engine="streaming"), cut.width)


def _partly(spans: pl.DataFrame, width: int) -> pl.DataFrame:
    """Return what was seen of the bins in which an interface begins or ends, the mean over the interfaces."""
    ends = spans.group_by("interface_id").agg(first=pl.col("_bin").min(), last=pl.col("_bin").max())
    if ends.is_empty():
        return pl.DataFrame(schema={"_bin": pl.Int64, "seen": pl.Float64})
    # Only the bins in which some interface begins or ends need a look.
    low, first, last, high = ends.select(
        pl.col("first").min(), second=pl.col("first").max(), third=pl.col("last").min(), fourth=pl.col("last").max()
    ).row(0)
    begins, ends_in = range(low, min(first, low + _MOST) + 1), range(max(last, high - _MOST), high + 1)
    cut = pl.DataFrame({"_bin": [*begins, *ends_in]}, schema={"_bin": pl.Int64}).unique()
    grid = cut.join(ends, how="cross").join(spans, on=["interface_id", "_bin"], how="left")
    edge = (pl.col("_bin") <= pl.col("first")) | (pl.col("_bin") >= pl.col("last"))
    lasted = (pl.col("end") - pl.col("start")).dt.total_milliseconds().fill_null(0).clip(0, width)
    seen = pl.when(edge).then(lasted).otherwise(width)
    return grid.group_by("_bin").agg(seen=seen.mean().clip(1_000).cast(pl.Float64))
