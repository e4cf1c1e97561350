"""Damaged or wrapped text to records: every line is looked at, none is lost.

The text is taken in blocks of whole lines, so memory stays flat whatever the file's size. polars reads a block's words
in one go; only the lines that are no records as they stand get a second look, in which what can be mended is: spaces
too many, a byte order mark, `80.0` for a number, text of another program before the record.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import pairwise
from typing import Any, Literal

import polars as pl

from flowkit.formats import wrapped
from flowkit.formats.batch import QUARANTINE, Batch, Wanted
from flowkit.formats.form import LATEST, MILLIS, Format, fits, implied_status, is_time, sure
from flowkit.formats.pieces import BLANK, HEADER, Block, blocks
from flowkit.schema import DEFAULT, FIELDS, STATUSES, TGW_DEFAULT, TIME, canonical, field_of, is_header
from flowkit.wording import many

NO_HEADER = "it names fields, but what follows does not hold them"
TWICE = "it is a header that names a field twice"

_CUT = 200
_MANY = 1000
"""Bad lines from which on a block is put in order as a whole."""

_BOM = b"\xef\xbb\xbf"
_SPACES = bytes.maketrans(b"\t\x0b\x0c", b"   ")
_NUMBER = re.compile(r"\D(\d{1,2})$")


def read_careful(path: str, form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield what can be read of one object, block by block; what is to be said of the whole comes last."""
    notes: dict[str, str] = {}
    reader = Reader(path, form, wanted)
    for block in wrapped.blocks(path, form, notes) if form.kind in ("csv", "json") else blocks(path, notes):
        yield from reader.read(block)
    yield reader.last(notes)


@dataclass(frozen=True)
class Odd:
    """A line that is no record as it stands: what is wrong with it, or the words it is mended to."""

    number: int
    text: str
    reason: str | None
    words: Sequence[str] = ()
    count: int = 0
    glued: str = ""


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
        if self.form.careful and (tidy := _tidy(block)):
            block = tidy
        first = _judged(_words(block.data, self.form), self.form)
        faults = block.faults | self._end(block)
        if first.height != block.count:  # Some byte made polars see other lines than there are: one by one, then.
            first = pl.DataFrame({"_good": [False] * block.count})
        if faults:
            sound = ~pl.int_range(pl.len()).is_in([n - block.number for n in faults])
            first = first.with_columns(_good=pl.col("_good") & sound)
        bad = [i + block.number for i in (~first["_good"]).arg_true()]
        if len(bad) > _MANY and (tidy := _tidy(block)):
            yield from self.read(tidy)
            return
        texts = dict(zip(bad, _texts(block, bad), strict=True))
        bad, others = self.others(bad, texts, faults)
        odd = [_look(n, texts[n], faults.get(n), self.form) for n in bad]
        headers = [o for o in odd if o.reason == HEADER]
        foreign = [o for o in headers if tuple(o.words) != self.form.names]
        if not foreign:
            clean = [self._records(first, self.form)] if first["_good"].any() else []
            yield self.batch([*clean, *others], odd)
        elif false := [o for o in foreign if not _followed(o, block)]:
            # A line of another program, made of words that are names of fields.
            yield from self.read(replace(block, faults=faults | dict.fromkeys([o.number for o in false], NO_HEADER)))
        else:
            yield from self._parts(block, headers)

    def looked(self, bad: list[int], texts: Mapping[int, bytes]) -> list[Odd] | None:
        """Return what bad lines are, None where a header of another format is among them."""
        odd = [_look(n, texts[n], None, self.form) for n in bad]
        return None if any(o.reason == HEADER and tuple(o.words) != self.form.names for o in odd) else odd

    def last(self, notes: Mapping[str, str]) -> Batch:
        """Return the batch that says what is to be said of the whole."""
        batch = self.batch([], [])
        words = "; ".join(filter(None, [notes.get(self.path), *self.notes()]))
        batch.notes = {self.path: words} if words else {}
        return batch

    def others(
        self, bad: list[int], texts: Mapping[int, bytes], faults: Mapping[int, str], *, own: bool = False
    ) -> tuple[list[int], list[pl.DataFrame]]:
        """Return which lines are bad in each format they may be of, and the records of those that are not.

        With `own`, the form's own format is tried, too.
        """
        found = []
        for names in (*([self.form.names] if own else []), *self.form.also) if bad else ():
            form = replace(self.form, names=names)
            tried = [n for n in bad if n not in faults]
            judged = _judged(_words(b"\n".join(texts[n] for n in tried), form), form)
            if judged.height == len(tried) and judged["_good"].any():
                found.append(self._records(judged, form))
                good = {tried[i] for i in judged["_good"].arg_true()}
                self.seen[names] += len(good) if names != self.form.names else 0
                bad = [n for n in bad if n not in good]
        return bad, found

    def batch(self, good: Sequence[pl.DataFrame], odd: Sequence[Odd]) -> Batch:
        """Return the good lines' records, then those of the lines that could be mended, and what the others are."""
        headers, blanks = (sum(o.reason == sort for o in odd) for sort in (HEADER, BLANK))
        known = [(o.number, o.reason, o.text[:_CUT]) for o in odd if o.reason and o.reason != HEADER]
        second = _mended([o for o in odd if o.reason is None], self.form)
        self._note_glued(second.filter("_good"))
        return Batch(
            pl.concat([*good, self._records(second, self.form)], how="diagonal"),
            headers={self.path: headers},
            blanks={self.path: blanks},
            quarantine=_quarantine(self.path, [*known, *_reasons(second.filter(~pl.col("_good")), self.form)]),
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

    def _parts(self, block: Block, headers: Sequence[Odd]) -> Iterator[Batch]:
        lines = block.data.split(b"\n")
        edges = [block.number, *(o.number for o in headers), block.number + block.count]
        forms = [self.form, *(replace(self.form, names=tuple(o.words)) for o in headers)]
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

    def _note_glued(self, mended: pl.DataFrame) -> None:
        glued = mended.filter(pl.col("_glued") != "")["_glued"]
        self.glued += glued.len()
        self.sample = self.sample or (glued[0][:_CUT] if glued.len() else "")

    def _records(self, judged: pl.DataFrame, form: Format) -> pl.DataFrame:
        frame = judged.lazy().filter("_good").select(_values(form)).with_columns(object=pl.lit(self.path))
        if "log-status" not in form.names:
            frame = frame.with_columns(log_status=implied_status(form.columns))
        if not self.wanted.open:
            self.left_out |= dict.fromkeys(c for c in form.columns if c not in self.wanted.types)
        return self.wanted(frame, [*form.columns, "log_status", "object"]).collect()


def _followed(header: Odd, block: Block) -> bool:
    """Return whether one of the lines after a header holds its fields, or there is none after it."""
    begin = header.number - block.number + 1
    lines = block.data.split(b"\n", begin + 5)[begin : begin + 5]
    words = [line.decode("utf-8", "replace").split() for line in lines if line.strip()]
    return len(header.words) > 1 and (not words or any(fits(w, header.words) or is_header(w) for w in words))


def _texts(block: Block, numbers: Sequence[int]) -> list[bytes]:
    """Return the text of some lines."""
    if not numbers:
        return []
    if len(numbers) < _MANY:
        try:
            wanted = pl.scan_lines(BytesIO(block.data + b"\n")).with_row_index("_line", block.number)
            held = wanted.filter(pl.col("_line").is_in(list(numbers))).collect()["line"]
        except pl.exceptions.ComputeError:  # Some bytes are no UTF-8.
            held = pl.Series([], dtype=pl.String)
        if held.len() == len(numbers):
            return [line.encode() for line in held]
    lines = block.data.split(b"\n")
    return [lines[n - block.number] for n in numbers]


def _tidy(block: Block) -> Block | None:
    """Return the block with one space between words and none around them, None where it is so already."""
    data = b"\n" + block.data.translate(_SPACES).replace(b"\r\n", b"\n") + b"\n"
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    data = data.replace(b"\n ", b"\n").replace(b" \n", b"\n")[1:-1]
    return None if data == block.data else replace(block, data=data)


def _words(data: bytes, form: Format) -> pl.DataFrame:
    """Return a row a line: its words as columns, null where there is none, and `_more` where there are too many."""
    try:
        return _split(data, form, "utf8")
    except pl.exceptions.ComputeError:  # Some bytes are no UTF-8; looking for them costs more.
        return _split(data, form, "utf8-lossy")


def _split(data: bytes, form: Format, encoding: Literal["utf8", "utf8-lossy"]) -> pl.DataFrame:
    names = [*(f"_lead{i}" for i in range(form.lead)), *form.columns, "_more"]
    return pl.scan_csv(
        BytesIO(data + b"\n"),
        separator=" ",
        quote_char=None,
        has_header=False,
        schema=dict.fromkeys(names, pl.String),
        infer_schema=False,
        missing_columns="insert",
        extra_columns="ignore",
        truncate_ragged_lines=True,
        encoding=encoding,
    ).collect()


def _judged(words: pl.DataFrame, form: Format) -> pl.DataFrame:
    """Return the words with their values as `#column` where they are numbers, and `_good` where a line is a record."""
    lead = [pl.col("_lead0").str.contains(r"^\d{4}-\d\d-\d\d") | (pl.col("_lead0") == "-")] if form.lead else []
    good = [pl.col(form.columns).is_not_null(), pl.col("_more").is_null(), *lead]
    numbers = [_value(n) for n in form.names if field_of(n).raw != pl.String]
    good += [_sound(n) for n in form.names if field_of(n).raw != pl.String]
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


def _sound(name: str) -> pl.Expr:
    """Return whether a word is nothing, or a number of its field: a time is one that a calendar can show."""
    spec = field_of(name)
    most = LATEST if spec.dtype == TIME else spec.most
    return pl.col(f"#{spec.column}").is_between(0, most).fill_null(value=False) | (pl.col(spec.column) == "-")


def _values(form: Format) -> list[pl.Expr]:
    """Return the words as values: numbers and times by their own type, `-` as null."""
    return [
        pl.when(pl.col(c) != "-").then(pl.col(c)).alias(c)
        if field_of(c).raw == pl.String
        else pl.col(f"#{c}").cast(field_of(c).dtype).alias(c)
        for c in form.columns
    ]


def _look(number: int, line: bytes, fault: str | None, form: Format) -> Odd:
    """Return what a line is that is no record as it stands: known by its reason, or mended to words."""
    text = line.decode("utf-8", "replace").rstrip("\r")
    if fault is not None:
        return Odd(number, text, fault, form.names)
    words = line.removeprefix(_BOM).decode("utf-8", "replace").split()
    if not words:
        return Odd(number, text, BLANK)
    if any(canonical(word) in FIELDS for word in words[:2]) and is_header(words):
        names = tuple(map(canonical, words))
        return Odd(number, text, HEADER if len(set(names)) == len(names) else TWICE, names)
    return _mend(Odd(number, text, None, words[form.lead :] if form.lead and is_time(words[0]) else words), form)


def _mend(odd: Odd, form: Format) -> Odd:
    """Return a line with the words of its record only, where another program left text before it."""
    expected, count = len(form.names), len(odd.words)
    before, first = (odd.words[:-expected], odd.words[-expected:]) if sure(form.names) else ([], odd.words)
    stuck = _NUMBER.search(first[0]) if form.names[0] == "version" and len(first) == expected else None
    if stuck and sure(form.names):
        before, first = [*before, first[0][: stuck.start(1)]], [stuck[1], *first[1:]]
    return replace(odd, words=first, count=count, glued=" ".join(before))


def _mended(odd: Sequence[Odd], form: Format) -> pl.DataFrame:
    """Return the mended lines as `_judged` has them, with `_text`, `_count` (of words) and `_glued` (text before)."""
    none = [None] * len(form.names)
    rows = [o.words if len(o.words) == len(form.names) else none for o in odd]
    words = {c: [row[i] for row in rows] for i, c in enumerate(form.columns)}
    lead = {f"_lead{i}": ["-"] * len(odd) for i in range(form.lead)}
    blank = {**lead, **words, "_more": [None] * len(odd)}
    numbers = [c for c in form.columns if field_of(c).raw != pl.String]
    whole = pl.col(numbers).str.replace(r"^(\d+)\.0+$", "$1")  # pandas makes 25238.0 of 25238.
    frame = _judged(pl.DataFrame(blank, schema=dict.fromkeys(blank, pl.String)).with_columns(whole), form)
    return frame.with_columns(
        pl.Series("_line", [o.number for o in odd], pl.Int64),
        pl.Series("_text", [o.text for o in odd], pl.String),
        pl.Series("_count", [o.count for o in odd], pl.Int64),
        pl.Series("_glued", [o.glued for o in odd], pl.String),
    )


def _reasons(bad: pl.DataFrame, form: Format) -> list[tuple[int, str, str]]:
    """Return number, reason and text (cut) of mended lines that are no records all the same."""
    expected, count = len(form.names), pl.col("_count")
    what = pl.when(count == 1).then(pl.lit("word")).otherwise(pl.lit("words"))
    words = pl.format("it has {} {} where {} fields belong", count, what, expected)
    reason: Any = pl.when(count != expected).then(words)
    for name, column in zip(form.names, form.columns, strict=True):
        seen = pl.col(column).str.slice(0, 40)
        if name == "log-status":
            why = pl.format("log-status is '{}', not OK, NODATA or SKIPDATA", seen)
            reason = reason.when(~pl.col(column).is_in(STATUSES)).then(why)
        elif field_of(name).raw != pl.String:
            why = pl.format("{} is '{}', not a whole number in range", pl.lit(name), seen)
            reason = reason.when(~_sound(name)).then(why)
    return bad.select("_line", reason.otherwise(pl.lit("it is no record")), pl.col("_text").str.slice(0, _CUT)).rows()


def _quarantine(path: str, rows: list[tuple[int, str, str]]) -> pl.DataFrame:
    frame = pl.DataFrame([(path, *row) for row in rows], schema=QUARANTINE, orient="row")
    return frame.sort("line")
