"""What stands in a field has one outcome, and it is the documented one (see `flowkit.formats`)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from forms import parquet
from reading import read_one, reasons
from records import FLOW, HEADER, Writer

import flowkit as fk

NOON = datetime(2026, 11, 23, 16, 5, tzinfo=UTC)
FORMS = ("log", "csv", "json", "parquet")


def flow(**words: object) -> str:
    """Return the flow of the tests with other words in some fields."""
    named = dict(zip(HEADER.split(), FLOW.split(), strict=True))
    return " ".join({**named, **{name: str(word) for name, word in words.items()}}.values())


def in_form(written: Writer, form: str, line: str) -> Path:
    """Write a record in a form that names its fields."""
    names = HEADER.replace("-", "_").split()
    if form == "log":
        return written("a.log", HEADER, line)
    if form == "csv":
        return written("a.csv", ",".join(names), line.replace(" ", ","))
    row = dict(zip(names, line.split(), strict=True))
    if form == "json":
        return written("a.json", str(row).replace("'", '"'))
    return written("a.parquet", data=parquet(row))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("field", "word", "value"),
    [
        ("start", "1795449900123", NOON.replace(microsecond=123_000)),  # milliseconds
        ("start", "0", datetime(1970, 1, 1, tzinfo=UTC)),
        ("start", "4102444800", datetime(2100, 1, 1, tzinfo=UTC)),
        ("end", "1795449840", datetime(2026, 11, 23, 16, 4, tzinfo=UTC)),  # before its start
        ("end", "1795449900", NOON),  # no length
        ("srcport", "0", 0),  # as of ICMP
        ("srcport", "-", None),
        ("srcport", "65535", 65535),
        ("bytes", "9007199254740992", 2**53),
        ("bytes", "0", 0),
        ("packets", "500", 500),  # more than there are bytes
        ("protocol", "41", 41),
        ("interface-id", "eni-not-hex", "eni-not-hex"),
        ("account-id", "<ACCOUNT-ID>", "<ACCOUNT-ID>"),
        ("account-id", "6.02485E+11", "6.02485E+11"),
    ],
)
def test_a_value_is_read_alike_in_every_form(written: Writer, form: str, field: str, word: str, value: object) -> None:
    batch = read_one(in_form(written, form, flow(**{field: word})))
    assert batch.frame[field.replace("-", "_")].to_list() == [value]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("field", "word"),
    [
        ("bytes", "-5"),
        ("bytes", "9007199254740993"),
        ("packets", "99999999999999999999"),
        ("packets", "3.5"),
        ("srcport", "65536"),
        ("dstport", "http"),
        ("protocol", "256"),
        ("start", "-1"),
        ("end", "253402300800000"),  # the year 10000
    ],
)
def test_an_absurd_number_makes_its_record_malformed_in_every_form(
    written: Writer, form: str, field: str, word: str
) -> None:
    batch = read_one(in_form(written, form, flow(**{field: word})))
    assert batch.frame.height == 0
    assert [reason for _, reason in reasons(batch)] == [f"{field} is '{word}', not a whole number in range"]


def test_milliseconds_and_seconds_may_stand_in_one_file(written: Writer) -> None:
    path = written("a.log", HEADER, flow(start=1795449900123, end=1795449930456), FLOW)
    assert read_one(path).frame.select("start", "end").rows() == [
        (NOON.replace(microsecond=123_000), NOON.replace(second=30, microsecond=456_000)),
        (NOON, NOON.replace(second=30)),
    ]


def test_times_out_of_place_are_told_and_a_span_leaves_them_out(written: Writer) -> None:
    """Records of 1970 and 2100, and one that ends before it begins: kept, counted at their start."""
    path = written("a.log", HEADER, FLOW, flow(start=0, end=0), flow(start=4102444800, end=4102444800),
                   flow(end=1795449800))  # fmt: skip
    case = fk.load(path, cache=False)
    assert (case.facts["first"].year, case.facts["last"].year, case.facts["flows"]) == (1970, 2100, 4)
    minutes = fk.timeline(case.flows).select(pl.col("time").dt.year(), "flows").collect().rows()
    assert minutes == [(1970, 1), (2026, 2), (2100, 1)]
    assert fk.scan(path, start="2026-11-23 16:05", end="2026-11-23 16:06").collect().height == 2


def test_sums_beyond_the_greatest_number_stay_there_and_do_not_wrap(written: Writer) -> None:
    """1,100 records of 2^53 bytes are more than 2^63."""
    flows = fk.scan(written("a.log", HEADER, *[flow(bytes=2**53)] * 1100))
    assert fk.timeline(flows, every="1h", vantage="all").collect()["bytes"].to_list() == [2**62]
    assert fk.peers(flows, vantage="all").collect()["bytes"].to_list() == [2**62]
