"""How long the capture windows are: nothing shorter than a window can be seen in its records."""

from __future__ import annotations

import polars as pl

from flowkit.aggregation import windows
from flowkit.questions.shared import require


def aggregation(flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the capture window of each interface, as far as its records show it.

    AWS cuts time into windows of at most 60 or 600 s, in practice also of 30 s, and no record is longer than its
    window. So the longest records tell: beyond 33 s it is 60 s, beyond 66 s it is 600 s (a tenth is allowed for windows
    that close late; one record in 10,000, and any longer than 11 minutes, may have a broken time). Where all records of an
    interface share their window's times and are shorter, it is 30 s. Where each flow has times of its own and all are
    short, nothing tells, and `window_s` is null.

    Returns columns `interface_id`; `window_s`: 30, 60, 600 or null; `longest_s`: the longest record in seconds;
    `shared`: whether records share start and end, so that the order inside a window is not to be known; `flows`. Sorted
    by interface. Raises `QuestionError` where a column is missing.

    >>> from datetime import UTC, datetime
    >>> flows = pl.LazyFrame({"interface_id": ["eni-a"] * 3, "start": [datetime(2026, 5, 14, tzinfo=UTC)] * 3,
    ...                       "end": [datetime(2026, 5, 14, 0, 0, 58, tzinfo=UTC)] * 3})
    >>> aggregation(flows).collect().rows()
    [('eni-a', 60, 58, True, 3)]
    """
    require(flows, ["interface_id", "start", "end"])
    return windows(flows)
