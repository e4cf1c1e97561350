"""Notebooks before they run: found, read, and given their parameters.

A notebook takes parameters in one cell tagged `parameters`, which holds plain assignments with their defaults.
"""

from __future__ import annotations

import ast
import keyword
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from flowkit.errors import NotebookError

PARAMETERS = "parameters"
OURS = "flowkit-"


def find(notebook: str | Path) -> Path:
    """Return where a notebook lies: by the name of one that flowkit brings, or by its path.

    Raises `NotebookError` when there is neither.

    >>> find("incident").name
    'incident.ipynb'
    """
    path, own = Path(notebook).expanduser(), shipped()
    if str(notebook) in own:
        return own[str(notebook)]
    if path.is_file():
        return path
    raise NotebookError(
        f"there is no notebook {str(notebook)!r}: give the path of an .ipynb file, or one of {', '.join(own) or 'none'}"
    )


def shipped() -> dict[str, Path]:
    """Return the notebooks flowkit brings, by name: packed into the package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    folders = (package / "_notebooks", package.parent / "notebooks")
    folder = next((folder for folder in folders if folder.is_dir()), package)
    return {path.stem: path for path in sorted(folder.glob("*.ipynb"))}


def read(path: Path) -> Any:
    """Return a notebook as nbformat 4 holds it; `NotebookError` when the file is no notebook."""
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except OSError as error:
        raise NotebookError(f"the notebook {path.name} cannot be read: {error.strerror}") from None
    except Exception as error:  # nbformat lets through whatever JSON, Unicode and its own checks raise
        raise NotebookError(f"{path.name} is not a notebook that can be read: {_first_line(error)}") from None


def settings(
    notebook: Any,
    *,
    source: str | Path | None,
    start: str | datetime | None,
    end: str | datetime | None,
    tz: str,
    cache: str | Path | bool | None,
    fields: str | Sequence[str] | None,
    assign: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return the parameters to give to a notebook, as plain values: those of `flowkit.load`, and `more`.

    What was not given is set too, where the notebook has the name: the default it has for its own sample must not
    reach other logs. A value for a name that the cell tagged `parameters` does not set is a `NotebookError`.
    """
    known = _assignments(parameter_cell(notebook).source).keys()
    values: dict[str, object] = {
        "source": None if source is None else str(source),
        "start": start.isoformat() if isinstance(start, datetime) else start,
        "end": end.isoformat() if isinstance(end, datetime) else end,
        "tz": tz,
        "cache": str(cache) if isinstance(cache, Path) else cache,
        "fields": fields if fields is None or isinstance(fields, str) else list(fields),
        "assign": dict(assign) if assign else None,
    }
    given = {name: value for name, value in values.items() if name in known or value not in (None, "UTC")}
    given |= more or {}
    for name in given:
        if name not in known:
            raise NotebookError(
                f"the notebook has no parameter {name!r}: its cell tagged 'parameters' sets {', '.join(sorted(known))}"
            )
    return given


def code_cell(source: str, name: str) -> Any:
    """Return a new code cell with `name` as its id, so that it is the same in every run."""
    from nbformat.v4 import new_code_cell

    return new_code_cell(source, id=name)


def numbered(notebook: Any) -> Iterator[tuple[int, int, Any]]:
    """Give (place among all cells, number among the code cells, cell) of each code cell.

    The number is the one in the notebook's file: a cell that was put in has the number of the one before it.
    """
    number = 0
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            number += not str(cell.get("id")).startswith(OURS)
            yield place, number, cell


def text(notebook: Any) -> str:
    """Return a notebook as it stands in a file."""
    import nbformat

    return str(nbformat.writes(notebook))


def inject(notebook: Any, values: Mapping[str, object]) -> None:
    """Put a cell that sets `values` right after the cell tagged `parameters`."""
    place = notebook.cells.index(parameter_cell(notebook)) + 1
    source = "\n".join(f"{name} = {literal(values[name], name)}" for name in sorted(values))
    notebook.cells.insert(place, code_cell(source, f"{OURS}parameters"))


def fill(notebook: Any, values: Mapping[str, object]) -> None:
    """Write `values` into the cell tagged `parameters` itself, in place of its defaults; comments stay."""
    cell = parameter_cell(notebook)
    nodes = _assignments(cell.source)
    lines = cell.source.encode().splitlines(keepends=True)
    # From the last to the first, so that a replacement does not move those still to come.
    for name in sorted(values, key=lambda name: _place(nodes[name]), reverse=True):
        node, text = nodes[name], literal(values[name], name).encode()
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        lines[first : last + 1] = [lines[first][: node.col_offset] + text + lines[last][node.end_col_offset :]]
    cell.source = b"".join(lines).decode()


def parameter_cell(notebook: Any) -> Any:
    """Return the one code cell tagged `parameters`; `NotebookError` when there is none."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and PARAMETERS in cell.metadata.get("tags", []):
            return cell
    raise NotebookError("the notebook has no code cell tagged 'parameters', so it cannot be told what to read: tag one")


def literal(value: object, name: str) -> str:
    r"""Return a plain value as Python source that gives it back, and nothing that runs.

    >>> literal('logs"; import os; "', "source")
    '\'logs"; import os; "\''
    >>> literal(open, "source")
    Traceback (most recent call last):
    flowkit.errors.NotebookError: parameter 'source' is a builtin_function_or_method: only text, numbers, True, ...
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise NotebookError(f"{name!r} cannot be a parameter: it is not a Python name")
    if not _plain(value):
        raise NotebookError(
            f"parameter {name!r} is a {type(value).__name__}: only text, numbers, True, False, None "
            "and lists or dicts of them can be handed to a notebook"
        )
    return repr(value)


def _plain(value: object) -> bool:
    if type(value) in (list, tuple):
        return all(_plain(item) for item in value)  # type: ignore[attr-defined]
    if type(value) is dict:
        return all(_plain(item) for pair in value.items() for item in pair)
    return value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value))


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _assignments(source: str) -> dict[str, ast.expr]:
    """Return the value of each `name = value` in the source of a parameters cell."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        raise NotebookError("the notebook's cell tagged 'parameters' is not plain Python assignments") from None
    pairs: dict[str, ast.expr] = {}
    for line in body:
        if isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
            pairs[line.targets[0].id] = line.value
        elif isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value:
            pairs[line.target.id] = line.value
    return pairs


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
