"""The case's cache: every object is read once, into Parquet, and never again while it does not change.

Each source has a shelf: a folder of parts, and of the cases made of them. A part is the records of some objects, with a
manifest beside it that holds its checksum. A part counts only once its manifest is there, and both are put in place by
a rename: a load that is killed leaves nothing wrong, two loads at once do each other no harm, and a part that the disk
has damaged is read anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import platformdirs
import polars as pl
from polars.io.plugins import register_io_source

from flowkit.case.account import Account, Entry
from flowkit.errors import CacheError
from flowkit.formats import Batch, Format
from flowkit.formats.batch import Types
from flowkit.schema import columns
from flowkit.sources import Object
from flowkit.spill import disk_errors

VERSION = 4
"""Raised when what a part holds changes: older parts are then read anew."""

LEFT = ".new-"
"""What the names of files begin with that are not whole yet."""


@dataclass(frozen=True)
class Part:
    """Some objects' records on the disk; `object` in its tables is an entry's place in `entries`."""

    path: Path
    names: tuple[str, ...]
    entries: tuple[Entry, ...]
    more: tuple[str, ...]
    """Fields that headers inside the objects named besides."""
    sums: dict[str, int]
    """Checksums by the ends of the files' names."""

    @property
    def quarantine(self) -> Path:
        """Where its malformed lines are, if it has any."""
        return self.path.with_suffix(".quarantine")

    def sound(self) -> bool:
        """Return whether the files hold what was written."""
        return all(checksum(self.path.with_suffix(end)) == said for end, said in self.sums.items())


def home(cache: str | Path | None) -> Path:
    """Return the folder of the cache: the given one, or the user's cache folder."""
    return Path(cache).expanduser() if cache else Path(platformdirs.user_cache_dir("flowkit"))


def shelf(root: Path, source: str) -> Path:
    """Return the place of one source's parts, made where it is missing; what a killed load left there is swept.

    `sources.home` gives the source's name.
    """
    name = str(source)
    place = root / "parts" / digest([str(VERSION), name])
    with told(root):
        place.mkdir(parents=True, exist_ok=True)
        label = place / "source"
        if not label.exists():
            put(label, lambda path: path.write_text(name, "utf-8", "surrogatepass"))
        os.utime(label)
        sweep(place)
    return place


def sweep(place: Path, age: float = 86_400) -> None:
    """Remove what loads that were killed left behind a day ago or more: files without the manifest that is put last."""
    kept = {path.with_suffix("") for path in place.glob("*.json")} | {place / "source"}
    cases = {path.parent for path in place.glob("cases/*/case.json")}
    for path in place.rglob("*"):
        with suppress(OSError):
            whole = path.parent in cases or path.with_suffix("") in kept
            if (
                (not whole or path.name.startswith(LEFT))
                and path.is_file()
                and time.time() - path.stat().st_mtime > age
            ):
                path.unlink()


def digest(words: Iterable[str]) -> str:
    """Return a short name made of words."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def fresh(name: str) -> str:
    """Return a name of one's own for what is made: two loads at once never write to one file."""
    return f"{name}-{secrets.token_hex(4)}"


def checksum(path: Path) -> int | None:
    """Return the CRC of a file, None where it cannot be read."""
    total = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                total = zlib.crc32(piece, total)
    except OSError:
        return None
    return total


def size_of(place: Path) -> int:
    """Return how many bytes a folder of the cache holds."""
    total = 0
    for path in place.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


@dataclass(frozen=True)
class Shelf:
    """What the cache keeps of one source: its name, its bytes on the disk, and when it was last used."""

    source: str
    bytes: int
    used: datetime
    place: Path


def shelves(cache: str | Path | None = None) -> list[Shelf]:
    """Return what the cache keeps, the longest unused first."""
    places = [path for path in (home(cache) / "parts").glob("*") if path.is_dir()]
    return sorted((_shelf(place) for place in places), key=lambda s: s.used)


def _shelf(place: Path) -> Shelf:
    label = place / "source"
    try:
        name, used = label.read_text("utf-8", "replace"), label.stat().st_mtime
    except OSError:
        name, used = "(made by another version)", place.stat().st_mtime
    return Shelf(name, size_of(place), datetime.fromtimestamp(used, UTC), place)


def unused(cache: str | Path | None = None, *, older_than: timedelta | None = None) -> list[Shelf]:
    """Return what `clear` would remove."""
    now = datetime.now(UTC)
    return [s for s in shelves(cache) if older_than is None or now - s.used > older_than]


def clear(cache: str | Path | None = None, *, older_than: timedelta | None = None) -> list[Shelf]:
    """Remove what the cache keeps, or what was not used for so long; return what was removed.

    Only what flowkit made is touched. What a case in another notebook still needs is read anew by its next load.
    Raises `CacheError` where something cannot be removed.
    """
    old = unused(cache, older_than=older_than)
    for s in old:
        try:
            shutil.rmtree(s.place)
        except OSError as error:
            raise CacheError(f"{s.place} cannot be removed: {error.strerror or error}") from None
    return old


def parts(place: Path) -> list[Part]:
    """Return the parts at a place whose manifest is whole."""
    found = []
    for manifest in sorted(place.glob("*.json")):
        try:
            facts = json.loads(manifest.read_text("utf-8"))
            found.append(_part(manifest, facts))
        except (OSError, ValueError, TypeError, KeyError):
            continue  # Not whole, or another version's: its objects are read anew.
    return found


def identities(place: Path) -> set[str]:
    """Return the identities of the objects that the parts at a place hold."""
    return {entry.identity for part in parts(place) for entry in part.entries}


def _part(manifest: Path, facts: dict[str, Any]) -> Part:
    entries = tuple(Entry(**entry) for entry in facts["entries"])
    names, more = tuple(facts["names"]), tuple(facts["more"])
    return Part(manifest.with_suffix(".parquet"), names, entries, more, dict(facts["sums"]))


def store(place: Path, objects: Sequence[Object], form: Format, more: Sequence[str], batches: Iterable[Batch]) -> Part:
    """Write what was read of some objects, a batch at a time, as a part and return it."""
    types = {**columns([*form.names, *more, "log-status"]), "object": pl.UInt32}
    path = place / f"{fresh(digest([*(o.identity for o in objects), form.kind, *form.names]))}.parquet"
    account = Account(objects, form)
    with told(place.parents[1]):
        put(path, lambda new: _sink(new, account.counted(batches), types))
        bad = account.quarantine()
        if bad.height:
            put(path.with_suffix(".quarantine"), bad.write_parquet)
        written = [".parquet", *([".quarantine"] if bad.height else [])]
        sums = {end: checksum(path.with_suffix(end)) or 0 for end in written}
        part = Part(path, form.names, tuple(account.entries()), tuple(more), sums)
        entries = [asdict(entry) for entry in part.entries]
        facts = {"names": part.names, "more": part.more, "entries": entries, "sums": sums}
        put(path.with_suffix(".json"), lambda new: new.write_text(json.dumps(facts), "utf-8"))
    return part


def _sink(path: Path, frames: Iterator[pl.DataFrame], types: Types) -> None:
    """Write frames one after the other to one Parquet file; what goes wrong in making them is raised as it is."""
    trouble: list[Exception] = []

    def read(*_: object) -> Iterator[pl.DataFrame]:
        try:
            yield from (frame.select(list(types)) for frame in frames)
        except Exception as error:
            trouble.append(error)
            raise

    try:
        sink(register_io_source(read, schema=pl.Schema(types)), path)
    except Exception:
        if trouble:
            raise trouble[0] from None
        raise


def sink(frame: pl.LazyFrame, path: Path) -> None:
    """Write a lazy frame to a Parquet file, a little at a time."""
    frame.sink_parquet(path, compression_level=1, row_group_size=ROWS, engine="streaming")


ROWS = 250_000
"""Records in a row group: what is read at least, where a few minutes are asked of a long span."""


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=LEFT, suffix=path.suffix)
    os.close(handle)
    new = Path(name)
    try:
        with disk_errors(new):
            write(new)
        with new.open("rb") as file:
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        with suppress(OSError):
            new.unlink(missing_ok=True)


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
