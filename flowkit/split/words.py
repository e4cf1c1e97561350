"""The split in words: clusters with their reasons, the boundary, the summary and its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import polars as pl

from flowkit.split.assign import CHECK, DOUBT
from flowkit.split.decide import CHANCE

SCHEMA = {
    "cluster": pl.String, "kind": pl.String, "server_port": pl.Int32,
    "payload_low": pl.Int64, "payload_high": pl.Int64, "bytes_low": pl.Int64, "bytes_high": pl.Int64,
    "packets_low": pl.Int64, "packets_high": pl.Int64, "flows": pl.Int64, "interval_s": pl.Float64,
    "checkers": pl.Int64, "targets": pl.Int64, "confidence": pl.Float64, "reason": pl.String,
}  # fmt: skip
# Two checkers' requests differ by the length of their own names and addresses in them; a family is what lies so near.
APART = 8


def named(found: pl.DataFrame) -> pl.DataFrame:
    """Return the candidates with `cluster`, the name of the family each belongs to; null where none is worth a look.

    Families are drawn by what the evidence says and never by what a person decides, so that their names stay.
    """
    # Runners-up are worth a person's look when they are steady, or many and all alike; not scans and long connections.
    alike = pl.col("single") & (pl.col("n") >= 30) & (pl.col("fresh") >= 0.5)
    seen = (pl.col("chance") >= DOUBT) | (pl.col("even") >= 0.5) | alike
    shown = found.filter(seen).with_columns(kind=verdict(pl.col("chance"))).sort("sp", "kind", "lo", "hi")
    new = (pl.col("lo") - pl.col("hi").shift(1)).over("sp", "kind").fill_null(APART + 1) > APART
    shown = shown.with_columns(family=new.cum_sum().over("sp", "kind"))
    groups = shown.group_by("sp", "kind", "family").agg(
        pl.col("payload_low").min(), pl.col("payload_high").max(), best=pl.col("chance").max(), n=pl.col("n").sum()
    )
    groups = groups.sort("best", "n", "sp", "payload_low", "family", descending=[True, True, False, False, False])
    groups = groups.with_columns(cluster=pl.Series([_name(row) for row in groups.to_dicts()], dtype=pl.String))
    twin = pl.int_range(1, pl.len() + 1).over("cluster")
    name = pl.when(twin == 1).then("cluster").otherwise(pl.format("{} ({})", "cluster", twin))
    names = groups.select("sp", "kind", "family", cluster=name)
    shown = shown.join(names, on=["sp", "kind", "family"]).drop("kind", "family")
    return pl.concat([shown, found.filter(~seen)], how="diagonal")


def verdict(chance: pl.Expr) -> pl.Expr:
    """Return what a chance of being a health check is called."""
    check, doubt = pl.lit("health-check"), pl.lit("uncertain")
    return pl.when(chance >= CHECK).then(check).when(chance >= DOUBT).then(doubt).otherwise(pl.lit("service"))


def clusters(found: pl.DataFrame | None) -> pl.DataFrame:
    """Return one row per family, the likeliest health check first."""
    if found is None or found.is_empty():
        return pl.DataFrame(schema=SCHEMA)
    rows = found.drop_nulls("cluster").group_by("cluster").agg(
        pl.col("sp").first(),
        payload_low=pl.col("payload_low").min(), payload_high=pl.col("payload_high").max(),
        bytes_low=pl.col("bytes_low").min(), bytes_high=pl.col("bytes_high").max(),
        packets_low=pl.col("packets_low").min(), packets_high=pl.col("packets_high").max(),
        flows=pl.col("n").sum(), interval_s=pl.col("interval_s").sort_by("F", "cl", "sv").first(),
        checkers=pl.col("cl").n_unique(), targets=pl.col("sv").n_unique(),
        confidence=(pl.col("chance") * pl.col("n")).sum() / pl.col("n").sum(),
        usual_packets=pl.col("usual_packets").sort_by("n", "cl", "sv").last(),
        usual_bytes=pl.col("usual_bytes").sort_by("n", "cl", "sv").last(),
        usual_share=pl.col("usual_share").sort_by("n", "cl", "sv").last(),
        even=pl.col("even").max(), pure=pl.col("single").any(), sources=pl.col("sources").max(),
        told=pl.col("told").mean(), visible=pl.col("visible").any(), inside=pl.col("inside").any(),
        given=pl.col("given").any(), known=pl.col("known").any(), logged=pl.col("logged").any(),
        fresh=pl.col("fresh").mean(), covered=pl.col("covered").mean(),
        one_clock=pl.col("one_clock").max(), rivalled=pl.col("rivalled").all(),
        typed=pl.col("typed").any(), instance=pl.col("instance").any(),
        opens=pl.col("opens").mean(), foreign=pl.col("foreign").mean(), outward=pl.col("outward").mean(),
        group=pl.col("group").drop_nulls().sort().first(), own_port=pl.col("own_port").any(),
        paced=pl.col("paced").mean(), spoken=pl.col("spoken").mean(),
        preserved=pl.col("preserved").any(), elsewhere=pl.col("elsewhere").all(),
        stranger=pl.col("stranger").all(),
        kind=verdict(pl.col("chance").max()), decided=pl.col("decided").first(),
    )  # fmt: skip
    rows = rows.sort(
        "confidence", "flows", "sp", "payload_low", "cluster", descending=[True, True, False, False, False]
    )
    told = [row | {"server_port": row["sp"], "reason": _reason(row)} for row in rows.to_dicts()]
    return pl.DataFrame([row | byhand(row) for row in told], schema=SCHEMA, strict=False)


def byhand(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a person's decision changes about a cluster: its kind, how sure it is, and the reason."""
    if row["decided"] is None:
        return {}
    words = f"decided by hand; the evidence says {certain(row)}: {row['reason']}"
    return {"kind": row["decided"], "confidence": CHANCE[row["decided"]], "reason": words}


def certain(row: Mapping[str, Any]) -> str:
    """Return the kind of a cluster and how sure it is of that kind: what is uncertain, and what a person decided, is.

    >>> certain({"kind": "service", "confidence": 0.03})
    'service (97 % sure)'
    """
    sure = _sure(row)
    return f"{row['kind']} ({sure})" if sure else str(row["kind"])


def _sure(row: Mapping[str, Any]) -> str:
    if str(row.get("reason", "")).startswith("decided by hand"):
        return "decided by hand"
    if row["kind"] == "uncertain":
        return ""
    sure = row["confidence"] if row["kind"] == "health-check" else 1 - row["confidence"]
    return "> 99 % sure" if sure > 0.99 else f"{sure:.0%} sure".replace("%", " %")


def _name(row: dict[str, Any]) -> str:
    payload = span(row["payload_low"], row["payload_high"])
    return f"port {row['sp']}, " + ("no payload" if row["payload_high"] == 0 else f"payload {payload} B")


def span(low: int, high: int) -> str:
    """Return a range of numbers as a person writes it.

    >>> span(3, 3), span(294, 346)
    ('3', '294–346')
    """
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _reason(row: dict[str, Any]) -> str:
    said = [_pace(row), _usual(row), *_for(row), *_against(row)]
    return "; ".join(part for part in said if part)


def _pace(row: dict[str, Any]) -> str:
    who = f"{row['checkers']} {'address' if row['checkers'] == 1 else 'addresses'}"
    if row["kind"] == "health-check":
        who = f"{row['checkers']} node{'s' if row['checkers'] > 1 else ''}"
    return f"every {row['interval_s']:.1f} s from {who}"


def _usual(row: dict[str, Any]) -> str:
    packets = row["usual_packets"]
    return f"{packets} packet{'s' if packets != 1 else ''} {row['usual_bytes']:,} bytes ({row['usual_share']:.0%})"


def _for(row: dict[str, Any]) -> list[str]:
    said = []
    if row["even"] >= 0.8:
        said.append("far steadier than chance")
    if row["pure"]:
        said.append("the source sends these targets nothing else")
    if row["sources"] > 1:
        said.append(f"{row['sources']} sources send the same size at the same pace")
    if row["visible"] and row["told"] < 0.3:
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
    if row["kind"] == "health-check":
        return []
    said = []
    if row["told"] >= 0.6:
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
    if row["sources"] == 1 and not row["given"]:
        said.append("but only one address does it")
    if row["even"] < 0.2:
        said.append("but no steadier than chance")
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
    steady = families.filter(pl.col("reason").str.contains("far steadier than chance", literal=True)).height
    if not steady:
        return "No health checks found: nothing here repeats one size at a steady beat from a load balancer's node."
    are, them = ("1 cluster is", "it") if steady == 1 else (f"{steady} clusters are", "them")
    return f"No health checks found: {are} far steadier than chance, but more speaks against {them}, see the reasons."


def _decided(decisions: Mapping[str, str]) -> list[str]:
    said = "; ".join(f"{cluster} is {kind}" for cluster, kind in decisions.items())
    return [f"Decided by hand, not by the evidence: {said}."] if said else []


def _edge(row: dict[str, Any]) -> str:
    payload = (
        "no payload"
        if row["payload_high"] == 0
        else f"payload of {span(row['payload_low'], row['payload_high'])} bytes"
    )
    shape = (
        f"{span(row['packets_low'], row['packets_high'])} packets, {span(row['bytes_low'], row['bytes_high'])} bytes"
    )
    return f"to port {row['server_port']}, {payload} ({shape}), every {row['interval_s']:.1f} s"


def summary(families: pl.DataFrame, nodes: pl.DataFrame, edge: str) -> str:
    """Return the split as a terminal shows it."""
    lines = [edge]
    lines += [f"  {row['cluster']}: {certain(row)}: {row['reason']}" for row in families.head(8).to_dicts()]
    if families.height > 8:
        lines.append(f"  and {families.height - 8} more in .clusters")
    lines += [f"  node {row['address']} ({row['known']}: {row['why']})" for row in nodes.to_dicts()]
    return "\n".join(lines)


def page(families: pl.DataFrame, nodes: pl.DataFrame, edge: str) -> str:
    """Return the split as a notebook shows it; every value is escaped."""
    heads = ("cluster", "kind", "flows to targets", "reason")
    rows = [[row["cluster"], certain(row), f"{row['flows']:,}", row["reason"]] for row in families.head(12).to_dicts()]
    listed = "".join(
        f"<li>{escape(row['address'])} ({escape(row['known'])}: {escape(row['why'])})</li>" for row in nodes.to_dicts()
    )
    return f"<p>{escape(edge)}</p>{_table(heads, rows)}" + (
        f"<p>Load balancer nodes</p><ul>{listed}</ul>" if listed else ""
    )


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    left = ' style="text-align:left"'  # JupyterLab sets the words of a table to the right
    top = "".join(f"<th{left}>{escape(head)}</th>" for head in heads)
    body = "".join("<tr>" + "".join(f"<td{left}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
