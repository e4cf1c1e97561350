"""A slice of a log group: the events of some streams in a stretch of time, read once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flowkit.sources.objects import Object

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Slice(Object):
    """The events of some streams of a group from `begin` to before `until`."""

    group: str = ""
    region: str = ""
    begin: datetime = NEVER
    until: datetime = NEVER
    streams: tuple[str, ...] = ()
    """The streams meant; none means all."""
    formats: tuple[tuple[str, ...], ...] = ()
    """The fields of each format in the group, as far as they are known."""
    insights: bool = False
