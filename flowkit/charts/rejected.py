"""Draws `flowkit.rejected`: what security groups and network ACLs rejected, the most first, coloured by the reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl

from flowkit.charts import ranked, style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, nothing
from flowkit.names import Names
from flowkit.times import Clock

_OWN = ("reason", "flows", "packets", "bytes", "first_seen", "last_seen", "sources", "groups")
_SCAN = 4
_TIPS = {
    "who": "what",
    "series": "reason",
    "flows": "flows",
    "packets": "packets",
    "bytes": "bytes",
    "sources": "sources",
    "first": "first seen",
    "last": "last seen",
}


def rejected(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    names: Names | None = None,
) -> Figure:
    """Return a bar of flows for each row of what `flowkit.rejected` returns; times are on the clock of `tz`.

    A source that met four ports or more of one address, or four addresses at one port, is one bar: a scan is one thing.

    Raises `QuestionError` on another table.
    `names` are such as `case.names`: they stand before the addresses that they are known for.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 5, 14, tzinfo=UTC)
    >>> table = {"srcaddr": ["198.51.100.7"], "reason": ["not allowed in"], "flows": 3, "packets": 3, "bytes": 180}
    >>> rejected(pl.DataFrame({**table, "first_seen": at, "last_seen": at, "sources": 1, "groups": 1})).title
    'Rejected: 3 flows, most from 198.51.100.7'
    """
    frame = collected(table, *_OWN, names=names)
    at = clock_of(frame["first_seen"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="nothing was rejected in this span", at=at)
    keys = [name for name in frame.columns if name not in _OWN]
    gathered = _gathered(frame, keys)
    rows = _rows(gathered, keys, at)
    reasons = _totals(frame, "reason")
    colour = style.colour("reason", style.ordered("reason", reasons))
    chart = ranked.bars(rows, measure="flows", colour=colour, tips=_TIPS)
    heading, alt = _said(gathered, rows, reasons)
    return draw(chart, frame, title=title or heading, alt=alt, at=at, height=ranked.height(rows))


def _gathered(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return the table with the ports that one source met at one address, or the addresses at one port, in one row.

    `more` says that there may be more of them among those that the table does not name.
    """
    frame = frame.with_columns(more=pl.lit(value=False))
    for column in ("dstport", "dstaddr"):
        if {"srcaddr", column} <= set(keys):
            frame = _one_thing(frame, keys, column)
    return frame


def _one_thing(frame: pl.DataFrame, keys: list[str], column: str) -> pl.DataFrame:
    """Return the table with the many values of a column that one source met in one row."""
    same = [*(key for key in keys if key != column), "reason"]
    scan = (pl.len().over(same) >= _SCAN) & (pl.col("srcaddr") != "other")
    if column == "dstaddr" and "dstport" in keys:
        scan &= pl.col("dstport") != "other"
    one = frame.filter(scan).group_by(same, maintain_order=True)
    whole = one.agg(
        pl.lit("other").alias(column), pl.col("flows", "packets", "bytes", "groups").sum(),
        pl.col("first_seen").min(), pl.col("last_seen").max(), pl.col("sources").max(),
    )  # fmt: skip
    rest = frame.filter(~scan)
    unnamed = rest.filter(pl.col("groups") > 1).select("srcaddr", "reason").rows()
    hidden = [
        (source, why) in unnamed or ("other", why) in unnamed for source, why in whole[["srcaddr", "reason"]].rows()
    ]
    whole = whole.with_columns(more=pl.Series(hidden, dtype=pl.Boolean))
    last = pl.col("srcaddr") == "other"
    return pl.concat([whole.select(rest.columns), rest]).sort(last, -pl.col("flows"), maintain_order=True)


def _totals(frame: pl.DataFrame, column: str) -> Counter[str]:
    totals: Counter[str] = Counter()
    for value, flows in frame.select(column, "flows").iter_rows():
        totals[value] += flows
    return totals


def _most(totals: Counter[str]) -> str | None:
    """Return the source with the most flows, if it is that even where all of "other" came from another one."""
    unknown = totals.pop("other", 0)
    (first, most), (_, second) = [*totals.most_common(2), ("", 0), ("", 0)][:2]
    return first if most > second + unknown else None


def _rows(frame: pl.DataFrame, keys: list[str], at: Clock) -> pl.DataFrame:
    times = [*frame["first_seen"].drop_nulls(), *frame["last_seen"].drop_nulls()]

    def span(row: dict[str, Any]) -> str:
        ends = [t for t in (row["first_seen"], row["last_seen"]) if t]
        return " to ".join(dict.fromkeys(words.moment(t, at, min(times), max(times)) for t in ends))

    def more(row: dict[str, Any]) -> list[str]:
        return ["or more"] if row["more"] else []

    return pl.DataFrame(
        [
            {
                "who": ranked.who(row, keys),
                "label": " · ".join((ranked.who(row, keys), words.count(row["flows"], "flow"), *more(row), span(row))),
                "value": row["flows"],
                "series": row["reason"],
                "flows": words.count(row["flows"]),
                "packets": words.count(row["packets"]),
                "bytes": words.size(row["bytes"]),
                "sources": words.count(row["sources"]),
                "first": ranked.when(row["first_seen"], at),
                "last": ranked.when(row["last_seen"], at),
            }
            for row in frame.iter_rows(named=True)
        ]
    )


def _said(gathered: pl.DataFrame, rows: pl.DataFrame, reasons: Counter[str]) -> tuple[str, str]:
    """Return the title and the text alternative. The title names the source only if it certainly has the most."""
    total = sum(reasons.values())
    heading = f"Rejected: {words.count(total, 'flow')}"
    if "srcaddr" in gathered.columns and (most := _most(_totals(gathered, "srcaddr"))):
        heading += f", most from {words.name(most)}"
        first = gathered.row(0, named=True)
        for column, what in (("dstport", "ports"), ("dstaddr", "addresses")):
            if first["srcaddr"] == most and first.get(column) == "other":
                heading += f" ({words.count(first['groups'])} {what}{' or more' if first['more'] else ''})"
    why = "; ".join(f"{words.count(reasons[reason])} {reason}" for reason in style.ordered("reason", reasons))
    listed = "; ".join(rows["label"].head(20))
    return heading, f"Bars of rejected flows, {words.count(total, 'flow')} in all ({why}): {listed}."
