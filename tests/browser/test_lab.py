"""The notebooks and the Explorer in a real JupyterLab, in Chromium, with no other host in reach."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from lab_server import Notebook, lab, open_notebook, write_notebook

import flowkit as fk
from flowkit.case import Case

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
HOSTILE = "</script><script>window.PWNED=1</script><img/src=x/onerror=window.PWNED=1>"
SCREEN = (
    "import flowkit as fk",
    "case = fk.load({source!r}, tz='Asia/Tokyo', cache='cache')",
    "screen = fk.Explorer(case)\nscreen",
)


@dataclass
class Desk:
    """A test's folder in JupyterLab, and the page it is looked at with."""

    address: str
    root: Path
    name: str
    watched: Any

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def page(self) -> Any:
        return self.watched.page

    def open(self, notebook: str) -> Notebook:
        return open_notebook(self.page, self.address, f"{self.name}/{notebook}")

    def explore(self, source: str) -> Notebook:
        """Open a notebook that shows the Explorer of a source, and run it."""
        write_notebook(self.folder / "screen.ipynb", *(cell.format(source=source) for cell in SCREEN))
        notebook = self.open("screen.ipynb")
        notebook.run_all()
        self.page.wait_for_selector("svg.marks")
        return notebook


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """One JupyterLab for all tests: its address and its folder."""
    folder = tmp_path_factory.mktemp("lab")
    with lab(folder) as address:
        yield address, folder


@pytest.fixture
def desk(server: tuple[str, Path], request: pytest.FixtureRequest, open_page: Callable[..., Any]) -> Iterator[Desk]:
    """A folder of the test's own in JupyterLab; at the end nothing was asked of any other host."""
    address, root = server
    desk = Desk(
        address, root, re.sub(r"\W+", "-", request.node.name), open_page(viewport={"width": 1400, "height": 1100})
    )
    desk.folder.mkdir()
    yield desk
    desk.page.evaluate("() => window.jupyterapp?.shell.currentWidget?.sessionContext.shutdown()")
    assert desk.watched.outside == []


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The incident, read in the test's own process."""
    return fk.load(fk.samples("incident"), tz="Asia/Tokyo", cache=tmp_path_factory.mktemp("cache"))


def count(notebook: Notebook) -> int:
    """Return how many flows the kernel says are on screen."""
    return int(notebook.ask("screen.flows.select(fk.load.__globals__['pl'].len()).collect().item()"))


def expected(case: Case, notebook: Notebook) -> int:
    """Return how many flows polars finds here in the time range that the panel says it shows, each hop once."""
    start, end = (datetime.fromisoformat(notebook.ask(f"screen.{name}.isoformat()")) for name in ("start", "end"))
    kept = case.flows.filter(pl.col("end") >= start, pl.col("start") < end, "once")
    return int(kept.select(pl.len()).collect().item())


def settled(notebook: Notebook, words: str) -> None:
    """Wait until the panel's own line tells that it shows what was asked for."""
    notebook.page.wait_for_function(
        "words => document.querySelector('[role=status]')?.textContent.includes(words)", arg=words, timeout=15_000
    )


def timeline(notebook: Notebook) -> tuple[float, float, float]:
    """Return where the timeline's bars begin, how wide they are in all, and a height in their middle, in pixels."""
    plot = (
        notebook.page.locator("svg.marks .mark-group.role-scope, svg.marks .role-scope")
        .first.locator("path.background")
        .first
    )
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    return box["x"], box["width"], box["y"] + box["height"] / 2


def test_brush_slider_and_text_box_choose_the_same_rows_that_polars_finds(desk: Desk, case: Case) -> None:
    notebook, page = desk.explore(fk.samples("incident")), desk.page
    settled(notebook, "01:04:51 to 2026-11-24 01:18:53")
    assert count(notebook) == expected(case, notebook) == 19658

    left, width, middle = timeline(notebook)
    page.mouse.move(left + width * 0.4, middle)
    page.mouse.down()
    page.mouse.move(left + width * 0.67, middle, steps=10)
    page.mouse.up()
    settled(notebook, "01:10:00 to 2026-11-24 01:14:00")
    assert count(notebook) == expected(case, notebook) == 5542

    left, width, middle = timeline(notebook)
    page.mouse.dblclick(left + width * 0.1, middle)
    settled(notebook, "01:04:51 to 2026-11-24 01:18:53")
    assert count(notebook) == 19658

    page.locator(".noUi-handle-lower").first.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    settled(notebook, "01:07:00 to 2026-11-24 01:18:53")
    assert count(notebook) == expected(case, notebook) == 16620

    box = page.get_by_label("to", exact=True)
    box.fill("2026-11-24 01:08")
    box.press("Enter")
    settled(notebook, "01:07:00 to 2026-11-24 01:08:00")
    assert count(notebook) == expected(case, notebook)
    assert desk.watched.errors == []


def test_every_knob_is_reached_and_turned_by_keyboard_alone(desk: Desk, case: Case) -> None:
    notebook, page = desk.explore(fk.samples("incident")), desk.page
    page.get_by_label("from", exact=True).focus()
    order = []
    for _ in range(12):
        order.append(page.evaluate(_FOCUSED))
        page.keyboard.press("Tab")
    assert list(dict.fromkeys(order))[:9] == [
        "from",
        "to",
        "kind",
        "action",
        "seen by",
        "measure",
        "by",
        "range",
        "top",
    ]
    page.get_by_label("kind", exact=True).focus()
    page.keyboard.press("Home")
    settled(notebook, f"{case.flows.filter('once', kind='service').select(pl.len()).collect().item():,} of 30,473")


def test_a_wrong_time_is_answered_in_the_panel(desk: Desk) -> None:
    desk.explore(fk.samples("incident"))
    box = desk.page.get_by_label("from", exact=True)
    box.fill("<img src=x onerror=window.PWNED=1>")
    box.press("Enter")
    desk.page.wait_for_selector("[role=alert]")
    assert "is not a time" in desk.page.locator("[role=alert]").inner_text()
    assert desk.page.evaluate("window.PWNED") is None


def test_a_choice_that_leaves_nothing_can_be_taken_back(desk: Desk) -> None:
    notebook = desk.explore(fk.samples("custom"))
    notebook.ask(
        "setattr(screen.controls.action, 'value', 'REJECT'), setattr(screen.controls.kind, 'value', ('service',))"
    )
    assert count(notebook) == 0
    desk.page.wait_for_function("document.querySelector('[role=status]').textContent.startsWith('0 of')")
    notebook.ask("setattr(screen.controls.action, 'value', '')")
    settled(notebook, f"{count(notebook):,} of")
    desk.page.wait_for_function("document.querySelectorAll('svg.marks path[aria-label]').length > 10")
    assert desk.watched.errors == []


def test_a_cluster_is_moved_by_keyboard_and_the_next_cell_has_it(desk: Desk, case: Case) -> None:
    panel = "panel = fk.SplitPanel(case)\npanel"
    write_notebook(desk.folder / "split.ipynb", *(c.format(source=fk.samples("incident")) for c in SCREEN[:2]), panel)
    notebook, page = desk.open("split.ipynb"), desk.page
    notebook.run_all()
    page.wait_for_selector("svg.marks")
    settled(notebook, "3,779 health checks")
    page.get_by_role("button", name="service").first.focus()
    page.keyboard.press("Enter")
    settled(notebook, "30,473 service · 1 decided by hand")
    page.wait_for_function("document.querySelector('svg.marks').textContent.includes('(decided by hand)')")
    assert "assign = {'port 80, payload 130 B': 'service'}" in page.locator(".jp-OutputArea pre").first.inner_text()
    assert notebook.ask("case.flows.filter(kind='health-check').collect().height") == "0"
    assert desk.watched.errors == []


@pytest.mark.parametrize("name", ["incident", "health_checks"])
def test_a_notebook_runs_and_draws_all_its_charts(name: str, desk: Desk) -> None:
    shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", desk.folder)
    desk.open(f"{name}.ipynb").run_all()
    code = [c.source for c in nbformat.read(desk.folder / f"{name}.ipynb", 4).cells if c.cell_type == "code"]
    charts = sum(any(word in source for word in ("fk.charts.", "fk.Explorer", "fk.SplitPanel")) for source in code)
    for output in desk.page.locator(".jp-Notebook .jp-Cell").all():
        output.scroll_into_view_if_needed()
    desk.page.wait_for_function(
        "n => document.querySelectorAll('svg.marks:has(.role-mark > *)').length === n", arg=charts, timeout=30_000
    )
    assert desk.watched.errors == []
    assert desk.page.locator(".Toastify__toast").all_inner_texts() == [], "nobody is asked about news, or anything else"


def test_a_hostile_log_runs_nothing_in_lab(desk: Desk) -> None:
    """The texts of the log hold a script; it stands in charts, tables, options and code, and never runs."""
    text = gzip.decompress(next(Path(fk.samples("incident")).rglob("*.log.gz")).read_bytes()).decode()
    header, *lines = text.splitlines()
    fields = [line.split() for line in lines[:400]]
    hostile = [" ".join([f[0], HOSTILE, HOSTILE, HOSTILE, *f[4:12], HOSTILE, f[13]]) for f in fields]
    (desk.folder / "hostile.log").write_text("\n".join([header, *lines[400:3000], *hostile]) + "\n")
    book = nbformat.read(ROOT / "notebooks" / "incident.ipynb", 4)
    parameters = next(cell for cell in book.cells if "parameters" in cell.metadata.get("tags", []))
    parameters.source += "\nsource, cache = 'hostile.log', 'cache'"
    nbformat.write(book, desk.folder / "hostile.ipynb")
    notebook = desk.open("hostile.ipynb")
    notebook.run_all()
    for control, value in {"by": "srcaddr", "action": HOSTILE, "vantage": HOSTILE}.items():
        notebook.ask(f"setattr(screen.controls.{control}, 'value', {value!r})")
    assert notebook.ask("screen.picture.flows") == "400"
    for cell in desk.page.locator(".jp-Notebook .jp-Cell").all():
        cell.scroll_into_view_if_needed()
    settled(notebook, "400 of")
    assert desk.page.evaluate("document.body.textContent").count(HOSTILE) > 2
    assert desk.page.evaluate("window.PWNED") is None


_FOCUSED = """() => {
    const box = document.activeElement.closest('.jupyter-widgets');
    return box?.querySelector('.widget-label')?.textContent ?? document.activeElement.tagName;
}"""
