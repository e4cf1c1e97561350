"""Bars with their words above them, the biggest first: the picture of a ranked table, readable on a phone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from flowkit.charts import style, words
from flowkit.times import Clock

if TYPE_CHECKING:
    import altair as alt

_ROW = 34
_MOST = 40


def who(row: Mapping[str, Any], keys: list[str]) -> str:
    """Return whom a row of a ranked table stands for.

    >>> who({"srcaddr": "10.0.0.1", "dstport": "other", "groups": 7}, ["srcaddr", "dstport"])
    '10.0.0.1 · 7 ports'
    >>> who({"srcaddr": "10.0.0.1", "dstaddr": "other", "groups": 7}, ["srcaddr", "dstaddr"])
    '10.0.0.1 · 7 addresses'
    >>> who({"srcaddr": "other", "dstport": "22", "groups": 7}, ["srcaddr", "dstport"])
    'dstport 22 · 7 others'
    """
    if row["groups"] == 1:
        return words.pair([row[key] for key in keys], keys)
    known = [key for key in keys if row[key] != "other"]
    left = [key for key in keys if row[key] == "other"]
    what = {"dstport": "ports", "dstaddr": "addresses"}.get(left[0], "others") if known and len(left) == 1 else "others"
    rest = f"{row['groups']:,} {what}"
    return f"{words.pair([row[key] for key in known], known)} · {rest}" if known else rest


def when(moment: datetime | None, at: Clock) -> str:
    """Return a time in full, or "-" where there is none."""
    return at.show(moment) if moment else "-"


def height(rows: pl.DataFrame) -> int:
    """Return the height of the chart of `rows`, in pixels."""
    return _ROW * min(rows.height, _MOST)


def bars(rows: pl.DataFrame, *, measure: str, colour: alt.Color, tips: Mapping[str, str]) -> style.Drawing:
    """Return the chart of the first 40 `rows`: columns `label`, `value`, `series` and the fields of the tooltip."""
    import altair as alt

    more = rows.height - _MOST
    rows, place = rows.head(_MOST), pl.int_range(pl.len())
    drawn = rows.with_columns(top=place + 0.46, bottom=place + 0.88, zero=pl.lit(0))
    biggest = float(max(rows["value"].to_list(), default=0)) or 1.0
    title = f"{measure} ({words.count(more, 'row')} more in the table, not drawn)" if more > 0 else measure
    axis = style.count_axis(title, biggest=biggest, measure=measure, grid=False)
    body = (
        alt.Chart(style.data(drawn))
        .mark_rect()
        .encode(
            x=alt.X("zero:Q", scale=alt.Scale(domain=[0, biggest]), axis=axis),
            x2="value",
            y=style.down(rows.height),
            y2="bottom",
            color=colour,
            tooltip=style.tooltip(**tips),
        )
    )
    return alt.layer(body, style.labels(rows["label"].to_list(), at=0.36))
