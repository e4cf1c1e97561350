"""Candidates for a checker, and how evenly each of them ticks.

A candidate is a narrow range of cleaned sizes from one address to one server port of another. Its evenness is measured
in counts per capture window, so that it needs no more of time than what every flow record has.
"""

from __future__ import annotations

import math

import polars as pl

from flowkit.split.reduce import LARGEST_PACKETS

# What a segment weighs without its data: IPv4 20 + TCP 20, plus 12 for TCP timestamps, which Linux sends by default;
# IPv6 has 20 more. An acknowledgement that rides along or not moves a record by exactly this, and `x` not at all.
HEADERS_V4, HEADERS_V6 = (52, 40), (72, 60)
# The reading without timestamps must explain the sizes this much better: many sizes fit both by accident. Where each
# size has one number of packets both explain as much, and SYNs alone tell: 52 bytes each, next to none of 60, and more
# than the last segments, of 52 bytes too, of connections that a window's edge cut.
BETTER, AS_WELL, PLAIN, SOME = 1.08, 0.99, 4, 0.03
# A third better decides for a pair alone: much service of many sizes may be a tenth better by accident.
DECIDED = 1.33
# A SYN that nobody answers is sent three times more, or less often, until the check is given up.
MOST_SYNS = 4
# A TLS signature varies by two bytes and a late option by twelve; two of both make 24.
WIDEST = 24
# At most this many sizes of a pair are tried: a checker's sizes are among the commonest or it does not matter.
MOST_SIZES = 24
# A size that came fewer times has no beat to speak of: two ticks make one distance, four make three.
FEWEST_OF_A_SIZE = 4
# So many checks may share a record: 10 s checks over 16 ports in windows of 600 s do. A size below the options of a SYN
# has no multiples to speak of.
MOST_FOLDS, SMALLEST_FOLD = 8, 8
# Checks without data leave the options of their SYNs, eight or twelve bytes each, in two packets (SYN, RST) to five:
# however many of them are in a record, they can be counted. Every 5 s from one port in 600 s is as many as there are.
BARE_FOLDS, BARE_PACKETS = 120, (2, 5)
# Four silent windows in a row cut a series in two runs: at one connection a window chance does it in 2 % of the places.
GAP = 4
# Counts are whole numbers: an unevenness below that of one stray tick in fifty windows is taken for this.
LEAST = 0.02


def cleaned(sizes: pl.DataFrame) -> pl.DataFrame:
    """Return the sizes with `h`, the bytes of a bare segment, and `x`, bytes less headers, as suits each unit.

    Needs `unit`, `v6`, `packets`, `bytes`, `n`. Where it has `cl`, what a unit leaves open all that the client sends
    decides: it is the client's SYN that asks for timestamps or not.
    """
    readings = []
    # No record weighs less than its headers (a reset may lack the timestamps: 12 bytes): such a reading is wrong.
    light = pl.col("x") < -12
    for v4_bytes, v6_bytes in zip(HEADERS_V4, HEADERS_V6, strict=True):
        h = pl.when("v6").then(v6_bytes).otherwise(v4_bytes)
        x = sizes.group_by("unit", x=pl.col("bytes") - h * pl.col("packets"), h=h).agg(pl.col("n").sum())
        share = (pl.col("n") / pl.col("n").sum()) ** 2 * pl.when(light).then(0).otherwise(1)
        readings.append(x.group_by("unit", "h").agg(share.sum().alias("clean")))
    with_ts, without = readings
    both = with_ts.join(without, on="unit", suffix="_plain").join(_syns(sizes), on="unit")
    plain = pl.col("clean_plain") / pl.col("clean")
    if "cl" in sizes.columns:
        both = both.join(sizes.select("unit", "cl").unique("unit"), on="unit")
        all_plain = pl.col("clean_plain").sum().over("cl") / pl.col("clean").sum().over("cl")
        plain = pl.when(plain.is_between(1 / DECIDED, DECIDED)).then(all_plain).otherwise(plain)
        both = both.with_columns(pl.col("plain_syns").any().over("cl"))
    plain = (plain > BETTER) | (pl.col("plain_syns") & (plain >= AS_WELL))
    best = both.select("unit", h=pl.when(plain).then("h_plain").otherwise("h"))
    return sizes.join(best, on="unit").with_columns(x=pl.col("bytes") - pl.col("h") * pl.col("packets"))


def _syns(sizes: pl.DataFrame) -> pl.DataFrame:
    """Return by unit whether SYNs that are alone, as a target that fails has them, come without timestamps."""
    each = pl.col("bytes") / pl.col("packets") - pl.when("v6").then(20).otherwise(0)
    few = pl.col("packets") <= MOST_SYNS
    plain, other = (pl.col("n").filter(few, each == size).sum() for size in (52, 60))
    return sizes.group_by("unit").agg(
        plain_syns=(plain >= FEWEST_OF_A_SIZE) & (plain >= SOME * pl.col("n").sum()) & (plain > PLAIN * other)
    )


def options(h: pl.Expr) -> pl.Expr:
    """Return what a SYN's options weigh more than those of a segment: eight bytes with timestamps, twelve without."""
    return pl.when(h.is_in([HEADERS_V4[0], HEADERS_V6[0]])).then(8).otherwise(12)


def trains() -> pl.Expr:
    """Whether a size is that of SYNs alone, sent again as nobody answers: of no data, and of no one range with any."""
    return (pl.col("x") == options(pl.col("h")) * pl.col("packets")) & pl.col("packets").is_between(2, MOST_SYNS)


def candidates(hist: pl.DataFrame) -> pl.DataFrame:
    """Return every range worth testing: unit, lo, hi (of x), least, most (packets), folds, values (sizes it joins).

    `trains` are those of SYNs that nobody answers.
    """
    live, silent = _ranges(hist.filter(~trains())), _ranges(hist.filter(trains()))
    one = (pl.col("folds") == 1) & (pl.col("most") == LARGEST_PACKETS)
    return pl.concat([live.with_columns(trains=pl.lit(value=False)), silent.filter(one).with_columns(trains=True)])


def _ranges(hist: pl.DataFrame) -> pl.DataFrame:
    sizes = _heavy(hist, ["x"])
    both = sizes.join(sizes, on="unit", suffix="_hi")
    both = both.filter((pl.col("x_hi") - pl.col("x")).is_between(0, WIDEST))
    rank = pl.col("rank_hi") - pl.col("rank") + 1
    one = pl.lit(1)
    any_packets = {"least": pl.lit(0), "most": pl.lit(LARGEST_PACKETS)}
    ranges = both.select("unit", lo="x", hi="x_hi", **any_packets, folds=one, values=rank)
    folded = ranges.with_columns(pl.col("values") + 1, folds=pl.lit(MOST_FOLDS))
    bare = _bare(hist)
    folded = folded.join(bare, on=["unit", "lo", "hi"], how="anti")
    return pl.concat([ranges, folded, bare.select(ranges.columns), _by_packets(hist)], how="vertical_relaxed")


def _bare(hist: pl.DataFrame) -> pl.DataFrame:
    """Return the range of checks without data where several share a record, though none may be there alone."""
    shapes = _heavy(hist, ["x", "packets"]).join(hist.select("unit", "h").unique("unit"), on="unit")
    syn = options(pl.col("h"))
    times = pl.col("x") // syn
    bare = (pl.col("x") % syn == 0) & (times > 1) & (pl.col("packets") / times).is_between(*BARE_PACKETS)
    several = shapes.filter(bare).select("unit", lo=syn.cast(pl.Int64), hi=syn.cast(pl.Int64)).unique()
    return several.with_columns(least=0, most=LARGEST_PACKETS, folds=BARE_FOLDS, values=pl.lit(2, pl.Int64))


def _by_packets(hist: pl.DataFrame) -> pl.DataFrame:
    """Return one size again for each run of packet counts: the same data in fewer packets is another program."""
    shapes = _heavy(hist, ["x", "packets"])
    several = pl.len().over("unit", "x") > 1
    shapes = shapes.filter(several)
    both = shapes.join(shapes, on=["unit", "x"], suffix="_hi").filter(
        (pl.col("packets_hi") - pl.col("packets")).is_between(0, 2)
    )
    ends = {"lo": "x", "hi": "x", "least": "packets", "most": "packets_hi"}
    return both.select("unit", **ends, folds=pl.lit(1), values=pl.lit(2))


def _heavy(hist: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    sizes = hist.group_by("unit", *by).agg(pl.col("n").sum()).filter(pl.col("n") >= FEWEST_OF_A_SIZE)
    sizes = sizes.filter(pl.struct("n", *by).rank("ordinal", descending=True).over("unit") <= MOST_SIZES)
    return sizes.with_columns(rank=pl.struct(by).rank("ordinal").over("unit").cast(pl.Int64)).drop("n")


def within(ranges: pl.DataFrame, hist: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the histogram that lie in each range, with `times`: how many checks a record holds.

    Needs unit, x, packets and h. SYNs that nobody answers lie in ranges of their own (`trains`). Where a source port
    comes back within a window, its connections are one record: sizes and packets add up.
    """
    shapes = hist.select("unit", "x", "packets", "h").unique().join(ranges, on="unit")
    shapes = shapes.filter(trains() == pl.col("trains")).drop("h")
    middle = (pl.col("lo") + pl.col("hi")) / 2
    times = pl.when(middle >= SMALLEST_FOLD).then((pl.col("x") / middle).round()).otherwise(1).clip(1, pl.col("folds"))
    shapes = shapes.with_columns(times=times.cast(pl.Int64))
    inside = pl.col("x").is_between(pl.col("lo") * pl.col("times"), pl.col("hi") * pl.col("times"))
    inside &= pl.col("packets").is_between(pl.max_horizontal("least", 2 * (pl.col("times") - 1)), "most")
    few, many = (limit * pl.col("times") for limit in BARE_PACKETS)
    inside &= (pl.col("folds") < BARE_FOLDS) | (pl.col("times") == 1) | pl.col("packets").is_between(few, many)
    return shapes.filter(inside).join(hist, on=["unit", "x", "packets"])


def evenness(counts: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return for each series its n, rate (a window), windows, F (1 for chance, 0 for a clock), cuts and log10 of p.

    F compares neighbouring windows, so that a checker that begins, stops or slows down in the middle stays even.
    """
    series = [*keys, "block"]
    rows = counts.sort(*series, "bin").with_columns(now=pl.col("n").cast(pl.Float64))
    same = pl.all_horizontal(pl.col(key) == pl.col(key).shift(1) for key in series)
    rows = rows.with_columns(
        step=pl.when(same).then(pl.col("bin").diff()), before=pl.when(same).then(pl.col("now").shift(1))
    )
    step, now, before = pl.col("step"), pl.col("now"), pl.col("before")
    apart = pl.when(step == 1).then((now - before) ** 2).when(step <= GAP).then(now**2 + before**2)
    rows = rows.with_columns(apart=apart)
    linked = pl.col("apart").is_not_null()
    out = rows.group_by(keys).agg(
        pl.col("n").sum(),
        pl.col("bin").min().alias("first"),
        pl.col("bin").max().alias("last"),
        pairs=pl.col("step").filter(linked).sum(),
        apart=pl.col("apart").sum(),
        cuts=(pl.col("step") > GAP).sum(),
        blocks=pl.col("block").n_unique(),
    )
    out = out.with_columns(windows=pl.col("pairs") + pl.col("cuts") + pl.col("blocks"))
    out = out.with_columns(rate=pl.col("n") / pl.col("windows"))
    out = out.with_columns(F=pl.col("apart") / 2 / pl.col("pairs").clip(1) / pl.col("rate"))
    return out.with_columns(
        logp=log_chance(pl.col("F"), pl.col("pairs")) + pl.col("cuts") * (pl.col("windows") ** 2 / 4).clip(1).log10()
    )


def log_chance(f: pl.Expr, pairs: pl.Expr) -> pl.Expr:
    """Return log10 of the chance that Poisson arrivals look as even as F: the lower tail of chi-squared.

    A mean of squared differences of neighbours has about two thirds of their number in degrees of freedom
    (von Neumann 1941). The tail is the leading terms of the incomplete gamma's series, with Stirling's formula: exact
    enough below F = 1, and beyond that nothing is claimed.
    """
    a = (pairs / 3).clip(0.5)
    # Counts are whole numbers: none can be told to be more even than this.
    x = a * f.clip(LEAST)
    terms = 1 + x / (a + 1) * (1 + x / (a + 2) * (1 + x / (a + 3)))
    gamma = (a + 0.5) * (a + 1).log() - (a + 1) + math.log(2 * math.pi) / 2 + 1 / (12 * (a + 1))
    return (
        pl.when(f < 1).then((a * x.log() - x - gamma + terms.log()) / math.log(10)).otherwise(0.0).clip(upper_bound=0)
    )
