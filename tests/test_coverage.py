"""Coverage: what the logs hold of each interface and minute, and the windows that AWS cut time into."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from clouds import BUCKET, fill, key_of
from records import HEADER, Writer

import flowkit as fk
from flowkit.access import Access
from flowkit.case.coverage import coverage, delay, horizon
from flowkit.schema import TIME
from flowkit.sources import SLOT, Object
from flowkit.windows import cuts

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def records(*rows: tuple[str, float, float, str]) -> pl.LazyFrame:
    """Return records given as interface, start and end in minutes after noon, status."""
    schema = {"interface_id": pl.String, "start": TIME, "end": TIME, "log_status": pl.String}
    return pl.LazyFrame([(eni, at(a), at(b), status) for eni, a, b, status in rows], schema, orient="row")


def states(frame: pl.LazyFrame, minutes: float, eni: str = "eni-1", **more: object) -> list[str]:
    table = coverage(frame, NOON, at(minutes), **more).filter(pl.col("interface_id") == eni)  # type: ignore[arg-type]
    return table.collect()["state"].to_list()


def test_a_ten_minute_window_with_little_traffic_has_no_gaps() -> None:
    """Two windows of 600 s, one full, one with packets in its third minute only; then a window is missing."""
    frame = records(("eni-1", 0, 9.8, "OK"), ("eni-1", 12.1, 12.4, "OK"), ("eni-1", 30, 39.9, "OK"))
    assert states(frame, 40) == ["OK"] * 20 + ["no record"] * 10 + ["OK"] * 10


def test_a_ten_minute_window_need_not_begin_on_the_full_ten_minutes() -> None:
    """Windows that begin at :04 and :14: what they leave out before the first is not claimed."""
    frame = records(("eni-1", 4, 13.9, "OK"), ("eni-1", 17, 17.2, "OK"), ("eni-1", 24, 33.9, "OK"))
    assert states(frame, 34) == ["no record"] * 4 + ["OK"] * 30


def test_a_missing_minute_between_full_ones_is_a_gap() -> None:
    frame = records(*(("eni-1", m, m + 0.95, "OK") for m in (0, 1, 2, 4, 5)))
    assert states(frame, 6) == ["OK", "OK", "OK", "no record", "OK", "OK"]


def test_minute_windows_that_begin_at_the_half_minute_leave_no_gap_in_a_quiet_minute() -> None:
    """12:00:30 to 12:01:30 and so on: no packet came between 12:01:00 and 12:02:05, but no window is missing."""
    full = [("eni-1", m + 0.5, m + 1.45, "OK") for m in range(2, 9)]
    frame = records(("eni-1", 0.55, 0.8, "OK"), ("eni-1", 2.1, 2.3, "OK"), *full)
    assert states(frame, 4) == ["OK"] * 4


def test_loss_outweighs_flows_and_flows_outweigh_silence() -> None:
    frame = records(
        ("eni-1", 0, 0.9, "NODATA"), ("eni-1", 1, 1.9, "OK"), ("eni-1", 1, 1.9, "NODATA"), ("eni-1", 2, 2.9, "OK"),
        ("eni-1", 2, 2.9, "SKIPDATA"),
    )  # fmt: skip
    assert states(frame, 3) == ["NODATA", "OK", "SKIPDATA"]


def test_a_bin_wider_than_a_window_hides_neither_silence_nor_loss() -> None:
    """A day of one-minute windows in bins of four minutes: three windows are silent from 16:40 on, one has loss."""
    gone, lost = {1000, 1001, 1002}, {100}
    rows = [("eni-1", m, m + 0.95, "SKIPDATA" if m in lost else "OK") for m in range(1440) if m not in gone]
    table = coverage(records(*rows), NOON, at(1440)).collect()
    assert table["state"].value_counts(sort=True).rows() == [("OK", 358), ("SKIPDATA", 1), ("no record", 1)]
    assert table.filter(state="no record").select("time", "records", "silent", "silent_from").row(0) == (
        at(1000), 1, 3, at(1000),
    )  # fmt: skip
    assert table["silent"].sum() == 3


def test_what_another_interface_has_does_not_cover_this_one() -> None:
    frame = records(("eni-1", 0, 0.9, "OK"), *(("eni-2", m, m + 0.9, "OK") for m in range(3)))
    assert states(frame, 3) == ["OK", "no record", "no record"]
    assert states(frame, 3, "eni-2") == ["OK"] * 3


def test_what_may_still_come_is_not_a_gap() -> None:
    """The newest object is of 12:20; windows of a minute and 10 minutes of delivery reach back to 12:09."""
    frame = records(*(("eni-1", m, m + 0.95, "OK") for m in range(5)))
    assert states(frame, 20, until=at(20)) == ["OK"] * 5 + ["no record"] * 4 + ["not yet delivered"] * 11


def test_a_measured_delay_takes_the_place_of_the_usual_one() -> None:
    frame = records(*(("eni-1", m, m + 0.95, "OK") for m in range(5)))
    late = timedelta(minutes=2)
    assert states(frame, 10, until=at(10), late=late) == ["OK"] * 5 + ["no record"] * 2 + ["not yet delivered"] * 3


def test_a_gap_before_the_last_record_is_never_called_undelivered() -> None:
    frame = records(("eni-1", 0, 0.95, "OK"), ("eni-1", 4, 4.95, "OK"))
    assert states(frame, 5, until=at(5))[1:4] == ["no record"] * 3


def test_a_record_counts_in_each_bin_it_touches() -> None:
    frame = records(("eni-1", 0, 0.9, "OK"), ("eni-1", 0.5, 1.2, "OK"))
    assert coverage(frame, NOON, at(2)).select("records").collect()["records"].to_list() == [2, 1]


@pytest.mark.parametrize(("minutes", "window", "phase"), [(10, 600, 240), (1, 60, 0), (0.5, 30, 0)])
def test_where_windows_begin_is_read_off_the_records(minutes: float, window: int, phase: int) -> None:
    starts = [4 + minutes * n for n in range(8) for _ in range(3)]
    frame = records(*(("eni-1", a, a + minutes * 0.95, "OK") for a in starts))
    assert cuts(frame).select("window_s", "phase_s").collect().row(0) == (window, phase)


def stored(path: str, slot: datetime | None, after: float) -> Object:
    """Return an object that came `after` minutes after its slot's end."""
    came = (slot or NOON) + SLOT + timedelta(minutes=after)
    return Object(path, path, 1, int(came.timestamp() * 1e9), slot)


def test_the_delay_is_measured_where_a_bucket_kept_the_time() -> None:
    objects = [stored(f"s3://logs/{n}", at(5 * n), after=1 + n % 2) for n in range(10)]
    assert delay(objects) == timedelta(minutes=2)
    assert delay([stored("/disk/a", NOON, after=600)]) is None
    assert delay([stored("s3://logs/export", None, after=1)]) is None


def test_a_bucket_to_which_logs_were_copied_days_later_tells_no_delay() -> None:
    copied = [stored(f"s3://logs/{n}", at(5 * n), after=3 * 24 * 60 - 5 * n) for n in range(10)]
    assert delay(copied) is None
    assert delay([*copied[:3], *(stored(f"s3://logs/{n}", at(5 * n), after=4) for n in range(10, 17))]) == timedelta(
        minutes=4
    )


def test_nothing_can_have_been_delivered_after_the_newest_object() -> None:
    assert horizon([stored("a", NOON - timedelta(days=300), 1)]) == NOON - timedelta(days=300) + SLOT
    assert abs(horizon([stored("a", None, 1)]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_case_knows_its_newest_object(written: Writer, cache_folder: Path) -> None:
    """Of the slot that ends at 16:10: the interface's last record is of 16:00:59, and the span goes on to 16:12."""
    line = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 40000 80 6 3 164 1795449600 1795449659 ACCEPT OK"
    folder = written("123456789010_vpcflowlogs_eu-west-1_fl-0a1b_20261123T1605Z_1ce1bf4b.log.gz", HEADER, line).parent
    case = fk.load(folder, start="2026-11-23 16:00", end="2026-11-23 16:12", cache=cache_folder)
    assert case.coverage().collect()["state"].to_list() == ["OK"] + ["not yet delivered"] * 11
    assert case.facts["delay_s"] is None


def test_a_bucket_tells_how_long_its_delivery_takes(aws: Access, cache_folder: Path) -> None:
    """An object of the five minutes before last, put there now: it came five to ten minutes after they were over."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    slot = now - timedelta(minutes=now.minute % 5 + 10)
    ended = int(slot.timestamp()) + 90
    line = f"2 123456789010 eni-1 10.0.0.1 10.0.0.2 40000 80 6 3 164 {ended - 59} {ended} ACCEPT OK"
    fill([key_of("plain", slot)], gzip.compress(f"{HEADER}\n{line}\n".encode()))
    case = fk.load(f"s3://{BUCKET}/net", start=slot, end=slot + SLOT, access=aws, cache=cache_folder)
    assert 300 <= case.facts["delay_s"] <= 600
    assert "19 of 20 objects came within" in repr(case)
