"""Draws `flowkit.cadence`: a strip of counts for each checker, in proportion to the true length of each window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, bin_width, clock_of, collected, draw, drawn, near, nothing
from flowkit.names import Names
from flowkit.times import Clock

_ROW = 84
_MOST = 24
_SERIES = ("as usual", "fewer", "more", "cut off by the span")
_TIPS = {"checker": "checker", "when": "time", "said": "checks", "usual": "usual", "lasting": "seen of the window"}
# Counts of a clock waver by one where a window's edge falls on a tick; a quarter covers several targets' ticks at once.
_SLACK, _SHARE = 1.5, 0.25


def cadence(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    names: Names | None = None,
) -> Figure:
    """Return a strip for each checker: its health checks in each window, as a rate, beside the rate that was due.

    `table` is what `flowkit.cadence` returns. A window that the span cuts off is drawn as wide as was seen of it, and
    as high as its rate, so that it is not taken for missed checks. Where there are more than 24 checkers, those that
    missed most are drawn. Times are on the clock of `tz`; `names` are such as `case.names`. Raises `QuestionError` on
    another table.

    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 5, 14, 0, minute, tzinfo=UTC) for minute in range(3)]
    >>> rows = {"checker": "10.0.0.9", "time": at, "checks": [12, 3, 12], "targets": 2, "length_s": 60.0}
    >>> cadence(pl.DataFrame({**rows, "per_minute": [12.0, 3.0, 12.0], "due": 12.0})).title
    'Checks came short from 1 of 1 checker: 10.0.0.9, 00:01 to 00:02'
    """
    frame = collected(table, "checker", "time", "checks", "targets", "length_s", "per_minute", "due", names=names)
    checks, away = near(frame, tz, n="checks", what="check")
    at = clock_of(checks["time"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="no health checks were found in this span", at=at)
    strip = _Strip(_told(checks), bin_width(checks["time"]), at, away)
    height = _ROW * len(strip.checkers)
    return draw(_chart(strip), frame, title=title or strip.title, alt=strip.spoken, at=at, height=height)


def _told(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the table with `series`: what a window's count is beside what was due."""
    off = pl.col("checks").cast(pl.Float64) - pl.col("due")
    slack = pl.max_horizontal(pl.lit(_SLACK), _SHARE * pl.col("due"))
    cut = pl.col("length_s") < 0.95 * pl.col("length_s").max()
    names = [pl.lit(name) for name in _SERIES]
    series = pl.when(cut).then(names[3]).when(off < -slack).then(names[1]).when(off > slack).then(names[2])
    return frame.with_columns(series=series.otherwise(names[0])).sort("checker", "time")


@dataclass(frozen=True)
class _Strip:
    """What is drawn: the counts with what they are called, the length of a bin, and the clock."""

    told: pl.DataFrame
    width: timedelta
    at: Clock
    away: str

    @property
    def checkers(self) -> list[str]:
        short = (pl.col("series") == "fewer").sum()
        ranked = self.told.group_by("checker").agg(short=short, checks=pl.col("checks").sum())
        return (
            ranked.sort("short", "checks", "checker", descending=[True, True, False])["checker"].head(_MOST).to_list()
        )

    @property
    def number(self) -> int:
        return self.told["checker"].n_unique()

    @property
    def title(self) -> str:
        short = [checker for checker in self.checkers if self.windows(checker, "fewer")]
        who = words.count(self.number, "checker")
        if not short:
            return f"Checks from {who} at an even pace{self._least}"
        more = f", and {len(short) - 1} more" if len(short) > 1 else ""
        silent = self.span(short[0], pl.col("checks") == 0)
        if silent:
            return f"No checks from {words.name(short[0])}, {silent}; {len(short)} of {who} came short"
        when = self.span(short[0], pl.col("series") == "fewer")
        return f"Checks came short from {len(short)} of {who}: {words.name(short[0])}, {when}{more}"

    @property
    def _least(self) -> str:
        """Return how far the emptiest whole window is below the usual."""
        whole = self.told.filter((pl.col("series") != _SERIES[3]) & (pl.col("due") > 0))
        least = whole.select((1 - pl.col("checks") / pl.col("due")).max()).item()
        if least is None or least <= 0:
            return ": no window with fewer than usual"
        return f": no window more than {words.percent(least, 1)} below the usual"

    @property
    def spoken(self) -> str:
        what = f"A strip for each of {words.count(self.number, 'checker')} of health checks, checks a minute in each"
        rows = " ".join(words.sentence(self.label(checker)) for checker in self.checkers)
        return f"{what} {words.lasting(self.width)}, {self.at.label}. {self.title}. {rows}"

    def own(self, checker: str) -> pl.DataFrame:
        return self.told.filter(pl.col("checker") == checker)

    def windows(self, checker: str, series: str) -> int:
        return self.own(checker).filter(pl.col("series") == series).height

    def label(self, checker: str) -> str:
        own = self.own(checker)
        due = own.filter((pl.col("checks") > 0) & (pl.col("series") != _SERIES[3]))
        usual = due if due.height else own
        pace = float(usual.select((pl.col("due") * 60 / pl.col("length_s")).median()).item())
        feet = int(usual["targets"].mode().max())  # type: ignore[arg-type]
        short, most = self.windows(checker, "fewer"), words.count(own.height, "window")
        low, high = usual.select(low=pl.col("per_minute").min(), high=pl.col("per_minute").max()).row(0)
        said = f"fewer in {short} of {most}" if short else f"{low:.3g} to {high:.3g} seen"
        return f"{words.name(checker)} · {words.count(feet, 'target')} · usually {pace:.3g} a minute, {said}"

    def span(self, checker: str, which: pl.Expr) -> str:
        """Return between which times a checker's windows are of a kind; nothing where none is."""
        times: list[datetime] = self.own(checker).filter(which)["time"].to_list()
        every: list[datetime] = self.told["time"].to_list()
        ends = (min(times), max(times) + self.width) if times else ()
        return " to ".join(words.moment(time, self.at, min(every), max(every), self.width) for time in ends)


def _chart(strip: _Strip) -> style.Drawing:
    import altair as alt

    rows = len(strip.checkers)
    left_out = strip.number - rows
    more = f"{words.count(left_out, 'more checker')} in the table, not drawn" if left_out else ""
    note = f"bars: checks a minute, seen in {words.each(strip.width)}; dashed: the usual number"
    axis = style.time_axis(strip.at, note, more, strip.away)
    x, y = alt.X("time:T", scale=alt.Scale(type="utc"), axis=axis), style.down(rows)
    placed = _placed(strip)
    series = [name for name in _SERIES if name in placed["series"].to_list()]
    bars = alt.Chart(style.data(placed.drop("line"))).mark_rect()
    due = alt.Chart(style.data(placed.select("time", "until", top="line"))).mark_rule(
        color=style.INK, strokeDash=[3, 2], strokeWidth=1
    )
    return alt.layer(
        bars.encode(
            x=x, x2="until", y=y, y2="foot", color=style.colour("cadence", series), tooltip=style.tooltip(**_TIPS)
        ),
        due.encode(x=x, x2="until", y=y),
        style.labels([strip.label(checker) for checker in strip.checkers], at=0.2),
    )


def _placed(strip: _Strip) -> pl.DataFrame:
    """Return the bars: from when to when, how high, what they are called, and the words of their tooltips."""
    place = {checker: float(row) for row, checker in enumerate(strip.checkers)}
    rows = strip.told.filter(pl.col("checker").is_in(strip.checkers)).tail(style.MOST_MARKS // 2)
    pace = pl.col("due") * 60 / pl.col("length_s")
    # The rate of a second or two says nothing, and must not set the scale.
    whole = pl.col("per_minute").filter(pl.col("series") != _SERIES[3]).max()
    highest = float(rows.select(pl.max_horizontal(whole, pace.max())).item()) or 1.0
    # Where none came, a trace is drawn, so that it is seen.
    height = (pl.col("per_minute") / highest).clip(0.04, 1.1)
    foot = pl.col("checker").replace_strict(place, return_dtype=pl.Float64) + 0.97
    # A window that begins before the first record is seen at its end; the last one, at its beginning.
    short = strip.width - pl.duration(milliseconds=(pl.col("length_s") * 1000).cast(pl.Int64))
    late = pl.when(pl.col("time") == pl.col("time").min()).then(short).otherwise(pl.duration(milliseconds=0))
    full = pl.duration(milliseconds=(pl.col("length_s") * 940).cast(pl.Int64))
    kept = rows.with_columns(
        foot=foot,
        top=foot - 0.62 * height,
        line=foot - 0.62 * pace / highest,
        time=pl.col("time") + late,
        until=pl.col("time") + late + full,
    )
    return kept.select(
        drawn("time", strip.at),
        drawn("until", strip.at),
        "top",
        "foot",
        "line",
        "series",
        checker=words.column(kept["checker"], words.name),
        when=words.column(rows["time"], lambda t: words.during(t, strip.width, strip.at)),
        said=words.column(kept["checks"], words.count),
        usual=words.column(kept["due"], lambda due: f"{due:.1f}"),
        lasting=words.column(kept["length_s"], _seconds),
    )


def _seconds(length: Any) -> str:
    return f"{length:.0f} s"
