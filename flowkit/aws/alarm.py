"""An alarm on refused traffic, as a CloudFormation template to read and apply; nothing here changes anything."""

from __future__ import annotations

import json
import re
from typing import Any

from flowkit.aws.model import FlowLog, LoadBalancer
from flowkit.aws.recommended import log_format
from flowkit.errors import QuestionError
from flowkit.schema import DEFAULT
from flowkit.wording import many

_NAMESPACE = "flowkit"
_NOT_ALL = "Packets that come after a connection was closed are REJECT, too: set the threshold above what is usual."


def reject_alarm(balancer: LoadBalancer, *, threshold: int = 100, topic: str = "") -> str:
    """Return a CloudFormation template that counts a load balancer's rejected flows and alarms on them.

    A metric filter needs flow logs in CloudWatch Logs. Where one that records REJECT covers the load balancer, its log
    group and format are used; else the template makes a log group and flow logs of REJECT only, which are small.

    Parameters
    ----------
    balancer
        The load balancer, as `load_balancer` returns it.
    threshold
        More rejected flow records than this in five minutes are an alarm; with 0 every one is.
    topic
        The ARN of an SNS topic that is told; the alarm says nothing to anybody without one.

    Raises `QuestionError` where the threshold is below 0, or the topic is no ARN of one.
    """
    if threshold < 0:
        raise QuestionError(f"threshold={threshold} is below 0, so that the alarm would never end: give 0 or more")
    if topic and not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}(\.fifo)?", topic):
        raise QuestionError(
            f"{topic!r:.80} is no SNS topic: give its ARN, as arn:aws:sns:eu-west-1:123456789012:on-call"
        )
    log = _usable(balancer)
    made = {} if log else _logging(balancer)
    group: Any = log.destination.removeprefix("cwl:") if log else {"Ref": "RejectLogs"}
    fields = (log.fields if log else ()) or DEFAULT
    resources = {
        **made,
        "RejectFilter": _filter(balancer, group, fields),
        "RejectAlarm": _alarm(balancer, threshold, topic),
    }
    said = f"flowkit: an alarm on flows that are rejected at the interfaces of {balancer.name}"
    return json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Description": said, "Resources": resources}, indent=2)


def pattern(fields: tuple[str, ...], interfaces: tuple[str, ...]) -> str:
    """Return the filter pattern for REJECT records of some interfaces, in the order of the flow log's own format.

    >>> pattern(("interface-id", "srcaddr", "action"), ("eni-1", "eni-2"))
    '[interface_id="eni-1" || interface_id="eni-2", srcaddr, action="REJECT"]'
    """
    own = " || ".join(f'interface_id="{one}"' for one in interfaces)
    said = {"interface-id": own or "interface_id", "action": 'action="REJECT"'}
    return f"[{', '.join(said.get(name, name.replace('-', '_')) for name in fields)}]"


def _usable(balancer: LoadBalancer) -> FlowLog | None:
    """Return the flow log to count in: in CloudWatch Logs, of all interfaces, with REJECT and the fields it takes."""
    for log in balancer.flow_logs:
        whole = len(log.covers) == len(balancer.interfaces)
        told = {"action", "interface-id"} <= set(log.fields or DEFAULT)
        if log.destination.startswith("cwl:") and log.traffic != "ACCEPT" and whole and told:
            return log
    return None


def _filter(balancer: LoadBalancer, group: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    own = tuple(one.id for one in balancer.interfaces)
    count = {"MetricNamespace": _NAMESPACE, "MetricName": _metric(balancer), "MetricValue": "1", "DefaultValue": 0}
    held = {"LogGroupName": group, "FilterPattern": pattern(fields, own), "MetricTransformations": [count]}
    return {"Type": "AWS::Logs::MetricFilter", "Properties": held}


def _alarm(balancer: LoadBalancer, threshold: int, topic: str) -> dict[str, Any]:
    above = f"More than {many(threshold, 'rejected flow record')}" if threshold else "Any rejected flow record"
    held = {
        "AlarmDescription": f"{above} in 5 minutes at {balancer.name}. {_NOT_ALL}",
        "Namespace": _NAMESPACE,
        "MetricName": _metric(balancer),
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **({"AlarmActions": [topic]} if topic else {}),
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": held}


def _metric(balancer: LoadBalancer) -> str:
    return f"RejectedFlows-{balancer.name}"


def _logging(balancer: LoadBalancer) -> dict[str, Any]:
    """Return a log group, the role that may write to it, and a flow log of REJECT for each interface."""
    logs = {
        f"RejectFlowLog{number}": {
            "Type": "AWS::EC2::FlowLog",
            "Properties": {
                "ResourceType": "NetworkInterface",
                "ResourceId": one.id,
                "TrafficType": "REJECT",
                "LogDestinationType": "cloud-watch-logs",
                "LogGroupName": {"Ref": "RejectLogs"},
                "DeliverLogsPermissionArn": {"Fn::GetAtt": ["RejectRole", "Arn"]},
                "LogFormat": log_format(DEFAULT),
                "MaxAggregationInterval": 60,
            },
        }
        for number, one in enumerate(balancer.interfaces, 1)
    }
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}
    return {"RejectLogs": group, "RejectRole": _role(), **logs}


def _role() -> dict[str, Any]:
    actions = ["CreateLogStream", "PutLogEvents", "DescribeLogGroups", "DescribeLogStreams"]
    who = {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": [f"logs:{action}" for action in actions], "Resource": "*"}
    version = {"Version": "2012-10-17"}
    policy = {"PolicyName": "write-flow-logs", "PolicyDocument": {**version, "Statement": [may]}}
    held = {"AssumeRolePolicyDocument": {**version, "Statement": [who]}, "Policies": [policy]}
    return {"Type": "AWS::IAM::Role", "Properties": held}
