"""Lines to words, and words to values: what is a record, judged with care."""

from __future__ import annotations

from io import BytesIO

import polars as pl

from flowkit.formats.form import LATEST, MILLIS, Format
from flowkit.schema import FIELDS, STATUSES, TIME, field_of


def split(text: bytes, form: Format) -> pl.DataFrame:
    """Return a row a line: its words as columns, null where there is none, and `_more` where there are too many."""
    names = [*(f"_lead{i}" for i in range(form.lead)), *form.columns, "_more"]
    return pl.scan_csv(
        BytesIO(b"\n" + text),  # A text that begins as compressed data do would be unpacked.
        skip_lines=1,
        separator=" ",
        quote_char=None,
        has_header=False,
        schema=dict.fromkeys(names, pl.String),
        infer_schema=False,
        missing_columns="insert",
        extra_columns="ignore",
        truncate_ragged_lines=True,
    ).collect()


def judged(words: pl.DataFrame, form: Format) -> pl.DataFrame:
    """Return the words with their values as `#column` where they are numbers, and `_good` where a line is a record."""
    lead = [pl.col("_lead0").str.contains(r"^\d{4}-\d\d-\d\d") | (pl.col("_lead0") == "-")] if form.lead else []
    good = [pl.col(form.columns).is_not_null(), pl.col("_more").is_null(), *lead]
    numbers = [_value(n) for n in form.names if field_of(n).raw != pl.String]
    good += [sound(n) for n in form.names if field_of(n).raw != pl.String]
    if "log-status" in form.names:
        good.append(pl.col("log_status").is_in(STATUSES))
    else:
        good.append(~is_name(form.columns[0]))
    return (
        words.lazy().with_columns(numbers).with_columns(_good=pl.all_horizontal(good).fill_null(value=False)).collect()
    )


def is_name(column: str) -> pl.Expr:
    """Return whether a word is a field's name: it stands in a header, not in a record."""
    word = pl.col(column).cast(pl.String).str.to_lowercase().str.replace_all("_", "-", literal=True)
    return word.is_in(list(FIELDS)).fill_null(value=False)


def _value(name: str) -> pl.Expr:
    """Return the number a word is, null where it is none; a time counts milliseconds."""
    spec = field_of(name)
    value = pl.col(spec.column).cast(pl.Int64, strict=False)
    if spec.dtype == TIME:
        value = pl.when(value.is_between(0, MILLIS - 1)).then(value * 1000).otherwise(value)
    return value.alias(f"#{spec.column}")


def sound(name: str) -> pl.Expr:
    """Return whether a word is nothing, or a number of its field: a time is one that a calendar can show."""
    spec = field_of(name)
    most = LATEST if spec.dtype == TIME else spec.most
    return pl.col(f"#{spec.column}").is_between(0, most).fill_null(value=False) | (pl.col(spec.column) == "-")


def values(form: Format) -> list[pl.Expr]:
    """Return the words as values: numbers and times by their own type, `-` as null."""
    return [
        pl.when(pl.col(c) != "-").then(pl.col(c)).alias(c)
        if field_of(c).raw == pl.String
        else pl.col(f"#{c}").cast(field_of(c).dtype).alias(c)
        for c in form.columns
    ]
