"""One thing measured in a process of its own: CPU, wall clock, and the most memory it held."""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Seconds of CPU and of the wall clock, the peak in MB, and what else was told."""

    cpu: float
    wall: float
    peak: float
    more: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A line of a table; `ratio` is of CPU."""

    what: str
    took: Measured
    ratio: float | None = None
    note: str = ""


def middle(runs: Sequence[Measured]) -> Measured:
    """Return the medians of several runs."""
    cpu, wall, peak = (statistics.median(getattr(r, name) for r in runs) for name in ("cpu", "wall", "peak"))
    return Measured(cpu, wall, peak, runs[-1].more)


def shown(title: str, rows: Sequence[Row]) -> str:
    """Return a part of a table."""
    head = f"{title:<36} {'CPU s':>8} {'wall s':>8} {'peak MB':>8} {'ratio':>6}"
    lines = [
        f"  {r.what:<34} {r.took.cpu:8.2f} {r.took.wall:8.2f} {r.took.peak:8.0f} "
        f"{'' if r.ratio is None else f'{r.ratio:.2f}':>6}  {r.note}".rstrip()
        for r in rows
    ]
    return "\n".join([head, *lines])


def tell(ask: Callable[[], Any], **more: Any) -> None:
    """Do it, and print as JSON what it took; what it returns, a dict, is printed too."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = ask() or {}
    took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "peak": peak()}
    print(json.dumps({**took, **more, **found}))


def peak() -> float:
    """Return the most memory this process held, in MB (Linux)."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def answer(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """Return an answer's rows as something that can be compared."""
    words = sorted(" ".join(map(str, row)) for row in rows)
    return {"rows": len(words), "answer": hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]}


def measured(python: str | Path, script: str, *arguments: object) -> Measured:
    """Run a script that `tell`s, in a process of its own, and return what it told."""
    command = [str(python), str(Path(__file__).with_name(script)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-2000:]}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return Measured(told.pop("cpu"), told.pop("wall"), told.pop("peak"), told)
