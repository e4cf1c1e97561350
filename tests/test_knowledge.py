"""What a person says about a load balancer: every form gives the same, and what cannot be understood is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowkit.errors import KnowledgeError
from flowkit.knowledge import TargetGroup, knowledge

WEB = TargetGroup(
    "web", port=80, health_check_protocol="HTTP", health_check_port=8080, interval_s=10.0, unhealthy_threshold=2,
    preserve_client_ip=False, targets=("10.0.1.5", "10.0.1.6:81", "[2001:db8::1]:82"),
)  # fmt: skip
ROW: dict[str, Any] = {
    "name": "web", "port": 80, "health_check_protocol": "http", "health_check_port": 8080, "interval_s": 10,
    "unhealthy_threshold": 2, "preserve_client_ip": False, "targets": ["10.0.1.5", "10.0.1.6:81", "[2001:DB8::1]:82"],
}  # fmt: skip
CSV = """name,port,health-check-protocol,health_check_port,interval_s,unhealthy_threshold,preserve_client_ip,targets
web,80,HTTP,8080,10,2,off,10.0.1.5 10.0.1.6:81;[2001:db8::1]:82
"""


def test_objects_dicts_frames_csv_and_json_say_the_same(tmp_path: Path) -> None:
    csv, rows = tmp_path / "groups.csv", tmp_path / "groups.json"
    csv.write_text(CSV)
    rows.write_text(pl.DataFrame([ROW]).write_json())
    for form in ([WEB], [ROW], pl.DataFrame([ROW]), csv, str(rows)):
        assert knowledge(target_groups=form).target_groups == (WEB,)


ANSWER = {
    "TargetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789010:targetgroup/web/0123456789abcdef",
    "TargetGroupName": "web", "Protocol": "TCP", "Port": 80, "VpcId": "vpc-1", "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "traffic-port", "HealthCheckEnabled": True, "HealthCheckIntervalSeconds": 10,
    "UnhealthyThresholdCount": 2, "HealthCheckPath": "/", "TargetType": "ip", "LoadBalancerArns": [],
}  # fmt: skip
HEALTH = [
    {"Target": {"Id": "10.0.1.5", "Port": 80}, "TargetHealth": {"State": "healthy"}},
    {"Target": {"Id": "i-0123456789abcdef0", "Port": 80}},
]
APPLICATION = ANSWER | {"TargetGroupName": "site", "Protocol": "HTTP"}


def test_what_aws_prints_of_target_groups_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "groups.json"
    web = TargetGroup("web", port=80, health_check_protocol="HTTP", interval_s=10.0, unhealthy_threshold=2)
    for printed in ({"TargetGroups": [ANSWER, APPLICATION]}, [ANSWER, APPLICATION], [ANSWER]):
        path.write_text(json.dumps(printed))
        assert knowledge(target_groups=path).target_groups == knowledge(target_groups=printed).target_groups == (web,)


def test_targets_of_describe_target_health_are_taken_by_their_addresses() -> None:
    for printed in (
        {"TargetGroups": [ANSWER], "TargetHealthDescriptions": HEALTH},
        [{"TargetGroups": [ANSWER]}, {"TargetHealthDescriptions": HEALTH}],
        [ANSWER | {"TargetHealthDescriptions": HEALTH}],
    ):
        assert knowledge(target_groups=printed).target_groups[0].targets == ("10.0.1.5:80",)


def test_an_answer_without_a_network_load_balancers_group_and_a_wrong_column_name_their_file(tmp_path: Path) -> None:
    path = tmp_path / "groups.json"
    path.write_text(json.dumps({"TargetGroups": [APPLICATION]}))
    with pytest.raises(KnowledgeError, match=r"groups\.json: AWS's answer holds no target group of a Network Load"):
        knowledge(target_groups=path)
    path.write_text('[{"name": "web", "prot": 80}]')
    with pytest.raises(KnowledgeError, match=r"groups\.json: target group 'web' has a column 'prot'"):
        knowledge(target_groups=str(path))


def test_each_target_has_an_address_a_traffic_port_and_a_health_check_port() -> None:
    assert WEB.ends() == [("10.0.1.5", 80, 8080), ("10.0.1.6", 81, 8080), ("2001:db8::1", 82, 8080)]


def test_addresses_come_as_a_list_or_as_text_and_once_each() -> None:
    assert knowledge("10.0.1.5, 10.0.1.6 10.0.1.5").lb_addresses == ("10.0.1.5", "10.0.1.6")
    assert knowledge(["2001:0db8::0005"]).lb_addresses == ("2001:db8::5",)
    assert knowledge() == knowledge([], "") == knowledge(None, [])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": "web", "prot": 80}, "column 'prot' that flowkit does not know: did you mean 'port'?"),
        ({"name": "web", "port": 70_000}, "port is '70000': it may be a port from 1 to 65535"),
        ({"name": "web", "health_check_port": "eighty"}, "health_check_port is 'eighty': it may be a port from 1"),
        ({"name": "web", "interval_s": 0}, "interval_s is '0': it may be seconds from 1 to 3600"),
        ({"name": "web", "health_check_protocol": "ICMP"}, "health_check_protocol is 'ICMP': it may be TCP, HTTP, H"),
        ({"name": "web", "preserve_client_ip": "perhaps"}, "preserve_client_ip is 'perhaps': it may be true or false"),
        ({"name": "web", "targets": ["i-0123"]}, "targets: 'i-0123' is no IP address: write it as 10.0.1.5"),
        ({"name": "web", "interval_s": True}, "interval_s is 'True': it may be seconds from 1 to 3600"),
        ({"name": "web", "targets": 5}, "targets is 5: give a list of addresses, or text with commas between them"),
        ({"name;port": "web;80"}, "the columns of the target groups have ';' between them: put commas there"),
        ("web", "target group 1 is 'web': give a dict such as {'name': 'web', 'port': 80}"),
    ],
)
def test_a_wrong_column_or_value_is_one_clear_sentence(row: Any, said: str) -> None:
    with pytest.raises(KnowledgeError) as error:
        knowledge(target_groups=[row])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_or_holds_something_else_is_said(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"cannot be read from .*none.csv: No such file"):
        knowledge(target_groups=tmp_path / "none.csv")
    (tmp_path / "x.json").write_text("[1, 2]")
    with pytest.raises(KnowledgeError, match="holds no target groups: a list of objects"):
        knowledge(target_groups=tmp_path / "x.json")
    with pytest.raises(KnowledgeError, match="lb_addresses: 'my-nlb' is no IP address"):
        knowledge("my-nlb")


def test_a_number_where_a_list_belongs_is_one_clear_sentence() -> None:
    with pytest.raises(KnowledgeError, match="lb_addresses is 5: give a list of addresses"):
        knowledge(5)  # type: ignore[arg-type]
    with pytest.raises(KnowledgeError, match="target_groups is 5: give a list of dicts"):
        knowledge(target_groups=5)  # type: ignore[arg-type]
