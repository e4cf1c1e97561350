"""Are the split's constants tuned to the captures? `python tests/benchmarks/split_robust.py FOLDER`.

Leave one out: each constant is varied over a grid about its value. For each capture the constant is chosen anew, as the
value with the best mean F1 on all the *other* captures, and the one left out is judged with it. The table shows the
mean F1 of those left out beside that of the constants as they stand; a difference below 0.01 means that no constant
lives on any one capture. Of values that do as well as each other the middle one is taken. Weights of target groups'
settings and of newer fields are left out: the captures are judged without either, so that they weigh nothing.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from split_captures import AWS, EVERY, OWN, REAL, Capture, Row, captures, score

import flowkit.split

# One after the other, by module: how the evidence is made, what it weighs, and how records are labelled.
NUMBERS = {
    "beat": [
        "BETTER", "WIDEST", "MOST_SIZES", "FEWEST_OF_A_SIZE", "MOST_FOLDS", "SMALLEST_FOLD", "GAP", "LEAST",
    ],
    "reduce": ["FEWEST", "SERVER_MEETS", "SCAN_PORTS", "SLOWEST", "OFTEN", "MOST_WINDOWS", "BLOCK", "REPEATS"],
    "lengths": ["THIRTY", "MINUTE", "FEW", "OWN"],
    "families": ["CLEAN", "SLOW"],
    "unions": ["AGAINST", "UNITED", "LOOSE", "TWO"],
    "fronts": ["PART", "EXCESS", "EVEN", "SURE", "LEAST_SPARE", "ROUGH", "UNLIKE"],
    "score": [
        "PRIOR", "EVEN", "SURE", "POOLED", "UNEVEN", "TICKS", "TOO_MANY_TICKS", "AIMLESS", "STEADY", "BLIND", "COVERED",
        "HALF", "BARE", "MANY", "TOO_MANY", "TOO_FAST", "UNHURRIED", "SINGLE", "SINGLE_SHARE", "SINGLE_RATE", "FRONT",
        "FRONT_SHARE", "OWN", "OWN_SHARE", "VISIBLE", "ONE_CLOCK", "APART", "TOGETHER", "LOOSE", "RIVALLED", "RIVAL",
        "LONG", "FRESH", "GIVEN", "NOT_GIVEN", "STRANGER", "KNOWN_EVEN", "INSIDE", "OUTSIDE", "TWIN", "PASSES",
        "LOGGED", "INSTANCE",
    ],
    "decide": ["CHECK", "DOUBT"],
    "assign": ["FILLED", "STEADY"],
}  # fmt: skip
GRID = (0.7, 0.85, 1.0, 1.15, 1.3)
ROW = Row(EVERY, 0.97)


def main() -> None:
    """Print a row per constant, and the sum of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="*", default=[AWS, OWN, REAL])
    parser.add_argument("--only", nargs="*", metavar="MODULE.NAME", help="these constants, or all of a module")
    options = parser.parse_args()
    held = [one for one in captures(options.folder) if one.kind in options.sets]
    every = judged(held)
    base, there = mean(every), sum(value is not None for value in every)
    print(f"{len(held)} captures, {there} with checks; mean F1 as the constants stand {base:.4f}\n")
    print(f"{'constant':28s}{'value':>8s}{'left out':>10s}{'moves by':>10s}  mean F1 over the grid {GRID}")
    worst = 0.0
    for module, name in ((m, n) for m, names in NUMBERS.items() for n in names):
        if options.only and not {module, f"{module}.{name}"} & set(options.only):
            continue
        standing = now(module, name)
        grid = {v: every if v == standing else judged_with(held, module, name, v) for v in values(module, name)}
        out = left_out(grid)
        worst = max(worst, abs(out - base))
        means = "  ".join(f"{mean(f1s):.4f}" for f1s in grid.values())
        print(f"{module + '.' + name:28s}{now(module, name):8}{out:10.4f}{out - base:+10.4f}  {means}", flush=True)
    print(f"\nno constant chosen without the capture it is judged on moves the mean F1 by more than {worst:.4f}")


def home(module: str) -> ModuleType:
    return importlib.import_module(f"flowkit.split.{module}")


def now(module: str, name: str) -> Any:
    return getattr(home(module), name)


def values(module: str, name: str) -> list[Any]:
    """Return the grid about a constant, whole numbers where it is one, without repeats."""
    value = now(module, name)
    grid = [value * factor for factor in GRID]
    return list(dict.fromkeys([round(v) for v in grid] if isinstance(value, int) else grid))


@contextmanager
def set_to(module: str, name: str, value: Any) -> Iterator[None]:
    """Give a constant another value everywhere it was imported to."""
    old = now(module, name)
    homes = [home(each.name) for each in pkgutil.iter_modules(flowkit.split.__path__)]
    mine = [
        each for each in homes if getattr(each, name, None) is old and (each is home(module) or name not in shared())
    ]
    try:
        for each in mine:
            setattr(each, name, value)
        yield
    finally:
        for each in mine:
            setattr(each, name, old)


def shared() -> set[str]:
    """Return names that two modules use for different things."""
    every = [name for names in NUMBERS.values() for name in names]
    return {name for name in every if every.count(name) > 1}


def judged(held: list[Capture]) -> list[float | None]:
    """Return the F1 of each capture; None where it has no checks, and 0 where one is claimed all the same."""
    scores = [score(one, ROW) for one in held]
    return [one.f1 if one.there else (0.0 if one.false else None) for one in scores]


def judged_with(held: list[Capture], module: str, name: str, value: Any) -> list[float | None]:
    with set_to(module, name, value):
        return judged(held)


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
