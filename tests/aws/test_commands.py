"""The shell's commands for the control plane, and the rights they take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from accounts import Account

import flowkit as fk
from flowkit import aws
from flowkit.access import Access
from flowkit.cli import main

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
BY_AWS = {
    "ec2:CreateTags",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "s3:PutBucketPolicy",
}
"""Rights that no call of flowkit's names, but that AWS asks for when it does what was called for."""

Words = pytest.CaptureFixture[str]


@pytest.fixture(scope="module", autouse=True)
def bucket(built: Account) -> None:
    place = {"LocationConstraint": "eu-west-1"}
    built.client("s3").create_bucket(Bucket="flow-logs", CreateBucketConfiguration=place)


def test_nlb_shows_the_load_balancer_and_keeps_it(account: Account, tmp_path: Path, capsys: Words) -> None:
    assert main(["nlb", "orders", "-o", str(tmp_path / "nlb.json")]) == 0
    shown, kept = capsys.readouterr()
    assert "health check  TCP on the traffic port every 10 s" in shown
    assert kept == f"{tmp_path / 'nlb.json'}\n"
    assert aws.load_balancer(tmp_path / "nlb.json").name == "orders"


def test_enable_plans_does_does_no_more_and_disable_ends_it(account: Account, capsys: Words) -> None:
    enable = ["enable", "orders", "--to", "s3://flow-logs/x", "--hourly"]
    assert main(enable) == 0
    assert "Nothing was changed. Add --apply to do it." in capsys.readouterr().out
    assert account.server.flow_logs == []
    assert main([*enable, "--apply"]) == 0
    assert len(account.server.flow_logs) == 3
    capsys.readouterr()
    assert main([*enable, "--apply"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert len(account.server.flow_logs) == 3
    assert main(["disable", "orders"]) == 0
    assert len(account.server.flow_logs) == 3
    assert main(["disable", "orders", "--apply"]) == 0
    assert account.server.flow_logs == []


def test_a_part_that_fails_is_status_2_and_named(account: Account, capsys: Words) -> None:
    account.server.broken[account.interfaces[2]] = "Unknown: it did not work"
    assert main(["enable", "orders", "--to", "s3://flow-logs/x", "--apply"]) == 2
    _, said = capsys.readouterr()
    assert said == f"flowkit: 1 failed: {account.interfaces[2]} eu-west-1c: Unknown: it did not work\n"


def test_a_mistake_is_one_line_and_status_2(account: Account, capsys: Words) -> None:
    assert main(["enable", "order", "--to", "s3://flow-logs"]) == 2
    assert capsys.readouterr().err == (
        "flowkit: no load balancer is called 'order' in this region: did you mean 'orders'?\n"
    )


def test_alarm_prints_a_template_and_asks_only(account: Account, capsys: Words) -> None:
    assert main(["alarm", "orders", "--threshold", "7"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["Resources"]["RejectAlarm"]["Properties"]["Threshold"] == 7
    assert said.err == "flowkit: without --topic the alarm tells nobody: it only shows in CloudWatch\n"
    assert main(["alarm", "orders", "--threshold", "0", "--topic", "oncall"]) == 2
    assert capsys.readouterr().err.startswith("flowkit: 'oncall' is no SNS topic: give its ARN, as arn:aws:sns:")
    topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
    assert main(["alarm", "orders", "--threshold", "0", "--topic", topic]) == 0
    said = capsys.readouterr()
    assert "Any rejected flow record in 5 minutes at orders." in said.out
    assert said.err == ""
    assert all(call.startswith("Describe") for call in account.server.calls)


def listed(command: str) -> set[str]:
    """Return the actions in a row of the README, with those of the commands it refers to."""
    (row,) = re.findall(rf"^\| `{re.escape(command)}`.*\|(.*)\|$", README, re.M)
    own = {word for word in re.findall(r"`([^`]+)`", row) if ":" in word}
    referred = re.findall(r"those of `([^`]+)`", row)
    return own.union(*(listed(name) for name in referred))


@contextmanager
def recorded(access: Access) -> Iterator[set[str]]:
    """Gather the action of each call that is made meanwhile, from botocore's own events."""
    made: set[str] = set()

    def note(model: Any, **_: object) -> None:
        prefix = model.service_model.signing_name
        made.add(f"{'cloudwatch' if prefix == 'monitoring' else prefix}:{model.name}")

    events = [access.client(service).meta.events for service in ("ec2", "elbv2", "s3", "cloudwatch")]
    for each in events:
        each.register("before-call", note, unique_id="recorded")
    yield made
    for each in events:
        each.unregister("before-call", unique_id="recorded")


def test_each_command_takes_the_rights_that_the_readme_lists(logged: Account, tmp_path: Path) -> None:
    to, access = "s3://flow-logs/rights", logged.access
    with recorded(access) as made:
        aws.load_balancer("orders", access)
    assert made == listed("nlb")
    with recorded(access) as made:
        fk.load(nlb="orders", cache=tmp_path, access=access, start="2026-05-14 12:00", end="2026-05-14 12:20")
    assert made == listed("nlb") | {"s3:ListObjectsV2", "s3:GetObject"}
    with recorded(access) as made:
        plan = aws.enable("orders", to=to, access=access)
    assert made == listed("enable")
    with recorded(access) as made:
        plan.apply()
    assert made | listed("enable") | BY_AWS == listed("enable --apply")
    with recorded(access) as made:
        plan = aws.disable("orders", access=access)
    assert made == listed("disable")
    with recorded(access) as made:
        plan.apply()
    assert made | listed("disable") | {"logs:DeleteLogDelivery"} == listed("disable --apply")
