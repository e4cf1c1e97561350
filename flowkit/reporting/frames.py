"""A polars table as a report shows it: whole words, plain numbers, times on their clock with its name in view."""

from __future__ import annotations

from typing import Any

import polars as pl

from flowkit.times import clock

TABLE = "application/vnd.flowkit.table+json"
MOST_ROWS = 500


def table(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the mime bundle of a table: `columns`, `rows` (at most 500) and `height`, the number of all its rows.

    >>> table(pl.DataFrame({"peer": ["10.0.0.1"], "bytes": [12]}))[TABLE]
    {'columns': ['peer', 'bytes'], 'rows': [['10.0.0.1', 12]], 'height': 1}
    """
    shown = frame.head(MOST_ROWS)
    times = [name for name, kind in shown.schema.items() if isinstance(kind, pl.Datetime)]
    columns = [_heading(shown[name]) if name in times else name for name in shown.columns]
    rows = shown.with_columns(_written(shown[name]) for name in times).rows()
    return {TABLE: {"columns": columns, "rows": [list(map(_plain, row)) for row in rows], "height": frame.height}}


def _heading(times: pl.Series) -> str:
    """Return the name of a column of times with that of its clock, or of its zone where the clocks change in it."""
    zone, first = getattr(times.dtype, "time_zone", None), times.drop_nulls().head(1)
    if zone is None or first.is_empty():
        return times.name
    return f"{times.name}, {zone if _change(times) else clock(zone, first.item()).label}"


def _written(times: pl.Series) -> pl.Series:
    """Return times as text, each with its own offset where the clocks change among them."""
    return times.dt.strftime("%Y-%m-%d %H:%M:%S" + (" %z" if _change(times) else ""))


def _change(times: pl.Series) -> bool:
    zone = getattr(times.dtype, "time_zone", None)
    return zone is not None and times.drop_nulls().dt.strftime("%z").n_unique() > 1


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
