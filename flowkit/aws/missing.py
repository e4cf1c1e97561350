"""What a load balancer's flow logs cannot tell as they are set up, and which of them to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from flowkit.aws.model import FlowLog, LoadBalancer
from flowkit.wording import many

WANTED = {
    "tcp-flags": "without tcp-flags, resets and connections that were never answered cannot be told from others",
    "flow-direction": "without flow-direction, a REJECT does not tell whether it was on the way in or out",
    "pkt-srcaddr": "without pkt-srcaddr and pkt-dstaddr, traffic of secondary addresses, and of clients whose address "
    "is preserved, is shown under the interface's own",
}
"""Fields an investigation misses where a format is without them, and why."""


def missing(balancer: LoadBalancer) -> Iterator[str]:
    """Yield in plain words what is missing for an investigation, the worst first."""
    logs = [log for log in balancer.flow_logs if log.covers]
    yield from _uncovered(balancer, logs)
    yield from _gaps(logs)
    yield from _differing(logs)
    yield from _unlogged(balancer, logs)
    yield from balancer.notes


def _gaps(logs: list[FlowLog]) -> Iterator[str]:
    """Yield what the flow logs cannot tell, said once for all that it is true of."""
    said: dict[str, list[str]] = {}
    for log in logs:
        for why in gaps(log):
            said.setdefault(why, []).append(log.id)
    for why, ids in said.items():
        yield f"{', '.join(ids[:3])}{f' and {len(ids) - 3} more' if len(ids) > 3 else ''}: {why}"


def gaps(log: FlowLog) -> Iterator[str]:
    """Yield what one flow log cannot tell, or does not do."""
    if log.delivery == "FAILED":
        yield f"delivery fails ({log.error or 'no reason given'}): its records are lost"
    if not log.readable:
        yield f"goes to {log.destination or log.kind}, where flowkit cannot read"
    if log.traffic == "ACCEPT":
        yield "only ACCEPT is recorded: what was rejected is not to be seen"
    if log.traffic == "REJECT":
        yield "only REJECT is recorded: traffic that was let through, health checks included, is not to be seen"
    if log.interval_s > 60:
        yield (
            f"the aggregation interval is {log.interval_s} s: a record can stand for {log.interval_s // 60} minutes, "
            "and what lies within is not to be seen"
        )
    if log.fields:
        yield from (why for name, why in WANTED.items() if name not in log.fields)


def best(balancer: LoadBalancer, start: datetime | None = None) -> tuple[FlowLog, ...]:
    """Return the flow logs to read: those of one destination and format that cover the most, and tell the most."""
    together: dict[tuple[str, tuple[str, ...]], list[FlowLog]] = {}
    for log in balancer.flow_logs:
        if log.covers and log.readable:
            together.setdefault((log.destination, log.fields), []).append(log)
    ranked = sorted(together.values(), key=lambda logs: _worth(logs, start), reverse=True)
    return tuple(ranked[0]) if ranked else ()


def _worth(logs: list[FlowLog], start: datetime | None) -> tuple[object, ...]:
    """Return what makes one set of flow logs better to read than another."""
    in_time = all(not (start and log.created) or log.created <= start for log in logs)
    delivered = all(log.delivery != "FAILED" for log in logs)
    covered = len({i for log in logs for i in log.covers})
    targets = len({i for log in logs for i in log.covers_targets})
    fewest = -max(len(list(gaps(log))) for log in logs)
    return delivered, all(log.traffic == "ALL" for log in logs), covered, in_time, fewest, targets, logs[0].destination


def _uncovered(balancer: LoadBalancer, logs: list[FlowLog]) -> Iterator[str]:
    covered = {i for log in logs for i in log.covers}
    bare = [i for i in balancer.interfaces if i.id not in covered]
    if bare and len(bare) == len(balancer.interfaces):
        yield f"no flow log covers it: set one up with  flowkit enable {balancer.name} --to s3://BUCKET/PREFIX"
    elif bare:
        places = ", ".join(f"{i.id} in {i.zone}" for i in bare)
        yield f"no flow log covers {places}: what passes there is not logged"


def _differing(logs: Iterable[FlowLog]) -> Iterator[str]:
    formats: dict[str, set[tuple[str, ...]]] = {}
    for log in logs:
        formats.setdefault(log.destination, set()).add(log.fields)
    for destination, held in formats.items():
        if len(held) > 1:
            yield f"flow logs of {len(held)} formats go to {destination}"


def _unlogged(balancer: LoadBalancer, logs: list[FlowLog]) -> Iterator[str]:
    targets = balancer.target_interfaces
    seen = {i for log in logs for i in log.covers_targets} | {
        i for log in balancer.flow_logs for i in log.covers_targets
    }
    if targets and not seen & set(targets):
        yield "no flow log covers the targets: a security group of theirs that refuses traffic shows only on their side"
    elif unseen := len(set(targets) - seen):
        which = f"of {many(len(targets), 'target interface')}, {unseen} {'is' if unseen == 1 else 'are'} not logged"
        yield f"{which}: what is refused there is not to be seen"
    if any(listener.protocol == "TLS" for listener in balancer.listeners):
        yield "for TLS listeners AWS writes only rejected traffic to the flow logs of the load balancer (NLB guide)"
