"""The split in real life: how windows are cut, what is spoken, what fails, who is logged. Each is one population."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from flowkit.questions.health import health_changes
from flowkit.split import fit

START = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)
NODES, TARGETS, CLIENT = ("10.1.0.10", "10.1.1.10"), ("10.1.2.101", "10.1.3.102"), "203.0.113.7"
Sizes = tuple[int, int, int, int]
Record = dict[str, Any]


def hop(
    second: float, ends: tuple[str, str, int], sizes: Sizes, *, check: bool, window: int = 30, own: bool = False
) -> Iterator[Record]:
    """Both directions of one connection as both ends log it, in windows all records share, or with times of its own."""
    client, server, port = ends
    source = 20_000 + int(second * 7_919) % 40_000
    first = START + timedelta(seconds=int(second) if own else second // window * window)
    last = first if own else first + timedelta(seconds=window - 1)
    for home in (client, server):
        if home != CLIENT:
            for src, dst, sport, dport, packets, size in (
                (client, server, source, port, *sizes[:2]),
                (server, client, port, source, *sizes[2:]),
            ):
                if packets:
                    yield {
                        "interface_id": f"eni-{home}", "srcaddr": src, "dstaddr": dst, "srcport": sport,
                        "dstport": dport, "protocol": 6, "packets": packets, "bytes": size, "start": first,
                        "end": last, "action": "ACCEPT", "check": check,
                    }  # fmt: skip


def world(
    sizes: Callable[[int], Sizes] = lambda tick: (3, 294, 5, 514) if tick % 9 else (4, 346, 4, 462),
    *,
    asked: Callable[[int], Sizes] = lambda i: (5, 390 + 45 * (i % 3 == 0), 5, 900 + 17 * (i % 11)),
    every: float = 10,
    minutes: float = 10,
    port: int = 80,
    check_port: int | None = None,
    nodes: tuple[str, ...] = NODES,
    targets: tuple[str, ...] = TARGETS,
    there: Callable[[str, float], bool] = lambda target, second: True,
    **cut: Any,
) -> list[Record]:
    """Checks from every node to every target, and service by way of the nodes, unchanged."""
    made: list[Record] = []
    for i, node in enumerate(nodes):
        for j, target in enumerate(targets):
            for tick in range(int(minutes * 60 / every)):
                second = tick * every + 2.1 * i + 1.3 * j
                if there(target, second):
                    made += hop(second, (node, target, check_port or port), sizes(tick), check=True, **cut)
        chance = random.Random(7 + i)
        for second in sorted(chance.uniform(0, minutes * 60) for _ in range(int(30 * minutes))):
            target, size = chance.choice(targets), asked(chance.randrange(997))
            made += hop(second, (CLIENT, node, port), size, check=False, **cut)
            if there(target, second):
                made += hop(second, (node, target, port), size, check=False, **cut)
    return made


def on(records: list[Record], *homes: str) -> list[Record]:
    return [record for record in records if record["interface_id"].removeprefix("eni-") in homes]


def swapped(records: list[Record], **names: str) -> list[Record]:
    """The records with other addresses; IPv6 headers weigh 20 bytes more."""
    new = {old.replace("_", "."): name for old, name in names.items()}
    return [
        record | {end: new.get(record[end], record[end]) for end in ("srcaddr", "dstaddr")}
        | {"bytes": record["bytes"] + 20 * record["packets"]}
        for record in records
    ]  # fmt: skip


CHANCE = random.Random(5)
V6 = {address: f"2001:db8:1:{i}::{i + 10:x}" for i, address in enumerate((*NODES, *TARGETS))}
LIVES: dict[str, list[Record]] = {
    "windows of 60 s that all records share": world(window=60, minutes=20),
    "shared windows of 600 s, cut at an odd second, the last cut short": [
        record | {end: record[end] + timedelta(seconds=7) for end in ("start", "end")}
        for record in world(window=600, minutes=65)
    ],
    "windows of 600 s, each flow with its own times": world(window=600, own=True),
    "windows of 60 s, each flow with its own times": world(own=True),
    "the default interval of 30 s": world(every=30, minutes=20),
    "TCP checks without data": world(lambda tick: (4, 216, 2, 112) if tick % 9 else (4, 216, 3, 164)),
    "TCP checks closed by a reset": world(lambda tick: (3, 164, 1, 60)),
    "no TCP timestamps": world(lambda tick: (3, 262, 5, 458), asked=lambda i: (5, 342 + 45 * (i % 3), 5, 900 + i % 11)),
    "jumbo frames: large answers in few packets": world(lambda tick: (3, 294, 4, 8_000 + tick % 5)),
    "TLS: a signature's length varies, a session resumes": world(
        lambda tick: (5, 836 if tick % 4 else 878, 5, 1726 + tick % 3), port=443,
        asked=lambda i: (7, 1_100 + 31 * (i % 5), 9, 3_000 + 91 * (i % 13)),
    ),
    "PostgreSQL": world(lambda tick: (4, 238, 4, 318), port=5432, asked=lambda i: (9, 610 + 9 * (i % 7), 8, 900 + i)),
    "Redis": world(lambda tick: (3, 178, 3, 171), port=6379, asked=lambda i: (6, 334 + 11 * (i % 3), 4, 223 + i % 9)),
    "HTTPS requests of four sizes, equally common": world(
        lambda tick: (6, 1040 + CHANCE.choice((0, 38, 71, 117)), 7, 4200), port=443, minutes=20
    ),
    "checks every 60 s in windows of 30 s": world(every=60, minutes=60),
    "checks every 300 s": world(every=300, minutes=240),
    "answers that vary": world(lambda tick: (3, 294, 5, 490 + tick * 37 % 50)),
    "a health-check port of its own": world(check_port=8081),
    "two target groups on one target": world(minutes=10) + world(port=8080, nodes=NODES, every=15),
    "two load balancers over the same targets": world() + world(
        lambda tick: (5, 330, 5, 514), nodes=("10.1.0.77", "10.1.1.77"), every=15
    ),
    "a target added, another taken away in the middle": world(
        minutes=14, there=lambda target, second: (second > 400) == (target == TARGETS[0])
    ),
    "logged at the targets only": on(world(), *TARGETS),
    "logged at the load balancer only": on(world(), *NODES),
    "only one direction logged": [record for record in world() if record["dstport"] == 80],
    "IPv6": swapped(world(), **{old.replace(".", "_"): new for old, new in V6.items()}),
    "one record in fifty lost": [record for i, record in enumerate(world()) if i * 7919 % 50],
}  # fmt: skip


def frame(records: list[Record]) -> pl.LazyFrame:
    times = {"start": pl.Datetime("ms", "UTC"), "end": pl.Datetime("ms", "UTC")}
    return pl.DataFrame(records, infer_schema_length=None, schema_overrides=times).lazy()


def judged(records: list[Record]) -> tuple[float, int]:
    """The share of checks found, and how much else was called one."""
    flows = frame(records)
    labelled = fit(flows.drop("check")).label(flows).collect()
    said = labelled["kind"] == "health-check"
    return float(said.filter(labelled["check"]).mean()), int((said & ~labelled["check"]).sum())  # type: ignore[arg-type]


def test_an_interval_that_is_changed_leaves_every_check_one_and_is_told() -> None:
    def every_30_s_until_a_quarter_past(record: Record) -> bool:
        second = (record["start"] - START).total_seconds()
        return not record["check"] or second >= 900 or second // 10 % 3 == 0

    records = [record for record in world(own=True, minutes=30) if every_30_s_until_a_quarter_past(record)]
    found, false = judged(records)
    assert found >= 0.99
    assert false <= 0.002 * len(records)
    assert "every 30.0 s, from about 2026-05-14 12:15 UTC every 10.0 s" in fit(frame(records)).boundary


@pytest.mark.parametrize("life", LIVES)
def test_checks_are_found_and_nothing_else_is_called_one(life: str) -> None:
    found, false = judged(LIVES[life])
    # A client's connection may have, by chance, the port that a check had a minute before.
    assert false <= 0.002 * len(LIVES[life])
    assert found >= 0.97


@pytest.mark.parametrize(
    "life", ["windows of 60 s that all records share", "TLS: a signature's length varies, a session resumes", "IPv6"]
)
def test_with_the_checks_taken_out_none_is_claimed(life: str) -> None:
    assert judged([record for record in LIVES[life] if not record["check"]] + LIVES[life][:4])[1] == 0


def test_a_monitor_that_is_not_the_load_balancers_is_never_plainly_a_check_and_its_row_says_why() -> None:
    monitor = [
        record
        for tick in range(60)
        for target in TARGETS
        for record in hop(tick * 10 + 5.2, ("10.1.9.9", target, 80), (5, 393, 5, 514), check=False)
    ]
    flows = frame(world() + monitor)
    split = fit(flows)
    kinds = split.label(flows).filter(pl.col("srcaddr") == "10.1.9.9").collect()["kind"].unique().to_list()
    assert "health-check" not in kinds
    row = split.clusters.filter(pl.col("payload_low") == 125).row(0, named=True)
    assert "far steadier than chance" in row["reason"]
    assert "but only one address does it" in row["reason"]


def preserved(kept: int | None = None) -> list[Record]:
    """Clients that send the checks' own bytes, four a second: under their own addresses, or with `kept` ports."""
    made, chance = [r for r in world(minutes=10) if r["check"]], random.Random(3)
    for i in range(2_400):
        second, target, node = chance.uniform(0, 600), chance.choice(TARGETS), chance.choice(NODES)
        source, sizes = 1_024 + i, (3, 294, 5, 514)
        ends = ((f"203.0.113.{i % 200}", node), (node if kept else f"203.0.113.{i % 200}", target))
        for client, server in ends:
            for record in hop(second, (client, server, 80), sizes, check=False):
                if not record["interface_id"].startswith("eni-203"):
                    side = "srcport" if record["dstport"] == 80 else "dstport"
                    made.append(record | {side: source + (0 if kept != 2 or client != node else 7 * i % 30_000)})
    return made


@pytest.mark.parametrize("kept", [None, 1])
def test_clients_that_send_the_checks_own_bytes_do_not_hide_them(kept: int | None) -> None:
    """Their addresses tell them apart, or else the ports that the load balancer keeps."""
    found, false = judged(preserved(kept))
    assert found >= 0.97
    assert false == 0


def test_where_nothing_tells_clients_from_checks_all_is_uncertain_and_the_reason_says_so() -> None:
    flows = frame(preserved(2)).drop("check")
    split = fit(flows)
    towards = split.label(flows).filter(pl.col("srcaddr").is_in(NODES), pl.col("dstport") == 80)
    assert towards.collect()["kind"].unique().to_list() == ["uncertain"]
    assert split.boundary.startswith("No health checks found for sure: 1 cluster may be health checks")
    reason = split.clusters.filter(kind="uncertain")["reason"][0]
    assert "clients send the very same bytes, and nothing tells one from the other" in reason


def test_service_of_one_size_seen_at_the_targets_alone_is_not_called_checks() -> None:
    flows = frame(on([r for r in world(asked=lambda i: (6, 890, 6, 1400)) if not r["check"]], *TARGETS)).drop("check")
    split = fit(flows)
    assert "health-check" not in split.label(flows).collect()["kind"].to_list()
    assert "no interface of a source is logged" in split.clusters["reason"][0]


def test_copies_and_a_second_flow_log_leave_the_interval_as_it_is() -> None:
    once = world(minutes=20)
    half = [record for record in once if record["start"] < START + timedelta(minutes=10)]
    for twice in (once + once, once + half, once + world(minutes=20, window=60)):
        flows = frame(twice)
        split = fit(flows.drop("check"))
        labelled = split.label(flows).collect()
        assert split.clusters["interval_s"][0] == pytest.approx(10, abs=0.2)
        assert (labelled["kind"] == "health-check").filter(labelled["check"]).mean() > 0.97  # type: ignore[operator]


def shared(records: list[Record], ports: int) -> list[Record]:
    """The records as if each checker took these few source ports in turn: what one port has in a window is one."""
    turns: dict[tuple[str, str], dict[int, int]] = {}
    sums: dict[tuple[Any, ...], Record] = {}
    for record in records:
        asks = record["dstport"] < 1_024
        side, ends = ("srcport", "dstport")[not asks], (record["srcaddr"], record["dstaddr"])
        if record["check"]:
            mine = turns.setdefault(ends if asks else ends[::-1], {})
            turn = mine.setdefault(record[side], len(mine))
            record |= {side: 16_037 + 10_000 * (turn % ports)}
        key = tuple(value for name, value in record.items() if name not in ("packets", "bytes"))
        last = sums.setdefault(key, record | {"packets": 0, "bytes": 0})
        last |= {name: last[name] + record[name] for name in ("packets", "bytes")}
    return list(sums.values())


@pytest.mark.parametrize("ports", [2, 4])
@pytest.mark.parametrize("sizes", [(3, 294, 5, 514), (4, 216, 2, 112)])
def test_the_interval_is_that_of_single_checks_however_many_share_a_record(sizes: Sizes, ports: int) -> None:
    late = world(lambda tick: sizes, window=60, minutes=20, there=lambda target, second: second > 25)
    split = fit(frame(shared(late, ports)).drop("check"))
    (row,) = split.clusters.filter(kind="health-check").rows(named=True)
    assert row["interval_s"] == pytest.approx(10, abs=0.1)
    assert row["payload_high"] == (130 if sizes[0] == 3 else 0)
    assert "its source ports come back, so that a record may hold several checks" in row["reason"]


def test_the_checks_of_a_dead_target_stand_with_those_that_are_answered() -> None:
    """A third target never answers: SYNs alone, at a pace of their own."""
    dead = [
        record
        for i, node in enumerate(NODES)
        for tick in range(46)
        for record in hop(tick * 13 + 3.1 * i, (node, "10.1.2.200", 80), (3, 180, 0, 0), check=True)
    ]
    split = fit(frame(world() + dead).drop("check"))
    (row,) = split.clusters.filter(kind="health-check").rows(named=True)
    assert (row["cluster"], row["targets"], row["bytes_low"]) == ("port 80, payload 130 B", 3, 294)
    assert row["interval_s"] == pytest.approx(10, abs=0.2)
    assert "to 1 of 3 targets also a SYN alone: refused, or not answered" in row["reason"]


def monitor(*sources: str, port: int = 80, sizes: Sizes = (3, 294, 5, 514), every: float = 10) -> list[Record]:
    """What asks every target for one thing, over and over."""
    return [
        record
        for i, source in enumerate(sources)
        for tick in range(int(600 / every))
        for target in TARGETS
        for record in hop(tick * every + 5.2 + i, (source, target, port), sizes, check=False)
    ]


TCP, SCRAPE = (4, 216, 2, 112), (16, 1_000, 24, 31_000)
BESIDE = [(29 * i, ("10.1.9.9", "10.1.8.8", 443), (9, 900 + 31 * i, 8, 4_000)) for i in range(20)]
ASKED = [(i, (f"10.1.9.{8 + i % 2}", TARGETS[0], 80), (9, 700 + i, 8, 900)) for i in range(600)]
MONITORS = {
    "that the nodes check alike": [*world(), *monitor("10.1.9.9"), *(r for h in BESIDE for r in hop(*h, check=False))],
    "beside the nodes' own port": world() + monitor("10.1.9.9", port=9100),
    "of two scrapers": world() + monitor("10.1.9.8", "10.1.9.9", port=9100, sizes=SCRAPE, every=15),
    "without a load balancer": [r for r in preserved() if not r["check"]] + monitor("10.1.9.9", sizes=TCP),
    "of two applications": [
        *monitor("10.1.9.8", "10.1.9.9", every=20), *(r for h in ASKED for r in hop(*h, check=False))
    ],
}  # fmt: skip
WHY = {
    "that the nodes check alike": "the nodes that check alike pass clients' data on, and it passes none",
    "beside the nodes' own port": "the nodes that check these targets pass clients' data on, and it passes none",
    "of two scrapers": "the answers are long, as a scraper's are",
    "without a load balancer": "only one address does it, and nothing shows that it is a load balancer's",
    "of two applications": "the source sends much else that no client sent to it",
}


@pytest.mark.parametrize("name", MONITORS)
def test_what_may_be_a_monitors_is_no_check_and_says_why(name: str) -> None:
    """It ticks as checks do; what speaks against it is the company that it keeps."""
    flows = frame(MONITORS[name]).drop("check")
    split = fit(flows)
    asks = pl.col("bytes").is_in([294, TCP[1], SCRAPE[1]]) & pl.col("srcaddr").is_in(["10.1.9.8", "10.1.9.9"])
    kinds = set(split.label(flows).filter(asks).collect()["kind"])
    assert "uncertain" in kinds
    assert "health-check" not in kinds
    assert WHY[name] in split.clusters.filter(kind="uncertain")["reason"][0]


def test_the_checks_of_a_node_that_no_client_has_come_to_are_checks() -> None:
    """It does as the others do, and its own interface has nothing but its checks."""
    made = world(minutes=10)
    quiet = [r for r in made if r["check"] or NODES[1] not in (r["srcaddr"], r["dstaddr"])]
    found, false = judged(quiet)
    assert found >= 0.97
    assert false == 0


def test_where_nothing_shows_a_load_balancer_lone_checks_are_said_to_be_perhaps_a_monitors() -> None:
    """One address, one target, and nobody else: what an idle target behind an idle node looks like too."""
    split = fit(frame(monitor("10.1.9.9")).drop("check"))
    row = split.clusters.row(0, named=True)
    assert (row["kind"], row["confidence"] < 0.8) == ("health-check", True)
    assert split.boundary.endswith("every 10.0 s, perhaps a monitor's.")
    assert "a monitor would do the same" in split.nodes["why"][0]


def test_a_node_that_was_not_given_with_the_others_is_uncertain_and_named() -> None:
    flows = frame(world()).drop("check")
    split = fit(flows, lb_addresses=[NODES[0]])
    left = split.label(flows).filter(pl.col("srcaddr") == NODES[1], pl.col("bytes") == 294).collect()
    assert set(left["kind"]) == {"uncertain"}
    assert f"{NODES[1]} behaves like a node but is not among the load balancer addresses given." in split.boundary


def test_a_failing_check_that_a_windows_edge_cuts_is_one_check_and_has_one_kind_on_both_interfaces() -> None:
    """Checks every 10 s in windows of 60 s: the edge at the target cuts the same one of six, minute after minute."""
    silent = [
        piece
        for i, node in enumerate(NODES)
        for tick in range(24, 54)
        for record in hop(tick * 10 + 2.1 * i, (node, TARGETS[0], 80), (3, 180, 0, 0), check=True, window=60)
        for piece in (cut(record) if tick % 6 == 5 and record["interface_id"] == f"eni-{TARGETS[0]}" else [record])
    ]
    answered = world(
        lambda _: (4, 216, 3, 164), minutes=20, window=60, there=lambda to, at: to != TARGETS[0] or not 240 <= at < 540
    )
    flows = frame(answered + silent).drop("check")
    failing = fit(flows).label(flows).filter(pl.col("bytes") == 60 * pl.col("packets")).collect()
    assert failing["kind"].unique().to_list() == ["health-check"]


def test_a_target_that_fails_and_comes_back_again_and_again_is_checked_all_the_while() -> None:
    """Three minutes up, three down: what is answered is not even, and neither is what is refused."""
    up = world(minutes=24, window=60, there=lambda to, at: to != TARGETS[0] or at // 180 % 2 == 0)
    down = [
        record
        for i, node in enumerate(NODES)
        for tick in range(144)
        if tick * 10 // 180 % 2
        for record in hop(tick * 10 + 2.1 * i, (node, TARGETS[0], 80), (1, 60, 1, 40), check=True, window=60)
    ]
    found, false = judged(up + down)
    assert found >= 0.97
    assert false <= 0.002 * len(up)


def cut(record: Record) -> list[Record]:
    """A record of three SYNs as two: one before the window's edge, two behind it."""
    later = {end: record[end] + timedelta(seconds=60) for end in ("start", "end")}
    return [record | {"packets": 1, "bytes": 60}, record | {"packets": 2, "bytes": 120} | later]


@pytest.mark.parametrize("own", [False, True])
def test_the_only_target_that_refuses_checks_and_clients_alike_is_refused_and_was_sent_its_checks(own: bool) -> None:
    """No other target is left, so that the load balancer sends the dead one clients too, twelve for each check."""
    dead = range(300, 600)
    up = world(
        lambda _: (4, 216, 3, 164), minutes=14, targets=TARGETS[:1], there=lambda _, at: int(at) not in dead, own=own
    )
    chance = random.Random(3)
    down = [(tick * 10 + 2.1 * i, i, True) for i in range(2) for tick in range(30, 60)]
    down += [(chance.uniform(300, 600), i, False) for i in range(2) for _ in range(360)]
    failing = [
        record
        for second, i, check in down
        for record in hop(second, (NODES[i], TARGETS[0], 80), (1, 60, 1, 40), check=check, own=own)
    ]
    flows = frame(up + failing)
    split = fit(flows)
    labelled = split.label(flows)
    changes = health_changes(labelled).collect()
    assert changes["state"].to_list() == ["answering", "refused", "answering"]
    refused = changes.row(1, named=True)
    assert abs(refused["start"] - START - timedelta(seconds=300)) <= timedelta(seconds=15)
    assert abs(refused["end"] - START - timedelta(seconds=600)) <= timedelta(seconds=15)
    assert refused["failed_in_a_row"] in (29, 30, 31)
    # A check has four records: both directions, at both ends.
    assert 4 * 60 <= labelled.filter(kind="uncertain").collect().height <= 4 * 60 * 3.5
    assert split.clusters["confidence"][0] > 0.9
