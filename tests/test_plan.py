"""Before a load: what it takes, what AWS charges, whether a person is asked; and what AWS has to allow for it."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import canned
import pytest
from clouds import BUCKET, fill, flows_of, key_of
from forms import text
from records import HEADER, Writer

import flowkit as fk
from flowkit import sources
from flowkit.access import Access
from flowkit.case.preflight import Preflight, preflight
from flowkit.cli import main
from flowkit.errors import SourceError
from flowkit.reporting.lab import prepare
from flowkit.sources import Object

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
SPAN = ["--start", "2026-05-14 12:00", "--end", "2026-05-14 13:00"]
README = Path(__file__).parents[1] / "README.md"


def big(count: int, megabytes: int, source: str = "s3://logs/net") -> Preflight:
    objects = [
        Object(f"{n}.log.gz", f"{source}/{n}.log.gz", megabytes * 1_000_000, 0, None, str(n)) for n in range(count)
    ]
    return preflight(source, objects, {"0"}, region="eu-west-1", listed=9)


def test_the_plan_says_objects_bytes_flows_time_and_charges() -> None:
    assert big(1001, 2).text().splitlines() == [
        "s3://logs/net",
        "  objects      1,000 (1 more is kept from earlier loads)",
        "  bytes        2.0 GB",
        "  flows        100 million to 300 million",
        "  time         about 6 min, at 500,000 flows a second and 100 Mbit/s",
        "  AWS charges  about $0.18",
        "               9 LIST requests, at the price in us-east-1: less than $0.01",
        "               1,000 GET requests, at the price in us-east-1: less than $0.01",
        "               2.0 GB out of AWS (nothing to a machine in the region), at the price in us-east-1: about $0.18",
        "  prices       noted 2026-11-25 from texts of third parties, not AWS's own price pages: estimates",
        "  permissions  s3:ListBucket, s3:GetObject (kms:Decrypt where a key of your own encrypts the objects)",
    ]


def test_files_on_the_disk_are_planned_without_a_charge_and_never_asked_about() -> None:
    plan = big(1001, 2, "logs")
    assert "AWS" not in plan.text()
    assert not plan.asks
    assert plan.line() == (
        "logs: 1,000 objects to read, 2.0 GB (1 more kept from before), 100 million to 300 million flows, about 6 min"
    )


@pytest.mark.parametrize(
    ("name", "data", "flows"),
    [
        ("a.log", b"", "none"),
        ("a.log", text(HEADER), "at most 1"),
        ("a.log.gz", gzip.compress(text(HEADER)), "at most 11"),
    ],
)
def test_objects_without_records_are_not_said_to_hold_many(
    written: Writer, capsys: Any, name: str, data: bytes, flows: str
) -> None:
    assert main(["plan", str(written(name, data=data))]) == 0
    assert f"  flows        {flows}\n" in capsys.readouterr().out


def test_a_small_load_needs_no_word_and_a_large_one_is_asked_about() -> None:
    assert big(10, 1).small
    assert [big(n, 10).small for n in (2, 4)] == [True, False]
    assert [big(n, 10).asks for n in (50, 102)] == [False, True]


def test_the_shell_plans_a_bucket_without_reading_it(aws: Access, cache_folder: Path, capsys: Any) -> None:
    fill([key_of("plain", NOON + n * sources.SLOT) for n in range(12)], flows_of(NOON, 100))
    plan = ["plan", f"s3://{BUCKET}/net", *SPAN, "--cache", str(cache_folder)]
    assert main(plan) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [f"s3://{BUCKET}/net", "  objects      12"]
    assert main(["check", f"s3://{BUCKET}/net", *SPAN, "--cache", str(cache_folder)]) == 0
    assert "1,200 flows" in capsys.readouterr().out
    fill([key_of("plain", NOON)], flows_of(NOON, 101))
    assert main(plan) == 0
    assert capsys.readouterr().out.splitlines()[1] == "  objects      1 (11 more are kept from earlier loads)"


def test_more_than_the_limit_is_refused_before_anything_is_fetched(
    aws: Access, cache_folder: Path, capsys: Any
) -> None:
    fill([key_of("plain", NOON)], flows_of(NOON, 100))
    limited = [f"s3://{BUCKET}/net", "--max-gb", "0.0000001", "--cache", str(cache_folder)]
    for command in ("check", "report", "open", "plan"):
        assert main([command, *limited]) == 2
        assert "are to be read, more than the 1e-07 GB allowed" in capsys.readouterr().err
    with pytest.raises(SourceError, match="more than the 1e-07 GB allowed"):
        fk.load(f"s3://{BUCKET}/net", access=aws, max_gb=1e-7, cache=cache_folder)


def test_a_large_load_is_not_begun_unless_a_person_agrees(
    aws: Access, cache_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Where nobody can answer, the answer is no; --yes answers beforehand."""
    monkeypatch.setattr("flowkit.case.preflight.SMALL", (0, 0))
    monkeypatch.setattr("flowkit.case.preflight.ASK", (1, 1))
    fill([key_of("plain", NOON)], flows_of(NOON, 100))
    check = ["check", f"s3://{BUCKET}/net", "--cache", str(cache_folder)]
    assert main(check) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"s3://{BUCKET}/net: 1 object to read, ")
    assert second == "flowkit: nothing was read: say --yes to read that much, or take a shorter span"
    assert main([*check, "--yes"]) == 0
    assert "100 flows" in capsys.readouterr().out


def test_a_log_group_is_planned_by_what_it_stores(aws_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of a thousand bytes a second, of the infrequent-access class; one of which nothing is known."""
    text = {}
    for stored in (1000, 0):
        with canned.serve([(1795449900000, "eni-1-all", FLOW)], kind="INFREQUENT_ACCESS", stored=stored) as (
            address,
            _,
        ):
            monkeypatch.setenv("AWS_ENDPOINT_URL", address)
            found = sources.find(
                "cwl:flows", datetime(2026, 11, 23, 15, tzinfo=UTC), datetime(2026, 11, 23, 17, tzinfo=UTC)
            )
            text[stored] = preflight("cwl:flows", found, region="eu-west-1").text().splitlines()
    assert text[1000][1:3] == ["  slices       3", "  bytes        about 10.8 MB, guessed from what the group stores"]
    assert (
        text[1000][6] == "               10.8 MB scanned by Logs Insights, at the price in us-east-1: less than $0.01"
    )
    assert text[0][2:4] == [
        "  bytes        an unknown number: AWS does not say what the group stores",
        "  AWS charges  by the GB",
    ]


FLOW = "2 123456789012 eni-1 10.0.0.1 10.0.1.1 40000 80 6 3 164 1795449900 1795449930 ACCEPT OK"


def test_the_session_and_the_choice_reach_a_notebook_as_parameters(tmp_path: Path) -> None:
    wanted = {"aws": {"access": {"profile": "nightly"}, "regions": ["eu-west-1"]}}
    path = prepare("s3://logs/net", tmp_path, parameters=wanted)
    book = path.read_text("utf-8")
    assert "source = 's3://logs/net'" in book
    assert "aws = {'access': {'profile': 'nightly'}, 'regions': ['eu-west-1']}" in book


def allowed(row: str) -> set[str]:
    """Return the permissions that the README names for a kind of source."""
    (line,) = [line for line in README.read_text("utf-8").splitlines() if line.startswith(f"| {row} |")]
    return set(re.findall(r"`((?:s3|kms|logs|ec2):\w+)`", line))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Note what botocore is about to call, whichever session of flowkit's it is, as the permission it takes."""
    named = {"s3:ListObjectsV2": "s3:ListBucket"}
    made: set[str] = set()

    def note(_: Access, model: Any, **__: object) -> None:
        call = f"{model.service_model.service_name}:{model.name}"
        made.add(named.get(call, call))

    monkeypatch.setattr(Access, "_count", note)
    return made


@pytest.mark.parametrize("command", ["plan", "check"])
def test_what_a_bucket_takes_is_what_the_readme_says(
    command: str, asked: set[str], aws: Access, cache_folder: Path
) -> None:
    """`kms:Decrypt` is S3's own doing, with the caller's right."""
    fill([key_of("plain", NOON)], flows_of(NOON, 10))
    assert main([command, f"s3://{BUCKET}/net", "--cache", str(cache_folder)]) == 0
    assert asked == allowed("`s3://…`") - {"kms:Decrypt"} - ({"s3:GetObject"} if command == "plan" else set())


def test_what_a_log_group_takes_is_what_the_readme_says(asked: set[str], aws: Access, cache_folder: Path) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    logs = aws.client("logs")
    start = int(hour.timestamp())
    flow = f"2 123456789012 eni-1 10.0.0.1 10.0.1.1 40000 80 6 3 164 {start} {start + 30} ACCEPT OK"
    logs.create_log_group(logGroupName="flows")
    logs.create_log_stream(logGroupName="flows", logStreamName="eni-1-all")
    some = [{"timestamp": start * 1000, "message": flow}]
    logs.put_log_events(logGroupName="flows", logStreamName="eni-1-all", logEvents=some)
    check = ["check", "cwl:flows", "--start", f"{hour:%Y-%m-%d %H:%M}", "--end", f"{hour:%Y-%m-%d %H:59}"]
    asked.clear()
    assert main([*check, "--cache", str(cache_folder)]) == 0
    assert asked == allowed("`cwl:GROUP`")
    assert main([*check, "--cache", str(cache_folder / "other"), "--interfaces", "eni-1"]) == 0
    assert asked == allowed("`cwl:GROUP`") | allowed("`cwl:GROUP --interfaces …`")


def test_what_logs_insights_takes_is_what_the_readme_says(
    asked: set[str], aws_session: None, monkeypatch: pytest.MonkeyPatch, cache_folder: Path
) -> None:
    with canned.serve([(1795449900000, "eni-1-all", FLOW)], kind="INFREQUENT_ACCESS") as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        fk.load("cwl:flows", start="2026-11-23 15:00", end="2026-11-23 17:00", cache=cache_folder)
    row = "`cwl:GROUP` of the infrequent-access class, or over more than a day"
    assert asked == (allowed("`cwl:GROUP`") | allowed(row)) - {"logs:FilterLogEvents"}


def test_the_policy_in_the_readme_holds_what_the_table_says() -> None:
    (policy,) = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", README.read_text("utf-8"), re.DOTALL)]
    actions = [statement["Action"] for statement in policy["Statement"]]
    named = {name for each in actions for name in ([each] if isinstance(each, str) else each)}
    rows = ("`s3://…`", "`cwl:GROUP`", "`cwl:GROUP --interfaces …`")
    insights = "`cwl:GROUP` of the infrequent-access class, or over more than a day"
    assert named == set().union(*map(allowed, (*rows, insights))) - {"kms:Decrypt"}
