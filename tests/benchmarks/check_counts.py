"""Judge counts and intervals of health checks: `python tests/benchmarks/check_counts.py [--only TEXT] [--words]`.

Each world is a small made-up network, packet by packet: its checkers, how its targets answer, and how AWS cuts and
publishes its records. The table shows what was told beside what is true: the interval of each cluster of checks; the
checks, those that failed, and the most that failed in a row, of all pairs of checker and target together, with how far
the pair that is told worst is off; and the F1 of the labels. What is not told is marked: a count off by more than 2 %,
an interval by more than 3 %, more than one cluster.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import polars as pl

import flowkit as fk
from flowkit.split import fit

BEGIN = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
End = tuple[str, int]
KEY = ["home", "srcaddr", "dstaddr", "srcport", "dstport"]
PAIR = ["checker", "target"]


@dataclass(frozen=True)
class World:
    """A network and its checks. `ports` is how many source ports a checker has in turn, 0 for a new one each time."""

    check: str = "tcp"
    every: float = 10
    nodes: int = 2
    targets: int = 3
    minutes: int = 30
    width: int = 60
    own: bool = False
    ports: int = 0
    v6: bool = False
    plain: bool = False
    logged: str = "both"
    lost: float = 0.0
    rate: float = 1.0
    fate: str = "healthy"
    syns: tuple[float, ...] = (0, 1, 3)

    def node(self, i: int) -> str:
        return f"2001:db8:1:{i}::5" if self.v6 else f"10.7.{i}.10"

    def place(self, i: int) -> str:
        return f"2001:db8:1:{i}::{i + 100:x}" if self.v6 else f"10.7.{i % 2}.{100 + i}"


# Who fails, when (of the whole, or every other three minutes), and how: the first target or all, one node or both.
FATES = {
    "refuses": ("one", "middle", "refused"), "silent": ("one", "middle", "unreachable"),
    "all refuse": ("all", "middle", "refused"), "all silent": ("all", "middle", "unreachable"),
    "one way": ("one way", "middle", "unreachable"), "flapping": ("one", "in turns", "refused"),
    "dead": ("one", "always", "unreachable"), "dead, refuses": ("one", "always", "refused"),
    "all dead": ("all", "always", "refused"), "all dead, silent": ("all", "always", "unreachable"),
}  # fmt: skip


def met(world: World, node: int, target: int, at: float) -> str:
    """Return what becomes of a connection: answered, refused or unreachable."""
    if world.fate == "healthy":
        return "answered"
    who, when, how = FATES[world.fate]
    meant = {"all": True, "one": target == 0, "one way": target == 0 and node == 1}[who]
    then = {"always": True, "middle": 0.4 <= at / (60 * world.minutes) < 0.6, "in turns": at // 180 % 2 == 1}[when]
    return how if meant and then else "answered"


@dataclass
class Wire:
    """The packets on every logged interface, by connection, and which of them are checks."""

    world: World
    chance: random.Random
    seen: dict[tuple[object, ...], list[tuple[float, int]]] = field(default_factory=dict)
    checks: set[tuple[object, ...]] = field(default_factory=set)
    truth: list[tuple[str, str, float, str]] = field(default_factory=list)

    def homes(self, *ends: str) -> list[str]:
        of = {"nodes": [self.world.node(i) for i in range(self.world.nodes)],
              "targets": [self.world.place(i) for i in range(self.world.targets)]}  # fmt: skip
        of["both"] = of["nodes"] + of["targets"]
        return [end for end in ends if end in of[self.world.logged]]

    def connect(self, at: float, ends: tuple[End, End], sent: tuple[int, int], fate: str, *, check: bool) -> None:
        """Put one connection on the wire; `ends` are client and server, `sent` the data there and back."""
        for later, up, size in talk(self.world, sent, fate, self.chance):
            one, other = ends if up else ends[::-1]
            time = at + later
            if time < 60 * self.world.minutes:
                for home in self.homes(one[0], other[0]):
                    key = (home, one[0], other[0], one[1], other[1])
                    self.seen.setdefault(key, []).append((time, size))
                    if check:
                        self.checks.add(key)

    def frame(self) -> pl.DataFrame:
        """Return the records as AWS would publish them, and `check`."""
        rows = [(*key, time, size, key in self.checks) for key, each in self.seen.items() for time, size in each]
        packets = pl.DataFrame(rows, schema=[*KEY, "time", "size", "check"], orient="row")
        width = self.world.width
        offsets = {home: self.chance.randrange(width) for home in sorted({key[0] for key in self.seen})}
        window = ((pl.col("time") - pl.col("home").replace_strict(offsets)) // width).alias("window")
        records = packets.group_by(*KEY, window, maintain_order=True).agg(
            packets=pl.len(), bytes=pl.col("size").sum(), check=pl.col("check").first(),
            start=pl.col("time").min(), end=pl.col("time").max(),
        )  # fmt: skip
        if not self.world.own:
            of = ["home", "window"]
            records = records.with_columns(start=pl.col("start").min().over(of), end=pl.col("end").max().over(of))
        kept = pl.Series([self.chance.random() >= self.world.lost for _ in range(records.height)], dtype=pl.Boolean)
        second = {
            t: ((pl.col(t).floor().cast(pl.Int64) + BEGIN) * 1000).cast(pl.Datetime("ms", "UTC"))
            for t in ("start", "end")
        }
        return records.filter(kept).select(
            pl.format("eni-{}", "home").alias("interface_id"), *KEY[1:3], pl.col(KEY[3:]).cast(pl.Int32),
            pl.lit(6, pl.Int32).alias("protocol"), pl.col("packets", "bytes").cast(pl.Int64), **second,
            action=pl.lit("ACCEPT"), log_status=pl.lit("OK"), check="check",
        ).sort("start", "interface_id", "srcaddr", "srcport", "dstaddr", "dstport")  # fmt: skip


def talk(world: World, sent: tuple[int, int], fate: str, chance: random.Random) -> Iterator[tuple[float, bool, int]]:
    """Yield the packets of one connection: after how long, whether to the server, and its bytes."""
    wide, short = (20 if world.v6 else 0), (12 if world.plain else 0)
    head, syn = 52 + wide - short, 60 + wide - (8 if world.plain else 0)
    if fate == "unreachable":
        yield from ((later, True, syn) for later in world.syns)
        return
    yield 0, True, syn
    if fate == "refused":
        yield 0.001, False, 40 + wide
        return
    yield 0.001, False, syn
    yield 0.002, True, head
    there, back = sent
    if there:
        yield 0.003, True, head + there
    if there and chance.random() < 0.8:
        yield 0.004, False, head
    for part in range(0, back, 1448):
        yield 0.010 + part / 1e6, False, head + min(1448, back - part)
    if back:
        yield 0.020, True, head
    yield 0.021, True, head
    yield 0.022, False, head
    yield 0.023, True, head


SENT = {"tcp": (0, 0), "http": (130, 246), "large": (120, 5000)}


def made(world: World, seed: int = 1) -> tuple[pl.DataFrame, list[tuple[str, str, float, str]]]:
    """Return the records of a world, with `check`, and its checks: checker, target, second, outcome."""
    wire = Wire(world, random.Random(seed))
    chance, ports = wire.chance, itertools.count(wire.chance.randrange(5_000))
    for node, target in itertools.product(range(world.nodes), range(world.targets)):
        at, turns = chance.uniform(0, world.every), itertools.count()
        while at < 60 * world.minutes:
            port = 16_036 + next(turns) % world.ports * 250 if world.ports else 20_000 + 2 * next(ports) % 20_000
            fate = met(world, node, target, at)
            ends = (world.node(node), port), (world.place(target), 8080)
            wire.connect(at, ends, SENT[world.check], fate, check=True)
            wire.truth.append((ends[0][0], f"[{ends[1][0]}]:8080" if world.v6 else f"{ends[1][0]}:8080", at, fate))
            at += world.every + chance.gauss(0, 0.02)
    serve(world, wire)
    return wire.frame(), wire.truth


def serve(world: World, wire: Wire) -> None:
    """Let clients come at random to a node and on to a target that has not failed for half a minute."""
    chance = wire.chance
    at = chance.expovariate(world.rate) if world.rate else 1e9
    while at < 60 * world.minutes:
        node, target = chance.randrange(world.nodes), chance.randrange(world.targets)
        fate, before = met(world, node, target, at), met(world, node, target, at - 20)
        if fate == "answered" or before == "answered":
            sent = chance.randint(80, 900), chance.randint(200, 20_000)
            client = (
                f"2001:db8:ffff::{chance.randrange(1, 40):x}" if world.v6 else f"203.0.113.{chance.randrange(1, 40)}"
            )
            front = ((client, chance.randrange(1_024, 65_000)), (world.node(node), 8080))
            back = ((world.node(node), 2 * chance.randrange(22_000, 32_000)), (world.place(target), 8080))
            wire.connect(at, front, sent, fate, check=False)
            wire.connect(at + 0.0005, back, sent, fate, check=False)
        at += chance.expovariate(world.rate)


def worlds() -> dict[str, World]:
    """Return the worlds: windows, times, ports and intervals in every way together, then what else is odd."""
    out = {}
    for width, own, ports, every in itertools.product((30, 60, 600), (False, True), (0, 1, 2, 4, 16), (5, 10, 30)):
        for fate in ("healthy", "refuses"):
            minutes = 120 if width == 600 else 60 if every == 30 else 30
            name = f"{width} s, {'own' if own else 'shared'} times, {ports or 'new'} ports, every {every} s, {fate}"
            out[name] = World(width=width, own=own, ports=ports, every=every, fate=fate, minutes=minutes)
    for fate, logged, check in itertools.product(FATES, ("both", "nodes", "targets"), ("tcp", "http")):
        out[f"{fate}, {check}, logs of {logged}"] = World(fate=fate, logged=logged, check=check)
    for fate, check in itertools.product(FATES, ("tcp", "large")):
        out[f"{fate}, {check}, nodes' logs, no timestamps"] = World(fate=fate, logged="nodes", check=check, plain=True)
    base = World(fate="silent")
    out |= {
        "silent, windows of 30 s": replace(base, width=30), "silent, own times": replace(base, own=True),
        "silent, 600 s": replace(base, width=600, minutes=120),
        "silent, every 30 s": replace(base, every=30, minutes=60),
        "silent, every 5 s": replace(base, every=5), "silent, IPv6": replace(base, v6=True),
        "silent, IPv6, http, 600 s, own times, every 30 s": replace(
            base, v6=True, check="http", width=600, own=True, every=30, minutes=120
        ),
        "silent, four SYNs": replace(base, syns=(0, 1, 3, 7)), "silent, 2 ports": replace(base, ports=2),
        "silent, 4 ports": replace(base, ports=4), "silent, 16 ports": replace(base, ports=16),
        "one node": World(nodes=1), "one node, silent": World(nodes=1, fate="silent"),
        "three nodes, http": World(nodes=3, check="http"), "IPv6, refuses": World(v6=True, fate="refuses"),
        "one in ten records lost": World(lost=0.1), "one in ten records lost, refuses": World(lost=0.1, fate="refuses"),
        "one in ten records lost, 4 ports": World(lost=0.1, ports=4),
        "5 ports, http, own times": World(ports=5, check="http", own=True),
        "2 ports, http, own times": World(ports=2, check="http", own=True),
        "4 ports, http": World(ports=4, check="http"), "4 ports, http, targets' logs": World(
            ports=4, check="http", logged="targets"
        ), "2 ports, http, nodes' logs": World(ports=2, check="http", logged="nodes"),
        "4 ports, IPv6": World(ports=4, v6=True), "4 ports, no timestamps": World(ports=4, plain=True),
        "4 ports, large answers": World(ports=4, check="large"), "no service": World(rate=0),
        "4 ports, no service": World(rate=0, ports=4), "busy": World(rate=8, minutes=15),
    }  # fmt: skip
    return out


@dataclass(frozen=True)
class Told:
    """What flowkit tells of a world."""

    intervals: list[float]
    f1: float
    unsure: float
    health: pl.DataFrame
    boundary: str


def told(flows: pl.DataFrame) -> Told:
    """Return what the split and target health make of the records."""
    bare = flows.drop("check").lazy()
    split = fit(bare)
    labelled = split.label(flows.lazy()).collect()
    said, check = labelled["kind"] == "health-check", labelled["check"]
    hits = int((said & check).sum())
    found = split.clusters.filter(pl.col("kind") == "health-check")
    health = fk.target_health(labelled.drop("check").lazy()).collect()
    unsure = float((labelled["kind"] == "uncertain").mean() or 0)  # type: ignore[arg-type]
    return Told(
        found["interval_s"].to_list(), 2 * hits / max(1, int(said.sum() + check.sum())), unsure, health, split.boundary
    )


def line(world: World, truth: list[tuple[str, str, float, str]], out: Told) -> str:
    """Return the row of a world, marked where it falls short."""
    real = pl.DataFrame(truth, schema=[*PAIR, "at", "outcome"], orient="row")
    bad = pl.col("outcome") != "answered"
    runs = longest(truth)
    pairs = real.group_by(PAIR).agg(real=pl.len(), real_failed=bad.sum())
    failed = pl.sum_horizontal("slow", "refused", "unreachable").sum()
    seen = out.health.group_by(PAIR).agg(pl.col("checks").sum(), failed=failed, row=pl.col("failed_in_a_row").max())
    both = (
        pairs.join(seen, on=PAIR, how="full", coalesce=True).fill_null(0).cast({"checks": pl.Int64, "failed": pl.Int64})
    )
    off = both.select(((pl.col("checks") - pl.col("real").cast(pl.Int64)) / pl.col("real").clip(1)).abs().max()).item()
    sums = both.select(pl.col("checks", "real", "failed", "real_failed").sum()).row(0)
    room = max(2 * both.height, 0.02 * sums[3])
    row = int(both["row"].max() or 0)
    marks = [
        "count" if abs(sums[0] / sums[1] - 1) > 0.02 else "",
        "pair" if off > 0.04 else "",
        "failed" if abs(sums[2] - sums[3]) > (room if sums[3] else 0) else "",
        "row" if abs(row - runs) > (max(1, 0.04 * runs) if runs else 0) else "",
        "interval" if not out.intervals or any(abs(one / world.every - 1) > 0.03 for one in out.intervals) else "",
        "clusters" if len(out.intervals) != 1 else "",
        "labels" if out.f1 < 0.97 else "",
    ]
    times = " ".join(f"{one:.1f}" for one in out.intervals) or "-"
    return (
        f"{world.every:4.0f} {times:12s}{sums[1]:6d} {sums[0]:5d} {off:5.0%} {sums[3]:6d} {sums[2]:5d}"
        f"{runs:5d} {row:4d}  {out.f1:.3f} {out.unsure:5.1%}  {' '.join(mark for mark in marks if mark)}"
    )


def longest(truth: list[tuple[str, str, float, str]]) -> int:
    """Return the most checks of one pair that failed in a row."""
    most = 0
    for _, each in itertools.groupby(sorted(truth), key=lambda one: one[:2]):
        for good, run in itertools.groupby(each, key=lambda one: one[3] == "answered"):
            most = max(most, 0 if good else len(list(run)))
    return most


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only the worlds with this in their name")
    parser.add_argument("--words", action="store_true", help="what the split says of each, too")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'world (true and told)':66s} interval         checks     off  failed     in a row  F1   unsure  amiss")
    amiss: Counter[str] = Counter()
    for name, world in worlds().items():
        if options.only in name:
            flows, truth = made(world, options.seed)
            out = told(flows)
            shown = line(world, truth, out)
            print(f"{name:66s} {shown}", flush=True)
            amiss.update(shown.rpartition("%  ")[2].split() or ["nothing"])
            if options.words:
                print(out.boundary)
    print(", ".join(f"{what} {n}" for what, n in amiss.most_common()))


if __name__ == "__main__":
    main()
