"""Wrapped flow logs, CSV and JSON of many makers, to plain flow-log lines, so that there is one reader for all.

A line's number is that of the row or event in its object.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowkit.formats.form import Format
from flowkit.formats.pieces import Block
from flowkit.formats.wrapped import csvs, jsons

__all__ = ["blocks", "csvs", "jsons"]


def blocks(path: str, form: Format, notes: dict[str, str]) -> Iterator[Block]:
    """Yield a wrapped object's records as lines, in blocks; what is to be said of the object goes to `notes`."""
    lines = csvs.lines(path, form, notes) if form.kind == "csv" else jsons.lines(path, form, notes)
    texts: list[str] = []
    faults: dict[int, str] = {}
    number = 1
    for text, fault in lines:
        if fault is not None:
            faults[number + len(texts)] = fault
        texts.append(text)
        if len(texts) >= _LINES:
            yield _block(texts, number, faults)
            number, texts, faults = number + len(texts), [], {}
    if texts:
        yield _block(texts, number, faults)


_LINES = 50_000


def _block(texts: list[str], number: int, faults: dict[int, str]) -> Block:
    return Block("\n".join(texts).encode("utf-8", "replace"), number, len(texts), faults)
