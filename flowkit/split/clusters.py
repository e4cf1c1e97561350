"""Candidates drawn together to families, by size and pace: the clusters that a person sees, names and decides on."""

from __future__ import annotations

from typing import Any

import polars as pl

from flowkit.split.decide import CHECK, DOUBT
from flowkit.split.reasons import BEATS, often, reasons
from flowkit.split.words import certain, title

SCHEMA = {
    "cluster": pl.String, "kind": pl.String, "server_port": pl.Int32,
    "payload_low": pl.Int64, "payload_high": pl.Int64, "bytes_low": pl.Int64, "bytes_high": pl.Int64,
    "packets_low": pl.Int64, "packets_high": pl.Int64, "flows": pl.Int64, "interval_s": pl.Float64,
    "checkers": pl.Int64, "targets": pl.Int64, "confidence": pl.Float64, "reason": pl.String,
    "looks_like": pl.String, "speaks_for": pl.String, "speaks_against": pl.String,
}  # fmt: skip
# What only the words about the split need: how often it comes, what the evidence says whatever a person decided, and
# whether something shows that the sources are a load balancer's.
SAID = {"pace": pl.String, "evidence": pl.String, "proven": pl.Boolean, "byhand": pl.Boolean}
# Two checkers' requests differ by the length of their own names and addresses in them; a family is what lies so near.
APART = 8


def named(found: pl.DataFrame) -> pl.DataFrame:
    """Return the candidates with `cluster`, the name of the family each belongs to; null where none is worth a look.

    Families are drawn by what the evidence says and never by what a person decides, so that their names stay.
    """
    # Runners-up are worth a person's look when they are steady, or many and all alike; not scans and long connections.
    alike = pl.col("single") & (pl.col("n") >= 30) & (pl.col("fresh") >= 0.5)
    seen = (pl.col("chance") >= DOUBT) | (pl.col("even") >= 0.5) | alike
    shown = found.filter(seen).with_columns(kind=verdict(pl.col("chance"))).sort("sp", "kind", "lo", "hi")
    new = (pl.col("lo") - pl.col("hi").shift(1)).over("sp", "kind").fill_null(APART + 1) > APART
    shown = _together(shown.with_columns(family=new.cum_sum().over("sp", "kind")))
    live = ~pl.col("dead") | pl.col("dead").all()
    groups = shown.group_by("sp", "kind", "family").agg(
        pl.col("payload_low").filter(live).min(),
        pl.col("payload_high").filter(live).max(),
        best=pl.col("chance").max(),
        n=pl.col("n").sum(),
    )
    groups = groups.sort("best", "n", "sp", "payload_low", "family", descending=[True, True, False, False, False])
    groups = groups.with_columns(cluster=pl.Series([title(row) for row in groups.to_dicts()], dtype=pl.String))
    twin = pl.int_range(1, pl.len() + 1).over("cluster")
    name = pl.when(twin == 1).then("cluster").otherwise(pl.format("{} ({})", "cluster", twin))
    names = groups.select("sp", "kind", "family", cluster=name)
    shown = shown.join(names, on=["sp", "kind", "family"]).drop("kind", "family")
    return pl.concat([shown, found.filter(~seen)], how="diagonal")


def _together(shown: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with those of a checker's failing checks in the family of its checks that are answered.

    Of several families of the checker at the port it is the one with the nearest pace: a check that times out comes
    later than one that is answered.
    """
    check = pl.col("kind") == "health-check"
    live = shown.filter(check & ~pl.col("dead")).select("cl", "sp", "interval_s", into="family")
    failing = shown.filter("dead", pl.col("kind") != "service").select("range", "cl", "sp", "interval_s")
    near = failing.join(live, on=["cl", "sp"], suffix="_live")
    ratio = (pl.col("interval_s") / pl.col("interval_s_live")).log().abs()
    near = near.sort(ratio.round(6), "into").unique("range", keep="first", maintain_order=True).select("range", "into")
    out = shown.join(near, on="range", how="left", maintain_order="left")
    joins = pl.col("into").is_not_null()
    return out.with_columns(
        family=pl.coalesce("into", "family"), kind=pl.when(joins).then(pl.lit("health-check")).otherwise("kind")
    ).drop("into")


def verdict(chance: pl.Expr) -> pl.Expr:
    """Return what a chance of being a health check is called."""
    check, doubt = pl.lit("health-check"), pl.lit("uncertain")
    return pl.when(chance >= CHECK).then(check).when(chance >= DOUBT).then(doubt).otherwise(pl.lit("service"))


def clusters(found: pl.DataFrame | None) -> pl.DataFrame:
    """Return one row per family, the likeliest health check first, with what is said of it (SAID)."""
    if found is None or found.is_empty():
        return pl.DataFrame(schema=SCHEMA | SAID)
    named = found.drop_nulls("cluster").with_columns(all_dead=pl.col("dead").all().over("cluster"))
    clearest = pl.col("interval_s").sort_by("F", "cl", "sv").first()
    live = ~pl.col("dead") | pl.col("all_dead")
    seen = named.filter(live).group_by("cluster").agg(
        payload_low=pl.col("payload_low").min(), payload_high=pl.col("payload_high").max(),
        bytes_low=pl.col("bytes_low").min(), bytes_high=pl.col("bytes_high").max(),
        packets_low=pl.col("packets_low").min(), packets_high=pl.col("packets_high").max(),
        # The clearest beat tells the interval; where there is none, the middle one.
        interval_s=pl.when(pl.col("even").max() >= BEATS).then(clearest).otherwise(pl.col("interval_s").median()),
        # Where the interval was changed for most pairs, both paces and when.
        turn=pl.when(2 * pl.col("turn").count() > pl.len()).then((pl.col("turn") + pl.col("width") / 2).median()),
        before_s=(pl.col("interval_s") / pl.col("early")).median(),
        after_s=(pl.col("interval_s") / pl.col("late")).median(),
        usual_packets=pl.col("usual_packets").sort_by("n", "cl", "sv").last(),
        usual_bytes=pl.col("usual_bytes").sort_by("n", "cl", "sv").last(),
        usual_share=pl.col("usual_share").sort_by("n", "cl", "sv").last(),
    )  # fmt: skip
    rows = named.group_by("cluster").agg(
        pl.col("sp", "all_dead").first(), flows=pl.col("n").sum(),
        checkers=pl.col("cl").n_unique(), targets=pl.col("sv").n_unique(),
        sizes=pl.col("lo").filter(pl.col("union").is_not_null()).n_unique(),
        failing=pl.col("sv").filter("dead").n_unique(),
        # How surely these are checks is told by those that are answered: what fails in their place has no say.
        chance=(pl.col("chance") * pl.col("n")).filter(live).sum() / pl.col("n").filter(live).sum(),
        even=pl.col("even").max(), pure=pl.col("single").any(), sources=pl.col("sources").max(),
        told=pl.col("told").mean(), visible=pl.col("visible").any(), inside=pl.col("inside").all(),
        told_most=pl.col("told").max(),
        given=pl.col("given").any(), known=pl.col("known").any(), logged=pl.col("logged").any(),
        fresh=pl.col("fresh").mean(), covered=pl.col("covered").mean(),
        one_clock=pl.col("one_clock").max(), rivalled=pl.col("rivalled").all(),
        typed=pl.col("typed").any(), instance=pl.col("instance").any(),
        opens=pl.col("opens").mean(), foreign=pl.col("foreign").mean(), outward=pl.col("outward").mean(),
        group=pl.col("group").drop_nulls().sort().first(), own_port=pl.col("own_port").any(),
        paced=pl.col("paced").mean(), spoken=pl.col("spoken").mean(),
        preserved=pl.col("preserved").any(), elsewhere=pl.col("elsewhere").all(),
        stranger=pl.col("stranger").all(),
        several=pl.col("several").any(),
        mixed=pl.col("mixed").any(), ported=pl.col("ported").any(), spare=pl.col("spare").mean(),
        blind=pl.col("blind").any(), idle=pl.col("idle").any(), here=pl.col("here").any(),
        mine=pl.col("mine").any(), likely=pl.col("likely").any(), keeps=pl.col("keeps").any(),
        client=pl.col("client").any(), long=pl.col("long").any(), unlisted=pl.col("unlisted").any(),
        g_interval=pl.col("g_interval").drop_nulls().min(), g_protocol=pl.col("g_protocol").drop_nulls().min(),
        kind=verdict(pl.col("chance").max()), decided=pl.col("decided").first(),
    )  # fmt: skip
    rows = rows.join(seen, on="cluster").sort(
        "chance", "flows", "sp", "payload_low", "cluster", descending=[True, True, False, False, False]
    )
    service = pl.col("kind") == "service"
    rows = rows.with_columns(confidence=pl.when(service).then(1 - pl.col("chance")).otherwise("chance"))
    told = [
        row | reasons(row) | {"server_port": row["sp"], "pace": often(row), "evidence": certain(row),
               "proven": row["mine"] or row["likely"], "byhand": row["decided"] is not None}
        for row in rows.to_dicts()
    ]  # fmt: skip
    return pl.DataFrame([row | byhand(row) for row in told], schema=SCHEMA | SAID, strict=False)


def byhand(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a person's decision changes about a cluster: its kind, how sure it is, and the reason."""
    if row["decided"] is None:
        return {}
    said = f"the evidence says {certain(row)}: "
    words = {"reason": f"decided by hand; {said}{row['reason']}", "looks_like": said + row["looks_like"]}
    return {"kind": row["decided"], "confidence": 0.5 if row["decided"] == "uncertain" else 1.0, **words}
