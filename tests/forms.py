"""One object of every form flow logs are met in, with what is in it: literal input, literal answer."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from dataclasses import dataclass, field

import polars as pl
from records import FLOW, HEADER, NODATA, SKIPDATA

from flowkit.schema import FIELDS

TGW_HEADER = (
    "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id "
    "tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id "
    "tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status "
    "type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags "
    "region flow-direction pkt-src-aws-service pkt-dst-aws-service"
)
TGW = (
    "6 TransitGateway 123456789010 tgw-1 tgw-attach-1 123456789010 210987654321 vpc-1 vpc-2 subnet-1 subnet-2 eni-1 "
    "eni-2 use1-az1 use1-az2 tgw-attach-2 10.0.0.1 10.0.0.2 40000 80 6 3 164 1795449900 1795449930 OK IPv4 0 0 0 0 2 "
    "eu-west-1 ingress - -"
)
LED = "2026-11-23T16:05:00.000Z"
MILLIS = 1795449900000
COLUMNS = HEADER.replace("-", "_").split()
NAMED = {name: None if word == "-" else word for name, word in zip(COLUMNS, FLOW.split(), strict=True)}
NO_DATA = {name: None if word == "-" else word for name, word in zip(COLUMNS, NODATA.split(), strict=True)}


@dataclass(frozen=True)
class Form:
    """An object of a form: its name and bytes, what it is told to be, and what became of its lines."""

    name: str
    data: bytes
    format: str
    counts: dict[str, int]
    note: str = ""
    fields: list[str] | None = field(default=None)


def text(*lines: str) -> bytes:
    """Return lines as a file has them."""
    return "".join(f"{line}\n" for line in lines).encode()


def events(*lines: str) -> list[dict[str, object]]:
    """Return records as CloudWatch Logs gives them."""
    return [{"timestamp": MILLIS, "message": line, "eventId": str(i)} for i, line in enumerate(lines)]


def subscription(*lines: str) -> bytes:
    """Return what CloudWatch Logs sends to a subscriber."""
    about = {"messageType": "DATA_MESSAGE", "owner": "123456789010", "logGroup": "flows", "logStream": "eni-1-all"}
    return json.dumps({**about, "subscriptionFilters": ["all"], "logEvents": events(*lines)}).encode()


CONTROL = json.dumps(
    {"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "CWL CONTROL MESSAGE: Checking health of Firehose."}]}
).encode()


def packed(data: bytes) -> str:
    """Return data as a Lambda event has them: gzip in base64."""
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def insights(*rows: dict[str, str]) -> bytes:
    """Return what GetQueryResults answers."""
    results = [[{"field": key, "value": value} for key, value in row.items()] for row in rows]
    return json.dumps({"results": results, "statistics": {"recordsMatched": 2.0}, "status": "Complete"}).encode()


def parquet(*rows: dict[str, object]) -> bytes:
    """Return rows as Parquet."""
    file = io.BytesIO()
    pl.DataFrame(list(rows), infer_schema_length=None).write_parquet(file)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    """Return an archive; `__` in a member's name stands for a dot."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            # Of one time: the bytes are in the names of tests, which every worker has to find alike.
            archive.writestr(
                zipfile.ZipInfo(name.replace("__", "."), (2026, 11, 24, 1, 5, 0)), data, zipfile.ZIP_DEFLATED
            )
    return file.getvalue()


def cut(data: bytes) -> bytes:
    """Return data without their second half."""
    return data[: len(data) // 2]


ONE, BOTH = {"flows": 1}, {"flows": 1, "nodata": 1}
UNDER = {"flows": 1, "nodata": 1, "header": 1}
_FOLD = {"version": 2, "interface_id": "eni-1", "srcaddr": "10.0.0.1", "dstaddr": "10.0.0.2", "log_status": "OK"}
_MANY = gzip.compress(text(HEADER, *[FLOW] * 5000), compresslevel=0, mtime=0)
_COMMAS = HEADER.replace("-", "_").replace(" ", ",")


def _quoted(line: str) -> str:
    return ",".join("" if word == "-" else f'"{word}"' for word in line.split())


def of_version(version: int) -> bytes:
    """Return a flow with every field that a VPC's flow logs have up to a version."""
    known = {name: field for name, field in FIELDS.items() if field.version <= version and field.version != _GATEWAYS}
    words = {name: "x" if field.raw == pl.String else "1" for name, field in known.items()}
    words |= {**dict(zip(HEADER.split(), FLOW.split(), strict=True)), "version": str(version)}
    return text(" ".join(words), " ".join(words.values()))


_GATEWAYS = 6
"""The version of the transit gateway's fields, which no VPC's flow log has."""


def typed(dtype: pl.DataType | type[pl.DataType], nothing: str | None = None) -> bytes:
    """Return a flow and a NODATA record as Parquet: their numbers of a type, and what stands where nothing is."""
    numbers = [name for name in COLUMNS if FIELDS[name.replace("_", "-")].raw != pl.String]
    frame = pl.DataFrame([NAMED, NO_DATA]).with_columns(pl.col(numbers).cast(dtype))
    file = io.BytesIO()
    frame.with_columns(pl.col(pl.String).fill_null(pl.lit(nothing, pl.String))).write_parquet(file)
    return file.getvalue()


FORMS = {
    # S3 text
    "header": Form("a.log", text(HEADER, FLOW, NODATA, SKIPDATA), "text, header", {**UNDER, "skipdata": 1}),
    "no-header": Form("a.log", text(FLOW, NODATA), "text, default format", BOTH),
    **{f"version-{n}": Form("a.log", of_version(n), "text, header", {"flows": 1, "header": 1})
        for n in (2, 3, 4, 5, 7, 8, 9, 10, 11)},
    "other-order": Form("a.log", text(" ".join(HEADER.split()[::-1]), " ".join(FLOW.split()[::-1])), "text, header",
        {"flows": 1, "header": 1}),
    "given-fields": Form("a.log", text("eni-1 164 3 OK"), "text, fields given", ONE,
        fields=["interface-id", "bytes", "packets", "log-status"]),
    "given-fields-but-a-header": Form("a.log", text(HEADER, FLOW), "text, header, not the fields given",
        {"flows": 1, "header": 1}, fields=["srcaddr", "dstaddr"]),
    "given-fields-that-do-not-fit": Form("a.log", text(FLOW),
        "text, default format, as its lines do not fit the fields given", ONE, fields=["srcaddr", "dstaddr"]),
    "transit-gateway": Form("a.log", text(TGW_HEADER, TGW), "text, header", {"flows": 1, "header": 1}),
    "transit-gateway-no-header": Form("a.log", text(TGW), "text, transit gateway's default format", ONE),
    "transit-gateway-among-vpc": Form("a.log", text(FLOW, TGW, NODATA), "text, default format",
        {"flows": 2, "nodata": 1}, "1 record of another format: the transit gateway's default format"),
    "made-anew-in-one-stream": Form("a.log", text("eni-1 164 3 OK", "eni-1 164 3 OK", FLOW), "text, fields given",
        {"flows": 3}, "1 record of another format: the default format",
        ["interface-id", "bytes", "packets", "log-status"]),
    "another-header-inside": Form("a.log", text(HEADER, FLOW, TGW_HEADER, TGW, HEADER, NODATA), "text, header",
        {"flows": 2, "nodata": 1, "header": 3}),
    "header-repeated": Form("a.log", text(HEADER, FLOW, HEADER, NODATA, HEADER), "text, header",
        {"flows": 1, "nodata": 1, "header": 3}),
    "blank-lines": Form("a.log", text("", HEADER, "", FLOW, "  ", NODATA, ""), "text, header", {**UNDER, "blank": 4}),
    "double-spaces": Form("a.log", text(HEADER, FLOW.replace(" ", "  "), NODATA), "text, header", UNDER),
    "a-header-after-other-text": Form("a.log", text("a b", "interface-id bytes log-status", "eni-1 164 OK"),
        "text, header", {"flows": 1, "header": 1, "malformed": 1}),
    "crlf": Form("a.log", f"{HEADER}\r\n{FLOW}\r\n\r\n{NODATA}\r\n".encode(), "text, header", {**UNDER, "blank": 1}),
    "byte-order-mark": Form("a.log", f"\ufeff{HEADER}\n{FLOW}\n".encode(), "text, header", {"flows": 1, "header": 1}),
    "spaces-and-tabs": Form("a.log", text(HEADER, f"  {FLOW}".replace(" ", "  "), FLOW.replace(" ", "\t"), " "),
        "text, header", {"flows": 2, "header": 1, "blank": 1}),
    "no-final-newline": Form("a.log", f"{HEADER}\n{FLOW}".encode(), "text, header", {"flows": 1, "header": 1}),
    "underscores": Form("a.log", text(HEADER.replace("-", "_"), FLOW), "text, header", {"flows": 1, "header": 1}),
    "capitals": Form("a.log", text(HEADER.upper(), FLOW), "text, header", {"flows": 1, "header": 1}),
    "utf-16": Form("a.log", f"{HEADER}\r\n{FLOW}\r\n".encode("utf-16"), "text, header", {"flows": 1, "header": 1}),
    "utf-16-unmarked": Form("a.log", f"{HEADER}\n{FLOW}".encode("utf-16-be"), "text, header",
        {"flows": 1, "header": 1}),
    "whole-numbers-as-floats": Form("a.log", text(FLOW.replace("40000 80", "40000.0 80.0"), FLOW),
        "text, default format", {"flows": 2}),
    "glued": Form("a.log", text(FLOW, f"ERROR foo {FLOW}", f"foo{FLOW}"), "text, default format", {"flows": 3},
        "2 lines had other text before the record, which was left out: the first of them 'ERROR foo'"),
    "gzip-of-many-members": Form("a.log.gz", gzip.compress(text(HEADER, FLOW)) + gzip.compress(text(HEADER, NODATA)),
        "text, header", {"flows": 1, "nodata": 1, "header": 2}),
    "gzip-cut-short": Form("a.log.gz", cut(_MANY), "text, header", {"flows": 2499, "header": 1, "malformed": 1},
        "its gzip data are cut short: 220,056 bytes of text could be read, the rest is missing"),
    # Parquet
    "parquet": Form("a.log.parquet", parquet(_FOLD, {**_FOLD, "srcaddr": "-", "log_status": "NODATA"}),
        "parquet", BOTH),
    "parquet-int32": Form("a.parquet", typed(pl.Int32), "parquet", BOTH),
    "parquet-int64": Form("a.parquet", typed(pl.Int64), "parquet", BOTH),
    "parquet-double": Form("a.parquet", typed(pl.Float64), "parquet", BOTH),
    "parquet-text": Form("a.parquet", typed(pl.String), "parquet", BOTH),
    "parquet-text-dashes": Form("a.parquet", typed(pl.String, "-"), "parquet", BOTH),
    "parquet-text-None": Form("a.parquet", typed(pl.String, "None"), "parquet", BOTH),
    "parquet-gzipped": Form("a.parquet.gz", gzip.compress(parquet(_FOLD)), "parquet", ONE),
    "parquet-but-given-fields": Form("a.parquet", parquet(_FOLD), "parquet, columns, not the fields given", ONE,
        fields=["srcaddr"]),
    # CloudWatch Logs
    "export": Form("task/eni-1-all/000000.gz", gzip.compress(text(f"{LED} {FLOW}", f"{LED} {NODATA}")),
        "text led by times, default format", BOTH),
    "export-given-fields": Form("task/eni-1-all/000000.gz", gzip.compress(text(f"{LED} eni-1 164 OK")),
        "text led by times, fields given", ONE, fields=["interface-id", "bytes", "log-status"]),
    "tail-detailed": Form("a.txt", text(f"2026-11-23T16:05:00.000000+00:00 eni-1-all {FLOW}"),
        "text led by times, default format", ONE),
    "tail-short": Form("a.txt", text(f"2026-11-23T16:05:00 {FLOW}", f"2026-11-23T16:05:00 {NODATA}"),
        "text led by times, default format", BOTH),
    "tail-json": Form("a.txt", text(f"2026-11-23T16:05:00+00:00 eni-1-all {FLOW}"),
        "text led by times, default format", ONE),
    "tail-in-colour": Form("a.txt", text(f"\x1b[32m{LED}\x1b[0m \x1b[36meni-1-all\x1b[0m {FLOW}"),
        "text, default format", ONE, "1 line had other text before the record, which was left out: the first of them "
        "'\\x1b[32m2026-11-23T16:05:00.000Z\\x1b[0m \\x1b[36meni-1-all\\x1b[0m'"),
    "console-csv": Form("log-events-viewer-result.csv", text("timestamp,message", f"{MILLIS},{FLOW}",
        f"{MILLIS},{NODATA}"), "CloudWatch console CSV, default format", UNDER),
    "console-csv-over-two-lines": Form("a.csv", f'timestamp,message\n{MILLIS},"{FLOW}\n"\n{MILLIS},"{NODATA}\n"\n'
        .encode(), "CloudWatch console CSV, default format", UNDER),
    "console-csv-utf-16": Form("a.csv", f"timestamp,message\r\n{MILLIS},{FLOW}\r\n".encode("utf-16"),
        "CloudWatch console CSV, default format", {"flows": 1, "header": 1}),
    "console-csv-given-fields": Form("a.csv", text("timestamp,message", f"{MILLIS},eni-1 164 OK"),
        "CloudWatch console CSV, fields given", {"flows": 1, "header": 1},
        fields=["interface-id", "bytes", "log-status"]),
    "filter-log-events": Form("a.json", json.dumps({"events": events(FLOW, NODATA), "searchedLogStreams": []}, indent=4)
        .encode(), "CloudWatch Logs events, default format", BOTH),
    "get-log-events": Form("a.json", json.dumps({"events": events(FLOW, NODATA), "nextForwardToken": "f/1"}).encode(),
        "CloudWatch Logs events, default format", BOTH),
    "events-page-after-page": Form("a.json", b"\n".join(json.dumps({"events": events(line), "nextToken": "t"}, indent=4)
        .encode() for line in (FLOW, NODATA)), "CloudWatch Logs events, default format", BOTH),
    "events-one-a-line": Form("a.ndjson", text(*map(json.dumps, events(FLOW, NODATA))), "JSON, default format", BOTH),
    "events-given-fields": Form("a.ndjson", text(*map(json.dumps, events("eni-1 164 OK"))), "JSON, fields given", ONE,
        fields=["interface-id", "bytes", "log-status"]),
    "messages": Form("a.json", json.dumps([FLOW, NODATA], indent=4).encode(), "JSON, default format", BOTH),
    "filter-log-events-as-text": Form("a.txt", text(f"EVENTS\t1\t{MILLIS}\teni-1-all\t{FLOW}\t{MILLIS}",
        f"EVENTS\t2\t{MILLIS}\teni-1-all\t{NODATA}\t{MILLIS}", "SEARCHEDLOGSTREAMS\teni-1-all\tTrue"),
        "AWS CLI text, default format", UNDER),
    "messages-as-text": Form("a.txt", text(f"{FLOW}\t{NODATA}\t{FLOW}"), "AWS CLI text, default format",
        {"flows": 2, "nodata": 1}),
    "insights-messages": Form("a.json", insights({"@timestamp": "2026-11-23 16:05:00.000", "@message": FLOW},
        {"@message": NODATA, "@ptr": "x"}), "CloudWatch Insights results, default format", BOTH),
    "insights-fields": Form("a.json", insights({"interfaceId": "eni-1", "srcAddr": "10.0.0.1", "dstAddr": "10.0.0.2",
        "bytes": "164", "startTime": "1795449900", "logStatus": "OK"}), "CloudWatch Insights results, keys", ONE),
    "insights-csv-messages": Form("logs-insights-results.csv", text("@timestamp,@message",
        f"2026-11-23 16:05:00.000,{FLOW}", f'2026-11-23 16:05:00.000,"{NODATA}"'),
        "CloudWatch Insights CSV, default format", UNDER),
    "insights-csv-fields": Form("a.csv", text("@timestamp,srcAddr,dstAddr,bytes,logStatus",
        "2026-11-23 16:05:00.000,10.0.0.1,10.0.0.2,164,OK"), "CloudWatch Insights CSV, header",
        {"flows": 1, "header": 1}),
    "insights-one-a-line": Form("a.ndjson", text(*(json.dumps({"@timestamp": "2026-11-23 16:05:00.000", "@message": m})
        for m in (FLOW, NODATA))), "CloudWatch Insights results, default format", BOTH),
    "insights-rows": Form("a.json", json.dumps([{"@timestamp": "2026-11-23 16:05:00.000", "@message": m}
        for m in (FLOW, NODATA)]).encode(), "CloudWatch Insights results, default format", BOTH),
    "events-csv": Form("a.csv", text("logStreamName,timestamp,message,ingestionTime", *(f'eni-1-all,{MILLIS},"{m}",1'
        for m in (FLOW, NODATA))), "CloudWatch console CSV, default format", UNDER),
    "events-csv-no-header": Form("a.csv", text(*(f'{MILLIS},"{m}"' for m in (FLOW, NODATA))), "CSV, default format",
        BOTH),
    "fields-one-event-a-line": Form("a.json", text(json.dumps(NAMED), json.dumps(NO_DATA)), "JSON, keys", BOTH),
    "subscription": Form("a.json", subscription(FLOW, NODATA), "CloudWatch subscription, default format", BOTH),
    "subscription-gzipped": Form("a.gz", gzip.compress(subscription(FLOW, NODATA)),
        "CloudWatch subscription, default format", BOTH),
    "subscriptions-gzipped-one-by-one": Form("a.gz", b"".join(map(gzip.compress, (subscription(FLOW), CONTROL,
        subscription(NODATA)))), "CloudWatch subscription, default format", BOTH,
        "1 control message of the subscription"),
    "subscriptions-in-a-row": Form("a", subscription(FLOW) + CONTROL + subscription(NODATA),
        "CloudWatch subscription, default format", BOTH, "1 control message of the subscription"),
    "firehose": Form("a.gz", gzip.compress(gzip.compress(subscription(FLOW)) + gzip.compress(CONTROL)
        + gzip.compress(subscription(NODATA))), "CloudWatch subscription, default format", BOTH,
        "1 control message of the subscription"),
    "firehose-direct": Form("a", b"".join(json.dumps({"message": line}).encode() for line in (FLOW, NODATA)),
        "JSON, default format", BOTH),
    "lambda-event": Form("a.json", json.dumps({"awslogs": {"data": packed(subscription(FLOW, NODATA))}}).encode(),
        "CloudWatch subscription, default format", BOTH),
    "kinesis-event": Form("a.json", json.dumps({"Records": [{"kinesis": {"data": packed(data)}} for data in
        (subscription(FLOW), CONTROL, subscription(NODATA))]}).encode(), "CloudWatch subscription, default format",
        BOTH, "1 control message of the subscription"),
    "firehose-transform-event": Form("a.json", json.dumps({"records": [{"recordId": "1", "data": base64.b64encode(
        json.dumps({"message": line}).encode()).decode()} for line in (FLOW, NODATA)]}).encode(),
        "JSON, default format", BOTH),
    "base64": Form("a.txt", text(packed(subscription(FLOW)), packed(subscription(NODATA))),
        "CloudWatch subscription, default format", BOTH),
    "docker": Form("a.json", text(*(json.dumps({"log": f"{line}\n", "stream": "stdout"}) for line in (FLOW, NODATA))),
        "JSON, default format", BOTH),
    # Tables
    "athena": Form("a.csv", text(",".join(f'"{c}"' for c in COLUMNS), _quoted(FLOW), _quoted(NODATA)), "CSV, header",
        UNDER),
    "spreadsheet": Form("a.csv", text(_COMMAS, FLOW.replace("123456789010", "6.02485E+11").replace(" ", ",")),
        "CSV, header", {"flows": 1, "header": 1}),
    "spreadsheet-semicolons": Form("a.csv", text(_COMMAS.replace(",", ";"), FLOW.replace(" ", ";")), "CSV, header",
        {"flows": 1, "header": 1}),
    "csv-floats": Form("a.csv", text(_COMMAS, FLOW.replace("40000 80", "40000.0 80.0").replace(" ", ",")),
        "CSV, header", {"flows": 1, "header": 1}),
    "csv-no-header": Form("a.csv", text(FLOW.replace(" ", ",")), "CSV, default format", ONE),
}  # fmt: skip
"""Every form by its name in the tests."""
