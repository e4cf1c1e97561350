"""The case in sentences: to the minute, in the user's zone, and honest about what is missing."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from records import FLOW, NODATA, SKIPDATA, Writer

import flowkit as fk
from flowkit.questions.stories import lagging, one_sided, story, targets, verdict


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    case = fk.load(fk.samples("incident"), tz="Asia/Tokyo", cache=tmp_path_factory.mktemp("cache"))
    return list(fk.findings(case))


def test_the_incident_is_told_to_the_minute(sentences: list[str]) -> None:
    """Killed at minute 4.9 (01:09:47 in Tokyo), cut off at 7.0 (01:11:53), back at 10.1 (01:14:58)."""
    assert sentences[0] == "All times are those of 2026-11-24 in Asia/Tokyo (UTC+9)."
    first = sentences[1]
    assert first.startswith(
        "10.45.1.102:80 refused its health checks from 01:09:47 to 01:11:53 (49 checks from 2 checkers"
    )
    assert "then did not answer its health checks from 01:11:" in first
    assert "and answered again from 01:14:" in first


def test_no_checker_is_said_to_have_seen_more_failures_in_a_row_than_it_can_have_made(sentences: list[str]) -> None:
    """A check every 5 s: 26 at the most in 126 s, 37 in 184 s, from each of the two."""
    (refused, unreachable) = (int(n) for n in re.findall(r"(\d+) in a row by one", sentences[1]))
    assert 20 <= refused <= 26
    assert 20 <= unreachable <= 37


def test_whether_clients_felt_it_is_said_with_what_the_others_carried(sentences: list[str]) -> None:
    assert sentences[2].startswith("Clients felt it: 29 service flows to 10.45.1.102:80 failed. It served 88 service")
    assert sentences[2].endswith(
        "and 0 meanwhile. All targets of its port together served 324 before and 312 meanwhile: the others carried it."
    )


def test_the_thresholds_of_a_target_group_say_when_the_target_was_out(tmp_path: Path) -> None:
    group = {"name": "web", "port": 80, "healthy_threshold": 3, "unhealthy_threshold": 2}
    case = fk.load(fk.samples("incident"), cache=tmp_path, target_groups=[group])
    called = "By the thresholds of its target group the load balancer called 10.45.1.102:80 "
    assert list(fk.findings(case))[2].startswith(f"{called}unhealthy at 16:09:")


def test_a_target_that_failed_from_the_first_window_to_the_last_failed_all_along(tmp_path: Path) -> None:
    said = list(fk.findings(fk.load(fk.samples("ordinary"), cache=tmp_path)))
    assert said[1].startswith("10.41.2.104:80 refused its health checks all along (")


def test_nobody_else_is_accused(sentences: list[str]) -> None:
    assert sentences[3] == "2 other targets answered health checks all along."
    assert [s for s in sentences if s.startswith("10.")] == sentences[1:2]


def test_what_the_logs_cannot_show_is_said(sentences: list[str]) -> None:
    assert sentences[-1].startswith("Flow logs cannot show payload")


def test_rejects_without_a_time_are_told_without_one(written: Writer) -> None:
    path = written("a.log", "srcaddr dstaddr action log-status", "10.0.0.1 10.0.0.2 REJECT OK")
    case = fk.load(path, start="2026-11-23", end="2026-11-24", cache=False)
    assert "1 flow was rejected, from 10.0.0.1, at times that the records do not tell" in repr(fk.findings(case))


def test_loss_and_silence_are_findings(written: Writer, cache_folder: Path) -> None:
    case = fk.load(written("a.log", FLOW, SKIPDATA, "2 torn"), cache=cache_folder)
    words = repr(fk.findings(case))
    assert "No health checks were found" in words
    assert "1 SKIPDATA record: AWS left records out, so every count is a lower bound." in words
    assert "1 malformed line: see case.quarantine." in words


def test_what_aws_left_out_is_as_long_as_its_windows(written: Writer) -> None:
    """Four windows of a minute that begin at second 40 touch five minutes of the clock."""
    lines = (SKIPDATA.replace("1795449900 1795449930", f"{at} {at + 59}") for at in range(1795449900, 1795450140, 60))
    words = repr(fk.findings(fk.load(written("a.log", FLOW, *lines), cache=False)))
    assert "AWS left records out in 4 capture windows (4 min in all) on 1 interface." in words


def test_a_span_without_flows_is_one_finding(written: Writer, cache_folder: Path) -> None:
    first = next(iter(fk.findings(fk.load(written("a.log", NODATA), cache=cache_folder))))
    assert first == "There is no flow in this span: 1 object, 1 line = 0 flows + 1 NODATA."


def test_findings_in_a_notebook_are_escaped(written: Writer, cache_folder: Path) -> None:
    bad = FLOW.replace("10.0.0.1", "<img/src=x>").replace("ACCEPT", "REJECT")
    shown = fk.findings(fk.load(written("a.log", bad), cache=cache_folder))._repr_html_()
    assert "&lt;img/src=x&gt;" in shown
    assert "<img" not in shown


def test_a_fault_between_one_checker_and_a_target_is_not_laid_at_the_targets_door(tmp_path: Path) -> None:
    case = fk.load(fk.samples("incident"), cache=tmp_path)
    states = [("10.45.1.10", "answering", 0), ("10.45.2.17", "answering", 0), ("10.45.2.17", "unreachable", 5)]
    each = pl.DataFrame(states, schema=["checker", "state", "minute"], orient="row").select(
        "checker", "state", start=case.start + pl.duration(minutes="minute"), end=case.start + pl.duration(minutes=9)
    )
    (said,) = one_sided("10.45.2.101:80", each, case)
    assert said == (
        "10.45.2.101:80 answered the health checks of the other checker, but did not answer those of 10.45.2.17 "
        "from 16:09:51 to the end: look at the way between the two."
    )


def test_a_checker_that_a_target_fails_longer_than_the_others_is_named(tmp_path: Path) -> None:
    case = fk.load(fk.samples("incident"), cache=tmp_path)
    minutes = [("10.45.1.10", "refused", 1, 3), ("10.45.2.17", "refused", 1, 6), ("10.45.2.17", "answering", 6, 9)]
    each = pl.DataFrame(minutes, schema=["checker", "state", "first", "last"], orient="row").select(
        "checker",
        "state",
        start=case.start + pl.duration(minutes="first"),
        end=case.start + pl.duration(minutes="last"),
    )
    rows = [
        {"state": state, "start": case.start + timedelta(minutes=at), "healthy_at": back, "unhealthy_at": out}
        for state, at, out, back in (
            ("answering", 0, None, None),
            ("refused", 1, case.start + timedelta(minutes=2), None),
            ("answering", 3, None, case.start + timedelta(minutes=4)),
            ("answering", 5, None, case.start + timedelta(minutes=7)),
        )
    ]
    (said,) = lagging("10.45.2.101:80", rows, each, case, timedelta(minutes=1))
    assert said == "10.45.2.17 saw 10.45.2.101:80 fail until 16:10:51: look at the way between the two."
    assert not list(lagging("10.45.2.101:80", rows, each, case, timedelta(minutes=2)))
    (called,) = verdict("10.45.2.101:80", rows, case)
    assert called.endswith("called 10.45.2.101:80 unhealthy at 16:06:51, healthy at 16:11:51.")


@pytest.mark.parametrize(("start", "end"), [("16:09", "16:16"), ("16:11", "16:13"), ("16:13", "16:16")])
def test_a_span_within_the_incident_names_its_target_all_the_same(start: str, end: str, cache_folder: Path) -> None:
    """What a check looks like is learnt around the span: within it there may be none that was answered."""
    day = "2026-11-23"
    case = fk.load(fk.samples("incident"), start=f"{day} {start}", end=f"{day} {end}", cache=cache_folder)
    assert "10.45.1.102:80 refused" in (said := str(fk.findings(case))) or "10.45.1.102:80 did not answer" in said


@pytest.mark.parametrize("span", [("16:09", "16:16"), ("16:07", "16:10:20"), ("16:09:30", "16:20")])
def test_a_narrow_span_tells_the_same_onset_as_the_whole(span: tuple[str, str], cache_folder: Path) -> None:
    start, end = (f"2026-11-23 {clock}" for clock in span)
    case = fk.load(fk.samples("incident"), start=start, end=end, cache=cache_folder)
    assert "10.45.1.102:80 refused its health checks from 16:09:47 to " in str(fk.findings(case))


def test_a_failure_that_is_older_than_the_span_is_said_to_last_from_its_beginning(cache_folder: Path) -> None:
    day = "2026-11-23"
    case = fk.load(fk.samples("incident"), start=f"{day} 16:11", end=f"{day} 16:13", cache=cache_folder)
    assert "10.45.1.102:80 refused its health checks from the beginning to 16:11:5" in str(fk.findings(case))


def test_a_span_that_begins_before_a_clock_change_is_told_on_the_clock_of_its_flows(cache_folder: Path) -> None:
    case = fk.load(fk.samples("incident"), start="2026-10-01", tz="Europe/Berlin", cache=cache_folder)
    assert case.clock.label == "Europe/Berlin (UTC+1)"
    assert "17:11:53" in str(fk.findings(case))


def test_who_knocks_at_many_doors_is_named_and_not_accused(written: Writer, cache_folder: Path) -> None:
    """Forty ports of one address, and forty addresses at one port; a client comes forty times to one door."""
    line = "2 123456789010 eni-1 {} {} {} {} 6 1 44 1795449900 1795449930 ACCEPT OK"
    ports = [line.format("198.51.100.7", "10.0.0.2", 50_000, 1_000 + n) for n in range(40)]
    sweep = [line.format("198.51.100.8", f"10.0.0.{n}", 50_000, 22) for n in range(1, 41)]
    client = [line.format("203.0.113.5", "10.0.0.2", 50_000 + n, 443) for n in range(40)]
    answers = [line.format("10.0.0.2", "203.0.113.5", 443, 50_000 + n) for n in range(40)]
    # A server on a high port answers to lower ones, and is sent data there.
    high = [line.format("10.0.0.3", "203.0.113.5", 60_000, 1_000 + n) for n in range(40)]
    data = [high[n].replace("10.0.0.3 203.0.113.5", "203.0.113.5 10.0.0.3") for n in range(40)]
    data = [one.replace(f"60000 {1_000 + n} 6 1 44", f"{1_000 + n} 60000 6 5 900") for n, one in enumerate(data)]
    path = written("a.log", *ports, *sweep, *client, *answers, *high, *data)
    said = [s for s in fk.findings(fk.load(path, cache=cache_folder)) if "knocked" in s]
    end = "(40 flows, none of it rejected): it looks like a scan, and nothing here says that it caused anything."
    when = "without sending data, 16:05:00 to 16:05:30"
    assert sorted(said) == [
        f"198.51.100.7 knocked at 40 ports of 10.0.0.2 {when} {end}",
        f"198.51.100.8 knocked at port 22 of 40 addresses {when} {end}",
    ]


def test_many_spells_are_told_as_a_pattern(tmp_path: Path) -> None:
    """Five times refused for half a minute: how often, between when and when, how long; the table has each."""
    case = fk.load(fk.samples("incident"), cache=tmp_path)
    steps = [(state, 2 * n + late) for n in range(1, 6) for late, state in enumerate(("refused", "answering"))]
    rows = [
        {"state": state, "start": case.start + timedelta(minutes=at), "end": case.start + timedelta(minutes=at + 1)}
        | {"checks": 12, "failed": 12 * (state == "refused"), "checkers": 2, "failed_in_a_row": 6, "retransmitted": 0}
        for state, at in [("answering", 0), *steps]
    ]
    assert story(rows, case) == (
        "refused its health checks 5 times between 16:06:51 and 16:15:51, 60 s each (60 checks, all failed), "
        "and answered in between and since; the table of states has each"
    )


STATES = ["target", "checker", "state", "from", "to", "service_failed"]
NONE = {"failed": 0, "retransmitted": 0, "failed_in_a_row": 0, "unhealthy_at": None, "healthy_at": None}


def told(case: fk.Case, *states: tuple[object, ...], bins: list[tuple[str, int, int, int]]) -> list[str]:
    """Tell of states (target, checker, state, from and to minute, failed) and service (target, minute, all, failed)."""
    at = [(case.start + pl.duration(minutes=edge)).alias(name) for edge, name in (("from", "start"), ("to", "end"))]
    each = pl.DataFrame(states, schema=STATES, orient="row").with_columns(
        *at,
        *(pl.lit(value).alias(name) for name, value in NONE.items()),
        checks=pl.when(pl.col("state").is_in(["no checks seen", "not logged"])).then(0).otherwise(12),
        checkers=2,
        service=100,
    )
    whole = each.filter(pl.col("checker") == "10.0.1.10")
    health = pl.DataFrame(bins, schema=["target", "_bin", "service", "service_failed"], orient="row").with_columns(
        time=case.start + pl.duration(minutes="_bin"), _width=pl.lit(60_000), elsewhere=pl.lit(value=False), alike=0
    )
    return list(targets(whole, each, health, case, timedelta(minutes=1)))


def test_service_that_fails_beside_good_checks_is_told(cache_folder: Path) -> None:
    case = fk.load(fk.samples("incident"), cache=cache_folder)
    bins = [("10.0.1.1:80", minute, 20, 20 if 3 <= minute < 6 else 0) for minute in range(9)]
    assert told(case, ("10.0.1.1:80", "10.0.1.10", "answering", 0, 9, 60), bins=bins) == [
        (
            "10.0.1.1:80: 60 of 60 service flows to it failed from 16:07:51 to 16:10:51, refused or not answered, "
            "though it answered its health checks: they do not ask what clients ask."
        ),
        "1 target answered health checks all along.",
    ]


def test_a_silence_full_of_failed_flows_is_no_deregistration(cache_folder: Path) -> None:
    case = fk.load(fk.samples("incident"), cache=cache_folder)
    states = (
        ("10.0.1.1:80", "10.0.1.10", "answering", 0, 3, 0),
        ("10.0.1.1:80", "10.0.1.10", "no checks seen", 3, 9, 90),
    )
    bins = [("10.0.1.1:80", minute, 15, 15 if minute >= 3 else 0) for minute in range(9)]
    story, lost, look = told(case, *states, bins=bins)
    assert "had no health check that can be told from the service flows that failed from 16:07:51 to the end" in story
    assert "90 of 90 service flows to it failed" in lost
    assert look == "Unclear: the target fails, whoever asks. Look at the host, and at the process that should listen."


def test_a_node_that_is_gone_is_told_once(cache_folder: Path) -> None:
    """The log of the node ends too, so that of one target it cannot be told; the other's own log is whole."""
    case = fk.load(fk.samples("incident"), cache=cache_folder)
    states = [(target, "10.0.1.10", "answering", 0, 9, 0) for target in ("10.0.1.1:80", "10.0.1.2:80")]
    states += [(target, "10.0.2.10", "answering", 0, 4, 0) for target in ("10.0.1.1:80", "10.0.1.2:80")]
    states += [
        ("10.0.1.1:80", "10.0.2.10", "not logged", 4, 9, 0),
        ("10.0.1.2:80", "10.0.2.10", "no checks seen", 4, 9, 0),
    ]
    bins = [("10.0.1.1:80", 0, 20, 0), ("10.0.1.2:80", 0, 20, 0)]
    assert told(case, *states, bins=bins) == [
        (
            "10.0.2.10 checked none of its 2 targets from 16:08:51 to the end: "
            "the node is gone, its zone is off, or its way to all of them is cut."
        ),
        "2 targets answered health checks all along.",
    ]


def test_a_node_that_comes_late_is_not_said_to_be_gone(cache_folder: Path) -> None:
    case = fk.load(fk.samples("incident"), cache=cache_folder)
    pair = ("10.0.1.1:80", "10.0.1.2:80")
    states = [(target, "10.0.1.10", "answering", 0, 9, 0) for target in pair]
    states += [(target, "10.0.2.10", "no checks seen", 0, 4, 0) for target in pair]
    states += [(target, "10.0.2.10", "answering", 4, 9, 0) for target in pair]
    first, *_ = told(case, *states, bins=[(target, 0, 20, 0) for target in pair])
    assert first == "10.0.2.10 checked none of its 2 targets before 16:08:51: it was new then, or cut off."


def test_targets_that_fail_together_are_told_together(cache_folder: Path) -> None:
    case = fk.load(fk.samples("incident"), cache=cache_folder)
    edges = {"10.0.1.1:80": (2, 6), "10.0.1.2:80": (3, 7)}
    states = [(target, "10.0.1.10", "refused", first, last, 0) for target, (first, last) in edges.items()]
    first, *_ = told(case, *states, bins=[(target, 0, 20, 0) for target in edges])
    assert first == (
        "All 2 targets on port 80 failed together from 16:07:51 to 16:10:51: "
        "with none healthy a load balancer sends to all."
    )
