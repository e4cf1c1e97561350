"""Columns of words, as cells and keys have them, to values: whole columns at once, each strange word only once."""

from __future__ import annotations

from functools import reduce
from operator import or_

import polars as pl

from flowkit.formats.batch import Wanted
from flowkit.formats.form import LATEST, MILLIS, Format, implied_status
from flowkit.formats.loose import ODD
from flowkit.formats.words import is_name
from flowkit.formats.wrapped.rows import NOTHING, word
from flowkit.schema import STATUSES, TIME, Field, field_of

_LONGEST = max(map(len, NOTHING))
_SPACE = r"(?-u:[\t-\r ])|[\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
_ISO = "%Y-%m-%d %H:%M:%S%.f"


def read(form: Format, wanted: Wanted) -> list[str]:
    """Return the columns that have to be read: those wanted, and those that tell what is no record."""
    needed = wanted.reads | {"log_status"} | (set() if "log-status" in form.names else {form.columns[0]})
    return [c for c in form.columns if wanted.open or c in needed]


def plain(text: bytes) -> bool:
    """Return whether no white space but " " can stand in the words of a text."""
    return text.isascii() and not any(sign in text for sign in (b"\t", b"\v", b"\f", b"\r", b"\\"))


def valued(words: pl.DataFrame, odd: pl.Series, form: Format, *, simple: bool) -> pl.DataFrame:
    """Return a row a row: its words as values, and `loose.ODD` where it may be no record as it stands.

    `words` has the columns that `read` names, as text or whole numbers, null where there is nothing; `odd` the rows
    that are known to be odd. `simple` is what `plain` says of the text they are from.
    """
    made, odds = [], [odd]
    for column in words.columns:
        spec = field_of(column)
        if spec.raw == pl.String:
            made.append(_text(words[column], spec, simple=simple))
        else:
            value, bad = _number(words[column], spec)
            made.append(value)
            odds.append(bad)
    frame = pl.DataFrame(made, schema=None if made else {})
    if "log-status" in form.names:
        status = frame["log_status"]
        odds.append(~reduce(or_, (status == known for known in STATUSES)).fill_null(value=False))
    else:
        odds.append(frame.select(is_name(form.columns[0])).to_series())
        frame = frame.with_columns(log_status=implied_status([c for c in form.columns if c in frame.columns]))
    return frame.with_columns(reduce(or_, odds).alias(ODD))


def _text(words: pl.Series, spec: Field, *, simple: bool) -> pl.Series:
    """Return texts, null where a word stands for nothing; white space inside them is percent-encoded."""
    words = words.cast(pl.String)
    return _mended(words, _strange(words, simple=simple), spec).alias(spec.column)


def _strange(words: pl.Series, *, simple: bool) -> pl.Series:
    """Return which texts are no words, or words for nothing."""
    strange = words.str.contains(" ", literal=True) if simple else words.str.contains(_SPACE)
    if (words.str.len_bytes() <= _LONGEST).any():
        strange |= words.str.to_lowercase().is_in(NOTHING)
    return strange.fill_null(value=False)


def _number(words: pl.Series, spec: Field) -> tuple[pl.Series, pl.Series]:
    """Return numbers by the field's own type, and where a word is none of the field."""
    number = words.cast(pl.Int64, strict=False)
    strange = number.is_null() & words.is_not_null()
    bad = pl.repeat(value=False, n=words.len(), dtype=pl.Boolean, eager=True)
    if strange.any():
        if spec.dtype == TIME:
            number, strange = _with_iso(words, number, strange)
        mended = _mended(words, strange, spec)
        number = number.zip_with(~strange, mended.cast(pl.Int64, strict=False))
        bad = number.is_null() & mended.is_not_null()
    most = LATEST if spec.dtype == TIME else spec.most
    bad |= ~number.is_between(0, most).fill_null(value=True)
    if spec.dtype == TIME:
        number = number.zip_with((number >= MILLIS).fill_null(value=False), number * 1000)
    return number.cast(spec.dtype, strict=False).alias(spec.column), bad


def _with_iso(words: pl.Series, number: pl.Series, strange: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return numbers with the times of AWS's consoles, in UTC, in milliseconds; which words are still strange."""
    times = words.str.to_datetime(_ISO, time_unit="ms", strict=False).dt.epoch("ms")
    fit = strange & times.is_not_null() & (times >= MILLIS).fill_null(value=False)
    return number.zip_with(~fit, times), strange & ~fit


def _mended(words: pl.Series, strange: pl.Series, spec: Field) -> pl.Series:
    """Return words in which the strange ones are as a flow-log line has them, null for nothing."""
    if not strange.any():
        return words
    found = words.filter(strange).unique()
    said = {one: None if (mended := word(one, spec.name)) == "-" else mended for one in found}
    return words.zip_with(~strange, words.replace_strict(said, default=None, return_dtype=pl.String))


def lines(words: pl.DataFrame, form: Format) -> pl.Series:
    """Return rows of words as flow-log lines."""
    texts = [_word_by_word(words[c].cast(pl.String), field_of(c)).fill_null("-") for c in form.columns]
    return pl.DataFrame(texts).select(pl.concat_str(pl.all(), separator=" ")).to_series()


def _word_by_word(words: pl.Series, spec: Field) -> pl.Series:
    number = spec.raw != pl.String
    strange = words.cast(pl.Int64, strict=False).is_null() & words.is_not_null() if number else None
    return _mended(words, _strange(words, simple=False) if strange is None else strange, spec)
