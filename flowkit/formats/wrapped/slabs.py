"""Slabs of JSON to columns, by polars: the values as one list or one a line, and which of them need another look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import polars as pl

from flowkit.formats.text import STUMBLES
from flowkit.formats.wrapped import cells
from flowkit.formats.wrapped.walk import Slab

ROW = "_row of the slab"
"""The column of the value that an event lies in."""

_TYPE, _CONTROL = "messageType", "CONTROL_MESSAGE"

_STRING = r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?:[0-9a-ce-fA-CE-F][0-9a-fA-F]|[dD][0-7])[0-9a-fA-F]{2})*"'
_SCALAR = rf"(?:{_STRING}|-?(?:0|[1-9][0-9]{{0,17}})(?:\.[0-9]{{1,17}})?|null|true|false)"


def _of(one: str, opening: str, closing: str) -> str:
    return rf"{opening}\s*(?:{one}(?:\s*,\s*{one})*\s*)?{closing}"


_FLAT = _of(rf"{_STRING}\s*:\s*{_SCALAR}", r"\{", r"\}")
_LIST = _of(rf"(?:{_FLAT}|{_SCALAR})", r"\[", r"\]")
_DOCUMENT = _of(rf"{_STRING}\s*:\s*(?:{_SCALAR}|{_FLAT}|{_LIST})", r"\{", r"\}")
_REGULAR = rf"^\s*(?:{_STRING}|{_DOCUMENT})\s*,?\s*$"
"""JSON that every decoder takes, and for the same: no half of a pair of surrogates, no number too large."""

_FEW = 3
"""Keys up to which a list is decoded faster as it is than value by value."""

_HALVES = ("\\ud", "\\uD")
"""How half a pair of surrogates begins: polars makes a NUL of one that stands alone."""


@dataclass(frozen=True)
class Shape:
    """How values are built: an event each, or `within` a list under that key; its keys with their types, or a text."""

    keys: Mapping[str, pl.DataType | type[pl.DataType]]
    within: str | None = None

    @property
    def event(self) -> pl.DataType | type[pl.DataType]:
        """The type of an event."""
        return pl.Struct(dict(self.keys)) if self.keys else pl.String

    @property
    def lenient(self) -> bool:
        """Whether all is read as text: as a number, polars would take `true` in a list for 1."""
        return all(kind == pl.String for kind in self.keys.values())

    @property
    def fields(self) -> dict[str, Any]:
        """The keys of a value, with their types."""
        return {_TYPE: pl.String, self.within: pl.List(self.event)} if self.within else dict(self.keys)

    def opened(self, values: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        """Return the events of values, with the `ROW` of each, and which values are no such as they should be."""
        if not self.within:
            return values.with_row_index(ROW), pl.repeat(value=False, n=values.height, eager=True)
        held = values[self.within]
        odd = held.is_null() | (values[_TYPE] == _CONTROL).fill_null(value=False)
        some = values.with_row_index(ROW).filter(~odd & (held.list.len() > 0)).select(ROW, event=self.within)
        event = some.explode("event")
        return event.unnest("event") if self.keys else event.rename({"event": "text"}), odd


def whole(slab: Slab, shape: Shape) -> pl.DataFrame | None:
    """Return the values of a slab, None where they are not all whole, alike, and sure to be what they seem."""
    if "\\" in slab.text and any(half in slab.text for half in _HALVES):
        return None
    try:
        if shape.within:
            return _unnested(cells.lines(slab.lined.encode()).str.json_decode(_type(shape)), shape)
        if shape.keys and (not slab.listed or len(shape.keys) > _FEW or not shape.lenient):
            return pl.read_ndjson(BytesIO(slab.lined.encode()), schema=shape.fields)
        every = pl.Series([f"[{slab.text}]"]).str.json_decode(pl.List(_type(shape)))
        return _unnested(every.explode(), shape)
    except STUMBLES:
        return None


def apart(lines: pl.Series, shape: Shape, *, message: bool) -> tuple[pl.DataFrame, pl.Series]:
    """Return the events of lines, and which lines are not whole, not alike, or not sure to be what they seem."""
    shape = replace(shape, keys=dict.fromkeys(shape.keys, pl.String()))
    good = lines.str.contains(_REGULAR)
    bare = lines.str.replace(r",?\s*$", "").zip_with(good, pl.Series([None], dtype=pl.String))
    try:
        found = _unnested(bare.str.json_decode(_type(shape)), shape)
    except STUMBLES:
        found, good = pl.DataFrame(schema=shape.fields or {"text": pl.String}).clear(lines.len()), good & False
    inner, odd = shape.opened(found)
    return inner, odd | ~good | ~_sound(lines, inner, shape, message=message)


def _type(shape: Shape) -> pl.DataType | type[pl.DataType]:
    return pl.Struct(shape.fields) if shape.fields else pl.String


def _unnested(values: pl.Series, shape: Shape) -> pl.DataFrame:
    return values.struct.unnest() if shape.fields else pl.DataFrame({"text": values})


def sure(text: str, events: pl.DataFrame, shape: Shape, *, message: bool) -> bool:
    """Return whether each event has the keys that were read, and none twice; of records, whether it has no others."""
    if not shape.keys:
        return not events["text"].null_count()
    *others, key = shape.keys
    if message:
        one = not events[key].null_count() and all(events[k].null_count() == events.height for k in others)
        return one and text.count(f'"{key}"') == events.height
    nothing = sum(events[key].null_count() for key in shape.keys)
    said = text.count("null")
    if said != nothing and '"null"' in text:
        return False
    keys = text.count('":') - (text.count('\\":') if "\\" in text else 0)
    return keys == events.height * len(shape.keys) - nothing + said


def _sound(lines: pl.Series, events: pl.DataFrame, shape: Shape, *, message: bool) -> pl.Series:
    """Return the same of each line."""
    if not shape.keys:
        return events["text"].is_not_null()
    *others, key = shape.keys
    if message:
        one = pl.col(key).is_not_null() & pl.all_horizontal(pl.lit(value=True), *(pl.col(k).is_null() for k in others))
        held = events.group_by(ROW).agg(pl.len().cast(pl.Int64).alias("sum"), one.all().alias("one"))
        seen = _count(lines, f'"{key}"')
    else:
        there = pl.sum_horizontal(pl.col(k).is_not_null().cast(pl.Int64) for k in shape.keys)
        held = events.group_by(ROW).agg(there.sum().cast(pl.Int64).alias("sum"), pl.lit(value=True).alias("one"))
        seen = _count(lines, '":') - _count(lines, '\\":') - _count(lines, "null")
    rows = pl.DataFrame({ROW: pl.int_range(lines.len(), dtype=pl.UInt32, eager=True)})
    found = rows.join(held, on=ROW, how="left", maintain_order="left")
    return found["one"].fill_null(value=True) & (found["sum"].fill_null(0) == seen)


def _count(lines: pl.Series, sign: str) -> pl.Series:
    return lines.str.count_matches(sign, literal=True).cast(pl.Int64)
