"""Checks that were answered, but in which TCP had to send something again: packets are lost on the way."""

from __future__ import annotations

import polars as pl

_SIDES = ("f", "b")
_ENDS = ["target", "checker"]
# A header with timestamps is 52 bytes and a SYN 60; without them 40 and 52 (RFC 7323, RFC 9293). So a SYN or its answer
# sent again leaves 8 bytes, or 12, that a bare ACK does not.
_HEADERS = {52: 8, 40: 12}
# By how much the shorter header must bring a checker's sizes together better, and each pair's no worse: where no ACK is
# more or less both do, and a TLS handshake that is now closed by a FIN and now by a reset comes near to it.
_BETTER = 1.05
# The least share of a pair's checks that must have one size before another is held to be that size and some more.
_USUAL = 0.5
# A SYN is sent again three times before a check is given up, and so is data.
_MOST = 4


def again(checks: pl.DataFrame, stood: pl.Expr) -> pl.DataFrame:
    """Return the checks with `again`: whether a segment was sent twice, as far as the bytes tell.

    `stood` says which connections stood. Their bytes less a header for each packet are what was said, and 8 or 12 for
    the SYN. Whether an ACK rides on another segment does not change that, but a SYN sent again adds 8 or 12, and data
    sent again adds the data. Where what was said differs from check to check, as most answers and some TLS handshakes
    do, nothing is told of that direction. An ACK or a FIN sent again looks like an ACK that did not ride.
    """
    # Only what is asked of them: a copy of all that is known of each check would double the memory.
    known = checks.lazy().filter(stood).select(*_ENDS, "v6", "fp", "fb", "bp", "bb").collect()
    if known.is_empty():
        return checks.with_columns(again=pl.lit(value=False))
    headers = _headers(known)
    known = known.join(headers, on=_ENDS)
    for side in _SIDES:
        headers = headers.join(_usual(known, side), on=_ENDS, how="left")
    told = pl.any_horizontal(_more(side) for side in _SIDES) & stood & ~pl.col("back")
    found = checks.lazy().join(headers.lazy(), on=_ENDS, how="left", maintain_order="left")
    return checks.with_columns(found.select(again=told.fill_null(value=False)).collect())


def _said(side: str, header: pl.Expr) -> pl.Expr:
    six = pl.when("v6").then(20).otherwise(0)
    return pl.col(f"{side}b") - (header + six) * pl.col(f"{side}p")


def _headers(known: pl.DataFrame) -> pl.DataFrame:
    """Return `_header` of each pair: 40 where that brings what its checks say together better than 52."""
    scores = [
        known.group_by(*_ENDS, _x=_said("f", pl.lit(header)))
        .len()
        .group_by(_ENDS)
        .agg(
            (pl.col("len").cast(pl.Float64) ** 2).sum().alias(f"_{header}"), pl.col("_x").median().alias(f"_x{header}")
        )
        for header in _HEADERS
    ]
    long, short = scores
    better = pl.col("_40").sum().over("checker") > _BETTER * pl.col("_52").sum().over("checker")
    # No check that stood says less than its SYN does.
    shorter = (pl.col("_x52") < _HEADERS[52]) | (better & (pl.col("_40") >= pl.col("_52")))
    return long.join(short, on=_ENDS).select(*_ENDS, _header=pl.when(shorter).then(40).otherwise(52))


def _usual(known: pl.DataFrame, side: str) -> pl.DataFrame:
    """Return of each pair what its checks say, `_f` or `_b`, with the fewest packets it takes; null if it varies."""
    sizes = known.group_by(*_ENDS, _x=_said(side, pl.col("_header"))).agg(n=pl.len(), least=pl.col(f"{side}p").min())
    best = sizes.sort("n", "_x", descending=[True, False]).group_by(_ENDS, maintain_order=True)
    most = best.agg(pl.col("_x", "least").first(), share=pl.col("n").first() / pl.col("n").sum())
    return most.filter(pl.col("share") >= _USUAL).select(
        *_ENDS, pl.col("_x").alias(f"_{side}"), pl.col("least").alias(f"_{side}least")
    )


def _more(side: str) -> pl.Expr:
    """Whether a check has the usual bytes, and beside them a SYN again, or data, or both."""
    syn = pl.col("_header").replace_strict(_HEADERS, return_dtype=pl.Int64)
    more = _said(side, pl.col("_header")) - pl.col(f"_{side}")
    data = pl.col(f"_{side}") - syn
    times = pl.when(data > syn).then(more // data).otherwise(0)
    rest = more - times * data.clip(0)
    known = (rest % syn == 0) & (rest // syn < _MOST) & (times < _MOST)
    return (more > 0) & known & (pl.col(f"{side}p") > pl.col(f"_{side}least"))
