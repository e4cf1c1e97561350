"""What happened to one target, in sentences: its states in time, the load balancer's verdict, and its clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Any

import polars as pl

from flowkit.case import Case
from flowkit.questions.health.felt import felt as measured
from flowkit.wording import many

_STATES = {
    "refused": "refused its health checks",
    "unreachable": "did not answer its health checks",
    "slow": "answered its health checks late, in part or not at all",
    "answering": "answered its health checks",
    "no checks seen": "was sent no health checks",
    "not logged": "is missing from the logs",
}
_FAILING = ("refused", "unreachable", "slow")
# What is met so soon was there before: the first check of a span comes an interval and a window into it.
_AT_ONCE = timedelta(minutes=1)

Row = dict[str, Any]
"""A row of `health_changes`."""


def story(rows: Sequence[Row], case: Case) -> str:
    """Return the states of one target in the order of time, the leading healthy one left unsaid."""
    told = rows[1:] if rows[0]["state"] == "answering" and len(rows) > 1 else rows
    parts: list[str] = []
    for i, row in enumerate(told):
        start, last = moment(row["start"], case), i == len(told) - 1
        since = "the beginning" if row is rows[0] and row["start"] - case.start < _AT_ONCE else start
        if row["state"] == "answering" and parts:
            before = any(r["state"] == "answering" or r["checks"] for r in rows[: rows.index(row)])
            parts.append(f"and answered {'again ' if before else ''}from {start}")
        else:
            until = "to the end" if last else f"to {moment(row['end'], case)}"
            when = "all along" if len(rows) == 1 else f"from {since} {until}"
            parts.append(f"{_STATES[row['state']]} {when}{_checks(row)}")
    return ", then ".join(parts).replace(", then and ", ", and ")


def verdict(name: str, rows: Sequence[Row], case: Case) -> Iterator[str]:
    """Yield when the load balancer will have taken the target out and back, where its thresholds are known."""
    turns = sorted((row[f"{word}_at"], word) for row in rows for word in ("unhealthy", "healthy") if row[f"{word}_at"])
    # Checkers come to it one by one: out with the first of them, back with the last.
    each = [(word, [when for when, _ in same]) for word, same in groupby(turns, lambda turn: turn[1])]
    said = [f"{word} at {moment(when[0 if word == 'unhealthy' else -1], case)}" for word, when in each]
    if said:
        shown = ", ".join(said[:4]) + (f" and {len(said) - 4} more times" if len(said) > 4 else "")
        yield f"By the thresholds of its target group the load balancer called {name} {shown}."


def felt(name: str, target: str, rows: Sequence[Row], health: pl.DataFrame) -> Iterator[str]:
    """Yield what became of the service to it while it failed: of the longest failure, where there are several."""
    failures = [list(run) for failing, run in groupby(rows, lambda row: row["state"] in _FAILING) if failing]
    if failures:
        longest = max(failures, key=lambda run: run[-1]["end"] - run[0]["start"])
        said = measured(health, target, longest[0]["start"], longest[-1]["end"]).words(name)
        if said:
            yield " ".join(said)


def one_sided(name: str, each: pl.DataFrame, case: Case) -> Iterator[str]:
    """Yield which checkers a target failed that answered the others: a fault between the two, not of the target."""
    failing = each.filter(pl.col("state").is_in([*_FAILING, "no checks seen"]))
    number = each["checker"].n_unique()
    bad = failing["checker"].unique().sort().to_list()
    for checker in bad if len(bad) < number else []:
        row = failing.filter(pl.col("checker") == checker).sort("start").row(0, named=True)
        who = case.names.label(checker, row["start"], row["end"])
        said = (
            _STATES[row["state"]]
            .replace("its health checks", f"those of {who}")
            .replace("sent no", f"sent by {who} no")
        )
        when = f"from {moment(row['start'], case)} to {moment(row['end'], case)}"
        others = "the other checker" if number == 2 else f"{number - len(bad)} of {number} checkers"
        yield f"{name} answered the health checks of {others}, but {said} {when}: look at the way between the two."


def lagging(name: str, rows: Sequence[Row], each: pl.DataFrame, case: Case, window: timedelta) -> Iterator[str]:
    """Yield which checkers a target went on failing, windows after it answered most of them again."""
    back = [row["start"] for last, row in pairwise(rows) if last["state"] in _FAILING and row["state"] == "answering"]
    for again in back[-1:]:
        late = each.filter(pl.col("state").is_in(_FAILING), pl.col("start") < again, pl.col("end") > again + 2 * window)
        for row in late.sort("checker").iter_rows(named=True):
            who = case.names.label(row["checker"], row["start"], row["end"])
            yield f"{who} saw {name} fail until {moment(row['end'], case)}: look at the way between the two."


def moment(time: datetime, case: Case) -> str:
    """Return the time of day, with its date where the case holds more than one."""
    one = case.clock.show(case.start, "%Y-%m-%d") == case.clock.show(case.end, "%Y-%m-%d")
    return case.clock.show(time, "%H:%M:%S" if one else "%Y-%m-%d %H:%M:%S")


def _checks(row: Row) -> str:
    if not row["checks"]:
        return ""
    said = f"{many(row['checks'], 'check')} from {many(row['checkers'], 'checker')}"
    if row["state"] not in _FAILING or row["failed_in_a_row"] < 2:
        return f" ({said})"
    return f" ({said}, {row['failed_in_a_row']:,} in a row{' by one' if row['checkers'] > 1 else ''})"
