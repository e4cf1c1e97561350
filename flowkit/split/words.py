"""The split in words: the reasons of a cluster, the boundary, the summary and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import polars as pl

from flowkit.knowledge import SHORTEST_S
from flowkit.split.decide import CHECK

# So many addresses are named, and the rest counted.
LISTED = 5
# So many clusters are shown; the likeliest health checks come first.
_MOST = 8
# As even as half of what evenness can say: a beat, and not only a number of connections over a time.
BEATS = 0.5


def certain(row: Mapping[str, Any]) -> str:
    """Return the kind of a cluster and how sure it is of that kind; of an uncertain one, how likely checks are.

    >>> certain({"kind": "service", "confidence": 0.97})
    'service (97 % sure)'
    >>> certain({"kind": "uncertain", "confidence": 0.45})
    'uncertain (health checks: 45 %)'
    """
    sure = _sure(row)
    return f"{row['kind']} ({sure})" if sure else str(row["kind"])


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


def reason(row: dict[str, Any]) -> str:
    said = [_pace(row), _usual(row), *_failing(row), *_for(row), *_against(row)]
    return "; ".join(part for part in said if part)


def _pace(row: dict[str, Any]) -> str:
    """Return how often it comes, and from how many: only what is steady comes every so many seconds."""
    word = "node" if row["kind"] == "health-check" else "address"
    who = "1 " + word if row["checkers"] == 1 else f"{row['checkers']} {word}{'es' if word == 'address' else 's'}"
    return f"{often(row)} from {who}{_sharing(row)}"


def often(row: Mapping[str, Any]) -> str:
    """Return how often a cluster's connections come to each target from each address."""
    return ("every {:.1f} s" if row["even"] >= BEATS else "one in {:.1f} s on average").format(row["interval_s"])


def _sharing(row: Mapping[str, Any]) -> str:
    """Return that several checkers share each address, where the settings or the shortest interval tell."""
    if row["kind"] != "health-check":
        return ""
    many = round(row["g_interval"] / row["interval_s"]) if row["paced"] and row["paced"] >= BEATS else 1
    if many > 1:
        return f", which is every {row['g_interval']:g} s from each of {many} checkers at {_each(row)}"
    if row["interval_s"] < 0.9 * SHORTEST_S:
        return f", so several checkers are at {_each(row)}: none checks more often than every {SHORTEST_S} s"
    return ""


def _each(row: Mapping[str, Any]) -> str:
    return "the node" if row["checkers"] == 1 else "each node"


def _usual(row: dict[str, Any]) -> str:
    packets = row["usual_packets"]
    return f"{packets} packet{'s' if packets != 1 else ''} {row['usual_bytes']:,} bytes ({row['usual_share']:.0%})"


def _failing(row: dict[str, Any]) -> list[str]:
    """Return what is a SYN alone: the checks of a target that refuses or does not answer."""
    if row["all_dead"]:
        return ["each is a SYN alone: refused, or not answered"]
    if not row["failing"]:
        return []
    where = f"{row['failing']} of {row['targets']} target{'s' if row['targets'] != 1 else ''}"
    return [
        f"{row['failed']:,} of them, to {where}, a SYN alone: refused, or not answered ({row['failing_s']:.1f} s apart)"
    ]


def _for(row: dict[str, Any]) -> list[str]:
    said = [f"its {row['sizes']} sizes share one clock"] if row["sizes"] else []
    if row["even"] >= 0.8:
        said.append("far steadier than chance")
    if row["pure"]:
        said.append("the source sends these targets nothing else")
    if row["sources"] > 1:
        said.append(f"{row['sources']} sources send the same size at the same pace")
    if row["ported"]:
        said.append("clients send the very same bytes, but their connections keep their ports on the way")
    elif row["visible"] and row["told"] < 0.3:
        said.append("no client sent it to the source, which passes clients' data on")
    if row["typed"]:
        said.append("interface-type calls the source a network load balancer")
    elif row["logged"]:
        said.append("the logs mark the source's interface as one of AWS's own services")
    if row["given"]:
        said.append("the source was given as a load balancer address")
    return said + _settings(row) + _fields(row)


def _settings(row: dict[str, Any]) -> list[str]:
    """Return where the target groups' settings agree, and where they do not."""
    if row["group"] is None:
        return ["but no target group checks these targets on this port"] if row["elsewhere"] else []
    port = "on a port of its own" if row["own_port"] else "on this port"
    said = [f"target group {row['group']!r} checks {port}"]
    for field, what in (("paced", "interval"), ("spoken", "protocol")):
        if row[field] is not None:
            said.append(f"its {what} fits" if row[field] >= 0.5 else f"but its {what} does not fit")
    if row["preserved"] and (row["given"] or row["logged"]):
        said.append("clients keep their addresses, so what the load balancer's own sends is checks")
    return said


def _fields(row: dict[str, Any]) -> list[str]:
    """Return where newer fields agree, and where they do not."""
    said = []
    if row["opens"] is not None and row["opens"] >= 0.9:
        said.append("tcp-flags: each record opens a connection")
    if row["opens"] is not None and row["opens"] < 0.1:
        said.append("but tcp-flags: no record opens a connection")
    if row["foreign"] is not None and row["foreign"] <= 0.1:
        said.append("pkt-srcaddr is the source's own")
    if row["foreign"] is not None and row["foreign"] >= 0.9:
        said.append("but pkt-srcaddr is another's")
    if row["outward"] is not None and row["outward"] >= 0.9:
        said.append("flow-direction: it leaves the source's interface")
    if row["outward"] is not None and row["outward"] <= 0.1:
        said.append("flow-direction: it enters the target's interface")
    if row["given"] and row["instance"]:
        said.append("but the logs say the source's interface is an instance's")
    return said


def _against(row: dict[str, Any]) -> list[str]:
    said = ["but no steadier than chance"] if row["even"] < 0.2 else []
    if row["kind"] == "health-check":
        return said
    if row["mixed"]:
        said.append(
            f"clients send the very same bytes, and nothing tells one from the other: {row['spare']:.0%} more go on to "
            "the targets than came in, at a steady beat"
        )
    elif row["told"] >= 0.6:
        said.append("but clients sent as many to the source, which only passed them on")
    if row["known"] and not row["given"]:
        said.append("but the source is none of the given load balancer addresses")
    if not row["inside"]:
        said.append("but the source lies outside the network of the logged interfaces")
    if row["rivalled"]:
        said.append("but a steadier family goes to the same targets")
    if row["one_clock"] > 0.5:
        said.append("but one clock feeds all the targets")
    if row["fresh"] < 0.5:
        said.append("but it is a long connection, not a new one each time")
    if row["stranger"]:
        said.append("but others check this port alike, and it is none of them")
    doubted = row["kind"] == "uncertain"
    if doubted and row["idle"]:
        nodes = "check alike" if row["sources"] > 1 else "check these targets"
        said.append(f"but the nodes that {nodes} pass clients' data on, and it passes none")
    if doubted and row["blind"]:
        said.append("but service of one size would look the same, as no interface of a source is logged")
    if row["checkers"] == 1 and row["sources"] == 1 and not row["given"]:
        said.append("but only one address does it")
    return said


def boundary(families: pl.DataFrame, decisions: Mapping[str, str], lacking: Sequence[str] = ()) -> str:
    """Return what separates health checks from service, in words, with what a person decided."""
    if lacking:
        return f"Health checks cannot be told apart: these flows lack {', '.join(lacking)}."
    checks = families.filter(pl.col("kind") == "health-check")
    found = "Health checks: " + "; ".join(_edge(row) for row in checks.to_dicts()) + "."
    return " ".join([found if checks.height else _none(families), *_decided(decisions)])


def _none(families: pl.DataFrame) -> str:
    """Return why there are no health checks: nothing is steady, or what is has more against it than for it."""
    doubted = families.filter(pl.col("kind") == "uncertain").height
    if doubted:
        return f"No health checks found for sure: {_many(doubted)} may be health checks, see the reasons."
    steady = families.filter(pl.col("reason").str.contains("far steadier than chance", literal=True)).height
    if not steady:
        return "No health checks found: nothing here repeats one size at a steady beat from a load balancer's node."
    are, them = ("1 cluster is", "it") if steady == 1 else (f"{steady} clusters are", "them")
    return f"No health checks found: {are} far steadier than chance, but more speaks against {them}, see the reasons."


def _many(clusters: int) -> str:
    return "1 cluster" if clusters == 1 else f"{clusters} clusters"


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
        *_odd(checks),
    ]


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


def _decided(decisions: Mapping[str, str]) -> list[str]:
    said = "; ".join(f"{cluster} is {kind}" for cluster, kind in decisions.items())
    return [f"Decided by hand, not by the evidence: {said}."] if said else []


def _edge(row: dict[str, Any]) -> str:
    payload = (
        "no payload"
        if row["payload_high"] == 0
        else f"payload of {span(row['payload_low'], row['payload_high'])} bytes"
    )
    many = "packet" if row["packets_high"] == 1 else "packets"
    shape = f"{span(row['packets_low'], row['packets_high'])} {many}, {span(row['bytes_low'], row['bytes_high'])} bytes"
    return f"to port {row['server_port']}, {payload} ({shape}), {row['reason'].partition(' from ')[0]}"


def summary(families: pl.DataFrame, nodes: pl.DataFrame, edge: str) -> str:
    """Return the split as a terminal shows it."""
    lines = [edge]
    lines += [f"  {row['cluster']}: {certain(row)}: {row['reason']}" for row in families.head(_MOST).to_dicts()]
    if families.height > _MOST:
        lines.append(f"  and {families.height - _MOST} more in .clusters")
    lines += [f"  node {row['address']} ({row['known']}: {row['why']})" for row in nodes.to_dicts()]
    return "\n".join(lines)


def page(families: pl.DataFrame, nodes: pl.DataFrame, edge: str) -> str:
    """Return the split as a notebook shows it; every value is escaped."""
    heads = ("cluster", "kind", "flows to targets", "reason")
    shown = families.head(_MOST).to_dicts()
    rows = [[row["cluster"], certain(row), f"{row['flows']:,}", row["reason"]] for row in shown]
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
