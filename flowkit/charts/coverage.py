"""Draws `case.coverage()`: a strip for each interface, so that silence is never read as "no traffic"."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, bin_width, clock_of, collected, draw, drawn, nothing
from flowkit.names import Names
from flowkit.times import Clock

if TYPE_CHECKING:
    pass

_ROW = 38
_MOST = 60
_MISSING = ["SKIPDATA", "no record"]

# Height of a state's strip within its row, so that states are told apart without their colours.
_HEIGHTS = {"OK": 0.42, "NODATA": 0.2, "SKIPDATA": 0.54, "no record": 0.06, "not yet delivered": 0.12}
_MEANING = {
    "OK": "flows were recorded",
    "NODATA": "AWS says: no traffic",
    "SKIPDATA": "AWS left records out: data are missing",
    "no record": "windows without anything, not even NODATA: a gap in the logs",
    "not yet delivered": "too fresh: records may still come",
}
_TIPS = {"eni": "interface", "series": "state", "meaning": "meaning", "when": "time", "records": "records"}


def coverage(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    names: Names | None = None,
) -> Figure:
    """Return a strip of states over time for each interface of what `case.coverage()` returns, on the clock of `tz`.

    Where there are more than 60 interfaces, those with something missing are drawn first. Raises `QuestionError` on
    another table.
    `names` are such as `case.names`: they stand before the addresses that they are known for.

    >>> from datetime import UTC, datetime
    >>> table = {"interface_id": ["eni-a"], "time": [datetime(2026, 5, 14, tzinfo=UTC)], "state": ["SKIPDATA"]}
    >>> coverage(pl.DataFrame({**table, "records": 1, "window_s": 60})).title
    'Coverage: data are missing on 1 of 1 interface'
    """
    frame = collected(table, "interface_id", "time", "state", "records", "window_s", names=names).sort(
        "interface_id", "time"
    )
    at = clock_of(frame["time"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="no interface has a record in this span", at=at)
    runs = _runs(frame)
    heading, alt = _said(frame, runs, at)
    enis = _shown(runs)
    chart = _chart(runs, enis, at, _left_out(frame, enis))
    return draw(chart, frame, title=title or heading, alt=alt, at=at, height=_ROW * len(enis))


def _runs(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the stretches of one state: interface_id, state, time, until, records, window_s."""
    changed = (pl.col("state") != pl.col("state").shift()).fill_null(value=True).over("interface_id")
    return (
        frame.with_columns(_run=changed.cum_sum())
        .group_by("interface_id", "_run", "state", maintain_order=True)
        .agg(
            pl.col("time").min(),
            pl.col("records").sum(),
            pl.col("window_s").first(),
            until=pl.col("time").max() + bin_width(frame["time"]),
        )
        .drop("_run")
    )


def _shown(runs: pl.DataFrame) -> list[str]:
    """Return the interfaces to draw."""
    ranked = runs.group_by("interface_id").agg(bad=pl.col("state").is_in(_MISSING).any())
    return sorted(ranked.sort("bad", "interface_id", descending=[True, False])["interface_id"].head(_MOST))


def _left_out(frame: pl.DataFrame, enis: list[str]) -> str:
    more = frame["interface_id"].n_unique() - len(enis)
    return f"{words.count(more, 'interface')} more in the table, not drawn" if more else ""


def _chart(runs: pl.DataFrame, enis: list[str], at: Clock, note: str) -> style.Drawing:
    import altair as alt

    strips = _strips(runs.filter(pl.col("interface_id").is_in(enis)).head(style.MOST_MARKS), enis, at)
    states = [state for state in style.COLOURS["coverage"] if state in set(strips["series"])]
    body = (
        alt.Chart(style.data(strips))
        .mark_rect()
        .encode(
            x=alt.X("time:T", scale=alt.Scale(type="utc"), axis=style.time_axis(at, note)),
            x2="until",
            y=style.down(len(enis)),
            y2="bottom",
            color=style.colour("coverage", states),
            tooltip=style.tooltip(**_TIPS),
        )
    )
    window = dict(runs.select("interface_id", "window_s").iter_rows())
    said = [words.name(eni) + (f" · windows of {window[eni]} s" if window[eni] else "") for eni in enis]
    return alt.layer(body, style.labels(said, at=0.36))


def _strips(runs: pl.DataFrame, enis: list[str], at: Clock) -> pl.DataFrame:
    place = pl.col("interface_id").replace_strict({eni: row for row, eni in enumerate(enis)}, return_dtype=pl.Float64)
    half = pl.col("state").replace_strict(_HEIGHTS, default=0.42, return_dtype=pl.Float64) / 2
    return runs.select(
        drawn("time", at),
        drawn("until", at),
        top=place + 0.71 - half,
        bottom=place + 0.71 + half,
        series="state",
        eni=words.column(runs["interface_id"], words.name),
        meaning=pl.col("state").replace_strict(_MEANING, default=""),
        when=words.column(runs.select("time", "until").iter_rows(), lambda r: words.during(r[0], r[1] - r[0], at)),
        records=words.column(runs["records"], words.count),
    )


def _said(frame: pl.DataFrame, runs: pl.DataFrame, at: Clock) -> tuple[str, str]:
    """Return the title and the text alternative: what is missing, where and when."""
    times: list[datetime] = [*runs["time"], *runs["until"]]
    missing = runs.filter(pl.col("state").is_in(_MISSING))
    enis = words.count(frame["interface_id"].n_unique(), "interface")
    gaps = [
        f"{words.name(eni)} {state} {words.moment(a, at, *_ends(times))} to {words.moment(b, at, *_ends(times))}"
        for eni, state, a, b in missing.select("interface_id", "state", "time", "until").iter_rows()
    ]
    bins = frame.group_by("state").len().sort("len", "state", descending=[True, False]).iter_rows()
    shares = ", ".join(f"{state} {words.percent(n, frame.height)}" for state, n in bins)
    spoken = f"Strips of what the logs hold of {enis} over time, {at.label}: {shares}"
    if not gaps:
        return f"Coverage: {enis}, nothing missing", f"{spoken}; no gap and no SKIPDATA."
    more = f" and {len(gaps) - 5} more" if len(gaps) > 5 else ""
    heading = f"Coverage: data are missing on {missing['interface_id'].n_unique()} of {enis}"
    return heading, f"{spoken}; missing: {'; '.join(gaps[:5])}{more}."


def _ends(times: list[datetime]) -> tuple[datetime, datetime]:
    return min(times), max(times)
