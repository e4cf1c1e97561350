"""Damaged text to records: every line is looked at, none is lost.

The text is taken in blocks of whole lines, so memory stays flat whatever the file's size. polars reads a block's words
in one go; the lines that may be no records as they stand are read once more as they are laid out
(`flowkit.formats.layout`), and what is left gets a second look (`flowkit.formats.odd`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from flowkit.formats.batch import QUARANTINE, Batch, Wanted
from flowkit.formats.form import Format, fits, implied_status
from flowkit.formats.layout import SAMPLE, before, joined, seen
from flowkit.formats.lines import Lines, of_block, of_series, of_text
from flowkit.formats.loose import ODD
from flowkit.formats.odd import CUT, Odd, Turn, look, turns
from flowkit.formats.pieces import GZIP, blocks, head
from flowkit.formats.words import judged, split, values
from flowkit.schema import DEFAULT, TGW_DEFAULT, field_of, is_header
from flowkit.wording import many

NO_HEADER = "it names fields, but what follows does not hold them"

_MANY = 500
"""Odd lines from which on it pays to look for what they have in common."""

_LAYOUTS = 6
"""Layouts that are tried at the most."""


def read_careful(path: str, form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield what can be read of one object, block by block; what is to be said of the whole comes last."""
    notes: dict[str, str] = {}
    reader = Reader(path, form, wanted)
    for block in blocks(path, notes):
        yield from reader.read(of_block(block, reader.form, wanted), block.end)
    yield reader.last(notes)


def read_whole(path: str, text: bytes, form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield the same of one object whose text is held."""
    end = "" if text.endswith(b"\n") else "open" if head(path, 2) != GZIP else ""
    reader = Reader(path, form, wanted)
    yield from reader.read(of_text(text if text.endswith(b"\n") else text + b"\n", form, wanted), end)
    yield reader.last({})


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

    def read(self, lines: Lines, end: str = "") -> Iterator[Batch]:
        """Yield the records of lines, those under one header after the other's; `end` is the block's."""
        found, false = self._turns(lines)
        lines = lines.with_faults(dict.fromkeys(false, NO_HEADER))
        if not found:
            yield self._under(self._ended(lines, end))
            return
        own = self.form
        edges = [lines.numbers[0], *(turn.line for turn in found)]
        under = [own.names, *(turn.names for turn in found)]
        each = list(dict.fromkeys(under))
        places = pl.Series(edges).search_sorted(lines.numbers, side="right") - 1
        which = pl.Series([each.index(names) for names in under]).gather(places)
        for i, names in enumerate(each):
            self.form = replace(own, names=names)
            part = lines.part(which == i)
            if i and part.numbers.len():
                part = of_series(part.text, part.numbers, self.form, self.wanted).with_faults(part.faults)
            if part.numbers.len():
                yield self._under(self._ended(part, end if names == under[-1] else ""))
        self.form = replace(own, names=under[-1])

    def last(self, notes: Mapping[str, str]) -> Batch:
        """Return the batch that says what is to be said of the whole."""
        batch = Batch(self._wanted(pl.LazyFrame(schema=self._held(self.form)), self.form))
        words = "; ".join(filter(None, [notes.get(self.path), *self.notes()]))
        batch.notes = {self.path: words} if words else {}
        batch.left_out = tuple(self.left_out)
        return batch

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

    def _turns(self, lines: Lines) -> tuple[list[Turn], list[int]]:
        """Return where headers stand, if one names other fields, and the lines that only look like such headers.

        Those are lines of another program, made of words that are names of fields.
        """
        found = self.foreign(lines.odd, lines.faults)
        foreign = [turn for turn in found if turn.names != self.form.names]
        false = {turn for turn in foreign if not _followed(turn, lines)}
        found = [turn for turn in found if turn not in false]
        return (found if len(foreign) > len(false) else []), [turn.line for turn in false if not turn.behind]

    def _ended(self, lines: Lines, end: str) -> Lines:
        """Return the lines with the reason why the last cannot be trusted, where the file ends inside it or may do."""
        last = self.form.names[-1]
        if end == "cut" and last != "log-status":
            return lines.with_faults({lines.numbers[-1]: "the file is cut short in this line"})
        if end == "open" and field_of(last).raw != pl.String:
            why = f"the file ends here without a line end, so that its last number, {last}, may be cut short"
            return lines.with_faults({lines.numbers[-1]: why})
        return lines

    def _under(self, lines: Lines) -> Batch:
        """Return the batch of lines that stand under one header."""
        self._note(lines)
        return self.batch(lines.found, lines.odd, lines.faults)

    def foreign(self, odd: pl.DataFrame, faults: Mapping[int, str]) -> list[Turn]:
        """Return the headers among odd lines that name other fields than those of the format, and the others then."""
        return turns(odd.filter(~pl.col("line").is_in(list(faults))), self.form)

    def batch(self, found: pl.DataFrame, odd: pl.DataFrame, faults: Mapping[int, str]) -> Batch:
        """Return the records of rows as `loose.rows` has them and of the odd lines among them, and what is left.

        All stand under one header; `odd` has number (`line`) and `text`, `faults` why some are known to be no records.
        """
        odd, more = self._again(odd, faults)
        odd, others = self._others(odd, faults)
        rest = look(odd, faults, self.form) if odd.height else Odd()
        self._glue(rest.glued.len(), rest.glued[0] if rest.glued.len() else "")
        mended = [self._records(rest.mended, self.form)] if rest.mended.height else []
        return Batch(
            pl.concat([self._clean(found), *more, *others, *mended], how="diagonal"),
            headers={self.path: rest.headers},
            blanks={self.path: rest.blanks},
            quarantine=rest.bad.sort("line").select(pl.lit(self.path).alias("object"), *list(QUARANTINE)[1:]),
        )

    def _again(self, lines: pl.DataFrame, faults: Mapping[int, str]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """Return the lines that are odd in each layout that many have, and the records of those that are not."""
        records: list[pl.DataFrame] = []
        while lines.height >= _MANY and len(records) < _LAYOUTS:
            few = lines["text"].gather_every(max(1, lines.height // SAMPLE))
            layout = seen(few.to_list(), self.form, odd=True)
            if not layout:
                break
            tried = of_series(lines["text"], lines["line"], self.form, self.wanted, layout).with_faults(faults)
            if (~tried.found[ODD]).sum() < lines.height // SAMPLE:
                break
            records.append(self._clean(tried.found))
            self._note(tried)
            lines = tried.odd
        return lines, records

    def _others(self, lines: pl.DataFrame, faults: Mapping[int, str]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """Return which lines are of none of the other formats they may be of, and the records of those that are."""
        found = []
        for names in self.form.also if lines.height else ():
            form = replace(self.form, names=names)
            spaces = pl.col("text").str.count_matches(" ", literal=True)
            likely = (spaces == form.lead + len(names) - 1) & ~pl.col("line").is_in(list(faults))
            tried = lines.filter(likely)
            if not tried.height:
                continue
            known = judged(split(joined(tried["text"]), form), form)
            if known.height == tried.height and (good := known["_good"]).any():
                found.append(self._records(known, form))
                self.seen[names] += int(good.sum())
                lines = pl.concat([tried.filter(~good), lines.filter(~likely)]).sort("line")
        return lines, found

    def _note(self, lines: Lines) -> None:
        """Take note of the text that stands before the records of lines of one layout."""
        layout = lines.layout
        good = ~lines.found[ODD]
        if layout and (layout.lead > self.form.lead or layout.stuck) and good.any():
            first: str = lines.text.filter(good)[0]
            self._glue(int(good.sum()), before(first, layout))

    def _glue(self, count: int, text: str) -> None:
        self.glued += count
        self.sample = self.sample or text[:CUT]

    def _clean(self, found: pl.DataFrame) -> pl.DataFrame:
        return self._wanted(found.lazy().filter(~pl.col(ODD)).with_columns(object=pl.lit(self.path)), self.form)

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


def _followed(turn: Turn, lines: Lines) -> bool:
    """Return whether one of the lines after a header holds its fields, or there is none after it."""
    begin = turn.line - lines.numbers[0] + (not turn.behind)
    words = [line.split() for line in lines.text.slice(begin, 5) if line.strip()]
    return len(turn.names) > 1 and (not words or any(fits(w, turn.names) or is_header(w) for w in words))
