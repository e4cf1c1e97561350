"""Whose a source is: what else it sends and who else meets it and its targets, beside what ticks like a check.

A load balancer's node sends to its targets what clients sent to it, and its checks. A monitor, a scraper or an
application's own pings tick just as evenly; what tells them apart is the company that they keep.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

import polars as pl

from flowkit.split.beat import MOST_FOLDS, options
from flowkit.split.keys import name
from flowkit.split.reduce import FEWEST, Reduced

# What ticks, or may: even beyond chance one time in ten, or the most of what a pair has.
TICKS, MOST = -1, 0.5
# So many other connections, and one in so many, are more than checks that were cut or sent again: twice the six ticks
# that a checker needs at the least; of a slow checker's, one in twelve is cut in two (s06: 3 s of every 30 s).
OTHERS, OTHERS_SHARE = 12, 0.1
# Of what a source sends beside its clocks the commonest sizes are held against what came to it, shifted by a header
# that it may put before them (PROXY protocol version 2: 16 bytes and the addresses, up to 100 with what AWS adds).
MOST_SIZES, LONGEST_HEADER = 64, 120
# A record in fifty on an interface may be anyone's: an administrator's, a scan's.
STRAY = 0.02
# So many of those that meet a source meet its targets too, under their own addresses: at least half of three.
MEET, MEET_SHARE = 3, 0.5
# What chance leaves to be matched is taken for a fifth of all at the least: beyond that it tells too little.
LEFT = 0.2
# Fewer than this that came and went on say nothing: two may be alike by accident.
FEWEST_PASSED = 3


def steady(found: pl.DataFrame) -> pl.DataFrame:
    """Return the candidates that tick, or are the most that their pair has."""
    return found.filter((pl.col("tried") <= TICKS) | (pl.col("pure") > MOST))


def others(found: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Return what each source sent beside what ticks: cl, data (bytes without headers), back.

    `sent` is what each unit sent (unit, cl, h, x, n).
    """
    sent = sent.group_by("unit", "cl", "h", "x").agg(pl.col("n").cast(pl.Int64).sum())
    ticking = steady(found).select("unit", "lo", "hi")
    near = sent.join(ticking, on="unit")
    # Several checks in a record weigh as many times as much; what is smaller than a check may be one that was cut.
    times = (pl.col("x") / ((pl.col("lo") + pl.col("hi")) / 2).clip(1)).round().clip(1, MOST_FOLDS)
    own = (pl.col("x") < pl.col("lo")) | pl.col("x").is_between(pl.col("lo") * times, pl.col("hi") * times)
    rest = sent.join(near.filter(own).select("unit", "x").unique(), on=["unit", "x"], how="anti")
    rest = rest.select("cl", "n", data=pl.col("x") - options(pl.col("h"))).filter(pl.col("data") > 0)
    return rest.group_by("cl", "data").agg(back=pl.col("n").sum())


def relayed(beside: pl.DataFrame, came: pl.DataFrame) -> pl.DataFrame:
    """Return by source the share of what it sends beside its clocks that came to it just so: cl, relayed.

    Both are small tables of sizes: `beside` as `others` returns it, `came` with cl, reading, data, came. What chance
    matches is taken off: as much as matches at any other shift.
    """
    beside = beside.join(came.select("cl").unique(), on="cl", how="semi")
    common = beside.sort("back", "data", descending=[True, False]).group_by("cl", maintain_order=True).head(MOST_SIZES)
    shifts = pl.DataFrame({"shift": range(LONGEST_HEADER + 1)})
    tried = common.join(shifts, how="cross").with_columns(pl.col("data") - pl.col("shift"))
    met = tried.join(came, on=["cl", "data"]).with_columns(both=pl.min_horizontal("back", "came"))
    sums = met.group_by("cl", "reading", "shift").agg(pl.col("both").sum())
    best = sums.group_by("cl", "reading").agg(
        most=pl.col("both").max(), chance=pl.col("both").sum() / (LONGEST_HEADER + 1)
    )
    whole = common.group_by("cl").agg(pl.col("back").sum())
    # Where sizes lie close together much matches anywhere, and there is so much less left to match.
    left = pl.max_horizontal(pl.col("back") - pl.col("chance"), LEFT * pl.col("back"))
    share = (pl.col("most") - pl.col("chance")) / left
    found = best.join(whole, on="cl").with_columns(
        relayed=pl.when(pl.col("most") >= FEWEST_PASSED).then(share).otherwise(0.0)
    )
    return found.group_by("cl").agg(pl.col("relayed").max())


def company(found: pl.DataFrame, beside: pl.DataFrame, reduced: Reduced, homes: pl.DataFrame) -> pl.DataFrame:
    """Return the candidates with the company that their source and target keep.

    `more`: whether the source sends more than what ticks; `asks`: whether it opens connections to others, on ports that
    it checks nowhere, as a host does and no load balancer; `dedicated`: whether its own interface is logged and has
    nothing but that; `keeps`: whether those that come to it meet its targets too, as a load balancer's clients do that
    keep their addresses; `lonely`: whether the target's own has, or, where that is not logged, the source's.
    """
    total = beside.group_by("cl").agg(beside=pl.col("back").sum())
    ticks = steady(found).group_by("cl").agg(ticks=pl.col("held").cast(pl.Int64).sum())
    out = found.join(total, on="cl", how="left").join(ticks, on="cl", how="left")
    share = pl.col("beside") / (pl.col("beside") + pl.col("ticks").fill_null(0))
    more = (pl.col("beside") >= OTHERS) & (share >= OTHERS_SHARE)
    pairs = steady(found).select("cl", "sv").unique()
    alone = _alone(pairs, reduced, homes)
    out = out.join(_keeping(pairs, reduced, homes), on="cl", how="left")
    out = out.join(_asking(steady(found), reduced), on="cl", how="left")
    for end in ("cl", "sv"):
        out = out.join(alone[end], on=end, how="left")
    return out.with_columns(
        more=more.fill_null(False),
        keeps=pl.col("keeps").fill_null(False),
        asks=pl.col("asks").fill_null(False),
        dedicated=pl.col("alone_cl").fill_null(False),
        lonely=pl.coalesce("alone_sv", "alone_cl").fill_null(False),
    ).drop("beside", "ticks", "alone_cl", "alone_sv")


def _alone(pairs: pl.DataFrame, reduced: Reduced, homes: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return of sources (cl) and targets (sv) with an interface of their own whether it has next to nothing else."""
    mine = homes.select("addr", interface=name("interface_id")).unique()
    rest = pl.col("of").cast(pl.Int64) - pl.col("n")
    alone = (rest < FEWEST) | (rest <= STRAY * pl.col("of"))
    out = {}
    for end, other in (("cl", "sv"), ("sv", "cl")):
        met = pairs.join(mine, left_on=end, right_on="addr").select("interface", address=name(other)).unique()
        met = met.join(reduced.homes, on=["interface", "address"])
        each = met.group_by("interface").agg(pl.col("n").sum(), pl.col("of").first())
        told = mine.join(each, on="interface").group_by("addr").agg(alone.all())
        out[end] = told.rename({"addr": end, told.columns[1]: f"alone_{end}"})
    return out


def _asking(ticking: pl.DataFrame, reduced: Reduced) -> pl.DataFrame:
    """Return which sources (cl) open connections elsewhere: `asks`."""
    sent = reduced.units.filter(~pl.col("reply")).join(ticking.select("cl").unique(), on="cl", how="semi")
    for place in ("sv", "sp"):
        sent = sent.join(ticking.select("cl", place).unique(), on=["cl", place], how="anti")
    # The same connections are told of by each interface that logs them.
    each = sent.group_by("cl", "sv", "sp").agg(pl.col("n").max())
    return each.group_by("cl").agg(asks=pl.col("n").sum() >= OTHERS)


def _keeping(pairs: pl.DataFrame, reduced: Reduced, homes: pl.DataFrame) -> pl.DataFrame:
    """Return of the sources (cl) whether those that meet them meet their targets too: `keeps`."""
    mine = homes.select("addr", interface=name("interface_id")).unique()
    met = mine.join(reduced.homes, on="interface").select("addr", "address").unique()
    # The logged machines themselves, which may have an address of either family, are nobody that comes.
    logged = homes.select(address=name("addr")).unique()
    ends = pl.concat([pairs.select("cl", address=name(end)) for end in ("cl", "sv")]).unique()
    theirs = pairs.join(met, left_on="sv", right_on="addr").select("cl", "address", both=pl.lit(1)).unique()
    came = pairs.select("cl").unique().join(met, left_on="cl", right_on="addr").join(logged, on="address", how="anti")
    came = came.join(ends, on=["cl", "address"], how="anti")
    counts = came.join(theirs, on=["cl", "address"], how="left").group_by("cl").agg(pl.col("both").sum(), came=pl.len())
    return counts.select("cl", keeps=(pl.col("both") >= MEET) & (pl.col("both") >= MEET_SHARE * pl.col("came")))


def homes_of(reduced: Reduced) -> pl.DataFrame:
    """Return the interfaces that are logged: interface_id, addr (its own, that most of its records have), marks."""
    ends = [reduced.units.select("interface_id", addr=end) for end in ("cl", "sv")]
    numbers = pl.concat(ends).unique().with_columns(interface=name("interface_id"), address=name("addr"))
    weight = numbers.join(reduced.homes, on=["interface", "address"])
    family = pl.col("addr").str.contains(":", literal=True).alias("v6")
    # Where an interface meets one address alone, both are in all of its records: its own is met on fewer interfaces,
    # and where that is no help either, it is the one that others open connections to.
    weight = weight.with_columns(family, places=pl.col("interface").n_unique().over("addr"))
    opens = pl.col("addr").is_in(reduced.units["sv"].unique().implode())
    near = pl.col("n") >= (1 - STRAY) * pl.col("n").max().over("interface_id", "v6")
    ranked = weight.filter(near).sort("places", opens, "n", "addr", descending=[False, True, True, False])
    homes = ranked.group_by("interface_id", "v6", maintain_order=True).first()
    return homes.join(reduced.marks, on="interface_id", how="left")


def placed(found: pl.DataFrame, homes: pl.DataFrame, lb: Collection[str]) -> pl.DataFrame:
    """Add what is known of the source.

    That is whether it is `given`, `logged` as a balancer's, an `instance`, `inside` the logged network; and its `home`,
    the interface whose own address it is, or null where that is not logged.
    """
    nets = {_network(address) for address in homes["addr"]}
    home = homes.group_by(cl="addr").agg(
        pl.col("instance", "typed").any(), logged=pl.col("balancer").any(), home=pl.col("interface_id").first()
    )
    given = sorted(lb or [])
    out = found.join(home, on="cl", how="left").with_columns(pl.col("logged", "typed", "instance").fill_null(False))
    inside = [address for address in out["cl"].unique() if _network(address) in nets]
    return out.with_columns(
        given=pl.col("cl").is_in(given), known=pl.lit(bool(given)), inside=pl.col("cl").is_in(inside)
    )


def _network(address: str) -> str:
    """Return the widest block of addresses a VPC has: a /16 (IPv6: a /56)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return ""
    return str(int(parsed) >> (16 if parsed.version == 4 else 72))
