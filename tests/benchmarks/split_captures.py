"""Judge the split on a folder of labelled captures: precision, recall, F1, false checks, share of uncertain, time.

    python tests/benchmarks/split_captures.py FOLDER [--format v2] [--given] [--without checks|service] [--first 5]

A capture is a folder with `scenario.json` (its `flow_logs` by format and its `lb_nodes`), `labels.csv.gz` (stamp,
row, label) and text logs under `AWSLogs`. FOLDER is one capture or holds several, at any depth. A record is positive
when its label is `hc`, and called so when its kind is "health-check"; `uncertain` counts as a miss. A single export
beside its labels (`line,label`) is judged with `--export FILE --labels FILE`; what is labelled `forwarded` may be
called either.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path

import polars as pl

from flowkit.split import fit

INTEGERS = dict.fromkeys(("version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path"), pl.Int32)
INTEGERS |= {"packets": pl.Int64, "bytes": pl.Int64}
EXPORT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)


def main() -> None:
    """Print one row per capture, and the means."""
    options = arguments()
    if options.export:
        judge(options.export.name, export(options.export, options.labels), options.lb or None, options)
        return
    scores = []
    for scenario in sorted(options.folder.rglob("scenario.json")):
        story = json.loads(scenario.read_text())
        if options.format in story["flow_logs"]:
            nodes = [*story["lb_nodes"], *story.get("lb_nodes_v6", [])] if options.given else None
            name = str(scenario.parent.relative_to(options.folder))
            scores.append(judge(name, capture(scenario.parent, story["flow_logs"][options.format]), nodes, options))
    real = [score for score in scores if score is not None]
    if real:
        print(f"{'mean':36s} F1 {sum(real) / len(real):.4f}  least {min(real):.4f}  of {len(real)} with checks")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    parser.add_argument("--format", default="v2", help="which of a capture's flow logs to read")
    parser.add_argument("--given", action="store_true", help="give the load balancer's addresses to the split")
    parser.add_argument("--without", choices=["checks", "service"], help="take these out first")
    parser.add_argument("--first", type=float, metavar="MINUTES", help="only the records that end so soon")
    parser.add_argument("--ports", type=int, metavar="N", help="let each checker use only N source ports for a target")
    parser.add_argument("--lose", type=float, default=0, metavar="SHARE", help="lose this share of all records")
    parser.add_argument("--export", type=Path, help="a CloudWatch export of the default format")
    parser.add_argument("--labels", type=Path, help="the labels of its lines")
    parser.add_argument("--lb", nargs="*", help="load balancer addresses for the export")
    return parser.parse_args()


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


def varied(flows: pl.DataFrame, options: argparse.Namespace) -> pl.DataFrame:
    if options.without:
        checks = pl.col("label").is_in(["hc", "forwarded"])
        flows = flows.filter(~checks if options.without == "checks" else checks)
    if options.first and flows.height:
        flows = flows.filter(pl.col("end") < pl.col("start").min() + pl.duration(minutes=options.first))
    if options.lose:
        flows = flows.filter(pl.int_range(pl.len()).hash(1) % 1000 >= 1000 * options.lose)
    return reused(flows, options.ports) if options.ports else flows


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


def judge(name: str, flows: pl.LazyFrame, nodes: list[str] | None, options: argparse.Namespace) -> float | None:
    """Print one capture's row and return its F1, or None where there is no check to be found."""
    held = varied(flows.collect(), options)
    if held.is_empty():
        return None
    began = time.perf_counter()
    records = held.lazy()
    called = fit(records.drop("label"), lb_addresses=nodes).label(records).collect(engine="streaming")
    took = time.perf_counter() - began
    called = called.filter(pl.col("label") != "forwarded")
    checks, said = called["label"] == "hc", called["kind"] == "health-check"
    hits, false = int((checks & said).sum()), int((~checks & said).sum())
    there = int(checks.sum())
    precision, recall = hits / max(1, hits + false), hits / max(1, there)
    score = 2 * hits / max(1, there + hits + false)
    unsure = (called["kind"] == "uncertain").mean()
    figures = f"P {precision:.3f}  R {recall:.3f}  F1 {score:.3f}" if there else "no checks there" + " " * 10
    print(f"{name:36s} {figures}  false {false:5d}  uncertain {unsure:6.2%}  {held.height:7,d} records {took:5.2f} s")
    return score if there else None


if __name__ == "__main__":
    main()
