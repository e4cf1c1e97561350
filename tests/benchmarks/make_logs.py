"""Write flow logs to measure with: `python tests/benchmarks/make_logs.py FOLDER [--files 40] [--records 250000]`.

Default format, gzipped, in AWS's key layout, one file per five minutes. The same call writes the same records. Each
address has one interface, as it has in a VPC.
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


def records(number: int, seed: int, begin: datetime) -> pl.DataFrame:
    """Return one file's records: varied enough that no reader can guess them."""
    row = pl.int_range(number).hash(seed)

    def pick(low: int, high: int, salt: int) -> pl.Expr:
        return (row.hash(salt) % (high - low)).cast(pl.Int64) + low

    start = int(begin.timestamp())
    frame = pl.select(
        host=pick(0, 250, 1), net=pick(0, 4, 2), peer=pick(0, 250, 3), srcport=pick(1024, 65536, 5),
        dstport=pick(0, 3, 6), packets=pick(1, 40, 7), size=pick(40, 1500, 8), start=pick(start, start + 240, 9),
        length=pick(0, 60, 10), accept=pick(0, 20, 11),
    )  # fmt: skip
    line = pl.format(
        "2 123456789010 eni-{} 10.0.{}.{} 10.1.{}.{} {} {} 6 {} {} {} {} {} OK",
        (pl.col("host") % 20).cast(pl.String).str.zfill(17), "net", "host", "net", "peer", "srcport",
        pl.col("dstport").replace_strict({0: 80, 1: 443, 2: 5432}), "packets", pl.col("packets") * pl.col("size"),
        "start", pl.col("start") + pl.col("length"),
        pl.when(pl.col("accept") > 0).then(pl.lit("ACCEPT")).otherwise(pl.lit("REJECT")),
    )  # fmt: skip
    return frame.select(line=line)


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
            path.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))
        made.append(path)
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--records", type=int, default=250_000)
    given = parser.parse_args()
    print(f"{len(make(given.folder, given.files, given.records))} files in {given.folder}")
