"""Judge target health on a folder of captures: failures found, how late, and false ones.

    python tests/benchmarks/health_captures.py FOLDER [--format v2] [--given] [--labels]

A capture is a folder as `split_captures.py` takes it, whose `scenario.json` also holds `events`: (second, words), where
"t2 …" is about the second target among its `enis`. A failure begins with words such as killed, refused, drops, stalls,
and lasts until the target's next event. It is found where `target_health` has a failing state in a window that touches
it, and placed where `health_changes` has a failing state that begins in the window of the event (a failure that comes
again within a window of the last one continues it). False is a failing state that touches no failure of its target, a
window to either side allowed. A target that failed from the first window to the last is no event: it is counted by
itself. "Apart" is how many failing states `health_changes` has in the failures: as many as there are, where none is run
together with the next. "Resent" is the share of checks that needed a packet sent again, and the targets that are called
retransmitting for it. "No checks seen" is checked against the labels. With `--labels` the labels stand in for the
split, so that the questions are judged alone.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from split_captures import capture

import flowkit as fk
from flowkit.split import fit

RETRANSMITTING = "retransmitting"
BEGINS = {"killed": "refused", "refuse": "refused", "drops": "unreachable", "stall": "slow", "slow": "slow"}
FAILING = ["refused", "unreachable", "slow"]


@dataclass(frozen=True)
class Failure:
    """One failure as it really was."""

    address: str
    state: str
    start: datetime
    end: datetime


def main() -> None:
    """Print one row a capture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", default="v2", help="which of a capture's flow logs to read")
    parser.add_argument("--given", action="store_true", help="give the load balancer's addresses to the split")
    parser.add_argument("--labels", action="store_true", help="take the labels for the split's")
    options = parser.parse_args()
    print(f"{'':32s}failures  found  named  placed  latest apart    false        failing    without checks   resent")
    print(f"{'':32s}                                               states bins  all along   true false  share targets")
    for scenario in sorted(options.folder.rglob("scenario.json")):
        story = json.loads(scenario.read_text())
        if options.format in story["flow_logs"]:
            judge(str(scenario.parent.relative_to(options.folder)), scenario.parent, story, options)


def judge(name: str, folder: Path, story: dict[str, Any], options: argparse.Namespace) -> None:
    """Print the row of one capture."""
    flows = capture(folder, story["flow_logs"][options.format]).collect()
    labelled = by_labels(flows) if options.labels else by_split(flows, story if options.given else {})
    changes, health = pl.collect_all([fk.health_changes(labelled), fk.target_health(labelled)])
    window = timedelta(seconds=int(story["window"]))
    real = failures(story)
    changes = changes.with_columns(address=address(pl.col("target")))
    health = health.filter(pl.col("checks") > 0).with_columns(
        address=address(pl.col("target")), end=pl.col("time") + window
    )
    whole = changes.filter((pl.len().over("target") == 1) & pl.col("state").is_in(FAILING))["target"].to_list()
    bad = changes.filter(pl.col("state").is_in(FAILING) & ~pl.col("target").is_in(whole))
    bins = health.filter(pl.col("state").is_in(FAILING) & ~pl.col("target").is_in(whole))
    found = [f for f in real if touching(bins, "time", f, timedelta(0)).height]
    named = [f for f in found if f.state in touching(bins, "time", f, timedelta(0))["state"].to_list()]
    late = [placed(bad, f, real[:i], window) for i, f in enumerate(real)]
    on_time = [seconds for seconds in late if seconds is not None and abs(seconds) <= window.total_seconds()]
    untouched = [outside(frame, column, real, window) for frame, column in ((bad, "start"), (bins, "time"))]
    silent = changes.filter(pl.col("state") == "no checks seen")
    truly = sum(not checked(flows, row) for row in silent.rows(named=True))
    apart = sum(any(touching(bad[i : i + 1], "start", f, timedelta(0)).height for f in real) for i in range(bad.height))
    resent = int(health["retransmitted"].sum()) / max(int(health["checks"].sum()), 1)
    lossy = changes.filter(state=RETRANSMITTING)["target"].n_unique()
    latest = f"{max(on_time, key=abs):+.0f} s" if on_time else "-"
    print(
        f"{name:32s}{len(real):8d}{len(found):7d}{len(named):7d}{len(on_time):8d}{latest:>8s}{apart:6d}{untouched[0]:8d}{untouched[1]:5d}"
        f"{len(whole):11d}{truly:7d}{silent.height - truly:6d}{resent:7.1%}{lossy:8d}  {', '.join(whole)}"
    )


def by_split(flows: pl.DataFrame, story: dict[str, Any]) -> pl.LazyFrame:
    nodes = [*story.get("lb_nodes", []), *story.get("lb_nodes_v6", [])] or None
    bare = flows.drop("label").lazy()
    return fit(bare, lb_addresses=nodes).label(bare).collect().lazy()


def by_labels(flows: pl.DataFrame) -> pl.LazyFrame:
    kinds = {"hc": "health-check", "svc": "service", "mon": "service"}
    return flows.lazy().with_columns(kind=pl.col("label").replace_strict(kinds, default="other"))


def failures(story: dict[str, Any]) -> list[Failure]:
    """Return what failed, from when to when, as the story tells it."""
    started = datetime.fromisoformat(story["started"].replace("Z", "+00:00")).astimezone(UTC)
    targets = [eni["ip"] for eni in story["enis"].values() if eni["role"] == "target"]
    known = {f"t{i}": ip for i, ip in enumerate(targets, 1)}
    told = [(second, *words.partition(" ")[::2]) for second, words in story["events"]]
    out = []
    for i, (second, who, words) in enumerate(told):
        state = next((state for word, state in BEGINS.items() if word in words), None)
        if who in known and state:
            until = next((s for s, other, _ in told[i + 1 :] if other == who), story["seconds"])
            ends = [started + timedelta(seconds=s) for s in (second, until)]
            out.append(Failure(known[who], state, *ends))
    return out


def address(target: pl.Expr) -> pl.Expr:
    return target.str.replace(r":\d+$", "").str.strip_chars("[]")


def touching(rows: pl.DataFrame, start: str, failure: Failure, margin: timedelta) -> pl.DataFrame:
    meets = (pl.col(start) < failure.end + margin) & (pl.col("end") > failure.start - margin)
    return rows.filter((pl.col("address") == failure.address) & meets)


def placed(changes: pl.DataFrame, failure: Failure, before: list[Failure], window: timedelta) -> float | None:
    """Return by how many seconds the state that holds the failure begins after it; 0 where it only goes on."""
    rows = touching(changes, "start", failure, timedelta(0)).filter(pl.col("state") == failure.state)
    if rows.is_empty():
        return None
    start = min(rows["start"], key=lambda start: abs(start - failure.start))
    goes_on = any(f.address == failure.address and start < f.end + window for f in before)
    return 0.0 if start < failure.start and goes_on else (start - failure.start).total_seconds()


def outside(rows: pl.DataFrame, start: str, real: list[Failure], window: timedelta) -> int:
    """Return how many failing rows touch no failure."""
    rows = rows.with_row_index("_row")
    met = {row for failure in real for row in touching(rows, start, failure, window)["_row"]}
    return rows.height - len(met)


def checked(flows: pl.DataFrame, row: dict[str, Any]) -> bool:
    """Return whether the labels know a check of this target in the middle of the time."""
    shrink = (row["end"] - row["start"]) / 4
    inside = (pl.col("start") > row["start"] + shrink) & (pl.col("end") < row["end"] - shrink)
    there = (pl.col("dstaddr") == row["address"]) & (pl.col("label") == "hc")
    return flows.filter(inside & there).height > 0


if __name__ == "__main__":
    main()
