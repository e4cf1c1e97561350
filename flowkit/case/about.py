"""What a load balancer that was named says about a load: where its logs are, and which of what is there is its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flowkit import aws
from flowkit.access import Access
from flowkit.aws import LoadBalancer
from flowkit.errors import SourceError
from flowkit.knowledge import Knowledge
from flowkit.names import Names, names


@dataclass(frozen=True)
class About:
    """What to read and what is known of it beforehand."""

    source: str | Path
    wanted: dict[str, Collection[str] | None]
    """What of the source is wanted: accounts, regions, flow_log_ids, interfaces."""
    knowledge: Knowledge = field(default_factory=Knowledge)
    names: Names = field(default_factory=Names)
    balancer: LoadBalancer | None = None


def about(
    source: str | Path | None,
    nlb: str | Path | LoadBalancer | None,
    *,
    start: datetime | None,
    access: Access,
    ip_ranges: str | Path | None = None,
    **wanted: Collection[str] | None,
) -> About:
    """Return what is to be read, from a source, a load balancer, or both; what was asked for goes before what it says.

    Raises `SourceError` where neither is given, or where no flow log of the load balancer can be read.
    """
    if nlb is None or nlb == "":
        if source is None:
            raise SourceError("nothing to read: name a source (a folder, s3://bucket/prefix, cwl:GROUP) or nlb=")
        return About(source, wanted, names=names((), ip_ranges))
    balancer = aws.load_balancer(nlb, access)
    own = replace(About(source or "", wanted), knowledge=balancer.knowledge, balancer=balancer)
    known = names(balancer.names, ip_ranges)
    chosen = {**wanted, "interfaces": wanted.get("interfaces") or balancer.seen_by or None}
    if source is None:
        place, said = _logs(balancer, start)
        own, chosen = replace(own, source=place), {**chosen, **{k: wanted.get(k) or v for k, v in said.items()}}
    return replace(own, wanted=chosen, names=known)


def sure(of: About, records: Any) -> None:
    """Raise `SourceError` where records of a load balancer were wanted and there is none."""
    if of.balancer and records.head(1).collect().is_empty():
        held = ", ".join(sorted(of.wanted.get("interfaces") or ())[:4])
        raise SourceError(
            f"{of.source} holds no record of {of.balancer.name} in this span, nor of its targets (interfaces {held}): "
            "check that logs, span and load balancer belong together"
        )


def _logs(balancer: LoadBalancer, start: datetime | None) -> tuple[str, dict[str, Collection[str] | None]]:
    """Return where the best flow logs of a load balancer lie, and what of that place is theirs."""
    logs = balancer.logs(start)
    if not logs:
        why = balancer.missing[0] if balancer.missing else "none is known"
        raise SourceError(f"there is no flow log of {balancer.name} that can be read: {why}")
    if not logs[0].destination.startswith("s3://"):
        return logs[0].destination, {}
    own = {"accounts": {balancer.account}, "regions": {balancer.region}, "flow_log_ids": {log.id for log in logs}}
    return logs[0].destination, {name: values for name, values in own.items() if all(values)}
