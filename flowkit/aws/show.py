"""A load balancer in words: on the terminal and in the notebook, every foreign word made harmless."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from flowkit.aws.model import TRAFFIC, FlowLog, Group, Interface, Listener, LoadBalancer
from flowkit.wording import many

_MOST = 12


def lines(balancer: LoadBalancer) -> Iterator[tuple[str, str]]:
    """Yield the load balancer as labelled lines."""
    yield "load balancer", _head(balancer)
    yield from _listed("interface", [_interface(i) for i in balancer.interfaces])
    yield from _listed("listener", [_listener(each) for each in balancer.listeners])
    for group in balancer.target_groups:
        yield "target group", _group(group)
        yield "health check", _check(group)
    yield from _listed("flow log", [_log(log, balancer) for log in balancer.flow_logs])
    yield from _listed("missing", list(balancer.missing))


def text(balancer: LoadBalancer) -> str:
    """Return the load balancer for the terminal."""
    return table(list(lines(balancer)))


def page(balancer: LoadBalancer) -> str:
    """Return the load balancer for the notebook, every word escaped."""
    return html_table(list(lines(balancer)), "flowkit-nlb")


def table(rows: list[tuple[str, str]]) -> str:
    r"""Return labelled lines for the terminal, without what a terminal would obey; a label is said once.

    >>> print(table([("call", "a\nb"), ("call", "c")]))
    call  a
          b
          c
    """
    width = max((len(label) for label, _ in rows), default=0)
    shown = [(label, line) for label, lines in rows for line in lines.splitlines() or [""]]
    before = ["", *(label for label, _ in shown)]
    return "\n".join(
        f"{'' if label == last else label:>{width}}  {clean(line)}".rstrip()
        for last, (label, line) in zip(before, shown, strict=False)
    )


def html_table(rows: list[tuple[str, str]], name: str) -> str:
    """Return labelled lines for the notebook, every word escaped; a label is said once."""
    body = "".join(
        f'<tr><th scope="row" style="text-align:left;vertical-align:top;white-space:nowrap">{html.escape(label)}</th>'
        f'<td style="text-align:left">{"".join(_block(line) for _, line in same)}</td></tr>'
        for label, same in groupby(rows, lambda row: row[0])
    )
    return f'<table class="{name}">{body}</table>'


def _block(line: str) -> str:
    """Return a line, or several as they are: JSON keeps its shape."""
    words = html.escape(line)
    return f'<pre style="margin:4px 0;white-space:pre-wrap">{words}</pre>' if "\n" in line else f"<div>{words}</div>"


def clean(words: str) -> str:
    """Return words without what a terminal would obey."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)


def _listed(label: str, said: list[str]) -> Iterator[tuple[str, str]]:
    yield from ((label, one) for one in said[:_MOST])
    if len(said) > _MOST:
        yield label, f"and {len(said) - _MOST:,} more"


def _head(balancer: LoadBalancer) -> str:
    asked = f"as of {balancer.asked:%Y-%m-%d %H:%M} UTC" if balancer.asked else ""
    cross = {True: "cross-zone on", False: "cross-zone off"}.get(balancer.cross_zone)  # type: ignore[arg-type]
    facts = [balancer.scheme, balancer.state, cross, balancer.region, balancer.vpc, asked]
    return f"{balancer.name} ({', '.join(filter(None, facts))})"


def _interface(one: Interface) -> str:
    more = f" and {len(one.secondary)} secondary: {', '.join(one.secondary)}" if one.secondary else ""
    rest = "".join(f", {word}" for word in (*one.ipv6, *(f"public {a}" for a in one.public)))
    return f"{one.id} {one.zone} {one.address}{more}{rest}"


def _listener(one: Listener) -> str:
    to = f" to {', '.join(one.target_groups)}" if one.target_groups else ""
    idle = f", idle connections closed after {one.idle_timeout_s} s" if one.idle_timeout_s else ""
    return f"{one.protocol} {one.port or ''}{to}{idle}"


def _group(group: Group) -> str:
    states = Counter(target.state or "unknown" for target in group.targets)
    health = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "no targets"
    kept = {True: "targets see the clients' addresses", False: "targets see the load balancer's addresses"}
    said = kept.get(group.preserve_client_ip)  # type: ignore[arg-type]
    port = f" {group.port}" if group.port else ""
    return "; ".join(filter(None, [f"{group.name}: {group.protocol}{port}, {health}", said, *_failing(group)]))


def _failing(group: Group) -> list[str]:
    bad = [t for t in group.targets if t.state not in ("healthy", "unused", "")]
    return [f"{t.address or t.id} {t.state}{f' ({t.reason})' if t.reason else ''}" for t in bad[:5]]


def _check(group: Group) -> str:
    port = "the traffic port" if group.check_port == TRAFFIC else f"port {group.check_port}"
    path = f" {group.check_path}" if group.check_path else ""
    up_down = f"; healthy after {group.healthy_threshold}, unhealthy after {group.unhealthy_threshold} in a row"
    often = f" every {group.interval_s} s" if group.interval_s else ""
    waits = f", {group.timeout_s} s to answer" if group.timeout_s else ""
    return f"{group.check_protocol}{path} on {port}{often}{waits}{up_down if group.healthy_threshold else ''}"


def _log(log: FlowLog, balancer: LoadBalancer) -> str:
    of = f"{len(log.covers)} of {many(len(balancer.interfaces), 'interface')}" if log.covers else "targets only"
    sent = {"SUCCESS": "delivered", "FAILED": "delivery FAILS"}.get(log.delivery, log.delivery or "delivery unknown")
    form = many(len(log.fields), "field") if log.fields else "fields unknown"
    shape = [log.file_format if log.kind == "s3" else "", "hive" if log.hive else "", "hourly" if log.hourly else ""]
    facts = ", ".join(filter(None, [log.traffic, f"{log.interval_s} s", form, *shape, sent]))
    return f"{log.id} of {log.level} {log.resource} ({of}) to {log.destination or log.kind}: {facts}"
