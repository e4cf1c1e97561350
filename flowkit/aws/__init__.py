"""The control plane: what AWS says about a load balancer and its flow logs, and setting them up.

    balancer = fk.aws.load_balancer("orders")   # a name, an ARN or a DNS name; or a file that .save() wrote
    balancer.save("nlb.json")                   # for a colleague without access: --context nlb.json
    plan = fk.aws.enable("orders", to="s3://bucket/flow-logs")   # what would be done, and what it would cost
    plan.apply()                                                 # the one word that changes something

Everything here only reads, but for `apply` on what `enable` and `disable` return. `answers` is pure: from the API's
answers to `model`; `fetch` asks; `missing` judges; `context` saves and reads; `show` prints. `enable` makes a `plan`
out of a format (`recommended`), a place (`bucket`) and an estimate (`cost`); `alarm` writes a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flowkit.access import Access
from flowkit.aws.alarm import reject_alarm
from flowkit.aws.enable import disable, enable
from flowkit.aws.model import FlowLog, Group, Interface, Listener, LoadBalancer, Target
from flowkit.aws.plan import Outcome, Plan

__all__ = [
    "FlowLog",
    "Group",
    "Interface",
    "Listener",
    "LoadBalancer",
    "Outcome",
    "Plan",
    "Target",
    "disable",
    "enable",
    "load_balancer",
    "reject_alarm",
]


def load_balancer(nlb: str | Path | LoadBalancer, access: Access | Mapping[str, str] | None = None) -> LoadBalancer:
    """Return a Network Load Balancer with its interfaces, listeners, targets, health checks and flow logs.

    Parameters
    ----------
    nlb
        Its name, ARN or DNS name; or the path (`.json`) of a context file, which needs neither AWS nor a network.
    access
        How to reach AWS: an `Access`, or its parts as a dict; by default your session as boto3 finds it.

    Raises
    ------
    AwsError
        There is none of that name (those there are are named), or AWS refused to list it.
    KnowledgeError
        The context file cannot be read.
    MissingExtraError
        boto3 is not installed.

    Examples
    --------
    `fk.aws.load_balancer("orders")` prints itself; `.knowledge` is what the split takes, `.flow_logs` what covers it,
    `.missing` what an investigation will miss, `.save("nlb.json")` the file for those without access.
    """
    if isinstance(nlb, LoadBalancer):
        return nlb
    if isinstance(nlb, Path) or str(nlb).endswith(".json"):
        from flowkit.aws import context

        return context.read(nlb)
    from flowkit.aws.fetch import fetch

    return fetch(str(nlb), Access.of(access))
