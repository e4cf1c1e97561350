"""The front door: a source in, a lazy frame of flows out."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from polars.io.plugins import register_io_source

from flowkit import formats, sources
from flowkit.access import Access
from flowkit.errors import FormatError, SourceError
from flowkit.formats import Batch, Format, Wanted
from flowkit.formats.batch import Types
from flowkit.formats.form import GIVEN
from flowkit.schema import DEFAULT, columns, parse_fields
from flowkit.sources import Object
from flowkit.sources.objects import chunks, document
from flowkit.times import span
from flowkit.wording import many

SIP = 4 << 20
"""Bytes of objects read in one go by a scan: small enough for what was read to be still at hand when it is used."""

SAMPLES = 8
"""How many objects of a flow log are looked at before it is taken for something else."""

AHEAD = 3
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
    return sure(source, look(objects, parse_fields(fields) if fields else None))


def look(objects: Sequence[Object], names: Sequence[str] | None) -> Plan:
    """Return what objects on the disk are; there may be no flow log among them."""
    groups: dict[Format, list[Object]] = {}
    others: list[tuple[Object, str]] = []
    for o in objects:
        if document(o.name):
            others.append((o, "by its name it is a document for people"))
            continue
        try:
            groups.setdefault(formats.detect(o.path, names), []).append(o)
        except (FormatError, SourceError) as error:
            others.append((o, str(error)))
    return Plan(tuple((form, tuple(group)) for form, group in groups.items()), tuple(others))


def sure(source: str | Path, what: Plan) -> Plan:
    """Return the plan, or raise `FormatError` where it has nothing to read."""
    if not what.groups:
        first, why = min(what.others, key=lambda other: document(other[0].name))
        rest = len(what.others) - 1
        who = "" if str(source).endswith(first.name) else f"{first.name}: "
        more = f"; nor in {many(rest, 'other object')} there" if rest else ""
        raise FormatError(f"no flow logs in {source}: {who}{why}{more}")
    return what


def batches(run: Sequence[Object], form: Format, wanted: Wanted) -> Iterator[Batch]:
    """Yield what some objects hold: one batch, or several where a single one is huge."""
    if huge(run, form):
        yield from formats.read_pieces(run[0].path, form, wanted)
    else:
        yield formats.read([o.path for o in run], form, wanted)


def huge(run: Sequence[Object], form: Format) -> bool:
    """Return whether what is to be read is one huge object, which comes in pieces so as not to be held whole."""
    return len(run) == 1 and formats.huge(run[0].path, run[0].size, form)


Run = tuple[Format, list[Object]]


def _on_disk(what: Plan) -> Iterator[Run]:
    return ((form, run) for form, group in what.groups for run in chunks(group, SIP))


def _sampled(source: str | Path, objects: Sequence[Object], names: Sequence[str] | None, access: Access) -> Plan:
    """Return the plan of a source in AWS from an object of each flow log: its others have the same format."""
    kinds: dict[str, list[Object]] = {}
    for o in objects:
        kinds.setdefault(sources.kind(o), []).append(o)
    what = Plan((), ())
    for turn in range(SAMPLES):
        tried = {each[turn].identity: kind for kind, each in kinds.items() if turn < len(each)}
        asked = [kinds[kind][turn] for kind in tried.values()]
        for seen in _looked_at(asked, names, access):
            what = Plan(what.groups + seen.groups, what.others + seen.others)
            _warn_of_turned(seen)
            for o in (o for _, group in seen.groups for o in group):
                kinds.pop(tried[o.identity])
    return sure(source, what)


TURNED = "every end is before its start: the fields given may have the two in the wrong order"
"""What is said of an object that was read by the fields given and has not one record that runs forward."""


def _warn_of_turned(what: Plan) -> None:
    """Warn where the fields given have `start` and `end` in the wrong order, as far as an object of each format tells.

    Whoever asks for the bytes alone reads neither of them later.
    """
    for form, (first, *_) in what.groups:
        if form.origin == GIVEN and {"start", "end"} <= set(form.names):
            some = next(batches([first], form, Wanted(columns(["start", "end"])))).frame
            if 0 < some.height == some.filter(pl.col("end") < pl.col("start")).height:
                _warn(f"{first.name}: {TURNED}", level=4)


def _looked_at(objects: Sequence[Object], names: Sequence[str] | None, access: Access) -> Iterator[Plan]:
    with TemporaryDirectory(prefix="flowkit-") as folder:
        yield from (look(run, names) for run in sources.fetched(objects, access, folder))


@contextmanager
def _from_aws(
    objects: Sequence[Object], known: Types, names: Sequence[str] | None, access: Access, called: dict[str, str]
) -> Iterator[Iterator[Run]]:
    """Give the runs of objects as they come, and keep their files meanwhile."""
    with TemporaryDirectory(prefix="flowkit-", ignore_cleanup_errors=True) as folder:
        coming = sources.fetched(objects, access, folder, keep=AHEAD)
        with closing(coming):
            yield _known(coming, known, names, called)


def _known(
    coming: Iterator[list[Object]], known: Types, names: Sequence[str] | None, called: dict[str, str]
) -> Iterator[Run]:
    """Yield runs by format; `called` is told the name of each file's object."""
    for run in coming:
        what = look(run, names)
        called.update({o.path: o.name for o in run})
        _warn_of(what.others)
        for form, group in what.groups:
            strange = [column for column in columns(form.names) if column not in known]
            if strange:
                raise FormatError(
                    f"{group[0].name} has the fields {', '.join(strange)}, which others of its flow log "
                    "do not have: read the source with flowkit.load, which looks at every object first"
                )
            yield from ((form, part) for part in chunks(group, SIP))


def _ahead(runs: Iterator[Run], wanted: Wanted) -> Generator[Batch]:
    """Yield what runs of objects hold, in their order, a little ahead of whoever takes it."""
    coming: deque[Future[list[Batch]] | Iterator[Batch]] = deque()
    with ThreadPoolExecutor(AHEAD, "flowkit-scan") as pool:
        try:
            for form, run in runs:
                made = _named(batches(run, form, wanted), run)
                coming.append(made if huge(run, form) else pool.submit(list, made))
                if len(coming) == AHEAD:
                    yield from _made(coming.popleft())
            while coming:
                yield from _made(coming.popleft())
        finally:
            for late in coming:
                if isinstance(late, Future):
                    late.cancel()


def _named(made: Iterator[Batch], run: Sequence[Object]) -> Iterator[Batch]:
    """Yield batches; an error says which object it is of."""
    try:
        yield from made
    except FormatError as error:
        raise error if len(run) > 1 else FormatError(f"{run[0].name}: {error}") from None


def _made(batches: Future[list[Batch]] | Iterator[Batch]) -> Iterator[Batch]:
    return iter(batches.result()) if isinstance(batches, Future) else batches


def overlaps(start: datetime | None, end: datetime | None) -> list[pl.Expr]:
    """Return the conditions under which a record's [start, end] overlaps the span; one that has no times is kept.

    A record that ends before it begins counts where it begins.
    """
    after = [] if start is None else [pl.col("end").is_null() | (pl.col("end") >= start) | (pl.col("start") >= start)]
    before = [] if end is None else [pl.col("start").is_null() | (pl.col("start") < end)]
    return [*after, *before]


def inside(start: datetime | None, end: datetime | None, interfaces: Collection[str] | None = None) -> list[pl.Expr]:
    """Return the conditions under which a record is wanted: it overlaps the span, and is of one of the interfaces."""
    among = sources.some(interfaces)
    return [*overlaps(start, end), *([pl.col("interface_id").is_in(sorted(among))] if among else [])]


def scan(
    source: str | Path,
    *,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    tz: str = "UTC",
    fields: str | Sequence[str] | None = None,
    access: Access | Mapping[str, str] | None = None,
    accounts: Collection[str] | None = None,
    regions: Collection[str] | None = None,
    flow_log_ids: Collection[str] | None = None,
    interfaces: Collection[str] | None = None,
) -> pl.LazyFrame:
    """Return the flows of a source as a LazyFrame: nothing is cached, nothing is printed.

    One row is one flow record with log status OK. The columns are those of the default format and of every format met,
    in AWS's own names with `_` for `-`, aligned by name; `-`, and what a format does not have, is null; `start` and
    `end` are UTC times. Filters and column choices reach the reader. Records count as inside [`start`, `end`) when they
    overlap it.

    Only what is asked for is read, and checked: of every line of text the number of words and the log status, and the
    values of the columns that the question needs. A line whose only fault stands in another column counts as a flow
    here, and is malformed in a scan of that column, and for `load`, which reads every column.

    Parameters
    ----------
    source
        A file, a folder in any layout, or a pattern such as `logs/**/*.log.gz`; text, gzip or Parquet. A bucket,
        `s3://bucket/prefix`, in any of AWS's layouts. A log group of CloudWatch Logs, `cwl:GROUP`, which needs `start`.
    start, end
        The span. A time without an offset is in the zone `tz`. Objects whose name says that they cannot hold it are
        not opened.
    fields
        The fields of text without a header line: a list, or AWS's `${version} ${account-id} …`. Without it such text
        is taken for the default format if its lines fit it. A file that has a header line keeps its own.
    access
        How to reach AWS, where the source lies there: a `flowkit.Access`, or its parts as a mapping, such as
        `{"profile": "nightly", "region": "eu-west-1"}`; by default your session as boto3 finds it.
    accounts, regions, flow_log_ids
        Only these, as the names of keys and folders tell them: what is not wanted is not even listed.
    interfaces
        Only the records of these network interfaces; of a log group only their streams are read.

    Raises
    ------
    SourceError, AwsError, FormatError, TimeError
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
    session = Access.of(access)
    objects = sources.find(
        source,
        first,
        last,
        access=session,
        accounts=accounts,
        regions=regions,
        flow_log_ids=flow_log_ids,
        interfaces=interfaces,
        fields=fields,
        tz=tz,
    )
    names = parse_fields(fields) if fields else None
    remote = sources.remote(source)
    what = _sampled(source, objects, names, session) if remote else plan(source, objects, fields)
    if not remote:
        _warn_of(what.others)
        _warn_of_turned(what)
    unused = [(o, form) for form, group in what.groups for o in group if fields and form.own]
    if unused:
        first_one, form = unused[0]
        _warn(f"the fields given are not those of {many(len(unused), 'object')}: {first_one.name} is {form.words}")
    conditions = inside(first, last, interfaces)

    def read(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        keep = [*conditions, *([] if predicate is None else [predicate])]
        wanted = Wanted(what.types, with_columns, reduce(and_, keep) if keep else None, only_flows=True)
        called: dict[str, str] = {}
        place = _from_aws(objects, what.types, names, session, called) if remote else nullcontext(_on_disk(what))
        with place as runs, closing(_ahead(runs, wanted)) as coming:
            for batch in coming:
                rows = _told(batch, called).frame if n_rows is None else _told(batch, called).frame.head(n_rows)
                n_rows = None if n_rows is None else n_rows - rows.height
                yield rows
                if n_rows == 0:
                    return

    return register_io_source(read, schema=pl.Schema(what.types), is_pure=True)


def _told(batch: Batch, called: Mapping[str, str]) -> Batch:
    def name(path: str) -> str:
        return called.get(path) or Path(formats.spoken(path)).name

    for path, note in batch.notes.items():
        _warn(f"{name(path)}: {note}")
    if batch.quarantine.height:
        first = batch.quarantine.row(0, named=True)
        _warn(
            f"{many(batch.quarantine.height, 'malformed line')} left out, the first of them "
            f"line {first['line']:,} of {name(first['object'])}: {first['reason']}"
        )
    return batch


def _warn_of(others: Sequence[tuple[Object, str]]) -> None:
    unread = [o for o, _ in others if not document(o.name)]
    if unread:
        what = "object is no flow log and was" if len(unread) == 1 else "objects are no flow logs and were"
        _warn(f"{len(unread):,} {what} left alone, such as {unread[0].name}", level=4)


def _warn(sentence: str, level: int = 3) -> None:
    warnings.warn(f"{sentence} (flowkit.load accounts for every line)", stacklevel=level)
