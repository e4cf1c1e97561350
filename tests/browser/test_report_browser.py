"""The report in Chromium: drawn, quiet, offline, readable at any width, and deaf to what the logs hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from flowkit.bundled import samples
from flowkit.reporting import report
from flowkit.reporting.outputs import CHART
from flowkit.reporting.page import to_html

pytestmark = pytest.mark.browser

HOSTILE = [
    "</script><script>window.PWNED=1</script>",
    '<img src=x onerror="window.PWNED=1">',
    "javascript:window.PWNED=1",
    "=cmd|'/C calc'!A0",
    "two\nlines",
    "datum.x');window.PWNED=1;('",
    "<svg/onload=window.PWNED=1>",
]
ROWS = [{"peer": peer, "bytes": 1000 * (i + 1)} for i, peer in enumerate(HOSTILE)]
MINUTES = [{"time": 1_778_767_200_000 + 60_000 * m, "flows": m * 7 % 23, "kind": HOSTILE[m % 2]} for m in range(90)]
BARS: dict[str, Any] = {
    "data": {"values": ROWS},
    "mark": {"type": "bar", "tooltip": True},
    "encoding": {
        "x": {"field": "bytes", "type": "quantitative"},
        "y": {"field": "peer", "type": "nominal"},
        "href": {"field": "peer"},
        "tooltip": [{"field": "peer"}, {"field": "bytes"}],
    },
}
LINES: dict[str, Any] = {
    "data": {"values": MINUTES},
    "mark": "line",
    "params": [{"name": "zoom", "select": "interval", "bind": "scales"}],
    "encoding": {
        "x": {"field": "time", "type": "temporal", "scale": {"type": "utc"}},
        "y": {"field": "flows", "type": "quantitative"},
        "color": {"field": "kind", "type": "nominal"},
    },
}
SPECS: dict[str, dict[str, Any]] = {
    "bars": BARS,
    "lines": LINES,
    "stacked": {"vconcat": [{**LINES, "height": 80}, BARS]},
    "side by side": {"hconcat": [BARS, BARS]},
    "rows": {
        "data": LINES["data"],
        "facet": {"row": {"field": "kind"}},
        "spec": {"mark": "bar", "encoding": LINES["encoding"]},
    },
}


def chart(name: str, spec: dict[str, Any]) -> Any:
    schema = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json"}
    table = {"columns": ["peer", "bytes"], "rows": [[row["peer"], row["bytes"]] for row in ROWS]}
    shown = {CHART: {"spec": {**schema, **spec}, "title": f"{name} {HOSTILE[0]}", "alt": HOSTILE[1], "table": table}}
    return new_code_cell("show", id=name.replace(" ", "-"), outputs=[new_output("display_data", data=shown)])


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a report in which every field and every word is an attack."""
    words = new_markdown_cell(
        "# Report\n\n" + "\n\n".join(f"## {text}\n\n{text}\n\n[x]({text})" for text in HOSTILE), id="m"
    )
    raw = [{"text/html": f"<table><tr><td>{t}</td></tr></table>"} for t in HOSTILE] + [
        {"text/markdown": t} for t in HOSTILE
    ]
    outputs = [new_output("display_data", data=data) for data in [*raw, *({"text/plain": t} for t in HOSTILE)]]
    cells = [words, new_code_cell("\n".join(HOSTILE), id="c", outputs=outputs)]
    cells += [chart(name, spec) for name, spec in SPECS.items()]
    path = tmp_path_factory.mktemp("report") / "hostile.html"
    path.write_text(to_html(new_notebook(cells=cells), dict(zip("abcdefg", HOSTILE, strict=True))), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def sample_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the incident."""
    folder = tmp_path_factory.mktemp("sample")
    return report("incident", folder / "page.html", source=samples("incident"), cache=str(folder / "cache"))


HOSTILE_LOG = """\
version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
2 1 </script><script>window.PWNED=1</script> <img/src=x/onerror=window.PWNED=1> 10.0.0.1 1 80 6 3 200 {0} {1} REJECT OK
2 <svg/onload=window.PWNED=1> =cmd|'/C/calc'!A0 javascript:window.PWNED=1 10.0.0.1 1 80 6 3 5000 {0} {1} REJECT OK
2 1 eni-0 "');window.PWNED=1;(' ../../etc/passwd 1 80 6 3 900 {0} {1} </style><script>window.PWNED=1</script> OK
"""


def visit(page: Any, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-charts=drawn]")


@pytest.mark.parametrize(("width", "scheme"), [(1600, "light"), (1400, "dark"), (800, "light"), (360, "dark")])
def test_every_chart_is_drawn_and_fits_without_a_request_or_an_error(
    open_page: Callable[..., Any], hostile_report: str, width: int, scheme: str
) -> None:
    watched = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = watched.page
    visit(page, hostile_report)
    assert page.locator(".plot[data-drawn=yes] svg").count() == len(SPECS)
    assert watched.outside == []
    assert watched.errors == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    wide = "[...document.querySelectorAll('.plot')].filter(plot => plot.scrollWidth > plot.clientWidth + 1).length"
    assert page.evaluate(wide) == 0


def test_nothing_in_a_hostile_log_runs(blocked_page: Any, hostile_report: str) -> None:
    page = blocked_page.page
    visit(page, hostile_report)
    page.locator(".plot svg .mark-rect path").first.hover()
    page.wait_for_selector("#vg-tooltip-element.visible")
    for bar in page.locator(".plot svg .mark-rect path").all()[: len(HOSTILE)]:
        bar.click(force=True)
    page.wait_for_timeout(200)
    assert page.evaluate("window.PWNED") is None
    assert page.url == hostile_report, "a chart leads nowhere"
    assert page.locator("img, iframe, form:not(.vega-bindings), object, [onload], [onerror]").count() == 0
    assert page.locator("script").count() == len(SPECS) + 2
    assert page.locator("a:not([href^='#'])").count() == 0


def test_a_chart_is_laid_out_again_when_the_window_changes(blocked_page: Any, hostile_report: str) -> None:
    page = blocked_page.page
    visit(page, hostile_report)
    width = "document.querySelector('.plot svg').getBoundingClientRect().width"
    before = page.evaluate(width)
    page.set_viewport_size({"width": 500, "height": 900})
    page.wait_for_timeout(1000)
    assert before > 900
    assert 300 < page.evaluate(width) < 500


def test_without_javascript_each_chart_is_told_in_words_with_its_numbers(
    open_page: Callable[..., Any], hostile_report: str
) -> None:
    page = open_page(java_script_enabled=False).page
    page.goto(hostile_report)
    assert page.locator(".plot .alt").all_inner_texts() == [HOSTILE[1]] * len(SPECS)
    assert page.locator("noscript").inner_text().startswith("Charts need JavaScript")
    page.locator(".numbers summary").first.click()
    assert page.locator(".numbers td.number").first.inner_text() == "1,000"


def test_a_chart_that_cannot_be_drawn_leaves_its_words_and_opens_its_numbers(blocked_page: Any, tmp_path: Path) -> None:
    path = tmp_path / "broken.html"
    path.write_text(to_html(new_notebook(cells=[chart("broken", {"mark": "no such mark"})]), {}), "utf-8")
    visit(blocked_page.page, path.as_uri())
    assert blocked_page.page.locator(".plot .alt").inner_text() == HOSTILE[1]
    assert blocked_page.page.locator(".numbers td.number").first.is_visible()


def test_a_dark_desktop_still_prints_on_white(open_page: Callable[..., Any], hostile_report: str) -> None:
    page = open_page(color_scheme="dark").page
    visit(page, hostile_report)
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) == "rgb(20, 24, 29)"
    page.emulate_media(media="print")
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert page.locator("details.code").first.is_hidden()


def test_the_keyboard_reaches_the_report_its_charts_and_its_tables(blocked_page: Any, hostile_report: str) -> None:
    page = blocked_page.page
    visit(page, hostile_report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "fk-main"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.className || document.activeElement.tagName"))
    assert {"plot", "scroll", "SUMMARY"} <= {name.split()[0] for name in reached}


@pytest.mark.parametrize("notebook", ["incident", "health_checks"])
def test_a_sample_becomes_a_page_whose_charts_are_all_drawn(blocked_page: Any, tmp_path: Path, notebook: str) -> None:
    made = report(
        notebook, tmp_path / "page.html", source=samples("incident"), tz="Asia/Tokyo", cache=str(tmp_path / "c")
    )
    visit(blocked_page.page, made.as_uri())
    assert blocked_page.page.locator(".plot").count() >= 3
    assert blocked_page.page.locator(".plot:not([data-drawn=yes])").count() == 0
    assert blocked_page.outside == []
    assert blocked_page.errors == []
    assert made.stat().st_size < 3_000_000


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_axe_finds_nothing_to_object_to(
    open_page: Callable[..., Any], sample_page: Path, width: int, scheme: str
) -> None:
    """With everything unfolded; axe itself has to get past the page's policy, which lets no foreign script run."""
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True).page
    visit(page, sample_page.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    said = Axe().run(page).response
    assert [(found["id"], found["help"]) for found in said["violations"]] == []
    assert len(said["passes"]) > 30


CUT_OFF = """[...document.querySelectorAll('.scroll')].filter(box => box.checkVisibility()
    && box.scrollWidth > box.clientWidth + 1 && !box.previousElementSibling?.matches('.sideways:not([hidden])'))
    .map(box => box.innerText)"""


def test_on_a_phone_each_row_of_a_wide_table_is_a_block_and_nothing_is_out_of_view_unsaid(
    open_page: Callable[..., Any], sample_page: Path
) -> None:
    page = open_page(viewport={"width": 400, "height": 900}).page
    visit(page, sample_page.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    page.wait_for_timeout(50)
    assert page.evaluate(CUT_OFF) == []
    first = "document.querySelector('.stacked tbody tr').cells"
    named = page.evaluate(f"[...{first}].map(cell => getComputedStyle(cell, '::before').content)")
    assert named[:2] == ['"target"', '"state"']
    page.set_viewport_size({"width": 2400, "height": 900})
    page.wait_for_selector(".stacked", state="detached")


def test_on_paper_no_table_is_cut_off_and_the_words_for_a_colleague_are_there(
    open_page: Callable[..., Any], sample_page: Path
) -> None:
    page = open_page(viewport={"width": 680, "height": 980}).page
    visit(page, sample_page.as_uri())
    page.emulate_media(media="print")
    over = "[...document.querySelectorAll('table')].filter(t => t.getBoundingClientRect().right > innerWidth).length"
    assert page.evaluate(over) == 0
    assert "10.45.1.102:80 refused its health checks" in page.locator("pre.printed").inner_text()


def test_a_log_full_of_markup_stays_text_all_the_way_to_the_page(blocked_page: Any, tmp_path: Path) -> None:
    (tmp_path / "evil.log").write_text(HOSTILE_LOG.format(1_778_767_200, 1_778_767_260))
    made = report("incident", tmp_path / "page.html", source=tmp_path / "evil.log", cache=str(tmp_path / "cache"))
    page = blocked_page.page
    visit(page, made.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(part => part.setAttribute('open', ''))")
    assert page.get_by_text("<img/src=x/onerror=window.PWNED=1>").count() > 0
    assert page.evaluate("window.PWNED") is None
    assert page.locator("img, iframe, form:not(.vega-bindings), object, [onload], [onerror]").count() == 0
    assert blocked_page.outside == []
    assert blocked_page.errors == []
