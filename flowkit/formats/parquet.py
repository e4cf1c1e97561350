"""Parquet to records: columns by name, types that drift between files brought back to the registry's."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from flowkit.errors import FormatError
from flowkit.formats.batch import Batch, Wanted
from flowkit.formats.detect import MILLIS, Format
from flowkit.schema import TIME, field_of

_NOTHING = ("-", "None", "")


def read_parquet(paths: Sequence[str], form: Format, wanted: Wanted) -> Batch:
    """Return the records of Parquet files that have the same columns and types.

    Raises `FormatError` where a file is damaged or a value is no value of its field.
    """
    types = dict(pair.split(":", 1) for pair in form.types)
    frame = pl.scan_parquet(list(paths), glob=False, include_file_paths="object", hive_partitioning=False)
    frame = frame.select(*(_value(column, kind) for column, kind in types.items()), "object")
    if "log-status" not in form.names:
        frame = frame.with_columns(log_status=pl.lit("OK"))
    try:
        kept = wanted(frame, [*form.columns, "log_status", "object"]).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as why:
        what = str(why).split("\n", maxsplit=1)[0][:160]
        raise FormatError(f"its Parquet data cannot be read ({what})") from None
    return Batch(kept)


def _value(column: str, kind: str) -> pl.Expr:
    field = field_of(column)
    value = pl.col(column)
    if kind in ("String", "Categorical"):
        value = pl.when(~value.cast(pl.String).is_in(_NOTHING)).then(value.cast(pl.String))
    if field.dtype == TIME and kind.startswith("Datetime"):
        return value.dt.replace_time_zone("UTC").cast(TIME).alias(field.column)
    if kind == "String" and field.raw != pl.String:
        value = value.str.strip_suffix(".0")
    value = value.cast(field.raw)
    if field.dtype == TIME:
        value = pl.when(value < MILLIS).then(value * 1000).otherwise(value).cast(TIME)
    return value.alias(field.column)
