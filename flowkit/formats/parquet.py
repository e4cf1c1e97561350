"""Parquet to records: columns by name, types that drift between files brought back to the registry's.

A value that is no value of its field makes its row malformed; the row's number stands for the line's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice, pairwise
from pathlib import Path

import polars as pl
import polars.selectors as cs

from flowkit.errors import FormatError
from flowkit.formats.batch import QUARANTINE, Batch, Wanted
from flowkit.formats.form import LATEST, MILLIS, Format, implied_status
from flowkit.formats.packed import is_packed, local
from flowkit.formats.zipped import spoken
from flowkit.schema import STATUSES, TIME, Field, field_of

_NOTHING = ("", "-", "none", "null", "nan", "<na>")
_CUT = 200

_PATH, _ROW = "_path of the file", "_row of the file"
"""Columns beside a file's own, which may have any name."""

ROWS = 1 << 20
"""Rows of a huge file read at once."""

Span = tuple[int, int]
"""Rows from the first on, the second left out."""


def read_parquet(paths: Sequence[str], form: Format, wanted: Wanted) -> Batch:
    """Return the records of Parquet files that have the same columns and types.

    Where a row may be malformed, or cannot be read, each file is read by itself. Raises `FormatError` where nothing of
    one can be read.
    """
    with suppress(FormatError):
        if not any(map(is_packed, paths)) and (batch := _read_all(paths, form, wanted)):
            return batch
    return Batch.join([_read_one(path, form, wanted, told=len(paths) > 1) for path in paths])


def _read_all(paths: Sequence[str], form: Format, wanted: Wanted) -> Batch | None:
    """Return the records of all files in one go, None where there may be a row that is no record."""
    frame = pl.scan_parquet(list(paths), glob=False, include_file_paths=_PATH, hive_partitioning=False)
    frame = frame.select(*_values(form), _faulty(form).alias("_bad"), pl.col(_PATH).alias("object"))
    kept = _collect(wanted(_with_status(frame, form), _held(form), always=pl.col("_bad"), besides=["_bad"]))
    if kept["_bad"].any():
        return None
    return Batch(kept.drop("_bad"), notes={path: note for path in paths if (note := _left_out(form))})


def read_parquet_pieces(path: str, form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield the records of one file, `ROWS` rows at a time."""
    notes, damaged = dict[str, str](), ""
    with local(path, notes) as file:
        raw = _rows(file)
        count = _collect(raw.select(pl.len())).item()
        for begin in range(0, max(count, 1), ROWS):
            batch = _read_part(path, raw, (begin, min(begin + ROWS, count)), form, wanted)
            damaged = batch.notes.get(path) or damaged
            yield _noted(batch, path, form, [notes.get(path), damaged])


def _read_one(path: str, form: Format, wanted: Wanted, *, told: bool) -> Batch:
    """Return the records of one file; an error says which file where that is to be `told`."""
    notes: dict[str, str] = {}
    try:
        with local(path, notes) as file:
            raw = _rows(file)
            rows = (0, _collect(raw.select(pl.len())).item())
            batch = _read_part(path, raw, rows, form, wanted)
            return _noted(batch, path, form, [notes.get(path), batch.notes.get(path)])
    except FormatError as error:
        raise FormatError(f"{Path(spoken(path)).name}: {error}") if told else error from None


def _noted(batch: Batch, path: str, form: Format, notes: Iterable[str | None]) -> Batch:
    """Return a batch with what is to be said of its object, and of columns that are left out."""
    words = "; ".join(filter(None, [*notes, _left_out(form)]))
    batch.notes = {path: words} if words else {}
    return batch


def _left_out(form: Format) -> str:
    if not form.nested:
        return ""
    some, more = ", ".join(form.nested[:_SOME]), len(form.nested) - _SOME
    what = "a column of lists or structs" if len(form.nested) == 1 else "columns of lists or structs"
    return f"{what}, left out: {some}{f' and {more} more' if more > 0 else ''}"


_SOME = 20
"""Columns that are named."""


def _read_part(path: str, raw: pl.LazyFrame, rows: Span, form: Format, wanted: Wanted) -> Batch:
    """Return the records of some rows, those that cannot be read as malformed ones.

    Raises `FormatError` where none can be read.
    """

    def read(begin: int, end: int) -> Batch:
        return _read_rows(path, raw.slice(begin, end - begin), form, wanted)

    def can(begin: int, end: int) -> bool:
        try:
            return bool(read(begin, end))
        except FormatError:
            return False

    try:
        return read(*rows)
    except FormatError as why:
        good = list(readable(*rows, can))
        if not good:
            raise
        whole = Batch.join([read(*span) for span in good])
        edges = pairwise([rows[0], *chain(*good), rows[1]])
        lost = [row for begin, end in islice(edges, 0, None, 2) for row in range(begin, end)]
        told = pl.DataFrame({"line": lost}).select(
            pl.lit(path).alias("object"), pl.col("line") + 1, pl.lit(str(why)).alias("reason"), pl.lit("").alias("text")
        )
        whole.quarantine = pl.concat([whole.quarantine, told.cast(QUARANTINE)])
        whole.notes[path] = (
            "its Parquet data are damaged: rows are lost, and some just before them may not be as they were written"
        )
        return whole


def readable(begin: int, end: int, can: Callable[[int, int], bool]) -> Iterator[Span]:
    """Yield the runs of rows that can be read; what lies between two bad rows may be taken for bad.

    >>> bad = {3, 4, 5, 6}
    >>> list(readable(0, 10, lambda a, b: not bad & set(range(a, b))))
    [(0, 3), (7, 10)]
    """
    while begin < end:
        first = begin
        step = end - first
        while step:  # As far as rows can be read, by halves.
            if first + step <= end and can(first, first + step):
                first += step
            step = step // 2
        while first < end and can(first, first + 1):
            first += 1
        if first > begin:
            yield begin, first
        begin = _next_readable(first, end, can)


def _next_readable(bad: int, end: int, can: Callable[[int, int], bool]) -> int:
    """Return the row behind a bad one from which on rows can be read again, or the end."""
    step = 1
    while bad + step < end and not can(bad + step, bad + step + 1):
        step *= 2
    good = min(bad + step, end)
    while good - bad > 1:
        middle = (bad + good) // 2
        good, bad = (middle, bad) if can(middle, middle + 1) else (good, middle)
    return good


def _rows(file: str) -> pl.LazyFrame:
    return pl.scan_parquet(file, glob=False, hive_partitioning=False, row_index_name=_ROW)


def _read_rows(path: str, raw: pl.LazyFrame, form: Format, wanted: Wanted) -> Batch:
    values = raw.select(*_values(form), _faulty(form).alias("_bad"), pl.lit(path).alias("object"))
    kept = _collect(wanted(_with_status(values.filter(~pl.col("_bad")), form), _held(form)))
    bad = _collect(raw.filter(_faulty(form)).select(_row(path, form)))
    return Batch(kept, quarantine=bad.select(*QUARANTINE).cast(QUARANTINE))


def _row(path: str, form: Format) -> list[pl.Expr]:
    text = pl.concat_str([_col(c).cast(pl.String).fill_null("-") for c, _ in form.types], separator=" ")
    return [
        pl.lit(path).alias("object"),
        (pl.col(_ROW).cast(pl.Int64) + 1).alias("line"),
        _reason(form).alias("reason"),
        text.str.slice(0, _CUT).alias("text"),
    ]


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect(engine="streaming")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as why:
        what = str(why).split("\n", maxsplit=1)[0][:160]
        raise FormatError(f"its Parquet data cannot be read ({what})") from None


def _held(form: Format) -> list[str]:
    return [*form.columns, "log_status", "object"]


def _with_status(frame: pl.LazyFrame, form: Format) -> pl.LazyFrame:
    return frame if "log-status" in form.names else frame.with_columns(log_status=implied_status(form.columns))


def _values(form: Format) -> list[pl.Expr]:
    return [_value(*pair) for pair in zip(form.names, form.types, strict=True)]


def _value(name: str, column: tuple[str, str]) -> pl.Expr:
    """Return a column's values by the registry's type; null where a value is none of its field."""
    spec = field_of(name)
    value = _text(*column) if spec.raw == pl.String else _number(spec, *column).cast(spec.dtype, strict=False)
    return value.alias(spec.column)


def _faulty(form: Format) -> pl.Expr:
    """Return whether a row has a value that is none of its field."""
    faults = [fault for pair in zip(form.names, form.types, strict=True) for fault in _fault(*pair)]
    return pl.any_horizontal([pl.lit(value=False), *faults]).fill_null(value=False)


def _fault(name: str, column: tuple[str, str]) -> list[pl.Expr]:
    spec = field_of(name)
    if name == "log-status":
        return [~_text(*column).is_in(STATUSES).fill_null(value=False)]
    if spec.raw == pl.String:
        return []
    most = LATEST if spec.dtype == TIME else spec.most
    number = _number(spec, *column)
    return [~_nothing(*column) & ~number.is_between(0, most).fill_null(value=False)]


def _reason(form: Format) -> pl.Expr:
    reason = pl.lit("it is no record")
    for name, column in reversed(list(zip(form.names, form.types, strict=True))):
        what = "not OK, NODATA or SKIPDATA" if name == "log-status" else "not a whole number in range"
        seen = _col(column[0]).cast(pl.String).fill_null("-").str.slice(0, 40)
        for fault in _fault(name, column):
            words = pl.format("{} is '{}', {}", pl.lit(name), seen, pl.lit(what))
            reason = pl.when(fault).then(words).otherwise(reason)
    return reason


def _col(column: str) -> pl.Expr:
    """Return a column by its name, which may look like one of polars' patterns."""
    return cs.by_name(column).as_expr()


def _is_text(kind: str) -> bool:
    return kind.startswith(("String", "Categorical", "Enum", "Binary"))


def _nothing(column: str, kind: str) -> pl.Expr:
    """Return whether there is no value: null, or one of the words for it."""
    value = _col(column)
    if kind.startswith("Float"):
        return value.is_null() | value.is_nan()
    if _is_text(kind):
        return value.is_null() | _bare(column).str.to_lowercase().is_in(_NOTHING).fill_null(value=True)
    return value.is_null()


def _bare(column: str) -> pl.Expr:
    return _col(column).cast(pl.String, strict=False).str.strip_chars()


def _text(column: str, kind: str) -> pl.Expr:
    """Return values as text; an account id that became a number is written out."""
    value = _bare(column)
    if kind.startswith("Float"):
        whole = _col(column).cast(pl.Int64, strict=False)
        value = pl.when(_col(column) == whole).then(whole.cast(pl.String)).otherwise(value)
    return pl.when(~_nothing(column, kind)).then(value)


def _number(spec: Field, column: str, kind: str) -> pl.Expr:
    """Return values as whole numbers, null where they are none; times in milliseconds."""
    value = _col(column)
    if spec.dtype == TIME and kind.startswith(("Datetime", "Date")):
        return value.cast(pl.Datetime("ms")).dt.epoch("ms")
    if kind.startswith("Float"):
        whole = value.cast(pl.Int64, strict=False)
        number: pl.Expr = pl.when(value == whole).then(whole)
    elif _is_text(kind):
        digits = _bare(column).str.replace(r"\.0+$", "")
        number = digits.cast(pl.Int64, strict=False)
    else:
        number = value.cast(pl.Int64, strict=False)
    if spec.dtype != TIME:
        return number
    millis = pl.when(number.is_between(0, MILLIS - 1)).then(number * 1000).otherwise(number)
    return pl.coalesce(millis, _iso(column)) if _is_text(kind) else millis


def _iso(column: str) -> pl.Expr:
    """Return an ISO time in milliseconds; one without an offset is UTC."""
    text = _bare(column).str.replace(" ", "T", literal=True).str.replace(r"(Z|\+00:00|T?UTC)$", "")
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="ms", strict=False).dt.epoch("ms")
