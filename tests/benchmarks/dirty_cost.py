"""What dirt costs: `python tests/benchmarks/dirty_cost.py [--records 250000] [--runs 5]`.

One file of records in default format is written clean and with dirt of each kind; the same query is asked of each, runs
interleaved, and the table has the medians of the CPU time as ratios to the clean file's in the same run. The last rows
are of folders of eight files: none dirty, one dirty. Other forms of the same records stand below, for information.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import polars as pl
from make_logs import BEGIN, HEADER, records

import flowkit as fk

LED = "2026-11-23T16:05:00.000Z"


def every(lines: list[str], step: int, change: Callable[[str], str]) -> list[str]:
    """Return the lines, each so many changed."""
    return [change(line) if i % step == step // 2 else line for i, line in enumerate(lines)]


def dirt(lines: list[str]) -> dict[str, bytes]:
    """Return the records clean, and with dirt of each kind."""
    texts = {
        "clean": [HEADER, *lines],
        "one bad line": [HEADER, *every(lines, len(lines), lambda line: line[:40])],
        "1 % cut lines": [HEADER, *every(lines, 100, lambda line: line[:40])],
        "1 % with no number": [HEADER, *every(lines, 100, lambda line: re.sub(r" 6 (\d+)", r" 6 x\1", line))],
        "1 % glued to other text": [HEADER, *every(lines, 100, lambda line: f"ERROR x {line}")],
        "10 % cut lines": [HEADER, *every(lines, 10, lambda line: line[:40])],
        "half of the lines cut": [HEADER, *every(lines, 2, lambda line: line[:40])],
        "half of the lines cut late": [HEADER, *every(lines, 2, lambda line: line[:-14])],
        "10 % glued to other text": [HEADER, *every(lines, 10, lambda line: f"ERROR x {line}")],
        "each glued to other text": [HEADER, *every(lines, 1, lambda line: f"ERROR x {line}")],
        "header every 1,000 lines": [HEADER, *every(lines, 1000, lambda line: f"{HEADER}\n{line}")],
        "a blank line after each": [HEADER, *every(lines, 1, lambda line: f"{line}\n")],
        "CRLF": [HEADER, *every(lines, 1, lambda line: f"{line}\r")],
        "double spaces": [HEADER, *every(lines, 1, lambda line: line.replace(" ", "  "))],
        "padded to columns": [HEADER, *every(lines, 1, lambda line: " ".join(w.ljust(16) for w in line.split()))],
        "tabs": [HEADER, *every(lines, 1, lambda line: line.replace(" ", "\t"))],
        "ports as floats": [HEADER, *every(lines, 1, lambda line: line.replace(" 6 ", ".0 6 ", 1))],
    }
    made = {name: gzip.compress("\n".join([*text, ""]).encode(), 6, mtime=0) for name, text in texts.items()}
    middle = len(made["clean"]) // 2
    whole = gzip.decompress(made["clean"])
    at = whole.index(b"eni-", len(whole) // 2)
    cut = {"cut gzip": made["clean"][: -(len(made["clean"]) // 50)], "gzip cut in the middle": made["clean"][:middle]}
    return made | cut | {"a byte that is no text": gzip.compress(whole[:at] + b"\xff" + whole[at + 1 :], 6, mtime=0)}


def forms(lines: list[str]) -> dict[str, bytes]:
    """Return the records in other forms."""
    comma = [line.replace(" ", ",") for line in lines]
    events = [{"timestamp": 1795449900000, "message": line} for line in lines]
    texts = {
        "export led by times": "\n".join(f"{LED} {line}" for line in lines),
        "CSV, a column a field": "\n".join([HEADER.replace(" ", ","), *comma]),
        "console CSV": "\n".join(["timestamp,message", *(f"1795449900000,{line}" for line in lines)]),
        "events, one a line": "\n".join(map(json.dumps, events)),
        "subscriptions of 1,000": "".join(
            json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events[i : i + 1000]})
            for i in range(0, len(events), 1000)
        ),
    }
    return {name: gzip.compress(f"{text}\n".encode(), 6, mtime=0) for name, text in texts.items()}


def question(source: Path) -> pl.DataFrame:
    """Ask for flows, packets and bytes a minute by action."""
    minute = (pl.col("start").dt.timestamp("ms") // 60_000).alias("minute")
    sums = [pl.len().alias("flows"), pl.col("packets").sum(), pl.col("bytes").sum()]
    return fk.scan(source).group_by(minute, "action").agg(sums).collect(engine="streaming")


def cpu(source: Path) -> float:
    """Return the seconds of CPU that the question takes."""
    begin = time.process_time()
    question(source)
    return time.process_time() - begin


def write(folder: Path, number: int) -> dict[str, Path]:
    """Write what is measured; return the sources by their names."""
    lines = records(number, 0, BEGIN)["line"].to_list()
    found = {}
    for name, data in {**dirt(lines), **forms(lines)}.items():
        found[name] = folder / f"{len(found):02d}.gz"
        found[name].write_bytes(data)
    for kind, one in (("eight clean files", "clean"), ("eight files, one of them dirty", "1 % cut lines")):
        found[kind] = folder / one.replace(" ", "-")
        found[kind].mkdir()
        for i in range(8):
            (found[kind] / f"{i}.gz").hardlink_to(found["clean"] if i else found[one])
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=250_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as place:
        sources = write(Path(place), given.records)
        rows = {name: int(question(source)["flows"].sum()) for name, source in sources.items()}
        times: dict[str, list[float]] = {name: [] for name in sources}
        for _ in range(given.runs):
            for name, source in sources.items():
                times[name].append(cpu(source))
    print(f"{given.records:,} records, {os.cpu_count()} cores, polars {pl.__version__}, median of {given.runs}")
    print(f"{'':32} {'flows':>9} {'CPU s':>7} {'ratio':>6}")
    for name, runs in times.items():
        seconds = statistics.median(runs)
        print(f"{name:32} {rows[name]:9,} {seconds:7.2f} {seconds / statistics.median(times['clean']):6.2f}")
