"""How fast `fk.scan` is, as a ratio to bare polars in the same run: `python tests/benchmarks/scan_speed.py [FOLDER]`.

The query is the same on the same files (flows, packets and bytes a minute by action, of records with status OK); runs
are interleaved and each figure is a median. The answers are compared before anything is timed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from make_logs import HEADER, make

import flowkit as fk

NUMBERS = {"packets": pl.Int64, "bytes": pl.Int64, "start": pl.Int64, "end": pl.Int64}
NUMBERS |= dict.fromkeys(["version", "srcport", "dstport", "protocol"], pl.Int32)


def question(flows: pl.LazyFrame, minute: pl.Expr) -> pl.DataFrame:
    """Ask for flows, packets and bytes a minute by action."""
    sums = [pl.len().alias("flows"), pl.col("packets").sum(), pl.col("bytes").sum()]
    return (
        flows.group_by(minute.alias("minute"), "action").agg(sums).sort("minute", "action").collect(engine="streaming")
    )


def bare(files: list[Path]) -> pl.DataFrame:
    """Ask polars alone."""
    schema = {name.replace("-", "_"): NUMBERS.get(name, pl.String) for name in HEADER.split()}
    lines = pl.scan_csv(
        files, separator=" ", has_header=False, skip_rows=1, schema=schema, null_values="-", quote_char=None
    )
    return question(lines.filter(pl.col("log_status") == "OK"), pl.col("start") // 60)


def kit(folder: Path) -> pl.DataFrame:
    """Ask flowkit."""
    return question(fk.scan(folder), pl.col("start").dt.timestamp("ms") // 60_000)


def timed(ask: Callable[[], pl.DataFrame]) -> tuple[float, float]:
    """Return seconds of CPU and of the wall clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    ask()
    return time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.gettempdir()) / "flowkit-benchmark")
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    files = make(given.folder, 40, 250_000)
    contenders = {"polars scan_csv": lambda: bare(files), "fk.scan": lambda: kit(given.folder)}
    assert bare(files).equals(kit(given.folder)), "the answers differ"
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(given.runs):
        for name, ask in contenders.items():
            times[name].append(timed(ask))
    base = [statistics.median(column) for column in zip(*times["polars scan_csv"], strict=True)]
    print(f"40 files of 250,000 records, {os.cpu_count()} cores, polars {pl.__version__}, median of {given.runs}")
    print(f"{'':16} {'CPU s':>7} {'ratio':>6} {'wall s':>7} {'ratio':>6}")
    for name, runs in times.items():
        cpu, wall = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:16} {cpu:7.2f} {cpu / base[0]:6.2f} {wall:7.2f} {wall / base[1]:6.2f}")
