"""How each interface cuts its time into windows, read off the lengths of its records."""

from __future__ import annotations

import polars as pl

# A tenth is allowed for windows that close late, as in `flowkit.windows`.
THIRTY, MINUTE = 33, 66
# One record in a thousand longer than 30 s makes the windows longer; fewer may be broken.
FEW = 1_000
# Where half of the records are this short (s), times are the flows' own and not their windows'.
OWN = 10

# Two flow logs of one interface each have a good part of its records; a window of 600 s on a busy one is nearly full.
TEN_MINUTES, EACH, MOST = 400, 0.1, 0.9

# Ten minutes each, in which an interface has records, are told apart in the bits of a number; beyond so many they fill.
BITS, FULL = 64, 56

SCHEMA = {
    "interface_id": pl.String, "width": pl.Int64, "phase": pl.Int64, "whole": pl.Int64,
    "opened": pl.Int64, "closed": pl.Int64, "filled": pl.Int64,
}  # fmt: skip


def of_records(tcp: pl.LazyFrame, told: dict[str, pl.Expr]) -> pl.LazyFrame:
    """Return how many records of each length begin at each second of ten minutes, and the first and last second.

    `tens` has a bit for each of the ten minutes, taken by 64.

    `told` are tests of a record; a column for each says whether any record passes.
    """
    start, end = (pl.col(field).dt.epoch("s") for field in ("start", "end"))
    each = tcp.select("interface_id", start=start, end=end, mark=start % 600, length=(end - start).clip(0, 660), **told)
    each = each.with_columns(tens=pl.lit(2, pl.UInt64) ** (pl.col("start") // 600 % BITS))
    return each.group_by("interface_id", "mark", "length").agg(
        pl.col(*told).any(),
        pl.col("tens").bitwise_or(),
        n=pl.len(),
        opened=pl.col("start").min(),
        closed=pl.col("end").max(),
    )


def doubled_of(lengths: pl.DataFrame) -> tuple[str, ...]:
    """Return the interfaces that have records of a minute and of ten, and next to none between: two flow logs' own."""
    short, long = pl.col("length") <= MINUTE, pl.col("length") > TEN_MINUTES
    shares = lengths.group_by("interface_id").agg(
        short=pl.col("n").filter(short).sum() / pl.col("n").sum(),
        long=pl.col("n").filter(long).sum() / pl.col("n").sum(),
    )
    both = shares.filter(pl.min_horizontal("short", "long") > EACH, pl.col("short") + pl.col("long") > MOST)
    return tuple(both["interface_id"].sort())


def windows(lengths: pl.DataFrame) -> pl.DataFrame:
    """Return per interface width and phase (s) of the windows counts are made in, and how many make a `whole` one.

    `filled` is about how many seconds have records: a part of a long log may be minutes with hours between.

    AWS cuts at 60 or 600 seconds, and at about 30 on Nitro and load balancer interfaces, whose records all carry the
    first and last packet of the interface: their lengths press against the window's width. Where most records are far
    shorter than the longest, times are the flow's own and a finer cut will do; but a record that holds several checks
    (a source port that came back) still fills the whole window.
    """
    parts = sorted(lengths.drop_nulls("mark").group_by("interface_id"), key=lambda part: str(part[0]))
    return pl.DataFrame([_window(str(name[0]), part) for name, part in parts], schema=SCHEMA, orient="row")


def _window(interface: str, lengths: pl.DataFrame) -> tuple[str, int, int, int, int, int, int]:
    by_length = lengths.sort("length")
    total, cumulated = int(lengths["n"].sum()), by_length["n"].cum_sum()
    typical, long = (int(by_length["length"][int((cumulated < share * total).sum())]) for share in (0.5, 0.95))
    reaching = int(by_length.filter(pl.col("length") > THIRTY)["n"].sum())
    if long <= THIRTY and reaching <= total // FEW:
        width, whole = 30, 1
    elif typical < OWN and long <= MINUTE:
        width, whole = 30, 2
    elif typical < OWN:
        over = int(by_length.filter(pl.col("length") > MINUTE)["n"].sum())
        width, whole = 60, (10 if over > total // FEW else 1)
    else:
        width, whole = (60 if long <= MINUTE else 600), 1
    opened, closed = (int(lengths["opened"].min()), int(lengths["closed"].max()))  # type: ignore[arg-type]
    tens = int(lengths.select(pl.col("tens").bitwise_or().bitwise_count_ones()).item())
    filled = min(600 * tens, closed - opened) if tens < FULL else closed - opened
    return interface, width, _phase(lengths, width * whole), whole, opened, closed, filled


def _phase(lengths: pl.DataFrame, width: int) -> int:
    """Return the second at which windows begin: the cut across which the fewest records reach.

    Of windows of ten minutes every tenth second is tried, then each second about the best: a few seconds off, the last
    window, cut short by the log's end, would pass for a whole one.
    """
    if width <= MINUTE:
        return _best_cut(lengths, width, range(width))
    near = _best_cut(lengths, width, range(0, width, 10))
    return _best_cut(lengths, width, range(near - 9, near + 10))


def _best_cut(lengths: pl.DataFrame, width: int, tried: range) -> int:
    cuts = pl.DataFrame({"cut": [second % width for second in tried]})
    into = (pl.col("mark") - pl.col("cut")) % width
    fits = (
        lengths.join(cuts, how="cross")
        .group_by("cut")
        .agg(inside=pl.col("n").filter(into + pl.col("length") < width).sum(), early=(into * pl.col("n")).sum())
    )
    return int(fits.sort("inside", "early", "cut", descending=[True, False, False])["cut"][0])
