"""JSON (old)."""

from __future__ import annotations

from collections.abc import Iterator

from flowkit.formats.batch import Wanted
from flowkit.formats.form import Format
from flowkit.formats.pieces import Block
from flowkit.formats.wrapped import jsons
from flowkit.formats.wrapped.rows import Part


def parts(path: str, form: Format, wanted: Wanted, notes: dict[str, str]) -> Iterator[Part]:
    texts: list[str] = []
    faults: dict[int, str] = {}
    number = 1
    for text, fault in jsons.lines(path, form, notes):
        if fault is not None:
            faults[number + len(texts)] = fault
        texts.append(text)
        if len(texts) >= 50000:
            yield _block(texts, number, faults)
            number, texts, faults = number + len(texts), [], {}
    if texts:
        yield _block(texts, number, faults)


def _block(texts: list[str], number: int, faults: dict[int, str]) -> Block:
    return Block("\n".join(texts).encode("utf-8", "replace"), number, len(texts), faults)
