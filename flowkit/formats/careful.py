"""Damaged text to records: every line is looked at, none is lost.

The text is taken in blocks of whole lines, so memory stays flat whatever the file's size. A gzip file that is cut short
or damaged gives what can be read of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from flowkit.formats.batch import QUARANTINE, Batch, Wanted
from flowkit.formats.detect import LATEST, Format, typed
from flowkit.schema import STATUSES, TIME, field_of

BLOCK = 8 << 20
"""Bytes of text held at once."""

_CUT = 200
_PIECE = 1 << 20


def read_careful(path: str, form: Format, wanted: Wanted) -> Batch:
    """Return what can be read of one file, each line that is no record counted or quarantined with its reason."""
    batches, number = [], 1
    notes: dict[str, str] = {}
    for block in _blocks(path, notes):
        lines = block.split("\n")
        batches.append(_read_block(path, lines, number, form, wanted))
        number += len(lines)
    if not batches:
        batches = [_read_block(path, [], 1, form, wanted)]
    whole = Batch.join(batches)
    for counts, name in ((whole.headers, "headers"), (whole.blanks, "blanks")):
        counts[path] = sum(getattr(b, name)[path] for b in batches)
    whole.notes = notes
    return whole


def _blocks(path: str, notes: dict[str, str]) -> Iterator[str]:
    """Yield the text in blocks of whole lines, without the last line end."""
    rest = b""
    for piece in _pieces(path, notes):
        rest += piece
        if len(rest) >= BLOCK and b"\n" in rest:
            block, _, rest = rest.rpartition(b"\n")
            yield block.decode("utf-8", "replace")
    if rest:
        yield rest.removesuffix(b"\n").decode("utf-8", "replace")


def _pieces(path: str, notes: dict[str, str]) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        raw = iter(lambda: file.read(_PIECE), b"")
        first = next(raw, b"")
        if first[:2] == b"\x1f\x8b":
            yield from _inflated(path, first, raw, notes)
        else:
            yield first
            yield from raw


def _inflated(path: str, first: bytes, raw: Iterator[bytes], notes: dict[str, str]) -> Iterator[bytes]:
    """Yield what a gzip file holds, member by member, as far as it can be read."""
    machine, data, done = zlib.decompressobj(wbits=31), first, 0
    try:
        while data:
            text = machine.decompress(data)
            done += len(text)
            yield text
            data = machine.unused_data or next(raw, b"")
            if machine.eof and data:
                machine = zlib.decompressobj(wbits=31)
    except zlib.error:
        notes[path] = f"its gzip data are damaged: {done:,} bytes of text could be read, the rest is lost"
        return
    if not machine.eof:
        notes[path] = f"its gzip data are cut short: {done:,} bytes of text could be read, the rest is missing"


def _read_block(path: str, lines: list[str], number: int, form: Format, wanted: Wanted) -> Batch:
    frame = _words(lines, number, form)
    judged = frame.with_columns(_reason(form).alias("_reason"))
    good = judged.filter(pl.col("_reason").is_null()).lazy()
    records = good.with_columns(_values(form)).with_columns(typed(form.columns, form.unit))
    if "log-status" not in form.names:
        records = records.with_columns(log_status=pl.lit("OK"))
    records = records.with_columns(object=pl.lit(path))
    bad = judged.filter(~pl.col("_reason").is_in(["", "header"]))
    return Batch(
        wanted(records, [*form.columns, "log_status", "object"]).collect(),
        headers={path: judged.filter(pl.col("_reason") == "header").height},
        blanks={path: judged.filter(pl.col("_reason") == "").height},
        quarantine=bad.select(
            pl.lit(path).alias("object"), line="_line", reason="_reason", text=pl.col("_text").str.slice(0, _CUT)
        ).cast(QUARANTINE),
    )


def _words(lines: list[str], number: int, form: Format) -> pl.DataFrame:
    """Return a row a line: its number, its text, how many words it has, and the words as columns."""
    text = pl.col("_text").str.replace("^\ufeff", "").str.strip_chars(" \t\r").str.replace_all(r"[ \t]+", " ")
    frame = pl.DataFrame({"_text": lines}, schema={"_text": pl.String}).with_row_index("_number")
    frame = frame.with_columns(_line=pl.col("_number").cast(pl.Int64) + number, _bare=text)
    if form.lead:
        frame = frame.with_columns(_bare=pl.col("_bare").str.replace(r"^\S+T\S+(Z|[+-]\d\d:?\d\d) ", ""))
    words = pl.col("_bare").str.split(" ").alias("_words")
    frame = frame.with_columns(words).with_columns(_count=pl.col("_words").list.len())
    return frame.with_columns(
        pl.col("_words").list.get(i, null_on_oob=True).alias(c) for i, c in enumerate(form.columns)
    ).drop("_words")


def _reason(form: Format) -> pl.Expr:
    """Return why a line is no record: "" for a blank line, "header", words for a malformed one, null for a record."""
    bare = pl.col("_bare")
    header = bare.str.to_lowercase().str.replace_all("_", "-", literal=True) == " ".join(form.names)
    expected = len(form.names)
    reason = pl.when(bare == "").then(pl.lit("")).when(header).then(pl.lit("header"))
    count = pl.col("_count")
    reason = reason.when(count != expected).then(pl.format("it has {} words where {} fields belong", count, expected))
    for name, column in zip(form.names, form.columns, strict=True):
        if name == "log-status":
            why = pl.format("log-status is '{}', not OK, NODATA or SKIPDATA", pl.col(column).str.slice(0, 40))
            reason = reason.when(~pl.col(column).is_in(STATUSES)).then(why)
        elif field_of(name).raw != pl.String:
            why = pl.format("{} is '{}', not a whole number in range", pl.lit(name), pl.col(column).str.slice(0, 40))
            reason = reason.when((pl.col(column) != "-") & ~_number(name, form)).then(why)
    return reason.otherwise(None)


def _number(name: str, form: Format) -> pl.Expr:
    """Return whether a word is a number of its field; a time is one that a calendar can show."""
    field = field_of(name)
    number = pl.col(field.column).cast(field.raw, strict=False)
    if field.dtype == TIME:
        return number.is_between(0, LATEST * (1 if form.unit == "s" else 1000)).fill_null(value=False)
    return number.is_not_null()


def _values(form: Format) -> list[pl.Expr]:
    """Return the words as values: numbers as numbers, `-` as null."""
    return [
        pl.when(pl.col(c) != "-").then(pl.col(c)).cast(field_of(c).raw, strict=False).alias(c) for c in form.columns
    ]
