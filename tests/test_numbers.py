"""One number has one value wherever a report says it: in the summary, a title, a label, a table, and in the shell."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import flowkit as fk
from flowkit.cli import main

TARGET = "10.45.1.102:80"
GROUP = {"name": "web", "port": 80, "healthy_threshold": 3, "unhealthy_threshold": 2}


class Page(HTMLParser):
    """The words of a page in one line, and its tables as rows of cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words = ""
        self.tables: list[list[list[str]]] = []
        self._cell = self._hidden = False
        self.feed(html)
        self.words = re.sub(r"\s+", " ", self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden = tag in ("script", "style")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables:
            self.tables[-1][-1].append("")
            self._cell = True

    def handle_endtag(self, tag: str) -> None:
        self._cell, self._hidden = self._cell and tag not in ("td", "th"), False

    def handle_data(self, data: str) -> None:
        self.words += "" if self._hidden else f"{data} "
        if self._cell:
            self.tables[-1][-1][-1] += data

    def table(self, *heads: str) -> list[dict[str, str]]:
        """Return the first table that has these columns."""
        rows = next(rows for rows in self.tables if rows and set(heads) <= set(rows[0]))
        return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    folder = tmp_path_factory.mktemp("report")
    known = {"target_groups": [GROUP]}
    made = fk.report(
        "incident", folder / "page.html", source=fk.samples("incident"), cache=folder / "cache", parameters=known
    )
    return Page(made.read_text("utf-8"))


def number(text: str, pattern: str) -> int:
    found = re.search(pattern, text)
    assert found, pattern
    return int(found[1].replace(",", ""))


def total(rows: list[dict[str, str]], column: str) -> int:
    return sum(int(row[column].replace(",", "")) for row in rows)


def test_the_failed_checks_are_as_many_in_the_summary_the_chart_and_both_tables(page: Page) -> None:
    states = [row for row in page.table("state", "checks", "failed") if row["target"] == TARGET]
    bins = [row for row in page.table("checker", "refused", "unreachable") if row["target"] == TARGET]
    summed = [number(page.words, rf"{state} \((\d+) checks") for state in (r"to \d\d:\d\d:\d\d", r"then .*? to [\d:]+")]
    failed, checks = (
        number(page.words, rf"{TARGET} · {what} checks failed") for what in (r"(\d+) of \d+", r"\d+ of (\d+)")
    )
    assert (
        sum(summed)
        == failed
        == total(states, "failed")
        == sum(total(bins, kind) for kind in ("refused", "unreachable"))
    )
    assert checks == total(states, "checks") == total(bins, "checks")
    assert number(page.words, rf"{TARGET} refused or left unanswered (\d+) of {checks} checks") == failed


def test_the_service_that_failed_is_as_much_in_the_summary_the_chart_and_the_table(page: Page) -> None:
    states = [row for row in page.table("state", "failed", "service flows failed") if row["target"] == TARGET]
    lost = number(page.words, rf"Clients felt it: (\d+) service flows to {TARGET} failed")
    assert lost == number(page.words, r"▲ (\d+) failed") == total(states, "service flows failed")


def test_a_target_is_out_when_the_summary_and_the_table_say_so(page: Page) -> None:
    out = [row for row in page.table("state", "failed") if row["target"] == TARGET]
    head = next(name for name in out[0] if name.startswith("taken out at"))
    (at,) = {row[head] for row in out} - {"–"}
    assert f"called {TARGET} unhealthy at {at}" in page.words


def test_flows_are_as_many_in_the_summary_the_case_the_charts_and_the_shell(
    page: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flows = number(page.words, r"Of ([\d,]+) flows")
    kinds = [number(page.words, rf"([\d,]+) are {kind}") for kind in ("health checks", "service", "uncertain")]
    assert flows == sum(kinds) == number(page.words, r"in the span ([\d,]+) flows")
    once = number(page.words, r"counted from one of them in the charts: ([\d,]+) flows")
    by_kind = {
        kind: number(page.words, rf"{kind} · ([\d,]+) flows") for kind in ("service", "health-check", "uncertain")
    }
    assert once == sum(by_kind.values())
    titles = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) flows from [\d:]+ to [\d:]+; at most", page.words)]
    assert {once - by_kind["health-check"], once} <= set(titles)
    assert main(["check", str(fk.samples("incident")), "--cache", str(tmp_path)]) == 0
    assert number(capsys.readouterr().out, r"in the span +([\d,]+) flows") == flows


def test_the_text_for_colleagues_is_the_summary(page: Page) -> None:
    assert len(re.findall(rf"{TARGET} refused its health checks from", page.words)) == 2
