"""The case's cache: every object is read once, into Parquet, and never again while it does not change.

Each source has a folder of parts; a part is the records of some objects, with a manifest beside it. A part counts only
once its manifest is there, and both are put in place by a rename: a load that is killed leaves nothing wrong, and two
loads at once do each other no harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs
import polars as pl

from flowkit.errors import CacheError
from flowkit.formats import Batch, Format
from flowkit.schema import STATUSES
from flowkit.sources import Object

VERSION = 1
"""Raised when what a part holds changes: older parts are then read anew."""


@dataclass(frozen=True)
class Entry:
    """What was read of one object: every line is a flow, NODATA, SKIPDATA, malformed, header or blank."""

    identity: str
    format: str
    lines: int
    flows: int
    nodata: int
    skipdata: int
    malformed: int
    header: int
    blank: int
    note: str


@dataclass(frozen=True)
class Part:
    """Some objects' records on the disk; `object` in its tables is an entry's place in `entries`."""

    path: Path
    names: tuple[str, ...]
    entries: tuple[Entry, ...]

    @property
    def quarantine(self) -> Path:
        """Where its malformed lines are, if it has any."""
        return self.path.with_suffix(".quarantine")


def home(cache: str | Path | None) -> Path:
    """Return the folder of the cache: the given one, or the user's cache folder; it is made where it is missing."""
    folder = Path(cache).expanduser() if cache else Path(platformdirs.user_cache_dir("flowkit"))
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def shelf(root: Path, source: str | Path) -> Path:
    """Return the place of the parts of one source."""
    place = root / "parts" / digest([str(VERSION), str(Path(source).expanduser().resolve())])
    with told(root):
        place.mkdir(parents=True, exist_ok=True)
    return place


def digest(words: Iterable[str]) -> str:
    """Return a short name made of words."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def parts(place: Path) -> list[Part]:
    """Return the whole parts at a place."""
    found = []
    for manifest in sorted(place.glob("*.json")):
        try:
            facts = json.loads(manifest.read_text("utf-8"))
            entries = tuple(Entry(**entry) for entry in facts["entries"])
            part = Part(manifest.with_suffix(".parquet"), tuple(facts["names"]), entries)
        except (OSError, ValueError, TypeError, KeyError):
            continue  # Not whole, or another version's: its objects are read anew.
        if part.path.exists():
            found.append(part)
    return found


def store(place: Path, objects: Sequence[Object], form: Format, batch: Batch) -> Part:
    """Write what was read of some objects as a part and return it."""
    name = digest([*(o.identity for o in objects), form.kind, *form.names])
    part = Part(place / f"{name}.parquet", form.names, tuple(_entries(objects, form, batch)))
    index = {o.path: i for i, o in enumerate(objects)}
    number = pl.col("object").replace_strict(index, return_dtype=pl.UInt32)
    facts = {"names": part.names, "entries": [asdict(entry) for entry in part.entries]}
    with told(place):
        if batch.quarantine.height:
            put(part.quarantine, lambda path: batch.quarantine.with_columns(number).write_parquet(path))
        put(part.path, lambda path: batch.frame.with_columns(number).write_parquet(path, compression_level=1))
        put(part.path.with_suffix(".json"), lambda path: path.write_text(json.dumps(facts), "utf-8"))
    return part


def _entries(objects: Sequence[Object], form: Format, batch: Batch) -> Iterator[Entry]:
    """Yield each object's account of its lines."""
    counts = {(path, status): n for path, status, n in batch.frame.group_by("object", "log_status").len().rows()}
    bad = dict(batch.quarantine.group_by("object").len().iter_rows())
    for o in objects:
        flows, nodata, skipdata = (counts.get((o.path, s), 0) for s in STATUSES)
        header, blank, malformed = batch.headers.get(o.path, 0), batch.blanks.get(o.path, 0), bad.get(o.path, 0)
        lines = flows + nodata + skipdata + header + blank + malformed
        note = "; ".join(filter(None, [batch.notes.get(o.path), _unknown(form)]))
        kind = f"{form.kind}, {form.origin}" if form.kind == "text" else form.kind
        yield Entry(o.identity, kind, lines, flows, nodata, skipdata, malformed, header, blank, note)


def _unknown(form: Format) -> str:
    names = form.unknown
    return f"fields flowkit does not know, kept as text: {', '.join(names)}" if names else ""


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=path.suffix)
    os.close(handle)
    fresh = Path(name)
    try:
        write(fresh)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


@contextmanager
def told(place: Path) -> Iterator[None]:
    """Turn what the disk says into one sentence."""
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"the cache {place} cannot be written ({error.strerror or error}): give another folder with cache=, "
            "or cache=False to keep nothing"
        ) from None
