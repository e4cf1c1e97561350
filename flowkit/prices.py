"""What AWS charges, in one table: US dollars, with the day, the region and how each figure is known.

AWS's own price pages were not read for it: every figure is agreed on by several texts of third parties, and is shown as
an estimate with this table's day. Other regions cost some tens of per cent more or less; where a figure of the region
is not here, that of us-east-1 stands in, and the words say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NOTED = "2026-11-25"
"""The day on which the table was written."""

SOURCE = "texts of third parties, not AWS's own price pages"

HOME = "us-east-1"
"""The region whose figures stand in for others."""

PRICES: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        ("s3:LIST", "us-east-1"): 0.005 / 1000,  # a request
        ("s3:GET", "us-east-1"): 0.0004 / 1000,  # a request
        ("transfer", "us-east-1"): 0.09,  # a GB out of AWS, of the first 10 TB a month; nothing within the region
        ("insights", "us-east-1"): 0.005,  # a GB that Logs Insights scans
        ("insights", "ap-northeast-1"): 0.0076,
        ("delivery", "us-east-1"): 0.25,  # a GB of flow logs written to S3, of the first 10 TB a month
        ("delivery", "ap-northeast-1"): 0.38,
        ("parquet", "ap-northeast-1"): 0.056,  # a GB turned into Parquet on top; not known for other regions
    }
)
"""US dollars by (what, region)."""


def price(what: str, region: str | None) -> tuple[float, str]:
    """Return what one unit costs in a region, and the region whose figure it is.

    >>> price("insights", "ap-northeast-1"), price("transfer", "eu-west-1")
    ((0.0076, 'ap-northeast-1'), (0.09, 'us-east-1'))
    """
    place = region if region and (what, region) in PRICES else HOME
    return PRICES[what, place], place


def dollars(amount: float) -> str:
    """Return an estimate as a person says it.

    >>> dollars(0.00004), dollars(0.034), dollars(12.3456)
    ('less than $0.01', 'about $0.03', 'about $12.35')
    """
    return "less than $0.01" if amount < 0.01 else f"about ${amount:,.2f}"
