"""An executed notebook as one HTML page that needs nothing else: no kernel, no network, no other file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flowkit.reporting.notebook import numbered
from flowkit.reporting.outputs import breakable, parts, written
from flowkit.reporting.prose import Prose
from flowkit.reporting.vega import bundle

_TEMPLATE = Path(__file__).parent / "template"


def to_html(notebook: Any, made_from: Mapping[str, str], *, name: str = "Report") -> str:
    """Return the page. `made_from` is shown at its head; `name` is its title when the notebook has no heading.

    The same notebook and facts give the same text, to the byte.
    """
    prose = Prose()
    cells = list(_cells(notebook, prose))
    script, style = _file("page.js"), _file("page.css")
    library = bundle()
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=prose.title or name,
            made_from=made_from,
            headings=[heading for heading in prose.headings if heading.level <= 3],
            cells=cells,
            policy=_policy(library, script),
            library=Markup(library),  # noqa: S704
            script=Markup(script),  # noqa: S704
            style=Markup(style),  # noqa: S704
        )
    )


def _cells(notebook: Any, prose: Prose) -> Iterator[dict[str, Any]]:
    numbers = {place: number for place, number, _ in numbered(notebook)}
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            yield {"prose": prose.cell(cell.source)}
        elif cell.cell_type == "code" and cell.source.strip():
            yield {"number": numbers[place], "source": cell.source.strip("\n"), "parts": parts(cell.outputs)}


def _policy(*scripts: str) -> str:
    """Return a content security policy under which these scripts run and nothing else does or is fetched."""
    allowed = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _file(name: str) -> str:
    return (_TEMPLATE / name).read_text("utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"written": written, "breakable": breakable}
    return environment
