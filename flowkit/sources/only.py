"""Which part of a source is wanted: accounts, regions, flow logs, interfaces, a span; read off AWS's names of keys."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowkit.sources.objects import AFTER, BEFORE, can_hold, slot_of
from flowkit.times import spoken

Period = tuple[datetime, datetime]

_NAME = re.compile(r"(?P<account>[^_/]+)_vpcflowlogs_(?P<region>[a-z0-9-]+)_(?P<flow_log>fl-[0-9a-z]+)_\d{8}T\d{4}Z_")
"""How AWS names an object (VPC User Guide, "Flow log files")."""

_ORGANISATION = re.compile(r"o-[a-z0-9]{10,32}")

_FOLDERS = {
    "account": "aws-account-id",
    "service": "aws-service",
    "region": "aws-region",
    "year": "year",
    "month": "month",
    "day": "day",
    "hour": "hour",
}
"""The folders below `AWSLogs/`, in their order, with the names they have in the Hive-compatible layout."""


def flow_log_of(name: str) -> str | None:
    """Return the id of the flow log that an object's name tells: all its objects have one format.

    >>> flow_log_of("123456789010_vpcflowlogs_eu-west-1_fl-0a1b_20261123T1620Z_1ce1bf4b.log.gz")
    'fl-0a1b'
    """
    found = _NAME.search(name)
    return found["flow_log"] if found else None


def folders(prefix: str) -> dict[str, str]:
    """Return what the folders of a key say of what lies in them, nothing outside AWS's layouts.

    >>> folders("logs/AWSLogs/123456789010/vpcflowlogs/eu-west-1/2026/05/")
    {'account': '123456789010', 'service': 'vpcflowlogs', 'region': 'eu-west-1', 'year': '2026', 'month': '05'}
    >>> folders("AWSLogs/o-a1b2c3d4e5/aws-account-id=1/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2026/")
    {'account': '1', 'service': 'vpcflowlogs', 'region': 'eu-west-1', 'year': '2026'}
    """
    _, found, below = f"/{prefix}".rpartition("/AWSLogs/")
    steps = below.split("/")[:-1] if found else []
    if steps and _ORGANISATION.fullmatch(steps[0]):
        steps = steps[1:]
    return {level: step.removeprefix(f"{hive}=") for (level, hive), step in zip(_FOLDERS.items(), steps, strict=False)}


def period(said: dict[str, str]) -> Period | None:
    """Return the time that a folder covers, None where its name tells none.

    >>> period({"year": "2026", "month": "12"})[1]
    datetime.datetime(2027, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    levels = [level for level in ("year", "month", "day", "hour") if level in said]
    try:
        year, month, day, hour = (int(said.get(level, first)) for level, first in _FIRST.items())
        start = datetime(year, month, day, hour, tzinfo=UTC)
        return (start, _after(start, levels[-1])) if levels else None
    except (ValueError, OverflowError):
        return None


_FIRST = {"year": "1", "month": "1", "day": "1", "hour": "0"}


def _after(start: datetime, level: str) -> datetime:
    if level == "year":
        return start.replace(year=start.year + 1)
    if level == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + (timedelta(days=1) if level == "day" else timedelta(hours=1))


@dataclass(frozen=True)
class Only:
    """What is wanted of a source; None wants all."""

    start: datetime | None = None
    end: datetime | None = None
    accounts: Collection[str] | None = None
    regions: Collection[str] | None = None
    flow_log_ids: Collection[str] | None = None
    interfaces: Collection[str] | None = None
    tz: str = "UTC"
    """The zone that times are told in."""

    @property
    def period(self) -> Period:
        """When the slots of objects that can hold the span begin, at the earliest and at the latest."""
        first = datetime.min.replace(tzinfo=UTC) if self.start is None else self.start - BEFORE
        last = datetime.max.replace(tzinfo=UTC) if self.end is None else self.end + AFTER
        return first, last

    def folder(self, prefix: str) -> bool:
        """Return whether a folder can hold what is wanted."""
        said = folders(prefix)
        first, last = self.period
        time = period(said)
        return (
            said.get("service", "vpcflowlogs") == "vpcflowlogs"
            and _is_in(said.get("account"), self.accounts)
            and _is_in(said.get("region"), self.regions)
            and (time is None or (time[0] < last and time[1] > first))
        )

    def whole(self, prefix: str) -> bool:
        """Return whether nothing but flow logs of the wanted regions and span can lie in a folder of AWS's layouts."""
        said = folders(prefix)
        first, last = self.period
        time = period(said)
        timeless = self.start is None and self.end is None
        return (
            "service" in said
            and (self.regions is None or "region" in said)
            and (timeless or (time is not None and time[0] >= first and time[1] <= last))
        )

    def key(self, key: str) -> bool:
        """Return whether an object is wanted; where an account, region or flow log is asked for, its key must tell."""
        slot = slot_of(key)
        name = _NAME.search(key)
        said = {**folders(key), **(name.groupdict() if name else {})}
        return (
            (slot is None or can_hold(slot, self.start, self.end))
            and (self.accounts is None or said.get("account") in self.accounts)
            and (self.regions is None or said.get("region") in self.regions)
            and (self.flow_log_ids is None or said.get("flow_log") in self.flow_log_ids)
        )

    def after(self, key: str) -> str:
        """Return the key after which a listing goes on: what cannot be wanted is leapt over.

        Within a folder the keys of a flow log lie together, in the order of their times.
        """
        name, slot = _NAME.search(key), slot_of(key)
        if not name or slot is None:
            return key
        first, last = self.period
        log, head = name["flow_log"], key[: name.start("flow_log")]
        if not _is_in(log, self.flow_log_ids):
            return f"{head}{min((wanted for wanted in self.flow_log_ids or () if wanted > log), default='fl-~')}"
        if slot >= last:
            return f"{head}{log}_~"
        return max(key, f"{head}{log}_{first:%Y%m%dT%H%MZ}") if slot < first else key

    def words(self) -> str:
        """Return what is asked for in words."""
        asked = [f"{what} {', '.join(sorted(set(which)))}" for what, which in self._asked() if which is not None]
        since = f"from {spoken(self.start, self.tz)}" if self.start else ""
        until = f"to {spoken(self.end, self.tz)}" if self.end else ""
        return " ".join(filter(None, ["flow logs", f"of {' '.join(asked)}" if asked else "", since, until]))

    def _asked(self) -> list[tuple[str, Collection[str] | None]]:
        return [
            ("account", self.accounts),
            ("region", self.regions),
            ("flow log", self.flow_log_ids),
            ("interface", self.interfaces),
        ]


def _is_in(value: str | None, wanted: Collection[str] | None) -> bool:
    return value is None or wanted is None or value in wanted
