"""The charts of a panel, drawn as one: a timeline with a brush on top, sizes and peers of what it chose below."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import polars as pl

from flowkit import charts, questions
from flowkit.charts import Figure
from flowkit.charts.style import INK
from flowkit.charts.words import REJECTS
from flowkit.names import Names
from flowkit.widgets.span import Span
from flowkit.widgets.view import ALL, ONCE, View

BRUSH = "brush"
DRAWN = "drawn"
_WIDTH, _GAP = 790, 40
_OF_A_WHOLE = ("$schema", "autosize", "config", "datasets", "params")
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

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification of the three as one chart, with the brush where the view's time range is."""
        half = (_WIDTH - _GAP) // 2
        wholes = [_sized(self.timeline, _WIDTH), _sized(self.sizes, half), _sized(self.peers, half)]
        top, *below = [{key: value for key, value in whole.items() if key not in _OF_A_WHOLE} for whole in wholes]
        params = [*({**p, "views": ["timeline"]} for p in wholes[0].get("params", [])), self._brush, self._drawn]
        apart = {"scale": {"color": "independent"}}
        return {
            "config": wholes[0]["config"],
            "datasets": {name: rows for whole in wholes for name, rows in whole.get("datasets", {}).items()},
            "description": self.alt,
            "params": params,
            "vconcat": [_lit(top, params), {"hconcat": below, "spacing": _GAP, "resolve": apart}],
            "resolve": apart,
        }

    @property
    def alt(self) -> str:
        """What the charts show, in words."""
        return " ".join(figure.alt for figure in (self.timeline, self.sizes, self.peers))

    def told(self, selections: Mapping[str, Any]) -> bool:
        """Return whether the browser speaks of this picture, and not of one it showed a moment ago."""
        drawn = (selections.get(DRAWN) or {}).get("value")
        return BRUSH in selections and (not drawn or drawn[DRAWN] == [self.number])

    @property
    def _brush(self) -> dict[str, Any]:
        look = {"fill": INK, "fillOpacity": 0.2, "stroke": INK, "strokeOpacity": 0.9}
        drag = {"type": "interval", "encodings": ["x"], "mark": look}
        stands = {"value": {"x": list(self.brush)}} if self.brush else {}
        return {"name": BRUSH, "select": drag, "views": ["timeline"], **stands}

    @property
    def _drawn(self) -> dict[str, Any]:
        """A selection that nobody can change, by which the browser says which picture it shows."""
        fixed = {"type": "point", "fields": [DRAWN], "on": "never", "clear": False}
        return {"name": DRAWN, "select": fixed, "views": ["timeline"], "value": [{DRAWN: self.number}]}


def draw(flows: pl.LazyFrame, view: View, span: Span, *, number: int = 0, names: Names | None = None) -> Picture:
    """Return the picture of a view: the timeline of the whole span, the rest of the view's time range.

    This is where a panel collects: three small tables and a count, in one go.
    """
    columns = flows.collect_schema().names()
    whole, chosen = view.filter_but_time(flows), view.filter(flows)
    # The view has filtered by its vantage already, so the questions take all that is left.
    tables = [
        questions.timeline(whole, every=f"{span.minutes}m", by=view.by, vantage=ALL),
        questions.sizes(chosen, by=_colours(view.by, columns), measure=_size(view), protocol=None, vantage=ALL),
        questions.peers(chosen, by=_who(view.by, columns), n=view.top, rank=view.measure, vantage=ALL),
    ]
    when, sizes, peers, rows = pl.collect_all([*tables, chosen.select(pl.len())], engine="streaming")
    seen = REJECTS if view.vantage == ONCE else view.vantage
    when, peers = (table.with_columns(vantage=pl.lit(seen)) for table in (when, peers))
    tz, step = span.clock.tz, timedelta(minutes=span.minutes)
    timeline = charts.timeline(when, tz=tz, measure=view.measure, every=step, zoom=False, names=names)
    brush = span.to_brush((view.start, view.end), timeline.clock)
    return Picture(
        timeline,
        charts.sizes(sizes, measure=_size(view), names=names),
        charts.peers(peers, tz=tz, names=names),
        rows.item(),
        number,
        brush,
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


def _lit(timeline: dict[str, Any], params: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the timeline by its name, with the bars faded that its brush or its legend does not choose."""
    chosen = {"and": [{"param": param["name"]} for param in params if param["name"] != DRAWN]}
    opacity = {"condition": {"test": chosen, "value": 1}, "value": 0.25}
    return {**timeline, "name": "timeline", "encoding": {**timeline["encoding"], "opacity": opacity}}


def _sized(figure: Figure, width: int) -> dict[str, Any]:
    """Return the specification of a figure's chart, as wide as told."""
    return {**_numbered(figure.spec, width), "width": width}


def _numbered(node: Any, width: int) -> Any:
    """Return a specification with its width as a number in expressions: a part has no signal of that name."""
    if isinstance(node, list):
        return [_numbered(item, width) for item in node]
    if not isinstance(node, dict):
        return node
    if node.keys() == {"expr"}:
        return {"expr": re.sub(r"\bwidth\b", str(width), node["expr"])}
    return {key: value if key == "datasets" else _numbered(value, width) for key, value in node.items()}
