"""What a chart function returns: the chart, the numbers in it, and words for those who cannot see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import gcd
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from flowkit.charts import style, words
from flowkit.errors import QuestionError
from flowkit.far import bulk
from flowkit.names import Names
from flowkit.times import EPOCH, Clock, clock
from flowkit.wording import heading

MIME = "application/vnd.flowkit.chart+json"

MOST_ROWS = 500
"""How many rows of its table a figure carries to a report."""


@dataclass(frozen=True, repr=False, eq=False)
class Figure:
    """A chart with its title, its table and its text alternative.

    In a notebook it shows itself as a live chart that needs no network; a report draws it from `spec`. `chart` is the
    Altair chart, for those who want to change it. `clock` is the zone and offset its times are drawn with: a time read
    off the chart (a brush gives milliseconds) is turned back into UTC with `true_time`.

    >>> from flowkit import charts
    >>> figure = charts.sizes(pl.DataFrame({"low": [164], "high": [164], "flows": [500]}))
    >>> print(figure)
    Record sizes: 500 flows, 164 B
    Histogram. Record sizes: 500 flows, 164 B. all · 500 flows · most 500 at 164 B.
    """

    chart: Any
    table: pl.DataFrame
    title: str
    alt: str
    clock: Clock = field(default_factory=lambda: Clock("UTC", timedelta(0)))

    live: ClassVar[bool] = True
    """Whether a notebook shows a widget. A report sets it to False, because no kernel stands behind a page."""

    def __repr__(self) -> str:
        return f"{self.title}\n{self.alt}"

    @property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification: plain data, the same for the same input."""
        spec: dict[str, Any] = self.chart.to_dict()
        return spec

    def true_time(self, drawn: float) -> datetime:
        """Return the time in UTC of a place on the time axis, given in milliseconds as a brush reports it."""
        return datetime.fromtimestamp(drawn / 1000, UTC) - self.clock.offset

    def save(self, path: str | Path, *, width: int = 720, scale: float = 2.0) -> Path:
        """Write the chart as `.svg` or `.png` and return the path.

        Raises `QuestionError` on another ending.
        """
        import vl_convert

        path = Path(path)
        spec = {**self.spec, "width": width, "background": "white"}
        if path.suffix == ".svg":
            path.write_text(vl_convert.vegalite_to_svg(spec), "utf-8")
        elif path.suffix == ".png":
            path.write_bytes(vl_convert.vegalite_to_png(spec, scale=scale))
        else:
            raise QuestionError(f"a chart is saved as .svg or .png, not as {path.name!r}")
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Return the forms of the figure: for a report, for a live notebook, and in words."""
        bundle = {**self._widget()} if self.live else {}
        spoken = {"spec": self.spec, "title": self.title, "alt": self.alt, "table": self._rows()}
        return {**bundle, MIME: spoken, "text/plain": repr(self)}

    def _widget(self) -> dict[str, Any]:
        """Return the live view. Altair's other renderers fetch scripts, and run scripts that stand in the logs."""
        import altair as alt

        alt.JupyterChart.enable_offline(True)
        options = {"actions": False, "renderer": "svg", "ast": True}
        bundle = alt.JupyterChart(self.chart, embed_options=options, layout={"width": "100%"})._repr_mimebundle_()
        data: dict[str, Any] = bundle[0] if isinstance(bundle, tuple) else bundle or {}
        return data

    def _rows(self) -> dict[str, Any]:
        """Return the table as a page shows it: times as text on the figure's clock, with offsets where they change."""
        changes = bool(self.clock.changes)
        times = [name for name, dtype in self.table.schema.items() if isinstance(dtype, pl.Datetime)]
        shown = self.table.head(MOST_ROWS).with_columns(
            pl.col(times)
            .dt.convert_time_zone(self.clock.tz)
            .dt.strftime(f"%Y-%m-%d %H:%M:%S{' %z' if changes else ''}"),
            pl.col(pl.Float64, pl.Float32).round(4),
        )
        clock = self.clock.tz if changes else self.clock.label
        columns = [f"{heading(name)}, {clock}" if name in times else heading(name) for name in shown.columns]
        return {"columns": columns, "rows": [list(row) for row in shown.rows()], "height": self.table.height}


def collected(table: pl.LazyFrame | pl.DataFrame, *columns: str, names: Names | None = None) -> pl.DataFrame:
    """Return the table in memory, with names before its addresses; the one place where charts collect.

    Raises `QuestionError` where it is not the table that the chart draws.
    """
    frame = table.collect(engine="streaming") if isinstance(table, pl.LazyFrame) else table
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise QuestionError(
            f"this chart draws the table of the question with its name, which has a column {missing[0]!r}; "
            f"this one has {', '.join(frame.columns)}"
        )
    return names.apply(frame) if names else frame


def near(frame: pl.DataFrame, tz: str, *, n: str, what: str = "flow") -> tuple[pl.DataFrame, str]:
    """Return the rows whose `time` is to be drawn, and words for those years away, which would leave no room for them.

    `n` is the column that says how many a row stands for.
    """
    found = bulk(frame.select("time", n=pl.col(n).cast(pl.Int64)))
    if not found:
        return frame, ""
    inside = pl.col("time").is_between(*found)
    away = frame.filter(~inside)
    times: list[datetime] = away["time"].to_list()
    days = [clock(tz, time).show(time, "%Y-%m-%d") for time in (min(times), max(times))]
    when = " and ".join(dict.fromkeys(days))
    return frame.filter(inside), f"not drawn: {words.count(int(away[n].sum()), what)} years away, of {when}"


def clock_of(times: pl.Series, tz: str) -> Clock:
    """Return the clock of a zone as it goes from the first of the times to the last."""
    first, last = times.min(), times.max()
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return clock(tz, EPOCH)
    return clock(tz, first, last)


def drawn(column: str, at: Clock) -> pl.Expr:
    """Return a time as Vega gets it: milliseconds of the clock's own time, to be drawn as if it were UTC."""
    return (pl.col(column) + at.offset).dt.epoch("ms").alias(column)


def bin_width(times: pl.Series) -> timedelta:
    """Return the length of a bin: the longest that leads from the first time to all others; a minute, if there is one.

    >>> bin_width(pl.Series([datetime(2026, 5, 14, 0, minute) for minute in (0, 10, 15)]))
    datetime.timedelta(seconds=300)
    """
    gaps = times.unique().sort().diff().drop_nulls().dt.total_milliseconds()
    return timedelta(milliseconds=gcd(*gaps)) if len(gaps) else timedelta(minutes=1)


def draw(chart: style.Drawing, table: pl.DataFrame, *, title: str, alt: str, at: Clock, height: int) -> Figure:
    """Return the finished figure."""
    return Figure(style.finish(chart, title=title, description=alt, height=height), table, title, alt, at)


def nothing(table: pl.DataFrame, *, title: str | None, why: str, at: Clock) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    said = f"nothing to draw: {why}"
    lines = style.lines(said, 52)
    chart = style.labels(lines, at=0.8)
    heading = title or words.sentence(said).rstrip(".")
    return draw(chart, table, title=heading, alt=words.sentence(said), at=at, height=22 * len(lines))
