"""Bars with their words above them, the biggest first: the picture of a ranked table, readable on a phone."""

from __future__ import annotations

from typing import Any

import polars as pl

from flowkit.charts import style

ROW = 34
"""Height of a bar and its words, in pixels."""


def bars(rows: pl.DataFrame, *, measure: str, colour: Any, tips: dict[str, str]) -> tuple[Any, int]:
    """Return the chart of `rows` (columns `label`, `value`, `series` and the tooltips' fields) and its height."""
    import altair as alt

    place = pl.int_range(pl.len())
    data = rows.with_columns(above=place + 0.36, top=place + 0.46, bottom=place + 0.88, zero=pl.lit(0))
    base = alt.Chart(alt.Data(values=data.to_dicts()))
    across = alt.Scale(domain=[0, rows.height], reverse=True)
    biggest = float(rows["value"].max() or 1)  # type: ignore[arg-type]
    drawn = base.mark_rect().encode(
        x=alt.X(
            "zero:Q",
            scale=alt.Scale(domain=[0, biggest]),
            axis=style.count_axis(measure, biggest=biggest, measure=measure),
        ),
        x2="value",
        y=alt.Y("top:Q", axis=None, scale=across),
        y2="bottom",
        color=colour,
        tooltip=style.tooltip(**tips),
    )
    said = base.mark_text(align="left", baseline="alphabetic").encode(
        x=alt.value(0), y=alt.Y("above:Q", scale=across), text="label:N"
    )
    return alt.layer(drawn, said), ROW * rows.height
