"""The notebooks: thin, stripped, and running top to bottom on the samples and on a hostile log, with no network.

The notebook `aws` is about what only AWS knows: it is run in `tests/aws`, on a stand-in.
"""

from __future__ import annotations

import ast
import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import flowkit as fk

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
HOSTILE = "</script><script>window.PWNED=1</script><img/src=x/onerror=window.PWNED=1>"
CLOSED = """
import socket
from ipaddress import ip_address
def _closed(self, address, *rest, _connect=socket.socket.connect):
    if self.family != socket.AF_UNIX and not ip_address(address[0]).is_loopback:
        raise AssertionError(f"asked {address}")
    return _connect(self, address, *rest)
socket.socket.connect = _closed
socket.getaddrinfo = None
"""


def each(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem in names or not names], ids=lambda p: p.stem)


def code(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def run(path: Path, folder: Path, parameters: str = "") -> Any:
    """Run a notebook as it stands, with other parameters if given and without a way out, and return it."""
    book = nbformat.read(path, 4)
    place = next(i for i, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", []))
    book.cells.insert(place + 1, nbformat.v4.new_code_cell(f"cache = {str(folder / 'cache')!r}\n{parameters}"))
    book.cells.insert(0, nbformat.v4.new_code_cell(CLOSED))
    return NotebookClient(book, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()


def said(book: Any) -> str:
    """Return all text of a notebook's outputs."""
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(str(output.get("data", {}).get("text/plain", output.get("text", ""))) for output in outputs)


@each()
def test_a_notebook_only_calls_and_looks(path: Path) -> None:
    cells = code(path)
    assert cells[0].source == "import flowkit as fk"
    for cell in cells:
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not [n for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Lambda)]
        assert not [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)] or cell is cells[0]
        assert cell.source.count("\n") < 12


@each()
def test_a_notebook_takes_its_parameters_in_one_tagged_cell(path: Path) -> None:
    (cell,) = [cell for cell in code(path) if "parameters" in cell.metadata.get("tags", [])]
    names = [node.targets[0].id for node in ast.parse(cell.source).body if isinstance(node, ast.Assign)]
    first = ["source", "start", "end", "tz", "cache", "fields", "duplicates"]
    known = [] if path.stem == "aws" else ["lb_addresses", "target_groups"]  # there it is AWS that knows
    assert names == [*first, "assign", *known, "aws"]


@each()
def test_a_notebook_is_stored_without_outputs(path: Path) -> None:
    stripped = subprocess.run([sys.executable, "-m", "nbstripout", "--verify", path], check=False, capture_output=True)
    assert stripped.returncode == 0, stripped.stdout.decode()


@each("incident", "health_checks")
@pytest.mark.parametrize("sample", ["incident", "ordinary", "custom"])
def test_a_notebook_runs_on_the_samples_without_a_network(path: Path, sample: str, tmp_path: Path) -> None:
    words = said(run(path, tmp_path, f"source = fk.samples({sample!r})\ntz = 'Asia/Tokyo'"))
    assert "Asia/Tokyo (UTC+9)" in words


def test_the_incident_is_told_in_words_to_the_minute(tmp_path: Path) -> None:
    """The target was refused from 16:09, unreachable from 16:11, and back from 16:15 (see the sample's README)."""
    (path,) = [p for p in NOTEBOOKS if p.stem == "incident"]
    words = said(run(path, tmp_path))
    last = words[words.rindex("10.45.1.102:80 refused") :]
    assert [moment in last for moment in ("16:09", "16:11", "16:14")] == [True] * 3


@each("incident", "health_checks")
def test_a_hostile_log_stays_text_in_every_output(path: Path, tmp_path: Path) -> None:
    text = gzip.decompress(next(Path(fk.samples("incident")).rglob("*.log.gz")).read_bytes()).decode()
    header, *lines = text.splitlines()
    fields = [line.split() for line in lines]
    hostile = [" ".join([f[0], HOSTILE, HOSTILE, HOSTILE, *f[4:12], HOSTILE, f[13]]) for f in fields[:300]]
    (tmp_path / "hostile.log").write_text("\n".join([header, *lines[300:], *hostile]) + "\n")
    book = run(path, tmp_path, f"source = {str(tmp_path / 'hostile.log')!r}")
    outputs = [output.get("data", {}) for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    markup = "\n".join(str(data.get(kind, "")) for data in outputs for kind in ("text/html", "text/markdown"))
    assert "<script" not in markup
    assert "<img" not in markup
