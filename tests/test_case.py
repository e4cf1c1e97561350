"""The case: read once, accounted for, labelled, kept."""

from __future__ import annotations

import gc
import gzip
import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import FLOW, HEADER, NODATA, SKIPDATA, Writer, ordered

import flowkit as fk
from flowkit.case import stretches
from flowkit.case.check import text
from flowkit.errors import CacheError, FlowkitError, FormatError


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> fk.Case:
    return fk.load(fk.samples("incident"), tz="Asia/Tokyo", cache=tmp_path_factory.mktemp("cache"))


def test_the_ledger_adds_up_object_by_object(written: Writer, cache_folder: Path) -> None:
    written("b.log.gz", HEADER, FLOW, FLOW, NODATA, SKIPDATA, "", "2 torn")
    folder = written("a.log", FLOW).parent
    case = fk.load(folder, cache=cache_folder)
    counts = ["lines", "flows", "nodata", "skipdata", "malformed", "header", "blank"]
    assert case.ledger.select("object", *counts).rows() == [
        ("a.log", 1, 1, 0, 0, 0, 0, 0),
        ("b.log.gz", 7, 2, 1, 1, 1, 1, 1),
    ]


def test_the_quarantine_names_object_line_and_reason(written: Writer, cache_folder: Path) -> None:
    """And the line, of which the first 200 letters are kept."""
    case = fk.load(written("x/a.log", HEADER, FLOW, "2 torn", f"2 {'x' * 999}").parents[1], cache=cache_folder)
    why = "it has 2 words where 14 fields belong"
    assert case.quarantine.rows() == [("x/a.log", 3, why, "2 torn"), ("x/a.log", 4, why, f"2 {'x' * 198}")]


def test_what_is_no_flow_log_stands_in_the_ledger_with_its_reason(written: Writer, cache_folder: Path) -> None:
    written("manifest.json", '{"files": []}')
    case = fk.load(written("a.log", FLOW).parent, cache=cache_folder)
    row = case.ledger.row(by_predicate=pl.col("object") == "manifest.json", named=True)
    assert (row["format"], row["lines"]) == ("not read", 0)
    assert "'{\"files\": []}'" in row["note"]


def test_flows_carry_kind_confidence_and_once(incident: fk.Case) -> None:
    assert incident.flows.collect_schema().names()[-3:] == ["kind", "confidence", "once"]
    counts = incident.flows.select(
        pl.len(), pl.col("kind").is_in(["health-check", "service", "uncertain", "other"]).sum()
    )
    assert counts.collect().row(0) == (30473, 30473)


def test_the_flows_follow_what_is_assigned_by_hand_and_a_load_takes_it_again(cache_folder: Path) -> None:
    case = fk.load(fk.samples("incident"), cache=cache_folder)
    (name,) = case.split.clusters.filter(kind="health-check")["cluster"]
    before = case.flows.filter(kind="health-check").select(pl.len()).collect().item()
    case.split.assign(name, "service")
    assert case.flows.filter(kind="health-check").collect().height == 0
    again = fk.load(fk.samples("incident"), cache=cache_folder, assign=case.split.decisions)
    assert again.flows.collect().equals(case.flows.collect())
    case.split.assign(name, None)
    assert case.flows.filter(kind="health-check").select(pl.len()).collect().item() == before


def test_the_case_is_what_scan_reads(incident: fk.Case) -> None:
    order = ["interface_id", "srcaddr", "srcport", "dstaddr", "dstport", "start", "bytes", "packets"]
    scanned = fk.scan(fk.samples("incident")).sort(order).collect()
    assert incident.flows.select(scanned.columns).sort(order).collect().equals(scanned)


def test_a_case_says_what_was_read_in_the_users_zone(incident: fk.Case) -> None:
    words = repr(incident)
    assert "3 objects, 30,476 lines = 30,473 flows + 3 header" in words
    assert "2026-11-24 01:04:51 to 2026-11-24 01:18:53 Asia/Tokyo (UTC+9)" in words


def test_loss_is_said(written: Writer, cache_folder: Path) -> None:
    words = repr(fk.load(written("a.log", FLOW, SKIPDATA, "2 torn"), cache=cache_folder))
    assert "1 SKIPDATA record: AWS left records out, so every count is a lower bound" in words
    assert "1 malformed line: see case.quarantine" in words


def test_what_is_said_of_many_objects_is_said_once_and_under_its_label(written: Writer, cache_folder: Path) -> None:
    header, flow = f"{HEADER} brand-new", f"{FLOW} x"
    written("c.log", "no log")
    written("d.txt", "no log")
    written("a.log", header, flow)
    words = repr(fk.load(written("b.log", header, flow).parent, cache=cache_folder, fields=["srcaddr"]))
    read = "read as text, header, not the fields given; a field flowkit does not know, kept as text: brand-new"
    assert f"          note  a.log and 1 more object: {read}" in words
    assert "      not read  c.log: it has no header line" in words
    assert "    left alone  d.txt: no flow log, case.ledger says why" in words
    assert "missing" not in words


def test_a_case_in_a_notebook_is_escaped(written: Writer, cache_folder: Path) -> None:
    path = written("<img src=x onerror=alert(1)>.log", FLOW)
    assert "<img" not in fk.load(path.parent, cache=cache_folder)._repr_html_()
    assert "&lt;img" in fk.load(path, cache=cache_folder)._repr_html_()


def test_an_old_nodata_line_stretches_nothing(written: Writer, cache_folder: Path) -> None:
    old = NODATA.replace("17954499", "14954499")
    case = fk.load(written("a.log", old, FLOW), cache=cache_folder)
    assert case.end - case.start == timedelta(seconds=31)


def test_coverage_tells_silence_from_loss(written: Writer, cache_folder: Path) -> None:
    """Flows in the first minute, nothing in the second, loss in the third."""
    skip = FLOW.split()[:3] + ["-"] * 7 + ["1795450020", "1795450050", "-", "SKIPDATA"]
    path = written("a.log", FLOW, " ".join(skip))
    case = fk.load(path, start="2026-11-23 16:05", end="2026-11-23 16:08", cache=cache_folder)
    assert case.coverage().select("state", "records", "window_s").collect().rows() == [
        ("OK", 1, None),
        ("no record", 0, None),
        ("SKIPDATA", 1, None),
    ]


def test_flows_outlive_the_case_they_are_of(written: Writer) -> None:
    flows = fk.load(written("a.log", HEADER, FLOW), cache=False).flows
    gc.collect()
    assert flows.collect().height == 1


def test_a_second_load_reads_nothing_again(written: Writer, cache_folder: Path) -> None:
    """The object's text is made unreadable, and what was read of it is newer than that: only the cache can answer."""
    path = written("a.log", HEADER, FLOW)
    fk.load(path, cache=cache_folder)
    facts = path.stat()
    path.write_bytes(path.read_bytes().replace(b"ACCEPT OK", b"ACCEPT no"))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    for part in cache_folder.rglob("*.parquet"):
        os.utime(part)
    assert fk.load(path, cache=cache_folder).facts["flows"] == 1


def test_a_changed_object_is_read_again(written: Writer, cache_folder: Path) -> None:
    fk.load(written("a.log", HEADER, FLOW), cache=cache_folder)
    assert fk.load(written("a.log", HEADER, FLOW, FLOW), cache=cache_folder).facts["flows"] == 2


def test_only_what_is_new_is_read(written: Writer, cache_folder: Path) -> None:
    folder = written("a.log", HEADER, FLOW).parent
    fk.load(folder, cache=cache_folder)
    before = {p: p.stat().st_mtime_ns for p in cache_folder.rglob("parts/*/*.parquet")}
    written("b.log", HEADER, FLOW)
    assert fk.load(folder, cache=cache_folder).facts["flows"] == 2
    after = {p: p.stat().st_mtime_ns for p in cache_folder.rglob("parts/*/*.parquet")}
    assert before.items() <= after.items()
    assert len(after) == 2


def test_without_a_cache_nothing_is_left(written: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    case = fk.load(written("a.log", FLOW), cache=False)
    assert case.flows.collect().height == 1
    assert not (tmp_path / "home").exists()


def test_a_cache_that_cannot_be_written_is_one_sentence(written: Writer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CacheError, match=r"the cache .*file.* cannot be written .*cache=False to keep nothing"):
        fk.load(written("a.log", FLOW), cache=tmp_path / "file")


def test_a_load_that_is_killed_leaves_nothing_wrong(tmp_path: Path, cache_folder: Path) -> None:
    """Killed at ten moments of its work; the load after them gives what a fresh one gives."""
    source = fk.samples("incident")
    script = f"import flowkit as fk; print('go', flush=True); fk.load({source!r}, cache={str(cache_folder)!r})"
    for moment in range(10):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(timeout=0.03 * 1.5**moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    case, fresh = fk.load(source, cache=cache_folder), fk.load(source, cache=tmp_path / "fresh")
    assert case.ledger.equals(fresh.ledger)
    assert ordered(case.flows).equals(ordered(fresh.flows))


def test_what_a_damaged_parquet_file_still_holds_is_read(written: Writer) -> None:
    """Six row groups of 50 rows; bytes in the midst of the file are changed."""
    rows = pl.DataFrame([FLOW.split()] * 300, HEADER.replace("-", "_").split(), orient="row")
    buffer = io.BytesIO()
    rows.with_columns(dstaddr=pl.int_range(300).cast(pl.String)).write_parquet(buffer, row_group_size=50)
    data = buffer.getvalue()
    half = len(data) // 2
    path = written("a.parquet", data=data[:half] + b"\xff" * 200 + data[half + 200 :])
    entry = fk.load(path, cache=False).ledger.row(0, named=True)
    assert entry["lines"] == 300 == entry["flows"] + entry["malformed"]
    assert entry["flows"] >= 200
    assert entry["note"].startswith("its Parquet data are damaged: rows are lost")


def test_a_damaged_parquet_object_among_good_ones_is_named(written: Writer, cache_folder: Path) -> None:
    good = written("a.parquet", data=b"")
    fk.scan(written("a.log", FLOW)).collect().write_parquet(good)
    written("b.parquet", data=good.read_bytes()[:-200] + b"\0" * 192 + good.read_bytes()[-8:])
    case = fk.load(good.parent, cache=cache_folder)
    assert case.ledger.filter(pl.col("object") == "b.parquet")["format"].item() == "not read"
    assert case.facts["flows"] == 2


def test_an_empty_span_gives_a_case_that_says_so(written: Writer, cache_folder: Path) -> None:
    case = fk.load(written("a.log", FLOW), start="2026-01-01", end="2026-01-02", cache=cache_folder)
    assert "0 flows on 0 interfaces" in repr(case)


def test_nothing_but_nodata_is_a_case_without_flows(written: Writer, cache_folder: Path) -> None:
    """All interfaces silent is a finding: the span is that of the records that say so."""
    case = fk.load(written("a.log", NODATA), cache=cache_folder)
    assert "2026-11-23 16:05:00 to 2026-11-23 16:05:31 UTC" in repr(case)
    assert case.coverage().collect()["state"].to_list() == ["NODATA"]


def test_a_span_that_no_object_can_hold_is_told_with_the_times_there_are() -> None:
    """The sample's README lies beside its logs, and is no reason."""
    with pytest.raises(fk.FlowkitError, match=r"none of the \d objects can hold records from 2026-11-24 03:00"):
        fk.load(fk.samples("incident"), start="2026-11-24 03:00", end="2026-11-24 03:05", tz="UTC", cache=False)
    there = r"2026-11-24 03:00 Asia/Tokyo: by the times in the names they are from 2026-11-24 01:05 Asia/Tokyo"
    with pytest.raises(fk.FlowkitError, match=there):
        fk.load(fk.samples("incident"), start="2026-11-24 03:00", tz="Asia/Tokyo", cache=False)


def test_records_without_times_are_a_case_without_a_span(written: Writer, cache_folder: Path) -> None:
    case = fk.load(written("a.log", "srcaddr dstaddr", "10.0.0.1 10.0.0.2"), cache=cache_folder)
    assert "no time in any record, and no span was asked for" in repr(case)
    with pytest.raises(
        FlowkitError, match="no record that has a time, so its start and end are unknown: give start= and end="
    ):
        case.coverage()


def test_a_transit_gateway_log_is_a_case_like_any_other(written: Writer, cache_folder: Path) -> None:
    """It has no interface-id and no action: coverage goes by attachment, and nothing is said of rejects."""
    header = (
        "version account-id tgw-id tgw-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end"
    )
    line = "6 123456789010 tgw-1 tgw-attach-1 10.0.0.1 10.1.0.2 40000 443 6 5 500 1795449900 1795449930"
    case = fk.load(written("a.log", f"{header} log-status", f"{line} OK"), cache=cache_folder)
    assert case.coverage().select("interface_id", "state").collect().rows() == [("tgw-attach-1", "OK")]
    assert "These logs have no action field, so they do not say what was rejected." in list(fk.findings(case))
    assert "tgw-attach-1" in text(case)


def test_what_cannot_be_reached_is_named_and_the_rest_is_read(written: Writer, cache_folder: Path) -> None:
    """A pipe, on which a reader would wait for ever, and a link that leads nowhere."""
    folder = written("a.log", FLOW).parent
    os.mkfifo(folder / "pipe")
    (folder / "gone.log").symlink_to(folder / "nowhere")
    ledger = fk.load(folder, cache=cache_folder).ledger
    assert ledger.select("object", "format", "flows").rows() == [
        ("a.log", "text, default format", 1),
        ("gone.log", "not read", 0),
        ("pipe", "not read", 0),
    ]


def test_a_file_of_any_name_is_named_and_the_rest_is_read(written: Writer, cache_folder: Path) -> None:
    folder = written("a.log", FLOW).parent
    Path(os.fsdecode(os.fsencode(folder) + b"/b\xff.log")).write_text(f"{FLOW}\n")
    ledger = fk.load(folder, cache=cache_folder).ledger
    assert ledger.select("object", "flows").rows() == [("a.log", 1), ("b\ufffd.log", 0)]
    assert "its name is not UTF-8" in ledger["note"][1]


def test_a_file_that_two_ways_lead_to_is_one(written: Writer, cache_folder: Path) -> None:
    folder = written("x/a.log", FLOW).parents[1]
    (folder / "y").symlink_to("x")
    (folder / "loop").symlink_to(folder)
    for pattern in ("*/a.log", "**/a.log"):
        ledger = fk.load(folder / pattern, cache=cache_folder).ledger
        assert ledger.select("object", "lines", "flows").rows() == [(f"{folder}/x/a.log", 1, 1)]


def test_a_file_that_may_not_be_read_is_named_and_the_rest_is_read(written: Writer, cache_folder: Path) -> None:
    folder = written("a.log", FLOW).parent
    written("b.log", FLOW).chmod(0)
    cache_folder.mkdir()
    cache_folder.chmod(0o777)
    for parent in [folder, *folder.parents[:-2]]:  # All that pytest made, below the folder for temporary files.
        parent.chmod(0o755)
    with as_nobody():
        ledger = fk.load(folder, cache=cache_folder).ledger
    assert ledger.select("object", "note").row(1) == ("b.log", "there is no permission to read it")


@pytest.mark.parametrize("pattern", ["", "/**/*.log", "/**", "/*/*.log"])
def test_a_folder_that_may_not_be_entered_is_named_in_a_tree_as_in_a_pattern(
    written: Writer, tmp_path: Path, pattern: str
) -> None:
    (tmp_path / "logs" / "open").mkdir(parents=True)
    (tmp_path / "logs" / "shut").mkdir()
    written("a.log", FLOW).rename(tmp_path / "logs" / "open" / "a.log")
    for parent in [tmp_path, *tmp_path.parents[:-2]]:
        parent.chmod(0o755)
    (tmp_path / "logs" / "shut").chmod(0)
    with as_nobody():
        ledger = fk.load(f"{tmp_path}/logs{pattern}", cache=False).ledger
    (tmp_path / "logs" / "shut").chmod(0o755)
    assert ledger["object"].str.split("logs/").list.last().to_list() == ["open/a.log", "shut/"]
    assert ledger["note"].to_list() == ["", "it is a folder that may not be entered"]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything: give that up for a while, where the tests run as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_check_shows_ledger_quarantine_and_coverage(written: Writer, cache_folder: Path) -> None:
    case = fk.load(written("a.log", HEADER, FLOW, "2 \x1b[2J"), cache=cache_folder)
    words = text(case)
    assert "a.log:3: it has 2 words where 14 fields belong: 2 �[2J" in words
    assert "eni-1" in words.split("coverage from")[1]
    assert "|#|" in words


_RECORDS = st.lists(st.sampled_from([FLOW, NODATA, SKIPDATA, "torn", "", "2 eni-1 what OK"]), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(_RECORDS.filter(lambda lines: lines[0] != ""), min_size=1, max_size=4))
def test_lines_in_are_lines_accounted_for(files: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Over several objects at once, clean and dirty: flows + NODATA + SKIPDATA + malformed + headers + blanks."""
    folder = tmp_path_factory.mktemp("logs")
    for i, lines in enumerate(files):
        (folder / f"{i}.log").write_text("".join(f"{line}\n" for line in [HEADER, *lines]))
    total = fk.load(folder, cache=False).ledger.select(pl.col(pl.Int64).sum()).row(0, named=True)
    every = [line for lines in files for line in lines]
    assert total == {
        "lines": len(every) + len(files),
        "flows": every.count(FLOW),
        "nodata": every.count(NODATA),
        "skipdata": every.count(SKIPDATA),
        "malformed": every.count("torn") + every.count("2 eni-1 what OK"),
        "header": len(files),
        "blank": every.count(""),
    }


def test_nothing_readable_is_a_format_error(written: Writer, cache_folder: Path) -> None:
    with pytest.raises(FormatError, match="no flow logs in"):
        fk.load(written("a.txt", textwrap.dedent("just words")), cache=cache_folder)


def test_what_is_not_good_is_said_on_the_case_in_the_notebook_and_in_the_findings(
    written: Writer, cache_folder: Path
) -> None:
    """A torn line, a second copy, a gzip file that ends too soon: what can be read of it is there, and nothing else."""
    later = [FLOW.replace(" 40000 ", f" {port} ") for port in range(40_001, 42_001)]
    whole = gzip.compress("".join(f"{line}\n" for line in [HEADER, *later]).encode())
    written("b.log.gz", data=whole[:-2_000])
    case = fk.load(written("a.log", HEADER, FLOW, FLOW, "2 torn").parent, cache=cache_folder)
    held = case.ledger.row(by_predicate=pl.col("object") == "b.log.gz", named=True)
    assert 100 < held["flows"] < 2_000
    assert held["lines"] == held["flows"] + held["header"] + held["malformed"]
    assert case.facts["flows"] == 2 + held["flows"]
    for words in (repr(case), case._repr_html_(), "\n".join(fk.findings(case))):
        assert "malformed line" in words
        assert "1 second copy of a record, kept" in words
        assert "b.log.gz: its gzip data are cut short" in words


# second copies


def test_second_copies_are_counted_shown_and_kept(written: Writer, cache_folder: Path) -> None:
    """The same record three times over two objects, and a NODATA line twice: three second copies."""
    written("a.log", HEADER, FLOW, FLOW, NODATA)
    case = fk.load(written("b.log", HEADER, FLOW, NODATA).parent, cache=cache_folder)
    assert (case.facts["copies"], case.facts["flows"]) == (3, 3)
    assert "3 second copies of a record, kept: duplicates='drop' leaves them out" in repr(case)


def test_objects_of_several_flow_logs_are_told_of_since_they_may_log_one_interface_twice(
    written: Writer, cache_folder: Path
) -> None:
    name = "123456789010_vpcflowlogs_eu-west-1_fl-0{}_20261123T1605Z_1ce1bf4b.log"
    written(name.format("a"), HEADER, FLOW)
    folder = written(name.format("b"), HEADER, FLOW.replace("443", "444")).parent
    twice = "fl-0a and fl-0b both log eni-1: what passes there counts twice"
    assert twice in repr(fk.load(folder, cache=cache_folder))
    assert twice in str(fk.findings(fk.load(folder, cache=cache_folder)))
    assert "both log" not in repr(fk.load(folder, cache=cache_folder, flow_log_ids=["fl-0a"]))


@pytest.mark.parametrize("change", [("eni-1", "eni-2"), ("17954499", "17954599")])
def test_flow_logs_of_other_interfaces_or_made_anew_later_count_nothing_twice(
    written: Writer, cache_folder: Path, change: tuple[str, str]
) -> None:
    name = "123456789010_vpcflowlogs_eu-west-1_fl-0{}_20261123T1605Z_1ce1bf4b.log"
    written(name.format("a"), HEADER, FLOW)
    case = fk.load(written(name.format("b"), HEADER, FLOW.replace(*change)).parent, cache=cache_folder)
    assert "flow logs  fl-0a and fl-0b: no two of them log an interface at the same time; flow_log_ids=" in repr(case)
    assert "counts twice" not in repr(case) + str(fk.findings(case))


def test_a_given_load_balancer_address_that_checks_nothing_is_told_of(cache_folder: Path) -> None:
    case = fk.load(fk.samples("incident"), cache=cache_folder)
    nodes = case.split.nodes["address"].to_list()
    assert "10.99.9.9" not in nodes
    wrong = fk.load(fk.samples("incident"), cache=cache_folder, lb_addresses=[*nodes, "10.99.9.9"])
    said = "nothing like a check comes from 10.99.9.9 (1 of 3 load balancer addresses given): only given addresses"
    assert said in repr(wrong)
    assert said in str(fk.findings(wrong))
    assert "nothing like a check" not in repr(fk.load(fk.samples("incident"), cache=cache_folder, lb_addresses=nodes))


def test_second_copies_are_left_out_on_request(written: Writer, cache_folder: Path) -> None:
    written("a.log", HEADER, FLOW, FLOW, NODATA)
    case = fk.load(written("b.log", HEADER, FLOW, NODATA).parent, cache=cache_folder, duplicates="drop")
    assert case.flows.collect().height == 1
    assert case.records.select("log_status").collect()["log_status"].sort().to_list() == ["NODATA", "OK"]
    assert "3 second copies of a record, left out" in repr(case)
    assert case.ledger["flows"].sum() == 3


@pytest.mark.parametrize("change", [("eni-1", "eni-9"), ("ACCEPT", "REJECT"), (" 164 ", " 165 "), ("40000", "40001")])
def test_what_differs_in_one_field_is_no_copy(written: Writer, cache_folder: Path, change: tuple[str, str]) -> None:
    """The same flow on another interface among them."""
    case = fk.load(written("a.log", FLOW, FLOW.replace(*change)), cache=cache_folder, duplicates="drop")
    assert (case.facts["copies"], case.facts["flows"]) == (0, 2)
    assert "cop" not in repr(case).replace("scope", "")


def test_a_copy_is_found_across_objects_of_another_order_and_across_loads(written: Writer, cache_folder: Path) -> None:
    """The same record under a header of another order, and in an object that came later: an export that overlaps."""
    names, words = HEADER.split(), FLOW.split()
    written("a.log", HEADER, FLOW)
    folder = written("b.log", " ".join(reversed(names)), " ".join(reversed(words))).parent
    assert fk.load(folder, cache=cache_folder).facts["copies"] == 1
    written("c.log.gz", HEADER, FLOW)
    again = fk.load(folder, cache=cache_folder, duplicates="drop")
    assert (again.facts["copies"], again.facts["flows"]) == (2, 1)


def test_what_a_format_of_fewer_fields_tells_again_is_a_copy(written: Writer, cache_folder: Path) -> None:
    """Two flow logs of one interface, of version 2 and with more: the one that says more is kept."""
    written("a.log", HEADER, FLOW, FLOW.replace("40000", "40001"))
    folder = written("b.log", f"{HEADER} tcp-flags", f"{FLOW.replace('2', '3', 1)} 2").parent
    assert fk.load(folder, cache=cache_folder).facts["copies"] == 1
    case = fk.load(folder, cache=cache_folder, duplicates="drop")
    assert case.facts["copies"] == 1
    assert sorted(case.flows.select("srcport", "tcp_flags").collect().rows()) == [(40000, 2), (40001, None)]


def test_a_format_that_cannot_tell_copies_loses_nothing_and_says_so(written: Writer, cache_folder: Path) -> None:
    path = written("a.log", "srcaddr bytes log-status", "10.0.0.1 5 OK", "10.0.0.1 5 OK")
    case = fk.load(path, cache=cache_folder, duplicates="drop")
    assert (case.facts["copies"], case.facts["flows"]) == (None, 2)
    assert "lacks fields that tell a second copy of a record from another flow: nothing was left out" in repr(case)


def test_a_word_that_duplicates_does_not_know_is_an_error(written: Writer) -> None:
    with pytest.raises(FlowkitError, match="duplicates='ignore' is not known: choose 'keep' or 'drop'"):
        fk.load(written("a.log", FLOW), duplicates="ignore")  # type: ignore[arg-type]


# long spans


def test_flows_come_in_the_order_of_their_start_then_of_the_objects(written: Writer, cache_folder: Path) -> None:
    """Whatever was read first: the second object is read in a load of its own before the first is there."""
    late, early = FLOW.replace("17954499", "17954599"), FLOW.replace("17954499", "17954399")
    folder = written("b.log", late, FLOW.replace(" 40000 ", " 4 "), early).parent
    fk.load(folder, cache=cache_folder)
    written("a.log", FLOW.replace(" 40000 ", " 3 "), FLOW.replace(" 40000 ", " 2 "))
    flows = fk.load(folder, cache=cache_folder).flows.collect()
    assert flows["srcport"].to_list() == [40000, 3, 2, 4, 40000]
    assert flows["start"].is_sorted()


def test_a_long_span_is_settled_stretch_by_stretch_with_the_same_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample's 30,473 flows in stretches of 4,000: hardly a label differs, and nothing else does."""
    whole = fk.load(fk.samples("incident"), cache=tmp_path / "whole")
    monkeypatch.setattr(stretches, "MOST", 4_000)
    cut = fk.load(fk.samples("incident"), cache=tmp_path / "cut")
    assert len(list((tmp_path / "cut").rglob("flows-*.parquet"))) > 5
    order = [c for c in whole.flows.collect_schema().names() if c not in ("kind", "confidence")]
    both = [case.flows.sort(order).collect() for case in (whole, cut)]
    assert both[0].select(order).equals(both[1].select(order))
    same = (both[0]["kind"] == both[1]["kind"]).mean()
    assert isinstance(same, float)
    assert same > 0.98


def test_copies_are_found_in_every_stretch(
    written: Writer, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "MOST", 10)
    later = [FLOW.replace("17954499", f"1795{n}99") for n in range(4500, 4540)]
    case = fk.load(written("a.log", *later, *later[::2]), cache=cache_folder, duplicates="drop")
    assert (case.facts["copies"], case.facts["flows"]) == (20, 40)


def test_what_lies_beside_the_logs_is_named_with_the_ledger_and_not_in_the_summary(
    written: Writer, recwarn: pytest.WarningsRecorder
) -> None:
    folder = str(Path(written("a.log", HEADER, FLOW)).parent)
    written("README.md", "# what happened")
    written("labels.csv", "stamp,row,label")
    written("b.log", "no log at all")
    case = fk.load(folder, cache=False)
    assert "left alone  README.md and labels.csv: no flow logs, case.ledger says why" in repr(case)
    assert "2 objects, 2 lines" in repr(case)
    said = str(fk.findings(case))
    assert "README" not in said
    assert "labels" not in said
    assert "b.log: " in said
    fk.scan(folder)
    assert [str(w.message) for w in recwarn if "README" in str(w.message)] == []
