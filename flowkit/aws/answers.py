"""From the answers of AWS's API to plain data. Nothing here asks anybody: a dict comes in, a dataclass goes out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from flowkit.aws.model import TRAFFIC, FlowLog, Group, Interface, Listener, LoadBalancer, Target
from flowkit.names import Name

Answer = Mapping[str, Any]


def balancer(answer: Answer) -> LoadBalancer:
    """Return the load balancer of a `DescribeLoadBalancers` answer, with nothing known of its parts yet.

    >>> arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789010:loadbalancer/net/orders/50dc6c495c0c9188"
    >>> found = balancer({"LoadBalancerName": "orders", "LoadBalancerArn": arn})
    >>> found.region, found.account, found.path
    ('eu-west-1', '123456789010', 'net/orders/50dc6c495c0c9188')
    """
    arn = answer["LoadBalancerArn"]
    _, _, _, region, account, _ = [*arn.split(":", 5), *[""] * 6][:6]
    return LoadBalancer(
        name=answer["LoadBalancerName"],
        arn=arn,
        region=region,
        account=account,
        dns=answer.get("DNSName", ""),
        scheme=answer.get("Scheme", ""),
        state=answer.get("State", {}).get("Code", ""),
        vpc=answer.get("VpcId", ""),
        created=_utc(answer.get("CreatedTime")),
        security_groups=tuple(answer.get("SecurityGroups") or ()),
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None


def interface(answer: Answer) -> Interface:
    """Return an interface of a `DescribeNetworkInterfaces` answer."""
    private = answer.get("PrivateIpAddresses") or []
    first = answer.get("PrivateIpAddress") or next((a["PrivateIpAddress"] for a in private if a.get("Primary")), "")
    public = [a["Association"]["PublicIp"] for a in private if a.get("Association", {}).get("PublicIp")]
    return Interface(
        id=answer["NetworkInterfaceId"],
        zone=answer.get("AvailabilityZone", ""),
        zone_id=answer.get("AvailabilityZoneId", ""),
        subnet=answer.get("SubnetId", ""),
        vpc=answer.get("VpcId", ""),
        address=first,
        secondary=tuple(a["PrivateIpAddress"] for a in private if a["PrivateIpAddress"] != first),
        ipv6=tuple(a["Ipv6Address"] for a in answer.get("Ipv6Addresses") or []),
        public=tuple(dict.fromkeys(public)),
    )


def own(interfaces: Iterable[Answer], path: str) -> tuple[Interface, ...]:
    """Return the interfaces of a load balancer, by zone: their description is "ELB net/NAME/ID"."""
    found = [interface(answer) for answer in interfaces if answer.get("Description") == f"ELB {path}"]
    return tuple(sorted(found, key=lambda i: (i.zone, i.id)))


def listener(answer: Answer, groups: Mapping[str, str], attributes: Mapping[str, str]) -> Listener:
    """Return a listener of `DescribeListeners`; `groups` gives the names of target groups by ARN."""
    arns = [g.get("TargetGroupArn") for a in answer.get("DefaultActions") or [] for g in _forwards(a)]
    idle = attributes.get("tcp.idle_timeout.seconds", "")
    return Listener(
        protocol=answer.get("Protocol", ""),
        port=answer.get("Port"),
        target_groups=tuple(dict.fromkeys(groups.get(arn, str(arn)) for arn in arns if arn)),
        idle_timeout_s=int(idle) if idle.isdigit() else None,
    )


def _forwards(action: Answer) -> list[Answer]:
    return [action, *(action.get("ForwardConfig", {}).get("TargetGroups") or [])]


def group(answer: Answer, attributes: Mapping[str, str], targets: Iterable[Target]) -> Group:
    """Return a target group of `DescribeTargetGroups`, with its attributes and targets."""
    kept = attributes.get("preserve_client_ip.enabled", "")
    return Group(
        name=answer["TargetGroupName"],
        arn=answer["TargetGroupArn"],
        protocol=answer.get("Protocol", "TCP"),
        port=answer.get("Port"),
        target_type=answer.get("TargetType", ""),
        check_protocol=answer.get("HealthCheckProtocol", "TCP"),
        check_port=str(answer.get("HealthCheckPort", TRAFFIC)),
        check_path=answer.get("HealthCheckPath", "") or "",
        interval_s=answer.get("HealthCheckIntervalSeconds"),
        timeout_s=answer.get("HealthCheckTimeoutSeconds"),
        healthy_threshold=answer.get("HealthyThresholdCount"),
        unhealthy_threshold=answer.get("UnhealthyThresholdCount"),
        preserve_client_ip={"true": True, "false": False}.get(kept),
        targets=tuple(targets),
    )


def target(answer: Answer, held_by: Mapping[str, Answer]) -> Target:
    """Return a target of `DescribeTargetHealth`; `held_by` gives the interface of an address or an instance."""
    said, health = answer["Target"], answer.get("TargetHealth", {})
    held = held_by.get(said["Id"], {})
    address = said["Id"] if _is_address(said["Id"]) else held.get("PrivateIpAddress", "")
    return Target(
        id=said["Id"],
        port=said.get("Port"),
        address=address,
        interface=held.get("NetworkInterfaceId", ""),
        zone=held.get("AvailabilityZone", "") or said.get("AvailabilityZone", ""),
        state=health.get("State", ""),
        reason=health.get("Description") or health.get("Reason", ""),
    )


def _is_address(target_id: str) -> bool:
    return bool(re.fullmatch(r"[\d.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*", target_id)) and not target_id.startswith("arn:")


def held_by(interfaces: Iterable[Answer]) -> dict[str, Answer]:
    """Return the interface of each address, and the first interface of each instance."""
    found: dict[str, Answer] = {}
    for answer in interfaces:
        attached = answer.get("Attachment") or {}
        first = [attached["InstanceId"]] if attached.get("InstanceId") and not attached.get("DeviceIndex") else []
        found.update(dict.fromkeys((*first, *interface(answer).addresses), answer))
    return found


def flow_log(answer: Answer, nodes: Iterable[Interface], targets: Iterable[Interface]) -> FlowLog:
    """Return a flow log of `DescribeFlowLogs`, with the interfaces it covers."""
    resource, options = answer["ResourceId"], answer.get("DestinationOptions") or {}
    level = {"eni": "interface", "subnet": "subnet", "vpc": "VPC"}.get(resource.partition("-")[0], "other")
    return FlowLog(
        id=answer["FlowLogId"],
        level=level,
        resource=resource,
        covers=_covered(nodes, resource),
        covers_targets=_covered(targets, resource),
        kind=answer.get("LogDestinationType", "cloud-watch-logs"),
        destination=_destination(answer),
        fields=tuple(re.findall(r"\$\{([^}]+)\}", answer.get("LogFormat", ""))),
        interval_s=int(answer.get("MaxAggregationInterval", 600)),
        traffic=answer.get("TrafficType", "ALL"),
        delivery=answer.get("DeliverLogsStatus", ""),
        error=answer.get("DeliverLogsErrorMessage", ""),
        created=_utc(answer.get("CreationTime")),
        file_format=options.get("FileFormat", "plain-text"),
        hive=bool(options.get("HiveCompatiblePartitions")),
        hourly=bool(options.get("PerHourPartition")),
        tags=tuple((t["Key"], t["Value"]) for t in answer.get("Tags") or []),
    )


def _covered(interfaces: Iterable[Interface], resource: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(i.id for i in interfaces if resource in (i.id, i.subnet, i.vpc)))


def _destination(answer: Answer) -> str:
    """Return where a flow log goes, as a source of flowkit's.

    >>> _destination({"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::bucket/prefix/"})
    's3://bucket/prefix'
    >>> _destination({"LogDestination": "arn:aws:logs:eu-west-1:123456789010:log-group:/vpc/flow:*"})
    'cwl:/vpc/flow'
    """
    arn, kind = answer.get("LogDestination") or "", answer.get("LogDestinationType", "cloud-watch-logs")
    if kind == "s3":
        return f"s3://{arn.partition(':::')[2].rstrip('/')}"
    if kind == "cloud-watch-logs":
        held = answer.get("LogGroupName") or arn.partition(":log-group:")[2].removesuffix(":*")
        return f"cwl:{held}" if held else ""
    return arn


_DESCRIPTIONS: tuple[tuple[str, str, str], ...] = (
    (r"ELB net/([^/]+)/\w+", "{0}", "load balancer"),
    (r"ELB app/([^/]+)/\w+", "ALB {0}", "load balancer"),
    (r"ELB gwy/([^/]+)/\w+", "GWLB {0}", "load balancer"),
    (r"ELB ([^/]+)", "CLB {0}", "load balancer"),
    (r"Interface for NAT Gateway (nat-\w+)", "{0}", "NAT gateway"),
    (r"VPC Endpoint Interface (vpce-\w+)", "{0}", "VPC endpoint"),
    (r"Network Interface for Transit Gateway Attachment (tgw-attach-\w+)", "{0}", "transit gateway"),
    (r"AWS Lambda VPC ENI-(.+?)(?:-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?", "lambda {0}", "Lambda function"),
    (r"Amazon EKS (.+)", "EKS {0}", "EKS control plane"),
    (r"EFS mount target for (fs-\w+).*", "{0}", "EFS mount target"),
    (r"RDSNetworkInterface", "RDS", "database"),
    (r"(arn:aws[^:]*:ecs:.+:attachment/\S+)", "ECS task", "ECS task"),
)
"""What AWS's services write into the description of an interface they make, and what is made of it."""

_TYPES = {
    "network_load_balancer": "load balancer",
    "nat_gateway": "NAT gateway",
    "natGateway": "NAT gateway",
    "vpc_endpoint": "VPC endpoint",
    "gateway_load_balancer_endpoint": "VPC endpoint",
    "transit_gateway": "transit gateway",
    "lambda": "Lambda function",
}


def names(
    interfaces: Iterable[Answer], tags: Mapping[str, str], groups: Iterable[Group], since: Mapping[str, datetime]
) -> tuple[Name, ...]:
    """Return a name for each address and interface of a VPC.

    `tags` gives the tag Name of instances; `groups` say which addresses are targets; `since` when something that has no
    time of attachment began, by description. A name holds from the moment its interface was attached, as far as AWS
    tells.
    """
    ends = {t.address: g.name for g in groups for t in g.targets if t.address}
    found: dict[tuple[str, str], Name] = {}
    for answer in interfaces:
        own, (name, kind) = interface(answer), _named(answer, tags)
        begun = _utc((answer.get("Attachment") or {}).get("AttachTime")) or since.get(answer.get("Description", ""))
        for address in (own.id, *own.addresses, *own.public):
            group = ends.pop(address, "")
            called = name or (f"target of {group}" if group else "")
            if called and (called != address):
                found[address, called] = Name(address, called, "target" if group else kind, begun)
    left = [Name(address, f"target of {group}", "target") for address, group in ends.items()]
    return (*found.values(), *left)


def _named(answer: Answer, tags: Mapping[str, str]) -> tuple[str, str]:
    """Return what an interface belongs to: its name and kind, ("", "") where nothing tells."""
    labels = {t["Key"]: t["Value"] for t in answer.get("TagSet") or []}
    service = labels.get("aws:ecs:serviceName")
    if service:
        return f"{labels.get('aws:ecs:clusterName', 'ECS')}/{service}", "ECS task"
    said, zone = answer.get("Description") or "", answer.get("AvailabilityZone", "")
    for pattern, shape, kind in _DESCRIPTIONS:
        if match := re.fullmatch(pattern, said):
            name = shape.format(*match.groups())
            return (labels.get("Name") or (f"{name} {zone}".strip() if kind == "load balancer" else name)), kind
    instance = (answer.get("Attachment") or {}).get("InstanceId")
    if instance:
        return tags.get(instance) or labels.get("Name") or instance, "instance"
    return labels.get("Name") or said, _TYPES.get(answer.get("InterfaceType", ""), "interface")


def instance_names(reservations: Iterable[Answer]) -> dict[str, str]:
    """Return the tag Name of each instance of a `DescribeInstances` answer that has one."""
    return {
        instance["InstanceId"]: tag["Value"]
        for reservation in reservations
        for instance in reservation.get("Instances") or []
        for tag in instance.get("Tags") or []
        if tag["Key"] == "Name" and tag["Value"].strip()
    }


def begun(found: LoadBalancer) -> dict[str, datetime]:
    """Return since when the load balancer has had its name, by its interfaces' description."""
    return {f"ELB {found.path}": found.created} if found.created else {}


def resources(nodes: Collection[Interface]) -> list[str]:
    """Return what a flow log of these interfaces can have been made for: themselves, their subnets, their VPC."""
    held = [r for i in nodes for r in (i.id, i.subnet, i.vpc)]
    return list(dict.fromkeys(filter(None, held)))
