"""Load a source into a case: look, read what is new, label, and hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from flowkit import formats, sources, split, vantage
from flowkit.case import cache as store
from flowkit.case.cache import Part
from flowkit.case.case import Case
from flowkit.case.progress import Progress
from flowkit.case.show import LEDGER
from flowkit.errors import FormatError
from flowkit.formats import QUARANTINE, Format, Wanted
from flowkit.formats.batch import Types
from flowkit.scanning import Plan, chunks, overlaps, plan
from flowkit.schema import columns
from flowkit.sources import Object
from flowkit.times import span


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
    first, last = span(start, end, tz)
    kept = TemporaryDirectory(prefix="flowkit-") if cache is False else None
    root = store.home(kept.name if kept else cache if isinstance(cache, str | Path) else None)
    what = plan(source, sources.find(source, first, last), fields)
    read, broken = _read(store.shelf(root, source), what)
    records = pl.concat([r.records(what.types) for r in read]).filter(pl.lit(value=True), *overlaps(first, last))
    flows = records.filter(pl.col("log_status") == "OK")
    found = split.fit(flows, lb_addresses=lb_addresses, assign=assign)
    labelled = partial(_labelled, root, [*_identities(what), repr((first, last))], found, flows)
    case = Case(
        source=str(source),
        tz=tz,
        records=records,
        labelled=labelled,
        split=found,
        ledger=_ledger(read, [*what.others, *broken]),
        quarantined=pl.concat([QUARANTINE.to_frame().lazy(), *(r.quarantine() for r in read)]),
        asked=(first, last),
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
        held = columns([*self.part.names, "log-status"])
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
    fresh: list[tuple[Format, Object]] = []
    for form, group in what.groups:
        for o in group:
            if found := held.get((o.identity, form.names)):
                part, i = found
                used.setdefault(part.path, _Read(part, {})).objects[i] = o
            else:
                fresh.append((form, o))
    made, broken = _read_new(place, fresh)
    if not (used or made):
        first, why = broken[0]
        raise FormatError(f"nothing could be read: {first.name}: {why}")
    return [*used.values(), *made], broken


def _read_new(place: Path, fresh: list[tuple[Format, Object]]) -> tuple[list[_Read], list[tuple[Object, str]]]:
    total, done = sum(o.size for _, o in fresh), 0
    made, broken, progress = [], [], Progress("reading flow logs")
    try:
        for form in dict.fromkeys(form for form, _ in fresh):
            for run in chunks([o for f, o in fresh if f == form]):
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
    wanted = Wanted({**columns([*form.names, "log-status"]), "object": pl.String})
    try:
        part = store.store(place, run, form, formats.read([o.path for o in run], form, wanted))
    except FormatError as error:
        if len(run) == 1:
            return [], [(run[0], str(error))]
        apart = [_read_run(place, [o], form) for o in run]
        return [r for made, _ in apart for r in made], [b for _, broken in apart for b in broken]
    return [_Read(part, dict(enumerate(run)))], []


def _identities(what: Plan) -> list[str]:
    return [o.identity for _, group in what.groups for o in group]


def _labelled(root: Path, name: list[str], found: split.Split, flows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the flows with their labels, written once so that every question after it is instant."""
    # The last digits of a sum depend on the order of threads, and say nothing.
    clusters = found.clusters.with_columns(pl.col(pl.Float64).round(6))
    outcome = [found.boundary, clusters.write_json(), found.nodes.write_json()]
    place = root / "cases" / f"{store.digest([str(store.VERSION), *name, *outcome])}.parquet"
    if not place.exists():
        labelled = vantage.mark(found.label(flows))
        with store.told(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            store.put(place, lambda path: labelled.sink_parquet(path, compression_level=1, engine="streaming"))
    return pl.scan_parquet(place, glob=False)


def _ledger(read: list[_Read], others: list[tuple[Object, str]]) -> pl.DataFrame:
    rows = [{"object": o.name, **asdict(r.part.entries[i])} for r in read for i, o in r.objects.items()]
    rows += [{"object": o.name, "format": "not read", "note": why} for o, why in others]
    frame = pl.DataFrame([{c: row.get(c) for c in LEDGER} for row in rows], schema=LEDGER)
    return frame.with_columns(pl.col(pl.Int64).fill_null(0)).sort("object")
