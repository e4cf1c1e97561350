"""What there is to choose from: looked up once, so that the controls offer what the flows hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from flowkit.far import Far, far
from flowkit.questions.shared import require
from flowkit.widgets.view import ALL, ONCE

_KINDS = ("service", "health-check", "uncertain", "other")
_DIMENSIONS = ("kind", "action", "srcaddr", "dstaddr", "dstport", "interface_id", "protocol")
_NO_DIMENSION = {"packets", "bytes", "start", "end", "confidence", "once", "log_status"}
_MOST_INTERFACES = 200


@dataclass(frozen=True)
class Facts:
    """The span of some flows, and the values that a control can take."""

    rows: int
    far: Far | None
    """The flows whose times are years away from all others, where there are some: the span is that of the others."""
    start: datetime | None
    end: datetime | None
    kinds: tuple[str, ...]
    actions: tuple[str, ...]
    interfaces: tuple[str, ...]
    """The interfaces, those with the most records first, 200 at most."""
    dimensions: tuple[str, ...]
    vantages: tuple[str, ...]
    """How to count what several interfaces saw: once, all, or one of them."""


def look(flows: pl.LazyFrame) -> Facts:
    """Return the facts of some flows, in one pass over them.

    Raises `QuestionError` for flows that lack a time or a count, because the panel stands on a timeline of them.
    """
    require(flows, ["start", "end", "packets", "bytes"])
    names = flows.collect_schema().names()
    asked = [c for c in ("kind", "action", "interface_id") if c in names]
    totals = flows.select(pl.len().alias("rows"), pl.col("start").min(), pl.col("end").max())
    answers = pl.collect_all([totals, *(_values(flows, column) for column in asked)], engine="streaming")
    rows, start, end = answers[0].row(0)
    away = far(flows, start, end)
    start, end = away.bulk if away else (start, end)
    found: dict[str, list[str]] = {c: frame[c].to_list() for c, frame in zip(asked, answers[1:], strict=True)}
    interfaces = tuple(i for i in found.get("interface_id", []) if i not in (ONCE, ALL))[:_MOST_INTERFACES]
    return Facts(
        rows=rows,
        far=away,
        start=start,
        end=end,
        kinds=_ordered(found.get("kind", []), _KINDS),
        actions=tuple(sorted(found.get("action", []))),
        interfaces=interfaces,
        dimensions=_ordered([c for c in names if c not in _NO_DIMENSION], _DIMENSIONS),
        vantages=(*((ONCE,) if {"once", "action"} <= set(names) else ()), ALL, *interfaces),
    )


def _values(flows: pl.LazyFrame, column: str) -> pl.LazyFrame:
    counts = flows.filter(pl.col(column).is_not_null()).group_by(column).len()
    return counts.sort(["len", column], descending=[True, False]).select(pl.col(column).cast(pl.String))


def _ordered(found: list[str], first: tuple[str, ...]) -> tuple[str, ...]:
    """Return what was found, the well-known ones in front."""
    return (*(value for value in first if value in found), *(value for value in found if value not in first))
