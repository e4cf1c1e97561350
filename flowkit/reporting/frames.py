"""A polars table as a report shows it: whole words, plain numbers, times on their clock with its name in view."""

from __future__ import annotations

from typing import Any

import polars as pl

from flowkit.times import clock
from flowkit.wording import heading

TABLE = "application/vnd.flowkit.table+json"
MOST_ROWS = 500


def table(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the mime bundle of a table: `columns`, `rows` (at most 500) and `height`, the number of all its rows.

    >>> table(pl.DataFrame({"peer": ["10.0.0.1"], "bytes": [12]}))[TABLE]
    {'columns': ['peer', 'bytes'], 'rows': [['10.0.0.1', 12]], 'height': 1}
    """
    shown = frame.head(MOST_ROWS)
    times = [name for name, kind in shown.schema.items() if isinstance(kind, pl.Datetime)]
    day = _day(shown.select(times))
    columns = [_heading(shown[name], day) if name in times else heading(name) for name in shown.columns]
    rows = shown.with_columns(_written(shown[name], day) for name in times).rows()
    return {TABLE: {"columns": columns, "rows": [list(map(_plain, row)) for row in rows], "height": frame.height}}


def _day(times: pl.DataFrame) -> str:
    """Return the one day of several columns of times, which then stands above them; "" where they have more."""
    days = {day for column in times for day in column.drop_nulls().dt.strftime("%d %b %Y")}
    return days.pop() if len(days) == 1 and times.width > 1 else ""


def _heading(times: pl.Series, day: str) -> str:
    """Return the words of a column of times with its clock, or its zone where the clocks change in it."""
    zone, first = getattr(times.dtype, "time_zone", None), times.drop_nulls().head(1)
    words = " ".join(filter(None, (f"{heading(times.name)},", day)))
    if zone is None or first.is_empty():
        return words.rstrip(",")
    return f"{words} {zone if _change(times) else clock(zone, first.item()).label}"


def _written(times: pl.Series, day: str) -> pl.Series:
    """Return times as text, each with its own offset where the clocks change among them."""
    return times.dt.strftime(f"{'' if day else '%Y-%m-%d '}%H:%M:%S" + (" %z" if _change(times) else ""))


def _change(times: pl.Series) -> bool:
    zone = getattr(times.dtype, "time_zone", None)
    return zone is not None and times.drop_nulls().dt.strftime("%z").n_unique() > 1


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
