"""Write flow logs to measure with: `python tests/benchmarks/make_logs.py FOLDER [--files 40] [--records 250000]`.

Default format, gzipped, in AWS's key layout, one file per five minutes; the same call writes the same records. What is
in them is what a VPC behind a Network Load Balancer logs, at every interface it passes:

- three nodes that check twelve targets every ten seconds (TCP, port 8080), of which one refuses for twenty minutes;
- clients' connections to a node, and the node's to a target;
- application hosts and the databases behind them;
- scans from everywhere, rejected; an interface that is idle (NODATA) and a record that AWS left out (SKIPDATA).

Windows are a minute long, each interface's with a beginning of its own, and its records share them, as AWS's do.
"""

from __future__ import annotations

import argparse
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
NODES, TARGETS, HOSTS, DATABASES = 3, 12, 200, 10
WINDOW, SLOT = 60, 300


def records(number: int, seed: int, begin: datetime) -> pl.DataFrame:
    """Return one file's lines: as many records, those of a window that ends in the five minutes from `begin` on."""
    checks = _checks(seed, begin)
    rest = max(0, number - checks.height)
    parts = [checks, _served(rest // 12, seed), _inside(rest // 10, seed), _scans(number // 10, seed)]
    every = pl.concat(parts).with_columns(_windows(begin)).with_row_index("row")
    # In no order, as in AWS's files: by a hash of the place.
    mixed = every.sort(pl.col("row").hash(seed)).head(number - 6)
    return pl.concat([mixed.select(line=_line()), _silent(begin)])


def _rows(number: int, seed: int, **columns: tuple[int, int]) -> pl.DataFrame:
    """Return rows of numbers from one to below the other, varied enough that no reader can guess them."""
    row = pl.int_range(number).hash(seed)
    picks = [
        ((row.hash(salt) % (high - low)).cast(pl.Int64) + low).alias(name)
        for salt, (name, (low, high)) in enumerate(columns.items())
    ]
    return pl.select(picks)


def _address(net: int, host: pl.Expr) -> pl.Expr:
    return pl.format("10.{}.{}.{}", pl.lit(net), host // 100, 10 + host % 100)


def _node(number: pl.Expr) -> pl.Expr:
    return _address(0, number * 100)


def _both(frame: pl.DataFrame, ends: list[str], action: str = "ACCEPT") -> pl.DataFrame:
    """Return connections as records: there and back, on the interface of each end that is named."""
    forth = ["src", "dst", "srcport", "dstport", "packets", "bytes"]
    ways = [forth, ["dst", "src", "dstport", "srcport", "packets_back", "bytes_back"]]
    seen = [
        frame.select(*(pl.col(a).alias(b) for a, b in zip(way, forth, strict=True)), "window", eni=end)
        for way in ways
        for end in ends
    ]
    return pl.concat(seen).filter(pl.col("packets") > 0).with_columns(action=pl.lit(action))


def _checks(seed: int, begin: datetime) -> pl.DataFrame:
    every = pl.DataFrame({"node": range(NODES)}).join(pl.DataFrame({"target": range(TARGETS)}), how="cross")
    ticks = every.join(pl.DataFrame({"tick": range(SLOT // 10)}), how="cross").with_row_index("row")
    port = (pl.col("row").hash(seed) % 32_000).cast(pl.Int64) * 2 + 1024
    down = (pl.col("target") == 3) & pl.lit(begin.hour % 3 == 1 and begin.minute < 20)
    frame = ticks.select(
        src=_node(pl.col("node")), dst=_address(1, pl.col("target")), srcport=port, dstport=pl.lit(8080, pl.Int64),
        packets=pl.when(down).then(1).otherwise(4).cast(pl.Int64),
        bytes=pl.when(down).then(60).otherwise(216).cast(pl.Int64),
        packets_back=pl.when(down).then(1).otherwise(2).cast(pl.Int64),
        bytes_back=pl.when(down).then(40).otherwise(112).cast(pl.Int64),
        window=pl.col("tick") // (WINDOW // 10),
        node_eni="node", target_eni=pl.col("target") + 100,
    )  # fmt: skip
    return _both(frame, ["node_eni", "target_eni"])


def _served(number: int, seed: int) -> pl.DataFrame:
    """Return two legs a connection: client to node, seen at the node, and node to target, seen at both."""
    rows = _rows(
        number, seed + 1, client=(0, 40_000), port=(1024, 65536), node=(0, NODES), own=(1024, 65536),
        target=(0, TARGETS), packets=(5, 60), size=(60, 1400), packets_back=(4, 90), size_back=(60, 1400),
        window=(0, SLOT // WINDOW),
    )  # fmt: skip
    rows = rows.with_columns(
        bytes=pl.col("packets") * pl.col("size"), bytes_back=pl.col("packets_back") * pl.col("size_back")
    )
    client = pl.format("203.{}.{}.{}", pl.col("client") // 2500, pl.col("client") // 10 % 250, pl.col("client") % 10)
    front = rows.with_columns(
        src=client, dst=_node(pl.col("node")), srcport="port", dstport=pl.lit(443, pl.Int64), eni="node"
    )
    back = rows.with_columns(
        src=_node(pl.col("node")), dst=_address(1, pl.col("target")), srcport="own", dstport=pl.lit(8080, pl.Int64),
        target_eni=pl.col("target") + 100,
    )  # fmt: skip
    return pl.concat([_both(front, ["eni"]), _both(back, ["node", "target_eni"])])


def _inside(number: int, seed: int) -> pl.DataFrame:
    rows = _rows(
        number, seed + 2, host=(0, HOSTS), base=(0, DATABASES), srcport=(1024, 65536), which=(0, 3), packets=(2, 40),
        size=(52, 1400), packets_back=(2, 40), size_back=(52, 1400), window=(0, SLOT // WINDOW),
    )  # fmt: skip
    frame = rows.with_columns(
        src=_address(2, pl.col("host")), dst=_address(3, pl.col("base")),
        dstport=pl.col("which").replace_strict({0: 5432, 1: 6379, 2: 443}, return_dtype=pl.Int64),
        bytes=pl.col("packets") * pl.col("size"), bytes_back=pl.col("packets_back") * pl.col("size_back"),
        host_eni=pl.col("host") + 200, base_eni=pl.col("base") + 500,
    )  # fmt: skip
    return _both(frame, ["host_eni", "base_eni"])


def _scans(number: int, seed: int) -> pl.DataFrame:
    rows = _rows(
        number, seed + 3, a=(1, 224), b=(0, 256), host=(0, HOSTS), srcport=(1024, 65536), dstport=(1, 10_000),
        window=(0, SLOT // WINDOW),
    )  # fmt: skip
    one, no = pl.lit(1, pl.Int64), pl.lit(0, pl.Int64)
    frame = rows.with_columns(
        src=pl.format("198.{}.{}.7", "a", "b"), dst=_address(2, pl.col("host")), packets=one, bytes=one * 40,
        packets_back=no, bytes_back=no, host_eni=pl.col("host") + 200,
    )  # fmt: skip
    return _both(frame, ["host_eni"], "REJECT")


def _windows(begin: datetime) -> list[pl.Expr]:
    """Return each record's interface, start and end: the window's, less a few seconds without a packet."""
    ends = int(begin.timestamp()) + pl.col("eni") * 7 % WINDOW + pl.col("window") * WINDOW
    quiet = [(pl.struct("eni", "window").hash(salt) % 3).cast(pl.Int64) for salt in (1, 2)]
    return [_eni(pl.col("eni")), (ends - WINDOW + 1 + quiet[0]).alias("start"), (ends - quiet[1]).alias("end")]


def _eni(number: pl.Expr) -> pl.Expr:
    return pl.format("eni-{}", number.cast(pl.String).str.zfill(17)).alias("eni")


def _line() -> pl.Expr:
    return pl.format(
        "2 123456789010 {} {} {} {} {} 6 {} {} {} {} {} OK",
        "eni", "src", "dst", "srcport", "dstport", "packets", "bytes", "start", "end", "action",
    )  # fmt: skip


def _silent(begin: datetime) -> pl.DataFrame:
    """Return a record a minute of an idle interface, and one of something that was left out."""
    first = int(begin.timestamp()) - WINDOW + 1
    spans = [(f"{first + WINDOW * n} {first + WINDOW * n + 58}", n) for n in range(SLOT // WINDOW)]
    lines = [f"2 123456789010 eni-{900:017} - - - - - - - {span} - NODATA" for span, _ in spans]
    return pl.DataFrame({"line": [*lines, f"2 123456789010 eni-{0:017} - - - - - - - {spans[0][0]} - SKIPDATA"]})


def make(folder: Path, files: int, number: int) -> list[Path]:
    """Write the files that are not there yet and return all of them."""
    made = []
    for i in range(files):
        begin = BEGIN + timedelta(minutes=5 * i)
        place = folder / "AWSLogs/123456789010/vpcflowlogs/eu-west-1" / f"{begin:%Y/%m/%d}"
        path = place / f"123456789010_vpcflowlogs_eu-west-1_fl-0a1b2c3d4e5f60718_{begin:%Y%m%dT%H%M}Z_{i:08x}.log.gz"
        if not path.exists():
            place.mkdir(parents=True, exist_ok=True)
            text = "\n".join([HEADER, *records(number, i, begin)["line"].to_list(), ""])
            new = path.with_suffix(".new")
            new.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
            new.rename(path)
        made.append(path)
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--records", type=int, default=250_000)
    given = parser.parse_args()
    print(f"{len(make(given.folder, given.files, given.records))} files in {given.folder}")
