"""The split in words: the reasons of a cluster, the boundary, the summary and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import polars as pl

from flowkit.split.decide import CHECK
from flowkit.wording import many

# So many addresses are named, and the rest counted.
LISTED = 5
# So many clusters are shown; the likeliest health checks come first.
_MOST = 8


def certain(row: Mapping[str, Any]) -> str:
    """Return the kind of a cluster and how sure it is of that kind; of an uncertain one, how likely checks are.

    >>> certain({"kind": "service", "confidence": 0.97})
    'service (97 % sure)'
    >>> certain({"kind": "uncertain", "confidence": 0.45})
    'uncertain (health checks: 45 %)'
    """
    return f"{row['kind']} ({_sure(row)})"


def _sure(row: Mapping[str, Any]) -> str:
    if str(row.get("reason", "")).startswith("decided by hand"):
        return "decided by hand"
    sure = row["confidence"]
    if row["kind"] == "uncertain":
        return f"health checks: {100 * sure:.0f} %"
    return "> 99 % sure" if sure > 0.99 else f"{100 * sure:.0f} % sure"


def title(row: dict[str, Any]) -> str:
    payload = span(row["payload_low"], row["payload_high"])
    return f"port {row['sp']}, " + ("no payload" if row["payload_high"] == 0 else f"payload {payload} B")


def span(low: int, high: int) -> str:
    """Return a range of numbers as a person writes it.

    >>> span(3, 3), span(294, 346)
    ('3', '294–346')
    """
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def boundary(families: pl.DataFrame, lacking: Sequence[str] = ()) -> str:
    """Return what separates health checks from service, in words, with what a person decided."""
    if lacking:
        return f"Health checks cannot be told apart: these flows lack {', '.join(lacking)}."
    checks = families.filter(pl.col("kind") == "health-check")
    found = "Health checks: " + "; ".join(_edge(row) for row in checks.to_dicts()) + "."
    said = [found, *_doubted(families)] if checks.height else [_none(families)]
    return " ".join([*said, *_decided(families)])


def _none(families: pl.DataFrame) -> str:
    """Return why there are no health checks: nothing is steady, or what is has more against it than for it."""
    left = families.filter(~pl.col("byhand"))
    if left.height < families.height and left.filter(pl.col("kind") == "uncertain").is_empty():
        return "No health checks: a person decided on what looked like them."
    if doubted := left.filter(pl.col("kind") == "uncertain").height:
        return f"No health checks found for sure: {many(doubted, 'cluster')} may be health checks, {_SEE}."
    steady = left.filter(pl.col("reason").str.contains("far steadier than chance", literal=True)).height
    if not steady:
        return "No health checks found: nothing here repeats one size at a steady beat from a load balancer's node."
    are, them = ("1 cluster is", "it") if steady == 1 else (f"{steady} clusters are", "them")
    return f"No health checks found: {are} far steadier than chance, but more speaks against {them}, see the reasons."


_SEE = "see the reasons; the load balancer's addresses (lb_addresses=) would settle it"


def _doubted(families: pl.DataFrame) -> list[str]:
    """Return what may be health checks beside those found; what a person left uncertain is said with the decisions."""
    doubted = families.filter(pl.col("kind") == "uncertain", ~pl.col("byhand")).height
    return [f"{many(doubted, 'more cluster')} may be health checks or a monitor's, see the reasons."] if doubted else []


def against(found: pl.DataFrame | None, given: pl.DataFrame | None) -> list[str]:
    """Return what was given and is not in the records, or does not agree with them, a sentence each."""
    if found is None or given is None:
        return []
    checks = found.filter(pl.col("chance") >= CHECK)
    nodes, targets = given.filter(pl.col("group").is_null()), given.filter(pl.col("group").is_not_null())
    seen = checks.select(address="sv", port="sp").unique()
    idle = targets.filter(pl.col("records") > 0)
    if seen.height:
        idle = pl.concat([
            idle.drop_nulls("port").join(seen, on=["address", "port"], how="anti"),
            idle.filter(pl.col("port").is_null()).join(seen, on="address", how="anti"),
        ])  # fmt: skip
    return [
        *_listed("Given as load balancer addresses, but in no record", nodes.filter(pl.col("records") == 0)),
        *_listed("Given as targets, but in no record", targets.filter(pl.col("records") == 0)),
        *_listed("Given as targets, but no check of them was found", idle),
        *_unlisted(found),
        *_odd(checks),
    ]


def _unlisted(found: pl.DataFrame) -> list[str]:
    """Return which addresses do as the nodes that were given do, and were not given."""
    who = found.filter("unlisted")["cl"].unique().sort().to_list()
    if not who:
        return []
    they = "behaves like a node but is" if len(who) == 1 else "behave like nodes but are"
    more = f" and {len(who) - LISTED:,} more" if len(who) > LISTED else ""
    return [f"{', '.join(who[:LISTED])}{more} {they} not among the load balancer addresses given."]


def _listed(what: str, given: pl.DataFrame) -> list[str]:
    ends = [_end(*end) for end in given.select("address", "port").unique(maintain_order=True).rows()]
    if not ends:
        return []
    return [f"{what}: {', '.join(ends[:LISTED])}{f' and {len(ends) - LISTED:,} more' if len(ends) > LISTED else ''}."]


def _end(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _odd(checks: pl.DataFrame) -> list[str]:
    """Return where the checks found are not as the target groups' settings say."""
    paced = checks.filter(~pl.col("paced")).group_by("group", "sp", "g_interval", maintain_order=True)
    spoken = checks.filter(~pl.col("spoken")).group_by("group", "sp", "g_protocol", maintain_order=True)
    said = [
        f"Target group {group!r} was said to check every {interval:g} s, but port {port} is checked every {seen:.1f} s."
        for group, port, interval, seen in paced.agg(pl.col("interval_s").median()).rows()
    ]
    return said + [
        f"Target group {group!r} was said to check by {protocol}, but the checks of port {port} carry "
        f"{'data' if protocol == 'TCP' else 'none'}."
        for group, port, protocol in spoken.agg().rows()
    ]


def _decided(families: pl.DataFrame) -> list[str]:
    """Return what a person decided, and what the evidence says of it."""
    rows = families.filter("byhand").to_dicts()
    said = "; ".join(f"{row['cluster']} is {row['kind']}, where the evidence says {row['evidence']}" for row in rows)
    return [f"Decided by hand: {said}."] if said else []


def _edge(row: dict[str, Any]) -> str:
    payload = (
        "no payload"
        if row["payload_high"] == 0
        else f"payload of {span(row['payload_low'], row['payload_high'])} bytes"
    )
    word = "packet" if row["packets_high"] == 1 else "packets"
    shape = f"{span(row['packets_low'], row['packets_high'])} {word}, {span(row['bytes_low'], row['bytes_high'])} bytes"
    whose = "" if row["proven"] or row["byhand"] else ", perhaps a monitor's"
    return f"to port {row['server_port']}, {payload} ({shape}), {row['pace']}{whose}"


def summary(families: pl.DataFrame, nodes: pl.DataFrame, edge: str) -> str:
    """Return the split as a terminal shows it."""
    lines = [edge]
    for row in families.head(_MOST).to_dicts():
        lines.append(f"  {row['cluster']}: {certain(row)}: {row['looks_like']}")
        lines += [f"    {side}: {words}" for side, words in sides(row)]
    if families.height > _MOST:
        lines.append(f"  and {families.height - _MOST} more in .clusters")
    lines += [f"  node {row['address']} ({row['known']}: {row['why']})" for row in nodes.to_dicts()]
    return "\n".join(lines)


def sides(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what speaks for health checks and what against, as far as anything does, each with its name.

    >>> sides({"speaks_for": "far steadier than chance", "speaks_against": ""})
    [('for health checks', 'far steadier than chance')]
    """
    said = (("for health checks", row["speaks_for"]), ("against", row["speaks_against"]))
    return [(side, words) for side, words in said if words]


def page(families: pl.DataFrame, nodes: pl.DataFrame, edge: str) -> str:
    """Return the split as a notebook shows it; every value is escaped."""
    heads = ("cluster", "kind", "flows to targets", "what it looks like", "speaks for checks", "speaks against")
    shown = families.head(_MOST).to_dicts()
    said = ("looks_like", "speaks_for", "speaks_against")
    rows = [
        [row["cluster"], certain(row), f"{row['flows']:,}", *(row[name] or "nothing" for name in said)] for row in shown
    ]
    left = families.height - _MOST
    more = f"<p>and {left} more in case.split.clusters</p>" if left > 0 else ""
    listed = "".join(
        f"<li>{escape(row['address'])} ({escape(row['known'])}: {escape(row['why'])})</li>" for row in nodes.to_dicts()
    )
    return f"<p>{escape(edge)}</p>{_table(heads, rows)}{more}" + (
        f"<p>Load balancer nodes</p><ul>{listed}</ul>" if listed else ""
    )


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    left = ' style="text-align:left"'  # JupyterLab sets the words of a table to the right
    top = "".join(f"<th{left}>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td{left}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
