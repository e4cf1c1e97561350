"""The panel of a split: each cluster with its evidence and three buttons; what is decided is a value and a line."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812
import polars as pl

from flowkit import charts, questions
from flowkit.charts import Figure
from flowkit.errors import QuestionError
from flowkit.split.words import certain, sides
from flowkit.widgets.words import alert, status
from flowkit.wording import many

if TYPE_CHECKING:
    from flowkit.case import Case

_BUTTONS = [("health check", "health-check"), ("uncertain", "uncertain"), ("service", "service")]
_WORDS = {"health-check": "health checks", "service": "service", "uncertain": "uncertain", "other": "something else"}
_MOST = 24
_CARD = {"border": "1px solid var(--jp-border-color2, #ccc)", "margin": "0 0 6px", "padding": "6px 10px"}


class SplitPanel:
    """A panel over a case's split: a click moves a cluster to the other side, and the case's flows follow.

    Over the buttons stands the histogram with the clusters named; under them the line to paste into a notebook's
    parameters, so that the decision is there the next time, and in the report.

    Parameters
    ----------
    case
        A `Case`; its `split` is what the buttons change, in place.

    Attributes
    ----------
    buttons
        The widgets, by the name of the cluster. Setting a `value` from Python does what a click does; the value that
        the evidence has takes a decision back.
    figure
        The histogram on screen, with its table.

    Examples
    --------
    >>> import flowkit as fk
    >>> case = fk.load(fk.samples("incident"), cache=False)
    >>> panel = fk.SplitPanel(case)
    >>> panel.buttons["port 80, payload 130 B"].value = "service"
    >>> print(panel.code)
    assign = {'port 80, payload 130 B': 'service'}
    >>> case.flows.filter(kind="health-check").collect().height
    0
    """

    def __init__(self, case: Case) -> None:
        if not hasattr(case, "split"):
            raise QuestionError(f"SplitPanel takes a case, as flowkit.load returns it, not {type(case).__name__}")
        self._case = case
        self._quiet = False
        self._evidence = case.split.evidence
        self.note, self._paste = W.HTML(), W.HTML()
        self._reasons: dict[str, Any] = {}
        self.buttons: dict[str, Any] = {}
        for row in case.split.clusters.head(_MOST).rows(named=True):
            self._add(row["cluster"], row["kind"])
        self.figure = self._drawn()
        self._follow()
        case.split.watch(self._changed)

    @property
    def decisions(self) -> dict[str, str]:
        """What was decided by hand: the kind by the name of the cluster, as `flowkit.load(…, assign=…)` takes it."""
        return dict(self._case.split.decisions)

    @property
    def flows(self) -> pl.LazyFrame:
        """The case's flows as they are labelled now."""
        return self._case.flows

    @property
    def code(self) -> str:
        """The line for a notebook's parameters that decides the same again."""
        return f"assign = {self.decisions or None!r}"

    @cached_property
    def chart(self) -> Any:
        """The histogram as a widget, an `altair.JupyterChart` that asks no other host for anything."""
        import altair as alt

        alt.JupyterChart.enable_offline(True)
        options = {"actions": False, "renderer": "svg", "ast": True}
        return alt.JupyterChart(self.figure.chart, embed_options=options, layout={"width": "100%"})

    @cached_property
    def panel(self) -> Any:
        """The whole panel as one widget, to be put into a layout of your own."""
        cards = [W.VBox([self.buttons[name], self._reasons[name]], layout=W.Layout(**_CARD)) for name in self.buttons]
        return W.VBox([self.note, self.chart, *cards, self._paste], layout=W.Layout(width="100%"))

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """Show the panel where a kernel stays behind it, and the histogram where the output will be all there is."""
        shown = self.panel if Figure.live else self.figure
        return shown._repr_mimebundle_(**options)

    def _add(self, cluster: str, kind: str) -> None:
        """Put a row of buttons for a cluster into the panel."""
        button = W.ToggleButtons(
            options=_BUTTONS,
            value=kind,
            description=cluster,
            style={"description_width": "15em", "button_width": "9em"},
            tooltips=[f"{cluster} is {_WORDS[kind]}" for _, kind in _BUTTONS],
            layout=W.Layout(width="100%"),
        )
        button.observe(lambda change: self._move(cluster, change["new"]), "value")
        self.buttons[cluster], self._reasons[cluster] = button, W.HTML()

    def _move(self, cluster: str, kind: str) -> None:
        if self._quiet:
            return
        self._case.split.assign(cluster, None if kind == self._evidence[cluster] else kind)

    def _changed(self) -> None:
        """Follow the split, whoever decided."""
        self.note.value = status("Counting …")
        try:
            self.figure = self._drawn()
            self._follow()
        except Exception as error:  # what a callback raises is seen by nobody
            self.note.value = alert(error)

    def _drawn(self) -> Figure:
        sizes = questions.sizes(self._case.flows)
        return charts.sizes(sizes, clusters=self._case.split.clusters, tz=self._case.tz)

    def _follow(self) -> None:
        """Bring all that is seen in line with the split."""
        rows = {row["cluster"]: row for row in self._case.split.clusters.rows(named=True)}
        self._quiet = True
        try:
            for cluster, button in self.buttons.items():
                button.value = rows[cluster]["kind"]
                self._reasons[cluster].value = _reason(rows[cluster])
            self._paste.value = self._lines(len(rows))
            if "chart" in vars(self):
                self.chart.spec = self.figure.spec
        finally:
            self._quiet = False
        counts = dict(self._case.flows.group_by("kind").len().collect(engine="streaming").iter_rows())
        said = [f"{counts[kind]:,} {word}" for kind, word in _WORDS.items() if counts.get(kind)]
        self.note.value = status(f"{' · '.join(said)}{_decided(self.decisions)}")

    def _lines(self, clusters: int) -> str:
        if not clusters:
            return f"<p>{html.escape(self._case.split.boundary)}</p>"
        left = f"<p>{many(clusters - _MOST, 'more cluster')}: see case.split.clusters.</p>" if clusters > _MOST else ""
        how = "To decide the same the next time, and in the report, put this into the parameters:"
        return f"{left}<p>{how}</p><pre>{html.escape(self.code)}</pre>"


def _reason(row: dict[str, Any]) -> str:
    what = f"{certain(row)}; {row['flows']:,} flows to targets; {row['looks_like']}"
    said = "".join(f"<br><b>{side}</b>: {html.escape(words)}" for side, words in sides(row))
    return f'<div style="line-height:1.4">{html.escape(what)}{said}</div>'


def _decided(decisions: dict[str, str]) -> str:
    return f" · {len(decisions)} decided by hand" if decisions else ""
