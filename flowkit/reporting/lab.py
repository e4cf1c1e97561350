"""The same notebook, opened in JupyterLab on a case folder, with its parameters filled in."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from urllib.parse import quote

from flowkit.errors import FlowkitError, missing_extra
from flowkit.reporting import notebook as notebooks
from flowkit.times import span

# Loopback only, and nothing that asks another host: no news, no update check, no extension catalogue.
_QUIET = (
    "--ServerApp.ip=127.0.0.1",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)


def prepare(
    source: str | Path | None,
    folder: str | Path,
    *,
    notebook: str | Path = "incident",
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    tz: str = "UTC",
    cache: str | Path | bool | None = None,
    fields: str | Sequence[str] | None = None,
    assign: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
) -> Path:
    """Copy a notebook into a case folder with its parameters filled in, and return the copy.

    `notebook` is the path of an .ipynb file or the name of one that flowkit brings; the rest is as for `flowkit.load`.
    Local paths become absolute, because JupyterLab works in the case folder. `parameters` are as for `flowkit.report`.
    A notebook that is already there is never written over: the same one is given back, beside a different one the copy
    gets the next free name.

    Raises `NotebookError` for a notebook that is missing or takes no parameters, `TimeError` for a span or a zone that
    cannot be understood, and `FlowkitError` when the folder cannot be written.

    Example: `prepare("s3://bucket/AWSLogs", "cases/nlb", start="2026-05-14 23:00", tz="Asia/Tokyo")`
    """
    span(start, end, tz)
    path = notebooks.find(notebook)
    book = notebooks.read(path)
    kept = _absolute(cache) if isinstance(cache, str | Path) else cache
    place = None if source is None else _absolute(source)
    values = notebooks.settings(
        book, source=place, start=start, end=end, tz=tz, cache=kept, fields=fields, assign=assign, more=parameters
    )
    notebooks.fill(book, values)
    return _place(notebooks.text(book), Path(folder), path.stem)


def open_lab(path: str | Path, *, browser: bool = True) -> int:
    """Start JupyterLab on a notebook, on this machine only; return its exit code once it is closed (Ctrl-C twice).

    Without `browser` the address to open is only printed. Raises `MissingExtraError` when JupyterLab is not installed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise missing_extra("Opening a notebook", "jupyterlab", "lab")
    server = subprocess.Popen(command(path, browser=browser), env=environment())
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:
            continue  # the server has had the key press too, and asks whether to stop


def environment() -> dict[str, str]:
    """Return the environment for JupyterLab: this one's own kernel goes first, and nobody is asked about news."""
    # Kernels: before one of the same name that a person has elsewhere. News: a default, which a person's own setting of
    # JupyterLab goes before; the server fetches none either way.
    defaults = os.pathsep.join(filter(None, [str(Path(__file__).parent / "jupyter"), os.getenv("JUPYTER_CONFIG_PATH")]))
    return {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_CONFIG_PATH": defaults}


def command(path: str | Path, *, browser: bool = True) -> list[str]:
    """Return the command line that starts JupyterLab on a notebook.

    >>> command("/cases/nlb/incident.ipynb")[1:5]
    ['-m', 'jupyterlab', '--ServerApp.root_dir=/cases/nlb', '--LabApp.default_url=/lab/tree/incident.ipynb']
    """
    notebook = Path(path).absolute()
    opened = f"--LabApp.default_url=/lab/tree/{quote(notebook.name)}"
    flags = [f"--ServerApp.root_dir={notebook.parent}", opened, *_QUIET]
    flags += [] if browser else ["--no-browser"]
    flags += (
        ["--allow-root"] if _root() else []
    )  # who is root in a container means it; nobody else can reach the server
    return [sys.executable, "-m", "jupyterlab", *flags]


def _root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _absolute(place: str | Path) -> str:
    """Return a local path or glob as seen from anywhere; an address such as s3://… as it is."""
    return (
        str(place) if "://" in str(place) or str(place).startswith("cwl:") else str(Path(place).expanduser().absolute())
    )


def _place(text: str, folder: Path, stem: str) -> Path:
    """Write a notebook under the first of `stem`, `stem-2`, … that is free or holds exactly this already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder / name for name in _names(stem)):
            try:
                with path.open("x", encoding="utf-8", newline="\n") as file:
                    file.write(text)
            except FileExistsError:
                if path.read_text("utf-8", "replace") != text:
                    continue
            return path
    except OSError as error:
        raise FlowkitError(f"the case folder {folder} cannot be written: {error.strerror}") from None
    raise AssertionError("names never end")


def _names(stem: str) -> Iterator[str]:
    yield f"{stem}.ipynb"
    for number in count(2):
        yield f"{stem}-{number}.ipynb"
