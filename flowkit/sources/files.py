"""Objects on a disk: a file, a directory tree in any layout, a glob; members of a `.zip` are such objects, too."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from flowkit.errors import FlowkitError, SourceError
from flowkit.formats import members, salvaged
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
        raise SourceError(f"nothing to read: {source} {_nothing(place)}")
    return sorted(found, key=lambda o: o.name)


def _found(place: Path) -> list[Object]:
    if place.is_dir():
        return [o for path, name in _walk(str(place.resolve())) for o in _objects(path, name)]
    if place.exists():
        return _objects(str(place.resolve()), place.name)
    paths = sorted(glob.glob(str(place), recursive=True))  # noqa: PTH207 - takes absolute patterns
    files = [path for path in map(Path, paths) if not path.is_dir()]
    # A file that two ways lead to is one file, by the shortest of its names.
    longest_first = sorted(files, key=lambda path: (len(path.as_posix()), path), reverse=True)
    ways = {str(path.resolve()): path.as_posix() for path in longest_first}
    held = [o for path, name in ways.items() for o in _objects(path, name)]
    return held + [_object(str(path.resolve()), f"{path.as_posix()}/") for path in _closed(place)]


def _closed(pattern: Path) -> list[Path]:
    """Return the folders that a pattern leads through and that may not be entered, which glob passes in silence."""
    parts = (*pattern.parts, *(["*"] if pattern.name == "**" else []))
    ways = (Path(*parts[:i]) for i in range(1, len(parts)) if glob.has_magic(str(Path(*parts[: i + 1]))))
    folders = {Path(found) for way in ways for found in glob.glob(f"{way}{os.sep}", recursive=True)}  # noqa: PTH207
    own = os.access in os.supports_effective_ids
    return sorted(folder for folder in folders if not os.access(folder, os.R_OK | os.X_OK, effective_ids=own))


def _nothing(place: Path) -> str:
    if place.is_dir():
        return "is an empty folder"
    if glob.glob(str(place), recursive=True):  # noqa: PTH207
        return f"matches folders only: '{place}/**' takes the files in them"
    return "does not exist, and as a pattern it matches no file"


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
    yield from ((path, f"{Path(path).relative_to(folder).as_posix()}/") for path in closed)


def _objects(path: str, name: str) -> list[Object]:
    """Return the object a file is, or those it holds; a zip that cannot be opened stays one, to be named as such."""
    whole = _object(path, name)
    if not path.lower().endswith(".zip"):
        return [whole]
    try:
        held, first = members(path), list[Object]()
    except FlowkitError:
        held, first = salvaged(path), [whole]
    return first + [Object(f"{name}/{m.name}", m.path, m.size, whole.modified, slot_of(m.name)) for m in held] or [
        whole
    ]


def _object(path: str, name: str) -> Object:
    name = os.fsencode(name).decode("utf-8", "replace")  # A name may be any bytes.
    try:
        facts = os.stat(path)  # noqa: PTH116
    except OSError:
        return Object(name, path, 0, 0, slot_of(name))
    return Object(name, path, facts.st_size, facts.st_mtime_ns, slot_of(name))
