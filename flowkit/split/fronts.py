"""What clients send to a source at its front, held against what the source sends on: a load balancer passes data on."""

from __future__ import annotations

import polars as pl

from flowkit.split.beat import evenness, options

LIKE = ["cl", "sp", "lo", "hi", "least", "most", "folds"]
# How clients' records may be read: bytes of a segment (IPv4), and what a SYN has more. They may use TCP timestamps
# where the load balancer does not, or offer them in vain.
READINGS = pl.DataFrame({"reading": [0, 1, 2], "segment": [52, 40, 40], "syn": [8, 12, 20]})

# Clients sent this share of a family, and it has so many more connections than that (two pairs' least ticks), or a
# beat of its own. Of such families the first are looked at: there are a few, or something else is the matter.
PART, EXCESS, EVEN, MOST = 0.1, 12, 0.45, 200
# The rest is a clock's when chance makes it once in a million, and is there at all when it is more than a miscount.
SURE, LEAST_SPARE = 6, 0.02
# What clients send at random is rough (1, and some windows' luck); a clock, four times less so, is none of it.
ROUGH, UNLIKE = 0.4, 0.25


def passed_on(found: pl.DataFrame, sent: pl.DataFrame, members: pl.DataFrame, served: pl.DataFrame) -> pl.DataFrame:
    """Add `front`, the connections of this size that clients made to the source, and `passes`, the share it passes on.

    A load balancer passes clients' data on unchanged, so their sizes come in at its front; its checks it makes itself.
    Needs what was `sent` (cl, h, x, n), the `members` of the ranges found, and what the sources were `served` (sv,
    packets, bytes, n). Adds `fed`, the connections of the family, and `reading`, how the front's records are read.
    """
    back = sent.group_by("cl", data=pl.col("x") - options(pl.col("h"))).agg(back=pl.col("n").cast(pl.Int64).sum())
    came = _came(back, served)
    met = came.join(back, on=["cl", "data"]).with_columns(both=pl.min_horizontal("came", "back"))
    whole = back.group_by("cl").agg(pl.col("back").sum())
    passes = met.group_by("cl", "data").agg(pl.col("both").max()).group_by("cl").agg(pl.col("both").sum())
    passes = passes.join(whole, on="cl").select("cl", passes=pl.col("both") / pl.col("back"))
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
    told, much = pl.col("front") / pl.col("fed").clip(1), pl.col("fed") - pl.col("front") >= EXCESS
    even = (pl.col("F") < EVEN) & (pl.col("pairs") >= EXCESS)
    wanted = found.filter(pl.col("home").is_not_null(), pl.col("inside"), told >= PART, much | even)
    size = wanted.select(*LIKE, "home", "h", "reading").unique(LIKE, maintain_order=True).sort(LIKE).head(MOST)
    wider = pl.when(pl.col("cl").str.contains(":", literal=True)).then(20).otherwise(0)
    shift = pl.col("syn") - options(pl.col("h"))
    return size.join(READINGS, on="reading").select(
        *LIKE, "home", "h", front_h=pl.col("segment") + wider, front_lo=pl.col("lo") + shift,
        front_hi=pl.col("hi") + shift,
    ).with_row_index("suspect")  # fmt: skip


def weighed(suspected: pl.DataFrame, sides: pl.DataFrame) -> pl.DataFrame:
    """Return of each suspect family (LIKE) how much of it clients sent, judging by the beat on either side.

    `spare`: the share of what went out that did not come in; `mixed`: whether that alone is as even as a clock, among
    what clients sent; `unlike`: how rough what went out is, over how rough what came in is, where that is: what a load
    balancer passes on is as rough as it came.
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
    return suspected.join(out, on="suspect").select(
        *LIKE,
        spare=spare,
        mixed=even & (spare >= LEAST_SPARE),
        unlike=pl.when(pl.col("F_front") >= ROUGH).then(pl.col("F") / pl.col("F_front")),
    )


def held_against(found: pl.DataFrame, weights: pl.DataFrame) -> pl.DataFrame:
    """Return the families with `mixed` and `spare`, and less in `front` where what went out is not what came in."""
    out = found.join(weights, on=LIKE, how="left").with_columns(pl.col("mixed").fill_null(False))
    most = (pl.col("unlike").clip(0, 1) * pl.col("fed")).cast(pl.Int64)
    other = (pl.col("unlike") <= UNLIKE).fill_null(False)
    return out.with_columns(front=pl.when(other).then(pl.min_horizontal("front", most)).otherwise("front"))
