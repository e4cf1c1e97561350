"""Draws `flowkit.timeline`: bars over time, stacked by what the table tells apart."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import reduce
from math import gcd

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, drawn, nothing
from flowkit.errors import QuestionError
from flowkit.times import Clock

_MEASURES = ("flows", "packets", "bytes")
_OWN = ("time", "vantage", *_MEASURES)
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 10080)


def timeline(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    measure: str = "bytes",
    windows: pl.LazyFrame | pl.DataFrame | None = None,
    every: timedelta | None = None,
    zoom: bool = True,
) -> Figure:
    """Return bars of what flowed in each bin, stacked by the table's own column where it has one.

    Parameters
    ----------
    table
        What `flowkit.timeline` returns. Where it has more bars than a page can hold, they are summed to wider bins.
    tz
        The zone whose clock is drawn.
    measure
        "bytes", "packets" or "flows".
    windows
        What `flowkit.questions.aggregation` returns: the chart then says what is too short to be seen.
    every
        The length of a bin, where it is not to be read off the times.
    zoom
        Whether the time axis zooms, with shift and the wheel; False leaves the axis to a brush of your own.
    """
    if measure not in _MEASURES:
        raise QuestionError(f"measure={measure!r} is not known: choose one of {', '.join(map(repr, _MEASURES))}")
    frame = collected(table, "time", *_MEASURES)
    by = next((name for name in frame.columns if name not in _OWN), None)
    placed = frame.filter(pl.col("time").is_not_null())
    at = clock_of(placed["time"], tz)
    if placed.height == 0:
        return nothing(frame, title=title, why="no flow records in this span", at=at)
    placed = placed.select(
        "time", measure, pl.col(by).fill_null("-").alias("series") if by else pl.lit(measure).alias("series")
    )
    placed, width = _fitting(placed, every or _width(placed["time"]), measure)
    said = _said(placed, measure, by, width, at)
    notes = (words.seen(frame), words.windows(None if windows is None else collected(windows, "window_s")))
    alt_text = ". ".join(part for part in (said[1], *notes) if part) + "."
    chart = _chart(placed, measure, by, width, at, notes, zoom=zoom)
    return draw(chart, frame, title=title or said[0], alt=alt_text[0].upper() + alt_text[1:], at=at, height=220)


def _chart(
    placed: pl.DataFrame,
    measure: str,
    by: str | None,
    width: timedelta,
    at: Clock,
    notes: tuple[str, ...],
    *,
    zoom: bool,
):  # type: ignore[no-untyped-def]
    import altair as alt

    totals = dict(placed.group_by("series").agg(pl.col(measure).sum()).iter_rows())
    order = style.ordered(by or "", totals)
    bars = _bars(placed, measure, order, width, at)
    top = float(bars["top"].max() or 1)  # type: ignore[arg-type]
    picked = alt.selection_point(name="pick", fields=["series"], bind="legend")
    chart = (
        alt.Chart(alt.Data(values=bars.to_dicts()))
        .mark_rect()
        .encode(
            x=alt.X("time:T", scale=alt.Scale(type="utc"), axis=style.time_axis(at.label, *notes)),
            x2="until",
            y=alt.Y(
                "bottom:Q",
                scale=alt.Scale(domain=[0, top], nice=True),
                axis=style.count_axis(f"{measure} in {words.lasting(width)}", biggest=top, measure=measure),
            ),
            y2="top",
            color=style.colour(by or "", order, shown=by is not None),
            opacity=alt.when(picked).then(alt.value(1)).otherwise(alt.value(0.15)),
            tooltip=style.tooltip(when="time", **({"series": by} if by else {}), value=measure, whole="all"),
        )
    )
    return chart.add_params(picked, style.zoom()) if zoom else chart.add_params(picked)


def _bars(placed: pl.DataFrame, measure: str, order: list[str], width: timedelta, at: Clock) -> pl.DataFrame:
    """Return the stacked bars: one row for each bin and series."""
    place = {value: index for index, value in enumerate(order)}
    stacked = (
        placed.filter(pl.col(measure) > 0)
        .with_columns(_place=pl.col("series").replace_strict(place, return_dtype=pl.Int32))
        .sort("time", "_place")
        .with_columns(top=pl.col(measure).cum_sum().over("time"), _all=pl.col(measure).sum().over("time"))
        .with_columns(bottom=pl.col("top") - pl.col(measure), until=pl.col("time") + width * 0.94)
    )
    when = [f"{at.show(t)} to {at.show(t + width, '%H:%M:%S')}" for t in stacked["time"]]
    return stacked.select(
        drawn("time", at),
        drawn("until", at),
        pl.col("series").map_elements(words.name, return_dtype=pl.String),
        "bottom",
        "top",
        when=pl.Series(when, dtype=pl.String),
        value=pl.Series([words.measured(v, measure) for v in stacked[measure]], dtype=pl.String),
        whole=pl.Series([words.measured(v, measure) for v in stacked["_all"]], dtype=pl.String),
    )


def _width(times: pl.Series) -> timedelta:
    """Return the length of a bin: the largest that all times are multiples of, from the first."""
    gaps = times.unique().sort().diff().drop_nulls().dt.total_milliseconds().to_list()
    return timedelta(milliseconds=reduce(gcd, gaps)) if gaps else timedelta(minutes=1)


def _fitting(placed: pl.DataFrame, width: timedelta, measure: str) -> tuple[pl.DataFrame, timedelta]:
    """Return the table in bins so wide that it can be drawn, and their width."""
    for step in _STEPS:
        wide = width * step
        summed = placed.group_by(pl.col("time").dt.truncate(wide), "series").agg(pl.col(measure).sum())
        if summed.height <= style.MOST_MARKS:
            break
    return summed.sort("time", "series").tail(style.MOST_MARKS), wide


def _said(placed: pl.DataFrame, measure: str, by: str | None, width: timedelta, at: Clock) -> tuple[str, str]:
    """Return the title and the text alternative."""
    bins = placed.group_by("time").agg(pl.col(measure).sum()).sort("time")
    first, last = bins["time"][0], bins["time"][-1]
    peak = bins.sort(measure, "time", descending=[True, False]).row(0)
    total = bins[measure].sum()

    def when(time: datetime) -> str:
        return words.moment(time, at, first, last)

    most = f"most in the {words.lasting(width)} from {when(peak[0])}: {words.measured(peak[1], measure)}"
    totals = dict(placed.group_by("series").agg(pl.col(measure).sum()).iter_rows())
    parts = [
        f"{words.name(v)} {words.measured(totals[v], measure)} ({words.percent(totals[v], total)})"
        for v in style.ordered(by or "", totals)
    ]
    title = f"{words.measured(total, measure)} in {words.lasting(last - first + width)}, {most}"
    split = f" by {words.name(by)}: {', '.join(parts)}" if by else ""
    spoken = f"{measure} in each {words.lasting(width)}, {when(first)} to {when(last + width)} {at.label}, {words.measured(total, measure)} in all{split}; {most}"
    return title, spoken
