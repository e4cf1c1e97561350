"""Source ports that come back: how many checks a record holds, and how often they really come.

A checker that takes the same few ports again and again has several checks in one record: their sizes and packets add
up, and where each record holds as many as the others, none shows what a single one weighs. The records of those ports
in the first and the last window do, which hold fewer, and so does any that holds one more: all are multiples of one
size.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import polars as pl

from flowkit.split.beat import options
from flowkit.split.clusters import verdict
from flowkit.split.decide import DOUBT
from flowkit.split.reduce import LARGEST_PACKETS, SHAPE, Reduced
from flowkit.split.words import title

# A port that comes back has three records at the least, and not far fewer than the others have.
AGAIN, ALIKE = 3, 0.25
# So many checks may share a record: every 5 s from one port in 600 s.
MOST = 128
# A record of several checks has so many times the packets of one, give or take an acknowledgement in every third; and a
# record's size lies this near to a multiple, as far as signatures and options vary.
PACKETS, NEAR = 0.35, 0.02
# A size is a single check's when so many of the records beside the commonest are its multiples, and three at least.
SHARE, FEWEST = 0.75, 3
# Of a check without data only the options of its SYN are left: eight bytes in two packets (SYN, RST) to five. Data of
# just so many bytes in just so many packets is no load balancer's request.
SHORT, LONG = 2, 5

KEYS = ["cl", "sp", "h"]
PAIR = [*KEYS, "sv"]


def kin(found: pl.DataFrame, sent: pl.DataFrame) -> pl.DataFrame:
    """Return of what units `sent` (unit, packets, bytes, x, n) that which may be more or fewer checks of a record."""
    back = found.filter("back").select(
        "unit", "usual_packets", x_usual=pl.col("usual_bytes") - pl.col("h") * pl.col("usual_packets")
    )
    near = sent.join(back.filter(pl.col("x_usual") > 0).unique(), on="unit")
    each, usual = pl.col("x") / pl.col("packets"), pl.col("x_usual") / pl.col("usual_packets")
    return near.filter((each / usual).is_between(1 - PACKETS, 1 + PACKETS)).select(sent.columns).unique()


def folded(found: pl.DataFrame, reduced: Reduced) -> pl.DataFrame:
    """Return the families with those of ports that come back as single checks: lo, hi, folds, and the rate.

    Several families of one checker and target that are the same check, once and twice in a record, become one.
    """
    back = pl.col("back").any().over(PAIR)
    mine = found.filter(back & pl.col("cluster").is_not_null() & (pl.col("chance") >= DOUBT) & ~pl.col("dead"))
    found = found.with_columns(several=pl.lit(value=False))
    if mine.is_empty() or reduced.hist.is_empty():
        return found
    records = _records(mine, reduced)
    bases = [_base(port, each) for port, each in records.group_by(KEYS, maintain_order=True)]
    known = pl.DataFrame(
        alike([base for base in bases if base]),
        schema={**{k: found.schema[k] for k in KEYS}, "x_one": pl.Float64},
        orient="row",
    )
    return _together(found, mine, records, known)


def _records(mine: pl.DataFrame, reduced: Reduced) -> pl.DataFrame:
    """Return the sizes of all records on the ports that come back, by unit and bin: x, packets, n."""
    units = reduced.units.join(mine.select(*PAIR, "reply").unique(), on=["cl", "sv", "sp", "reply"])
    units = units.join(reduced.windows, on="interface_id")
    each = reduced.hist.join(
        units.select("unit", *PAIR, "whole", long=pl.col("width") * pl.col("whole")), on="unit"
    ).explode("ports")
    each = each.with_columns(x=pl.col("bytes") - pl.col("h") * pl.col("packets"))
    inside = mine.select(*PAIR, "lo", "hi").unique()
    own = each.select("unit", *PAIR, "x").unique().join(inside, on=PAIR)
    own = own.filter(pl.col("x").is_between("lo", "hi")).select("unit", "x", own=True).unique()
    each = each.join(own, on=["unit", "x"], how="left").with_columns(pl.col("own").fill_null(value=False))
    there = each.join(again(each.filter("own")), on=["unit", "ports"], how="semi").filter(pl.col("x") > 0)
    return there.group_by(*PAIR, "unit", "whole", "long", "bin", "x", "packets", maintain_order=True).len("n")


def again(each: pl.DataFrame) -> pl.DataFrame:
    """Return the ports (unit, ports) of these records that come back."""
    met = each.group_by("unit", "ports").agg(met=pl.len().cast(pl.Float64))
    usual = ((pl.col("met") ** 2).sum() / pl.col("met").sum()).over("unit")
    return met.filter(pl.col("met") >= pl.max_horizontal(pl.lit(AGAIN), ALIKE * usual)).select("unit", "ports")


def returning(hist: pl.DataFrame, main: pl.DataFrame) -> pl.DataFrame:
    """Return the counts by window with, of the units of `main`, only the ports that come back with a size of `main`."""
    mine = hist.join(main.select("unit").unique(), on="unit", how="semi")
    if mine.is_empty():
        return hist
    each = mine.explode("ports")
    ports = again(each.join(main, on=SHAPE, how="semi"))
    rest = each.join(ports, on=["unit", "ports"], how="semi").group_by(*SHAPE, "bin")
    left = rest.agg(pl.len().cast(hist["n"].dtype).alias("n"), "ports")
    return pl.concat([hist.join(mine, on="unit", how="anti"), left.select(hist.columns)])


def _base(port: tuple[Any, ...], records: pl.DataFrame) -> tuple[Any, ...] | None:
    """Return the checker's port with x of a single check, or None where the commonest record is a single one."""
    sizes = (
        records.group_by("x", "packets")
        .agg(pl.col("n").sum())
        .sort("n", "x", "packets", descending=[True, False, False])
    )
    silent = pl.col("x") == options(pl.lit(port[2])) * pl.col("packets")
    one = single(sizes.filter(~silent).rows(), pl.select(options(pl.lit(port[2]))).item())
    return (*port, one) if one else None


def alike(bases: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the checkers' bases (who, port, h, x) with those that are another's at the same port several times over.

    >>> alike([("a", 80, 52, 414.0), ("b", 80, 52, 138.0), ("c", 80, 52, 500.0)])
    [('a', 80, 52, 138.0), ('b', 80, 52, 138.0), ('c', 80, 52, 500.0)]
    """
    out = []
    for who, port, h, x in bases:
        others = [one for _, there, like, one in bases if (there, like) == (port, h) and one < x]
        whole = [one for one in others if abs(x / one - round(x / one)) * one <= NEAR * x]
        out.append((who, port, h, min(whole, default=x)))
    return out


def single(sizes: list[tuple[int, int, int]], syn: int) -> float:
    """Return what x of a single check is, given x, packets and number of records on ports that come back; 0 if none.

    >>> single([(414, 18, 300), (276, 12, 4), (138, 6, 3), (552, 24, 2)], 8)
    138.0
    >>> single([(138, 6, 300), (276, 12, 40)], 8)
    138.0
    """
    if not sizes:
        return 0.0
    totals: dict[int, int] = {}
    for x, _, n in sizes:
        totals[x] = totals.get(x, 0) + n
    usual = max(totals, key=lambda x: (totals[x], -x))
    packets = sum(p * n for x, p, n in sizes if x == usual) / totals[usual]
    if usual % syn == 0 and SHORT <= packets / (usual // syn) <= LONG:
        return float(syn)
    others = [(x, p, n) for x, p, n in sizes if abs(x - usual) > NEAR * usual]
    ways = range(1, min(MOST, int(packets / SHORT)) + 1)
    fits = {many: _explained(others, usual / many, packets / many) for many in ways if usual / many >= syn}
    best = max(fits.values(), default=0)
    if best < max(FEWEST, SHARE * sum(n for _, _, n in others)):
        return float(usual)
    return usual / min(many for many, fit in fits.items() if fit >= 0.9 * best)


def _explained(others: list[tuple[int, int, int]], one: float, packets: float) -> int:
    """Return how many of the records are a multiple of one check."""
    return sum(n for x, p, n in others if _times(x, p, one, packets))


def _times(x: int, packets: int, one: float, usual: float) -> int:
    """Return how many checks of x = `one` a record holds; 0 where it is no multiple, or has not their packets."""
    times = round(x / one)
    near = abs(x - times * one) <= min(NEAR * x, one / 4)
    return times if times and near and abs(packets / times / usual - 1) <= PACKETS else 0


def _together(found: pl.DataFrame, mine: pl.DataFrame, records: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the families with those that are multiples of one check drawn together, pair by pair."""
    x = pl.col("usual_bytes") - pl.col("h") * pl.col("usual_packets")
    each = mine.join(known, on=KEYS).with_columns(times=(x / pl.col("x_one")).round())
    each = each.filter(pl.col("times") >= 1, (x - pl.col("times") * pl.col("x_one")).abs() <= NEAR * x)
    paces = _paces(records.join(known, on=KEYS))
    each = each.join(paces, on=PAIR)
    each = each.filter(pl.col("many").max().over(PAIR) > 1)
    if each.is_empty():
        return found
    first = each.sort("n", "range", descending=[True, False]).unique(PAIR, keep="first", maintain_order=True)
    sums = each.group_by(PAIR).agg(
        pl.col("n", "held").sum(), pl.col("chance", "score", "even", "packets_high", "bytes_high").max(),
        pl.col("packets_low", "bytes_low").min(), lo=_single("lo").min().floor(), hi=_single("hi").max().ceil(),
    )  # fmt: skip
    one = first.drop(set(sums.columns) - set(PAIR)).join(sums, on=PAIR)
    # A record of several checks has only its whole window.
    grain = pl.max_horizontal("grain", "whole")
    one = one.with_columns(pl.col("width") // pl.col("grain") * grain, grain=grain)
    rate = pl.col("pace") * pl.col("width")
    syn = options(pl.col("h"))
    one = one.with_columns(
        pl.col("lo", "hi").cast(found.schema["lo"]), own=rate * pl.col("own") / pl.col("rate"), rate=rate, least=0,
        most=LARGEST_PACKETS, folds="many", several=True,
    )  # fmt: skip
    one = one.with_columns(
        interval_s=pl.col("width") / pl.col("own"), payload_low=(pl.col("lo") - syn).clip(0),
        payload_high=(pl.col("hi") - syn).clip(0),
    )  # fmt: skip
    rest = found.join(each.select("range", "lo", "hi"), on=["range", "lo", "hi"], how="anti")
    names = renamed(one, found)
    # What failed in the place of a family that is now another's stands with that.
    gone = each.join(one.select(*PAIR, into="cluster"), on=PAIR).filter(
        ~pl.col("cluster").is_in(one["cluster"].implode())
    )
    into = dict(gone.select("cluster", "into").unique("cluster", maintain_order=True).iter_rows())
    both = pl.concat([rest, one.select(found.columns).cast(found.schema)])
    return both.with_columns(cluster=pl.col("cluster").replace(into).replace(names))


def _single(end: str) -> pl.Expr:
    """Return an end of a range as a single check has it; a range of several multiples has the size itself."""
    narrow = pl.col("hi") - pl.col("lo") < pl.col("x_one") / 2
    times = ((pl.col("lo") + pl.col("hi")) / 2 / pl.col("x_one")).round().clip(1)
    return pl.when(narrow).then(pl.col(end) / times).otherwise("x_one")


def _paces(records: pl.DataFrame) -> pl.DataFrame:
    """Return by pair the checks a second, `pace`, and the most of them in one record, `many`."""
    times = (pl.col("x") / pl.col("x_one")).round()
    near = (pl.col("x") - times * pl.col("x_one")).abs() <= pl.min_horizontal(NEAR * pl.col("x"), pl.col("x_one") / 4)
    each = records.with_columns(times=times.cast(pl.Int64)).filter(near, pl.col("times") >= 1)
    most = each.group_by(PAIR).agg(many=pl.col("times").max())
    slots = each.group_by(*PAIR, "unit", "long", slot=pl.col("bin") // pl.col("whole")).agg(
        came=(pl.col("times") * pl.col("n")).sum()
    )
    unit = ["unit"]
    inner = slots.filter(
        pl.col("slot").is_between(pl.col("slot").min().over(unit), pl.col("slot").max().over(unit), "none")
    )
    # Where windows are really longer, each has its records in one of several slots.
    gap = pl.col("slot").sort().diff().median()
    # Windows in which the target failed have fewer of the checks that it answers.
    full = inner.filter(pl.col("came") >= pl.col("came").median().over(unit) / 2)
    paces = full.group_by(*PAIR, "unit").agg(
        pace=pl.col("came").mean() / (pl.col("long").first() * gap.fill_null(1)), sum=pl.col("came").sum()
    )
    best = paces.sort("sum", "unit", descending=[True, False]).unique(PAIR, keep="first", maintain_order=True)
    return best.join(most, on=PAIR).drop("unit", "sum")


def renamed(one: pl.DataFrame, found: pl.DataFrame) -> dict[str, str]:
    """Return the new names of clusters whose payload is known better now, by their old ones."""
    groups = one.group_by("cluster", maintain_order=True).agg(
        pl.col("sp").first(), pl.col("payload_low").min(), pl.col("payload_high").max()
    )
    kinds = found.drop_nulls("cluster").group_by("cluster").agg(kind=verdict(pl.col("chance").max()))
    kind = dict(kinds.iter_rows())
    taken = {name: kind[name] for name in kind if name not in set(groups["cluster"])}
    names = {}
    for row in groups.to_dicts():
        mine = kind[row["cluster"]]
        name = next(name for name in _twins(title(row)) if taken.get(name, mine) == mine)
        names[row["cluster"]], taken[name] = name, mine
    return names


def _twins(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name} ({i})" for i in count(2))
