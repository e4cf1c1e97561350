"""What goes wrong between a bucket and here: everything comes, or there is one clear error; never fewer rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from clouds import flows_of, key_of
from faulty import serve

import flowkit as fk
from flowkit import sources
from flowkit.access import Access
from flowkit.cli import main
from flowkit.errors import AwsError

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
ACCOUNTS = ("111111111111", "222222222222", "333333333333")
KEYS = {account: key_of("plain", NOON, account=account) for account in ACCOUNTS}
OBJECTS = {key: flows_of(NOON, 40 + n) for n, key in enumerate(KEYS.values())}
ALL = 40 + 41 + 42
SECOND = KEYS["222222222222"]


@pytest.fixture(autouse=True)
def in_a_hurry(aws_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowkit.sources.s3.transfer.PAUSE_S", 0)
    monkeypatch.setattr("flowkit.sources.fetching.BUSY_S", 0)


@pytest.mark.parametrize(
    "faults",
    [
        ["slow down"] * 5,
        ["503"] * 5,
        ["reset"] * 5,
        ["cut"] * 3,
        ["short"] * 3,
        ["stall"] * 2,
        ["checksum"] * 3,
        ["wrong"] * 3,
        ["cut", "slow down", "checksum", "reset", "short"],
    ],
    ids=lambda faults: "+".join(dict.fromkeys(faults)),
)
def test_what_passes_is_ridden_out_and_every_row_comes(faults: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if "stall" in faults:  # Nowhere else: on a busy machine a sound answer may take as long.
        monkeypatch.setattr("flowkit.access.READ_S", 1)
    with serve(OBJECTS, {SECOND: faults}) as (address, server):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert fk.scan("s3://logs/net/").collect().height == ALL
        assert server.asked[SECOND] == len(faults) + 1


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("slow down…", "AWS was too busy for reading s3://logs/{key}, after several tries"),
        ("503…", "AWS was too busy for reading s3://logs/{key}, after several tries"),
        ("reset…", "AWS could not be reached, or not to the end, while reading s3://logs/{key}"),
        ("cut…", "s3://logs/{key} did not come whole in 6 tries: "),
        ("short…", "s3://logs/{key} did not come whole in 6 tries: "),
        ("checksum…", "s3://logs/{key} did not come whole in 6 tries: "),
        ("wrong…", "s3://logs/{key} did not come whole in 6 tries: its bytes are not those that were stored"),
        ("expired…", "the AWS session expired while reading s3://logs/{key}: sign in again"),
        ("denied…", "AWS refused reading s3://logs/{key}: the permission s3:GetObject is missing"),
        (
            "kms…",
            "AWS refused reading s3://logs/{key}: the object's KMS key is not open to you",
        ),
        ("archived…", "AWS refused reading s3://logs/{key}: the object is archived"),
    ],
)
def test_what_stays_is_one_clear_error(fault: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(OBJECTS, {SECOND: [fault]}) as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        flows = fk.scan("s3://logs/net/")
        with pytest.raises(AwsError) as caught:
            flows.collect()
        assert str(caught.value).startswith(sentence.format(key=SECOND))
        assert "\n" not in str(caught.value)


def test_a_session_that_expires_halfway_keeps_what_came_and_the_next_load_goes_on(
    monkeypatch: pytest.MonkeyPatch, cache_folder: Path
) -> None:
    monkeypatch.setattr("flowkit.sources.fetching.RUN", 1)
    with serve(OBJECTS, {SECOND: ["expired…"]}) as (address, server):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(AwsError, match=r"the AWS session expired while reading .* what was fetched so far is kept"):
            fk.load("s3://logs/net/", cache=cache_folder)
        server.faults.clear()
        server.asked.clear()
        assert fk.load("s3://logs/net/", cache=cache_folder).facts["flows"] == ALL
        assert (server.asked[KEYS["111111111111"]], server.asked[SECOND]) == (0, 1)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("denied…", "AWS refused listing s3://logs/{prefix}: the permission s3:ListBucket is missing"),
        ("expired…", "the AWS session expired while listing s3://logs/{prefix}"),
        ("elsewhere…", "AWS holds that bucket in another region, or another partition (listing s3://logs/{prefix})"),
        ("slow down…", "AWS was too busy for listing s3://logs/{prefix}"),
    ],
)
def test_one_prefix_of_three_that_cannot_be_listed_is_an_error(
    fault: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = "net/AWSLogs/222222222222/"
    with serve(OBJECTS, {prefix: [fault]}) as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert main(["check", "s3://logs/net/"]) == 2
        words = capsys.readouterr()
        assert words.err.startswith(f"flowkit: {sentence.format(prefix=prefix)}")
        assert (words.out, words.err.count("\n")) == ("", 1)
        with pytest.raises(AwsError):
            fk.scan("s3://logs/net/")


def test_a_listing_that_fails_for_a_moment_is_whole_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {"net/AWSLogs/": ["slow down", "reset", "503"], "net/AWSLogs/222222222222/": ["reset", "slow down"]}
    with serve(OBJECTS, faults) as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert fk.scan("s3://logs/net/").collect().height == ALL


def test_without_credentials_the_shell_says_so_in_one_line(
    no_aws: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for command, sentence in {
        ("check", "s3://logs/net/"): "flowkit: no AWS credentials were found for listing s3://logs/net/: sign in",
        ("check", "cwl:group", "--start", "2026-05-14"): "flowkit: no AWS region is known for reaching logs: give it",
        ("plan", "s3://logs/", "--profile", "nightly"): "flowkit: The config profile (nightly) could not be found",
        ("report", "s3:///x"): "flowkit: s3:///x names no bucket",
    }.items():
        assert main(list(command)) == 2
        words = capsys.readouterr()
        assert words.err.startswith(sentence)
        assert (words.out, words.err.count("\n")) == ("", 1)


def test_a_storm_of_throttling_is_ridden_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 gives up early once many calls of one client had to be tried again: flowkit waits, and goes on."""
    keys = [key_of("plain", NOON, log=f"fl-{n:04x}") for n in range(40)]
    with serve(dict.fromkeys(keys, flows_of(NOON, 2)), {key: ["slow down"] * 5 for key in keys}) as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        found = sources.find("s3://logs/net/")
        with TemporaryDirectory() as folder:
            assert sum(len(run) for run in sources.fetched(found, Access(), folder)) == 40


def test_a_bucket_of_another_region_is_followed_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(OBJECTS, {"net/": ["moved"]}) as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert len(sources.find("s3://logs/net/")) == 3
