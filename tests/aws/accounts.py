"""An account on this machine with a load balancer called "orders" in it: three zones, three targets, two neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stand_in import StandIn

from flowkit.access import Access

HOSTILE = "</script><script>window.PWNED=1</script>"
ZONES = {"eu-west-1a": "10.0.1", "eu-west-1b": "10.0.2", "eu-west-1c": "10.0.3"}


@dataclass
class Account:
    """The account: its stand-in, and the ids of what is in it."""

    server: StandIn
    access: Access
    arn: str = ""
    dns: str = ""
    path: str = ""
    vpc: str = ""
    subnets: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    group: str = ""

    def client(self, service: str) -> Any:
        return self.access.client(service)


def build(made: Account) -> None:
    """Fill the account."""
    _network(made, made.client("ec2"))
    _balancer(made, made.client("elbv2"), made.client("ec2"))


def session(server: StandIn) -> dict[str, str]:
    """Return the environment of a session on a stand-in."""
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-west-1"}
    return {**keys, "AWS_ENDPOINT_URL": server.address}


def _network(made: Account, ec2: Any) -> None:
    made.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for zone, net in ZONES.items():
        subnet = ec2.create_subnet(VpcId=made.vpc, CidrBlock=f"{net}.0/24", AvailabilityZone=zone)
        made.subnets.append(subnet["Subnet"]["SubnetId"])
    for subnet, address, name in zip(made.subnets, ("10.0.1.101", "10.0.2.102"), ("api-1", HOSTILE), strict=False):
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        place = {"SubnetId": subnet, "PrivateIpAddress": address, "TagSpecifications": tags}
        run = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, **place)
        made.instances.append(run["Instances"][0]["InstanceId"])
    nat = {"Description": "Interface for NAT Gateway nat-0a1b2c3d", "PrivateIpAddress": "10.0.3.77"}
    ec2.create_network_interface(SubnetId=made.subnets[2], **nat)


def _balancer(made: Account, elb: Any, ec2: Any) -> None:
    for name in ("checkout", "orders", "payments"):
        answer = elb.create_load_balancer(Name=name, Subnets=made.subnets, Type="network", Scheme="internal")
        found = answer["LoadBalancers"][0]
        if name == "orders":
            made.arn, made.dns = found["LoadBalancerArn"], found["DNSName"]
    elb.create_load_balancer(Name="web", Subnets=made.subnets, Type="application")
    made.path = f"net/orders/{made.arn.rpartition('/')[2]}"
    for subnet, net in zip(made.subnets, ZONES.values(), strict=True):
        one = {"SubnetId": subnet, "Description": f"ELB {made.path}", "PrivateIpAddress": f"{net}.10"}
        made.interfaces.append(ec2.create_network_interface(**one)["NetworkInterface"]["NetworkInterfaceId"])
    ec2.assign_private_ip_addresses(NetworkInterfaceId=made.interfaces[0], PrivateIpAddresses=["10.0.1.11"])
    made.group = elb.create_target_group(
        Name="orders-api", Protocol="TCP", Port=8080, VpcId=made.vpc, TargetType="ip",
        HealthCheckProtocol="TCP", HealthCheckIntervalSeconds=10, HealthyThresholdCount=3, UnhealthyThresholdCount=3,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    kept = [{"Key": "preserve_client_ip.enabled", "Value": "false"}]
    elb.modify_target_group_attributes(TargetGroupArn=made.group, Attributes=kept)
    targets = [{"Id": address, "Port": 8080} for address in ("10.0.1.101", "10.0.2.102", "10.9.9.9")]
    elb.register_targets(TargetGroupArn=made.group, Targets=targets)
    forward = [{"Type": "forward", "TargetGroupArn": made.group}]
    elb.create_listener(LoadBalancerArn=made.arn, Protocol="TCP", Port=443, DefaultActions=forward)
    made.server.health["10.0.2.102"] = ("unhealthy", "Health checks failed")
