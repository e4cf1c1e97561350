"""Objects read into a part of the cache, and a part's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from flowkit.case import cache as store
from flowkit.case.cache import Part
from flowkit.errors import FormatError
from flowkit.formats import QUARANTINE, Batch, Format, Wanted
from flowkit.formats.batch import Types
from flowkit.scanning import batches, huge
from flowkit.schema import canonical, columns
from flowkit.sources import Object
from flowkit.sources.only import flow_log_of


@dataclass(frozen=True)
class Read:
    """A part, and which of its objects belong to the case."""

    part: Part
    objects: dict[int, Object]

    def records(self, types: Types) -> pl.LazyFrame:
        """Return the records of these objects, as a table of the given columns."""
        frame = pl.scan_parquet(self.part.path, glob=False)
        if len(self.objects) < len(self.part.entries):
            frame = frame.filter(pl.col("object").is_in(list(self.objects)))
        held = columns([*self.part.names, *self.part.more, "log-status"])
        return frame.select(pl.col(c) if c in held else pl.lit(None, dtype=t).alias(c) for c, t in types.items())

    def spans(self) -> pl.LazyFrame:
        """Return from when to when each flow log has records of each interface, where the objects' names tell it."""
        ids = {i: log for i, log in self.flow_logs.items() if log}
        held = pl.scan_parquet(self.part.path, glob=False).filter(pl.col("object").is_in(list(ids)))
        names = {"object", *columns([*self.part.names, *self.part.more])}
        wanted = (pl.col(c) if c in names else pl.lit(None, dtype=t).alias(c) for c, t in _SPANS.items())
        log = pl.col("object").replace_strict(ids, return_dtype=pl.String).alias("flow_log")
        return (
            held.select(log, *wanted)
            .group_by("flow_log", "interface_id")
            .agg(pl.col("start").min(), pl.col("end").max())
        )

    @property
    def flow_logs(self) -> dict[int, str | None]:
        """The flow log of each object, as far as its name tells it."""
        return {i: flow_log_of(o.name) for i, o in self.objects.items()}

    def quarantine(self) -> pl.LazyFrame:
        """Return the malformed lines of these objects under their names."""
        if not self.part.quarantine.exists():
            return QUARANTINE.to_frame().lazy()
        names = {i: o.name for i, o in self.objects.items()}
        frame = pl.scan_parquet(self.part.quarantine, glob=False).filter(pl.col("object").is_in(list(names)))
        place = [pl.col("place")] if "place" in frame.collect_schema() else []
        name = pl.coalesce(*place, pl.col("object").replace_strict(names, return_dtype=pl.String))
        return frame.with_columns(name.alias("object")).select(QUARANTINE.names())


_SPANS = columns(["interface-id", "start", "end"])


def sound(part: Part, known: dict[Path, bool]) -> bool:
    """Return whether a part is as it was written; it is looked at once."""
    if part.path not in known:
        known[part.path] = part.sound()
    return known[part.path]


class _Wider(Exception):  # noqa: N818 - not an error: the sign to read again, with more columns
    """A huge object has columns that its first header does not name."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__()
        self.columns = columns


def read_run(
    place: Path, run: list[Object], form: Format, more: Sequence[str] = ()
) -> tuple[list[Read], list[tuple[Object, str]]]:
    """Read and store some objects; where one of them breaks the run, each is read by itself.

    `more` are fields that are in them besides those of the format.
    """
    whole = not huge(run, form)
    wanted = Wanted({**columns([*form.names, *more, "log-status"]), "object": pl.String}, open=whole)
    try:
        made: Iterable[Batch] = batches(run, form, wanted)
        if whole:
            made = list(made)
            # Under a second header inside a file there may be fields that its first one did not name.
            more = [canonical(c) for b in made for c in b.frame.columns if c not in wanted.types]
        part = store.store(place, run, form, more, made if whole or more else _wide_enough(made))
    except _Wider as seen:
        return read_run(place, run, form, [canonical(c) for c in seen.columns])
    except FormatError as error:
        if len(run) == 1:
            return [], [(run[0], str(error))]
        apart = [read_run(place, [o], form) for o in run]
        return [r for made, _ in apart for r in made], [b for _, broken in apart for b in broken]
    return [Read(part, dict(enumerate(run)))], []


def _wide_enough(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the batches; raises `_Wider` at the end where columns were left out, so that nothing is kept."""
    left: dict[str, None] = {}
    for batch in batches:
        left |= dict.fromkeys(batch.left_out)
        yield batch
    if left:
        raise _Wider(list(left))
