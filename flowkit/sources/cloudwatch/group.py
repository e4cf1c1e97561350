"""A log group cut into slices of time, each of which is read once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from flowkit.access import Access, told
from flowkit.errors import AwsError, FormatError, SourceError
from flowkit.formats.form import choose
from flowkit.schema import parse_fields
from flowkit.sources.cloudwatch import events, insights
from flowkit.sources.cloudwatch.slices import Slice
from flowkit.sources.objects import Object
from flowkit.sources.only import Only
from flowkit.times import spoken

STEP, INSIGHTS_STEP = timedelta(minutes=10), timedelta(hours=1)
"""How long a slice is; slices lie on whole tens of minutes, or hours, so that the next span finds them again."""

BEFORE = timedelta(minutes=15)
"""An event carries its record's `start`, which may lie a capture window of 10 minutes before the span, and slack."""

SETTLED = timedelta(hours=2)
"""After this a slice is taken to be whole (AWS: delivery after about 5 minutes, at best effort)."""

STALE = timedelta(hours=2)
"""How far a stream's last event may lie behind the truth (AWS: up to an hour), with slack."""

LARGE = timedelta(hours=24)
"""From here on Logs Insights is asked: FilterLogEvents gives about 1 MB a call, at 5 calls a second in most regions."""

LOOK = 100
"""Events looked at where the format is not known."""

STREAMS = 100
"""Streams a call of FilterLogEvents may name."""


def find(
    source: str, access: Access, only: Only, fields: str | Sequence[str] | None = None, *, now: datetime | None = None
) -> list[Object]:
    """Return the slices of a group, `cwl:NAME`, that can hold what is wanted, in their order.

    Raises `SourceError` where there is no such group or stream, or no `start` is given, and `AwsError`.
    """
    name = source.removeprefix("cwl://").removeprefix("cwl:")
    if only.start is None:
        raise SourceError(f"{source} is read by time: give start=, and end= unless the span reaches to now")
    now = now or datetime.now(UTC)
    client = access.client("logs")
    group = _group(client, name)
    formats = (parse_fields(fields),) if fields else _formats(access, name)
    streams = _streams(client, name, only) if only.interfaces else [()]
    end = min(only.end or now, now)
    by_query = group.get("logGroupClass", "STANDARD") != "STANDARD" or end - only.start > LARGE
    rate = _rate(group, now)
    slices = [
        _slice(client, group, begin, streams=some, by_query=by_query, rate=rate, now=now)
        for begin in _steps(only.start - BEFORE, end, INSIGHTS_STEP if by_query else STEP)
        for some in streams
    ]
    if not by_query or not formats:
        seen = (insights if by_query else events).look(client, slices, LOOK)
        if not seen:
            raise SourceError(f"nothing to read: {name} holds no {only.words()}: no event is of that span")
        formats = formats or (_guessed(name, seen),)
    return [replace(o, formats=formats, origin=f"{o.origin}|{json.dumps(formats)}") for o in slices]


def _guessed(group: str, seen: Sequence[str]) -> tuple[str, ...]:
    """Return the format that events turn out to have where AWS names none: one of its default formats."""
    try:
        names, _, lead = choose([text.split() for text in seen], None)
    except FormatError:
        names, lead = (), 0
    if not names or lead:
        raise FormatError(
            f"the events of {group} are not of a default format, and no flow log there tells theirs "
            f"(ec2:DescribeFlowLogs): name it with fields=; the first is {seen[0][:120]!r}"
        )
    return names


def _steps(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    moment = datetime.fromtimestamp(start.timestamp() // step.total_seconds() * step.total_seconds(), UTC)
    while moment < end:
        yield moment
        moment += step


def _slice(
    client: Any,
    group: dict[str, Any],
    begin: datetime,
    *,
    streams: tuple[str, ...],
    by_query: bool,
    rate: float,
    now: datetime,
) -> Slice:
    step = INSIGHTS_STEP if by_query else STEP
    until = begin + step
    state = "whole" if until + SETTLED < now else f"as of {now.isoformat()}"
    what = json.dumps([group.get("arn"), begin.isoformat(), until.isoformat(), streams, state])
    said = f"{streams[0]} and {len(streams) - 1:,} more" if len(streams) > 1 else "".join(streams)
    return Slice(
        name=f"{begin:%Y-%m-%dT%H:%MZ} {said}".strip(),
        path=f"cwl:{group['logGroupName']}",
        size=max(1, int(rate * step.total_seconds())),
        modified=0,
        origin=what,
        group=group["logGroupName"],
        region=client.meta.region_name,
        begin=begin,
        until=until,
        streams=streams,
        insights=by_query,
    )


def _group(client: Any, name: str) -> dict[str, Any]:
    region = client.meta.region_name
    with told(f"looking for the log group {name} in {region}", "logs:DescribeLogGroups"):
        pages = client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        near = [group for page in pages for group in page["logGroups"]]
        found = next((group for group in near if group["logGroupName"] == name), None)
        if found is not None:
            return dict(found)
        near = near or client.describe_log_groups(limit=50)["logGroups"]
    names = [group["logGroupName"] for group in near]
    there = f"what lies there: {', '.join(names[:6])}" if names else "there is none at all: is it another region?"
    raise SourceError(f"nothing to read: there is no log group {name} in {region}; {there}")


def _formats(access: Access, group: str) -> tuple[tuple[str, ...], ...]:
    """Return the fields of each flow log that writes to a group; none where AWS does not say or may not be asked."""
    try:
        with told(f"looking for the flow logs that write to {group}", "ec2:DescribeFlowLogs"):
            pages = access.client("ec2").get_paginator("describe_flow_logs")
            wanted = [{"Name": "log-group-name", "Values": [group]}]
            logs = [log for page in pages.paginate(Filters=wanted) for log in page["FlowLogs"]]
        return tuple(dict.fromkeys(parse_fields(log["LogFormat"]) for log in logs if log.get("LogFormat")))
    except (AwsError, FormatError):
        return ()  # The events are looked at, and fields= is asked for where they are of no default format.


def _streams(client: Any, group: str, only: Only) -> list[tuple[str, ...]]:
    """Return the streams of the wanted interfaces that can hold the span, as many at a time as a call may name."""
    found: list[dict[str, Any]] = []
    wanted = sorted(set(only.interfaces or ()))
    with told(f"listing the streams of {group}", "logs:DescribeLogStreams"):
        paginator = client.get_paginator("describe_log_streams")
        for interface in wanted:
            for page in paginator.paginate(logGroupName=group, logStreamNamePrefix=interface):
                found += [s for s in page["logStreams"] if _is_of(s["logStreamName"], interface)]
        if not found:
            first = client.describe_log_streams(logGroupName=group, limit=6)["logStreams"]
    if not found:
        there = ", ".join(s["logStreamName"] for s in first) or "nothing at all"
        raise SourceError(f"nothing to read: {group} has no stream of {', '.join(wanted)}; what lies there: {there}")
    names = [s["logStreamName"] for s in found if _can_hold(s, only)]
    if not names:
        raise SourceError(
            f"nothing to read: the streams of {group} hold no {only.words()}; they run {_spans(found, only.tz)}"
        )
    rest = iter(names)
    return list(iter(lambda: tuple(islice(rest, STREAMS)), ()))


def _is_of(stream: str, interface: str) -> bool:
    return stream == interface or stream.startswith(f"{interface}-")


def _can_hold(stream: dict[str, Any], only: Only) -> bool:
    first, last = stream.get("firstEventTimestamp"), stream.get("lastEventTimestamp")
    late = only.end is not None and first is not None and first >= only.end.timestamp() * 1000
    early = last is not None and only.start is not None and last < (only.start - BEFORE - STALE).timestamp() * 1000
    return not (late or early)


def _spans(streams: list[dict[str, Any]], tz: str) -> str:
    first = min(s.get("firstEventTimestamp", 0) for s in streams)
    last = max(s.get("lastEventTimestamp", 0) for s in streams)
    begin, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (first, last))
    return f"from {spoken(begin, tz)} to {spoken(end, tz)}"


def _rate(group: dict[str, Any], now: datetime) -> float:
    """Return about how many bytes a second the group has taken in."""
    age: float = now.timestamp() - group.get("creationTime", 0) / 1000
    kept: float = group.get("retentionInDays", 36_500) * 86_400
    return float(group.get("storedBytes", 0)) / max(1.0, min(age, kept))
