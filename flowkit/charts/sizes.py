"""Draws `flowkit.sizes`: a row for each kind, so that spikes and spread are seen side by side."""

from __future__ import annotations

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, nothing

_ROW = 92


def sizes(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    clusters: pl.LazyFrame | pl.DataFrame | None = None,
    measure: str = "bytes",
) -> Figure:
    """Return the histogram of record sizes, a row for each value of the table's own column.

    An exact size is a needle with a head, a bin a bar. All rows share the axis of sizes; each is as high as its highest.

    Parameters
    ----------
    table
        What `flowkit.sizes` returns.
    tz
        Not drawn: sizes have no time. Every chart takes it.
    clusters
        `case.split.clusters`: the health checks' ranges of bytes are shaded and labelled.
    measure
        What the table measures: "bytes" or "packets".
    """
    frame = collected(table, "low", "high", "flows")
    by = next((name for name in frame.columns if name not in ("low", "high", "flows")), None)
    placed = frame.filter(pl.col("low").is_not_null() & (pl.col("low") > 0))
    at = clock_of(pl.Series([], dtype=pl.Datetime("ms", "UTC")), tz)
    if placed.height == 0:
        return nothing(frame, title=title, why="no flow record has a size here", at=at)
    placed = placed.select(
        "low", "high", "flows", pl.col(by).fill_null("-").alias("series") if by else pl.lit("all").alias("series")
    )
    totals = dict(placed.group_by("series").agg(pl.col("flows").sum()).iter_rows())
    order = style.ordered(by or "", totals)
    bands = _bands(clusters)
    chart = _chart(placed, order, totals, by or "", bands, measure)
    heading, alt = _said(placed, order, totals, measure, bands)
    return draw(chart, frame, title=title or heading, alt=alt, at=at, height=_ROW * len(order) + (16 if bands else 0))


def _chart(
    placed: pl.DataFrame,
    order: list[str],
    totals: dict[str, int],
    by: str,
    bands: list[dict[str, object]],
    measure: str,
):  # type: ignore[no-untyped-def]
    import altair as alt

    data = _shapes(placed, order, measure)
    across = alt.Scale(domain=[-0.18 if bands else 0, len(order)], reverse=True)
    sizes_axis = alt.X(
        "left:Q",
        scale=alt.Scale(type="log", domain=[_at_least(placed["low"].min()), placed["high"].max() + 1], nice=False),  # type: ignore[operator]
        axis=alt.Axis(
            title=[
                f"{measure} of one flow record (log scale)",
                "each row as high as its highest; its number says how high",
            ],
            labelExpr="format(datum.value, '~s') + 'B'" if measure == "bytes" else "format(datum.value, '~s')",
            labelOverlap="greedy",
            grid=False,
        ),
    )
    colour = style.colour(by, order, shown=False)
    tips = style.tooltip(series=by or "flows", range=measure, flows="flows", share="share of the row")
    up = alt.Y("top:Q", axis=None, scale=across)
    bars = alt.Chart(alt.Data(values=data.filter(~pl.col("exact")).to_dicts())).mark_rect(opacity=0.65)
    needles = alt.Chart(alt.Data(values=data.filter("exact").to_dicts()))
    stem = needles.mark_rule(strokeWidth=1.5).encode(x=sizes_axis, y=up, y2="foot", color=colour, tooltip=tips)
    head = needles.mark_point(filled=True, size=28, opacity=1).encode(x=sizes_axis, y=up, color=colour, tooltip=tips)
    spread = bars.encode(x=sizes_axis, x2="right", y=up, y2="foot", color=colour, tooltip=tips)
    labels = [{"row": row + 0.14, "label": _label(placed, value, totals, measure)} for row, value in enumerate(order)]
    said = alt.Chart(alt.Data(values=labels)).mark_text(align="left", baseline="alphabetic")
    words_layer = said.encode(x=alt.value(0), y=alt.Y("row:Q", scale=across), text="label:N")
    return alt.layer(*_shades(bands, len(order), sizes_axis, across), spread, stem, head, words_layer)


def _shapes(placed: pl.DataFrame, order: list[str], measure: str) -> pl.DataFrame:
    """Return what is drawn of each histogram row: left, right, foot, top, exact and the words of its tooltip."""
    place = pl.col("series").replace_strict({v: row for row, v in enumerate(order)}, return_dtype=pl.Float64)
    high = pl.col("flows") / pl.col("flows").max().over("series")
    unit = " B" if measure == "bytes" else ""
    ranges = [
        f"{a:,}{unit}" if a == b else f"{a:,} to {b:,}{unit}" for a, b in placed.select("low", "high").iter_rows()
    ]
    kept = placed.with_columns(range=pl.Series(ranges))
    return (
        kept.with_columns(exact=pl.col("low") == pl.col("high"), total=pl.col("flows").sum().over("series"))
        .top_k(style.MOST_MARKS // 2, by=["flows", "low"])
        .sort("low", "high", "series")
        .select(
            "exact",
            "range",
            series=pl.col("series").map_elements(words.name, return_dtype=pl.String),
            left=pl.when("exact").then(pl.col("low").cast(pl.Float64)).otherwise(pl.col("low") - 0.5),
            right=pl.col("high") + 0.5,
            foot=place + 0.97,
            top=place + 0.97 - 0.74 * high,
            flows=pl.col("flows").map_elements(words.count, return_dtype=pl.String),
            share=pl.struct("flows", "total").map_elements(
                lambda r: words.percent(r["flows"], r["total"]), return_dtype=pl.String
            ),
        )
    )


def _bands(clusters: pl.LazyFrame | pl.DataFrame | None) -> list[dict[str, object]]:
    """Return the shaded ranges: the health checks' clusters, the biggest few."""
    if clusters is None:
        return []
    frame = collected(clusters, "cluster", "kind", "bytes_low", "bytes_high", "flows")
    checks = frame.filter(pl.col("kind") == "health-check").sort("flows", "bytes_low", descending=[True, False]).head(8)
    return [
        {
            "left": max(low - 0.5, 0.5),
            "right": high + 0.5,
            "label": f"{low:,} B" if low == high else f"{low:,}–{high:,} B",
        }
        for low, high in checks.select("bytes_low", "bytes_high").iter_rows()
        if low is not None and high is not None
    ]


def _shades(bands: list[dict[str, object]], rows: int, x: object, across: object):  # type: ignore[no-untyped-def]
    import altair as alt

    if not bands:
        return []
    base = alt.Chart(alt.Data(values=[{**band, "top": 0, "foot": rows} for band in bands]))
    shade = base.mark_rect(opacity=0.16, color=style.COLOURS["kind"]["health-check"])
    label = base.mark_text(align="left", baseline="bottom", fontSize=10, dy=-1)
    y = alt.Y("top:Q", axis=None, scale=across)
    return [shade.encode(x=x, x2="right", y=y, y2="foot"), label.encode(x=x, y=y, text="label:N")]


def _label(placed: pl.DataFrame, value: str, totals: dict[str, int], measure: str) -> str:
    low, high, flows = _peak(placed, value)
    unit = " B" if measure == "bytes" else " packets"
    where = f"{low:,}{unit}" if low == high else f"{low:,} to {high:,}{unit}"
    return f"{words.name(value)} · {words.count(totals[value], 'flow')} · highest {flows:,} at {where}"


def _peak(placed: pl.DataFrame, value: str) -> tuple[int, int, int]:
    rows = placed.filter(pl.col("series") == value).sort("flows", "low", descending=[True, False])
    low, high, flows = rows.select("low", "high", "flows").row(0)
    return low, high, flows


def _at_least(low: object) -> float:
    return max(float(low) - 0.5, 0.5)  # type: ignore[arg-type]


def _said(
    placed: pl.DataFrame, order: list[str], totals: dict[str, int], measure: str, bands: list[dict[str, object]]
) -> tuple[str, str]:
    parts = "; ".join(_label(placed, value, totals, measure) for value in order)
    total = words.count(sum(totals.values()), "flow")
    span = f"{placed['low'].min():,} to {placed['high'].max():,} {measure}"
    checks = f" Health-check clusters at {', '.join(str(band['label']) for band in bands)}." if bands else ""
    return f"Record sizes: {total}, {span}", f"Histogram of the {measure} of {total}, {span}. {parts}.{checks}"
