"""Are the constants tuned to the captures? `nice -n 19 python tests/benchmarks/split_robust.py FOLDER`.

Leave one out: each constant, of all those of `flowkit.split` and `flowkit.questions.health`, is moved to the ends of a
grid about its value. For each capture the constant is chosen anew, as the value with the best mean on all the *other*
captures, and the one left out is judged with it. The table shows the mean of those left out beside that of the
constants as they stand; a difference below 0.01 means that no constant lives on any one capture. Of values that do as
well as each other the middle one is taken. The split is judged by its F1, the addresses not given; target health by the
F1 of the failing states it tells, the labels standing in for the split.

Left out are facts of protocols and of AWS, sizes of tables that are there for speed, and words; the weights of target
groups' settings and of newer fields say nothing here, as the captures are judged without either: they move nothing.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from inspect import getsource
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

# Small tables: two processes of one thread each are quicker than one of two.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import polars as pl
from health_captures import FAILING, address, by_labels, failures, outside, placed, touching
from split_captures import AWS, EVERY, OWN, REAL, Capture, Row, captures, score

import flowkit as fk
import flowkit.questions.health
import flowkit.split

HOMES = (flowkit.split, flowkit.questions.health)
# Facts (what AWS and TCP lay down), what tables of numbers are laid out for, and how many are shown or named; and what
# weighs settings and newer fields.
FACTS = {
    "beat": ("HEADERS_V4", "HEADERS_V6"), "reduce": ("SYSTEM_PORTS", "BITS", "ENDS", "SLOT"), "keys": ("_ODD",),
    "lengths": ("BITS", "FULL"), "words": ("LISTED", "_MOST"), "service": ("_SYN", "_V6"), "bins": ("_WHOLE",),
    "reasons": ("BEATS", "DEFAULT_S", "NEAR", "MOST_CHECKERS"), "told": ("MOST_CHECKERS", "NEAR"),
    "score": (
        "GROUP", "OWN_PORT", "ELSEWHERE", "PACED", "OFF_PACE", "SPOKEN", "MISSPOKEN", "PRESERVED", "OPENS",
        "OPENS_NONE", "FOREIGN", "UNTOUCHED", "DIRECTED", "CONFUSED", "MOST", "FEW",
    ),
}  # fmt: skip
ENDS = (0.7, 1.0, 1.3)
ROW = Row(EVERY, 0.97)
HELD: list[Capture] = []
STORIES: list[tuple[pl.DataFrame, dict[str, Any]]] = []

Judged = list[float | None]


def main() -> None:
    """Print a row per constant, and the sum of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="*", default=[AWS, OWN, REAL])
    parser.add_argument("--only", nargs="*", metavar="MODULE.NAME", help="these constants, or all of a module")
    options = parser.parse_args()
    names = [name for name in constants() if not options.only or {name, name.partition(".")[0]} & set(options.only)]
    tasks = [(name, value) for name in names for value in values(name) if value != now(name)]
    with ProcessPoolExecutor(2, get_context("spawn"), held, (options.folder, options.sets)) as pool:
        standing = {kind: pool.submit(judged_with, None, kind, 0) for kind in ("split", "health")}
        moved = {task: pool.submit(judged_with, task[0], kind_of(task[0]), task[1]) for task in tasks}
        base = {kind: done.result() for kind, done in standing.items()}
        for kind, f1s in base.items():
            real = [f1 for f1 in f1s if f1 is not None]
            print(
                f"{kind}: {len(f1s)} captures, {len(real)} that count; mean F1 as the constants stand {mean(f1s):.4f}"
            )
        print(f"\n{'constant':28s}{'value':>14s}{'left out':>10s}{'moves by':>10s}  mean F1 at {ENDS} of the value")
        worst = ("none", 0.0)
        for name in names:
            every = base[kind_of(name)]
            grid = {v: every if v == now(name) else moved[name, v].result() for v in values(name)}
            moves = left_out(grid) - mean(every)
            worst = max(worst, (name, abs(moves)), key=lambda one: one[1])
            means = "  ".join(f"{mean(f1s):.4f}" for f1s in grid.values())
            shown = str(now(name)).replace(" ", "")
            print(f"{name:28s}{shown:>14s}{mean(every) + moves:10.4f}{moves:+10.4f}  {means}", flush=True)
    print(f"\n{len(names)} constants; chosen without the capture it is judged on none moves the mean by more than "
          f"{worst[1]:.4f} ({worst[0]})")  # fmt: skip


def held(folder: Path, sets: list[str]) -> None:
    """Read the captures of a worker."""
    HELD[:] = [one for one in captures(folder) if one.kind in sets]
    STORIES[:] = [(by_labels(one.flows).collect(), one.story) for one in HELD if one.story]


@cache
def modules() -> dict[str, ModuleType]:
    """Return the modules by the last part of their name."""
    found = [f"{home.__name__}.{each.name}" for home in HOMES for each in pkgutil.iter_modules(home.__path__)]
    return {name.rpartition(".")[2]: importlib.import_module(name) for name in found}


@cache
def constants() -> list[str]:
    """Return the constants that are numbers, or a few of them, as module.NAME, where they are defined."""
    out = []
    for module, home in modules().items():
        for node in ast.parse(getsource(home)).body:
            if isinstance(node, ast.Assign):
                targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                out += [f"{module}.{name}" for name in names if _numbers(getattr(home, name))]
    return [name for name in out if name.split(".")[1] not in FACTS.get(name.split(".")[0], ())]


def _numbers(value: object) -> bool:
    many = value if isinstance(value, tuple) else (value,)
    return bool(many) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in many)


def kind_of(name: str) -> str:
    home = modules()[name.partition(".")[0]].__name__
    return "split" if home.startswith("flowkit.split") else "health"


def now(name: str) -> Any:
    module, _, constant = name.partition(".")
    return getattr(modules()[module], constant)


def values(name: str) -> list[Any]:
    """Return the grid about a constant, whole numbers where it is one, without repeats."""
    value = now(name)
    return list(dict.fromkeys(_times(value, factor) for factor in ENDS))


def _times(value: Any, factor: float) -> Any:
    if isinstance(value, tuple):
        return tuple(_times(one, factor) for one in value)
    if not isinstance(value, int) or factor == 1:
        return value * factor if value else factor - 1
    # A small whole number moves by one at the least.
    step = max(1, round(abs(value) * abs(factor - 1)))
    return value + step if (factor > 1) == (value >= 0) else value - step


@contextmanager
def set_to(name: str, value: Any) -> Iterator[None]:
    """Give a constant another value everywhere it was imported to."""
    module, _, constant = name.partition(".")
    home, old = modules()[module], now(name)
    said = f"from {home.__name__} import"
    others = [
        each
        for each in modules().values()
        if any(line.startswith(said) and constant in line.replace(",", " ").split() for line in _imports(each))
    ]
    try:
        for each in (home, *others):
            setattr(each, constant, value)
        yield
    finally:
        for each in (home, *others):
            setattr(each, constant, old)


@cache
def _imports(module: ModuleType) -> list[str]:
    found = [node for node in ast.parse(getsource(module)).body if isinstance(node, ast.ImportFrom)]
    return [" ".join(ast.unparse(node).split()) for node in found]


def judged_with(name: str | None, kind: str, value: Any) -> Judged:
    """Return the F1 of each capture with a constant at a value; None where a capture says nothing."""
    judge = judged if kind == "split" else told
    if name is None:
        return judge()
    try:
        with set_to(name, value):
            return judge()
    except (pl.exceptions.PolarsError, ValueError, ZeroDivisionError) as error:
        print(f"{name} cannot be {value}: {str(error).splitlines()[0][:90]}", file=sys.stderr)
        return judge()


def judged() -> Judged:
    """Return the split's F1; None where there are no checks, and 0 where one is claimed all the same."""
    scores = [score(one, ROW) for one in HELD]
    return [one.f1 if one.there else (0.0 if one.false else None) for one in scores]


def told() -> Judged:
    """Return the F1 of target health's failing states; None where nothing failed, and 0 where one is told."""
    return [_told(labelled, story) for labelled, story in STORIES]


def _told(labelled: pl.DataFrame, story: dict[str, Any]) -> float | None:
    changes, health = pl.collect_all([fk.health_changes(labelled.lazy()), fk.target_health(labelled.lazy())])
    window, real = timedelta(seconds=int(story["window"])), failures(story)
    ends = {"address": address(pl.col("target"))}
    lasting = changes.filter((pl.len().over("target") > 1) & pl.col("state").is_in(FAILING)).with_columns(**ends)
    whole = changes.filter(pl.len().over("target") == 1)["target"]
    bins = health.filter(pl.col("checks") > 0, pl.col("state").is_in(FAILING), ~pl.col("target").is_in(whole.implode()))
    bins = bins.with_columns(**ends, end=pl.col("time") + window)
    late = [placed(lasting, f, real[:i], window) for i, f in enumerate(real)]
    on_time = [seconds is not None and abs(seconds) <= window.total_seconds() for seconds in late]
    met = [touching(bins, "time", f, timedelta(0)).height > 0 for f in real]
    found = sum(map(min, on_time, met))
    false = outside(lasting, "start", real, window) + outside(bins, "time", real, window)
    return 2 * found / (found + len(real) + false) if real or false else None


def mean(f1s: list[float | None]) -> float:
    real = [f1 for f1 in f1s if f1 is not None]
    return sum(real) / len(real)


def left_out(grid: dict[Any, list[float | None]]) -> float:
    """Return the mean F1 of captures judged with the value that is best for all the others."""
    many = len(next(iter(grid.values())))
    out = []
    for i in range(many):
        means = {value: round(mean([f1 for j, f1 in enumerate(f1s) if j != i]), 6) for value, f1s in grid.items()}
        tied = sorted(value for value in grid if means[value] == max(means.values()))
        best = tied[len(tied) // 2]
        out.append(grid[best][i])
    return mean(out)


if __name__ == "__main__":
    main()
