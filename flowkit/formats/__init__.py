"""Bytes to records: what an object is (`detect`), and what it holds (`read`).

Text that is clean is polars' own work; a file that is not is read again line by line, and only that file.
"""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.formats.batch import QUARANTINE, Batch, Wanted
from flowkit.formats.careful import read_careful
from flowkit.formats.detect import Format, detect
from flowkit.formats.parquet import read_parquet
from flowkit.formats.text import Dirty, read_clean

__all__ = ["QUARANTINE", "Batch", "Format", "Wanted", "detect", "read"]


def read(paths: Sequence[str], form: Format, wanted: Wanted) -> Batch:
    """Return the records of objects of one format, the damaged among them read with care."""
    if form.kind == "parquet":
        return read_parquet(paths, form, wanted)
    try:
        return read_clean(paths, form, wanted)
    except Dirty:
        if len(paths) == 1:
            return read_careful(paths[0], form, wanted)
    return Batch.join([read([path], form, wanted) for path in paths])
