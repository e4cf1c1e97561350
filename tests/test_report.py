"""The report: a notebook in, one page out."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from flowkit.errors import FlowkitError, MissingExtraError, NotebookError, SourceError, TimeError
from flowkit.reporting import report, vega
from flowkit.reporting.frames import TABLE, table
from flowkit.reporting.lab import command, open_lab, prepare
from flowkit.reporting.notebook import fill, literal, read, shipped
from flowkit.reporting.outputs import CHART, parts
from flowkit.reporting.page import to_html
from flowkit.reporting.prose import Prose

DEFAULTS = (
    'source = "sample"  # where the logs are\nstart = None\nend = None\ntz = "UTC"\ncache = None\ntop = 5  # rows'
)
EVIL = "</script><script>window.PWNED=1</script>"
SPEC = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "data": {"values": [{"peer": EVIL, "bytes": 12}]},
    "mark": "bar",
    "encoding": {"x": {"field": "bytes", "type": "quantitative"}, "y": {"field": "peer", "type": "nominal"}},
}


def book(*cells: Any, tagged: bool = True) -> Any:
    title = new_markdown_cell("# What *happened*", id="title")
    first = new_code_cell(DEFAULTS, id="defaults", metadata={"tags": ["parameters"]} if tagged else {})
    return new_notebook(
        cells=[title, first, *(new_code_cell(c, id=f"c{i}") if isinstance(c, str) else c for i, c in enumerate(cells))]
    )


def saved(folder: Path, *cells: Any, name: str = "small.ipynb", tagged: bool = True) -> Path:
    nbformat.write(book(*cells, tagged=tagged), folder / name)
    return folder / name


def shown(data: Mapping[str, Any], name: str = "shown") -> Any:
    """A code cell that has displayed `data`."""
    return new_code_cell("show()", id=name, outputs=[new_output("display_data", data=dict(data))])


def page_of(*cells: Any) -> str:
    return to_html(new_notebook(cells=list(cells)), {"Made from": "logs"})


class Texts(HTMLParser):
    """The elements of a page and the text a person sees in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data


class TestRunning:
    def test_the_page_tells_what_it_was_made_from_and_no_path_of_this_machine(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "logs.txt").write_text("2 lines")
        saved(tmp_path, "open(source).read()")
        made = report("small.ipynb", "out/page.html", source="logs.txt", start="2026-05-14 23:00", tz="Asia/Tokyo")
        html = made.read_text("utf-8")
        text = Texts(html).text
        assert made == Path("out/page.html")
        assert "<title>What happened</title>" in html
        assert "2 lines" in text, "a relative source is read from the working directory"
        assert re.search(r"Made from\s*logs.txt", text)
        assert re.search(r"Window\s*2026-05-14 23:00 to the last record", text)
        assert "Asia/Tokyo (UTC+9)" in text
        assert "small.ipynb" in text
        assert str(tmp_path) not in html

    def test_parameters_reach_the_notebook_and_those_not_given_are_none(self, tmp_path: Path) -> None:
        path = saved(tmp_path, "print(source, start, end, tz, cache, top)")
        made = report(path, tmp_path / "p.html", source="s3://b/k", end="2026-05-14", parameters={"top": 9})
        assert "s3://b/k None 2026-05-14 UTC None 9" in Texts(made.read_text("utf-8")).text

    def test_a_hostile_parameter_is_a_text_in_the_notebook_and_in_the_page(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        source = f"x'); open('pwned', 'w')\n\"{EVIL}"
        made = report(saved(tmp_path, "print(len(source))"), tmp_path / "p.html", source=source)
        html = made.read_text("utf-8")
        assert not (tmp_path / "pwned").exists()
        assert str(len(source)) in Texts(html).text
        assert EVIL not in html
        assert EVIL in Texts(html).text

    def test_a_failing_cell_is_named_by_its_number_with_the_last_line_of_its_error(self, tmp_path: Path) -> None:
        path = saved(tmp_path, "a = 1", "raise ValueError('first\\nlast')")
        with pytest.raises(NotebookError, match=r"^code cell 3 of the notebook failed: ValueError: last$"):
            report(path, tmp_path / "p.html", source="x")
        assert not (tmp_path / "p.html").exists()

    def test_an_error_of_flowkit_in_a_cell_speaks_for_itself(self, tmp_path: Path) -> None:
        path = saved(tmp_path, "from flowkit.errors import SourceError\nraise SourceError('nothing lies in x')")
        with pytest.raises(SourceError, match=r"^nothing lies in x$"):
            report(path, tmp_path / "p.html", source="x")

    def test_a_kernel_that_dies_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(NotebookError, match="Python died in code cell 2"):
            report(saved(tmp_path, "import os; os._exit(9)"), tmp_path / "p.html", source="x")

    def test_two_processes_write_the_same_bytes(self, tmp_path: Path) -> None:
        path = saved(tmp_path, "print({'a', 'b', 'c', 'd', 'e'}, object())", "object()")
        run = "import sys; from flowkit.reporting import report; report(*sys.argv[1:], source='x')"
        for seed in "12":
            arguments = [sys.executable, "-c", run, str(path), str(tmp_path / f"{seed}.html")]
            subprocess.run(arguments, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()

    def test_a_module_that_lies_beside_the_logs_is_not_imported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "planted.py").write_text("")
        path = saved(tmp_path, "import importlib.util\nprint('found', importlib.util.find_spec('planted'))")
        assert "found None" in report(path, "p.html", source="x").read_text("utf-8")

    def test_it_runs_inside_a_running_event_loop_as_in_a_notebook(self, tmp_path: Path) -> None:
        async def cell() -> Path:
            return report(saved(tmp_path, "print(6 * 7)"), tmp_path / "p.html", source="x")

        # In a thread: other tests may have left a loop of their own in this one.
        with ThreadPoolExecutor(1) as pool:
            page = pool.submit(asyncio.run, cell()).result()
        assert "42" in Texts(page.read_text("utf-8")).text

    def test_progress_is_called_after_each_cell(self, tmp_path: Path) -> None:
        seen: list[tuple[int, int]] = []
        report(saved(tmp_path, "1"), tmp_path / "p.html", source="x", progress=lambda *pair: seen.append(pair))
        assert seen == [(1, 3), (2, 3), (3, 3)]

    def test_a_table_is_shown_whole_and_without_quotes(self, tmp_path: Path) -> None:
        path = saved(tmp_path, "import polars as pl\npl.DataFrame({'peer': ['p' * 60] * 40})")
        text = Texts(report(path, tmp_path / "p.html", source="x").read_text("utf-8")).text
        assert text.count("p" * 60) == 40
        assert '"p' not in text

    def test_a_chart_made_by_hand_is_drawn_by_the_page(self, tmp_path: Path) -> None:
        path = saved(tmp_path, f"import altair as alt\nalt.Chart.from_dict({SPEC!r})")
        made = report(path, tmp_path / "p.html", source="x").read_text("utf-8")
        assert [tag for tag, at in Texts(made).tags if at.get("class") == "plot"] == ["div"]


class TestRefusing:
    def test_a_notebook_without_a_parameters_cell(self, tmp_path: Path) -> None:
        with pytest.raises(NotebookError, match="no code cell tagged 'parameters'"):
            report(saved(tmp_path, tagged=False), tmp_path / "p.html", source="x")

    def test_a_parameter_the_notebook_does_not_take(self, tmp_path: Path) -> None:
        with pytest.raises(NotebookError, match=r"no parameter 'topp': .* sets cache, end, source, start, top, tz"):
            report(saved(tmp_path), tmp_path / "p.html", source="x", parameters={"topp": 1})
        with pytest.raises(NotebookError, match="no parameter 'fields'"):
            report(saved(tmp_path), tmp_path / "p.html", source="x", fields="${version}")

    def test_a_notebook_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(NotebookError, match=r"no notebook 'incidant': give the path of an \.ipynb file, or one of"):
            report("incidant", tmp_path / "p.html", source="x")

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}', "\x00"])
    def test_a_file_that_is_no_notebook(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "n.ipynb").write_text(content)
        with pytest.raises(NotebookError):
            report(tmp_path / "n.ipynb", tmp_path / "p.html", source="x")

    def test_a_place_that_cannot_be_written_is_told_before_anything_runs(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        path = saved(tmp_path, "raise ValueError")
        with pytest.raises(FlowkitError, match="the report cannot be written to"):
            report(path, tmp_path / "file" / "p.html", source="x")
        with pytest.raises(FlowkitError, match="which is a folder: name a file in it"):
            report(path, tmp_path, source="x")

    def test_a_span_that_ends_before_it_starts(self, tmp_path: Path) -> None:
        with pytest.raises(TimeError, match="the span ends before it starts"):
            report(saved(tmp_path), tmp_path / "p.html", source="x", start="2026-05-15", end="2026-05-14")

    @pytest.mark.parametrize("value", [object(), {1: [open]}, float("nan"), b"x"])
    def test_a_parameter_that_is_not_plain(self, value: object) -> None:
        with pytest.raises(NotebookError, match="only text, numbers"):
            literal(value, "source")

    def test_a_parameter_name_that_is_code(self) -> None:
        with pytest.raises(NotebookError, match="not a Python name"):
            literal(1, "x = 1; y")


class TestPage:
    def test_a_chart_is_inert_data_with_its_words_and_numbers_beside_it(self) -> None:
        numbers = {"columns": ["peer", "bytes"], "rows": [[EVIL, 12], [None, 0.5]]}
        html = page_of(shown({CHART: {"spec": SPEC, "title": f"Top {EVIL}", "alt": f"Bars {EVIL}", "table": numbers}}))
        page = Texts(html)
        assert EVIL not in html
        assert page.text.count(EVIL) == 3, "title, alt text and table"
        assert [at["type"] for tag, at in page.tags if tag == "script" and at] == ["application/json"]
        assert re.search(r"12\s*–\s*0\.5", page.text)

    def test_charts_share_one_copy_of_the_javascript(self) -> None:
        chart = {CHART: {"spec": SPEC, "title": "One", "alt": "one"}}
        one, two = page_of(shown(chart)), page_of(shown(chart), shown(chart, "again"))
        assert 0 < len(two) - len(one) < 3_000
        assert len(two) < 1_000_000

    def test_only_the_scripts_of_the_page_may_run_and_nothing_may_be_fetched(self) -> None:
        page = Texts(page_of())
        (policy,) = [at["content"] for _, at in page.tags if at.get("http-equiv") == "Content-Security-Policy"]
        assert policy is not None
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        assert "unsafe-eval" not in policy
        assert not [
            at for _, at in page.tags if {"src", "href"} & at.keys() and not (at.get("href") or "").startswith("#")
        ]

    def test_a_table_tells_how_many_rows_it_leaves_out(self) -> None:
        frame = pl.DataFrame({"dstport": range(1200), "bytes": [1_234_567] * 1200})
        page = Texts(page_of(shown(table(frame))))
        assert [tag for tag, _ in page.tags].count("tr") == 501
        assert "The first 500 of 1,200 rows." in page.text
        assert re.search(r"499\s*1,234,567", page.text)
        assert "No rows." in Texts(page_of(shown(table(frame.clear())))).text

    def test_times_in_a_table_are_on_their_clock_and_the_clock_is_named(self) -> None:
        tokyo = pl.Series([1_778_767_200_000, None]).cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone("Asia/Tokyo")
        (shown_table,) = table(pl.DataFrame({"start": tokyo, "peers": [["a"], None]})).values()
        assert shown_table["columns"] == ["start, Asia/Tokyo (UTC+9)", "peers"]
        assert [row[0] for row in shown_table["rows"]] == ["2026-05-14 23:00:00", None]

    def test_html_keeps_tables_and_notes_and_nothing_that_acts(self) -> None:
        html = (
            '<style>td{x}</style><table onclick="x"><tr><td class="number evil" style="top:0">7</td></tr></table>'
            '<p class="note">see <a href="javascript:x">this</a></p><img src=x onerror=x><iframe src=x></iframe>'
            "<form><input></form><svg><script>x</script></svg><script>x</script><div id=fk-main>y</div>"
        )
        (part,) = parts([{"output_type": "display_data", "data": {"text/html": html}}])
        assert part.body == (
            '<div class="scroll" tabindex="0" role="group" aria-label="Table">'
            '<table><tbody><tr><td class="number">7</td></tr></tbody></table></div>'
            '<p class="note">see this</p><div>y</div>'
        )

    def test_widgets_and_standard_error_leave_nothing(self) -> None:
        widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "IntSlider(value=0)"}
        noise = {"output_type": "stream", "name": "stderr", "text": "/home/me/x.py:3: Warning"}
        assert parts([{"output_type": "display_data", "data": widget}, noise]) == []

    def test_prints_are_in_view_and_plain(self) -> None:
        (part,) = parts([{"output_type": "stream", "name": "stdout", "text": "\x1b[1m10 %\r\x1b[0m100 %\n"}])
        assert (part.kind, part.body) == ("printed", "100 %")

    def test_headings_are_listed_and_can_be_jumped_to(self) -> None:
        page = Texts(
            page_of(new_markdown_cell("# Title\n# Peers", id="a"), new_markdown_cell("## Peers\n[up](#Peers)", id="b"))
        )
        ids = [at["id"] for tag, at in page.tags if tag == "h2"]
        assert ids == ["Peers", "Peers-2"]
        assert [at["href"] for tag, at in page.tags if tag == "a"] == ["#fk-main", "#Peers", "#Peers-2", "#Peers"]
        assert [tag for tag, _ in page.tags].count("h1") == 1

    def test_every_id_of_the_page_is_its_own(self) -> None:
        data = {CHART: {"spec": SPEC, "title": "A", "alt": "a", "table": {"columns": ["x"], "rows": [[1]]}}}
        ids = [
            at["id"]
            for _, at in Texts(page_of(shown(data), shown(data, "again"), new_markdown_cell("## A\n## A", id="m"))).tags
            if "id" in at
        ]
        assert len(ids) == len(set(ids)) == 5

    def test_markdown_shows_html_as_text_and_leaves_no_way_out(self) -> None:
        html = Prose().cell("<b onclick=x>\n\n![map](http://a/b.png) [x](http://c) <http://d> [y](data:text/html,z)")
        assert "<b" not in html
        assert "<img" not in html
        assert "<a" not in html
        assert "map x (http://c) http://d" in html

    def test_code_is_folded_and_escaped(self) -> None:
        html = page_of(new_code_cell("print('<b>')", id="c"))
        assert "<code>print(&#39;&lt;b&gt;&#39;)</code>" in html
        assert [at for tag, at in Texts(html).tags if tag == "details"] == [{"class": "code"}]

    def test_a_text_that_is_not_unicode_does_not_stop_the_page(self, tmp_path: Path) -> None:
        path = saved(tmp_path, "print('a\\udc80b')")
        assert report(path, tmp_path / "p.html", source="x").stat().st_size > 0


class TestBundle:
    def test_a_broken_copy_on_disk_is_made_anew(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
        whole = vega.bundle()
        (kept,) = tmp_path.iterdir()
        kept.write_text(kept.read_text("utf-8")[:-1], "utf-8")
        assert vega.bundle() == whole
        assert kept.read_text("utf-8").endswith(whole)

    def test_it_can_stand_inside_a_script_element(self) -> None:
        assert "</script" not in vega.bundle().lower()


class TestLab:
    def test_parameters_are_filled_into_the_tagged_cell_and_its_comments_stay(self, tmp_path: Path) -> None:
        made = prepare(
            "s3://b/k", tmp_path / "case", notebook=saved(tmp_path), start="2026-05-14 23:00", tz="Asia/Tokyo"
        )
        assert read(made).cells[1].source == (
            "source = 's3://b/k'  # where the logs are\nstart = '2026-05-14 23:00'\nend = None\n"
            "tz = 'Asia/Tokyo'\ncache = None\ntop = 5  # rows"
        )

    def test_a_default_that_spans_lines_is_replaced_whole(self) -> None:
        notebook = book()
        notebook.cells[1].source = 'source = "a é" + \\\n    "b"  # the logs\ntz: str = "é"; top = 3'
        fill(notebook, {"source": "C:\\new\\logs", "tz": "Europe/Paris", "top": 12})
        assert (
            notebook.cells[1].source == "source = 'C:\\\\new\\\\logs'  # the logs\ntz: str = 'Europe/Paris'; top = 12"
        )

    def test_a_local_source_is_found_from_the_case_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        made = prepare("logs/**/*.gz", "case", notebook=saved(tmp_path))
        assert read(made).cells[1].source.startswith(f"source = {str(tmp_path / 'logs/**/*.gz')!r}")

    def test_a_notebook_that_is_there_is_never_written_over(self, tmp_path: Path) -> None:
        path, case = saved(tmp_path), tmp_path / "case"
        first = prepare("s3://a", case, notebook=path)
        assert prepare("s3://a", case, notebook=path) == first
        first.write_text("my notes")
        assert prepare("s3://a", case, notebook=path).name == "small-2.ipynb"
        assert prepare("s3://b", case, notebook=path).name == "small-3.ipynb"
        assert first.read_text() == "my notes"

    def test_a_case_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "case").write_text("")
        with pytest.raises(FlowkitError, match=r"the case folder .* cannot be written"):
            prepare("x", tmp_path / "case", notebook=saved(tmp_path))

    def test_jupyterlab_stays_on_this_machine_and_asks_no_one(self) -> None:
        started = command("case/incident.ipynb", browser=False)
        assert started[0] == sys.executable
        assert "--ServerApp.ip=127.0.0.1" in started
        assert "--LabApp.news_url=None" in started
        assert "--no-browser" in started

    def test_without_jupyterlab_the_line_that_installs_it_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "jupyterlab", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'flowkit\[lab\]'"):
            open_lab("x.ipynb")


def test_the_notebooks_flowkit_brings_take_parameters_and_hold_no_outputs() -> None:
    assert list(shipped()) == ["aws", "health_checks", "incident"]
    for path in shipped().values():
        notebook = read(path)
        fill(notebook, {"source": "x"})
        assert not any(cell.get("outputs") for cell in notebook.cells)


def test_the_sample_gives_the_same_bytes_twice_and_names_no_path_but_the_one_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = shipped()["incident"].parents[1]
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    pages = [
        report("incident", tmp_path / name, source="data/samples/incident", tz="Asia/Tokyo").read_bytes()
        for name in ("first.html", "second.html")  # The second is made from what the first one kept.
    ]
    assert pages[0] == pages[1]
    assert not [place for place in (root, tmp_path) if str(place).encode() in pages[1]]
    assert b"data/samples/incident" in pages[0]


def test_a_table_across_a_clock_change_gives_each_time_its_own_offset() -> None:
    """Paris goes back an hour at 01:00 UTC: 02:59 comes before 02:01, and only the offsets tell."""
    times = [datetime(2026, 10, 25, 0, 59, tzinfo=UTC), datetime(2026, 10, 25, 1, 1, tzinfo=UTC)]
    frame = pl.DataFrame({"start": times}).with_columns(pl.col("start").dt.convert_time_zone("Europe/Paris"))
    shown = table(frame)[TABLE]
    assert shown["columns"] == ["start, Europe/Paris"]
    assert shown["rows"] == [["2026-10-25 02:59:00 +0200"], ["2026-10-25 02:01:00 +0100"]]
