"""Events by FilterLogEvents: free of charge, a page of at most 10,000 events or 1 MB at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from flowkit.access import told
from flowkit.sources.cloudwatch.slices import Event, Slice


def events(client: Any, o: Slice) -> Iterator[Event]:
    """Yield every event of a slice."""
    for page in _pages(client, o.group, o.streams, (o.begin, o.until)):
        yield from (Event(str(e["timestamp"]), e.get("logStreamName", ""), e["message"]) for e in page)


def look(client: Any, slices: Sequence[Slice], count: int) -> list[str]:
    """Return a few events of some slices, none where there are none."""
    whole = min(o.begin for o in slices), max(o.until for o in slices)
    for streams in dict.fromkeys(o.streams for o in slices):
        for page in _pages(client, slices[0].group, streams, whole, limit=count):
            if page:
                return [event["message"] for event in page]
    return []


def _pages(
    client: Any, group: str, streams: Sequence[str], span: tuple[datetime, datetime], **more: int
) -> Iterator[list[dict[str, Any]]]:
    """Yield the events of a span a page at a time; a page may be empty and others follow."""
    begin, until = (int(moment.timestamp() * 1000) for moment in span)
    among = {"logStreamNames": list(streams)} if streams else {}
    pages = client.get_paginator("filter_log_events")
    with told(f"reading the events of {group}", "logs:FilterLogEvents"):
        for page in pages.paginate(logGroupName=group, startTime=begin, endTime=until - 1, **among, **more):
            # Whether the end counts must not matter: no event may be in two slices.
            yield [event for event in page["events"] if begin <= event["timestamp"] < until]
