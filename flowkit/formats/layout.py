"""How lines are laid out that are no records as they stand, seen in a few of them: then all are mended in one go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO

import polars as pl

from flowkit.formats.form import Format, fits, sure
from flowkit.schema import field_of

SAMPLE = 24
"""Lines that are looked at to see how the others are laid out."""

_SIGNS = "\t\x0b\x0c\xa0"
"""White space other than spaces."""

_LONGEST = 32
"""Spaces in a row that become one at once."""

STUCK = r"^(\S*[^\d\s])(\d{1,2})$"
"""Text that stands before a record without a space: the record begins with its version."""


@dataclass(frozen=True)
class Layout:
    """What stands before a record, and how its words are set apart and written."""

    lead: int = 0
    """Words that stand before the record."""
    stuck: bool = False
    """Whether more text stands before it without a space."""
    run: int = 1
    """The most spaces in a row."""
    signs: str = ""
    """What else stands between words for a space."""
    marked: bool = False
    """Whether a line begins with a byte order mark."""
    indented: bool = False
    """Whether a line begins with spaces."""
    worded: bool = False
    """Whether numbers are to be read as words: written as 80.0, or missing."""


def seen(lines: Sequence[str], form: Format, *, odd: bool = False) -> Layout | None:
    """Return how most lines are laid out of those that hold a record; None where that is as it should be, or none do.

    Of `odd` lines those count only that are laid out in another way.

    >>> form = Format("text", ("srcaddr", "bytes", "packets", "log-status"), "header")
    >>> seen(["Nov  3 host 10.0.0.1  164  3  OK", "nothing"], form)
    Layout(lead=3, stuck=False, run=2, signs='', marked=False, indented=False, worded=False)
    >>> seen(["10.0.0.1 164 3 OK"], form)
    """
    if not odd and all(map(partial(_usual, spaces=form.lead + len(form.names) - 1), lines)):
        return None
    every = [found for line in lines if (found := _of(line, form))]
    every = [one for one in every if not odd or one != Layout(form.lead)]
    if not every:
        return None
    ((lead, stuck), _), *_ = Counter((one.lead, one.stuck) for one in every).most_common(1)
    alike = [one for one in every if (one.lead, one.stuck) == (lead, stuck)]
    found = Layout(
        lead,
        stuck,
        max(one.run for one in alike),
        "".join(sorted(set("".join(one.signs for one in alike)))),
        any(one.marked for one in alike),
        any(one.indented for one in alike),
        sum(one.worded for one in alike) * 2 > len(alike),
    )
    return None if found == Layout(form.lead) else found


def _usual(line: str, spaces: int) -> bool:
    """Return whether a line has the words of a record, as far as a glance shows."""
    return line.count(" ") == spaces and not any(sign in line for sign in ("  ", ".0 ", *_SIGNS))


def _of(line: str, form: Format) -> Layout | None:
    bare = line.removeprefix("\ufeff").rstrip("\r")
    count, names = len(form.names), form.names
    signs = "".join(sign for sign in _SIGNS if sign in bare)
    spaced = bare.translate(dict.fromkeys(map(ord, signs), " "))
    text = spaced.lstrip(" ")
    several = max(map(len, re.findall(" +", text)), default=1)
    for each in ((text.removesuffix(" ").split(" "), 1), (text.split(), several)):
        words, run = each
        record = words[-count:]
        before = re.match(STUCK, record[0]) if sure(names) and names[0] == "version" and record else None
        record = [before[2], *record[1:]] if before else record
        if fits(record, names):
            break
    else:
        return None
    lead = len(words) - count
    # With as many words before a record as it has itself there may be another one.
    if (lead > form.lead or before) and (not sure(names) or lead + bool(before) >= count):
        return None
    numbers = [word for word, name in zip(record, names, strict=True) if field_of(name).raw != pl.String]
    worded = any(word == "-" or word.endswith(".0") for word in numbers)
    return Layout(lead, before is not None, run, signs, line[:1] == "\ufeff", spaced[:1] == " ", worded)


def neat(text: bytes, lines: pl.Series, layout: Layout) -> bytes:
    """Return lines of this layout, as text, with a space between words and nothing that is stuck to the record."""
    for sign in layout.signs:
        text = text.replace(sign.encode(), b" ")
    if layout.run == 1 and not (layout.stuck or layout.marked or layout.indented):
        return text
    lines = lines_of(text) if layout.signs else lines
    if layout.marked:
        lines = lines.str.strip_prefix("\ufeff")
    if layout.run == 2:
        lines = lines.str.replace_all("  ", " ", literal=True)
    elif layout.run > 2:
        runs = [" " * k for k in range(_LONGEST, 1, -1)]
        lines = lines.str.replace_many(runs, [" "], leftmost=True)
    if layout.indented:
        lines = lines.str.strip_chars_start(" ")
    if layout.stuck:
        words = r"\S+ " * layout.lead
        lines = lines.str.replace(rf"^({words})\S*[^\d\s](\d{{1,2}} )", "$1$2")
    return joined(lines)


def before(line: str, layout: Layout) -> str:
    """Return what stands before the record of a line.

    >>> before("Nov  3 host:2 10.0.0.1 OK", Layout(lead=2, stuck=True, run=2))
    'Nov 3 host:'
    """
    words = line.split() if layout.run > 1 or layout.signs else line.strip().split(" ")
    stuck = re.match(STUCK, words[layout.lead]) if layout.stuck else None
    return " ".join(filter(None, [*words[: layout.lead], *([stuck[1]] if stuck else [])]))


def joined(lines: pl.Series) -> bytes:
    """Return lines as text, a line end behind each."""
    text = BytesIO()
    lines.to_frame().write_csv(text, include_header=False, quote_style="never")
    return text.getvalue()


def lines_of(text: bytes) -> pl.Series:
    """Return the lines of a text that ends with a line end."""
    # What begins as compressed data do would be unpacked: it gets a line before it.
    plain = text[:1].isalnum() and text[:1] != b"x"
    lines = pl.scan_lines(BytesIO(text if plain else b"\n" + text)).collect()["line"]
    return lines if plain else lines.slice(1)
