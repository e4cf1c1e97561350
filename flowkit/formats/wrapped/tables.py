"""The rows of a CSV, many at once: polars reads the cells; only rows that are none as they stand get a second look.

A row that goes on in the next line, because a cell of it has a line end, is put together; a quote too many costs its
own row only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import polars as pl

from flowkit.formats.batch import Wanted
from flowkit.formats.form import Format
from flowkit.formats.loose import ODD
from flowkit.formats.odd import numbered
from flowkit.formats.pieces import BLANK, HEADER, Block, blocks
from flowkit.formats.wrapped import cells, values
from flowkit.formats.wrapped.csvs import CLI, LONGEST, columns, joined, message, split
from flowkit.formats.wrapped.rows import Found, Heading, Part, flat, line, named, word
from flowkit.schema import field_of
from flowkit.wording import many

_BLOCK = 8 << 20
"""Bytes of text that are held at once, several times over."""

_BESIDE = r"^(?:SEARCHEDLOGSTREAMS|None|[bf]/[0-9]+(?:/s)?)(?:\t|$)"
"""How lines begin that the AWS CLI writes beside the events."""

Row = list[str]
Placed = tuple[int, tuple[int, ...]]
"""How many cells there are under a header, and in which the fields stand."""


def parts(path: str, form: Format, wanted: Wanted, notes: dict[str, str]) -> Iterator[Part]:
    """Yield the rows of a table; what is to be said of it goes to `notes`."""
    table = _Table(form, wanted, form.places)
    for block in blocks(path, notes, _BLOCK):
        yield from table.read(block)
    yield from table.rest()
    if table.extra:
        left = f"columns that only a later header names, left out: {', '.join(table.extra)}"
        notes[path] = "; ".join(filter(None, [notes.get(path), left]))


@dataclass
class _Table:
    """Rows under a header; another header inside moves the columns."""

    form: Format
    wanted: Wanted
    places: tuple[int, ...]
    width: int = 0
    """How many cells a row has, 0 where no header says so."""
    number: int = 1
    """Of the row that comes next."""
    held: bytes = b""
    """The beginning of a row that the next block may go on with."""
    extra: dict[str, None] = field(default_factory=dict)

    @property
    def belong(self) -> int:
        """How many cells a row has at the least."""
        return self.width or max(self.places) + 1

    def read(self, block: Block) -> Iterator[Part]:
        """Yield the rows of a block."""
        data = _tidy(block.data, first=block.number == 1)
        if block.faults:  # A line that is longer than any record.
            yield from self.rest()
            yield self._lines(cells.lines(data[:1000]), dict.fromkeys([0], *block.faults.values()))
            return
        if self.held:
            data, self.held = self.held + b"\n" + data, b""
        if not self.form.places:
            yield self._apart(data, block.end)
            return
        if block.number == 1 and self.form.header and self._begin(data):
            yield Heading()
            _, more, data = data.partition(b"\n")
            if not more:
                return
        data = cells.closed(data)
        found = cells.read(data, self.form.separator, self.belong, self._needed())
        if found is None:
            yield from self._mended(self._rows(cells.lines(data), block.end), block.end)
        else:
            yield from self._parts(found, data, None, block.end)

    def rest(self) -> Iterator[Part]:
        """Yield what was held of a row that did not go on."""
        data, self.held = self.held, b""
        yield from self._mended(cells.lines(data), "") if data else ()

    def _apart(self, data: bytes, end: str) -> Part:
        """Return a record a cell."""
        separator = self.form.separator
        if b'"' in data:
            rows = (split(text, separator) or [""] for text in cells.lines(data))
            lines = pl.Series([flat(cell) for row in rows for cell in row], dtype=pl.String)
        else:
            lines = cells.lines(data.replace(separator.encode(), b"\n"))
        why = self._cut(end, lines[-1]) if lines[-1].strip() else None
        return self._lines(lines, {lines.len() - 1: why} if why else {})

    def _lines(self, lines: pl.Series, faults: dict[int, str]) -> Block:
        number, self.number = self.number, self.number + lines.len()
        return Block(cells.text(lines), number, lines.len(), {number + i: why for i, why in faults.items()})

    def _begin(self, data: bytes) -> bool:
        """Return whether a text begins with a header, which is taken."""
        row = split(data.partition(b"\n")[0].decode("utf-8", "replace"), self.form.separator)
        if not self._is_header(row):
            return False
        self._take(row)
        self.number += 1
        return True

    def _rows(self, lines: pl.Series, end: str) -> pl.Series:
        """Return a row a line: one that has several is put together; one that may go on in the next block is held."""
        odd, separator = cells.is_odd(lines).arg_true().to_list(), self.form.separator
        if not odd:
            return lines
        texts, last = lines.to_list(), odd[-1]
        runs = list(joined(texts, odd, separator, self.belong))
        for begin, stop in runs:
            texts[begin] = " ".join(texts[begin:stop])
        whole = any(begin <= last < stop for begin, stop in runs)
        rows_behind = any(one.count(separator) + 1 == self.belong for one in texts[last + 1 :][:LONGEST])
        if not (end or whole or rows_behind) and len(texts) - last < LONGEST:
            self.held = "\n".join(texts[last:]).encode()
            del texts[last:]
        within = {i for begin, stop in runs for i in range(begin + 1, stop)}
        return pl.Series([text for i, text in enumerate(texts) if i not in within], dtype=pl.String)

    def _mended(self, lines: pl.Series, end: str) -> Iterator[Part]:
        """Yield the rows that lines are, those with a quote too many among them."""
        if not lines.len():
            return
        data, separator = cells.text(lines), self.form.separator
        found = cells.read(data, separator, self.belong, self._needed())
        if found is None:
            well = cells.well_formed(lines, separator)
            some = cells.text(lines.zip_with(well, cells.NONE))
            found = cells.read(some, separator, self.belong, self._needed())
        if found is None:
            found = cells.read(b"\n" * (lines.len() - 1), separator, self.belong, self._needed())
        if found is not None:
            yield from self._parts(found, data, lines, end)

    def _parts(self, found: pl.DataFrame, data: bytes, lines: pl.Series | None, end: str) -> Iterator[Part]:
        """Yield rows whose cells are read; those under a header that moves the columns are read again."""
        rows = self._valued(found, simple=values.plain(data))
        why = self._cut(end, data[-1:].decode("ascii", "replace"))
        places = (rows[ODD] | (pl.int_range(rows.height, eager=True) == rows.height - 1 if why else False)).arg_true()
        if not places.len():
            yield self._part(rows, pl.Series(dtype=pl.Int64), pl.Series(dtype=pl.String), {})
            return
        lines = cells.lines(data) if lines is None else lines
        texts, faults = self._told(lines.gather(places))
        heads = dict(self._heads(lines.gather(places), faults))
        if moved := {places[i]: row for i, row in heads.items() if self._placed(row) != (self.width, self.places)}:
            yield from self._moved(lines, moved, end)
            return
        faults |= dict.fromkeys(heads, HEADER)
        if why:
            faults.setdefault(places.len() - 1, why)
        yield self._part(rows, places, texts, faults)

    def _moved(self, lines: pl.Series, heads: dict[int, Row], end: str) -> Iterator[Part]:
        """Yield the rows that stand under each of some headers, and those before the first."""
        for begin, stop in pairwise([0, *heads, lines.len()]):
            if begin in heads:
                self._take(heads[begin])
            yield from self._mended(lines[begin:stop], end if stop == lines.len() else "")

    def _needed(self) -> list[int]:
        """Return which cells have to be read."""
        if self.form.message:
            return [self.places[0]]
        chosen = set(values.read(self.form, self.wanted))
        return [i for i, c in zip(self.places, self.form.columns, strict=True) if i >= 0 and c in chosen]

    def _valued(self, found: pl.DataFrame, *, simple: bool) -> pl.DataFrame:
        """Return rows as `loose.rows` has them; the texts of messages as `message`."""
        odd = cells.misfits(found, exact=self.width > 0)
        if not self.form.message:
            chosen = values.read(self.form, self.wanted)
            return values.valued(self._named(found, chosen), odd, self.form, simple=simple)
        texts = found[str(self.places[0])]
        odd |= ~texts.str.contains(" ", literal=True).fill_null(value=False)  # It may be a header's.
        return pl.DataFrame({"message": texts, ODD: odd})

    def _named(self, found: pl.DataFrame, chosen: list[str]) -> pl.DataFrame:
        places = dict(zip(self.form.columns, self.places, strict=True))
        nothing = pl.lit(None, pl.String)
        # Selected at once, nothing but nulls would be one row.
        made = found.with_columns((pl.col(str(places[c])) if places[c] >= 0 else nothing).alias(c) for c in chosen)
        return made.select(chosen)

    def _told(self, rows: pl.Series) -> tuple[pl.Series, dict[int, str]]:
        """Return odd rows as lines, and the reasons of those that are known to be no records."""
        separator, belong = self.form.separator, self.belong
        blank, well = rows.str.strip_chars() == "", cells.well_formed(rows, separator)
        beside = rows.str.contains(_BESIDE) if self.form.title == CLI else blank
        count = cells.counts(rows, separator)
        few = well & (count != belong if self.width else count < belong)
        faults = dict.fromkeys(blank.arg_true().to_list(), BLANK)
        if self.form.title == CLI:
            faults |= dict.fromkeys((beside & ~blank).arg_true().to_list(), HEADER)
        few &= ~blank & ~beside
        for i, cells_seen in zip(few.arg_true().to_list(), count.filter(few), strict=True):
            faults[i] = f"it has {many(cells_seen, 'cell')} where {belong} belong"
        right = well & ~few & ~blank & ~beside
        texts = rows.zip_with(~right, self._as_lines(rows.zip_with(right, cells.NONE)))
        if ill := (~well & ~blank & ~beside).arg_true().to_list():
            told = [self._by_itself(text) for text in rows.gather(ill)]
            faults |= {i: why for i, (_, why) in zip(ill, told, strict=True) if why}
            texts = texts.scatter(ill, [text for text, _ in told])
        return texts, faults

    def _as_lines(self, rows: pl.Series) -> pl.Series:
        """Return well-formed rows as lines, a row of nothing as it stands."""
        found = cells.read(cells.text(rows), self.form.separator, self.belong, [i for i in self.places if i >= 0])
        if found is None:
            return rows
        if self.form.message:
            told = found[str(self.places[0])].str.strip_chars()
            return told.zip_with(told.fill_null("") != "", rows)
        return values.lines(self._named(found, self.form.columns), self.form)

    def _by_itself(self, text: str) -> tuple[str, str | None]:
        """Return an ill-formed row as a line, and the reason where it is none."""
        row = split(text, self.form.separator)
        if len(row) != self.belong if self.width else len(row) < self.belong:
            return text, f"it has {many(len(row), 'cell')} where {self.belong} belong"
        if self.form.message:
            return flat(row[self.places[0]]) or text, None
        named = zip(self.places, self.form.names, strict=True)
        return line(word(row[i] if i >= 0 else "-", name) for i, name in named), None

    def _heads(self, rows: pl.Series, faults: dict[int, str]) -> Iterator[tuple[int, Row]]:
        """Yield the headers among rows."""
        maybe = cells.may_be_headers(rows, self.form.separator, message=self.form.message)
        for i in maybe.arg_true() if self.form.header else ():
            row = split(rows[i], self.form.separator)
            if faults.get(i) != HEADER and self._is_header(row):
                yield i, row

    def _part(self, rows: pl.DataFrame, places: pl.Series, texts: pl.Series, faults: dict[int, str]) -> Part:
        """Return rows with the odd ones among them as lines."""
        if self.form.message:
            found, of = rows["message"], places.to_list()
            return self._lines(found.scatter(places, texts) if of else found, {of[i]: why for i, why in faults.items()})
        number, self.number = self.number, self.number + rows.height
        numbers = (places.cast(pl.Int64) + number).to_list()
        return Found(rows, numbered(numbers, texts), {numbers[i]: why for i, why in faults.items()})

    def _is_header(self, row: Row) -> bool:
        return message(row) is not None if self.form.message else named(columns(row))

    def _placed(self, row: Row) -> Placed:
        found = columns(row)
        places = (message(row) or 0,) if self.form.message else tuple(found.get(name, -1) for name in self.form.names)
        return len(row), places

    def _take(self, row: Row) -> None:
        self.width, self.places = self._placed(row)
        if not self.form.message:
            self.extra |= dict.fromkeys(name for name in columns(row) if name not in self.form.names)

    def _cut(self, end: str, last: str) -> str | None:
        """Return why the last row cannot be trusted, where the file ends inside it or may do so."""
        if not end or last == '"':
            return None
        name = self.form.names[-1 if self.form.message else self.places.index(max(self.places))]
        if end == "cut" and name != "log-status":
            return "the file is cut short in this row"
        if end == "open" and field_of(name).raw != pl.String:
            return f"the file ends here without a line end, so that its last number, {name}, may be cut short"
        return None


def _tidy(data: bytes, *, first: bool) -> bytes:
    """Return text with plain line ends, and nothing that polars would take for something else."""
    data = data.removeprefix(b"\xef\xbb\xbf") if first else data
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").removesuffix(b"\r")
    if b"\0" in data:
        data = data.replace(b"\0", "\N{REPLACEMENT CHARACTER}".encode())
    return data if data.isascii() else data.decode("utf-8", "replace").encode()
