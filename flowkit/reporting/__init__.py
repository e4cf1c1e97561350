"""A notebook, run with your logs and written as one HTML file that opens anywhere, offline.

`report` is the whole of it. The parts, in their order: `notebook` finds it and hands it its parameters, `kernel` runs
it, `outputs` and `prose` turn what it shows into safe HTML, `page` lays it out. `lab` opens the same notebook in
JupyterLab.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from flowkit.errors import FlowkitError
from flowkit.times import clock, span

__all__ = ["report"]


def report(
    notebook: str | Path,
    output: str | Path,
    *,
    source: str | Path | None = None,
    start: str | datetime | None = None,
    end: str | datetime | None = None,
    tz: str = "UTC",
    cache: str | Path | bool | None = None,
    fields: str | Sequence[str] | None = None,
    assign: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Run a notebook over `source` and write what it shows as one HTML file; return the file.

    Parameters
    ----------
    notebook
        The path of an .ipynb file, or the name of one that flowkit brings: "incident", "health_checks" or "aws".
    output
        Where the page goes; folders on the way are made, a file that is there is replaced once the page is whole.
    source, start, end, tz, cache, fields, assign
        As for `flowkit.load`. A relative source is meant from the working directory, as everywhere. A load balancer is
        named among the parameters, `parameters={"aws": {"nlb": "orders"}}`; its logs are read where there is no source.
    parameters
        Further values for names that the notebook's cell tagged `parameters` sets: text, numbers, lists or dicts.
    progress
        Called with (cells done, cells in all) after each code cell.

    The page tells what it was made from and holds no clock, host, user or path but those given here, so the same input
    gives the same bytes.

    Raises
    ------
    NotebookError
        There is no such notebook, it takes no parameters, or a cell failed.
    TimeError
        The span or the zone cannot be understood.
    FlowkitError
        Whatever flowkit itself says inside the notebook, and when the page cannot be written.

    Examples
    --------
        fk.report("incident", "incident.html", source="data/samples/incident", tz="Asia/Tokyo")
    """
    from flowkit.reporting import kernel, page
    from flowkit.reporting import notebook as notebooks

    nlb = _nlb(parameters or {})
    place = f"the flow logs of {nlb}" if source is None else str(source)
    first = {"Made from": place, "Load balancer": nlb} if nlb else {}
    made_from = first | _made_from(place, start, end, tz, assign or {})
    path = notebooks.find(notebook)
    book = notebooks.read(path)
    values = notebooks.settings(
        book, source=source, start=start, end=end, tz=tz, cache=cache, fields=fields, assign=assign, more=parameters
    )
    notebooks.inject(book, values)
    target = _writable(Path(output))
    kernel.run(book, progress=progress)
    html = page.to_html(book, {**made_from, "Notebook": path.name}, name=path.stem)
    _write(target, html)
    return target


def _made_from(
    source: str, start: str | datetime | None, end: str | datetime | None, tz: str, assign: Mapping[str, str]
) -> dict[str, str]:
    """Return what a reader must know about the page, as it was asked for."""
    first, last = span(start, end, tz)
    moment = first or last
    # A span without an end is only known to have one offset where the zone never has another.
    shown = clock(tz, moment, last or moment + timedelta(days=366)) if moment else None
    begin, until = (shown.show(when).removesuffix(":00") if shown and when else "" for when in (first, last))
    window = f"{begin or 'the first record'} to {until or 'the last record'}"
    said = "; ".join(f"{cluster} is {kind}" for cluster, kind in assign.items())
    return {
        "Made from": source,
        "Window": window if moment else "everything there is",
        "Times in": shown.label if shown and (last or not shown.changes) else tz,
        **({"Decided by hand, in the parameters": said} if said else {}),
        "flowkit": version("flowkit"),
    }


def _nlb(parameters: Mapping[str, object]) -> str:
    """Return the load balancer that the parameters name, "" where they name none."""
    of_aws = parameters.get("aws")
    return str(of_aws.get("nlb", "")) if isinstance(of_aws, Mapping) else ""


def _writable(path: Path) -> Path:
    """Return the path of the page to be, checked before minutes are spent on it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from None
    if path.is_dir():
        raise FlowkitError(f"the report cannot be written to {path}, which is a folder: name a file in it")
    return path


def _write(path: Path, html: str) -> None:
    """Put the page in its place whole, or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(html.encode("utf-8", "replace"))
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> FlowkitError:
    return FlowkitError(f"the report cannot be written to {path}: {error.strerror}")
