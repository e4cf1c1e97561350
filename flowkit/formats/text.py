"""Clean text to records: the fast path, which polars walks alone.

A file is clean when every line holds as many words as the format has fields, every number is one, and every
`log-status` is one of AWS's three. A file that is not is for `flowkit.formats.careful`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from flowkit.formats.batch import Batch, Wanted
from flowkit.formats.detect import Format, in_range, typed
from flowkit.schema import STATUSES, field_of

_DIRTY, _LEAD, _STATUS = "_dirty", "_lead", "_status"
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
    frame = _judged(_scan(paths, form), form).with_columns(typed(form.columns, form.unit))
    held = [*form.columns, "log_status", "object"]
    try:
        kept = wanted(frame, held, status=_STATUS, always=_DIRTY).collect(engine="streaming")
    except _STUMBLES as why:
        raise Dirty from why
    if kept[_DIRTY].any() or not all(map(in_range, kept)):
        raise Dirty
    return Batch(kept.drop(_DIRTY), headers=dict.fromkeys(paths, int(form.header)))


def _scan(paths: Sequence[str], form: Format) -> pl.LazyFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {_LEAD: pl.String} if form.lead else {}
    schema |= {field_of(name).column: field_of(name).raw for name in form.names}
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
        encoding="utf8-lossy",
        glob=False,
        include_file_paths="object",
    )


def _judged(lines: pl.LazyFrame, form: Format) -> pl.LazyFrame:
    """Return the lines with a column that marks those which are not clean, and their words made values."""
    first, last = form.columns[0], form.columns[-1]
    if "log-status" in form.names:
        lines = lines.with_columns(log_status=pl.col(_STATUS).cast(pl.String))
        dirty = pl.col(_STATUS).is_null()
    else:
        # Without a status only a repeated header could pass for a record.
        repeated = pl.col(first).cast(pl.String).str.to_lowercase().str.replace_all("_", "-", literal=True)
        dirty = repeated.eq_missing(form.names[0])
        lines = lines.with_columns(pl.lit("OK").alias(_STATUS), log_status=pl.lit("OK"))
    if last == "log_status":
        return lines.with_columns(dirty.alias(_DIRTY))
    value = pl.when(pl.col(last) != "-").then(pl.col(last)).cast(field_of(last).raw)
    return lines.with_columns((dirty | pl.col(last).is_null()).alias(_DIRTY)).with_columns(value.alias(last))
