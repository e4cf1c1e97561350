"""The user's own AWS session, what AWS says when it refuses, in one sentence, and the shell's flags for both.

boto3 finds the credentials where it always does (environment, profile, single sign-on, instance role); flowkit neither
asks for them nor keeps them. `AWS_ENDPOINT_URL` in the environment reaches another endpoint.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import Any

from flowkit.errors import AwsBusyError, AwsError, FlowkitError, missing_extra

ATTEMPTS = 8
"""How often a call is tried in all. boto3's own 3 tries are over within a second, shorter than many a blip."""

CONNECT_S, READ_S = 5, 30
"""Seconds a connection, and the next bytes of an answer, may take before the call is tried again."""

CONNECTIONS = 40
"""Connections kept open to one service: a few more than are ever used side by side."""


@dataclass(frozen=True)
class Access:
    """How to reach AWS: the region, the profile, and a role to assume; each as boto3 finds it where it is not given.

    >>> Access(region="eu-west-1", role_arn="arn:aws:iam::123456789010:role/read-logs").region
    'eu-west-1'
    """

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None

    @classmethod
    def of(cls, given: Access | Mapping[str, str] | None) -> Access:
        """Return the session that was given, or that its parts as a mapping name.

        >>> Access.of({"profile": "nightly"}).profile, Access.of(None)
        ('nightly', Access(region=None, profile=None, role_arn=None, external_id=None))
        """
        if isinstance(given, Access):
            return given
        strange = sorted(set(given or ()) - {field.name for field in fields(cls)})
        if strange:
            raise AwsError(f"access has no {', '.join(strange)}: it takes region, profile, role_arn and external_id")
        return cls(**(given or {}))

    def client(self, service: str, region: str | None = None) -> Any:
        """Return a boto3 client of a service; calls are tried 8 times in all, as boto3 does.

        Raises `MissingExtraError` without boto3, `AwsError` for a region, profile or credentials that are not there.
        """
        with told(f"reaching {service}"):
            place = region or self._place
            if (service, place) not in self._clients:
                client = self._session.client(service, region_name=place, config=_config(service))
                client.meta.events.register("before-call", self._count)
                self._clients[service, place] = client
            return self._clients[service, place]

    def within(self, region: str) -> Access:
        """Return the same session in a region; itself where it is there already, or "" is given."""
        with told("reaching AWS"):
            return self if region in ("", self._place) else replace(self, region=region)

    @property
    def _place(self) -> str | None:
        place: str | None = self.region or os.environ.get("AWS_REGION") or self._session.region_name
        return place

    @cached_property
    def calls(self) -> Counter[str]:
        """How often this session has called AWS, by operation, as `s3:ListObjectsV2`; further tries do not count."""
        return Counter()

    def _count(self, model: Any, **_: object) -> None:
        self.calls[f"{model.service_model.service_name}:{model.name}"] += 1

    @cached_property
    def _clients(self) -> dict[tuple[str, str | None], Any]:
        return {}

    @cached_property
    def _session(self) -> Any:
        import boto3
        import botocore.session
        from botocore.credentials import CredentialResolver

        inner = botocore.session.Session(profile=self.profile)
        if self.role_arn:
            assumed = botocore.session.Session(profile=self.profile)
            role = _Role(inner, self.role_arn, self.external_id, self.region or os.environ.get("AWS_REGION"))
            assumed.register_component("credential_provider", CredentialResolver([role]))
            inner = assumed
        return boto3.Session(botocore_session=inner)


class _Role:
    """A credential provider of botocore's kind: a role that is assumed again whenever its hour is over."""

    METHOD = "assume-role"

    def __init__(self, session: Any, role_arn: str, external_id: str | None, region: str | None) -> None:
        self.session, self.role_arn, self.external_id, self.region = session, role_arn, external_id, region

    def load(self) -> Any:
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.exceptions import NoCredentialsError

        own = self.session.get_credentials()
        if own is None:
            raise NoCredentialsError
        place = self.region or self.session.get_config_variable("region") or "us-east-1"
        extra = {"RoleSessionName": "flowkit", **({"ExternalId": self.external_id} if self.external_id else {})}
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=partial(self.session.create_client, region_name=place, config=_config()),
            source_credentials=own,
            role_arn=self.role_arn,
            extra_args=extra,
        )
        return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=fetcher.fetch_credentials)


PACED = ("logs",)
"""Services with a few calls a second allowed: boto3's adaptive mode keeps to the rate at which they answer."""


def _config(service: str = "") -> Any:
    from botocore.config import Config

    mode = "adaptive" if service in PACED else "standard"
    return Config(
        retries={"mode": mode, "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
        max_pool_connections=CONNECTIONS,
        user_agent_extra="flowkit",
    )


def flags() -> argparse.ArgumentParser:
    """Return the flags of the session as a parent for the parsers of commands that reach AWS."""
    parent = argparse.ArgumentParser(add_help=False)
    group = parent.add_argument_group("AWS session")
    group.add_argument("--region", metavar="REGION", help="the region, as eu-west-1 (your session's)")
    group.add_argument("--profile", metavar="NAME", help="the profile in your AWS configuration")
    group.add_argument("--role-arn", metavar="ARN", help="a role to assume")
    group.add_argument("--external-id", metavar="ID", help="the external id that role asks for")
    return parent


def given(values: argparse.Namespace) -> Access:
    """Return the session the flags name.

    >>> given(flags().parse_args(["--region", "eu-west-1"]))
    Access(region='eu-west-1', profile=None, role_arn=None, external_id=None)
    """
    return Access(values.region, values.profile, values.role_arn, values.external_id)


@contextmanager
def told(doing: str, permission: str = "") -> Iterator[None]:
    """Turn what boto3 raises within into one sentence, an `AwsError`.

    `doing` is what was under way ("listing s3://logs/"), `permission` the right it needs ("s3:ListBucket").
    """
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004
        from botocore.parsers import ResponseParserError
    except ImportError:
        raise missing_extra(_capital(doing), "boto3", "aws") from None
    try:
        yield
    except FlowkitError:
        raise
    except ClientError as error:
        kind = AwsBusyError if re.match(_BUSY, _code(error)) else AwsError
        raise kind(_answered(error, clean(doing), permission)) from None
    except (HTTPClientError, ConnectionError) as error:
        raise AwsBusyError(_failed(error, clean(doing))) from None
    except (BotoCoreError, Boto3Error, ResponseParserError) as error:
        raise AwsError(_failed(error, clean(doing))) from None


_SIGN_IN = "sign in again (for example  aws sso login) and repeat; what was fetched so far is kept"

_REFUSED = "AccessDenied|UnauthorizedOperation|AuthorizationError|NotAuthorized|AllAccessDisabled|403"

_BUSY = (
    "SlowDown|Throttl|TooManyRequests|RequestLimit|RequestThrottled|LimitExceeded|Service ?Unavailable|Internal"
    "|RequestTimeout|429|5\\d\\d"
)

_ANSWERS = {
    "ExpiredToken|RequestExpired|TokenRefreshRequired": f"the AWS session expired while {{doing}}: {_SIGN_IN}",
    "InvalidAccessKeyId|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|AuthFailure|InvalidToken"
    "|InvalidSignature|IncompleteSignature|MissingAuthenticationToken|InvalidSecurity": (
        "AWS does not know the credentials used for {doing}: check the profile and the keys, or sign in again"
    ),
    "RequestTimeTooSkewed": "AWS refused {doing} because this machine's clock is wrong: set it and repeat",
    "NoSuchBucket|InvalidBucketName": "AWS has no such bucket ({doing}): check its name",
    "NoSuchKey|ResourceNotFound|404": "AWS found nothing of that name while {doing}",
    "PreconditionFailed|412": "what AWS holds has changed since it was listed ({doing}): repeat",
    "InvalidObjectState": (
        "AWS refused {doing}: the object is archived (Glacier), and has to be restored before it can be read"
    ),
    "PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|301": (
        "AWS holds that bucket in another region, or another partition ({doing}): give it with region="
    ),
    _BUSY: "AWS was too busy for {doing}, after several tries: wait a little and repeat",
}
"""What the codes of AWS's answers, by how they begin, mean to a person."""


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _answered(error: Any, doing: str, permission: str) -> str:
    code = _code(error)
    message = clean(str(error.response.get("Error", {}).get("Message", "")))
    asked = re.search(r"to perform:? ([a-z0-9-]+:\w+)", message) or re.search(r"\b(kms:\w+)", message)
    right = asked[1] if asked else permission
    if re.match("KMS", code, re.IGNORECASE) or right.startswith("kms:"):
        right = right if right.startswith("kms:") else "kms:Decrypt"
        return f"AWS refused {doing}: the object's KMS key is not open to you, which takes the permission {right}"
    if re.match(_REFUSED, code):
        who = re.search(r"User: (arn:\S+)", message)
        missing = f"the permission {right} is missing" if right else f"a permission is missing ({message})"
        return f"AWS refused {doing}: {missing}" + (f" for {who[1]}" if who else "")
    for codes, sentence in _ANSWERS.items():
        if re.match(codes, code):
            return sentence.format(doing=doing)
    return f"AWS answered {clean(code) or 'an error'} to {doing}: {message or 'without a word of why'}"


_FAILURES = {
    "UnauthorizedSSOTokenError SSOTokenLoadError TokenRetrievalError LoginError": (
        f"the AWS session is not signed in, or no longer ({{doing}}): {_SIGN_IN}"
    ),
    "NoCredentialsError": (
        "no AWS credentials were found for {doing}: sign in (for example  aws sso login), "
        "name a profile with profile=, or set AWS_PROFILE"
    ),
    "NoRegionError": "no AWS region is known for {doing}: give it with region=, or set AWS_REGION",
    "ProfileNotFound": "{error} (see  aws configure list-profiles)",
    "ParamValidationError ValidationError": "AWS cannot be asked for that ({doing}): {error}",
    "HTTPClientError ConnectionError": (
        "AWS could not be reached, or not to the end, while {doing}, after several tries: {error}"
    ),
    "ResponseParserError": (
        "what answered {doing} cannot be read as AWS's: is a proxy on the way, or AWS_ENDPOINT_URL wrong? ({error})"
    ),
    "BotoCoreError Boto3Error": "{doing} failed: {error}",
}
"""What boto3's own errors, by class, mean to a person."""


def _failed(error: Exception, doing: str) -> str:
    family = {kind.__name__ for kind in type(error).__mro__}
    sentence = next(words for kinds, words in _FAILURES.items() if family & set(kinds.split()))
    return sentence.format(doing=doing, error=clean(str(error)))


def clean(text: str) -> str:
    r"""Return foreign words, such as a key or what AWS says, as one printable line of no great length.

    >>> clean("s3://logs/\x1b[31m odd\nkey")
    's3://logs/ [31m odd key'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:1200]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
