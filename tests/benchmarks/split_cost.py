"""What the split costs: `python tests/benchmarks/split_cost.py [FOLDER] [--millions 10 40]`.

Fit and label are measured against two bare group-bys over the same Parquet in the same run: connections counted by
interface, addresses, server port, size and window, which is what any way of telling checks from service by size and
beat has to do once to learn and once to label. The population is that of a busy load balancer: three nodes, eight
targets, twenty thousand clients, six records a connection (front, and back at both ends), checks every 10 s, windows
of 30 s whose times all records share. Each figure is the median of interleaved runs, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

BEGIN = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
HOURS_A_MILLION = 0.5
NODES, TARGETS, CLIENTS = 3, 8, 20_000
PART = 1_000_000
SHAPE = ["interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "packets", "bytes", "start"]


def make(folder: Path, millions: int) -> Path:
    """Write a population's Parquet, one file a million records, unless it is there, and return its folder."""
    place = folder / f"split-cost-{millions}m"
    for part in range(millions):
        path = place / f"{part:03d}.parquet"
        if not path.exists():
            place.mkdir(parents=True, exist_ok=True)
            records(part).write_parquet(path, compression_level=1)
    return place


def records(part: int) -> pl.DataFrame:
    """Return about a million records: half an hour of the population."""
    seconds = int(HOURS_A_MILLION * 3600)
    begin = BEGIN + part * seconds
    checked = checks(begin, seconds)
    served = service(begin, seconds, (PART - 4 * checked.height) // 6, part)
    hops = [
        *both("node", checked, "node", "target"), *both("target", checked, "node", "target"),
        *both("node", served, "client", "node"), *both("node", served, "node", "target"),
        *both("target", served, "node", "target"),
    ]  # fmt: skip
    start = pl.from_epoch(pl.col("window"), "s").dt.cast_time_unit("ms").dt.replace_time_zone("UTC")
    frame = pl.concat(hops).with_columns(start=start).sort("start", "interface_id")
    return frame.select(
        version=pl.lit(2, pl.Int32), account_id=pl.lit("123456789010"), interface_id="interface_id", srcaddr="srcaddr",
        dstaddr="dstaddr", srcport=pl.col("srcport").cast(pl.Int32), dstport=pl.col("dstport").cast(pl.Int32),
        protocol=pl.lit(6, pl.Int32), packets="packets", bytes="bytes", start="start",
        end=pl.col("start") + pl.duration(seconds=29), action=pl.lit("ACCEPT"), log_status=pl.lit("OK"),
    )  # fmt: skip


def picks(seed: int, **ranges: int) -> list[pl.Expr]:
    """Return columns of whole numbers below the given ones, as by chance and the same each time."""
    row = pl.int_range(pl.len())
    return [
        (row.hash(seed * 100 + i) % below).cast(pl.Int64).alias(name) for i, (name, below) in enumerate(ranges.items())
    ]


def checks(begin: int, seconds: int) -> pl.DataFrame:
    """Return HTTP checks of one size, every 10 s from each node to each target; one in ten has an ACK more."""
    ticks = pl.DataFrame({"tick": range(seconds // 10)})
    pairs = pl.DataFrame({"node": range(NODES)}).join(pl.DataFrame({"target": range(TARGETS)}), how="cross")
    grid = ticks.join(pairs, how="cross").with_columns(picks(begin, more=10, source=30_000))
    more = (pl.col("more") == 0).cast(pl.Int64)
    return grid.select(
        "node", "target", client=pl.lit(0, pl.Int64), source=2 * pl.col("source") + 2048,
        window=(begin + 10 * pl.col("tick") + pl.col("node") * 3 + pl.col("target")) // 30 * 30,
        there=3 + more, there_b=294 + 52 * more, back=5 - more, back_b=514 - 52 * more,
    )  # fmt: skip


def service(begin: int, seconds: int, number: int, seed: int) -> pl.DataFrame:
    """Return connections of a web's sizes: some hundred requests, answers that all differ, a long tail."""
    row = pl.DataFrame({"row": range(number)})
    spread = {
        "node": NODES,
        "target": TARGETS,
        "client": CLIENTS,
        "source": 30_000,
        "at": seconds,
        "ask": 400,
        "tail": 997,
        "ack": 3,
    }
    drawn = row.with_columns(picks(seed, **spread))
    size = 3_000 * 40 // (pl.col("tail") + 20) * 31 + pl.col("ask")
    packets = 4 + size // 1448
    return drawn.select(
        "node", "target", "client", source=2 * pl.col("source") + 2048, window=(begin + pl.col("at")) // 30 * 30,
        there=5 + pl.col("ack"), there_b=(5 + pl.col("ack")) * 52 + 8 + 60 + pl.col("ask"),
        back=packets, back_b=packets * 52 + 8 + size,
    )  # fmt: skip


def both(seen: str, hop: pl.DataFrame, source: str, target: str) -> list[pl.DataFrame]:
    """Return both directions of a hop as one interface, the node's or the target's, saw them."""
    names = {
        "client": pl.format("203.{}.{}.7", pl.col("client") // 250, pl.col("client") % 250),
        "node": pl.format("10.0.{}.10", pl.col("node") + 1),
        "target": pl.format("10.0.{}.{}", pl.col("target") % NODES + 1, pl.col("target") + 100),
    }
    interface = pl.format("eni-0a1b2c3d4e5f6071{}", pl.col(seen) + (10 if seen == "node" else 20))
    ends = {"srcaddr": names[source], "dstaddr": names[target], "srcport": pl.col("source"), "dstport": pl.lit(80)}
    there = hop.select(interface_id=interface, **ends, packets="there", bytes="there_b", window="window")
    swapped = dict(zip(("dstaddr", "srcaddr", "dstport", "srcport"), ends.values(), strict=True))
    back = hop.select(interface_id=interface, **swapped, packets="back", bytes="back_b", window="window")
    return [there.cast({"dstport": pl.Int64}), back.select(there.columns).cast({"srcport": pl.Int64})]


def bare(flows: pl.LazyFrame) -> None:
    """Count connections by who, where, size and window, twice."""
    for _ in range(2):
        served = pl.min_horizontal("srcport", "dstport").alias("sp")
        window = (pl.col("start").dt.epoch("s") // 30).alias("bin")
        shape = ["interface_id", "srcaddr", "dstaddr", served, "packets", "bytes", window]
        flows.group_by(shape).len().select(pl.len()).collect(engine="streaming")


def kit(flows: pl.LazyFrame) -> None:
    """Fit, label, and count what came out."""
    from flowkit.split import fit

    labelled = fit(flows).label(flows)
    counts = labelled.group_by("kind").agg(pl.len(), pl.col("confidence").mean()).collect(engine="streaming")
    assert "health-check" in counts["kind"].to_list(), counts


CONTENDERS = {"two group-bys": bare, "fit and label": kit}


def measure(name: str, place: Path) -> None:
    """Print what one run costs, as JSON: CPU and wall seconds, and the most memory held, in MB."""
    flows = pl.scan_parquet(place / "*.parquet")
    cpu, wall = time.process_time(), time.perf_counter()
    CONTENDERS[name](flows)
    took = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps([*took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def run(name: str, place: Path) -> list[float]:
    """Measure in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--one", name, str(place)], check=True, capture_output=True)
    return list(json.loads(done.stdout))


def main() -> None:
    """Make the populations, run the contenders in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.gettempdir()) / "flowkit-benchmark")
    parser.add_argument("--millions", type=int, nargs="+", default=[10, 40])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measure(given.one, given.folder)
        return
    print(f"{os.cpu_count()} cores, polars {pl.__version__}, median of {given.runs}")
    print(f"{'':8}{'':16}{'CPU s':>8}{'ratio':>7}{'wall s':>8}{'ratio':>7}{'peak MB':>9}")
    for millions in given.millions:
        place = make(given.folder, millions)
        runs: dict[str, list[list[float]]] = {name: [] for name in CONTENDERS}
        for _ in range(given.runs):
            for name in CONTENDERS:
                runs[name].append(run(name, place))
        table = {name: [statistics.median(column) for column in zip(*done, strict=True)] for name, done in runs.items()}
        base = table["two group-bys"]
        for name, (cpu, wall, peak) in table.items():
            ratios = f"{cpu:8.2f}{cpu / base[0]:7.2f}{wall:8.2f}{wall / base[1]:7.2f}"
            print(f"{millions:5d} m {name:16}{ratios}{peak:9.0f}")


if __name__ == "__main__":
    main()
