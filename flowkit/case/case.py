"""A case: what was read for one question about one span of time, held in the hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from flowkit.aws.model import LoadBalancer
from flowkit.case import show
from flowkit.case.cache import size_of
from flowkit.case.coverage import NAMELESS, coverage
from flowkit.errors import SourceError
from flowkit.far import Far, far
from flowkit.knowledge import Knowledge
from flowkit.names import Names
from flowkit.split import Split
from flowkit.times import Clock, clock
from flowkit.windows import cuts, number


@dataclass(frozen=True, repr=False)
class Case:
    """Flow records of a source and span, read once, labelled once; what notebooks hold in their hand.

    `load` makes it. `flows` is the way to everything else: every question takes it.
    """

    source: str
    tz: str
    records: pl.LazyFrame
    """Every record of the span: flows, NODATA and SKIPDATA, as they were read."""
    spans: pl.LazyFrame
    """The records counted by interface, status, start and end, as `flowkit.windows.counted` does it."""
    labelled: Callable[[], pl.LazyFrame]
    """What labels the flows as the split has it at the time."""
    split: Split
    """How the health checks were told apart, and how sure; `case.split.assign` changes it, and `flows` follows."""
    ledger: pl.DataFrame
    """What became of every line, a row an object, and one for a log group.

    lines = flows + nodata + skipdata + malformed + header + blank.
    """
    quarantined: pl.LazyFrame
    whole: pl.LazyFrame = field(default_factory=pl.LazyFrame)
    """Every record of the objects that were read, those outside the span too."""
    logged: pl.LazyFrame = field(default_factory=pl.LazyFrame)
    """From when to when each of several flow logs has records of each interface; empty where there are not several."""
    asked: tuple[datetime | None, datetime | None] = (None, None)
    copies: int | None = None
    """Second copies of a record that were found; None where the format has too few fields to tell."""
    duplicates: str = "keep"
    """What became of them: "keep" or "drop"."""
    until: datetime | None = None
    """Until when anything could have been delivered."""
    delay: timedelta | None = None
    """How long delivery took, where that could be measured."""
    context: LoadBalancer | None = None
    """The load balancer that was looked at, where one was named."""
    names: Names = field(default_factory=Names)
    """Names for addresses and interfaces; give them to a chart as `names=`."""
    knowledge: Knowledge = field(default_factory=Knowledge)
    """What was known of the load balancer beforehand: its addresses, and how its target groups check."""
    shelf: Path | None = None
    """Where the cache keeps this source."""
    kept_in: TemporaryDirectory[str] | None = field(default=None)
    _flows: dict[tuple[tuple[str, str], ...], pl.LazyFrame] = field(default_factory=dict, init=False)

    @property
    def flows(self) -> pl.LazyFrame:
        """One row per flow record, with `kind`, `confidence` and `once` added; labelled as `split` has it now.

        They are in the order of their `start`, and those that share it in the order of the objects.
        """
        decisions = tuple(self.split.decisions.items())
        if decisions not in self._flows:
            self._flows[decisions] = self.labelled()
        return self._flows[decisions]

    @cached_property
    def quarantine(self) -> pl.DataFrame:
        """The malformed lines: object, line (from 1), reason in words, text (cut).

        An event of a log group has its time and its stream as its object.
        """
        return self.quarantined.sort("object", "line").collect()

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The case in figures.

        `flows` and `interfaces` in the span, `first` start and `last` end of a flow, `copies` (second copies of a
        record found, None where the format cannot tell them), `delay_s` (of delivery, None where it cannot be
        measured) and `cache_bytes` (what the cache keeps of this source).
        """
        flows = self.spans.filter(pl.col("log_status") == "OK")
        wanted = {
            "flows": number(flows),
            "interfaces": pl.col("interface_id").filter(pl.col("interface_id") != NAMELESS).n_unique(),
            "first": pl.col("start").min(),
            "last": pl.col("end").max(),
        }
        counted = flows.select(**wanted).collect(engine="streaming").row(0, named=True)
        return counted | {
            "copies": self.copies,
            "delay_s": None if self.delay is None else self.delay.total_seconds(),
            "cache_bytes": size_of(self.shelf) if self.shelf else 0,
        }

    @cached_property
    def windows(self) -> pl.DataFrame:
        """How AWS cut each interface's time, read off the records: what `flowkit.windows.cuts` returns."""
        return cuts(self.spans).collect(engine="streaming")

    @cached_property
    def _silent(self) -> dict[str, Any]:
        """The span of all records, NODATA and SKIPDATA too: it is asked for only where there is no flow."""
        span = {"first": pl.col("start").min(), "last": pl.col("end").max()}
        return self.spans.select(**span).collect(engine="streaming").row(0, named=True)

    @cached_property
    def held(self) -> tuple[datetime, datetime] | None:
        """From when to when the records of the objects go, in the span or not; None where none has a time."""
        ends = self.whole.select(pl.col("start").min(), pl.col("end").max()).collect(engine="streaming")
        return None if ends.null_count().sum_horizontal().item() else ends.row(0)

    @cached_property
    def logs(self) -> dict[str, list[str]]:
        """Flow logs that were read together, each with the interfaces that another of them logs at the same time.

        `-` stands for the interfaces of records that do not name theirs.
        """
        each = self.logged.collect(engine="streaming")
        if each.is_empty():
            return {}
        other = each.rename({"flow_log": "other", "start": "from", "end": "to"})
        both = each.join(other, on="interface_id", nulls_equal=True).filter(pl.col("flow_log") != pl.col("other"))
        apart = ((pl.col("start") > pl.col("to")) | (pl.col("end") < pl.col("from"))).fill_null(value=False)
        twice = both.with_columns(pl.when(~apart).then(pl.col("interface_id").fill_null("-")))
        shared = each.select("flow_log").unique().join(twice, on="flow_log", how="left").group_by("flow_log")
        return dict(shared.agg(pl.col("interface_id").drop_nulls().unique().sort()).sort("flow_log").iter_rows())

    @cached_property
    def far(self) -> Far | None:
        """The flows whose times are years away from all others, which belong to no axis; None where there are none."""
        return far(self.flows, self.facts["first"], self.facts["last"])

    @property
    def _flowing(self) -> tuple[datetime | None, datetime | None]:
        """From when to when there are flows."""
        return self.far.bulk if self.far else (self.facts["first"], self.facts["last"])

    @property
    def start(self) -> datetime:
        """The beginning of the span in UTC: as asked for, else the first flow's start, but for those that are `far`."""
        return self._bound("start", self.asked[0] or self._flowing[0] or self._silent["first"])

    @property
    def end(self) -> datetime:
        """The end of the span in UTC: as asked for, else just after the last flow's end, if it is not `far`."""
        last = self._flowing[1] or self._silent["last"]
        return self._bound(
            "end", self.asked[1] or (last + timedelta(seconds=1) if isinstance(last, datetime) else None)
        )

    @property
    def clock(self) -> Clock:
        """The clock this case is shown with, as it goes while there are flows."""
        return clock(self.tz, self._flowing[0] or self.start, self._flowing[1] or self.end)

    def coverage(self, *, every: timedelta | None = None) -> pl.LazyFrame:
        """Return what the logs hold of each interface in each bin, a minute wide or wider: see the columns below.

        `interface_id`, `time` (bin start), `state` ("OK", "NODATA", "SKIPDATA", "no record", "not yet delivered"),
        `records` (how many touch the bin), `window_s` (the interface's capture window in seconds, read off the data),
        `silent` (how many of the bin's windows have no record though it is due), `silent_from` (when the first begins).
        """
        return coverage(self.spans, self.start, self.end, every, until=self.until, late=self.delay, known=self.windows)

    def _bound(self, name: str, moment: int | datetime | None) -> datetime:
        if isinstance(moment, datetime):
            return moment
        ends = [end for end, asked in zip(("start", "end"), self.asked, strict=True) if asked is None or end == name]
        give = " and ".join(f"{end}=" for end in ends)
        none = "no record that has a time" if self.held is None else "no record with a time in this span"
        raise SourceError(
            f"{self.source} has {none}, so its {' and '.join(ends)} {'is' if len(ends) == 1 else 'are'} unknown: "
            f"give {give}{show.elsewhere(self)}. What was read: {show.read(self.ledger)}: see case.ledger"
        )

    def __repr__(self) -> str:
        return show.text(self)

    def _repr_html_(self) -> str:
        return show.page(self)
