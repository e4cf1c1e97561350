"""Bytes in, records or a FlowkitError out: `python tests/benchmarks/fuzz_formats.py [FOLDER] [--minutes 10]`.

hypothesis takes real flow logs (one of each form, and the files of FOLDER), damages them and has them read. Whatever
comes out, the sum of records, headers, blank and malformed lines of plain text is its number of lines. Ends with an
example, shrunk, of anything else that happened, and with the status 1.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1]))

from forms import FORMS

import flowkit as fk
from flowkit import formats, sources
from flowkit.errors import FlowkitError
from flowkit.formats import Wanted
from flowkit.schema import columns

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
FLOW = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 40000 80 6 3 164 1795449900 1795449930 ACCEPT OK"
NODATA = "2 123456789010 eni-1 - - - - - - - 1795449900 1795449930 - NODATA"
GRAINS = [
    *(b"\n", b"\r\n", b" ", b"  ", b"\t", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b",", b"{", b"}", b"[", b"]"),
    *(b"-", b"9223372036854775807", b"-1", b"1e308", b"NaN", b"1795449900123", b"\x1f\x8b\x08", b"PK\x03\x04", b"PAR1"),
    *(HEADER.encode(), FLOW.encode(), b'{"message":"', b'{"messageType":"CONTROL_MESSAGE"}', b"srcaddr dstaddr\n"),
    *(b"timestamp,message\n", b"\\u0000", b"object", b"log-status", b"\xf0\x9f\x98\x80", b"\x85", b"\xe2\x80\xa8"),
]


PACKED = (b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff", b"H4")


def seeds() -> list[bytes]:
    """Return one object of each form."""
    events = [{"timestamp": 1795449900000, "message": line} for line in (FLOW, NODATA, FLOW)]
    subscription = json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events}).encode()
    control = b'{"messageType":"CONTROL_MESSAGE","logEvents":[{"message":"CWL CONTROL MESSAGE"}]}'
    rows = [[{"field": "@message", "value": line}, {"field": "@ptr", "value": "x"}] for line in (FLOW, NODATA)]
    text = "\n".join([HEADER, FLOW, NODATA, FLOW, ""]).encode()
    quoted = "\n".join(['"version","srcaddr","bytes","log_status"', '"2","10.0.0.1","5","OK"', '"2",,,"NODATA"'])
    table = {"srcaddr": ["10.0.0.1", "-"], "bytes": ["5", "x"], "start": [1.5, 1795449900.0], "log_status": ["OK"] * 2}
    parquet = io.BytesIO()
    pl.DataFrame(table).write_parquet(parquet)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", text)
        archive.writestr("../b/c.log.gz", gzip.compress(text))
    return [
        text,
        gzip.compress(text) + gzip.compress(text),
        gzip.compress(gzip.compress(subscription) + gzip.compress(control)),
        text.decode().encode("utf-16"),
        f"2026-11-23T16:05:00.000Z {FLOW}\n2026-11-23T16:05:00.000Z {NODATA}".encode(),
        f"2026-11-23T16:05:00+00:00 eni-1-all {FLOW}\n".encode(),
        f"timestamp,message\n1795449900000,{FLOW}\n1795449900000,{NODATA}\n".encode(),
        f'@timestamp,@message\n2026-11-23 16:05:00.000,"{FLOW}"\n'.encode(),
        quoted.encode(),
        "\n".join([*HEADER.split()[:2], FLOW]).replace(" ", ",").encode(),
        subscription + control + subscription,
        json.dumps({"events": events, "nextToken": "x"}, indent=4).encode(),
        "\n".join(map(json.dumps, events)).encode(),
        json.dumps({"results": rows, "statistics": {}}).encode(),
        json.dumps([FLOW, NODATA]).encode(),
        json.dumps([{"srcAddr": "10.0.0.1", "bytes": 5, "logStatus": "OK", "startTime": 1.0}]).encode(),
        b'{"Records":[{"eventVersion":"1.08","eventSource":"s3"}]}',
        f"{HEADER}\n{FLOW}\nsrcaddr bytes log-status\n10.0.0.1 5 OK\nsrcaddr dstaddr\n10.0.0.1 10.0.0.2\n".encode(),
        f"ERROR foo {FLOW}\nfoo{FLOW}\n".encode(),
        parquet.getvalue(),
        packed.getvalue(),
    ]


def damage(data: bytes, cuts: list[tuple[int, int, int, bytes]]) -> bytes:
    """Return the data with pieces cut out, doubled, flipped or put in."""
    for kind, place, length, grain in cuts:
        at = place % (len(data) + 1)
        part = data[at : at + length]
        flipped = bytes(byte ^ (1 << place % 8) for byte in part)
        middle = (b"", part * 2, flipped, grain + part, grain)[kind % 5]
        data = data[:at] + middle + data[at + length :]
    return data


def read(data: bytes, name: str, folder: Path) -> None:
    """Read an object the way `load` does, and the whole by `scan`; anything but a FlowkitError goes up."""
    path = folder / name
    path.write_bytes(data)
    for o in sources.find(str(path)):
        form = formats.detect(o.path)
        wanted = Wanted({**columns([*form.names, "log-status"]), "object": pl.String})
        batch = formats.read([o.path], form, wanted)
        counted = batch.frame.height + batch.quarantine.height
        counted += sum(batch.headers.values()) + sum(batch.blanks.values())
        # What gzip members behind text hold is lines, too.
        plain = data[:2] not in PACKED and b"\0" not in data[:4] and b"\x1f\x8b\x08" not in data
        if form.kind == "text" and o.path == str(path) and plain:
            lines = data.count(b"\n") + (not data.endswith(b"\n"))
            assert counted == lines, f"{lines} lines, {counted} accounted for"
    fk.scan(path, start="2026-11-23").select(pl.all().is_not_null().sum()).collect()


def main() -> int:
    """Fuzz for as long as asked; return 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    warnings.simplefilter("ignore")
    files = sorted(p for p in given_.folder.rglob("*") if p.is_file()) if given_.folder else []
    corpus = [
        *seeds(),
        *(form.data[:20_000] for form in FORMS.values()),
        *(path.read_bytes()[:20_000] for path in files),
    ]
    cut = st.tuples(st.integers(0, 4), st.integers(0, 20_000), st.integers(0, 40), st.sampled_from(GRAINS))
    objects = st.one_of(
        st.builds(damage, st.sampled_from(corpus), st.lists(cut, max_size=8)),
        st.builds(gzip.compress, st.builds(damage, st.sampled_from(corpus), st.lists(cut, max_size=8))),
        st.lists(st.sampled_from(GRAINS), max_size=30).map(b"".join),
    )
    seen: set[str] = set()
    count, found, end, turn = [0], 0, time.monotonic() + 60 * given_.minutes, given_.seed
    with tempfile.TemporaryDirectory() as place:
        while time.monotonic() < end:
            turn += 1

            @seed(turn)
            @settings(
                max_examples=300,
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            )
            @given(objects, st.sampled_from(["a.log", "a.zip"]))
            def once(data: bytes, name: str) -> None:
                count[0] += 1
                with suppress(FlowkitError):
                    read(data, name, Path(place))

            try:
                once()
            except (Exception, pl.exceptions.PanicException) as error:
                found += 1
                if (kind := "".join(traceback.format_exception_only(error)[:1])) not in seen:
                    print("".join(traceback.format_exception(error, limit=-4, chain=False)), flush=True)
                seen.add(kind)
    print(f"{count[0]:,} objects in {given_.minutes:g} minutes, {turn - given_.seed} turns, {found} with a find")
    return int(found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
