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

_DIRTY, _LEAD = "_dirty", "_lead"
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
    try:
        kept = wanted(frame, [*form.columns, "log_status", "object"], always=_DIRTY).collect(engine="streaming")
    except _STUMBLES as why:
        raise Dirty from why
    if kept[_DIRTY].any() or not all(map(in_range, kept)):
        raise Dirty
    return Batch(kept.drop(_DIRTY), headers=dict.fromkeys(paths, int(form.header)))


def _scan(paths: Sequence[str], form: Format) -> pl.LazyFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {_LEAD: pl.String} if form.lead else {}
    schema |= {field_of(name).column: field_of(name).raw for name in form.names}
    # The last word stays as it is: a `-` there is a value, nothing at all is a line cut short.
    schema[form.columns[-1]] = pl.String
    return pl.scan_csv(
        list(paths),
        separator=" ",
        quote_char=None,
        has_header=False,
        skip_lines=int(form.header),
        schema=schema,
        infer_schema=False,
        null_values=dict.fromkeys(list(schema)[:-1], "-"),
        missing_columns="insert",
        extra_columns="raise",
        encoding="utf8-lossy",
        glob=False,
        include_file_paths="object",
    )


def _judged(lines: pl.LazyFrame, form: Format) -> pl.LazyFrame:
    """Return the lines with a column that marks those which are not clean, and the last word made a value."""
    first, last = form.columns[0], form.columns[-1]
    if "log-status" in form.names:
        clean = pl.col(last).is_not_null() & pl.col("log_status").is_in(STATUSES)
    else:
        # Without a status only a repeated header could pass for a record.
        repeated = pl.col(first).cast(pl.String).str.to_lowercase().str.replace_all("_", "-", literal=True)
        clean = pl.col(last).is_not_null() & repeated.ne_missing(form.names[0])
        lines = lines.with_columns(log_status=pl.lit("OK"))
    value = pl.when(pl.col(last) != "-").then(pl.col(last)).cast(field_of(last).raw)
    return lines.with_columns(~clean.fill_null(value=False).alias(_DIRTY)).with_columns(value.alias(last))
