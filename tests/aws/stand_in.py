"""Stands before moto at the wire and puts right what moto gets wrong: nothing of flowkit or boto3 is replaced.

moto has no interfaces for a Network Load Balancer, writes `app/` into its ARN, gives every list in one page, says that
every target is healthy, refuses a flow log to a prefix and forgets its options. Flow logs are answered here; the rest
is passed on, and what comes back is corrected, dated (5 January 2026) and cut into pages.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

EC2 = "http://ec2.amazonaws.com/doc/2016-11-15/"
ELB = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
PAGED = {
    "DescribeNetworkInterfaces": ("networkInterfaceSet", "nextToken", "NextToken"),
    "DescribeInstances": ("reservationSet", "nextToken", "NextToken"),
    "DescribeLoadBalancers": ("LoadBalancers", "NextMarker", "Marker"),
    "DescribeListeners": ("Listeners", "NextMarker", "Marker"),
    "DescribeTargetGroups": ("TargetGroups", "NextMarker", "Marker"),
}
"""By operation: where its items stand, what the next page is called in answers and in requests."""

Asked = dict[str, str]


class StandIn(ThreadingHTTPServer):
    """The server, and what the tests tell it to say."""

    daemon_threads = True

    def __init__(self, moto: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.moto = urlsplit(moto)
        self.flow_logs: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.refused: set[str] = set()
        """Operations the session may not call."""
        self.broken: dict[str, str] = {}
        """Resources for which no flow log can be made, and AWS's word for why."""
        self.health: dict[str, tuple[str, str]] = {}
        """By target id: its state and the reason."""
        self.page = 2
        """Items on a page."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, resource: str, destination: str, **facts: Any) -> str:
        """Add a flow log as if somebody had made it; return its id."""
        kind = "s3" if ":s3:" in destination else "kinesis-data-firehose" if ":firehose:" in destination else None
        log = {
            "flowLogId": f"fl-{len(self.flow_logs) + 1:017x}",
            "resourceId": resource,
            "logDestination": destination,
            "logDestinationType": kind or "cloud-watch-logs",
            "logGroupName": "" if kind else destination.partition(":log-group:")[2].removesuffix(":*"),
            "trafficType": "ALL",
            "logFormat": "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr}",
            "maxAggregationInterval": 600,
            "creationTime": "2026-01-05T00:00:00.000Z",
            "deliverLogsStatus": "SUCCESS",
            "flowLogStatus": "ACTIVE",
            "options": {},
            "tags": {},
            **facts,
        }
        self.flow_logs.append(log)
        return str(log["flowLogId"])

    def create(self, asked: Asked) -> str:
        made, failed = [], []
        for resource in _numbered(asked, "ResourceId"):
            if why := self.broken.get(resource) or self._exists(resource, asked):
                code, _, message = why.partition(": ")
                error = f"<error><code>{code}</code><message>{escape(message)}</message></error>"
                failed.append(f"<item>{error}<resourceId>{resource}</resourceId></item>")
                continue
            options = {k.partition(".")[2]: v for k, v in asked.items() if k.startswith("DestinationOptions.")}
            tags = {asked[f"{k}.Key"]: asked[f"{k}.Value"] for k in _tags(asked)}
            facts = {"trafficType": asked["TrafficType"], "logFormat": asked["LogFormat"]}
            interval = {"maxAggregationInterval": int(asked["MaxAggregationInterval"])}
            made.append(self.add(resource, asked["LogDestination"], **facts, **interval, options=options, tags=tags))
        ids = "".join(f"<item>{name}</item>" for name in made)
        return f"<flowLogIdSet>{ids}</flowLogIdSet><unsuccessful>{''.join(failed)}</unsuccessful>"

    def _exists(self, resource: str, asked: Asked) -> str:
        same = [
            log
            for log in self.flow_logs
            if (log["resourceId"], log["logDestination"], log["logFormat"], log["trafficType"])
            == (resource, asked["LogDestination"], asked["LogFormat"], asked["TrafficType"])
        ]
        return "FlowLogAlreadyExists: There is an existing Flow Log with the same configuration." if same else ""

    def describe(self, asked: Asked) -> str:
        wanted = {asked[f"Filter.{n}.Name"]: _numbered(asked, f"Filter.{n}.Value") for n in _filters(asked)}
        ids = set(_numbered(asked, "FlowLogId"))
        found = [log for log in self.flow_logs if _matches(log, wanted) and (not ids or log["flowLogId"] in ids)]
        start = int(asked.get("NextToken", 0))
        more = f"<nextToken>{start + self.page}</nextToken>" if len(found) > start + self.page else ""
        items = "".join(_item(log) for log in found[start : start + self.page])
        return f"<flowLogSet>{items}</flowLogSet>{more}"

    def delete(self, asked: Asked) -> str:
        gone = set(_numbered(asked, "FlowLogId"))
        self.flow_logs = [log for log in self.flow_logs if log["flowLogId"] not in gone]
        return "<unsuccessful/>"


@contextmanager
def stand_in(moto: str) -> Iterator[StandIn]:
    """Run a stand-in before a moto server."""
    server = StandIn(moto)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        form = "x-www-form-urlencoded" in self.headers.get("Content-Type", "")
        asked = dict(parse_qsl(body.decode(), keep_blank_values=True)) if form else {}
        action = asked.get("Action", "")
        if action:
            self.server.calls.append(action)
        own = {"CreateFlowLogs": "create", "DescribeFlowLogs": "describe", "DeleteFlowLogs": "delete"}
        if action in self.server.refused:
            self._send(403, _refusal(action).encode())
        elif action in own:
            said = getattr(self.server, own[action])(asked)
            self._send(
                200, f'<{action}Response xmlns="{EC2}"><requestId>r</requestId>{said}</{action}Response>'.encode()
            )
        else:
            self._send(*self._passed_on(action, asked, body))

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815 - http.server names them

    def _passed_on(self, action: str, asked: Asked, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        start = 0
        if action in PAGED:
            *_, token = PAGED[action]
            start = int(asked.pop(token, 0))
            body = urlencode(asked).encode()
        if asked:
            body = body.replace(b"loadbalancer%2Fnet%2F", b"loadbalancer%2Fapp%2F")
            body = body.replace(b"listener%2Fnet%2F", b"listener%2Fapp%2F")
        connection = http.client.HTTPConnection(str(self.server.moto.hostname), self.server.moto.port)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "content-length"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        held, kept = (
            answer.read(),
            {
                k: v
                for k, v in answer.getheaders()
                if k.lower() in ("content-type", "x-amzn-errortype", "smithy-protocol", "etag")
            },
        )
        connection.close()
        if asked:
            held = held.replace(b"loadbalancer/app/", b"loadbalancer/net/").replace(b"listener/app/", b"listener/net/")
            held = re.sub(rb"<(attachTime|CreatedTime)>[^<]+<", rb"<\1>2026-01-05T00:00:00.000Z<", held)
        if action in PAGED and answer.status == 200:
            held = _page(held, action, start, self.server.page)
        if action == "DescribeTargetHealth":
            held = _with_health(held, self.server.health)
        return answer.status, held, kept

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "text/xml"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _page(body: bytes, action: str, start: int, size: int) -> bytes:
    """Return one page of a whole answer."""
    items, answered, _ = PAGED[action]
    root = ET.fromstring(body)
    space = root.tag.partition("}")[0] + "}"
    (held,) = root.iter(f"{space}{items}")
    (parent,) = (one for one in root.iter() if held in list(one))
    every = list(held)
    for index, item in enumerate(every):
        if not start <= index < start + size:
            held.remove(item)
    for old in parent.findall(f"{space}{answered}"):
        parent.remove(old)
    if len(every) > start + size:
        ET.SubElement(parent, f"{space}{answered}").text = str(start + size)
    return ET.tostring(root)


def _with_health(body: bytes, health: dict[str, tuple[str, str]]) -> bytes:
    root = ET.fromstring(body)
    for member in root.iter(f"{{{ELB}}}member"):
        target = member.find(f"{{{ELB}}}Target/{{{ELB}}}Id")
        state = member.find(f"{{{ELB}}}TargetHealth")
        if target is not None and state is not None and str(target.text) in health:
            state.clear()
            for name, value in zip(("State", "Description"), health[str(target.text)], strict=True):
                ET.SubElement(state, f"{{{ELB}}}{name}").text = value
    return ET.tostring(root)


def _refusal(action: str) -> str:
    message = f"User: arn:aws:iam::123456789012:user/oncall is not authorized to perform this operation {action}"
    inner = f"<Error><Code>{{}}</Code><Message>{message}</Message></Error>"
    if action.endswith(("FlowLogs", "NetworkInterfaces", "Instances")):
        errors = inner.format("UnauthorizedOperation")
        return f"<Response><Errors>{errors}</Errors><RequestID>r</RequestID></Response>"
    return f"<ErrorResponse>{inner.format('AccessDenied')}<RequestId>r</RequestId></ErrorResponse>"


def _numbered(asked: Asked, name: str) -> list[str]:
    return [value for key, value in asked.items() if key.rpartition(".")[0] == name]


def _filters(asked: Asked) -> list[str]:
    return [key.split(".")[1] for key in asked if key.startswith("Filter.") and key.endswith(".Name")]


def _tags(asked: Asked) -> list[str]:
    keys = [k for k in asked if k.startswith("TagSpecification.") and k.endswith(".Key")]
    return [k.removesuffix(".Key") for k in keys]


def _matches(log: dict[str, Any], wanted: dict[str, list[str]]) -> bool:
    def held(name: str) -> str:
        return (
            log["tags"].get(name[4:], "") if name.startswith("tag:") else str(log[{"resource-id": "resourceId"}[name]])
        )

    return all(held(name) in values for name, values in wanted.items())


def _item(log: dict[str, Any]) -> str:
    plain = {k: v for k, v in log.items() if k not in ("options", "tags") and v != ""}
    said = "".join(f"<{k}>{escape(str(v))}</{k}>" for k, v in plain.items())
    options = "".join(f"<{k[0].lower()}{k[1:]}>{v}</{k[0].lower()}{k[1:]}>" for k, v in log["options"].items())
    tags = "".join(f"<item><key>{escape(k)}</key><value>{escape(v)}</value></item>" for k, v in log["tags"].items())
    return f"<item>{said}<destinationOptions>{options}</destinationOptions><tagSet>{tags}</tagSet></item>"
