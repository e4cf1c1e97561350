"""Draws `flowkit.peers`: the top talkers as bars, with all others in the last one."""

from __future__ import annotations

import polars as pl

from flowkit.charts import ranked, style, words
from flowkit.charts.figure import Figure, clock_of, collected, draw, nothing
from flowkit.names import Names
from flowkit.times import Clock

_OWN = ("flows", "packets", "bytes", "first_seen", "last_seen", "share", "groups")
_TIPS = {
    "who": "who",
    "flows": "flows",
    "packets": "packets",
    "bytes": "bytes",
    "first": "first seen",
    "last": "last seen",
}


def peers(
    table: pl.LazyFrame | pl.DataFrame,
    *,
    tz: str = "UTC",
    title: str | None = None,
    names: Names | None = None,
) -> Figure:
    """Return a bar for each row of what `flowkit.peers` returns, in its order and in what it is ranked by.

    Times in the tooltips are on the clock of `tz`. Raises `QuestionError` on another table.
    `names` are such as `case.names`: they stand before the addresses that they are known for.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 5, 14, tzinfo=UTC)
    >>> table = {"srcaddr": ["10.0.0.1"], "flows": [3], "packets": [9], "bytes": [900], "share": [1.0], "groups": [1]}
    >>> peers(pl.DataFrame({**table, "first_seen": [at], "last_seen": [at]})).title
    'Top peers: 10.0.0.1 has 100 % of 900 B'
    """
    frame = collected(table, *_OWN, names=names)
    at = clock_of(frame["first_seen"], tz)
    if frame.height == 0:
        return nothing(frame, title=title, why="no flow records in this span", at=at)
    measure = _ranked_by(frame)
    keys = [name for name in frame.columns if name not in (*_OWN, "vantage")]
    rows = _rows(frame, keys, measure, at)
    colour = style.colour("", ["named", "other"], legend=False)
    chart = ranked.bars(rows, measure=measure, colour=colour, tips=_TIPS)
    heading, alt = _said(frame, rows, keys, measure)
    return draw(chart, frame, title=title or heading, alt=alt, at=at, height=ranked.height(rows))


def _ranked_by(frame: pl.DataFrame) -> str:
    """Return what the column `share` is a share of."""
    shares = {m: frame[m] / max(frame[m].cast(pl.Float64).sum(), 1) for m in ("bytes", "flows", "packets")}
    return next((m for m, share in shares.items() if ((share - frame["share"]).abs() < 1e-9).all()), "bytes")


def _rows(frame: pl.DataFrame, keys: list[str], measure: str, at: Clock) -> pl.DataFrame:
    total = int(frame[measure].sum())
    return pl.DataFrame(
        [
            {
                "who": ranked.who(row, keys),
                "label": f"{ranked.who(row, keys)} · {_amount(row[measure], total, measure)}",
                "value": row[measure],
                "series": "other" if row["groups"] > 1 else "named",
                "flows": words.count(row["flows"]),
                "packets": words.count(row["packets"]),
                "bytes": words.size(row["bytes"]),
                "first": ranked.when(row["first_seen"], at),
                "last": ranked.when(row["last_seen"], at),
            }
            for row in frame.iter_rows(named=True)
        ]
    )


def _amount(value: int, total: int, measure: str) -> str:
    return f"{words.measured(value, measure)} · {words.percent(value, total)}"


def _said(frame: pl.DataFrame, rows: pl.DataFrame, keys: list[str], measure: str) -> tuple[str, str]:
    """Return the title and the text alternative."""
    amount = int(frame[measure].sum())
    total, first = words.measured(amount, measure), frame.row(0, named=True)
    heading = f"Top peers: {ranked.who(first, keys)} has {words.percent(first[measure], amount)} of {total}"
    listed = "; ".join(rows["label"].head(12))
    spoken = f"Bars of {measure} by {', '.join(map(words.name, keys))}, {total} in all: {listed}."
    return heading, " ".join(filter(None, (spoken, words.sentence(words.seen(frame)))))
