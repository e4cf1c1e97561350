"""Draws `flowkit.sizes`: a row for each kind, so that spikes and spread are seen one below the other."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10
from typing import TYPE_CHECKING

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.clusters import LANE, Lane, drawn_lanes, lanes
from flowkit.charts.figure import Figure, clock_of, collected, draw, nothing
from flowkit.names import Names
from flowkit.split.words import span

if TYPE_CHECKING:
    import altair as alt

_ROW = 92


def sizes(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    clusters: pl.LazyFrame | pl.DataFrame | None = None,
    measure: str = "bytes",
    names: Names | None = None,
) -> Figure:
    """Return the histogram of record sizes, with a row for each value of the table's own column.

    An exact size is a needle with a head, a bin is a bar. All rows share the axis of sizes. Heights grow with the
    square root of the flows, each row to its own most.

    Parameters
    ----------
    table
        What `flowkit.sizes` returns.
    tz
        Every chart takes it; sizes have no time, so it changes nothing here.
    clusters
        `case.split.clusters`: each has its name over the sizes that its connections have on their way to the target;
        those of health checks are shaded, with their edges in bytes.
    measure
        What the table measures: "bytes" or "packets".
    names
        Names to stand before the addresses they are known for, such as `case.names`.

    Raises `QuestionError` on another table.

    >>> sizes(pl.DataFrame({"low": [164, 9000], "high": [164, 9390], "flows": [500, 20]})).title
    'Record sizes: 520 flows, 164 to 9,390 B'
    """
    frame = collected(table, "low", "high", "flows", names=names)
    by = next((name for name in frame.columns if name not in ("low", "high", "flows", "answers")), "")
    series = pl.col(by).cast(pl.String).fill_null("-") if by else pl.lit("all")
    answers = pl.col("answers") if "answers" in frame.columns else pl.lit(0)
    placed = frame.filter(pl.col("low") > 0).select("low", "high", "flows", series=series, answers=answers)
    at = clock_of(pl.Series(dtype=pl.Datetime("ms", "UTC")), tz)
    if placed.height == 0:
        return nothing(frame, title=title, why="no flow record has a size here", at=at)
    histogram = _Histogram(placed, by, measure, [] if clusters is None else lanes(clusters, placed))
    height = round(_ROW * (len(histogram.order) + histogram.above))
    return draw(_chart(histogram), frame, title=title or histogram.title, alt=histogram.spoken, at=at, height=height)


@dataclass(frozen=True)
class _Histogram:
    """What is drawn: `low`, `high`, `flows`, `series`, `answers`; the column that tells series apart; the clusters."""

    placed: pl.DataFrame
    by: str
    measure: str
    lanes: list[Lane]

    @property
    def above(self) -> float:
        """Return the room for the names of the clusters, in rows."""
        return (len(self.lanes) * LANE + 14) / _ROW if self.lanes else 0.0

    @property
    def totals(self) -> dict[str, int]:
        return dict(self.placed.group_by("series").agg(pl.col("flows").sum()).iter_rows())

    @property
    def order(self) -> list[str]:
        return style.ordered(self.by, self.totals)

    @property
    def ends(self) -> tuple[int, int]:
        return min(self.placed["low"].to_list()), max(self.placed["high"].to_list())

    @property
    def title(self) -> str:
        checks = [lane for lane in self.lanes if lane.check]
        if checks:
            ranges = list(dict.fromkeys(span(lane.low, lane.high) for lane in checks))
            told = ranges[:3] if len(ranges) <= 3 else [*ranges[:2], f"{len(ranges) - 2} more"]
            said = " and ".join([", ".join(told[:-1]), told[-1]] if told[1:] else told)
            return f"Health checks weigh {said} B towards their targets{self._answer}"
        low, high = self.ends
        return f"Record sizes: {words.count(sum(self.totals.values()), 'flow')}, {self.span(low, high)}"

    @property
    def _answer(self) -> str:
        """Return what most answers to the checks weigh, where one size stands out."""
        checks = self.placed.filter(pl.col("series") == "health-check")
        if self.by != "kind" or self.measure != "bytes" or not checks["answers"].sum():
            return ""
        low, high, most = (
            checks.sort("answers", "low", descending=[True, False]).select("low", "high", "answers").row(0)
        )
        return f", and most answers {self.span(low, high)}" if 2 * most > checks["answers"].sum() else ""

    @property
    def spoken(self) -> str:
        labels = "; ".join(self.label(value) for value in self.order)
        named = "; ".join(lane.said for lane in self.lanes)
        over = f" Over the sizes, the clusters on their way to the target: {named}." if named else ""
        return f"Histogram. {self.title}. {labels}.{over}"

    def span(self, low: int, high: int) -> str:
        unit = "B" if self.measure == "bytes" else "packets"
        return f"{low:,} {unit}" if low == high else f"{low:,} to {high:,} {unit}"

    def label(self, value: str) -> str:
        own = self.placed.filter(pl.col("series") == value).sort("flows", "low", descending=[True, False])
        low, high, flows, answers = own.select("low", "high", "flows", "answers").row(0)
        total, what = words.count(self.totals[value], "flow"), " (answers)" if 2 * answers > flows else ""
        return f"{words.name(value)} · {total} · most {flows:,} at {self.span(low, high)}{what}"


def _chart(histogram: _Histogram) -> style.Drawing:
    import altair as alt

    shapes, rows, above = _shapes(histogram), len(histogram.order), histogram.above
    x, y = _axis(histogram), style.down(rows, above)
    colour = style.colour(histogram.by, [words.name(v) for v in histogram.order], legend=False)
    tips = style.tooltip(series=histogram.by or "all", range=histogram.measure, count="flows", share="share of its row")
    bars = alt.Chart(style.data(shapes.filter(~pl.col("exact")))).mark_rect(opacity=0.65)
    needles = alt.Chart(style.data(shapes.filter("exact")))
    labels = style.labels([histogram.label(value) for value in histogram.order], at=0.14, above=above)
    return alt.layer(
        *drawn_lanes(histogram.lanes, rows, x, above),
        bars.encode(x=x, x2="right", y=y, y2="foot", color=colour, tooltip=tips),
        needles.mark_rule(strokeWidth=1.5).encode(x=x, y=y, y2="foot", color=colour, tooltip=tips),
        needles.mark_point(filled=True, size=28, opacity=1).encode(x=x, y=y, color=colour, tooltip=tips),
        labels,
    )


def _axis(histogram: _Histogram) -> alt.X:
    low, high = histogram.ends
    notes = ["height: square root of flows, each row to its own most"]
    notes += ["on top: the clusters, as their connections weigh towards the target"] if histogram.lanes else []
    return size_axis(low, high, histogram.measure, notes)


def size_axis(low: int, high: int, measure: str, notes: list[str]) -> alt.X:
    """Return the axis of sizes, of field `left`: a log scale with round numbers, and what has to be known below it."""
    import altair as alt

    decades = log10(high + 1) - log10(low)
    steps = (1, 2, 5) if decades < 2.2 else (1, 3) if decades < 4.5 else (1,)
    unit = " + 'B'" if measure == "bytes" else ""
    return alt.X(
        "left:Q",
        scale=alt.Scale(type="log", domain=[low - 0.5, high + 0.5], nice=False),
        axis=alt.Axis(
            title=[f"{measure} of one record, log scale", *(line for note in notes for line in style.lines(note))],
            values=[step * 10**power for power in range(16) for step in steps if low <= step * 10**power <= high],
            labelExpr=f"format(datum.value, '~s'){unit}",
            grid=False,
        ),
    )


def _shapes(histogram: _Histogram) -> pl.DataFrame:
    """Return what is drawn of each size: left, right, foot, top, exact and the words of its tooltip."""
    place = {value: float(row) for row, value in enumerate(histogram.order)}
    foot = pl.col("series").replace_strict(place, return_dtype=pl.Float64) + 0.97
    share = pl.col("flows") / pl.col("flows").sum().over("series")
    # The root keeps the service's spread in sight beside a spike that is a hundred times as high.
    highest = (pl.col("flows") / pl.col("flows").max().over("series")).sqrt()
    kept = (
        histogram.placed.with_columns(foot=foot, top=foot - 0.74 * highest, share=share)
        .top_k(style.MOST_MARKS // 2, by=["flows", "low"])  # a needle is two marks
        .sort("low", "high", "foot")
    )
    return kept.select(
        "foot",
        "top",
        exact=pl.col("low") == pl.col("high"),
        left=pl.when(pl.col("low") == pl.col("high"))
        .then(pl.col("low").cast(pl.Float64))
        .otherwise(pl.col("low") - 0.5),
        right=pl.col("high") + 0.5,
        series=words.column(kept["series"], words.name),
        range=words.column(kept.select("low", "high").iter_rows(), lambda r: histogram.span(*r)),
        count=words.column(kept["flows"], words.count),
        share=words.column(kept["share"], lambda share: words.percent(share, 1)),
    )
