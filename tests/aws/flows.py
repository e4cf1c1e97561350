"""Flow logs of the account's load balancer: its checks of two targets, some service, and a target that stops."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts import Account

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
MINUTES = 20
STOPS = 12
"""The minute after noon from which the second target refuses."""

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
NODES, TARGETS = ("10.0.1.10", "10.0.2.10", "10.0.3.10"), ("10.0.1.101", "10.0.2.102")


def lines(account: Account, start: datetime = NOON) -> Iterator[str]:
    """Yield the records of each node: a check of each target every ten seconds, and a client a minute."""
    port = 20_000
    for minute in range(MINUTES):
        for eni, node in zip(account.interfaces, NODES, strict=True):
            for target in TARGETS:
                refused = target == TARGETS[1] and minute >= STOPS
                for second in range(0, 60, 10):
                    port += 2
                    at = start + timedelta(minutes=minute, seconds=second)
                    yield from _check(eni, (node, target, port), at, refused=refused)
            yield from _service(eni, node, TARGETS[0], 50_000 + minute, start + timedelta(minutes=minute))
        yield _line(
            "eni-0somebodyelse", "10.0.7.1", "10.0.7.2", 40_000, 5432, 20, 9_000, start + timedelta(minutes=minute)
        )


def put(account: Account, bucket: str, flow_log: str) -> None:
    """Put the records into the bucket as AWS would, a file for each five minutes."""
    s3, slots = account.client("s3"), {}
    for line in lines(account):
        end = int(line.split()[11])
        slots.setdefault(end - end % 300, []).append(line)
    for slot, held in slots.items():
        at = datetime.fromtimestamp(slot, UTC)
        name = f"123456789012_vpcflowlogs_eu-west-1_{flow_log}_{at:%Y%m%dT%H%MZ}_0a1b2c3d.log.gz"
        key = f"orders/AWSLogs/123456789012/vpcflowlogs/eu-west-1/{at:%Y/%m/%d}/{name}"
        s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress("\n".join([HEADER, *held, ""]).encode()))


def _check(eni: str, ends: tuple[str, str, int], at: datetime, *, refused: bool) -> Iterator[str]:
    node, target, port = ends
    there, back = ((1, 60), (1, 40)) if refused else ((4, 216), (2, 112))
    yield _line(eni, node, target, port, 8080, *there, at)
    yield _line(eni, target, node, 8080, port, *back, at)


def _service(eni: str, node: str, target: str, port: int, at: datetime) -> Iterator[str]:
    yield _line(eni, node, target, port, 8080, 30, 2_000 + 137 * (port % 50), at)
    yield _line(eni, target, node, 8080, port, 40, 50_000 + 911 * (port % 50), at)


def _line(eni: str, *rest: Any) -> str:
    src, dst, srcport, dstport, packets, size, at = rest
    first = int(at.timestamp())
    return f"2 123456789012 {eni} {src} {dst} {srcport} {dstport} 6 {packets} {size} {first} {first + 5} ACCEPT OK"
