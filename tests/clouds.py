"""Buckets and log groups of the stand-in filled by hand, and the calls counted that flowkit makes."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import datetime, timedelta

from records import HEADER

from flowkit.access import Access

BUCKET = "logs"


class Calls(list[tuple[str, str]]):
    """The calls that the clients of a session make, in their order: operation and what it was about."""

    def __init__(self, access: Access, *services: str) -> None:
        for service in services:
            access.client(service).meta.events.register(f"provide-client-params.{service}.*", self.note)

    def note(self, params: dict[str, str], model: object, **_: object) -> None:
        self.append((model.name, params.get("Key") or params.get("Prefix") or ""))  # type: ignore[attr-defined]

    def of(self, operation: str) -> list[str]:
        return [about for name, about in self if name == operation]


def log_name(
    moment: datetime, *, account: str = "111111111111", region: str = "eu-west-1", log: str = "fl-0a1b"
) -> str:
    return f"{account}_vpcflowlogs_{region}_{log}_{moment:%Y%m%dT%H%MZ}_1ce1bf4b.log.gz"


LAYOUTS = {
    "plain": "AWSLogs/{account}/vpcflowlogs/{region}/{t:%Y/%m/%d}/",
    "hourly": "AWSLogs/{account}/vpcflowlogs/{region}/{t:%Y/%m/%d/%H}/",
    "hive": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/"
    "year={t:%Y}/month={t:%m}/day={t:%d}/",
    "hive, hourly": "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/"
    "year={t:%Y}/month={t:%m}/day={t:%d}/hour={t:%H}/",
    "organisation": "AWSLogs/o-a1b2c3d4e5/{account}/vpcflowlogs/{region}/{t:%Y/%m/%d}/",
}


def key_of(
    layout: str, moment: datetime, *, account: str = "111111111111", region: str = "eu-west-1", log: str = "fl-0a1b"
) -> str:
    folder = LAYOUTS[layout].format(account=account, region=region, t=moment)
    return f"net/{folder}{log_name(moment, account=account, region=region, log=log)}"


def fill(keys: Iterable[str], body: bytes = b"", bucket: str = BUCKET) -> None:
    """Put objects into a bucket of the stand-in, which lives in this process: thousands of them in no time."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    store = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    if bucket not in store.buckets:
        store.create_bucket(bucket, "eu-west-1")
    for key in keys:
        store.put_object(bucket, key, body)


def flows_of(moment: datetime, count: int = 1, eni: str = "eni-1") -> bytes:
    """Return an object as AWS writes it: flows that ended in the five minutes from `moment`."""
    start = int((moment + timedelta(seconds=30)).timestamp())
    lines = [
        f"2 111111111111 {eni} 10.0.0.{i % 200} 10.0.1.1 {40000 + i} 80 6 3 164 {start} {start + 30} ACCEPT OK"
        for i in range(count)
    ]
    return gzip.compress("".join(f"{line}\n" for line in [HEADER, *lines]).encode(), mtime=0)
