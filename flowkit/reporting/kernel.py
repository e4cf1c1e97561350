"""A notebook run in a kernel of its own: this very interpreter, no shared state, nothing kept."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from flowkit import errors
from flowkit.errors import FlowkitError, NotebookError
from flowkit.reporting.notebook import OURS, code_cell, numbered
from flowkit.reporting.outputs import CHART

# rfc3987_syntax comes with JupyterLab; jsonschema builds its 35 parsers on import (1 s), and nobody here asks for them.
_PRELUDE = f"""\
import sys
sys.modules.setdefault("rfc3987_syntax", None)
import altair
import polars
from flowkit.charts import Figure
from flowkit.reporting.frames import table
Figure.live = False  # a page has no kernel behind it, so widgets would be dead in it
# A chart made by hand is drawn by the page as well.
altair.renderers.register("flowkit", lambda spec, **_: {{"{CHART}": {{"spec": spec}}}})
altair.renderers.enable("flowkit")
get_ipython().display_formatter.mimebundle_formatter.for_type(polars.DataFrame, table)
"""


def run(notebook: Any, *, progress: Callable[[int, int], None] | None = None) -> None:
    """Run every cell, in the working directory of the caller, and leave the outputs in `notebook`.

    `progress(done, all)` is called after each code cell. A cell that raises one of flowkit's own errors raises it
    here again; any other failure is a `NotebookError` with the number of the cell.
    """
    notebook.cells.insert(0, code_cell(_PRELUDE, f"{OURS}hidden"))
    cells = list(numbered(notebook))
    with _client(notebook) as client:
        for done, (place, number, cell) in enumerate(cells):
            _execute(client, number, place, cell)
            if progress and done:
                progress(done, len(cells) - 1)
    del notebook.cells[0]


def _execute(client: Any, number: int, place: int, cell: Any) -> None:
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    try:
        client.execute_cell(cell, place, execution_count=number)
    except CellExecutionError as error:
        raise _failure(number, error.ename, error.evalue) from None
    except DeadKernelError:
        raise NotebookError(
            f"Python died in code cell {number} of the notebook, most likely for want of memory"
        ) from None


def _failure(number: int, name: str, message: str) -> FlowkitError:
    """Return what to tell a person about the exception `name: message` of a code cell."""
    own = getattr(errors, name, None)
    if isinstance(own, type) and issubclass(own, FlowkitError):
        return own(message)
    last = (message.strip().splitlines() or [""])[-1]
    return NotebookError(f"code cell {number} of the notebook failed: {name}: {last}".rstrip(": "))


@contextmanager
def _client(notebook: Any) -> Iterator[Any]:
    """Give an nbclient with its kernel running; the kernel is gone afterwards, whatever happened."""
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory(prefix="flowkit-", ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            notebook,
            km=_manager(Path(folder)),
            timeout=None,
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
        )
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # what cells print comes as messages
        with ExitStack() as stack:
            try:
                stack.enter_context(
                    client.setup_kernel(cleanup_kc=True, cwd=str(Path.cwd()), env=_environment(folder), **quiet)
                )
            except RuntimeError:
                raise NotebookError(
                    "Python could not be started for the notebook: see what  python -m ipykernel --version  says"
                ) from None
            yield client


def _manager(folder: Path) -> Any:
    """Return a manager for kernels of this interpreter that talks over files in `folder` where the system can."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    # ignore_cwd: a file named json.py that lies beside the logs must not be imported.
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--IPKernelApp.ignore_cwd=True"]
    spec = KernelSpec(argv=command, display_name="flowkit", language="python")

    class ThisPython(KernelSpecManager):  # type: ignore[misc]
        def get_kernel_spec(self, kernel_name: str) -> Any:
            return spec

    return AsyncKernelManager(
        kernel_spec_manager=ThisPython(),
        kernel_name="flowkit",
        connection_file=str(folder / "kernel.json"),
        transport="ipc" if os.name == "posix" else "tcp",
    )


def _environment(folder: str) -> dict[str, str]:
    """Return our environment without what would make two runs differ: a person's IPython set-up and random hashes."""
    return {**os.environ, "IPYTHONDIR": folder, "PYTHONHASHSEED": "0"}
