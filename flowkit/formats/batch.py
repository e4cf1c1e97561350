"""What a reader is asked for and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
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

    def __call__(
        self, frame: pl.LazyFrame, held: Sequence[str], *, status: str = "log_status", always: str | None = None
    ) -> pl.LazyFrame:
        """Return the wanted part of a frame that holds the columns `held`; rows where `always` is true stay.

        `status` is the column that says what a record is.
        """
        missing = [pl.lit(None, dtype=t).alias(c) for c, t in self.types.items() if c not in held]
        frame = frame.with_columns(missing)
        rows = [pl.col(status) == "OK"] if self.only_flows else []
        rows += [] if self.predicate is None else [self.predicate]
        if rows:
            asked = reduce(and_, rows)
            frame = frame.filter(asked if always is None else pl.col(always) | asked)
        return frame.select([*(self.types if self.columns is None else self.columns), *([always] if always else [])])


@dataclass
class Batch:
    """What was read of some objects: the records, and what is to be said of the lines that were none."""

    frame: pl.DataFrame
    headers: dict[str, int] = field(default_factory=dict)
    blanks: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    quarantine: pl.DataFrame = field(default_factory=QUARANTINE.to_frame)

    @classmethod
    def join(cls, batches: Sequence[Batch]) -> Batch:
        """Return several batches as one."""
        whole = cls(pl.concat([b.frame for b in batches], how="vertical"))
        whole.quarantine = pl.concat([b.quarantine for b in batches])
        for b in batches:
            whole.headers |= b.headers
            whole.blanks |= b.blanks
            whole.notes |= b.notes
        return whole
