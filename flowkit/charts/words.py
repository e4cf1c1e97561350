"""Numbers, times and foreign texts as words, the same in titles, labels and text alternatives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from flowkit.questions.shared import MOST
from flowkit.times import Clock

_LONGEST = 60
REJECTS = "once, and REJECT"
"""The vantage of a table that counts each hop once, and every REJECT, without telling them apart."""


def count(value: float, what: str = "") -> str:
    """Return a number with separators, and what it counts.

    >>> count(1439, "flow"), count(1, "flow"), count(0.5)
    ('1,439 flows', '1 flow', '0.5')
    """
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"
    return f"{number} {what}{'' if value == 1 else 's'}" if what else number


def size(value: float) -> str:
    """Return a number of bytes in the unit that reads best, 1 kB = 1,000 bytes.

    >>> size(164), size(51_064_476), size(999_960), size(MOST)
    ('164 B', '51.1 MB', '1 MB', 'at least 4.61 EB')
    """
    if value >= MOST:  # A sum that would be more stays there.
        return f"at least {MOST / 1e18:.3g} EB"
    units = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
    power = next((p for p in range(len(units)) if abs(value) < 999.5 * 1000**p), len(units) - 1)
    return f"{value / 1000**power:.3g} {units[power]}"


def measured(value: float, measure: str) -> str:
    """Return a sum of "flows", "packets" or "bytes" in words.

    >>> measured(2_500, "bytes"), measured(2_500, "packets")
    ('2.5 kB', '2,500 packets')
    """
    return size(value) if measure == "bytes" else count(value, measure.rstrip("s"))


def percent(part: float, whole: float) -> str:
    """Return a share; a small one is never called nothing.

    >>> percent(1, 3), percent(1, 5000), percent(0, 0)
    ('33 %', '<1 %', '0 %')
    """
    share = part / whole if whole else 0.0
    return "<1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")


def lasting(length: timedelta) -> str:
    """Return a length of time.

    >>> lasting(timedelta(seconds=90)), lasting(timedelta(minutes=1)), lasting(timedelta(hours=26))
    ('90 s', '1 min', '26 h')
    """
    seconds = int(length.total_seconds())
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    if seconds >= 60 and (seconds % 60 == 0 or seconds >= 600):
        return f"{round(seconds / 60)} min"
    return f"{seconds} s"


def each(length: timedelta) -> str:
    """Return a length of time as what something happens in.

    >>> each(timedelta(minutes=1)), each(timedelta(minutes=5))
    ('a minute', '5 min')
    """
    return {"1 min": "a minute", "1 h": "an hour"}.get(lasting(length), lasting(length))


def moment(
    time: datetime, clock: Clock, first: datetime, last: datetime, step: timedelta = timedelta(minutes=1)
) -> str:
    """Return a time as short as the span allows: with its date only where the span crosses a midnight.

    With its seconds only where bins (`step`) are not whole minutes.
    """
    days = {clock.show(time, "%Y-%m-%d") for time in (first, last)}
    shape = "%H:%M" if step % timedelta(minutes=1) == timedelta(0) else "%H:%M:%S"
    return clock.show(time, shape if len(days) == 1 else f"%d %b {shape}")


def during(start: datetime, length: timedelta, clock: Clock) -> str:
    """Return a stretch of time, to the second.

    >>> from datetime import UTC
    >>> during(datetime(2026, 5, 14, tzinfo=UTC), timedelta(minutes=1), Clock("UTC", timedelta(0)))
    '2026-05-14 00:00:00 to 00:01:00'
    """
    return f"{clock.show(start)} to {clock.show(start + length, '%H:%M:%S')}"


def name(text: object, *, longest: int = _LONGEST) -> str:
    r"""Return a text from the logs as one short printable line.

    >>> name("eni-0a1b"), name("a\nb"), len(name("x" * 1000))
    ('eni-0a1b', 'a b', 60)
    """
    line = "".join(c if c.isprintable() else " " for c in str(text)[: 4 * longest])
    return line if len(line) <= longest else line[: longest - 1] + "…"


def pair(values: Sequence[str], columns: Sequence[str]) -> str:
    """Return the values of a group as people write them: addresses with an arrow, a port behind its address.

    >>> pair(("10.0.0.1", "10.0.0.2", "443"), ("srcaddr", "dstaddr", "dstport"))
    '10.0.0.1 → 10.0.0.2:443'
    >>> pair(("eni-0a1b", "443"), ("interface_id", "dstport"))
    'eni-0a1b · dstport 443'
    """
    out = ""
    for value, column, before in zip(values, columns, ("", *columns), strict=False):
        part = f"{column} {value}" if column in ("srcport", "dstport", "protocol") else value
        joint = " · "
        if column in ("dstaddr", "pkt_dstaddr"):
            joint = " → "
        elif column in ("srcport", "dstport") and before == column.replace("port", "addr"):
            part, joint = value, ":"
        out += joint + part if out else part
    return name(out, longest=2 * _LONGEST)


def seen(table: pl.DataFrame) -> str:
    """Return from where the counted records were seen, as the question says it in its column `vantage`."""
    vantage = table["vantage"][0] if "vantage" in table.columns and table.height else ""
    if vantage in ("once", REJECTS):
        rejected = vantage == REJECTS or ("action" in table.columns and (table["action"] == "REJECT").any())
        return "each hop counted from one interface" + (", and every REJECT" if rejected else "")
    if vantage == "all":
        return "all interfaces summed: a byte may count more than once"
    return f"as seen by {name(vantage)}" if vantage else ""


def windows(table: pl.DataFrame | None) -> str:
    """Return what `aggregation` found out about the capture windows, as a warning."""
    if table is None or table.height == 0:
        return ""
    known = sorted(table["window_s"].drop_nulls().unique().to_list())
    if not known:
        return "capture windows are not to be read off these records (AWS: 60 or 600 s)"
    return f"capture windows of {' and '.join(map(str, known))} s: nothing shorter can be seen"


def sentence(text: str) -> str:
    """Return words as a sentence; one that begins with an address begins with it as it is.

    >>> sentence("each hop once"), sentence("fd00::1 · 3 targets")
    ('Each hop once.', 'fd00::1 · 3 targets.')
    """
    if not text:
        return ""
    address = any(c.isdigit() for c in text.split(maxsplit=1)[0])
    return f"{text[0] if address else text[0].upper()}{text[1:]}."


def column(values: Iterable[Any], say: Callable[[Any], str]) -> pl.Series:
    """Return a column of words, one for each value of a small table."""
    return pl.Series([say(value) for value in values], dtype=pl.String)
