"""The panel: knobs above, charts below, and what is on screen as values for the next cell."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812
import polars as pl

from flowkit.charts import Figure
from flowkit.errors import QuestionError
from flowkit.times import clock
from flowkit.widgets.controls import Controls
from flowkit.widgets.facts import Facts, look
from flowkit.widgets.picture import BRUSH, DRAWN, draw
from flowkit.widgets.span import Ends, Span
from flowkit.widgets.view import View
from flowkit.widgets.words import alert, status

if TYPE_CHECKING:
    from flowkit.case import Case

_SECOND = timedelta(seconds=1)


class Explorer:
    """A panel of controls and charts over some flows: turn a knob or drag over the timeline, and the charts follow.

    Where `case.split.assign` gives flows another kind, the panel shows them anew. What is on screen is a value for the
    next cell: `flows` is the LazyFrame of it, `code` the polars text that gives
    the same rows when it is pasted into a cell, `start` and `end` its time range. A double click on the
    timeline takes the whole span again.

    Parameters
    ----------
    case
        A `Case`, or a LazyFrame of flows with at least start, end, packets and bytes.
    tz
        The zone of the panel's clock; by default the case's, and UTC for a bare LazyFrame.

    Attributes
    ----------
    controls
        The widgets: `start`, `end`, `span`, `kind`, `action`, `vantage`, `measure`, `by`, `top`. Setting a `value`
        from Python does what a hand on the knob does.
    picture
        The figures on screen, each with its table: `timeline`, `sizes`, `peers`.

    Raises
    ------
    QuestionError, SourceError, TimeError
        Where the flows lack a column that the panel needs, there are none, or no zone has this name.

    Examples
    --------
    >>> import flowkit as fk
    >>> screen = fk.Explorer(fk.scan(fk.samples("incident")), tz="Asia/Tokyo")
    >>> screen.controls.start.value = "2026-11-24 01:10"
    >>> screen.controls.action.value = "ACCEPT"
    >>> print(screen.code)
    import polars as pl
    <BLANKLINE>
    flows.filter(
        pl.col("end") >= pl.datetime(2026, 11, 23, 16, 10, time_zone="UTC"),
        pl.col("action") == 'ACCEPT',
    )
    """

    def __init__(self, case: Case | pl.LazyFrame, *, tz: str | None = None) -> None:
        self._case = case
        self._facts = look(self._all)
        self._names = None if isinstance(case, pl.LazyFrame) else case.names
        self._span = _span(case, self._facts, tz)
        self.controls = Controls(self._facts, self._span)
        self.note = W.HTML()
        self._quiet = False
        self._view = View(vantage=self.controls.vantage.value, by=self.controls.by.value)
        self.picture = draw(self._all, self._view, self._span, names=self._names)
        self._follow()
        self._listen()

    @property
    def _all(self) -> pl.LazyFrame:
        """All flows, labelled as the split has it now."""
        return _flows(self._case)

    @property
    def flows(self) -> pl.LazyFrame:
        """The flows that are on screen."""
        return self._view.filter(self._all)

    @property
    def code(self) -> str:
        """The polars text that gives the rows of `flows`: of those of `case`, or where there is none, of `flows`."""
        given = "flows" if self._names is None else "case.flows"
        return f"import polars as pl\n\n{given}{self._view.code}" if self._view.code else given

    @property
    def start(self) -> datetime:
        """Where the time range begins, in UTC."""
        return self._view.start or self._span.start

    @property
    def end(self) -> datetime:
        """Where the time range ends, in UTC."""
        return self._view.end or self._span.end

    @cached_property
    def chart(self) -> Any:
        """The charts as one widget, an `altair.JupyterChart` that asks no other host for anything."""
        import altair as alt

        alt.JupyterChart.enable_offline(True)
        # max_wait: nothing is sent while the mouse still moves, because the answer redraws the chart under it.
        options = {"actions": False, "renderer": "svg", "ast": True}
        drawn = alt.VConcatChart.from_dict(self.picture.spec)
        chart = alt.JupyterChart(drawn, debounce_wait=250, max_wait=False, embed_options=options)
        # The browser is to listen to what every picture has, and not to a legend that an empty one lacks.
        chart._vl_selections = {name: chart._vl_selections[name] for name in (BRUSH, DRAWN)}
        # The widget's own trait: `chart.selections` is another object after each change of the chart.
        chart.observe(lambda change: self._on_brush(change["new"]), "_vl_selections")
        return chart

    @cached_property
    def panel(self) -> Any:
        """The whole panel as one widget, to be put into a layout of your own."""
        return W.VBox([self.controls.box, self.note, self.chart, self._paste])

    @cached_property
    def _paste(self) -> Any:
        return W.Accordion([W.HTML()], titles=("The same rows as code, to paste into a cell",), selected_index=None)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the panel where a kernel stays behind it, and its timeline where the output will be all there is."""
        shown = self.panel if Figure.live else self.picture.timeline
        return shown._repr_mimebundle_(**options)

    def _listen(self) -> None:
        knobs = self.controls
        for control in knobs.filters:
            control.observe(lambda _: self._turn(self._filtered), "value")
        for box in (knobs.start, knobs.end):
            box.observe(lambda _: self._turn(lambda: self._between(knobs.typed(self._span))), "value")
        knobs.span.observe(lambda _: self._turn(lambda: self._between(knobs.span.value)), "value")
        if not isinstance(self._case, pl.LazyFrame):
            self._case.split.watch(self._relabelled)

    def _on_brush(self, sent: dict[str, Any]) -> None:
        if self.picture.told(sent):
            self._turn(lambda: self._between(self._span.from_brush(sent[BRUSH]["value"], self.picture.timeline.clock)))

    def _filtered(self) -> View:
        """Return the view with what the knobs that are not about time say."""
        knobs = self.controls
        every_kind = set(knobs.kind.value) == set(self._facts.kinds)
        return replace(
            self._view,
            kinds=() if every_kind else knobs.kind.value,
            action=knobs.action.value or None,
            vantage=knobs.vantage.value,
            measure=knobs.measure.value,
            by=knobs.by.value,
            top=knobs.top.value,
        )

    def _between(self, ends: Ends) -> View:
        start, end = self._span.clip(ends)
        return replace(self._view, start=start, end=end)

    def _relabelled(self) -> None:
        """Follow the split: the kinds that there are now, and the charts of what is on screen."""
        self._turn(self._with_kinds, anew=True)

    def _with_kinds(self) -> View:
        every_kind, self._facts = not self._view.kinds, look(self._all)
        chosen = tuple(kind for kind in self._facts.kinds if every_kind or kind in self._view.kinds)
        self._quiet = True
        try:
            self.controls.offer_kinds(self._facts.kinds, chosen)
        finally:
            self._quiet = False
        return self._filtered()

    def _turn(self, change: Callable[[], View], *, anew: bool = False) -> None:
        """Answer a knob: show the view that it asks for, or say in the panel why that cannot be."""
        if self._quiet:
            return
        try:
            view = change()
            if anew or view != self._view:
                self._view = view
                self.note.value = status("Counting …")
                self.picture = draw(self._all, view, self._span, number=self.picture.number + 1, names=self._names)
            self._follow()
        except Exception as error:  # what a callback raises is seen by nobody
            self.note.value = alert(error)

    def _follow(self) -> None:
        """Bring all that is seen in line with the view, without taking that for a hand on a knob."""
        ends = self._view.start, self._view.end
        self._quiet = True
        try:
            self.controls.show(ends, self._span)
            self._paste.children[0].value = f"<pre>{html.escape(self.code)}</pre>"
            if "chart" in vars(self):  # it is made when it is first looked at, which a report never does
                # Not `.chart`: to check that against the schema takes longer than all else.
                self.chart.spec = self.picture.spec
        finally:
            self._quiet = False
        self.note.value = status(self._summary())

    def _summary(self) -> str:
        first, last = (self._span.show(moment) for moment in (self.start, self.end))
        counted = f"{self.picture.flows:,} of {self._facts.rows:,} flows, {first} to {last} {self._span.clock.label}"
        return counted + (f"; {self._facts.far.number:,} of all lie years away from that" if self._facts.far else "")


def _flows(case: object) -> pl.LazyFrame:
    flows = case if isinstance(case, pl.LazyFrame) else getattr(case, "flows", None)
    if not isinstance(flows, pl.LazyFrame):
        told = "a DataFrame: give its .lazy()" if isinstance(case, pl.DataFrame) else f"{type(case).__name__}"
        raise QuestionError(f"Explorer takes a case, or a LazyFrame of flows, not {told}")
    return flows


def _span(case: Case | pl.LazyFrame, facts: Facts, tz: str | None) -> Span:
    """Return from when to when a case goes, in whole seconds as the text boxes show them, and its clock."""
    if not isinstance(case, pl.LazyFrame):
        start, end, tz = case.start, case.end, tz or case.tz
    elif facts.start and facts.end:
        start, end, tz = facts.start, facts.end + _SECOND, tz or "UTC"
    else:
        raise QuestionError("there are no flows here, so there is nothing to explore: take another source or span")
    ceiled = (end + _SECOND - timedelta(microseconds=1)).replace(microsecond=0)
    return Span(start.replace(microsecond=0), ceiled, clock(tz, start, ceiled))
