"""Checks that share a record, as their source port comes back within a window: how many, and which of them failed."""

from __future__ import annotations

import polars as pl

from flowkit.questions.health.segments import longer, syns_only
from flowkit.split.beat import cleaned, options
from flowkit.split.folds import alike, single

_PAIR = ["target", "checker"]
# A check that nobody answers is a SYN and three more, 1, 3 and 7 s later: by then it is given up (10 s by default).
_SYNS = 4


def weighed(parts: pl.DataFrame) -> pl.DataFrame:
    """Return the connections with `back`, `times`, `usual` and `answer`.

    `back` is whether the checker's ports come back, so that a record may hold several checks; `times` how many it holds
    by its size (0 of what is only the rest of one), `usual` the packets of a check, `answer` the bytes that come back.
    """
    parts = parts.with_columns(back=pl.len().over(_PAIR) >= 2 * pl.col("port").n_unique().over(_PAIR))
    parts = parts.join(_sizes(parts), on=["checker", "served"], how="left")
    x = pl.col("fb") - pl.col("h") * pl.col("fp")
    parts = parts.with_columns(times=pl.when("back").then((x / pl.col("one")).round()).fill_null(1).cast(pl.Int64))
    stood = ~syns_only() & (pl.col("fp") > 1) & (pl.col("times") > 0)
    usual, answer = ((pl.col(what) / pl.col("times")).filter(stood).median().over(_PAIR) for what in ("fp", "bb"))
    parts = parts.with_columns(usual=usual.fill_null(1), answer=answer)
    # A client's connection that had a port before the checker took it is in the same record: its packets are too few.
    most = (2 * pl.col("fp") / pl.col("usual")).ceil()
    return parts.with_columns(times=pl.when("back").then(pl.min_horizontal("times", most)).otherwise("times"))


def _sizes(parts: pl.DataFrame) -> pl.DataFrame:
    """Return what a check weighs of each checker whose ports come back: checker, served, h (a bare segment), one (x).

    `x` is the bytes less the headers: where several checks share a record, theirs add up.
    """
    unit = ["checker", "served"]
    sent = parts.filter("back", ~syns_only()).group_by(*unit, "v6", packets="fp", bytes="fb").agg(n=pl.len())
    sized = cleaned(sent.with_columns(unit=pl.struct(unit)))
    found = []
    for _, each in sized.filter(pl.col("x") > 0).group_by("unit", maintain_order=True):
        h, rows = each["h"][0], each.sort("n", "x", "packets", descending=[True, False, False])
        one = single(rows.select("x", "packets", "n").rows(), pl.select(options(pl.lit(h))).item())
        if one:
            found.append((*each.select(unit).row(0), h, one))
    schema = {
        "checker": parts.schema["checker"],
        "served": parts.schema["served"],
        "h": pl.Int64(),
        "one": pl.Float64(),
    }
    return pl.DataFrame(alike(found), schema=schema, orient="row")


def vain() -> pl.Expr:
    """Return how many checks SYNs that nobody answers are: one, but where ports come back and a record has several.

    Such a record has as many as one that is answered, on average; what is left over at a window's edge is none more.
    """
    whole = pl.col("fp").filter(syns_only(), pl.col("bp") == 0).mean().over(_PAIR)
    many = pl.col("times").filter(~syns_only()).mean().over(_PAIR).fill_null(1)
    train = (whole / many).round().clip(1, _SYNS + 1)
    return pl.when("back").then((pl.col("fp") / train).round()).otherwise(1)


def parted(checks: pl.DataFrame) -> pl.DataFrame:
    """Return the checks with those of one record apart, of which the target answered some and refused others.

    Without data each check leaves the options of its SYN there; an answered one as many bytes back, while a reset has
    none and, where there are timestamps, lacks theirs.
    """
    syn = options(pl.col("h"))
    options_back = pl.col("bb") - pl.col("h") * pl.col("bp")
    reset = pl.col("h") - 40 - longer()
    lost = (syn * pl.col("n") - options_back) / (syn + reset)
    mixed = pl.col("back") & (pl.col("one") == syn) & (pl.col("outcome") == "answered")
    mixed &= (
        (pl.col("answer") <= 60 + longer() + 2 * pl.col("h"))
        & (lost == lost.round())
        & (lost >= 1)
        & (lost < pl.col("n"))
    )
    refused = checks.filter(mixed).with_columns(n=lost.cast(pl.Int64), outcome=pl.lit("refused"))
    left = pl.col("n") - pl.when(mixed).then(lost.cast(pl.Int64)).otherwise(0)
    return pl.concat([checks.with_columns(n=left), refused])
