"""Target health from the flow logs alone: what became of the load balancer's checks, target by target."""

from __future__ import annotations

from functools import partial

import polars as pl

from flowkit.knowledge import Groups, TargetGroup, knowledge
from flowkit.questions.health.bins import bins, millis, once_told, slow_log
from flowkit.questions.health.elsewhere import elsewhere
from flowkit.questions.health.holes import holes
from flowkit.questions.health.losses import losses, marked
from flowkit.questions.health.outcomes import FAILED, OUTCOMES, PAIR, connections, told
from flowkit.questions.health.rounds import rounds
from flowkit.questions.health.service import SERVICE, served
from flowkit.questions.health.states import runs, states
from flowkit.questions.health.streaks import COUNTED, LATEST, TIMES, counted
from flowkit.questions.health.tally import tallied
from flowkit.questions.shared import option, require, seen_from
from flowkit.schema import TIME
from flowkit.windows import windows

_CUT = {"_begin": pl.Int64(), "_width": pl.Int64()}
NEEDED = ("interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "packets", "bytes", "start", "end", "kind")


def target_health(
    flows: pl.LazyFrame,
    *,
    every: str | None = None,
    target_groups: Groups | None = None,
    coverage: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Return what became of the health checks of each target by each checker, in each bin of time.

    Parameters
    ----------
    flows
        Labelled flow records, as `case.flows` gives them.
    every
        Length of a bin: "30s", "1m", "5m", "1h". By default the capture window: the records know nothing shorter.
    target_groups
        How the load balancer checks, as `flowkit.knowledge.knowledge` takes it: its thresholds make `lb_state`, its
        ports tell which service belongs to a health-check port of its own.
    coverage
        What `case.coverage()` returns: a silence in which the logs themselves have a hole is then "not logged".
        Without it, it is "no checks seen" like any other.

    Returns
    -------
    Columns `target` ("10.0.1.102:80", IPv6 "[fd00::1]:80"), `checker` (its address), `time` (start of the bin), the
    checks by outcome, each UInt32: `answered`; `retransmitted` (answered, but a packet was sent again: one was lost on
    the way); `slow` (the connection stood, but the usual answer did not come, not whole or not in time); `refused` (a
    reset came back); `unreachable` (nothing came back); and `checks`, their sum; `service`, the records of service
    towards the target, and `service_failed`, those that were refused or not answered; `state`: "answering",
    "retransmitting", "slow", "refused", "unreachable", "no checks seen" or "not logged"; `failed_in_a_row`; `lb_state`:
    "healthy" or "unhealthy" by this checker's count against the thresholds, null where they are not known. Sorted by
    target, checker, time. A bin in which no check was due keeps the state before it.

    A retransmission is seen by the bytes: a SYN sent again leaves 8 bytes more than an ACK (12 without timestamps),
    data sent again its own length. One that the interface did not see, or of an answer whose length differs from check
    to check, is not told, and where source ports come back none is. A target is "retransmitting" for as long as at
    least one check in twenty, or so, shows one. Slow is also a check that took three seconds longer than is usual,
    which only records with times of their own tell, not those that share the bounds of their window.

    `failed_in_a_row` is how many checks, the last of the bin and those just before it, this one checker made of this
    one target and none of them was answered as usual (slow, refused or unreachable alike). It counts on from bin to
    bin; an answer makes it 0. A load balancer counts so (AWS: "Health checks for Network Load Balancer target groups"):
    it takes a target out after `unhealthy_threshold` failures in a row and back after `healthy_threshold` successes.
    For it a late answer is no failure that came within `timeout_s` (6 s, the least of AWS's defaults, where that is not
    known). Its nodes come to a verdict together, so that one checker's count is near to the truth and not the truth.

    Second copies of a record, and what a second flow log tells of the same interface, are no checks of their own.
    Service is counted as it was recorded.

    Raises
    ------
    QuestionError, KnowledgeError
        Where a column is missing (`kind` comes with `flowkit.load`), `every` is no length of time, or the target
        groups cannot be understood.

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 5, 14, 0, 0, second, tzinfo=UTC) for second in (0, 0, 10, 10)]
    >>> flows = pl.LazyFrame({"interface_id": "eni-a", "start": at, "end": at, "protocol": 6, "kind": "health-check",
    ...     "srcaddr": ["10.0.0.9", "10.0.1.1"] * 2, "dstaddr": ["10.0.1.1", "10.0.0.9"] * 2,
    ...     "srcport": [40000, 80, 40002, 80], "dstport": [80, 40000, 80, 40002],
    ...     "packets": [4, 2, 1, 1], "bytes": [216, 112, 60, 40]})
    >>> target_health(flows).select("target", "checker", "answered", "refused", "failed_in_a_row").collect().rows()
    [('10.0.1.1:80', '10.0.0.9', 1, 1, 1)]
    """
    groups = knowledge(target_groups=target_groups).target_groups
    return each_bin(seen_health(flows, every, groups, coverage=coverage))


def each_bin(health: pl.LazyFrame) -> pl.LazyFrame:
    """Return `target_health` of what `seen_health` found."""
    counts = [pl.col(name).cast(pl.UInt32) for name in (*OUTCOMES, "checks", "service", "service_failed")]
    streak = pl.col("failed_in_a_row").cast(pl.UInt32)
    return health.select(*PAIR, "time", *counts, "state", streak, "lb_state").sort(*PAIR, "time")


def health_changes(
    flows: pl.LazyFrame,
    *,
    by: str = "target",
    target_groups: Groups | None = None,
    coverage: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Return the lasting states of each target, one row a state: what happened to it, from when to when.

    A state lasts from two checks on. Where records have times of their own it starts with the first connection that
    failed so, and several spells in one capture window are told apart, if two checks of each checker are in them; else
    it is placed within the window by the share of checks that still had the state before. Takes `target_groups` and
    `coverage` as `target_health` does. A target has the state that most of its checks met, and it is refused or
    unreachable only where more than half of its checkers see it fail; with `by="checker"` each of them is told apart,
    so that one node that cannot reach it is seen.

    Returns
    -------
    Columns `target` (and `checker`), `state`, `start`, `end`; what happened from `start` on and before the next state:
    `checks` (all outcomes), how many of them `failed` (slow, refused or unreachable) or were `retransmitted`,
    `checkers` (how many made them), `service` and `service_failed` (records of service towards the target),
    `failed_in_a_row` (the longest run of checks of one checker, all within this state, none of which was answered as
    usual: never more than that checker's checks in it); and, where thresholds are known, `unhealthy_at` and
    `healthy_at`: when a checker's count, which goes on from one failing state to the next, first took the target out,
    or back in. Every check is in one state, and in one only. Sorted by target (and checker) and start. Raises like
    `target_health`.

    >>> from datetime import UTC, datetime
    >>> flows = pl.LazyFrame({"interface_id": "eni-a", "protocol": 6, "kind": "health-check", "srcaddr": "10.0.0.9",
    ...     "start": [datetime(2026, 5, 14, 0, minute, tzinfo=UTC) for minute in (0, 0, 1, 1, 1)],
    ...     "end": [datetime(2026, 5, 14, 0, minute, tzinfo=UTC) for minute in (0, 0, 1, 1, 1)],
    ...     "dstaddr": "10.0.1.1", "srcport": [40000, 40002, 40004, 40006, 40008], "dstport": 80,
    ...     "packets": [4, 4, 1, 1, 1], "bytes": [216, 216, 60, 60, 60]})
    >>> health_changes(flows).select("target", "state", pl.col("start").dt.minute()).collect().rows()
    [('10.0.1.1:80', 'answering', 0), ('10.0.1.1:80', 'unreachable', 1)]
    """
    option("by", by, ("target", "checker"))
    groups = knowledge(target_groups=target_groups).target_groups
    return lasting(seen_health(flows, None, groups, coverage=coverage), by)


def lasting(health: pl.LazyFrame, by: str) -> pl.LazyFrame:
    """Return `health_changes` of what `seen_health` found."""
    # Asked several times below; without the cache the records would be read for each.
    health = health.cache()
    keys = PAIR if by == "checker" else ["target"]
    whole = health.group_by(*keys, "time").agg(
        *(pl.col(name).sum() for name in (*OUTCOMES, "checks")),
        *(pl.col(name).max() for name in ("service", "service_failed", *LATEST)),
        *(pl.col(name).min() for name in TIMES if name not in LATEST),
        hole=pl.col("hole").all(),
        failing=(pl.sum_horizontal(FAILED) / pl.col("checks")).filter(pl.col("checks") > 0).mean(),
    )
    bins = states(marked(whole, losses(health, keys), keys), keys, pl.col("failing"))
    return tallied(runs(rounds(bins, health, keys), keys), health, whole, keys)


def seen_health(
    flows: pl.LazyFrame,
    every: str | None,
    groups: tuple[TargetGroup, ...],
    *,
    spans: pl.LazyFrame | None = None,
    coverage: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Return the checks of each target by each checker and bin, with all that the questions here are made of.

    `spans`, the records counted as `flowkit.windows.counted` does it, saves going over them for their windows.
    """
    require(flows, NEEDED)
    asked = partial(_read, flows, millis(every), groups, spans, coverage)
    health = pl.defer(asked, schema={**COUNTED, **SERVICE, **_CUT, "hole": pl.Boolean()})
    time = pl.col("_begin").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC").cast(TIME)
    bins = health.with_columns(time=time, checks=pl.sum_horizontal(OUTCOMES)).cache()
    return states(marked(bins, losses(bins, PAIR), PAIR), PAIR).drop("lossy")


def _read(
    flows: pl.LazyFrame,
    width: int | None,
    groups: tuple[TargetGroup, ...],
    spans: pl.LazyFrame | None,
    coverage: pl.LazyFrame | None,
) -> pl.DataFrame:
    """Read the records, when the query runs: first the few that are checks, then the service of their targets only."""
    known = flows if spans is None else spans
    cuts = windows(known).collect(engine="streaming")
    doubled = slow_log(known, cuts)
    if doubled:
        flows, known = once_told(flows, doubled), once_told(known, doubled)
        cuts = windows(known).collect(engine="streaming")
    kinds = pl.col("kind").is_in(["health-check", "uncertain", "service"])
    seen = seen_from(flows, "once").filter(kinds)
    cut = bins((flows.filter(kinds) if spans is None else known), cuts, width)
    others = elsewhere(flows, kinds, cut, NEEDED)
    own = cut.placed(seen.filter(pl.col("kind") != "service").select(NEEDED))
    checks = pl.concat([own.select(*NEEDED, "_bin", "shared"), others.checks])
    health = counted(told(connections(checks).collect(engine="streaming"), cut.width), groups)
    health = served(health, pl.concat([seen.select(NEEDED), others.service]), cut)
    return holes(cut.begun(health), coverage)
