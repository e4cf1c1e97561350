"""The charts in Chromium: as wide as a phone, quiet, and deaf to what the logs hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tables import (
    HOSTILE,
    cadence_table,
    clusters_table,
    coverage_table,
    health_table,
    peers_table,
    rejected_table,
    size_clusters_table,
    sizes_table,
    timeline_table,
)

from flowkit import charts
from flowkit.charts import Figure
from flowkit.reporting.vega import bundle, safe_json

pytestmark = pytest.mark.browser

DRAW = """
Promise.all([...document.querySelectorAll('div')].map(place => vegaEmbed(place,
    JSON.parse(place.nextElementSibling.textContent), {actions: false, ast: true, renderer: 'svg'}))
).then(() => { document.title = 'drawn' }, problem => { document.title = String(problem) })
"""


def hostile_figures() -> list[Figure]:
    return [
        charts.timeline(timeline_table(HOSTILE, "http://203.0.113.9/x.png", column="image")),
        charts.timeline(timeline_table(*(f"198.51.100.{n} {HOSTILE}" for n in range(12)), column="a.b[0]")),
        charts.sizes(sizes_table("image", HOSTILE)),
        charts.peers(peers_table("title", HOSTILE)),
        charts.rejected(rejected_table("image", HOSTILE)),
        charts.coverage(coverage_table(HOSTILE)),
        charts.cadence(cadence_table(HOSTILE)),
        charts.size_clusters(size_clusters_table(HOSTILE)),
        charts.sizes(sizes_table(), clusters=clusters_table(HOSTILE)),
        charts.target_health(health_table(HOSTILE)),
        charts.timeline(timeline_table().clear()),
    ]


def write_page(path: Path, figures: list[Figure]) -> Path:
    place = '<div style="width: 100%"></div><script type="application/json">{}</script>'
    body = "".join(place.format(safe_json(figure.spec)) for figure in figures)
    path.write_text(
        f"<!doctype html><meta charset=utf-8>{body}<script>{bundle()}</script><script>{DRAW}</script>", "utf-8"
    )
    return path


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_fit_their_place_and_nothing_in_them_runs_or_leaves(
    tmp_path: Path, open_page: Callable[..., Any], width: int, scheme: str
) -> None:
    """Every mark is hovered, because a tooltip is the one place where a chart makes HTML."""
    watched = open_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page: Any = watched.page
    page.goto(write_page(tmp_path / "page.html", hostile_figures()).as_uri())
    page.wait_for_function("document.title !== ''")
    assert page.title() == "drawn"
    said = set()
    for mark in page.query_selector_all("svg.marks path[aria-roledescription]"):
        mark.hover(force=True)
        said.add(page.locator("#vg-tooltip-element").inner_text())
    assert sum("</script>" in text for text in said) > 5
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.querySelectorAll('svg.marks')].length") == len(hostile_figures())
    assert page.evaluate("window.PWNED") is None
    assert (watched.outside, watched.errors) == ([], [])


def test_no_words_of_a_chart_are_cut_off(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    """On a phone, with a legend that needs several lines and a title that needs two."""
    busy = charts.timeline(timeline_table(*(f"198.51.100.{n}" for n in range(12)), column="srcaddr"), tz="Asia/Tokyo")
    sized = [charts.sizes(sizes_table(), clusters=clusters_table()), charts.size_clusters(size_clusters_table())]
    page: Any = open_page(viewport={"width": 400, "height": 900}).page
    page.goto(write_page(tmp_path / "page.html", [busy, charts.target_health(health_table()), *sized]).as_uri())
    page.wait_for_function("document.title === 'drawn'")
    outside = """[...document.querySelectorAll('svg.marks')].flatMap(svg => {
        const frame = svg.getBoundingClientRect();
        return [...svg.querySelectorAll('text')].filter(text => text.textContent).filter(text => {
            const box = text.getBoundingClientRect();
            return box.top < frame.top || box.bottom > frame.bottom || box.left < frame.left || box.right > frame.right;
        }).map(text => text.textContent);
    })"""
    assert page.evaluate(outside) == []
