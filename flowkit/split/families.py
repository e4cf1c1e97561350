"""What speaks for and against each candidate being a load balancer's checker, and the weight of it all."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import Any

import polars as pl

from flowkit.split.beat import candidates, cleaned, counted, evenness, within
from flowkit.split.reduce import FEWEST, UNIT, Reduced
from flowkit.split.score import scored

RANGE = [*UNIT, "lo", "hi", "least", "most", "folds", "values"]
SHAPE = ["cl", "sp", "lo", "hi", "least", "most", "folds"]


# Hours of a pair's windows tell all about its beat: more only cost time. They are taken in blocks, for a beat shows in
# neighbours.
MOST_WINDOWS, BLOCK = 512, 32
# Counts this even have nothing mixed into them: the variance of one stray connection in thirty ticks.
CLEAN = 0.03


def families(reduced: Reduced, lb: Collection[str] | None) -> pl.DataFrame:
    """Return one row per candidate: unit, range, evidence, score (log-odds) and chance of being a health check."""
    hist = cleaned(vantage(reduced.hist))
    ranges = candidates(hist)
    counts = counted(hist, ranges)
    facts = hist.select(*UNIT, "interface_id", "h", "reply", "of").unique().sort(pl.all())
    found = evenness(counts, RANGE).join(facts.unique(UNIT, keep="first", maintain_order=True), on=UNIT)
    found = _chosen(_purity(found, hist))
    found = _shape(_freshness(found, hist), hist)
    found = _one_clock(_company(found), counts)
    found = _passed_on(found, hist, reduced)
    found = _place(found, reduced, lb).join(reduced.windows, on="interface_id")
    return _paced(scored(found))


def vantage(hist: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the interface that saw most of each unit, without its cut-off first and last window."""
    seen = hist.group_by("interface_id", *UNIT, "reply").agg(pl.col("n").sum())
    seen = seen.sort("reply", "n", "interface_id", descending=[False, True, False])
    best = seen.unique(UNIT, keep="first", maintain_order=True).drop("n")
    edges = hist.group_by("interface_id").agg(oldest=pl.col("bin").min(), newest=pl.col("bin").max())
    rows = hist.join(best, on=["interface_id", *UNIT, "reply"]).join(edges, on="interface_id")
    rows = rows.filter(pl.col("bin").is_between("oldest", "newest", closed="none")).drop("oldest", "newest")
    return _sampled(rows)


def _sampled(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with `block`; of a pair seen in very many windows, only one block `of` so many."""
    every = (pl.col("bin").n_unique().over(UNIT) / MOST_WINDOWS).ceil().cast(pl.Int64)
    block = pl.when(every > 1).then(pl.col("bin") // BLOCK).otherwise(0)
    return rows.with_columns(block=block, of=every).filter((every == 1) | (pl.col("block") % every == 0))


def _shape(found: pl.DataFrame, hist: pl.DataFrame) -> pl.DataFrame:
    """Add what a person sees of a range: its usual packets and bytes with their share, the spans, and the payload."""
    sizes = within(found.select(RANGE), hist).group_by(*RANGE, "packets", "bytes").agg(pl.col("n").sum())
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
    # A SYN carries eight bytes of options more than a segment with timestamps, twelve more than one without.
    options = pl.when(pl.col("h").is_in([52, 72])).then(8).otherwise(12)
    x = pl.col("usual_bytes") - pl.col("h") * pl.col("usual_packets")
    bare = (x <= options) | (x == options * pl.col("usual_packets"))
    low, high = ((pl.col(end) - options).clip(0) for end in ("lo", "hi"))
    return out.with_columns(
        payload_low=pl.when(bare).then(0).otherwise(low), payload_high=pl.when(bare).then(0).otherwise(high)
    )


def _paced(found: pl.DataFrame) -> pl.DataFrame:
    """Add `chance`, `own` (the rate less what clients sent), and `interval_s`, from check to check of one target."""
    # Where clients send the same size, some of the ticks are theirs; but not where the clock is clean.
    own = pl.when(pl.col("F") < CLEAN).then(1.0).otherwise(1 - pl.col("told").clip(0, 0.9))
    found = found.with_columns(own=pl.col("rate") * own)
    return found.with_columns(chance=1 / (1 + (-pl.col("score")).exp()), interval_s=pl.col("width") / pl.col("own"))


def _freshness(found: pl.DataFrame, hist: pl.DataFrame) -> pl.DataFrame:
    """Add `fresh`: how many windows bring other source ports than the one before; long connections keep theirs."""
    ports = pl.col("port").min(), pl.col("last_port").max()
    windows = within(found.select(RANGE), hist).group_by(*RANGE, "bin").agg(ports)
    other = pl.struct("port", "last_port") != pl.struct("port", "last_port").shift(1).over(RANGE, order_by="bin")
    windows = windows.with_columns(other=other)
    return found.join(windows.group_by(RANGE).agg(fresh=pl.col("other").mean()), on=RANGE)


def _purity(found: pl.DataFrame, hist: pl.DataFrame) -> pl.DataFrame:
    """Add `pure`: the share of the pair's connections, failing ones apart, that have this size."""
    silent = pl.col("x") == 8 * pl.col("packets")
    whole = hist.group_by(UNIT).agg(whole=pl.col("n").sum(), bare=pl.col("n").filter(silent).sum())
    joined = found.join(whole, on=UNIT)
    bare = pl.when(pl.col("lo") > 12).then("bare").otherwise(0)
    return joined.with_columns(pure=pl.col("n") / (pl.col("whole") - bare).clip(1)).drop("bare")


def _chosen(found: pl.DataFrame) -> pl.DataFrame:
    """Keep, of ranges that overlap, the one that chance explains least (or else the fullest)."""
    # Each single size is a try; what joins several, or several checks in a record, pays a factor of five for each.
    tries = (pl.col("values") == 1).sum().over(UNIT).clip(1)
    found = found.filter(pl.col("n") >= FEWEST).with_columns(
        tried=pl.col("logp") + 0.7 * (pl.col("values") - 1) + tries.cast(pl.Float64).log10()
    )
    found = found.with_columns(order=pl.when(pl.col("tried") < -1).then("tried").otherwise(-pl.col("pure")))
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
    sizes = a["hi"] >= b["lo"] and a["lo"] <= b["hi"]
    return sizes and bool(a["most"] >= b["least"] and a["least"] <= b["most"])


def _company(found: pl.DataFrame) -> pl.DataFrame:
    """Add who else shows it: `sources` with this size at this port, `coverage` of the source's other targets."""
    near = found.select(*RANGE, "rate", "pure", "tried", "apart", "pairs", "packets_low", "packets_high")
    both = near.join(near, on="sp", suffix="_2")
    like = (pl.col("lo") - pl.col("lo_2")).abs() <= 4
    like &= (pl.col("hi") - pl.col("hi_2")).abs() <= 4
    like &= pl.col("packets_low") <= pl.col("packets_high_2")
    like &= pl.col("packets_high") >= pl.col("packets_low_2")
    pace = pl.max_horizontal("rate", "rate_2") / pl.min_horizontal("rate", "rate_2") <= 1.5
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
    picked = counts.join(found.select(RANGE), on=RANGE)
    whole = picked.group_by(*SHAPE, "block", "bin").agg(pl.col("n").sum())
    union = evenness(whole, SHAPE)
    parts = found.group_by(SHAPE).agg(feet=pl.len(), each=(pl.col("apart") / pl.col("pairs").clip(1)).sum())
    step = pl.col("apart") / pl.col("pairs").clip(1)
    shared = union.join(parts, on=SHAPE).select(
        *SHAPE, "feet", shared=step / pl.col("each").clip(1e-9), each_F=pl.col("each") / 2 / pl.col("rate")
    )
    return found.join(shared, on=SHAPE, how="left")


def _passed_on(found: pl.DataFrame, hist: pl.DataFrame, reduced: Reduced) -> pl.DataFrame:
    """Add `front`, the connections of this size that clients made to the source, and `passes`, the share it passes on.

    A load balancer passes clients' data on unchanged, so their sizes come in at its front; its checks it makes itself.
    """
    back = hist.group_by("cl", "h", "x").agg(back=(pl.col("n") * pl.col("of")).sum())
    served = reduced.served.group_by("sv", "packets", "bytes").agg(pl.col("n").max())
    front = back.select("cl", "h").unique().join(served, left_on="cl", right_on="sv")
    x = pl.col("bytes") - pl.col("h") * pl.col("packets")
    front = front.group_by("cl", "h", x=x).agg(front=pl.col("n").sum())
    met = back.join(front, on=["cl", "h", "x"], how="left").with_columns(pl.col("front").fill_null(0))
    passes = met.group_by("cl").agg(passes=pl.min_horizontal("back", "front").sum() / pl.col("back").sum())
    size = ["cl", "sp", "lo", "hi"]
    inside = found.select(*size, "h").unique().join(front, on=["cl", "h"]).filter(pl.col("x").is_between("lo", "hi"))
    fed = found.group_by(SHAPE).agg(fed=(pl.col("n") * pl.col("of")).sum(), rough=pl.col("F").mean())
    shapes = fed.join(inside.group_by(size).agg(pl.col("front").sum()), on=size, how="left")
    # What clients sent is taken for the least steady of several shapes of one size: packets are not passed on as such.
    rough = pl.struct(-pl.col("rough"), "least", "most", "folds")
    rougher = pl.col("fed").cum_sum().over(size, order_by=rough) - pl.col("fed")
    left = (pl.col("front").fill_null(0).cast(pl.Int64) - rougher).clip(0)
    shapes = shapes.with_columns(front=left).drop("rough")
    out = found.join(shapes, on=SHAPE).join(passes, on="cl", how="left")
    return out.with_columns(pl.col("passes").fill_null(0))


def _place(found: pl.DataFrame, reduced: Reduced, lb: Collection[str] | None) -> pl.DataFrame:
    """Add what is known of the source: `given`, `logged` as a balancer's, `instance`, `inside` the logged network."""
    ends = [reduced.pairs.select("interface_id", "n", addr=end) for end in ("srcaddr", "dstaddr")]
    weight = pl.concat(ends).group_by("interface_id", "addr").agg(pl.col("n").sum())
    family = pl.col("addr").str.contains(":", literal=True).alias("v6")
    ranked = weight.sort("n", "addr", descending=[True, False])
    homes = ranked.group_by("interface_id", family, maintain_order=True).first().join(reduced.marks, on="interface_id")
    nets = {_network(address) for address in homes["addr"]}
    home = homes.group_by(cl="addr").agg(logged=pl.col("balancer").any(), instance=pl.col("instance").any())
    given = sorted(lb or [])
    out = found.join(home, on="cl", how="left").with_columns(pl.col("logged", "instance").fill_null(False))
    inside = [address for address in out["cl"].unique() if _network(address) in nets]
    return out.with_columns(
        given=pl.col("cl").is_in(given), known=pl.lit(bool(given)), inside=pl.col("cl").is_in(inside)
    )


def _network(address: str) -> str:
    """Return the widest block of addresses a VPC has: a /16 (IPv6: a /56)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    return str(int(parsed) >> (16 if parsed.version == 4 else 72))
