"""Why a cluster is what it is: what speaks for health checks, and what against, in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flowkit.knowledge import SHORTEST_S
from flowkit.wording import many

# What begins so speaks against health checks.
BUT = "but "
# As even as half of what evenness can say: a beat, and not only a number of connections over a time.
BEATS = 0.5
# What a load balancer checks at unless it is set otherwise (s), and how many checkers at a node may make a faster pace.
DEFAULT_S, MOST_CHECKERS, NEAR = 30, 4, 0.02


def reasons(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what a cluster looks like, what speaks for health checks and against them, and all of it as `reason`."""
    looks = [part for part in (_pace(row), _usual(row), *_failing(row)) if part]
    said = [*_for(row), *_against(row)]
    against = [part for part in said if part.startswith(BUT)]
    sides = {
        "looks_like": looks,
        "speaks_for": [part for part in said if part not in against],
        "speaks_against": [part.removeprefix(BUT) for part in against],
        "reason": [*looks, *said],
    }
    return {name: "; ".join(parts) for name, parts in sides.items()}


def _pace(row: Mapping[str, Any]) -> str:
    """Return how often it comes, and from how many: only what is steady comes every so many seconds."""
    node = row["kind"] == "health-check" and (row["mine"] or row["likely"])
    who = many(row["checkers"], "node") if node else many(row["checkers"], "address", "addresses")
    return f"{often(row)} from {who}{_sharing(row)}"


def often(row: Mapping[str, Any]) -> str:
    """Return how often a cluster's connections come to each target from each address.

    >>> often({"turn": 1778760000, "before_s": 30.0, "after_s": 10.0})
    'every 30.0 s, from about 2026-05-14 12:00 UTC every 10.0 s'
    """
    if row["turn"] is not None:
        # A window is as near as it can be told.
        since = datetime.fromtimestamp(60 * round(row["turn"] / 60), UTC)
        return f"every {row['before_s']:.1f} s, from about {since:%Y-%m-%d %H:%M} UTC every {row['after_s']:.1f} s"
    return ("every {:.1f} s" if row["even"] >= BEATS else "one in {:.1f} s on average").format(row["interval_s"])


def _sharing(row: Mapping[str, Any]) -> str:
    """Return that several checkers share each address, where the settings or the shortest interval tell; or may."""
    if row["kind"] != "health-check" or row["turn"] is not None:
        return ""
    share = round(row["g_interval"] / row["interval_s"]) if row["paced"] and row["paced"] >= BEATS else 1
    if share > 1:
        return f", which is every {row['g_interval']:g} s from each of {share} checkers at {_each(row)}"
    if row["interval_s"] < 0.9 * SHORTEST_S:
        return f", so several checkers are at {_each(row)}: none checks more often than every {SHORTEST_S} s"
    share = round(DEFAULT_S / row["interval_s"])
    # Every 10 s is usual itself.
    fits = share in (2, 4) and abs(DEFAULT_S / row["interval_s"] / share - 1) <= NEAR
    if fits and row["paced"] is None and row["mine"]:
        return f", or every {DEFAULT_S} s, the default, from each of {share} checkers at {_each(row)}"
    return ""


def _each(row: Mapping[str, Any]) -> str:
    return "the node" if row["checkers"] == 1 else "each node"


def _usual(row: Mapping[str, Any]) -> str:
    return f"{many(row['usual_packets'], 'packet')} {row['usual_bytes']:,} bytes ({row['usual_share']:.0%})"


def _failing(row: Mapping[str, Any]) -> list[str]:
    """Return what is a SYN alone: the checks of a target that refuses or does not answer. Target health counts them."""
    if row["all_dead"]:
        return ["each is a SYN alone: refused, or not answered"]
    if not row["failing"]:
        return []
    return [f"to {row['failing']} of {many(row['targets'], 'target')} also a SYN alone: refused, or not answered"]


def _for(row: Mapping[str, Any]) -> list[str]:
    said = [f"its {row['sizes']} sizes share one clock"] if row["sizes"] else []
    if row["several"]:
        said.append("its source ports come back, so that a record may hold several checks")
    if row["even"] >= 0.8:
        said.append("far steadier than chance")
    if row["pure"]:
        said.append("the source sends nothing else to that port")
    if row["sources"] > 1:
        said.append(f"{row['sources']} sources send the same size at the same pace")
    if row["ported"]:
        said.append("clients send the very same bytes, but their connections keep their ports on the way")
    elif row["visible"] and row["told"] < 0.3:
        said.append("no client sent it to the source, which passes clients' data on")
    elif row["likely"] and not row["mine"]:
        said.append("it sends these targets data of many other sizes, as a load balancer passes on")
    if row["keeps"]:
        said.append("those that come to the source meet its targets too, under their own addresses")
    if row["typed"]:
        said.append("interface-type calls the source a network load balancer")
    elif row["logged"]:
        said.append("the logs mark the source's interface as one of AWS's own services")
    if row["given"]:
        said.append("the source was given as a load balancer address")
    return said + _settings(row) + _fields(row)


def _settings(row: Mapping[str, Any]) -> list[str]:
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


def _fields(row: Mapping[str, Any]) -> list[str]:
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


def _against(row: Mapping[str, Any]) -> list[str]:
    said = ["but no steadier than chance"] if row["even"] < 0.2 else []
    if row["kind"] == "health-check":
        return said if row["mine"] or row["likely"] else [*said, _unproven(row)]
    if row["mixed"]:
        said.append(
            "but clients send the very same bytes, and nothing tells one from the other: "
            f"{row['spare']:.0%} more go on to the targets than came in, at a steady beat"
        )
    elif row["told_most"] >= 0.6:
        said.append("but clients sent as many to the source, which only passed them on")
    if row["unlisted"]:
        said.append("but the source is none of the given load balancer addresses, though it checks as they do")
    elif row["known"] and not row["given"]:
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
    return said + (_doubts(row) if row["kind"] == "uncertain" else []) + _alone(row)


def _doubts(row: Mapping[str, Any]) -> list[str]:
    """Return why what ticks like a check may be another's."""
    said = []
    if row["idle"]:
        nodes = "check alike" if row["here"] else "check these targets"
        said.append(f"but the nodes that {nodes} pass clients' data on, and it passes none")
    if row["blind"]:
        said.append("but service of one size would look the same, as no interface of a source is logged")
    if not row["mine"] and row["client"]:
        said.append("but the source sends much else that no client sent to it, as an application or a monitor does")
    if not row["mine"] and row["long"]:
        said.append("but the answers are long, as a scraper's are")
    return said


def _alone(row: Mapping[str, Any]) -> list[str]:
    if row["checkers"] > 1 or row["sources"] > 1 or row["given"]:
        return []
    unproven = row["kind"] == "uncertain" and not row["mine"]
    return ["but only one address does it" + (", and nothing shows that it is a load balancer's" if unproven else "")]


def _unproven(row: Mapping[str, Any]) -> str:
    one = row["checkers"] == 1
    them = "the address is a load balancer's" if one else "the addresses are a load balancer's"
    return f"but nothing shows that {them}: a monitor would look the same"
