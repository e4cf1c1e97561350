"""CSV: downloads of the CloudWatch console, of Logs Insights and Athena, of a spreadsheet.

What the AWS CLI writes with `--output text` has tabs, and is such a table, too.

Each line is parsed by itself, so that a quote too many costs its own row only; a row that goes on in the next line,
because its message ends with a line end, is put together.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import polars as pl

from flowkit.errors import FormatError
from flowkit.formats.form import Format, candidates, choose, fits
from flowkit.formats.pieces import BLANK, HEADER, blocks
from flowkit.formats.wrapped.rows import EVENT_TIME, field_name, flat, line, named, summed, word
from flowkit.schema import field_of
from flowkit.wording import many

CLI = "AWS CLI text"
"""What the AWS CLI writes with `--output text`."""

_BESIDE = re.compile(r"SEARCHEDLOGSTREAMS|None|[bf]/\d+(/s)?")
"""What stands in the first cell of lines that the AWS CLI writes beside the events."""

_MESSAGE = ("message", "@message")
_SEPARATORS = ",;\t|"
_SOME = 60
"""Rows without names that are looked at."""


def look(lines: Sequence[str], fields: Sequence[str] | None) -> Format | None:
    """Return the format of a CSV that begins with these lines, None where they are none.

    Raises `FormatError` where it is one, but its messages are no flow logs.
    """
    texts = [text for text, _ in _rows((line, "") for line in lines) if text.strip()]
    for separator in _SEPARATORS:
        rows = [cells(text, separator) for text in texts]
        if rows and len(rows[0]) > 1:
            form = _look(rows, separator, fields)
            if form:
                return form
    single = [cells(text, ",") for text in texts]
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
    if not names or not named(names):
        return None
    if summed(header):
        raise FormatError(f"it is a table of sums or counts, no records: its columns are {', '.join(header)[:120]}")
    title = "CloudWatch Insights CSV" if header != [h.lower() for h in header] or "@" in "".join(header) else "CSV"
    return Format("csv", tuple(names), "header", title, True, places=tuple(names.values()), separator=separator)


def _names(header: Sequence[str]) -> dict[str, int]:
    """Return in which cell each field stands; the first of two with one name counts."""
    found: dict[str, int] = {}
    for i, cell in enumerate(header):
        if name := field_name(cell.strip()):
            found.setdefault(name, i)
    if found and EVENT_TIME in header:
        found.setdefault("start", list(header).index(EVENT_TIME))
    return found


def _headless(rows: list[list[str]], separator: str, fields: Sequence[str] | None) -> Format | None:
    """Return the format of rows without names: cells hold a record each, or the words of one."""
    tried = [one for names, origin in candidates(fields) for one in _tried(rows[:_SOME], separator, names, origin)]
    fit, form = max(tried, key=itemgetter(0))
    return form if fit else None


def _tried(rows: list[list[str]], separator: str, names: tuple[str, ...], origin: str) -> Iterator[tuple[int, Format]]:
    """Yield how many rows fit each way in which they may hold records of these fields."""
    width = len(names)
    fit = sum(len(row) == width and fits(list(map(word, row, names)), names) for row in rows)
    yield fit, Format("csv", names, origin, places=tuple(range(width)), separator=separator, title="CSV")
    held = [[i for i, cell in enumerate(row) if width > 1 and fits(cell.split(), names)] for row in rows]
    (place, fit), *_ = Counter(i for places in held for i in places).most_common(1) or [(0, 0)]
    places = () if any(len(some) > 1 for some in held) else (place,)
    title = CLI if separator == "\t" else "CSV"
    yield fit, Format("csv", names, origin, title, message=True, places=places, separator=separator)


def cells(text: str, separator: str) -> list[str]:
    """Return the cells of one line; one that is no CSV is a cell of its own."""
    try:
        return next(csv.reader([text.replace("\0", "\N{REPLACEMENT CHARACTER}")], delimiter=separator, strict=True), [])
    except csv.Error:
        return [text]


def lines(path: str, form: Format, notes: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield each row as a flow-log line, with the reason where it is none."""
    table = _Table(form, form.places)
    for text, end in _rows(_lines(path, notes)):
        if form.places:
            yield table.read(text, end)
        else:
            yield from table.each(text, end)
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
        if self.form.title == CLI and _BESIDE.fullmatch(row[0]):
            return text, HEADER
        if self.form.header and self._is_header(row):
            self._take(row)
            return text, HEADER
        belong = self.width or max(self.places) + 1
        if len(row) != belong if self.width else len(row) < belong:
            return text, f"it has {many(len(row), 'cell')} where {belong} belong"
        words = self._words(row)
        return line(words) or text, self._cut(end)

    def each(self, text: str, end: str) -> Iterator[tuple[str, str | None]]:
        """Yield a record a cell."""
        *most, last = cells(text, self.form.separator) or [""]
        for cell in most:
            yield flat(cell), None if cell.strip() else BLANK
        yield flat(last), self._cut(end) if last.strip() else BLANK

    def _is_header(self, row: Sequence[str]) -> bool:
        return _message(row) is not None if self.form.message else named(_names(row))

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


def _rows(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the rows' text and how it ends; a row may end in the line after the one it begins in."""
    held = ""
    for text, end in lines:
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
