"""The names of the clusters over a histogram of sizes: a lane for each, a bracket over its sizes, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import collected
from flowkit.split.words import certain, span

if TYPE_CHECKING:
    import altair as alt

LANE = 27
"""The height of a lane in pixels."""

_MOST = 8


@dataclass(frozen=True)
class Lane:
    """A cluster over its sizes: from `low` to `high` bytes, what it is, and the words for it."""

    low: int
    high: int
    kind: str
    said: str
    right: bool
    """Whether it lies in the right half, where its words end and do not begin."""

    @property
    def check(self) -> bool:
        """Return whether its sizes are those of health checks."""
        return self.kind == "health-check"


def lanes(clusters: pl.LazyFrame | pl.DataFrame, placed: pl.DataFrame) -> list[Lane]:
    """Return the clusters to draw: health checks first, then those with most flows, eight at most."""
    frame = collected(clusters, "cluster", "kind", "bytes_low", "bytes_high", "flows", "confidence")
    low, high = int(placed["low"].min()), int(placed["high"].max())  # type: ignore[arg-type]
    inside = (pl.col("bytes_low") <= high) & (pl.col("bytes_high") >= low)
    rank = pl.col("kind").replace_strict({"health-check": 0, "uncertain": 1}, default=2)
    kept = frame.filter(inside).sort(rank, "flows", "cluster", descending=[False, True, False]).head(_MOST)
    return [_lane(row, low, high) for row in kept.sort("bytes_low", "bytes_high", "cluster").rows(named=True)]


def _lane(row: dict[str, Any], low: int, high: int) -> Lane:
    middle = log(row["bytes_low"] * row["bytes_high"]) / 2 if row["bytes_low"] > 0 else log(low)
    said = f"{words.name(row['cluster'])}: {certain(row)}, {span(row['bytes_low'], row['bytes_high'])} B"
    return Lane(row["bytes_low"], row["bytes_high"], row["kind"], said, 2 * middle > log(low * high))


def drawn_lanes(found: list[Lane], rows: int, x: alt.X, above: float) -> list[alt.Chart]:
    """Return what is drawn of the lanes: shades in all rows below their words, brackets, and words."""
    import altair as alt

    if not found:
        return []
    placed, y = _placed(found, rows, above), style.down(rows, above)
    right = x.copy()
    right.shorthand = "right:Q"
    colour = alt.Color("colour:N", scale=None)
    brackets = alt.Chart(style.data(placed))
    shaded = [row | {"top": n + 0.2, "floor": n + 0.97} for row in placed if row["check"] for n in range(rows)]
    checks = alt.Chart(style.data(shaded))
    edge = checks.mark_rule(strokeDash=[2, 3], opacity=0.8)
    return [
        checks.mark_rect(opacity=0.16, clip=True).encode(x=x, x2="right", y=y, y2="floor", color=colour),
        edge.encode(x=x, y=y, y2="floor", color=colour),
        edge.encode(x=right, y=y, y2="floor", color=colour),
        brackets.mark_rule(strokeWidth=5, strokeCap="butt").encode(x=x, x2="right", y=y, color=colour),
        brackets.mark_tick(orient="vertical", thickness=2, height=9).encode(x=x, y=y, color=colour),
        *(_words(placed, y, ends=ends) for ends in (False, True)),
    ]


def _words(placed: list[dict[str, Any]], y: alt.Y, *, ends: bool) -> alt.Chart:
    """Return the words of the lanes, each over its bracket, at the nearer end of the row and cut to its width."""
    import altair as alt

    rows = [row for row in placed if row["ends"] is ends]
    said: alt.Chart = alt.Chart(style.data(rows)).mark_text(
        align="right" if ends else "left", baseline="bottom", dy=-5, limit=alt.ExprRef("width")
    )
    return said.encode(x=alt.value("width") if ends else alt.value(0), y=y, text="label:N")


def _placed(found: list[Lane], rows: int, above: float) -> list[dict[str, Any]]:
    step = above / (len(found) + 14 / LANE)
    return [
        {
            "left": max(lane.low - 0.5, 0.5),
            "right": lane.high + 0.5,
            "top": (i + 0.78) * step - above,
            "colour": style.COLOURS["kind"].get(lane.kind, style.INK),
            "label": lane.said,
            "ends": lane.right,
            "check": lane.check,
        }
        for i, lane in enumerate(found)
    ]
