"""Damaged text to records: every line is looked at, none is lost.

The text is taken in blocks of whole lines, so memory stays flat whatever the file's size. polars reads a block's words
in one go; only the lines that may be no records as they stand get a second look (`flowkit.formats.odd`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import pairwise

import polars as pl

from flowkit.formats.batch import QUARANTINE, Batch, Wanted
from flowkit.formats.form import Format, fits, implied_status
from flowkit.formats.loose import ODD, rows
from flowkit.formats.odd import CUT, Odd, look, numbered
from flowkit.formats.pieces import Block, blocks
from flowkit.formats.text import STUMBLES
from flowkit.formats.words import judged, split, values
from flowkit.schema import DEFAULT, TGW_DEFAULT, field_of, is_header
from flowkit.wording import many

NO_HEADER = "it names fields, but what follows does not hold them"

_LOOK = 4096
"""Bytes of a text that show how it is spaced."""

Header = tuple[int, tuple[str, ...]]
"""A header's line number and the fields it names."""


def read_careful(path: str, form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield what can be read of one object, block by block; what is to be said of the whole comes last."""
    notes: dict[str, str] = {}
    reader = Reader(path, form, wanted)
    for block in blocks(path, notes):
        yield from reader.read(block)
    yield reader.last(notes)


@dataclass
class Reader:
    """One object's lines to records; a header inside it changes the format of what follows."""

    path: str
    form: Format
    wanted: Wanted
    glued: int = 0
    seen: Counter[tuple[str, ...]] = field(default_factory=Counter)
    sample: str = ""
    left_out: dict[str, None] = field(default_factory=dict)

    def read(self, block: Block) -> Iterator[Batch]:
        """Yield the records of a block, in parts that stand under one header each."""
        neat = _neat(block) if self.form.careful and spaced_oddly(block.data) else block
        found = _rows(neat, self.form, self.wanted)
        faults = block.faults | self._end(block)
        if faults:
            found = found.with_columns(pl.col(ODD) | pl.int_range(pl.len()).is_in([n - block.number for n in faults]))
        good, odd = self.judged(found, _odd_lines(block, found[ODD]), faults)
        foreign = self.foreign(odd)
        if not foreign:
            yield self.batch(good, odd)
        elif false := [n for n, names in foreign if not _followed(n, names, block)]:
            # A line of another program, made of words that are names of fields.
            yield from self.read(replace(block, faults=faults | dict.fromkeys(false, NO_HEADER)))
        else:
            yield from self._parts(block, odd.headers)

    def judged(
        self, found: pl.DataFrame, lines: pl.DataFrame, faults: Mapping[int, str]
    ) -> tuple[list[pl.DataFrame], Odd]:
        """Return the records of rows as `loose.rows` has them and of the odd lines among them, and what is left."""
        clean = found.lazy().filter(~pl.col(ODD)).with_columns(object=pl.lit(self.path))
        lines, others = self._others(lines, faults)
        return [self._wanted(clean, self.form), *others], look(lines, faults, self.form)

    def foreign(self, odd: Odd) -> list[Header]:
        """Return the headers that name other fields than those of the format."""
        return [header for header in odd.headers if header[1] != self.form.names]

    def last(self, notes: Mapping[str, str]) -> Batch:
        """Return the batch that says what is to be said of the whole."""
        batch = Batch(self._wanted(pl.LazyFrame(schema=self._held(self.form)), self.form))
        words = "; ".join(filter(None, [notes.get(self.path), *self.notes()]))
        batch.notes = {self.path: words} if words else {}
        batch.left_out = tuple(self.left_out)
        return batch

    def batch(self, good: Sequence[pl.DataFrame], odd: Odd) -> Batch:
        """Return the good lines' records, then those of the lines that could be mended, and what the others are."""
        self.glued += odd.glued.len()
        self.sample = self.sample or (odd.glued[0][:CUT] if odd.glued.len() else "")
        mended = [self._records(odd.mended, self.form)] if odd.mended.height else []
        return Batch(
            pl.concat([*good, *mended], how="diagonal"),
            headers={self.path: len(odd.headers)},
            blanks={self.path: odd.blanks},
            quarantine=odd.bad.sort("line").select(pl.lit(self.path).alias("object"), *list(QUARANTINE)[1:]),
        )

    def notes(self) -> Iterator[str]:
        """Yield what is to be said of the object's lines."""
        for names, count in (+self.seen).items():
            known = {DEFAULT: "the default format", TGW_DEFAULT: "the transit gateway's default format"}
            yield f"{many(count, 'record')} of another format: {known.get(names, 'the fields given')}"
        if self.glued:
            first = f"the first of them {self.sample!r}"
            yield f"{many(self.glued, 'line')} had other text before the record, which was left out: {first}"
        if self.left_out:
            left = ", ".join(self.left_out)
            yield f"a header or a format inside it has {left}: flowkit.load keeps what flowkit.scan leaves out"

    def _others(self, lines: pl.DataFrame, faults: Mapping[int, str]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """Return which lines are odd in each format they may be of, and the records of those that are not."""
        found = []
        for names in (self.form.names, *self.form.also) if lines.height else ():
            form = replace(self.form, names=names)
            spaces = pl.col("text").str.count_matches(" ", literal=True)
            likely = (spaces == form.lead + len(names) - 1) & ~pl.col("line").is_in(list(faults))
            tried = lines.filter(likely)
            if not tried.height:
                continue
            known = judged(split(joined(tried["text"]), form), form)
            if known.height == tried.height and (good := known["_good"]).any():
                found.append(self._records(known, form))
                self.seen[names] += int(good.sum()) if names != self.form.names else 0
                lines = pl.concat([tried.filter(~good), lines.filter(~likely)]).sort("line")
        return lines, found

    def _parts(self, block: Block, headers: Sequence[Header]) -> Iterator[Batch]:
        lines = block.data.split(b"\n")
        edges = [block.number, *(n for n, _ in headers), block.number + block.count]
        forms = [self.form, *(replace(self.form, names=names) for _, names in headers)]
        for form, (begin, end) in zip(forms, pairwise(edges), strict=True):
            if begin == end:
                continue
            self.form = form
            data = b"\n".join(lines[begin - block.number : end - block.number])
            faults = {n: why for n, why in block.faults.items() if begin <= n < end}
            yield from self.read(Block(data, begin, end - begin, faults, block.end if end == edges[-1] else ""))

    def _end(self, block: Block) -> dict[int, str]:
        """Return the reason why the last line cannot be trusted, where the file ends inside it or may do so."""
        last, number = self.form.names[-1], block.number + block.count - 1
        if block.end == "cut" and last != "log-status":
            return {number: "the file is cut short in this line"}
        if block.end == "open" and field_of(last).raw != pl.String:
            return {number: f"the file ends here without a line end, so that its last number, {last}, may be cut short"}
        return {}

    def _records(self, known: pl.DataFrame, form: Format) -> pl.DataFrame:
        frame = known.lazy().filter("_good").select(values(form)).with_columns(object=pl.lit(self.path))
        if "log-status" not in form.names:
            frame = frame.with_columns(log_status=implied_status(form.columns))
        return self._wanted(frame, form)

    def _wanted(self, frame: pl.LazyFrame, form: Format) -> pl.DataFrame:
        if not self.wanted.open:
            self.left_out |= dict.fromkeys(c for c in form.columns if c not in self.wanted.types)
        return self.wanted(frame, [*form.columns, "log_status", "object"]).collect()

    def _held(self, form: Format) -> pl.Schema:
        types = {field_of(name).column: field_of(name).dtype for name in form.names}
        return pl.Schema({**types, "log_status": pl.String, "object": pl.String})


def _rows(block: Block, form: Format, wanted: Wanted) -> pl.DataFrame:
    """Return a block's rows as `loose.rows` has them; all are odd where polars cannot read them as they stand."""
    for data in (block.data, None):
        try:
            # Some bytes may be no UTF-8; looking for them costs more.
            text = block.data.decode("utf-8", "replace").encode() if data is None else data
            found = rows(BytesIO(text + b"\n"), form, wanted)
        except STUMBLES:
            continue
        if found.height == block.count:
            return found
    held = rows(BytesIO(b"\n"), form, wanted).clear()
    return pl.DataFrame({ODD: [True] * block.count}, schema={ODD: pl.Boolean}).select(
        *(pl.lit(None, dtype=t).alias(c) for c, t in held.schema.items() if c != ODD), ODD
    )


def _followed(number: int, names: Sequence[str], block: Block) -> bool:
    """Return whether one of the lines after a header holds its fields, or there is none after it."""
    begin = number - block.number + 1
    lines = block.data.split(b"\n", begin + 5)[begin : begin + 5]
    words = [line.decode("utf-8", "replace").split() for line in lines if line.strip()]
    return len(names) > 1 and (not words or any(fits(w, names) or is_header(w) for w in words))


def _odd_lines(block: Block, odd: pl.Series) -> pl.DataFrame:
    """Return the number and text of a block's odd lines."""
    chosen = odd.arg_true().cast(pl.Int64)
    lines = _lines(block) if chosen.len() else pl.Series([], dtype=pl.String)
    if lines is None:
        raw = block.data.split(b"\n")
        lines = pl.Series([raw[i].decode("utf-8", "replace") for i in chosen], dtype=pl.String)
    else:
        lines = lines.gather(chosen)
    return numbered(chosen + block.number, lines)


def _lines(block: Block) -> pl.Series | None:
    """Return the text of a block's lines, None where some bytes are no UTF-8 or make polars see something else."""
    try:
        lines = pl.scan_lines(BytesIO(block.data + b"\n")).collect()["line"]
    except (pl.exceptions.ComputeError, OSError):  # What begins as compressed data do is unpacked, or tried.
        return None
    return lines if lines.len() == block.count else None


def _neat(block: Block) -> Block:
    """Return a block with one space between words and none around them."""
    lines = _lines(block)
    if lines is None:
        lines = pl.Series(block.data.decode("utf-8", "replace").split("\n"), dtype=pl.String)
    return replace(block, data=joined(tidy(lines)))


def joined(lines: pl.Series) -> bytes:
    """Return lines as text, without the last line end."""
    return "".join(lines.str.join("\n")).encode()


def spaced_oddly(text: bytes) -> bool:
    """Return whether a text begins with lines that have other than single spaces."""
    return any(sign in text[:_LOOK] for sign in (b"  ", b"\t", b"\n ")) or text[:1] == b" "


def tidy(lines: pl.Series) -> pl.Series:
    """Return lines with one space between words and none around them."""
    if lines.str.contains("[\t\x0b\x0c]").any():
        for sign in "\t\x0b\x0c":
            lines = lines.str.replace_all(sign, " ", literal=True)
    while lines.str.contains("  ", literal=True).any():
        lines = lines.str.replace_all("  ", " ", literal=True)
    return lines.str.strip_chars(" ")
