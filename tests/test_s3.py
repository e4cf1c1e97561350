"""Objects of a bucket: every layout, only what can hold the span is asked for, and nothing is lost on the way."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from clouds import BUCKET, LAYOUTS, Calls, fill, flows_of, key_of

import flowkit as fk
from flowkit import sources
from flowkit.access import Access
from flowkit.errors import AwsError, SourceError

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(count: int, start: datetime = NOON) -> Iterator[datetime]:
    return (start + n * HOUR for n in range(count))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_objects_of_the_span_and_of_no_other_time(layout: str, aws: Access) -> None:
    """Three months lie there; the noon hour is asked for, with half an hour of delivery after it."""
    fill(key_of(layout, when + timedelta(days=30 * month)) for month in (-1, 0, 1) for when in hours(4))
    calls = Calls(aws, "s3")
    found = sources.find(f"s3://{BUCKET}/net", NOON, NOON + HOUR, access=aws)
    assert [o.slot for o in found] == [NOON, NOON + HOUR]
    listed = calls.of("ListObjectsV2")
    last = LAYOUTS[layout].format(account="111111111111", region="eu-west-1", t=NOON)
    assert f"net/{last}" in listed
    assert all("04" not in prefix and "06/" not in prefix for prefix in listed)
    assert len(listed) <= 11  # A folder a level, and the hours 11 (its last slots), 12 and 13 where there are such.


def test_without_a_span_all_is_listed_at_once_below_the_service(aws: Access) -> None:
    fill(key_of("hourly", when) for when in hours(30))
    calls = Calls(aws, "s3")
    assert len(sources.find(f"s3://{BUCKET}/net/AWSLogs/", access=aws)) == 30
    assert calls.of("ListObjectsV2") == [
        f"net/AWSLogs/{rest}" for rest in ("", "111111111111/", "111111111111/vpcflowlogs/")
    ]


def test_whole_days_inside_the_span_are_listed_without_their_hours(aws: Access) -> None:
    fill(key_of("hourly", when) for when in hours(72))
    calls = Calls(aws, "s3")
    found = sources.find(f"s3://{BUCKET}/net/", NOON, NOON + timedelta(days=2), access=aws)
    assert len(found) == 49
    assert not [p for p in calls.of("ListObjectsV2") if "/2026/05/15/" in p and not p.endswith("/15/")]


def test_accounts_regions_and_flow_logs_are_chosen_and_the_others_never_listed(aws: Access) -> None:
    accounts, regions, logs = ("111111111111", "222222222222"), ("eu-west-1", "us-east-1"), ("fl-0a1b", "fl-0c2d")
    fill(key_of("plain", NOON, account=a, region=r, log=f) for a in accounts for r in regions for f in logs)
    fill([f"net/AWSLogs/111111111111/CloudTrail/eu-west-1/2026/05/14/trail-{n}.json.gz" for n in range(3)])
    calls = Calls(aws, "s3")
    found = sources.find(
        f"s3://{BUCKET}/net",
        NOON,
        NOON + HOUR,
        access=aws,
        accounts=["222222222222"],
        regions=["us-east-1"],
        flow_log_ids="fl-0c2d",
    )
    assert [o.path for o in found] == [
        f"s3://{BUCKET}/{key_of('plain', NOON, account='222222222222', region='us-east-1', log='fl-0c2d')}"
    ]
    assert not [p for p in calls.of("ListObjectsV2") if "111111111111/" in p or "eu-west-1" in p or "CloudTrail" in p]
    assert len(sources.find(f"s3://{BUCKET}/net", NOON, NOON + HOUR, access=aws)) == 8


def test_2500_keys_of_a_day_come_in_three_pages(aws: Access) -> None:
    keys = [key_of("plain", NOON, log=f"fl-{n:04x}") for n in range(2500)]
    fill(keys)
    calls = Calls(aws, "s3")
    found = sources.find(f"s3://{BUCKET}/net/AWSLogs/111111111111/vpcflowlogs/eu-west-1/2026/05/14/", access=aws)
    assert len(found) == 2500
    assert len(calls.of("ListObjectsV2")) == 3


def test_a_full_day_is_leapt_through_to_the_span(aws: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2,880 keys in a day, 58 pages of 50, an hour of two flow logs is wanted."""
    slots = [NOON.replace(hour=0) + n * sources.SLOT for n in range(288)]
    fill(key_of("plain", slot, log=f"fl-{n:04x}") for n in range(10) for slot in slots)
    monkeypatch.setattr("flowkit.sources.s3.listing.PAGE", 50)
    calls = Calls(aws, "s3")
    found = sources.find(f"s3://{BUCKET}/net", NOON, NOON + HOUR, access=aws, flow_log_ids=["fl-0003", "fl-0009"])
    assert len(found) == 2 * 19  # The hour's 12 slots, 1 before (a record may end in it) and 6 after.
    assert len([prefix for prefix in calls.of("ListObjectsV2") if prefix.endswith("/2026/05/14/")]) == 7


def test_a_prefix_means_the_folder_of_that_name_else_what_begins_so(aws: Access) -> None:
    fill(["logs/a.log.gz", "logs-old/b.log.gz", "loose-1.log.gz", "loose-2.log.gz"])
    names = {
        p: [o.name for o in sources.find(f"s3://{BUCKET}/{p}", access=aws)] for p in ("logs", "loose", "loose-1.log.gz")
    }
    assert names == {
        "logs": ["a.log.gz"],
        "loose": ["loose-1.log.gz", "loose-2.log.gz"],
        "loose-1.log.gz": ["loose-1.log.gz"],
    }


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"start": NOON + 9 * HOUR}, "holds no flow logs from 2026-05-14 21:00 UTC; what lies there: net/AWSLogs/"),
        (
            {"accounts": ["333333333333"]},
            "holds no flow logs of account 333333333333; what lies there: net/AWSLogs/111",
        ),
        ({"regions": ["us-west-2"]}, "holds no flow logs of region us-west-2; what lies there: .*/eu-west-1/"),
        ({"flow_log_ids": ["fl-1"]}, "holds no flow logs of flow log fl-1; what lies there: .*fl-0a1b_20260514T1200Z"),
    ],
)
def test_where_nothing_matches_the_message_says_what_lies_there(
    asked: dict[str, object], sentence: str, aws: Access
) -> None:
    fill([key_of("plain", NOON)])
    with pytest.raises(SourceError, match=sentence):
        sources.find(f"s3://{BUCKET}/net", access=aws, **asked)


def test_an_empty_prefix_is_told_from_its_neighbours(aws: Access) -> None:
    fill([key_of("plain", NOON)])
    with pytest.raises(SourceError, match="s3://logs/nett holds no flow logs: it is empty; in s3://logs/ lies net/"):
        sources.find(f"s3://{BUCKET}/nett", access=aws)
    with pytest.raises(AwsError, match=r"AWS has no such bucket \(listing s3://nowhere-at-all/\)"):
        sources.find("s3://nowhere-at-all/", access=aws)
    with pytest.raises(SourceError, match="s3:// names no bucket"):
        sources.find("s3://", access=aws)


def test_objects_come_as_they_were_stored_under_the_same_identity(aws: Access, tmp_path: Path) -> None:
    body = flows_of(NOON, 50)
    fill([key_of("plain", when) for when in hours(40)], body)
    found = sources.find(f"s3://{BUCKET}/net", access=aws)
    calls = Calls(aws, "s3")
    seen = []
    for run in sources.fetched(found, aws, tmp_path):
        assert [Path(o.path).read_bytes() for o in run] == [body] * len(run)
        seen += run
    assert [o.identity for o in seen] == [o.identity for o in found]
    assert len(calls.of("GetObject")) == 40
    fill([key_of("plain", NOON)], flows_of(NOON, 51))
    again = sources.find(f"s3://{BUCKET}/net", access=aws)
    assert [a.identity == b.identity for a, b in zip(again, found, strict=True)] == [False] + [True] * 39


def test_an_object_that_changed_since_it_was_listed_is_an_error(aws: Access, tmp_path: Path) -> None:
    fill([key_of("plain", NOON)], flows_of(NOON, 1))
    found = sources.find(f"s3://{BUCKET}/net", access=aws)
    fill([key_of("plain", NOON)], flows_of(NOON, 2))
    with pytest.raises(AwsError, match="has changed since it was listed"):
        list(sources.fetched(found, aws, tmp_path))


@pytest.fixture
def noon(aws: Access, tmp_path: Path) -> Path:
    """Two accounts' logs from eleven to one o'clock in a bucket, one object of another format, and the same on disk."""
    custom = gzip.compress(f"srcaddr interface-id version start end log-status vpc-id\n{_CUSTOM}".encode(), mtime=0)
    bodies = {
        key_of("plain", slot, account=account): flows_of(slot, 20 + n)
        for n in range(24)
        for account in ("111111111111", "222222222222")
        for slot in [NOON - HOUR + n * sources.SLOT]
    }
    bodies[key_of("plain", NOON, log="fl-0c2d")] = custom
    bodies["net/AWSLogs/111111111111/vpcflowlogs/eu-west-1/2026/05/14/readme.txt"] = b"not a log\n"
    for key, body in bodies.items():
        fill([key], body)
        path = tmp_path / "same" / key.removeprefix("net/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path / "same"


_CUSTOM = "10.0.0.9 eni-9 3 1778760000 1778760030 OK vpc-1\n"


def test_a_scan_and_a_load_give_what_the_same_files_on_the_disk_give(
    noon: Path, aws: Access, cache_folder: Path
) -> None:
    span = {"start": NOON, "end": NOON + HOUR / 2}
    order = ["start", "interface_id", "srcport", "srcaddr"]
    with pytest.warns(UserWarning, match="1 object is no flow log"):
        there = fk.scan(f"s3://{BUCKET}/net", **span, access=aws).collect().sort(order)
    with pytest.warns(UserWarning, match="1 object is no flow log"):
        here = fk.scan(noon, **span).collect().sort(order)
    assert there.height == here.height > 300
    assert there.equals(here.select(there.columns))
    case = fk.load(f"s3://{BUCKET}/net", **span, access=aws, cache=cache_folder)
    local = fk.load(noon, **span, cache=cache_folder)
    assert case.flows.select(there.columns).collect().sort(order).equals(there)
    assert case.ledger.equals(local.ledger)
    assert (
        case.ledger.filter(pl.col("note").str.contains("no header line"))["object"].to_list()[0].endswith("readme.txt")
    )


def test_a_second_load_fetches_only_what_is_new(noon: Path, aws: Access, cache_folder: Path) -> None:
    fill(["net/AWSLogs/111111111111/vpcflowlogs/eu-west-1/2026/05/14/readme.txt"], _CUSTOM.encode())
    ask = {
        "accounts": ["111111111111"],
        "access": aws,
        "cache": cache_folder,
        "fields": "srcaddr interface-id version start end log-status vpc-id",
    }
    calls = Calls(aws, "s3")
    first = fk.load(f"s3://{BUCKET}/net", start=NOON - HOUR, end=NOON, **ask)
    assert len(calls.of("GetObject")) == len(set(calls.of("GetObject"))) == 20
    calls.clear()
    again = fk.load(f"s3://{BUCKET}/net/AWSLogs/", start=NOON - HOUR, end=NOON, **ask)
    assert calls.of("GetObject") == []
    assert again.flows.collect().equals(first.flows.collect())
    fill([key_of("plain", NOON - HOUR)], flows_of(NOON - HOUR, 99))
    more = fk.load(f"s3://{BUCKET}/net", start=NOON - HOUR, end=NOON, **ask)
    assert calls.of("GetObject") == [key_of("plain", NOON - HOUR)]
    assert more.facts["flows"] == first.facts["flows"] + 99 - 20


def test_a_scan_of_a_few_rows_fetches_a_few_objects(aws: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    fill([key_of("plain", NOON + n * sources.SLOT) for n in range(40)], flows_of(NOON, 5))
    monkeypatch.setattr("flowkit.sources.fetching.RUN", 200)
    flows = fk.scan(f"s3://{BUCKET}/net", access=aws)
    calls = Calls(aws, "s3")
    assert flows.head(3).collect().height == 3
    assert len(calls.of("GetObject")) < 15


def test_records_of_the_wanted_interfaces_only(aws: Access, cache_folder: Path) -> None:
    for n, eni in enumerate(("eni-1", "eni-2", "eni-3")):
        fill([key_of("plain", NOON + n * sources.SLOT)], flows_of(NOON, 4, eni))
    wanted = {"access": aws, "interfaces": ["eni-1", "eni-3"]}
    seen = fk.scan(f"s3://{BUCKET}/net", **wanted).select("interface_id").collect().to_series()
    assert set(seen) == {"eni-1", "eni-3"}
    case = fk.load(f"s3://{BUCKET}/net", cache=cache_folder, **wanted)
    assert case.facts["interfaces"] == 2


def test_what_is_no_flow_log_is_named_and_not_fetched_again(noon: Path, aws: Access, cache_folder: Path) -> None:
    calls = Calls(aws, "s3")
    first = fk.load(f"s3://{BUCKET}/net", access=aws, cache=cache_folder)
    fetched = len(calls.of("GetObject"))
    again = fk.load(f"s3://{BUCKET}/net", access=aws, cache=cache_folder)
    assert len(calls.of("GetObject")) == fetched == first.ledger.height
    assert again.ledger.equals(first.ledger)
    assert first.ledger.filter(pl.col("format") == "not read")["object"].str.ends_with("readme.txt").to_list() == [True]


def test_names_of_keys_are_never_paths_and_a_malformed_line_is_told_by_its_key(aws: Access, cache_folder: Path) -> None:
    key = "net/..odd/..\x1b[31m <b>odd.log"
    fill([key], gzip.decompress(flows_of(NOON, 3)) + b"no record\n")
    with pytest.warns(UserWarning, match=r"1 malformed line left out, the first of them line 5 of \.\.odd/\.\."):
        assert fk.scan(f"s3://{BUCKET}/net/", access=aws).collect().height == 3
    case = fk.load(f"s3://{BUCKET}/net/", access=aws, cache=cache_folder)
    assert case.quarantine.row(0)[:2] == (key.removeprefix("net/"), 5)


def test_objects_that_aws_did_not_name_may_each_have_a_format_of_their_own(aws: Access, tmp_path: Path) -> None:
    """Text of two formats, a CloudWatch Logs export and Parquet in one folder, as somebody has put them there."""
    parquet = tmp_path / "flows"
    fk.scan(fk.samples("custom")).head(50).collect().write_parquet(parquet)
    start = int(NOON.timestamp())
    bodies = {
        "mine/a.log": f"version srcaddr start end log-status\n2 10.0.0.1 {start} {start} OK\n".encode(),
        "mine/b.log": f"version vpc-id start end log-status\n3 vpc-1 {start} {start} OK\n".encode(),
        "mine/export/eni-1-all/000000.gz": gzip.compress(
            f"2026-05-14T12:00:00.000Z 2 1 eni-1 10.0.0.3 10.0.0.4 1 2 6 1 40 {start} {start} ACCEPT OK\n".encode()
        ),
        "mine/c.parquet": parquet.read_bytes(),
    }
    for key, body in bodies.items():
        fill([key], body)
    flows = fk.scan(f"s3://{BUCKET}/mine/", access=aws).collect()
    assert flows.height == 1 + 1 + 1 + 50
    assert flows["vpc_id"].to_list()[1] == "vpc-1"
    assert "10.0.0.3" in flows["srcaddr"]
