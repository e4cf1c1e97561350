"""Clean text to records: the fast path, which polars walks alone.

A file is clean when every line holds as many words as the format has fields, every number is one, and every
`log-status` is one of AWS's three. A file that is not is for `flowkit.formats.careful`.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import polars as pl
from isal import igzip_lib, isal_zlib

from flowkit.formats.batch import Batch, Types, Wanted
from flowkit.formats.form import LATEST, MILLIS, Format, implied_status
from flowkit.formats.pieces import GZIP, MEMBER, glance, head
from flowkit.formats.words import is_name
from flowkit.schema import STATUSES, TIME, Field, field_of

_STATUS = "_status"
_MORE = "_more"
_SMALL = 16 << 10
"""Bytes of a file up to which polars takes longer to open it than to read it."""

_WHOLE = 16 << 20
"""Bytes of gzip files that are unpacked at once, to ten times as much or so."""

_LOOK = 8192

_MOST = 128 << 20
"""Bytes of text of small files put together."""

STUMBLES = (
    pl.exceptions.ComputeError,
    pl.exceptions.SchemaError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.NoDataError,
    pl.exceptions.ShapeError,
    OSError,
)


class Dirty(Exception):  # noqa: N818 - not an error: the sign to read with care
    """Some line of these files is not clean."""

    text: bytes | None = None
    """The text, where it is one file's and was unpacked already."""

    broken = False
    """Whether a file cannot be unpacked to its end."""


def read_clean(paths: Sequence[str], form: Format, wanted: Wanted) -> Batch:
    """Return the records of clean files, all in one go; raises `Dirty` where a line is not clean."""
    if field_of(form.names[-1]).raw != pl.String and not all(map(ends_with_a_line, paths)):
        raise Dirty
    named = "object" in wanted.reads
    try:
        source = list(paths) if named else _unpacked(paths)
    except (OSError, EOFError, igzip_lib.IsalError) as why:  # type: ignore[misc]  # its stub calls the class a value
        raise _broken() from why
    try:
        return _read(_scan(source, form, "object" if named else None), paths, form, wanted)
    except Dirty as why:
        why.text = source[0] if len(source) == 1 and isinstance(source[0], bytes) else None
        why.broken = isinstance(why.__cause__, OSError)
        raise


def _broken() -> Dirty:
    dirty = Dirty()
    dirty.broken = True
    return dirty


def read_small(paths: Sequence[str], form: Format, wanted: Wanted) -> Batch:
    """Return the same of many small files, whose text is put together first: polars takes its time over each file."""
    if field_of(form.names[-1]).raw != pl.String and not all(map(ends_with_a_line, paths)):
        raise Dirty
    try:
        texts = list(_records(paths, form))
    except (OSError, EOFError, zlib.error) as why:
        raise Dirty from why
    lines = _scan(BytesIO(b"".join(texts)), replace(form, header=False), None)
    if "object" in wanted.reads:
        each = pl.Series(list(paths)).repeat_by(pl.Series([text.count(b"\n") for text in texts]))
        lines = lines.with_columns(each.explode(empty_as_null=False).alias("object"))
    return _read(lines, paths, form, wanted)


def read_lines(text: bytes, path: str, form: Format, wanted: Wanted) -> Batch:
    """Return the records of lines that were found in an object; raises `Dirty` where one is not clean."""
    form = replace(form, header=False)
    lines = _scan(BytesIO(text + b"\n"), form, None)
    if "object" in wanted.reads:
        lines = lines.with_columns(pl.lit(path).alias("object"))
    return _read(lines, [path], form, wanted)


def _unpacked(paths: Sequence[str]) -> list[str] | list[bytes]:
    """Return the text of gzip files, which ISA-L unpacks in a third of polars' time; else the paths, for polars.

    Texts are held whole, so not of large files; and not where a file may be more than one member, or hold more.
    """
    texts: list[bytes] = []
    if sum(map(os.path.getsize, paths)) <= _WHOLE:
        for path in paths:
            text = _of_gzip(Path(path).read_bytes())
            if text is None:
                break
            texts.append(text)
        else:
            return texts
    return list(paths)


def _of_gzip(raw: bytes) -> bytes | None:
    """Return what gzip data hold, member by member; None where that is much, or other things stand between.

    Raises `EOFError` where they are cut short, and `IsalError` where they are damaged.
    """
    size, texts = int.from_bytes(raw[-4:], "little"), list[bytes]()
    while raw[:2] == GZIP and size <= _MOST:
        machine = isal_zlib.decompressobj(wbits=31)
        # The last bytes are the size of the last member's text; the limit saves growing room for it.
        texts.append(machine.decompress(raw, size + 1))
        while not machine.eof and sum(map(len, texts)) <= _MOST and (raw := machine.unconsumed_tail):
            texts.append(machine.decompress(raw, _MOST))
        if not machine.eof:
            break
        raw = machine.unused_data.lstrip(b"\0")  # Some tools fill up with zeros.
        if not raw:
            return texts[0] if len(texts) == 1 else b"".join(texts)
    if raw[:2] == GZIP and size <= _MOST and sum(map(len, texts)) <= _MOST:
        raise EOFError
    return None


def held(path: str) -> bytes | None:
    """Return the text of a file, if it is a text of which all can be held at once, as it is or in gzip."""
    if not glance(path, _LOOK).plain or os.path.getsize(path) > _MOST // 2:  # noqa: PTH202
        return None
    raw = Path(path).read_bytes()
    if raw[:2] != GZIP:
        return None if MEMBER in raw else raw
    try:
        return _of_gzip(raw) if len(raw) <= _WHOLE else None
    except (EOFError, igzip_lib.IsalError):  # type: ignore[misc]
        return None


def is_small(path: str) -> bool:
    """Return whether to unpack a file here costs less than what polars needs to open one."""
    try:
        return os.path.getsize(path) <= _SMALL  # noqa: PTH202 - asked of thousands of objects
    except OSError:
        return False


def _records(paths: Sequence[str], form: Format) -> Iterator[bytes]:
    """Yield the text of files without their headers, in whole lines; raises `Dirty` where it gets too much to hold."""
    total = 0
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123 - asked of thousands of objects
            raw = file.read()
        text = gzip.decompress(raw) if raw[:2] == GZIP else raw
        total += len(text)
        if total > _MOST:
            raise Dirty
        if form.header:
            text = text.partition(b"\n")[2]
        yield text if not text or text.endswith(b"\n") else text + b"\n"


def _read(lines: pl.LazyFrame, paths: Sequence[str], form: Format, wanted: Wanted) -> Batch:
    """Return the records of lines as `_scan` has them."""
    frame = _judged(lines, form).with_columns(_values(form, wanted.reads))
    held = [*form.columns, "log_status", "object"]
    # What is no flow is rare: it is taken out afterwards, so that clean rows need not be copied.
    odd = pl.col(_STATUS).is_null() | pl.col(_MORE).is_not_null()
    every = replace(wanted, only_flows=False)(frame, held, always=odd, besides=[_STATUS, _MORE])
    try:
        kept = every.collect(engine="streaming")
    except STUMBLES as why:
        raise Dirty from why
    if (
        kept[_STATUS].null_count()
        or kept[_MORE].null_count() < kept.height
        or not all(map(partial(_in_range, kept), form.names))
    ):
        raise Dirty
    if wanted.only_flows and kept[_STATUS].to_physical().max():  # OK is the first of the statuses.
        kept = kept.filter(pl.col(_STATUS) == "OK")
    return Batch(kept.drop(_STATUS, _MORE), headers=dict.fromkeys(paths, int(form.header)))


def ends_with_a_line(path: str) -> bool:
    """Return whether a file ends with a line end, or with gzip's own check: else its last number may be cut short."""
    if head(path, 2) == GZIP:
        return True
    with Path(path).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _scan(source: list[str] | list[bytes] | BytesIO, form: Format, object_column: str | None) -> pl.LazyFrame:
    lead: Types = dict.fromkeys((f"_lead{i}" for i in range(form.lead)), pl.String)
    schema = {**lead, **{field_of(name).column: parsed(field_of(name), form) for name in form.names}}
    # The last word stays as it is: a `-` there is a value, nothing at all is a line cut short.
    last = form.columns[-1]
    schema[last] = pl.String
    if "log-status" in form.names:
        # As an Enum a status costs a byte, and a fourth one makes polars stumble.
        schema = {_STATUS if c == "log_status" else c: t for c, t in schema.items()} | {_STATUS: pl.Enum(STATUSES)}
    # Where not all columns are read, polars does not stumble at a word too many; a bit is the least to hold its place.
    schema[_MORE] = pl.Boolean
    return pl.scan_csv(
        source,
        separator=" ",
        quote_char=None,
        has_header=False,
        skip_lines=int(form.header),
        schema=schema,
        infer_schema=False,
        null_values=dict.fromkeys([c for c in schema if c not in (last, _STATUS, _MORE)], "-"),
        missing_columns="insert",
        extra_columns="raise",
        glob=False,
        include_file_paths=object_column,
    )


_UNSIGNED = {pl.UInt8: 2**8 - 1, pl.UInt16: 2**16 - 1, pl.UInt32: 2**32 - 1, pl.UInt64: 2**64 - 1}


def parsed(spec: Field, form: Format) -> pl.DataType | type[pl.DataType]:
    """Return the type that a word is parsed as: the smallest that holds a field's numbers, so that others do not fit.

    At what does not fit polars stumbles, and most numbers need not be looked at again.
    """
    if spec.dtype == TIME:
        return pl.UInt32 if form.unit == "s" else pl.UInt64  # Seconds until the year 2106.
    return pl.String if spec.raw == pl.String else next(t for t, most in _UNSIGNED.items() if most >= spec.most)


def _in_range(kept: pl.DataFrame, name: str) -> bool:
    """Return whether every number of a field is one of its own, where the type it was parsed as holds others too."""
    spec = field_of(name)
    if spec.column not in kept.columns or not spec.dtype.is_integer() or spec.most in _UNSIGNED.values():
        return True
    most = kept[spec.column].max()
    return most is None or bool(most <= spec.most)  # type: ignore[operator]


def _judged(lines: pl.LazyFrame, form: Format) -> pl.LazyFrame:
    """Return the lines with their status, null where one is not clean, and the last word made a value."""
    last = form.columns[-1]
    dirty: list[pl.Expr] = []
    if last != "log_status":
        value = pl.when(pl.col(last) != "-").then(pl.col(last)).cast(parsed(field_of(form.names[-1]), form))
        lines = lines.with_columns(_cut=pl.col(last).is_null()).with_columns(value.alias(last))
        dirty.append(pl.col("_cut"))
    if "log-status" not in form.names:
        # Without a status only a header could pass for a record.
        lines = lines.with_columns(implied_status(form.columns).cast(pl.Enum(STATUSES)).alias(_STATUS))
        dirty.append(is_name(form.columns[0]))
    if form.unit == "ms":
        dirty += [pl.col(c) > LATEST for c in form.columns if field_of(c).dtype == TIME]
    if dirty:
        sound = ~pl.any_horizontal([d.fill_null(value=False) for d in dirty])
        lines = lines.with_columns(pl.when(sound).then(_STATUS).alias(_STATUS))
    return lines.with_columns(log_status=pl.col(_STATUS).cast(pl.String))


def _values(form: Format, reads: Container[str]) -> list[pl.Expr]:
    """Return the expressions that turn what was parsed into a table's values, for the columns that are read."""
    specs = [field_of(name) for name in form.names]
    return [value(spec, form) for spec in specs if spec.raw != pl.String and spec.column in reads]


def value(spec: Field, form: Format) -> pl.Expr:
    number = pl.col(spec.column).cast(spec.raw)
    if spec.dtype != TIME:
        return number
    if form.unit == "s":
        return (number * 1000).cast(TIME)
    return pl.when(number >= MILLIS).then(number).otherwise(number * 1000).cast(TIME)
