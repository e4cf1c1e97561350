"""The split: health checks told from service by size, beat and source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

import flowkit as fk
from flowkit.errors import QuestionError
from flowkit.split import Split, fit

START = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)
NODES = ("10.1.0.10", "10.1.1.10")
TARGETS = ("10.1.2.101", "10.1.3.102")
CLIENT = "203.0.113.7"
MINUTES = 10

Record = dict[str, Any]


def connection(second: float, client: str, server: str, sizes: tuple[int, int, int, int]) -> Iterator[Record]:
    """Both directions of one connection, as both ends log it: windows of 30 s whose times all records share."""
    there, back = sizes[:2], sizes[2:]
    source = 20_000 + int(second * 7_919) % 40_000
    for interface in (f"eni-{client}", f"eni-{server}"):
        if interface == f"eni-{CLIENT}" or interface.startswith("eni-172."):
            continue
        window = START + timedelta(seconds=int(second // 30) * 30)
        for src, dst, sport, dport, (packets, size) in (
            (client, server, source, 80, there),
            (server, client, 80, source, back),
        ):
            if packets:
                yield {
                    "interface_id": interface, "srcaddr": src, "dstaddr": dst, "srcport": sport, "dstport": dport,
                    "protocol": 6, "packets": packets, "bytes": size, "start": window,
                    "end": window + timedelta(seconds=29), "action": "ACCEPT", "log_status": "OK",
                }  # fmt: skip


def checks(every: float = 10.0, nodes: tuple[str, ...] = NODES, until: float = MINUTES * 60) -> Iterator[Record]:
    """HTTP checks of 130 bytes, every ten seconds from each node to each target; one in ten has an ACK more."""
    for i, node in enumerate(nodes):
        for j, target in enumerate(TARGETS):
            for tick in range(int(until / every)):
                sizes = (4, 346, 4, 462) if tick % 10 == 3 else (3, 294, 5, 514)
                yield from connection(tick * every + 2.1 * i + 1.3 * j, node, target, sizes)


def scattered(count: int, seed: int) -> Iterator[float]:
    """Seconds that come as by chance, the same each time: waits like those of arrivals at random."""
    second, state = 0.0, seed
    for _ in range(count):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        second += -math.log(1 - state / 2**31) * MINUTES * 60 / count
        if second < MINUTES * 60:
            yield second


def service(count: int = 300) -> Iterator[Record]:
    """What clients send to a node, and the node on to a target, unchanged: two sizes of requests, at random times."""
    for i, node in enumerate(NODES):
        for turn, second in enumerate(scattered(count, 7 + i)):
            sizes = (5, 390 + 45 * (turn % 3 == 0), 5, 900 + 17 * (turn % 11))
            yield from connection(second, CLIENT, node, sizes)
            yield from connection(second, node, TARGETS[(turn * 7 + i) % 5 % 2], sizes)


def frame(*parts: Iterator[Record]) -> pl.LazyFrame:
    records = [record for part in parts for record in part]
    times = {"start": pl.Datetime("ms", "UTC"), "end": pl.Datetime("ms", "UTC")}
    return pl.DataFrame(records, infer_schema_length=None, schema_overrides=times).lazy()


def kinds(flows: pl.LazyFrame, **options: Any) -> dict[str, int]:
    labelled = fit(flows, **options).label(flows).collect()
    return dict(labelled["kind"].value_counts().sort("kind").iter_rows())


def wrong(flows: pl.LazyFrame, is_check: pl.Expr) -> tuple[int, int]:
    """How many checks were missed, and how much else was called one."""
    labelled = fit(flows).label(flows).with_columns(check=is_check).collect()
    said = labelled["kind"] == "health-check"
    return int((labelled["check"] & ~said).sum()), int((~labelled["check"] & said).sum())


CHECK_SIZES = pl.struct("packets", "bytes").is_in(
    [{"packets": p, "bytes": b} for p, b in ((3, 294), (4, 346), (5, 514), (4, 462))]
)


def test_checks_among_service_are_told_apart_both_ways_and_on_both_interfaces() -> None:
    assert wrong(frame(checks(), service()), CHECK_SIZES) == (0, 0)


@pytest.mark.parametrize("later", [192, 320])
def test_checks_are_found_in_a_few_minutes_of_a_long_log_with_hours_between(later: int) -> None:
    """As a case of tens of millions of flows learns them: ten minutes at a time, here of a load balancer at work."""
    part = frame(checks(), service(1500)).collect()
    begins = [timedelta(hours=h, minutes=later) for h in (0, 7, 13)]
    parts = [part.with_columns(pl.col("start", "end") + begin) for begin in begins]
    clusters = fit(pl.concat(parts).lazy()).clusters.filter(kind="health-check")
    assert clusters["cluster"].to_list() == ["port 80, payload 130 B"]


def test_without_checks_none_are_claimed() -> None:
    split = fit(frame(service()))
    assert kinds(frame(service())).keys() == {"service"}
    assert split.clusters.filter(pl.col("kind") == "health-check").height == 0
    assert split.boundary.startswith("No health checks found")


def test_where_there_is_nothing_but_checks_all_are_found() -> None:
    flows = frame(checks())
    assert kinds(flows) == {"health-check": flows.collect().height}


def test_the_cluster_says_what_a_check_weighs_how_often_it_comes_and_from_whom() -> None:
    split = fit(frame(checks(), service()))
    found = split.clusters.filter(pl.col("kind") == "health-check")
    assert found.select("server_port", "payload_low", "payload_high", "checkers", "targets").rows() == [
        (80, 130, 130, 2, 2)
    ]
    assert found.select("packets_low", "packets_high", "bytes_low", "bytes_high").rows() == [(3, 4, 294, 346)]
    assert found["interval_s"][0] == pytest.approx(10, abs=0.2)
    assert "every 10.0 s from 2 nodes; 3 packets 294 bytes (90%)" in found["reason"][0]
    assert split.nodes.select("address", "known").rows() == [(node, "inferred") for node in NODES]


def test_the_boundary_is_a_sentence() -> None:
    said = "Health checks: to port 80, payload of 130 bytes (3–4 packets, 294–346 bytes), every 10.0 s. "
    assert fit(frame(checks(), service())).boundary == said.rstrip()


def test_a_beacon_from_an_address_that_is_no_load_balancer_is_not_swallowed() -> None:
    def beacon() -> Iterator[Record]:
        for tick in range(MINUTES * 6):
            yield from connection(tick * 10 + 4.4, "172.30.0.9", TARGETS[0], (5, 330, 5, 700))

    flows = frame(checks(), service(), beacon())
    labelled = fit(flows).label(flows).filter(pl.col("srcaddr") == "172.30.0.9").collect()
    assert "health-check" not in labelled["kind"].to_list()
    reason = fit(flows).clusters.filter(pl.col("payload_low") == 62)["reason"][0]
    assert "outside the network of the logged interfaces" in reason


def test_a_client_that_beats_like_a_clock_through_the_load_balancer_stays_service() -> None:
    def beacon() -> Iterator[Record]:
        for tick in range(MINUTES * 12):
            yield from connection(tick * 5 + 0.7, CLIENT, NODES[0], (5, 365, 5, 517))
            yield from connection(tick * 5 + 0.7, NODES[0], TARGETS[tick % 2], (5, 365, 5, 517))

    assert wrong(frame(checks(), service(), beacon()), CHECK_SIZES) == (0, 0)


def test_failed_checks_are_checks_too() -> None:
    """The second target refuses from minute 5: a SYN answered by a reset, at the checks' own beat."""

    def refused() -> Iterator[Record]:
        for record in checks():
            late = record["start"] >= START + timedelta(minutes=5) and TARGETS[1] in (
                record["srcaddr"],
                record["dstaddr"],
            )
            to_target = record["dstaddr"] == TARGETS[1]
            yield record | ({"packets": 1, "bytes": 60 if to_target else 40} if late else {})

    forms = CHECK_SIZES | (pl.col("packets") == 1)
    assert wrong(frame(refused(), service()), forms) == (0, 0)


def test_rejected_flows_udp_and_scans_are_other() -> None:
    base = next(iter(connection(1, CLIENT, TARGETS[0], (3, 164, 0, 0))))
    scan = [base | {"srcaddr": "198.51.100.66", "dstport": port, "srcport": 55_555} for port in range(20, 40)]
    flows = pl.LazyFrame([base | {"action": "REJECT"}, base | {"protocol": 17}, *scan, base]).with_row_index()
    assert fit(flows).label(flows).sort("index").collect()["kind"].to_list() == ["other"] * 22 + ["service"]


def test_given_addresses_are_the_only_checkers() -> None:
    flows = frame(checks(), service())
    split = fit(flows, lb_addresses=[NODES[0]])
    labelled = split.label(flows).filter(pl.col("kind") == "health-check").collect()
    assert set(labelled["srcaddr"]) & set(NODES) == {NODES[0]}
    assert split.nodes.rows() == [(NODES[0], "given", "named by the user")]


def test_the_answer_does_not_depend_on_the_order_of_the_rows() -> None:
    flows = frame(checks(), service()).with_row_index("row").collect()
    first = fit(flows.lazy()).label(flows.lazy()).collect().sort("row")
    shuffled = flows.sample(fraction=1, shuffle=True, seed=4).lazy()
    assert fit(shuffled).label(shuffled).collect().sort("row").equals(first)
    assert fit(shuffled).clusters.equals(fit(flows.lazy()).clusters)


def test_labels_keep_rows_and_columns_lazy_and_streamed_alike() -> None:
    flows = frame(checks(), service()).with_row_index("row")
    labelled = fit(flows).label(flows)
    assert isinstance(labelled, pl.LazyFrame)
    assert labelled.collect_schema().names() == [*flows.collect_schema().names(), "kind", "confidence"]
    assert labelled.collect_schema()["confidence"] == pl.Float32
    assert labelled.drop("kind", "confidence").collect().sort("row").equals(flows.collect())
    assert labelled.collect(engine="streaming").sort("row").equals(labelled.collect().sort("row"))


def test_hostile_text_stays_inert_on_the_page() -> None:
    """The logs call the interface one of AWS's own, so its address, whatever it says, stands on the page."""
    hostile = '"><script>alert(1)</script>'
    flows = frame(checks(), service()).with_columns(
        srcaddr=pl.col("srcaddr").replace(NODES[0], hostile),
        dstaddr=pl.col("dstaddr").replace(NODES[0], hostile),
        account_id=pl.when(pl.col("interface_id") == f"eni-{NODES[0]}").then(pl.lit("unknown")),
    )
    split = fit(flows)
    assert hostile in split.nodes["address"].to_list()
    assert "<script>" not in split._repr_html_()
    assert "&lt;script&gt;" in split._repr_html_()


def test_flows_without_ports_claim_nothing_and_say_why() -> None:
    flows = frame(checks()).drop("srcport", "dstport")
    split = fit(flows)
    assert repr(split) == "Health checks cannot be told apart: these flows lack srcport, dstport."
    assert set(split.label(flows).collect()["kind"]) == {"service"}


def test_an_empty_frame_is_no_error() -> None:
    flows = frame(checks()).head(0)
    assert fit(flows).label(flows).collect().height == 0


def test_checks_whose_source_ports_come_back_within_a_window_are_still_found() -> None:
    """Four ports a pair, three checks a window: some records hold two."""
    flows = frame(checks(), service()).with_columns(
        srcport=pl.when(CHECK_SIZES & (pl.col("dstport") == 80))
        .then(40_000 + pl.col("srcport") // 2 % 4)
        .otherwise("srcport"),
        dstport=pl.when(CHECK_SIZES & (pl.col("srcport") == 80))
        .then(40_000 + pl.col("dstport") // 2 % 4)
        .otherwise("dstport"),
    )
    keys = [name for name in flows.collect_schema().names() if name not in ("packets", "bytes")]
    few = CHECK_SIZES.first().alias("check")
    merged = flows.group_by(keys, maintain_order=True).agg(few, pl.col("packets", "bytes").sum()).collect()
    labelled = fit(merged.drop("check").lazy()).label(merged.lazy()).collect()
    said = labelled["kind"] == "health-check"
    assert (labelled["check"] & said).sum() / labelled["check"].sum() > 0.95
    assert (~labelled["check"] & said).sum() == 0


def test_what_was_rejected_is_other_even_where_checks_cannot_be_told_apart() -> None:
    flows = pl.LazyFrame({"protocol": [6, 6, 17], "action": ["ACCEPT", "REJECT", "ACCEPT"]})
    assert fit(flows).label(flows).collect()["kind"].to_list() == ["service", "other", "other"]


def test_the_same_records_give_the_same_labels_every_time() -> None:
    """Real traffic, with ties and near-ties among its families: no order of threads may decide between them."""
    flows = fk.scan(fk.samples("ordinary")).collect()
    order = flows.columns
    labels = [
        fit(mixed).label(mixed).sort(order).select("kind", "confidence").collect()
        for mixed in (flows.sample(fraction=1, shuffle=True, seed=seed).lazy() for seed in range(4))
    ]
    assert all(label.equals(labels[0]) for label in labels)


def moved(kind: str | None, flows: pl.LazyFrame) -> tuple[Split, dict[str, int]]:
    split = fit(flows)
    split.assign("port 80, payload 130 B", kind)
    return split, dict(split.label(flows).collect()["kind"].value_counts().sort("kind").iter_rows())


def test_a_cluster_moved_by_hand_takes_all_its_records_along() -> None:
    flows = frame(checks(), service())
    split, counts = moved("service", flows)
    assert counts == {"service": flows.collect().height}
    row = split.clusters.row(by_predicate=pl.col("cluster") == "port 80, payload 130 B", named=True)
    assert (row["kind"], row["confidence"]) == ("service", 1.0)
    assert row["reason"].startswith("decided by hand; the evidence says health-check (")
    assert "every 10.0 s from 2 nodes" in row["reason"]
    assert split.boundary == (
        "No health checks: a person decided on what looked like them. Decided by hand: port 80, payload 130 B is "
        "service, where the evidence says health-check (> 99 % sure)."
    )
    assert split.decisions == {"port 80, payload 130 B": "service"}


def test_what_the_evidence_calls_service_can_be_said_to_be_checks_and_given_again() -> None:
    def beacon() -> Iterator[Record]:
        for tick in range(MINUTES * 6):
            yield from connection(tick * 10 + 4.4, "172.30.0.9", TARGETS[0], (5, 330, 5, 700))

    flows = frame(checks(), service(), beacon())
    split = fit(flows, assign={"port 80, payload 62 B": "health-check"})
    labelled = split.label(flows).filter(pl.col("srcaddr") == "172.30.0.9").collect()
    assert set(labelled["kind"]) == {"health-check"}
    assert set(labelled["confidence"]) == {1.0}


def test_a_decision_taken_back_leaves_all_as_it_was() -> None:
    flows = frame(checks(), service())
    split, counts = moved("uncertain", flows)
    assert counts["uncertain"] >= 2 * 2 * 2 * 2 * 60
    split.assign("port 80, payload 130 B", None)
    assert split.clusters.equals(fit(flows).clusters)
    assert split.decisions == {}


@pytest.mark.parametrize(
    ("cluster", "kind", "words"),
    [
        ("port 80, payload 13 B", "service", "did you mean 'port 80, payload 130 B'"),
        ("everything", "service", "there are 'port 80, payload 130 B'"),
        ("port 80, payload 130 B", "checks", "choose one of 'health-check', 'uncertain', 'service'"),
    ],
)
def test_a_cluster_or_kind_that_is_not_there_is_one_sentence(cluster: str, kind: str, words: str) -> None:
    with pytest.raises(QuestionError, match=words):
        fit(frame(checks(), service()), assign={cluster: kind})


def test_steady_checks_from_none_of_the_given_addresses_are_not_said_to_be_absent() -> None:
    split = fit(frame(checks(), service()), lb_addresses=["10.99.9.9"])
    assert split.clusters.filter(pl.col("kind") == "health-check").is_empty()
    assert "far steadier than chance, but more speaks against" in split.boundary
