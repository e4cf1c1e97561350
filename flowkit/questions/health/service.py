"""The service beside the checks: how much went to a target, and how much of it failed."""

from __future__ import annotations

import polars as pl

from flowkit.questions.health.outcomes import end

# A connection that gets no further than its SYNs: 60 bytes each, 48 or 44 without timestamps; Linux has sent three
# within the seven seconds that clients wait at the most. More packets of such a size may carry data.
_SYN, _MOST_SYNS, _V6 = (60.0, 48.0, 44.0), 3, 20


def served(health: pl.LazyFrame, records: pl.LazyFrame) -> pl.LazyFrame:
    """Return the health with `service` and `service_failed`, the records of service towards the target in the bin.

    Of the failed ones that may be checks or service, those taken for checks are not counted again. Where nobody but
    checkers meets a target's port, it is a health-check port of its own, and the service is what goes to its address.
    """
    sure = pl.col("kind") == "service"
    # One pass over the records; a target is written out where few rows are left.
    seen = records.group_by("_bin", "dstaddr", "dstport").agg(
        service=sure.sum().cast(pl.Int64),
        service_failed=(sure & _bare()).sum().cast(pl.Int64),
        _maybe=((pl.col("kind") == "uncertain") & _bare()).sum().cast(pl.Int64),
    )
    seen = seen.filter((pl.col("service") > 0) | (pl.col("_maybe") > 0)).cache()
    counts = ["service", "service_failed"]
    own = seen.filter(pl.col("service") > 0).select("_bin", *counts, target=end("dst"))
    whole = seen.filter(pl.col("service") > 0).group_by("_bin", _address="dstaddr").agg(pl.col(counts).sum())
    maybe = seen.filter(pl.col("_maybe") > 0).select("_bin", "_maybe", target=end("dst"))
    address = pl.col("target").str.replace(r":\d+$", "").str.strip_chars("[]")
    joined = (
        health.with_columns(_address=address)
        .join(own, on=["target", "_bin"], how="left")
        .join(whole, on=["_address", "_bin"], how="left", suffix="_address")
        .join(maybe, on=["target", "_bin"], how="left")
    )
    met = pl.col("service").is_not_null().any().over("target")
    joined = joined.with_columns(
        pl.when(met).then(name).otherwise(f"{name}_address").fill_null(0).alias(name)
        for name in ("service", "service_failed")
    )
    spare = (pl.col("_maybe").fill_null(0) - pl.col("borrowed").sum().over("target", "_bin")).clip(0)
    return joined.with_columns(pl.col("service") + spare, pl.col("service_failed") + spare).drop(
        "_address", "_maybe", "service_address", "service_failed_address"
    )


def _bare() -> pl.Expr:
    longer = pl.when(pl.col("dstaddr").str.contains(":", literal=True)).then(_V6).otherwise(0)
    each = pl.col("bytes") / pl.col("packets").clip(1) - longer
    return (pl.col("packets") <= _MOST_SYNS) & each.is_in(list(_SYN))
