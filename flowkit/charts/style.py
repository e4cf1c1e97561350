"""How every chart looks: colours with a fixed meaning, a theme for light and dark pages, text that fits a phone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeAlias

import polars as pl

from flowkit.times import EPOCH, Clock

if TYPE_CHECKING:
    import altair as alt

    Drawing: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart

INK = "#767676"
"""The one grey that is readable on white (4.5:1) and nearly so on the dark grey of notebooks (4:1)."""

MOST_MARKS = 5000
"""No chart draws more; what is more is summed first."""

COLOURS: Mapping[str, Mapping[str, str]] = {
    "kind": {"service": "#0072B2", "health-check": "#E69F00", "uncertain": "#CC79A7", "other": "#999999"},
    "action": {"ACCEPT": "#009E73", "REJECT": "#D55E00"},
    "health": {
        "answered": "#009E73",
        "retransmitted": "#CC79A7",
        "slow": "#56B4E9",
        "refused": "#E69F00",
        "unreachable": "#D55E00",
    },
    "cadence": {
        "as usual": "#0072B2",
        "fewer": "#D55E00",
        "more": "#CC79A7",
        "cut off by the span": "#56B4E9",
    },
    "coverage": {
        "OK": "#009E73",
        "NODATA": "#56B4E9",
        "SKIPDATA": "#D55E00",
        "no record": "#999999",
        "not yet delivered": "#CC79A7",
    },
    "reason": {
        "not allowed in": "#D55E00",
        "not allowed out": "#44AA99",
        "not allowed": "#D55E00",
        "VPC Block Public Access": "#CC79A7",
        "VPC encryption control": "#AA4499",
        "follows an accepted connection: late packet, or a rule that changed": "#E69F00",
        "no connection opened (no SYN): late or stray packet": "#56B4E9",
        "late packet after close, probably not a block": "#999999",
    },
}
"""Okabe and Ito's colours, which stay apart for colour-blind readers; one meaning has one colour in every chart."""

# Okabe and Ito's, then Paul Tol's: as many as a question leaves apart before it says "other".
_CYCLE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"),
    *("#44AA99", "#AA4499", "#6699CC", "#999933", "#DDCC77", "#882255"),
)
_GREY = "#999999"


def palette(kind: str, values: Sequence[str]) -> dict[str, str]:
    """Return a colour for each value: the fixed ones of its kind, else by place; "other" is always grey.

    >>> palette("action", ["REJECT"]), palette("az_id", ["euw1-az1", "other"])
    ({'REJECT': '#D55E00'}, {'euw1-az1': '#0072B2', 'other': '#999999'})
    """
    fixed, free = COLOURS.get(kind, {}), iter(_CYCLE)
    return {v: fixed.get(v) or (_GREY if v == "other" else next(free, _GREY)) for v in values}


def ordered(kind: str, totals: Mapping[str, float]) -> list[str]:
    """Return the values in drawing order: the fixed order of their kind, else the biggest first; "other" last.

    >>> ordered("kind", {"health-check": 9, "service": 5}), ordered("az_id", {"a": 1, "other": 9, "b": 2})
    (['service', 'health-check'], ['b', 'a', 'other'])
    """
    place = {value: index for index, value in enumerate(COLOURS.get(kind, {}))}
    return sorted(totals, key=lambda v: (v == "other", place.get(v, len(place)), -totals[v], v))


def colour(kind: str, values: Sequence[str], *, legend: bool = True) -> alt.Color:
    """Return the colour encoding of the field `series`; the values are drawn in their order."""
    import altair as alt

    colours = palette(kind, values)
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    widest = 40 + 6 * max(map(len, values), default=0)
    # A legend wraps on a phone. Not by `width`, which Vega still changes when the legend has been laid out.
    columns = alt.ExprRef(f"max(1, floor((containerSize()[0] || 720) / {widest}))")
    return alt.Color("series:N", scale=scale, legend=alt.Legend(title=None, columns=columns) if legend else None)


def data(rows: pl.DataFrame | list[dict[str, Any]]) -> alt.InlineData:
    """Return rows as the data of a chart. Their fields have our names, so no name from the logs is ever parsed."""
    import altair as alt

    values = rows.to_dicts() if isinstance(rows, pl.DataFrame) else rows
    return alt.InlineData(values=values)


def lines(text: str, width: int = 62) -> list[str]:
    """Return a text in lines that fit a phone; a number and its unit stay together."""
    return wrap(re.sub(r"(?<=\d) (?=[A-Za-z%])", "\u00a0", text), width) or [""]


def time_axis(at: Clock, *notes: str) -> alt.Axis:
    """Return the axis of a clock: its zone by name, and below it what has to be known."""
    import altair as alt

    shapes = {"seconds": "%H:%M:%S", "minutes": "%H:%M", "hours": "%H:%M", "month": "%b %Y"}
    shapes |= dict.fromkeys(("date", "week"), "%a %d %b")
    said = [*lines(f"time, {at.label}", 44), *(line for note in notes if note for line in lines(note))]
    return alt.Axis(
        title=said,
        format=shapes,
        labelExpr=_told(at) if at.changes else alt.Undefined,
        grid=False,
        tickCount=alt.ExprRef("ceil(width / 80)"),
        labelOverlap="greedy",
        labelFlush=False,
    )


def _told(at: Clock) -> str:
    """Return what a tick says where the clocks change: it is drawn with the first offset, and told with its own.

    A tick at what would have been midnight has its date with its time.
    """
    told = "datum.label"
    for moment, offset in at.changes:
        since, shift = (round(t.total_seconds() * 1000) for t in (moment + at.offset - EPOCH, offset - at.offset))
        local = f"time(datum.value) + {shift}"
        clock = f"utcseconds({local}) ? '%H:%M:%S' : utchours({local}) + utcminutes({local}) ? '%H:%M' : '%a %d %b'"
        midnight = "utchours(datum.value) + utcminutes(datum.value) + utcseconds(datum.value) == 0"
        own = f"utcFormat({local}, {midnight} ? '%d %b %H:%M' : {clock})" if shift else "datum.label"
        told = f"time(datum.value) >= {since} ? {own} : {told}"
    return told


def count_axis(title: str, *, biggest: float, measure: str = "flows", grid: bool = True) -> alt.Axis:
    """Return the axis of a sum: bytes with their unit, counts with separators."""
    import altair as alt

    if measure == "bytes":
        return alt.Axis(title=title, labelExpr="format(datum.value, '~s') + 'B'", tickCount=4, grid=grid)
    shape = ",d" if biggest < 1e6 else "~s"
    return alt.Axis(title=title, format=shape, tickMinStep=1, tickCount=4, grid=grid)


def down(rows: int, above: float = 0) -> alt.Y:
    """Return the vertical place, from field `top`, in a chart of rows below each other: 0 is the top of the first.

    `above` is room over the first row, measured in rows.
    """
    import altair as alt

    return alt.Y("top:Q", axis=None, scale=alt.Scale(domain=[-above, rows], reverse=True, nice=False))


def labels(texts: Sequence[str], *, at: float, above: float = 0) -> alt.Chart:
    """Return the words of each row of such a chart, on a line at the height `at` within the row, cut to its width."""
    import altair as alt

    rows = [{"top": row + at, "label": text} for row, text in enumerate(texts)]
    said: alt.Chart = alt.Chart(data(rows)).mark_text(align="left", baseline="alphabetic", limit=alt.ExprRef("width"))
    return said.encode(x=alt.value(0), y=down(len(texts), above), text="label:N")


def tooltip(**fields: str) -> list[alt.Tooltip]:
    """Return a tooltip of text fields with their titles. Vega fetches what is titled "image", so nothing is."""
    import altair as alt

    safe = {"image": "the image", "title": "the title"}
    return [alt.Tooltip(f"{field}:N", title=safe.get(title, title)) for field, title in fields.items()]


def zoom() -> alt.Parameter:
    """Return zooming of the time axis by shift with wheel or drag (the bare wheel scrolls the page)."""
    import altair as alt

    drag = "[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!"
    return alt.selection_interval(
        name="zoom", encodings=["x"], bind="scales", zoom="wheel![event.shiftKey]", translate=drag, clear="dblclick"
    )


def finish(chart: Drawing, *, title: str, description: str, height: int) -> Drawing:
    """Return the chart with title, text alternative and theme, as wide as the place it stands in."""
    import altair as alt

    words = {"labelColor": INK, "titleColor": INK, "titleFontWeight": "normal"}
    config = {
        "background": "transparent",
        "view": {"stroke": None, "continuousWidth": 720},
        "axis": {**words, "domainColor": INK, "tickColor": INK, "gridColor": INK, "gridOpacity": 0.25},
        "legend": {**words, "orient": "top", "labelLimit": 330, "symbolType": "square"},
        "title": {"color": INK, "anchor": "start", "fontSize": 14, "frame": "bounds", "offset": 10},
        "text": {"color": INK, "fontSize": 11},
    }
    made = chart.properties(
        width="container",
        height=height,
        title=alt.TitleParams(text=lines(title, 52)),
        description=description,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    made.config = alt.Config.from_dict(config)
    return made
