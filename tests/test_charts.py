"""Charts: the words and the picture made from a small table, the same every time, whatever stands in the logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tables import (
    HOSTILE,
    MIDNIGHT,
    at,
    cadence_table,
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
from flowkit.charts.figure import MIME
from flowkit.errors import QuestionError, TimeError
from flowkit.names import Name, Names
from flowkit.schema import TIME

ALL = {
    charts.timeline: timeline_table(),
    charts.sizes: sizes_table(),
    charts.size_clusters: size_clusters_table(),
    charts.peers: peers_table(),
    charts.rejected: rejected_table(),
    charts.coverage: coverage_table(),
    charts.cadence: cadence_table(),
    charts.target_health: health_table(),
}
every_chart = pytest.mark.parametrize(("chart", "table"), ALL.items(), ids=lambda v: getattr(v, "__name__", ""))


def values(figure: Figure) -> Iterator[dict[str, Any]]:
    """Every row of data in a figure's specification."""
    for rows in figure.spec["datasets"].values():
        yield from rows


def words(spec: Any, key: str) -> Iterator[Any]:
    """Every value under a key, anywhere in a specification but in its data."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            if name == key:
                yield value
            if name != "datasets":
                yield from words(value, key)
    elif isinstance(spec, list):
        for value in spec:
            yield from words(value, key)


# what all charts have in common


@every_chart
def test_the_same_table_gives_the_same_bytes(chart: Any, table: pl.DataFrame) -> None:
    first, second = (json.dumps(chart(table, tz="Asia/Tokyo").spec, sort_keys=True) for _ in range(2))
    assert first == second
    assert not re.search(r"(view|param|selector|concat|layer)_\d", first)


@every_chart
def test_a_lazy_table_is_drawn_like_the_same_table_in_memory(chart: Any, table: pl.DataFrame) -> None:
    assert chart(table.lazy()).spec == chart(table).spec


@every_chart
def test_a_chart_is_as_wide_as_its_place_and_clear_on_any_page(chart: Any, table: pl.DataFrame) -> None:
    spec = chart(table).spec
    assert spec["width"] == "container"
    assert spec["config"]["background"] == "transparent"
    assert isinstance(spec["height"], int)


@every_chart
def test_a_title_of_ones_own_stands_over_the_chart_and_the_alt_text_stays(chart: Any, table: pl.DataFrame) -> None:
    figure = chart(table, title="What we saw")
    assert figure.title == "What we saw"
    assert figure.spec["title"]["text"] == ["What we saw"]
    assert figure.spec["description"] == figure.alt == chart(table).alt


@every_chart
def test_an_empty_table_gives_a_figure_that_says_why(chart: Any, table: pl.DataFrame) -> None:
    figure = chart(table.clear())
    assert figure.title.startswith("Nothing to draw: ")
    assert " ".join(row["label"] for row in values(figure)).startswith("nothing to draw: ")
    assert figure.table.height == 0


@every_chart
def test_another_table_is_an_error_that_names_what_is_missing(chart: Any, table: pl.DataFrame) -> None:
    with pytest.raises(QuestionError, match="this chart draws the table of the question with its name"):
        chart(pl.DataFrame({"srcaddr": ["10.0.0.1"]}))


@every_chart
def test_a_zone_that_does_not_exist_is_an_error(chart: Any, table: pl.DataFrame) -> None:
    with pytest.raises(TimeError, match="no time zone is called 'Tokio'"):
        chart(table, tz="Tokio")


@pytest.mark.parametrize(
    "figure",
    [
        charts.timeline(timeline_table(HOSTILE, column="user.agent[0]")),
        charts.sizes(sizes_table("user.agent[0]", HOSTILE)),
        charts.size_clusters(size_clusters_table(HOSTILE)),
        charts.peers(peers_table("user.agent[0]", HOSTILE)),
        charts.rejected(rejected_table("user.agent[0]", HOSTILE)),
        charts.coverage(coverage_table(HOSTILE)),
        charts.cadence(cadence_table(HOSTILE)),
        charts.target_health(health_table(HOSTILE)),
    ],
    ids=lambda figure: figure.table.columns[0],
)
def test_a_hostile_value_is_only_ever_data(figure: Figure) -> None:
    """No field name, expression or format is made of what stands in the logs; a column's own name is only shown."""
    spec = figure.spec
    for key in ("field", "expr", "labelExpr", "format", "signal", "href", "url", "test", "name", "x2", "y2"):
        for value in words(spec, key):
            assert "PWNED" not in str(value)
            assert "user.agent" not in str(value)
    assert any("script" in str(row) for row in values(figure))


def test_a_column_named_image_is_never_a_picture_to_fetch() -> None:
    spec = charts.timeline(timeline_table("http://203.0.113.9/x.png", column="image")).spec
    titles = [tip["title"] for tips in words(spec, "tooltip") for tip in tips]
    assert "the image" in titles
    assert not {"image", "title"} & set(titles)


# the figure


def test_a_figure_shows_itself_to_a_report_as_plain_data() -> None:
    class Still(Figure):
        live = False

    drawn = charts.timeline(timeline_table("service"), tz="Asia/Tokyo")
    bundle = Still(drawn.chart, drawn.table, drawn.title, drawn.alt, drawn.clock)._repr_mimebundle_()
    assert set(bundle) == {MIME, "text/plain"}
    shown = bundle[MIME]
    assert shown["spec"] == drawn.spec
    assert (shown["title"], shown["alt"]) == (drawn.title, drawn.alt)
    assert shown["table"]["columns"][:2] == ["time, Asia/Tokyo (UTC+9)", "kind"]
    assert shown["table"]["rows"][0] == ["2026-05-14 09:00:00", "service", 1, 10, 1000, "once"]
    assert json.loads(json.dumps(shown)) == shown
    assert bundle["text/plain"] == f"{drawn.title}\n{drawn.alt}"


def test_a_figure_in_a_notebook_is_a_widget_that_needs_no_network() -> None:
    bundle = charts.timeline(timeline_table())._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", MIME, "text/plain"} <= set(bundle)
    assert "text/html" not in bundle
    assert bundle["text/plain"] == repr(charts.timeline(timeline_table()))


def test_a_figure_carries_500_rows_of_its_table_at_most() -> None:
    rows = pl.concat([peers_table()] * 300)
    assert len(charts.peers(rows)._repr_mimebundle_()[MIME]["table"]["rows"]) == 500


def test_a_place_on_the_time_axis_is_turned_back_into_its_true_time() -> None:
    figure = charts.timeline(timeline_table(), tz="Asia/Kolkata")
    drawn = min(row["time"] for row in values(figure))
    assert datetime.fromtimestamp(drawn / 1000, UTC) == datetime(2026, 5, 14, 5, 30, tzinfo=UTC)
    assert figure.true_time(drawn) == MIDNIGHT


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_figure_is_saved_as_a_picture(tmp_path: Path, ending: str) -> None:
    path = charts.peers(peers_table()).save(tmp_path / f"peers.{ending}")
    assert path.read_bytes().startswith((b"<svg", b"\x89PNG"))


def test_another_ending_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match=r"\.svg or \.png"):
        charts.peers(peers_table()).save(tmp_path / "peers.html")


# timeline


def test_a_timeline_says_how_much_and_when_most_on_the_clock_that_was_asked_for() -> None:
    figure = charts.timeline(timeline_table("service", "health-check"), tz="Asia/Tokyo")
    assert figure.title == "8 kB from 09:00 to 09:02; at most 6 kB in a minute, at 09:01"
    assert figure.alt == (
        "Bars of bytes in each 1 min, 09:00 to 09:02, Asia/Tokyo (UTC+9); 8 kB in all, by kind: "
        "service 4 kB (50 %), health-check 4 kB (50 %); at most 6 kB in a minute, at 09:01. "
        "Each hop counted from one interface."
    )


def test_a_timeline_names_its_zone_and_the_windows_on_the_axis() -> None:
    windows = pl.DataFrame({"interface_id": ["eni-a", "eni-b"], "window_s": [60, None]})
    figure = charts.timeline(timeline_table(), tz="America/New_York", windows=windows)
    assert figure.spec["encoding"]["x"]["axis"]["title"] == [
        "time, America/New_York (UTC-4)",
        "each hop counted from one interface",
        "capture windows of 60\u00a0s: nothing shorter can be seen",
    ]
    assert figure.spec["encoding"]["x"]["scale"] == {"type": "utc"}


def test_a_timeline_stacks_its_series_in_their_fixed_order_and_colours() -> None:
    figure = charts.timeline(timeline_table("health-check", "service"), measure="bytes")
    first = [(row["series"], row["bottom"], row["top"]) for row in values(figure) if row["time"] == _ms(at(0))]
    assert first == [("service", 0, 1000), ("health-check", 1000, 2000)]
    scale = figure.spec["encoding"]["color"]["scale"]
    assert dict(zip(scale["domain"], scale["range"], strict=True)) == {"service": "#0072B2", "health-check": "#E69F00"}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def test_a_long_timeline_is_summed_to_bins_that_fit_and_loses_nothing() -> None:
    times = [at(minute) for minute in range(10_000)]
    table = pl.DataFrame({"time": times, "flows": 1, "packets": 1, "bytes": 1}).cast({"time": TIME})
    figure = charts.timeline(table, measure="flows")
    rows = list(values(figure))
    assert len(rows) <= 5000
    assert sum(row["top"] - row["bottom"] for row in rows) == 10_000
    assert figure.spec["encoding"]["y"]["axis"]["title"] == "flows in 2 min"


def test_a_timeline_leaves_its_axis_to_a_brush_if_asked() -> None:
    zooming, still = (charts.timeline(timeline_table(), zoom=zoom).spec["params"] for zoom in (True, False))
    assert [param["name"] for param in zooming] == ["pick", "zoom"]
    assert [param["name"] for param in still] == ["pick"]


def test_an_unknown_measure_is_an_error() -> None:
    with pytest.raises(QuestionError, match="measure='size'"):
        charts.timeline(timeline_table(), measure="size")


# sizes


def test_sizes_say_for_each_kind_how_many_and_where_most_lie() -> None:
    figure = charts.sizes(sizes_table())
    assert figure.title == "Record sizes: 1,250 flows, 164 to 1,500 B"
    assert [row["label"] for row in values(figure) if "label" in row] == [
        "service · 350 flows · most 300 at 1,000 to 1,043 B",
        "health-check · 900 flows · most 900 at 164 B",
    ]


def test_sizes_name_the_clusters_and_shade_those_of_health_checks_only() -> None:
    names = {"cluster": ["port 80, no payload", "port 80, payload 736 B"], "confidence": [0.97, 0.9]}
    clusters = pl.DataFrame(
        {**names, "kind": ["health-check", "service"], "bytes_low": [164, 900], "bytes_high": [216, 900], "flows": 9}
    )
    figure = charts.sizes(sizes_table(), clusters=clusters)
    assert figure.title == "Health checks weigh 164–216 B towards their targets"
    named = {row["label"]: (row["left"], row["right"], row["check"]) for row in values(figure) if "check" in row}
    assert named == {
        "port 80, no payload: health-check (97 % sure), 164–216 B": (163.5, 216.5, True),
        "port 80, payload 736 B: service (90 % sure), 900 B": (899.5, 900.5, False),
    }
    assert all(label in figure.alt for label in named)


def test_clusters_of_sizes_are_drawn_port_by_port_with_their_boundaries_beside_the_health_checks() -> None:
    clusters = pl.DataFrame({"kind": ["health-check"], "server_port": [80], "bytes_low": [164], "bytes_high": [164]})
    figure = charts.size_clusters(size_clusters_table(), clusters=clusters)
    assert figure.title == "By bytes alone, port 80 falls into 2 clusters, cut at 1,039 B"
    assert [row["label"] for row in values(figure) if "label" in row] == [
        "1,039 B",
        "port 80 · 1,000 flows to it · shaded: health checks, 164 B",
    ]
    assert "164–216 B 60 %, 5,000–5,200 B 40 %" in figure.alt
    assert any("port with few flows in the table, not drawn" in str(title) for title in words(figure.spec, "title"))


def test_a_window_that_the_span_cuts_off_is_not_taken_for_missed_checks() -> None:
    figure = charts.cadence(cadence_table())
    assert figure.title == "Checks came short from 1 of 1 checker: 10.0.9.1, 00:02 to 00:03"
    assert [row["series"] for row in values(figure) if "said" in row] == [
        *["as usual"] * 2, "fewer", "as usual", "cut off by the span",
    ]  # fmt: skip
    (label,) = (row["label"] for row in values(figure) if "label" in row)
    assert label == "10.0.9.1 · 2 targets · usually 12 a minute, fewer in 1 of 5 windows"


def test_an_even_pace_is_said_with_how_even_it_is() -> None:
    steady = cadence_table().with_columns(checks=pl.Series([12, 11, 12, 13, 4]))
    assert (
        charts.cadence(steady).title == "Checks from 1 checker at an even pace: no window more than 8 % below the usual"
    )


def test_checks_that_stop_are_said_first() -> None:
    silent = cadence_table().with_columns(checks=pl.Series([12, 0, 0, 12, 4]))
    assert charts.cadence(silent).title == "No checks from 10.0.9.1, 00:01 to 00:03; 1 of 1 checker came short"


def test_bins_shorter_than_a_minute_are_told_with_their_seconds() -> None:
    half = cadence_table().with_columns(time=at(0) + pl.duration(seconds=30 * pl.int_range(pl.len())))
    assert charts.cadence(half).title.endswith("10.0.9.1, 00:01:00 to 00:01:30")


# peers and rejected


def test_peers_say_who_has_how_much_and_how_many_others_there_are() -> None:
    figure = charts.peers(peers_table())
    assert figure.title == "Top peers: 10.0.0.1 has 90 % of 10 kB"
    labels = [row["label"] for row in values(figure) if "who" not in row]
    assert labels == ["10.0.0.1 · 9 kB · 90 %", "2 others · 1 kB · 10 %"]


def test_of_a_long_table_forty_rows_are_drawn_and_the_others_counted() -> None:
    figure = charts.peers(pl.concat([peers_table()] * 30))
    assert len([row for row in values(figure) if "who" in row]) == 40
    assert "bytes (20 rows more in the table, not drawn)" in set(_texts(figure.spec, "title"))


def _texts(spec: Any, key: str) -> Iterator[str]:
    return (value for value in words(spec, key) if isinstance(value, str))


def test_peers_draw_what_they_are_ranked_by() -> None:
    figure = charts.peers(peers_table().with_columns(share=pl.col("flows") / 5))
    assert figure.title == "Top peers: 10.0.0.1 has 60 % of 5 flows"


def test_rejected_names_the_source_that_certainly_has_most() -> None:
    assert charts.rejected(rejected_table()).title == "Rejected: 1,439 flows, most from 198.51.100.7"
    rest = rejected_table().with_columns(groups=pl.Series([1, 9]), srcaddr=pl.Series(["198.51.100.7", "other"]))
    many = rest.with_columns(flows=pl.Series([10, 11]))
    assert charts.rejected(many).title == "Rejected: 21 flows"


def test_rejected_tells_reasons_apart_in_words_and_colours() -> None:
    figure = charts.rejected(rejected_table(), tz="Asia/Tokyo")
    assert "1,400 not allowed in; 39 late packet after close, probably not a block" in figure.alt
    assert "10.9.9.9 · 39 flows · 09:01 to 09:02" in figure.alt


# coverage


def test_coverage_draws_a_strip_for_each_stretch_and_says_what_is_missing() -> None:
    figure = charts.coverage(coverage_table(), tz="Asia/Tokyo")
    assert figure.title == "Coverage: data are missing on 1 of 1 interface"
    assert "missing: eni-a SKIPDATA 09:02 to 09:03; eni-a no record 09:04 to 09:05." in figure.alt
    strips = [row for row in values(figure) if "series" in row]
    assert [row["series"] for row in strips] == ["OK", "SKIPDATA", "OK", "no record"]
    heights = {row["series"]: round(row["bottom"] - row["top"], 2) for row in strips}
    assert heights["SKIPDATA"] > heights["OK"] > heights["no record"]


def test_coverage_without_a_gap_says_so() -> None:
    figure = charts.coverage(coverage_table().filter(pl.col("state") == "OK"))
    assert figure.title == "Coverage: 1 interface, nothing missing"


def test_of_many_interfaces_those_with_gaps_are_drawn_and_the_others_counted() -> None:
    whole = [coverage_table(f"eni-{n:03}").with_columns(state=pl.lit("OK")) for n in range(80)]
    figure = charts.coverage(pl.concat([*whole, coverage_table("eni-zzz")]))
    assert "eni-zzz" in {row.get("eni") for row in values(figure)}
    assert "21 interfaces more in the table, not drawn" in str(list(words(figure.spec, "title"))).replace("\\xa0", " ")


# target health


def test_a_port_scan_is_one_bar_and_the_title_says_what_the_bars_show() -> None:
    keys = {"dstaddr": "10.0.0.5", "reason": "not allowed in", "packets": 1, "bytes": 44, "sources": 1}
    times = {"first_seen": at(0), "last_seen": at(5)}
    ports = {"dstport": ["22", "23", "24", "25", "other", "22"], "groups": [1, 1, 1, 1, 296, 1]}
    scan = pl.DataFrame(
        {"srcaddr": ["198.51.100.7"] * 5 + ["10.9.9.9"], **keys, **ports, "flows": [4, 4, 4, 4, 1184, 61], **times}
    ).select("srcaddr", "dstaddr", "dstport", pl.exclude("srcaddr", "dstaddr", "dstport"))
    figure = charts.rejected(scan)
    assert figure.title == "Rejected: 1,261 flows, most from 198.51.100.7 (300 ports)"
    assert [row["label"] for row in values(figure) if "who" in row] == [
        "198.51.100.7 → 10.0.0.5 · 300 ports · 1,200 flows · 00:00 to 00:05",
        "10.9.9.9 → 10.0.0.5:22 · 61 flows · 00:00 to 00:05",
    ]
    assert figure.table.height == 6
    mixed = charts.rejected(scan.with_columns(srcaddr=pl.when(groups=296).then(pl.lit("other")).otherwise("srcaddr")))
    labels = [row["label"] for row in values(mixed) if "who" in row]
    assert "198.51.100.7 → 10.0.0.5 · 4 ports · 16 flows · or more · 00:00 to 00:05" in labels


def test_target_health_says_which_target_failed_and_when() -> None:
    healthy = health_table("10.0.0.3:80").with_columns(answered=pl.lit(6), refused=pl.lit(0), unreachable=pl.lit(0))
    figure = charts.target_health(pl.concat([healthy, health_table()], how="vertical_relaxed"), tz="Asia/Tokyo")
    assert figure.title == (
        "10.0.0.2:80 refused or left unanswered 14 of 30 checks, 09:01 to the end; 1 other target failed none"
    )
    assert (
        "10.0.0.2:80 · 14 of 30 checks failed; line: service, up to 40 flows in a minute; "
        "refused 8 times, 09:01 to 09:02; unreachable 6 times, 09:02 to the end." in figure.alt
    )


def test_target_health_sums_the_checkers_and_counts_the_service_once() -> None:
    rows = [row for row in values(charts.target_health(health_table())) if row.get("series") == "refused"]
    assert [(row["n_refused"], row["n_service"]) for row in rows] == [(8, 10)]


def test_targets_that_were_sent_no_checks_are_told_where_none_failed() -> None:
    quiet = health_table("[fd00::1]:80").with_columns(
        answered=pl.Series([0, 6, 6] * 2), state=pl.Series(["no checks seen", "answering", "answering"] * 2),
        refused=0, unreachable=0,
    )  # fmt: skip
    assert (
        charts.target_health(quiet).title == "[fd00::1]:80 was sent no checks, from the beginning to 00:01; none failed"
    )


def test_one_failed_check_is_no_headline() -> None:
    once = health_table().with_columns(refused=pl.Series([0, 1, 0, 0, 0, 0]), unreachable=0)
    assert charts.target_health(once).title == "1 target answered 16 of 17 health checks"


def test_service_that_failed_is_marked_and_counted() -> None:
    lost = health_table().with_columns(service_failed=pl.Series([0, 4, 0] * 2))
    figure = charts.target_health(lost)
    assert [row["label"] for row in values(figure) if "label" in row] == [
        "10.0.0.2:80 · 14 of 30 checks failed", "line: service, up to 40 flows in a minute; ▲ 4 failed"
    ]  # fmt: skip
    assert [row["lost"] for row in values(figure) if "lost" in row] == [0, 4, 0]


def test_target_health_without_a_failure_says_so() -> None:
    figure = charts.target_health(health_table().filter(pl.col("refused") + pl.col("unreachable") == 0))
    assert figure.title == "1 target answered 12 health checks"


def test_a_scan_of_many_addresses_at_one_port_is_one_bar_too() -> None:
    times = {"first_seen": at(0), "last_seen": at(5)}
    sweep = pl.DataFrame(
        {"srcaddr": "198.51.100.7", "dstaddr": [*(f"10.0.0.{n}" for n in range(1, 10)), "other"], "dstport": "22",
         "reason": "not allowed in", "flows": [3] * 9 + [270], "packets": 1, "bytes": 44, **times, "sources": 1,
         "groups": [1] * 9 + [90]}
    )  # fmt: skip
    figure = charts.rejected(sweep)
    assert figure.title == "Rejected: 297 flows, most from 198.51.100.7 (99 addresses)"
    (label,) = [row["label"] for row in values(figure) if "who" in row]
    assert label == "198.51.100.7 · dstport 22 · 99 addresses · 297 flows · 00:00 to 00:05"


NAMES = Names([Name("10.0.0.1", "api-1"), Name("198.51.100.7", "scanner"), Name("eni-a", "orders eu-west-1a")])


@pytest.mark.parametrize(
    ("figure", "shown"),
    [
        (charts.peers(peers_table(), names=NAMES), "api-1 10.0.0.1"),
        (charts.rejected(rejected_table(), names=NAMES), "scanner 198.51.100.7"),
        (charts.coverage(coverage_table(), names=NAMES), "orders eu-west-1a eni-a"),
        (charts.target_health(health_table("10.0.0.1:80"), names=NAMES), "api-1 10.0.0.1:80"),
        (charts.timeline(timeline_table("10.0.0.1", column="srcaddr"), names=NAMES), "api-1 10.0.0.1"),
        (charts.sizes(sizes_table("srcaddr", "10.0.0.1"), names=NAMES), "api-1 10.0.0.1"),
    ],
    ids=["peers", "rejected", "coverage", "target_health", "timeline", "sizes"],
)
def test_names_stand_before_addresses_in_every_chart_its_words_and_its_table(figure: Figure, shown: str) -> None:
    assert shown in json.dumps(figure.spec)
    assert shown in figure.alt
    assert shown in str(figure.table.rows())


@pytest.mark.parametrize(
    ("night", "said", "ticks"),
    [
        (
            datetime(2026, 10, 24, 22, tzinfo=UTC),
            "UTC+2 until 25 Oct 03:00, then UTC+1",
            ["Sun 25 Oct", "01:00", "02:00", "02:00"],
        ),
        (
            datetime(2026, 3, 28, 23, tzinfo=UTC),
            "UTC+1 until 29 Mar 02:00, then UTC+2",
            ["Sun 29 Mar", "01:00", "03:00", "04:00"],
        ),
    ],
)
def test_where_the_clocks_change_every_time_is_that_of_the_clock(
    night: datetime, said: str, ticks: list[str], tmp_path: Path
) -> None:
    """No hour is drawn twice or left out: four hours stand apart evenly, each under what the clock showed then."""
    hours = pl.datetime_range(night, night + timedelta(hours=3), "1h", time_zone="UTC", eager=True)
    table = pl.DataFrame({"time": hours.cast(TIME), "flows": 1, "packets": 1, "bytes": 9})
    figure = charts.timeline(table, tz="Europe/Berlin")
    drawn = [row["time"] for row in values(figure)]
    assert {b - a for a, b in pairwise(drawn)} == {3_600_000}
    svg = figure.save(tmp_path / "a.svg").read_text()
    labels = re.findall(r">([^<>]+)</text>", svg[svg.index("role-axis-label") :])
    assert [label for label in labels if ":00" in label or " 2" in label][:4] == ticks
    assert f"Europe/Berlin ({said})" in figure.alt
    offsets = [row[0][-5:] for row in figure._repr_mimebundle_()[MIME]["table"]["rows"]]
    assert (offsets[0], offsets[-1]) == (("+0200", "+0100") if night.month == 10 else ("+0100", "+0200"))
    assert [figure.true_time(row["time"]) for row in values(figure)] == hours.to_list()
