"""The charts of a panel, drawn as one: a timeline with a brush on top, sizes and peers of what it chose below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import polars as pl

from flowkit import charts, questions
from flowkit.charts import Figure
from flowkit.charts.style import INK
from flowkit.widgets.span import Span
from flowkit.widgets.view import ALL, View

BRUSH = "brush"
_DRAWN = "drawn"
_WIDTH, _GAP = 860, 40
_PAIRS = ("srcaddr", "dstaddr")


@dataclass(frozen=True)
class Picture:
    """What a view looks like: three figures, their one chart, and how many flows are on it."""

    timeline: Figure
    sizes: Figure
    peers: Figure
    flows: int
    number: int
    """Which picture of its panel this is."""
    brush: tuple[int, ...]
    """Where the brush stands: nowhere, or from when to when in milliseconds of the clock shown."""

    @property
    def chart(self) -> Any:
        """The three charts as one Altair chart, with the brush where the view's time range is."""
        import altair as alt

        half = (_WIDTH - _GAP) // 2
        top = _lit(_part(self.timeline, _WIDTH)).add_params(*self._params())
        below = alt.hconcat(_part(self.sizes, half), _part(self.peers, half), spacing=_GAP)
        below = below.resolve_scale(color="independent")
        whole = alt.vconcat(top, below, config=self.timeline.chart.config, description=self.alt)
        return whole.resolve_scale(color="independent")

    @property
    def alt(self) -> str:
        """What the charts show, in words."""
        return " ".join(figure.alt for figure in (self.timeline, self.sizes, self.peers))

    def told(self, selections: Mapping[str, Any]) -> bool:
        """Return whether the browser speaks of this picture, and not of one it showed a moment ago."""
        drawn = (selections.get(_DRAWN) or {}).get("value")
        return BRUSH in selections and (not drawn or drawn[_DRAWN] == [self.number])

    def _params(self) -> list[Any]:
        """Return the brush, and a selection nobody can change, by which the browser says which picture it shows."""
        import altair as alt

        stands: Any = {"x": list(self.brush)} if self.brush else alt.Undefined
        look = alt.BrushConfig(fill=INK, fillOpacity=0.2, stroke=INK, strokeOpacity=0.9)
        number = [{_DRAWN: self.number}]
        return [
            alt.selection_interval(name=BRUSH, encodings=["x"], value=stands, mark=look),
            alt.selection_point(name=_DRAWN, fields=[_DRAWN], value=number, on="never", clear=False),
        ]


def draw(flows: pl.LazyFrame, view: View, span: Span, *, number: int = 0) -> Picture:
    """Return the picture of a view: the timeline of the whole span, the rest of the view's time range.

    This is where a panel collects: three small tables and a count, in one go.
    """
    names = flows.collect_schema().names()
    whole, chosen = view.filter_but_time(flows), view.filter(flows)
    # The view has filtered by its vantage already, so the questions take all that is left.
    tables = [
        questions.timeline(whole, every=f"{span.minutes}m", by=view.by, vantage=ALL),
        questions.sizes(chosen, by=_colours(view.by, names), measure=_size(view), protocol=None, vantage=ALL),
        questions.peers(chosen, by=_who(view.by, names), n=view.top, rank=view.measure, vantage=ALL),
    ]
    when, sizes, peers, rows = pl.collect_all([*tables, chosen.select(pl.len())], engine="streaming")
    when, peers = (table.with_columns(vantage=pl.lit(view.vantage)) for table in (when, peers))
    tz, step = span.clock.tz, timedelta(minutes=span.minutes)
    timeline = charts.timeline(when, tz=tz, measure=view.measure, every=step, zoom=False)
    brush = span.to_brush((view.start, view.end), timeline.clock)
    return Picture(
        timeline, charts.sizes(sizes, measure=_size(view)), charts.peers(peers, tz=tz), rows.item(), number, brush
    )


def _size(view: View) -> str:
    return "packets" if view.measure == "packets" else "bytes"


def _who(by: str | None, names: list[str]) -> tuple[str, ...]:
    """Return whom the bars stand for: the dimension, or who talked to whom where that would say no more than colours.

    >>> _who("dstport", ["dstport"]), _who("kind", ["kind", "srcaddr", "dstaddr"])
    (('dstport',), ('srcaddr', 'dstaddr'))
    """
    pairs = tuple(name for name in _PAIRS if name in names)
    return pairs if by in (None, "kind", "action") and pairs else (by,) if by else ()


def _colours(by: str | None, names: list[str]) -> str | None:
    """Return what the sizes are told apart by: a row for each value would be too many for any other dimension."""
    return by if by in ("kind", "action") else "kind" if "kind" in names else None


def _lit(timeline: Any) -> Any:
    """Return the timeline with its bars outside the brush faded, as those that its legend does not choose."""
    chosen: dict[str, Any] = {"and": [{"param": name} for name in (*(p.name for p in timeline.params), BRUSH)]}
    return timeline.encode(opacity={"condition": {"test": chosen, "value": 1}, "value": 0.25})


def _part(figure: Figure, width: int) -> Any:
    """Return a figure's chart as a part of a larger one: as wide as told, without what only a whole may say."""
    import altair as alt

    part = figure.chart.copy()
    part.config = part.autosize = alt.Undefined
    return part.properties(width=width)
