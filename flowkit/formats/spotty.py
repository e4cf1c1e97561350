"""Text in which some lines are no clean records: polars reads the file whole, the odd lines get a careful look."""

from __future__ import annotations

import os
from io import BytesIO

import polars as pl

from flowkit.formats.batch import Batch, Wanted
from flowkit.formats.careful import Reader, joined, spaced_oddly, tidy
from flowkit.formats.form import Format
from flowkit.formats.loose import ODD, rows
from flowkit.formats.odd import numbered
from flowkit.formats.pieces import glance
from flowkit.formats.text import STUMBLES, ends_with_a_line
from flowkit.schema import field_of

_WHOLE = 16 << 20
"""Bytes of a file from which on it is taken in blocks where its text has to be held to be put in order."""

_LOOK = 4096


def read_spotty(path: str, form: Format, wanted: Wanted) -> list[Batch] | None:
    """Return the records of one file, None where its packing or another header in it has it taken in blocks."""
    if field_of(form.names[-1]).raw != pl.String and not ends_with_a_line(path):
        return None
    seen = glance(path, _LOOK) if form.careful else None
    oddly = seen is not None and spaced_oddly(seen.text)
    if seen and (not seen.plain or (oddly and os.path.getsize(path) > _WHOLE)):  # noqa: PTH202
        return None
    try:
        lines = pl.scan_lines(path, glob=False).collect(engine="streaming")["line"] if oddly else None
        return _read(path, lines, form, wanted)
    except STUMBLES:
        return None


def _read(path: str, lines: pl.Series | None, form: Format, wanted: Wanted) -> list[Batch] | None:
    found = rows(path if lines is None else BytesIO(joined(tidy(lines))), form, wanted)
    texts = _texts(path, found[ODD]) if lines is None else _of(lines, found[ODD])
    if texts is None:
        return None
    reader = Reader(path, form, wanted)
    good, odd = reader.judged(found, texts, {})
    return None if reader.foreign(odd) else [reader.batch(good, odd), reader.last({})]


def _of(lines: pl.Series, odd: pl.Series) -> pl.DataFrame | None:
    """Return number and text of the odd lines, None where polars sees other lines than it does records."""
    return numbered(odd.arg_true().cast(pl.Int64) + 1, lines.filter(odd)) if lines.len() == odd.len() else None


def _texts(path: str, odd: pl.Series) -> pl.DataFrame | None:
    """Return the same of a file's lines, which are not held."""
    lines = pl.scan_lines(path, glob=False).with_row_index("number")
    chosen = lines.filter(pl.col("number").is_in(odd.arg_true().implode()))
    some, count = pl.collect_all([chosen, lines.select(pl.len())], engine="streaming")
    return numbered(some["number"].cast(pl.Int64) + 1, some["line"]) if count.item() == odd.len() else None
