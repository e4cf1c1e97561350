"""How an object is to be read, and what its words must look like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from flowkit.errors import FormatError
from flowkit.schema import DEFAULT, STATUSES, TGW_DEFAULT, TIME, field_of

MILLIS = 100_000_000_000
"""A time of at least this many counts milliseconds: as seconds it would lie in the year 5138."""

LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999, beyond which no calendar goes."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}([.,]\d+)?(Z|[+-]\d{2}:?\d{2})?)?")

Kind = Literal["text", "csv", "json", "parquet"]


@dataclass(frozen=True)
class Format:
    """How an object is to be read: its kind, its fields in their order, and how they are known."""

    kind: Kind
    names: tuple[str, ...]
    origin: str
    title: str = "text"
    """What the object is, in words: "text", "CloudWatch subscription", …"""
    header: bool = False
    lead: int = 0
    """How many words, the first of them an ISO time, stand before each record, as CloudWatch Logs exports have them."""
    unit: Literal["s", "ms"] = "s"
    """What `start` and `end` count. AWS documents seconds; milliseconds have been met."""
    types: tuple[tuple[str, str], ...] = ()
    """A Parquet file's own columns and their types: files that differ in them are cast apart."""
    message: bool = False
    """CSV and JSON: a record is one text, not a column or key a field."""
    places: tuple[int, ...] = ()
    """CSV: in which cells the fields, or the message, stand."""
    separator: str = ","
    """CSV: what stands between two cells."""

    @property
    def columns(self) -> list[str]:
        """The columns of a line or row, in its order."""
        return [field_of(name).column for name in self.names]

    @property
    def unknown(self) -> list[str]:
        """The fields nobody knows yet; they are kept as text."""
        return [name for name in self.names if not field_of(name).version]

    @property
    def words(self) -> str:
        """The form and where its fields are known from, as the ledger shows them."""
        return self.title if self.kind == "parquet" else f"{self.title}, {self.origin}"


def fits(words: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether a line's words can be the values of these fields.

    Counting them is not enough: numbers must be numbers of their field, texts must not be, and no record has more
    packets than bytes.

    >>> fits("2 eni-1 10.0.0.1 OK".split(), ["version", "interface-id", "srcaddr", "log-status"])
    True
    >>> fits("eni-1 2 10.0.0.1 OK".split(), ["version", "interface-id", "srcaddr", "log-status"])
    False
    >>> fits("900 3".split(), ["packets", "bytes"])
    False
    """
    if len(words) != len(names) or not all(_fits(word, name) for word, name in zip(words, names, strict=True)):
        return False
    value = dict(zip(names, words, strict=True))
    packets, size = value.get("packets", "-"), value.get("bytes", "-")
    return not (packets.isdecimal() and size.isdecimal()) or int(packets) <= int(size)


_WORDS = {"log-status": STATUSES, "action": ("ACCEPT", "REJECT", "-"), "flow-direction": ("ingress", "egress", "-")}
_NO_NUMBERS = ("interface-id", "srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr", "vpc-id", "subnet-id", "tgw-id")


def _fits(word: str, name: str) -> bool:
    if name in _WORDS:
        return word in _WORDS[name]
    if word == "-":
        return True
    if name in _NO_NUMBERS:
        return not word.isdecimal()
    field = field_of(name)
    return field.raw == pl.String or (bool(re.fullmatch(r"\d{1,19}", word)) and int(word) <= field.most)


def choose(
    lines: Sequence[Sequence[str]], fields: Sequence[str] | None, *, led: bool = True
) -> tuple[tuple[str, ...], str, int]:
    """Return the fields that the words of these lines hold, how they are known, and how many words lead each line.

    The given fields are tried first, then AWS's default formats; raises `FormatError` with what was seen.
    """
    known = [(DEFAULT, "default format"), (TGW_DEFAULT, "transit gateway's default format")]
    for names, origin in [*([(tuple(fields), "fields given")] if fields else []), *known]:
        for lead in range(4 if led else 1):
            if any((not lead or is_time(words[0])) and fits(words[lead:], names) for words in lines):
                return names, origin, lead
        if sure(names) and any(fits(words[-len(names) :], names) for words in lines):
            return names, origin, 0  # Text of another program stands before the record.
    raise FormatError(_misfit(lines[0] if lines else [], fields))


def is_time(word: str) -> bool:
    """Return whether a word is an ISO date or time.

    >>> is_time("2026-11-23T16:05:00.000Z"), is_time("2026-11-23T16:05:00"), is_time("1795449900")
    (True, True, False)
    """
    return bool(_TIME.fullmatch(word))


def sure(names: Sequence[str]) -> bool:
    """Return whether a record of these fields is known by its words alone: it has a status and some numbers."""
    return "log-status" in names and sum(field_of(name).raw != pl.String for name in names) > 1


def unit(lines: Iterable[Sequence[str]], names: Sequence[str]) -> Literal["s", "ms"]:
    """Return what times count, as the first record that has one shows."""
    places = [i for i, name in enumerate(names) if field_of(name).dtype == TIME]
    words = (line[i] for line in lines if len(line) == len(names) for i in places)
    first = next((word for word in words if word.isdecimal()), "0")
    return "ms" if int(first[:20]) >= MILLIS else "s"


def _misfit(words: Sequence[str], fields: Sequence[str] | None) -> str:
    seen = " ".join(words)[:120]
    what = f"the {len(fields)} fields given" if fields else "the default format's 14 fields"
    hint = "" if fields else " (name a custom format's with fields=)"
    return f"it has no header line, and its lines do not hold {what}{hint}: {len(words)} words were seen, {seen!r}"
