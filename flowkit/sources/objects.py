"""An object that may hold flow logs, and which objects can hold records of a span of time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowkit.errors import SourceError
from flowkit.times import spoken

SLOT = timedelta(minutes=5)
"""A file named `…_20261123T1620Z_…` holds records that ended from 16:20:00 to 16:24:59 (VPC User Guide, S3 paths)."""

BEFORE = SLOT + timedelta(minutes=5)
"""How much earlier than the span a slot may begin: its own length, and slack for times said to be up to 60 s off."""

AFTER = timedelta(minutes=30)
"""How much later than the span a slot may begin: a window of 10 minutes, up to 10 of delivery, and as much again."""

_STAMP = re.compile(r"_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)Z_")


@dataclass(frozen=True)
class Object:
    """One object: its name as the user knows it, where it lies, its size in bytes, when it changed (ns), its slot.

    `origin` is the identity of one that lies in AWS: it stays the same when the object has been fetched to a file.
    """

    name: str
    path: str
    size: int
    modified: int
    slot: datetime | None = None
    origin: str = ""

    @property
    def identity(self) -> str:
        """What changes when the object does."""
        return self.origin or f"{self.path}|{self.size}|{self.modified}"


_LOGS = re.compile(
    r"(_vpcflowlogs_|\.(log|parquet)(\.(gz|gzip|zst|snappy))*$|^[^.]*(\.(gz|gzip))?$"
    r"|\.(zip|tar|tgz|bz2|tbz2?|xz|txz|zst|lz4|7z)$|\.tar\.\w+$)",
    re.IGNORECASE,
)
_DOCUMENTS = re.compile(
    r"\.(md|rst|html?|pdf|png|jpe?g|svg|ipynb|py|toml|ya?ml)$|(^|/)(README|LICENSE)$", re.IGNORECASE
)


def called_log(name: str) -> bool:
    """Return whether an object is called as logs or archives are, so that what is wrong with it matters.

    >>> [called_log(name) for name in ("a/1_vpcflowlogs_eu.csv", "b/eni.log.gz", "000000.gz", "a.csv.gz", "a.json")]
    [True, True, True, False, False]
    >>> called_log("logs.tar.gz"), called_log("eni.log.bz2")
    (True, True)
    """
    return bool(_LOGS.search(name.rpartition("/")[2]))


def document(name: str) -> bool:
    """Return whether an object lies beside the logs for people to read, by its name.

    >>> [document(name) for name in ("incident/README.md", "incident.html", "export.csv", "events.json")]
    [True, True, False, False]
    """
    return bool(_DOCUMENTS.search(name))


def slot_of(name: str) -> datetime | None:
    """Return the five-minute slot in an object's name, None where it has none.

    >>> slot_of("123456789010_vpcflowlogs_eu-west-1_fl-0a1b_20261123T1620Z_1ce1bf4b.log.gz")
    datetime.datetime(2026, 11, 23, 16, 20, tzinfo=datetime.timezone.utc)
    >>> slot_of("export.log")
    """
    found = _STAMP.search(name)
    try:
        if not found:
            return None
        year, month, day, hour, minute = map(int, found.groups())  # strptime takes four times as long.
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None


def within(objects: Sequence[Object], start: datetime | None, end: datetime | None, tz: str = "UTC") -> list[Object]:
    """Return the objects that can hold records of the span; one whose name tells no time always can.

    Raises `SourceError` where none can, but for documents beside them, saying which times there are in the zone `tz`.
    """
    kept = [o for o in objects if o.slot is None or can_hold(o.slot, start, end)]
    slots = sorted(o.slot for o in objects if o.slot)
    if slots and all(document(o.name) for o in kept):
        none = "the one object there cannot" if len(slots) == 1 else f"none of the {len(slots):,} objects can"
        since, until = (f" {word} {spoken(t, tz)}" if t else "" for word, t in (("from", start), ("to", end)))
        raise SourceError(
            f"{none} hold records{since}{until}: "
            f"by the times in the names they are from {spoken(slots[0], tz)} to {spoken(slots[-1] + SLOT, tz)}; "
            "where names do not tell the truth, leave out start= and end="
        )
    return kept


def can_hold(slot: datetime, start: datetime | None, end: datetime | None) -> bool:
    """Return whether an object of a slot can hold records of the span."""
    return (start is None or slot > start - BEFORE) and (end is None or slot < end + AFTER)


def chunks(objects: Sequence[Object], most: int) -> Iterator[list[Object]]:
    """Yield the objects in runs of at most so many bytes, or of one object, so that memory stays flat."""
    run: list[Object] = []
    size = 0
    for o in objects:
        if run and size + o.size > most:
            yield run
            run, size = [], 0
        run.append(o)
        size += o.size
    if run:
        yield run
