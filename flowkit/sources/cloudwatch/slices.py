"""A slice of a log group: the events of some streams in a stretch of time, read once and kept."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from flowkit.sources.objects import Object

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Event(NamedTuple):
    """An event: its time, in milliseconds or as Logs Insights writes it, its stream and its text."""

    time: str
    stream: str
    message: str


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

    def places(self, lines: Collection[int]) -> dict[int, str]:
        """Return time and stream of the events on some lines of the file that the slice came in, to find them by."""
        wanted, found = set(lines), {}
        with beside(Path(self.path)).open(encoding="utf-8", errors="surrogatepass") as file:
            for number, line in enumerate(file, start=2):  # The first line of the other file is its header.
                if number in wanted:
                    time, _, stream = line.rstrip("\n").partition("\t")
                    found[number] = f"{_shown(time)} {stream}"
        return found


def beside(path: Path) -> Path:
    """Return the file that holds time and stream of each event, beside that of their texts."""
    return path.with_name(f"{path.name}.places")


def _shown(time: str) -> str:
    """Return the time of an event as CloudWatch Logs shows it.

    >>> _shown("1795449900123"), _shown("2026-11-23 16:05:00.123")
    ('2026-11-23T16:05:00.123Z', '2026-11-23T16:05:00.123Z')
    """
    if time.isdecimal():
        return f"{datetime.fromtimestamp(int(time) / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{time[-3:]}Z"
    return f"{time.replace(' ', 'T')}Z"
