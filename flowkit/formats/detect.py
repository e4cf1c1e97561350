"""What an object is, found by looking at how it begins: flow logs as text, CSV, JSON or Parquet, or something else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter

import polars as pl

from flowkit.errors import FormatError
from flowkit.formats.form import GIVEN, Format, candidates, choose, sure, unit
from flowkit.formats.packed import local
from flowkit.formats.pieces import beginning, glance
from flowkit.formats.wrapped import csvs, jsons
from flowkit.formats.zipped import is_member, members
from flowkit.schema import canonical, field_of, is_header, uncommented
from flowkit.wording import printable

HEAD = 64 * 1024
"""Bytes of text looked at: some hundred records."""

FIRST = 4 * 1024
"""Bytes looked at first: a header and a record after it say all there is to say, and most objects begin so."""

_TEST = "Permission Check Successful"


def detect(path: str, fields: Sequence[str] | None = None) -> Format:
    """Return the format of the object at `path`; `fields` names those of a form that does not name them itself.

    Raises `FormatError` with what was seen where it is no flow log, and `SourceError` where it cannot be read.
    """
    given = tuple(fields) if fields else None
    form = _detect(path, given)
    if form.origin not in _NAMED:
        also = [names for names, _ in candidates(given) if names != form.names and sure(names)]
        form = replace(form, also=tuple(also))
    if not given or form.origin == GIVEN or form.names == given:
        return form
    why = "not the fields given" if form.origin in _NAMED else "as its lines do not fit the fields given"
    return replace(form, origin=f"{form.origin}, {why}")


_NAMED = ("header", "keys", "columns")
"""How fields are known that an object names itself: what was given does not count then, and that is said."""


def _detect(path: str, given: tuple[str, ...] | None) -> Format:
    seen = glance(path, FIRST)
    if seen.raw[:4] == b"PAR1":
        return _parquet(path)
    if seen.raw[:2] == b"PK":
        raise FormatError(_zip(path))
    if packing := _packing(seen.raw, seen.text):
        raise FormatError(f"it is {packing}, which flowkit does not open: unpack it first")
    if seen.plain and (form := _headed(seen.text)):
        return form
    notes: dict[str, str] = {}
    text = beginning(path, notes, HEAD)
    if text.startswith(b"PAR1"):
        return _parquet(path)
    if b"\0" in text:
        raise FormatError(f"it is neither text nor Parquet: it begins with {text[:8]!r}")
    words = text.decode("utf-8-sig", "replace")
    if not words.strip():
        raise FormatError(notes.get(path, "it is empty"))
    return _text(path, words, given, plain=seen.plain)


def _headed(first: bytes) -> Format | None:
    """Return the format of text that begins with a header and a whole record, None where there is more to look at."""
    text = first.decode("utf-8-sig", "replace").rpartition("\n")[0]
    head, found, rest = text.partition("\n")
    names = _named(head)
    record = rest.partition("\n")[0].split()
    if not found or not names or len(record) != len(names):
        return None
    lines = text.count("\n") + 1
    tidy = text.count(" ") == lines * (len(names) - 1) and "\t" not in text
    tidy = tidy or not _is_untidy(text.split("\n"), len(names))
    return Format("text", names, "header", header=True, unit=unit([record], names), careful=not tidy)


@lru_cache(maxsize=64)
def _named(line: str) -> tuple[str, ...] | None:
    """Return the fields a line names; thousands of objects have the same one."""
    words = uncommented(line.split())
    return _names(words) if words and is_header(words) else None


_PACKINGS = {
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\0": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"\x04\x22\x4d\x18": "packed with lz4",
    b"\xff\x06\0\0sNaPpY": "packed with snappy",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
}


def _packing(raw: bytes, text: bytes) -> str | None:
    """Return how an object is packed in another way than flowkit opens; `text` is what gzip unpacked of it."""
    if text[257:262] == b"ustar":
        return "a tar archive" if raw == text else "a tar archive in gzip"
    return next((what for sign, what in _PACKINGS.items() if raw.startswith(sign)), None)


def _zip(path: str) -> str:
    if is_member(path):
        return "it is a zip archive inside another: unpack it first"
    try:
        held = members(path)
    except FormatError as error:
        return str(error)
    if not held:
        return "it is a zip archive that holds nothing"
    return "it is a zip archive, and flowkit opens those only on a disk and under a name that ends in .zip"


def _text(path: str, text: str, fields: tuple[str, ...] | None, *, plain: bool) -> Format:
    if text.lstrip()[0] in "{[" and (form := jsons.look(path, fields)):
        return form
    if text.startswith(_TEST):
        raise FormatError("it is the file with which CloudWatch Logs tries the bucket before an export, no flow log")
    whole = text.rpartition("\n")[0] if "\n" in text and len(text) >= HEAD // 2 else text
    lines = [line for line in whole.split("\n") if line.strip()]
    words = [uncommented(line.split()) for line in lines]
    careful = not plain or _is_untidy(whole.split("\n"))
    if is_header(words[0]):
        names = _names(words[0])
        return Format("text", names, "header", header=True, unit=unit(words[1:], names), careful=careful)
    if any(sign in lines[0] for sign in ',;\t|"') and (form := csvs.look(lines, fields)):
        return form
    return replace(_lines(words, fields), careful=careful)


def _is_untidy(lines: Sequence[str], words: int | None = None) -> bool:
    """Return whether many lines are blank, or have other than single spaces or so many words.

    Trying them without care is in vain.
    """
    odd = sum(
        "  " in line or "\t" in line or line[:1] in ("", " ") or (words is not None and line.count(" ") != words - 1)
        for line in lines[: None if words else -1]
    )
    # polars would take a byte order mark after the header for the file's own.
    return odd > len(lines) // 20 or any("\ufeff" in line for line in lines[:2])


def _lines(words: list[list[str]], fields: tuple[str, ...] | None) -> Format:
    """Return the format of lines without a header at their head; one may follow further down."""
    later = next((i for i, line in enumerate(words) if is_header(line)), None)
    try:
        names, origin, lead = choose(words[:later], fields)
    except FormatError:
        if later is None:
            raise
        return Format("text", _names(words[later]), "header", unit=unit(words[later:], _names(words[later])))
    title = "text led by times" if lead else "text"
    return Format("text", names, origin, title, lead=lead, unit=unit((line[lead:] for line in words), names))


def _names(header: Sequence[str]) -> tuple[str, ...]:
    names = tuple(map(canonical, header))
    fields = sorted(map(field_of, names), key=attrgetter("column"))
    twice = next((a.name for a, b in pairwise(fields) if a.column == b.column), None)
    if twice:
        raise FormatError(f"its header names the field {twice!r} twice")
    return names


def _parquet(path: str) -> Format:
    notes: dict[str, str] = {}
    try:
        with local(path, notes) as file:
            schema = pl.read_parquet_schema(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        packing = f"{notes[path]}; " if path in notes else ""
        raise FormatError(f"{packing}its Parquet data are damaged ({_first_line(error)})") from None
    held = {canonical(c): c for c, t in reversed(schema.items()) if not t.is_nested()}
    names = tuple(reversed(held))
    if not names or not is_header(names):
        raise FormatError(f"it is Parquet, but no flow log: its columns are {', '.join(list(schema)[:8])}")
    types = tuple((held[name], str(schema[held[name]])) for name in names)
    nested = tuple(printable(c) for c, t in schema.items() if t.is_nested())
    return Format("parquet", names, "columns", "parquet", types=types, nested=nested)


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0][:120]
