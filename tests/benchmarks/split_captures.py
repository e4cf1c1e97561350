"""Judge the split on a folder of labelled captures: `python tests/benchmarks/split_captures.py FOLDER [--row TEXT]`.

One row of the table is one set of captures under one condition, with the figure it should reach; every capture of a row
is printed with precision, recall, F1, false checks and the share of uncertain records, and the table stands at the end.

A capture is a folder with `scenario.json` (its `flow_logs` by format and its `lb_nodes`), `labels.csv.gz` (stamp,
row, label) and text logs under `AWSLogs`. FOLDER is one capture or holds several, at any depth; those in a folder
`aws-windows` are cut as AWS cuts them, and those with records of over 66 s are the 600 s set. A CloudWatch export of
the default format is judged where `NAME.labels.csv.gz` (line, label) and a log with NAME in its name both lie in
FOLDER; what is labelled `forwarded` may be called either. A record is positive when its label is `hc`, and called so
when its kind is "health-check"; `uncertain` counts as a miss.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from flowkit.split import fit
from flowkit.windows import windows

INTEGERS = dict.fromkeys(("version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path"), pl.Int32)
INTEGERS |= {"packets": pl.Int64, "bytes": pl.Int64}
EXPORT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
AWS, OWN, LONG, REAL = "AWS windows", "60 s, own times", "600 s", "export"
EVERY = (AWS, OWN, LONG, REAL)


@dataclass(frozen=True)
class Capture:
    """Labelled flows, the set they belong to, and the load balancer's addresses."""

    name: str
    kind: str
    flows: pl.DataFrame
    nodes: list[str]
    story: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A set of captures under one condition, and the mean and the least F1 asked of it (None: no false check)."""

    sets: tuple[str, ...]
    mean: float | None
    least: float = 0.0
    given: bool = False
    change: dict[str, Any] = field(default_factory=dict)

    def title(self) -> str:
        """Return the row's name."""
        said = ", ".join(f"{key} {value}" for key, value in self.change.items())
        where = "all" if self.sets == EVERY else " and ".join(self.sets)
        return f"{where}, nodes {'given' if self.given else 'not given'}" + (f", {said}" if said else "")


ROWS = [
    Row((AWS,), 0.97, 0.90), Row((AWS,), 0.985, 0.95, given=True),
    Row((OWN,), 0.985, 0.95), Row((OWN,), 0.993, given=True),
    Row((LONG,), 0.99), Row((LONG,), 0.995, given=True),
    Row((REAL,), 0.95), Row((REAL,), 0.98, given=True),
    Row(EVERY, None, change={"without": "checks"}), Row(EVERY, None, given=True, change={"without": "checks"}),
    Row((AWS,), 0.93, change={"first": 5}), Row((AWS,), 0.95, given=True, change={"first": 5}),
    Row((OWN, LONG), 0.93, change={"first": 5}), Row((OWN, LONG), 0.95, given=True, change={"first": 5}),
    Row((AWS,), 0.93, change={"ports": 16}), Row((OWN, LONG), 0.93, change={"ports": 16}),
    Row((AWS,), 0.80, change={"ports": 4}), Row((OWN, LONG), 0.80, change={"ports": 4}),
    Row((AWS,), 0.93, change={"lose": 0.1}), Row((OWN, LONG), 0.93, change={"lose": 0.1}),
    Row(EVERY, 0.99, change={"without": "service"}),
]  # fmt: skip
"""What the split should reach: the table of its issue; the last row is for completeness."""


def main() -> None:
    """Print every row's captures, then the table."""
    options = arguments()
    held = list(captures(options.folder, options.format))
    if not held:
        raise SystemExit(f"no labelled captures in {options.folder}: see the top of this file for what one is")
    table = []
    for row in ROWS:
        chosen = [one for one in held if one.kind in row.sets]
        if chosen and options.row in row.title():
            print(f"\n{row.title()}")
            table.append((row, [judge(one, row) for one in chosen]))
    head = f"{'set and condition':62s}{'F1 mean':>9s}{'asked':>7s}{'least':>7s}{'asked':>7s}{'false where none':>18s}"
    print(f"\n{head}{'uncertain':>11s}")
    for row, scores in table:
        print(line(row, scores))


def line(row: Row, scores: list[Score]) -> str:
    """Return a row of the table, marked where it falls short."""
    real = [score.f1 for score in scores if score.there]
    false = sum(score.false for score in scores if not score.there)
    mean, least = (sum(real) / len(real), min(real)) if real else (0.0, 0.0)
    figures = f"{mean:9.4f}{row.mean:7.3f}{least:7.3f}{row.least:7.2f}" if row.mean else " " * 30
    short = false > 0 or (row.mean is not None and (mean < row.mean or least < row.least))
    unsure = max((score.unsure for score in scores), default=0.0)
    return f"{row.title():62s}{figures}{false:18d}{unsure:11.2%}{'  SHORT' if short or unsure > 0.03 else ''}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--format", default="v2", help="which of a capture's flow logs to read")
    parser.add_argument("--row", default="", metavar="TEXT", help="only the rows that have this in their name")
    return parser.parse_args()


def captures(folder: Path, form: str = "v2") -> Iterator[Capture]:
    """Yield the labelled captures and exports of a folder."""
    for scenario in sorted(folder.rglob("scenario.json")):
        story = json.loads(scenario.read_text())
        if form in story["flow_logs"]:
            flows = capture(scenario.parent, story["flow_logs"][form]).collect()
            nodes = [*story["lb_nodes"], *story.get("lb_nodes_v6", [])]
            yield Capture(scenario.parent.name, _kind(scenario, flows), flows, nodes, story)
    for labels in sorted(folder.rglob("*.labels.csv.gz")):
        name = labels.name.removesuffix(".labels.csv.gz")
        for log in sorted(folder.rglob(f"*{name}*.log")):
            flows = export(log, labels).collect()
            checks = flows.filter(pl.col("label") == "hc", pl.col("srcport") > pl.col("dstport"))
            yield Capture(name, REAL, flows, checks["srcaddr"].unique().sort().to_list())


def _kind(scenario: Path, flows: pl.DataFrame) -> str:
    if "aws-windows" in scenario.parts:
        return AWS
    return LONG if windows(flows.lazy()).collect()["longest_s"].max() > 66 else OWN  # type: ignore[operator]


def capture(folder: Path, flow_log: str) -> pl.LazyFrame:
    """Return the labelled flows of one capture and flow log."""
    files = []
    for path in sorted(folder.rglob(f"*_{flow_log}_*.log.gz")):
        stamp = re.search(r"_(\d{8}T\d{4}Z)_", path.name)
        text = pl.scan_csv(path, separator=" ", null_values="-", infer_schema=False).with_row_index("row")
        files.append(text.with_columns(stamp=pl.lit(stamp[1] if stamp else "")))
    flows = typed(pl.concat(files, how="diagonal")).with_columns(pl.col("row").cast(pl.Int64))
    labels = pl.scan_csv(folder / "labels.csv.gz", schema_overrides={"row": pl.Int64})
    return flows.join(labels.select("stamp", "row", "label"), on=["stamp", "row"], how="left").drop("stamp", "row")


def export(path: Path, labels: Path) -> pl.LazyFrame:
    """Return the labelled flows of an export whose lines begin with the time of ingestion."""
    lines = pl.DataFrame({"line": path.read_text().splitlines()}).with_row_index("number", offset=1)
    fields = pl.col("line").str.split(" ")
    names = EXPORT.split()
    rows = lines.filter(fields.list.len() == len(names) + 1)
    parts = rows.select(
        pl.col("number").cast(pl.Int64),
        *(pl.when(fields.list.get(i) != "-").then(fields.list.get(i)).alias(name) for i, name in enumerate(names, 1)),
    )
    marks = pl.read_csv(labels).select(pl.col("line").cast(pl.Int64).alias("number"), "label")
    return typed(parts.join(marks, on="number").drop("number").lazy())


def typed(text: pl.LazyFrame) -> pl.LazyFrame:
    names = text.collect_schema().names()
    flows = text.rename({name: name.replace("-", "_") for name in names})
    integers = [pl.col(name).cast(dtype) for name, dtype in INTEGERS.items() if name.replace("_", "-") in names]
    times = [(pl.col(name).cast(pl.Int64) * 1000).cast(pl.Datetime("ms", "UTC")) for name in ("start", "end")]
    return flows.with_columns(*integers, *times).filter(pl.col("log_status") == "OK")


def varied(flows: pl.DataFrame, change: dict[str, Any]) -> pl.DataFrame:
    """Return the flows under a row's condition."""
    if without := change.get("without"):
        checks = pl.col("label").is_in(["hc", "forwarded"])
        flows = flows.filter(~checks if without == "checks" else checks)
    if (first := change.get("first")) and flows.height:
        flows = flows.filter(pl.col("end") < pl.col("start").min() + pl.duration(minutes=first))
    if lose := change.get("lose"):
        # By what the record says and not by where it stands, so that the same records are lost in any order.
        flows = flows.filter(pl.struct(pl.exclude("label")).hash(1) % 1000 >= 1000 * lose)
    return reused(flows, change["ports"]) if "ports" in change else flows


def reused(flows: pl.DataFrame, ports: int) -> pl.DataFrame:
    """Return the flows as if each checker had only a few source ports: records of one 5-tuple and window become one."""
    checks = flows.filter(pl.col("label") == "hc")
    served = checks.group_by(addr="dstaddr", port="dstport").agg(met=pl.col("srcport").n_unique())
    ends = served.filter(pl.col("met") > 8).select(dstaddr="addr", dstport="port", there=pl.lit(True))
    checks = checks.join(ends, on=["dstaddr", "dstport"], how="left")
    few = {
        name: pl.when(mine).then(40_000 + pl.col(name) // 2 % ports * 2).otherwise(name)
        for name, mine in (("srcport", pl.col("there")), ("dstport", pl.col("there").is_null()))
    }
    # One record a window: by the window's own times where they are shared, by the minute where each flow has its own.
    minutes = (flows["end"].max() - flows["start"].min()).total_seconds() / 60  # type: ignore[operator]
    shared = flows.select("interface_id", "start").n_unique() < 4 * minutes * flows["interface_id"].n_unique()
    window = "start" if shared else pl.col("start").dt.truncate("1m")
    keys = [name for name in flows.columns if name not in ("packets", "bytes", "start", "end", "tcp_flags")]
    merged = (
        checks.with_columns(**few)
        .group_by(*keys, window=window)
        .agg(pl.col("packets", "bytes").sum(), pl.col("start").min(), pl.col("end").max())
    )
    return pl.concat([flows.filter(pl.col("label") != "hc"), merged.drop("window")], how="diagonal").sort("start")


@dataclass(frozen=True)
class Score:
    """What came out for one capture."""

    there: int
    hits: int
    false: int
    unsure: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.hits / max(1, self.there + self.hits + self.false)


def score(one: Capture, row: Row) -> Score:
    """Return what the split makes of a capture under a row's condition."""
    held = varied(one.flows, row.change)
    if held.is_empty():
        return Score(0, 0, 0, 0.0)
    split = fit(held.drop("label").lazy(), lb_addresses=one.nodes if row.given else None)
    called = split.label(held.lazy()).collect().filter(pl.col("label") != "forwarded")
    checks, said = called["label"] == "hc", called["kind"] == "health-check"
    unsure = (called["kind"] == "uncertain").mean() or 0.0
    return Score(int(checks.sum()), int((checks & said).sum()), int((~checks & said).sum()), float(unsure))  # type: ignore[arg-type]


def judge(one: Capture, row: Row) -> Score:
    """Print a capture's figures and return them."""
    out = score(one, row)
    figures = "no checks there" + " " * 11
    if out.there:
        precision, recall = out.hits / max(1, out.hits + out.false), out.hits / out.there
        figures = f"P {precision:.3f}  R {recall:.3f}  F1 {out.f1:.3f}"
    print(f"  {one.name:20s} {figures}  false {out.false:5d}  uncertain {out.unsure:6.2%}")
    return out


if __name__ == "__main__":
    main()
