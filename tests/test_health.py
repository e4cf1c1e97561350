"""Target health: what became of each check, and the lasting states of each target."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowkit.errors import QuestionError
from flowkit.questions.cadence import cadence
from flowkit.questions.health import health_changes, target_health

START = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)
NODES = ("10.1.0.10", "10.1.1.10")
TARGET, OTHER = "10.1.2.101", "10.1.3.102"
# What goes there and what comes back, as packets and bytes.
ANSWERED, SLOW, REFUSED, LOST = (3, 294, 5, 514), (3, 294, 2, 112), (1, 60, 1, 40), (3, 180, 0, 0)
# A SYN sent again, the request of 130 bytes, the answer of 246.
RESENT = [(4, 354, 5, 514), (4, 476, 5, 514), (3, 294, 6, 812)]

Record = dict[str, Any]


def check(
    second: float,
    sizes: tuple[int, int, int, int],
    *,
    node: str = NODES[0],
    target: str = TARGET,
    kind: str = "health-check",
) -> Iterator[Record]:
    """The two records of one check, with times of its own."""
    there, back = sizes[:2], sizes[2:]
    port = 20_000 + int(second * 10) * 2
    moment = START + timedelta(seconds=second)
    base = {
        "interface_id": f"eni-{target}",
        "protocol": 6,
        "start": moment,
        "end": moment,
        "action": "ACCEPT",
        "kind": kind,
    }
    ways = ((node, target, port, 80, there), (target, node, 80, port, back))
    for src, dst, sport, dport, (packets, size) in ways:
        if packets:
            ends = {"srcaddr": src, "dstaddr": dst, "srcport": sport, "dstport": dport}
            yield base | ends | {"packets": packets, "bytes": size}


def frame(*parts: Iterator[Record]) -> pl.LazyFrame:
    times = {"start": pl.Datetime("ms", "UTC"), "end": pl.Datetime("ms", "UTC")}
    return pl.DataFrame([r for part in parts for r in part], infer_schema_length=None, schema_overrides=times).lazy()


def story(*chapters: tuple[float, float, tuple[int, int, int, int]], target: str = TARGET) -> Iterator[Record]:
    """Checks every 10 s from both nodes, minute by minute as told."""
    for first, last, sizes in chapters:
        for tick in range(int((last - first) * 6)):
            for late, node in enumerate(NODES):
                yield from check(first * 60 + tick * 10 + late * 3, sizes, node=node, target=target)


def changes(flows: pl.LazyFrame) -> list[tuple[str, str, float]]:
    """Each target's states with the minute they began."""
    found = health_changes(flows).collect()
    minute = ((pl.col("start") - START).dt.total_seconds() / 60).round(1)
    return found.select("target", "state", minute).rows()


def test_each_outcome_is_counted_by_target_checker_and_minute() -> None:
    flows = frame(check(0, ANSWERED), check(10, ANSWERED), check(20, SLOW), check(30, REFUSED), check(40, LOST))
    assert target_health(flows).collect().rows() == [
        (f"{TARGET}:80", NODES[0], START, 2, 0, 1, 1, 1, 5, 0, 0, "answering", 3, None),
    ]


def test_the_columns_and_their_types_are_as_promised() -> None:
    schema = target_health(frame(check(0, ANSWERED))).collect_schema()
    assert schema.names() == [
        "target", "checker", "time", "answered", "retransmitted", "slow", "refused", "unreachable", "checks",
        "service", "service_failed", "state", "failed_in_a_row", "lb_state",
    ]  # fmt: skip
    assert schema["time"] == pl.Datetime("ms", "UTC")
    assert {schema[name] for name in schema.names()[3:11]} == {pl.UInt32}


def test_an_outage_is_told_from_its_first_refusal_to_its_end() -> None:
    flows = frame(
        story((0, 4, ANSWERED), (4, 7, REFUSED), (7, 9, LOST), (9, 12, ANSWERED)),
        story((0, 12, ANSWERED), target=OTHER),
    )
    assert changes(flows) == [
        (f"{TARGET}:80", "answering", 0.0),
        (f"{TARGET}:80", "refused", 4.0),
        (f"{TARGET}:80", "unreachable", 7.0),
        (f"{TARGET}:80", "answering", 9.0),
        (f"{OTHER}:80", "answering", 0.0),
    ]


def test_a_change_in_the_middle_of_a_minute_is_found_where_it_happened() -> None:
    assert changes(frame(story((0, 4.5, ANSWERED), (4.5, 9, REFUSED)))) == [
        (f"{TARGET}:80", "answering", 0.0),
        (f"{TARGET}:80", "refused", 4.5),
    ]


def test_where_all_records_of_a_window_share_its_times_the_counts_place_the_change() -> None:
    """Windows of 30 s; the target refuses from 4.6 minutes: 20 % into a window."""
    window = pl.col("start").dt.truncate("30s")
    flows = frame(story((0, 4.6, ANSWERED), (4.6, 8, REFUSED)))
    shared = flows.with_columns(start=window, end=window.dt.offset_by("29s"))
    (_, _, first), (_, state, minute) = changes(shared)
    assert (first, state) == (0.0, "refused")
    assert minute == pytest.approx(4.6, abs=0.1)


def test_windows_that_lie_askew_do_not_make_an_outage_older_than_it_is() -> None:
    """Each node's interface has windows of a minute of its own, the second's 40 s after the first's."""
    node = pl.when(pl.col("dstport") == 80).then("srcaddr").otherwise("dstaddr")
    late = pl.when(node == NODES[1]).then(pl.duration(seconds=40)).otherwise(pl.duration(seconds=0))
    window = (pl.col("start") - late).dt.truncate("1m") + late
    flows = frame(story((0, 5.83, ANSWERED), (5.83, 9, REFUSED), (9, 12, ANSWERED)))
    shared = flows.with_columns(interface_id=node, start=window, end=window + pl.duration(seconds=59))
    (_, _, _), (_, state, minute), _ = changes(shared)
    assert (state, minute) == ("refused", pytest.approx(5.83, abs=0.15))


def test_one_failed_check_changes_no_state() -> None:
    flows = frame(story((0, 3, ANSWERED)), check(185, REFUSED), story((3.2, 6, ANSWERED)))
    assert changes(flows) == [(f"{TARGET}:80", "answering", 0.0)]


def test_checks_that_stop_are_no_checks_seen() -> None:
    flows = frame(story((0, 3, ANSWERED)), story((0, 8, ANSWERED), target=OTHER))
    assert [state for target, state, _ in changes(flows) if target == f"{TARGET}:80"] == ["answering", "no checks seen"]


def test_rare_checks_do_not_stop_between_one_and_the_next() -> None:
    """Every two minutes in windows of one: every other bin is empty, and the state stays."""
    flows = frame(*(check(120 * tick, ANSWERED) for tick in range(8)))
    assert set(target_health(flows).collect()["state"]) == {"answering"}


def test_failures_that_may_be_services_fill_up_the_checks_that_are_missing() -> None:
    """In the minute of the change 2 checks answered, and of 20 refused connections 4 must be checks."""
    lost = (check(190 + tick, REFUSED, node=NODES[0], kind="uncertain") for tick in range(20))
    flows = frame(story((0, 3, ANSWERED)), check(180, ANSWERED), check(182, ANSWERED), *lost, story((4, 6, REFUSED)))
    minute = target_health(flows).filter(pl.col("time") == START + timedelta(minutes=3)).collect()
    assert minute.filter(pl.col("checker") == NODES[0]).select("answered", "refused").rows() == [(2, 4)]


def test_a_check_cut_in_two_by_a_windows_edge_is_one_check() -> None:
    whole = story((0, 3, ANSWERED))
    first, last = check(179.9, (2, 242, 1, 60)), check(179.9, (1, 52, 4, 454))
    later = (
        record | {"start": START + timedelta(seconds=180), "end": START + timedelta(seconds=180)} for record in last
    )
    found = target_health(frame(whole, first, later, story((3, 5, ANSWERED)))).collect()
    assert found.select(pl.col("checks", "answered").sum()).rows() == [(61, 61)]


def test_service_towards_the_target_is_counted_beside() -> None:
    visits = (check(5 + tick, (5, 400, 5, 900), node="203.0.113.7", kind="service") for tick in range(7))
    flows = frame(story((0, 1, ANSWERED)), *visits)
    assert target_health(flows).collect()["service"].to_list() == [7, 7]
    assert health_changes(flows).collect()["service"].to_list() == [7]


GROUP = {"name": "web", "port": 80, "healthy_threshold": 3, "unhealthy_threshold": 2}


def test_failures_in_a_row_are_counted_across_windows_for_each_checker() -> None:
    flows = frame(story((0, 2, ANSWERED), (2, 3.5, REFUSED), (3.5, 5, ANSWERED)))
    found = target_health(flows).filter(pl.col("checker") == NODES[0]).collect()
    assert found["failed_in_a_row"].to_list() == [0, 0, 6, 0, 0]
    assert health_changes(flows).collect().select("state", "failed_in_a_row").rows() == [
        ("answering", 0),
        ("refused", 9),
        ("answering", 0),
    ]


MIXED = [(ANSWERED, ANSWERED), (ANSWERED, SLOW), (ANSWERED, REFUSED), (ANSWERED, REFUSED)]


@example(fates=MIXED, shared=False, by="checker")
@given(
    fates=st.lists(
        st.tuples(*[st.sampled_from([ANSWERED, ANSWERED, RESENT[0], SLOW, REFUSED, LOST])] * 2), min_size=4, max_size=60
    ),
    shared=st.booleans(),
    by=st.sampled_from(["target", "checker"]),
)
@settings(deadline=None, max_examples=20)
def test_every_check_is_in_one_state_and_no_streak_is_longer_than_a_checkers_checks_in_it(
    fates: list[tuple[tuple[int, int, int, int], ...]], shared: bool, by: str
) -> None:
    made = (
        check(tick * 10 + late * 3, sizes, node=node)
        for tick, both in enumerate(fates)
        for late, (node, sizes) in enumerate(zip(NODES, both, strict=True))
    )
    flows = frame(*made)
    if shared:
        window = pl.col("start").dt.truncate("30s")
        flows = flows.with_columns(start=window, end=window.dt.offset_by("29s"))
    bins, whole = target_health(flows).collect(), health_changes(flows, by=by).collect()
    checks = bins.group_by("checker").agg(pl.col("checks").sum(), pl.col("failed_in_a_row").max())
    for outcome, of in {"checks": ["checks"], "failed": ["slow", "refused", "unreachable"]}.items():
        assert whole[outcome].sum() == bins.select(pl.col(of).cast(pl.Int64).sum()).sum_horizontal().item()
    assert whole["retransmitted"].sum() == bins["retransmitted"].sum()
    assert (checks["failed_in_a_row"] <= checks["checks"]).all()
    assert (whole["failed_in_a_row"] <= whole["checks"]).all()
    if by == "target":
        # Both checkers make one check every 10 s.
        most = (whole["end"] - whole["start"]).dt.total_seconds() // 10 + 2
        assert shared or (whole["failed_in_a_row"] <= most).all()
        assert (whole["service_failed"] == 0).all()


def test_a_streak_goes_on_from_state_to_state_for_the_load_balancer_but_is_counted_within_each() -> None:
    """Two minutes refused, then one unanswered: 12 checks of each node, and 6; 18 in all."""
    flows = frame(story((0, 2, ANSWERED), (2, 4, REFUSED), (4, 5, LOST), (5, 7, ANSWERED)))
    found = health_changes(flows).collect().select("state", "checks", "failed_in_a_row").rows()
    assert found == [("answering", 24, 0), ("refused", 24, 12), ("unreachable", 12, 6), ("answering", 24, 0)]
    assert target_health(flows).filter(pl.col("checker") == NODES[0]).collect()["failed_in_a_row"].max() == 18


def minutely(flows: pl.LazyFrame, ports: int) -> pl.LazyFrame:
    """The same checks from a few ports that come back in turn: a record holds what a port did in a minute."""
    tick = (pl.col("start") - START).dt.total_seconds() // 10
    port = pl.when(pl.col("dstport") == 80).then("srcport").otherwise("dstport")
    back = 20_000 + tick % ports
    there = flows.with_columns(
        srcport=pl.when(port == pl.col("srcport")).then(back).otherwise("srcport"),
        dstport=pl.when(port == pl.col("dstport")).then(back).otherwise("dstport"),
    )
    sums, times = [pl.col(name).sum() for name in ("packets", "bytes")], [pl.col("start").min(), pl.col("end").max()]
    keys = ["interface_id", "protocol", "action", "kind", "srcaddr", "dstaddr", "srcport", "dstport"]
    return there.group_by(*keys, pl.col("start").dt.truncate("1m").alias("window")).agg(*sums, *times).drop("window")


@pytest.mark.parametrize("ports", [4, 5, 6, 8])
@pytest.mark.parametrize(("state", "sizes"), [("refused", REFUSED), ("unreachable", LOST)])
def test_source_ports_that_come_back_neither_hide_an_outage_nor_make_one(
    ports: int, state: str, sizes: tuple[int, int, int, int]
) -> None:
    flows = frame(
        story((0, 5, ANSWERED), (5, 8, sizes), (8, 12, ANSWERED)),
        story((0, 12, ANSWERED), target=OTHER),
    )
    found = health_changes(minutely(flows, ports)).collect()
    assert found.select("target", "state", "checks").rows() == [
        (f"{TARGET}:80", "answering", 60),
        (f"{TARGET}:80", state, 36),
        (f"{TARGET}:80", "answering", 48),
        (f"{OTHER}:80", "answering", 144),
    ]


@pytest.mark.parametrize("ports", [1, 2, 3])
@pytest.mark.parametrize(("state", "sizes"), [("refused", REFUSED), ("unreachable", LOST)])
def test_checks_without_data_are_counted_however_many_share_a_record(
    ports: int, state: str, sizes: tuple[int, int, int, int]
) -> None:
    bare = (4, 216, 2, 112)
    flows = frame(story((0, 5, bare), (5, 8, sizes), (8, 12, bare)))
    found = health_changes(minutely(flows, ports)).collect()
    assert found.select("state", "checks", "failed_in_a_row").rows() == [
        ("answering", 60, 0),
        (state, 36, 18),
        ("answering", 48, 0),
    ]


@pytest.mark.parametrize("year", [1970, 2100])
def test_a_record_of_a_broken_time_changes_no_count(year: int) -> None:
    flows = frame(story((0, 3.2, ANSWERED), (3.2, 5, REFUSED), (5, 7, ANSWERED)))
    moment = datetime(year, 1, 1, tzinfo=UTC)
    stray = [{**r, "kind": "service", "start": moment, "end": moment} for r in check(0, (9, 900, 9, 9000))]
    assert health_changes(pl.concat([flows, frame(iter(stray))])).collect().equals(health_changes(flows).collect())


def test_second_copies_of_records_are_no_checks_of_their_own() -> None:
    flows = frame(story((0, 3, ANSWERED), (3, 5, REFUSED), (5, 7, ANSWERED)))
    for question in (target_health, health_changes, cadence):
        assert question(pl.concat([flows, flows])).collect().equals(question(flows).collect())


def test_what_a_flow_log_of_ten_minutes_tells_again_is_told_once() -> None:
    """One flow log tells each window of a minute; another, of the same interface, each of ten."""
    checks = frame(story((0, 15, ANSWERED), (15, 20, REFUSED), (20, 40, ANSWERED)))
    minute, ten = (
        checks.with_columns(
            start=pl.col("start").dt.truncate(width), end=pl.col("start").dt.truncate(width).dt.offset_by(last)
        )
        for width, last in (("1m", "59s"), ("10m", "599s"))
    )
    assert health_changes(pl.concat([minute, ten])).collect().equals(health_changes(minute).collect())


def test_a_silence_in_which_the_logs_have_a_hole_is_not_taken_for_checks_that_stopped() -> None:
    flows = frame(story((0, 3, ANSWERED)), story((0, 12, ANSWERED), target=OTHER))
    times = [START + timedelta(minutes=minute) for minute in range(12)]
    lost = ["OK"] * 3 + ["SKIPDATA"] * 4 + ["NODATA"] * 5
    seen = pl.DataFrame({"interface_id": f"eni-{TARGET}", "time": times, "state": lost}).lazy()
    found = health_changes(flows, coverage=seen).collect().filter(pl.col("target") == f"{TARGET}:80")
    assert found["state"].to_list() == ["answering", "not logged", "no checks seen"]
    assert found["checks"].to_list() == [36, 0, 0]


@pytest.mark.parametrize("late", [0, 20])
def test_a_hole_in_one_interfaces_log_is_filled_from_anothers(late: int) -> None:
    """Both ends are logged; the target's interface, of more records, lacks minutes 4 to 7 and the nodes' 12 to 13."""
    minute = (pl.col("start") - START).dt.total_seconds() / 60
    node = pl.when(pl.col("dstport") == 80).then("srcaddr").otherwise("dstaddr")
    whole = frame(story((0, 20, ANSWERED)), story((0, 20, ANSWERED), target=OTHER))
    visits = frame(*(check(3 + 7 * tick, (5, 400, 5, 900), kind="service") for tick in range(170)))
    own = pl.concat([whole, visits]).filter(
        ~minute.is_between(4, 8, closed="left") | (pl.col("interface_id") != f"eni-{TARGET}")
    )
    others = pl.concat([whole, visits]).filter(~minute.is_between(10, 16)).with_columns(interface_id=node)
    shift = pl.duration(seconds=late)
    cut = (pl.col("start") - shift).dt.truncate("1m") + shift
    others = others.with_columns(start=cut, end=cut + pl.duration(seconds=59))
    found = health_changes(pl.concat([own, others])).collect().filter(target=f"{TARGET}:80")
    assert found.select("state", "checks").rows() == [("answering", 240)]


def test_thresholds_say_when_the_load_balancer_took_the_target_out_and_back() -> None:
    """Refused from 2:00 on: the second failure is at 2:10; answered from 4:00 on: the third success is at 4:20."""
    flows = frame(story((0, 2, ANSWERED), (2, 4, REFUSED), (4, 6, ANSWERED)))
    seen = target_health(flows, target_groups=[GROUP]).filter(pl.col("checker") == NODES[0]).collect()
    assert seen["lb_state"].to_list() == ["healthy", "healthy", "unhealthy", "unhealthy", "healthy", "healthy"]
    turns = health_changes(flows, target_groups=[GROUP]).collect().select("state", "unhealthy_at", "healthy_at").rows()
    assert turns == [
        ("answering", None, None),
        ("refused", START + timedelta(minutes=2, seconds=10), None),
        ("answering", None, START + timedelta(minutes=4, seconds=20)),
    ]


def test_failures_too_few_to_last_can_still_take_a_target_out() -> None:
    """Two failures of one node among ten checks: no state of the target's, but what the load balancer counts."""
    flows = frame(story((0, 2, ANSWERED)), check(125, REFUSED), check(135, REFUSED), story((2.5, 5, ANSWERED)))
    five = [{**GROUP, "unhealthy_threshold": 5}]
    assert set(target_health(flows, target_groups=five).collect()["lb_state"]) == {"healthy"}
    (row,) = health_changes(flows, target_groups=[GROUP]).collect().rows(named=True)
    assert (row["state"], row["failed_in_a_row"]) == ("answering", 2)
    assert row["unhealthy_at"] == START + timedelta(minutes=2, seconds=15)
    assert row["healthy_at"] == START + timedelta(minutes=2, seconds=50)


def test_without_thresholds_nothing_is_said_for_the_load_balancer() -> None:
    flows = frame(story((0, 2, ANSWERED), (2, 4, REFUSED)))
    assert target_health(flows).collect()["lb_state"].null_count() == 8
    assert target_health(flows, target_groups=[{**GROUP, "port": 81}]).collect()["lb_state"].null_count() == 8


def scattered(every: int, last: float, **more: Any) -> Iterator[Record]:
    """Checks every 10 s of one node, each so-manieth with something sent again."""
    for tick in range(int(last * 6)):
        yield from check(tick * 10, RESENT[tick // every % 3] if tick % every == 1 else ANSWERED, **more)


def test_checks_in_which_something_was_sent_again_are_counted_and_are_no_failures() -> None:
    """At its port one check in 8 of a node that loses packets, 15 of 120; the other target loses none."""
    flows = frame(scattered(8, 20), story((0, 20, ANSWERED), target=OTHER))
    found = health_changes(flows).collect()
    assert found.select("target", "state", "checks", "failed", "retransmitted").rows() == [
        (f"{TARGET}:80", "retransmitting", 120, 0, 15),
        (f"{OTHER}:80", "answering", 240, 0, 0),
    ]
    assert set(target_health(flows, target_groups=[GROUP]).collect()["lb_state"]) == {"healthy"}


def test_a_packet_sent_again_now_and_then_changes_no_state() -> None:
    assert changes(frame(scattered(40, 60))) == [(f"{TARGET}:80", "answering", 0.0)]


def test_bytes_that_wander_by_themselves_are_no_packets_sent_again() -> None:
    """An ACK more or less is no news, and neither are answers that are never the same."""
    sizes = [(3 + tick % 2, 294 + 52 * (tick % 2), 5, 514 + 8 * (tick % 9)) for tick in range(120)]
    found = target_health(frame(*(check(10 * tick, size) for tick, size in enumerate(sizes)))).collect()
    assert found.select(pl.col("answered", "retransmitted").sum()).rows() == [(120, 0)]


def test_a_syn_sent_again_is_told_without_timestamps_too() -> None:
    """A SYN of 52 bytes and ACKs of 40: three packets are 132 bytes, an ACK more is 172, a SYN more 184."""
    sizes = [{0: (4, 172, 2, 92), 7: (4, 184, 2, 92)}.get(tick % 50, (3, 132, 2, 92)) for tick in range(100)]
    flows = frame(*(check(10 * tick, size) for tick, size in enumerate(sizes)))
    assert target_health(flows).collect()["retransmitted"].sum() == 2


def test_spells_shorter_than_a_window_are_told_apart_where_checks_have_times_of_their_own() -> None:
    stalls = [(0.0, 4.0, ANSWERED), (4.0, 4.5, SLOW), (4.5, 5.0, ANSWERED), (5.0, 5.5, SLOW), (5.5, 8.0, ANSWERED)]
    flows = frame(story(*stalls))
    told = [(f"{TARGET}:80", state, start) for start, state in zip((0, 4, 4.5, 5, 5.5), cycle(("answering", "slow")))]
    assert changes(flows) == told
    window = pl.col("start").dt.truncate("1m")
    shared = flows.with_columns(start=window, end=window.dt.offset_by("59s"))
    assert [state for _, state, _ in changes(shared)] == ["answering", "slow", "answering"]


def test_an_answer_that_came_late_but_in_time_is_no_failure_for_the_load_balancer() -> None:
    """It waits 6 s if nobody says otherwise; with 4 s each of these checks, 5 s on their way, fails."""
    late = [
        {**record, "end": record["end"] + timedelta(seconds=5)}
        for record in story((3, 4, ANSWERED))
    ]  # fmt: skip
    flows = frame(story((0, 3, ANSWERED)), iter(late), story((4, 6, ANSWERED)))
    assert health_changes(flows).collect()["failed"].to_list() == [0, 12, 0]
    for waits, states in ((None, {"healthy"}), (4, {"healthy", "unhealthy"})):
        seen = target_health(flows, target_groups=[{**GROUP, "timeout_s": waits}]).collect()
        assert set(seen["lb_state"]) == states


def test_an_answer_cut_short_is_slow() -> None:
    cut = (3, 294, 3, 230)
    found = target_health(frame(story((0, 3, ANSWERED), (3, 3.5, cut), (3.5, 6, ANSWERED)))).collect()
    assert (
        found.filter(pl.col("slow") > 0).select("time", "slow", "answered", "state").rows()
        == [(START + timedelta(minutes=3), 3, 3, "slow")] * 2
    )


def test_a_check_that_takes_three_seconds_longer_than_is_usual_is_slow_where_times_are_its_own() -> None:
    late = ({**record, "end": record["end"] + timedelta(seconds=4)} for record in check(185, ANSWERED))
    found = target_health(frame(story((0, 3, ANSWERED)), late, story((3.2, 5, ANSWERED)))).collect()
    assert found["slow"].sum() == 1


def test_service_that_was_refused_is_counted_as_failed() -> None:
    visits = (check(125 + tick, REFUSED, node="203.0.113.7", kind="service") for tick in range(3))
    flows = frame(story((0, 2, ANSWERED), (2, 4, REFUSED)), check(5, (5, 400, 5, 900), kind="service"), *visits)
    changes = health_changes(flows).collect()
    assert changes.select("state", "service", "service_failed").rows() == [("answering", 1, 0), ("refused", 3, 3)]


def test_service_beside_a_health_check_port_of_its_own_is_what_goes_to_the_address() -> None:
    """Checks go to port 80, clients to port 443."""
    visits = frame(*(check(5 + tick, (5, 400, 5, 900), kind="service") for tick in range(4))).with_columns(
        pl.col("srcport", "dstport").replace(80, 443)
    )
    flows = pl.concat([frame(story((0, 1, ANSWERED))), visits])
    assert target_health(flows).collect()["service"].to_list() == [4, 4]


def test_service_beside_two_health_check_ports_is_told_at_the_one_that_fails() -> None:
    """Checks go to ports 80 and 81, clients to port 443: counted at both, the service would seem twice as much."""
    ports = pl.col("srcport", "dstport")
    failing = frame(story((0, 1, ANSWERED), (1, 3, REFUSED))).with_columns(ports.replace(80, 81))
    visits = frame(*(check(65 + tick, (5, 400, 5, 900), kind="service") for tick in range(4)))
    parts = [frame(story((0, 3, ANSWERED))), failing, visits.with_columns(ports.replace(80, 443))]
    found = health_changes(pl.concat(parts))
    assert found.group_by("target").agg(pl.col("service").sum()).sort("target").collect().rows() == [
        (f"{TARGET}:80", 0),
        (f"{TARGET}:81", 4),
    ]


def test_service_goes_with_the_port_it_went_to_and_with_one_only() -> None:
    """Port 80 is for checks alone; 81 is checked too and has clients, and so has 82, which nobody checks."""
    ports = pl.col("srcport", "dstport")
    checked = frame(story((0, 3, ANSWERED))).with_columns(ports.replace(80, 81))
    visits = frame(*(check(65 + tick, REFUSED, node="203.0.113.7", kind="service") for tick in range(7)))
    others = frame(*(check(80 + tick, (5, 400, 5, 900), node="203.0.113.7", kind="service") for tick in range(4)))
    parts = [visits.with_columns(ports.replace(80, 81)), others.with_columns(ports.replace(80, 82))]
    found = health_changes(pl.concat([frame(story((0, 3, ANSWERED))), checked, *parts])).collect()
    assert found.select("target", "service", "service_failed").rows() == [
        (f"{TARGET}:80", 4, 0),
        (f"{TARGET}:81", 7, 7),
    ]


def test_service_that_failed_before_the_first_check_was_seen_is_counted() -> None:
    visits = (check(50 + tick, REFUSED, node="203.0.113.7", kind="service") for tick in range(5))
    found = health_changes(frame(*visits, story((1, 4, REFUSED)))).collect()
    assert found.select("state", "service_failed").rows() == [("refused", 5)]


@pytest.mark.parametrize(("before", "failed"), [(ANSWERED, 8), (LOST, 0)])
def test_failures_that_may_be_checks_are_service_only_where_it_is_known_how_many_checks_are_due(
    before: tuple[int, int, int, int], failed: int
) -> None:
    """Of the 10 connections of each node that failed 6 are its checks: if any was ever answered, that is known."""
    lost = (check(180 + tick, REFUSED, node=node, kind="uncertain") for node in NODES for tick in range(10))
    found = health_changes(frame(story((0, 3, before)), *lost, story((4, 6, before)))).collect()
    assert found["service_failed"].sum() == failed


def test_a_target_that_fails_one_of_its_checkers_only_is_told_by_checker() -> None:
    def seen_by(node: str, *chapters: tuple[float, float, tuple[int, int, int, int]]) -> Iterator[Record]:
        return (r for r in story(*chapters) if node in (r["srcaddr"], r["dstaddr"]))

    flows = frame(
        seen_by(NODES[0], (0, 8, ANSWERED)), seen_by(NODES[1], (0, 3, ANSWERED), (3, 6, LOST), (6, 8, ANSWERED))
    )
    assert changes(flows) == [(f"{TARGET}:80", "answering", 0.0)]
    minute = ((pl.col("start") - START).dt.total_seconds() / 60).round()
    each = health_changes(flows, by="checker").collect().select("checker", "state", minute).rows()
    assert each == [
        (NODES[0], "answering", 0),
        (NODES[1], "answering", 0),
        (NODES[1], "unreachable", 3),
        (NODES[1], "answering", 6),
    ]


def test_a_target_fails_only_where_more_than_half_of_its_checkers_see_it_fail() -> None:
    """One of two sees it fail, and in its fourth minute one check more than the other makes."""
    seen = [r for r in story((0, 3, ANSWERED)) if NODES[1] in (r["srcaddr"], r["dstaddr"])]
    fine = story((0, 6, ANSWERED))
    others = [r for r in fine if NODES[0] in (r["srcaddr"], r["dstaddr"])]
    lost = (check(180 + 8.5 * tick, LOST, node=NODES[1]) for tick in range(21))
    flows = frame(iter(seen), iter(others), *lost)
    assert changes(flows) == [(f"{TARGET}:80", "answering", 0.0)]
    assert health_changes(flows, by="checker").collect()["state"].to_list() == [
        "answering",
        "answering",
        "unreachable",
    ]


def test_ipv6_targets_are_written_in_brackets() -> None:
    flows = frame(
        check(0, (3, 192, 2, 132), node="fd00::10", target="fd00::1"),
        check(10, (1, 80, 1, 60), node="fd00::10", target="fd00::1"),
    )
    assert target_health(flows).select("target", "answered", "refused").collect().rows() == [("[fd00::1]:80", 1, 1)]


def test_bins_can_be_longer_than_the_window() -> None:
    found = target_health(frame(story((0, 10, ANSWERED))), every="5m").collect()
    assert found.filter(pl.col("checker") == NODES[0])["checks"].to_list() == [30, 30]


def test_without_checks_the_tables_are_empty() -> None:
    flows = frame(check(0, ANSWERED, kind="service"))
    assert target_health(flows).collect().height == 0
    assert health_changes(flows).collect().height == 0


def test_bare_records_are_refused_with_a_hint() -> None:
    with pytest.raises(QuestionError, match="no column 'kind': it is added by flowkit"):
        target_health(frame(check(0, ANSWERED)).drop("kind"))


def test_a_bin_that_is_no_length_of_time_is_refused() -> None:
    with pytest.raises(QuestionError, match="every='soon' is no length of time: write it as '30s'"):
        target_health(frame(check(0, ANSWERED)), every="soon")


def test_lazy_and_eager_agree_whatever_the_order_of_the_rows() -> None:
    flows = frame(story((0, 4, ANSWERED), (4, 7, REFUSED))).collect()
    shuffled = flows.sample(fraction=1, shuffle=True, seed=3).lazy()
    assert health_changes(shuffled).collect().equals(health_changes(flows.lazy()).collect(engine="streaming"))
    assert isinstance(target_health(shuffled), pl.LazyFrame)


def test_checks_are_counted_by_checker_and_window_and_the_cut_off_ones_for_as_long_as_they_are() -> None:
    """The span begins at 0:30 and ends at 4:20; the second node's checks begin at 2:00."""
    late = (r for r in story((2, 4.34, ANSWERED)) if NODES[1] in (r["srcaddr"], r["dstaddr"]))
    first = (r for r in story((0.5, 4.34, ANSWERED)) if NODES[0] in (r["srcaddr"], r["dstaddr"]))
    found = cadence(frame(first, late)).collect()
    one = found.filter(checker=NODES[0])
    assert one["checks"].to_list() == [3, 6, 6, 6, 2]
    assert one["length_s"].to_list() == [20, 60, 60, 60, 13]
    assert one["due"].round().to_list() == [2, 6, 6, 6, 1]
    assert found.filter(checker=NODES[1])["checks"].to_list()[-3:] == [6, 6, 2]


def test_a_checks_fate_changes_nothing_about_the_cadence() -> None:
    found = cadence(frame(story((0, 3, ANSWERED), (3, 6, LOST)))).collect()
    assert set(found["checks"]) == {6}
    assert found.columns == ["checker", "time", "checks", "targets", "length_s", "per_minute", "due"]


def test_a_record_with_more_resets_than_checks_can_come_is_no_run_of_failures() -> None:
    """Twenty SYNs of one moment are one check at most: none comes more often than every 5 s."""
    flows = frame(story((0, 5, ANSWERED)), check(303, (20, 1200, 20, 800)), story((6, 9, ANSWERED)))
    found = target_health(flows).filter(pl.col("refused") > 0).collect()
    assert found["refused"].to_list() == [1]
