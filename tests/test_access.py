"""The user's AWS session, and what AWS says when it refuses: one sentence, with the missing right's name."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from flowkit import access
from flowkit.access import Access, told
from flowkit.errors import AwsError


def answered(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@pytest.mark.parametrize(
    ("code", "message", "sentence"),
    [
        ("AccessDenied", "Access Denied", "AWS refused listing s3://logs/: the permission s3:ListBucket is missing"),
        (
            "AccessDeniedException",
            "User: arn:aws:iam::1:user/ann is not authorized to perform: logs:FilterLogEvents on resource: x",
            "AWS refused listing s3://logs/: the permission logs:FilterLogEvents is missing for arn:aws:iam::1:user",
        ),
        (
            "AccessDenied",
            "User: arn:aws:iam::1:user/ann is not authorized to perform: kms:Decrypt on the resource",
            "AWS refused listing s3://logs/: the object's KMS key is not open to you",
        ),
        ("ExpiredToken", "", "the AWS session expired while listing s3://logs/: sign in again"),
        ("ExpiredTokenException", "", "the AWS session expired while listing s3://logs/: sign in again"),
        ("InvalidAccessKeyId", "", "AWS does not know the credentials used for listing s3://logs/"),
        ("RequestTimeTooSkewed", "", "AWS refused listing s3://logs/ because this machine's clock is wrong"),
        ("NoSuchBucket", "", "AWS has no such bucket (listing s3://logs/)"),
        ("PermanentRedirect", "", "AWS holds that bucket in another region"),
        ("SlowDown", "", "AWS was too busy for listing s3://logs/, after several tries"),
        ("ThrottlingException", "", "AWS was too busy for listing s3://logs/, after several tries"),
        ("InternalError", "", "AWS was too busy for listing s3://logs/"),
        ("Odd\x1b[31m", "no\nway", "AWS answered Odd [31m to listing s3://logs/: no way"),
    ],
)
def test_what_aws_answers_is_one_sentence(code: str, message: str, sentence: str) -> None:
    with pytest.raises(AwsError) as caught, told("listing s3://logs/", "s3:ListBucket"):
        raise answered(code, message)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_without_credentials_a_call_says_where_they_come_from(no_aws: None) -> None:
    client = Access(region="eu-west-1").client("s3")
    with pytest.raises(AwsError, match=r"no AWS credentials were found for listing .* profile="), told("listing it"):
        client.list_buckets()


def test_without_a_region_the_client_says_so(no_aws: None) -> None:
    with pytest.raises(AwsError, match="no AWS region is known for reaching logs: give it with region="):
        Access().client("logs")


def test_a_proxys_page_in_place_of_an_answer_is_one_sentence() -> None:
    with pytest.raises(AwsError, match="what answered listing it cannot be read as AWS's"), told("listing it"):
        raise ResponseParserError("invalid XML received: b'<!doctype html>'")


def test_a_profile_that_is_not_there_is_named(no_aws: None) -> None:
    with pytest.raises(AwsError, match=r"The config profile \(nightly\) could not be found"):
        Access(profile="nightly").client("s3")


def test_a_role_is_assumed_and_its_keys_sign(aws: Access) -> None:
    role = Access(role_arn="arn:aws:iam::123456789012:role/reader", external_id="abc")
    assert role.client("sts").get_caller_identity()["Arn"].startswith("arn:aws:sts::123456789012:assumed-role/reader")


def test_a_client_is_made_once_a_region(aws_session: None) -> None:
    session = Access()
    assert session.client("s3") is session.client("s3", "eu-west-1")
    assert session.client("s3", "us-east-1").meta.region_name == "us-east-1"


def test_the_shells_flags_give_the_session() -> None:
    words = ["--region", "eu-west-1", "--profile", "p", "--role-arn", "r", "--external-id", "e"]
    parser = argparse.ArgumentParser(parents=[access.flags()])
    assert access.given(parser.parse_args(words)) == Access("eu-west-1", "p", "r", "e")
    assert access.given(parser.parse_args([])) == Access()


def test_without_boto3_the_install_line_is_named(tmp_path: Path) -> None:
    script = "import sys; sys.modules['boto3'] = None\nfrom flowkit.access import Access\nAccess().client('s3')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith("which is not installed: run  pip install 'flowkit[aws]'")
