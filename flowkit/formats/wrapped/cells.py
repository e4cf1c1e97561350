"""The cells of a table's rows, many at once, by polars: which rows have as many as they should, and what others are.

Rows are texts without a line end in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

import polars as pl

from flowkit.formats.text import STUMBLES
from flowkit.formats.wrapped.rows import SPELT

END = "\x1f"
"""A cell of our own behind the last one of each row: where it stands tells how many cells there are."""

BEHIND = "_behind"
"""The column of what stands behind the last cell that belongs."""

NONE = pl.Series([""])
"""A row of nothing."""

_QUOTED = r'"(?:[^"]|"")*"'


def read(data: bytes, separator: str, width: int, places: Iterable[int]) -> pl.DataFrame | None:
    """Return a row a line: the cells at some places under the places' numbers, and `BEHIND`.

    A cell that is empty or `-` is null. None where polars stumbles, or sees other rows than there are lines.
    """
    mark = f"{separator}{END}\n".encode()
    ended = data.replace(b"\n", mark) + mark
    names = [*map(str, range(width)), BEHIND, "_more"]
    frame = pl.scan_csv(
        BytesIO(ended),
        separator=separator,
        quote_char='"' if b'"' in data else None,
        has_header=False,
        schema=dict.fromkeys(names, pl.String),
        infer_schema=False,
        null_values="-",
        missing_columns="insert",
        truncate_ragged_lines=True,
        glob=False,
    )
    try:
        found = frame.select(*dict.fromkeys(map(str, places)), BEHIND).collect(engine="streaming")
    except STUMBLES:
        return None
    rows = (len(ended) - len(data) - 1) // (len(mark) - 1)
    return found if found.height == rows else None


def misfits(found: pl.DataFrame, *, exact: bool) -> pl.Series:
    """Return which rows have too few cells, or, where it has to be `exact`, too many."""
    return (found[BEHIND] != END).fill_null(value=True) if exact else found[BEHIND].is_null()


def well_formed(rows: pl.Series, separator: str) -> pl.Series:
    """Return which rows have quotes where quotes belong.

    >>> well_formed(pl.Series(['1,"a ""b"" c"', '1,"a"b', '1,a"b"', "1,"]), ",").to_list()
    [True, False, False, True]
    """
    cell = rf'(?:{_QUOTED}|[^"{separator}]*)'
    return rows.str.contains(rf"^{cell}(?:[{separator}]{cell})*$")


def counts(rows: pl.Series, separator: str) -> pl.Series:
    """Return how many cells well-formed rows have.

    >>> counts(pl.Series(['1,"a,b"', "1,a,b"]), ",").to_list()
    [2, 3]
    """
    if rows.str.contains('"', literal=True).any():
        rows = rows.str.replace_all(_QUOTED, "")
    return rows.str.count_matches(separator, literal=True) + 1


def may_be_headers(rows: pl.Series, separator: str, *, message: bool) -> pl.Series:
    """Return which rows name a message's column, or a field.

    >>> rows = pl.Series(['timestamp,"Message"', "Log_Status", "2,10.0.0.1"])
    >>> [may_be_headers(rows, ",", message=way).to_list() for way in (True, False)]
    [[True, False, False], [False, True, False]]
    """
    names = "@?message" if message else "|".join(SPELT)
    bare = rows.str.to_lowercase().str.replace_all(r'[-_" \x{feff}#]', "")
    return bare.str.contains(rf"(?:^|[{separator}])(?:{names})(?:[{separator}]|$)")


def lines(data: bytes) -> pl.Series:
    """Return the lines of a text."""
    try:
        found = pl.scan_lines(BytesIO(data + b"\n")).collect()["line"]
    except STUMBLES:  # What begins as compressed data do is unpacked, or tried.
        found = pl.Series(dtype=pl.String)
    if found.len() == data.count(b"\n") + 1:
        return found
    return pl.Series(data.decode("utf-8", "replace").split("\n"), dtype=pl.String)


def text(rows: pl.Series) -> bytes:
    """Return rows as a text, without the last line end."""
    return "".join(rows.str.join("\n")).encode()


def closed(data: bytes) -> bytes:
    r"""Return lines in which the quote that ends a row stands on the line it begins in.

    The console writes it on the next where a message ends with a line end.

    >>> closed(b'1,"a\n"\n2,"b"\n"').decode().splitlines()
    ['1,"a"', '2,"b"', '"']
    """
    if not (b'\n"\n' in data or data.endswith(b'\n"')):
        return data
    rows = lines(data)
    alone = rows == '"'
    closes = alone & (is_odd(rows) & ~alone).shift(1, fill_value=False)
    if closes.equals(alone):
        return (data + b"\n").replace(b'\n"\n', b'"\n').removesuffix(b"\n")
    closing = closes.shift(-1, fill_value=False)
    return text(rows.zip_with(~closing, rows + '"').filter(~closes))


def is_odd(rows: pl.Series) -> pl.Series:
    """Return which lines leave a quote open."""
    return rows.str.count_matches('"', literal=True) % 2 == 1
