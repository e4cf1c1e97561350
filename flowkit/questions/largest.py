"""The largest of very many groups, without holding the groups: first a number for each, then the names of the first."""

from __future__ import annotations

import polars as pl

from flowkit.questions.shared import COUNTS
from flowkit.schema import TIME
from flowkit.spill import Parts

KEY = "_key"
SUMMED: dict[str, pl.DataType] = {name: pl.Int64() for name in COUNTS} | {"first_seen": TIME, "last_seen": TIME}
"""The types of what is told of each group."""
_ASIDE = 1_000
"""How many groups are looked at by name at least: so many may be as large as the last one that is shown."""


def typed(*names: str) -> dict[str, pl.DataType]:
    """Return the types of columns of text."""
    return dict.fromkeys(names, pl.String())


def key(*names: str) -> pl.Expr:
    """Return a number for the values of columns of text. Two groups in ten million share one once in 400,000 times."""
    parts = [pl.col(name).hash(place) for place, name in enumerate(names)]
    return pl.sum_horizontal(parts).hash().alias(KEY) if parts else pl.lit(0, dtype=pl.UInt64).alias(KEY)


def largest(parts: Parts, size: pl.Expr, n: int, *by: str) -> tuple[pl.Series, pl.DataFrame]:
    """Return the keys of the groups that can be among the `n` largest, and how many groups there are (`_all`) by `by`.

    The rows lie in parts by their key. More keys than `n` may come back, since of equal ones the names decide.
    """
    tops, counts = [], []
    for part in parts:
        sizes = part.group_by(KEY, *by).agg(size.alias("_size")).collect(engine="streaming")
        tops.append(_top(sizes, n))
        counts.append(sizes.group_by(pl.lit(0).alias("_"), *by).agg(_all=pl.len().cast(pl.Int64)))
    groups = pl.concat(counts).group_by("_", *by).agg(pl.col("_all").sum())
    return _top(pl.concat(tops), n)[KEY], groups.drop("_")


def _top(sizes: pl.DataFrame, n: int) -> pl.DataFrame:
    return sizes.lazy().top_k(max(n, _ASIDE), by=["_size", KEY]).collect()


def marked(flows: pl.LazyFrame, first: pl.Series) -> pl.LazyFrame:
    """Return the flows with `_named`: whether they are of one of these groups."""
    return flows.with_columns(_named=pl.col(KEY).is_in(first.implode()))
