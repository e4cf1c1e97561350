"""The front door: a source in, a lazy frame of flows out."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from flowkit import formats, sources
from flowkit.errors import FormatError, SourceError
from flowkit.formats import Batch, Format, Wanted
from flowkit.formats.batch import Types
from flowkit.schema import DEFAULT, columns, parse_fields
from flowkit.sources import Object
from flowkit.times import span

SIP = 4 << 20
"""Bytes of objects read in one go by a scan: small enough for what was read to be still at hand when it is used."""

AHEAD = 2
"""How many sips are read at a time: while one is used, the next is on its way."""


@dataclass(frozen=True)
class Plan:
    """What is to be read of a source: objects by format, and those that are no flow logs, with the reason."""

    groups: tuple[tuple[Format, tuple[Object, ...]], ...]
    others: tuple[tuple[Object, str], ...]

    @property
    def types(self) -> Types:
        """The columns and types of the table that holds every format's records: version 2's, and what else was met."""
        return columns([*DEFAULT, *self.names])

    @property
    def names(self) -> list[str]:
        """The fields that every format together names."""
        return [name for form, _ in self.groups for name in form.names]


def plan(source: str | Path, objects: Sequence[Object], fields: str | Sequence[str] | None = None) -> Plan:
    """Return what is to be read, each object looked at.

    Raises `FormatError` where no object holds flow logs.
    """
    names = parse_fields(fields) if fields else None
    groups: dict[Format, list[Object]] = {}
    others: list[tuple[Object, str]] = []
    for o in objects:
        try:
            groups.setdefault(formats.detect(o.path, names), []).append(o)
        except (FormatError, SourceError) as error:
            others.append((o, str(error)))
    if not groups:
        first, why = others[0]
        more = f"; nothing else there is one either ({len(others) - 1:,} more looked at)" if len(others) > 1 else ""
        raise FormatError(f"no flow logs in {source}: {first.name} is none, {why}{more}")
    return Plan(tuple((form, tuple(group)) for form, group in groups.items()), tuple(others))


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


def batches(run: Sequence[Object], form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield what some objects hold: one batch, or several where a single one is huge."""
    if huge(run, form):
        yield from formats.read_pieces(run[0].path, form, wanted)
    else:
        yield formats.read([o.path for o in run], form, wanted)


def huge(run: Sequence[Object], form: Format) -> bool:
    """Return whether what is to be read is one huge object, which comes in pieces so as not to be held whole."""
    return len(run) == 1 and formats.huge(run[0].path, run[0].size, form)


def _ahead(what: Plan, wanted: Wanted) -> Iterator[Batch]:
    """Yield what the plan's objects hold, in their order, a little ahead of whoever takes it."""
    coming: deque[Future[list[Batch]] | Iterator[Batch]] = deque()
    with ThreadPoolExecutor(AHEAD, "flowkit-scan") as pool:
        try:
            for form, run in ((form, run) for form, group in what.groups for run in chunks(group, SIP)):
                made = batches(run, form, wanted)
                coming.append(made if huge(run, form) else pool.submit(list, made))
                if len(coming) == AHEAD:
                    yield from _made(coming.popleft())
            while coming:
                yield from _made(coming.popleft())
        finally:
            for late in coming:
                if isinstance(late, Future):
                    late.cancel()


def _made(batches: Future[list[Batch]] | Iterator[Batch]) -> Iterator[Batch]:
    return iter(batches.result()) if isinstance(batches, Future) else batches


def overlaps(start: datetime | None, end: datetime | None) -> list[pl.Expr]:
    """Return the conditions under which a record's [start, end] overlaps the span; one that has no times is kept."""
    after = [] if start is None else [pl.col("end").is_null() | (pl.col("end") >= start)]
    before = [] if end is None else [pl.col("start").is_null() | (pl.col("start") < end)]
    return [*after, *before]


def scan(
    source: str | Path,
    *,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    tz: str = "UTC",
    fields: str | Sequence[str] | None = None,
) -> pl.LazyFrame:
    """Return the flows of a source as a LazyFrame: nothing is cached, nothing is printed.

    One row is one flow record with log status OK. The columns are those of the default format and of every format met,
    in AWS's own names with `_` for `-`, aligned by name; `-`, and what a format does not have, is null; `start` and
    `end` are UTC times. Filters and column choices reach the reader. Records count as inside [`start`, `end`) when they
    overlap it.

    Parameters
    ----------
    source
        A file, a folder in any layout, or a pattern such as `logs/**/*.log.gz`; text, gzip or Parquet.
    start, end
        The span. A time without an offset is in the zone `tz`. Objects whose name says that they cannot hold it are
        not opened.
    fields
        The fields of text without a header line: a list, or AWS's `${version} ${account-id} …`. Without it such text
        is taken for the default format if its lines fit it. A file that has a header line keeps its own.

    Raises
    ------
    SourceError, FormatError, TimeError
        Where there is nothing to read, nothing readable, or no such time.

    Warns
    -----
    UserWarning
        When lines were malformed, or an object was damaged or no flow log: `load` names each of them.

    Examples
    --------
    >>> import flowkit as fk
    >>> flows = fk.scan(fk.samples("incident"), start="2026-11-23 16:10", end="2026-11-23 16:11")
    >>> flows.filter(pl.col("dstport") == 80).select(pl.len()).collect().item()
    1063
    """
    first, last = span(start, end, tz)
    what = plan(source, sources.find(source, first, last), fields)
    if what.others:
        _warn(f"{len(what.others):,} objects are no flow logs and were left alone")
    unused = [(o, form) for form, group in what.groups for o in group if fields and form.own]
    if unused:
        _warn(f"the fields given are not those of {len(unused):,} objects: {unused[0][0].name} is {unused[0][1].words}")
    inside = overlaps(first, last)

    def read(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        keep = [*inside, *([] if predicate is None else [predicate])]
        wanted = Wanted(what.types, with_columns, reduce(and_, keep) if keep else None, only_flows=True)
        for batch in _ahead(what, wanted):
            rows = _told(batch).frame if n_rows is None else _told(batch).frame.head(n_rows)
            n_rows = None if n_rows is None else n_rows - rows.height
            yield rows
            if n_rows == 0:
                return

    return register_io_source(read, schema=pl.Schema(what.types), is_pure=True)


def _told(batch: Batch) -> Batch:
    for path, note in batch.notes.items():
        _warn(f"{Path(formats.spoken(path)).name}: {note}")
    if batch.quarantine.height:
        first = batch.quarantine.row(0, named=True)
        _warn(
            f"{batch.quarantine.height:,} malformed lines left out, the first of them "
            f"line {first['line']:,} of {Path(formats.spoken(first['object'])).name}: {first['reason']}"
        )
    return batch


def _warn(sentence: str) -> None:
    warnings.warn(f"{sentence} (flowkit.load accounts for every line)", stacklevel=3)
