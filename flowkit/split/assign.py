"""From accepted families to records: which sizes in which windows are checks, and how surely."""

from __future__ import annotations

import polars as pl

from flowkit.split.beat import within
from flowkit.split.reduce import UNIT

# Above the first a record is called a check; between the two it is uncertain; below, service. 0.6 is where judging the
# labelled captures loses least either way, and the middle holds what the records alone cannot decide.
CHECK, DOUBT = 0.6, 0.3
# What fills a silent tick (refused, unanswered, cut by a window's edge, sent again) is a check's by its position only.
FILLED = 0.85
# Evenness that leaves no room for chance: such a family's clock can be counted on, tick by tick.
STEADY = 0.2
SEEN = ["interface_id", *UNIT, "bin"]
WHERE = ["interface_id", *UNIT]
SIZE = [*UNIT, "x", "packets"]
RANGE = [*UNIT, "lo", "hi", "least", "most", "folds"]
COLUMNS = [*SEEN, "reply", "packets", "bytes", "chance"]


def assign(hist: pl.DataFrame, windows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return the labelled sizes: unit, interface, direction, packets, bytes, window, and the chance of a check."""
    # In one order, so that the same records give the same label every time.
    accepted = found.filter(pl.col("chance") >= DOUBT).sort(*UNIT, "lo", "hi", "least", "most", "folds", "values")
    if accepted.is_empty():
        return hist.head(0).select(*COLUMNS[:-1], chance=pl.lit(0.0))
    rows = hist.filter(pl.col("packets") > 0).join(_units(accepted), on=[*UNIT, "reply"])
    rows = _undenied(rows.with_columns(x=pl.col("bytes") - pl.col("h") * pl.col("packets")), found)
    rows = rows.join(_sizes(rows, accepted), on=SIZE, how="left")
    rows = rows.with_columns(main=pl.col("chance").is_not_null())
    rows = rows.with_columns(came=(pl.col("n") * pl.col("times")).filter("main").sum().over(SEEN))
    rows = rows.join(_lengths(hist, windows), on=["interface_id", "bin"], how="left")
    rows = rows.with_columns(pl.col("expected") * pl.col("length").fill_null(1.0))
    rows = rows.with_columns(missing=(pl.col("expected") - pl.col("came")).clip(0))
    labelled = pl.concat([_ticks(rows), _fills(rows)], how="diagonal")
    return labelled.filter(pl.col("chance") >= DOUBT).select(COLUMNS)


def _units(accepted: pl.DataFrame) -> pl.DataFrame:
    """Return per pair how many ticks a window should hold, and whether the pair has nothing but checks."""
    # A pair whose own count is disturbed borrows the pace of the source's other targets.
    steady = pl.col("rate").filter(pl.col("F") < STEADY).median().over("cl", "sp")
    accepted = accepted.with_columns(steady=steady)
    borrows = (pl.col("F") > 0.5) & pl.col("steady").is_not_null()
    pace = pl.when(borrows).then("steady").otherwise("own")
    return accepted.group_by(*UNIT, "reply").agg(
        pl.col("h").first(),
        expected=pace.sum(),
        alone=pl.col("single").any(),
        clocked=((pl.col("even") >= STEADY) | borrows).any(),
        jitter=(pl.when(borrows).then(STEADY).otherwise(pl.col("F").clip(0, 1)) * pace).sum().sqrt(),
        best=pl.col("chance").max(),
        lo=pl.col("lo").min(),
        hi=pl.col("hi").max(),
        heavy=pl.col("usual_bytes").max(),
    )


def _lengths(hist: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Return how much of the first and the last window of each interface the records cover: the others are whole."""
    seen = hist.group_by("interface_id", "bin").agg(pl.col("opened").min(), pl.col("closed").max())
    bins = pl.col("bin")
    edge = (bins == bins.min().over("interface_id")) | (bins == bins.max().over("interface_id"))
    edges = seen.filter(edge).join(windows, on="interface_id")
    covered = (pl.col("closed") - pl.col("opened") + 1) / pl.col("width")
    return edges.select("interface_id", "bin", length=covered.clip(0, 1))


def _sizes(rows: pl.DataFrame, accepted: pl.DataFrame) -> pl.DataFrame:
    ranges = accepted.select(*RANGE, "chance", byhand=pl.col("decided").is_not_null())
    hit = within(ranges, rows.select(*SIZE).unique())
    return hit.group_by(*SIZE).agg(pl.col("chance", "times").max(), pl.col("byhand").any())


def _undenied(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return the rows without those whose size a person said is service: no other clock may claim them."""
    denied = found.filter(pl.col("decided") == "service").select(RANGE)
    return rows.join(within(denied, rows.select(*SIZE).unique()), on=SIZE, how="anti")


def _ticks(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the accepted sizes; in windows too full for the clock, unusual shapes are doubted first."""
    main = rows.filter("main")
    room = pl.max_horizontal(pl.lit(0.7), 1.5 * pl.col("jitter"))
    full = pl.col("came") <= pl.col("expected") + room
    usual = _usual(rows, full & pl.col("main"))
    main = main.join(usual, on=[*WHERE, "packets", "bytes"], how="left").join(
        _windows(rows, full & pl.col("main")), on=WHERE, how="left"
    )
    # Where a shape comes no more often than in calm windows, it is the check's own; what it comes more often is not.
    crowded = main.filter(~full).group_by(*WHERE, "packets", "bytes").agg(crowd=pl.col("n").sum())
    crowds = main.filter(~full).group_by(WHERE).agg(crowds=pl.col("bin").n_unique())
    main = main.join(crowded, on=[*WHERE, "packets", "bytes"], how="left").join(crowds, on=WHERE, how="left")
    then, now = pl.col("usual").fill_null(0) / pl.col("windows"), pl.col("crowd") / pl.col("crowds")
    share = (
        pl.when(pl.col("windows") >= 4)
        .then((then + 0.05) / (now + 0.05))
        .otherwise(pl.col("expected") / pl.col("came"))
    )
    # What a person decided holds for the whole size, on the beat and off it.
    fits = pl.when(pl.col("clocked") & ~full & ~pl.col("byhand")).then(share.clip(0, 1)).otherwise(1.0)
    return main.with_columns(chance=pl.col("chance") * fits)


def _usual(rows: pl.DataFrame, calm: pl.Expr) -> pl.DataFrame:
    return rows.filter(calm).group_by(*WHERE, "packets", "bytes").agg(usual=pl.col("n").sum())


def _windows(rows: pl.DataFrame, calm: pl.Expr) -> pl.DataFrame:
    return rows.filter(calm).group_by(WHERE).agg(windows=pl.col("bin").n_unique())


def _fills(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what stands where a tick is missing: a check's failing or broken form that calm windows do not have."""
    calm = pl.col("missing") <= pl.max_horizontal(pl.lit(0.6), 1.5 * pl.col("jitter"))
    others = rows.filter(~pl.col("main") & _broken_form())
    usual, windows = _usual(others, calm), _windows(rows, calm)
    others = others.join(windows, on=WHERE, how="left").join(usual, on=[*WHERE, "packets", "bytes"], how="left")
    usual_rate = pl.col("usual").fill_null(0) / pl.col("windows").fill_null(1)
    odd = others.filter(pl.col("alone") | (~calm & (usual_rate <= pl.col("n") / 2)))
    odd = odd.with_columns(odd=pl.col("n").sum().over(SEEN))
    room = pl.col("missing") + pl.max_horizontal(pl.lit(1.0), 0.25 * pl.col("expected"))
    fits = pl.when((pl.col("odd") <= room) | ~pl.col("clocked")).then(1.0).otherwise(pl.col("missing") / pl.col("odd"))
    # Where ticks are missing, some of even a crowd of such records are the missing checks: never plainly service.
    some = pl.when((pl.col("missing") >= 2) & (pl.col("odd") <= 8 * pl.col("missing"))).then(DOUBT).otherwise(0.0)
    return odd.with_columns(chance=pl.max_horizontal(FILLED * pl.col("best") * fits, some))


def _broken_form() -> pl.Expr:
    """Whether a record can be a check gone wrong: nothing but SYNs, cut in two, or with segments sent again."""
    data = pl.col("hi") - 8
    bare = pl.col("x") <= 12 * pl.col("packets")
    cut = (pl.col("x") < pl.col("lo")) & (pl.col("bytes") < pl.col("heavy"))
    # A full TLS handshake and one that resumes differ by some forty bytes of a few hundred.
    near = pl.max_horizontal(36, 0.08 * pl.col("hi"))
    again = (pl.col("x") - pl.col("hi")).is_between(1, near) | (pl.col("x") - pl.col("hi") - data).is_between(-12, 36)
    return (bare | cut | again) & (pl.col("packets") <= 24)
