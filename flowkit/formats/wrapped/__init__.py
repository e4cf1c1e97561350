"""Wrapped flow logs, CSV and JSON of many makers, to records: polars unwraps them, many at once.

A line's number is that of the row or event in its object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from flowkit.formats.batch import Batch, Wanted
from flowkit.formats.careful import NO_HEADER, Reader
from flowkit.formats.form import Format
from flowkit.formats.lines import of_block
from flowkit.formats.pieces import Block
from flowkit.formats.text import Dirty, read_lines
from flowkit.formats.wrapped import events, tables
from flowkit.formats.wrapped.rows import Found, Heading, gathered

__all__ = ["read_wrapped"]


def read_wrapped(path: str, form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield the records of a CSV or JSON object, some at a time; what is to be said of the whole comes last."""
    notes: dict[str, str] = {}
    reader = Reader(path, form, wanted)
    parts = tables.parts if form.kind == "csv" else events.parts
    for part in gathered(parts(path, form, wanted, notes)):
        if isinstance(part, Block):
            yield from _lines(reader, part)
        else:
            yield _header(reader) if isinstance(part, Heading) else _batch(reader, part)
    yield reader.last(notes)


def _lines(reader: Reader, block: Block) -> Iterator[Batch]:
    """Yield the records of lines: at once where all are clean."""
    if not block.faults:
        with suppress(Dirty):
            yield read_lines(block.data, reader.path, reader.form, reader.wanted)
            return
    yield from reader.read(of_block(block, reader.form, reader.wanted), block.end)


def _header(reader: Reader) -> Batch:
    batch = reader.last({})
    batch.headers = {reader.path: 1}
    return batch


def _batch(reader: Reader, part: Found) -> Batch:
    found = reader.foreign(part.odd, part.faults)  # Words of a record that are names of fields.
    false = {turn.line: NO_HEADER for turn in found if turn.names != reader.form.names and not turn.behind}
    return reader.batch(part.values, part.odd, {**part.faults, **false})
