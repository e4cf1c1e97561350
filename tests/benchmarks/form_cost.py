"""What each form costs: `python tests/benchmarks/form_cost.py [--records 250000] [--runs 5] [--only WORD]`.

The same records are written as clean gz text and in the forms that others wrap them in, clean and with one record in a
hundred cut; the same query is asked of each, runs interleaved. The table has the medians of the CPU time as ratios:
each form's to clean gz text, and the damaged form's to the clean one; and whether the ledger of either adds up: as many
flows as were whole, as many malformed lines as were cut, nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
from dirty_cost import question
from make_logs import BEGIN, HEADER, records

import flowkit as fk

MILLIS, STEP = 1795449900000, 100
COLUMNS = HEADER.replace("-", "_").split()
_INSIGHTS = (3, 4, 12, 9, 8, 10, 11, 13)

Cut = Callable[[Sequence[str]], list[str]]


def rows(texts: Sequence[str]) -> str:
    return "".join(f"{text}\n" for text in texts)


def quoted(line: str) -> str:
    return ",".join("" if word == "-" else f'"{word}"' for word in line.split())


def named(line: str, *, typed: bool) -> str:
    words = dict(zip(COLUMNS, line.split(), strict=True))
    return json.dumps(
        {
            name: None if word == "-" else int(word) if typed and word.isdecimal() and name != "account_id" else word
            for name, word in words.items()
        }
    )


def subscriptions(events: Sequence[str], size: int) -> str:
    about = '{"messageType":"DATA_MESSAGE","owner":"1","logEvents":['
    return "".join(f"{about}{','.join(events[i : i + size])}]}}" for i in range(0, len(events), size))


def tables(lines: Sequence[str], cut: Cut) -> dict[str, str]:
    """Return the records as text and in tables."""
    picked = [",".join(["2026-11-23 16:05:00.000", *(line.split()[i] for i in _INSIGHTS)]) for line in lines]
    return {
        "gz text": rows([HEADER, *cut(lines)]),
        "CSV, a column a field": rows([",".join(COLUMNS), *cut([line.replace(" ", ",") for line in lines])]),
        "CSV of Athena, quoted": rows([",".join(f'"{c}"' for c in COLUMNS), *cut(list(map(quoted, lines)))]),
        "console CSV": rows(["timestamp,message", *cut([f"{MILLIS},{line}" for line in lines])]),
        "console CSV, quoted": rows(["timestamp,message", *cut([f'{MILLIS},"{line}"' for line in lines])]),
        "console CSV, over two lines": rows(["timestamp,message", *cut([f'{MILLIS},"{line}\n"' for line in lines])]),
        "Insights CSV, a column a field": rows(
            ["@timestamp,srcAddr,dstAddr,action,bytes,packets,start,end,logStatus", *cut(picked)]
        ),
        "AWS CLI text": rows(cut([f"EVENTS\t1\t{MILLIS}\teni-1-all\t{line}\t{MILLIS}" for line in lines])),
        "aws logs tail": rows(cut([f"2026-11-23T16:05:00.000000+00:00 eni-1-all {line}" for line in lines])),
    }


def documents(lines: Sequence[str], cut: Cut) -> dict[str, str]:
    """Return the records in JSON."""
    events = cut(
        [json.dumps({"timestamp": MILLIS, "message": line, "eventId": str(i)}) for i, line in enumerate(lines)]
    )
    pretty = [event.replace('{"', '{\n            "').replace(', "', ',\n            "') for event in events]
    return {
        "NDJSON, events": rows(events),
        "NDJSON, a key a field": rows(cut([named(line, typed=True) for line in lines])),
        "NDJSON, a key a field, texts": rows(cut([named(line, typed=False) for line in lines])),
        "Firehose, messages": "".join(cut([json.dumps({"message": line}) for line in lines])),
        "FilterLogEvents, one document": f'{{"events": [{", ".join(events)}], "searchedLogStreams": []}}',
        "the same, indented": '{\n    "events": [\n        ' + ",\n        ".join(pretty) + "\n    ]\n}\n",
        "subscriptions of 1,000": subscriptions(events, 1000),
        "subscriptions of 10": subscriptions(events, 10),
        "subscriptions of 1": subscriptions(events, 1),
        "a list of objects, a key a field": f"[{','.join(cut([named(line, typed=True) for line in lines]))}]",
    }


def each(texts: Sequence[str]) -> list[str]:
    return list(texts)


def damaged(texts: Sequence[str]) -> list[str]:
    """Cut one text in a hundred, in its middle."""
    return [text[:40] if i % STEP == STEP // 2 else text for i, text in enumerate(texts)]


def cpu(source: Path) -> float:
    """Return the seconds of CPU that the question takes."""
    begin = time.process_time()
    question(source)
    return time.process_time() - begin


def adds_up(source: Path, number: int, bad: int) -> bool:
    """Return whether every record is told once, as what it is."""
    ledger = fk.load(source, cache=False).ledger
    told = ledger.select(pl.col("flows", "nodata", "skipdata").sum()).sum_horizontal().item()
    parts = ledger.select(pl.col("flows", "nodata", "skipdata", "malformed", "header", "blank").sum()).sum_horizontal()
    whole = parts.item() == ledger["lines"].sum()
    return bool(whole and told == number - bad and ledger["malformed"].sum() == bad)


def write(folder: Path, number: int, word: str) -> dict[str, tuple[Path, Path]]:
    """Write each form, clean and damaged."""
    lines = records(number, 0, BEGIN)["line"].to_list()
    made = [tables(lines, cut) | documents(lines, cut) for cut in (each, damaged)]
    paths = {}
    for i, name in enumerate(n for n in made[0] if word in n or n == "gz text"):
        paths[name] = (folder / f"{i:02d}-clean.gz", folder / f"{i:02d}-damaged.gz")
        for path, texts in zip(paths[name], made, strict=True):
            path.write_bytes(gzip.compress(texts[name].encode(), 6, mtime=0))
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=250_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="forms whose name has this in it")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as place:
        sources = write(Path(place), given.records, given.only)
        bad = given.records // STEP
        sums = {name: [adds_up(p, given.records, n) for p, n in zip(paths, (0, bad), strict=True)]
                for name, paths in sources.items()}  # fmt: skip
        taken: dict[Path, list[float]] = {path: [] for paths in sources.values() for path in paths}
        for path in taken:
            question(path)
        for _ in range(given.runs):
            for path, times in taken.items():
                times.append(cpu(path))
    median = {path: statistics.median(times) for path, times in taken.items()}
    base = median[sources["gz text"][0]]
    print(f"{given.records:,} records, {os.cpu_count()} cores, polars {pl.__version__}, median of {given.runs}")
    print(f"{'':33} {'CPU s':>6} {'to clean gz text':>17} {'1 % cut, to clean':>18}  ledger adds up")
    for name, (clean, hurt) in sources.items():
        told = " and ".join("yes" if right else "NO" for right in sums[name])
        print(
            f"{name:33} {median[clean]:6.2f} {median[clean] / base:17.2f} {median[hurt] / median[clean]:18.2f}  {told}"
        )
