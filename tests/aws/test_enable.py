"""Setting up flow logs on the stand-in, end to end: the plan, the change, the second time, the end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from accounts import Account

from flowkit import aws
from flowkit.errors import AwsError, FlowkitError


@pytest.fixture(scope="module")
def bucket(built: Account) -> str:
    """A bucket without a policy, and metrics of the load balancer: 1,000 new connections a minute, 400 open."""
    place = {"LocationConstraint": "eu-west-1"}
    built.client("s3").create_bucket(Bucket="flow-logs", CreateBucketConfiguration=place)
    of, cloudwatch = [{"Name": "LoadBalancer", "Value": built.path}], built.client("cloudwatch")
    for hours in (2, 3, 4):
        at = datetime.now(UTC) - timedelta(hours=hours)
        data = [
            {"MetricName": name, "Dimensions": of, "Value": value, "Timestamp": at}
            for name, value in (("NewFlowCount", 60_000.0), ("ActiveFlowCount", 400.0))
        ]
        cloudwatch.put_metric_data(Namespace="AWS/NetworkELB", MetricData=data)
    return "s3://flow-logs/orders"


def test_the_plan_shows_everything_and_changes_nothing(account: Account, bucket: str) -> None:
    said = repr(aws.enable("orders", access=account.access, to=bucket))
    for eni in account.interfaces:
        assert f"{eni} eu-west-1" in said
    assert "tcp-flags: tells who opened a connection" in said
    assert '"Resource": "arn:aws:s3:::flow-logs/orders/AWSLogs/123456789012/*"' in said
    assert "the bucket has no policy" in said
    # 4 × (1,000 + 400) + 2 × 3 nodes × 3 targets × 6 checks = 5,708 records a minute, of 161 bytes.
    assert "about 40 GB of records a month at most, an estimate" in said
    assert "about $9.93 a month for delivery to S3, at $0.25 a GB in us-east-1" in said
    assert "ec2:CreateFlowLogs" in said
    assert account.server.flow_logs == []


def test_applied_once_it_makes_a_flow_log_an_interface_and_the_second_time_nothing(
    account: Account, bucket: str
) -> None:
    wish: dict[str, Any] = {"to": bucket, "parquet": True, "hive": True, "hourly": True}
    outcome = aws.enable("orders", access=account.access, **wish).apply()
    assert not outcome.failed
    assert [log["resourceId"] for log in account.server.flow_logs] == account.interfaces
    made = account.server.flow_logs[0]
    assert (made["logDestination"], made["maxAggregationInterval"]) == ("arn:aws:s3:::flow-logs/orders/", 60)
    assert made["options"] == {"FileFormat": "parquet", "HiveCompatiblePartitions": "true", "PerHourPartition": "true"}
    assert made["tags"]["flowkit:load-balancer"] == account.path
    account.server.calls.clear()
    again = aws.enable("orders", access=account.access, **wish)
    assert again.done
    assert "nothing to do" in repr(again.apply())
    assert "CreateFlowLogs" not in account.server.calls


def test_an_interface_that_has_one_already_is_left_alone(account: Account, bucket: str) -> None:
    aws.enable("orders", access=account.access, to=bucket).apply()
    del account.server.flow_logs[1]
    (call,) = aws.enable("orders", access=account.access, to=bucket).calls
    assert call.parameters["ResourceIds"] == [account.interfaces[1]]


def test_a_flow_log_of_another_format_does_not_count_as_this_one(account: Account, bucket: str) -> None:
    aws.enable("orders", access=account.access, to=bucket, fields="default").apply()
    plan = aws.enable("orders", access=account.access, to=bucket)
    assert len(plan.calls[0].parameters["ResourceIds"]) == 3
    assert "records will stand twice" in repr(plan)


def test_partial_failure_is_told_by_interface(account: Account, bucket: str) -> None:
    account.server.broken[account.interfaces[1]] = "LogDestinationPermissionIssueException: no access to the bucket"
    outcome = aws.enable("orders", access=account.access, to=bucket).apply()
    (failed,) = outcome.failed
    assert failed.startswith(f"{account.interfaces[1]} eu-west-1b: LogDestinationPermissionIssueException")
    assert len(account.server.flow_logs) == 2
    assert f"made  {account.interfaces[0]}" in repr(outcome)


def test_disable_ends_only_what_flowkit_made_for_this_load_balancer(account: Account, bucket: str) -> None:
    own = account.server.add(account.interfaces[0], "arn:aws:s3:::flow-logs/somebody/")
    other = account.server.add(account.vpc, "arn:aws:s3:::x/", tags={"flowkit:load-balancer": "net/payments/1"})
    aws.enable("orders", access=account.access, to=bucket).apply()
    plan = aws.disable("orders", access=account.access)
    assert len(account.server.flow_logs) == 5
    assert not plan.apply().failed
    assert [log["flowLogId"] for log in account.server.flow_logs] == [own, other]
    assert aws.disable(account.arn, access=account.access).done


def test_where_it_may_not_see_what_there_is_nothing_is_planned(account: Account, bucket: str) -> None:
    account.server.refused.add("DescribeFlowLogs")
    with pytest.raises(AwsError, match="the permission ec2:DescribeFlowLogs is missing"):
        aws.enable("orders", access=account.access, to=bucket)


def test_a_filter_that_is_not_understood_ends_nothing(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.server.add(account.vpc, "arn:aws:s3:::flow-logs/somebody/")
    monkeypatch.setattr("stand_in._matches", lambda *_: True)
    assert aws.disable("orders", access=account.access).done


def test_a_policy_that_aws_would_overwrite_stops_it(account: Account, bucket: str) -> None:
    s3, mine = account.client("s3"), {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    policy = {"Version": "2012-10-17", "Statement": [{**mine, "Resource": "arn:aws:s3:::flow-logs/*"}]}
    s3.put_bucket_policy(Bucket="flow-logs", Policy=json.dumps(policy))
    try:
        plan = aws.enable("orders", access=account.access, to=bucket)
        assert "OVERWRITE" in repr(plan)
        with pytest.raises(AwsError, match="nothing was done: the bucket has a policy without these statements"):
            plan.apply()
        policy["Statement"] += _needed(plan)
        s3.put_bucket_policy(Bucket="flow-logs", Policy=json.dumps(policy))
        assert "the bucket's policy has these statements" in repr(
            aws.enable("orders", access=account.access, to=bucket)
        )
    finally:
        s3.delete_bucket_policy(Bucket="flow-logs")


def _needed(plan: aws.Plan) -> list[Any]:
    lines = [line for label, line in plan.lines() if label == "bucket policy"]
    statements: list[Any] = json.loads(lines[1])["Statement"]
    return statements


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"to": "flow-logs"}, "is no place for flow logs"),
        ({"to": "s3://flow-logs/AWSLogs/x"}, "which AWS reserves"),
        ({"to": "s3://flow-logs", "interval": 30}, "60 or 600 seconds"),
        ({"to": "s3://flow-logs", "traffic": "some"}, "'all', 'accept', 'reject'"),
        ({"to": "s3://flow-logs", "fields": "${srcadr}"}, "did you mean 'srcaddr'"),
        ({"to": "s3://no-such-bucket-at-all"}, "there is no bucket 'no-such-bucket-at-all': make it first"),
    ],
)
def test_a_wish_that_cannot_be_met_is_one_sentence(account: Account, wish: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FlowkitError, match=sentence):
        aws.enable("orders", access=account.access, **wish)


def test_the_alarm_counts_in_the_order_of_the_flow_logs_own_format(account: Account) -> None:
    """moto knows neither resource as CloudFormation, so their properties go to the API they stand for."""
    account.client("logs").create_log_group(logGroupName="/vpc/flow")
    account.server.add(
        account.vpc,
        "arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/flow:*",
        logFormat="${interface-id} ${srcaddr} ${action}",
    )
    template = aws.reject_alarm(aws.load_balancer("orders", access=account.access), threshold=50)
    parts = {name: part["Properties"] for name, part in json.loads(template)["Resources"].items()}
    account.client("cloudwatch").put_metric_alarm(AlarmName="rejects", **parts["RejectAlarm"])
    asked = {name[0].lower() + name[1:]: value for name, value in parts["RejectFilter"].items()}
    count = [{k[0].lower() + k[1:]: v for k, v in one.items()} for one in asked.pop("metricTransformations")]
    account.client("logs").put_metric_filter(filterName="rejects", metricTransformations=count, **asked)
    (alarm,) = account.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("RejectedFlows-orders", 50)
    (held,) = account.client("logs").describe_metric_filters(logGroupName="/vpc/flow")["metricFilters"]
    own = " || ".join(f'interface_id="{eni}"' for eni in account.interfaces)
    assert held["filterPattern"] == f'[{own}, srcaddr, action="REJECT"]'


def test_without_flow_logs_in_cloudwatch_the_template_makes_some_of_rejects_only(account: Account) -> None:
    resources = json.loads(aws.reject_alarm(aws.load_balancer("orders", access=account.access)))["Resources"]
    logs = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::EC2::FlowLog"]
    assert [(log["ResourceId"], log["TrafficType"]) for log in logs] == [(eni, "REJECT") for eni in account.interfaces]
