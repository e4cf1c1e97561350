"""Lines as polars reads them, whatever they hold: the values, and the texts where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO

import polars as pl

from flowkit.formats.batch import Wanted
from flowkit.formats.form import Format
from flowkit.formats.layout import SAMPLE, Layout, joined, lines_of, neat, seen
from flowkit.formats.loose import ODD, rows
from flowkit.formats.odd import numbered
from flowkit.formats.pieces import Block
from flowkit.formats.text import STUMBLES

_LOOK = 8192
"""Bytes of a text that show how it is laid out."""


@dataclass(frozen=True)
class Lines:
    """Some lines: a row for each as `loose.rows` has it, its number, and how to get its text, of which few need be."""

    found: pl.DataFrame
    numbers: pl.Series
    texts: Callable[[], pl.Series]
    layout: Layout | None = None
    """How most are laid out, where that is not as the format has it."""
    faults: Mapping[int, str] = field(default_factory=dict)
    """The reasons of those that are known to be no records."""

    @cached_property
    def text(self) -> pl.Series:
        """The texts, which are held from now on."""
        return self.texts()

    @cached_property
    def odd(self) -> pl.DataFrame:
        """Number (`line`) and `text` of those that may be no records as they stand."""
        which = self.found[ODD]
        return numbered(self.numbers.filter(which), self.text.filter(which) if which.any() else [])

    def part(self, which: pl.Series) -> Lines:
        """Return some of the lines."""
        found, numbers, text = self.found.filter(which), self.numbers.filter(which), self.text.filter(which)
        return replace(self, found=found, numbers=numbers, texts=lambda: text)

    def with_faults(self, faults: Mapping[int, str]) -> Lines:
        """Return the lines with more that is known of them."""
        if not faults:
            return self
        known = self.numbers.is_in(list(faults))
        return replace(self, found=self.found.with_columns(pl.col(ODD) | known), faults={**self.faults, **faults})


def of_block(block: Block, form: Format, wanted: Wanted) -> Lines:
    """Return a block's lines."""
    return of_text(block.data + b"\n", form, wanted, block.number).with_faults(block.faults)


def of_text(data: bytes, form: Format, wanted: Wanted, number: int = 1) -> Lines:
    """Return the lines of a text, which ends with a line end; `number` is that of the first."""
    data = _sound(data)
    head = data[:_LOOK].decode("utf-8", "replace").split("\n")[: SAMPLE + 1]
    if layout := seen(head[:-1], form):
        lines = lines_of(data)
        found = _tried(neat(data, lines, layout), form, wanted, layout)
        return Lines(_as_many(lines, found, form, wanted), _numbers(number, lines.len()), lambda: lines, layout)
    found = _tried(data, form, wanted)
    if found is not None and not found[ODD].any():
        return Lines(found, _numbers(number, found.height), lambda: lines_of(data))
    lines = lines_of(data)
    return Lines(_as_many(lines, found, form, wanted), _numbers(number, lines.len()), lambda: lines)


def of_series(
    texts: pl.Series, numbers: pl.Series, form: Format, wanted: Wanted, layout: Layout | None = None
) -> Lines:
    """Return lines that are held already."""
    data = joined(texts)
    found = _tried(neat(data, texts, layout) if layout else data, form, wanted, layout)
    return Lines(_as_many(texts, found, form, wanted), numbers, lambda: texts, layout)


def _numbers(first: int, count: int) -> pl.Series:
    return pl.int_range(first, first + count, eager=True)


def _tried(text: bytes, form: Format, wanted: Wanted, layout: Layout | None = None) -> pl.DataFrame | None:
    """Return lines as `loose.rows` has them, None where polars cannot read them."""
    try:
        return rows(BytesIO(text), form, wanted, layout)
    except STUMBLES:
        return None


def _as_many(lines: pl.Series, found: pl.DataFrame | None, form: Format, wanted: Wanted) -> pl.DataFrame:
    """Return a row a line: as they were found, or all odd where polars saw other lines."""
    if found is not None and found.height == lines.len():
        return found
    held = rows(BytesIO(b"\n"), form, wanted).clear()
    nothing = [pl.lit(None, dtype=t).alias(c) for c, t in held.schema.items() if c != ODD]
    return pl.select(pl.repeat(value=True, n=lines.len(), dtype=pl.Boolean).alias(ODD)).select(*nothing, ODD)


_PIECE = 1 << 16


def _sound(data: bytes) -> bytes:
    """Return bytes as UTF-8, which polars reads alone; what is none becomes the sign for that."""
    if data.isascii():
        return data
    pieces, begin = [], 0
    while begin < len(data):
        end = data.find(b"\n", begin + _PIECE) + 1 or len(data)
        piece = data[begin:end]
        try:
            piece.decode()
        except UnicodeDecodeError:
            piece = piece.decode("utf-8", "replace").encode()
        pieces.append(piece)
        begin = end
    return b"".join(pieces)
