"""Setting up flow logs for a load balancer, and ending those that were set up so: first a plan, then on demand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

from flowkit.access import Access
from flowkit.aws import answers, cost, recommended
from flowkit.aws import bucket as buckets
from flowkit.aws.bucket import Bucket
from flowkit.aws.fetch import balancers, fetch, flow_logs, one, pages, region_of
from flowkit.aws.model import FlowLog, Interface, LoadBalancer
from flowkit.aws.plan import Call, Outcome, Plan
from flowkit.errors import AwsError, QuestionError

TAG = "flowkit:load-balancer"
"""The tag on a flow log that flowkit made; its value is the load balancer's "net/NAME/ID"."""


_KEY = "a KMS key of yours that encrypts the bucket has to let delivery.logs.amazonaws.com use it, in its key policy"


@dataclass(frozen=True)
class Wish:
    """What was asked for."""

    place: Bucket
    fields: tuple[str, ...]
    interval: int
    traffic: str
    parquet: bool
    hive: bool
    hourly: bool

    def met(self, log: FlowLog) -> bool:
        """Return whether a flow log is what was asked for."""
        form = "parquet" if self.parquet else "plain-text"
        where = (log.destination, log.file_format, log.hive, log.hourly)
        what = (log.fields, log.interval_s, log.traffic)
        asked = (self.fields, self.interval, self.traffic)
        return where == (self.place.source, form, self.hive, self.hourly) and what == asked


def enable(
    nlb: str | LoadBalancer,
    *,
    to: str,
    fields: str | Sequence[str] = "recommended",
    interval: int = 60,
    traffic: str = "all",
    parquet: bool = False,
    hive: bool = False,
    hourly: bool = False,
    access: Access | Mapping[str, str] | None = None,
) -> Plan:
    """Return what it takes to log a load balancer's traffic to S3; nothing is done until `.apply()` is called on it.

    Parameters
    ----------
    nlb
        Its name, ARN or DNS name.
    to
        Where to: "s3://bucket/prefix". The bucket must be there.
    fields
        "recommended", "default", or a format of your own as a list or in AWS's `${…}` form.
    interval
        The aggregation interval: 60 or 600 seconds.
    traffic
        "all", "accept" or "reject".
    parquet, hive, hourly
        Parquet files, Hive-compatible prefixes, a prefix for each hour.

    Returns
    -------
    A `Plan`: it prints the interfaces, the exact calls, each field with its reason, the bucket policy that is needed,
    and an estimate of GB and price. Interfaces that have such a flow log already are left alone. What it makes is
    tagged, so that `disable` finds it again.

    Raises
    ------
    AwsError, FormatError, QuestionError
        The load balancer, the place or an option cannot be understood, or AWS refuses to be asked.
    """
    session = Access.of(access)
    wish = _wish(buckets.bucket(to), fields, interval, traffic, (parquet, hive, hourly))
    balancer = fetch(nlb.arn if isinstance(nlb, LoadBalancer) else str(nlb), session)
    session = session.within(balancer.region)
    if not balancer.interfaces:
        raise AwsError(f"{balancer.name} has no network interface that could be found, so there is nothing to log")
    # Asked for by itself: here, not to know what there is must not pass for nothing.
    balancer = replace(balancer, flow_logs=flow_logs(session, balancer.interfaces))
    has = {i: log for log in balancer.flow_logs if log.level == "interface" and wish.met(log) for i in log.covers}
    missing = [i for i in balancer.interfaces if i.id not in has]
    needed = buckets.policy(wish.place, balancer, hive=wish.hive)
    policy, may = buckets.standing(wish.place, needed, session) if missing else ("", True)
    said = [("plan", f"log {balancer.name} to {wish.place.source}"), *_interfaces(balancer, has, wish)]
    if missing:
        said += _format(wish.fields)
        said += [("bucket policy", line) for line in (policy, json.dumps(needed, indent=2), _KEY)]
        said += [("estimate", line) for line in _estimate(balancer, wish, session)]
    return Plan(
        said=tuple(said),
        calls=(_create(balancer, missing, wish),) if missing else (),
        access=session,
        finish=partial(_created, session, balancer),
        blocked="" if may else policy,
    )


def disable(nlb: str | LoadBalancer, *, access: Access | Mapping[str, str] | None = None) -> Plan:
    """Return what it takes to end the flow logs that `enable` made; nothing is done until `.apply()` is called on it.

    Only flow logs with the tag that `enable` puts on are ended, whatever else covers the load balancer. What they have
    written stays where it is. One that is gone is named by its ARN. Raises `AwsError` as `enable` does.
    """
    known = nlb.arn if isinstance(nlb, LoadBalancer) else str(nlb)
    session = Access.of(access).within(region_of(known))
    path = _path(known, session)
    wanted = [{"Name": f"tag:{TAG}", "Values": [path]}]
    found = pages(session, "ec2", "describe_flow_logs", "listing the flow logs flowkit made", Filters=wanted)
    # Looked at once more: nothing is ended because a filter was not understood.
    held = [log for log in found if {"Key": TAG, "Value": path} in log.get("Tags", [])]
    many = f"{len(held)} flow log{'' if len(held) == 1 else 's'}" if held else "none"
    said = [("plan", f"end the flow logs that flowkit made for {path}: {many}")]
    said += [("flow log", f"{log['FlowLogId']} of {log['ResourceId']} to {log['LogDestination']}") for log in held]
    said += [("kept", "what they have written stays in the bucket")] if held else []
    ids = [log["FlowLogId"] for log in held]
    call = Call("ec2", "delete_flow_logs", {"FlowLogIds": ids})
    return Plan(said=tuple(said), calls=(call,) if ids else (), access=session, finish=_deleted)


def _wish(
    place: Bucket, fields: str | Sequence[str], interval: int, traffic: str, shape: tuple[bool, bool, bool]
) -> Wish:
    if interval not in (60, 600):
        raise QuestionError(f"interval={interval!r} is not to be had: AWS aggregates over 60 or 600 seconds")
    if traffic.lower() not in ("all", "accept", "reject"):
        raise QuestionError(f"traffic={traffic!r} is not known: choose one of 'all', 'accept', 'reject'")
    return Wish(place, recommended.chosen(fields), interval, traffic.upper(), *shape)


def _interfaces(balancer: LoadBalancer, has: dict[str, FlowLog], wish: Wish) -> Iterator[tuple[str, str]]:
    for i in balancer.interfaces:
        log = has.get(i.id)
        state = f"has it already: {log.id}, nothing to do" if log else "a flow log is made"
        yield "interface", f"{i.id} {i.zone} {i.address}: {state}"
    for log in balancer.flow_logs:
        if log.covers and log not in has.values() and len(has) < len(balancer.interfaces):
            same = ", so that records will stand twice there" if log.destination == wish.place.source else ""
            yield (
                "note",
                f"{log.id} of the {log.level} covers it too, to {log.destination or log.kind}{same}; AWS bills both",
            )


def _format(fields: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield each field with the reason why it is there, those with the same reason together."""
    for why, names in groupby(fields, lambda name: recommended.WHY.get(name, "as you asked")):
        yield "format", f"{', '.join(names)}: {why}"


def _estimate(balancer: LoadBalancer, wish: Wish, access: Access) -> Iterator[str]:
    if wish.traffic == "REJECT":
        yield "none: the load balancer's metrics do not tell how much will be rejected"
        return
    try:
        found = cost.estimate(balancer, access, line=recommended.width(wish.fields), interval_s=wish.interval)
    except AwsError as error:
        yield f"none: {error}"
        return
    if found is None:
        yield f"none: CloudWatch holds no NewFlowCount of the last {cost.DAYS} days for {balancer.name}"
        return
    yield from found.lines(balancer.region, parquet=wish.parquet)


def _create(balancer: LoadBalancer, interfaces: list[Interface], wish: Wish) -> Call:
    tags = [{"Key": TAG, "Value": balancer.path}, {"Key": "Name", "Value": f"flowkit {balancer.name}"}]
    shape = {"FileFormat": "parquet" if wish.parquet else "plain-text"}
    parameters = {
        "ResourceType": "NetworkInterface",
        "ResourceIds": [one.id for one in interfaces],
        "TrafficType": wish.traffic,
        "LogDestinationType": "s3",
        "LogDestination": wish.place.arn(balancer.arn.split(":")[1]),
        "LogFormat": recommended.log_format(wish.fields),
        "MaxAggregationInterval": wish.interval,
        "DestinationOptions": {**shape, "HiveCompatiblePartitions": wish.hive, "PerHourPartition": wish.hourly},
        "TagSpecifications": [{"ResourceType": "vpc-flow-log", "Tags": tags}],
    }
    return Call("ec2", "create_flow_logs", parameters)


def _created(access: Access, balancer: LoadBalancer, call: Call, answer: Mapping[str, Any]) -> Outcome:
    """Return what came of each interface: AWS names what it made, and apart from that what it could not make."""
    ids = list(answer.get("FlowLogIds") or [])
    doing = "listing the flow logs just made"
    made = (
        {
            log["ResourceId"]: log["FlowLogId"]
            for log in pages(access, "ec2", "describe_flow_logs", doing, FlowLogIds=ids)
        }
        if ids
        else {}
    )
    failed = {f["ResourceId"]: f["Error"] for f in answer.get("Unsuccessful") or []}
    zones = {i.id: i.zone for i in balancer.interfaces}
    lines: list[tuple[str, str]] = []
    bad: list[str] = []
    for eni in call.parameters["ResourceIds"]:
        if error := failed.get(eni):
            bad.append(f"{eni} {zones[eni]}: {error.get('Code', '')}: {error.get('Message', '')}")
            lines.append(("FAILED", bad[-1]))
        else:
            lines.append(("made", f"{eni} {zones[eni]}: {made.get(eni, 'a flow log')}"))
    soon = [("note", "the first records take ten minutes or more to arrive")] if ids else []
    return Outcome((*lines, *soon), tuple(bad))


def _deleted(call: Call, answer: Mapping[str, Any]) -> Outcome:
    failed = {f["ResourceId"]: f["Error"] for f in answer.get("Unsuccessful") or []}
    bad = tuple(f"{one}: {error.get('Code', '')}: {error.get('Message', '')}" for one, error in failed.items())
    ended = [("ended", one) for one in call.parameters["FlowLogIds"] if one not in failed]
    return Outcome((*ended, *(("FAILED", line) for line in bad)), bad)


def _path(nlb: str, access: Access) -> str:
    """Return a load balancer's "net/NAME/ID"; an ARN tells it without asking, so it may be gone."""
    if nlb.startswith("arn:") and ":loadbalancer/" in nlb:
        return nlb.partition(":loadbalancer/")[2]
    return answers.balancer(one(nlb, list(balancers(access)))).path
