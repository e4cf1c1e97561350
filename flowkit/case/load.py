"""Load a source into a case: look, read what is new, label, and hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

from flowkit import sources
from flowkit.case import cache as store
from flowkit.case.cache import Part
from flowkit.case.case import Case
from flowkit.case.coverage import delay, horizon
from flowkit.case.progress import Progress
from flowkit.case.settle import KEY, settle
from flowkit.case.show import LEDGER
from flowkit.errors import FormatError, SourceError
from flowkit.formats import QUARANTINE, Batch, Format, Wanted
from flowkit.formats.batch import Types
from flowkit.scanning import Plan, batches, chunks, huge, overlaps, plan
from flowkit.schema import canonical, columns
from flowkit.sources import Object
from flowkit.times import span

RUN = 12 << 20
"""Bytes of objects that become one part: some 600,000 records of gzipped text."""


def load(
    source: str | Path,
    *,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    tz: str = "UTC",
    cache: str | Path | bool | None = None,
    fields: str | Sequence[str] | None = None,
    lb_addresses: Collection[str] | None = None,
    assign: Mapping[str, str] | None = None,
    duplicates: Literal["keep", "drop"] = "keep",
) -> Case:
    """Read a source once into a local Parquet cache, tell the health checks apart, and return the case.

    Parameters
    ----------
    source
        A file, a folder in any layout, or a pattern; text, gzip or Parquet.
    start, end
        The span; a time without an offset is in `tz`. Records count as inside when they overlap it.
    tz
        The zone everything is shown in.
    cache
        A folder for what was read; by default one in the user's cache folder; `False` keeps nothing.
    fields
        The fields of text without a header line: a list, or AWS's `${version} ${account-id} …`.
    lb_addresses
        The load balancer's own addresses, where they are known: they make the split surer.
    assign
        What a person decided about clusters, such as `{"port 80, no payload": "service"}`: see `Case.split.assign`.
    duplicates
        What is to become of second copies of a record (the same object twice, exports that overlap): every field
        is the other's, so the same flow seen on two interfaces is none. They are counted on the case, and
        `"drop"` leaves them out.

    Raises
    ------
    SourceError, FormatError, TimeError, CacheError, QuestionError
        Each with one sentence: what happened, what was seen, what to do.

    Examples
    --------
    >>> import flowkit as fk
    >>> case = fk.load(fk.samples("incident"), tz="Asia/Tokyo", cache=False)
    >>> case.ledger.select("lines", "flows", "malformed").sum().row(0)
    (30476, 30473, 0)
    """
    if duplicates not in ("keep", "drop"):
        raise SourceError(f"duplicates={duplicates!r} is not known: choose 'keep' or 'drop'")
    first, last = span(start, end, tz)
    kept = TemporaryDirectory(prefix="flowkit-") if cache is False else None
    root = store.home(kept.name if kept else cache if isinstance(cache, str | Path) else None)
    objects = sources.find(source, first, last)
    what = plan(source, objects, fields)
    shelf = store.shelf(root, source)
    read, broken = _read(shelf, what)
    types = {**what.types, **columns([name for r in read for name in r.part.more])}
    records = pl.concat([r.records(types) for r in read]).filter(pl.lit(value=True), *overlaps(first, last))
    name = [*_identities(what), repr((first, last))]
    tells = all(set(KEY) <= set(form.columns) for form, _ in what.groups)
    done = settle(shelf, name, records, drop=duplicates == "drop", tells=tells, lb_addresses=lb_addresses)
    done.split.assign_all(assign or {})
    case = Case(
        source=str(source),
        tz=tz,
        records=done.records,
        labelled=done.labelled,
        split=done.split,
        ledger=_ledger(read, what, broken),
        quarantined=pl.concat([QUARANTINE.to_frame().lazy(), *(r.quarantine() for r in read)]),
        asked=(first, last),
        copies=done.copies,
        duplicates=duplicates,
        until=horizon(objects),
        delay=delay(objects),
        shelf=shelf,
        kept_in=kept,
    )
    case.flows  # noqa: B018  # labelled now, while a person waits for the logs to be read anyway
    return case


@dataclass(frozen=True)
class _Read:
    """A part, and which of its objects belong to the case."""

    part: Part
    objects: dict[int, Object]

    def records(self, types: Types) -> pl.LazyFrame:
        frame = pl.scan_parquet(self.part.path, glob=False)
        if len(self.objects) < len(self.part.entries):
            frame = frame.filter(pl.col("object").is_in(list(self.objects)))
        held = columns([*self.part.names, *self.part.more, "log-status"])
        return frame.select(pl.col(c) if c in held else pl.lit(None, dtype=t).alias(c) for c, t in types.items())

    def quarantine(self) -> pl.LazyFrame:
        if not self.part.quarantine.exists():
            return QUARANTINE.to_frame().lazy()
        names = {i: o.name for i, o in self.objects.items()}
        frame = pl.scan_parquet(self.part.quarantine, glob=False).filter(pl.col("object").is_in(list(names)))
        return frame.with_columns(pl.col("object").replace_strict(names, return_dtype=pl.String))


def _read(place: Path, what: Plan) -> tuple[list[_Read], list[tuple[Object, str]]]:
    """Return the parts that hold the plan's objects, reading those that none holds, and what could not be read."""
    held = {(e.identity, p.names): (p, i) for p in store.parts(place) for i, e in enumerate(p.entries)}
    used: dict[Path, _Read] = {}
    known: dict[Path, bool] = {}
    fresh: list[tuple[Format, Object]] = []
    for form, group in what.groups:
        for o in group:
            found = held.get((o.identity, form.names))
            if found and _sound(found[0], known):
                part, i = found
                used.setdefault(part.path, _Read(part, {})).objects[i] = o
            else:
                fresh.append((form, o))
    made, broken = _read_new(place, fresh)
    if not (used or made):
        first, why = broken[0]
        raise FormatError(f"nothing could be read: {first.name}: {why}")
    return [*used.values(), *made], broken


def _sound(part: Part, known: dict[Path, bool]) -> bool:
    """Return whether a part is as it was written; it is looked at once."""
    if part.path not in known:
        known[part.path] = part.sound()
    return known[part.path]


def _read_new(place: Path, fresh: list[tuple[Format, Object]]) -> tuple[list[_Read], list[tuple[Object, str]]]:
    total, done = sum(o.size for _, o in fresh), 0
    made, broken, progress = [], [], Progress("reading flow logs")
    try:
        for form in dict.fromkeys(form for form, _ in fresh):
            for run in chunks([o for f, o in fresh if f == form], RUN):
                progress(done, total)
                parts, failed = _read_run(place, run, form)
                made += parts
                broken += failed
                done += sum(o.size for o in run)
    finally:
        progress.close()
    return made, broken


def _read_run(place: Path, run: list[Object], form: Format) -> tuple[list[_Read], list[tuple[Object, str]]]:
    """Read and store some objects; where one of them breaks the run, each is read by itself."""
    wanted = Wanted({**columns([*form.names, "log-status"]), "object": pl.String}, open=not huge(run, form))
    try:
        made: Iterable[Batch] = batches(run, form, wanted)
        more: list[str] = []
        if wanted.open:
            made = list(made)
            # Under a second header inside a file there may be fields that its first one did not name.
            more = [canonical(c) for b in made for c in b.frame.columns if c not in wanted.types]
        part = store.store(place, run, form, more, made)
    except FormatError as error:
        if len(run) == 1:
            return [], [(run[0], str(error))]
        apart = [_read_run(place, [o], form) for o in run]
        return [r for made, _ in apart for r in made], [b for _, broken in apart for b in broken]
    return [_Read(part, dict(enumerate(run)))], []


def _identities(what: Plan) -> list[str]:
    return [o.identity for _, group in what.groups for o in group]


def _ledger(read: list[_Read], what: Plan, broken: list[tuple[Object, str]]) -> pl.DataFrame:
    told = {o.path: {"format": form.words} for form, group in what.groups for o in group}
    rows = [{"object": o.name, **asdict(r.part.entries[i]), **told[o.path]} for r in read for i, o in r.objects.items()]
    rows += [{"object": o.name, "format": "not read", "note": why} for o, why in [*what.others, *broken]]
    frame = pl.DataFrame([{c: row.get(c) for c in LEDGER} for row in rows], schema=LEDGER)
    return frame.with_columns(pl.col(pl.Int64).fill_null(0)).sort("object")
