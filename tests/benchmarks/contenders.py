"""The question asked of other readers: `python contenders.py NAME FOLDER`, in the benchmark's own environment.

Flows, packets and bytes a minute by action, of records with status OK, from the gz files of a folder. Every contender
is told the types, which is what it is quickest with.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from measure import answer, tell

COLUMNS = [
    "version",
    "account_id",
    "interface_id",
    "srcaddr",
    "dstaddr",
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "log_status",
]
WIDE, NARROW = ["packets", "bytes", "start", "end"], ["version", "srcport", "dstport", "protocol"]


def files(folder: str) -> list[str]:
    """Return the folder's logs."""
    return sorted(map(str, Path(folder).rglob("*.log.gz")))


def bare_polars(folder: str) -> dict[str, Any]:
    """Ask polars alone."""
    import polars as pl

    types = {c: pl.Int64 if c in WIDE else pl.Int32 if c in NARROW else pl.String for c in COLUMNS}
    lines = pl.scan_csv(
        files(folder), separator=" ", has_header=False, skip_rows=1, schema=types, null_values="-", quote_char=None
    )
    sums = [pl.len().alias("flows"), pl.col("packets").sum(), pl.col("bytes").sum()]
    asked = lines.filter(pl.col("log_status") == "OK").group_by(minute=pl.col("start") // 60, action="action")
    return answer(asked.agg(sums).collect(engine="streaming").rows())


def duckdb(folder: str) -> dict[str, Any]:
    """Ask DuckDB."""
    import duckdb as db

    types = {c: "BIGINT" if c in WIDE else "INTEGER" if c in NARROW else "VARCHAR" for c in COLUMNS}
    reader = (
        f"read_csv({files(folder)!r}, delim=' ', header=false, skip=1, quote='', escape='', nullstr='-', "
        f"columns={types!r}, auto_detect=false)"
    )
    asked = "select start // 60, action, count(*), sum(packets)::bigint, sum(bytes)::bigint"
    return answer(db.sql(f"{asked} from {reader} where log_status = 'OK' group by all").fetchall())


def chdb(folder: str) -> dict[str, Any]:
    """Ask ClickHouse, in this process."""
    import chdb as db

    types = {c: "Int64" if c in WIDE else "Int32" if c in NARROW else "String" for c in COLUMNS}
    structure = ", ".join(f"`{c}` Nullable({t})" for c, t in types.items())
    asked = "select intDiv(start, 60) as minute, action, count(), sum(packets), sum(bytes)"
    reader = f"file('{folder}/**/*.log.gz', 'CustomSeparatedWithNames', '{structure}')"
    told = (
        "format_custom_field_delimiter=' ', format_custom_escaping_rule='CSV', format_csv_null_representation='-', "
        "input_format_with_names_use_header=0"
    )
    query = f"{asked} from {reader} where log_status = 'OK' group by minute, action settings {told}"
    return answer(line.split("\t") for line in str(db.query(query, "TabSeparated")).splitlines())


def flowlogs_reader(folder: str) -> dict[str, Any]:
    """Ask flowlogs-reader: its own record for each line, read as its S3 reader reads an object."""
    from flowlogs_reader import FlowRecord

    counts: Counter[tuple[Any, ...]] = Counter()
    for path in files(folder):
        with gzip.open(path, "rt") as lines:
            reader = csv.DictReader(lines, delimiter=" ")
            reader.fieldnames = [name.replace("-", "_") for name in reader.fieldnames or ()]
            for record in map(FlowRecord, reader):
                if record.log_status == "OK":
                    minute, action = int(record.start.timestamp()) // 60, record.action
                    counts[minute, action, "flows"] += 1
                    counts[minute, action, "packets"] += record.packets
                    counts[minute, action, "bytes"] += record.bytes
    keys = {key[:2] for key in counts}
    return answer([*key, *(counts[*key, what] for what in ("flows", "packets", "bytes"))] for key in keys)


if __name__ == "__main__":
    name, folder = sys.argv[1:]
    tell(lambda: globals()[name](folder))
