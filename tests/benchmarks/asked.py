"""flowkit asked one thing: `python asked.py WHAT FOLDER CACHE [START END]`, in the project's environment.

`all FOLDER CACHE` asks every question three times, each time in a process of its own, and prints one table of medians;
`all FOLDER CACHE LARGER ITS_CACHE` puts the same of a larger log beside them, to see that memory does not grow.
`scan` is the question of contenders.py of the files themselves, `case` the same of a case whose records the cache
holds, `load` the making of that case; every other WHAT is a question that the notebooks ask of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from measure import Measured, Row, answer, measured, middle, peak, shown, tell

import flowkit as fk


def per_minute(flows: pl.LazyFrame) -> dict[str, Any]:
    """Ask for flows, packets and bytes a minute by action."""
    sums = [pl.len().alias("flows"), pl.col("packets").sum(), pl.col("bytes").sum()]
    minute = pl.col("start").dt.timestamp("ms") // 60_000
    return answer(flows.group_by(minute.alias("minute"), "action").agg(sums).collect(engine="streaming").rows())


def _table(made: pl.LazyFrame) -> dict[str, Any]:
    return {"rows": made.collect(engine="streaming").height}


def _said(words: object) -> dict[str, Any]:
    return {"rows": len(str(words).splitlines())}


QUESTIONS: dict[str, Callable[[fk.Case], dict[str, Any]]] = {
    "case": lambda case: per_minute(case.flows),
    "the case itself": lambda case: _said(repr(case)),
    "findings": lambda case: _said(fk.findings(case)),
    "timeline by kind": lambda case: _table(fk.timeline(case.flows, by="kind")),
    "timeline by action": lambda case: _table(fk.timeline(case.flows.remove(kind="health-check"), by="action")),
    "timeline of checks": lambda case: _table(fk.timeline(case.flows.filter(kind="health-check"), by="srcaddr")),
    "peers": lambda case: _table(fk.peers(case.flows.remove(kind="health-check"))),
    "rejected": lambda case: _table(fk.rejected(case.flows)),
    "sizes": lambda case: _table(fk.sizes(case.flows)),
    "aggregation": lambda case: _table(fk.aggregation(case.flows)),
    "coverage": lambda case: _table(case.coverage()),
    "target health": lambda case: _table(fk.target_health(case.flows)),
    "health changes": lambda case: _table(fk.health_changes(case.flows)),
    "cadence": lambda case: _table(fk.cadence(case.flows)),
    "split": lambda case: _said(repr(case.split)),
}


def every(folder: str, cache: str, larger: str | None, its_cache: str | None) -> None:
    """Ask everything, and print the table."""

    def ask(what: str, *logs: str) -> Measured:
        return middle([measured(sys.executable, "asked.py", what, *logs) for _ in range(RUNS)])

    rows = []
    for name in QUESTIONS:
        took, note = ask(name, folder, cache), ""
        if larger and its_cache:
            more = ask(name, larger, its_cache)
            note = f"{Path(its_cache).name}: {more.cpu:6.2f} CPU s {more.peak:5.0f} MB, {more.peak / took.peak:.2f} x"
        rows.append(Row(name, took, None, note))
    print(shown(f"from {Path(cache).name}", rows))


RUNS = 3


def main(what: str, folder: str, cache: str, start: str | None = None, end: str | None = None) -> None:
    """Ask, and tell what it took; the load before a question does not count."""
    if what == "all":
        every(folder, cache, start, end)
    elif what == "scan":
        tell(lambda: per_minute(fk.scan(folder, start=start, end=end)))
    elif what == "load":
        tell(lambda: {"flows": fk.load(folder, start=start, end=end, cache=cache).facts["flows"]})
    else:
        case = fk.load(folder, start=start, end=end, cache=cache)
        # Only what the question itself takes: the load's own peak is measured by itself.
        loaded = peak()
        Path("/proc/self/clear_refs").write_text("5", "ascii")
        tell(lambda: QUESTIONS[what](case), loaded=loaded, objects=case.ledger.height)


if __name__ == "__main__":
    main(*sys.argv[1:])
