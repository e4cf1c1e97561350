"""Values of cells and keys to the words of a flow-log line, and what is read of a wrapped object at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import polars as pl

from flowkit.formats.pieces import Block
from flowkit.schema import FIELDS, TIME, canonical, field_of, is_header, is_name

NOTHING = ("", "-", "none", "null", "nan", "<na>")
"""What stands where there is no value, in small letters."""

EVENT_TIME = "@timestamp"
"""An event's own time, which for a flow log is the record's `start` (VPC User Guide, publish to CloudWatch Logs)."""

SPELT = {name.replace("-", ""): name for name in FIELDS} | {"starttime": "start", "endtime": "end"}
"""Fields by the letters of their names, and by those that Logs Insights has for them."""


@dataclass(frozen=True)
class Found:
    """Some rows or events with a column or key a field."""

    values: pl.DataFrame
    """A row each, as `loose.rows` has them."""
    odd: pl.DataFrame
    """The odd ones among them as lines, with their numbers, as `odd.look` takes them."""
    faults: Mapping[int, str]
    """The reasons of those that are known to be no records."""


@dataclass(frozen=True)
class Heading:
    """A header by itself."""


Part = Block | Found | Heading
"""What is read at a time: lines, or values and odd lines."""


_MANY = 40_000
"""Rows or events that are worth reading at once: to read a few takes nearly as long."""


def gathered(parts: Iterator[Part]) -> Iterator[Part]:
    """Yield parts, small ones of a kind put together."""
    held: list[Part] = []
    for part in parts:
        if held and type(held[0]) is not type(part):
            yield from _together(held)
            held = []
        held.append(part)
        if sum(map(_count, held)) >= _MANY:
            yield from _together(held)
            held = []
    yield from _together(held)


def _count(part: Part) -> int:
    return part.count if isinstance(part, Block) else part.values.height if isinstance(part, Found) else _MANY


def _together(parts: list[Part]) -> Iterator[Part]:
    if len(parts) < 2:
        yield from parts
        return
    lines = [part for part in parts if isinstance(part, Block)]
    found = [part for part in parts if isinstance(part, Found)]
    faults: dict[int, str] = {}
    for part in parts:
        faults |= {} if isinstance(part, Heading) else part.faults
    if lines:
        yield Block(b"\n".join(b.data for b in lines), lines[0].number, sum(b.count for b in lines), faults)
    if found:
        yield Found(pl.concat([f.values for f in found]), pl.concat([f.odd for f in found]), faults)


def field_name(key: str) -> str:
    """Return the field that a column or key means, whatever way it is spelt; "" where it is none of a record's.

    Logs Insights discovers the default format's fields under names of its own, and adds some that begin with `@`.

    >>> field_name("srcAddr"), field_name("log_status"), field_name("endTime"), field_name("@ptr"), field_name("New.1")
    ('srcaddr', 'log-status', 'end', '', 'new.1')
    """
    if key.startswith("@"):
        return ""
    name = canonical(key)
    return SPELT.get(name.replace("-", ""), name)


def named(names: Iterable[str]) -> bool:
    """Return whether columns or keys are those of records, whatever others of no field's spelling stand beside them.

    >>> named(["srcaddr", "bytes", "größe (1)"]), named(["10.0.0.1", "840"])
    (True, False)
    """
    return is_header([name for name in names if is_name(name)])


def summed(names: Iterable[str]) -> bool:
    """Return whether columns or keys are those of sums and counts, as a query gives them, and not of records.

    >>> summed(["srcAddr", "sum(bytes)"]), summed(["srcaddr", "_col1"]), summed(["srcaddr", "bytes"])
    (True, True, False)
    """
    return any("(" in name or re.fullmatch(r"_col\d+", name.strip()) for name in names)


def word(value: object, name: str) -> str:
    """Return a value as the word that a flow-log line has for it: one word, `-` for nothing, times as numbers.

    White space inside a text is percent-encoded, as AWS does it with the values of tags.

    >>> word(None, "bytes"), word("443.0", "dstport"), word("2026-11-23 16:05:00.000", "start"), word("a b", "asg-tag")
    ('-', '443', '1795449900000', 'a%20b')
    """
    if isinstance(value, float):
        value = "-" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, bool):
        value = str(value).lower()
    return "-" if value is None else _word(str(value), name)


@lru_cache(1 << 16)
def _word(value: str, name: str) -> str:
    text = value.strip()
    if text.lower() in NOTHING:
        return "-"
    spec = field_of(name)
    if spec.raw != pl.String:
        text = re.sub(r"^(\d+)\.0+$", r"\1", text)
    if spec.dtype == TIME and not text.isdecimal():
        text = _millis(text)
    return re.sub(r"\s", lambda found: f"%{ord(found[0]):02X}", text)


def line(values: Iterable[str]) -> str:
    """Return words as a line."""
    return " ".join(values)


def flat(text: object) -> str:
    """Return a message as one line, without the line end that some tools leave at its end."""
    return re.sub(r"[\r\n]+", " ", str(text).strip())


def _millis(text: str) -> str:
    """Return an ISO time in milliseconds; one without an offset is UTC, as AWS's consoles write it."""
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return text
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return str(round(moment.timestamp() * 1000))
    except (OverflowError, ValueError):
        return text
