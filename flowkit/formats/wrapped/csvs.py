"""CSV: downloads of the CloudWatch console, of Logs Insights and Athena, of a spreadsheet.

Each line is parsed by itself, so that a quote too many costs its own row only; a row that goes on in the next line,
because its message ends with a line end, is put together.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from flowkit.formats.form import Format, choose, fits
from flowkit.formats.pieces import BLANK, HEADER, blocks
from flowkit.formats.wrapped.rows import field_name, flat, line, word
from flowkit.schema import DEFAULT, field_of, is_header

_MESSAGE = ("message", "@message")
_SEPARATORS = ",;\t|"


def look(lines: Sequence[str], fields: Sequence[str] | None) -> Format | None:
    """Return the format of a CSV that begins with these lines, None where they are none.

    Raises `FormatError` where it is one, but its messages are no flow logs.
    """
    for separator in _SEPARATORS:
        rows = [cells(text, separator) for text in lines if text.strip()]
        if rows and len(rows[0]) > 1:
            form = _look(rows, separator, fields)
            if form:
                return form
    single = [cells(text, ",") for text in lines if text.strip()]
    return _look(single, ",", fields) if single and _message(single[0]) is not None else None


def _look(rows: list[list[str]], separator: str, fields: Sequence[str] | None) -> Format | None:
    place = _message(rows[0])
    if place is not None:
        words = [flat(row[place]).split() for row in rows[1:] if len(row) > place]
        names, origin, _ = choose(words, fields, led=False)
        title = "CloudWatch Insights CSV" if rows[0][place].startswith("@") else "CloudWatch console CSV"
        return Format("csv", names, origin, title, True, message=True, places=(place,), separator=separator)
    if form := _by_name(rows[0], separator):
        return form
    return _headless(rows, separator, fields)


def _message(header: Sequence[str]) -> int | None:
    return next((i for i, cell in enumerate(header) if cell.strip().lower() in _MESSAGE), None)


def _by_name(header: Sequence[str], separator: str) -> Format | None:
    names = _names(header)
    if not names or not is_header(list(names)):
        return None
    title = "CloudWatch Insights CSV" if header != [h.lower() for h in header] or "@" in "".join(header) else "CSV"
    return Format("csv", tuple(names), "header", title, True, places=tuple(names.values()), separator=separator)


def _names(header: Sequence[str]) -> dict[str, int]:
    """Return in which cell each field stands; the first of two with one name counts."""
    found: dict[str, int] = {}
    for i, cell in enumerate(header):
        if name := field_name(cell.strip()):
            found.setdefault(name, i)
    return found


def _headless(rows: list[list[str]], separator: str, fields: Sequence[str] | None) -> Format | None:
    """Return the format of rows without names: one cell holds a record, or the cells hold its words."""
    for names, origin in [*([(tuple(fields), "fields given")] if fields else []), (DEFAULT, "default format")]:
        for row in rows:
            place = next((i for i, cell in enumerate(row) if fits(cell.split(), names)), None)
            if place is not None and len(names) > 1:
                return Format("csv", names, origin, "CSV", message=True, places=(place,), separator=separator)
            if fits([word(c, n) for c, n in zip(row, names, strict=False)], names) and len(row) == len(names):
                return Format("csv", names, origin, "CSV", places=tuple(range(len(names))), separator=separator)
    return None


def cells(text: str, separator: str) -> list[str]:
    """Return the cells of one line; one that is no CSV is a cell of its own."""
    try:
        return next(csv.reader([text.replace("\0", "\N{REPLACEMENT CHARACTER}")], delimiter=separator, strict=True), [])
    except csv.Error:
        return [text]


def lines(path: str, form: Format, notes: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield each row as a flow-log line, with the reason where it is none."""
    table = _Table(form, form.places)
    for text, end in _rows(path, notes):
        yield table.read(text, end)
    if table.extra:
        left = f"columns that only a later header names, left out: {', '.join(table.extra)}"
        notes[path] = "; ".join(filter(None, [notes.get(path), left]))


@dataclass
class _Table:
    """Rows under a header; another header inside moves the columns."""

    form: Format
    places: tuple[int, ...]
    width: int = 0
    extra: dict[str, None] = field(default_factory=dict)

    def read(self, text: str, end: str) -> tuple[str, str | None]:
        """Return a row's line, and the reason where it is none."""
        if not text.strip():
            return "", BLANK
        row = cells(text, self.form.separator)
        if self.form.header and self._is_header(row):
            self._take(row)
            return text, HEADER
        belong = self.width or max(self.places) + 1
        if len(row) != belong if self.width else len(row) < belong:
            return text, f"it has {len(row)} cells where {belong} belong"
        words = self._words(row)
        return line(words) or text, self._cut(end)

    def _is_header(self, row: Sequence[str]) -> bool:
        return _message(row) is not None if self.form.message else is_header(list(_names(row)))

    def _take(self, row: Sequence[str]) -> None:
        self.width, found = len(row), _names(row)
        if self.form.message:
            self.places = (_message(row) or 0,)
        else:
            self.places = tuple(found.get(name, -1) for name in self.form.names)
            self.extra |= dict.fromkeys(name for name in found if name not in self.form.names)

    def _words(self, row: Sequence[str]) -> list[str]:
        if self.form.message:
            return [flat(row[self.places[0]])]
        return [word(row[i] if i >= 0 else "-", n) for i, n in zip(self.places, self.form.names, strict=True)]

    def _cut(self, end: str) -> str | None:
        """Return why the last row cannot be trusted, where the file ends inside it or may do so."""
        last = self.form.names[-1 if self.form.message else self.places.index(max(self.places))]
        if end == "cut" and last != "log-status":
            return "the file is cut short in this row"
        if end == "open" and field_of(last).raw != pl.String:
            return f"the file ends here without a line end, so that its last number, {last}, may be cut short"
        return None


def _rows(path: str, notes: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the rows' text and how it ends; a row may end in the line after the one it begins in."""
    held = ""
    for text, end in _lines(path, notes):
        odd = text.count('"') % 2 == 1
        if held and odd and text.lstrip().startswith('"'):
            yield f"{held} {text}", end
            held = ""
            continue
        if held:
            yield held, ""
        held = text if odd else ""
        if not odd:
            yield text, end if not text.endswith('"') else ""
    if held:
        yield held, ""


def _lines(path: str, notes: dict[str, str]) -> Iterator[tuple[str, str]]:
    for block in blocks(path, notes):
        text = block.data.decode("utf-8", "replace")
        *most, last = (text.removeprefix("\ufeff") if block.number == 1 else text).split("\n")
        for one in most:
            yield one.removesuffix("\r"), ""
        yield last.removesuffix("\r"), block.end
