"""Records to a case's flows: second copies found, health checks told apart, and the outcome kept on the disk.

A span of many records is worked on a stretch of time at a time, so that memory stays flat: the families of checks are
learnt from a part of it, and then every stretch is labelled with what was learnt.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import polars as pl

from flowkit import split, vantage
from flowkit.case import cache as store
from flowkit.case.stretches import EDGE, Stretch, sample, stretches
from flowkit.errors import CacheError
from flowkit.split import Split
from flowkit.split.reduce import Reduced

KEY = ("interface_id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "start", "end")
"""What tells two records apart: a format without one of these has equal rows that are different flows."""


@dataclass(frozen=True)
class Settled:
    """What a case stands on: its records and labelled flows, the split, and how many second copies there were."""

    records: pl.LazyFrame
    flows: pl.LazyFrame
    split: Split
    copies: int | None
    """None where the format has too few fields to tell a copy from another flow."""


def settle(
    shelf: Path, name: Sequence[str], records: pl.LazyFrame, *, drop: bool, lb_addresses: Collection[str] | None
) -> Settled:
    """Return the case's tables, made once and kept under `name` on the shelf."""
    asked = [repr(drop), repr(sorted(lb_addresses or ()))]
    known = store.digest([str(store.VERSION), _code(), *asked, *name])
    for place in sorted((shelf / "cases").glob(f"{known}-*")):
        if kept := _kept(place, records):
            return kept
    with store.told(shelf):
        place = shelf / "cases" / store.fresh(known)
        place.mkdir(parents=True)
        _make(place, records, drop=drop, lb_addresses=lb_addresses)
        kept = _kept(place, records)
    if kept is None:
        raise CacheError(f"the cache {shelf} does not keep what is written to it: look at the disk it is on")
    return kept


def _code() -> str:
    """Return what changes when another flowkit would label otherwise."""
    homes = [Path(split.__file__).parent.glob("*.py"), [Path(vantage.__file__), Path(__file__)]]
    return store.digest(path.read_text("utf-8") for home in homes for path in sorted(home))


def _kept(place: Path, records: pl.LazyFrame) -> Settled | None:
    """Return what is kept at a place; None where it is not whole."""
    try:
        facts = json.loads((place / "case.json").read_text("utf-8"))
        if any(store.checksum(place / name) != said for name, said in facts["sums"].items()):
            return None
        whole = [place / name for name in facts["records"]]
        return Settled(
            records=pl.scan_parquet(whole, glob=False) if whole else records,
            flows=pl.scan_parquet([place / name for name in facts["flows"]], glob=False),
            split=_split(place, facts["boundary"]),
            copies=facts["copies"],
        )
    except (OSError, ValueError, KeyError, pl.exceptions.PolarsError):
        return None


def _make(place: Path, records: pl.LazyFrame, *, drop: bool, lb_addresses: Collection[str] | None) -> None:
    found = stretches(records)
    each = [_copies(records.filter(s.holds())) for s in found]
    copies = None if None in each else sum(n or 0 for n in each)
    facts: dict[str, object] = {"copies": copies, "records": []}
    if drop and copies:
        facts["records"] = list(_single(place, records, found))
        records = pl.scan_parquet([place / str(n) for n in facts["records"]], glob=False)  # type: ignore[attr-defined]
    flows = records.filter(pl.col("log_status") == "OK")
    known = split.fit(flows if len(found) == 1 else flows.filter(_sample(flows, found)), lb_addresses=lb_addresses)
    facts["flows"] = list(_labelled(place, flows, found, known))
    names = [*facts["records"], *facts["flows"], *_keep_split(place, known)]  # type: ignore[misc]
    sums = {name: store.checksum(place / name) for name in names}
    text = json.dumps({**facts, "boundary": known.boundary, "sums": sums})
    store.put(place / "case.json", lambda path: path.write_text(text, "utf-8"))


def _copies(records: pl.LazyFrame) -> int | None:
    """Return how many records are second copies: every field is that of another, by 64-bit hash."""
    if not set(KEY) <= set(records.collect_schema().names()):
        return None
    row = pl.struct(pl.all()).hash()
    return int(records.select(pl.len() - row.n_unique()).collect(engine="streaming").item())


def _single(place: Path, records: pl.LazyFrame, found: list[Stretch]) -> Iterator[str]:
    """Write the records without their second copies; yield the files' names."""
    for i, stretch in enumerate(found):
        name = f"records-{i:04d}.parquet"
        once = records.filter(stretch.holds()).unique(maintain_order=True)
        store.put(place / name, lambda path, once=once: store.sink(once, path))  # type: ignore[misc]
        yield name


def _sample(flows: pl.LazyFrame, found: list[Stretch]) -> pl.Expr:
    first, last = flows.select(pl.col("start").min(), end=pl.col("start").max()).collect(engine="streaming").row(0)
    return sample(found, first, last)


def _labelled(place: Path, flows: pl.LazyFrame, found: list[Stretch], known: Split) -> Iterator[str]:
    """Write the flows with their labels, a stretch at a time; yield the files' names."""
    observers = vantage.observers(flows)
    for i, stretch in enumerate(found):
        name = f"flows-{i:04d}.parquet"
        near = flows.filter(stretch.holds(EDGE)) if len(found) > 1 else flows
        labels = (known.over(near) if len(found) > 1 else known).label(near)
        marked = vantage.mark(labels.filter(stretch.holds()) if len(found) > 1 else labels, observers)
        store.put(place / name, lambda path, marked=marked: store.sink(marked, path))  # type: ignore[misc]
        yield name


_LARGE = ("hist", "served", "pairs")
"""Tables that only serve to make a split, and are not kept with it."""


def _keep_split(place: Path, known: Split) -> Iterator[str]:
    """Write the tables of a split; yield the files' names."""
    for name, table in _tables(known).items():
        file = f"split-{name}.parquet"
        kept = table.clear() if name in _LARGE else table
        store.put(place / file, kept.write_parquet)
        yield file


def _tables(known: Split) -> dict[str, pl.DataFrame]:
    tables = {"clusters": known.clusters, "nodes": known.nodes}
    if known.reduced is not None and known.checks is not None:
        tables |= {"checks": known.checks, **{f.name: getattr(known.reduced, f.name) for f in fields(Reduced)}}
    return tables


def _split(place: Path, boundary: str) -> Split:
    tables = {p.stem.removeprefix("split-"): pl.read_parquet(p) for p in place.glob("split-*.parquet")}
    known = Split(clusters=tables["clusters"], nodes=tables["nodes"], boundary=boundary)
    if "checks" not in tables:
        return known
    return replace(known, checks=tables["checks"], reduced=Reduced(**{f.name: tables[f.name] for f in fields(Reduced)}))
