"""From the records of checks to counts by outcome: each connection is a check, and its few bytes tell its fate."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from flowkit.schema import TIME

OUTCOMES = ("answered", "slow", "refused", "unreachable")
FAILED = ("refused", "unreachable")
PAIR = ["target", "checker"]
_FIRSTS = [f"first_{name}" for name in OUTCOMES]
TIMES = ["opened", *_FIRSTS, "closed"]
COUNTED = {
    **dict.fromkeys(PAIR, pl.String()),
    "_bin": pl.Int64(),
    "_width": pl.Int64(),
    **dict.fromkeys(OUTCOMES, pl.Int64()),
    **dict.fromkeys(TIMES, TIME),
}


def connections(checks: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per connection and bin, its ends in the order of their names, with what went either way."""
    src, dst = (pl.struct(addr=f"{side}addr", port=f"{side}port") for side in ("src", "dst"))
    forth = (pl.col("srcaddr") < pl.col("dstaddr")) | (
        (pl.col("srcaddr") == pl.col("dstaddr")) & (pl.col("srcport") < pl.col("dstport"))
    )
    one, two = pl.when(forth).then(src).otherwise(dst), pl.when(forth).then(dst).otherwise(src)
    return checks.group_by("_bin", "_width", one.alias("one"), two.alias("two")).agg(
        *(
            pl.col(name).filter(side).sum().alias(f"{name}_{way}")
            for name in ("packets", "bytes")
            for way, side in (("forth", forth), ("back", ~forth))
        ),
        start=pl.col("start").min(),
        end=pl.col("end").max(),
        sure=(pl.col("kind") == "health-check").any(),
    )


def end(side: str) -> pl.Expr:
    """Return an address with its port as a person writes it."""
    return _shown(pl.col(f"{side}addr"), pl.col(f"{side}port"))


def _shown(address: pl.Expr, port: pl.Expr) -> pl.Expr:
    v6 = address.str.contains(":", literal=True)
    return pl.format("{}:{}", pl.when(v6).then(pl.format("[{}]", address)).otherwise(address), port)


def counted(found: pl.DataFrame) -> pl.DataFrame:
    """Return the checks of each target by each checker and bin, by outcome; bins without any have a row of zeros."""
    if found.is_empty():
        return pl.DataFrame(schema=COUNTED)
    told = _outcomes(_joined(_sided(found)))
    sure, doubtful = told.filter("sure"), told.filter(~pl.col("sure") & pl.col("outcome").is_in(FAILED))
    counts = sure.group_by(*PAIR, "_bin").agg(
        *(pl.col("n").filter(pl.col("outcome") == name).sum().alias(name) for name in OUTCOMES), *_when(OUTCOMES, "")
    )
    if counts.is_empty():
        return pl.DataFrame(schema=COUNTED)
    whole = _every_bin(_with_doubtful(counts, doubtful)).with_columns(pl.col(*OUTCOMES).fill_null(0))
    return whole.with_columns(_width=pl.lit(found["_width"][0])).select(list(COUNTED)).cast(pl.Schema(COUNTED))


def _with_doubtful(counts: pl.DataFrame, doubtful: pl.DataFrame) -> pl.DataFrame:
    """Return the counts with failed connections that may be service's, as many as there are checks missing.

    When a target refuses, it refuses checks and service alike, with the same few bytes: which is which is not to be
    known, but how many checks were due is.
    """
    due = counts.with_columns(pl.sum_horizontal(OUTCOMES).alias("due")).group_by(PAIR).agg(pl.col("due").median())
    maybe = (
        doubtful.join(due, on=PAIR)
        .group_by(*PAIR, "_bin")
        .agg(
            *(pl.col("n").filter(pl.col("outcome") == name).sum().alias(f"{name}_maybe") for name in FAILED),
            *_when(FAILED, "_too"),
            pl.col("due").first(),
        )
    )
    both = counts.join(maybe, on=[*PAIR, "_bin"], how="full", coalesce=True)
    both = both.with_columns(pl.col(*OUTCOMES, "due", *(f"{name}_maybe" for name in FAILED)).fill_null(0))
    some = pl.sum_horizontal(f"{name}_maybe" for name in FAILED)
    missing = pl.min_horizontal((pl.col("due") - pl.sum_horizontal(OUTCOMES)).clip(0), some)
    share = [(missing * pl.col(f"{name}_maybe") / some.clip(1)).round().cast(pl.Int64) for name in FAILED]
    both = both.with_columns(pl.col(name) + part for name, part in zip(FAILED, share, strict=True))
    firsts = ["opened", *(f"first_{name}" for name in FAILED)]
    both = both.with_columns(pl.min_horizontal(name, f"{name}_too") for name in firsts)
    return both.with_columns(pl.max_horizontal("closed", "closed_too")).select(counts.columns)


def _when(outcomes: Sequence[str], suffix: str) -> list[pl.Expr]:
    """Return when a bin's checks began and ended, and when the first of each outcome began."""
    start, outcome = pl.col("start"), pl.col("outcome")
    firsts = [start.filter(outcome == name).min().alias(f"first_{name}{suffix}") for name in outcomes]
    return [start.min().alias(f"opened{suffix}"), *firsts, pl.col("end").max().alias(f"closed{suffix}")]


def _sided(found: pl.DataFrame) -> pl.DataFrame:
    """Return the connections with `target`, `checker`, `port` (the checker's), and what went there and came back.

    The target's end is the one that meets more ports: each check comes from a new one, and all go to the same.
    """
    ends = pl.concat(
        found.select(end=near, other=pl.col(far).struct.field("port")) for near, far in (("one", "two"), ("two", "one"))
    )
    meets = ends.group_by("end").agg(met=pl.col("other").n_unique())
    for end in ("one", "two"):
        found = found.join(meets.rename({"met": f"met_{end}"}), left_on=end, right_on="end")
    lower = pl.col("one").struct.field("port") < pl.col("two").struct.field("port")
    first = pl.when(pl.col("met_one") != pl.col("met_two")).then(pl.col("met_one") > pl.col("met_two")).otherwise(lower)
    target, checker = pl.when(first).then("one").otherwise("two"), pl.when(first).then("two").otherwise("one")
    ways = {"fp": ("packets", "back", "forth"), "fb": ("bytes", "back", "forth")}
    ways |= {"bp": ("packets", "forth", "back"), "bb": ("bytes", "forth", "back")}
    return found.select(
        "_bin",
        "sure",
        "start",
        "end",
        target=_shown(target.struct.field("addr"), target.struct.field("port")),
        checker=checker.struct.field("addr"),
        port=checker.struct.field("port"),
        **{name: pl.when(first).then(f"{what}_{a}").otherwise(f"{what}_{b}") for name, (what, a, b) in ways.items()},
    )


def _joined(parts: pl.DataFrame) -> pl.DataFrame:
    """Return the connections that a window's edge cut in two as one: halves that make no more than one check."""
    keys = [*PAIR, "port", "_bin"]
    stood = ~_silent() & (pl.col("fp") > 1)
    usual = pl.col("fp").filter(stood).median().over(PAIR).fill_null(1)
    parts = parts.with_columns(usual=usual, answer=pl.col("bb").filter(stood).median().over(PAIR))
    amounts = ["fp", "fb", "bp", "bb"]
    after = parts.select(*keys, *amounts).with_columns(pl.col("_bin") - 1)
    before = parts.select(*keys, *amounts).with_columns(pl.col("_bin") + 1)
    parts = parts.join(after, on=keys, how="left", suffix="_after").join(before, on=keys, how="left", suffix="_before")
    one = pl.col("usual") + 2
    tail = (pl.col("fp_before") + pl.col("fp") <= one) & (pl.col("fp") < pl.col("usual"))
    head = (pl.col("fp") + pl.col("fp_after") <= one).fill_null(value=False)
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
    tail &= pl.col("fp_before") > 0
    return parts.filter((pl.col("fp") > 0) & ~tail.fill_null(value=False)).with_columns(whole)


def _longer() -> pl.Expr:
    """Return what each IPv6 header weighs more than one of IPv4."""
    return pl.when(pl.col("checker").str.contains(":", literal=True)).then(20).otherwise(0)


def _each() -> pl.Expr:
    return pl.col("fb") / pl.col("fp") - _longer()


def _silent() -> pl.Expr:
    """Whether nothing but SYNs went there: 60 bytes each, or without timestamps 52, 48 or 44.

    The shorter ones are believed only where nothing came back, or as many resets of 40 bytes: a whole check without
    timestamps weighs 132 bytes in 3 packets, as much as three SYNs; and a lone 52 may be the rest of a connection.
    """
    reset = (pl.col("bp") == pl.col("fp")) & (pl.col("bb") == (40 + _longer()) * pl.col("bp"))
    lost = (pl.col("bp") == 0) & ((_each() != 52) | (pl.col("fp") > 1))
    return (_each() == 60) | (_each().is_in([44.0, 48.0, 52.0]) & (reset | lost))


def _outcomes(checks: pl.DataFrame) -> pl.DataFrame:
    """Return the checks with `outcome` and `n`, how many checks the connection holds (a port may come back)."""
    silent = _silent()
    # Nothing but ACKs and FINs, of 52 bytes or 40 each, is the rest of a connection and no check.
    rest = ~silent & _each().is_in([40.0, 52.0])
    data = pl.col("answer") - 60 * pl.col("usual")
    dumb = (data > 24) & (pl.col("bp") > 0) & (pl.col("bb") <= (56 + _longer()) * pl.col("bp"))
    outcome = (
        pl.when(silent & (pl.col("bp") == 0))
        .then(pl.lit("unreachable"))
        .when(silent)
        .then(pl.lit("refused"))
        .when(dumb)
        .then(pl.lit("slow"))
        .otherwise(pl.lit("answered"))
    )
    several = (pl.col("fp") / pl.col("usual").clip(1)).round().clip(1)
    n = pl.when(outcome == "refused").then("fp").when(outcome == "unreachable").then(1).otherwise(several)
    return checks.filter(~rest).with_columns(outcome=outcome, n=n.cast(pl.Int64))


def _every_bin(counts: pl.DataFrame) -> pl.DataFrame:
    """Return the counts with a row for every bin between the first and the last, so that silence has rows too."""
    first, last = int(counts["_bin"].min()), int(counts["_bin"].max())  # type: ignore[arg-type]
    # A record with a broken time must not make a million rows. The first and the last window are cut off: no silence.
    inner = pl.DataFrame({"_bin": range(first + 1, min(last, first + 100_000))}, schema={"_bin": pl.Int64})
    grid = counts.select(PAIR).unique().join(inner, how="cross")
    return grid.join(counts, on=[*PAIR, "_bin"], how="full", coalesce=True)
