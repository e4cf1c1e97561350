"""What a load is going to cost, before it is begun: objects, bytes, flows, time, and what AWS will charge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flowkit import prices
from flowkit.errors import SourceError
from flowkit.sources import Object, Slice
from flowkit.wording import many

RECORD = {"gz": (7, 20), "text": (100, 250), "parquet": (7, 20)}
"""Bytes of a record, from to: 7 to 9 in real captures as gzip, twice that with busier ports and addresses."""

EMPTY = {"gz": (20, 300), "text": (0, 300), "parquet": (1_000, 20_000)}
"""Bytes of an object that holds no record, from to: its header line, packed or not; what Parquet says of columns."""

BYTES_A_SECOND = 12_500_000
"""100 Mbit/s: what a line to AWS is taken to carry."""

FLOWS_A_SECOND = 500_000
"""Flows read, stored and labelled in a second, on two cores."""

SMALL = 20_000_000, 500
"""Bytes and objects up to which a load needs no word."""

ASK = 1_000_000_000, 1.0
"""Bytes and US dollars from which on a person is asked first."""


@dataclass(frozen=True)
class Preflight:
    """What a load is going to read: what is kept from earlier loads does not count."""

    source: str
    objects: int
    bytes: int
    kept: int
    """Objects that are in the cache already."""
    flows: tuple[int, int]
    """How many flows these are, from to."""
    charges: tuple[tuple[str, float], ...]
    """What AWS charges for, in words, with US dollars; none for files on the disk."""
    region: str | None = None
    permissions: tuple[str, ...] = ()
    """What AWS has to allow."""
    guessed: bool = False
    """The bytes are not known, but guessed from what the log group takes in on average."""

    @property
    def dollars(self) -> float:
        """What AWS charges in all."""
        return sum(amount for _, amount in self.charges)

    @property
    def seconds(self) -> float:
        """About how long it takes: transfer and reading overlap, so the longer of the two."""
        reading = sum(self.flows) / 2 / FLOWS_A_SECOND
        return max(reading, self.bytes / BYTES_A_SECOND if self.charges else 0.0)

    @property
    def small(self) -> bool:
        """Whether it needs no word."""
        return self.bytes <= SMALL[0] and self.objects <= SMALL[1] and self.dollars < 0.05

    @property
    def asks(self) -> bool:
        """Whether a person should be asked first: it comes from AWS, and there is much of it."""
        return bool(self.charges) and (self.bytes >= ASK[0] or self.dollars >= ASK[1])

    def check(self, max_gb: float | None) -> None:
        """Raise `SourceError` where more bytes are to be read than a person has allowed."""
        if max_gb is not None and self.bytes > max_gb * 1e9:
            raise SourceError(
                f"{self.source}: {gigabytes(self.bytes)} are to be read, more than the {max_gb:g} GB allowed: "
                "take a shorter span, choose accounts, regions or flow logs, or raise max_gb="
            )

    @property
    def known(self) -> bool:
        """Whether the size is known, or can be guessed at least."""
        return not self.guessed or self.bytes > self.objects

    def line(self) -> str:
        """Return the whole in one line."""
        there = f" ({self.kept:,} more kept from before)" if self.kept else ""
        price = f"; AWS charges {self._price}, an estimate" if self.charges else ""
        rest = (
            f"{between(*self.flows)} flows, about {duration(self.seconds)}" if self.known else "nobody knows how much"
        )
        return f"{self.source}: {many(self.objects, self._unit)} to read, {self._size}{there}, {rest}{price}"

    def text(self) -> str:
        """Return the whole as `flowkit plan` prints it."""
        kept = f" ({self.kept:,} more {'is' if self.kept == 1 else 'are'} kept from earlier loads)" if self.kept else ""
        assumed = f"{FLOWS_A_SECOND:,} flows a second" + (" and 100 Mbit/s" if self.charges else "")
        rows = [(f"{self._unit}s", f"{self.objects:,}{kept}"), ("bytes", self._size)]
        if self.known:
            rows.append(("flows", "none" if self.flows == (0, 0) else between(*self.flows)))
            rows.append(("time", f"about {duration(self.seconds)}, at {assumed}"))
        if self.charges:
            rows.append(("AWS charges", self._price))
            rows += [("", f"{words}: {self._amount(amount)}") for words, amount in self.charges]
            rows.append(("prices", f"noted {prices.NOTED} from {prices.SOURCE}: estimates"))
        if self.permissions:
            rows.append(("permissions", ", ".join(self.permissions)))
        return "\n".join([self.source, *(f"  {name:<13}{words}" for name, words in rows)])

    @property
    def _price(self) -> str:
        return self._amount(self.dollars) if self.known else "by the GB"

    def _amount(self, amount: float) -> str:
        return prices.dollars(amount) if self.known else "for an unknown amount"

    @property
    def _unit(self) -> str:
        return "slice" if self.guessed else "object"

    @property
    def _size(self) -> str:
        if not self.guessed:
            return gigabytes(self.bytes)
        if self.known:
            return f"about {gigabytes(self.bytes)}, guessed from what the group stores"
        return "an unknown number: AWS does not say what the group stores"


def preflight(
    source: str, objects: Sequence[Object], held: Collection[str] = (), *, region: str | None = None, listed: int = 0
) -> Preflight:
    """Return what reading these objects takes; those whose identity is in `held` are kept from before.

    `listed` is how many requests the listing took: the load makes them again.

    >>> from flowkit.sources import find
    >>> import flowkit as fk
    >>> preflight("incident", find(fk.samples("incident") + "/AWSLogs")).flows
    (13722, 39327)
    """
    fresh = [o for o in objects if o.identity not in held]
    size = sum(o.size for o in fresh)
    slices = [o for o in fresh if isinstance(o, Slice)]
    flows = [sum(ends) for ends in zip(*map(_flows, fresh), strict=True)] or [0, 0]
    bucket = source.startswith("s3://")
    charges = _bucket(len(fresh), size, listed, region) if bucket else _group(slices, size, region)
    return Preflight(
        source,
        objects=len(fresh),
        bytes=size,
        kept=len(objects) - len(fresh),
        flows=(flows[0], flows[1]),
        charges=charges if fresh else (),
        region=region,
        permissions=BUCKET if bucket else _permissions([o for o in objects if isinstance(o, Slice)]),
        guessed=bool(slices),
    )


def _flows(o: Object) -> tuple[int, int]:
    """Return how many flows an object may hold, from to."""
    form = "parquet" if o.name.endswith(".parquet") else "gz" if o.name.endswith((".gz", ".zip")) else "text"
    (least, most), (small, large) = RECORD[form], EMPTY[form]
    return max(0, o.size - large) // most, max(0, o.size - small) // least


BUCKET = ("s3:ListBucket", "s3:GetObject (kms:Decrypt where a key of your own encrypts the objects)")
"""What reading a bucket takes."""


def _permissions(slices: Sequence[Slice]) -> tuple[str, ...]:
    """Return what reading a log group takes."""
    if not slices:
        return ()
    streams = ("logs:DescribeLogStreams",) if slices[0].streams else ()
    reading = ("logs:StartQuery", "logs:GetQueryResults") if slices[0].insights else ("logs:FilterLogEvents",)
    return ("logs:DescribeLogGroups", *streams, *reading, "ec2:DescribeFlowLogs")


def _bucket(gets: int, size: int, listed: int, region: str | None) -> tuple[tuple[str, float], ...]:
    asked = [("LIST", listed)] if listed else []
    requests = [(many(n, f"{what} request"), n, f"s3:{what}") for what, n in [*asked, ("GET", gets)]]
    return (*(_charge(words, n, what, region) for words, n, what in requests), _out(size, region))


def _group(slices: Sequence[Slice], size: int, region: str | None) -> tuple[tuple[str, float], ...]:
    if not slices:
        return ()
    scanned = sum(o.size for o in slices if o.insights)
    scans = (_charge(f"{gigabytes(scanned)} scanned by Logs Insights", scanned / 1e9, "insights", region),)
    return (*(scans if scanned else ()), _out(size, region))


def _out(size: int, region: str | None) -> tuple[str, float]:
    return _charge(f"{gigabytes(size)} out of AWS (nothing to a machine in the region)", size / 1e9, "transfer", region)


def _charge(words: str, count: float, what: str, region: str | None) -> tuple[str, float]:
    each, place = prices.price(what, region)
    return f"{words}, at the price in {place}", each * count


def gigabytes(size: float) -> str:
    """Return a size as a person says it.

    >>> gigabytes(2_140_000_000), gigabytes(275_364), gigabytes(900)
    ('2.1 GB', '0.3 MB', '900 bytes')
    """
    if size < 50_000:
        return f"{size:,.0f} bytes"
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def duration(seconds: float) -> str:
    """Return a time as a person says it.

    >>> duration(3), duration(200), duration(9000)
    ('3 s', '3 min', '2.5 h')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:,.0f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def between(least: int, most: int) -> str:
    """Return a range of counts in round figures.

    >>> between(13_768, 39_337), between(105_000_000, 300_000_000), between(0, 12), between(0, 0)
    ('14,000 to 39,000', '100 million to 300 million', 'at most 12', 'no')
    """
    if not least:
        return f"at most {_round(most)}" if most else "no"
    return f"{_round(least)} to {_round(most)}"


def _round(n: int) -> str:
    digits = len(str(n))
    figures = 1 if n >= 10_000_000 else 2
    n = int(round(n, figures - digits))
    return f"{n / 1e6:,.0f} million" if n >= 1_000_000 and n % 1_000_000 == 0 else f"{n:,}"
