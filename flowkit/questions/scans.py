"""Who knocked at many ports or many addresses: a scan is named, so that nobody has to wonder; it is no cause."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from flowkit.case import Case
from flowkit.questions.stories import moment
from flowkit.wording import many

# Of a browser or a batch of jobs nobody sees thirty doors; a scan has a thousand, or a network's 254 hosts.
_MANY = 30
_SOURCES = 20
_SHOWN = 3
# One or two packets, none with data: a SYN has 40 bytes of headers and 4 to 20 of options, IPv6 20 more. A reset has 40
# and no options: it is the answer of a closed port, and not a knock. An open one answers from a lower port to a higher.
_PACKETS, _V6 = 2, 20
# More ends than this send data to a server's port only: a client's port meets the few that it asked.
_ENDS = 3
_END = ["srcaddr", "srcport"]


def scans(case: Case) -> Iterator[str]:
    """Yield for each of the three that knocked at the most doors: who, at what, when, and what became of it."""
    knocks = case.flows.filter(_knock(), ~pl.col("srcaddr").is_in(_checkers(case)))
    counts = knocks.group_by("srcaddr").len().filter(pl.col("len") >= _MANY)
    busiest = counts.sort("len", "srcaddr", descending=[True, False]).head(_SOURCES).collect(engine="streaming")
    if busiest.is_empty():
        return
    found = _scanning(knocks.filter(pl.col("srcaddr").is_in(busiest["srcaddr"].to_list())))
    if found.height:  # Few cases come so far, and what servers answer is looked for in these only.
        sources = found["srcaddr"].to_list()
        asked = knocks.filter(pl.col("srcaddr").is_in(sources)).join(_servers(case, sources), on=_END, how="anti")
        found = _scanning(asked)
    yield from (_said(row, case) for row in found.head(_SHOWN).iter_rows(named=True))
    if found.height > _SHOWN:
        yield f"{many(found.height - _SHOWN, 'more source')} knocked at {_MANY} ports or addresses or more."


def _scanning(knocks: pl.LazyFrame) -> pl.DataFrame:
    """Return a row for each source that knocked at many ports or addresses, the most doors first."""
    doors = knocks.group_by("srcaddr", "dstaddr", "dstport").agg(
        flows=pl.len(),
        rejected=(pl.col("action") == "REJECT").sum(),
        first=pl.col("start").min(),
        last=pl.col("end").max(),
    )
    found = doors.collect(engine="streaming").group_by("srcaddr").agg(
        ports=pl.col("dstport").n_unique(),
        addresses=pl.col("dstaddr").n_unique(),
        one=pl.col("dstaddr").first(),
        port=pl.col("dstport").first(),
        most=pl.len(),
        flows=pl.col("flows").sum(),
        rejected=pl.col("rejected").sum(),
        first=pl.col("first").min(),
        last=pl.col("last").max(),
    )  # fmt: skip
    told = found.drop_nulls(["first", "last"]).filter(pl.max_horizontal("ports", "addresses") >= _MANY)
    return told.sort("most", "srcaddr", descending=[True, False])


def _knock() -> pl.Expr:
    longer = pl.when(pl.col("dstaddr").str.contains(":", literal=True)).then(_V6).otherwise(0)
    each = pl.col("bytes") / pl.col("packets").clip(1) - longer
    asked = pl.col("dstport") < pl.col("srcport")
    return (pl.col("protocol") == 6) & asked & (pl.col("packets") <= _PACKETS) & each.is_between(44, 60)


def _servers(case: Case, sources: list[str]) -> pl.LazyFrame:
    """Return the ports of these sources to which many ends send data: what leaves them is an answer."""
    sent = case.flows.filter(pl.col("dstaddr").is_in(sources), pl.col("packets") > _PACKETS)
    met = sent.group_by(srcaddr="dstaddr", srcport="dstport").agg(ends=pl.struct("srcaddr", "srcport").n_unique())
    return met.filter(pl.col("ends") > _ENDS).select(_END)


def _checkers(case: Case) -> list[str]:
    """Return the nodes: whom a target group of many refuses or leaves unanswered has not scanned it."""
    nodes: list[str] = case.split.nodes["address"].to_list()
    return nodes


def _said(row: dict[str, Any], case: Case) -> str:
    who = case.names.label(row["srcaddr"], row["first"], row["last"])
    at = f"of {row['one']}" if row["addresses"] == 1 else f"of {many(row['addresses'], 'address', 'addresses')}"
    doors = f"port {row['port']}" if row["ports"] == 1 else many(row["ports"], "port")
    when = " to ".join(dict.fromkeys(moment(row[end], case) for end in ("first", "last")))
    none = "none of it rejected" if not row["rejected"] else f"{row['rejected']:,} of them rejected"
    return (
        f"{who} knocked at {doors} {at} without sending data, {when} ({many(row['flows'], 'flow')}, {none}): "
        "it looks like a scan, and nothing here says that it caused anything."
    )
