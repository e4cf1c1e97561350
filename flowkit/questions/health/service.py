"""The service beside the checks: how much went to a target, and how much of it failed."""

from __future__ import annotations

import polars as pl

from flowkit.questions.health.bins import Bins

# A connection that gets no further than its SYNs: 60 bytes each, 48 or 44 without timestamps; Linux has sent three
# within the seven seconds that clients wait at the most. More packets of such a size may carry data.
_SYN, _MOST_SYNS, _V6 = (60.0, 48.0, 44.0), 3, 20
_ADDRESS = pl.col("target").str.replace(r":\d+$", "").str.strip_chars("[]")
_PORT = pl.col("target").str.extract(r":(\d+)$").cast(pl.Int64)

SERVICE = {"service": pl.Int64(), "service_failed": pl.Int64()}


def served(health: pl.DataFrame, records: pl.LazyFrame, bins: Bins) -> pl.DataFrame:
    """Return the health with `service` and `service_failed`, the records of service towards the target in the bin.

    Of the failed ones that may be checks or service, those taken for checks are not counted again. Where nobody but
    checkers meets a target's port, it is a health-check port of its own, and the service is what goes to its address.
    """
    health = health.with_columns(_address=_ADDRESS, _port=_PORT)
    seen = _counts(health, records, bins)
    there = seen.filter(pl.col("service") > 0)
    own = there.drop_nulls("_port").drop("_maybe")
    whole = there.group_by("_bin", "_address").agg(pl.col(list(SERVICE)).sum())
    maybe = seen.drop_nulls("_port").drop(list(SERVICE))
    end = ["_address", "_port", "_bin"]
    joined = (
        health.join(own, on=end, how="left")
        .join(whole, on=["_address", "_bin"], how="left", suffix="_address")
        .join(maybe, on=end, how="left")
    )
    met = pl.col("service").is_not_null().any().over("target")
    joined = joined.with_columns(
        pl.when(met).then(name).otherwise(f"{name}_address").fill_null(0).alias(name) for name in SERVICE
    )
    spare = (pl.col("_maybe").fill_null(0) - pl.col("borrowed").sum().over("target", "_bin")).clip(0)
    return joined.with_columns(pl.col("service") + spare, pl.col("service_failed") + spare).select(
        *health.drop("_address", "_port").columns, *SERVICE
    )


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
