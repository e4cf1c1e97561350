"""Every form there is: told by looking, read whole, every line accounted for."""

from __future__ import annotations

import bz2
import gzip
import io
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from clouds import LAYOUTS, key_of
from forms import CONTROL, FORMS, Form, cut, parquet, text, typed, zipped
from reading import COUNTS, counted, read_one
from records import FLOW, HEADER, NODATA, Writer, ordered

import flowkit as fk
from flowkit.errors import FormatError
from flowkit.formats import detect

FLOW_READ = {
    "srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "srcport": 40000, "dstport": 80, "protocol": 6, "packets": 3,
    "bytes": 164, "start": datetime(2026, 11, 23, 16, 5, tzinfo=UTC),
    "end": datetime(2026, 11, 23, 16, 5, 30, tzinfo=UTC),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_each_form_is_told_read_and_adds_up(written: Writer, form: Form) -> None:
    path = written(form.name, data=form.data)
    batch = read_one(path, form.fields)
    assert detect(str(path), form.fields).words == form.format
    assert counted(batch) == form.counts
    assert batch.notes.get(str(path), "") == form.note
    flows = batch.frame.filter(pl.col("log_status") == "OK")
    for column in FLOW_READ.keys() & flows.columns:
        assert set(flows[column]) <= {FLOW_READ[column], None}
    assert flows.select(pl.any_horizontal(pl.col(f"^({'|'.join(FLOW_READ)})$").is_not_null()).all()).item()


@pytest.mark.filterwarnings("ignore:.*flowkit.load accounts")
def test_all_forms_under_one_prefix_give_scan_and_load_the_same_flows(written: Writer) -> None:
    together = {f"{key}/{form.name}": form for key, form in FORMS.items() if not form.fields}
    for name, form in together.items():
        written(name, data=form.data)
    folder = written("aws-logs-write-test", data=b"Permission Check Successful").parent
    case = fk.load(folder, cache=False)
    ledger = {row["object"]: row for row in case.ledger.to_dicts()}
    assert {name: {c: ledger[name][c] for c in COUNTS if ledger[name][c]} for name in together} == {
        name: form.counts for name, form in together.items()
    }
    assert {name: ledger[name]["note"] for name in together} == {name: form.note for name, form in together.items()}
    assert case.quarantine.height == case.ledger["malformed"].sum()
    scanned = fk.scan(folder)
    held = scanned.collect_schema().names()
    assert ordered(scanned).equals(ordered(case.records.filter(pl.col("log_status") == "OK").select(held)))


def test_parquet_of_every_layout_whose_columns_drift_come_and_go_is_one_table(written: Writer) -> None:
    """The traffic's path is a text in one file, a double in the next, and not there in the others."""
    paths = {"plain": [pl.lit("-").alias("traffic_path")], "hive": [pl.lit(8.0).alias("traffic_path")]}
    types = dict(zip(LAYOUTS, (pl.Int32, pl.Int64, pl.Float64, pl.String, pl.Int32), strict=True))
    for layout, dtype in types.items():
        flow = pl.read_parquet(typed(dtype)).with_columns(pl.lit(layout).alias("account_id"), *paths.get(layout, []))
        key = key_of(layout, FLOW_READ["start"], account=str(list(types).index(layout)))
        written(key.replace(".gz", ".parquet"), data=parquet(*flow.to_dicts()))
    folder = written("net/manifest.json", data=b'{"files": []}').parent
    case = fk.load(folder, cache=False)
    counts = case.ledger.group_by("format").agg(pl.len(), pl.col("lines", "flows", "nodata", "malformed").sum())
    assert sorted(counts.rows()) == [("not read", 1, 0, 0, 0, 0), ("parquet", 5, 10, 5, 5, 0)]
    flows = case.flows.collect()
    assert dict(flows.select("account_id", "traffic_path").rows()) == {**dict.fromkeys(types), "hive": 8}
    for column, value in FLOW_READ.items():
        assert flows[column].to_list() == [value] * 5
    with pytest.warns(UserWarning, match="no flow log"):
        assert fk.scan(folder).collect().height == 5


def test_an_archive_is_read_member_by_member(written: Writer) -> None:
    members = {"a__log": text(HEADER, FLOW), "b__log__gz": gzip.compress(text(FLOW, NODATA)), "c__log": b"no flow log",
               "d__parquet": parquet({"srcaddr": "10.0.0.1", "log_status": "OK"}), "e__zip": zipped(a__log=text(FLOW)),
               "f__gz": cut(gzip.compress(text(HEADER, *[FLOW] * 5000), compresslevel=0, mtime=0))}  # fmt: skip
    ledger = fk.load(written("logs.zip", data=zipped(**members)), cache=False).ledger
    assert ledger.select("object", "format", "flows", "nodata", "malformed").rows() == [
        ("logs.zip/a.log", "text, header", 1, 0, 0),
        ("logs.zip/b.log.gz", "text, default format", 1, 1, 0),
        ("logs.zip/c.log", "not read", 0, 0, 0),
        ("logs.zip/d.parquet", "parquet", 1, 0, 0),
        ("logs.zip/e.zip", "not read", 0, 0, 0),
        ("logs.zip/f.gz", "text, header", 2499, 0, 1),
    ]
    assert ledger["note"][4] == "it is a zip archive inside another: unpack it first"


def test_a_member_that_changed_since_it_was_packed_is_told_of(written: Writer) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.log", text(HEADER, FLOW))
    path = written("logs.zip", data=buffer.getvalue().replace(b" 80 6 3 ", b" 81 6 3 ", 1))
    entry = fk.load(path, cache=False).ledger.row(0, named=True)
    assert (entry["flows"], entry["malformed"]) == (1, 0)
    assert entry["note"] == "its checksum in the zip is wrong: what was read may not be what was packed"


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("aws-logs-write-test", b"Permission Check Successful", "tries the bucket before an export"),
        ("trail.json", b'{"Records":[{"eventVersion":"1.08","eventSource":"s3.amazonaws.com"}]}', "a CloudTrail log"),
        ("aws-export-manifest.json", b'{"task":"1","files":["a"]}', "JSON that holds no flow log records"),
        ("control", CONTROL, "holds no flow log records, only 1 control message of the subscription"),
        ("cut.json", b'{"awslogs":{"data":"H4sIACGuBmsC"}}', "an event whose packed data are damaged or cut short"),
        ("stats.csv", b"srcAddr,sum(bytes)\n10.0.0.1,1000\n", "a table of sums or counts"),
        ("athena.csv", b'"srcaddr","_col1"\n"10.0.0.1","7"\n', "a table of sums or counts"),
        ("stats.json", b'[{"srcAddr":"10.0.0.1","dstAddr":"10.0.0.2","count(*)":"7"}]', "it holds sums or counts"),
        ("a.csv.metadata", b"\x0a\x20\0\1", "neither text nor Parquet"),
        ("empty.log", b" \n\n", "it is empty"),
        ("empty.csv", "\ufeff".encode("utf-16-le"), "it is empty"),
        ("cut.zip", cut(zipped(a__log=text(FLOW))), "lists what is in it, is missing: was its download cut short"),
        ("zip.log", zipped(a__log=text(FLOW)), "only on a disk and under a name that ends in .zip"),
        ("a.log.bz2", bz2.compress(text(FLOW)), "it is packed with bzip2, which flowkit does not open: unpack it"),
        ("cut.parquet", cut(parquet({"srcaddr": "10.0.0.1", "log_status": "OK"})), "its Parquet data are damaged"),
        ("other.parquet", parquet({"x": 1}), "Parquet, but no flow log: its columns are x"),
        ("words.txt", b"call the network team\n", "4 words were seen, 'call the network team'"),
    ],
)  # fmt: skip
def test_what_is_no_flow_log_is_named(written: Writer, name: str, data: bytes, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        detect(str(written(name, data=data)))


@pytest.mark.parametrize("sign", ["#", "# "])
def test_a_header_that_is_a_comment_is_a_header(written: Writer, sign: str) -> None:
    batch = read_one(written("a.log", sign + HEADER, FLOW, sign + HEADER, FLOW))
    assert counted(batch) == {"flows": 2, "header": 2}
    assert batch.frame["version"].to_list() == [2, 2]


def test_a_count_of_words_does_not_choose_a_format(written: Writer) -> None:
    """Fourteen words in another order are not the default format (Matano and Elastic take them for it)."""
    words = FLOW.split()
    path = written("a.log", " ".join([*words[10:12], *words[:10], *words[12:]]))
    with pytest.raises(FormatError, match="do not hold the default format's 14 fields"):
        detect(str(path))


def test_given_fields_in_a_wrong_order_are_not_believed(written: Writer) -> None:
    """A NODATA line of nothing but `-` fits any order; the others do not."""
    wrong = HEADER.replace("packets bytes", "bytes packets").split()
    path = written("a.log", NODATA, FLOW, FLOW)
    assert detect(str(path), wrong).words == "text, default format, as its lines do not fit the fields given"
    assert read_one(path, wrong).frame["bytes"].to_list() == [None, 164, 164]


def test_given_fields_with_start_and_end_swapped_are_told_of(written: Writer) -> None:
    path = written("a.log", "10.0.0.1 164 1795449900 1795449930", "10.0.0.1 164 1795449960 1795449990")
    said = "every end is before its start"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fk.scan(path, fields="srcaddr bytes start end")
    assert said not in fk.load(path, cache=False, fields="srcaddr bytes start end").ledger["note"].item()
    with pytest.warns(UserWarning, match=f"a.log: {said}"):
        fk.scan(path, fields="srcaddr bytes end start")
    assert said in fk.load(path, cache=False, fields="srcaddr bytes end start").ledger["note"].item()


def test_an_insights_table_without_start_has_its_events_time(written: Writer) -> None:
    """CloudWatch Logs takes a flow log record's `start` for the time of its event."""
    path = written("a.csv", "@timestamp,srcAddr,bytes", "2026-11-23 16:05:00.000,10.0.0.1,164")
    assert read_one(path).frame["start"].to_list() == [FLOW_READ["start"]]


def test_without_a_status_a_record_of_nothing_is_no_flow(written: Writer) -> None:
    """NODATA and SKIPDATA have `-` everywhere: the first is said, and that it may have been the other."""
    path = written("a.log", "interface-id srcaddr bytes", "eni-1 10.0.0.1 164", "eni-1 - -")
    case = fk.load(path, cache=False)
    assert case.ledger.select("flows", "nodata").row(0) == (1, 1)
    assert case.ledger["note"].item().startswith("without log-status, 1 record without any value counted as NODATA")


def test_given_fields_that_are_not_used_are_said(written: Writer, cache_folder: Path) -> None:
    """Also where the object was read before without them."""
    path = written("a.log", HEADER, FLOW)
    assert fk.load(path, cache=cache_folder).ledger["format"].to_list() == ["text, header"]
    case = fk.load(path, cache=cache_folder, fields=["srcaddr", "dstaddr"])
    assert case.ledger["format"].to_list() == ["text, header, not the fields given"]
    with pytest.warns(UserWarning, match=r"not those of 1 object: a\.log is text, header, not the fields given"):
        fk.scan(path, fields=["srcaddr", "dstaddr"])


def test_given_fields_take_awss_own_form(written: Writer) -> None:
    path = written("a.log", "eni-1 164 OK")
    assert fk.scan(path, fields="${interface-id} ${bytes} ${log-status}").collect()["bytes"].to_list() == [164]


def test_given_fields_that_are_corrected_give_other_flows(written: Writer, cache_folder: Path) -> None:
    """The bytes of the object are the same, and what the cache holds of it is not what is asked for now."""
    path = written("a.log", "10.0.0.1 10.0.0.2 164 1795449900 1795449930 OK")
    rest = "bytes start end log-status"
    for names, source in (("dstaddr srcaddr", "10.0.0.2"), ("srcaddr dstaddr", "10.0.0.1")):
        case = fk.load(path, cache=cache_folder, fields=f"{names} {rest}")
        assert case.flows.select("srcaddr").collect().item() == source


def test_a_damaged_archive_and_its_neighbours(written: Writer) -> None:
    """What cannot be opened is named; what lies beside it is read."""
    written("b.log", FLOW)
    folder: Path = written("a.zip", data=cut(zipped(a__log=text(FLOW)))).parent
    assert fk.load(folder, cache=False).ledger.select("object", "format", "flows").rows() == [
        ("a.zip", "not read", 0),
        ("a.zip/a.log", "not read", 0),
        ("b.log", "text, default format", 1),
    ]


def test_a_format_without_times_loads_beside_one_that_has_them(written: Writer) -> None:
    written(
        "a.log", "interface-id srcaddr dstaddr srcport dstport protocol action", "eni-1 10.0.0.1 10.0.0.2 1 2 6 ACCEPT"
    )
    case = fk.load(written("b.log", HEADER, FLOW).parent, cache=False)
    assert case.flows.sort("start").select("kind", "start").collect().rows() == [
        ("other", None),
        ("service", FLOW_READ["start"]),
    ]


def test_text_gzipped_twice_is_not_lost(written: Writer) -> None:
    """polars unpacks once: what it would take for text then has no line end, and would count as a header."""
    path = written("a.log", data=gzip.compress(gzip.compress(text(HEADER, FLOW))))
    assert fk.scan(path).collect().height == 1


@pytest.mark.parametrize("lead", ["", "2026-11-23T16:05:00.000Z "])
@pytest.mark.filterwarnings("ignore:.*flowkit.load accounts")
def test_a_word_too_many_is_seen_whatever_columns_are_asked_for(written: Writer, lead: str) -> None:
    """polars alone looks no further than the last column it reads."""
    path = written("a.log", f"{lead}{FLOW}", f"{lead}{FLOW} more")
    assert counted(read_one(path)) == {"flows": 1, "malformed": 1}
    assert fk.scan(path).select("bytes").collect().height == 1


def test_a_huge_file_keeps_the_columns_of_a_second_header(written: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read in pieces, and what a header further down names is not known before."""
    path = written("a.log", HEADER, FLOW, "interface-id flow-direction log-status", "eni-1 ingress OK")
    monkeypatch.setattr("flowkit.formats.HUGE", 100)
    case = fk.load(path, cache=False)
    flows = case.flows.sort("bytes", nulls_last=True).select("bytes", "flow_direction").collect()
    assert flows.rows() == [(164, None), (None, "ingress")]
    assert case.ledger.select("flows", "header", "malformed", "note").row(0) == (2, 2, 0, "")
