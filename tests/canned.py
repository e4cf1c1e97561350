"""CloudWatch Logs on a socket, where the usual stand-in gets it wrong: Logs Insights with its limits, and faults."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Event = tuple[int, str, str]
"""Milliseconds, stream, message."""


class Group:
    """A log group of a class, its events, and what each operation answers before it works, a try at a time."""

    def __init__(self, events: Sequence[Event], kind: str, faults: dict[str, list[str]], stored: int) -> None:
        self.events, self.kind, self.faults = sorted(events), kind, faults
        self.stored = {"creationTime": int(time.time() - 100_000) * 1000, "storedBytes": stored * 100_000}
        self.asked: Counter[str] = Counter()
        self.queries: dict[str, tuple[list[Event], int]] = {}
        self.lock = threading.Lock()

    def answer(self, operation: str, ask: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self.lock:
            self.asked[operation] += 1
            left = self.faults.get(operation, [])
            if left:
                return 400, {"__type": left.pop(0), "message": "no"}
            work: Any = getattr(self, operation)
            return 200, work(ask)

    def DescribeLogGroups(self, ask: dict[str, Any]) -> dict[str, Any]:
        held = {"logGroupName": "flows", "arn": "arn:flows", "logGroupClass": self.kind, **self.stored}
        return {"logGroups": [held] if "flows".startswith(ask.get("logGroupNamePrefix", "")) else []}

    def DescribeLogStreams(self, ask: dict[str, Any]) -> dict[str, Any]:
        names = sorted(
            {stream for _, stream, _ in self.events if stream.startswith(ask.get("logStreamNamePrefix", ""))}
        )
        return {"logStreams": [{"logStreamName": name} for name in names]}

    def FilterLogEvents(self, ask: dict[str, Any]) -> dict[str, Any]:
        inside = [e for e in self.events if ask["startTime"] <= e[0] <= ask["endTime"]]
        return {"events": [{"timestamp": ms, "logStreamName": stream, "message": text} for ms, stream, text in inside]}

    def StartQuery(self, ask: dict[str, Any]) -> dict[str, Any]:
        among = re.search(r"@logStream in (\[.*?\])", ask["queryString"])
        streams = json.loads(among[1]) if among else None
        span = range(ask["startTime"], ask["endTime"] + 1)
        found = [e for e in self.events if e[0] // 1000 in span and (streams is None or e[1] in streams)]
        name = f"q{len(self.queries)}"
        self.queries[name] = found, ask["limit"]
        return {"queryId": name}

    def GetQueryResults(self, ask: dict[str, Any]) -> dict[str, Any]:
        found, limit = self.queries[ask["queryId"]]
        first = int(ask.get("nextToken", 0))
        rows = found[:limit][first : first + ask["maxItems"]]
        more = {"nextToken": str(first + len(rows))} if first + len(rows) < min(limit, len(found)) else {}
        return {
            "status": "Complete",
            "results": [
                [
                    {"field": "@timestamp", "value": f"{datetime.fromtimestamp(ms // 1000, UTC):%F %T}.{ms % 1000:03}"},
                    {"field": "@logStream", "value": stream},
                    {"field": "@message", "value": text},
                    {"field": "@ptr", "value": "p"},
                ]
                for ms, stream, text in rows
            ],
            "statistics": {"recordsMatched": float(len(found))},
            **more,
        }


@contextmanager
def serve(
    events: Sequence[Event], *, kind: str = "STANDARD", faults: dict[str, list[str]] | None = None, stored: int = 0
) -> Iterator[tuple[str, Group]]:
    group = Group(events, kind, faults or {}, stored)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"group": group}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", group
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    group: Group
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.headers.get("X-Amz-Target", "")
        if target:
            status, answer = self.group.answer(target.rpartition(".")[2], json.loads(body))
            text = json.dumps(answer).encode()
        else:  # EC2: no flow log is known.
            status, text = 200, b"<DescribeFlowLogsResponse><flowLogSet/></DescribeFlowLogsResponse>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
