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
    try:
        found = _found(place)
    except OSError as error:
        raise SourceError(f"{source} cannot be reached: {error.strerror or error}") from None
    if not found:
        what = "is an empty folder" if place.is_dir() else "does not exist, and as a pattern it matches no file"
        raise SourceError(f"nothing to read: {source} {what}")
    return sorted(found, key=lambda o: o.name)


def _found(place: Path) -> list[Object]:
    if place.is_dir():
        return [o for path, name in _walk(str(place.resolve())) for o in _objects(path, name)]
    if place.exists():
        return _objects(str(place.resolve()), place.name)
    paths = sorted(glob.glob(str(place), recursive=True))  # noqa: PTH207 - takes absolute patterns
    files = [path for path in map(Path, paths) if not path.is_dir()]
    return [o for path in files for o in _objects(str(path.resolve()), path.as_posix())]


def _walk(folder: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the name below the folder of every file; there may be many thousands, so paths stay text."""
    closed: list[str] = []

    def refused(error: OSError) -> None:
        if error.filename == folder:
            raise SourceError(f"the folder {folder} cannot be listed: {error.strerror}") from None
        closed.append(error.filename)

    for root, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        below = Path(root).relative_to(folder).as_posix()
        lead = "" if below == "." else f"{below}/"
        yield from ((f"{root}{os.sep}{name}", lead + name) for name in names)
    yield from ((path, Path(path).relative_to(folder).as_posix()) for path in closed)


def _objects(path: str, name: str) -> list[Object]:
    """Return the object a file is, or those it holds; a zip that cannot be opened stays one, to be named as such."""
    whole = _object(path, name)
    if not path.lower().endswith(".zip"):
        return [whole]
    try:
        held = members(path)
    except FlowkitError:
        return [whole]
    return [Object(f"{name}/{m.name}", m.path, m.size, whole.modified, slot_of(m.name)) for m in held] or [whole]


def _object(path: str, name: str) -> Object:
    try:
        facts = os.stat(path)  # noqa: PTH116
    except OSError:
        return Object(name, path, 0, 0, slot_of(name))
    return Object(name, path, facts.st_size, facts.st_mtime_ns, slot_of(name))
