"""The front door: a source in, a lazy frame of flows out."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import polars as pl
import pytest
from records import FLOW, HEADER, NODATA, SKIPDATA, Writer

import flowkit as fk
from flowkit import sources
from flowkit.errors import FormatError, SourceError, TimeError
from flowkit.sources.objects import within
from flowkit.times import to_utc


def test_flows_are_the_records_that_are_ok(written: Writer) -> None:
    path = written("a.log.gz", HEADER, FLOW, NODATA, SKIPDATA)
    assert fk.scan(path).select("srcaddr", "log_status").collect().rows() == [("10.0.0.1", "OK")]


def test_formats_of_one_folder_are_aligned_by_name(written: Writer) -> None:
    """Two orders, one of them with a field more: the other's rows have nothing there."""
    written("a.log", "srcaddr bytes log-status", "10.0.0.1 5 OK")
    folder = written("b.log.gz", "flow-direction log-status bytes srcaddr", "egress OK 7 10.0.0.2").parent
    frame = fk.scan(folder).sort("srcaddr").select("srcaddr", "bytes", "flow_direction").collect()
    assert frame.rows() == [("10.0.0.1", 5, None), ("10.0.0.2", 7, "egress")]


def test_a_file_many_files_a_folder_a_pattern_and_an_archive_find_the_same(written: Writer, tmp_path: Path) -> None:
    """One file's flow; then, of two files, both flows, whichever way leads to them."""
    folder = written("2026/11/a.log.gz", HEADER, FLOW).parents[2]
    assert fk.scan(written("2026/11/b.log", HEADER, FLOW)).collect().height == 1
    archive = shutil.make_archive(str(tmp_path / "all"), "zip", folder)
    ways = (folder, f"{folder}/**/*.log*", f"{folder}/2026/1?/[ab].log*", archive)
    assert [fk.scan(way).select(pl.len()).collect().item() for way in ways] == [2] * 4
    assert [fk.load(way, cache=False).ledger["lines"].to_list() for way in ways] == [[2, 2]] * 4


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [
        ("2026-11-23 16:05:30", None, 1),  # the record's last second
        ("2026-11-23 16:05:31", None, 0),
        (None, "2026-11-23 16:05:00", 0),  # the end is outside
        (None, "2026-11-23 16:05:01", 1),
    ],
)
def test_a_record_is_inside_when_it_overlaps_the_span(written: Writer, start: str, end: str, kept: int) -> None:
    """The record runs from 16:05:00 to 16:05:30."""
    assert fk.scan(written("a.log", FLOW), start=start, end=end).collect().height == kept


def test_a_time_without_an_offset_is_in_the_zone_named(written: Writer) -> None:
    flows = fk.scan(written("a.log", FLOW), start="2026-11-24 01:05", end="2026-11-24 01:06", tz="Asia/Tokyo")
    assert flows.collect().height == 1


@pytest.mark.parametrize("here", ["Asia/Tokyo", "America/New_York"])
def test_the_clock_of_this_machine_moves_no_record(written: Writer, monkeypatch: pytest.MonkeyPatch, here: str) -> None:
    monkeypatch.setenv("TZ", here)
    time.tzset()
    try:
        case = fk.load(written("a.log", FLOW), start="2026-11-23 16:05", end="2026-11-23 16:06", cache=False)
        assert case.flows.collect()["start"].item().isoformat() == "2026-11-23T16:05:00+00:00"
        assert "2026-11-23 16:05:00 to 2026-11-23 16:06:00 UTC" in repr(case)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_filters_and_columns_reach_the_reader() -> None:
    plan = fk.scan(fk.samples("incident")).filter(pl.col("dstport") == 80).select("bytes").explain()
    assert 'SELECTION: (col("dstport")) == (80)' in plan or 'col("dstport") == 80' in plan
    assert "PROJECT" in plan


def test_the_lazy_answer_is_the_eager_one() -> None:
    """What the reader does with a filter and a choice of columns is what polars does with the whole table."""
    flows = fk.scan(fk.samples("custom"))
    asked = (pl.col("action") == "REJECT") & (pl.col("bytes") > 44)
    lazy = flows.filter(asked).select("srcaddr", "bytes", "start").collect()
    assert lazy.equals(flows.collect().filter(asked).select("srcaddr", "bytes", "start"))
    assert lazy.height > 100


def test_a_head_stops_early_and_is_the_first_rows(written: Writer) -> None:
    path = written("a.log", HEADER, *[FLOW.replace("40000", str(p)) for p in range(1, 9)])
    assert fk.scan(path).head(3).collect()["srcport"].to_list() == [1, 2, 3]


def test_malformed_lines_are_left_out_with_a_warning_that_names_the_first(written: Writer) -> None:
    path = written("a.log", HEADER, FLOW, "2 nonsense", FLOW)
    with pytest.warns(UserWarning, match=r"1 malformed lines? left out, .*line 3 of a\.log: it has 2 words"):
        assert fk.scan(path).collect().height == 2


def test_objects_that_are_no_flow_logs_are_left_alone_with_a_warning(written: Writer) -> None:
    written("notes.txt", "call the network team")
    folder = written("a.log", FLOW).parent
    with pytest.warns(UserWarning, match="1 objects? .*no flow log"):
        assert fk.scan(folder).collect().height == 1


def stamped(time: str) -> str:
    return f"123456789010_vpcflowlogs_eu-west-1_fl-0a1b_20261123T{time}Z_1ce1bf4b.log.gz"


@pytest.mark.filterwarnings("error")
def test_only_objects_that_can_hold_the_span_are_opened(written: Writer) -> None:
    """Ten minutes of a day: slots from 10 minutes before to 30 after; any other, if opened, is no flow log."""
    near = ["1555", "1600", "1605", "1610", "1615", "1620", "1625", "1630", "1635"]
    for minutes in range(0, 24 * 60, 5):
        slot = f"{minutes // 60:02d}{minutes % 60:02d}"
        folder = written(stamped(slot), *([HEADER, FLOW] if slot in near else ["not to be opened"])).parent
    flows = fk.scan(folder, start="2026-11-23 16:00", end="2026-11-23 16:10")
    assert flows.collect().height == len(near)


def test_a_span_that_no_object_can_hold_is_loud(written: Writer) -> None:
    path = written(stamped("1620"), HEADER, FLOW)
    with pytest.raises(SourceError, match=r"the one object .* from 2026-11-23 16:20 UTC to 2026-11-23 16:25"):
        fk.scan(path.parent, start="2026-11-24 00:00")


def test_an_object_whose_name_tells_no_time_is_always_read(written: Writer) -> None:
    found = sources.find(str(written("export.log", FLOW)))
    assert within(found, to_utc("2030-01-01"), None) == found


def test_nothing_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nothing to read: .*nowhere.* does not exist"):
        fk.scan(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="is an empty folder"):
        fk.scan(tmp_path)
    with pytest.raises(SourceError, match=r"Path\(''\) and Path\('.'\) are the same and name no source"):
        fk.scan(Path())


def test_a_folder_without_flow_logs_says_what_it_saw(written: Writer) -> None:
    written("b.bin", data=b"\0\1\2")
    folder = written("a.txt", "hello world").parent
    with pytest.raises(
        FormatError, match=r"no flow logs in .*: a\.txt: it .*'hello world'; nor in 1 other object there"
    ):
        fk.scan(folder)


def test_a_zone_or_time_nobody_knows_is_one_sentence(written: Writer) -> None:
    path = written("a.log", FLOW)
    for wrong, hint in {"tokyo": "did you mean 'Asia/Tokyo'", "europe/pari": "did you mean 'Europe/Paris'"}.items():
        with pytest.raises(TimeError, match=f"no time zone is called '{wrong}': {hint}"):
            fk.scan(path, tz=wrong)
    with pytest.raises(TimeError, match="no time zone is called 'JST': use an IANA name such as"):
        fk.scan(path, tz="JST")
    with pytest.raises(TimeError, match="comes twice in Europe/Paris"):
        fk.scan(path, start="2026-10-25 02:30", tz="Europe/Paris")


def test_a_hive_layout_adds_no_columns(written: Writer) -> None:
    """The folders' names are not fields of the record."""
    path = written("aws-region=eu-west-1/year=2026/a.log", FLOW)
    parquet = path.with_name("b.parquet")
    fk.scan(path).collect().write_parquet(parquet)
    shutil.rmtree(path.parent / "none", ignore_errors=True)
    flows = fk.scan(path.parents[2])
    assert (flows.collect().height, "year" in flows.collect_schema()) == (2, False)


def test_a_place_that_cannot_be_reached_is_one_sentence() -> None:
    with pytest.raises(SourceError, match="cannot be reached: File name too long"):
        fk.scan("x" * 5000)
