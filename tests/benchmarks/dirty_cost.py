"""What dirt costs: `python dirty_cost.py [--records 250000] [--plain 1000000] [--runs 5] [--only CRLF]`.

Records in default format are written with dirt of each kind, in one of a hundred lines up to each of them: as a gzip
object, and as a larger plain file. The table has the CPU time as a ratio to that of the same file clean, whose runs lie
between those of the dirty one (medians): of the question how many flows, packets and bytes there were a minute by
action (`scan`), and of all that `load` reads (`read`). `lines` says whether each line was accounted for and each record
that is not damaged came back as it was written.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from make_logs import BEGIN, HEADER, records

import flowkit as fk
from flowkit import formats
from flowkit.formats import Batch, Wanted
from flowkit.schema import columns

MOST = 3.0
"""What a dirty file may cost, of a clean one."""

LED = "2026-11-23T16:05:00.000Z"
SYSLOG = "Nov  3 12:00:01 host flows[123]:"
OTHER = "version srcaddr dstaddr bytes packets start end action log-status srcport dstport protocol account-id vpc-id"
QUERY = ["start", "action", "packets", "bytes"]

Change = Callable[[str], str]


def other(line: str) -> str:
    """Return a record in another format, of as many fields."""
    words = dict(zip(HEADER.split(), line.split(), strict=True))
    return " ".join(words.get(name, "vpc-1") for name in OTHER.split())


def padded(line: str) -> str:
    return " ".join(word.ljust(16) for word in line.split())


def aligned(line: str) -> str:
    """Return the line as `column -t` has it."""
    widths = (7, 12, 21, 15, 15, 7, 7, 8, 7, 8, 10, 10, 6, 10)
    return "  ".join(word.ljust(width) for word, width in zip(line.split(), widths, strict=True)).rstrip()


def floated(line: str) -> str:
    """Return the line with its ports as pandas writes them."""
    words = [f"{w}.0" if i in (5, 6) and w != "-" else w for i, w in enumerate(line.split())]
    return " ".join(words)


LOST: dict[str, Change] = {
    "cut early": lambda line: line[:40],
    "cut late": lambda line: line[:-14],
    "no number": lambda line: re.sub(r" (\d+ \d+ \S+ \S+)$", r" x\1", line),
    "another status": lambda line: f"{line}AY",
    "a field too many": lambda line: f"{line} more",
    "two on a line": lambda line: f"{line}{line}",
    "torn, filled with NUL": lambda line: line[:60] + "\0" * (len(line) - 60),
    "other text": lambda _: "ERROR: connection to the collector was lost, trying again in 5 seconds",
    "in quotes": lambda line: f'"{line}"',
    "of another format": other,
    "commas for spaces": lambda line: line.replace(" ", ","),
}
"""Damage: what becomes of a line, whose record is lost."""

KEPT: dict[str, Change] = {
    "text before": lambda line: f"ERROR x {line}",
    "text stuck to it": lambda line: f"INFO:{line}",
    "syslog's words before": lambda line: f"{SYSLOG} {line}",
    "an ISO time before": lambda line: f"{LED} {line}",
    "ports as floats": floated,
    "double spaces": lambda line: line.replace(" ", "  "),
    "padded to 16": padded,
    "aligned columns": aligned,
    "tabs": lambda line: line.replace(" ", "\t"),
    "a tab among spaces": lambda line: line.replace(" ", "\t", 1),
    "no-break spaces": lambda line: line.replace(" ", "\xa0"),
    "a space behind": lambda line: f"{line} ",
    "two spaces behind": lambda line: f"{line}  ",
    "a space before": lambda line: f" {line}",
    "CRLF": lambda line: f"{line}\r",
    "a byte order mark": lambda line: f"\ufeff{line}",
    "a blank line behind": lambda line: f"{line}\n",
    "a header before": lambda line: f"{HEADER}\n{line}",
    "NODATA behind": lambda line: f"{line}\n{NODATA}",
}
"""Dirt that a record survives."""

NODATA = "2 123456789010 eni-0a0a0a0a0a0a0a0a0 - - - - - - - 1795449900 1795449930 - NODATA"


@dataclass(frozen=True)
class Dirty:
    """A text and the records that have to come back."""

    text: bytes
    records: Sequence[str]
    prefix: bool = False
    """Whether fewer may come back, as the rest is missing: the first."""


def made(lines: Sequence[str], share: int, change: Change, *, lost: bool) -> Dirty:
    """Return the records, so many of a hundred changed."""
    step = 100 // share
    hit = [i % step == step // 2 for i in range(len(lines))]
    text = [change(line) if bad else line for line, bad in zip(lines, hit, strict=True)]
    kept = [line for line, bad in zip(lines, hit, strict=True) if not (bad and lost)]
    kept += [NODATA] * (sum(hit) if change is KEPT["NODATA behind"] else 0)
    return Dirty("\n".join([HEADER, *text, ""]).encode(), kept)


def special(lines: Sequence[str]) -> Iterator[tuple[str, Dirty]]:
    """Yield dirt of which there is one piece."""
    half = len(lines) // 2
    text = "\n".join([HEADER, *lines, ""]).encode()
    yield (
        "one line cut",
        Dirty(text.replace(lines[half].encode(), lines[half][:40].encode()), [*lines[:half], *lines[half + 1 :]]),
    )
    at = text.index(b" eni-", len(text) // 2) + 5
    hit = text[:at].count(b"\n") - 1
    bad = re.sub(r" eni-.", " eni-\ufffd", lines[hit], count=1)
    yield "a byte that is no text", Dirty(text[:at] + b"\xff" + text[at + 1 :], [*lines[:hit], bad, *lines[hit + 1 :]])
    some = [re.sub(r" eni-.", " eni-\udcff", line, count=1) if i % 100 == 9 else line for i, line in enumerate(lines)]
    came = [line.replace("\udcff", "\ufffd") for line in some]
    yield "1 % no text", Dirty("\n".join([HEADER, *some, ""]).encode("utf-8", "surrogateescape"), came)
    long = [f"{line} {'x' * 20_000}" if i % 1000 == 9 else line for i, line in enumerate(lines)]
    yield (
        "0.1 % of 20,000 letters",
        Dirty("\n".join([HEADER, *long, ""]).encode(), [a for a, b in zip(lines, long, strict=True) if a == b]),
    )
    known = [line for line in lines if line.endswith(" OK")]
    turned = [OTHER, *map(other, known[half:])]
    yield "another format from the middle", Dirty("\n".join([HEADER, *known[:half], *turned, ""]).encode(), known)
    glued = "\n".join([HEADER, *known[:half]]) + " " + "\n".join([*turned, ""])
    yield "the same, its header glued", Dirty(glued.encode(), [*known[: half - 1], *known[half:]])
    parts = [known[i : i + 1000] for i in range(0, len(known), 1000)]
    mixed = [[OTHER, *map(other, part)] if i % 2 else [HEADER, *part] for i, part in enumerate(parts)]
    yield (
        "formats by turns, 1,000 lines",
        Dirty("\n".join([line for part in mixed for line in part] + [""]).encode(), known),
    )


def packed(lines: Sequence[str]) -> Iterator[tuple[str, bytes, Dirty]]:
    """Yield damaged gzip data, with the text that was packed."""
    whole = Dirty("\n".join([HEADER, *lines, ""]).encode(), lines, prefix=True)
    data = gzip.compress(whole.text, 6, mtime=0)
    half = len(lines) // 2
    two = ["\n".join([HEADER, *part, ""]).encode() for part in (lines[:half], lines[half:])]
    both = Dirty(b"".join(two), lines)
    yield "gzip cut late", data[: -len(data) // 50], whole
    yield "gzip cut in the middle", data[: len(data) // 2], whole
    yield "gzip damaged in the middle", data[: len(data) // 2] + b"\xa5" * 64 + data[len(data) // 2 + 64 :], whole
    yield "gzip damaged late", data[: -len(data) // 50] + b"\xa5" * 64 + data[-len(data) // 50 + 64 :], whole
    yield "gzip, a wrong checksum", data[:-8] + b"\0\0\0\0" + data[-4:], whole
    yield "gzip in two members", b"".join(gzip.compress(text, 6, mtime=0) for text in two), both
    yield "gzip filled up with zeros", data + bytes(5000), Dirty(whole.text, lines)
    yield "text, then gzip", two[0] + gzip.compress(two[1], 6, mtime=0), both
    yield "gzip, then text", gzip.compress(two[0], 6, mtime=0) + two[1], both


def kinds(lines: Sequence[str], only: str) -> Iterator[tuple[str, Dirty]]:
    """Yield dirt of each kind, in one line of a hundred up to each."""
    for changes, lost in ((LOST, True), (KEPT, False)):
        for name, change in changes.items():
            for share in (1, 10, 50, 100):
                # A file in which no line is a record is no flow log.
                if only in (said := f"{share} % {name}") and (share < 100 or not lost):
                    yield said, made(lines, share, change, lost=lost)
    yield from (pair for pair in special(lines) if only in pair[0])


def question(source: Path) -> pl.DataFrame:
    """Ask for flows, packets and bytes a minute by action."""
    minute = (pl.col("start").dt.timestamp("ms") // 60_000).alias("minute")
    sums = [pl.len().alias("flows"), pl.col("packets").sum(), pl.col("bytes").sum()]
    return fk.scan(source).group_by(minute, "action").agg(sums).collect(engine="streaming")


def read(source: Path) -> list[Batch]:
    """Read every column, as `load` does."""
    found = []
    for path in sorted(source.iterdir()) if source.is_dir() else [source]:
        form = formats.detect(str(path))
        wanted = Wanted({**columns([*form.names, "log-status"]), "object": pl.String}, open=True)
        huge = formats.huge(str(path), path.stat().st_size, form)
        found += formats.read_pieces(str(path), form, wanted) if huge else [formats.read([str(path)], form, wanted)]
    return found


def hashes(frame: pl.DataFrame) -> pl.Series:
    """Return the records' hashes in one order."""
    return frame.select(list(columns(HEADER.split()))).hash_rows().sort()


def truth(lines: Sequence[str]) -> pl.DataFrame:
    """Return what lines hold, by nobody's reader."""
    words = pl.DataFrame({"line": lines}).select(pl.col("line").str.split_exact(" ", 13).struct.unnest())
    named = words.rename(dict(zip(words.columns, columns(HEADER.split()), strict=True)))
    named = named.with_columns(pl.when(pl.all() != "-").then(pl.all()).name.keep())
    kinds_ = columns(HEADER.split())
    times = [c for c, t in kinds_.items() if t == pl.Datetime("ms", "UTC")]
    seconds = [(pl.col(c).cast(pl.Int64) * 1000).cast(kinds_[c]) for c in times]
    return named.select(*(pl.col(c).cast(t) for c, t in kinds_.items() if c not in times), *seconds).select(
        list(kinds_)
    )


def told(source: Path, dirty: Dirty) -> str:
    """Say whether each line was accounted for and each good record came back."""
    batches = read(source)
    frame = pl.concat([batch.frame for batch in batches], how="diagonal")
    counted = sum(
        b.frame.height + b.quarantine.height + sum(b.headers.values()) + sum(b.blanks.values()) for b in batches
    )
    lines = dirty.text.count(b"\n")
    if not dirty.prefix and counted != lines:
        return f"{lines:,} lines, {counted:,} accounted for"
    good = dirty.records[: frame.height] if dirty.prefix else dirty.records
    if "vpc_id" in frame.columns:  # The other format has no interface.
        frame = frame.with_columns(interface_id=pl.lit("x"))
        good = [re.sub(r"^(\S+ \S+) \S+", r"\1 x", line) for line in good]
    if hashes(frame).equals(hashes(truth(good))):
        return f"add up, {frame.height:,} records"
    return f"{len(good):,} records expected, {frame.height:,} came, or others"


def cost(ask: Callable[[Path], object], clean: Path, dirty: Path, runs: int) -> float:
    """Return the CPU time of asking the dirty file as a ratio to the clean one's."""
    took: dict[Path, list[float]] = {clean: [], dirty: []}
    for turn in range(runs + 1):
        for path, times in took.items():
            begin = time.process_time()
            ask(path)
            if turn:
                times.append(time.process_time() - begin)
    return statistics.median(took[dirty]) / statistics.median(took[clean])


def pack(text: bytes) -> bytes:
    return gzip.compress(text, 6, mtime=0)


class Table:
    """Measures a kind at a time and prints its row."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder, self.runs, self.above = folder, runs, 0
        print(f"{'':34} {'gz scan':>8} {'read':>6} {'plain scan':>11} {'read':>6}   lines")

    def clean(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def row(self, name: str, files: Sequence[tuple[Path, bytes, Dirty] | None]) -> None:
        """Print the ratios of dirty data to a clean file, a pair of columns for each."""
        cells, says = [], []
        for given_ in files:
            if given_ is None:
                cells += [f"{'':>8}", f"{'':>6}"]
                continue
            clean, data, dirty = given_
            path = self.folder / f"dirty{clean.suffix}"
            path.write_bytes(data)
            says.append(told(path, dirty))
            ratios = [cost(ask, clean, path, self.runs) for ask in (question, read)]
            self.above += max(ratios) > MOST
            cells += [f"{r:{w}.2f}{'!' if r > MOST else ' '}" for r, w in zip(ratios, (7, 5), strict=True)]
            path.unlink()
        print(f"{name:34} {' '.join(cells)}   {says[0] if len(set(says)) == 1 else ' / '.join(says)}", flush=True)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=250_000, help="of the gzip object (250,000)")
    parser.add_argument("--plain", type=int, default=1_000_000, help="records of the plain file (1,000,000; 0: none)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="kinds whose name holds this word")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{given.records:,} records in gzip, {given.plain:,} plain, {os.cpu_count()} cores, polars {pl.__version__}")
    lines = [records(n, 0, BEGIN)["line"].to_list() if n else [] for n in (given.records, given.plain)]
    with tempfile.TemporaryDirectory() as place:
        table = Table(Path(place), given.runs)
        texts = ["\n".join([HEADER, *some, ""]).encode() for some in lines]
        clean = [table.clean("clean.gz", pack(texts[0])), table.clean("clean.log", texts[1])]
        for (name, small), (_, large) in zip(*(kinds(some or lines[0], given.only) for some in lines), strict=True):
            plain = (clean[1], large.text, large) if lines[1] else None
            table.row(name, [(clean[0], pack(small.text), small), plain])
        for name, data, dirty in packed(lines[0]):
            if given.only in name:
                table.row(name, [(clean[0], data, dirty)])
    print(f"above {MOST}: {table.above}")


if __name__ == "__main__":
    main()
