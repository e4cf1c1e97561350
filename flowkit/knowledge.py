"""What a person or AWS says about a load balancer: its addresses, and how its target groups check their targets."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import polars as pl

from flowkit.errors import KnowledgeError

PROTOCOLS = ("TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC")
"""What a Network Load Balancer's target group can speak (Elastic Load Balancing API, `CreateTargetGroup`)."""

CHECKS = ("TCP", "HTTP", "HTTPS")
"""What its health checks can speak."""

SHORTEST_S = 5
"""The least time between two of them, in seconds (Elastic Load Balancing API, HealthCheckIntervalSeconds)."""

_PORTS = ("port", "health_check_port")
_SECONDS = ("interval_s", "timeout_s")
_COUNTS = ("healthy_threshold", "unhealthy_threshold")
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True)
class TargetGroup:
    """What a target group is set to; what is not known is None.

    Attributes
    ----------
    name
        Its name, as reasons and charts show it.
    protocol, port
        What the load balancer speaks to the targets, and on which port (each of `targets` may have its own).
    health_check_protocol, health_check_port
        What a check speaks: "TCP", "HTTP" or "HTTPS"; and on which port, None for the traffic port.
    interval_s, timeout_s
        Seconds from one check to the next, and until a check counts as failed.
    healthy_threshold, unhealthy_threshold
        Checks in a row that make a target healthy or unhealthy.
    preserve_client_ip
        Whether targets see the clients' own addresses: then what comes from the load balancer's is its checks.
    targets
        Addresses, each with or without a port: "10.0.1.5", "10.0.1.5:8080", "[2001:db8::1]:8080".
    """

    name: str
    protocol: str = "TCP"
    port: int | None = None
    health_check_protocol: str | None = None
    health_check_port: int | None = None
    interval_s: float | None = None
    timeout_s: float | None = None
    healthy_threshold: int | None = None
    unhealthy_threshold: int | None = None
    preserve_client_ip: bool | None = None
    targets: tuple[str, ...] = ()

    def ends(self) -> list[tuple[str | None, int | None, int | None]]:
        """Return per target its address, traffic port and health-check port; None stands for any.

        >>> TargetGroup("web", port=80, health_check_port=8080, targets=("10.0.1.5", "10.0.1.6:81")).ends()
        [('10.0.1.5', 80, 8080), ('10.0.1.6', 81, 8080)]
        >>> TargetGroup("web", port=80).ends()
        [(None, 80, 80)]
        """
        places: list[tuple[str | None, int | None]] = [_place(target) for target in self.targets]
        places = places or [(None, None)]
        ports = [(address, own or self.port) for address, own in places]
        return [(address, traffic, self.health_check_port or traffic) for address, traffic in ports]


@dataclass(frozen=True)
class Knowledge:
    """What is known of a load balancer beside the logs: the addresses of its nodes, and its target groups."""

    lb_addresses: tuple[str, ...] = ()
    target_groups: tuple[TargetGroup, ...] = ()


Groups = str | Path | pl.DataFrame | Iterable[TargetGroup | Mapping[str, Any]]
"""The forms target groups can be given in."""

_NAMES = [f.name for f in fields(TargetGroup)]


def knowledge(lb_addresses: Collection[str] | str | None = None, target_groups: Groups | None = None) -> Knowledge:
    """Return what is known of a load balancer, checked.

    Parameters
    ----------
    lb_addresses
        Addresses of the load balancer's nodes: a list, or text with commas or spaces between them.
    target_groups
        `TargetGroup`s, or a list of dicts, a polars DataFrame or the path of a CSV or JSON file with their attributes
        as names. In a CSV, `targets` stand in one cell with spaces or semicolons between them. Or what
        `aws elbv2 describe-target-groups` prints, whole or its list alone; groups that no Network Load Balancer can
        have (HTTP, HTTPS, GENEVE) are left out. `TargetHealthDescriptions`, of `describe-target-health`, may stand in
        a group, or beside the only one: their addresses become its targets.

    Raises
    ------
    KnowledgeError
        Where a column or a value cannot be understood: which, and what it may be.

    Examples
    --------
    >>> knowledge("10.0.1.10", [{"name": "web", "port": 80, "interval_s": 10}]).target_groups[0].interval_s
    10.0
    >>> knowledge(target_groups=[{"name": "web", "intervals": 10}])
    Traceback (most recent call last):
    flowkit.errors.KnowledgeError: target group 'web' has a column 'intervals' that flowkit does not know:
    did you mean 'interval_s'?
    """
    addresses = _words(lb_addresses or (), "lb_addresses")
    rows = _rows(target_groups)
    try:
        groups = tuple(_group(row, i) for i, row in enumerate(rows, 1))
    except KnowledgeError as error:
        raise KnowledgeError(
            f"{target_groups}: {error}" if isinstance(target_groups, str | Path) else str(error)
        ) from None
    return Knowledge(tuple(dict.fromkeys(_address(a, "lb_addresses") for a in addresses)), groups)


def _words(values: Any, said: str) -> list[str]:
    if isinstance(values, str):
        return [word for word in re.split(r"[\s,;]+", values) if word]
    if not isinstance(values, Iterable):
        raise KnowledgeError(f"{said} is {values!r:.60}: give a list of addresses, or text with commas between them")
    return [str(value).strip() for value in values]


def _rows(groups: Groups | None) -> list[TargetGroup | Mapping[str, Any]]:
    if groups is None or (isinstance(groups, str) and not groups.strip()):
        return []
    if isinstance(groups, str | Path):
        return _file(Path(groups))
    if isinstance(groups, pl.DataFrame):
        return list(groups.to_dicts())
    if isinstance(groups, TargetGroup | Mapping):
        return _answered([groups])
    if not isinstance(groups, Iterable):
        raise KnowledgeError(f"target_groups is {groups!r:.60}: give a list of dicts, a DataFrame or a path")
    return _answered(list(groups))


_ANSWER = {
    "TargetGroupName": "name", "Protocol": "protocol", "Port": "port", "HealthCheckProtocol": "health_check_protocol",
    "HealthCheckPort": "health_check_port", "HealthCheckIntervalSeconds": "interval_s",
    "HealthCheckTimeoutSeconds": "timeout_s", "HealthyThresholdCount": "healthy_threshold",
    "UnhealthyThresholdCount": "unhealthy_threshold",
}  # fmt: skip
"""What a `TargetGroup` holds, by AWS's own name (Elastic Load Balancing API, `TargetGroup`)."""


def _answered(rows: list[Any]) -> list[Any]:
    """Return the rows, those of AWS's own answers as ours."""
    answers = [row for row in rows if isinstance(row, Mapping) and {"TargetGroups", "TargetGroupName"} & set(row)]
    if not answers:
        return rows
    groups = [group for row in answers for group in row.get("TargetGroups", [row])]
    if len(groups) == 1:
        described = [said for row in rows if isinstance(row, Mapping) for said in _health(row)]
        groups = [{"TargetHealthDescriptions": described, **groups[0]}]
    able = [group for group in groups if group.get("Protocol") in PROTOCOLS]
    if not able:
        raise KnowledgeError(
            "AWS's answer holds no target group of a Network Load Balancer: none speaks TCP, TLS or UDP"
        )
    return [_ours(group) for group in able]


def _health(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(answer.get("TargetHealthDescriptions") or [])


def _ours(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a target group of AWS's answer by our names; a target that is an instance has no address to go by."""
    found = {ours: group[aws] for aws, ours in _ANSWER.items() if aws in group}
    targets = [_told_target(said["Target"]) for said in _health(group)]
    return found | {"targets": tuple(target for target in targets if target)}


def _told_target(said: Mapping[str, Any]) -> str | None:
    try:
        address = ip_address(str(said.get("Id")))
    except ValueError:
        return None
    port = f":{said['Port']}" if said.get("Port") else ""
    return f"[{address}]{port}" if address.version == 6 else f"{address}{port}"


def _file(path: Path) -> list[TargetGroup | Mapping[str, Any]]:
    try:
        if path.suffix.lower() == ".json":
            held = json.loads(path.read_text(encoding="utf-8-sig"))
            rows = [held] if isinstance(held, dict) else held
        else:
            rows = pl.read_csv(path.read_bytes(), infer_schema=False).to_dicts()
    except OSError as error:
        raise KnowledgeError(f"the target groups cannot be read from {path}: {error.strerror or error}") from None
    except (ValueError, pl.exceptions.PolarsError) as error:
        first = str(error).splitlines()[0]
        raise KnowledgeError(f"{path} holds no table of target groups (CSV with a header, or JSON): {first}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise KnowledgeError(f"{path} holds no target groups: a list of objects such as {{'name': 'web', 'port': 80}}")
    try:
        return _answered(rows)
    except KnowledgeError as error:
        raise KnowledgeError(f"{path}: {error}") from None


def _group(row: TargetGroup | Mapping[str, Any], number: int) -> TargetGroup:
    given = {f: getattr(row, f) for f in _NAMES} if isinstance(row, TargetGroup) else _columns(row, number)
    name = str(given.pop("name", None) or f"target group {number}")
    read = {column: _value(name, column, value) for column, value in given.items() if value not in (None, "", ())}
    return TargetGroup(name, **read)


def _columns(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise KnowledgeError(f"target group {number} is {row!r:.60}: give a dict such as {{'name': 'web', 'port': 80}}")
    given = {re.sub(r"[-\s]+", "_", str(column).strip().lower()): value for column, value in row.items()}
    if len(row) == 1 and (marks := re.findall(r"[;\t]", str(*row))):
        raise KnowledgeError(f"the columns of the target groups have {marks[0]!r} between them: put commas there")
    for column in given:
        if column not in _NAMES:
            near = difflib.get_close_matches(column, _NAMES, 1, 0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"it may have {', '.join(_NAMES)}"
            title = repr(str(given.get("name") or number))[:80]
            raise KnowledgeError(
                f"target group {title} has a column {column[:60]!r} that flowkit does not know: {hint}"
            )
    return given


def _value(group: str, column: str, value: Any) -> Any:
    said = f"target group {group[:60]!r}: {column}"
    if column == "targets":
        return tuple(_target(target, said) for target in _words(value, said))
    if column == "preserve_client_ip":
        return _known(_TRUTH, str(value).strip().lower(), said, "true or false")
    if column in ("protocol", "health_check_protocol"):
        names = PROTOCOLS if column == "protocol" else CHECKS
        return _known({name: name for name in names}, str(value).strip().upper(), said, ", ".join(names))
    if column == "health_check_port" and str(value).strip() == "traffic-port":
        return None
    return _number(column, value, said)


def _known(choices: Mapping[str, Any], value: str, said: str, may: str) -> Any:
    if value not in choices:
        raise KnowledgeError(f"{said} is {value[:60]!r}: it may be {may}")
    return choices[value]


def _number(column: str, value: Any, said: str) -> float | int:
    low, high, unit = (
        (1, 65_535, "a port")
        if column in _PORTS
        else (1, 100, "a count")
        if column in _COUNTS
        else (1, 3600, "seconds")
    )
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    whole = column not in _SECONDS
    if not low <= number <= high or (whole and number != int(number)):
        raise KnowledgeError(f"{said} is {str(value)[:60]!r}: it may be {unit} from {low} to {high}")
    return int(number) if whole else number


def _address(text: str, said: str) -> str:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise KnowledgeError(f"{said}: {text[:60]!r} is no IP address: write it as 10.0.1.5 or 2001:db8::5") from None


def _place(target: str) -> tuple[str, int | None]:
    """Return a target's address and its own port, if it has one."""
    bare = re.fullmatch(r"\[(?P<v6>[^\]]+)\](?::(?P<p6>\d+))?|(?P<v4>[^:\s]+):(?P<p4>\d+)", target)
    if not bare:
        return target, None
    port = bare["p6"] or bare["p4"]
    return bare["v6"] or bare["v4"], int(port) if port else None


def _target(target: str, said: str) -> str:
    address, port = _place(target)
    checked = _address(address, said)
    if port is None:
        return checked
    _number("port", port, said)
    return f"[{checked}]:{port}" if ":" in checked else f"{checked}:{port}"
