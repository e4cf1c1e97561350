"""Objects on a disk: a file, a directory tree in any layout, a glob; members of a `.zip` are such objects, too."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from flowkit.errors import FlowkitError, SourceError
from flowkit.formats import members
from flowkit.sources.objects import Object, slot_of


def find(source: str) -> list[Object]:
    """Return every object of a source on a disk, in the order of their names.

    What lies in a folder and cannot be reached (a folder that may not be listed, a link that leads nowhere) is an
    object too: its reader says why. Raises `SourceError` where there is nothing, or the source may not be listed.
    """
    place = Path(source).expanduser()
    if place.is_dir():
        found = [o for path in _walk(place) for o in _objects(path, path.relative_to(place).as_posix())]
    elif place.exists():
        found = _objects(place, place.name)
    else:
        paths = sorted(glob.glob(str(place), recursive=True))  # noqa: PTH207 - takes absolute patterns
        found = [o for path in map(Path, paths) if not path.is_dir() for o in _objects(path, path.as_posix())]
    if not found:
        what = "is an empty folder" if place.is_dir() else "does not exist, and as a pattern it matches no file"
        raise SourceError(f"nothing to read: {source} {what}")
    return sorted(found, key=lambda o: o.name)


def _walk(folder: Path) -> Iterator[Path]:
    closed: list[Path] = []

    def refused(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise SourceError(f"the folder {folder} cannot be listed: {error.strerror}") from None
        closed.append(Path(error.filename))

    for root, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        yield from (Path(root, name) for name in names)
    yield from closed


def _objects(path: Path, name: str) -> list[Object]:
    """Return the object a file is, or those it holds; a zip that cannot be opened stays one, to be named as such."""
    whole = _object(path, name)
    if path.suffix.lower() != ".zip":
        return [whole]
    try:
        held = members(whole.path)
    except FlowkitError:
        return [whole]
    return [Object(f"{name}/{m.name}", m.path, m.size, whole.modified, slot_of(m.name)) for m in held] or [whole]


def _object(path: Path, name: str) -> Object:
    try:
        facts = path.stat()
    except OSError:
        return Object(name, str(path.absolute()), 0, 0, slot_of(name))
    return Object(name, str(path.resolve()), facts.st_size, facts.st_mtime_ns, slot_of(name))
