"""What is known beside sizes and beat: the target groups' settings and the newer fields, held against each family."""

from __future__ import annotations

import polars as pl

from flowkit.knowledge import Knowledge

# Several checkers at one node share a target ("targets receive more than the configured number of health checks",
# Elastic Load Balancing, health checks for target groups): the pace is the interval's, or a small multiple of it.
MOST_CHECKERS, NEAR = 4, 0.12

GROUPS = {
    "group": pl.String, "g_address": pl.String, "g_port": pl.Int32, "own_port": pl.Boolean,
    "g_protocol": pl.String, "g_interval": pl.Float64, "preserved": pl.Boolean,
}  # fmt: skip
GIVEN = {"group": pl.String, "address": pl.String, "port": pl.Int32}
FIELDS = ("opens", "foreign", "outward")
SAYS = ["group", "own_port", "g_interval", "g_protocol", "paced", "spoken", "preserved"]


def agreed(found: pl.DataFrame, known: Knowledge) -> pl.DataFrame:
    """Return the candidates with what the target groups say of each; null where they say nothing.

    Adds `group`, the one that checks this target on this port, `own_port` (on a port for nothing else), `paced` and
    `spoken` (interval and protocol fit), `preserved` (clients keep their addresses), `elsewhere` (the target is in a
    group, but none checks it on this port).
    """
    table = _table(known)
    pairs = found.select("range", "sv", "sp", "rate", "width", "payload_high")
    here = (pl.col("g_address").is_null() | (pl.col("g_address") == pl.col("sv"))) & (
        pl.col("g_port").is_null() | (pl.col("g_port") == pl.col("sp"))
    )
    met = pairs.join(table, how="cross").filter(here).with_columns(paced=_paced(), spoken=_spoken())
    # Of several groups that check a target on one port, the one that fits best.
    fit = pl.col("paced").fill_null(False).cast(pl.Int8) + pl.col("spoken").fill_null(False).cast(pl.Int8)
    named = pl.col("g_address").is_not_null().cast(pl.Int8)
    best = met.sort(fit, named, "group", descending=[True, True, False]).unique(
        "range", keep="first", maintain_order=True
    )
    out = found.join(best.select("range", *SAYS), on="range", how="left")
    anywhere = table["g_address"].null_count() > 0
    listed = pl.lit(anywhere) | pl.col("sv").is_in(table["g_address"].drop_nulls().implode())
    return out.with_columns(elsewhere=pl.col("group").is_null() & listed)


def given_of(known: Knowledge, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return what a person or AWS named, and how many records each address has: group (null for nodes), address, port.

    `pairs` are the pairs of addresses met: srcaddr, dstaddr, n.
    """
    rows: list[tuple[str | None, str, int | None]] = [(None, address, None) for address in known.lb_addresses]
    ends = ((group.name, *end) for group in known.target_groups for end in group.ends())
    rows += [(group, address, checked) for group, address, _, checked in ends if address]
    named = pl.DataFrame(rows, schema=GIVEN, orient="row").unique(maintain_order=True)
    met = pl.concat([pairs.select(address=end, records="n") for end in ("srcaddr", "dstaddr")])
    met = met.join(named.select("address").unique(), on="address").group_by("address").agg(pl.col("records").sum())
    out = named.join(met, on="address", how="left", maintain_order="left")
    return out.with_columns(pl.col("records").fill_null(0).cast(pl.Int64))


def _table(known: Knowledge) -> pl.DataFrame:
    rows = [
        (group.name, address, checked, None not in (traffic, checked) and traffic != checked,
         group.health_check_protocol, group.interval_s, group.preserve_client_ip)
        for group in known.target_groups
        for address, traffic, checked in group.ends()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=GROUPS, orient="row")


def _paced() -> pl.Expr:
    """Return whether the counts come at the group's interval, or at that of a few checkers; null if it is not known."""
    checkers = pl.col("rate") / pl.col("width") * pl.col("g_interval")
    whole = checkers.round().clip(1, MOST_CHECKERS)
    return (checkers / whole - 1).abs() <= NEAR


def _spoken() -> pl.Expr:
    """Return whether the payload suits the group's protocol: none for TCP; null if it is not known."""
    return (pl.col("g_protocol") == "TCP") == (pl.col("payload_high") == 0)


def fields_of(found: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """Return the candidates with the shares that newer fields tell (see `told_by`); null where a field is missing."""
    mine = hits.join(found.select("range"), on="range", how="semi")
    told = {field: pl.col(field).sum() / pl.col("n").sum() for field in FIELDS if field in hits.columns}
    shares = mine.group_by("range").agg(**told)
    lacking = {field: pl.lit(None, pl.Float64) for field in FIELDS if field not in told}
    return found.join(shares.with_columns(**lacking), on="range", how="left")
