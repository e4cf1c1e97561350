"""A load balancer as AWS describes it, in plain data: what `load_balancer` returns and a context file holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flowkit.knowledge import Knowledge, TargetGroup
from flowkit.names import Name

TRAFFIC = "traffic-port"


@dataclass(frozen=True)
class Interface:
    """A network interface: of the load balancer one a zone, or a target's own."""

    id: str
    zone: str = ""
    zone_id: str = ""
    subnet: str = ""
    vpc: str = ""
    address: str = ""
    """The primary private IPv4 address, which records show even for traffic of the secondary ones."""
    secondary: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    public: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its own addresses: the primary one, the secondary ones, those of IPv6."""
        return tuple(filter(None, (self.address, *self.secondary, *self.ipv6)))


@dataclass(frozen=True)
class Listener:
    """What the load balancer listens on, and the target groups it hands connections to, by name."""

    protocol: str
    port: int | None = None
    target_groups: tuple[str, ...] = ()
    idle_timeout_s: int | None = None


@dataclass(frozen=True)
class Target:
    """A target: an instance, an address or a load balancer by its `id`; with its health at the time it was asked."""

    id: str
    port: int | None = None
    address: str = ""
    interface: str = ""
    """Its network interface, if it is in the load balancer's VPC."""
    zone: str = ""
    state: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Group:
    """A target group: its health check, its targets, and whether they see the clients' own addresses."""

    name: str
    arn: str = ""
    protocol: str = "TCP"
    port: int | None = None
    target_type: str = ""
    check_protocol: str = "TCP"
    check_port: str = TRAFFIC
    check_path: str = ""
    interval_s: int | None = None
    timeout_s: int | None = None
    healthy_threshold: int | None = None
    unhealthy_threshold: int | None = None
    preserve_client_ip: bool | None = None
    targets: tuple[Target, ...] = ()

    @property
    def knowledge(self) -> TargetGroup:
        """The group as the split knows it."""
        return TargetGroup(
            name=self.name,
            protocol=self.protocol,
            port=self.port,
            health_check_protocol=self.check_protocol,
            health_check_port=int(self.check_port) if self.check_port.isdigit() else None,
            interval_s=self.interval_s,
            timeout_s=self.timeout_s,
            healthy_threshold=self.healthy_threshold,
            unhealthy_threshold=self.unhealthy_threshold,
            preserve_client_ip=self.preserve_client_ip,
            targets=tuple(dict.fromkeys(_end(target) for target in self.targets if target.address)),
        )


@dataclass(frozen=True)
class FlowLog:
    """A flow log: what it covers, where it goes, in which format, and whether AWS delivers it."""

    id: str
    level: str
    """"interface", "subnet" or "VPC": what it was made for."""
    resource: str
    covers: tuple[str, ...] = ()
    """The interfaces of the load balancer that it covers."""
    covers_targets: tuple[str, ...] = ()
    """The targets' interfaces that it covers."""
    kind: str = "cloud-watch-logs"
    destination: str = ""
    """"s3://bucket/prefix", "cwl:GROUP", or the ARN of a Firehose stream."""
    fields: tuple[str, ...] = ()
    interval_s: int = 600
    traffic: str = "ALL"
    delivery: str = ""
    error: str = ""
    created: datetime | None = None
    file_format: str = "plain-text"
    hive: bool = False
    hourly: bool = False
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def readable(self) -> bool:
        """Whether flowkit can read from where it goes."""
        return self.destination.startswith(("s3://", "cwl:"))


@dataclass(frozen=True, repr=False)
class LoadBalancer:
    """A Network Load Balancer with all that is needed to read its flow logs: it prints itself, and saves itself.

    `save` writes it as one JSON file, `flowkit.aws.load_balancer` reads that file, with no AWS account and no network.
    It holds no credentials.
    """

    name: str
    arn: str
    region: str = ""
    account: str = ""
    dns: str = ""
    scheme: str = ""
    state: str = ""
    vpc: str = ""
    created: datetime | None = None
    cross_zone: bool | None = None
    security_groups: tuple[str, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    listeners: tuple[Listener, ...] = ()
    target_groups: tuple[Group, ...] = ()
    flow_logs: tuple[FlowLog, ...] = ()
    names: tuple[Name, ...] = ()
    """Names of the addresses and interfaces in its VPC, as they were at `asked`."""
    asked: datetime | None = None
    """When AWS was asked (UTC)."""
    notes: tuple[str, ...] = ()
    """What AWS would not say, and why."""

    @property
    def path(self) -> str:
        """How AWS writes it in the description of its interfaces and in metrics: "net/NAME/ID"."""
        return f"net/{self.name}/{self.arn.rpartition('/')[2]}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """The private addresses of its nodes, secondary ones and IPv6 included."""
        return tuple(address for interface in self.interfaces for address in interface.addresses)

    @property
    def target_interfaces(self) -> tuple[str, ...]:
        """The targets' own interfaces, as far as they are in its VPC."""
        held = (target.interface for group in self.target_groups for target in group.targets)
        return tuple(dict.fromkeys(filter(None, held)))

    @property
    def seen_by(self) -> tuple[str, ...]:
        """The interfaces whose records tell about it: its own and its targets'."""
        return tuple(dict.fromkeys((*(i.id for i in self.interfaces), *self.target_interfaces)))

    @property
    def knowledge(self) -> Knowledge:
        """What the split takes: the nodes' addresses and the target groups' health checks."""
        return Knowledge(self.addresses, tuple(group.knowledge for group in self.target_groups))

    @property
    def missing(self) -> tuple[str, ...]:
        """What is missing for an investigation, in plain words."""
        from flowkit.aws.missing import missing

        return tuple(missing(self))

    def logs(self, start: datetime | None = None) -> tuple[FlowLog, ...]:
        """Return the flow logs to read it from, which share one destination and format; () where there are none."""
        from flowkit.aws.missing import best

        return best(self, start)

    def save(self, path: str | Path) -> Path:
        """Write it as one JSON file and return the path. Raises `FlowkitError` where that cannot be written."""
        from flowkit.aws.context import save

        return save(self, path)

    def __repr__(self) -> str:
        from flowkit.aws.show import text

        return text(self)

    def _repr_html_(self) -> str:
        from flowkit.aws.show import page

        return page(self)


def _end(target: Target) -> str:
    if target.port is None:
        return target.address
    return f"[{target.address}]:{target.port}" if ":" in target.address else f"{target.address}:{target.port}"
