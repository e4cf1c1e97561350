"""Gzip data that are damaged, cut, filled up or put together: what can be read is read, and the rest is told."""

from __future__ import annotations

import gzip

import pytest
from records import FLOW, HEADER, Writer

import flowkit as fk

RECORDS = [FLOW.replace("40000", str(port)) for port in range(1024, 9024)]
MEMBERS = [gzip.compress("\n".join([HEADER, *RECORDS[i : i + 10], ""]).encode()) for i in (0, 10, 20)]
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
    ],
    ids=["a zero", "many zeros", "twins", "a wrong checksum", "damage in the middle", "damage at the end", "no end"],
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
