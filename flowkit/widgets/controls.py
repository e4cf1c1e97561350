"""The knobs: each says what it holds, works by keyboard, and offers only what the flows hold."""

from __future__ import annotations

from typing import Any

import ipywidgets as W  # noqa: N812

from flowkit.widgets.facts import Facts
from flowkit.widgets.span import Ends, Span
from flowkit.widgets.view import ALL, ONCE

_WORDS = {"health-check": "health checks", ONCE: "each hop once", ALL: "every interface"}
_ROW = {"display": "flex", "flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "2px 12px"}


class Controls:
    """The widgets of an `Explorer`, each by its name; a `value` that is set does what a hand on the knob does."""

    def __init__(self, facts: Facts, span: Span) -> None:
        self.start = _text("from", "The first moment on screen; Enter takes it over")
        self.end = _text("to", "The moment that the screen ends before; Enter takes it over")
        self.span = _slider(span)
        self.kind = W.SelectMultiple(
            options=_named(facts.kinds),
            value=facts.kinds,
            rows=3,
            description="kind",
            tooltip="Several with Ctrl or Shift; none chosen is all of them",
        )
        self.action = W.Dropdown(options=[("all", ""), *((a, a) for a in facts.actions)], description="action")
        self.vantage = W.Dropdown(
            options=[(_WORDS.get(vantage, vantage), vantage) for vantage in facts.vantages],
            description="seen by",
            tooltip="A hop is recorded on each interface it passes: count it once, everywhere, or at one interface",
        )
        self.measure = W.Dropdown(options=("flows", "packets", "bytes"), description="measure")
        self.by = W.Dropdown(options=facts.dimensions, description="by", tooltip="What the colours and bars stand for")
        self.top = W.IntSlider(value=10, min=3, max=30, description="top", continuous_update=False)
        for control in (*self.filters, self.start, self.end):
            control.layout.width, control.style.description_width = "218px", "62px"
        for control, offered in ((self.kind, facts.kinds), (self.action, facts.actions)):
            control.layout.display = None if offered else "none"

    @property
    def filters(self) -> list[Any]:
        """The controls that are not about time."""
        return [self.kind, self.action, self.vantage, self.measure, self.by, self.top]

    @property
    def box(self) -> Any:
        """All of them, laid out over the charts; rows wrap where the screen is narrow."""
        pairs = [self.start, self.end], [self.action, self.vantage], [self.measure, self.by]
        when, who, what = (W.VBox(pair) for pair in pairs)
        rows = [when, self.kind, who, what], [self.span, self.top]
        return W.VBox([W.Box(row, layout=W.Layout(**_ROW)) for row in rows])

    def offer_kinds(self, kinds: tuple[str, ...], chosen: tuple[str, ...]) -> None:
        """Offer other kinds, with some of them chosen."""
        self.kind.options, self.kind.value = _named(kinds), chosen

    def typed(self, span: Span) -> Ends:
        """Return the time range that stands in the text boxes."""
        return span.read(self.start.value, "from"), span.read(self.end.value, "to")

    def show(self, ends: Ends, span: Span) -> None:
        """Put a time range into the text boxes, to the second, and on the slider, to the nearest step."""
        self.start.value, self.end.value = span.show(ends[0] or span.start), span.show(ends[1] or span.end)
        self.span.value = span.nearest(ends)


def _named(kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(_WORDS.get(kind, kind), kind) for kind in kinds]


def _slider(span: Span) -> Any:
    steps = span.steps
    one_day = span.show(steps[0], "%F") == span.show(steps[-1], "%F")
    return W.SelectionRangeSlider(
        options=[(span.show(step, "%H:%M" if one_day else "%m-%d %H:%M"), step) for step in steps],
        index=(0, len(steps) - 1),
        description="range",
        continuous_update=False,
        style={"description_width": "62px"},
        layout=W.Layout(width="560px"),
    )


def _text(description: str, tooltip: str) -> Any:
    return W.Text(description=description, tooltip=tooltip, continuous_update=False)
