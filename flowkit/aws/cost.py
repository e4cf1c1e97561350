"""What a flow log would write and cost in a month, reckoned from the load balancer's own metrics. An estimate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowkit import prices
from flowkit.access import Access, told
from flowkit.aws.model import LoadBalancer

DAYS = 7
MINUTES = 30 * 24 * 60
"""Minutes in the month that is reckoned with."""


@dataclass(frozen=True)
class Estimate:
    """What is to be expected of a flow log on the load balancer's interfaces.

    >>> Estimate(new=1000, active=5000, checks=60, line=161, interval_s=60).records
    24120.0
    """

    new: float
    """New connections a minute (the metric NewFlowCount)."""
    active: float
    """Connections open at a time (ActiveFlowCount)."""
    checks: float
    """Health checks a minute, if each node checks each target once an interval."""
    line: int
    """Bytes of a record as text."""
    interval_s: int

    @property
    def records(self) -> float:
        """Records a minute: each connection has two hops, each hop two directions, in each window it is alive in."""
        return 4 * (self.new + self.active * 60 / self.interval_s) + 2 * self.checks

    @property
    def gigabytes(self) -> float:
        """GB of text a month."""
        return self.records * self.line * MINUTES / 1e9

    def lines(self, region: str, *, parquet: bool) -> Iterator[str]:
        """Yield the estimate in words, with what it rests on."""
        yield (
            f"about {_round(self.gigabytes)} GB of records a month at most, an estimate: 4 × ({_round(self.new)} new a "
            f"minute + {_round(self.active)} open in each window of {self.interval_s} s) + 2 × {_round(self.checks)} "
            f"health checks a minute = {_round(self.records)} records a minute of {self.line} bytes"
        )
        each, place = prices.price("delivery", region)
        yield (
            f"about {prices.dollars(self.gigabytes * each)} a month for delivery to S3, at ${each} a GB in {place} "
            f"(noted {prices.NOTED} from {prices.SOURCE}), plus the storage in your bucket"
        )
        if parquet:
            more = prices.PRICES.get(("parquet", region))
            said = f"about {prices.dollars(self.gigabytes * more)}" if more else "how much flowkit does not know"
            yield f"AWS charges for the conversion to Parquet on top: {said}"


def estimate(balancer: LoadBalancer, access: Access, *, line: int, interval_s: int) -> Estimate | None:
    """Return what to expect, from the metrics of the last 7 days; None where CloudWatch has none of them."""
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    asked = [_query("new", "NewFlowCount", "Sum", balancer), _query("active", "ActiveFlowCount", "Average", balancer)]
    held: dict[str, list[float]] = {"new": [], "active": []}
    with told("reading the load balancer's metrics", "cloudwatch:GetMetricData"):
        pages = access.client("cloudwatch").get_paginator("get_metric_data")
        for page in pages.paginate(MetricDataQueries=asked, StartTime=until - timedelta(days=DAYS), EndTime=until):
            for result in page["MetricDataResults"]:
                held[result["Id"]] += result["Values"]
    if not held["new"]:
        return None
    new = sum(held["new"]) / len(held["new"]) / 60
    active = sum(held["active"]) / len(held["active"]) if held["active"] else 0.0
    return Estimate(new, active, _checks(balancer), line, interval_s)


def _query(name: str, metric: str, statistic: str, balancer: LoadBalancer) -> dict[str, object]:
    of = [{"Name": "LoadBalancer", "Value": balancer.path}]
    held = {"Namespace": "AWS/NetworkELB", "MetricName": metric, "Dimensions": of}
    return {"Id": name, "MetricStat": {"Metric": held, "Period": 3600, "Stat": statistic}}


def _checks(balancer: LoadBalancer) -> float:
    nodes = len(balancer.interfaces)
    return sum(nodes * len(group.targets) * 60 / (group.interval_s or 30) for group in balancer.target_groups)


def _round(value: float) -> str:
    """Return a number with no more digits than an estimate has.

    >>> _round(20.1312), _round(0.04218), _round(1234567.0), _round(0.0)
    ('20', '0.042', '1,200,000', '0')
    """
    if not value:
        return "0"
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"
