"""Events by FilterLogEvents: free of charge, a page of at most 10,000 events or 1 MB at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowkit.access import told
from flowkit.sources.cloudwatch.group import Slice


def messages(client: Any, slice_: Slice) -> Iterator[str]:
    """Yield the text of every event of a slice; a page may be empty and others follow."""
    begin, until = (int(moment.timestamp() * 1000) for moment in (slice_.begin, slice_.until))
    ask = {"logGroupName": slice_.group, "startTime": begin, "endTime": until - 1}
    if slice_.streams:
        ask["logStreamNames"] = list(slice_.streams)
    with told(f"reading the events of {slice_.group}", "logs:FilterLogEvents"):
        for page in client.get_paginator("filter_log_events").paginate(**ask):
            for event in page["events"]:
                if begin <= event["timestamp"] < until:  # An end that counts must not give an event to two slices.
                    yield event["message"]
