"""A real JupyterLab for a test: a server and settings of its own, a notebook run in it, and what its cells printed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

_FLAGS = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port_retries=0",
    "--IdentityProvider.token=t",
    "--LabApp.expose_app_in_browser=True",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
]
_KERNEL_IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return context?.isReady && context.session?.kernel?.status === 'idle';
}"""
_NOTHING_RUNS = """() => {
    const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')];
    return cells.length > 0 && cells.every(cell => /\\d/.test(cell.textContent));
}"""
_CELL_TEXTS = """() => jupyterapp.shell.currentWidget.content.widgets.filter(w => w.model.type === 'code').map(
    w => w.model.outputs.toJSON().map(o => o.text ?? o.evalue ?? o.data?.['text/plain'] ?? '').join(''))"""


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """Run JupyterLab on a folder, with a home of its own, and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = folder / ".home"
    home.mkdir()
    own = {name: str(home / name) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        *_FLAGS,
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={folder}",
    ]
    with (home / "lab.log").open("wb") as log:
        environment = {**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1"}
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(f"http://127.0.0.1:{port}/api?token=t", server, home / "lab.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, f"JupyterLab did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}"
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(address, timeout=2).close()
            return
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not answer within 30 s")


@dataclass
class Notebook:
    """A notebook open in a page of JupyterLab."""

    page: Any

    def run_all(self, seconds: float = 90) -> None:
        """Run every cell and wait until the last has a number."""
        self.page.evaluate("() => { void jupyterapp.commands.execute('notebook:run-all-cells') }")
        self.page.wait_for_function(_NOTHING_RUNS, timeout=seconds * 1000)
        self.page.wait_for_function(_KERNEL_IDLE, timeout=seconds * 1000)

    def texts(self) -> list[str]:
        """Return the text that each code cell printed, gave or failed with."""
        return list(self.page.evaluate(_CELL_TEXTS))

    def ask(self, expression: str) -> str:
        """Run an expression in the notebook's kernel and return what it prints."""
        return str(self.page.evaluate(_ASK, f"print({expression})")).strip()


_ASK = """async code => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({code, store_history: false});
    let text = '';
    future.onIOPub = message => { text += message.content.text ?? message.content.evalue ?? ''; };
    await future.done;
    return text;
}"""


def open_notebook(page: Any, address: str, name: str) -> Notebook:
    """Open a notebook of the server's folder and wait for its kernel."""
    page.goto(f"{address}/lab/tree/{name}?token=t&reset")
    page.wait_for_function(_KERNEL_IDLE, timeout=60_000)
    return Notebook(page)


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook with these code cells."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)
