"""CSV and JSON as others write them: what polars reads at once is what a careful reader would have read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from forms import COLUMNS, MILLIS, NAMED, events, subscription
from reading import counted, read_one, reasons
from records import FLOW, HEADER, NODATA, Writer

from flowkit.formats.wrapped import walk

COMMAS = HEADER.replace("-", "_").replace(" ", ",")
ROW = FLOW.replace(" ", ",")
NO_JSON = "it is no JSON: damaged or cut short"


@pytest.fixture(autouse=True)
def slabs_however_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "LEAST", 1)


@pytest.mark.parametrize(
    ("lines", "counts", "why"),
    [
        ([f"\ufeff{COMMAS}\r", f"{ROW}\r"], {"flows": 1, "header": 1}, []),
        ([f"{COMMAS},tag", f'{ROW},"a, ""b"""', f'{ROW},"a\nb"'], {"flows": 2, "header": 1}, []),
        ([COMMAS, f'"{ROW}', ROW, f'{ROW}"'], {"flows": 1, "malformed": 2, "header": 1},
         [(2, "it has 1 cell where 14 belong"), (4, "log-status is 'OK\"', not OK, NODATA or SKIPDATA")]),
        ([COMMAS, f"{ROW},", ROW[:-3]], {"malformed": 2, "header": 1},
         [(2, "it has 15 cells where 14 belong"), (3, "it has 13 cells where 14 belong")]),
        ([COMMAS, ROW, f"{COMMAS},vpc_id", f"{ROW},vpc-1", COMMAS, ROW], {"flows": 3, "header": 3}, []),
        ([COMMAS, ROW.replace("40000,80", " 40000.0 ,None"), ROW.replace("40000,80", "NaN,-")],
         {"flows": 2, "header": 1}, []),
        (["timestamp,message", f'{MILLIS},"{FLOW}', '"', f'{MILLIS},"{NODATA}"', '"'],
         {"flows": 1, "nodata": 1, "malformed": 1, "header": 1}, [(4, "it has 1 cell where 2 belong")]),
        (["version,", COMMAS.removeprefix("version,"), ROW], {"flows": 1, "malformed": 1, "header": 1},
         [(3, "it has 14 cells where 13 belong")]),
        (["timestamp,message", f"{MILLIS},{FLOW}", "message,timestamp", f"{FLOW},{MILLIS}"],
         {"flows": 2, "header": 2}, []),
    ],
    ids=["BOM, CRLF", "quoted", "open quotes", "width", "columns move", "nothing", "alone", "one field", "moves"],
)  # fmt: skip
def test_a_table_is_read_row_by_row(
    written: Writer, lines: list[str], counts: dict[str, int], why: list[tuple[int, str]]
) -> None:
    batch = read_one(written("a.csv", *lines))
    assert (counted(batch), reasons(batch)) == (counts, why)


GOOD = [json.dumps(event) for event in events(FLOW, FLOW, NODATA)]


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (GOOD[0][:60], NO_JSON),
        (GOOD[0].replace('"message"', '"message": "x", "message"'), "it has the key 'message' twice"),
        (GOOD[0].replace('"message"', '"body"'), "it has no message"),
        (GOOD[0].replace(" OK", " O\\ud800K"), "log-status is 'O?K', not OK, NODATA or SKIPDATA"),
        (GOOD[0].replace(" 164 ", f" {2**70} "), f"bytes is '{2**70}', not a whole number in range"),
    ],
    ids=["cut", "twice", "no message", "half a pair", "huge"],
)
@pytest.mark.parametrize("joint", ["\n", ",\n  ", "}{", "document"])
def test_an_odd_event_costs_no_other(written: Writer, odd: str, why: str, joint: str) -> None:
    texts = [GOOD[0], odd, *GOOD[1:]]
    data = {
        "\n": "\n".join(texts),
        ",\n  ": f"[{', '.join(texts)}]",
        "}{": "".join(texts),
        "document": f'{{"events": [{", ".join(texts)}], "searchedLogStreams": [{{"a": 1}}, {{"a": 2}}]}}',
    }[joint]
    batch = read_one(written("a.json", data=data.encode()))
    assert counted(batch) == {"flows": 2, "nodata": 1, "malformed": 1}
    assert reasons(batch) == [(2, why)]


@pytest.mark.parametrize("joint", ["\n", ""])
def test_an_event_that_is_cut_in_a_list_of_its_own_takes_no_other_with_it(written: Writer, joint: str) -> None:
    texts = [GOOD[0], GOOD[0][:-1] + ', "x": [1, 2', *GOOD[1:]]
    batch = read_one(written("a.json", data=joint.join(texts).encode()))
    assert (counted(batch)["flows"], reasons(batch)) == (2, [(2, NO_JSON)])


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"bytes": "164"}, 164),
        ({"bytes": 164.0}, 164),
        ({"bytes": None}, None),
        ({"bytes": "None"}, None),
        ({"interface_id": "é \"x\" \N{GRINNING FACE}"}, 164),
        ({"brand-new": {"a": [1, {"b": "},{"}]}}, 164),
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("ascii_only", [True, False])
def test_an_event_that_is_spelt_otherwise_is_read(
    written: Writer, change: dict[str, object], value: int | None, ascii_only: bool
) -> None:
    objects = [NAMED, {**NAMED, **change}, NAMED, {"srcAddr" if k == "srcaddr" else k: v for k, v in NAMED.items()}]
    lines = [json.dumps(one, ensure_ascii=ascii_only) for one in objects]
    for name, data in (("a.json", "\n".join(lines)), ("b.json", f"[{','.join(lines)}]")):
        frame = read_one(written(name, data=data.encode())).frame
        assert frame.height == 4
        assert frame["srcaddr"].to_list() == ["10.0.0.1"] * 4
        assert sorted(map(str, frame["bytes"])) == sorted(map(str, [164, value, 164, 164]))


def test_a_key_that_only_a_later_event_has_is_told(written: Writer) -> None:
    lines = [json.dumps(dict(zip(COLUMNS, FLOW.split(), strict=True)))] * 150
    path = written("a.json", *lines, json.dumps({**NAMED, "vpc-id": "vpc-1"}))
    batch = read_one(path)
    assert (batch.frame.height, batch.notes[str(path)]) == (151, "keys that only later events have, left out: vpc-id")


def test_deep_nesting_ends_in_a_malformed_event(written: Writer) -> None:
    deep = '{"message": ' + "[" * 5000 + "]" * 5000 + "}"
    batch = read_one(written("a.json", GOOD[0], deep, GOOD[1]))
    assert counted(batch)["flows"] == 2
    assert batch.quarantine["line"].to_list()[:1] == [2]


def test_text_is_held_a_window_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document longer than what is in sight, and damaged where two windows meet or not, is read all the same."""
    monkeypatch.setattr(walk, "LOOK", 4000)
    monkeypatch.setattr(walk, "_SMALL", 500)
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps({"events": events(*[FLOW] * 500)}, indent=2).encode() + subscription(*[NODATA] * 200))
    assert counted(read_one(path)) == {"flows": 500, "nodata": 200}
