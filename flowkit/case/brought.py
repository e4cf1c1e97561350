"""A load from AWS: what the cache holds is not fetched, the rest comes and is read a run at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from flowkit import sources
from flowkit.access import Access
from flowkit.case import cache as store
from flowkit.case.cache import Part
from flowkit.case.parts import Read, read_run, sound
from flowkit.case.preflight import Preflight
from flowkit.case.progress import Progress
from flowkit.formats import Format
from flowkit.formats.form import GIVEN
from flowkit.scanning import Plan, look, sure
from flowkit.schema import parse_fields
from flowkit.sources import Object

Broken = list[tuple[Object, str]]


def read_from_aws(
    place: Path,
    source: str | Path,
    objects: Sequence[Object],
    *,
    fields: str | Sequence[str] | None,
    access: Access,
    ahead: Preflight,
    said: bool,
) -> tuple[Plan, list[Read], Broken]:
    """Return the plan, the parts that hold the objects, and what could not be read; what is new is fetched.

    What it is going to take is said first, unless that is `said` or it is little. What has come when something breaks
    is kept: the next load goes on from there.
    """
    names = parse_fields(fields) if fields else None
    used, new = _held(place, objects, names)
    strange = _remembered(place, names)
    fresh = [o for o in new if o.identity not in strange]
    first = None if said or ahead.small else ahead.line()
    progress = Progress("fetching and reading flow logs", first=first)
    made, others, broken = _fetch(place, fresh, names, access, progress)
    _remember(place, names, others)
    others += [(o, strange[o.identity]) for o in new if o.identity in strange]
    read = [*used, *made]
    what = sure(source, Plan(_groups(read, objects, names), tuple(others)) if read else Plan((), (*others, *broken)))
    return what, read, broken


def _held(place: Path, objects: Sequence[Object], names: Sequence[str] | None) -> tuple[list[Read], list[Object]]:
    """Return the parts that hold objects, and the objects that none holds."""
    held = {e.identity: (p, i) for p in store.parts(place) for i, e in enumerate(p.entries) if _fits(p, i, names)}
    used: dict[Path, Read] = {}
    fresh: list[Object] = []
    known: dict[Path, bool] = {}
    for o in objects:
        part, i = held.get(o.identity, (None, 0))
        if part is not None and sound(part, known):
            used.setdefault(part.path, Read(part, {})).objects[i] = o
        else:
            fresh.append(o)
    return list(used.values()), fresh


def _remembered(place: Path, names: Sequence[str] | None) -> dict[str, str]:
    """Return the identities of objects found to be no flow logs within the last day or so, and why they are none."""
    found: dict[str, str] = {}
    for path in place.glob(f"*{OTHERS}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(path.read_text("utf-8"))
            found |= said["others"] if said["fields"] == (list(names) if names else None) else {}
    return found


def _remember(place: Path, names: Sequence[str] | None, others: Broken) -> None:
    if others:
        told = {"fields": list(names) if names else None, "others": {o.identity: why for o, why in others}}
        with store.told(place):
            path = place / f"{store.fresh('not-flow-logs')}{OTHERS}"
            store.put(path, lambda new: new.write_text(json.dumps(told), "utf-8"))


OTHERS = ".others"
"""The end of the files' names that hold what is no flow log; they are swept from the shelf after a day."""


def _fits(part: Part, i: int, names: Sequence[str] | None) -> bool:
    """Return whether an object would be read so again: it names its fields itself, or they are the same."""
    how = part.entries[i].format
    if how.endswith(f", {GIVEN}"):
        return names is not None and part.names == tuple(names)
    return "default format" not in how or (names is None and not how.endswith(GIVEN))


def _fetch(
    place: Path, fresh: Sequence[Object], names: Sequence[str] | None, access: Access, progress: Progress
) -> tuple[list[Read], Broken, Broken]:
    made: list[Read] = []
    others: Broken = []
    broken: Broken = []
    total = sum(o.size for o in fresh)
    try:
        with TemporaryDirectory(prefix="flowkit-", ignore_cleanup_errors=True) as folder:
            coming = sources.fetched(fresh, access, folder, tick=lambda come: progress(come, total))
            for what in (look(run, names) for run in coming):
                others += what.others
                for form, group in what.groups:
                    parts, failed = read_run(place, list(group), form)
                    made += parts
                    broken += failed
    finally:
        progress.close()
    return made, others, broken


def _groups(
    read: Sequence[Read], objects: Sequence[Object], names: Sequence[str] | None
) -> tuple[tuple[Format, tuple[Object, ...]], ...]:
    """Return the objects read by their fields, in the same order whether they were kept or have just come."""
    found = {o.identity: (r.part.names, r.part.entries[i].format) for r in read for i, o in r.objects.items()}
    groups: dict[Format, list[Object]] = {}
    for o in objects:
        if o.identity in found:
            fields, how = found[o.identity]
            groups.setdefault(_form(fields, how, names), []).append(o)
    return tuple((form, tuple(group)) for form, group in groups.items())


NOT_GIVEN = ", not the fields given"


def _form(fields: tuple[str, ...], how: str, names: Sequence[str] | None) -> Format:
    """Return a format as far as the ledger tells it, which was written when other fields may have been given."""
    how = how.removesuffix(NOT_GIVEN)
    title, comma, origin = how.rpartition(", ")
    own = names is not None and fields != tuple(names) and not how.endswith(GIVEN)
    return Format("text", fields, f"{origin if comma else 'columns'}{NOT_GIVEN if own else ''}", title or how)
