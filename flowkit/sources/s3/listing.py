"""Which objects of a bucket can hold flow logs of the span, asked of S3 in as few requests as it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from flowkit.access import Access, clean, told
from flowkit.errors import SourceError
from flowkit.sources.objects import Object, slot_of
from flowkit.sources.only import Only

AT_ONCE = 16
"""Folders listed side by side."""

PAGE = 1000
"""Keys in an answer: S3 gives no more."""


def split(source: str) -> tuple[str, str]:
    """Return the bucket and the prefix of an address.

    >>> split("s3://logs/AWSLogs/123456789010")
    ('logs', 'AWSLogs/123456789010')
    """
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    if not bucket:
        raise SourceError(f"{source} names no bucket: write it as s3://bucket/prefix")
    return bucket, prefix.lstrip("/")


class Entry(NamedTuple):
    """What a listing says of an object; the rest of it, a kilobyte each, is let go at once."""

    key: str
    size: int
    tag: str
    modified: int

    @classmethod
    def of(cls, said: dict[str, Any]) -> Entry:
        """Return what is needed of an entry as boto3 gives it."""
        return cls(said["Key"], said["Size"], said["ETag"].strip('"'), int(said["LastModified"].timestamp() * 1e9))


@dataclass
class _Walk:
    """A walk down the folders of a bucket, level by level; what was passed by is kept for the message."""

    client: Any
    bucket: str
    only: Only
    found: list[Entry] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    def down(self, folders: list[str]) -> None:
        with ThreadPoolExecutor(AT_ONCE, "flowkit-list") as pool:
            while folders:
                level = list(pool.map(self.listed, folders))
                folders = [child for objects, children in level for child in self.wanted(objects, children)]

    def wanted(self, objects: list[Entry], children: list[str]) -> list[str]:
        for entry in objects:
            if self.only.key(entry.key):
                self.found.append(entry)
            else:
                self.passed.append(entry.key)
        self.passed += [child for child in children if not self.only.folder(child)]
        return [child for child in children if self.only.folder(child)]

    def listed(self, prefix: str) -> tuple[list[Entry], list[str]]:
        whole = self.only.whole(prefix)
        objects, children = [], []
        for page in pages(self.client, self.bucket, prefix, self.only, deep=whole):
            objects += [Entry.of(said) for said in page.get("Contents", []) if not said["Key"].endswith("/")]
            children += [each["Prefix"] for each in page.get("CommonPrefixes", [])]
        return objects, children


def pages(client: Any, bucket: str, prefix: str, only: Only, *, deep: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the pages of one folder's listing, or of all below it; keys that cannot be wanted are leapt over."""
    more: dict[str, Any] = {} if deep else {"Delimiter": "/"}
    ask = dict(more)
    while True:
        with told(f"listing s3://{bucket}/{prefix}", "s3:ListBucket"):
            page = client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=PAGE, **ask)
        yield page
        if not page.get("IsTruncated"):
            return
        last = page["Contents"][-1]["Key"] if page.get("Contents") else ""
        leap = only.after(last)
        if leap != last and not page.get("CommonPrefixes"):
            ask = {**more, "StartAfter": leap}
        else:
            ask = {**more, "ContinuationToken": page["NextContinuationToken"]}


def find(source: str, access: Access, only: Only) -> list[Object]:
    """Return the objects under an address that can hold what is wanted, in the order of their names.

    `s3://bucket/a` means the object or the folder of that name where there is one, else all that begins with it.

    Raises `SourceError` where nothing matches, saying what lies there instead, and `AwsError` where AWS refuses.
    """
    bucket, prefix = split(source)
    walk = _Walk(access.client("s3"), bucket, only)
    base = _base(walk, prefix)
    if not walk.found:
        raise SourceError(_nothing(source, walk, prefix))
    return sorted((_object(bucket, base, entry) for entry in walk.found), key=lambda o: o.name)


def _base(walk: _Walk, prefix: str) -> str:
    """Walk from a prefix down and return the folder that the names of its objects begin below."""
    if not prefix or prefix.endswith("/"):
        walk.down([prefix])
        return prefix
    objects, children = walk.listed(prefix)
    if f"{prefix}/" in children:
        walk.down([f"{prefix}/"])
        return f"{prefix}/"
    exact = [entry for entry in objects if entry.key == prefix]
    walk.down(walk.wanted(exact or objects, [] if exact else children))
    return prefix.rpartition("/")[0] + "/" if "/" in prefix else ""


def _object(bucket: str, base: str, entry: Entry) -> Object:
    path = f"s3://{bucket}/{entry.key}"
    name, identity = entry.key.removeprefix(base), f"{path}|{entry.size}|{entry.tag}"
    return Object(name, path, entry.size, entry.modified, slot_of(entry.key), identity)


def _nothing(source: str, walk: _Walk, prefix: str) -> str:
    wanted = f"nothing to read: {source} holds no {walk.only.words()}"
    if walk.passed:
        return f"{wanted}; what lies there: {_some(walk.passed)}"
    above = prefix.rstrip("/").rpartition("/")[0]
    above = f"{above}/" if above else ""
    page = next(pages(walk.client, walk.bucket, above, Only()))
    there = [each["Prefix"] for each in page.get("CommonPrefixes", [])]
    there += [entry["Key"] for entry in page.get("Contents", [])]
    what = _some(there) if there else "nothing at all"
    return f"{wanted}: it is empty; in s3://{walk.bucket}/{above} lies {what}"


def _some(names: Iterable[str], most: int = 6) -> str:
    """Return the first and, where there are many, the last of some names."""
    every = sorted(set(names))
    shown = every if len(every) <= most else [*islice(every, most - 1), f"… {every[-1]}"]
    total = f" ({len(every):,} in all)" if len(every) > most else ""
    return ", ".join(map(clean, shown)) + total
