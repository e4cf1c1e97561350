"""What happened to one target, in sentences: its states in time, the load balancer's verdict, and its clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from itertools import groupby, pairwise
from typing import Any

import polars as pl

from flowkit.case import Case
from flowkit.questions.health.felt import felt as measured
from flowkit.questions.health.hurt import Hurt, hurt
from flowkit.questions.health.states import FAILING, SILENT
from flowkit.wording import many

_STATES = {
    "refused": "refused its health checks",
    "unreachable": "did not answer its health checks",
    "slow": "answered its health checks late, in part or not at all",
    "retransmitting": "answered its health checks, with packets lost on the way,",
    "answering": "answered its health checks",
    "no checks seen": "was sent no health checks",
    "not logged": "is missing from the logs",
    "unclear": "had no health check that can be told from the service flows that failed",
}
_NEXT = {
    "refused": "a reset came back, so the host is up: nothing listens on the port, or its firewall says no. Look at "
    "the process that should listen.",
    "unreachable": "nothing came back: the host is down, or a security group, network ACL or firewall drops the "
    "packets. Look at the host, and at the rules between the two.",
    "slow": "the connection stood, so the host is up: the application hangs, is overloaded or answers something else. "
    "Look at the application.",
    "retransmitting": "packets were lost on the way, or dropped by a host that is overloaded. Look at the network of "
    "both, and at the limits of the target.",
    "no checks seen": "who is sent no checks is not registered, or its zone is off. Look at the target group.",
    "unclear": "the target fails, whoever asks. Look at the host, and at the process that should listen.",
}
"""What a state means, and where to look next."""
# More spells than these are a pattern, and the table has them one by one.
_MOST_SPELLS = 2
# What is met so soon was there before: the first check of a span comes an interval and a window into it.
_AT_ONCE = timedelta(minutes=1)

# So many failed flows beside a silence, and half of the service, may be the very checks that are missed.
_FAILED, _HALF = 3, 0.5

# More targets than an incident has suspects: the table has them all.
_MOST_TARGETS = 6

Row = dict[str, Any]
"""A row of `health_changes`."""

Spell = tuple[datetime, datetime]
"""From when to when."""


@dataclass(frozen=True)
class _Told:
    """What is known of one target: its states, those by checker, and what only some of these saw."""

    target: str
    name: str
    rows: list[Row]
    each: pl.DataFrame
    alone: tuple[str, ...]

    @property
    def steady(self) -> bool:
        return all(row["state"] == "answering" for row in self.rows)

    @property
    def news(self) -> bool:
        return not self.steady or bool(self.alone)

    @property
    def port(self) -> str:
        return self.target.rpartition(":")[2]

    @property
    def failing(self) -> list[Spell]:
        """When its checks failed, from when to when."""
        return [(run[0]["start"], run[-1]["end"]) for run in _spells(self.rows)]

    @property
    def failed_s(self) -> float:
        """For how many seconds it failed."""
        lengths = [row["end"] - row["start"] for row in self.rows if row["state"] in FAILING]
        return sum(lengths, timedelta()).total_seconds()


def targets(
    changes: pl.DataFrame, each: pl.DataFrame, health: pl.DataFrame, case: Case, window: timedelta
) -> Iterator[str]:
    """Yield what happened to the targets, who failed longest first, and where to look next.

    `changes` and `each` are the lasting states, `each` by checker too; `health` is what `seen_health` found.
    """
    told: list[_Told] = []
    gone = _left(each)
    for silent in gone.values():
        each = each.join(silent, on=["target", "checker", "start"], how="anti")
    for (target,), runs in changes.sort("target", "start").group_by("target", maintain_order=True):
        rows = runs.rows(named=True)
        name = case.names.label(target, rows[0]["start"], rows[-1]["end"])
        own = each.filter(pl.col("target") == target)
        told.append(_Told(str(target), name, rows, own, tuple(one_sided(name, own, case))))
    # Who failed longest comes first.
    news = sorted((one for one in told if one.news), key=lambda one: (-one.failed_s, one.target))
    yield from _together(told, case)
    yield from (_gone(name, lost, case) for name, lost in gone.items())
    for one in news[:_MOST_TARGETS]:
        yield from _target(one, case, window, health)
    if more := news[_MOST_TARGETS:]:
        others = "another target" if len(more) == 1 else f"{len(more):,} other targets"
        yield f"The states of {others} changed too; the table of states has each."
    yield from _hurts(told, case, health)
    if steady := len(told) - len(news):
        others = "other target" if news else "target"
        yield f"{many(steady, others)} answered health checks all along."
    yield from _look_next([_state(row) for one in news for row in one.rows])


def _target(one: _Told, case: Case, window: timedelta, health: pl.DataFrame) -> Iterator[str]:
    if one.steady:
        yield from one.alone
        return
    yield f"{one.name} {story(one.rows, case)}."
    yield from lagging(one.name, one.rows, one.each, case, window)
    yield from _lossy(one.name, one.rows, one.each, case)
    yield from verdict(one.name, one.rows, case)
    yield from _felt(one.name, one.target, one.rows, health)


def story(rows: Sequence[Row], case: Case) -> str:
    """Return the states of one target in the order of time, the leading healthy one left unsaid; many as a pattern."""
    spells = _spells(rows)
    if len(spells) > _MOST_SPELLS:
        return _pattern(spells, rows, case)
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
            parts.append(f"{_STATES[_state(row)]} {when}{_checks(row)}")
    return ", then ".join(parts).replace(", then and ", ", and ")


def _state(row: Row) -> str:
    """Return the state of a row; `unclear` where what failed beside a silence may be the checks that are missed."""
    failed = row["service_failed"]
    unclear = row["state"] == "no checks seen" and failed >= _FAILED and failed >= _HALF * row["service"]
    return "unclear" if unclear else row["state"]


def _together(told: Sequence[_Told], case: Case) -> Iterator[str]:
    """Yield when all targets of a port failed at once, where it has several."""
    ports = groupby(sorted(told, key=lambda one: one.port), lambda one: one.port)
    for port, same in ((port, list(same)) for port, same in ports):
        if len(same) > 1:
            for start, end in reduce(_overlaps, [one.failing for one in same]):
                when = f"from {moment(start, case)} to {moment(end, case)}"
                both = f"All {len(same):,} targets on port {port} failed together {when}"
                yield f"{both}: with none healthy a load balancer sends to all."


def _overlaps(ones: Sequence[Spell], others: Sequence[Spell]) -> list[Spell]:
    both = [(max(a, c), min(b, d)) for a, b in ones for c, d in others]
    return [(start, end) for start, end in both if start < end]


def _left(each: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return of each checker the silences that it kept towards all its targets, of several, while others went on.

    One target whose log is whole is enough to tell that none was sent: a node that is gone logs no more.
    """
    found = {}
    for (checker,), rows in each.group_by("checker", maintain_order=True):
        silent = rows.filter(pl.col("state").is_in(SILENT)).sort("start").unique("target", keep="last")
        seen = (silent["state"] == "no checks seen").any()
        if not seen or silent.height < 2 or silent.height < rows["target"].n_unique():
            continue
        during = (pl.col("start") < silent["end"].min()) & (pl.col("end") > silent["start"].max())
        others = each.filter(during, pl.col("checker") != checker, ~pl.col("state").is_in(SILENT))
        if others.height and silent["start"].max() < silent["end"].min():  # type: ignore[operator]
            both = rows.join(silent.select("target", since="start"), on="target")
            found[str(checker)] = silent.with_columns(
                back=pl.lit((both["start"] > both["since"]).any()), been=pl.lit((both["start"] < both["since"]).any())
            )
    return found


def _gone(checker: str, silent: pl.DataFrame, case: Case) -> str:
    rows = silent.rows(named=True)
    start, end = min(row["start"] for row in rows), max(row["end"] for row in rows)
    who = case.names.label(checker, start, end)
    if not rows[0]["been"]:
        return (
            f"{who} checked none of its {len(rows):,} targets before {moment(end, case)}: it was new then, or cut off."
        )
    when = f"from {moment(start, case)} to {moment(end, case) if rows[0]['back'] else 'the end'}"
    what = "the node is gone, its zone is off, or its way to all of them is cut"
    return f"{who} checked none of its {len(rows):,} targets {when}: {what}."


def _hurts(told: Sequence[_Told], case: Case, health: pl.DataFrame) -> Iterator[str]:
    """Yield whose service failed while its checks did not, most first."""
    names = {one.target: one for one in told}
    found = [lost for one in told if (lost := hurt(health, one.target, one.failing))]
    for lost in sorted(found, key=lambda lost: (-lost.failed, lost.target))[:_MOST_TARGETS]:
        yield _hurt(lost, names[lost.target], case)
    if more := found[_MOST_TARGETS:]:
        yield f"So it was with {many(len(more), 'other target')}; the table of states has each."


def _hurt(lost: Hurt, one: _Told, case: Case) -> str:
    within = [row for row in one.rows if row["start"] < lost.end and row["end"] > lost.start]
    answered = all(row["checks"] for row in within)
    beside = (
        "though it answered its health checks: they do not ask what clients ask"
        if answered
        else ("while no health check to it is told from them")
    )
    when = f"from {moment(lost.start, case)} to {moment(lost.end, case)}"
    flows = f"{lost.failed:,} of {many(lost.service, 'service flow')} {lost.where}"
    return f"{one.name}: {flows} failed {when}, refused or not answered, {beside}."


def _spells(rows: Sequence[Row]) -> list[list[Row]]:
    return [list(run) for failing, run in groupby(rows, lambda row: row["state"] in FAILING) if failing]


def _pattern(spells: Sequence[Sequence[Row]], rows: Sequence[Row], case: Case) -> str:
    """Return how often a target failed between when and when, for how long at the most, and what it is now."""
    failing = [row for spell in spells for row in spell]
    met = [state for state in FAILING if any(row["state"] == state for row in failing)]
    did = _STATES[met[0]] if len(met) == 1 else f"failed its health checks ({' or '.join(met)})"
    lengths = sorted((spell[-1]["end"] - spell[0]["start"]).total_seconds() for spell in spells)
    long = (
        f"{_long(lengths[0])} each"
        if lengths[0] == lengths[-1]
        else f"{_long(lengths[0])} to {_long(lengths[-1])} each"
    )
    failed, checks = (sum(row[name] for row in failing) for name in ("failed", "checks"))
    between = f"between {moment(failing[0]['start'], case)} and {moment(failing[-1]['end'], case)}"
    now = "answered in between and since" if rows[-1]["state"] == "answering" else "fails at the end"
    said = (
        f"{failed:,} of {many(checks, 'check')} failed" if failed < checks else f"{many(checks, 'check')}, all failed"
    )
    return f"{did} {len(spells)} times {between}, {long} ({said}), and {now}; the table of states has each"


def _long(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _look_next(states: Sequence[str]) -> Iterator[str]:
    """Yield what each state that was met means, and where to look next."""
    yield from (f"{state.capitalize()}: {said}" for state, said in _NEXT.items() if state in states)


def verdict(name: str, rows: Sequence[Row], case: Case) -> Iterator[str]:
    """Yield when the load balancer will have taken the target out and back, where its thresholds are known."""
    turns = sorted((row[f"{word}_at"], word) for row in rows for word in ("unhealthy", "healthy") if row[f"{word}_at"])
    # Checkers come to it one by one: out with the first of them, back with the last.
    each = [(word, [when for when, _ in same]) for word, same in groupby(turns, lambda turn: turn[1])]
    said = [f"{word} at {moment(when[0 if word == 'unhealthy' else -1], case)}" for word, when in each]
    if said:
        shown = ", ".join(said[:4]) + (f" and {len(said) - 4} more times" if len(said) > 4 else "")
        yield f"By the thresholds of its target group the load balancer called {name} {shown}."


def _felt(name: str, target: str, rows: Sequence[Row], health: pl.DataFrame) -> Iterator[str]:
    """Yield what became of the service to it while it failed: its pace is that of the longest of several failures."""
    if failures := _spells(rows):
        longest = max(failures, key=lambda run: run[-1]["end"] - run[0]["start"])
        found = measured(health, target, longest[0]["start"], longest[-1]["end"])
        total = sum(row["service_failed"] for row in rows)
        said = replace(found, failed=total, spells=len(failures)).words(name)
        if said:
            yield " ".join(said)


def _lossy(name: str, rows: Sequence[Row], each: pl.DataFrame, case: Case) -> Iterator[str]:
    """Yield which checkers alone met the packets that were lost, where others met few."""
    if not any(row["state"] == "retransmitting" for row in rows):
        return
    shares = each.group_by("checker").agg(pl.col("checks", "retransmitted").sum())
    shares = shares.filter(pl.col("checks") > 0).with_columns(share=pl.col("retransmitted") / pl.col("checks"))
    worst = shares.filter(pl.col("share") >= pl.col("share").max()).sort("checker").row(0, named=True)
    others = shares.filter(pl.col("checker") != worst["checker"])
    if others.height and (others["share"] < worst["share"] / 4).all():
        who = case.names.label(worst["checker"], rows[0]["start"], rows[-1]["end"])
        resent, checks = worst["retransmitted"], many(worst["checks"], "check")
        yield f"Nearly all of it on the way between {name} and {who} ({resent:,} of {checks}): look there."


def one_sided(name: str, each: pl.DataFrame, case: Case) -> Iterator[str]:
    """Yield which checkers a target failed that answered the others: a fault between the two, not of the target."""
    failing = each.filter(pl.col("state").is_in([*FAILING, "no checks seen", "retransmitting"]))
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
        later = each.filter(pl.col("checker") == checker, pl.col("start") > row["start"])
        until = moment(row["end"], case) if later.height else "the end"
        when = f"from {moment(row['start'], case)} to {until}"
        others = "the other checker" if number == 2 else f"{number - len(bad)} of {number} checkers"
        yield f"{name} answered the health checks of {others}, but {said} {when}: look at the way between the two."


def lagging(name: str, rows: Sequence[Row], each: pl.DataFrame, case: Case, window: timedelta) -> Iterator[str]:
    """Yield which checkers a target went on failing, windows after it answered most of them again."""
    back = [row["start"] for last, row in pairwise(rows) if last["state"] in FAILING and row["state"] == "answering"]
    for again in back[-1:]:
        late = each.filter(pl.col("state").is_in(FAILING), pl.col("start") < again, pl.col("end") > again + 2 * window)
        for row in late.sort("checker").iter_rows(named=True):
            who = case.names.label(row["checker"], row["start"], row["end"])
            yield f"{who} saw {name} fail until {moment(row['end'], case)}: look at the way between the two."


def moment(time: datetime, case: Case) -> str:
    """Return the time of day, with its date where the case holds more than one."""
    one = case.clock.show(case.start, "%Y-%m-%d") == case.clock.show(case.end, "%Y-%m-%d")
    return case.clock.show(time, "%H:%M:%S" if one else "%Y-%m-%d %H:%M:%S")


def _checks(row: Row) -> str:
    if row["state"] in SILENT:
        return ""
    said = [f"{many(row['checks'], 'check')} from {many(row['checkers'], 'checker')}"]
    if row["state"] == "retransmitting":
        said.append(f"{row['retransmitted']:,} with a packet sent again")
    if row["state"] in FAILING and row["failed"] < row["checks"]:
        said.append(f"{row['failed']:,} failed")
    if row["state"] in FAILING and row["failed_in_a_row"] >= 2:
        said.append(f"{row['failed_in_a_row']:,} in a row{' by one' if row['checkers'] > 1 else ''}")
    return f" ({', '.join(said)})"
