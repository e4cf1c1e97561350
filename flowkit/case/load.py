"""Load a source into a case: look, read what is new, label, and hold."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

from flowkit import sources
from flowkit.access import Access
from flowkit.aws.model import LoadBalancer
from flowkit.case import cache as store
from flowkit.case.about import Wanted, about
from flowkit.case.account import Entry
from flowkit.case.brought import read_from_aws
from flowkit.case.case import Case
from flowkit.case.coverage import delay, horizon
from flowkit.case.parts import Read, read_run, sound
from flowkit.case.preflight import Preflight, preflight
from flowkit.case.progress import Progress
from flowkit.case.settle import KEY, settle
from flowkit.case.show import LEDGER, NOT_READ
from flowkit.errors import FormatError, SourceError
from flowkit.formats import QUARANTINE, Format
from flowkit.knowledge import Groups, knowledge
from flowkit.scanning import Plan, inside, plan
from flowkit.schema import columns
from flowkit.sources import Object
from flowkit.sources.objects import chunks
from flowkit.times import span

AROUND = timedelta(minutes=30)
"""How far around the span the split is learnt from, as far as the objects read reach."""

RUN = 12 << 20
"""Bytes of objects that become one part: some 600,000 records of gzipped text."""


def load(
    source: str | Path | None = None,
    *,
    nlb: str | Path | LoadBalancer | None = None,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    tz: str = "UTC",
    cache: str | Path | bool | None = None,
    fields: str | Sequence[str] | None = None,
    lb_addresses: Collection[str] | None = None,
    target_groups: Groups | None = None,
    assign: Mapping[str, str] | None = None,
    duplicates: Literal["keep", "drop"] = "keep",
    access: Access | Mapping[str, str] | None = None,
    accounts: Collection[str] | None = None,
    regions: Collection[str] | None = None,
    flow_log_ids: Collection[str] | None = None,
    interfaces: Collection[str] | None = None,
    ip_ranges: str | Path | None = None,
    max_gb: float | None = None,
    confirm: Callable[[Preflight], None] | None = None,
) -> Case:
    """Read a source once into a local Parquet cache, tell the health checks apart, and return the case.

    Parameters
    ----------
    source
        A file, a folder in any layout, or a pattern; text, gzip or Parquet; `s3://bucket/prefix` or `cwl:GROUP`;
        `None` for where the flow logs of `nlb` go.
    nlb
        The load balancer that is looked at: its name, ARN or DNS name, a context file that `flowkit nlb NAME -o FILE`
        or `LoadBalancer.save` wrote (which needs no AWS), or what `flowkit.aws.load_balancer` returned. Only records
        of its interfaces and its targets' are taken, the split knows its addresses and health checks, and
        `case.names` has names for addresses.
    start, end
        The span; a time without an offset is in `tz`. Records count as inside when they overlap it. Without an `end` it
        reaches to the last flow, that of a log group to now.
    tz
        The zone everything is shown in.
    cache
        A folder for what was read; by default one in the user's cache folder; `False` keeps nothing: it lies in a
        temporary folder until Python ends.
    fields
        The fields of text without a header line: a list, or AWS's `${version} ${account-id} …`.
    lb_addresses
        The load balancer's own addresses, where they are known: they make the split surer.
    target_groups
        How its target groups check their targets, as `flowkit.knowledge.knowledge` takes them: their thresholds say
        when a target was taken out and back.
    assign
        What a person decided about clusters, such as `{"port 80, no payload": "service"}`: see `Case.split.assign`.
    duplicates
        What is to become of second copies of a record (the same object twice, exports that overlap): every field
        is the other's, so the same flow seen on two interfaces is none. They are counted on the case, and
        `"drop"` leaves them out.
    access, accounts, regions, flow_log_ids, interfaces
        As for `scan`. From AWS only what the cache does not hold is fetched.
    ip_ranges
        AWS's own `ip-ranges.json`, which you have fetched: addresses in it get the name of the service.
    max_gb
        Refuse to read more than so many GB (10^9 bytes, as they are stored; of a log group, as guessed).
    confirm
        Called with what the load is going to take, before anything is fetched; what it raises ends the load.

    Raises
    ------
    SourceError, AwsError, FormatError, TimeError, CacheError, QuestionError, KnowledgeError
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
    said = knowledge(lb_addresses, target_groups)
    kept = TemporaryDirectory(prefix="flowkit-") if cache is False else None
    if kept:
        atexit.register(kept.cleanup)  # Frames outlive the case: `flows = load(…).flows`.
    root = store.home(kept.name if kept else cache if isinstance(cache, str | Path) else None)
    session = Access.of(access)
    wanted = Wanted(accounts, regions, flow_log_ids, interfaces)
    of = about(source, nlb, wanted, start=first, access=session, ip_ranges=ip_ranges)
    said = of.known(said)
    source, interfaces, session = of.source, of.wanted.interfaces, of.access
    objects = sources.find(source, first, last, access=session, fields=fields, tz=tz, **of.wanted.asked())
    shelf = store.shelf(root, sources.home(source))
    listed = session.calls["s3:ListObjectsV2"]
    ahead = preflight(str(source), objects, store.identities(shelf), region=session.region, listed=listed)
    ahead.check(max_gb)
    if confirm:
        confirm(ahead)
    if sources.remote(source):
        what, read, broken = read_from_aws(
            shelf, source, objects, fields=fields, access=session, ahead=ahead, said=bool(confirm)
        )
    else:
        what = plan(source, objects, fields)
        read, broken = _read(shelf, what)
    # In the order of the objects, whichever was read first.
    read.sort(key=lambda r: min(o.name for o in r.objects.values()))
    types = {**what.types, **columns([name for r in read for name in r.part.more])}
    whole = pl.concat([r.records(types) for r in read])
    records = whole.filter(pl.lit(value=True), *inside(first, last, interfaces))
    near = (first and first - AROUND, last and last + AROUND)
    around = whole.filter(pl.lit(value=True), *inside(*near, interfaces))
    name = [
        *_identities(what),
        *sorted(r.part.path.name for r in read),
        repr((first, last, sorted(sources.some(interfaces) or ()))),
    ]
    tells = all(set(KEY) <= set(form.columns) for form, _ in what.groups)
    of.check(records)
    until = horizon(objects)
    done = settle(shelf, name, records, around, drop=duplicates == "drop", tells=tells, said=said)
    done.split.assign_all(assign or {})
    case = Case(
        source=str(source),
        tz=tz,
        records=done.records,
        spans=done.spans,
        labelled=done.labelled,
        split=done.split,
        ledger=_ledger(read, what, broken),
        whole=whole,
        logged=_logged(read),
        quarantined=pl.concat([QUARANTINE.to_frame().lazy(), *(r.quarantine() for r in read)]),
        asked=(first, last or (until if str(source).startswith("cwl:") else None)),  # A log group is read up to now.
        copies=done.copies,
        duplicates=duplicates,
        until=until,
        delay=delay(objects),
        context=of.balancer,
        names=of.names.within(first, last),
        shelf=shelf,
        knowledge=said,
        kept_in=kept,
    )
    case.flows  # noqa: B018  # labelled now, while a person waits for the logs to be read anyway
    return case


def _read(place: Path, what: Plan) -> tuple[list[Read], list[tuple[Object, str]]]:
    """Return the parts that hold the plan's objects, reading those that none holds, and what could not be read."""
    held = {(e.identity, p.names): (p, i) for p in store.parts(place) for i, e in enumerate(p.entries)}
    used: dict[Path, Read] = {}
    known: dict[Path, bool] = {}
    fresh: list[tuple[Format, Object]] = []
    for form, group in what.groups:
        for o in group:
            found = held.get((o.identity, form.names))
            if found and not _touched(o, found[0]) and sound(found[0], known):
                part, i = found
                used.setdefault(part.path, Read(part, {})).objects[i] = o
            else:
                fresh.append((form, o))
    made, broken = _read_new(place, fresh)
    if not (used or made):
        first, why = broken[0]
        raise FormatError(f"nothing could be read: {first.name}: {why}")
    return [*used.values(), *made], broken


def _touched(o: Object, part: store.Part) -> bool:
    """Return whether a file was written or replaced after it was read, whatever its size and time say (its ctime)."""
    try:
        return Path(o.path).stat().st_ctime_ns > part.path.stat().st_mtime_ns
    except (OSError, ValueError):  # Not a file of its own, or a part that is gone: the checksum tells.
        return False


def _read_new(place: Path, fresh: list[tuple[Format, Object]]) -> tuple[list[Read], list[tuple[Object, str]]]:
    total, done = sum(o.size for _, o in fresh), 0
    made, broken, progress = [], [], Progress("reading flow logs")
    try:
        for form in dict.fromkeys(form for form, _ in fresh):
            for run in chunks([o for f, o in fresh if f == form], RUN):
                progress(done, total)
                parts, failed = read_run(place, run, form)
                made += parts
                broken += failed
                done += sum(o.size for o in run)
    finally:
        progress.close()
    return made, broken


def _logged(read: list[Read]) -> pl.LazyFrame:
    several = len({log for r in read for log in r.flow_logs.values() if log}) > 1
    return pl.concat([r.spans() for r in read]) if several else pl.LazyFrame()


def _identities(what: Plan) -> list[str]:
    """Return what the records depend on: each object, and how it was read."""
    return [repr((o.identity, form.names)) for form, group in what.groups for o in group]


def _ledger(read: list[Read], what: Plan, broken: list[tuple[Object, str]]) -> pl.DataFrame:
    told = {o.identity: {"format": form.words} for form, group in what.groups for o in group}
    entries = [(o, r.part.entries[i]) for r in read for i, o in r.objects.items()]
    rows = [{**asdict(entry), **told[o.identity], **_whole(o, entry)} for o, entry in entries]
    rows += [{"object": o.name, "format": NOT_READ, "note": why} for o, why in [*what.others, *broken]]
    frame = pl.DataFrame([{c: row.get(c) for c in LEDGER} for row in rows], schema=LEDGER)
    frame = frame.with_columns(pl.col(pl.Int64).fill_null(0))
    alike = frame.group_by("object", "format", "note", maintain_order=True).agg(pl.col(pl.Int64).sum())
    return alike.select(LEDGER.names()).sort("object")


def _whole(o: Object, entry: Entry) -> dict[str, object]:
    """Return what the ledger calls an object; slices of a log group are one, and their header line is not its own."""
    if not isinstance(o, sources.Slice):
        return {"object": o.name}
    return {"object": f"cwl:{o.group}", "lines": entry.lines - entry.header, "header": 0}
