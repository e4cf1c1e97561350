"""Gzip data that are damaged, cut, filled up or put together: what can be read is read, and the rest is told."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import Any

import pytest
from records import FLOW, HEADER, Writer

import flowkit as fk

RECORDS = [FLOW.replace("40000", str(port)) for port in range(1024, 9024)]
MEMBERS = [gzip.compress("\n".join([HEADER, *RECORDS[i : i + 10], ""]).encode()) for i in (0, 10, 20)]
TEXT = "\n".join([HEADER, *RECORDS[:10], ""]).encode()
WHOLE = gzip.compress("\n".join([HEADER, *RECORDS, ""]).encode())


def hurt(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(byte ^ 0xA5 for byte in data[at : at + 8]) + data[at + 8 :]


@pytest.mark.parametrize(
    ("data", "flows", "note"),
    [
        (MEMBERS[0] + b"\0", 10, None),
        (MEMBERS[0] + bytes(3_000_000) + MEMBERS[1], 20, None),
        (MEMBERS[0] * 2, 20, None),
        (hurt(WHOLE, len(WHOLE) - 8), 8000, "its gzip checksum is wrong"),
        (MEMBERS[0] + hurt(MEMBERS[1], 60) + MEMBERS[2], 20, "its gzip data are damaged"),
        (MEMBERS[0] + hurt(MEMBERS[1], 60), 10, "its gzip data are damaged"),
        (WHOLE[:-10], 8000, "its gzip data are cut short"),
        (TEXT + MEMBERS[0] + MEMBERS[1], 30, None),
        (TEXT[:-1] + MEMBERS[0], 20, None),
        (MEMBERS[0] + TEXT + MEMBERS[1], 30, None),
        (MEMBERS[0] + TEXT + MEMBERS[1][:-12], 29, "its gzip data are cut short"),
        (TEXT + b"\x1f\x8b\x08 no gzip\n" + TEXT, 20, None),
    ],
    ids=[
        *("a zero", "many zeros", "twins", "a wrong checksum", "damage in the middle", "damage at the end", "no end"),
        *("text before", "text without an end before", "text between", "text before the cut", "no gzip"),
    ],
)
def test_what_can_be_unpacked_is_read(written: Writer, data: bytes, flows: int, note: str | None) -> None:
    ledger = fk.load(written("a.log.gz", data=data), cache=False).ledger.row(0, named=True)
    assert ledger["flows"] == flows
    assert ledger["lines"] == sum(
        ledger[kind] for kind in ("flows", "nodata", "skipdata", "malformed", "header", "blank")
    )
    assert (ledger["note"] or "").startswith(note or "")
    assert bool(ledger["note"]) == bool(note)


def test_what_lies_before_the_damage_is_read(written: Writer) -> None:
    """The damage shows long after the data of many lines were unpacked in one go."""
    half = gzip.compress("\n".join([HEADER, *RECORDS, ""]).encode(), compresslevel=0)
    cut = half[: len(half) // 2] + b"\xff" * 9
    found = fk.load(written("a.log.gz", data=cut), cache=False).ledger.row(0, named=True)
    assert 3900 < found["flows"] < 4100


def packed(streamed: bool, method: int) -> bytes:
    """Return a zip of three files, written as a stream where sizes stand behind the data."""
    file = io.BytesIO()
    with zipfile.ZipFile(Stream(file) if streamed else file, "w", method) as archive:
        for name in ("a.log", "b/c.log", "d.log"):
            archive.writestr(name, "\n".join([HEADER, *RECORDS[:2000], ""]))
    return file.getvalue()


class Stream(io.RawIOBase):
    """A place to write to that does not go back."""

    def __init__(self, file: io.BytesIO) -> None:
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.file.write(data)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_what_a_cut_zip_holds_is_read(written: Writer, streamed: bool, share: float) -> None:
    """The files that are whole, what can be read of the one that is cut, and a word on what is missing."""
    data = packed(streamed, zipfile.ZIP_DEFLATED)
    case = fk.load(written("a.zip", data=data[: int(len(data) * share)]), cache=False)
    flows = dict(case.ledger.select("object", "flows").rows())
    whole = int(share * 3)
    assert list(flows.values())[1 : whole + 1] == [2000] * whole
    assert 0 < list(flows.values())[-1] < 2000
    notes = dict(case.ledger.select("object", "note").rows())
    assert f"What the {whole + 1} files at its beginning hold is read as far as it goes" in notes["a.zip"]
    assert "cut short" in list(notes.values())[-1]
