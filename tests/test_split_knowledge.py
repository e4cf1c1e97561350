"""What is known beside sizes and beat raises the confidence and is named; what contradicts it is shown."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from test_split import NODES, TARGETS, checks, connection, frame, service

from flowkit.split import fit

HTTP = {"name": "web", "port": 80, "health_check_protocol": "HTTP", "interval_s": 10, "targets": list(TARGETS)}


def first(flows: pl.LazyFrame, **known: Any) -> dict[str, Any]:
    """Return the likeliest cluster."""
    return fit(flows, **known).clusters.row(0, named=True)


@pytest.fixture(scope="module")
def flows() -> pl.LazyFrame:
    """Ten minutes of checks from one node to two targets among service: sure, but not quite."""
    return frame(checks(nodes=NODES[:1]), service())


OPENING = pl.when(pl.col("dstport") == 80).then(3).otherwise(19)
NODE = pl.col("interface_id").str.starts_with("eni-10.1.0") | pl.col("interface_id").str.starts_with("eni-10.1.1")
OUT = pl.col("interface_id") == pl.format("eni-{}", "srcaddr")
TOLD = {
    "target group 'web' checks on this port; its interval fits; its protocol fits": {},
    "tcp-flags: each record opens a connection": {"tcp_flags": OPENING},
    "interface-type calls the source a network load balancer": {
        "interface_type": pl.when(NODE).then(pl.lit("network_load_balancer"))
    },
    "pkt-srcaddr is the source's own": {"pkt_srcaddr": pl.col("srcaddr")},
    "flow-direction: it": {"flow_direction": pl.when(OUT).then(pl.lit("egress")).otherwise(pl.lit("ingress"))},
}


@pytest.mark.parametrize("said", TOLD)
def test_each_source_of_knowledge_raises_the_confidence_and_is_named(flows: pl.LazyFrame, said: str) -> None:
    bare, known = first(flows), first(flows.with_columns(**TOLD[said]), target_groups=None if TOLD[said] else [HTTP])
    assert (
        (bare["cluster"], bare["kind"])
        == (known["cluster"], known["kind"])
        == ("port 80, payload 130 B", "health-check")
    )
    assert known["confidence"] > bare["confidence"]
    assert said in known["reason"]
    assert said not in bare["reason"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"interval_s": 17}, "but its interval does not fit"),
        ({"health_check_protocol": "TCP"}, "but its protocol does not fit"),
        ({"health_check_port": 8081}, "but no target group checks these targets on this port"),
    ],
)
def test_a_setting_that_contradicts_the_records_lowers_the_confidence_and_is_shown(
    flows: pl.LazyFrame, setting: dict[str, Any], said: str
) -> None:
    fits, odd = first(flows, target_groups=[HTTP]), first(flows, target_groups=[{**HTTP, **setting}])
    assert odd["confidence"] < fits["confidence"]
    assert said in odd["reason"]


def test_kept_client_addresses_make_all_that_comes_from_a_given_node_checks(flows: pl.LazyFrame) -> None:
    known = first(flows, lb_addresses=NODES, target_groups=[{**HTTP, "preserve_client_ip": True}])
    assert "clients keep their addresses, so what the load balancer's own sends is checks" in known["reason"]


def test_a_client_under_the_load_balancers_address_is_no_check(flows: pl.LazyFrame) -> None:
    """The load balancer's interface logs its own address; the packets carry the client's."""
    known = flows.with_columns(pkt_srcaddr=pl.lit("203.0.113.7"))
    assert "but pkt-srcaddr is another's" in first(known)["reason"]
    assert first(known)["confidence"] < first(flows)["confidence"]


def test_addresses_and_targets_that_were_given_and_are_not_there_are_said(flows: pl.LazyFrame) -> None:
    group = {**HTTP, "targets": [*TARGETS, "10.1.2.200", "203.0.113.7"]}
    split = fit(flows, lb_addresses=[NODES[0], "10.1.9.9"], target_groups=[group])
    assert split.nodes.select("address", "known").rows() == [(NODES[0], "given"), ("10.1.9.9", "given, not seen")]
    assert split.boundary.endswith(
        "Given as load balancer addresses, but in no record: 10.1.9.9. Given as targets, but in no record: "
        "10.1.2.200:80. Given as targets, but no check of them was found: 203.0.113.7:80."
    )


def test_an_address_that_was_given_and_checks_nothing_is_listed_as_that(flows: pl.LazyFrame) -> None:
    split = fit(flows, lb_addresses=[*NODES])
    assert split.nodes.select("address", "known").rows() == [(NODES[0], "given"), (NODES[1], "given, checks nothing")]


def test_what_the_settings_say_against_the_records_stands_in_the_boundary(flows: pl.LazyFrame) -> None:
    split = fit(flows, target_groups=[{**HTTP, "interval_s": 17, "health_check_protocol": "TCP"}])
    assert "Target group 'web' was said to check every 17 s, but port 80 is checked every 10.0 s." in split.boundary
    assert "Target group 'web' was said to check by TCP, but the checks of port 80 carry data." in split.boundary


def test_nothing_is_said_of_a_protocol_that_nobody_gave(flows: pl.LazyFrame) -> None:
    split = fit(flows, target_groups=[{"name": "web", "port": 80, "interval_s": 10}])
    assert "was said" not in split.boundary
    assert "protocol" not in split.clusters["reason"][0]


def test_several_checkers_at_a_node_are_told_by_the_settings(flows: pl.LazyFrame) -> None:
    known = first(flows, target_groups=[{**HTTP, "interval_s": 20}])
    assert "every 10.0 s from 1 node, which is every 20 s from each of 2 checkers at the node" in known["reason"]


def test_a_node_that_only_a_persons_word_makes_one_is_said_to_be_that() -> None:
    beacon = (
        record
        for tick in range(60)
        for record in connection(tick * 10 + 4.4, "172.30.0.9", TARGETS[0], (5, 330, 5, 700))
    )
    split = fit(frame(checks(), service(), beacon), assign={"port 80, payload 62 B": "health-check"})
    row = split.nodes.row(by_predicate=pl.col("address") == "172.30.0.9")
    assert row[1:] == ("by hand", "a person said that what it sends is health checks")
