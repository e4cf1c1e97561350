"""Draws `flowkit.target_health`: each target's checks as bars and its service as a line, one row a target."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, drawn, nothing
from flowkit.times import Clock

_STATES = ("answered", "slow", "refused", "unreachable")
_FAILED = ("refused", "unreachable")
_ROW = 104
_MOST = 24


def target_health(table: pl.LazyFrame | pl.DataFrame, *, tz: str = "UTC", title: str | None = None) -> Figure:
    """Return for each target the load balancer's checks over time, and beside them its service.

    `table` is what `flowkit.target_health` returns; the checkers of a target are summed. All rows share one scale for
    checks and one for service; the label of a row says how high they go. Times on the clock of `tz`.
    """
    frame = collected(table, "target", "time", *_STATES, "checks", "service")
    at = clock_of(frame["time"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="no health checks were found in this span", at=at)
    summed = _summed(frame)
    width = _width(summed["time"])
    heading, alt = _said(summed, width, at)
    targets = _shown(summed)
    chart = _chart(summed.filter(pl.col("target").is_in(targets)), targets, width, at, _left_out(summed, targets))
    return draw(chart, frame, title=title or heading, alt=alt, at=at, height=_ROW * len(targets))


def _summed(frame: pl.DataFrame) -> pl.DataFrame:
    counts = [pl.col(name).cast(pl.Int64).sum() for name in (*_STATES, "checks", "service")]
    return frame.group_by("target", "time").agg(counts).sort("target", "time")


def _width(times: pl.Series) -> timedelta:
    gaps = times.unique().sort().diff().drop_nulls()
    return gaps.min() if len(gaps) else timedelta(minutes=1)  # type: ignore[return-value]


def _shown(summed: pl.DataFrame) -> list[str]:
    """Return the targets to draw: those that failed most first."""
    failed = pl.sum_horizontal(_FAILED).sum()
    ranked = summed.group_by("target").agg(failed=failed).sort("failed", "target", descending=[True, False])
    return ranked["target"].head(_MOST).to_list()


def _left_out(summed: pl.DataFrame, targets: list[str]) -> str:
    more = summed["target"].n_unique() - len(targets)
    return f"{words.count(more, 'target')} more in the table, not drawn: they failed less" if more else ""


def _chart(summed: pl.DataFrame, targets: list[str], width: timedelta, at: Clock, note: str):  # type: ignore[no-untyped-def]
    import altair as alt

    place = pl.col("target").replace_strict({t: row for row, t in enumerate(targets)}, return_dtype=pl.Float64)
    across = alt.Scale(domain=[0, len(targets)], reverse=True)
    x = alt.X(
        "time:T",
        scale=alt.Scale(type="utc"),
        axis=style.time_axis(at.label, f"checks and service connections in {words.lasting(width)}", note),
    )
    y = alt.Y("top:Q", axis=None, scale=across)
    states = [state for state in _STATES if summed[state].sum() or state in ("answered", *_FAILED)]
    tips = {
        "target": "target",
        "when": "time",
        **{f"n_{state}": state for state in _STATES},
        "n_service": "service",
    }
    bars = alt.Chart(alt.Data(values=_bars(summed, place, width, at).to_dicts())).mark_rect()
    checks = bars.encode(
        x=x, x2="until", y=y, y2="foot", color=style.colour("health", states), tooltip=style.tooltip(**tips)
    )
    line = alt.Chart(alt.Data(values=_line(summed, place, width, at).to_dicts()))
    service = line.mark_line(
        color=style.COLOURS["kind"]["service"],
        strokeWidth=1.8,
        point={"size": 18, "filled": True, "color": style.COLOURS["kind"]["service"]},
    )
    served = service.encode(
        x=x, y=y, detail="target:N", tooltip=style.tooltip(target="target", when="time", n_service="service")
    )
    labels = [{"row": row + 0.15, "label": _label(summed, target)} for row, target in enumerate(targets)]
    said = alt.Chart(alt.Data(values=labels)).mark_text(align="left", baseline="alphabetic")
    return alt.layer(checks, served, said.encode(x=alt.value(0), y=alt.Y("row:Q", scale=across), text="label:N"))


def _words(summed: pl.DataFrame, width: timedelta, at: Clock) -> list[pl.Series | pl.Expr]:
    when = [f"{at.show(t)} to {at.show(t + width, '%H:%M:%S')}" for t in summed["time"]]
    return [
        pl.Series("when", when, dtype=pl.String),
        *(pl.col(name).alias(f"n_{name}") for name in (*_STATES, "service")),
        pl.col("target").map_elements(words.name, return_dtype=pl.String).alias("target"),
    ]


def _bars(summed: pl.DataFrame, place: pl.Expr, width: timedelta, at: Clock) -> pl.DataFrame:
    """Return the stacked bars, bottom first: one row for each bin, target and state."""
    highest = max(int(summed.select(pl.sum_horizontal(_STATES)).to_series().max() or 1), 1)  # type: ignore[arg-type]
    named = summed.with_columns(_foot=place + 0.96).with_columns(_words(summed, width, at))
    long = named.unpivot(
        _STATES,
        index=["target", "time", "_foot", "when", *(f"n_{s}" for s in (*_STATES, "service"))],
        variable_name="series",
        value_name="n",
    )
    scale = 0.74 / highest
    rank = pl.col("series").replace_strict({s: i for i, s in enumerate(_STATES)}, return_dtype=pl.Int32)
    return (
        long.filter(pl.col("n") > 0)
        .sort("_foot", "time", rank)
        .with_columns(_sum=pl.col("n").cum_sum().over("_foot", "time"))
        .with_columns(
            until=pl.col("time") + width * 0.92,
            top=pl.col("_foot") - pl.col("_sum") * scale,
            foot=pl.col("_foot") - (pl.col("_sum") - pl.col("n")) * scale,
        )
        .with_columns(drawn("time", at), drawn("until", at))
        .drop("_foot", "_sum", "n")
        .tail(style.MOST_MARKS)
    )


def _line(summed: pl.DataFrame, place: pl.Expr, width: timedelta, at: Clock) -> pl.DataFrame:
    highest = max(int(summed["service"].max() or 1), 1)  # type: ignore[arg-type]
    return (
        summed.with_columns(top=place + 0.96 - pl.col("service") * (0.74 / highest))
        .with_columns(_words(summed, width, at))
        .with_columns(time=pl.col("time") + width * 0.46)
        .select(drawn("time", at), "target", "top", "when", "n_service")
    )


def _label(summed: pl.DataFrame, target: str) -> str:
    own = summed.filter(pl.col("target") == target)
    failed = own.select(pl.sum_horizontal(_FAILED).sum()).item()
    checks = (
        f"failed {failed:,} of {own['checks'].sum():,} checks"
        if failed
        else f"{own['checks'].sum():,} checks, none failed"
    )
    return f"{words.name(target)} · {checks} · line: service, up to {own['service'].max():,}"


def _said(summed: pl.DataFrame, width: timedelta, at: Clock) -> tuple[str, str]:
    """Return the title and the text alternative: who failed, how often, and when."""
    first, last = summed["time"].min(), summed["time"].max()
    bad = summed.filter(pl.sum_horizontal(_FAILED) > 0)
    targets = _shown(summed)
    number = words.count(len(summed["target"].unique()), "target")

    def span(target: str, state: str) -> str:
        times: list[datetime] = bad.filter((pl.col("target") == target) & (pl.col(state) > 0))["time"].to_list()
        if not times:
            return ""
        ends = [words.moment(t, at, first, last) for t in (times[0], times[-1] + width)]  # type: ignore[arg-type]
        total = bad.filter(pl.col("target") == target)[state].sum()
        return f"{state} {total:,} times between {ends[0]} and {ends[1]}"

    details = [
        f"{_label(summed, target)}" + "".join(f"; {said}" for state in _FAILED if (said := span(target, state)))
        for target in targets
    ]
    spoken = f"Stacked bars of health checks in each {words.lasting(width)} and a line of service, for {number} ({at.label}): {'. '.join(details)}."
    if bad.height == 0:
        return f"Target health: {number}, no check failed", spoken
    worst = targets[0]
    times = bad.filter(pl.col("target") == worst)["time"].to_list()
    when = f"{words.moment(times[0], at, first, last)} to {words.moment(times[-1] + width, at, first, last)}"  # type: ignore[arg-type]
    failing = bad["target"].n_unique()
    return f"Target health: {failing} of {number} failed checks, most of all {words.name(worst)}, {when}", spoken
