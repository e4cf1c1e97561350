"""How fast and how lean reading is, in one table: `python tests/benchmarks/reading.py [FOLDER] [--most 40] [--runs 3]`.

Run it with the project's Python, on a machine that does nothing else. The logs (make_logs.py) and an environment for
the other readers (requirements.txt) are made in FOLDER once. Each figure is taken in a process of its own: seconds of
CPU, seconds on the clock, and the most memory held. Ratios are to bare polars on the same files with the same question
in the same run; answers are compared. Growth goes to FOLDER/growth.svg as a picture.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import altair as alt
import polars as pl
from asked import QUESTIONS
from make_logs import make
from measure import Measured, Row, measured, middle, shown

FILES_A_MILLION, RECORDS = 4, 250_000
SPAN = ("2026-11-23 12:00", "2026-11-23 12:10")
OTHERS = {"polars scan_csv": "bare_polars", "DuckDB": "duckdb", "chDB": "chdb"}


def reader(folder: Path) -> Path:
    """Return the Python of the benchmark's own environment, made where it is missing."""
    python = folder / "venv/bin/python"
    if not python.exists():
        venv.create(folder / "venv", with_pip=True)
        needed = Path(__file__).with_name("requirements.txt")
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", needed], check=True)
    return python


def logs(folder: Path, most: int) -> dict[int, Path]:
    """Return the folders of logs by how many million records they hold: the smaller are the beginning of the larger."""
    sizes = sorted({1, 10, most} if most >= 10 else {1, most})
    whole = folder / f"{most}m"
    paths = make(whole, most * FILES_A_MILLION, RECORDS)
    for millions in sizes[:-1]:
        for path in paths[: millions * FILES_A_MILLION]:
            link = folder / f"{millions}m" / path.relative_to(whole)
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.hardlink_to(path)
    return {millions: folder / f"{millions}m" for millions in sizes}


class Bench:
    """Asks one thing after the other, each in a process of its own."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder, self.runs, self.python = folder, runs, reader(folder)

    def ask(self, what: str, logs: Path, *span: str) -> Measured:
        """Ask flowkit."""
        return measured(sys.executable, "asked.py", what, logs, self.folder / f"cache-{logs.name}", *span)

    def other(self, name: str, logs: Path) -> Measured:
        """Ask another reader."""
        return measured(self.python, "contenders.py", name, logs)

    def first_read(self, logs: Path, one: Path) -> Iterator[Row]:
        """Yield fk.scan beside the others, interleaved, and flowlogs-reader on a quarter million records."""
        took: dict[str, list[Measured]] = {name: [] for name in [*OTHERS, "fk.scan"]}
        for _ in range(self.runs):
            for name, runs in took.items():
                runs.append(self.ask("scan", logs) if name == "fk.scan" else self.other(OTHERS[name], logs))
        if len({r.more["answer"] for runs in took.values() for r in runs}) > 1:
            sys.exit("the answers differ")
        base = middle(took["polars scan_csv"])
        for name, runs in took.items():
            wanted = {"fk.scan": "at most 1.10, and below DuckDB and chDB"}.get(name, "")
            yield Row(name, middle(runs), middle(runs).cpu / base.cpu, wanted)
        slow, quick = self.other("flowlogs_reader", one), self.other("bare_polars", one)
        if slow.more["answer"] != quick.more["answer"]:
            sys.exit("the answers differ")
        times = slow.cpu / len(list(one.rglob("*.gz"))) * len(list(logs.rglob("*.gz"))) / middle(took["fk.scan"]).cpu
        note = f"on a quarter million records; fk.scan {times:.0f} times as fast (at least 20)"
        yield Row("flowlogs-reader", slow, slow.cpu / quick.cpu, note)

    def from_the_cache(self, logs: Path) -> Iterator[Row]:
        """Yield the same question from gz and from the cache, and every question of the notebooks."""
        scan = middle([self.ask("scan", logs) for _ in range(self.runs)])
        case = middle([self.ask("case", logs) for _ in range(self.runs)])
        yield Row("fk.scan, gz", scan)
        if case.more["answer"] != scan.more["answer"]:
            sys.exit("the answers differ")
        yield Row("case.flows, cache", case, None, f"{scan.cpu / case.cpu:.1f} times as fast as gz (at least 8)")
        for what in QUESTIONS:
            if what != "case":
                yield Row(what, middle([self.ask(what, logs) for _ in range(self.runs)]), None, "below 1 s")

    def pruning(self) -> Iterator[Row]:
        """Yield a day of 288 objects beside ten minutes of it."""
        day = self.folder / "day"
        objects = len(make(day, 288, 35_000))
        self.ask("load", day)
        whole, part = self.ask("scan", day), self.ask("scan", day, *SPAN)
        yield Row("fk.scan, 24 hours", whole, 1.0, f"{objects} objects")
        opened = self.ask("the case itself", day, *SPAN).more["objects"]
        yield Row(
            "fk.scan, 10 minutes", part, part.cpu / whole.cpu, f"{opened} objects opened = {opened / objects:.3f}"
        )
        whole, part = self.ask("case", day), self.ask("case", day, *SPAN)
        yield Row("case, 24 hours", whole, 1.0)
        yield Row("case, 10 minutes", part, part.cpu / whole.cpu)

    def many_small(self) -> Iterator[Row]:
        """Yield 2,000 objects of 250 records."""
        small = self.folder / "small"
        make(small, 2000, 250)
        bare = middle([self.other("bare_polars", small) for _ in range(self.runs)])
        yield Row("polars scan_csv", bare, 1.0)
        scan = middle([self.ask("scan", small) for _ in range(self.runs)])
        yield Row("fk.scan", scan, scan.cpu / bare.cpu, "at most 1")
        few = self.folder / "few"
        make(few, 2, RECORDS)
        loads = [self._load(small), self._load(few)]
        yield Row("fk.load (writes, splits, labels)", loads[0], loads[0].cpu / bare.cpu)
        much = f"as many records in 2 objects; the small ones take {loads[0].cpu / loads[1].cpu:.2f} times as much"
        yield Row("fk.load", loads[1], loads[1].cpu / bare.cpu, much)

    def _load(self, logs: Path) -> Measured:
        shutil.rmtree(self.folder / f"cache-{logs.name}", ignore_errors=True)
        return self.ask("load", logs)

    def growth(self, sizes: dict[int, Path]) -> Iterator[tuple[int, Row]]:
        """Yield the load and every question at each size."""
        for millions, logs in sizes.items():
            yield millions, Row("load", self._load(logs))
            for what in QUESTIONS:
                yield millions, Row(what, self.ask(what, logs))


def grown(rows: Sequence[tuple[int, Row]]) -> str:
    """Return CPU seconds and peaks by size: a line a question."""
    sizes = sorted({millions for millions, _ in rows})
    took = {(millions, row.what): row.took for millions, row in rows}
    head = "growth" + " " * 22 + "".join(f"{f'{m} M: CPU s':>12} {'MB':>6}" for m in sizes) + f" {'a million, s':>14}"
    lines = []
    for what in dict.fromkeys(row.what for _, row in rows):
        each = [took[m, what] for m in sizes]
        cells = "".join(f"{t.cpu:12.2f} {t.peak:6.0f}" for t in each)
        slope = " → ".join(f"{t.cpu / m:.2f}" for t, m in zip(each, sizes, strict=True))
        lines.append(f"  {what:<26}{cells}   {slope}")
    return "\n".join([head, *lines])


def drawn(rows: Sequence[tuple[int, Row]], path: Path) -> None:
    """Draw how time and memory grow: a row a question, a point a size; where the points lie together, nothing grows."""
    per, peak = "CPU seconds a million records", "peak memory in MB"
    frame = pl.DataFrame(
        [(m, row.what, row.took.cpu / m, row.took.peak) for m, row in rows],
        schema=["million records", "what", per, peak],
        orient="row",
    )
    points = alt.Chart(frame).mark_point(filled=True, size=70)
    shade = alt.Color("million records:O").scale(scheme="viridis")
    where = alt.Y("what", sort=list(dict.fromkeys(row.what for _, row in rows)), title=None)
    pictures = [points.encode(x=x, y=where, color=shade).properties(width=340) for x in (per, peak)]
    alt.hconcat(*pictures, title="What a question takes, by the number of records").save(path)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.gettempdir()) / "flowkit-reading")
    parser.add_argument("--most", type=int, default=40, help="million records at the most (40)")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts (3)")
    parser.add_argument("--only", nargs="+", choices=["growth", "first", "cache", "day", "small"], help="these parts")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    sizes = logs(given.folder, given.most)
    one = given.folder / "quarter"
    make(one, 1, RECORDS)
    bench = Bench(given.folder, given.runs)
    ten = sizes.get(10, sizes[given.most])
    print(
        f"{os.cpu_count()} cores ({platform.processor() or platform.machine()}), Python {platform.python_version()}, "
    )
    print(
        f"polars {pl.__version__}; {ten.name.removesuffix('m')} million records unless said; median of {given.runs}\n"
    )
    parts: dict[str, Callable[[], None]] = {
        "growth": lambda: grow(bench, sizes),
        "first": lambda: print(shown("first read, gz", list(bench.first_read(ten, one)))),
        "cache": lambda: print(shown("from the case's cache", list(bench.from_the_cache(ten)))),
        "day": lambda: print(shown("ten minutes of a day", list(bench.pruning()))),
        "small": lambda: print(shown("2,000 objects of 250 records", list(bench.many_small()))),
    }
    for part in given.only or parts:
        parts[part]()
        sys.stdout.flush()


def grow(bench: Bench, sizes: dict[int, Path]) -> None:
    """Print how time and memory grow, and draw it."""
    growth = list(bench.growth(sizes))
    print(grown(growth))
    drawn(growth, bench.folder / "growth.svg")
    print(f"drawn in {bench.folder / 'growth.svg'}")


if __name__ == "__main__":
    main()
