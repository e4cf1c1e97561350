"""Records to a case's flows: second copies found, health checks told apart, and the outcome kept on the disk.

A span of many records is worked on a stretch of time at a time, so that memory stays flat: the families of checks are
learnt from a part of it, and then every stretch is labelled with what was learnt.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from flowkit import split, vantage
from flowkit.case import cache as store
from flowkit.case.coverage import named
from flowkit.case.stretches import EDGE, Stretch, sample, stretches
from flowkit.errors import CacheError
from flowkit.knowledge import Knowledge
from flowkit.schema import DEFAULT, field_of
from flowkit.split import Split
from flowkit.split.reduce import Reduced
from flowkit.windows import counted

KEY = ("interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "end")
"""What tells two records apart: a format without one of these has equal rows that are different flows."""


_DEFAULT = {name.replace("-", "_") for name in DEFAULT}


@dataclass(frozen=True)
class Settled:
    """What a case stands on: its records, the split, how many second copies there were, and the labelled flows."""

    records: pl.LazyFrame
    spans: pl.LazyFrame
    """The records counted by interface, status, start and end, as `flowkit.windows.counted` does it."""
    split: Split
    copies: int | None
    """None where the format has too few fields to tell a copy from another flow."""
    labelled: Callable[[], pl.LazyFrame]
    """What labels the flows as the split has it at the time."""


def settle(
    shelf: Path,
    name: Sequence[str],
    records: pl.LazyFrame,
    around: pl.LazyFrame,
    *,
    drop: bool,
    tells: bool,
    said: Knowledge,
) -> Settled:
    """Return the case's tables, made once and kept under `name` on the shelf.

    The split is learnt from the records `around` the span too: what a checker's usual answers are cannot be told from
    the minutes in which they failed. `tells` is whether every format read has the fields of `KEY`, so that equal
    records are copies.
    """
    known = store.digest([str(store.VERSION), _code(), repr(drop), repr(said), *name])
    place = _once(shelf, known, lambda place: _make(place, records, around, drop=drop, tells=tells, said=said))
    facts = _facts(place)
    if facts["records"]:
        records = pl.scan_parquet([place / name for name in facts["records"]], glob=False)
    spans = pl.scan_parquet([place / name for name in facts["spans"]], glob=False)
    found = _split(place, tuple(facts["lacking"]))
    labelled = partial(_labelled, shelf, known, records, found, whole=facts["whole"])
    return Settled(records, spans, found, facts["copies"], labelled)


def _labelled(shelf: Path, known: str, records: pl.LazyFrame, found: Split, *, whole: bool) -> pl.LazyFrame:
    """Return the flows with their labels, written once so that every question after it is instant."""
    name = store.digest([known, *(f"{cluster}={kind}" for cluster, kind in sorted(found.decisions.items()))])
    place = _once(shelf, name, lambda place: _label(place, records, found, whole=whole))
    return pl.scan_parquet([place / name for name in _facts(place)["flows"]], glob=False)


def _once(shelf: Path, name: str, make: Callable[[Path], dict[str, object]]) -> Path:
    """Return the folder of what is kept under a name, made where there is none that is whole."""
    for place in sorted((shelf / "cases").glob(f"{name}-*")):
        if _whole(place):
            return place
    with store.told(shelf.parents[1]):
        place = shelf / "cases" / store.fresh(name)
        place.mkdir(parents=True)
        try:
            facts = make(place)
        except BaseException:  # What is half made must not fill the disk; a kill leaves it to be swept.
            shutil.rmtree(place, ignore_errors=True)
            raise
        sums = {path.name: store.checksum(path) for path in sorted(place.iterdir())}
        text = json.dumps({**facts, "sums": sums})
        store.put(place / "case.json", lambda path: path.write_text(text, "utf-8"))
    if not _whole(place):
        raise CacheError(f"the cache {shelf.parents[1]} does not keep what is written to it: look at the disk it is on")
    return place


def _facts(place: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((place / "case.json").read_text("utf-8"))
    return facts


def _whole(place: Path) -> bool:
    """Return whether a folder holds what was written to it."""
    try:
        return all(store.checksum(place / name) == said for name, said in _facts(place)["sums"].items())
    except (OSError, ValueError, KeyError):
        return False


def _code() -> str:
    """Return what changes when another flowkit would label otherwise."""
    homes = [Path(split.__file__).parent.glob("*.py"), [Path(vantage.__file__), Path(__file__)]]
    return store.digest(path.read_text("utf-8") for home in homes for path in sorted(home))


def _make(
    place: Path, records: pl.LazyFrame, around: pl.LazyFrame, *, drop: bool, tells: bool, said: Knowledge
) -> dict[str, object]:
    """Write what a case stands on; return the facts of it."""
    found = stretches(records)
    copies = sum(_copies(records.filter(s.holds())) for s in found) if tells else None
    names: list[str] = []
    if drop and copies:
        names = _written(place, "records", found, lambda s: _once_each(records.filter(s.holds())))
    held = pl.scan_parquet([place / name for name in names], glob=False) if names else records
    spans = _written(place, "spans", found, lambda s: counted(named(held.filter(s.holds()))))
    flows = (held if names else around).filter(pl.col("log_status") == "OK")
    learnt = stretches(flows)
    part = flows if len(learnt) == 1 else flows.filter(_sample(flows, learnt))
    known = split.fit(part, lb_addresses=said.lb_addresses, target_groups=said.target_groups)
    for name, table in _tables(known).items():
        store.put(place / f"split-{name}.parquet", table.write_parquet)
    return {"copies": copies, "records": names, "spans": spans, "lacking": known.lacking, "whole": len(learnt) == 1}


def _written(place: Path, stem: str, found: Sequence[Stretch], frame: Callable[[Stretch], pl.LazyFrame]) -> list[str]:
    """Write a file for each stretch; return the files' names."""
    names = [f"{stem}-{i:04d}.parquet" for i in range(len(found))]
    for name, stretch in zip(names, found, strict=True):
        store.put(place / name, partial(store.sink, frame(stretch)))
    return names


def _copies(records: pl.LazyFrame) -> int:
    """Return how many records are second copies: every field that it has is that of another, by 64-bit hash."""
    row = pl.struct(pl.all()).hash()
    again = int(records.select(pl.len() - row.n_unique()).collect(engine="streaming").item())
    if set(records.collect_schema().names()) <= _DEFAULT:
        return again
    poor = _poor(records)
    if not records.select((poor.any() & ~poor.all()).fill_null(value=False)).collect(engine="streaming").item():
        return again
    fewer = records.filter(poor).select(_key=_key(records)).unique()
    return again + int(fewer.join(_richer(records), on="_key", how="semi").select(pl.len()).collect().item())


def _once_each(records: pl.LazyFrame) -> pl.LazyFrame:
    """Return the records without second copies, in their order."""
    frame = records.unique(maintain_order=True).with_columns(_key=_key(records))
    richer = _richer(records).with_columns(_richer=pl.lit(value=True))
    frame = frame.join(richer, on="_key", how="left", maintain_order="left")
    return frame.filter(~(_poor(records) & pl.col("_richer").is_not_null())).drop("_key", "_richer")


def _poor(records: pl.LazyFrame) -> pl.Expr:
    """Whether a flow has no more than the default fields, where others have: a format with more may tell it again."""
    more = [pl.col(name).is_null() for name in records.collect_schema().names() if name not in _DEFAULT]
    return pl.all_horizontal(pl.col("log_status") == "OK", pl.lit(bool(more)), *more)


def _richer(records: pl.LazyFrame) -> pl.LazyFrame:
    return records.filter(~_poor(records)).select(_key=_key(records)).unique()


def _key(records: pl.LazyFrame) -> pl.Expr:
    """Return the number of what the default fields say of a flow; the version is the format's."""
    return pl.struct(name for name in records.collect_schema().names() if name in _DEFAULT - {"version"}).hash()


def _sample(flows: pl.LazyFrame, found: list[Stretch]) -> pl.Expr:
    first, last = flows.select(pl.col("start").min(), end=pl.col("start").max()).collect(engine="streaming").row(0)
    return sample(found, first, last)


def _label(place: Path, records: pl.LazyFrame, known: Split, *, whole: bool) -> dict[str, object]:
    """Write the flows with their labels in the order of their start, a stretch at a time; return the files' names.

    `whole` is whether the split has seen every record, and not a sample of them. A field that flowkit does not know
    may have the name of a column that labelling works with: it is out of the way meanwhile.
    """
    found = stretches(records)
    strange = {c: f"_field {c}" for c in records.collect_schema().names() if not field_of(c).version}
    flows = records.filter(pl.col("log_status") == "OK").rename(strange)
    observers = vantage.observers(flows.filter(s.holds()) for s in found)

    def labels(stretch: Stretch) -> pl.LazyFrame:
        near = flows.filter(stretch.holds(EDGE))
        there = known if whole and len(found) == 1 else known.over(near)
        marked = vantage.mark(there.label(near.with_row_index(_ROW)).filter(stretch.holds()), observers)
        return marked.sort("start", _ROW).drop(_ROW).rename({safe: c for c, safe in strange.items()})

    return {"flows": _written(place, "flows", found, labels)}


_ROW = "_row"
"""A record's place among those of its stretch: joins do not keep their order."""


_LEARNT = ("homes", "sizes")
"""Tables that only serve to make a split, and are not kept with it."""


def _tables(known: Split) -> dict[str, pl.DataFrame]:
    if known.reduced is None or known.found is None:
        return {}
    tables = {f.name: getattr(known.reduced, f.name) for f in fields(Reduced)}
    return {"found": known.found} | {n: t.clear() if n in _LEARNT else t for n, t in tables.items()}


def _split(place: Path, lacking: tuple[str, ...]) -> Split:
    tables = {p.stem.removeprefix("split-"): pl.read_parquet(p) for p in place.glob("split-*.parquet")}
    found = tables.pop("found", None)
    return Split(Reduced(**tables) if tables else None, found, lacking)
