"""What a flow record is: every field of the VPC flow logs' versions 2 to 11 and of the transit gateway's flow logs.

Everything else reads this registry: parsing, casting, documentation, tooltips. Names, meanings and code tables follow
the "Flow log records" pages of the Amazon VPC User Guide and of the Transit Gateway guide. The twelve fields of
version 11 are known from texts of third parties that agree with each other; AWS's own table of their types was not
read, so they are text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

from flowkit.errors import FormatError
from flowkit.wording import printable

TIME = pl.Datetime("ms", "UTC")
"""The type of every time in a table."""

UNKNOWN = "not a field flowkit knows: kept as text"


@dataclass(frozen=True)
class Field:
    """One field of a flow log: AWS's name, our column, its type, unit, version, meaning and codes."""

    name: str
    version: int
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    unit: str = ""
    codes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def column(self) -> str:
        """The column's name: AWS's own with `_` for `-`, as in AWS's Parquet files."""
        column = self.name.replace("-", "_")
        taken = column in _OWN or (column[:1] in _MARKS and not column.endswith("_"))
        return f"{column}_" if taken else column

    @property
    def raw(self) -> pl.DataType | type[pl.DataType]:
        """The type the text holds: times are whole numbers there."""
        return pl.Int64 if self.dtype == TIME else self.dtype

    @property
    def most(self) -> int:
        """The greatest number the field can hold; the least is 0 for every one of them."""
        return _MOST.get(self.name, 2**31 - 1 if self.dtype == pl.Int32 else 2**63 - 1)


_OWN = ("object", "kind", "confidence", "once")
"""Columns that flowkit adds: the object that a record was read from, and the labels of a flow."""

_MARKS = tuple("_#^*")
"""What a column that flowkit only works with begins with, or what polars takes for a pattern of names."""

_WHOLE = 2**53
"""Packets or bytes of one record beyond which numbers are no longer exact, and no interface goes: 9 PB."""

_MOST = {
    "packets": _WHOLE,
    "bytes": _WHOLE,
    "version": 255,
    "srcport": 65535,
    "dstport": 65535,
    "protocol": 255,
    "tcp-flags": 4095,
}
_TCP_FLAGS = {"1": "FIN", "2": "SYN", "4": "RST", "8": "PSH", "16": "ACK", "18": "SYN-ACK", "32": "URG"}
_INTERFACE_TYPES = {
    "nat_gateway": "NAT gateway",
    "network_load_balancer": "Network Load Balancer",
    "regional_nat_gateway": "regional NAT gateway",
    "transit_gateway": "transit gateway",
    "vpc_endpoint": "VPC endpoint",
}
_PATHS = {
    "1": "another resource in the same VPC",
    "2": "an internet gateway or a gateway VPC endpoint",
    "3": "a virtual private gateway",
    "4": "an intra-region VPC peering connection",
    "5": "an inter-region VPC peering connection",
    "6": "a Local Zone or Wavelength Zone",
    "7": "a gateway VPC endpoint (Nitro-based instances)",
    "8": "an internet gateway (Nitro-based instances)",
}
_ECS = "of the ECS task behind the interface (awsvpc mode only)"
_LOST = "packets lost"

_FIELDS = (
    Field("version", 2, pl.Int32, "the highest version among the fields of the format; it does not name the format"),
    Field(
        "account-id",
        2,
        pl.String,
        "the account that owns the source interface; may be 'unknown' for an AWS service's own",
    ),
    Field("interface-id", 2, pl.String, "the network interface the record was taken on"),
    Field("srcaddr", 2, pl.String, "where the packets come from; on the way out, the interface's own private address"),
    Field("dstaddr", 2, pl.String, "where the packets go; on the way in, the interface's own private address"),
    Field("srcport", 2, pl.Int32, "source port; 0 for ICMP"),
    Field("dstport", 2, pl.Int32, "destination port; 0 for ICMP"),
    Field(
        "protocol",
        2,
        pl.Int32,
        "IANA protocol number",
        codes={"1": "ICMP", "6": "TCP", "17": "UDP", "41": "IPv6", "47": "GRE", "50": "ESP", "58": "ICMPv6"},
    ),
    Field("packets", 2, pl.Int64, "packets of this direction in the capture window", "packets"),
    Field("bytes", 2, pl.Int64, "bytes of this direction, IP headers included, Ethernet headers not", "bytes"),
    Field("start", 2, TIME, "first packet in the window; may be up to 60 s after the packet was seen", "time"),
    Field("end", 2, TIME, "last packet in the window; may be up to 60 s after the packet was seen", "time"),
    Field(
        "action",
        2,
        pl.String,
        "what became of the traffic",
        codes={
            "ACCEPT": "let through",
            "REJECT": "not allowed by a security group or network ACL, or it came after the connection was closed",
        },
    ),
    Field(
        "log-status",
        2,
        pl.String,
        "what the record is",
        codes={
            "OK": "a flow",
            "NODATA": "no traffic in the window",
            "SKIPDATA": "records were left out: data are missing",
        },
    ),
    Field("vpc-id", 3, pl.String, "VPC of the interface"),
    Field("subnet-id", 3, pl.String, "subnet of the interface"),
    Field("instance-id", 3, pl.String, "instance of the interface; none for an AWS service's own, such as an NLB's"),
    Field(
        "tcp-flags", 3, pl.Int32, "TCP flags seen in the window, OR-ed; a bare ACK or PSH leaves 0", codes=_TCP_FLAGS
    ),
    Field(
        "type",
        3,
        pl.String,
        "type of the traffic",
        codes={"IPv4": "IPv4", "IPv6": "IPv6", "EFA": "Elastic Fabric Adapter"},
    ),
    Field("pkt-srcaddr", 3, pl.String, "the packet's own source, before a layer between rewrote it"),
    Field("pkt-dstaddr", 3, pl.String, "the packet's own destination, before a layer between rewrote it"),
    Field("region", 4, pl.String, "Region of the interface"),
    Field("az-id", 4, pl.String, "Availability Zone ID of the interface"),
    Field(
        "sublocation-type",
        4,
        pl.String,
        "type of sublocation",
        codes={"wavelength": "Wavelength", "outpost": "Outpost", "localzone": "Local Zone"},
    ),
    Field("sublocation-id", 4, pl.String, "ID of the sublocation"),
    Field("pkt-src-aws-service", 5, pl.String, "AWS service whose address range the packet's source is in"),
    Field("pkt-dst-aws-service", 5, pl.String, "AWS service whose address range the packet's destination is in"),
    Field(
        "flow-direction",
        5,
        pl.String,
        "direction, seen from the interface",
        codes={"ingress": "towards the interface", "egress": "away from the interface"},
    ),
    Field("traffic-path", 5, pl.Int32, "the way out that the traffic takes; none on the way in", codes=_PATHS),
    Field("ecs-cluster-arn", 7, pl.String, f"cluster ARN {_ECS}"),
    Field("ecs-cluster-name", 7, pl.String, f"cluster name {_ECS}"),
    Field("ecs-container-instance-arn", 7, pl.String, f"container instance ARN {_ECS}"),
    Field("ecs-container-instance-id", 7, pl.String, f"container instance ID {_ECS}"),
    Field("ecs-container-id", 7, pl.String, f"runtime ID of the first container {_ECS}"),
    Field("ecs-second-container-id", 7, pl.String, f"runtime ID of the second container {_ECS}"),
    Field("ecs-service-name", 7, pl.String, f"service name {_ECS}"),
    Field("ecs-task-definition-arn", 7, pl.String, f"task definition ARN {_ECS}"),
    Field("ecs-task-arn", 7, pl.String, f"task ARN {_ECS}"),
    Field("ecs-task-id", 7, pl.String, f"task ID {_ECS}"),
    Field(
        "reject-reason",
        8,
        pl.String,
        "why it was rejected; security groups and network ACLs are not named",
        codes={"BPA": "VPC Block Public Access", "EC": "encryption controls"},
    ),
    Field("resource-id", 9, pl.String, "ID of the regional NAT gateway"),
    Field(
        "encryption-status",
        10,
        pl.Int32,
        "how the traffic was encrypted",
        codes={"0": "not encrypted", "1": "by Nitro", "2": "by the application", "3": "by both"},
    ),
    Field("instance-tag", 11, pl.String, "value of the chosen instance tag, percent-encoded"),
    Field("instance-tag-2", 11, pl.String, "value of the second chosen instance tag, percent-encoded"),
    Field("interface-tag", 11, pl.String, "value of the chosen interface tag, percent-encoded"),
    Field("interface-tag-2", 11, pl.String, "value of the second chosen interface tag, percent-encoded"),
    Field("asg-tag", 11, pl.String, "value of the chosen Auto Scaling group tag, percent-encoded"),
    Field("asg-tag-2", 11, pl.String, "value of the second chosen Auto Scaling group tag, percent-encoded"),
    Field("interface-type", 11, pl.String, "what the interface belongs to", codes=_INTERFACE_TYPES),
    Field(
        "next-hop-interface-id",
        11,
        pl.String,
        "the interface on the other side: receiving on the way out, sending on the way in",
    ),
    Field("next-hop-subnet-id", 11, pl.String, "subnet of the interface on the other side"),
    Field("next-hop-az-id", 11, pl.String, "Availability Zone ID of the interface on the other side"),
    Field("next-hop-vpc-id", 11, pl.String, "VPC of the interface on the other side"),
    Field(
        "next-hop-interface-type",
        11,
        pl.String,
        "what the interface on the other side belongs to",
        codes=_INTERFACE_TYPES,
    ),
    Field("resource-type", 6, pl.String, "transit gateway: what the record was taken on"),
    Field("tgw-id", 6, pl.String, "transit gateway"),
    Field("tgw-attachment-id", 6, pl.String, "transit gateway: the attachment the record was taken on"),
    Field("tgw-src-vpc-account-id", 6, pl.String, "transit gateway: account of the source VPC"),
    Field("tgw-dst-vpc-account-id", 6, pl.String, "transit gateway: account of the destination VPC"),
    Field("tgw-src-vpc-id", 6, pl.String, "transit gateway: source VPC"),
    Field("tgw-dst-vpc-id", 6, pl.String, "transit gateway: destination VPC"),
    Field("tgw-src-subnet-id", 6, pl.String, "transit gateway: source subnet"),
    Field("tgw-dst-subnet-id", 6, pl.String, "transit gateway: destination subnet"),
    Field("tgw-src-eni", 6, pl.String, "transit gateway: source interface"),
    Field("tgw-dst-eni", 6, pl.String, "transit gateway: destination interface"),
    Field("tgw-src-az-id", 6, pl.String, "transit gateway: source Availability Zone ID"),
    Field("tgw-dst-az-id", 6, pl.String, "transit gateway: destination Availability Zone ID"),
    Field("tgw-pair-attachment-id", 6, pl.String, "transit gateway: the attachment on the other side"),
    Field("packets-lost-no-route", 6, pl.Int64, f"{_LOST} for want of a route", "packets"),
    Field("packets-lost-blackhole", 6, pl.Int64, f"{_LOST} to a blackhole route", "packets"),
    Field("packets-lost-mtu-exceeded", 6, pl.Int64, f"{_LOST} for being too large", "packets"),
    Field("packets-lost-ttl-expired", 6, pl.Int64, f"{_LOST} for running out of hops", "packets"),
)

FIELDS: Mapping[str, Field] = MappingProxyType({f.name: f for f in _FIELDS})
"""Every known field by AWS's name, in the order of a table's columns."""

DEFAULT = tuple(f.name for f in _FIELDS if f.version == 2)
"""The default format: the fourteen fields of version 2."""

TGW_DEFAULT = (
    *("version", "resource-type", "account-id", "tgw-id", "tgw-attachment-id"),
    *("tgw-src-vpc-account-id", "tgw-dst-vpc-account-id", "tgw-src-vpc-id", "tgw-dst-vpc-id"),
    *("tgw-src-subnet-id", "tgw-dst-subnet-id", "tgw-src-eni", "tgw-dst-eni", "tgw-src-az-id", "tgw-dst-az-id"),
    *("tgw-pair-attachment-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes"),
    *("start", "end", "log-status", "type", "packets-lost-no-route", "packets-lost-blackhole"),
    *("packets-lost-mtu-exceeded", "packets-lost-ttl-expired", "tcp-flags", "region", "flow-direction"),
    *("pkt-src-aws-service", "pkt-dst-aws-service"),
)
"""The transit gateway's default format; it has no `action`."""

STATUSES = ("OK", "NODATA", "SKIPDATA")
"""What `log-status` can say."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

_VALUE = re.compile(
    r"-|[\d.:,TZ+-]*\d[\d.:,TZ+-]*|[0-9a-fA-F.]*:[0-9a-fA-F:.]*|[a-z]+-[0-9a-f]{8,17}"
    r"|OK|NODATA|SKIPDATA|ACCEPT|REJECT"
)
"""Nothing, a number, a time, an address, an ID, a status: what stands in a record."""


def canonical(name: str) -> str:
    """Return AWS's spelling of a field's or column's name; what a terminal would obey is not kept.

    >>> canonical("flow_direction"), canonical(" srcaddr "), canonical("New_Field"), canonical("#version")
    ('flow-direction', 'srcaddr', 'new-field', 'version')
    """
    return printable(name.strip().removeprefix("#").lower().replace("_", "-"))


def field_of(name: str) -> Field:
    """Return the field of that name; one nobody knows yet is text under its own name.

    A column that flowkit has itself keeps its name: the field's gets a `_` behind it.

    >>> field_of("bytes").unit, field_of("dst_port_range").column, field_of("New.Field").column, field_of("kind").column
    ('bytes', 'dst_port_range', 'new.field', 'kind_')
    """
    return FIELDS.get(name) or FIELDS.get(canonical(name)) or Field(canonical(name), 0, pl.String, UNKNOWN)


def parse_fields(fields: str | Sequence[str]) -> tuple[str, ...]:
    """Return the field names of a format given as a list or in AWS's `${…}` form.

    Raises `FormatError` where a name is not one, or stands twice.

    >>> parse_fields("${version} ${srcaddr} ${flow-direction}")
    ('version', 'srcaddr', 'flow-direction')
    >>> parse_fields(["srcaddr", "flow_direction"])
    ('srcaddr', 'flow-direction')
    >>> parse_fields("srcaddr, srcaddr")
    Traceback (most recent call last):
    flowkit.errors.FormatError: the field 'srcaddr' stands twice in the given format
    """
    if not isinstance(fields, str | Sequence):
        raise FormatError(f"fields={fields!r:.60} are no names: give '${{srcaddr}} ${{dstaddr}}' or a list of them")
    words = re.split(r"[\s,]+", fields.strip()) if isinstance(fields, str) else [str(f) for f in fields]
    names = tuple(canonical(word.removeprefix("${").removesuffix("}")) for word in words)
    for name in names:
        if not is_name(name):
            raise FormatError(
                f"{name[:60]!r} is no field's name: give names such as '${{srcaddr}} ${{dstaddr}}' or a list of them"
            )
        if names.count(name) > 1:
            raise FormatError(f"the field {name!r} stands twice in the given format")
    return names


def is_name(word: str) -> bool:
    """Return whether a word could be the name of a field of AWS's.

    >>> is_name("brand-new"), is_name("New.Field"), is_name("443")
    (True, False, False)
    """
    return bool(_NAME.fullmatch(word))


def is_header(words: Sequence[str]) -> bool:
    """Return whether a line's words are the names of fields.

    At least half of them are known, and the others could be names of AWS's. A name that AWS would not give may be
    anything at all; beside such a one more than half are known, two at the least, and no word is a value.

    >>> is_header(["version", "account_id", "brand-new", "srcaddr"]), is_header(["2", "123456789010", "eni-1"])
    (True, False)
    >>> is_header(["version", "srcaddr", '"Größe.1"']), is_header(["bytes", "start", "10.0.0.1"])
    (True, False)
    """
    known = sum(canonical(word) in FIELDS for word in words)
    if all(map(is_name, words)):
        return known >= max(1, len(words) / 2)
    return known > max(1, len(words) / 2) and not any(map(_VALUE.fullmatch, words))


def uncommented(words: list[str]) -> list[str]:
    """Return the words of a line without the `#` that makes it a comment, as some tools do with a header.

    >>> uncommented(["#", "version", "srcaddr"]), uncommented(["2", "10.0.0.1"])
    (['version', 'srcaddr'], ['2', '10.0.0.1'])
    """
    return words[1:] if len(words) > 1 and words[0] == "#" else words


def columns(names: Iterable[str]) -> dict[str, pl.DataType | type[pl.DataType]]:
    """Return the columns and types of a table holding these fields: known ones in the registry's order, others after.

    >>> list(columns(["srcaddr", "brand-new", "version"]))
    ['version', 'srcaddr', 'brand_new']
    """
    order = {name: i for i, name in enumerate(FIELDS)}
    unique = dict.fromkeys(canonical(n) for n in names)
    known = sorted((n for n in unique if n in order), key=order.__getitem__)
    return {f.column: f.dtype for f in map(field_of, [*known, *(n for n in unique if n not in order)])}


def tcp_flags(value: int | None) -> str:
    """Return a `tcp-flags` value in words.

    >>> tcp_flags(19), tcp_flags(2), tcp_flags(0), tcp_flags(None)
    ('SYN-ACK FIN', 'SYN', 'none', '-')
    """
    if value is None:
        return "-"
    words = ["SYN-ACK"] if value & 18 == 18 else []
    rest = value & ~18 if words else value
    words += [word for bit, word in _TCP_FLAGS.items() if bit != "18" and rest & int(bit)]
    return " ".join(words) or "none"
