"""A log group as a source: the wanted streams only, every event once, and no limit that cuts in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from canned import Event, serve
from clouds import Calls

import flowkit as fk
from flowkit import sources
from flowkit.access import Access
from flowkit.errors import AwsError, FormatError, SourceError
from flowkit.schema import DEFAULT

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
"""A whole hour that the stand-in does not find too old, and that is settled."""

SPAN_LENGTH = timedelta(hours=1)
SPAN = {"start": HOUR, "end": HOUR + timedelta(hours=1)}
MINUTE = timedelta(minutes=1)

Fill = Callable[..., None]


def record(when: datetime, eni: str, n: int = 0) -> str:
    start = int(when.timestamp())
    return (
        f"2 123456789012 {eni} 10.0.0.{n % 200} 10.0.1.1 {40000 + n % 9000} 80 6 3 164 {start} {start + 30} ACCEPT OK"
    )


def events(count: int, eni: str = "eni-1", every: timedelta = MINUTE) -> Iterator[Event]:
    for n in range(count):
        when = HOUR + n * every
        yield int(when.timestamp() * 1000), f"{eni}-all", record(when, eni, n)


@pytest.fixture
def fill(aws: Access) -> Fill:
    """Put events into streams of a group of the stand-in."""
    client = aws.client("logs")

    def put(events: Sequence[Event], group: str = "flows") -> None:
        streams: dict[str, list[Event]] = {}
        for event in events:
            streams.setdefault(event[1], []).append(event)
        if not client.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            client.create_log_group(logGroupName=group)
        for stream, held in streams.items():
            client.create_log_stream(logGroupName=group, logStreamName=stream)
            for first in range(0, len(held), 5000):
                some = [{"timestamp": ms, "message": text} for ms, _, text in sorted(held)[first : first + 5000]]
                client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=some)

    return put


def flow_log(aws: Access, fields: str) -> None:
    """Let the account have a flow log of a format that writes to the group."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="flows",
        LogFormat=" ".join(f"${{{name}}}" for name in fields.split()),
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow-logs",
    )
    assert not made["Unsuccessful"]


def test_every_event_of_the_span_comes_over_several_pages(fill: Fill, aws: Access, cache_folder: object) -> None:
    """10,400 events lie in a slice of ten minutes, and a page has at most 10,000."""
    fill(list(events(10_400, every=timedelta(milliseconds=40))))
    flows = fk.scan("cwl:flows", **SPAN, access=aws).collect()
    assert flows.height == 10_400
    assert sorted(flows["srcport"].unique()) == list(range(40000, 49000))
    case = fk.load("cwl:flows", **SPAN, access=aws, cache=cache_folder)
    assert case.facts["flows"] == 10_400


def test_a_second_load_reads_no_slice_again_and_a_longer_span_only_the_new_ones(
    fill: Fill, aws: Access, cache_folder: object
) -> None:
    fill(list(events(120)))
    first = fk.load("cwl:flows", **SPAN, access=aws, cache=cache_folder)
    assert first.facts["flows"] == 60
    assert first.ledger.select("object", "lines", "flows", "header").rows() == [("cwl:flows", 60, 60, 0)]
    calls = Calls(aws, "logs")
    assert fk.load("cwl:flows", **SPAN, access=aws, cache=cache_folder).facts["flows"] == 60
    assert len(calls.of("FilterLogEvents")) == 1  # A look whether the span holds anything at all.
    longer = fk.load("cwl:flows", start=HOUR, end=HOUR + 80 * MINUTE, access=aws, cache=cache_folder)
    assert longer.facts["flows"] == 80
    assert len(calls.of("FilterLogEvents")) == 1 + 1 + 2


def test_a_span_without_an_end_reaches_to_now_and_what_has_stopped_is_seen(
    fill: Fill, aws: Access, cache_folder: object
) -> None:
    """The last record is five hours old: since then there is nothing, and of the last minutes nobody knows yet."""
    fill(list(events(60)))
    case = fk.load("cwl:flows", start=HOUR, access=aws, cache=cache_folder)
    assert datetime.now(UTC) - case.end < MINUTE
    states = case.coverage().collect()["state"].to_list()
    assert list(dict.fromkeys(states)) == ["OK", "no record", "not yet delivered"]
    assert states.count("no record") > len(states) / 2


def test_only_the_streams_of_the_wanted_interfaces_are_read(fill: Fill, aws: Access) -> None:
    fill([e for eni in ("eni-1", "eni-12", "eni-2", "eni-3") for e in events(60, eni)])
    asked: list[list[str]] = []
    aws.client("logs").meta.events.register(
        "provide-client-params.cloudwatch-logs.FilterLogEvents",
        lambda params, **_: asked.append(params["logStreamNames"]),
    )
    flows = fk.scan("cwl:flows", **SPAN, access=aws, interfaces=["eni-1", "eni-3"]).collect()
    assert sorted(flows["interface_id"].unique()) == ["eni-1", "eni-3"]
    assert flows.height == 120
    assert {tuple(names) for names in asked} == {("eni-1-all", "eni-3-all")}


def test_the_format_is_that_of_the_flow_log_that_writes_to_the_group(fill: Fill, aws: Access) -> None:
    fields = "interface-id start end srcaddr dstaddr action log-status vpc-id"
    flow_log(aws, fields)
    start = int(HOUR.timestamp())
    fill([(start * 1000, "eni-1-all", f"eni-1 {start} {start + 9} 10.0.0.1 10.0.0.2 REJECT OK vpc-7")])
    (flow,) = fk.scan("cwl:flows", **SPAN, access=aws).collect().iter_rows(named=True)
    assert (flow["srcaddr"], flow["action"], flow["vpc_id"], flow["bytes"]) == ("10.0.0.1", "REJECT", "vpc-7", None)


def test_several_formats_in_one_stream_are_told_apart_by_their_values(
    fill: Fill, aws: Access, cache_folder: object
) -> None:
    """Both have fourteen fields, in another order: counting words would not do. What fits none is malformed."""
    turned = " ".join(reversed(DEFAULT))
    flow_log(aws, " ".join(DEFAULT))
    flow_log(aws, turned)
    mixed = [
        (ms, stream, " ".join(reversed(text.split())) if n % 2 else text)
        for n, (ms, stream, text) in enumerate(events(40))
    ]
    fill([*mixed, (int(HOUR.timestamp() * 1000) + 5, "eni-1-all", "no record at all")])
    case = fk.load("cwl:flows", **SPAN, access=aws, cache=cache_folder)
    flows = case.flows.collect()
    assert flows.height == 40
    assert set(flows["dstport"]) == {80}
    assert case.quarantine.select("object", "text").rows() == [
        (f"{HOUR:%Y-%m-%dT%H:%M:%S}.005Z eni-1-all", "no record at all")
    ]


def test_a_message_of_two_lines_stays_one_line(fill: Fill, aws: Access, cache_folder: object) -> None:
    flow_log(aws, " ".join(DEFAULT))
    when = int(HOUR.timestamp() * 1000)
    fill(
        [
            (when, "eni-1-all", record(HOUR, "eni-1")),
            (when + 1, "eni-1-all", f"{' '.join(DEFAULT[:3])}\nforged\r\nlines"),
        ]
    )
    case = fk.load("cwl:flows", **SPAN, access=aws, cache=cache_folder)
    assert (case.facts["flows"], case.quarantine.height) == (1, 1)


@pytest.mark.parametrize(
    ("source", "ask", "sentence"),
    [
        ("cwl:flow", SPAN, "there is no log group flow in eu-west-1; what lies there: flows"),
        ("cwl:nowhere", SPAN, "there is no log group nowhere in eu-west-1; what lies there: flows"),
        ("cwl:flows", {}, "cwl:flows is read by time: give start="),
        ("cwl:flows", {**SPAN, "interfaces": ["eni-9"]}, "flows has no stream of eni-9; what lies there: eni-1-all"),
        (
            "cwl:flows",
            {"start": HOUR + timedelta(hours=5), "interfaces": "eni-1"},
            r"the streams of flows hold no flow logs of interface eni-1 from .* UTC; they run from .* to .* UTC",
        ),
    ],
)
def test_where_nothing_matches_the_message_says_what_lies_there(
    source: str, ask: dict[str, object], sentence: str, fill: Fill, aws: Access
) -> None:
    fill(list(events(5)))
    with pytest.raises(SourceError, match=sentence):
        fk.scan(source, **ask, access=aws)


def test_a_format_that_nobody_names_is_asked_for(fill: Fill, aws: Access) -> None:
    start = int(HOUR.timestamp())
    fill([(start * 1000, "eni-1-all", f"eni-1 10.0.0.1 {start} {start + 9} OK")])
    with pytest.raises(FormatError, match=r"events of flows are not of a default format.*name it with fields="):
        fk.scan("cwl:flows", **SPAN, access=aws)
    flows = fk.scan("cwl:flows", **SPAN, access=aws, fields="interface-id srcaddr start end log-status")
    assert flows.collect()["srcaddr"].to_list() == ["10.0.0.1"]


def test_a_span_without_an_event_says_so(fill: Fill, aws: Access) -> None:
    fill(list(events(5)))
    with pytest.raises(SourceError, match=r"flows holds no flow logs from .* UTC: no event is of that span"):
        fk.scan("cwl:flows", start=HOUR + 2 * SPAN_LENGTH, access=aws)


@pytest.fixture
def hurried(aws_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowkit.sources.cloudwatch.insights.POLL_S", 0)
    monkeypatch.setattr("flowkit.sources.fetching.BUSY_S", 0)
    monkeypatch.setattr("flowkit.access.PACED", ())


def test_the_infrequent_access_class_is_read_by_insights_and_divided_where_its_limit_would_cut(
    hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """600 events in an hour, and a query gives 100: FilterLogEvents is not open to that class."""
    monkeypatch.setattr("flowkit.sources.cloudwatch.insights.LIMIT", 100)
    monkeypatch.setattr("flowkit.sources.cloudwatch.insights.PAGE", 40)
    held = [*events(600, "eni-1", timedelta(seconds=6)), *events(600, "eni-2", timedelta(seconds=6))]
    with serve(held, kind="INFREQUENT_ACCESS") as (address, group):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert fk.scan("cwl:flows", **SPAN, interfaces=["eni-2"]).collect().height == 600
        assert group.asked["FilterLogEvents"] == 0
        assert group.asked["StartQuery"] > 600 / 100


def test_a_second_that_holds_more_than_insights_gives_is_an_error(
    hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowkit.sources.cloudwatch.insights.LIMIT", 10)
    with serve(list(events(11, every=timedelta(milliseconds=1))), kind="INFREQUENT_ACCESS") as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(AwsError, match=r"one second of flows cannot be had from Logs Insights \(11 events match"):
            fk.scan("cwl:flows", **SPAN, interfaces=["eni-1"]).collect()


def test_more_than_a_day_is_asked_of_insights(hurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(list(events(60))) as (address, group):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        flows = fk.scan("cwl:flows", start=HOUR - timedelta(hours=1), end=HOUR + timedelta(hours=2)).collect()
        assert (flows.height, group.asked["StartQuery"]) == (60, 0)
        flows = fk.scan("cwl:flows", start=HOUR - timedelta(hours=25), end=HOUR + timedelta(hours=2)).collect()
        assert (flows.height, group.asked["StartQuery"] > 27) == (60, True)


def test_throttling_is_ridden_out_and_a_refusal_names_the_right(hurried: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(list(events(60)), faults={"FilterLogEvents": ["ThrottlingException"] * 5}) as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert fk.scan("cwl:flows", **SPAN).collect().height == 60
    for operation, ask in {
        "FilterLogEvents": {},
        "DescribeLogGroups": {},
        "DescribeLogStreams": {"interfaces": ["eni-1"]},
    }.items():
        with serve(list(events(60)), faults={operation: ["AccessDeniedException"] * 9}) as (address, _):
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            with pytest.raises(AwsError, match=f"the permission logs:{operation} is missing"):
                fk.scan("cwl:flows", **SPAN, **ask).collect()


def test_a_slice_that_may_still_grow_is_read_again(aws_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(list(events(300))) as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        now = datetime.now(UTC)
        found = sources.find("cwl:flows", now - timedelta(hours=4))
        again = sources.find("cwl:flows", now - timedelta(hours=4))
    same = [a.identity == b.identity for a, b in zip(found, again, strict=True)]
    assert same[0]
    assert not same[-1]
    assert same == sorted(same, reverse=True)
