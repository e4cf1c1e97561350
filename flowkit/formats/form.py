"""How an object is to be read, and what its words must look like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Literal

import polars as pl

from flowkit.errors import FormatError
from flowkit.schema import DEFAULT, STATUSES, TGW_DEFAULT, TIME, field_of
from flowkit.wording import many

MILLIS = 100_000_000_000
"""A time of at least this many counts milliseconds: as seconds it would lie in the year 5138."""

LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999, beyond which no calendar goes."""

TIMED = r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}([.,]\d+)?(Z|[+-]\d{2}:?\d{2})?)?"
"""How an ISO date or time is written."""

GIVEN = "fields given"
"""How the fields are known where they were given."""

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
    nested: tuple[str, ...] = ()
    """A Parquet file's columns of lists or structs, which are left out."""
    message: bool = False
    """CSV and JSON: a record is one text, not a column or key a field."""
    places: tuple[int, ...] = ()
    """CSV: in which cells the fields, or the message, stand."""
    separator: str = ","
    """CSV: what stands between two cells."""
    careful: bool = False
    """Text: every line needs a careful look, as spaces are doubled throughout, or polars cannot unpack it."""
    also: tuple[tuple[str, ...], ...] = ()
    """Other formats that a line without a header may be of: a stream has both where a flow log was made anew."""

    @property
    def columns(self) -> list[str]:
        """The columns of a line or row, in its order."""
        return [field_of(name).column for name in self.names]

    @property
    def unknown(self) -> list[str]:
        """The fields nobody knows yet; they are kept as text."""
        return [name for name in self.names if not field_of(name).version]

    @property
    def own(self) -> bool:
        """Whether fields were given and the object turned out to have others: `origin` says so."""
        return self.origin != GIVEN and self.origin.endswith(GIVEN)

    @property
    def words(self) -> str:
        """The form and where its fields are known from, as the ledger shows them."""
        return f"{self.title}, {self.origin}".removesuffix(", columns")


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
    return "-" in (packets, size) or _whole(packets) <= _whole(size)


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
    return field.raw == pl.String or (bool(re.fullmatch(r"\d{1,19}(\.0+)?", word)) and _whole(word) <= field.most)


def _whole(word: str) -> int:
    return int(word.partition(".")[0])


def choose(
    lines: Sequence[Sequence[str]], fields: Sequence[str] | None, *, led: bool = True
) -> tuple[tuple[str, ...], str, int]:
    """Return the fields that the words of these lines hold, how they are known, and how many words lead each line.

    Of the given fields and AWS's default formats those count that most lines fit, the given ones first; a line or two
    say little, as one of nothing but `-` fits many formats. Raises `FormatError` with what was seen.
    """
    for some in dict.fromkeys([max(1, len(lines) // _SOME), 1]):
        fit, names, origin, lead = max(_tried(lines[::some], fields, led=led), key=itemgetter(0))
        if fit > 0:
            return names, origin, lead
    raise FormatError(_misfit(lines[0] if lines else [], fields))


_SOME = 60
"""Lines that are looked at first."""


def _tried(
    lines: Sequence[Sequence[str]], fields: Sequence[str] | None, *, led: bool
) -> Iterator[tuple[float, tuple[str, ...], str, int]]:
    """Yield how many lines fit each format there may be, the likeliest format first; one that all fit is the last."""
    for names, origin in candidates(fields):
        for lead in range(4 if led else 1):
            fit = sum((not lead or is_time(words[0])) and fits(words[lead:], names) for words in lines)
            yield fit, names, origin, lead
            if fit and fit == len(lines):
                return
        if sure(names):  # Text of another program may stand before the record.
            yield sum(fits(words[-len(names) :], names) for words in lines) - 0.5, names, origin, 0


def candidates(fields: Sequence[str] | None) -> list[tuple[tuple[str, ...], str]]:
    """Return the formats that lines without a header may be of, and how each is known."""
    known = [(DEFAULT, "default format"), (TGW_DEFAULT, "transit gateway's default format")]
    return [*([(tuple(fields), GIVEN)] if fields else []), *known]


def is_time(word: str) -> bool:
    """Return whether a word is an ISO date or time.

    >>> is_time("2026-11-23T16:05:00.000Z"), is_time("2026-11-23T16:05:00"), is_time("1795449900")
    (True, True, False)
    """
    return bool(re.fullmatch(TIMED, word))


def sure(names: Sequence[str]) -> bool:
    """Return whether a record of these fields is known by its words alone: it has a status and some numbers."""
    return "log-status" in names and sum(field_of(name).raw != pl.String for name in names) > 1


_OF_A_FLOW = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action")


def implied_status(columns: Sequence[str]) -> pl.Expr:
    """Return what a record is whose format has no `log-status`: no flow where nothing of a flow is there.

    AWS has `-` for all of it in NODATA and in SKIPDATA; which of the two it was cannot be told, and NODATA is said.
    """
    told = [c for c in columns if c in _OF_A_FLOW]
    nothing = pl.all_horizontal(pl.col(told).is_null()) if told else pl.lit(value=False)
    return pl.when(nothing).then(pl.lit("NODATA")).otherwise(pl.lit("OK"))


@lru_cache(maxsize=64)
def _times(names: tuple[str, ...]) -> list[int]:
    return [i for i, name in enumerate(names) if field_of(name).dtype == TIME]


def unit(lines: Iterable[Sequence[str]], names: Sequence[str]) -> Literal["s", "ms"]:
    """Return what times count, as the first record that has one shows."""
    places = _times(tuple(names))
    words = (line[i] for line in lines if len(line) == len(names) for i in places)
    first = next((word for word in words if word.isdecimal()), "0")
    return "ms" if int(first[:20]) >= MILLIS else "s"


def _misfit(words: Sequence[str], fields: Sequence[str] | None) -> str:
    seen = " ".join(words)[:120]
    what = f"the {many(len(fields), 'field')} given" if fields else "the default format's 14 fields"
    said = f"{many(len(words), 'word')} {'was' if len(words) == 1 else 'were'}"
    hint = "" if fields else " (name a custom format's with fields=)"
    return f"it has no header line, and its lines do not hold {what}{hint}: {said} seen, {seen!r}"
