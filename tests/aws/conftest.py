"""The account of the tests of the control plane, built once a module and emptied of flow logs for each test."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
from accounts import Account, build, session
from flows import put
from stand_in import stand_in

from flowkit.access import Access


@pytest.fixture(scope="module")
def built(aws_server: str) -> Iterator[Account]:
    """The account, filled."""
    urllib.request.urlopen(urllib.request.Request(f"{aws_server}/moto-api/reset", method="POST"), timeout=10).close()
    with stand_in(aws_server) as server, pytest.MonkeyPatch.context() as patched:
        for name, value in session(server).items():
            patched.setenv(name, value)
        made = Account(server, Access())
        build(made)
        yield made


@pytest.fixture
def account(built: Account, aws_session: None, monkeypatch: pytest.MonkeyPatch) -> Account:
    """The account with no flow log in it, and nothing asked of it yet."""
    for name, value in session(built.server).items():
        monkeypatch.setenv(name, value)
    built.server.flow_logs.clear()
    built.server.calls.clear()
    built.server.refused.clear()
    built.server.broken.clear()
    return built


@pytest.fixture(scope="module")
def delivered(built: Account) -> str:
    """A bucket with the load balancer's flow logs, and others beside them."""
    place = {"LocationConstraint": "eu-west-1"}
    built.client("s3").create_bucket(Bucket="nlb-logs", CreateBucketConfiguration=place)
    put(built, "nlb-logs", "fl-00000000000000001")
    put(built, "nlb-logs", "fl-0somebodyelse")
    return "arn:aws:s3:::nlb-logs/orders/"


@pytest.fixture
def logged(account: Account, delivered: str) -> Account:
    """The account, with a flow log of the VPC to that bucket."""
    account.server.add(account.vpc, delivered)
    return account
