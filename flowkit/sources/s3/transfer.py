"""An object of a bucket to a file, whole and as it was listed, or one clear error.

boto3 tries a call again, but not a body that breaks while it is read; and a body without its length may end early
without a word. So each is read here, measured, checked and, where it broke, asked for anew.
"""

from __future__ import annotations

import hashlib
import random
import re
import time
from pathlib import Path
from typing import Any

from flowkit.access import Access, clean, told
from flowkit.errors import AwsError
from flowkit.sources.objects import Object
from flowkit.sources.s3.listing import split

TRIES = 6
"""How often an object is asked for whose body breaks, stalls, ends early or is not what was stored."""

PAUSE_S = 0.3
"""Seconds before the second try; twice as many before each further one, and chance, so that threads spread."""

PIECE = 1 << 20
"""Bytes held of a body at a time."""

_MD5 = re.compile(r"[0-9a-f]{32}")


class _Broken(Exception):  # noqa: N818 - says what became of a body
    """A body that is not the object."""


def fetch(o: Object, target: Path, access: Access) -> None:
    """Write the object of an `s3://` address to a file.

    Raises `AwsError` where AWS refuses, the object has changed since it was listed, or no try gave it whole.
    """
    bucket, key = split(o.path)
    client = access.client("s3")
    doing = f"reading {o.path}"
    for attempt in range(1, TRIES + 1):
        try:
            with told(doing, "s3:GetObject"):
                _once(client, bucket, key, o, target)
            break
        except _Broken as error:
            if attempt == TRIES:
                words = f"{o.path} did not come whole in {TRIES} tries: {error}; repeat later"
                raise AwsError(clean(words)) from None
            time.sleep(PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1))  # noqa: S311 - no secret


def _once(client: Any, bucket: str, key: str, o: Object, target: Path) -> None:
    tag = o.origin.rpartition("|")[2]
    answer = client.get_object(Bucket=bucket, Key=key, **({"IfMatch": f'"{tag}"'} if tag else {}))
    size, digest = _body(answer["Body"], target)
    said = answer.get("ContentLength")
    if size != o.size or (said is not None and size != said):
        raise _Broken(f"{size:,} bytes of {o.size:,} came")
    encrypted = answer.get("ServerSideEncryption", "AES256") != "AES256" or "SSECustomerAlgorithm" in answer
    if _MD5.fullmatch(tag) and not encrypted and digest != tag:  # With a key of KMS, an ETag is no MD5.
        raise _Broken("its bytes are not those that were stored")


def _body(body: Any, target: Path) -> tuple[int, str]:
    from botocore import exceptions as known

    breaks = (
        known.ResponseStreamingError,
        known.IncompleteReadError,
        known.ReadTimeoutError,
        known.ConnectionError,
        known.ConnectionClosedError,
        known.ChecksumError,
        known.FlexibleChecksumError,
    )
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    try:
        with target.open("wb") as file:
            while piece := body.read(PIECE):
                file.write(piece)
                digest.update(piece)
                size += len(piece)
    except breaks as error:
        raise _Broken(" ".join(str(error).split())[:200]) from None
    finally:
        body.close()
    return size, digest.hexdigest()
