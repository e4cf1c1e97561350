"""The time axis of a panel: its ends, its clock, and the steps that a slider and a brush stop at."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flowkit.errors import TimeError
from flowkit.times import EPOCH, Clock, to_utc

_MINUTES = (1, 5, 10, 15, 30, 60, 180, 360, 720, 1440)
_MOST_STEPS = 240
_MS = timedelta(milliseconds=1)

_TIME_OF_DAY = re.compile(r"\d\d?:\d\d(:\d\d)?")

Ends = tuple[datetime | None, datetime | None]
"""The two ends of a time range, in UTC; None is open: as far as the flows go."""


@dataclass(frozen=True)
class Span:
    """From when to when some flows go, and the clock they are shown with."""

    start: datetime
    end: datetime
    clock: Clock

    @property
    def minutes(self) -> int:
        """The length of a step: a minute, or more where that would make more than 240 steps.

        >>> day = EPOCH
        >>> [Span(day, day + timedelta(days=n), Clock("UTC", timedelta(0))).minutes for n in (1, 7, 400)]
        [10, 60, 2880]
        """
        length = (self.end - self.start) / timedelta(minutes=1)
        days = -(-length // (1440 * _MOST_STEPS))
        return next((m for m in _MINUTES if length / m <= _MOST_STEPS), int(days) * 1440)

    @property
    def steps(self) -> list[datetime]:
        """The moments a slider can stand on, the ends of the timeline's bins.

        >>> day = EPOCH
        >>> span = Span(day + timedelta(seconds=10), day + timedelta(seconds=130), Clock("UTC", timedelta(0)))
        >>> [f"{moment:%H:%M:%S}" for moment in span.steps]
        ['00:00:00', '00:01:00', '00:02:00', '00:03:00']
        """
        step = timedelta(minutes=self.minutes)
        first, last = (self.start - EPOCH) // step, -((EPOCH - self.end) // step)
        return [EPOCH + n * step for n in range(first, max(last, first + 1) + 1)]

    def clip(self, ends: Ends) -> Ends:
        """Return a time range with the ends open that reach the end of the flows.

        Raises `TimeError` where the range has no time in it, or none in common with the flows.
        """
        start, end = ends
        if (start and start >= self.end) or (end and end <= self.start):
            raise TimeError(f"there are no flows then: they go from {self.show(self.start)} to {self.show(self.end)}")
        if start and end and end <= start:
            raise TimeError(f"the range ends before it starts: {self.show(start)} to {self.show(end)}")
        return start if start and start > self.start else None, end if end and end < self.end else None

    def read(self, text: str, name: str) -> datetime | None:
        """Return what was typed as a moment: on the clock shown if it has no offset of its own, open if it is empty.

        A time of day alone is of the day on which there are flows then.

        >>> tokyo = Clock("Asia/Tokyo", timedelta(hours=9))
        >>> span = Span(EPOCH, EPOCH + timedelta(hours=20), tokyo)
        >>> span.read("2026-05-14 23:00", "start")
        datetime.datetime(2026, 5, 14, 14, 0, tzinfo=datetime.timezone.utc)
        >>> span.show(span.read("01:10", "start"))
        '1970-01-02 01:10:00'
        """
        if not _TIME_OF_DAY.fullmatch(text.strip()):
            return to_utc(text, self.clock.tz, name=name)
        time, zone = f"{text.strip():0>{5 if text.count(':') == 1 else 8}}", ZoneInfo(self.clock.tz)
        first, last = (moment.astimezone(zone).date() for moment in (self.start, self.end))
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        moments = [m for day in days if (m := to_utc(f"{day} {time}", self.clock.tz, name=name))]
        near = [m for m in moments if self.start <= m <= self.end]
        if len(near) > 1:
            raise TimeError(f"{name} '{time}' comes on {len(near)} days: write it with its day")
        return min(near or moments, key=lambda moment: max(self.start - moment, moment - self.end))

    def nearest(self, ends: Ends) -> tuple[datetime, datetime]:
        """Return the steps nearest to a time range, at least one apart; where it is open, the outermost."""
        steps = self.steps
        low, high = ends[0] or steps[0], ends[1] or steps[-1]
        first = min(steps[:-1], key=lambda step: abs(step - low))
        return first, min((step for step in steps if step > first), key=lambda step: abs(step - high))

    def from_brush(self, value: Mapping[str, Sequence[float]] | None, drawn: Clock) -> Ends:
        """Return the time range of a brush, which Vega tells in milliseconds of the clock drawn; none is open."""
        if not value:
            return None, None
        low, high = (EPOCH + at * _MS - drawn.offset for at in sorted(next(iter(value.values()))))
        return self.nearest((low, high))

    def to_brush(self, ends: Ends, drawn: Clock) -> tuple[int, ...]:
        """Return where a brush stands for a time range: around every bin in it, and nowhere for an open one."""
        if ends == (None, None):
            return ()
        first, last = ends[0] or self.start, ends[1] or self.end
        begun = max(step for step in self.steps if step <= first)
        return tuple((moment + drawn.offset - EPOCH) // _MS for moment in (begun, last - _MS))

    def show(self, moment: datetime, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Return a moment as the panel's clock shows it."""
        return self.clock.show(moment, fmt)
