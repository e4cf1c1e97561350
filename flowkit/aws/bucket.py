"""The bucket that flow logs go to: the policy it needs, and whether the one it has will do."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from flowkit.access import Access, told
from flowkit.aws.model import LoadBalancer
from flowkit.errors import AwsError

_SERVICE = "delivery.logs.amazonaws.com"


class _NoBucketError(AwsError):
    """There is no such bucket, which no permission would change."""


@dataclass(frozen=True)
class Bucket:
    """A place in S3: the bucket and the prefix below it, without slashes at its ends."""

    name: str
    prefix: str = ""

    @property
    def source(self) -> str:
        """The place as a source of flowkit's."""
        return f"s3://{self.path}"

    @property
    def path(self) -> str:
        """The bucket and the prefix."""
        return f"{self.name}/{self.prefix}" if self.prefix else self.name

    def arn(self, partition: str) -> str:
        """Return the place as `CreateFlowLogs` takes it."""
        return f"arn:{partition}:s3:::{self.path}{'/' if self.prefix else ''}"


def bucket(to: str) -> Bucket:
    """Return the place that "s3://bucket/prefix" names.

    Raises `AwsError` for anything else, and for a prefix with a folder AWSLogs, which AWS makes itself.

    >>> bucket("s3://flow-logs/orders/")
    Bucket(name='flow-logs', prefix='orders')
    """
    match = re.fullmatch(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", to.strip())
    if not match:
        raise AwsError(f"{to!r} is no place for flow logs: give a bucket and a prefix, as s3://my-bucket/flow-logs")
    prefix = (match[2] or "").strip("/")
    if "AWSLogs" in prefix.split("/"):
        raise AwsError(f"{to!r} has a folder AWSLogs in it, which AWS reserves: leave it out, AWS adds it itself")
    return Bucket(match[1], prefix)


def policy(place: Bucket, balancer: LoadBalancer, *, hive: bool) -> dict[str, Any]:
    """Return the bucket policy that delivery needs (VPC User Guide, "Amazon S3 bucket permissions for flow logs")."""
    partition, account = balancer.arn.split(":")[1], balancer.account
    folder = f"aws-account-id={account}" if hive else account
    within = {"aws:SourceAccount": account}
    source = {"aws:SourceArn": f"arn:{partition}:logs:{balancer.region}:{account}:*"}
    own = f"arn:{partition}:s3:::"
    allow = {"Effect": "Allow", "Principal": {"Service": _SERVICE}}
    write = {
        "Sid": "AWSLogDeliveryWrite",
        **allow,
        "Action": "s3:PutObject",
        "Resource": f"{own}{place.path}/AWSLogs/{folder}/*",
        "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", **within}, "ArnLike": source},
    }
    look = {
        "Sid": "AWSLogDeliveryAclCheck",
        **allow,
        "Action": "s3:GetBucketAcl",
        "Resource": f"{own}{place.name}",
        "Condition": {"StringEquals": within, "ArnLike": source},
    }
    return {"Version": "2012-10-17", "Statement": [write, look]}


def standing(place: Bucket, needed: dict[str, Any], access: Access) -> tuple[str, bool]:
    """Return what is to be said of the bucket's policy as it stands, and whether a flow log may be made.

    A policy that AWS would write over stands in the way: AWS attaches its own and overwrites the one that is there
    (VPC User Guide, the same page). Raises `AwsError` where there is no such bucket.
    """
    try:
        held = _policy(place, access)
    except _NoBucketError:
        raise
    except AwsError as error:
        return f"the bucket's policy could not be read, so nobody knows whether it allows delivery: {error}", True
    if held is None:
        return (
            "the bucket has no policy: AWS attaches this one itself when the flow log is made, "
            "if the bucket is yours and you may call s3:GetBucketPolicy and s3:PutBucketPolicy"
        ), True
    if all(_allowed(held, statement) for statement in needed["Statement"]):
        return "the bucket's policy has these statements: nothing to do", True
    return (
        "the bucket has a policy without these statements. AWS would put its own in its place and OVERWRITE it: "
        "add the statements to the policy yourself first, then repeat"
    ), False


def _policy(place: Bucket, access: Access) -> dict[str, Any] | None:
    from botocore.exceptions import ClientError

    with told(f"reading the policy of the bucket {place.name}", "s3:GetBucketPolicy"):
        try:
            held: dict[str, Any] = json.loads(access.client("s3").get_bucket_policy(Bucket=place.name)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
                return None
            if error.response["Error"]["Code"] == "NoSuchBucket":
                raise _NoBucketError(f"there is no bucket {place.name!r}: make it first, or check its name") from None
            raise
        return held


def _allowed(held: dict[str, Any], needed: dict[str, Any]) -> bool:
    """Return whether a policy allows what a statement does, as far as its plain terms tell."""
    resource = needed["Resource"].replace("*", "x")
    return any(
        statement.get("Effect") == "Allow"
        and _SERVICE in _listed((statement.get("Principal") or {}), "Service")
        and any(_matches(action, needed["Action"]) for action in _listed(statement, "Action"))
        and any(_matches(pattern, resource) for pattern in _listed(statement, "Resource"))
        for statement in _listed(held, "Statement")
    )


def _listed(of: Any, name: str) -> list[Any]:
    held = of.get(name, []) if isinstance(of, dict) else []
    return held if isinstance(held, list) else [held]


def _matches(pattern: str, text: str) -> bool:
    plain = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(plain, text) is not None
