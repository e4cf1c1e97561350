"""Parquet as AWS and others write it: columns by name, whatever their types; what is left out or damaged is told."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from forms import zipped

import flowkit as fk
from flowkit import sources
from flowkit.errors import FormatError
from flowkit.formats import detect

NOON = datetime(2026, 11, 23, 16, 5, tzinfo=UTC)
ROW = {"srcaddr": "10.0.0.1", "dstport": 443, "bytes": 164, "start": 1795449900, "log_status": "OK"}


def written(path: Path, row: dict[str, object], **types: pl.DataType | type[pl.DataType]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame([row], schema_overrides=types, strict=False).write_parquet(path)
    return path


def test_columns_that_come_go_and_drift_between_files_are_one_table(tmp_path: Path) -> None:
    """Hourly, hive-compatible or not; a number as int32, int64, double, text; nothing as null, `-`, `None`."""
    day = tmp_path / "AWSLogs" / "aws-account-id=1" / "aws-service=vpcflowlogs" / "aws-region=eu-west-1" / "year=2026"
    written(day / "month=11" / "day=23" / "hour=15" / "a.log.parquet", ROW, dstport=pl.Int32, bytes=pl.Int32)
    written(day / "month=11" / "day=23" / "hour=16" / "b.log.parquet", {**ROW, "traffic_path": 8.0}, bytes=pl.Float64)
    written(day / "month=11" / "day=23" / "c.log.parquet", {**ROW, "traffic_path": "-"}, dstport=pl.String)
    written(tmp_path / "2026" / "d.log.parquet", {**ROW, "dstport": "None", "bytes": None, "traffic_path": "7"})
    case = fk.load(tmp_path, cache=False)
    flows = case.flows.select("dstport", "bytes", "traffic_path", "start").collect()
    assert flows.sort(pl.all(), nulls_last=True).drop("start").rows() == [
        *[(443, 164, 8), (443, 164, None), (443, 164, None)],
        (None, None, 7),
    ]
    assert flows["start"].unique().to_list() == [NOON]
    assert case.ledger.select("flows", "malformed", "note").unique().rows() == [(1, 0, "")]
    assert fk.scan(tmp_path).filter(pl.col("dstport") == 443).collect().height == 3


def test_columns_of_lists_and_structs_are_named(tmp_path: Path) -> None:
    pl.DataFrame([{**ROW, "tags": ["a"], "unmapped": {"x": 1}}]).write_parquet(tmp_path / "a.parquet")
    ledger = fk.load(tmp_path, cache=False).ledger
    assert ledger.select("flows", "note").row(0) == (1, "columns of lists or structs, left out: tags, unmapped")
    with pytest.warns(UserWarning, match="left out: tags, unmapped"):
        assert fk.scan(tmp_path).collect().height == 1


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_wrong_checksum_of_its_packing_is_told(tmp_path: Path, kind: str) -> None:
    file = io.BytesIO()
    pl.DataFrame([ROW]).write_parquet(file)
    if kind == "gz":
        data = gzip.compress(file.getvalue())
        path, hurt = tmp_path / "a.parquet.gz", data[:-8] + bytes(4) + data[-4:]
    else:
        data = zipped(a__parquet=file.getvalue())
        at = data.index(b"PK\x01\x02") + 16  # The checksum in the archive's list.
        path, hurt = tmp_path / "a.zip", data[:at] + bytes(4) + data[at + 4 :]
    path.write_bytes(hurt)
    ledger = fk.load(path, cache=False).ledger
    assert ledger["flows"].to_list() == [1]
    assert "checksum" in ledger["note"].item()


def test_packing_that_is_cut_short_is_the_reason_why_parquet_cannot_be_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    pl.DataFrame([ROW]).write_parquet(file)
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(file.getvalue())[:-40])
    (found,) = sources.find(str(path))
    with pytest.raises(FormatError, match="its gzip data are cut short"):
        detect(str(found.path))
