"""Names for addresses and interfaces: from what AWS said once and was saved, and from the ranges a user gives.

Nobody is asked for a name when one is needed: there is no look-up service behind this. A name comes with the time it
was true, where that is known, and is used only then: addresses are given to others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

import polars as pl

from flowkit.errors import KnowledgeError

COLUMNS = (
    *("srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr", "target", "checker", "client", "server"),
    *("interface_id", "next_hop_interface_id"),
)
"""The columns of tables that hold addresses (with a port or without) or interfaces."""

SLACK = timedelta(seconds=60)
"""The times of a record may be up to 60 s off (VPC User Guide, "Flow log records")."""

# A label is one line of a chart, in which the name may be cut, never the address.
_LINE, _LONGEST, _SHORTEST = 60, 36, 12
_SPANS = (("first_seen", "last_seen"), ("start", "end"), ("time", "time"))


@dataclass(frozen=True)
class Name:
    """What an address or an interface is called, what kind of thing it is, and when that was true (UTC), if known.

    >>> Name("10.0.1.5", "api-1", "instance").name
    'api-1'
    """

    address: str
    name: str
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, first: datetime | None, last: datetime | None) -> bool:
        """Return whether the name was true from `first` to `last`, as far as is known."""
        begun = self.since is None or first is None or first >= self.since - SLACK
        return begun and (self.until is None or last is None or last <= self.until + SLACK)


@dataclass(frozen=True)
class Ranges:
    """The address ranges of AWS's services, as in the `ip-ranges.json` that AWS publishes."""

    services: dict[tuple[int, int, int], str] = field(default_factory=dict, repr=False)
    """By IP version, length of the prefix and its number: the service and its region."""

    @cached_property
    def _lengths(self) -> list[tuple[int, int]]:
        """The lengths that occur, the longest first: the longest prefix is the one that tells most."""
        return sorted({(version, length) for version, length, _ in self.services}, reverse=True)

    def of(self, address: str) -> str | None:
        """Return the service an address belongs to, as "AWS S3 eu-west-1", None for an address of nobody's."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return None
        for version, length in self._lengths:
            if version == parsed.version:
                number = int(parsed) >> (parsed.max_prefixlen - length)
                if found := self.services.get((version, length, number)):
                    return found
        return None


def ranges(path: str | Path) -> Ranges:
    """Return the ranges in a file of the form of AWS's `ip-ranges.json`.

    Raises `KnowledgeError` where the file cannot be read or is not of that form.
    """
    try:
        held = json.loads(Path(path).expanduser().read_text("utf-8"))
        rows = [(ip_network(row["ip_prefix"]), row) for row in held["prefixes"]]
        rows += [(ip_network(row["ipv6_prefix"]), row) for row in held.get("ipv6_prefixes", [])]
        # What tells least first, so that the last one written tells most: every prefix is AMAZON's too.
        rows.sort(key=lambda row: (row[1]["service"] not in ("AMAZON", "EC2"), row[1]["service"] == "EC2"))
        return Ranges({_key(network): f"AWS {_clean(r['service'])} {_clean(r['region'])}" for network, r in rows})
    except OSError as error:
        raise KnowledgeError(f"the address ranges {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KnowledgeError(
            f"{path} is not AWS's list of address ranges: give the file ip-ranges.json as AWS publishes it"
        ) from None


@dataclass(frozen=True)
class Names:
    """Names to show beside addresses and interfaces; give it to a chart as `names=`.

    >>> names = Names([Name("10.0.1.5", "api-1")])
    >>> names.label("10.0.1.5"), names.label("10.0.1.5:80"), names.label("10.9.9.9")
    ('api-1 10.0.1.5', 'api-1 10.0.1.5:80', '10.9.9.9')
    """

    entries: Sequence[Name] = ()
    ranges: Ranges = field(default_factory=Ranges)
    span: tuple[datetime | None, datetime | None] = (None, None)
    """The time that is meant where a table has none."""

    def __bool__(self) -> bool:
        return bool(self.entries or self.ranges.services)

    def __iter__(self) -> Iterator[Name]:
        return iter(self.entries)

    def within(self, start: datetime | None, end: datetime | None) -> Names:
        """Return the same names, for tables of this span."""
        return replace(self, span=(start, end))

    @cached_property
    def _by_address(self) -> dict[str, list[Name]]:
        found: dict[str, list[Name]] = {}
        for entry in self.entries:
            found.setdefault(_canonical(entry.address), []).append(replace(entry, name=_clean(entry.name)))
        return found

    def of(self, value: str, first: datetime | None = None, last: datetime | None = None) -> str | None:
        """Return the name of an address or interface from `first` to `last`; None where none is known for then.

        Where two names were true, both are given: nobody knows which it was.
        """
        address = _canonical(_bare(value))
        start, end = (first, last) if first or last else self.span
        known = [entry.name for entry in self._by_address.get(address, ()) if entry.holds(start, end)]
        return " or ".join(dict.fromkeys(known)) or self.ranges.of(address)

    def label(self, value: str, first: datetime | None = None, last: datetime | None = None) -> str:
        """Return the value with its name before it, or as it is."""
        name = self.of(value, first, last)
        return f"{_short(name, _LINE - 1 - len(value))} {value}" if name else value

    def apply(self, table: pl.DataFrame) -> pl.DataFrame:
        """Return a small table with the names before its addresses and interfaces, each for the time of its row.

        >>> from datetime import UTC
        >>> names = Names([Name("10.0.1.5", "api-1", since=datetime(2026, 5, 14, 12, tzinfo=UTC))])
        >>> hours = [datetime(2026, 5, 14, hour, tzinfo=UTC) for hour in (11, 13)]
        >>> names.apply(pl.DataFrame({"srcaddr": "10.0.1.5", "time": hours}))["srcaddr"].to_list()
        ['10.0.1.5', 'api-1 10.0.1.5']
        """
        held = [name for name in COLUMNS if self and table.schema.get(name) == pl.String]
        return table.with_columns(self._column(table, name) for name in held)

    def _column(self, table: pl.DataFrame, column: str) -> pl.Series:
        """Return a column with its names: one for a value whose names hold all along, else one for each row's time."""
        first, last = next((span for span in _SPANS if set(span) <= set(table.columns)), ("", ""))
        span = [pl.col(c).alias(as_) if c else pl.lit(None).alias(as_) for c, as_ in ((first, "a"), (last, "b"))]
        rows = table.select(pl.col(column).alias("value"), *span)
        whole = rows.select(pl.col("a").min(), pl.col("b").max()).row(0)
        values = rows["value"].drop_nulls().unique().to_list()
        steady = {value: self.label(value, *whole) for value in values if self._steady(value, whole)}
        shown = rows["value"].replace(steady)
        if len(steady) < len(values):
            apart = (self.label(v, a, b) if v is not None and v not in steady else None for v, a, b in rows.iter_rows())
            shown = pl.select(pl.coalesce(pl.Series(apart, dtype=pl.String), shown)).to_series()
        return shown.alias(column)

    def _steady(self, value: str, whole: tuple[datetime | None, datetime | None]) -> bool:
        return all(entry.holds(*whole) for entry in self._by_address.get(_canonical(_bare(value)), ()))


def names(entries: Iterable[Name] = (), ip_ranges: str | Path | None = None) -> Names:
    """Return names, with those of AWS's services from an `ip-ranges.json` where one is given."""
    return Names(tuple(entries), ranges(ip_ranges) if ip_ranges else Ranges())


def _bare(value: str) -> str:
    """Return the address in "10.0.1.5:80" or "[fd00::1]:80"."""
    if value.startswith("["):
        return value[1:].partition("]")[0]
    head, colon, _ = value.partition(":")
    return head if colon and value.count(":") == 1 else value


def _canonical(address: str) -> str:
    if ":" not in address:
        return address
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def _key(network: IPv4Network | IPv6Network) -> tuple[int, int, int]:
    shift = network.max_prefixlen - network.prefixlen
    return network.version, network.prefixlen, int(network.network_address) >> shift


def _clean(name: str) -> str:
    """Return a foreign name as one printable line."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(name)[:256]).split())


def _short(name: str, room: int) -> str:
    most = max(_SHORTEST, min(_LONGEST, room))
    return name if len(name) <= most else f"{name[: most - 1]}…"
