"""What a load balancer that was named says about a load: where its logs are, and which of what is there is its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from flowkit import aws
from flowkit.access import Access
from flowkit.aws import LoadBalancer
from flowkit.errors import SourceError
from flowkit.knowledge import Knowledge
from flowkit.names import Names, names

Some = Collection[str] | None


@dataclass(frozen=True)
class Wanted:
    """What of a source is wanted; None wants all."""

    accounts: Some = None
    regions: Some = None
    flow_log_ids: Some = None
    interfaces: Some = None

    def asked(self) -> dict[str, Some]:
        """Return it as the arguments of `sources.find`."""
        return dict(vars(self))

    def otherwise(self, other: Wanted) -> Wanted:
        """Return it with the other's word where it has none."""
        return Wanted(**{name: own or vars(other)[name] for name, own in vars(self).items()})


@dataclass(frozen=True)
class About:
    """What to read, and what is known of it beforehand."""

    source: str | Path
    wanted: Wanted = field(default_factory=Wanted)
    knowledge: Knowledge = field(default_factory=Knowledge)
    names: Names = field(default_factory=Names)
    balancer: LoadBalancer | None = None
    access: Access = field(default_factory=Access)
    """The session; in the load balancer's region, where its logs are read."""

    def known(self, said: Knowledge) -> Knowledge:
        """Return what a person said, and what AWS says of the rest."""
        groups = said.target_groups or self.knowledge.target_groups
        return Knowledge(said.lb_addresses or self.knowledge.lb_addresses, groups)

    def check(self, records: pl.LazyFrame) -> None:
        """Raise `SourceError` where records of a load balancer were wanted and there is none."""
        if self.balancer and records.head(1).collect().is_empty():
            held = ", ".join(sorted(self.wanted.interfaces or ())[:4])
            raise SourceError(
                f"{self.source} holds no record of {self.balancer.name} in this span, nor of its targets "
                f"(interfaces {held}): check that logs, span and load balancer belong together"
            )


def about(
    source: str | Path | None,
    nlb: str | Path | LoadBalancer | None,
    wanted: Wanted,
    *,
    start: datetime | None,
    access: Access,
    ip_ranges: str | Path | None = None,
) -> About:
    """Return what is to be read, from a source, a load balancer, or both; what was asked for goes before what it says.

    Raises `SourceError` where neither is given, or where no flow log of the load balancer can be read.
    """
    if nlb is None or nlb == "":
        if source is None:
            raise SourceError("nothing to read: name a source (a folder, s3://bucket/prefix, cwl:GROUP) or nlb=")
        return About(source, wanted, names=names((), ip_ranges), access=access)
    balancer = aws.load_balancer(nlb, access)
    place, own = (source, Wanted()) if source is not None else _logs(balancer, start)
    return About(
        source=place,
        wanted=wanted.otherwise(replace(own, interfaces=balancer.seen_by or None)),
        knowledge=balancer.knowledge,
        names=names(balancer.names, ip_ranges),
        balancer=balancer,
        access=access.within(balancer.region) if source is None else access,
    )


def _logs(balancer: LoadBalancer, start: datetime | None) -> tuple[str, Wanted]:
    """Return where the best flow logs of a load balancer lie, and what of that place is theirs."""
    logs = balancer.logs(start)
    if not logs:
        why = balancer.missing[0] if balancer.missing else "none is known"
        raise SourceError(f"there is no flow log of {balancer.name} that can be read: {why}")
    place = logs[0].destination
    own = Wanted({balancer.account}, {balancer.region}, {log.id for log in logs})
    return place, own if place.startswith("s3://") else Wanted()
