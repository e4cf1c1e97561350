"""What clients send to a source at its front, held against what the source sends on: a load balancer passes data on."""

from __future__ import annotations

import polars as pl

from flowkit.split.beat import options

LIKE = ["cl", "sp", "lo", "hi", "least", "most", "folds"]
# How clients' records may be read: bytes of a segment (IPv4), and what a SYN has more. They may use TCP timestamps
# where the load balancer does not, or offer them in vain.
READINGS = pl.DataFrame({"reading": [0, 1, 2], "segment": [52, 40, 40], "syn": [8, 12, 20]})


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
