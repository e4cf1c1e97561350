"""Asks AWS about a load balancer: every list to its last page; what is refused is written down, never left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, TypeVar

from flowkit.access import Access, told
from flowkit.aws import answers
from flowkit.aws.answers import Answer
from flowkit.aws.model import FlowLog, Group, Interface, Listener, LoadBalancer
from flowkit.errors import AwsError

T = TypeVar("T")

_MOST_VALUES = 200
"""How many values a filter of EC2's takes."""


def fetch(name: str, access: Access) -> LoadBalancer:
    """Return the load balancer of a name, an ARN or a DNS name, with all that belongs to it.

    Raises `AwsError` where there is none, naming those there are, or where AWS refuses what cannot be done without.
    """
    session = access.within(region_of(name))
    found = answers.balancer(one(name, list(balancers(session))))
    return _Asking(session, found).whole()


def region_of(name: str) -> str:
    """Return the region that an ARN or a DNS name tells, "" where it tells none.

    >>> region_of("arn:aws:elasticloadbalancing:eu-west-1:123456789010:loadbalancer/net/orders/50dc6c495c0c9188")
    'eu-west-1'
    >>> region_of("orders-50dc6c495c0c9188.elb.ap-northeast-1.amazonaws.com"), region_of("orders")
    ('ap-northeast-1', '')
    """
    match = re.match(r"arn:[\w-]+:elasticloadbalancing:([a-z0-9-]+):", name)
    match = match or re.search(r"\.elb\.([a-z0-9-]+)\.amazonaws\.com", name)
    return match[1] if match else ""


def balancers(access: Access) -> Iterator[Answer]:
    """Yield every load balancer of the region."""
    return pages(access, "elbv2", "describe_load_balancers", "looking for the load balancer")


def one(name: str, found: list[Answer]) -> Answer:
    """Return the load balancer that is meant by a name, an ARN or a DNS name; raises `AwsError` where none is.

    >>> one("order", [{"LoadBalancerName": "orders", "LoadBalancerArn": "arn:1", "Type": "network"}])
    Traceback (most recent call last):
    flowkit.errors.AwsError: no load balancer is called 'order' in this region: did you mean 'orders'?
    """
    wanted = name.strip().rstrip(".")
    for answer in found:
        dns = answer.get("DNSName", "").lower()
        # Route 53 and browsers write "dualstack." before the DNS name; it is the same load balancer.
        known = (answer["LoadBalancerName"], answer["LoadBalancerArn"])
        if wanted in known or (dns and wanted.lower().removeprefix("dualstack.") == dns):
            return _network(answer)
    raise AwsError(f"no load balancer is called {name!r} in this region: {_hint(wanted, found)}")


def _network(answer: Answer) -> Answer:
    kind = answer.get("Type", "network")
    if kind != "network":
        raise AwsError(
            f"{answer['LoadBalancerName']!r} is a load balancer of type {kind}: flowkit knows Network Load Balancers; "
            "read its flow logs by their place, as s3://bucket/prefix"
        )
    return answer


def _hint(wanted: str, found: list[Answer]) -> str:
    names = [answer["LoadBalancerName"] for answer in found if answer.get("Type", "network") == "network"]
    if near := get_close_matches(wanted, names, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(map(repr, near))}?"
    if names:
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        return f"there are {', '.join(sorted(names)[:10])}{more}"
    return "there is no Network Load Balancer at all; is it another region (region=) or account (profile=)?"


@dataclass
class _Asking:
    """One round of questions about one load balancer; what AWS would not say ends in `notes`."""

    access: Access
    found: LoadBalancer
    notes: list[str] = field(default_factory=list)

    def whole(self) -> LoadBalancer:
        vpc = list(interfaces(self.access, self.found.vpc))
        nodes = answers.own(vpc, self.found.path)
        if not nodes:
            self.notes.append(f"no interface in {self.found.vpc} is described as 'ELB {self.found.path}'")
        held_by = answers.held_by(vpc)
        groups = self.optional(lambda: self.groups(held_by), "target groups") or ()
        names = {g.arn: g.name for g in groups}
        tags = self.optional(lambda: answers.instance_names(self.instances()), "the names of instances") or {}
        attributes = self.optional(self.attributes, "its attributes") or {}
        return replace(
            self.found,
            cross_zone={"true": True, "false": False}.get(attributes.get("load_balancing.cross_zone.enabled", "")),
            interfaces=nodes,
            listeners=self.optional(lambda: self.listeners(names), "listeners") or (),
            target_groups=groups,
            flow_logs=self.optional(lambda: flow_logs(self.access, nodes, _of(groups, vpc)), "flow logs") or (),
            names=answers.names(vpc, tags, groups, answers.begun(self.found)),
            asked=datetime.now(UTC).replace(microsecond=0),
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def optional(self, ask: Callable[[], T], what: str) -> T | None:
        """Return what AWS says; where it refuses, note that and go on without."""
        try:
            return ask()
        except AwsError as error:
            self.notes.append(f"{what} are not known: {error}")
            return None

    def listeners(self, groups: dict[str, str]) -> tuple[Listener, ...]:
        held = self.all("describe_listeners", "listing its listeners")
        found = [answers.listener(a, groups, self.of_listener(a)) for a in held]
        return tuple(sorted(found, key=lambda one: (one.port or 0, one.protocol)))

    def of_listener(self, answer: Answer) -> dict[str, str]:
        if answer.get("Protocol") != "TCP":
            return {}
        arn = answer["ListenerArn"]
        return self.optional(lambda: self.elb("describe_listener_attributes", ListenerArn=arn), "idle timeouts") or {}

    def groups(self, held_by: dict[str, Answer]) -> tuple[Group, ...]:
        held = self.all("describe_target_groups", "listing its target groups")
        return tuple(sorted((self.group(answer, held_by) for answer in held), key=lambda g: g.name))

    def group(self, answer: Answer, held_by: dict[str, Answer]) -> Group:
        arn, name = answer["TargetGroupArn"], answer["TargetGroupName"]
        ask = "describe_target_group_attributes"
        attributes = self.optional(lambda: self.elb(ask, TargetGroupArn=arn), f"attributes of {name}") or {}
        health = self.optional(lambda: self.health(arn), f"targets of {name}") or []
        return answers.group(answer, attributes, (answers.target(h, held_by) for h in health))

    def health(self, arn: str) -> list[Answer]:
        with told("asking for the targets' health", right("elbv2", "describe_target_health")):
            held: list[Answer] = self.client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            return held

    def attributes(self) -> dict[str, str]:
        return self.elb("describe_load_balancer_attributes", LoadBalancerArn=self.found.arn)

    def elb(self, operation: str, **asked: str) -> dict[str, str]:
        """Return the attributes that an operation of the load balancers' API gives."""
        with told("asking for attributes", right("elbv2", operation)):
            return {a["Key"]: a["Value"] for a in getattr(self.client, operation)(**asked)["Attributes"]}

    def all(self, operation: str, doing: str) -> Iterator[Answer]:
        return pages(self.access, "elbv2", operation, doing, LoadBalancerArn=self.found.arn)

    def instances(self) -> Iterator[Answer]:
        inside = [{"Name": "vpc-id", "Values": [self.found.vpc]}]
        return pages(self.access, "ec2", "describe_instances", "asking for the names of instances", Filters=inside)

    @property
    def client(self) -> Any:
        return self.access.client("elbv2")


def interfaces(access: Access, vpc: str) -> Iterator[Answer]:
    """Yield every network interface of a VPC."""
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    doing = f"listing the network interfaces of {vpc}"
    return pages(access, "ec2", "describe_network_interfaces", doing, Filters=inside)


def flow_logs(access: Access, nodes: Iterable[Interface], targets: Iterable[Interface] = ()) -> tuple[FlowLog, ...]:
    """Return the flow logs that cover any of the interfaces, the load balancer's own first."""
    nodes, targets = list(nodes), list(targets)
    wanted = answers.resources([*nodes, *targets])
    found: list[Answer] = []
    for at in range(0, len(wanted), _MOST_VALUES):
        of = [{"Name": "resource-id", "Values": wanted[at : at + _MOST_VALUES]}]
        found += pages(access, "ec2", "describe_flow_logs", "listing its flow logs", Filters=of)
    logs = [answers.flow_log(answer, nodes, targets) for answer in found]
    return tuple(sorted(logs, key=lambda log: (-len(log.covers), log.level, log.id)))


def pages(access: Access, service: str, operation: str, doing: str, **asked: Any) -> Iterator[Answer]:
    """Yield the items of every page of a list."""
    with told(doing, right(service, operation)):
        paginator = access.client(service).get_paginator(operation)
        for page in paginator.paginate(**asked):
            yield from page[paginator.result_keys[0].expression]


def right(service: str, operation: str) -> str:
    """Return the permission that a call takes.

    >>> right("elbv2", "describe_listeners")
    'elasticloadbalancing:DescribeListeners'
    """
    prefix = {"elbv2": "elasticloadbalancing"}.get(service, service)
    return f"{prefix}:{''.join(word.capitalize() for word in operation.split('_'))}"


def _of(groups: Iterable[Group], vpc: list[Answer]) -> list[Interface]:
    """Return the targets' own interfaces."""
    ids = {t.interface for g in groups for t in g.targets}
    return [answers.interface(a) for a in vpc if a["NetworkInterfaceId"] in ids]
