"""Bytes to records: what an object is (`detect`), and what it holds (`read`).

What is clean is polars' own work, also where the records are wrapped in CSV or JSON; a file that is not is read with
care, and only that file.

What stands in a field has one outcome each:

- `-`, or nothing at all, is null. Numbers are whole, not negative, and of their field: a port is at most 65,535, a
  protocol 255, `packets` and `bytes` of a record 2^53 (9 PB: no interface moves as much in a window, and up to there
  every number is exact); what is not makes its line malformed. More packets than bytes is kept: it is the log's word.
- Times count seconds, or milliseconds from 100,000,000,000 on, value by value; 1970 and the future are kept as they
  are, and so is an `end` before its `start`. A time beyond the year 9999 makes its line malformed.
- Texts are kept as they stand: an id need not be hex, an account may be `<ACCOUNT-ID>` or, from a spreadsheet,
  `6.02485E+11`.
- ICMP has ports 0, as AWS writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowkit.formats.batch import QUARANTINE, Batch, Wanted
from flowkit.formats.careful import read_careful, read_whole
from flowkit.formats.detect import detect
from flowkit.formats.form import Format
from flowkit.formats.parquet import read_parquet, read_parquet_pieces
from flowkit.formats.pieces import seems_cut
from flowkit.formats.text import Dirty, held, is_small, read_clean, read_small
from flowkit.formats.wrapped import read_wrapped
from flowkit.formats.zipped import Member, is_member, members, salvaged, spoken

__all__ = [
    "QUARANTINE",
    "Batch",
    "Format",
    "Member",
    "Wanted",
    "detect",
    "huge",
    "members",
    "read",
    "read_pieces",
    "salvaged",
    "spoken",
]

HUGE = 64 << 20
"""Bytes of an object from which on it is read in pieces: gzipped text grows tenfold."""


def read(paths: Sequence[str], form: Format, wanted: Wanted) -> Batch:
    """Return the records of objects of one format, the damaged among them read with care."""
    return Batch.join(list(_batches(paths, form, wanted)))


def huge(path: str, size: int, form: Format) -> bool:
    """Return whether an object of so many bytes should be read in pieces."""
    wrapped = form.kind in ("csv", "json") or is_member(path)
    return size > (HUGE // 8 if wrapped else HUGE)


def read_pieces(path: str, form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield the records of one object, however large, a few at a time."""
    yield from _READERS[form.kind](path, form, wanted)


_READERS = {"text": read_careful, "csv": read_wrapped, "json": read_wrapped, "parquet": read_parquet_pieces}


def _careful(path: str, form: Format, wanted: Wanted, text: bytes | None) -> Iterator[Batch]:
    """Yield the records of a file that is not clean: as a whole where its text can be held, else in blocks."""
    yield from read_pieces(path, form, wanted) if text is None else read_whole(path, text, form, wanted)


def _clean(paths: Sequence[str], form: Format, wanted: Wanted) -> list[Batch]:
    """Return the records of clean files; raises `Dirty` where one of them is not clean."""
    small = [path for path in paths if is_small(path)] if len(paths) > 1 else []
    large = [path for path in paths if not is_small(path)] if small else paths
    return [read(some, form, wanted) for read, some in ((read_small, small), (read_clean, large)) if some]


def _batches(paths: Sequence[str], form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield the records of objects of one format: all at once where they are clean, else object by object."""
    if form.kind == "parquet":
        yield read_parquet(paths, form, wanted)
        return
    whole = [path for path in paths if form.kind == "text" and not is_member(path) and not seems_cut(path)]
    clean = [] if form.careful else whole
    try:
        yield from _clean(clean, form, wanted)
    except Dirty as why:
        half = len(clean) // 2
        if half:
            yield from _batches(clean[:half], form, wanted)
            yield from _batches(clean[half:], form, wanted)
        else:
            yield from _careful(clean[0], form, wanted, why.text or (None if why.broken else held(clean[0])))
    done, fit = set(clean), set(whole)
    for path in paths:
        if path not in done:
            yield from _careful(path, form, wanted, held(path) if path in fit else None)
