"""Draws `flowkit.rejected`: what was refused, the most often refused first, coloured by the reason."""

from __future__ import annotations

import polars as pl

from flowkit.charts import ranked, style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, nothing
from flowkit.times import Clock

_OWN = ("reason", "flows", "packets", "bytes", "first_seen", "last_seen", "sources", "groups")


def rejected(table: pl.LazyFrame | pl.DataFrame, *, tz: str = "UTC", title: str | None = None) -> Figure:
    """Return a bar of flows for each row of what `flowkit.rejected` returns; times on the clock of `tz`."""
    frame = collected(table, *_OWN)
    at = clock_of(frame["first_seen"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="nothing was rejected in this span", at=at)
    keys = [name for name in frame.columns if name not in _OWN]
    rows = _rows(frame, keys, at)
    reasons = style.ordered("reason", dict(frame.group_by("reason").agg(pl.col("flows").sum()).iter_rows()))
    tips = {
        "label": "what",
        "series": "reason",
        "packets": "packets",
        "bytes": "bytes",
        "sources": "sources",
        "first": "first seen",
        "last": "last seen",
    }
    chart, height = ranked.bars(rows, measure="flows", colour=style.colour("reason", reasons), tips=tips)
    heading, alt = _said(frame, rows, keys, reasons)
    return draw(chart, frame, title=title or heading, alt=alt, at=at, height=height)


def _rows(frame: pl.DataFrame, keys: list[str], at: Clock) -> pl.DataFrame:
    first, last = frame["first_seen"].min(), frame["last_seen"].max()
    made = []
    for row in frame.iter_rows(named=True):
        rest = row["groups"] > 1
        who = f"{row['groups']:,} others" if rest else words.pair([row[key] for key in keys], keys)
        span = [words.moment(t, at, first, last) for t in (row["first_seen"], row["last_seen"]) if t]  # type: ignore[arg-type]
        made.append(
            {
                "label": f"{who} · {words.count(row['flows'], 'flow')} · {' to '.join(dict.fromkeys(span))}",
                "value": row["flows"],
                "series": row["reason"],
                "packets": words.count(row["packets"]),
                "bytes": words.size(row["bytes"]),
                "sources": words.count(row["sources"]),
                "first": at.show(row["first_seen"]) if row["first_seen"] else "-",
                "last": at.show(row["last_seen"]) if row["last_seen"] else "-",
            }
        )
    return pl.DataFrame(made)


def _said(frame: pl.DataFrame, rows: pl.DataFrame, keys: list[str], reasons: list[str]) -> tuple[str, str]:
    total = words.count(frame["flows"].sum(), "flow")
    first = frame.row(0, named=True)
    most = words.pair([first[key] for key in keys], keys)
    said = {r: words.count(n, "flow") for r, n in frame.group_by("reason").agg(pl.col("flows").sum()).iter_rows()}
    why = "; ".join(f"{said[reason]} {reason}" for reason in reasons)
    return (
        f"Rejected: {total}, most of them {most}",
        f"Bars of rejected flows, {total} in all ({why}): {'; '.join(rows['label'])}.",
    )
