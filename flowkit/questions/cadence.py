"""How evenly checks come: counts of each checker per capture window, in proportion to the window's true length."""

from __future__ import annotations

from functools import partial

import polars as pl

from flowkit.case.stretches import by_time
from flowkit.questions.health import NEEDED
from flowkit.questions.health.bins import bins, millis, once_told, slow_log
from flowkit.questions.health.outcomes import ANSWERED, OUTCOMES, connections, told
from flowkit.questions.health.streaks import counted
from flowkit.questions.shared import require, seen_from
from flowkit.schema import TIME
from flowkit.windows import COUNT, number, windows

# A record with a broken time must not make a million rows.
_MOST = 100_000
_NUMBERS = ("_bin", "_width", "checks", "targets")
_COUNTED = {"checker": pl.String(), **dict.fromkeys(_NUMBERS, pl.Int64()), "failed": pl.Boolean(), "seen": pl.Float64()}


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
    checks failed where there are others). Sorted by checker and time. Raises `QuestionError` like
    `flowkit.target_health`.

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 5, 14, 0, minute, second, tzinfo=UTC) for minute in range(4) for second in (0, 20, 40)]
    >>> flows = pl.LazyFrame({"interface_id": "eni-a", "start": at, "end": at, "kind": "health-check", "dstport": 80,
    ...     "srcaddr": "10.0.0.9", "dstaddr": "10.0.1.1", "srcport": range(40000, 40012), "packets": 4, "bytes": 216})
    >>> cadence(flows).select("checker", "checks", "length_s", "due").collect().rows()[1:]
    [('10.0.0.9', 3, 60.0, 3.0), ('10.0.0.9', 3, 60.0, 3.0), ('10.0.0.9', 3, 40.0, 2.0)]
    """
    require(flows, NEEDED)
    whole = pl.defer(partial(_counts, flows, millis(every)), schema=_COUNTED)
    length = pl.coalesce("seen", "_width") / 1_000
    time = (pl.col("_bin") * pl.col("_width")).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    pace = pl.col("checks") * 60 / pl.col("length_s")
    there = (pl.col("checks") > 0) & pl.col("seen").is_null()
    # A checker that waits for an answer in vain gets round to fewer.
    some = [pl.col("per_minute").filter(which).median() for which in (there & ~pl.col("failed"), there, pl.lit(True))]
    usual = pl.coalesce(some).over("checker")
    return (
        whole.with_columns(time=time.cast(TIME), length_s=length)
        .with_columns(per_minute=pace)
        .with_columns(due=usual * pl.col("length_s") / 60)
        .select("checker", "time", "checks", "targets", "length_s", "per_minute", "due")
        .sort("checker", "time")
    )


def _counts(flows: pl.LazyFrame, width: int | None) -> pl.DataFrame:
    """Return the checks of each checker in each bin, and how much was seen of the bins that are cut off."""
    keys = ["interface_id", "start", "end"]
    # Counted first, as all records of an interface and window share their times: the rest is asked of a small table.
    parts = by_time(flows)
    counts = [part.group_by(keys).agg(number(flows).alias(COUNT)).collect(engine="streaming") for part in parts]
    spans = pl.concat(counts).lazy()
    doubled = slow_log(spans, windows(spans).collect())
    flows, spans = once_told(flows, doubled), once_told(spans, doubled)
    cut = bins(spans, windows(spans).collect(), width)
    checks = seen_from(flows, "once").filter(pl.col("kind").is_in(["health-check", "uncertain"])).select(NEEDED)
    found = counted(told(connections(cut.placed(checks)).collect(engine="streaming"), cut.width))
    n = pl.sum_horizontal(OUTCOMES)
    checkers = flows.filter(pl.col("kind") == "health-check").select(pl.col("interface_id").unique())
    some = checkers.collect(engine="streaming")["interface_id"].drop_nulls().to_list()
    there = cut.placed(spans.filter(pl.col("interface_id").is_in(some)))
    each = there.group_by("interface_id", "_bin").agg(pl.col("start").min(), pl.col("end").max())
    return (
        found.group_by("checker", "_bin")
        .agg(checks=n.sum(), targets=(n > 0).sum().cast(pl.Int64), failed=(n > pl.sum_horizontal(ANSWERED)).any())
        .join(_partly(each.collect(), cut.width), on="_bin", how="left")
        .with_columns(_width=pl.lit(cut.width, pl.Int64))
        .select(list(_COUNTED))
    )


def _partly(spans: pl.DataFrame, width: int) -> pl.DataFrame:
    """Return of the bins that a log's beginning or end cuts off how much was seen, in milliseconds.

    Each interface that logs checks has windows of its own: what was seen of a bin is the mean of theirs.
    """
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
