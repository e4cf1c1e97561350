"""Draws `flowkit.size_clusters`: what bytes alone tell apart, port by port, with the boundaries between."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import polars as pl

from flowkit.charts import style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, nothing
from flowkit.charts.sizes import size_axis
from flowkit.names import Names
from flowkit.split.words import span

_ROW = 108
# A port with less than this share of the flows (one that was scanned, say) is counted and not drawn.
_LEAST = 0.002
# The edges' labels stand on so many lines; a letter of theirs takes such a share of the width of a phone.
_LINES, _LETTER = 3, 0.019


def size_clusters(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    clusters: pl.LazyFrame | pl.DataFrame | None = None,
    names: Names | None = None,
) -> Figure:
    """Return for each server port its clusters of sizes as boxes, with the boundaries between them in bytes.

    A box grows with the square root of its share of the port's flows. Bytes alone do not tell health checks from
    service, which is why the split looks at beat and source too: with its clusters given, both are seen at once.

    Parameters
    ----------
    table
        What `flowkit.size_clusters` returns.
    tz, names
        Every chart takes them; sizes have no time and no address, so they change nothing here.
    clusters
        `case.split.clusters`: the sizes of health checks are shaded in the rows of their ports.

    Raises `QuestionError` on another table.

    >>> rows = {"server_port": 80, "cluster": ["port 80, 164–216 B", "port 80, 5,000–5,200 B"], "flows": [3, 1],
    ...         "bytes_low": [164, 5000], "bytes_high": [216, 5200], "share": [0.75, 0.25], "boundary": [1039, None]}
    >>> size_clusters(pl.DataFrame(rows)).title
    'By bytes alone, port 80 falls into 2 clusters, cut at 1,039 B'
    """
    frame = collected(table, "server_port", "cluster", "bytes_low", "bytes_high", "flows", "share", "boundary")
    at = clock_of(pl.Series(dtype=pl.Datetime("ms", "UTC")), tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="nothing was sent to a server port here", at=at)
    checks = pl.DataFrame() if clusters is None else _checks(clusters)
    drawing = _Clusters(frame.sort("server_port", "bytes_low"), checks)
    height = _ROW * len(drawing.ports)
    return draw(_chart(drawing), frame, title=title or drawing.title, alt=drawing.spoken, at=at, height=height)


def _checks(clusters: pl.LazyFrame | pl.DataFrame) -> pl.DataFrame:
    frame = collected(clusters, "kind", "server_port", "bytes_low", "bytes_high")
    found = frame.filter(pl.col("kind") == "health-check").drop_nulls(["bytes_low", "bytes_high"])
    return found.select("server_port", "bytes_low", "bytes_high").unique().sort(pl.all())


@dataclass(frozen=True)
class _Clusters:
    """What is drawn: the clusters of each port, and the sizes of its health checks."""

    frame: pl.DataFrame
    checks: pl.DataFrame

    @property
    def ports(self) -> list[int]:
        """Return the ports that are drawn, those with most flows first."""
        sums = self.frame.group_by("server_port").agg(pl.col("flows").sum())
        ranked = sums.sort("flows", "server_port", descending=[True, False])
        return ranked.filter(pl.col("flows") >= _LEAST * pl.col("flows").sum())["server_port"].to_list()

    @property
    def low(self) -> int:
        """Return where the axis begins."""
        return max(int(self.shown["bytes_low"].min()), 1)  # type: ignore[arg-type]

    @property
    def high(self) -> int:
        """Return where the axis ends."""
        return max(int(self.shown["bytes_high"].max()), 2)  # type: ignore[arg-type]

    @property
    def shown(self) -> pl.DataFrame:
        return self.frame.filter(pl.col("server_port").is_in(self.ports))

    @property
    def left_out(self) -> str:
        more = self.frame["server_port"].n_unique() - len(self.ports)
        return f"{words.count(more, 'port')} with few flows in the table, not drawn" if more else ""

    @property
    def title(self) -> str:
        more = f"; {words.count(len(self.ports) - 1, 'more port')}" if self.ports[1:] else ""
        return f"By bytes alone, {self.cuts(self.ports[0])}{more}"

    @property
    def spoken(self) -> str:
        said = ". ".join(f"{self.cuts(port)}: {', '.join(self.shares(port))}" for port in self.ports)
        return f"Boxes of record sizes towards servers. {said}."

    def own(self, port: int) -> pl.DataFrame:
        return self.frame.filter(pl.col("server_port") == port)

    def cuts(self, port: int) -> str:
        edges = [f"{edge:,}" for edge in self.own(port)["boundary"].drop_nulls().to_list()]
        if not edges:
            return f"port {port} is one cluster"
        at = " and ".join([", ".join(edges[:-1]), edges[-1]] if edges[1:] else edges)
        return f"port {port} falls into {len(edges) + 1} clusters, cut at {at} B"

    def shares(self, port: int) -> list[str]:
        rows = self.own(port).select("bytes_low", "bytes_high", "share").rows()
        return [f"{span(low, high)} B {words.percent(share, 1)}" for low, high, share in rows]

    def label(self, port: int) -> str:
        checks = self.checks.filter(pl.col("server_port") == port) if self.checks.width else self.checks
        ranges = ", ".join(f"{span(low, high)} B" for _, low, high in checks.rows()[:3])
        shaded = f" · shaded: health checks, {ranges}" if ranges else ""
        return f"port {port} · {words.count(int(self.own(port)['flows'].sum()), 'flow')} to it{shaded}"


def _chart(drawing: _Clusters) -> style.Drawing:
    import altair as alt

    rows = len(drawing.ports)
    notes = ["height: square root of a cluster's share of its port; dashed: the boundary", drawing.left_out]
    x, y = size_axis(drawing.low, drawing.high, "bytes", [note for note in notes if note]), style.down(rows)
    blue, ink = style.COLOURS["kind"]["service"], style.INK
    tips = style.tooltip(name="cluster", count="flows", said="share")
    boxes = alt.Chart(style.data(_boxes(drawing)))
    edges = alt.Chart(style.data(_edges(drawing)))
    shades = alt.Chart(style.data(_shades(drawing)))
    orange = style.COLOURS["kind"]["health-check"]
    return alt.layer(
        shades.mark_rect(opacity=0.3, color=orange, clip=True).encode(x=x, x2="right", y=y, y2="foot"),
        boxes.mark_rect(opacity=0.55, color=blue).encode(x=x, x2="right", y=y, y2="foot", tooltip=tips),
        boxes.mark_text(baseline="bottom", dy=-3, color=ink).encode(x=_at(x, "middle"), y=y, text="said:N"),
        edges.mark_rule(strokeDash=[3, 3], color=ink).encode(x=x, y=y, y2="foot"),
        edges.mark_text(align="left", baseline="top", dx=3, color=ink).encode(x=x, y=y, text="label:N"),
        style.labels([drawing.label(port) for port in drawing.ports], at=0.13),
    )


def _at(x: Any, field: str) -> Any:
    other = x.copy()
    other.shorthand = f"{field}:Q"
    return other


def _boxes(drawing: _Clusters) -> list[dict[str, Any]]:
    place = {port: row for row, port in enumerate(drawing.ports)}
    return [
        {
            "left": max(row["bytes_low"] - 0.5, 0.5),
            "right": row["bytes_high"] + 0.5,
            "middle": max(sqrt(max(row["bytes_low"], 1) * max(row["bytes_high"], 1)), 1.0),
            "foot": place[row["server_port"]] + 0.96,
            "top": place[row["server_port"]] + 0.96 - 0.44 * sqrt(row["share"]),
            "name": words.name(row["cluster"]),
            "count": words.count(row["flows"]),
            "said": words.percent(row["share"], 1),
        }
        for row in drawing.frame.rows(named=True)
        if row["server_port"] in place
    ]


def _edges(drawing: _Clusters) -> list[dict[str, Any]]:
    place = {port: row for row, port in enumerate(drawing.ports)}
    width = log(drawing.high / drawing.low)
    found: list[dict[str, Any]] = []
    for port in drawing.ports:
        ends = [0.0] * _LINES
        for edge in drawing.own(port)["boundary"].drop_nulls().to_list():
            label, at = f"{edge:,} B", log(edge / drawing.low) / width
            # On the first line where it has room, even on a phone.
            line = next((n for n, end in enumerate(ends) if at >= end), ends.index(min(ends)))
            ends[line] = at + _LETTER * (len(label) + 1)
            top = place[port] + 0.2 + 0.12 * line
            found.append({"left": edge, "top": top, "foot": place[port] + 0.96, "label": label})
    return found


def _shades(drawing: _Clusters) -> list[dict[str, Any]]:
    place = {port: row for row, port in enumerate(drawing.ports)}
    return [
        {"left": max(low - 0.5, 0.5), "right": high + 0.5, "top": place[port] + 0.2, "foot": place[port] + 0.96}
        for port, low, high in drawing.checks.rows()
        if port in place
    ]
