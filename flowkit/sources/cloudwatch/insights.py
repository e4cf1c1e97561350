"""Events by Logs Insights: the only way into the infrequent-access class, and charged by what it scans."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from flowkit.access import told
from flowkit.errors import AwsError
from flowkit.sources.cloudwatch.slices import Event, Slice

LIMIT = 100_000
"""Results a query may have; AWS gives no more, and does not say that there were more."""

PAGE = 10_000
"""Results in one answer."""

POLL_S = 0.5
"""Seconds between two looks at a query."""


class _TooMuch(Exception):  # noqa: N818 - not an error: the span is divided
    """A query that cannot give all there is."""


def events(client: Any, slice_: Slice) -> Iterator[Event]:
    """Yield every event of a slice; where a query cannot give all of them, its span is divided."""
    begin, until = int(slice_.begin.timestamp()), int(slice_.until.timestamp())
    spans = [(begin, until)]
    while spans:
        first, last = spans.pop()
        try:
            with told(f"querying {slice_.group} with Logs Insights", "logs:StartQuery"):
                found = _query(client, slice_, first, last)
        except _TooMuch as error:
            if last - first <= 1:
                raise AwsError(
                    f"one second of {slice_.group} cannot be had from Logs Insights ({error}): "
                    "name fewer interfaces with interfaces="
                ) from None
            middle = (first + last) // 2
            spans += [(middle, last), (first, middle)]
        else:
            yield from found


def look(client: Any, slices: Sequence[Slice], count: int) -> list[str]:
    """Return a few events of some slices, none where there are none."""
    for o in slices:
        with told(f"querying {o.group} with Logs Insights", "logs:StartQuery"):
            query = _start(client, o, int(o.begin.timestamp()), int(o.until.timestamp()), count)
            if rows := _done(client, query)["results"]:
                return [event.message for event in _events(rows)]
    return []


def _query(client: Any, o: Slice, first: int, last: int) -> list[Event]:
    """Return the events from `first` to before `last` in Unix seconds; raise `_TooMuch` where they are not all."""
    query = _start(client, o, first, last, LIMIT)
    answer = _done(client, query)
    matched = answer.get("statistics", {}).get("recordsMatched", 0)
    rows = list(answer["results"])
    while token := answer.get("nextToken"):
        answer = client.get_query_results(queryId=query, maxItems=PAGE, nextToken=token)
        rows += answer["results"]
    if len(rows) >= LIMIT or matched > len(rows):
        raise _TooMuch(f"{max(int(matched), len(rows)):,} events match, {len(rows):,} came")
    return _events(rows)


def _start(client: Any, o: Slice, first: int, last: int, limit: int) -> str:
    among = f" | filter @logStream in {json.dumps(list(o.streams))}" if o.streams else ""
    begun = client.start_query(
        logGroupName=o.group,
        startTime=first,
        endTime=last - 1,  # Insights counts it as inside.
        queryString=f"fields @timestamp, @logStream, @message{among} | limit {limit}",
        limit=limit,
    )
    return str(begun["queryId"])


def _events(rows: Sequence[Sequence[dict[str, str]]]) -> list[Event]:
    held = ({cell["field"]: cell["value"] for cell in row} for row in rows)
    return [Event(*(row.get(name, "") for name in _FIELDS)) for row in held if "@message" in row]


_FIELDS = ("@timestamp", "@logStream", "@message")


def _done(client: Any, query: str) -> dict[str, Any]:
    while True:
        answer: dict[str, Any] = client.get_query_results(queryId=query, maxItems=PAGE)
        status = answer["status"]
        if status == "Complete":
            return answer
        if status == "Timeout":
            raise _TooMuch("the query ran out of time")
        if status not in ("Scheduled", "Running"):
            raise AwsError(f"a query of Logs Insights ended as {status}: repeat, or look at it in the console")
        time.sleep(POLL_S)
