"""Text to values, a row a line, whatever the lines hold: those that need a look are marked."""

from __future__ import annotations

from functools import reduce
from io import BytesIO
from operator import or_

import polars as pl

from flowkit.formats.batch import Wanted
from flowkit.formats.form import LATEST, MILLIS, Format, implied_status
from flowkit.formats.layout import Layout
from flowkit.formats.text import parsed, value
from flowkit.formats.words import is_name
from flowkit.schema import STATUSES, TIME, Field, field_of

ODD = "_odd"


def rows(source: str | BytesIO, form: Format, wanted: Wanted, layout: Layout | None = None) -> pl.DataFrame:
    """Return a row a line: what is wanted of it as values, and `ODD` where it may be no record as it stands.

    What is not wanted is not looked at, but for the number of words and the status. Lines of another layout than the
    format's are to be `layout.neat`.
    """
    worded, words = (layout.worded, layout.lead) if layout else (False, form.lead)
    specs = {c: field_of(c) for c in form.columns}
    kinds = {c: pl.String if _loose(spec) or worded else parsed(spec, form) for c, spec in specs.items()}
    kinds[form.columns[-1]] = pl.String  # A `-` there is a value, nothing at all is a line cut short.
    lead = dict.fromkeys((f"_lead{i}" for i in range(words)), pl.String)
    texts = [c for c, spec in specs.items() if spec.raw == pl.String and c not in ("log_status", form.columns[-1])]
    lines = pl.scan_csv(
        source,
        separator=" ",
        quote_char=None,
        has_header=False,
        schema={**lead, **kinds, "_more": pl.String},
        infer_schema=False,
        null_values=dict.fromkeys(texts, "-"),
        missing_columns="insert",
        truncate_ragged_lines=True,
        ignore_errors=True,
        glob=False,
    )
    last = form.columns[-1]
    read = [s for c, s in specs.items() if s.raw != pl.String and (c in wanted.reads or wanted.open or c == last)]
    as_text = {s.column for s in read if _loose(s) or worded} | {last}
    if worded:  # pandas makes 25238.0 of 25238.
        lines = lines.with_columns(pl.col(s.column).str.strip_suffix(".0") for s in read)
    odd = reduce(
        or_,
        [
            *_out_of_shape(form, led=words == form.lead > 0),
            *(_out_of_range(s, as_text=s.column in as_text) for s in read),
        ],
    )
    values = [_number(s) if s.column in as_text else value(s, form) for s in read]
    if last != "log_status" and specs[last].raw == pl.String:
        values.append(pl.when(pl.col(last) != "-").then(pl.col(last)).alias(last))
    frame = lines.with_columns(odd.fill_null(value=True).alias(ODD)).with_columns(values)
    if "log-status" not in form.names:
        frame = frame.with_columns(log_status=implied_status(form.columns))
    names = [c for c in (*form.columns, "log_status") if c in wanted.reads or c == "log_status" or wanted.open]
    return frame.select(*dict.fromkeys(names), ODD).collect(engine="streaming")


def _loose(spec: Field) -> bool:
    """Return whether a number often is not there, so that a `-` says nothing of the line."""
    return spec.raw != pl.String and spec.version > 2


def _number(spec: Field) -> pl.Expr:
    """Return a word as its field's value, null where it is none."""
    number = pl.col(spec.column).cast(pl.Int64, strict=False)
    if spec.dtype == TIME:
        return pl.when(number >= MILLIS).then(number).otherwise(number * 1000).cast(TIME).alias(spec.column)
    return number.cast(spec.raw, strict=False)


def _out_of_range(spec: Field, *, as_text: bool) -> pl.Expr:
    """Return whether a word is no number of its field, or none at all where there mostly is one."""
    most = LATEST if spec.dtype == TIME else spec.most
    if as_text:
        number = pl.col(spec.column).cast(pl.Int64, strict=False).is_between(0, most)
        return (pl.col(spec.column) != "-") & ~number.fill_null(value=False)
    return ~(pl.col(spec.column) <= most).fill_null(value=False)


def _out_of_shape(form: Format, *, led: bool) -> list[pl.Expr]:
    """Return the tests of a line that has too few words or too many, or is no record."""
    tests = [pl.col("_more").is_not_null()]
    if form.columns[-1] != "log_status":
        tests.append(pl.col(form.columns[-1]).is_null())
    if led:
        tests.append(~pl.col("_lead0").str.contains(r"^\d{4}-\d\d-\d\d").fill_null(value=False))
    if "log-status" in form.names:
        known = reduce(or_, (pl.col("log_status") == status for status in STATUSES))
        return [*tests, ~known.fill_null(value=False)]
    return [*tests, is_name(form.columns[0])]
