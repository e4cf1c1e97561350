"""Events of a CloudWatch Logs group as slices of time: which ones there are (`group`), and how they come (`fetch`)."""

from __future__ import annotations

from pathlib import Path

from flowkit.access import Access
from flowkit.sources.cloudwatch import events, insights
from flowkit.sources.cloudwatch.group import find
from flowkit.sources.cloudwatch.lines import Lines
from flowkit.sources.cloudwatch.slices import Slice

__all__ = ["Slice", "fetch", "find"]


def fetch(slice_: Slice, target: Path, access: Access) -> None:
    """Write the events of a slice to a file: a line each, below a header.

    Raises `AwsError` where AWS refuses, or a slice cannot be had whole.
    """
    lines = Lines(slice_.formats, slice_.group)
    client = access.client("logs", slice_.region)
    with target.open("w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
        file.write(lines.header)
        for message in (insights if slice_.insights else events).messages(client, slice_):
            file.write(lines.line(message))
