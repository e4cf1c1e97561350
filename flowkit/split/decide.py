"""Decisions by hand: a person says what a cluster is, and the evidence gives way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import polars as pl

from flowkit.errors import QuestionError

# Above the first a record is called a check; between the two it is uncertain; below, service. 0.6 is where judging the
# labelled captures loses least either way, and the middle holds what the records alone cannot decide.
CHECK, DOUBT = 0.6, 0.3

CHANCE = {"health-check": 1.0, "uncertain": 0.5, "service": 0.0}
"""What a decision makes of the chance that a cluster is health checks."""


def decided(found: pl.DataFrame, decisions: Mapping[str, str]) -> pl.DataFrame:
    """Return the candidates with `decided`, what their cluster was said to be, or null."""
    said = pl.DataFrame(list(decisions.items()), schema={"cluster": pl.String, "decided": pl.String}, orient="row")
    return found.join(said, on="cluster", how="left", maintain_order="left")


def weighed(found: pl.DataFrame) -> pl.DataFrame:
    """Return the candidates with the chance that the decisions leave them."""
    chance = pl.col("decided").replace_strict(CHANCE, default=None, return_dtype=pl.Float64)
    return found.with_columns(chance=pl.coalesce(chance, "chance"))


def require(cluster: str, kind: str | None, clusters: Sequence[str]) -> None:
    """Raise `QuestionError` where there is no such cluster or kind.

    >>> require("port 80, no paylod", "service", ["port 80, no payload"])
    Traceback (most recent call last):
    flowkit.errors.QuestionError: there is no cluster 'port 80, no paylod': did you mean 'port 80, no payload'?
    """
    if cluster not in clusters:
        near = get_close_matches(str(cluster), clusters, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else _those(clusters)
        raise QuestionError(f"there is no cluster {cluster!r}: {hint}")
    if kind is not None and kind not in CHANCE:
        raise QuestionError(f"a cluster cannot be {kind!r}: choose one of {', '.join(map(repr, CHANCE))}")


def _those(clusters: Sequence[str]) -> str:
    if not clusters:
        return "no size here is steady enough to make one"
    more = f" and {len(clusters) - 8} more, see case.split.clusters" if len(clusters) > 8 else ""
    return f"there are {', '.join(map(repr, clusters[:8]))}{more}"
