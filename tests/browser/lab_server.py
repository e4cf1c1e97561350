"""A real JupyterLab for a test: a server and settings of its own, a notebook run in it, and what its cells printed."""

from __future__ import annotations

import json
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

from flowkit.reporting.lab import environment

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
_CELLS = """jupyterapp.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')"""
_ALL_RAN = f"""() => {{
    const cells = {_CELLS}.map(cell => cell.model);
    const failed = cells.some(cell => cell.outputs.toJSON().some(output => output.output_type === 'error'));
    return failed || cells.every(cell => cell.executionCount && cell.executionState !== 'running');
}}"""
_TEXTS = f"""() => {_CELLS}.map(cell => cell.model.outputs.toJSON().map(
    output => output.text ?? output.evalue ?? output.data?.['text/plain'] ?? '').join(''))"""
_ERRORS = f"""() => {_CELLS}.flatMap(cell => cell.model.outputs.toJSON())
    .filter(output => output.output_type === 'error').map(output => `${{output.ename}}: ${{output.evalue}}`)"""
_ASK = """async code => {
    const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const future = kernel.requestExecute({code, store_history: false});
    let text = '';
    future.onIOPub = message => { text += message.content.text ?? message.content.evalue ?? ''; };
    await future.done;
    return text;
}"""
_OWN = ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")


@contextmanager
def lab(folder: Path, *, theme: str = "JupyterLab Light") -> Iterator[str]:
    """Run JupyterLab on a folder, with a home and settings of its own, and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = folder / ".home"
    own = {name: str(home / name) for name in _OWN}
    settings = home / "JUPYTERLAB_SETTINGS_DIR" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        *_FLAGS,
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={folder}",
    ]
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            command, env={**environment(), **own}, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
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
        """Run every cell; a cell that fails is an error here."""
        self.page.evaluate("() => { void jupyterapp.commands.execute('notebook:run-all-cells') }")
        self.page.wait_for_function(_ALL_RAN, timeout=seconds * 1000)
        self.page.wait_for_function(_KERNEL_IDLE, timeout=seconds * 1000)
        errors = self.page.evaluate(_ERRORS)
        assert not errors, errors

    def texts(self) -> list[str]:
        """Return the text that each code cell printed or gave."""
        return list(self.page.evaluate(_TEXTS))

    def ask(self, expression: str) -> str:
        """Run an expression in the notebook's kernel and return what it prints."""
        return str(self.page.evaluate(_ASK, f"print({expression})")).strip()


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
