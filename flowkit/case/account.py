"""The account of a part: what became of every line of every object, counted as the records go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from flowkit.formats import QUARANTINE, Batch, Format
from flowkit.formats.form import GIVEN
from flowkit.scanning import TURNED
from flowkit.schema import STATUSES, field_of
from flowkit.sources import Object, Slice
from flowkit.wording import many

KEPT = 100_000
"""Malformed lines kept of an object: all are counted, and the first so many can be looked at."""


_WORDS = dict(zip(("flows", "nodata", "skipdata"), STATUSES, strict=True)) | {
    c: c for c in ("malformed", "header", "blank")
}


@dataclass(frozen=True)
class Entry:
    """What was read of one object: every line is a flow, NODATA, SKIPDATA, malformed, header or blank."""

    identity: str
    format: str
    lines: int
    flows: int
    nodata: int
    skipdata: int
    malformed: int
    header: int
    blank: int
    note: str


class Account:
    """Counts the lines of some objects while their batches pass."""

    def __init__(self, objects: Sequence[Object], form: Format) -> None:
        self.objects, self.form = objects, form
        self.number = {o.path: i for i, o in enumerate(objects)}
        self.lines: Counter[tuple[str, str]] = Counter()
        self.notes: dict[str, str] = {}
        self.kept: list[pl.DataFrame] = []
        self.backward: Counter[str] = Counter()
        """Records that end before they begin, counted where the fields were given: two may have changed places."""

    def counted(self, batches: Iterable[Batch]) -> Iterator[pl.DataFrame]:
        """Yield the batches' records, each with its object's number, once they are counted."""
        for batch in batches:
            self._count(batch)
            yield batch.frame.with_columns(self._numbered())

    def quarantine(self) -> pl.DataFrame:
        """Return the malformed lines that are kept, with their objects' numbers."""
        return pl.concat([QUARANTINE.to_frame(), *self.kept], how="diagonal").with_columns(self._numbered())

    def entries(self) -> Iterator[Entry]:
        """Yield each object's account."""
        for o in self.objects:
            counts = {c: self.lines[o.path, word] for c, word in _WORDS.items()}
            yield Entry(
                identity=o.identity,
                format=self.form.words,
                lines=sum(counts.values()),
                note=self._note(o.path),
                **counts,
            )

    def _count(self, batch: Batch) -> None:
        for path, status, n in batch.frame.group_by("object", "log_status").len().iter_rows():
            self.lines[path, status] += n
        if self.form.origin == GIVEN and {"start", "end"} <= set(batch.frame.columns):
            turned = batch.frame.filter(pl.col("end") < pl.col("start"))["object"].value_counts()
            self.backward.update(dict(turned.iter_rows()))
        for path, n in batch.headers.items():
            self.lines[path, "header"] += n
        for path, n in batch.blanks.items():
            self.lines[path, "blank"] += n
        self.notes |= batch.notes
        for (path,), bad in batch.quarantine.group_by("object", maintain_order=True):
            room = max(0, KEPT - self.lines[str(path), "malformed"])
            self.lines[str(path), "malformed"] += bad.height
            self.kept += [self._placed(bad.head(room))] if room else []

    def _placed(self, bad: pl.DataFrame) -> pl.DataFrame:
        """Add where malformed events stand in their log group: a slice's lines are nobody's but ours."""
        o = self.objects[self.number[bad["object"][0]]]
        if not isinstance(o, Slice):
            return bad
        places = o.places(bad["line"].to_list())
        return bad.with_columns(place=pl.col("line").replace_strict(places, default=None, return_dtype=pl.String))

    def _numbered(self) -> pl.Expr:
        return pl.col("object").replace_strict(self.number, return_dtype=pl.UInt32)

    def _note(self, path: str) -> str:
        bad, unknown = self.lines[path, "malformed"], self.form.unknown
        unsaid = self.lines[path, "NODATA"] if "log-status" not in self.form.names else 0
        records = sum(self.lines[path, status] for status in STATUSES)
        said = [
            self.notes.get(path, ""),
            TURNED if 0 < records == self.backward[path] else "",
            _strange(unknown) if unknown else "",
            f"without log-status, {many(unsaid, 'record')} without any value counted as NODATA: SKIPDATA looks the same"
            if unsaid
            else "",
            f"{bad:,} malformed lines, the first {KEPT:,} of them in the quarantine" if bad > KEPT else "",
        ]
        return "; ".join(filter(None, said))


def _strange(names: Sequence[str]) -> str:
    """Return what is to be said of fields that nobody knows yet, and under which column each is kept."""
    columns = {name[:60]: field_of(name).column[:60] for name in names}
    kept = (name if column == name.replace("-", "_") else f"{name} as {column}" for name, column in columns.items())
    return f"{'a field' if len(names) == 1 else 'fields'} flowkit does not know, kept as text: {', '.join(kept)}"
