"""Draws `case.coverage()`: a strip for each interface, so that silence is never read as "no traffic"."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, drawn, nothing
from flowkit.times import Clock

_ROW = 38
_MOST = 60

# Height of a state's strip within its row, so that states are told apart without their colours.
_HEIGHTS = {"OK": 0.5, "NODATA": 0.22, "SKIPDATA": 0.5, "no record": 0.06, "not yet delivered": 0.12}
_MEANING = {
    "OK": "flows were recorded",
    "NODATA": "AWS says: no traffic",
    "SKIPDATA": "AWS left records out: data are missing",
    "no record": "nothing, not even NODATA: a gap in the logs",
    "not yet delivered": "too fresh: records may still come",
}


def coverage(table: pl.LazyFrame | pl.DataFrame, *, tz: str = "UTC", title: str | None = None) -> Figure:
    """Return a strip of states over time for each interface of what `case.coverage()` returns, on the clock of `tz`."""
    frame = collected(table, "interface_id", "time", "state", "records", "window_s").sort("interface_id", "time")
    at = clock_of(frame["time"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="no interface has a record in this span", at=at)
    width = _width(frame["time"])
    runs = _runs(frame, width)
    heading, alt = _said(frame, runs, at)
    enis = _shown(runs)
    chart = _chart(runs.filter(pl.col("interface_id").is_in(enis)), frame, enis, at)
    return draw(chart, frame, title=title or heading, alt=alt, at=at, height=_ROW * len(enis))


def _width(times: pl.Series) -> timedelta:
    gaps = times.unique().sort().diff().drop_nulls()
    return gaps.min() if len(gaps) else timedelta(minutes=1)  # type: ignore[return-value]


def _runs(frame: pl.DataFrame, width: timedelta) -> pl.DataFrame:
    """Return the stretches of one state: interface_id, state, time, until, records."""
    changed = (pl.col("state") != pl.col("state").shift()).fill_null(value=True).over("interface_id")
    return (
        frame.with_columns(_run=changed.cum_sum())
        .group_by("interface_id", "_run", "state", maintain_order=True)
        .agg(pl.col("time").min(), until=pl.col("time").max() + width, records=pl.col("records").sum())
        .drop("_run")
    )


def _shown(runs: pl.DataFrame) -> list[str]:
    """Return the interfaces to draw: those with something missing first, if there are too many."""
    bad = pl.col("state").is_in(["SKIPDATA", "no record"]).any()
    ranked = runs.group_by("interface_id").agg(bad=bad).sort("bad", "interface_id", descending=[True, False])
    return sorted(ranked["interface_id"].head(_MOST))


def _chart(runs: pl.DataFrame, frame: pl.DataFrame, enis: list[str], at: Clock):  # type: ignore[no-untyped-def]
    import altair as alt

    window = dict(frame.group_by("interface_id").agg(pl.col("window_s").first()).iter_rows())
    states = [state for state in style.COLOURS["coverage"] if state in set(runs["state"])]
    place = pl.col("interface_id").replace_strict({eni: row for row, eni in enumerate(enis)}, return_dtype=pl.Float64)
    half = pl.col("state").replace_strict(_HEIGHTS, default=0.5, return_dtype=pl.Float64) / 2
    strips = runs.select(
        drawn("time", at),
        drawn("until", at),
        top=place + 0.68 - half,
        bottom=place + 0.68 + half,
        series="state",
        eni=pl.col("interface_id").map_elements(words.name, return_dtype=pl.String),
        when=pl.Series([f"{at.show(a)} to {at.show(b)}" for a, b in runs.select("time", "until").iter_rows()]),
        records=pl.Series([words.count(n, "record") for n in runs["records"]]),
        meaning=pl.col("state").replace_strict(_MEANING, default=""),
    )
    labels = [
        {"row": row + 0.36, "label": words.name(eni) + (f" · window {window[eni]} s" if window[eni] else "")}
        for row, eni in enumerate(enis)
    ]
    across = alt.Scale(domain=[0, len(enis)], reverse=True)
    drawn_strips = (
        alt.Chart(alt.Data(values=strips.to_dicts()))
        .mark_rect()
        .encode(
            x=alt.X("time:T", scale=alt.Scale(type="utc"), axis=style.time_axis(at.label, _left_out(frame, enis))),
            x2="until",
            y=alt.Y("top:Q", axis=None, scale=across),
            y2="bottom",
            color=style.colour("coverage", states),
            tooltip=style.tooltip(eni="interface", series="state", meaning="meaning", when="time", records="records"),
        )
    )
    said = alt.Chart(alt.Data(values=labels)).mark_text(align="left", baseline="alphabetic")
    return alt.layer(drawn_strips, said.encode(x=alt.value(0), y=alt.Y("row:Q", scale=across), text="label:N"))


def _left_out(frame: pl.DataFrame, enis: list[str]) -> str:
    more = frame["interface_id"].n_unique() - len(enis)
    return f"{words.count(more, 'interface')} more in the table, not drawn" if more else ""


def _said(frame: pl.DataFrame, runs: pl.DataFrame, at: Clock) -> tuple[str, str]:
    """Return the title and the text alternative: what is missing, where and when."""
    first, last = frame["time"].min(), runs["until"].max()
    missing = runs.filter(pl.col("state").is_in(["SKIPDATA", "no record"]))
    enis = words.count(frame["interface_id"].n_unique(), "interface")
    if missing.height:
        few = missing.select("interface_id", "state", "time", "until").head(5).iter_rows()
        gaps = [
            f"{words.name(eni)} {state} {words.moment(a, at, first, last)} to {words.moment(b, at, first, last)}"  # type: ignore[arg-type]
            for eni, state, a, b in few
        ]
        heading = f"Coverage: data are missing on {missing['interface_id'].n_unique()} of {enis}"
        detail = "missing: " + "; ".join(gaps) + (" and more" if missing.height > 5 else "")
    else:
        heading, detail = f"Coverage: {enis}, nothing missing", "no gap and no SKIPDATA"
    bins = frame.group_by("state").len().sort("len", "state", descending=[True, False]).iter_rows()
    shares = ", ".join(f"{state} {words.percent(n, frame.height)}" for state, n in bins)
    return heading, f"Strips of what the logs hold of {enis} over time ({at.label}): {shares}; {detail}."
