"""What is on screen, as a value: a few choices, the rows they leave, and the polars text that gives the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import polars as pl

from flowkit.schema import TIME

ONCE = "once"
"""The vantage that counts each hop on one interface only, and every REJECT: it is one interface's own decision."""
ALL = "all"
"""The vantage of every interface: what two of them saw is there twice."""


class Condition(NamedTuple):
    """One thing that rows must hold, as polars runs it and as a person would type it."""

    expr: pl.Expr
    text: str


@dataclass(frozen=True)
class View:
    """The choices behind a picture; what is left empty does not filter."""

    start: datetime | None = None
    end: datetime | None = None
    kinds: tuple[str, ...] = ()
    action: str | None = None
    vantage: str = ALL
    """`ONCE`, `ALL`, or one interface."""
    measure: str = "flows"
    by: str = "kind"
    top: int = 10

    def filter(self, flows: pl.LazyFrame) -> pl.LazyFrame:
        """Return the flows that are on screen."""
        return self._kept(flows, [*self._when(), *self._which()])

    def filter_but_time(self, flows: pl.LazyFrame) -> pl.LazyFrame:
        """Return the flows that would be on screen if the time range were the whole span."""
        return self._kept(flows, [*self._which()])

    @property
    def code(self) -> str:
        r"""The text that does what `filter` does when it is pasted after a LazyFrame; empty where nothing is left out.

        >>> print(View(kinds=("service",), action="ACCEPT", vantage="eni-0a1b").code)
        .filter(
            pl.col("kind").is_in(['service']),
            pl.col("action") == 'ACCEPT',
            pl.col("interface_id") == 'eni-0a1b',
        )
        """
        lines = [f"    {condition.text},\n" for condition in [*self._when(), *self._which()]]
        return f".filter(\n{''.join(lines)})" if lines else ""

    def _kept(self, flows: pl.LazyFrame, conditions: list[Condition]) -> pl.LazyFrame:
        return flows.filter(*(c.expr for c in conditions)) if conditions else flows

    def _when(self) -> Iterator[Condition]:
        """Yield what makes a record overlap the time range, which is how `load` and `scan` choose too."""
        if self.start:
            yield Condition(pl.col("end") >= _moment(self.start), f'pl.col("end") >= {_moment_text(self.start)}')
        if self.end:
            yield Condition(pl.col("start") < _moment(self.end), f'pl.col("start") < {_moment_text(self.end)}')

    def _which(self) -> Iterator[Condition]:
        if self.kinds:
            yield Condition(pl.col("kind").is_in(self.kinds), f'pl.col("kind").is_in({list(self.kinds)!r})')
        if self.action:
            yield _equal("action", self.action)
        if self.vantage == ONCE:
            either = pl.col("once") | (pl.col("action") == "REJECT")
            yield Condition(either, 'pl.col("once") | (pl.col("action") == "REJECT")')
        elif self.vantage != ALL:
            yield _equal("interface_id", self.vantage)


def _equal(column: str, value: str) -> Condition:
    return Condition(pl.col(column) == pl.lit(value), f'pl.col("{column}") == {value!r}')  # repr: a value is never code


def _moment(when: datetime) -> pl.Expr:
    return pl.lit(when, dtype=TIME)


def _moment_text(when: datetime) -> str:
    parts = [when.year, when.month, when.day, when.hour, when.minute, when.second, when.microsecond]
    while len(parts) > 5 and not parts[-1]:
        parts.pop()
    return f'pl.datetime({", ".join(map(str, parts))}, time_zone="UTC")'
