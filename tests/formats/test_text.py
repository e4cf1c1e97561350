"""Bytes to records: every line is a record, a header, blank, or in the quarantine with its reason."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from reading import counted, read_one, reasons
from records import FLOW, HEADER, NODATA, SKIPDATA, Writer

import flowkit as fk
from flowkit.errors import FormatError
from flowkit.formats import Wanted, detect, read
from flowkit.schema import columns


def test_a_header_names_the_fields_in_any_order(written: Writer) -> None:
    """Bytes before packets, as some custom formats have them, are not swapped."""
    path = written("a.log", "bytes packets srcaddr log-status", "164 3 10.0.0.1 OK")
    assert read_one(path).frame.select("packets", "bytes", "srcaddr").row(0) == (3, 164, "10.0.0.1")


def test_lines_that_do_not_fit_are_refused_with_what_was_seen(written: Writer) -> None:
    with pytest.raises(FormatError, match="3 words were seen, 'eni-1 164 OK'"):
        detect(str(written("a.log", "eni-1 164 OK")))


@pytest.mark.parametrize("between", ["", " ", " 2026-11-23T16:05:30.000Z "])
def test_two_records_on_a_line_are_malformed_and_not_half_read(written: Writer, between: str) -> None:
    path = written("a.log", HEADER, FLOW, f"{FLOW}{between}{FLOW}", f"syslog: {FLOW}", f"{FLOW}{HEADER}")
    batch = read_one(path)
    assert counted(batch) == {"flows": 2, "malformed": 2, "header": 1}
    assert reasons(batch) == [
        (3, "it holds more than one record: a line end is missing"),
        (5, "it has 27 words where 14 fields belong: a header stands behind a record, as a line end is missing"),
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_line_ends_of_old_macs_are_line_ends(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(pack("\r".join([HEADER, *[FLOW] * 30, ""]).encode()))
    assert counted(read_one(path)) == {"flows": 30, "header": 1}


def test_an_unknown_field_is_kept_as_text_under_its_own_name(written: Writer) -> None:
    path = written("a.log", "srcaddr dst-mood log-status", "10.0.0.1 7 OK")
    assert read_one(path).frame["dst_mood"].to_list() == ["7"]
    assert detect(str(path)).unknown == ["dst-mood"]


ODD = ["New.Field", '"quoted"', "evil-</script>", "Großer-Wert", "*", "^.*$", "_row", "object", "kind", "phase"]
"""Names no field of AWS's has, and names of columns that flowkit works with."""


@pytest.mark.parametrize("form", ["log", "csv", "parquet", "a header further down"])
def test_a_field_of_any_name_is_a_column_of_its_own(written: Writer, tmp_path: Path, form: str) -> None:
    values = [f"v{i}" for i in range(len(ODD))]
    if form == "parquet":
        path = tmp_path / "a.parquet"
        row = {**dict(zip(HEADER.split(), FLOW.split(), strict=True)), **dict(zip(ODD, values, strict=True))}
        pl.DataFrame([row]).write_parquet(path)
    elif form == "csv":
        quoted = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in ODD]
        path = written("a.csv", ",".join([*HEADER.split(), *quoted]), ",".join([*FLOW.split(), *values]))
    else:
        before = [HEADER, FLOW] if form == "a header further down" else []
        path = written("a.log", *before, " ".join([HEADER, *ODD]), " ".join([FLOW, *values]))
    case = fk.load(path, cache=False)
    columns = [
        "new.field",
        '"quoted"',
        "evil_</script>",
        "großer_wert",
        "*_",
        "^.*$_",
        "_row_",
        "object_",
        "kind_",
        "phase",
    ]
    flows = case.flows.collect()
    assert flows.select(pl.col(f"^{re.escape(name)}$") for name in columns).rows()[-1] == tuple(values)
    assert flows["kind"].to_list() == ["service"] * flows.height
    assert "<script" not in case._repr_html_() + flows._repr_html_()


def test_a_line_with_a_value_in_it_is_no_header(written: Writer) -> None:
    path = written("a.log", "srcaddr dstaddr instance-tag", "10.0.0.1 10.0.0.2 x", "srcaddr bytes 10.0.0.1")
    assert read_one(path).headers == {str(path): 1}


def test_a_dash_is_nothing_also_in_the_last_field(written: Writer) -> None:
    path = written("a.log", "srcaddr log-status bytes", "- OK -", "10.0.0.1 OK 5")
    assert read_one(path).frame.select("srcaddr", "bytes").rows() == [(None, None), ("10.0.0.1", 5)]


@pytest.mark.parametrize(("word", "millis"), [("1795449900", 0), ("1795449900123", 123)])
def test_times_are_utc_whether_in_seconds_or_milliseconds(written: Writer, word: str, millis: int) -> None:
    path = written("a.log", "start log-status", f"{word} OK")
    assert read_one(path).frame["start"].item() == datetime(2026, 11, 23, 16, 5, 0, millis * 1000, UTC)


@pytest.mark.parametrize("word", ["-5", "999999999999999999"])
def test_a_time_that_no_calendar_shows_is_malformed(written: Writer, word: str) -> None:
    batch = read_one(written("a.log", "start log-status", "1795449900 OK", f"{word} OK"))
    assert reasons(batch) == [(3, f"start is '{word}', not a whole number in range")]
    assert batch.frame.height == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2 3 OK", "it has 3 words where 4 fields belong"),
        ("2 eni-1 3 OK more", "it has 5 words where 4 fields belong"),
        ("2 eni-1 many OK", "bytes is 'many', not a whole number in range"),
        ("2 eni-1 99999999999999999999 OK", "bytes is '99999999999999999999', not a whole number in range"),
        ("2 eni-1 3 FINE", "log-status is 'FINE', not OK, NODATA or SKIPDATA"),
        ("2 eni-1 3 -", "log-status is '-', not OK, NODATA or SKIPDATA"),
    ],
)
def test_a_bad_line_is_quarantined_and_its_neighbours_are_kept(written: Writer, line: str, reason: str) -> None:
    path = written("a.log.gz", "version interface-id bytes log-status", "2 eni-1 3 OK", line, "2 eni-2 4 OK")
    batch = read_one(path)
    assert reasons(batch) == [(3, reason)]
    assert batch.frame["bytes"].to_list() == [3, 4]


def test_bytes_that_are_no_text_stay_one_field_of_one_record(written: Writer) -> None:
    batch = read_one(written("a.log", data=HEADER.encode() + b"\n" + FLOW.encode().replace(b"eni-1", b"eni-\xff\xfe")))
    assert batch.frame["interface_id"].to_list() == ["eni-��"]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it is empty"),
        (b"\x1f\x8b\x08nonsense", "its gzip data are damaged from the start"),
        (b"\x89PNG\r\n\x1a\n\0\0", "neither text nor Parquet"),
        (b"PAR1 but not really", "its Parquet data are damaged"),
        (b'{"Records": []}', "has no header line"),
        (b"version version srcaddr\n2 2 10.0.0.1\n", "its header names the field 'version' twice"),
    ],
)
def test_what_is_no_flow_log_is_named_in_one_sentence(written: Writer, data: bytes, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        detect(str(written("a", data=data)))


def test_parquet_columns_that_drift_in_type_come_back_to_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {"srcaddr": ["10.0.0.1", "-"], "dstaddr": ["10.0.0.2", "None"], "srcport": ["443.0", "-"], "bytes": [5.0, None],
         "start": [1795449900, 1795449900], "log_status": ["OK", "NODATA"]}
    ).write_parquet(path)  # fmt: skip
    frame = read_one(path).frame
    assert frame.select("srcaddr", "srcport", "bytes", "log_status").rows() == [
        ("10.0.0.1", 443, 5, "OK"),
        (None, None, None, "NODATA"),
    ]


_WORD = st.text(st.characters(codec="utf-8", exclude_characters=" \t\r\n\0"), max_size=12)
_LINE = st.one_of(
    st.sampled_from([FLOW, NODATA, SKIPDATA, HEADER, "", "  "]),
    st.lists(_WORD, max_size=16).map(" ".join),
    st.tuples(st.integers(0, 13), _WORD).map(
        lambda p: " ".join([*FLOW.split()[: p[0]], p[1], *FLOW.split()[p[0] + 1 :]])
    ),
)


@given(lines=st.lists(_LINE, min_size=1, max_size=30), last=st.booleans(), zipped=st.booleans())
def test_every_line_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], last: bool, zipped: bool
) -> None:
    """Lines in = flows + NODATA + SKIPDATA + malformed + headers + blanks, whatever the lines hold."""
    text = "\n".join([HEADER, *lines]) + ("\n" if last or not lines[-1] else "")
    path = tmp_path_factory.mktemp("logs") / "a.log"
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    batch = read_one(path)
    accounted = batch.frame.height + batch.quarantine.height + sum(batch.headers.values()) + sum(batch.blanks.values())
    assert accounted == 1 + len(lines)
    good = sum(line in (FLOW, NODATA, SKIPDATA) for line in lines)
    assert batch.frame.height >= good


def test_a_line_of_nothing_but_a_byte_order_mark_is_counted(written: Writer) -> None:
    batch = read_one(written("a.log", data=b"srcaddr dstaddr\n\xef\xbb\xbf"))
    assert (sum(batch.headers.values()), sum(batch.blanks.values()) + batch.quarantine.height) == (1, 1)


@pytest.mark.parametrize("odd", [(), (FLOW[:40],), (HEADER, "", f"ERROR x {FLOW}")], ids=["clean", "cut", "mended"])
def test_many_small_files_are_read_as_each_by_itself(written: Writer, odd: tuple[str, ...]) -> None:
    """One has no record, one no last line end, one odd lines, one is larger: each keeps its own."""
    paths = [str(written(f"{i}.log.gz", HEADER, *[FLOW] * i, NODATA)) for i in range(6)]
    paths += [str(written("none.log.gz", HEADER)), str(written("open.log", data=f"{HEADER}\n{FLOW}".encode()))]
    paths += [str(written("large.log", HEADER, *[FLOW] * 200)), str(written("odd.log", HEADER, FLOW, *odd, FLOW))]
    form = detect(paths[0])
    wanted = Wanted({**columns(form.names), "object": pl.String})
    together, apart = read(paths, form, wanted), [read([path], form, wanted) for path in paths]
    for of in (lambda b: b.frame, lambda b: b.quarantine):
        assert_frame_equal(of(together), pl.concat(map(of, apart)), check_row_order=False)
    for account in ("headers", "blanks"):
        counts = [getattr(batch, account).items() for batch in apart]
        assert {k: n for k, n in getattr(together, account).items() if n} == {k: n for c in counts for k, n in c if n}


@pytest.mark.filterwarnings("ignore:.*flowkit.load accounts")
def test_a_scan_checks_the_columns_it_reads_and_load_all(written: Writer) -> None:
    path = written("a.log", HEADER, FLOW, FLOW.replace(" 164 ", " many "))
    flows = fk.scan(path)
    assert (flows.select("action").collect().height, flows.select("bytes").collect().height) == (2, 1)
    assert fk.load(path, cache=False).ledger["malformed"].to_list() == [1]


@pytest.mark.parametrize("first", [b"x^ noise", b"x\x9c noise", b"\x1f\x8b noise"])
def test_a_line_that_begins_as_compressed_data_do_is_a_malformed_line(written: Writer, first: bytes) -> None:
    """Polars would unpack what comes behind it."""
    records = f"{FLOW}\n".encode() * 20
    for place, data in enumerate((first + b"\n" + records, records + first + b"\n" + records)):
        if place or first[0] != 0x1F:  # A file that begins so is a gzip file.
            ledger = fk.load(written(f"{place}.log", data=data), cache=False).ledger
            assert ledger.select("flows", "malformed").row(0) == (20 * (place + 1), 1)


LAID_OUT: list[Callable[[str], str]] = [
    lambda line: f"Nov  3 12:00:01 host flows[1]: {line}",
    lambda line: f"INFO:{line}",
    lambda line: line.replace(" ", "  "),
    lambda line: "  ".join(word.ljust(9) for word in line.split()),
    lambda line: line.replace(" ", "\t"),
    lambda line: line.replace(" ", "\xa0"),
    lambda line: f" {line}  ",
    lambda line: f"\ufeff{line}\r",
    lambda line: line.replace(" 80 ", " 80.0 "),
    lambda line: line.replace("eni-1", "eni-1\udcff"),
]


@pytest.mark.parametrize("share", [1, 2, 20])
@pytest.mark.parametrize("change", LAID_OUT)
def test_lines_laid_out_in_another_way_are_records(written: Writer, change: Callable[[str], str], share: int) -> None:
    """All of them, half, or a few among others that are cut: the same come back as from the file that is clean."""
    ports = [FLOW.replace("40000", str(port)) for port in range(2000, 3400)]
    lines = [change(line) if i % share == 0 else line[:40] if i % share == 9 else line for i, line in enumerate(ports)]
    path = written("a.log", data="\n".join([HEADER, *lines, ""]).encode("utf-8", "surrogateescape"))
    batch = read_one(path)
    cut = [i + 2 for i in range(1400) if i % share == 9]
    assert batch.quarantine["line"].to_list() == cut
    assert sorted(batch.frame["srcport"]) == [2000 + i for i in range(1400) if i + 2 not in cut]
    assert batch.frame["dstport"].unique().to_list() == [80]


def test_a_header_behind_a_record_turns_what_follows_to_its_format(written: Writer) -> None:
    """Its own line is malformed, as a line end is missing; the lines below hold what it names."""
    path = written("a.log", HEADER, FLOW, f"{FLOW}srcaddr bytes packets log-status", "10.0.0.9 900 3 OK", HEADER, FLOW)
    batch = read_one(path)
    assert counted(batch) == {"flows": 3, "malformed": 1, "header": 2}
    assert batch.frame.filter(srcaddr="10.0.0.9").select("bytes", "packets").rows() == [(900, 3)]


def test_formats_that_take_turns_are_each_read_by_their_own_header(written: Writer) -> None:
    turns = [["srcaddr bytes packets log-status", f"10.0.0.{i} 900 3 OK", HEADER, FLOW, FLOW] for i in range(50)]
    batch = read_one(written("a.log.gz", HEADER, FLOW, *(line for turn in turns for line in turn)))
    assert counted(batch) == {"flows": 151, "header": 101}
    assert batch.frame["bytes"].sum() == 50 * 900 + 101 * 164
