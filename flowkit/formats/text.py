"""Clean text to records: the fast path, which polars walks alone.

A file is clean when every line holds as many words as the format has fields, every number is one, and every
`log-status` is one of AWS's three. A file that is not is for `flowkit.formats.careful`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from flowkit.formats.batch import Batch, Types, Wanted
from flowkit.formats.careful import is_name
from flowkit.formats.form import LATEST, MILLIS, Format, implied_status
from flowkit.formats.pieces import GZIP, head
from flowkit.schema import STATUSES, TIME, field_of

_DIRTY, _STATUS = "_dirty", "_status"
_STUMBLES = (
    pl.exceptions.ComputeError,
    pl.exceptions.SchemaError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.NoDataError,
    OSError,
)


class Dirty(Exception):  # noqa: N818 - not an error: the sign to read with care
    """Some line of these files is not clean."""


def read_clean(paths: Sequence[str], form: Format, wanted: Wanted) -> Batch:
    """Return the records of clean files, all in one go; raises `Dirty` where a line is not clean."""
    if field_of(form.names[-1]).raw != pl.String and not all(map(_ends_with_a_line, paths)):
        raise Dirty
    frame = _judged(_scan(paths, form), form, wanted).with_columns(_times(form))
    held = [*form.columns, "log_status", "object"]
    try:
        kept = wanted(frame, held, status=_STATUS, always=_DIRTY).collect(engine="streaming")
    except _STUMBLES as why:
        raise Dirty from why
    if kept[_DIRTY].any() or not all(_in_range(kept[c], form) for c in kept.columns if c in form.columns):
        raise Dirty
    return Batch(kept.drop(_DIRTY), headers=dict.fromkeys(paths, int(form.header)))


def _ends_with_a_line(path: str) -> bool:
    """Return whether a file ends with a line end, or with gzip's own check: else its last number may be cut short."""
    if head(path, 2) == GZIP:
        return True
    with Path(path).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _scan(paths: Sequence[str], form: Format) -> pl.LazyFrame:
    lead: Types = dict.fromkeys((f"_lead{i}" for i in range(form.lead)), pl.String)
    schema = {**lead, **{field_of(name).column: field_of(name).raw for name in form.names}}
    # The last word stays as it is: a `-` there is a value, nothing at all is a line cut short.
    last = form.columns[-1]
    schema[last] = pl.String
    if "log-status" in form.names:
        # As an Enum a status costs a byte, and a fourth one makes polars stumble.
        schema = {_STATUS if c == "log_status" else c: t for c, t in schema.items()} | {_STATUS: pl.Enum(STATUSES)}
    return pl.scan_csv(
        list(paths),
        separator=" ",
        quote_char=None,
        has_header=False,
        skip_lines=int(form.header),
        schema=schema,
        infer_schema=False,
        null_values=dict.fromkeys([c for c in schema if c not in (last, _STATUS)], "-"),
        missing_columns="insert",
        extra_columns="raise",
        glob=False,
        include_file_paths="object",
    )


def _judged(lines: pl.LazyFrame, form: Format, wanted: Wanted) -> pl.LazyFrame:
    """Return the lines with a column that marks those which are not clean, and their words made values."""
    last = form.columns[-1]
    if "log-status" in form.names:
        lines = lines.with_columns(log_status=pl.col(_STATUS).cast(pl.String))
        dirty = pl.col(_STATUS).is_null()
    else:
        # Without a status only a header could pass for a record.
        dirty = is_name(form.columns[0]).fill_null(value=False)
    if last != "log_status":
        dirty = dirty | pl.col(last).is_null()
        value = pl.when(pl.col(last) != "-").then(pl.col(last)).cast(field_of(last).raw)
        lines = lines.with_columns(dirty.alias(_DIRTY)).with_columns(value.alias(last))
    else:
        lines = lines.with_columns(dirty.alias(_DIRTY))
    if "log-status" not in form.names:
        status = implied_status(form.columns)
        lines = lines.with_columns(status.alias(_STATUS), log_status=status)
    # A filter on time must not put a line aside whose time only a careful look can read.
    asked = () if wanted.predicate is None else wanted.predicate.meta.root_names()
    odd = [~pl.col(c).is_between(0, MILLIS - 1).fill_null(value=True) for c in asked if c in _time_columns(form)]
    return lines.with_columns(pl.any_horizontal(_DIRTY, *odd)) if odd and form.unit == "s" else lines


def _time_columns(form: Format) -> list[str]:
    return [field_of(name).column for name in form.names if field_of(name).dtype == TIME]


def _times(form: Format) -> list[pl.Expr]:
    """Return the expressions that turn whole numbers into times; what is none lies far outside of every calendar."""
    if form.unit == "s":
        return [(pl.col(c).clip(-1, MILLIS) * 1000).cast(TIME) for c in _time_columns(form)]
    return [
        pl.when(pl.col(c) >= MILLIS).then(pl.col(c)).otherwise(pl.col(c).clip(-1, MILLIS) * 1000).cast(TIME)
        for c in _time_columns(form)
    ]


def _in_range(values: pl.Series, form: Format) -> bool:
    """Return whether every number of a column is one of its field."""
    if values.dtype == pl.String or values.is_empty():
        return True
    numbers = values.to_physical()
    spec = next(field_of(name) for name in form.names if field_of(name).column == values.name)
    most = (MILLIS * 1000 - 1 if form.unit == "s" else LATEST) if spec.dtype == TIME else spec.most
    low, high = numbers.min(), numbers.max()  # Twice as quick as looking at each number.
    return low is None or bool(low >= 0 and high <= most)  # type: ignore[operator]
