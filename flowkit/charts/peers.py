"""Draws `flowkit.peers`: the top talkers as bars, with all others in the last one."""

from __future__ import annotations

import polars as pl

from flowkit.charts import ranked, style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, nothing

_OWN = ("flows", "packets", "bytes", "first_seen", "last_seen", "share", "groups", "vantage")


def peers(
    table: pl.LazyFrame | pl.DataFrame, *, tz: str = "UTC", title: str | None = None, measure: str | None = None
) -> Figure:
    """Return a bar for each row, in the table's order.

    `table` is what `flowkit.peers` returns. `measure` is what the bars measure: "bytes", "packets" or "flows"; if it is not
    given, what the table is ranked by. Times in the tooltips are on the clock of `tz`.
    """
    frame = collected(table, *_OWN)
    at = clock_of(frame["first_seen"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="no flow records in this span", at=at)
    measure = measure or _ranked_by(frame)
    keys = [name for name in frame.columns if name not in _OWN]
    rows = _rows(frame, keys, measure, at)
    tips = {
        "label": "who",
        "flows": "flows",
        "packets": "packets",
        "bytes": "bytes",
        "first": "first seen",
        "last": "last seen",
    }
    colour = style.colour("", ["named", "other"], shown=False)
    chart, height = ranked.bars(rows, measure=measure, colour=colour, tips=tips)
    heading, alt = _said(frame, rows, keys, measure)
    return draw(chart, frame, title=title or heading, alt=alt, at=at, height=height)


def _ranked_by(frame: pl.DataFrame) -> str:
    """Return the measure that the column `share` is a share of."""
    for measure in ("bytes", "packets", "flows"):
        total = frame[measure].sum()
        if total and ((frame[measure] / total - frame["share"]).abs() < 1e-9).all():
            return measure
    return "bytes"


def _rows(frame: pl.DataFrame, keys: list[str], measure: str, at: words.Clock) -> pl.DataFrame:
    total = frame[measure].sum()
    made = []
    for row in frame.iter_rows(named=True):
        rest = row["groups"] > 1
        who = f"{row['groups']:,} others" if rest else words.pair([row[key] for key in keys], keys)
        value = row[measure]
        made.append(
            {
                "label": f"{who} · {words.measured(value, measure)} · {words.percent(value, total)}",
                "value": value,
                "series": "other" if rest else "named",
                "flows": words.count(row["flows"]),
                "packets": words.count(row["packets"]),
                "bytes": words.size(row["bytes"]),
                "first": at.show(row["first_seen"]) if row["first_seen"] else "-",
                "last": at.show(row["last_seen"]) if row["last_seen"] else "-",
            }
        )
    return pl.DataFrame(made)


def _said(frame: pl.DataFrame, rows: pl.DataFrame, keys: list[str], measure: str) -> tuple[str, str]:
    total = words.measured(frame[measure].sum(), measure)
    first = frame.row(0, named=True)
    share = words.percent(first[measure], frame[measure].sum())
    heading = f"Top {' → '.join(map(words.name, keys))}: {words.pair([first[key] for key in keys], keys)} has {share} of {total}"
    seen = words.seen(frame)
    listed = "; ".join(rows["label"].head(12))
    return heading, f"Bars of {measure}, {total} in all: {listed}." + (f" {seen.capitalize()}." if seen else "")
