"""What AWS says about a load balancer, asked over the wire, judged in words, saved, and read again without AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from accounts import HOSTILE, Account

from flowkit import aws
from flowkit.aws import answers
from flowkit.aws.missing import best, missing
from flowkit.aws.model import FlowLog, Interface, LoadBalancer
from flowkit.aws.recommended import WHY
from flowkit.errors import AwsError, KnowledgeError
from flowkit.knowledge import TargetGroup

WHOLE = tuple(WHY)


@pytest.fixture
def orders(account: Account) -> LoadBalancer:
    """The load balancer, with a flow log of its VPC to S3."""
    account.server.add(account.vpc, "arn:aws:s3:::flow-logs/orders/")
    return aws.load_balancer("orders", account.access)


def test_its_interfaces_come_by_zone_with_their_secondary_addresses(orders: LoadBalancer, account: Account) -> None:
    assert [i.id for i in orders.interfaces] == account.interfaces
    assert [i.zone for i in orders.interfaces] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    assert orders.addresses == ("10.0.1.10", "10.0.1.11", "10.0.2.10", "10.0.3.10")


def test_it_knows_its_listeners_targets_and_health_checks(orders: LoadBalancer) -> None:
    (listener,), (group,) = orders.listeners, orders.target_groups
    assert (listener.protocol, listener.port, listener.target_groups) == ("TCP", 443, ("orders-api",))
    assert listener.idle_timeout_s == 350
    assert [(t.address, t.state) for t in group.targets] == [
        ("10.0.1.101", "healthy"),
        ("10.0.2.102", "unhealthy"),
        ("10.9.9.9", "healthy"),
    ]


def test_what_it_knows_is_what_the_split_takes(orders: LoadBalancer) -> None:
    (group,) = orders.knowledge.target_groups
    assert group == TargetGroup(
        name="orders-api",
        port=8080,
        health_check_protocol="TCP",
        interval_s=10,
        timeout_s=10,
        healthy_threshold=3,
        unhealthy_threshold=3,
        preserve_client_ip=False,
        targets=("10.0.1.101:8080", "10.0.2.102:8080", "10.9.9.9:8080"),
    )
    assert orders.knowledge.lb_addresses == orders.addresses


def test_its_arn_and_its_dns_name_will_do_as_well(account: Account) -> None:
    assert (
        aws.load_balancer(account.arn, account.access).name
        == aws.load_balancer(f"dualstack.{account.dns}.", account.access).name
        == "orders"
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("order", "did you mean 'orders'?"),
        ("zzz", "there are checkout, orders, payments"),
        ("web", "'web' is a load balancer of type application"),
    ],
)
def test_a_near_miss_names_what_there_is(account: Account, name: str, sentence: str) -> None:
    with pytest.raises(AwsError, match=sentence):
        aws.load_balancer(name, account.access)


def test_every_list_is_read_to_its_last_page(account: Account) -> None:
    """The stand-in gives two items a page: 4 load balancers, 6 interfaces and 5 flow logs take 2, 3 and 3 pages."""
    for resource in (*account.interfaces, account.vpc, account.subnets[0]):
        account.server.add(resource, "arn:aws:s3:::flow-logs/orders/")
    assert len(aws.load_balancer("orders", account.access).flow_logs) == 5
    asked = [
        account.server.calls.count(f"Describe{what}") for what in ("LoadBalancers", "NetworkInterfaces", "FlowLogs")
    ]
    assert asked == [2, 3, 3]


def test_flow_logs_of_interface_subnet_and_vpc_cover_what_they_are_made_for(account: Account) -> None:
    for resource in (account.vpc, account.subnets[1], account.interfaces[2]):
        account.server.add(resource, "arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/flow:*")
    found = aws.load_balancer("orders", account.access).flow_logs
    assert {log.level: len(log.covers) for log in found} == {"VPC": 3, "subnet": 1, "interface": 1}
    assert {log.destination for log in found} == {"cwl:/vpc/flow"}


def test_what_aws_refuses_is_said_and_the_rest_is_there(account: Account) -> None:
    account.server.refused |= {"DescribeTargetGroups", "DescribeFlowLogs", "DescribeInstances"}
    found = aws.load_balancer("orders", account.access)
    assert len(found.interfaces) == 3
    for right in ("elasticloadbalancing:DescribeTargetGroups", "ec2:DescribeFlowLogs", "ec2:DescribeInstances"):
        assert [note for note in found.notes if f"the permission {right} is missing" in note]
        assert right in repr(found)


def test_without_the_right_to_look_there_is_one_sentence(account: Account) -> None:
    account.server.refused.add("DescribeLoadBalancers")
    with pytest.raises(AwsError, match="elasticloadbalancing:DescribeLoadBalancers is missing"):
        aws.load_balancer("orders", account.access)


def test_addresses_have_the_names_of_what_they_belong_to(orders: LoadBalancer, account: Account) -> None:
    names = {name.address: (name.name, name.kind) for name in orders.names}
    assert names["10.0.1.11"] == ("orders eu-west-1a", "load balancer")
    assert names["10.0.1.101"] == ("api-1", "target")
    assert names["10.0.3.77"] == ("nat-0a1b2c3d", "NAT gateway")
    assert names["10.9.9.9"] == ("target of orders-api", "target")
    assert names[account.interfaces[2]] == ("orders eu-west-1c", "load balancer")


def test_a_hostile_tag_is_inert_in_the_notebook_and_in_the_context_file(orders: LoadBalancer, tmp_path: Path) -> None:
    shown = replace(orders, name=HOSTILE, notes=(f"\x1b[2J{HOSTILE}",))
    assert "<script" not in shown._repr_html_()
    assert "\x1b" not in repr(shown)
    assert HOSTILE in {name.name for name in aws.load_balancer(orders.save(tmp_path / "nlb.json")).names}


def test_a_context_file_gives_it_back_whole_without_boto3_and_without_a_network(
    orders: LoadBalancer, tmp_path: Path
) -> None:
    path = orders.save(tmp_path / "nlb.json")
    script = (
        "import socket, sys\n"
        "sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "socket.socket.connect = socket.getaddrinfo = None\n"
        "import flowkit as fk\n"
        f"print(repr(fk.aws.load_balancer({str(path)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{orders!r}\n"
    assert aws.load_balancer(path) == orders


def test_a_context_file_holds_no_secret(orders: LoadBalancer, tmp_path: Path) -> None:
    assert "testing" not in orders.save(tmp_path / "nlb.json").read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no json", "is no context file: it holds no JSON"),
        ("[]", "is no context file of flowkit's"),
        (json.dumps({"kind": "flowkit load balancer", "version": 99}), "written by another version"),
        (json.dumps({"kind": "flowkit load balancer", "version": 1, "name": 7, "arn": ""}), "name is not text"),
        (json.dumps({"kind": "flowkit load balancer", "version": 1}), "damaged"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "nlb.json").write_text(text)
    with pytest.raises(KnowledgeError, match=sentence):
        aws.load_balancer(tmp_path / "nlb.json")


# What is missing: pure, from plain data.

NODES = tuple(Interface(f"eni-{zone}", zone) for zone in "abc")


def logged(*logs: FlowLog, **facts: object) -> LoadBalancer:
    arn = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/orders/1"
    return LoadBalancer("orders", arn, interfaces=NODES, flow_logs=logs, **facts)  # type: ignore[arg-type]


def log(name: str = "fl-1", **facts: object) -> FlowLog:
    given = {"covers": ("eni-a", "eni-b", "eni-c"), "destination": "s3://logs", "fields": WHOLE, "interval_s": 60}
    return FlowLog(name, "VPC", "vpc-1", **{**given, "kind": "s3", **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"fields": ("srcaddr", "flow-direction", "pkt-srcaddr")}, "without tcp-flags, resets and connections"),
        ({"interval_s": 600}, "a record can stand for 10 minutes"),
        ({"traffic": "ACCEPT"}, "only ACCEPT is recorded: what was rejected is not to be seen"),
        ({"delivery": "FAILED", "error": "Access error"}, "delivery fails (Access error)"),
        ({"covers": ("eni-a", "eni-b")}, "no flow log covers eni-c in c"),
        ({"destination": "arn:aws:firehose:x"}, "where flowkit cannot read"),
    ],
)
def test_what_is_missing_is_said_in_plain_words(facts: dict[str, object], words: str) -> None:
    (said,) = missing(logged(log(**facts)))
    assert words in said


def test_where_nothing_is_missing_nothing_is_said() -> None:
    assert list(missing(logged(log()))) == []


def test_where_nothing_covers_it_the_way_out_is_named() -> None:
    assert "flowkit enable orders --to s3://BUCKET/PREFIX" in logged().missing[0]


def test_a_gap_of_several_flow_logs_is_said_once() -> None:
    logs = [log(f"fl-{eni}", covers=(eni,), traffic="ACCEPT") for eni in ("eni-a", "eni-b", "eni-c")]
    (said,) = missing(logged(*logs))
    assert said.startswith("fl-eni-a, fl-eni-b, fl-eni-c: only ACCEPT")


def test_the_flow_logs_to_read_are_those_that_are_delivered_cover_most_and_tell_most() -> None:
    failing = log("fl-failing", delivery="FAILED", destination="s3://failing")
    partial = log("fl-partial", covers=("eni-a",), destination="s3://partial")
    coarse = log("fl-coarse", interval_s=600, fields=(), destination="cwl:group")
    apart = [log(f"fl-{eni}", covers=(eni,), destination="s3://apart") for eni in ("eni-a", "eni-b", "eni-c")]
    assert [one.id for one in best(logged(failing, partial, coarse, *apart))] == ["fl-eni-a", "fl-eni-b", "fl-eni-c"]
    assert best(logged()) == ()


@pytest.mark.parametrize(
    ("facts", "name", "kind"),
    [
        ({"Description": "ELB app/web/50dc6c495c0c9188", "AvailabilityZone": "a"}, "ALB web a", "load balancer"),
        ({"Description": "Interface for NAT Gateway nat-0a1b"}, "nat-0a1b", "NAT gateway"),
        ({"Description": "VPC Endpoint Interface vpce-0a1b"}, "vpce-0a1b", "VPC endpoint"),
        (
            {"Description": "AWS Lambda VPC ENI-resize-ab-30bb1fd5-e726-4d80-9ff2-52fd62cd548c"},
            "lambda resize-ab",
            "Lambda function",
        ),
        ({"Description": "Amazon EKS prod"}, "EKS prod", "EKS control plane"),
        ({"Description": "arn:aws:ecs:eu-west-1:1:attachment/0a1b"}, "ECS task", "ECS task"),
        (
            {"TagSet": [{"Key": "aws:ecs:clusterName", "Value": "c"}, {"Key": "aws:ecs:serviceName", "Value": "s"}]},
            "c/s",
            "ECS task",
        ),
        ({"Attachment": {"InstanceId": "i-0a1b"}}, "i-0a1b", "instance"),
        ({"TagSet": [{"Key": "Name", "Value": "bastion"}]}, "bastion", "interface"),
    ],
)
def test_what_an_interface_belongs_to_is_read_off_what_its_maker_wrote(
    facts: dict[str, object], name: str, kind: str
) -> None:
    answer = {"NetworkInterfaceId": "eni-1", "PrivateIpAddress": "10.0.0.1", **facts}
    known = {entry.address: (entry.name, entry.kind) for entry in answers.names([answer], {}, [], {})}
    assert known == {"eni-1": (name, kind), "10.0.0.1": (name, kind)}


def test_an_arn_is_asked_for_in_its_own_region(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert aws.load_balancer(account.arn).region == "eu-west-1"
    with pytest.raises(AwsError, match="no Network Load Balancer at all; is it another region"):
        aws.load_balancer("orders")
