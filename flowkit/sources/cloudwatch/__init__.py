"""Events of a CloudWatch Logs group as slices of time: which ones there are (`group`), and how they come (`fetch`)."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from flowkit.access import Access
from flowkit.sources.cloudwatch import events, insights
from flowkit.sources.cloudwatch.group import find
from flowkit.sources.cloudwatch.lines import Lines
from flowkit.sources.cloudwatch.slices import Slice, beside

__all__ = ["Slice", "beside", "fetch", "find"]


def fetch(slice_: Slice, target: Path, access: Access) -> None:
    """Write the events of a slice to a file, a line each below a header, and where they stand to one beside it.

    Raises `AwsError` where AWS refuses, or a slice cannot be had whole.
    """
    lines = Lines(slice_.formats, slice_.group)
    client = access.client("logs", slice_.region)
    with _written(target) as file, _written(beside(target)) as places:
        file.write(lines.header)
        for event in (insights if slice_.insights else events).events(client, slice_):
            file.write(lines.line(event.message))
            places.write(f"{event.time}\t{event.stream}\n")


def _written(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", errors="surrogatepass", newline="\n")
