"""Questions: flows in, a small table out, with literal answers; and sums that hold whatever the flows are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import QuestionError
from flowkit.questions import aggregation, peers, rejected, sizes, timeline
from flowkit.questions.rejected import BPA, LATE, NO_SYN, NOT, NOT_IN, NOT_OUT, PERHAPS
from flowkit.schema import TIME

MIDNIGHT = datetime(2026, 5, 14, tzinfo=UTC)
COUNTS = ("flows", "packets", "bytes")


def at(second: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=second)


def flow(start: float = 0, end: float | None = None, **fields: Any) -> dict[str, Any]:
    """One record from a client to a web server, `start` and `end` in seconds after midnight."""
    usual: dict[str, Any] = {
        "interface_id": "eni-a",
        "srcaddr": "10.0.0.1",
        "dstaddr": "10.0.0.2",
        "srcport": 40000,
        "dstport": 443,
        "protocol": 6,
        "packets": 10,
        "bytes": 1000,
        "action": "ACCEPT",
        "kind": "service",
    }
    return usual | {"start": at(start), "end": at(start if end is None else end)} | fields


def frame(*flows: dict[str, Any]) -> pl.LazyFrame:
    return pl.LazyFrame(list(flows), schema_overrides={"start": TIME, "end": TIME, "bytes": pl.Int64})


def rows(table: pl.LazyFrame, *columns: str) -> list[tuple[Any, ...]]:
    return table.select(columns).collect().rows()


# timeline


def test_a_record_is_spread_over_the_bins_it_covers_and_counted_once_at_its_start() -> None:
    found = timeline(frame(flow(30, 150, packets=4, bytes=1000)), every="1m")
    assert rows(found, "time", *COUNTS) == [(at(0), 1, 1, 250), (at(60), 0, 2, 500), (at(120), 0, 1, 250)]


def test_a_record_that_ends_on_the_edge_of_a_bin_does_not_touch_the_next() -> None:
    assert rows(timeline(frame(flow(0, 60)), every="1m"), "time", "bytes") == [(at(0), 1000)]


def test_a_record_without_length_lies_in_one_bin() -> None:
    assert rows(timeline(frame(flow(60)), every="1m"), "time", *COUNTS) == [(at(60), 1, 10, 1000)]


def test_a_record_with_a_broken_time_counts_whole_in_the_bin_of_its_start() -> None:
    backwards, endless = flow(90, 10), flow(100, 1_000_000)
    assert rows(timeline(frame(backwards, endless), every="1m"), "time", *COUNTS) == [(at(60), 2, 20, 2000)]


def test_a_record_without_any_time_is_kept_in_a_row_without_time() -> None:
    found = timeline(frame(flow(0), flow() | {"start": None, "end": None}), every="1m")
    assert rows(found, "time", "flows") == [(None, 1), (at(0), 1)]


def test_a_timeline_by_a_column_tells_its_values_apart_and_says_dash_for_none() -> None:
    found = timeline(frame(flow(0, kind="service"), flow(1, kind="health-check"), flow(2, kind=None)), by="kind")
    assert rows(found, "kind", "flows") == [("-", 1), ("health-check", 1), ("service", 1)]


def test_more_than_twelve_values_leave_the_eleven_with_most_bytes_and_other() -> None:
    found = timeline(frame(*(flow(0, dstport=port, bytes=port) for port in range(1, 14))), by="dstport").collect()
    assert set(found["dstport"]) == {*(str(port) for port in range(3, 14)), "other"}
    assert found.filter(pl.col("dstport") == "other")["bytes"].to_list() == [1 + 2]


def test_a_hop_that_two_interfaces_saw_is_counted_from_one_of_them() -> None:
    both = frame(flow(interface_id="eni-a"), flow(interface_id="eni-b"))
    assert rows(timeline(both), "flows", "vantage") == [(1, "once")]
    assert rows(timeline(both, vantage="all"), "flows", "vantage") == [(2, "all")]
    assert rows(timeline(both, vantage="eni-b"), "flows", "vantage") == [(1, "eni-b")]


def test_the_mark_of_a_case_is_used_where_it_is_there() -> None:
    marked = frame(flow(bytes=1, once=True), flow(bytes=2, once=False))
    assert rows(timeline(marked), "bytes") == [(1,)]


def test_a_refusal_on_the_interface_that_is_not_the_observer_is_not_lost_by_action() -> None:
    observer = [flow(second, interface_id="eni-lb") for second in (0, 1)]
    refused = flow(0, interface_id="eni-target", action="REJECT")
    found = timeline(frame(*observer, refused), by="action")
    assert rows(found, "action", "flows") == [("ACCEPT", 2), ("REJECT", 1)]


@pytest.mark.parametrize("every", ["", "0m", "1 minute", "90", "1w", None])
def test_a_length_that_is_none_is_refused_with_examples(every: str) -> None:
    with pytest.raises(QuestionError, match=r"write it as '30s', '1m', '5m', '1h' or '1d'"):
        timeline(frame(flow()), every=every)


records = st.lists(
    st.tuples(
        st.integers(0, 4000),
        st.integers(-10, 5000),
        st.integers(0, 2**40),
        st.integers(0, 2**20),
        st.sampled_from("abcdefghijklmnop"),
    ),
    min_size=1,
    max_size=30,
)


@given(records, st.sampled_from(["1s", "7s", "1m", "1h"]), st.sampled_from([None, "kind"]))
def test_spreading_loses_no_byte_and_no_packet(
    found: list[tuple[int, int, int, int, str]], every: str, by: str | None
) -> None:
    flows = frame(*(flow(s, s + d, bytes=b, packets=p, kind=k) for s, d, b, p, k in found))
    table = timeline(flows, every=every, by=by, vantage="all").collect()
    expected = (len(found), sum(r[3] for r in found), sum(r[2] for r in found))
    assert table.select(pl.col(*COUNTS).sum()).row(0) == expected
    assert min(*table["bytes"], *table["packets"], 0) == 0


# sizes


def test_few_sizes_are_all_exact_and_told_apart_by_kind() -> None:
    found = sizes(frame(flow(bytes=164, kind="health-check"), flow(bytes=164), flow(bytes=9000)))
    assert rows(found, "low", "high", "kind", "flows") == [
        (164, 164, "health-check", 1),
        (164, 164, "service", 1),
        (9000, 9000, "service", 1),
    ]


def test_a_spike_keeps_its_size_beside_bins_of_the_spread() -> None:
    spread = [flow(bytes=1000 + n) for n in range(900)]
    found = sizes(frame(*spread, *(flow(bytes=1100) for _ in range(100)))).collect()
    assert found.filter(pl.col("low") == pl.col("high")).rows() == [(1100, 1100, "service", 101, 0)]
    assert found["flows"].sum() == 1000


def test_sizes_are_of_tcp_unless_another_protocol_is_asked_for() -> None:
    both = frame(flow(bytes=1), flow(bytes=2, protocol=17))
    assert rows(sizes(both), "low") == [(1,)]
    assert rows(sizes(both, protocol=17), "low") == [(2,)]
    assert rows(sizes(both, protocol=None, by=None, measure="packets"), "low", "flows") == [(10, 2)]


@given(st.lists(st.integers(0, 2**45), min_size=65, max_size=200, unique=True))
def test_every_size_lies_in_exactly_one_bin(values: list[int]) -> None:
    found = sizes(frame(*(flow(bytes=value) for value in values)), by=None, vantage="all").collect()
    spans = found.filter(pl.col("low") < pl.col("high")).select("low", "high", "flows").rows()
    exact = set(found.filter(pl.col("low") == pl.col("high"))["low"])
    assert found["flows"].sum() == len(values)
    for low, high, flows in spans:
        assert sum(low <= value <= high and value not in exact for value in values) == flows


# peers


def test_the_top_talkers_come_first_and_the_rest_is_one_row() -> None:
    flows = frame(*(flow(n, srcaddr=f"10.0.0.{n}", bytes=100 * n) for n in (1, 2, 3, 4)))
    assert rows(peers(flows, by="srcaddr", n=2), "srcaddr", "bytes", "share", "groups") == [
        ("10.0.0.4", 400, 0.4, 1),
        ("10.0.0.3", 300, 0.3, 1),
        ("other", 300, 0.3, 2),
    ]


def test_peers_say_when_they_were_first_and_last_seen() -> None:
    found = peers(frame(flow(5, 9), flow(70, 75)))
    assert rows(found, "srcaddr", "dstaddr", "first_seen", "last_seen") == [("10.0.0.1", "10.0.0.2", at(5), at(75))]


def test_peers_rank_by_what_is_asked() -> None:
    flows = frame(flow(srcaddr="many"), flow(srcaddr="many"), flow(srcaddr="big", bytes=9000))
    assert rows(peers(flows, by="srcaddr", n=1), "srcaddr") == [("big",), ("other",)]
    assert rows(peers(flows, by="srcaddr", n=1, rank="flows"), "srcaddr") == [("many",), ("other",)]


def test_of_thousands_of_peers_the_big_ones_are_found_and_the_others_are_counted() -> None:
    many = [flow(srcaddr=f"10.{n // 250}.{n % 250}.9", bytes=10) for n in range(3000)]
    found = peers(frame(*many, flow(srcaddr="z", bytes=9), flow(srcaddr="z", bytes=2)), by="srcaddr", n=1)
    assert rows(found, "srcaddr", "flows", "bytes", "groups") == [("z", 2, 11, 1), ("other", 3000, 30000, 3000)]


@given(records, st.integers(1, 20))
def test_the_rows_of_peers_add_up_to_all_flows(found: list[tuple[int, int, int, int, str]], n: int) -> None:
    flows = frame(*(flow(s, s + d, bytes=b, packets=p, srcaddr=k) for s, d, b, p, k in found))
    table = peers(flows, n=n, by="srcaddr", vantage="all").collect()
    assert table.select(pl.col(*COUNTS).sum()).row(0) == (
        len(found),
        sum(r[3] for r in found),
        sum(r[2] for r in found),
    )
    assert table["groups"].sum() == len({r[4] for r in found})


# rejected


def refusal(start: float = 0, **fields: Any) -> dict[str, Any]:
    return flow(start, action="REJECT", packets=1, bytes=60, **fields)


def reasons(*flows: dict[str, Any]) -> list[str]:
    return [row[0] for row in rows(rejected(frame(*flows)), "reason")]


def test_a_refused_syn_was_not_allowed_the_way_it_went() -> None:
    assert reasons(refusal(tcp_flags=2, flow_direction="ingress")) == [NOT_IN]
    assert reasons(refusal(tcp_flags=2, flow_direction="egress")) == [NOT_OUT]
    assert reasons(refusal()) == [NOT]


@pytest.mark.parametrize("flags", [0, 1, 4, 5])
@pytest.mark.parametrize("turned", [False, True])
def test_a_packet_without_syn_after_an_accepted_connection_is_probably_not_a_block(flags: int, turned: bool) -> None:
    """Either way round: the late packet may be the client's or the server's."""
    way = {"srcaddr": "10.0.0.2", "dstaddr": "10.0.0.1", "srcport": 443, "dstport": 40000} if turned else {}
    assert reasons(flow(0, 5, tcp_flags=3), refusal(9, tcp_flags=flags, **way)) == [LATE]


def test_a_packet_without_syn_of_an_unknown_connection_is_told_apart() -> None:
    assert reasons(refusal(tcp_flags=4)) == [NO_SYN]


def test_without_flags_a_refusal_after_an_accepted_connection_stays_open() -> None:
    assert reasons(flow(0, 5), refusal(9)) == [PERHAPS]


def test_a_connection_accepted_on_another_interface_or_long_before_explains_nothing() -> None:
    elsewhere = flow(0, 5, interface_id="eni-lb")
    assert reasons(elsewhere, refusal(9)) == [NOT]
    assert reasons(flow(0, 5), refusal(3000)) == [NOT]


def test_udp_has_no_late_packets() -> None:
    assert reasons(flow(0, 5, protocol=17), refusal(9, protocol=17)) == [NOT]


def test_the_logs_own_reason_is_given_first() -> None:
    assert reasons(refusal(reject_reason="BPA", tcp_flags=2, flow_direction="ingress")) == [BPA]


def test_refusals_on_every_interface_count() -> None:
    found = rejected(frame(refusal(interface_id="eni-a"), refusal(interface_id="eni-b", once=False)))
    assert rows(found, "flows") == [(2,)]


def test_a_port_scan_keeps_its_source_in_the_row_of_the_rest() -> None:
    scan = [refusal(n, srcaddr="198.51.100.7", dstport=n) for n in range(1, 31)]
    found = rejected(frame(*scan), n=2)
    assert rows(found, "srcaddr", "dstaddr", "dstport", "flows", "sources", "groups") == [
        ("198.51.100.7", "10.0.0.2", "1", 1, 1, 1),
        ("198.51.100.7", "10.0.0.2", "10", 1, 1, 1),
        ("198.51.100.7", "10.0.0.2", "other", 28, 1, 28),
    ]


def test_of_thousands_of_refusals_the_rest_has_a_row_for_each_reason() -> None:
    scan = [refusal(n, srcaddr="198.51.100.7", dstport=n, tcp_flags=2) for n in range(1, 3001)]
    stray = [refusal(n, srcaddr="198.51.100.8", dstport=7, tcp_flags=16) for n in range(2)]
    found = rejected(frame(*scan, *stray, refusal(srcaddr="198.51.100.9", tcp_flags=16)), n=1)
    assert rows(found, "srcaddr", "dstport", "reason", "flows", "sources", "groups") == [
        ("198.51.100.8", "7", NO_SYN, 2, 1, 1),
        ("198.51.100.7", "other", NOT, 3000, 1, 3000),
        ("198.51.100.9", "443", NO_SYN, 1, 1, 1),
    ]


def test_sources_are_counted_for_a_port() -> None:
    found = rejected(frame(*(refusal(srcaddr=f"10.9.9.{n}") for n in range(3))), by="dstport")
    assert rows(found, "dstport", "flows", "sources", "packets", "bytes") == [("443", 3, 3, 3, 180)]


def test_where_nothing_was_refused_the_table_is_empty_and_has_its_columns() -> None:
    found = rejected(frame(flow())).collect()
    assert found.height == 0
    assert found.columns[:4] == ["srcaddr", "dstaddr", "dstport", "reason"]


# aggregation


def test_windows_are_read_off_the_longest_records() -> None:
    of_600 = [flow(0, 590, interface_id="eni-600"), flow(1, 2, interface_id="eni-600")]
    of_60 = [flow(0, 55, interface_id="eni-60"), flow(1, 2, interface_id="eni-60")]
    of_30 = [flow(n // 4 * 30, n // 4 * 30 + 29, interface_id="eni-30") for n in range(12)]
    unknown = [flow(n, n + 1, interface_id="eni-short") for n in range(12)]
    assert rows(aggregation(frame(*of_600, *of_60, *of_30, *unknown)), "interface_id", "window_s", "shared") == [
        ("eni-30", 30, True),
        ("eni-60", 60, False),
        ("eni-600", 600, False),
        ("eni-short", None, False),
    ]


def test_a_broken_time_does_not_make_a_window_long() -> None:
    assert rows(aggregation(frame(flow(0, 50), flow(0, 90_000))), "window_s", "longest_s") == [(60, 50)]


# what all have in common


@pytest.mark.parametrize("question", [timeline, peers, rejected, sizes])
def test_a_mistyped_column_is_an_error_with_a_hint(question: Any) -> None:
    with pytest.raises(QuestionError, match=r"no column 'dst_port': did you mean 'dstport'"):
        question(frame(flow()), by="dst_port")


@pytest.mark.parametrize("question", [timeline, peers])
def test_a_column_that_is_counted_cannot_be_grouped_by(question: Any) -> None:
    with pytest.raises(QuestionError, match="by='bytes' will not do"):
        question(frame(flow()), by="bytes")


def test_a_mistyped_option_is_an_error_with_the_choices() -> None:
    with pytest.raises(QuestionError, match=r"rank='size'.*'flows', 'packets', 'bytes'"):
        peers(frame(flow()), rank="size")
    with pytest.raises(QuestionError, match="vantage='both'"):
        peers(frame(flow()), vantage="both")
    with pytest.raises(QuestionError, match="n=0"):
        peers(frame(flow()), n=0)


def test_bare_records_have_no_kind_and_the_error_says_who_adds_it() -> None:
    with pytest.raises(QuestionError, match=r"no column 'kind': it is added by flowkit\.load"):
        sizes(frame(flow()).drop("kind"))


@pytest.mark.parametrize("question", [timeline, peers, rejected, sizes, aggregation])
def test_a_question_stays_lazy_and_answers_an_empty_frame_with_an_empty_table(question: Any) -> None:
    table = question(frame(flow()).filter(pl.col("bytes") < 0))
    assert isinstance(table, pl.LazyFrame)
    assert table.collect().height == 0


@pytest.mark.parametrize("question", [timeline, peers, rejected, sizes, aggregation])
def test_the_streaming_engine_gives_the_same_table(question: Any) -> None:
    flows = frame(*(flow(n, n + n % 70, bytes=n % 7 + 40, action=("ACCEPT", "REJECT")[n % 2]) for n in range(300)))
    assert question(flows).collect(engine="streaming").equals(question(flows).collect())
