"""The members of a `.zip`: listed once, then read each from its own place, as a stream.

A member's path is the archive's, a NUL, where the member lies in it, a NUL, and its name. No file system takes such a
path, so a name such as `../../etc/passwd` stays a name.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from isal import igzip_lib, isal_zlib

from flowkit.errors import FormatError, SourceError
from flowkit.wording import many

_SIGN = b"PK\x03\x04"
_METHODS = {0: "stored", 8: "deflated"}
_ENCRYPTED = 1

_END, _END_WITHIN = b"PK\x05\x06", 66_000
"""How the last part of an archive begins, and how many bytes from the archive's end at the most."""


@dataclass(frozen=True)
class Member:
    """A member of an archive: its name, its path as the readers take it, its packed size in bytes."""

    name: str
    path: str
    size: int


def is_member(path: str) -> bool:
    """Return whether a path is that of a member."""
    return "\0" in path


def spoken(path: str) -> str:
    r"""Return a path as a person reads it.

    >>> spoken("logs.zip\x000,9,8,0,7\x00eni-1/000000.gz"), spoken("logs/a.log")
    ('logs.zip/eni-1/000000.gz', 'logs/a.log')
    """
    return "/".join(part for i, part in enumerate(path.split("\0")) if i != 1)


def members(path: str) -> list[Member]:
    """Return the members of an archive in its order, folders left out; raises `FormatError` where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, EOFError) as error:
        raise FormatError(_broken(path, error)) from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from None
    return [_member(path, info) for info in found]


def _broken(path: str, error: Exception) -> str:
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END_WITHIN))
        ended = _END in file.read()
    missing = "its end, where a zip archive lists what is in it, is missing: was its download cut short?"
    why = f"its zip directory is damaged ({error})." if ended else missing
    if not (found := len(salvaged(path))):
        return why.removesuffix(".") if ended else f"{why} Fetch it again"
    held = (
        f"What the {many(found, 'file')} at its beginning {'holds' if found == 1 else 'hold'} is read as far as it goes"
    )
    return f"{why} {held}. Fetch it again to have the rest"


_HEADER = struct.Struct("<4s5H3I2H")
"""What stands before a member: sign, version, flags, method, time, date, CRC, packed size, size, two lengths."""

_SIZE_BEHIND = 8
"""The flag that says that checksum and size stand behind the data, as they were written as a stream."""


def salvaged(path: str) -> list[Member]:
    """Return the members of an archive that has lost its list: those that begin in it, the last perhaps cut short."""
    try:
        with Path(path).open("rb") as file:
            return [_member(path, info) for info in _walked(file) if info.filename and not info.is_dir()]
    except OSError:
        return []


def _walked(file: BinaryIO) -> Iterator[zipfile.ZipInfo]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    while info := _info(file):
        file.seek(min(info.compress_size, size), os.SEEK_CUR)
        if info.flag_bits & _SIZE_BEHIND:
            info.CRC = _behind(file)
        yield info


def _info(file: BinaryIO) -> zipfile.ZipInfo | None:
    """Return what is said of the member that begins here, and go to its data; None where none begins."""
    begin, head = file.tell(), file.read(_HEADER.size)
    if len(head) < _HEADER.size or head[:4] != _SIGN:
        return None
    _, _, flags, method, _, _, crc, packed, _, name, extra = _HEADER.unpack(head)
    info = zipfile.ZipInfo(file.read(name).decode("utf-8" if flags & 0x800 else "cp437", "replace"))
    more = file.read(extra)
    info.header_offset, info.flag_bits, info.compress_type, info.CRC = begin, flags, method, crc
    info.compress_size = _large(more) if packed == 0xFFFFFFFF else packed
    if flags & _SIZE_BEHIND:
        info.compress_size = _deflated_size(file) if method == zipfile.ZIP_DEFLATED else 0
    return info


def _large(extra: bytes) -> int:
    """Return the packed size that stands in a member's extra field, as it is too large for its own place."""
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == 1 and length >= 16:
            return int.from_bytes(extra[12:20], "little")
        extra = extra[4 + length :]
    return 0


def _deflated_size(file: BinaryIO) -> int:
    """Return how many bytes the data from here on are, unpacked to see where they end."""
    begin, machine = file.tell(), isal_zlib.decompressobj(wbits=-15)
    try:
        while not machine.eof and (data := file.read(1 << 16)):
            while data and not machine.eof:
                machine.decompress(data, 1 << 20)
                data = machine.unconsumed_tail
    except igzip_lib.IsalError:  # type: ignore[misc]  # its stub calls the class a value
        pass
    end = file.tell() - len(machine.unused_data)
    file.seek(begin)
    return end - begin


def _behind(file: BinaryIO) -> int:
    """Return the checksum that stands behind a member's data, and go to where the next one begins."""
    said = file.read(24)
    signed = 4 if said[:4] == b"PK\x07\x08" else 0
    length = signed + (12 if said[signed + 12 : signed + 14] in (b"PK", b"") else 20)
    file.seek(min(0, length - len(said)), os.SEEK_CUR)
    return int.from_bytes(said[signed : signed + 4], "little")


def _member(path: str, info: zipfile.ZipInfo) -> Member:
    secret = info.flag_bits & _ENCRYPTED
    place = f"{info.header_offset},{info.compress_size},{info.compress_type},{secret},{info.CRC}"
    return Member(info.filename, f"{path}\0{place}\0{info.filename}", info.compress_size)


def stream(path: str, notes: dict[str, str], size: int) -> Iterator[bytes]:
    """Yield what a member holds, as far as it can be read; raises `FormatError` where its packing is not known."""
    archive, place, _ = path.split("\0", 2)
    offset, left, method, secret, known = map(int, place.split(","))
    if secret or method not in _METHODS:
        raise FormatError("it is encrypted in its zip" if secret else f"its zip packing (method {method}) is not known")
    packed = _packed(archive, offset, left, size)
    crc = 0
    for piece in packed if method == 0 else _deflated(path, packed, notes, size):
        crc = zlib.crc32(piece, crc)
        yield piece
    if crc != known and path not in notes:
        notes[path] = "its checksum in the zip is wrong: what was read may not be what was packed"


def _packed(archive: str, offset: int, left: int, size: int) -> Iterator[bytes]:
    try:
        with Path(archive).open("rb") as file:
            file.seek(offset)
            local = file.read(30)
            if len(local) < 30 or local[:4] != _SIGN:
                raise FormatError("its place in the zip is damaged")
            file.seek(sum(struct.unpack("<HH", local[26:])), 1)
            while left > 0 and (piece := file.read(min(size, left))):
                left -= len(piece)
                yield piece
    except OSError as error:
        raise SourceError(f"{archive} cannot be read: {error.strerror}") from None


def _deflated(path: str, packed: Iterator[bytes], notes: dict[str, str], size: int) -> Iterator[bytes]:
    machine, data = zlib.decompressobj(wbits=-15), b""
    try:
        while not machine.eof and (data := data or next(packed, b"")):
            yield machine.decompress(data, size)
            data = machine.unconsumed_tail
        while not machine.eof and (text := machine.decompress(b"", size)):
            yield text
    except zlib.error:
        notes[path] = "its data in the zip are damaged: what follows is lost"
        return
    if not machine.eof:
        notes[path] = "its data in the zip are cut short: the rest is missing"
