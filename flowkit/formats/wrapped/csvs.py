"""CSV: downloads of the CloudWatch console, of Logs Insights and Athena, of a spreadsheet.

What the AWS CLI writes with `--output text` has tabs, and is such a table, too.

What such a table is; its rows are read in `flowkit.formats.wrapped.tables`.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from operator import itemgetter

from flowkit.errors import FormatError
from flowkit.formats.form import Format, candidates, choose, fits
from flowkit.formats.wrapped.rows import EVENT_TIME, field_name, flat, named, summed, word

CLI = "AWS CLI text"
"""What the AWS CLI writes with `--output text`."""

_MESSAGE = ("message", "@message")
_SEPARATORS = ",;\t|"
_SOME = 60
"""Rows without names that are looked at."""

LONGEST = 60
"""Lines that one row may have."""


def look(lines: Sequence[str], fields: Sequence[str] | None) -> Format | None:
    """Return the format of a CSV that begins with these lines, None where they are none.

    Raises `FormatError` where it is one, but its messages are no flow logs.
    """
    texts = [text.removesuffix("\r") for text in lines if text.strip()]
    for separator in _SEPARATORS:
        rows = _rows(texts, separator)
        if rows and len(rows[0]) > 1:
            form = _look(rows, separator, fields)
            if form:
                return form
    single = _rows(texts, ",")
    return _look(single, ",", fields) if single and message(single[0]) is not None else None


def _rows(texts: list[str], separator: str) -> list[list[str]]:
    width = len(split(texts[0], separator)) if texts else 0
    odd = [i for i, text in enumerate(texts) if text.count('"') % 2]
    runs = dict(joined(texts, odd, separator, width))
    held = {i for begin, end in runs.items() for i in range(begin + 1, end)}
    rows = (" ".join(texts[i : runs.get(i, i + 1)]) for i in range(len(texts)) if i not in held)
    return [split(row, separator) for row in rows]


def joined(texts: Sequence[str], odd: Sequence[int], separator: str, width: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of lines that are one row, from one line to before another, as a cell has a line end in it.

    `odd` are the lines with a quote left open. What follows one goes with it where the whole is a row of so many cells,
    and where its lines are none by themselves: so a quote too many costs its own row only.

    >>> list(joined(['1,"a', 'b"', '2,"c', '3,d', '4,e"'], [0, 1, 2, 4], ",", 2))
    [(0, 2)]
    """
    done = 0
    for begin, last in pairwise(odd):
        if begin < done or last - begin >= LONGEST:
            continue
        rest = texts[begin + 1 : last + 1]
        rows = (one.count(separator) + 1 == width for one in rest)
        if any(islice(rows, len(rest) - 1)) or (next(rows) and not rest[-1].lstrip().startswith('"')):
            continue
        if len(split(" ".join([texts[begin], *rest]), separator)) in (width, max(width, 2)):
            done = last + 1
            yield begin, done


def _look(rows: list[list[str]], separator: str, fields: Sequence[str] | None) -> Format | None:
    place = message(rows[0])
    if place is not None:
        words = [flat(row[place]).split() for row in rows[1:] if len(row) > place]
        names, origin, _ = choose(words, fields, led=False)
        title = "CloudWatch Insights CSV" if rows[0][place].startswith("@") else "CloudWatch console CSV"
        return Format("csv", names, origin, title, True, message=True, places=(place,), separator=separator)
    if form := _by_name(rows[0], separator):
        return form
    return _headless(rows, separator, fields)


def message(header: Sequence[str]) -> int | None:
    """Return which cell of a header names the message, None where none does."""
    return next((i for i, cell in enumerate(header) if cell.strip().lower() in _MESSAGE), None)


def _by_name(header: Sequence[str], separator: str) -> Format | None:
    names = columns(header)
    if not names or not named(names):
        return None
    if summed(header):
        raise FormatError(f"it is a table of sums or counts, no records: its columns are {', '.join(header)[:120]}")
    title = "CloudWatch Insights CSV" if header != [h.lower() for h in header] or "@" in "".join(header) else "CSV"
    return Format("csv", tuple(names), "header", title, True, places=tuple(names.values()), separator=separator)


def columns(header: Sequence[str]) -> dict[str, int]:
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


def split(text: str, separator: str) -> list[str]:
    """Return the cells of one line; one that is no CSV is a cell of its own."""
    try:
        return next(csv.reader([text.replace("\0", "\N{REPLACEMENT CHARACTER}")], delimiter=separator, strict=True), [])
    except csv.Error:
        return [text]
