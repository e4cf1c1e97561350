"""Where records lie. A source answers one question: which objects can hold records of this span of time.

`find` says which; `fetched` brings those that lie in AWS to the disk. Files, folders and patterns are of `files`,
`s3://bucket/prefix` of `s3`, `cwl:GROUP` of `cloudwatch`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from flowkit.access import Access
from flowkit.errors import SourceError
from flowkit.sources import cloudwatch, files, s3
from flowkit.sources.cloudwatch import Slice
from flowkit.sources.fetching import fetched
from flowkit.sources.objects import SLOT, Object, within
from flowkit.sources.only import Only, flow_log_of
from flowkit.wording import many

__all__ = ["SLOT", "Object", "Slice", "fetched", "find", "home", "kind", "remote", "some"]


def remote(source: str | Path) -> bool:
    """Return whether a source lies in AWS.

    >>> remote("s3://logs/AWSLogs/"), remote("cwl:/vpc/flow-logs"), remote("data/samples")
    (True, True, False)
    """
    return str(source).startswith(("s3://", "cwl:"))


def home(source: str | Path) -> str:
    """Return the name under which what was read of a source is kept: a bucket, a log group, or the place on the disk.

    >>> home("s3://logs/AWSLogs/123456789010/"), home("cwl:/vpc/flow-logs")
    ('s3://logs', 'cwl:/vpc/flow-logs')
    """
    text = str(source)
    if text.startswith("s3://"):
        return "/".join(text.split("/")[:3])
    return text if remote(text) else str(Path(source).expanduser().resolve())


def kind(o: Object) -> str:
    """Return what the object shares its format with: its flow log, its log group, or nothing but itself.

    AWS cannot change a flow log: another format is another flow log.
    """
    return flow_log_of(o.path) or o.path


def find(
    source: str | Path,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    access: Access | None = None,
    accounts: Collection[str] | None = None,
    regions: Collection[str] | None = None,
    flow_log_ids: Collection[str] | None = None,
    interfaces: Collection[str] | None = None,
    fields: str | Sequence[str] | None = None,
    tz: str = "UTC",
) -> list[Object]:
    """Return the objects of a source that can hold records of the span, in the order of their names.

    Accounts, regions and flow logs are those that AWS's names of keys tell; a source on the disk may have such names,
    too. `interfaces` chooses the streams of a log group. What is said of times is said in the zone `tz`.

    Raises `SourceError` where there is nothing to read, and `AwsError` where AWS refuses.
    """
    if not isinstance(source, str | Path) or not str(source):
        raise SourceError(
            f"a source is one path, pattern, s3://bucket/prefix or cwl:GROUP, not {source!r:.60}: "
            "what belongs together lies under one folder, or one pattern matches it"
        )
    if source == Path():
        raise SourceError("Path('') and Path('.') are the same and name no source: give '.' for the folder you are in")
    only = Only(start, end, some(accounts), some(regions), some(flow_log_ids), some(interfaces), tz)
    text, session = str(source), access or Access()
    if text.startswith("s3://"):
        return s3.find(text, session, only)
    if text.startswith("cwl:"):
        return cloudwatch.find(text, session, only, fields)
    return within(_chosen(files.find(text), only, text), start, end, tz)


def some(names: Collection[str] | None) -> Collection[str] | None:
    """Return names as a set, a single one as a set of it, and none as None."""
    return {names} if isinstance(names, str) else set(names) if names else None


def _chosen(objects: list[Object], only: Only, source: str) -> list[Object]:
    if only.accounts is None and only.regions is None and only.flow_log_ids is None:
        return objects
    asked = Only(accounts=only.accounts, regions=only.regions, flow_log_ids=only.flow_log_ids)
    kept = [o for o in objects if asked.key(o.path)]
    if not kept:
        raise SourceError(
            f"nothing to read: of {many(len(objects), 'object')} of {source} none is named for {asked.words()}: "
            f"they are such as {objects[0].name}"
        )
    return kept
