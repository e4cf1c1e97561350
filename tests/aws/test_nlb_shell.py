"""From the name to a report, a notebook and an account of the logs, in the shell; with AWS, and without it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from accounts import HOSTILE, Account
from flows import HEADER, lines
from nbclient import NotebookClient

from flowkit import aws
from flowkit.cli import main

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "aws.ipynb"
SPAN = ["--start", "2026-05-14 12:00", "--end", "2026-05-14 12:20"]
LOOPBACK_ONLY = """
import socket
def _closed(self, address, *rest, _connect=socket.socket.connect):
    if self.family != socket.AF_UNIX and address[0] != "127.0.0.1":
        raise AssertionError(f"asked {address}")
    return _connect(self, address, *rest)
socket.socket.connect = _closed
"""

Words = pytest.CaptureFixture[str]


def said(book: Any, kind: str) -> str:
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(str(output.get("data", {}).get(kind, "")) for output in outputs)


def test_the_notebook_goes_from_the_name_to_the_flows(logged: Account, tmp_path: Path) -> None:
    book = nbformat.read(NOTEBOOK, 4)
    place = next(i for i, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", []))
    span = f"start, end, cache = '2026-05-14 12:00', '2026-05-14 12:20', {str(tmp_path / 'cache')!r}"
    book.cells.insert(place + 1, nbformat.v4.new_code_cell(span))
    book.cells.insert(0, nbformat.v4.new_code_cell(LOOPBACK_ONLY))
    run = NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    words = said(run, "text/plain")
    assert "10.0.2.102:8080 refused its health checks from 12:12:00" in words
    assert "orders eu-west-1a 10.0.1.10" in words
    assert "<script" not in said(run, "text/html")


def test_check_takes_the_name(logged: Account, tmp_path: Path, capsys: Words) -> None:
    assert main(["check", "--nlb", "orders", *SPAN, "--cache", str(tmp_path)]) == 0
    assert "1,560 flows on 3 interfaces" in capsys.readouterr().out


def test_plan_takes_the_name(logged: Account, tmp_path: Path, capsys: Words) -> None:
    assert main(["plan", "--nlb", "orders", *SPAN, "--cache", str(tmp_path)]) == 0
    assert "s3://nlb-logs/orders" in capsys.readouterr().out


def test_open_keeps_what_aws_said_beside_the_notebook(
    logged: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterLab is not there, so that nothing is started."""
    monkeypatch.setitem(sys.modules, "jupyterlab", None)
    folder = str(tmp_path / "case")
    assert main(["open", "--nlb", "orders", *SPAN, "--folder", folder, "--cache", str(tmp_path)]) == 2
    text = (tmp_path / "case" / "incident.ipynb").read_text()
    assert aws.load_balancer(tmp_path / "case" / "nlb.json").name == "orders"
    assert json.dumps(f"aws = {{'nlb': {str(tmp_path / 'case' / 'nlb.json')!r}}}")[1:-1] in text


def test_a_report_from_a_context_file_needs_neither_boto3_nor_a_network(logged: Account, tmp_path: Path) -> None:
    """A package `boto3` that cannot be imported goes before the real one, and AWS is nowhere."""
    aws.load_balancer("orders", logged.access).save(tmp_path / "nlb.json")
    (tmp_path / "nlb.log.gz").write_bytes(gzip.compress("\n".join([HEADER, *lines(logged), ""]).encode()))
    for name in ("boto3", "botocore"):
        (tmp_path / "path" / name).mkdir(parents=True)
        (tmp_path / "path" / name / "__init__.py").write_text("raise ImportError('there is no boto3 here')\n")
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path / "path")}
    command = ["report", "nlb.log.gz", "--context", "nlb.json", "--notebook", "aws", "--cache", "cache"]
    done = subprocess.run(
        [sys.executable, "-m", "flowkit.cli", *command],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, **nowhere},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "aws.html").read_text()
    assert "api-1 10.0.1.101:8080" in page
    assert HOSTILE not in page
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check"], "flowkit: nothing to read: name a source"),
        (["check", "--context", "nowhere.json"], "flowkit: the context file nowhere.json cannot be read"),
        (["check", "logs", "--ip-ranges", "nowhere.json"], "flowkit: the address ranges nowhere.json cannot be read"),
        (["check", "--nlb", "order"], "flowkit: no load balancer is called 'order' in this region: did you mean"),
        (["report", "--nlb", "orders"], "flowkit: there is no flow log of orders that can be read"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    account: Account, arguments: list[str], sentence: str, capsys: Words
) -> None:
    assert main(arguments) == 2
    shown, told = capsys.readouterr()
    assert (shown, told.count("\n")) == ("", 1)
    assert told.startswith(sentence)
