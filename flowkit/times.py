"""Time: UTC inside, the user's zone outside.

Tables hold `Datetime("ms", "UTC")`. Charts draw the clock of the zone the user named; because Vega only knows UTC and
the browser's own zone, a chart gets its times moved by the zone's offset at the start of the span and is drawn as UTC.
The offset is fixed for the whole picture, so it can be taken back exactly (a brush gives true times), and its name is
in view.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flowkit.errors import TimeError


def zone(tz: str) -> ZoneInfo:
    """Return the named zone.

    >>> zone("Asia/Tokyo")
    zoneinfo.ZoneInfo(key='Asia/Tokyo')
    >>> zone("Tokio")
    Traceback (most recent call last):
    flowkit.errors.TimeError: no time zone is called 'Tokio': use an IANA name such as 'Asia/Tokyo', ...
    """
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise TimeError(
            f"no time zone is called {tz!r}: use an IANA name such as 'Asia/Tokyo', 'Europe/Paris' or 'UTC'"
        ) from None


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
    if first.utcoffset() != second.utcoffset():
        raise TimeError(
            f"{name} '{when:%Y-%m-%d %H:%M}' falls into a clock change in {tz} and names no single moment: "
            "write it with its offset, as '2026-10-25T02:30+01:00'"
        )
    return first


def span(
    start: str | datetime | None, end: str | datetime | None, tz: str = "UTC"
) -> tuple[datetime | None, datetime | None]:
    """Return (start, end) in UTC, either of them None where it was not given.

    >>> span("2026-05-14 23:00", "2026-05-14 22:00")
    Traceback (most recent call last):
    flowkit.errors.TimeError: the span ends before it starts: 2026-05-14 23:00 to 2026-05-14 22:00 UTC
    """
    zone(tz)
    first, last = to_utc(start, tz, name="start"), to_utc(end, tz, name="end")
    if first and last and last <= first:
        raise TimeError(f"the span ends before it starts: {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC")
    return first, last


@dataclass(frozen=True)
class Clock:
    """The clock a picture or a table is drawn with: a zone and the one offset it has in it."""

    tz: str
    offset: timedelta

    @property
    def label(self) -> str:
        """The zone's name with its offset, as it stands on every axis: `Asia/Tokyo (UTC+9)`."""
        return self.tz if self.tz == "UTC" else f"{self.tz} ({_signed(self.offset)})"

    def show(self, moment: datetime, fmt: str = "%Y-%m-%d %H:%M:%S") -> str:
        """Return a moment as this clock shows it."""
        return (moment.astimezone(UTC) + self.offset).strftime(fmt)


def clock(tz: str, moment: datetime) -> Clock:
    """Return the clock of a zone as it goes at `moment`.

    >>> clock("Asia/Kolkata", datetime(2026, 5, 14, tzinfo=UTC)).label
    'Asia/Kolkata (UTC+5:30)'
    >>> clock("America/New_York", datetime(2026, 1, 14, tzinfo=UTC)).show(datetime(2026, 1, 14, 12, 0, tzinfo=UTC))
    '2026-01-14 07:00:00'
    """
    return Clock(tz, moment.astimezone(zone(tz)).utcoffset() or timedelta(0))


def _signed(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")
