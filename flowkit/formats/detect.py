"""What an object is, found by looking at its first bytes: flow logs as text or Parquet, or something else."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from flowkit.errors import FormatError, SourceError
from flowkit.schema import DEFAULT, STATUSES, TIME, canonical, field_of, is_header

HEAD = 64 * 1024
"""Bytes of text looked at: some hundred records."""

MILLIS = 100_000_000_000
"""A time of at least this many counts milliseconds: as seconds it would lie in the year 5138."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})")


@dataclass(frozen=True)
class Format:
    """How an object is to be read: its kind, its fields in their order, and how they are known."""

    kind: Literal["text", "parquet"]
    names: tuple[str, ...]
    origin: str
    header: bool = False
    lead: bool = False
    """Each line is led by an ISO time, as CloudWatch Logs exports have it."""
    unit: Literal["s", "ms"] = "s"
    """What `start` and `end` count. AWS documents seconds; milliseconds have been met."""
    types: tuple[str, ...] = ()
    """A Parquet file's own column types: files that differ in them are cast apart."""

    @property
    def columns(self) -> list[str]:
        """The columns of a line or row, in its order."""
        return [field_of(name).column for name in self.names]

    @property
    def unknown(self) -> list[str]:
        """The fields nobody knows yet; they are kept as text."""
        return [name for name in self.names if not field_of(name).version]


def detect(path: str, fields: Sequence[str] | None = None) -> Format:
    """Return the format of the object at `path`; `fields` names those of text without a header line.

    Raises `FormatError` with what was seen where it is no flow log, and `SourceError` where it cannot be read.
    """
    head = _head(path)
    if head[:4] == b"PAR1":
        return _parquet(path)
    if head[:2] == b"\x1f\x8b":
        head = inflate(head)
    if not head.strip():
        raise FormatError("it is empty")
    if b"\0" in head:
        raise FormatError(f"it is neither text nor Parquet: it begins with {head[:8]!r}")
    return _text(head, tuple(fields) if fields else None)


def _head(path: str) -> bytes:
    # A pipe would wait for ever, and a link may lead nowhere.
    if not Path(path).is_file():
        raise FormatError("it is no regular file, or it cannot be reached")
    try:
        with Path(path).open("rb") as file:
            return file.read(HEAD)
    except PermissionError:
        raise SourceError("there is no permission to read it") from None
    except OSError as error:
        raise SourceError(f"it cannot be read: {error.strerror}") from None


def inflate(head: bytes) -> bytes:
    """Return the text that the beginning of a gzip file holds, as far as it can be read."""
    machine = zlib.decompressobj(wbits=31)
    try:
        return machine.decompress(head, HEAD)
    except zlib.error as error:
        raise FormatError(f"its gzip data are damaged from the start ({error})") from None


def _text(head: bytes, fields: tuple[str, ...] | None) -> Format:
    lines = [words for line in _lines(head) if (words := line.split())]
    first = lines[0]
    if is_header(first):
        names = _once(tuple(map(canonical, first)))
        return Format("text", names, "header", header=True, unit=_unit(lines[1:], names))
    lead = bool(_ISO.fullmatch(first[0]))
    names, origin = (fields, "fields given") if fields else (DEFAULT, "default format")
    if not any(fits(words[lead:], names) for words in lines):
        raise FormatError(_misfit(first[lead:], names, origin))
    return Format("text", names, origin, lead=lead, unit=_unit([words[lead:] for words in lines], names))


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise FormatError(f"its header names the field {twice!r} twice")
    return names


def _lines(head: bytes) -> list[str]:
    """Return the whole lines of the head; a single cut one is taken as it is."""
    text = head.decode("utf-8-sig", "replace")
    return text.rpartition("\n")[0].split("\n") if "\n" in text and len(head) >= HEAD else text.split("\n")


def fits(words: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether a line's words can be the values of these fields.

    >>> fits("2 eni-1 10.0.0.1 OK".split(), ["version", "interface-id", "srcaddr", "log-status"])
    True
    >>> fits("eni-1 2 10.0.0.1 OK".split(), ["version", "interface-id", "srcaddr", "log-status"])
    False
    """
    return len(words) == len(names) and all(_fits(word, name) for word, name in zip(words, names, strict=True))


def _fits(word: str, name: str) -> bool:
    if name == "log-status":
        return word in STATUSES
    if word == "-":
        return True
    if name == "action":
        return word in ("ACCEPT", "REJECT")
    raw = field_of(name).raw
    return raw == pl.String or bool(re.fullmatch(r"-?\d{1,19}", word))


def _unit(lines: Sequence[Sequence[str]], names: Sequence[str]) -> Literal["s", "ms"]:
    """Return what times count, as the first record that has one shows."""
    places = [i for i, name in enumerate(names) if field_of(name).dtype == TIME]
    words = (line[i] for line in lines if len(line) == len(names) for i in places)
    first = next((word for word in words if word.isdecimal()), "0")
    return "ms" if int(first[:20]) >= MILLIS else "s"


def _misfit(words: Sequence[str], names: Sequence[str], origin: str) -> str:
    seen = " ".join(words)[:120]
    what = f"the {len(names)} fields given" if origin == "fields given" else "the default format's 14 fields"
    return f"it has no header line, and its lines do not hold {what}: {len(words)} words were seen, {seen!r}"


def _parquet(path: str) -> Format:
    try:
        schema = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FormatError(f"its Parquet data are damaged ({_first_line(error)})") from None
    names = _once(tuple(map(canonical, schema)))
    if "log-status" not in names and not {"srcaddr", "dstaddr"} <= set(names):
        raise FormatError(f"it is Parquet, but no flow log: its columns are {', '.join(list(schema)[:8])}")
    return Format("parquet", names, "Parquet columns", types=tuple(f"{c}:{t}" for c, t in schema.items()))


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0][:120]


LATEST = 253_402_300_799
"""The last second of the year 9999, beyond which no calendar goes."""


def in_range(values: pl.Series) -> bool:
    """Return whether every time of a column is one that a calendar can show; other columns are left alone."""
    if values.dtype != TIME or values.is_empty():
        return True
    low, high = (values.to_physical().min() or 0), (values.to_physical().max() or 0)
    return bool(low >= 0 and high <= LATEST * 1000)  # type: ignore[operator]


def typed(columns: Sequence[str], unit: Literal["s", "ms"] = "s") -> list[pl.Expr]:
    """Return the expressions that turn whole numbers into times."""
    factor = 1000 if unit == "s" else 1
    return [(pl.col(c) * factor).cast(TIME) for c in columns if field_of(c).dtype == TIME]
