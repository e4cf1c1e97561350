"""A case in words: on the terminal and in the notebook."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from flowkit.errors import SourceError
from flowkit.formats.form import GIVEN
from flowkit.sources.objects import called_log
from flowkit.times import clock
from flowkit.wording import many, printable

if TYPE_CHECKING:
    from flowkit.case.case import Case

LEDGER = pl.Schema(
    {
        "object": pl.String,
        "format": pl.String,
        "lines": pl.Int64,
        "flows": pl.Int64,
        "nodata": pl.Int64,
        "skipdata": pl.Int64,
        "malformed": pl.Int64,
        "header": pl.Int64,
        "blank": pl.Int64,
        "note": pl.String,
    }
)
"""The columns of the ledger."""

NOT_READ = "not read"
"""The format of an object that was not read; its note says why."""

_COUNTS = {
    "nodata": "NODATA",
    "skipdata": "SKIPDATA",
    "malformed": "malformed",
    "header": "header",
    "blank": "blank",
}


MOST = 5
"""How many notes of objects a case in words holds."""


def lines(case: Case, *, most: int | None = MOST) -> list[tuple[str, str]]:
    """Return the case as labelled lines, with so many notes of its objects at the most."""
    return [
        ("source", case.source),
        *_balancer(case),
        ("span", _span(case)),
        ("read", read(case.ledger)),
        ("in the span", _inside(case)),
        *(("far outside", line) for line in outside(case)),
        ("health checks", case.split.boundary.removeprefix("Health checks: ")),
        *(("addresses", line) for line in unseen(case)),
        *(("delivery", line) for line in _delivery(case)),
        *(("flow logs", line) for line in _logs(case)),
        *(("copies", line) for line in copies(case)),
        *notes(case.ledger, most),
        *(("left alone", line) for line in _aside(case.ledger, most)),
    ]


def text(case: Case, *, most: int | None = MOST) -> str:
    """Return the case for the terminal."""
    shown = [*lines(case, most=most), *(("cache", line) for line in _cache(case))]
    return "\n".join(f"{label:>14}  {printable(line)}" for label, line in shown)


def page(case: Case) -> str:
    """Return the case for the notebook, every word escaped; a report that is shared names no folder of this machine."""
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left">{html.escape(label)}</th>'
        f'<td style="text-align:left">{html.escape(line)}</td></tr>'
        for label, line in lines(case)
    )
    return f'<table class="flowkit-case">{rows}</table>'


def read(ledger: pl.DataFrame) -> str:
    """Return what was read in one line: the parts add up to the lines.

    >>> counts = {"lines": 4, "flows": 2, "nodata": 1, "skipdata": 0, "malformed": 0, "header": 1, "blank": 0}
    >>> read(pl.DataFrame([{"object": "a", **counts}]))
    '1 object, 4 lines = 2 flows + 1 NODATA + 1 header'
    """
    total = ledger.select(pl.col("lines", "flows", *_COUNTS).sum()).row(0, named=True)
    others = [f"{total[c]:,} {word}" for c, word in _COUNTS.items() if total[c]]
    counts = [many(total["flows"], "flow"), *others]
    objects = ledger.height - _others(ledger).height
    return f"{many(objects, 'object')}, {many(total['lines'], 'line')} = {' + '.join(counts)}"


def warnings(ledger: pl.DataFrame) -> list[str]:
    """Return a sentence for whatever is to be known of what was read; not for what is no flow log."""
    return [sentence for _, sentence in notes(ledger)]


def notes(ledger: pl.DataFrame, most: int | None = MOST) -> list[tuple[str, str]]:
    """Return what is to be known of what was read, each sentence behind its label.

    Objects of which the same is to be said share a sentence.
    """
    total = ledger.select(pl.col("skipdata", "malformed").sum()).row(0, named=True)
    said = []
    if total["skipdata"]:
        left_out = many(total["skipdata"], "SKIPDATA record")
        said.append(("missing", f"{left_out}: AWS left records out, so every count is a lower bound"))
    if total["malformed"]:
        said.append(("malformed", f"{many(total['malformed'], 'malformed line')}: see case.quarantine"))
    each = list(_noted(ledger.join(_others(ledger), on="object", how="anti", maintain_order="left")))
    said += each[:most]
    more = len(each) - len(each[:most])
    return said + ([("note", f"and {many(more, 'more note')}: see case.ledger")] if more else [])


def _noted(ledger: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of objects: of those that were not read first."""
    unread = (pl.col("format") == NOT_READ).alias("unread")
    own = pl.col("format").str.ends_with(f" the {GIVEN}")
    read_as = pl.format("read as {}", pl.when(own).then("format"))
    words = pl.concat_str(read_as, pl.when(pl.col("note") != "").then("note"), separator="; ", ignore_nulls=True)
    noted = ledger.select("object", unread, words.alias("words")).filter(pl.col("words") != "")
    alike = noted.group_by("unread", "words", maintain_order=True).agg(pl.col("object").first(), pl.len())
    for skipped, said, first, objects in alike.sort("unread", descending=True, maintain_order=True).iter_rows():
        who = first if objects == 1 else f"{first} and {many(objects - 1, 'more object')}"
        yield "not read" if skipped else "note", f"{who}: {said}"


def _others(ledger: pl.DataFrame) -> pl.DataFrame:
    """Return what lies beside the logs: it is none, and is not called one either."""
    if "format" not in ledger.columns:
        return ledger.clear()
    unread = ledger.filter(format=NOT_READ).filter(~pl.col("note").str.contains("damaged", literal=True))
    return unread.filter(~pl.col("object").map_elements(called_log, return_dtype=pl.Boolean))


def _aside(ledger: pl.DataFrame, most: int | None) -> list[str]:
    others = _others(ledger)
    if most is None:
        return [f"{name}: {why}" for name, why in others.select("object", "note").iter_rows()]
    if others.is_empty():
        return []
    names = others["object"].to_list()
    return [f"{_some(names, 4)}: {'no flow log' if len(names) == 1 else 'no flow logs'}, case.ledger says why"]


def _balancer(case: Case) -> list[tuple[str, str]]:
    """Return the load balancer that was named, and how much its flow logs cannot tell."""
    if not case.context:
        return []
    gaps = len(case.context.missing)
    warned = f"; its flow logs lack {many(gaps, 'thing')}: see case.context.missing" if gaps else ""
    targets = sum(len(group.targets) for group in case.context.target_groups)
    of = f"{many(len(case.context.interfaces), 'interface')}, {many(targets, 'target')}"
    return [("load balancer", f"{case.context.name}: {of}{warned}")]


def _span(case: Case) -> str:
    try:
        start, end = case.start, case.end
    except SourceError:
        bounds = zip(("from", "to"), case.asked, strict=True)
        asked = [f"{word} {clock(case.tz, t).show(t)}" for word, t in bounds if t]
        return " ".join([*asked, case.tz]) if asked else "no time in any record, and no span was asked for"
    at = clock(case.tz, start, end)
    return f"{at.show(start)} to {at.show(end)} {at.label}"


def _inside(case: Case) -> str:
    inside = f"{many(case.facts['flows'], 'flow')} on {many(case.facts['interfaces'] or 0, 'interface')}"
    return inside if case.facts["flows"] else f"{inside}{elsewhere(case)}"


def elsewhere(case: Case) -> str:
    """Return when the records are that were read, where none is in the span that was asked for."""
    if case.asked == (None, None) or not case.held:
        return ""
    first, last = case.held
    at = clock(case.tz, first, last)
    return f"; what was read goes from {at.show(first)} to {at.show(last)} {at.label}"


def outside(case: Case) -> list[str]:
    """Return what there is to say of flows whose times are years away from all others: nothing where there are none."""
    if not case.far:
        return []
    number, ends = case.far.number, [case.clock.show(moment) for moment in (case.far.first, case.far.last)]
    drawn = f"no chart over time shows {'it' if number == 1 else 'them'}"
    return [f"{many(number, 'flow')} more than a year away from all others ({ends[0]} to {ends[1]}): {drawn}"]


def unseen(case: Case) -> list[str]:
    """Return what there is to say of load balancer addresses that were given and check nothing here."""
    given = case.knowledge.lb_addresses
    idle = sorted(set(given) - set(case.split.nodes.filter(known="given")["address"]))
    if not idle or not case.facts["flows"]:
        return []
    what = f"nothing like a check comes from {_some(idle)} ({len(idle)} of {len(given)} load balancer addresses given)"
    return [f"{what}: only given addresses can be checkers, so a wrong one hides health checks"]


def _delivery(case: Case) -> list[str]:
    if case.delay is None:
        return []
    minutes = case.delay.total_seconds() / 60
    return [f"19 of 20 objects came within {minutes:,.1f} minutes of the end of their five"]


def copies(case: Case) -> list[str]:
    """Return what there is to say of flows that may count twice: nothing where there are none."""
    said = _twice(case)
    if case.copies is None:
        lacking = "the format lacks fields that tell a second copy of a record from another flow"
        return [*said, *([f"{lacking}: nothing was left out"] if case.duplicates == "drop" else [])]
    what = f"{many(case.copies, 'second copy', 'second copies')} of a record"
    kept = "kept: duplicates='drop' leaves them out" if case.duplicates == "keep" else "left out"
    return [*said, *([f"{what}, {kept}"] if case.copies else [])]


def _twice(case: Case) -> list[str]:
    """Return what to beware of where several flow logs log the same interfaces at the same time."""
    shared = sorted({interface for interfaces in case.logs.values() for interface in interfaces})
    if not shared:
        return []
    ids = [log for log, interfaces in case.logs.items() if interfaces]
    what = f"{_some(ids)} both log" if len(ids) == 2 else f"several of {_some(ids)} log"
    who = "interfaces that their records do not name" if "-" in shared else _some(shared)
    twice = "what passes there counts twice, though not in the intervals of its checks"
    return [f"{what} {who}: {twice}: flow_log_ids= reads the one you name"]


def _logs(case: Case) -> list[str]:
    """Return that several flow logs were read as one, where no two log the same interface at the same time."""
    if len(case.logs) < 2 or any(case.logs.values()):
        return []
    which = "flow_log_ids= reads the one you name"
    return [f"{_some(list(case.logs))}: no two of them log an interface at the same time; {which}"]


def _some(names: list[str], most: int = 3) -> str:
    """Return the first of some names, and how many more there are.

    >>> _some(["eni-1", "eni-2"]), _some(["a", "b", "c", "d", "e"])
    ('eni-1 and eni-2', 'a, b, c and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _cache(case: Case) -> list[str]:
    if case.kept_in is not None or not case.shelf:
        return []
    return [f"{size(case.facts['cache_bytes'])} in {case.shelf.parents[1]}"]


def size(number: int) -> str:
    """Return a number of bytes as people write it.

    >>> size(0), size(4_200_000), size(1_234_567_890)
    ('0.0 MB', '4.2 MB', '1.2 GB')
    """
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"
