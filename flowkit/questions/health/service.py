"""The service beside the checks: how much went to a target, and how much of it failed."""

from __future__ import annotations

import polars as pl

from flowkit.questions.health.bins import Bins
from flowkit.questions.health.outcomes import FAILED

# A connection that gets no further than its SYNs: 60 bytes each, 48 or 44 without timestamps; Linux has sent three
# within the seven seconds that clients wait at the most. More packets of such a size may carry data.
_SYN, _MOST_SYNS, _V6 = (60.0, 48.0, 44.0), 3, 20
_ADDRESS = pl.col("target").str.replace(r":\d+$", "").str.strip_chars("[]")
_PORT = pl.col("target").str.extract(r":(\d+)$").cast(pl.Int64)

SERVICE = {"service": pl.Int64(), "service_failed": pl.Int64(), "alike": pl.Int64(), "elsewhere": pl.Boolean()}
_COUNTS = ["service", "service_failed"]


def served(health: pl.DataFrame, records: pl.LazyFrame, bins: Bins) -> pl.DataFrame:
    """Return the health with `service` and `service_failed`, the records of service towards the target in the bin.

    Of the failed ones that may be checks or service, those are service that are more than the checks due. Where a
    target answered no check, how many are due is not known: `alike` counts them, and they are in neither of the two.
    Where nobody but checkers meets a target's port, it is a health-check port of its own, and the service is what goes
    to the ports of its address that nobody checks: `elsewhere`. Of several such ports of an address the one that fails
    most has it, so that it is counted once.
    """
    health = health.with_columns(_address=_ADDRESS, _port=_PORT)
    seen = _in_rows(_counts(health, records, bins), health)
    there = seen.filter(pl.col("service") > 0)
    own = there.drop_nulls("_port").drop("_maybe")
    unchecked = there.filter(pl.col("_port").is_null()).select("_bin", "_address", *_COUNTS)
    maybe = seen.drop_nulls("_port").drop(_COUNTS)
    end = ["_address", "_port", "_bin"]
    joined = (
        health.join(own, on=end, how="left")
        .join(unchecked, on=["_address", "_bin"], how="left", suffix="_address")
        .join(maybe, on=end, how="left")
    )
    joined = joined.with_columns(_met=pl.col("service").is_not_null().any().over("target"))
    joined = joined.join(_bearers(joined.filter(~pl.col("_met"))), on="target", how="left")
    met, bears = pl.col("_met"), pl.col("_bears").fill_null(value=False)
    theirs = [pl.when(bears).then(f"{name}_address") for name in _COUNTS]
    counts = [
        pl.when(met).then(name).otherwise(other).fill_null(0).alias(name)
        for name, other in zip(_COUNTS, theirs, strict=True)
    ]
    spare = (pl.col("_maybe").fill_null(0) - pl.col("borrowed").sum().over("target", "_bin")).clip(0)
    known = pl.col("answered").sum().over("target") > 0
    more = pl.when(known).then(spare).otherwise(0)
    joined = joined.with_columns(*counts, alike=pl.when(known).then(0).otherwise(spare), elsewhere=bears)
    return joined.with_columns(pl.col(*_COUNTS) + more).select(*health.drop("_address", "_port").columns, *SERVICE)


def _bearers(unmet: pl.DataFrame) -> pl.DataFrame:
    """Return of each address the target, of those whose port none but checkers meet, that has its service: `_bears`."""
    failed = unmet.group_by("_address", "_port", "target").agg(failed=pl.sum_horizontal(pl.col(*FAILED).sum()))
    first = failed.sort("_address", "failed", "_port", descending=[False, True, False])
    first = first.unique("_address", keep="first", maintain_order=True)
    return first.select("target", _bears=pl.lit(value=True))


def _in_rows(seen: pl.DataFrame, health: pl.DataFrame) -> pl.DataFrame:
    """Return the counts with those of the window before a port's first check in that check's, and after its last.

    The first and the last window of a span are cut off: service of theirs would have no row, and vanish.
    """
    ends = {"first": pl.col("_bin").min(), "last": pl.col("_bin").max()}
    spans = health.group_by("_address", "_port").agg(**ends)
    others = health.group_by("_address").agg(**ends).with_columns(_port=pl.lit(None, pl.Int64))
    spans = pl.concat([spans, others.select(spans.columns)])
    known = seen.join(spans, on=["_address", "_port"], how="left", nulls_equal=True)
    near = pl.col("_bin").clip(pl.col("first"), pl.col("last"))
    at = pl.when((near - pl.col("_bin")).abs() <= 1).then(near).otherwise("_bin")
    return known.group_by("_address", "_port", _bin=at).agg(pl.col(*_COUNTS, "_maybe").sum())


def _counts(health: pl.DataFrame, records: pl.LazyFrame, bins: Bins) -> pl.DataFrame:
    """Return the records of service towards the targets' addresses by bin and port, null for a port not checked."""
    ends = health.select("_address", "_port").unique()
    to = records.filter(
        pl.col("kind").is_in(["service", "uncertain"]), pl.col("dstaddr").is_in(ends["_address"].unique().to_list())
    )
    checked = pl.col("dstport").is_in(ends["_port"].unique().to_list())
    port = pl.when(checked).then("dstport").cast(pl.Int64)
    sure = pl.col("kind") == "service"
    needed = to.select("interface_id", "start", "end", "dstaddr", "kind", _port=port, _bare=_bare())
    return (
        bins.placed(needed)
        .group_by("_bin", "_port", _address="dstaddr")
        .agg(
            service=sure.sum().cast(pl.Int64),
            service_failed=(sure & pl.col("_bare")).sum().cast(pl.Int64),
            _maybe=(~sure & pl.col("_bare")).sum().cast(pl.Int64),
        )
        .collect(engine="streaming")
    )


def _bare() -> pl.Expr:
    longer = pl.when(pl.col("dstaddr").str.contains(":", literal=True)).then(_V6).otherwise(0)
    each = pl.col("bytes") / pl.col("packets").clip(1) - longer
    return (pl.col("packets") <= _MOST_SYNS) & each.is_in(list(_SYN))
