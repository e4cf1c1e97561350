"""Objects read into a part of the cache, and a part's tables."""

from __future__ import annotations

from collections.abc import Iterable
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

    def quarantine(self) -> pl.LazyFrame:
        """Return the malformed lines of these objects under their names."""
        if not self.part.quarantine.exists():
            return QUARANTINE.to_frame().lazy()
        names = {i: o.name for i, o in self.objects.items()}
        frame = pl.scan_parquet(self.part.quarantine, glob=False).filter(pl.col("object").is_in(list(names)))
        return frame.with_columns(pl.col("object").replace_strict(names, return_dtype=pl.String))


def sound(part: Part, known: dict[Path, bool]) -> bool:
    """Return whether a part is as it was written; it is looked at once."""
    if part.path not in known:
        known[part.path] = part.sound()
    return known[part.path]


def read_run(place: Path, run: list[Object], form: Format) -> tuple[list[Read], list[tuple[Object, str]]]:
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
        apart = [read_run(place, [o], form) for o in run]
        return [r for made, _ in apart for r in made], [b for _, broken in apart for b in broken]
    return [Read(part, dict(enumerate(run)))], []
