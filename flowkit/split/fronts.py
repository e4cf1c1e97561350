"""What clients send to a source at its front, held against what the source sends on: a load balancer passes data on."""

from __future__ import annotations

import polars as pl

from flowkit.split.beat import evenness, options
from flowkit.split.reduce import SLOT
from flowkit.split.sources import relayed

SIZES = ["cl", "sp", "lo", "hi", "least", "most"]
LIKE = [*SIZES, "folds"]
# How clients' records may be read: bytes of a segment (IPv4), and what a SYN has more. They may use TCP timestamps
# where the load balancer does not, or offer them in vain.
READINGS = pl.DataFrame({"reading": [0, 1, 2], "segment": [52, 40, 40], "syn": [8, 12, 20]})

# Clients sent this share of a family, and it has so many more connections than that (two pairs' least ticks), or a
# beat of its own. Of such families the first are looked at: there are a few, or something else is the matter.
PART, EXCESS, EVEN, WILD, MOST = 0.1, 12, 0.45, 2, 200
# The rest is a clock's when chance makes it once in a million, and is there at all when it is more than a miscount.
SURE, LEAST_SPARE = 6, 0.02
# What clients send at random is rough (1, and some windows' luck); a clock, four times less so, is none of it.
ROUGH, UNLIKE = 0.4, 0.25
# A load balancer that keeps clients' ports keeps all but those of a window's edge; chance meets one in some thousand.
KEPT = 0.8


def passed_on(
    found: pl.DataFrame, sent: pl.DataFrame, beside: pl.DataFrame, members: pl.DataFrame, served: pl.DataFrame
) -> pl.DataFrame:
    """Add `front`, the connections of this size that clients made to the source, and `passes`, the share it passes on.

    A load balancer passes clients' data on unchanged, so their sizes come in at its front; its checks it makes itself.
    Needs what was `sent` (cl, h, x, n), what of it lies `beside` clocks (`flowkit.split.sources.others`), the `members`
    of the ranges found, and what the sources were `served` (sv, packets, bytes, n). Adds `fed`, the connections of the
    family, and `reading`, how the front's records are read. `passes` is of all that a source sends, or of what it sends
    beside its clocks, whichever is more: few clients or many.
    """
    back = sent.group_by("cl", data=pl.col("x") - options(pl.col("h"))).agg(back=pl.col("n").cast(pl.Int64).sum())
    came = _came(back, served)
    met = came.join(back, on=["cl", "data"]).with_columns(both=pl.min_horizontal("came", "back"))
    whole = back.group_by("cl").agg(pl.col("back").sum())
    passes = met.group_by("cl", "data").agg(pl.col("both").max()).group_by("cl").agg(pl.col("both").sum())
    passes = passes.join(whole, on="cl").join(relayed(beside, came), on="cl", how="left")
    passes = passes.select("cl", passes=pl.max_horizontal(pl.col("both") / pl.col("back"), "relayed"))
    best = met.group_by("cl", "reading").agg(pl.col("both").sum()).sort("both", "reading", descending=[True, False])
    best = best.unique("cl", keep="first", maintain_order=True).drop("both")
    front = came.join(best, on=["cl", "reading"]).rename({"came": "front"})
    out = found.join(_fed(found, front, members), on=LIKE).join(passes, on="cl", how="left")
    return out.join(best, on="cl", how="left").with_columns(pl.col("passes").fill_null(0))


def _came(back: pl.DataFrame, served: pl.DataFrame) -> pl.DataFrame:
    """Return what came to each source (cl) by its data, each way it can be read: reading, data, came."""
    one = served.group_by("sv", "packets", "bytes").agg(pl.col("n").cast(pl.Int64).max())
    mine = back.select("cl").unique().join(one, left_on="cl", right_on="sv").join(READINGS, how="cross")
    return mine.group_by("cl", "reading", data=data()).agg(came=pl.col("n").sum())


def data() -> pl.Expr:
    """Return the bytes of data of a record towards `cl`, as `segment` and `syn` read it."""
    wider = pl.when(pl.col("cl").str.contains(":", literal=True)).then(20).otherwise(0)
    return pl.col("bytes") - (pl.col("segment") + wider) * pl.col("packets") - pl.col("syn")


def _fed(found: pl.DataFrame, front: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Return by family (LIKE) how many connections it has, `fed`, and how many of them came in at the `front`."""
    size = ["cl", "sp", "lo", "hi"]
    known = found.with_columns(options=options(pl.col("h")))
    ranges = known.filter(pl.col("union").is_null()).select(*size, "options").unique().join(front, on="cl")
    ranges = ranges.filter((pl.col("data") + pl.col("options")).is_between("lo", "hi"))
    sets = known.filter(pl.col("union").is_not_null()).join(members.select("range", "x"), on="range")
    sets = sets.select(*size, data=pl.col("x") - pl.col("options")).unique().join(front, on=["cl", "data"])
    inside = pl.concat([part.select(*size, "front") for part in (ranges, sets)])
    fed = found.group_by(LIKE).agg(fed=pl.col("held").cast(pl.Int64).sum(), rough=pl.col("F").mean())
    shapes = fed.join(inside.group_by(size).agg(pl.col("front").sum()), on=size, how="left")
    # What clients sent is taken for the least steady of several shapes of one size: packets are not passed on as such.
    rough = pl.struct(-pl.col("rough"), "least", "most", "folds")
    rougher = pl.col("fed").cum_sum().over(size, order_by=rough) - pl.col("fed")
    left = (pl.col("front").fill_null(0).cast(pl.Int64) - rougher).clip(0)
    return shapes.with_columns(front=left).drop("rough")


def suspects(found: pl.DataFrame) -> pl.DataFrame:
    """Return the families of which clients send a good part, but perhaps not all: `suspect` and where their sizes lie.

    Only where the source's own interface is logged is it seen what came in and what went out.
    """
    each = found.unique(LIKE).group_by(SIZES).agg(all_fed=pl.col("fed").sum(), all_front=pl.col("front").max())
    found = found.join(each, on=SIZES)
    told, excess = pl.col("all_front") / pl.col("all_fed").clip(1), pl.col("all_fed") - pl.col("all_front")
    # Many sizes of service together are no checker's, nor rough as one size of it can be.
    narrow = (pl.col("values") <= 2) | (pl.col("F") < WILD)
    much = (excess >= EXCESS) & (excess >= LEAST_SPARE * pl.col("all_fed")) & narrow
    even = (pl.col("F") < EVEN) & (pl.col("pairs") >= EXCESS)
    return located(found.filter(pl.col("home").is_not_null(), pl.col("inside"), told >= PART, much | even))


def located(wanted: pl.DataFrame) -> pl.DataFrame:
    """Return where the sizes of these families lie, among what their source sends and among what it is sent."""
    size = wanted.select(*SIZES, "home", "h", "reading").sort(*SIZES, "h").unique(SIZES, maintain_order=True).head(MOST)
    wider = pl.when(pl.col("cl").str.contains(":", literal=True)).then(20).otherwise(0)
    shift = pl.col("syn") - options(pl.col("h"))
    return size.join(READINGS, on="reading").select(
        *SIZES, "home", "h", front_h=pl.col("segment") + wider, front_lo=pl.col("lo") + shift,
        front_hi=pl.col("hi") + shift,
    ).with_row_index("suspect")  # fmt: skip


def weighed(suspected: pl.DataFrame, sides: pl.DataFrame) -> pl.DataFrame:
    """Return of each suspect family (SIZES) how much of it clients sent, judging by the beat on either side.

    `ported`: whether the source keeps the clients' ports, and what it sends beside theirs is as even as a clock, with
    `own_F`, `own_logp` and `own_share` of that; `spare`: the share of what went out that did not come in; `mixed`:
    whether that alone is as even as a clock, among what clients sent; `unlike`: how rough what went out is, over how
    rough what came in is, where that is: what a load balancer passes on is as rough as it came.
    """
    wide = sides.pivot(
        "front", on_columns=[False, True], index=["suspect", "bin"], values="n", aggregate_function="sum"
    )
    wide = wide.fill_null(0).select(
        "suspect", "bin", back=pl.col("false").cast(pl.Int64), front=pl.col("true").cast(pl.Int64), block=pl.lit(0)
    )
    inner = pl.col("bin").is_between(pl.col("bin").min().over("suspect"), pl.col("bin").max().over("suspect"), "none")
    wide = wide.filter(inner).with_columns(rest=pl.col("back") - pl.col("front"))
    back, front, rest = (
        evenness(wide.select("suspect", "block", "bin", n=side), ["suspect"]).select("suspect", "n", "F", "logp")
        for side in ("back", "front", "rest")
    )
    out = back.join(front, on="suspect", suffix="_front").join(rest, on="suspect", suffix="_rest")
    spare = pl.col("n_rest") / pl.col("n").clip(1)
    even = pl.col("F_rest").is_between(0, EVEN) & (pl.col("logp_rest") <= -SURE)
    out = out.join(_kept(sides), on="suspect", how="left")
    return suspected.join(out, on="suspect").select(
        *SIZES,
        "own_F",
        "own_logp",
        "own_share",
        ported=((pl.col("kept") >= KEPT) & (pl.col("own_F") <= EVEN) & (pl.col("own_logp") <= -SURE)).fill_null(False),
        spare=spare,
        mixed=even & (spare >= LEAST_SPARE),
        unlike=pl.when(pl.col("F_front") >= ROUGH).then(pl.col("F") / pl.col("F_front")),
    )


def _kept(sides: pl.DataFrame) -> pl.DataFrame:
    """Return by suspect the share of clients' ports that come out again, `kept`, and how even the rest is that does."""
    ports = sides.explode("ports").select("suspect", "front", "bin", port="ports")
    came = ports.filter("front")
    near = pl.concat([came.select("suspect", "port", pl.col("bin") + step) for step in (-1, 0, 1)]).unique()
    back = ports.filter(~pl.col("front"))
    own = back.join(near, on=["suspect", "port", "bin"], how="anti")
    counts = own.group_by("suspect", "bin").agg(pl.len().cast(pl.Int64).alias("n")).with_columns(block=pl.lit(0))
    inner = pl.col("bin").is_between(pl.col("bin").min().over("suspect"), pl.col("bin").max().over("suspect"), "none")
    even = evenness(counts.filter(inner), ["suspect"]).select("suspect", own_F="F", own_logp="logp")
    sums = [part.group_by("suspect").len(what) for part, what in ((came, "came"), (back, "back"), (own, "own"))]
    out = sums[0].join(sums[1], on="suspect").join(sums[2], on="suspect").join(even, on="suspect")
    kept = (pl.col("back").cast(pl.Int64) - pl.col("own")) / pl.col("came")
    return out.select("suspect", "own_F", "own_logp", kept=kept, own_share=pl.col("own") / pl.col("back"))


def own(hist: pl.DataFrame, units: pl.DataFrame, fronts: pl.DataFrame) -> pl.DataFrame:
    """Return the counts by window without what came in at the front of `ported` units, known by its port."""
    mine = units.filter("ported").select("unit", "cl", "width", "phase")
    mixed = hist.join(mine, on="unit")
    if mixed.is_empty():
        return hist
    seconds = pl.col("bin") * pl.col("width") + pl.col("phase") + pl.col("width") // 2
    each = mixed.explode("ports").with_columns(slot=seconds // SLOT)
    near = pl.concat([fronts.select("cl", pl.col("slot") + step, ports="port") for step in (-2, -1, 0, 1, 2)]).unique()
    left = each.join(near, on=["cl", "ports", "slot"], how="anti").group_by("unit", "packets", "bytes", "bin")
    rest = left.agg(pl.len().cast(hist["n"].dtype).alias("n"), "ports")
    return pl.concat([hist.join(mine, on="unit", how="anti"), rest.select(hist.columns)])


def held_against(found: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """Return the families with `mixed` and `spare`, and less in `front` where what went out is not what came in."""
    out = found.join(weights, on=SIZES, how="left").with_columns(pl.col("mixed", "ported").fill_null(False))
    # Where ports tell clients' connections from its own, those alone are judged.
    out = out.with_columns(
        front=pl.when("ported").then(0).otherwise("front"), F=pl.when("ported").then("own_F").otherwise("F"),
        tried=pl.when("ported").then(pl.min_horizontal("tried", "own_logp")).otherwise("tried"),
        rate=pl.when("ported").then(pl.col("rate") * pl.col("own_share")).otherwise("rate"),
        mixed=pl.col("mixed") & ~pl.col("ported"),
    )  # fmt: skip
    most = (pl.col("unlike").clip(0, 1) * pl.col("fed")).cast(pl.Int64)
    other = (pl.col("unlike") <= UNLIKE).fill_null(False)
    return out.with_columns(front=pl.when(other).then(pl.min_horizontal("front", most)).otherwise("front"))
