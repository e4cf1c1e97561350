"""Draws `flowkit.timeline`: bars over time, stacked by what the table tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, bin_width, clock_of, collected, draw, drawn, near, nothing
from flowkit.errors import QuestionError
from flowkit.names import Names
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
    names: Names | None = None,
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
        The length of a bin, where it cannot be read off the times.
    zoom
        Whether the time axis zooms, with shift and the wheel; False leaves the axis to a brush of your own.
    names
        Names to stand before the addresses they are known for, such as `case.names`.

    Raises `QuestionError` on another table or an unknown measure.

    >>> from datetime import UTC, datetime
    >>> table = {"time": [datetime(2026, 5, 14, tzinfo=UTC)], "flows": [3], "packets": [9], "bytes": [900]}
    >>> timeline(pl.DataFrame(table), tz="Asia/Tokyo").title
    '900 B from 09:00 to 09:01; at most 900 B in a minute, at 09:00'
    """
    if measure not in _MEASURES:
        raise QuestionError(f"measure={measure!r} is not known: choose one of {', '.join(map(repr, _MEASURES))}")
    frame = collected(table, "time", *_MEASURES, names=names)
    by = next((name for name in frame.columns if name not in _OWN), "")
    series = pl.col(by).cast(pl.String).fill_null("-") if by else pl.lit(measure)
    timed, away = near(frame.drop_nulls("time"), tz, n="flows")
    placed = timed.select("time", series.alias("series"), pl.col(measure).alias("n"))
    at = clock_of(placed["time"], tz)
    if placed.height == 0:
        return nothing(frame, title=title, why="no flow records in this span", at=at)
    volume = _fitting(placed, every or bin_width(placed["time"]), measure, by, at)
    window = words.windows(None if windows is None else collected(windows, "window_s"))
    notes = [note for note in (words.seen(frame), window, away) if note]
    chart = _chart(volume, notes, zoom=zoom)
    spoken = " ".join(words.sentence(part) for part in (volume.spoken, *notes))
    return draw(chart, frame, title=title or volume.title, alt=spoken, at=at, height=220)


@dataclass(frozen=True)
class _Volume:
    """What is drawn: `time`, `series`, `n` in bins of one width, and what it is."""

    placed: pl.DataFrame
    width: timedelta
    measure: str
    by: str
    at: Clock

    @property
    def totals(self) -> dict[str, int]:
        return dict(self.placed.group_by("series").agg(pl.col("n").sum()).iter_rows())

    @property
    def order(self) -> list[str]:
        return style.ordered(self.by, self.totals)

    def amount(self, value: float) -> str:
        return words.measured(value, self.measure)

    def when(self, time: datetime) -> str:
        times: list[datetime] = self.placed["time"].to_list()
        return words.moment(time, self.at, min(times), max(times))

    @property
    def peak(self) -> str:
        bins = self.placed.group_by("time").agg(pl.col("n").sum())
        time, most = bins.sort("n", "time", descending=[True, False]).row(0)
        return f"at most {self.amount(most)} in {words.each(self.width)}, at {self.when(time)}"

    @property
    def length(self) -> timedelta:
        times: list[datetime] = self.placed["time"].to_list()
        return max(times) - min(times) + self.width

    @property
    def title(self) -> str:
        return f"{self.amount(sum(self.totals.values()))} from {self.between}; {self.peak}"

    @property
    def between(self) -> str:
        """The times that the bins lie between: the first and the last may be cut off by the span."""
        first: datetime = min(self.placed["time"].to_list())
        return f"{self.when(first)} to {self.when(first + self.length)}"

    @property
    def spoken(self) -> str:
        totals = self.totals
        total = sum(totals.values())
        parts = [f"{words.name(v)} {self.amount(totals[v])} ({words.percent(totals[v], total)})" for v in self.order]
        split = f", by {words.name(self.by)}: {', '.join(parts)}" if self.by else ""
        what = f"bars of {self.measure} in each {words.lasting(self.width)}, {self.between}, {self.at.label}"
        return f"{what}; {self.amount(total)} in all{split}; {self.peak}"


def _fitting(placed: pl.DataFrame, width: timedelta, measure: str, by: str, at: Clock) -> _Volume:
    """Return the table in bins so wide that they can be drawn."""
    for step in _STEPS:
        wide = width * step
        bins = pl.col("time").dt.truncate(f"{int(wide.total_seconds() * 1000)}ms")
        summed = placed.group_by(bins, "series").agg(pl.col("n").sum())
        if summed.height <= style.MOST_MARKS:
            break
    return _Volume(summed.sort("time", "series").tail(style.MOST_MARKS), wide, measure, by, at)


def _chart(volume: _Volume, notes: list[str], *, zoom: bool) -> style.Drawing:
    import altair as alt

    bars = _bars(volume)
    top = float(max(bars["top"].to_list(), default=0)) or 1.0
    title = f"{volume.measure} in {words.each(volume.width)}"
    picked = alt.selection_point(name="pick", fields=["series"], bind="legend")
    tips = {"when": "time", **({"series": volume.by} if volume.by else {}), "value": volume.measure, "whole": "all"}
    chart: alt.Chart = (
        alt.Chart(style.data(bars))
        .mark_rect()
        .encode(
            x=alt.X("time:T", scale=alt.Scale(type="utc"), axis=style.time_axis(volume.at, *notes)),
            x2="until",
            y=alt.Y(
                "bottom:Q",
                scale=alt.Scale(domain=[0, top], nice=True),
                axis=style.count_axis(title, biggest=top, measure=volume.measure),
            ),
            y2="top",
            color=style.colour(volume.by, [words.name(v) for v in volume.order], legend=bool(volume.by)),
            opacity=alt.when(picked).then(alt.value(1)).otherwise(alt.value(0.15)),
            tooltip=style.tooltip(**tips),
        )
    )
    params = [picked, style.zoom()] if zoom else [picked]
    return chart.add_params(*params)


def _bars(volume: _Volume) -> pl.DataFrame:
    """Return the stacked bars: one row for each bin and series."""
    place = {value: index for index, value in enumerate(volume.order)}
    stacked = (
        volume.placed.filter(pl.col("n") > 0)
        .with_columns(_place=pl.col("series").replace_strict(place, return_dtype=pl.Int32))
        .sort("time", "_place")
        .with_columns(top=pl.col("n").cum_sum().over("time"), _all=pl.col("n").sum().over("time"))
        .with_columns(bottom=pl.col("top") - pl.col("n"), until=pl.col("time") + volume.width * 0.94)
    )
    return stacked.select(
        drawn("time", volume.at),
        drawn("until", volume.at),
        "bottom",
        "top",
        series=words.column(stacked["series"], words.name),
        when=words.column(stacked["time"], lambda t: words.during(t, volume.width, volume.at)),
        value=words.column(stacked["n"], volume.amount),
        whole=words.column(stacked["_all"], volume.amount),
    )
