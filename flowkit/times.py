"""Time: UTC inside, the user's zone outside.

Tables hold `Datetime("ms", "UTC")`. Charts draw the clock of the zone the user named; because Vega only knows UTC and
the browser's own zone, a chart gets its times moved by the zone's offset at the start of the span and is drawn as UTC.
The offset is fixed for the whole picture, so that no minute is drawn twice or left out where the clocks change, and it
can be taken back exactly (a brush gives true times). What the axis says is the clock's own time on either side of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from flowkit.errors import TimeError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Where Unix time and Vega's begin."""


def zone(tz: str) -> ZoneInfo:
    """Return the named zone.

    >>> zone("Asia/Tokyo")
    zoneinfo.ZoneInfo(key='Asia/Tokyo')
    >>> zone("tokio")
    Traceback (most recent call last):
    flowkit.errors.TimeError: no time zone is called 'tokio': did you mean 'Asia/Tokyo'?
    """
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        near = _near(str(tz))
        hint = f"did you mean {near!r}?" if near else "use an IANA name such as 'Asia/Tokyo', 'Europe/Paris' or 'UTC'"
        raise TimeError(f"no time zone is called {tz!r:.60}: {hint}") from None


def _near(name: str) -> str | None:
    """Return the zone that was probably meant: its name in other letters, its city alone, or something like them."""
    # Names with a number, as Etc/GMT+9, mean the opposite of what most people take them for.
    named = sorted(place for place in available_timezones() if not re.search(r"\d", place))
    places = {place.casefold(): place for place in named}
    cities = {place.rpartition("/")[2]: whole for place, whole in places.items() if "/" in place}
    word = name.strip().casefold().replace(" ", "_")
    for known in (places, cities):
        if alike := get_close_matches(word, known, 1, 0.8):
            return known[alike[0]]
    return None


def spoken(moment: datetime, tz: str = "UTC") -> str:
    """Return a moment to the minute, with the zone it is told in.

    >>> spoken(datetime(2026, 5, 14, 14, 0, tzinfo=UTC), "Asia/Tokyo")
    '2026-05-14 23:00 Asia/Tokyo'
    """
    return f"{clock(tz, moment).show(moment, '%Y-%m-%d %H:%M')} {tz}"


def to_utc(moment: str | datetime | None, tz: str = "UTC", *, name: str = "time") -> datetime | None:
    """Return a moment the user gave as an aware UTC datetime; one without an offset is in `tz`.

    A local time that a clock change skips or repeats is refused, because it names no moment or two.

    >>> to_utc("2026-05-14 23:00", "Asia/Tokyo")
    datetime.datetime(2026, 5, 14, 14, 0, tzinfo=datetime.timezone.utc)
    >>> to_utc("2026-05-14T23:00Z", "Asia/Tokyo")
    datetime.datetime(2026, 5, 14, 23, 0, tzinfo=datetime.timezone.utc)
    >>> to_utc("yesterday", name="start")
    Traceback (most recent call last):
    flowkit.errors.TimeError: start 'yesterday' is not a time: write it as '2026-05-14 23:00' or ...
    """
    if moment is None or moment == "":
        return None
    try:
        when = moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment).strip())
    except ValueError:
        raise TimeError(
            f"{name} {str(moment)!r} is not a time: write it as '2026-05-14 23:00' or '2026-05-14T23:00+09:00'"
        ) from None
    if when.tzinfo is None:
        when = _local(when, tz, name)
    try:
        return when.astimezone(UTC)
    except OverflowError:
        raise TimeError(f"{name} {str(moment)!r} lies outside the years a clock can show") from None


def _local(when: datetime, tz: str, name: str) -> datetime:
    first, second = (when.replace(tzinfo=zone(tz), fold=fold) for fold in (0, 1))
    before, after = _offset(first), _offset(second)
    said = f"{name} '{when:%Y-%m-%d %H:%M}'"
    if before < after:
        instead = first.astimezone(UTC).astimezone(zone(tz))
        raise TimeError(f"{said} does not exist in {tz}, where the clocks go forward: write {instead:%H:%M} instead")
    if before > after:
        ways = " or ".join(f"'{moment.isoformat(timespec='minutes')}'" for moment in (first, second))
        raise TimeError(f"{said} comes twice in {tz}, where the clocks go back: write {ways}")
    return first


def span(
    start: str | datetime | None, end: str | datetime | None, tz: str = "UTC"
) -> tuple[datetime | None, datetime | None]:
    """Return (start, end) in UTC, either of them None where it was not given.

    >>> span("2026-05-14 23:00", "2026-05-14 22:00")
    Traceback (most recent call last):
    flowkit.errors.TimeError: the span ends before it starts: 2026-05-14 23:00 UTC to 2026-05-14 22:00 UTC
    """
    zone(tz)
    first, last = to_utc(start, tz, name="start"), to_utc(end, tz, name="end")
    if first and last and last <= first:
        raise TimeError(f"the span ends before it starts: {spoken(first, tz)} to {spoken(last, tz)}")
    return first, last


@dataclass(frozen=True)
class Clock:
    """The clock a picture or a table is drawn with: a zone, and what it does in the time that is shown."""

    tz: str
    offset: timedelta
    """The offset at the beginning, which a picture is drawn with."""
    changes: tuple[tuple[datetime, timedelta], ...] = ()
    """When the clocks change, and the offset from then on."""

    @property
    def label(self) -> str:
        """The zone's name with its offset, as it stands on every axis.

        `Asia/Tokyo (UTC+9)`; where the clocks change, `Europe/Berlin (UTC+2 until 25 Oct 03:00, then UTC+1)`.
        """
        if not self.changes:
            return self.tz if self.tz == "UTC" else f"{self.tz} ({_signed(self.offset)})"
        offsets = [self.offset, *(offset for _, offset in self.changes)]
        if len(self.changes) > _TOLD:
            both = " and ".join(dict.fromkeys(map(_signed, offsets)))
            return f"{self.tz} ({both}: the clocks change {len(self.changes)} times)"
        ends = [f"{moment + offset:%d %b %H:%M}" for (moment, _), offset in zip(self.changes, offsets, strict=False)]
        parts = [f"{_signed(offset)} until {end}" for offset, end in zip(offsets, ends, strict=False)]
        return f"{self.tz} ({', '.join(parts)}, then {_signed(offsets[-1])})"

    def show(self, moment: datetime, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Return a moment as this clock shows it; a time of day that comes twice has its offset behind it."""
        try:
            local = moment.astimezone(zone(self.tz))
        except OverflowError:
            local = moment
        twice = "%H" in fmt and _offset(local.replace(fold=0)) > _offset(local.replace(fold=1))
        return local.strftime(fmt) + (local.isoformat()[-6:] if twice else "")


_TOLD = 2
"""How many clock changes a label names one by one."""

_LONGEST = timedelta(days=3660)
"""How far clock changes are looked for: what seems longer is a broken record."""

_WEEK = timedelta(days=7)


def clock(tz: str, first: datetime, last: datetime | None = None) -> Clock:
    """Return the clock of a zone as it goes from `first` to `last`.

    >>> clock("Asia/Kolkata", datetime(2026, 5, 14, tzinfo=UTC)).label
    'Asia/Kolkata (UTC+5:30)'
    >>> berlin = clock("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC))
    >>> berlin.label
    'Europe/Berlin (UTC+2 until 25 Oct 03:00, then UTC+1)'
    >>> [berlin.show(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), "%H:%M") for hour in (0, 1, 2)]
    ['02:30+02:00', '02:30+01:00', '03:30']
    """
    there = zone(tz)
    begin = first.astimezone(UTC)
    end = begin + min(max(last - first, timedelta(0)), _LONGEST) if last else begin
    return Clock(tz, _offset_at(there, begin), tuple(_changes(there, begin, end)))


def _changes(there: ZoneInfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """Yield the moments after `begin` and until `end` at which a zone's offset changes; none has two in a week."""
    while begin < end:
        until = begin + min(_WEEK, end - begin)
        if (new := _offset_at(there, until)) != _offset_at(there, begin):
            low, high = begin, until
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (low, middle) if _offset_at(there, middle) == new else (middle, high)
            yield high.replace(microsecond=0), new
        begin = until


def _offset_at(there: ZoneInfo, moment: datetime) -> timedelta:
    try:
        return _offset(moment.astimezone(there))
    except OverflowError:
        return timedelta(0)


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def _signed(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")
