"""Byte-count clustering: the best cuts there are, over any number of records, and drawn for a person."""

from __future__ import annotations

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowkit as fk
from flowkit.questions.size_clusters import WORTH, cut

POINTS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 50)), min_size=1, max_size=9, unique_by=lambda p: p[0])


def spread(points: list[tuple[int, int]], starts: list[int]) -> float:
    """Return the weighted sum of squares about the means of the clusters."""
    total = 0.0
    for i, j in zip(starts, [*starts[1:], len(points)], strict=True):
        part = points[i:j]
        mean = sum(x * w for x, w in part) / sum(w for _, w in part)
        total += sum(w * (x - mean) ** 2 for x, w in part)
    return total


@given(POINTS)
def test_no_other_cuts_into_as_many_clusters_leave_less_spread(points: list[tuple[int, int]]) -> None:
    points = sorted(points)
    starts = cut([float(x) for x, _ in points], [w for _, w in points], 4)
    others = ([0, *rest] for rest in combinations(range(1, len(points)), len(starts) - 1))
    assert spread(points, starts) <= min(spread(points, other) for other in others) + 1e-6
    if len(starts) > 1:
        fewer = ([0, *rest] for rest in combinations(range(1, len(points)), len(starts) - 2))
        gain = min(spread(points, other) for other in fewer) - spread(points, starts)
        assert gain >= WORTH * spread(points, [0]) - 1e-6


def test_checks_and_service_of_a_port_are_clusters_with_a_boundary_between() -> None:
    flows = pl.LazyFrame({
        "srcport": [40_000] * 40, "dstport": [80] * 30 + [5432] * 10, "protocol": [6] * 40,
        "bytes": [164] * 15 + [216] * 5 + [8_000 + 100 * i for i in range(10)] + [238] * 10,
    })  # fmt: skip
    made = fk.size_clusters(flows, vantage="all")
    assert isinstance(made, pl.LazyFrame)
    assert made.select("server_port", "bytes_low", "bytes_high", "flows", "boundary").collect().rows() == [
        (80, 164, 216, 20, 1315),
        (80, 8_000, 8_900, 10, None),
        (5432, 238, 238, 10, None),
    ]
    assert made.collect()["share"].to_list() == pytest.approx([2 / 3, 1 / 3, 1])
    assert made.collect_schema() == made.collect().schema


def test_without_flows_there_is_no_cluster() -> None:
    empty = pl.LazyFrame(schema={"srcport": pl.Int32, "dstport": pl.Int32, "protocol": pl.Int32, "bytes": pl.Int64})
    assert fk.size_clusters(empty, vantage="all").collect().height == 0
