"""From the records of checks to their outcomes: each connection is a check, and its few bytes tell its fate."""

from __future__ import annotations

import polars as pl

from flowkit.knowledge import SHORTEST_S
from flowkit.questions.health.again import again
from flowkit.questions.health.segments import longer, mean_size, syns_only
from flowkit.questions.health.several import parted, vain, weighed
from flowkit.schema import TIME

OUTCOMES = ("answered", "retransmitted", "slow", "refused", "unreachable")
ANSWERED = ("answered", "retransmitted")
FAILED = ("refused", "unreachable")
PAIR = ["target", "checker"]
TOLD = {
    **dict.fromkeys(PAIR, pl.String()),
    "_bin": pl.Int64(),
    "shared": pl.Boolean(),
    "sure": pl.Boolean(),
    "seen_by": pl.UInt64(),
    "start": TIME,
    "since": TIME,
    "end": TIME,
    "outcome": pl.String(),
    "n": pl.Int64(),
    "took": pl.Int64(),
}
# A reply so much smaller than the smallest of the usual ones was cut short: of the replies a port gives its checker,
# one in ten is as small as that or smaller.
CUT, USUAL = 0.6, 0.1
# TCP sends again after 1 s and then 2 s more (RFC 6298): who takes three seconds longer than usual was stalled, or lost
# more than one segment.
LATE_MS, TIMES_AS_LONG = 3_000, 3


def connections(checks: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per connection and bin, its ends in the order of their names, with what went either way.

    Second copies of a record count once.
    """
    src, dst = (pl.struct(addr=f"{side}addr", port=f"{side}port") for side in ("src", "dst"))
    forth = (pl.col("srcaddr") < pl.col("dstaddr")) | (
        (pl.col("srcaddr") == pl.col("dstaddr")) & (pl.col("srcport") < pl.col("dstport"))
    )
    one, two = pl.when(forth).then(src).otherwise(dst), pl.when(forth).then(dst).otherwise(src)
    return (
        checks.unique()
        .group_by("_bin", one.alias("one"), two.alias("two"))
        .agg(
            *(
                pl.col(name).filter(side).sum().alias(f"{name}_{way}")
                for name in ("packets", "bytes")
                for way, side in (("forth", forth), ("back", ~forth))
            ),
            start=pl.col("start").min(),
            end=pl.col("end").max(),
            shared=pl.col("shared").any(),
            sure=(pl.col("kind") == "health-check").any(),
            # By a number: of the one interface that is asked about this pair, and its name would fill the memory.
            seen_by=pl.col("interface_id").hash().first(),
        )
    )


def end(side: str) -> pl.Expr:
    """Return an address with its port as a person writes it."""
    return _shown(pl.col(f"{side}addr"), pl.col(f"{side}port"))


def _shown(address: pl.Expr, port: pl.Expr) -> pl.Expr:
    v6 = address.str.contains(":", literal=True)
    return pl.format("{}:{}", pl.when(v6).then(pl.format("[{}]", address)).otherwise(address), port)


def told(found: pl.DataFrame, width: int) -> pl.DataFrame:
    """Return the checks, of bins `width` ms wide: target, checker, _bin, shared, sure, seen_by, start, end, outcome.

    `n` is how many the row is, and `since` when checks of its kind began to fail in the bin, where it failed; `took` is
    how long one was on its way that is slow for no other reason, in milliseconds.
    """
    if found.is_empty():
        return pl.DataFrame(schema=TOLD)
    each = _outcomes(_joined(weighed(_sided(found))))
    sure, doubtful = each.filter("sure"), each.filter(~pl.col("sure") & pl.col("outcome").is_in(FAILED))
    rows = (sure.with_columns(since="start"), _due(sure, doubtful, _seen(found, width)))
    return pl.concat([frame.select(list(TOLD)) for frame in rows]).cast(pl.Schema(TOLD))


def _seen(found: pl.DataFrame, width: int) -> pl.DataFrame:
    """Return which share of each bin there are records of: the first and the last are cut off."""
    first, last = found["start"].dt.epoch("ms").min(), found["end"].dt.epoch("ms").max()
    opens, ends = pl.col("_bin") * width, (pl.col("_bin") + 1) * width
    lasted = pl.min_horizontal(ends, pl.lit(last)) - pl.max_horizontal(opens, pl.lit(first))
    share = pl.when("shared").then(1.0).otherwise((lasted / width).clip(0, 1))
    return found.group_by("_bin").agg(pl.col("shared").any()).select("_bin", share=share)


def _due(sure: pl.DataFrame, doubtful: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """Return, of the failed connections that may be service's, as many as there are checks missing.

    When a target refuses, it refuses checks and service alike, with the same few bytes: which is which is not to be
    known, but how many checks were due is: as many as in the bins in which none failed. They are taken at even steps,
    so that each way to fail has its share. Whichever they are, the target failed since the first of them that comes
    after the last answered check.
    """
    place = [*PAIR, "_bin"]
    fine = pl.col("outcome").is_in(ANSWERED)
    came = sure.group_by(place).agg(
        came=pl.col("n").sum(), fine=fine.all(), answered=pl.col("start").filter(fine).max()
    )
    usual = pl.col("came").filter("fine").median()
    due = came.group_by(PAIR).agg(due=pl.coalesce(usual, pl.col("came").median()))
    rows = doubtful.join(due, on=PAIR).join(came, on=place, how="left").join(seen, on="_bin", how="left")
    missing = (pl.col("due") * pl.col("share") - pl.col("came").fill_null(0)).clip(0)
    later = pl.col("answered").is_null() | (pl.col("start") > pl.col("answered"))
    since = pl.col("start").filter(later).min().over(*place, "outcome")
    rows = rows.sort("start", "outcome", "port").with_columns(
        until=pl.col("n").cum_sum().over(place),
        part=(missing / pl.col("n").sum().over(place)).clip(upper_bound=1),
        since=pl.min_horizontal(since, "start"),
    )
    taken = (pl.col("until") * pl.col("part")).round() - ((pl.col("until") - pl.col("n")) * pl.col("part")).round()
    return rows.with_columns(n=taken.cast(pl.Int64)).filter(pl.col("n") > 0)


def _sided(found: pl.DataFrame) -> pl.DataFrame:
    """Return the connections with `target`, `checker`, `port` (the checker's), and what went there and came back.

    The target's end is the one that meets more ports: each check comes from a new one, and all go to the same.
    """
    # By numbers: a hash of an end is as good as the end, and weighs a tenth of it.
    found = found.with_columns(end_one=pl.col("one").hash(), end_two=pl.col("two").hash())
    ends = pl.concat(
        found.select(end=f"end_{near}", other=pl.col(far).struct.field("port"))
        for near, far in (("one", "two"), ("two", "one"))
    )
    meets = ends.group_by("end").agg(met=pl.col("other").n_unique())
    del ends
    for end in ("one", "two"):
        found = found.join(meets.rename({"met": f"met_{end}"}), left_on=f"end_{end}", right_on="end")
    lower = pl.col("one").struct.field("port") < pl.col("two").struct.field("port")
    first = pl.when(pl.col("met_one") != pl.col("met_two")).then(pl.col("met_one") > pl.col("met_two")).otherwise(lower)
    target, checker = pl.when(first).then("one").otherwise("two"), pl.when(first).then("two").otherwise("one")
    ways = {"fp": ("packets", "back", "forth"), "fb": ("bytes", "back", "forth")}
    ways |= {"bp": ("packets", "forth", "back"), "bb": ("bytes", "forth", "back")}
    return found.select(
        "_bin",
        "sure",
        "shared",
        "seen_by",
        "start",
        "end",
        served=target.struct.field("port"),
        v6=checker.struct.field("addr").str.contains(":", literal=True),
        target=_shown(target.struct.field("addr"), target.struct.field("port")).cast(pl.Categorical),
        checker=checker.struct.field("addr").cast(pl.Categorical),
        port=checker.struct.field("port"),
        **{name: pl.when(first).then(f"{what}_{a}").otherwise(f"{what}_{b}") for name, (what, a, b) in ways.items()},
    )


def _joined(parts: pl.DataFrame) -> pl.DataFrame:
    """Return the connections that a window's edge cut in two as one: halves that make no more than one check.

    Where ports come back, the next window has the next check, and a half is told by its size: it is none of its own.
    """
    keys = [*PAIR, "port", "_bin"]
    amounts = ["fp", "fb", "bp", "bb"]
    after = parts.select(*keys, *amounts, "end").with_columns(pl.col("_bin") - 1)
    before = parts.select(*keys, *amounts).with_columns(pl.col("_bin") + 1)
    parts = parts.join(after, on=keys, how="left", suffix="_after").join(before, on=keys, how="left", suffix="_before")
    tail = _one("_before") & ((pl.col("fp") < pl.col("usual")) | (syns_only() & (pl.col("bp") == 0)))
    head = _one("_after").fill_null(value=False)
    # An answer may also be recorded in the window before: a balancer's interface is logged by several capturers.
    early = ((pl.col("fp_before") == 0) & (pl.col("bp") == 0)).fill_null(value=False)
    whole = [
        pl.when(head)
        .then(pl.col(name) + pl.col(f"{name}_after"))
        .when(early)
        .then(pl.col(name) + pl.col(f"{name}_before"))
        .otherwise(name)
        .alias(name)
        for name in amounts
    ]
    whole.append(pl.when(head).then("end_after").otherwise("end").alias("until"))
    tail &= pl.col("fp_before") > 0
    rest = ~syns_only() & (pl.col("times") == 0)
    return parts.filter((pl.col("fp") > 0) & ~tail.fill_null(value=False) & ~rest).with_columns(whole)


def _one(beside: str) -> pl.Expr:
    """Whether a connection and what its port has in the window beside it make no more than one check."""
    return (pl.col("fp") + pl.col(f"fp{beside}") <= pl.col("usual") + 2) & ~pl.col("back")


def _outcomes(checks: pl.DataFrame) -> pl.DataFrame:
    """Return the checks with `outcome` and `n`, how many checks the connection holds (a port may come back)."""
    silent = syns_only()
    # Nothing but ACKs and FINs, of 52 bytes or 40 each, is the rest of a connection and no check.
    rest = ~silent & mean_size().is_in([40.0, 52.0])
    data = pl.col("answer") - 60 * pl.col("usual")
    dumb = (data > 24) & (pl.col("bp") > 0) & (pl.col("bb") <= (56 + longer()) * pl.col("bp"))
    checks = again(checks.with_columns(late=~silent & ~dumb & _late() & ~_cut()), ~silent & ~rest & ~dumb)
    outcome = (
        pl.when(silent & (pl.col("bp") == 0))
        .then(pl.lit("unreachable"))
        .when(silent)
        .then(pl.lit("refused"))
        .when(dumb | (~silent & _cut() & (pl.col("times") == 1)))
        .then(pl.lit("slow"))
        .when("again")
        .then(pl.lit("retransmitted"))
        .when(pl.col("late") & (pl.col("times") == 1))
        .then(pl.lit("slow"))
        .otherwise(pl.lit("answered"))
    )
    # Each refused check is a SYN and a reset; more of them than can come in that time are no checks of one checker.
    most = (pl.col("until") - pl.col("start")).dt.total_seconds() // SHORTEST_S + 1
    refused = pl.min_horizontal("fp", most.clip(1))
    n = pl.when(outcome == "refused").then(refused).when(outcome == "unreachable").then(vain()).otherwise("times")
    each = checks.with_columns(outcome=outcome).filter(~rest).with_columns(n=n.cast(pl.Int64))
    took = pl.when(pl.col("late") & (pl.col("outcome") == "slow")).then(_took())
    return parted(each.filter(pl.col("n") > 0)).with_columns(took=took)


def _cut() -> pl.Expr:
    """Whether a reply has far less data than the port's replies to this checker have: it came late, or not whole."""
    data = pl.col("bb") - (52 + longer()) * pl.col("bp")
    least, middle = (data.filter(data > 24).quantile(share).over("checker", "served") for share in (USUAL, 0.5))
    # Where many replies are so much smaller than others, a small one is none that was cut.
    usual = pl.when(least >= CUT * middle).then(least)
    return (data > 24) & (data < CUT * usual)


def _late() -> pl.Expr:
    """Whether a check took far longer than is usual there, where each has times of its own and a port is one check."""
    took = _took()
    usual = took.median().over("checker", "served")
    # One that holds more than a check lasts from the first to when its port came back.
    single = pl.col("times") == 1
    return ~pl.col("shared") & single & (usual < LATE_MS) & (took >= TIMES_AS_LONG * usual + LATE_MS)


def _took() -> pl.Expr:
    return (pl.col("until") - pl.col("start")).dt.total_milliseconds()
