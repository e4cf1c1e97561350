"""From the name of a load balancer to the case: its logs, its interfaces, its checks, its names; and again offline."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from accounts import HOSTILE, Account
from flows import HEADER, NOON, lines

import flowkit as fk
from flowkit.errors import SourceError

SPAN = {"start": NOON, "end": NOON + timedelta(minutes=20)}


@pytest.fixture
def folder(built: Account, tmp_path: Path) -> Path:
    """The same records in a folder on the disk."""
    (tmp_path / "logs").mkdir()
    text = "\n".join([HEADER, *lines(built), ""])
    (tmp_path / "logs" / "nlb.log.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path / "logs"


@pytest.fixture
def case(logged: Account, cache_folder: Path) -> fk.Case:
    return fk.load(nlb="orders", cache=cache_folder, access=logged.access, **SPAN)


def test_a_name_leads_to_the_flows_of_its_own_interfaces(case: fk.Case, logged: Account) -> None:
    """Each node checks two targets six times a minute and sends a client on, two records each, for 20 minutes."""
    assert case.source == "s3://nlb-logs/orders"
    assert case.facts["flows"] == 3 * 20 * (2 * 6 + 1) * 2
    own = case.flows.select(pl.col("interface_id").unique().sort()).collect()["interface_id"].to_list()
    assert own == sorted(logged.interfaces)
    assert {o.rpartition("fl-")[2][:17] for o in case.ledger["object"]} == {"00000000000000001"}


def test_the_split_knows_what_aws_knows(case: fk.Case) -> None:
    kinds = dict(case.flows.group_by("kind").len().collect().iter_rows())
    assert kinds == {"health-check": 3 * 20 * 12 * 2, "service": 3 * 20 * 2}


def test_findings_and_charts_say_names(case: fk.Case) -> None:
    assert "10.0.2.102:8080 refused its health checks" in repr(fk.findings(case))
    figure = fk.charts.target_health(fk.target_health(case.flows), names=case.names)
    assert "api-1 10.0.1.101:8080" in figure.alt
    peers = fk.charts.peers(fk.peers(case.flows.filter(kind="service")), names=case.names)
    assert "orders eu-west-1a 10.0.1.10" in peers.alt
    assert HOSTILE[:30] in json.dumps(figure.spec)
    assert "<script" not in fk.findings(case)._repr_html_()
    assert "orders eu-west-1a 10.0.1.10" in fk.Explorer(case).picture.alt


def test_a_context_file_gives_the_same_case_offline(case: fk.Case, folder: Path, tmp_path: Path) -> None:
    """A colleague has the logs in a folder and the context in a file, but no boto3, no account and no network."""
    assert case.context
    path = case.context.save(tmp_path / "nlb.json")
    script = (
        "import socket, sys\n"
        "sys.modules['boto3'] = sys.modules['botocore'] = None\n"
        "socket.socket.connect = socket.getaddrinfo = None\n"
        "import flowkit as fk\n"
        f"case = fk.load({str(folder)!r}, nlb={str(path)!r}, cache=False)\n"
        "print(case.facts['flows'])\n"
        "print(fk.findings(case))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    flows, _, findings = done.stdout.partition("\n")
    assert int(flows) == case.facts["flows"]
    assert findings.splitlines()[1] == list(fk.findings(case))[1].join(["- ", ""])


def test_logs_of_something_else_are_told_from_no_traffic(case: fk.Case, tmp_path: Path) -> None:
    assert case.context
    other = "2 123456789012 eni-0other 10.0.7.1 10.0.7.2 40000 5432 6 20 9000 1795449900 1795449930 ACCEPT OK"
    (tmp_path / "other.log").write_text(f"{HEADER}\n{other}\n")
    with pytest.raises(SourceError, match="holds no record of orders in this span, nor of its targets"):
        fk.load(tmp_path / "other.log", nlb=case.context, cache=False)


def test_without_a_flow_log_to_read_there_is_one_sentence(account: Account) -> None:
    with pytest.raises(SourceError, match="no flow log of orders that can be read: no flow log covers it: set one up"):
        fk.load(nlb="orders", access=account.access)
    with pytest.raises(SourceError, match="nothing to read: name a source"):
        fk.load()


def test_only_what_is_its_own_is_asked_for(logged: Account, cache_folder: Path) -> None:
    """Of the bucket, the objects of its own flow log in the span: four of five minutes; a second load asks for none."""
    fetched: list[str] = []

    def note(params: Any, **_: object) -> None:
        fetched.append(params["url_path"])

    events = logged.client("s3").meta.events
    events.register("before-call.s3.GetObject", note, unique_id="fetched")
    try:
        for _ in range(2):
            fk.load(nlb="orders", cache=cache_folder, access=logged.access, **SPAN)
    finally:
        events.unregister("before-call.s3.GetObject", unique_id="fetched")
    assert len(fetched) == 4
    assert all("fl-00000000000000001" in path for path in fetched)


def test_what_the_flow_logs_lack_is_said_with_the_findings_and_in_the_case(case: fk.Case) -> None:
    assert "Of the flow logs of orders: fl-00000000000000001: without tcp-flags" in repr(fk.findings(case))
    assert "orders: 3 interfaces, 3 targets; its flow logs lack" in repr(case)


def test_a_flow_log_made_within_the_span_says_since_when(case: fk.Case) -> None:
    assert case.context
    (log,) = case.context.flow_logs
    made = replace(log, created=NOON + timedelta(minutes=5))
    later = replace(case, context=replace(case.context, flow_logs=(made,)))
    assert "The flow logs of orders were made at 12:05:00: before that nothing was logged." in repr(fk.findings(later))


def test_flow_logs_in_cloudwatch_are_read_from_the_streams_of_its_own_interfaces(
    account: Account, cache_folder: Path
) -> None:
    """Of the last hour, because CloudWatch Logs takes nothing that is older than two weeks."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    logs, fields = account.client("logs"), " ".join(f"${{{name}}}" for name in HEADER.split())
    logs.create_log_group(logGroupName="/vpc/orders")
    held: dict[str, list[str]] = {}
    for line in lines(account, start):
        held.setdefault(line.split()[2], []).append(line)
    for eni, rows in held.items():
        rows.sort(key=lambda row: row.split()[10])
        logs.create_log_stream(logGroupName="/vpc/orders", logStreamName=f"{eni}-all")
        events = [{"timestamp": int(row.split()[10]) * 1000, "message": row} for row in rows]
        logs.put_log_events(logGroupName="/vpc/orders", logStreamName=f"{eni}-all", logEvents=events)
    group = "arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/orders:*"
    account.server.add(account.vpc, group, logFormat=fields)
    span = {"start": start, "end": start + timedelta(minutes=20)}
    case = fk.load(nlb="orders", cache=cache_folder, access=account.access, **span)
    assert case.source == "cwl:/vpc/orders"
    assert case.facts["flows"] == 3 * 20 * (2 * 6 + 1) * 2
