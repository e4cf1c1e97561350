"""The bytes of an object, unpacked and in pieces, so that memory stays flat whatever its size.

An object is a file, or a member of a `.zip`; either may be in base64 as a Lambda event has it, gzipped (several members
in a row, and once more over, as Firehose delivers what CloudWatch Logs had packed), or UTF-16 as PowerShell writes it.
"""

from __future__ import annotations

import binascii
import codecs
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from isal import igzip_lib, isal_zlib

from flowkit.errors import FormatError, SourceError
from flowkit.formats import zipped

PIECE = 1 << 20

BLOCK = 16 << 20
"""Bytes of text held at once; a line longer than that is no record."""

HEADER, BLANK = "header", ""
"""What stands for a fault where a line is no record, and rightly so."""

GZIP = b"\x1f\x8b"

MEMBER = GZIP + b"\x08"
"""How each member of gzip data begins."""

GZIP_BASE64 = b"H4sI"
"""How gzip data begin in base64."""

Source = Callable[[], Iterator[bytes]]
"""Gives the bytes of an object from the start, as often as it is asked."""

_CODINGS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@dataclass(frozen=True)
class Block:
    """Some whole lines, without the last line end; `faults` has the reason of those known to be no records."""

    data: bytes
    number: int
    count: int
    """How many lines there are."""
    faults: dict[int, str] = field(default_factory=dict)
    end: str = ""
    """How the last line ends: "" with the line, "open" with the file, "cut" where the rest of the file is missing."""


def blocks(path: str, notes: dict[str, str], size: int = BLOCK) -> Iterator[Block]:
    """Yield an object's text in blocks of whole lines; `notes` says where the object is cut short or damaged."""
    held: list[bytes] = []
    number, skipping = 1, False
    for piece in pieces(path, notes, 2 * PIECE):
        if skipping:
            _, found, piece = piece.partition(b"\n")  # noqa: PLW2901
            skipping = not found
        held.append(piece)
        if sum(map(len, held)) < size:
            continue
        data, found, rest = b"".join(held).rpartition(b"\n")
        held = [rest]
        if found:
            count = data.count(b"\n") + 1
            yield Block(data, number, count)
            number += count
        else:
            yield Block(rest[:PIECE], number, 1, {number: f"it is longer than {BLOCK:,} bytes"})
            held, number, skipping = [], number + 1, True
    rest = b"".join(held)
    if rest:
        whole = rest.endswith(b"\n")
        end = "" if whole else "cut" if path in notes else "" if head(path, 2) == GZIP else "open"
        rest = rest.removesuffix(b"\n")
        yield Block(rest, number, rest.count(b"\n") + 1, end=end)


def pieces(path: str, notes: dict[str, str], size: int = PIECE) -> Iterator[bytes]:
    """Yield what an object holds, unpacked, as far as it can be read."""
    source = partial(zipped.stream, path, notes, size) if zipped.is_member(path) else partial(_file, path, size)
    first, raw = _peeked(source())
    if first.startswith(GZIP_BASE64):
        source = partial(_from_base64, source)
        first, raw = _peeked(source())
    for _ in range(2):
        if first[:2] == GZIP:
            source = partial(_inflated, path, source, notes, size)
            first, raw = _peeked(source())
    if first[:2] != GZIP and not zipped.is_member(path):
        raw = _with_members(path, source, notes, size)
    coding = _coding(first)
    first, raw = _peeked(_recoded(raw, coding) if coding else raw, _LINE)
    yield from (piece.replace(b"\r", b"\n") for piece in raw) if _has_old_ends(first) else raw


_LINE = 4096
"""Bytes within which a text has a line end, if it has any."""


def _has_old_ends(text: bytes) -> bool:
    """Return whether lines end as old Macs ended them, and as no others do."""
    return b"\r" in text and b"\n" not in text and b"\0" not in text and text[:4] != b"PAR1"


def _peeked(raw: Iterator[bytes], least: int = 4) -> tuple[bytes, Iterator[bytes]]:
    """Return the first `least` bytes or more, and the whole all the same: what unpacks may give none for a while."""
    first = b""
    for piece in raw:
        first += piece
        if len(first) >= least:
            break
    return first, chain([first], raw)


def _coding(first: bytes) -> str | None:
    """Return which UTF-16 a text is in, by its byte order mark or by every other byte of its first letters."""
    unmarked = {(False, True): "utf-16-le", (True, False): "utf-16-be"} if len(first) > 3 else {}
    firsts, seconds = (not any(first[i:4:2]) for i in (0, 1))
    return _CODINGS.get(first[:2]) or unmarked.get((firsts, seconds))


def _from_base64(source: Source) -> Iterator[bytes]:
    """Yield what base64 stands for, line by line: a line is whole, or as long as a line may be before it is broken."""
    rest = b""
    for piece in chain(source(), [b"\n"]):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > PIECE:
            whole = len(rest) - len(rest) % 4
            lines, rest = [*lines, rest[:whole]], rest[whole:]
        for line in lines:
            try:
                yield binascii.a2b_base64(line)
            except binascii.Error:
                return


@dataclass(frozen=True)
class Glance:
    """How an object begins: as it lies there (`raw`), unpacked once (`text`), and whether polars reads it by itself."""

    raw: bytes
    text: bytes
    plain: bool


def glance(path: str, size: int) -> Glance:
    """Return how an object begins, in one look at `size` bytes of it."""
    raw = head(path, size)
    text = _first_text(raw, size) if raw[:2] == GZIP else raw
    odd = text[:2] == GZIP or text.startswith(GZIP_BASE64) or _coding(text) is not None or _has_old_ends(text)
    return Glance(raw, text, plain=not odd and not zipped.is_member(path))


def seems_cut(path: str) -> bool:
    """Return whether a gzip file ends as none does that is whole: its last bytes, the text's length, cannot be that.

    A whole file seldom seems cut, where its text is very repetitive; a cut one seldom seems whole, by chance.
    """
    try:
        size = os.path.getsize(path)  # noqa: PTH202 - asked of thousands of objects
        if size < PIECE // 4:
            return False
        with Path(path).open("rb") as file:
            if file.read(2) != GZIP:
                return False
            file.seek(-4, os.SEEK_END)
            return int.from_bytes(file.read(4), "little") > 100 * size
    except OSError:
        return False


def _first_text(raw: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(raw, size)
    except zlib.error:
        return b""


def head(path: str, size: int) -> bytes:
    """Return the first bytes of an object as it lies there, packed or not."""
    text = b""
    for piece in zipped.stream(path, {}, size) if zipped.is_member(path) else _file(path, size):
        text += piece
        if len(text) >= size:
            break
    return text[:size]


def beginning(path: str, notes: dict[str, str], size: int) -> bytes:
    """Return the first bytes of what an object holds, unpacked."""
    text = b""
    for piece in pieces(path, notes, size):
        text += piece
        if len(text) >= size:
            break
    return text[:size]


def _file(path: str, size: int) -> Iterator[bytes]:
    # A pipe would wait for ever, and a link may lead nowhere.
    if not os.path.isfile(path):  # noqa: PTH113 - asked of thousands of objects
        closed = os.path.isdir(path)  # noqa: PTH112
        raise FormatError(
            "it is a folder that may not be entered" if closed else "it is no regular file, or it cannot be reached"
        )
    if not _is_text(path):
        raise FormatError("its name is not UTF-8, and polars cannot open it: give the file another name")
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            while piece := file.read(size):
                yield piece
    except PermissionError:
        raise SourceError("there is no permission to read it") from None
    except OSError as error:
        raise SourceError(f"it cannot be read: {error.strerror}") from None


def _is_text(path: str) -> bool:
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def _inflated(path: str, source: Source, notes: dict[str, str], size: int) -> Iterator[bytes]:
    """Yield what gzip data hold, member by member, never more than a piece at once.

    ISA-L unpacks in a quarter of zlib's time, but gives nothing of a piece with a damaged place in it: then zlib begins
    anew, and what was given already is left out.
    """
    done = 0
    try:
        for text in _unpacked(path, source(), notes, size):
            done += len(text)
            yield text
    except igzip_lib.IsalError:  # type: ignore[misc]  # its stub calls the class a value
        for text in _with_care(path, source(), notes, size):
            yield text[done:]
            done = max(0, done - len(text))


def _unpacked(path: str, raw: Iterator[bytes], notes: dict[str, str], size: int) -> Iterator[bytes]:
    """Yield the same of data that are whole, or cut short."""
    machine, done, data, text = isal_zlib.decompressobj(wbits=31), 0, b"", b""
    while data := data or next(raw, b""):
        if machine.eof:
            text, data = _between(data, raw, text)
            yield text
            if not data:
                continue
            machine = isal_zlib.decompressobj(wbits=31)
        text = machine.decompress(data, size)
        data = machine.unused_data if machine.eof else machine.unconsumed_tail
        done += len(text)
        yield text
    while not machine.eof and (text := machine.decompress(b"", size)):
        done += len(text)
        yield text
    if not machine.eof and not done:
        raise igzip_lib.IsalError
    if not machine.eof:
        notes[path] = _damage([], done)


def _between(data: bytes, raw: Iterator[bytes], last: bytes) -> tuple[bytes, bytes]:
    """Return the text that stands where another gzip member could begin, and the bytes from there on.

    `last` is what was unpacked before: the text begins with a line of its own.
    """
    data = data.lstrip(b"\0")  # Some tools fill up with zeros.
    if data[:1] == GZIP[:1] or not _is_words(data[:_FEW]):
        return b"", data
    data += next(raw, b"") if data[-1:] in (GZIP[:1], GZIP[1:]) else b""
    text, found, rest = data.partition(MEMBER)
    return (text if not last or last.endswith(b"\n") else b"\n" + text), found + rest


_FEW = 32
"""Bytes that show whether something is text."""


def _is_words(few: bytes) -> bool:
    text = few.decode("utf-8", "replace")
    return "\ufffd" not in text[:-1] and "".join(text.split()).isprintable()


def _with_members(path: str, source: Source, notes: dict[str, str], size: int) -> Iterator[bytes]:
    """Yield text, and what the gzip members hold that stand behind it, as where files were put together."""
    at, kept = 0, b""
    for piece in source():
        data = kept + piece
        begin = data.find(MEMBER) if GZIP[:1] in data else -1
        while begin >= 0 and not _opens(data[begin : begin + PIECE]):
            begin = data.find(MEMBER, begin + 1)
        if begin >= 0:
            text = data[:begin]
            yield text if not text or text.endswith(b"\n") else text + b"\n"
            yield from _inflated(path, partial(_from, source, at + begin), notes, size)
            return
        kept = data[-_HEAD:] if GZIP[:1] in data[-_HEAD:] else b""
        at += len(data) - len(kept)
        yield data[: len(data) - len(kept)]
    yield kept


_HEAD = 1024
"""Bytes at a piece's end in which a gzip member may begin that goes on in the next."""


def _opens(data: bytes) -> bool:
    """Return whether gzip data can be unpacked, to begin with, and are text then."""
    try:
        text = isal_zlib.decompressobj(wbits=31).decompress(data, PIECE)
    except igzip_lib.IsalError:  # type: ignore[misc]
        return False
    return len(text) >= _FEW and _is_words(text[:_FEW])


def _from(source: Source, begin: int) -> Iterator[bytes]:
    """Yield the bytes of a source from a place on."""
    for piece in source():
        yield piece[begin:]
        begin = max(0, begin - len(piece))


def _with_care(path: str, raw: Iterator[bytes], notes: dict[str, str], size: int) -> Iterator[bytes]:
    """Yield the same of data with damaged places: behind each it goes on with the next member, if there is one."""
    machine, done, data, text, faults = _gunzip(), 0, b"", b"", list[str]()
    while data := data or next(raw, b""):
        if machine.eof:
            text, data = _between(data, raw, text)
            yield text
            if not data:
                continue
            machine = _gunzip()
        before = machine.copy()
        try:
            text = machine.decompress(data, size)
            data = machine.unused_data if machine.eof else machine.unconsumed_tail
        except zlib.error as error:
            text, data = _salvaged(before, data)
            data, machine = _next_member(data, raw), _gunzip()
            faults.append(str(error))
            text += b"\n" if data else b""  # What comes is a line of its own.
        done += len(text)
        yield text
    while not (machine.eof or faults) and (text := machine.decompress(b"", size)):
        done += len(text)
        yield text
    if said := _damage(faults, done) if faults or not machine.eof else "":
        notes[path] = said


def _gunzip() -> zlib._Decompress:
    return zlib.decompressobj(wbits=31)


def _salvaged(machine: zlib._Decompress, data: bytes) -> tuple[bytes, bytes]:
    """Return what can be unpacked before the damage, and the bytes from a little before it: the rest is in a member."""
    texts, at, step = list[bytes](), 0, 1024
    while step and at < len(data):
        before = machine.copy()
        try:
            texts.append(machine.decompress(data[at : at + step]))
            at += step
        except zlib.error:
            # Byte by byte, to the damage itself.
            machine, step = before, step // 1024
    return b"".join(texts), data[max(1, at - 512) :]


def _next_member(data: bytes, raw: Iterator[bytes]) -> bytes:
    """Return the bytes from where the next member may begin, or none."""
    while (at := data.find(MEMBER)) < 0:
        more = next(raw, b"")
        if not more:
            return b""
        data = data[-len(MEMBER) :] + more
    return data[at:]


def _damage(faults: list[str], done: int) -> str:
    read = f"{done:,} bytes of text could be read"
    if not faults:
        return f"its gzip data are cut short: {read}, the rest is missing"
    if not done:
        return f"its gzip data are damaged from the start ({faults[0]})"
    if all("incorrect" in fault for fault in faults):
        return f"its gzip checksum is wrong: {read}, but they may not be what was written"
    return f"its gzip data are damaged: {read}, the rest is lost"


def _recoded(raw: Iterator[bytes], coding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(coding)("replace")
    for piece in raw:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
