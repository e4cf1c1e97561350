"""Text in which a line here and there is no clean record: polars reads it whole, the odd lines get a careful look."""

from __future__ import annotations

from functools import reduce
from operator import or_

import polars as pl

from flowkit.formats.batch import Batch, Wanted
from flowkit.formats.careful import Reader, is_name
from flowkit.formats.form import LATEST, Format, implied_status
from flowkit.formats.text import STUMBLES, parsed, value
from flowkit.schema import STATUSES, TIME, Field, field_of

_ODD = "_odd"
_MOST = 20
"""One line in so many may be odd: where more are, the file is better taken in blocks."""


def read_spotty(path: str, form: Format, wanted: Wanted) -> list[Batch] | None:
    """Return the records of one file, None where its packing or too much dirt has it taken in blocks."""
    if field_of(form.names[-1]).raw != pl.String:
        return None
    try:
        rows = _rows(path, form, wanted)
        odd = [i + 1 for i in rows[_ODD].arg_true()]
        texts = _texts(path, odd, rows.height)
    except STUMBLES:
        return None
    if texts is None:
        return None
    reader = Reader(path, form, wanted)
    left, found = reader.others(odd, texts, {}, own=True)
    if len(left) * _MOST > rows.height + 1000 or (lines := reader.looked(left, texts)) is None:
        return None
    frame = rows.lazy().filter(~pl.col(_ODD)).with_columns(object=pl.lit(path))
    clean = wanted(frame, [*form.columns, "log_status", "object"]).collect()
    return [reader.batch([clean, *found], lines), reader.last({})]


def _texts(path: str, odd: list[int], height: int) -> dict[int, bytes] | None:
    """Return the text of some lines, None where polars sees other lines than it does records."""
    lines = pl.scan_lines(path).with_row_index("_line", 1)
    some, count = pl.collect_all([lines.filter(pl.col("_line").is_in(odd)), lines.select(pl.len())], engine="streaming")
    if count.item() != height:
        return None
    return {number: line.encode() for number, line in some.rows()}


def _rows(path: str, form: Format, wanted: Wanted) -> pl.DataFrame:
    """Return a row a line: what is wanted of it as values, and `_odd` where it needs a look."""
    specs = {c: field_of(c) for c in form.columns}
    kinds = {c: pl.String if _loose(spec) else parsed(spec, form) for c, spec in specs.items()}
    lead = dict.fromkeys((f"_lead{i}" for i in range(form.lead)), pl.String)
    texts = [c for c, spec in specs.items() if spec.raw == pl.String and c not in ("log_status", form.columns[-1])]
    lines = pl.scan_csv(
        path,
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
    read = [spec for c, spec in specs.items() if spec.raw != pl.String and c in wanted.reads]
    last = [c for c in form.columns[-1:] if c != "log_status"]
    odd = reduce(or_, [*_out_of_shape(form), *(_out_of_range(spec) for spec in read)])
    values = [_loose_value(spec) if _loose(spec) else value(spec, form) for spec in read]
    values += [pl.when(pl.col(c) != "-").then(pl.col(c)).alias(c) for c in last]
    rows = lines.with_columns(odd.fill_null(value=True).alias(_ODD)).with_columns(values)
    if "log-status" not in form.names:
        rows = rows.with_columns(log_status=implied_status(form.columns))
    names = [c for c in (*form.columns, "log_status") if c in wanted.reads or c == "log_status" or wanted.open]
    return rows.select(*dict.fromkeys(names), _ODD).collect(engine="streaming")


def _loose(spec: Field) -> bool:
    """Return whether a number often is not there, so that a `-` says nothing of the line."""
    return spec.raw != pl.String and spec.version > 2


def _loose_value(spec: Field) -> pl.Expr:
    return pl.col(spec.column).cast(spec.raw, strict=False)


def _out_of_range(spec: Field) -> pl.Expr:
    """Return whether a word is no number of its field, or none at all where there mostly is one."""
    if _loose(spec):
        number = pl.col(spec.column).cast(pl.Int64, strict=False).is_between(0, spec.most)
        return (pl.col(spec.column) != "-") & ~number.fill_null(value=False)
    most = LATEST if spec.dtype == TIME else spec.most
    return ~(pl.col(spec.column) <= most).fill_null(value=False)


def _out_of_shape(form: Format) -> list[pl.Expr]:
    """Return the tests of a line that has too few words or too many, or is no record."""
    tests = [pl.col(form.columns[-1]).is_null(), pl.col("_more").is_not_null()]
    if form.lead:
        tests.append(~pl.col("_lead0").str.contains(r"^\d{4}-\d\d-\d\d").fill_null(value=False))
    if "log-status" in form.names:
        return [*tests, ~pl.col("log_status").is_in(STATUSES).fill_null(value=False)]
    return [*tests, is_name(form.columns[0])]
