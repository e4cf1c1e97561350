"""What speaks for and against each candidate being a load balancer's checker, and the weight of it all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from flowkit.knowledge import Knowledge
from flowkit.split.beat import (
    BARE_FOLDS,
    BARE_PACKETS,
    FEWEST_OF_A_SIZE,
    MOST_SYNS,
    WIDEST,
    candidates,
    cleaned,
    evenness,
    options,
    within,
)
from flowkit.split.decide import CHECK, DOUBT
from flowkit.split.fronts import LIKE, held_against, passed_on
from flowkit.split.reduce import FEWEST, LARGEST_PACKETS, SHAPE, UNIT, Reduced
from flowkit.split.score import UNEVEN, scored
from flowkit.split.sources import company, homes_of, others, placed
from flowkit.split.told import agreed, fields_of
from flowkit.split.turns import turned
from flowkit.split.unions import unions

RANGE = [*UNIT, "lo", "hi", "least", "most", "folds", "values", "trains"]


# Windows that are looked at together, by their width (s), up to ten minutes: two of the slowest checks (300 s).
COARSER = pl.DataFrame({"width": [30, 30, 30, 60, 60], "grain": [2, 4, 20, 2, 10]})
# What comes this seldom in a window is counted in several together, so that a few ticks make a count.
SLOW, A_FEW = 0.6, (1.5, 6)
# Ticks in a window, and windows, that make a count of its own.
A_COUNT = 2
# Where ports come back, records of several checks are taken with those of one when they are a tenth more, as even or
# nearly: within twice the factor that joining them costs.
MORE, SEVERAL = 1.1, 1.5
# Counts this even have nothing mixed into them: the variance of one stray connection in thirty ticks.
CLEAN = 0.03


@dataclass(frozen=True)
class Tried:
    """What is to be tested: every range of sizes of every pair, and the sizes that lie in each."""

    facts: pl.DataFrame  # unit, interface_id, cl, sv, sp, reply, v6, h, sent: each unit as its best witness saw it
    sized: pl.DataFrame  # unit, packets, bytes, n, h, x
    ranges: pl.DataFrame  # range, unit, lo, hi, least, most, folds, values
    members: pl.DataFrame  # range, unit, packets, bytes, times, n
    failing: pl.DataFrame  # as members: of ranges that are tried with the checks that fail, these

    def beating(self) -> pl.DataFrame:
        """Return the sizes whose connections are ticks of each range."""
        parts = (self.members, False), (self.failing, True)
        both = [part.drop("n").with_columns(failed=pl.lit(value=failed)) for part, failed in parts]
        return pl.concat(both, how="vertical_relaxed")


def tried(reduced: Reduced) -> Tried:
    """Return what each pair sent by cleaned size, and every range worth testing."""
    facts = _vantage(reduced)
    # A checker repeats itself: where no size comes twice, as with most clients, there is nothing to test.
    again = reduced.sizes.filter(pl.col("n") > 1).select("unit").unique()
    sized = facts.select("unit", "v6", "cl").join(again, on="unit", how="semi").join(reduced.sizes, on="unit")
    sized = cleaned(sized).drop("cl")
    ranges = candidates(sized).with_row_index("range")
    members = within(ranges, sized).select("range", *SHAPE, "x", "times", "n")
    return _with_failing(
        Tried(facts.join(sized.select("unit", "h").unique("unit"), on="unit"), sized, ranges, members, members.clear())
    )


def _with_failing(what: Tried) -> Tried:
    """Return what is to be tested with each range once more, with the SYNs that nothing but a reset answers.

    The checks of a target that fails and comes back, again and again, are as even as ever when those that fail are
    counted with those that are answered, and only then.
    """
    syn = options(pl.col("h")) * pl.col("packets")
    alone = what.sized.filter(pl.col("x") == syn, pl.col("packets") <= MOST_SYNS)
    alone = alone.filter(pl.col("n").sum().over("unit") >= FEWEST_OF_A_SIZE)
    plain = (pl.col("folds") == 1) & (pl.col("most") == LARGEST_PACKETS) & ~pl.col("trains")
    both = what.ranges.filter(plain).join(alone.select("unit").unique(), on="unit", how="semi")
    first = what.ranges.height
    new = both.with_columns(
        pl.col("values") + 1, range=pl.int_range(first, first + pl.len()).cast(pl.UInt32), base="range"
    )
    members = what.members.join(new.select("range", base="base"), left_on="range", right_on="base", suffix="_new")
    members = members.drop("range").rename({"range_new": "range"}).select(what.members.columns)
    inside = pl.col("x").is_between("lo", "hi")
    failing = new.join(alone, on="unit").filter(~inside).with_columns(times=pl.lit(1, pl.Int64))
    new = new.join(failing.select("range").unique(), on="range", how="semi")
    members = members.join(new.select("range"), on="range", how="semi")
    return replace(
        what,
        ranges=pl.concat([
            what.ranges.with_columns(failing=pl.lit(value=False)),
            new.with_columns(failing=pl.lit(value=True)).select(*what.ranges.columns, "failing"),
        ]),
        members=pl.concat([what.members, members]),
        failing=failing.select(what.members.columns).cast(what.members.schema),
    )  # fmt: skip


def families(
    reduced: Reduced, what: Tried, beats: pl.DataFrame, served: pl.DataFrame, known: Knowledge
) -> pl.DataFrame:
    """Return one row per candidate: unit, range and evidence, for `judged` to weigh.

    A set of sizes that share a clock is one row, its range from the least to the largest, and has a `union`.
    """
    facts = what.facts.join(reduced.windows, on="interface_id")
    hits = beats.join(what.beating(), on=SHAPE)
    counts, found = _best_grain(hits, what.ranges.join(facts.select("unit", "width", "whole"), on="unit"))
    found = found.join(what.ranges, on="range").join(facts, on="unit")
    found = found.with_columns(pl.col("width") * pl.col("grain"))
    found = _chosen(_several(_purity(_answered(found, hits), what), hits))
    found = _fresh_by_size(_shape(_calm(_freshness(found, hits), hits), what))
    found = turned(_one_clock(_company(found), counts), counts)
    sent = what.sized.join(what.facts.select("unit", "cl"), on="unit")
    beside = others(found, _all_sent(found, reduced))
    found = passed_on(found, sent, beside, what.members, served)
    homes = homes_of(reduced)
    found = company(placed(found, homes, known.lb_addresses), beside, reduced, homes)
    found = fields_of(found, hits)
    return agreed(found, known)


def judged(found: pl.DataFrame, fronts: pl.DataFrame) -> pl.DataFrame:
    """Return the candidates with score (log-odds) and chance of being a health check.

    `fronts` is what their sources' fronts say, as `flowkit.split.fronts.weighed` returns it.
    """
    return _paced(scored(held_against(found, fronts)))


def united(what: Tried, beats: pl.DataFrame) -> Tried:
    """Return what is to be tested with the sets of sizes that share a clock, each as a range of its own."""
    single = pl.col("lo") == pl.col("hi"), pl.col("folds") == 1, pl.col("most") == LARGEST_PACKETS, ~pl.col("failing")
    # Without data all checks are alike; SYNs that nothing answers are looked for where ticks are missing.
    places = what.ranges.filter(*single, pl.col("lo") > WIDEST).join(what.facts.select("unit", "sp", "h"), on="unit")
    members = what.members.join(places.select("range"), on="range", how="semi").drop("n")
    counts = beats.join(members, on=SHAPE).group_by("range", "block", "bin").agg(pl.col("n").sum())
    sets = unions(counts, places)
    if sets.is_empty():
        return replace(what, ranges=what.ranges.with_columns(union=pl.lit(None, pl.UInt32)))
    sized = what.members.join(places, on="range")
    parts = sized.join(sets, on=["sp", "h", "x"]).unique(["union", *SHAPE])
    ends = sets.group_by("union").agg(lo=pl.col("x").min(), hi=pl.col("x").max(), values=pl.len())
    first = int(what.ranges["range"].max()) + 1  # type: ignore[arg-type]
    new = parts.select("unit", "union").unique(maintain_order=True).join(ends, on="union")
    new = new.with_columns(
        range=pl.int_range(pl.len()) + first, least=0, most=LARGEST_PACKETS, folds=1, failing=False, trains=False
    )
    ranges = pl.concat([what.ranges, new], how="diagonal_relaxed")
    members = parts.join(new.select("unit", "union", "range"), on=["unit", "union"], suffix="_new")
    members = members.select(pl.col("range_new").alias("range"), *SHAPE, "x", "times", "n")
    return replace(what, ranges=ranges, members=pl.concat([what.members, members], how="vertical_relaxed"))


def spread(found: pl.DataFrame, what: Tried) -> pl.DataFrame:
    """Return the families with each set of sizes as one row a size, so that nothing between them is called a check."""
    sets = found.filter(pl.col("union").is_not_null())
    sizes = (
        what.members.join(sets.select("range"), on="range").group_by("range", "x").agg(pl.col("n").cast(pl.Int64).sum())
    )
    share = pl.col("n_x") / pl.col("n_x").sum().over("range")
    each = sets.join(sizes, on="range", suffix="_x", maintain_order="left_right").with_columns(
        lo="x", hi="x", own=pl.col("own") * share, rate=pl.col("rate") * share,
        n=(pl.col("n") * share).round().cast(sets["n"].dtype), held=pl.col("n_x").cast(sets["held"].dtype),
    )  # fmt: skip
    return pl.concat([found.filter(pl.col("union").is_null()), each.select(found.columns)], how="vertical_relaxed")


def _best_grain(hits: pl.DataFrame, ranges: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return counts by single window, and each range's evenness in windows cut as serves it best (`grain` of them).

    Where flows have their own times, half windows show the beat of single checks better; a record that holds several
    has only its whole window. A checker that comes less than once a window is even in several windows together.
    """
    counts = hits.group_by("range", "block", "bin").agg((pl.col("n").cast(pl.Int64) * pl.col("times")).sum())
    tests = evenness(counts.with_columns(grain=pl.lit(1, pl.Int64)), ["range", "grain"])
    over = counts.group_by("range", "block").agg(pl.col("n").sum(), span=pl.col("bin").max() - pl.col("bin").min() + 1)
    pace = over.group_by("range").agg(pace=pl.col("n").sum() / pl.col("span").sum())
    grains = ranges.join(pace, on="range").join(COARSER, on="width")
    whole = (pl.col("grain") == pl.col("whole")) & (pl.col("grain") > 1)
    several = (pl.col("pace") * pl.col("whole") < SLOW) & (pl.col("pace") * pl.col("grain")).is_between(*A_FEW)
    grains = grains.filter(whole | several)
    wide = counts.join(grains.select("range", "grain"), on="range")
    wide = wide.with_columns(pl.col("bin") // pl.col("grain"))
    wide = wide.group_by("range", "grain", "block", "bin").agg(pl.col("n").sum())
    tests = pl.concat([tests, evenness(wide, ["range", "grain"])])
    # Choosing the better of two is two tries.
    tests = tests.with_columns(pl.col("logp") + pl.len().over("range").cast(pl.Float64).log10())
    best = tests.sort(pl.col("logp").round(6), "grain", "range").unique("range", keep="first", maintain_order=True)
    return counts, best


def _answered(found: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """Return the ranges without those tried with failing checks that are not there when none fails.

    What a client sends now and then does not fill the time in which a target answers: the beat is of what fails alone.
    """
    tried = found.filter("failing").select("range", "rate", "grain")
    each = hits.join(tried, on="range", how="semi").group_by("range", "block", "bin").agg(
        pl.col("failed").any(), came=(pl.col("n").cast(pl.Int64) * pl.col("times")).filter(~pl.col("failed")).sum()
    )  # fmt: skip
    spans = each.group_by("range", "block").agg(
        span=pl.col("bin").max() - pl.col("bin").min() + 1 - pl.col("failed").sum().cast(pl.Int64),
        came=pl.col("came").filter(~pl.col("failed")).sum(),
    )
    live = spans.group_by("range").agg(pl.col("came", "span").sum()).join(tried, on="range")
    idle = live.filter(pl.col("came") / pl.col("span").clip(1) < pl.col("rate") / pl.col("grain") / 2)
    return found.join(idle.select("range"), on="range", how="anti")


def _calm(found: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """Return the families with `calm`, their rate in windows in which the target answers, where there are such.

    In the others some of the checks failed, or clients are refused beside them.
    """
    each = hits.join(found.select("range", "grain"), on="range").with_columns(pl.col("bin") // pl.col("grain"))
    ticks = pl.col("n").cast(pl.Int64) * pl.col("times")
    slots = each.group_by("range", "grain", "bin").agg(
        came=ticks.filter(~pl.col("failed")).sum(), failed=ticks.filter("failed").sum()
    )
    inner = pl.col("bin").is_between(pl.col("bin").min().over("range"), pl.col("bin").max().over("range"), "none")
    calm = slots.filter((pl.col("grain") == 1) | inner, pl.col("failed") == 0)
    usual = pl.col("came").median().over("range")
    calm = (
        calm.filter(usual >= A_COUNT, pl.col("came") >= usual / 2)
        .group_by("range")
        .agg(pl.col("came").mean(), pl.len())
    )
    known = found.join(calm.filter(pl.col("len") >= A_COUNT), on="range", how="left")
    calm_rate = pl.coalesce("came", "rate")
    return known.with_columns(calm=calm_rate, rate=pl.when("failing").then(calm_rate).otherwise("rate")).drop(
        "came", "len"
    )


def _all_sent(found: pl.DataFrame, reduced: Reduced) -> pl.DataFrame:
    """Return what the sources found sent to anyone, by cleaned size."""
    units = _vantage(reduced).select("unit", "v6", "cl").join(found.select("cl").unique(), on="cl", how="semi")
    return cleaned(units.join(reduced.sizes, on="unit"))


def _vantage(reduced: Reduced) -> pl.DataFrame:
    """Return of each pair and port the unit whose interface saw most of it."""
    seen = reduced.units.sort("reply", "n", "interface_id", descending=[False, True, False])
    best = seen.unique(UNIT, keep="first", maintain_order=True).rename({"n": "sent"}).drop("pair", "first", "last")
    return best.with_columns(v6=pl.col("sv").str.contains(":", literal=True))


def _shape(found: pl.DataFrame, what: Tried) -> pl.DataFrame:
    """Add what a person sees of a range: its usual packets and bytes with their share, the spans, and the payload."""
    sizes = what.members.join(found.select("range", *RANGE), on="range")
    sizes = sizes.with_columns(share=pl.col("n") / pl.col("n").sum().over(RANGE))
    # One record in fifty is a cut or a resent one: it does not draw the boundary a person is shown.
    common = sizes.filter((pl.col("share") >= 0.02) | (pl.col("share") == pl.col("share").max().over(RANGE)))
    common = common.sort("share", "packets", "bytes", descending=[True, False, False])
    shape = common.group_by(RANGE, maintain_order=True).agg(
        usual_packets=pl.col("packets").first(),
        usual_bytes=pl.col("bytes").first(),
        usual_share=pl.col("share").first(),
        packets_low=pl.col("packets").min(),
        packets_high=pl.col("packets").max(),
        bytes_low=pl.col("bytes").min(),
        bytes_high=pl.col("bytes").max(),
    )
    out = found.join(shape, on=RANGE)
    syn = options(pl.col("h"))
    x = pl.col("usual_bytes") - pl.col("h") * pl.col("usual_packets")
    bare = (x <= syn) | (x == syn * pl.col("usual_packets"))
    low, high = ((pl.col(end) - syn).clip(0) for end in ("lo", "hi"))
    return out.with_columns(
        payload_low=pl.when(bare).then(0).otherwise(low),
        payload_high=pl.when(bare).then(0).otherwise(high),
        dead=_dead(),
    )


def _dead() -> pl.Expr:
    """Whether all is SYNs, which a reset answers or nothing: of 60 bytes, 52 without timestamps, 20 more over IPv6."""
    size = pl.col("usual_bytes") // pl.col("usual_packets")
    ends = (("usual_packets", "usual_bytes"), ("packets_low", "bytes_low"), ("packets_high", "bytes_high"))
    alike = pl.all_horizontal(pl.col(weight) == size * pl.col(packets) for packets, weight in ends)
    return alike & pl.when("v6").then(size.is_in([80, 72])).otherwise(size.is_in([60, 52]))


def _paced(found: pl.DataFrame) -> pl.DataFrame:
    """Add `chance`, `own` (the rate less what clients sent), and `interval_s`, from check to check of one target."""
    # Where clients send the same size, some of the ticks are theirs; but not where the clock is clean.
    mine = pl.when(pl.col("F") < CLEAN).then(1.0).otherwise(1 - pl.col("told").clip(0, 0.9))
    found = found.with_columns(own=pl.col("rate") * mine)
    chance = 1 / (1 + (-pl.col("score")).exp())
    # Checks among clients' connections of the same size: one is as likely a check as there are checks among them.
    share = pl.max_horizontal(chance, pl.col("spare").clip(DOUBT, chance.clip(CHECK)))
    mixed = pl.col("mixed") & (pl.col("given") | ~pl.col("known"))
    return found.with_columns(
        chance=pl.when(mixed).then(share).otherwise(chance), interval_s=pl.col("width") / (pl.col("calm") * mine)
    )


def _freshness(found: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """Add `fresh`: in how many windows the records are not just those of the one before, as long connections' are.

    And `back`: whether source ports come back, the lowest of a window being the lowest of others too.

    A long connection has one record a window, from the same port and of the same size. Ports that come back hold one
    check here, three there: those that hold one change from window to window, though all of them together are the same.
    """
    mine = hits.join(found.select("range", "folds"), on="range")
    alone = mine.filter(pl.col("folds") > 1, pl.col("times") == 1)
    fresh = pl.concat([_fresh(mine), _fresh(alone)]).group_by("range").agg(pl.col("fresh").max())
    # One window says nothing of this.
    out = found.join(fresh.with_columns(pl.col("fresh").fill_null(1.0)), on="range")
    return out.join(_back(mine), on="range")


def _fresh(hits: pl.DataFrame) -> pl.DataFrame:
    ports = pl.col("port").min(), pl.col("last_port").max(), pl.col("n").sum(), pl.col("bytes").max()
    seen = pl.struct("port", "last_port", "n", "bytes")
    windows = hits.group_by("range", "bin").agg(ports)
    windows = windows.with_columns(other=seen != seen.shift(1).over("range", order_by="bin"))
    return windows.group_by("range").agg(fresh=pl.col("other").mean())


def _back(hits: pl.DataFrame) -> pl.DataFrame:
    lowest = hits.group_by("range", "bin").agg(pl.col("port").min())
    return lowest.group_by("range").agg(back=pl.len() >= 3 * pl.col("port").n_unique())


def _several(found: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """Add `several`: whether ports come back, and some of a range's records hold several checks."""
    one = pl.col("n").filter(pl.col("folds") == 1).max().over("unit", "lo", "hi").fill_null(0)
    more = found.filter(pl.col("folds") > 1, pl.col("n") >= MORE * one)
    back = _back(hits.join(more.select("range"), on="range")).rename({"back": "several"})
    return found.join(back, on="range", how="left").with_columns(pl.col("several").fill_null(value=False))


def _fresh_by_size(found: pl.DataFrame) -> pl.DataFrame:
    """Return the families with `fresh` where sizes tell: several SYNs in a record are several connections."""
    syn = options(pl.col("h"))
    times = (pl.col("usual_bytes") - pl.col("h") * pl.col("usual_packets")) // syn
    # An eight-byte heartbeat and its acknowledgement are two packets, of a long connection.
    several = (pl.col("folds") == BARE_FOLDS) & (times > 1) & (pl.col("usual_packets") > BARE_PACKETS[0] * times)
    return found.with_columns(fresh=pl.when(several).then(1.0).otherwise("fresh"))


def _purity(found: pl.DataFrame, what: Tried) -> pl.DataFrame:
    """Add `pure`, the share of the pair's connections, failing ones apart, that have this size; `held` is how many."""
    silent = pl.col("x") == 8 * pl.col("packets")
    bare = what.sized.group_by("unit").agg(bare=pl.col("n").filter(silent).sum())
    held = what.members.group_by("range").agg(held=pl.col("n").sum())
    joined = found.join(held, on="range").join(bare, on="unit")
    failing = pl.when(pl.col("lo") > 12).then("bare").otherwise(0)
    pure = pl.col("held") / (pl.col("sent").cast(pl.Int64) - failing).clip(1)
    return joined.with_columns(pure=pure).drop("bare", "sent")


def _chosen(found: pl.DataFrame) -> pl.DataFrame:
    """Keep, of ranges that overlap, the one that chance explains least (or else the fullest)."""
    # Each single size is a try; what joins several, or several checks in a record, pays a factor of five for each.
    tries = (pl.col("values") == 1).sum().over(UNIT).clip(1)
    found = found.filter(pl.col("n") >= FEWEST).with_columns(
        tried=pl.col("logp") + 0.7 * (pl.col("values") - 1) + tries.cast(pl.Float64).log10()
    )
    # Where ports come back and some records hold several checks, these are ticks of the clock too.
    tried = pl.col("tried") - pl.when("several").then(SEVERAL).otherwise(0.0)
    # Clients are refused beside the checks for as long as the load balancer sends them there: what is not as even for
    # that may still go with what is, at the port's other targets.
    flaps = pl.col("failing") & (pl.col("F") < UNEVEN)
    rest = -pl.col("pure") - flaps.cast(pl.Float64)
    found = found.with_columns(order=pl.when(tried < -1).then(tried).otherwise(rest))
    kept: list[dict[str, Any]] = []
    # Sums in another order differ in their last digits: such a difference decides nothing.
    best = found.with_columns(pl.col("order").round(6)).sort("order", *RANGE)
    for _, group in best.group_by(UNIT, maintain_order=True):
        taken: list[dict[str, Any]] = []
        for row in group.to_dicts():
            if len(taken) < 4 and not any(_overlap(row, other) for other in taken):
                taken.append(row)
        kept += taken
    return pl.DataFrame(kept, schema=found.schema).drop("order")


def _overlap(a: dict[str, Any], b: dict[str, Any]) -> bool:
    if a["trains"] != b["trains"]:
        return False
    if a["union"] is not None and b["union"] is not None:
        return False  # No size is in two sets, though they may lie between each other.
    sizes = a["hi"] >= b["lo"] and a["lo"] <= b["hi"]
    return sizes and bool(a["most"] >= b["least"] and a["least"] <= b["most"])


def _company(found: pl.DataFrame) -> pl.DataFrame:
    """Add who else shows it: `sources` with this size at this port, `coverage` of the source's other targets."""
    tempo = pl.col("rate") / pl.col("width")
    near = found.select(
        *RANGE, "rate", tempo.alias("tempo"), "pure", "tried", "apart", "pairs", "packets_low", "packets_high"
    )
    both = near.join(near, on="sp", suffix="_2")
    like = (pl.col("lo") - pl.col("lo_2")).abs() <= 4
    like &= (pl.col("hi") - pl.col("hi_2")).abs() <= 4
    like &= pl.col("packets_low") <= pl.col("packets_high_2")
    like &= pl.col("packets_high") >= pl.col("packets_low_2")
    pace = pl.max_horizontal("tempo", "tempo_2") / pl.min_horizontal("tempo", "tempo_2") <= 1.5
    same = both.filter(like & pace)
    keys = RANGE
    sources = same.group_by(keys).agg(
        sources=pl.col("cl_2").n_unique(),
        targets=pl.col("sv_2").n_unique(),
        pool_apart=pl.col("apart_2").sum(),
        pool_pairs=pl.col("pairs_2").sum(),
        pool_mean=(pl.col("rate_2") * pl.col("pairs_2")).sum(),
    )
    even_too = (pl.col("tried_2") < -2) | (pl.col("pure_2") > 0.9)
    others = both.filter((pl.col("cl") == pl.col("cl_2")) & (pl.col("sv") != pl.col("sv_2")))
    score = pl.when(like & pace).then(1.0).when(pace & even_too).then(0.6).otherwise(0.0)
    cover = (
        others.with_columns(hit=score)
        .group_by(*keys, "sv_2")
        .agg(pl.col("hit").max())
        .group_by(keys)
        .agg(coverage=pl.col("hit").mean())
    )
    return found.join(sources, on=keys, how="left").join(cover, on=keys, how="left")


def _one_clock(found: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """Add `shared`: the unevenness of all targets' series together over the sum of each one's; 0 for one clock."""
    grain = pl.col("grain").max().over(LIKE)
    picked = counts.join(found.select("range", *LIKE, grain=grain), on="range")
    picked = picked.with_columns(pl.col("bin") // pl.col("grain"))
    whole = picked.group_by(*LIKE, "block", "bin").agg(pl.col("n").sum())
    union = evenness(whole, LIKE)
    parts = found.group_by(LIKE).agg(feet=pl.len(), each=(pl.col("apart") / pl.col("pairs").clip(1)).sum())
    step = pl.col("apart") / pl.col("pairs").clip(1)
    shared = union.join(parts, on=LIKE).select(
        *LIKE, "feet", shared=step / pl.col("each").clip(1e-9), each_F=pl.col("each") / 2 / pl.col("rate")
    )
    return found.join(shared, on=LIKE, how="left")
