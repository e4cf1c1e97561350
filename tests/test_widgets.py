"""The Explorer without a browser: controls are set as a hand sets them, and what is on screen is read as values."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from records import HEADER

import flowkit as fk
from flowkit.charts import Figure
from flowkit.errors import QuestionError, TimeError
from flowkit.widgets import Explorer

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
HOSTILE = (
    "</script><script>window.PWNED=1</script>' + __import__('os').abort() + \"\n<img src=x onerror=window.PWNED=1>"
)

# row: minute, kind, action, interface, once, source, bytes
ROWS = [
    (0, "service", "ACCEPT", "eni-a", True, "10.0.0.1", 100),
    (1, "service", "ACCEPT", "eni-b", False, "10.0.0.1", 100),
    (2, "health-check", "ACCEPT", "eni-a", True, "10.0.0.2", 60),
    (3, "service", "REJECT", "eni-b", False, "10.0.0.3", 40),
    (4, "uncertain", "ACCEPT", "eni-a", True, "10.0.0.2", 70),
    (5, None, None, None, None, None, None),
]


def flows(rows: list[tuple[Any, ...]] = ROWS) -> pl.LazyFrame:
    """Return a flow a row, each 50 s long, with its number as `srcport`."""
    names = ["minute", "kind", "action", "interface_id", "once", "srcaddr", "bytes"]
    schema = dict(zip(names, [pl.Int64, *[pl.String] * 3, pl.Boolean, pl.String, pl.Int64], strict=True))
    start = pl.lit(NOON).cast(pl.Datetime("ms", "UTC")) + pl.duration(minutes="minute")
    return (
        pl.LazyFrame(rows, schema=schema, orient="row")
        .with_row_index("srcport")
        .with_columns(start=start, end=start + timedelta(seconds=50), packets=pl.lit(2, pl.Int64))
        .with_columns(dstaddr=pl.lit("10.0.9.9"), dstport=pl.lit(80), protocol=pl.lit(6), srcport="srcport")
        .drop("minute")
    )


def shown(screen: Explorer) -> list[int]:
    """Return the numbers of the rows on screen, after the text of `code` has been found to give the same."""
    before, _, expression = screen.code.rpartition("\n\n")
    cell = {"flows": screen._all}
    exec(before, cell)
    pasted: pl.LazyFrame = eval(expression, cell)
    on_screen = screen.flows.select("srcport").collect().to_series().to_list()
    assert pasted.select("srcport").collect().to_series().to_list() == on_screen
    return on_screen


def brush(screen: Explorer, *times: datetime, drawn: int | None = None) -> None:
    """Say what the browser says when someone drags from the first to the second of the times, or double clicks."""
    value = {"time": [t.timestamp() * 1000 for t in times]} if times else {}
    said = {"brush": {"value": value, "store": []}}
    number = {"drawn": {"value": {"drawn": [drawn]}, "store": []}} if drawn is not None else {}
    screen.chart._vl_selections = {**said, **number}


def charted(screen: Explorer) -> dict[str, Any]:
    """Return the specification of the charts on screen."""
    return dict(screen.chart.spec)


@pytest.mark.parametrize(
    ("control", "value", "rows"),
    [
        ("vantage", "once", [0, 2, 3, 4]),
        ("vantage", "all", [0, 1, 2, 3, 4, 5]),
        ("vantage", "eni-b", [1, 3]),
        ("kind", ("service",), [0, 3]),
        ("kind", ("service", "uncertain"), [0, 3, 4]),
        ("kind", (), [0, 2, 3, 4]),
        ("action", "REJECT", [3]),
        ("start", "2026-05-14 12:02:30", [2, 3, 4]),
        ("end", "2026-05-14 12:02", [0]),
        ("start", "2026-05-14T14:03:00+02:00", [3, 4]),
        ("span", (NOON + timedelta(minutes=2), NOON + timedelta(minutes=4)), [2, 3]),
        ("by", "srcaddr", [0, 2, 3, 4]),
    ],
)
def test_a_control_chooses_the_rows_and_the_code_gives_the_same(control: str, value: object, rows: list[int]) -> None:
    screen = Explorer(flows())
    getattr(screen.controls, control).value = value
    assert shown(screen) == rows


def test_controls_add_up_to_one_filter_that_reads_like_typed_by_hand() -> None:
    screen = Explorer(flows(), tz="Asia/Tokyo")
    screen.controls.vantage.value = "eni-a"
    screen.controls.kind.value = ("health-check", "uncertain")
    screen.controls.start.value = "2026-05-14 21:02"
    screen.controls.end.value = "2026-05-14 21:04:30"
    assert screen.code == (
        "import polars as pl\n\nflows.filter(\n"
        '    pl.col("end") >= pl.datetime(2026, 5, 14, 12, 2, time_zone="UTC"),\n'
        '    pl.col("start") < pl.datetime(2026, 5, 14, 12, 4, 30, time_zone="UTC"),\n'
        "    pl.col(\"kind\").is_in(['health-check', 'uncertain']),\n"
        "    pl.col(\"interface_id\") == 'eni-a',\n"
        ")"
    )
    assert shown(screen) == [2, 4]


def test_dragging_over_the_timeline_sets_the_time_range_everywhere_and_a_double_click_takes_all() -> None:
    screen = Explorer(flows())
    brush(screen, NOON + timedelta(seconds=130), NOON + timedelta(seconds=230))
    assert (screen.start, screen.end) == (NOON + timedelta(minutes=2), NOON + timedelta(minutes=4))
    assert screen.controls.start.value == "2026-05-14 12:02:00"
    assert screen.controls.span.value == (NOON + timedelta(minutes=2), NOON + timedelta(minutes=4))
    assert shown(screen) == [2, 3]
    brush(screen)
    assert (screen.start, screen.end) == (NOON, NOON + timedelta(minutes=5, seconds=51))
    assert shown(screen) == [0, 2, 3, 4]


def test_a_brush_is_read_on_the_clock_it_was_drawn_with() -> None:
    """In Kathmandu it is 17:47 when it is 12:02 in UTC, and Vega tells the former as if it were UTC."""
    screen = Explorer(flows(), tz="Asia/Kathmandu")
    ahead = timedelta(hours=5, minutes=45)
    brush(screen, NOON + ahead + timedelta(minutes=2), NOON + ahead + timedelta(minutes=4))
    assert screen.start == NOON + timedelta(minutes=2)
    assert screen.controls.start.value == "2026-05-14 17:47:00"
    stands = next(p["value"]["x"] for p in charted(screen)["params"] if p["name"] == "brush")
    assert stands[0] == (NOON + ahead + timedelta(minutes=2)).timestamp() * 1000


def test_the_timeline_keeps_the_whole_span_and_the_other_charts_follow_the_brush() -> None:
    screen = Explorer(flows())
    brush(screen, NOON, NOON + timedelta(minutes=2))
    assert screen.picture.timeline.table["flows"].sum() == 4
    assert screen.picture.sizes.table["flows"].sum() == 1
    assert screen.picture.peers.table.select("srcaddr", "flows").rows() == [("10.0.0.1", 1)]
    assert screen.picture.flows == 1


def test_what_the_browser_says_of_an_earlier_picture_is_not_taken_for_a_hand() -> None:
    screen = Explorer(flows())
    brush(screen, NOON, NOON + timedelta(minutes=2), drawn=0)
    screen.controls.span.value = (NOON + timedelta(minutes=2), NOON + timedelta(minutes=4))
    brush(screen, drawn=0)
    assert shown(screen) == [2, 3]
    brush(screen, drawn=screen.picture.number)
    assert shown(screen) == [0, 2, 3, 4]


def test_dimension_measure_and_top_reach_the_charts() -> None:
    screen = Explorer(flows())
    screen.controls.by.value = "srcaddr"
    screen.controls.measure.value = "bytes"
    screen.controls.top.value = 3
    peers = screen.picture.peers.table
    assert peers.select("srcaddr", "bytes").rows() == [("10.0.0.2", 130), ("10.0.0.1", 100), ("10.0.0.3", 40)]
    assert "bytes" in screen.picture.timeline.title or "B in" in screen.picture.timeline.title
    assert set(screen.picture.timeline.table["srcaddr"]) == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}


@pytest.mark.parametrize(
    ("box", "typed", "sentence"),
    [
        ("start", "<img src=x onerror=alert(1)>", "from '<img src=x onerror=alert(1)>' is not a time"),
        ("start", "2026-05-15 12:00", "there are no flows then: they go from 2026-05-14 12:00:00 to"),
        ("end", "2026-05-14 11:00", "there are no flows then"),
        ("start", "25:10", "from '2026-05-14 25:10' is not a time"),
        ("start", "13:10", "there are no flows then"),
    ],
)
def test_a_time_that_cannot_be_is_answered_in_the_panel_and_changes_nothing(
    box: str, typed: str, sentence: str
) -> None:
    screen = Explorer(flows())
    getattr(screen.controls, box).value = typed
    assert 'role="alert"' in screen.note.value
    assert sentence.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#x27;") in screen.note.value
    assert "<img" not in screen.note.value
    assert shown(screen) == [0, 2, 3, 4]


@pytest.mark.parametrize(("typed", "rows"), [("12:03", [3, 4]), ("12:04:00", [4]), ("9:00", [0, 2, 3, 4])])
def test_a_time_of_day_will_do_where_its_day_is_plain(typed: str, rows: list[int]) -> None:
    screen = Explorer(flows())
    screen.controls.start.value = typed
    assert shown(screen) == rows


def test_a_time_of_day_that_comes_twice_is_asked_for_with_its_day() -> None:
    screen = Explorer(pl.concat([flows(), flows().with_columns(pl.col("start", "end") + timedelta(days=1))]))
    screen.controls.start.value = "12:03"
    assert "from &#x27;12:03&#x27; comes on 2 days: write it with its day" in screen.note.value


def test_the_whole_span_holds_every_row_whatever_the_fraction_of_its_last_second() -> None:
    screen = Explorer(flows().with_columns(pl.col("end") + timedelta(milliseconds=400)))
    screen.controls.start.value = "2026-05-14 12:01"
    screen.controls.start.value = "2026-05-14 12:00:00"
    assert shown(screen) == [0, 2, 3, 4]
    assert 'pl.col("end")' not in screen.code
    assert 'pl.col("start")' not in screen.code


def test_an_emptied_time_box_is_open_again() -> None:
    screen = Explorer(flows())
    screen.controls.start.value = "2026-05-14 12:03"
    screen.controls.start.value = ""
    assert screen.start == NOON
    assert screen.controls.start.value == "2026-05-14 12:00:00"


def test_a_choice_that_leaves_nothing_is_shown_as_nothing() -> None:
    screen = Explorer(flows())
    screen.controls.kind.value = ("health-check",)
    screen.controls.action.value = "REJECT"
    assert shown(screen) == []
    assert screen.note.value.startswith('<div role="status">0 of 6 flows')


def test_the_panel_says_that_it_counts_before_it_does() -> None:
    screen, said = Explorer(flows()), []
    screen.note.observe(lambda change: said.append(re.sub("<[^>]+>", "", change["new"])), "value")
    screen.controls.action.value = "REJECT"
    assert said == ["Counting …", "1 of 6 flows, 2026-05-14 12:00:00 to 2026-05-14 12:05:51 UTC"]


def test_a_source_that_has_gone_is_told_in_the_panel(tmp_path: Path) -> None:
    path = tmp_path / "flows.parquet"
    flows().collect().write_parquet(path)
    screen = Explorer(pl.scan_parquet(path))
    path.unlink()
    screen.controls.action.value = "REJECT"
    assert 'role="alert"' in screen.note.value
    assert "flows.parquet" in screen.note.value


def test_values_from_the_logs_are_only_ever_values() -> None:
    """A hostile field stands in options, filters and code as text; in the panel's own HTML it is escaped."""
    screen = Explorer(
        flows([(0, HOSTILE, HOSTILE, HOSTILE, True, HOSTILE, 10), (1, "service", "ACCEPT", "eni-a", True, "", 5)])
    )
    for control in ("kind", "action", "vantage"):
        value = (HOSTILE,) if control == "kind" else HOSTILE
        getattr(screen.controls, control).value = value
        assert shown(screen) == [0]
    screen.controls.by.value = "srcaddr"
    markup = [screen.note.value, screen.panel.children[-1].children[0].value]
    assert not any(re.search(r"<(?!/?(div|pre)\b)", text) for text in markup)


@pytest.mark.parametrize("other", [5, None, flows().collect()])
def test_what_is_no_case_is_refused_in_a_sentence(other: object) -> None:
    with pytest.raises(QuestionError, match="Explorer takes a case, or a LazyFrame of flows, not"):
        Explorer(other)  # type: ignore[arg-type]


def test_bare_flows_do_without_the_columns_of_a_case() -> None:
    screen = Explorer(flows().drop("kind", "once", "action", "interface_id"))
    assert screen.code == "flows"
    assert screen.controls.kind.layout.display == "none"
    assert screen.controls.vantage.options == (("every interface", "all"),)
    screen.controls.by.value = "dstport"
    assert shown(screen) == [0, 1, 2, 3, 4, 5]


def test_a_case_brings_its_zone_and_span(tmp_path: Path) -> None:
    case = fk.load(
        fk.samples("incident"), start="2026-11-24 01:06", end="2026-11-24 01:16", tz="Asia/Tokyo", cache=tmp_path
    )
    screen = fk.Explorer(case)
    assert screen.start == datetime(2026, 11, 23, 16, 6, tzinfo=UTC)
    assert screen.controls.end.value == "2026-11-24 01:16:00"
    assert "Asia/Tokyo (UTC+9)" in screen.note.value
    screen.controls.kind.value = ("health-check",)
    wanted = case.flows.filter(pl.col("kind") == "health-check", "once").select(pl.len())
    assert screen.flows.select(pl.len()).collect().equals(wanted.collect())


def test_where_no_kernel_stays_the_panel_leaves_its_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Explorer(flows())
    live = screen._repr_mimebundle_()
    assert set(live) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    monkeypatch.setattr(Figure, "live", False)
    still = screen._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" not in still
    assert still["application/vnd.flowkit.chart+json"]["title"] == screen.picture.timeline.title


def test_the_charts_ask_no_other_host_and_offer_no_way_to_one() -> None:
    screen = Explorer(flows())
    assert not re.search(r"(from|import)\s*['\"]https?:", screen.chart._esm)
    assert screen.chart.embed_options["actions"] is False


def test_flows_that_cannot_be_explored_are_refused_with_a_reason() -> None:
    with pytest.raises(QuestionError, match="the flows have no column 'end'"):
        Explorer(flows().drop("end"))
    with pytest.raises(QuestionError, match="there are no flows here"):
        Explorer(flows([]))
    with pytest.raises(TimeError, match="no time zone is called 'Tokio'"):
        Explorer(flows(), tz="Tokio")


# the panel of the split


@pytest.fixture
def split_case(tmp_path: Path) -> fk.Case:
    return fk.load(fk.samples("incident"), tz="Asia/Tokyo", cache=tmp_path / "cache")


def kinds(case: fk.Case) -> dict[str, int]:
    return dict(case.flows.group_by("kind").len().collect().iter_rows())


def test_a_click_moves_a_cluster_and_its_words_its_flows_its_picture_and_the_line_to_paste_follow(
    split_case: fk.Case,
) -> None:
    panel = fk.SplitPanel(split_case)
    before = kinds(split_case)
    assert "3,779 health checks" in panel.note.value
    panel.buttons["port 80, payload 130 B"].value = "service"
    assert kinds(split_case) == {"service": sum(before.values())}
    assert "30,473 service · 1 decided by hand" in panel.note.value
    assert panel.code == "assign = {'port 80, payload 130 B': 'service'}"
    assert panel.code in html.unescape(panel.panel.children[-1].value)
    said = panel._reasons["port 80, payload 130 B"].value
    assert "service (decided by hand); 837 flows to targets; the evidence says health-check" in said
    assert "health checks" not in panel.figure.alt
    assert panel.flows.filter(kind="health-check").collect().height == 0


def test_the_kind_that_the_evidence_has_takes_a_decision_back(split_case: fk.Case) -> None:
    before = kinds(split_case)
    panel = fk.SplitPanel(split_case)
    for kind in ("service", "uncertain", "health-check"):
        panel.buttons["port 80, payload 130 B"].value = kind
    assert (panel.decisions, panel.code) == ({}, "assign = None")
    assert kinds(split_case) == before


def test_a_panel_opens_on_what_was_decided_before(split_case: fk.Case) -> None:
    split_case.split.assign("port 80, payload 97 B", "health-check")
    panel = fk.SplitPanel(split_case)
    assert panel.buttons["port 80, payload 97 B"].value == "health-check"
    panel.buttons["port 80, payload 97 B"].value = "service"
    assert panel.decisions == {}


def test_the_chart_on_screen_is_the_one_of_the_last_click(split_case: fk.Case) -> None:
    panel = fk.SplitPanel(split_case)
    shown = panel.chart.spec
    panel.buttons["port 80, payload 130 B"].value = "uncertain"
    assert panel.chart.spec == panel.figure.spec != shown


def test_in_a_report_the_panel_is_its_histogram(split_case: fk.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Figure, "live", False)
    bundle = fk.SplitPanel(split_case)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" not in bundle
    assert bundle["application/vnd.flowkit.chart+json"]["title"].startswith("Health checks weigh")


def test_a_case_without_clusters_says_why_there_is_nothing_to_move(tmp_path: Path) -> None:
    line = "2 1 eni-a 10.0.0.1 10.0.0.2 1 80 6 3 200 1778767200 1778767260 ACCEPT OK"
    (tmp_path / "a.log").write_text(f"{HEADER}\n{line}\n")
    panel = fk.SplitPanel(fk.load(tmp_path / "a.log", cache=tmp_path / "cache"))
    assert panel.buttons == {}
    assert "No health checks found" in panel.panel.children[-1].value


def test_both_panels_follow_a_decision_that_another_cell_makes(split_case: fk.Case) -> None:
    screen, panel = fk.Explorer(split_case), fk.SplitPanel(split_case)
    split_case.split.assign("port 80, payload 130 B", "service")
    assert screen.flows.filter(kind="health-check").collect().is_empty()
    assert [kind for _, kind in screen.controls.kind.options] == ["service"]
    assert screen.picture.timeline.table["kind"].unique().to_list() == ["service"]
    assert panel.buttons["port 80, payload 130 B"].value == "service"
    assert "1 decided by hand" in panel.note.value
    split_case.split.assign("port 80, payload 130 B", None)
    assert screen.controls.kind.value == ("service", "health-check", "uncertain")
