"""What a reader is asked for and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import and_

import polars as pl

QUARANTINE = pl.Schema({"object": pl.String, "line": pl.Int64, "reason": pl.String, "text": pl.String})
"""The columns of the quarantine: object, line number from 1, the reason in words, the line (cut)."""

Types = Mapping[str, pl.DataType | type[pl.DataType]]


@dataclass(frozen=True)
class Wanted:
    """What is wanted of the records: the columns of the whole table, those to give back, and which rows."""

    types: Types
    columns: Sequence[str] | None = None
    predicate: pl.Expr | None = None
    only_flows: bool = False
    open: bool = False
    """Columns that turn up on the way, as under a second header inside a file, are given back as well."""

    @cached_property
    def reads(self) -> frozenset[str]:
        """The columns that have to be read: those to give back, and those that rows are chosen by."""
        chosen = () if self.predicate is None else self.predicate.meta.root_names()
        return frozenset([*(self.types if self.columns is None else self.columns), *chosen])

    def __call__(
        self, frame: pl.LazyFrame, held: Sequence[str], *, always: pl.Expr | None = None, besides: Sequence[str] = ()
    ) -> pl.LazyFrame:
        """Return the wanted part of a frame that holds the columns `held`, and the columns `besides`.

        Rows where `always` is true stay, whatever is wanted.
        """
        missing = [pl.lit(None, dtype=t).alias(c) for c, t in self.types.items() if c in self.reads and c not in held]
        frame = frame.with_columns(missing)
        rows = [pl.col("log_status") == "OK"] if self.only_flows else []
        rows += [] if self.predicate is None else [self.predicate]
        if rows:
            asked = reduce(and_, rows)
            frame = frame.filter(asked if always is None else always | asked)
        more = [c for c in held if c not in self.types] if self.open else []
        return frame.select([*(self.types if self.columns is None else self.columns), *more, *besides])


@dataclass
class Batch:
    """What was read of some objects: the records, and what is to be said of the lines that were none."""

    frame: pl.DataFrame
    headers: dict[str, int] = field(default_factory=dict)
    blanks: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    quarantine: pl.DataFrame = field(default_factory=QUARANTINE.to_frame)
    left_out: tuple[str, ...] = ()
    """Columns that turned up on the way and are not among those wanted."""

    @classmethod
    def join(cls, batches: Sequence[Batch]) -> Batch:
        """Return several batches as one."""
        whole = cls(pl.concat([b.frame for b in batches], how="diagonal"))
        whole.quarantine = pl.concat([b.quarantine for b in batches])
        whole.left_out = tuple(dict.fromkeys(column for b in batches for column in b.left_out))
        for b in batches:
            for path, number in b.headers.items():
                whole.headers[path] = whole.headers.get(path, 0) + number
            for path, number in b.blanks.items():
                whole.blanks[path] = whole.blanks.get(path, 0) + number
            for path, note in b.notes.items():
                said = whole.notes.get(path)
                whole.notes[path] = note if said in (None, note) else f"{said}; {note}"
        return whole
