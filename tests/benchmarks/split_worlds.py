"""Judge the split on traffic unlike the captures: `python tests/benchmarks/split_worlds.py [--only TEXT] [--words]`.

Each world of `worlds.py` is a small made-up network with truth labels. The table shows for each how many checks were
found (R) and how much of what was called one is one (P), twice: with the load balancer's addresses not given, and
given; at the end the means, what was called a check where there is none, and the worst.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import polars as pl
from worlds import WORLDS, made

from flowkit.split import fit


@dataclass(frozen=True)
class Score:
    """What came out for one world."""

    there: int
    hits: int
    false: int
    unsure: int
    records: int
    words: str

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(1, self.there + self.hits + self.false)


def score(flows: pl.DataFrame, nodes: list[str]) -> Score:
    """Return how the split does; copies count as what they are copies of."""
    split = fit(flows.drop("label").lazy(), lb_addresses=nodes or None)
    kind = split.label(flows.lazy()).filter(pl.col("label") != "alb").collect()
    check, said = kind["label"] == "hc", kind["kind"] == "health-check"
    unsure = int((kind["kind"] == "uncertain").sum())
    return Score(
        int(check.sum()), int((check & said).sum()), int((~check & said).sum()), unsure, len(kind), repr(split)
    )


def shown(one: Score) -> str:
    if not one.there:
        return f"no checks, false {one.false:5d}, unsure {one.unsure / one.records:5.1%}"
    precision, recall = one.hits / max(1, one.hits + one.false), one.hits / one.there
    return f"P {precision:.3f} R {recall:.3f} F1 {one.f1:.3f} unsure {one.unsure / one.records:5.1%}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only the worlds with this in their name")
    parser.add_argument("--words", action="store_true", help="what the split says of each, too")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    done: list[tuple[str, Score, Score]] = []
    print(f"{'world':52s}{'not given':40s}given")
    for name, world in WORLDS.items():
        if options.only in name:
            flows = made(world, options.seed)
            both = score(flows, []), score(flows, world.known())
            print(f"{name:52s}{shown(both[0]):40s}{shown(both[1])}", flush=True)
            done.append((name, *both))
            if options.words:
                print(both[0].words)
    summed(done)


def summed(done: list[tuple[str, Score, Score]]) -> None:
    """Print the means, the false checks where there are none, and the worst worlds."""
    for said, place in (("not given", 1), ("given", 2)):
        scores = [(row[0], row[place]) for row in done]
        real = sorted((one.f1, name) for name, one in scores if one.there)
        false = {name: one.false for name, one in scores if not one.there and one.false}
        if real:
            mean = sum(f1 for f1, _ in real) / len(real)
            worst = ", ".join(f"{name} {f1:.2f}" for f1, name in real[:12] if f1 < 0.95)
            print(
                f"\n{said}: mean F1 {mean:.4f} of {len(real)} worlds with checks; worst: {worst or 'none under 0.95'}"
            )
        print(f"{said}: called checks in {len(false)} of {len(scores) - len(real)} worlds without: {false or 'none'}")


if __name__ == "__main__":
    main()
