"""How every chart looks: colours with a fixed meaning, a theme for light and dark pages, text that fits a phone."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

INK = "#767676"
"""The one grey that is readable on white (4.5:1) and on the dark grey of notebooks."""

MOST_MARKS = 5000

COLOURS = {
    "kind": {"service": "#0072B2", "health-check": "#E69F00", "uncertain": "#CC79A7", "other": "#999999"},
    "action": {"ACCEPT": "#009E73", "REJECT": "#D55E00"},
    "health": {"answered": "#009E73", "slow": "#56B4E9", "refused": "#E69F00", "unreachable": "#D55E00"},
    "coverage": {
        "OK": "#009E73",
        "NODATA": "#56B4E9",
        "SKIPDATA": "#D55E00",
        "no record": "#999999",
        "not yet delivered": "#CC79A7",
    },
}
"""Okabe and Ito's colours, which stay apart for colour-blind readers; one meaning has one colour in every chart."""

_CYCLE = (
    ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#882255", "#44AA99", "#999933", "#AA4499", "#6699CC"]  # then Paul Tol's
)


def palette(kind: str, values: list[str]) -> dict[str, str]:
    """Return a colour for each value: the fixed ones of its kind, else by place; "other" is always grey.

    >>> palette("action", ["REJECT"]), palette("az_id", ["euw1-az1", "other"])
    ({'REJECT': '#D55E00'}, {'euw1-az1': '#0072B2', 'other': '#999999'})
    """
    fixed = COLOURS.get(kind, {})
    free = iter(_CYCLE)
    return {v: fixed.get(v) or ("#999999" if v == "other" else next(free, "#999999")) for v in values}


def ordered(kind: str, totals: dict[str, float]) -> list[str]:
    """Return the values in drawing order: the fixed order of their kind, else the biggest first; "other" last."""
    fixed = list(COLOURS.get(kind, {}))
    place = {value: index for index, value in enumerate(fixed)}
    return sorted(totals, key=lambda v: (v == "other", place.get(v, len(fixed)), -totals[v], v))


def colour(kind: str, values: list[str], *, title: str | None = None, shown: bool = True) -> alt.Color:
    """Return the colour encoding of the field `series`."""
    import altair as alt

    colours = palette(kind, values)
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color("series:N", scale=scale, legend=alt.Legend(title=title) if shown else None)


def lines(text: str, width: int = 62) -> list[str]:
    """Return a text in lines that fit a phone."""
    return wrap(text, width, break_long_words=True) or [""]


def time_axis(clock_label: str, *notes: str) -> alt.Axis:
    """Return the axis of a clock: its zone by name, and below it what has to be known."""
    import altair as alt

    shapes = {"seconds": "%H:%M:%S", "minutes": "%H:%M", "hours": "%H:%M", "date": "%a %d %b", "month": "%b %Y"}
    said = [f"time, {clock_label}", *(line for note in notes if note for line in lines(note))]
    return alt.Axis(title=said, format=shapes, grid=False, labelOverlap="greedy", labelFlush=True)


def count_axis(title: str, *, biggest: float, measure: str = "flows") -> alt.Axis:
    """Return the axis of a sum: bytes with their unit, counts with separators."""
    import altair as alt

    if measure == "bytes":
        return alt.Axis(title=title, labelExpr="format(datum.value, '~s') + 'B'", tickCount=4)
    return alt.Axis(title=title, format=",d" if biggest < 1e6 else "~s", tickMinStep=1, tickCount=4)


def tooltip(**fields: str) -> list[alt.Tooltip]:
    """Return a tooltip that shows text fields under titles. Vega takes "image" for a picture to fetch, so never that."""
    import altair as alt

    return [
        alt.Tooltip(f"{field}:N", title=f"{title} " if title in ("image", "title") else title)
        for field, title in fields.items()
    ]


def zoom() -> alt.Parameter:
    """Return zooming of the time axis: shift and wheel or drag (a bare wheel scrolls the page), double click resets."""
    import altair as alt

    drag = "[pointerdown[event.shiftKey], window:pointerup] > window:pointermove!"
    return alt.selection_interval(
        name="zoom", encodings=["x"], bind="scales", zoom="wheel![event.shiftKey]", translate=drag, clear="dblclick"
    )


def finish(chart: Any, *, title: str, description: str, height: int) -> Any:
    """Return the chart with its title, its text alternative, its theme, and as wide as where it stands."""
    import altair as alt

    grey = {"labelColor": INK, "titleColor": INK}
    config = {
        "background": "transparent",
        "view": {"stroke": None, "continuousWidth": 720},
        "axis": {
            **grey,
            "domainColor": INK,
            "tickColor": INK,
            "gridColor": INK,
            "gridOpacity": 0.25,
            "titleFontWeight": "normal",
        },
        "legend": {**grey, "orient": "top", "labelLimit": 240, "titleFontWeight": "normal", "symbolType": "square"},
        "title": {"color": INK, "anchor": "start", "fontSize": 14, "frame": "bounds", "offset": 10},
        "text": {"color": INK, "fontSize": 11},
    }
    lines_of_title = alt.TitleParams(text=lines(title, 52))
    made = chart.properties(width="container", height=height, title=lines_of_title, description=description)
    made = made.properties(autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    made.config = alt.Config.from_dict(config)
    return made
