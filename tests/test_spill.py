"""Groups counted a part at a time, on the disk, are the groups that are counted at once."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.questions import peers, rejected
from flowkit.spill import among, parted

keyed = st.lists(st.tuples(st.integers(0, 2**64 - 1) | st.integers(0, 9), st.integers(0, 2**40)), max_size=60)


def frame(rows: list[tuple[int, int]]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema={"key": pl.UInt64, "n": pl.Int64}, orient="row")


@settings(max_examples=25)
@given(keyed, st.integers(1, 5))
def test_groups_counted_in_parts_are_those_of_a_plain_group_by(rows: list[tuple[int, int]], parts: int) -> None:
    def sums(part: pl.LazyFrame) -> pl.DataFrame:
        return part.group_by("key").agg(pl.col("n").sum(), flows=pl.len()).collect(engine="streaming")

    with parted(frame(rows), "key", parts) as each:
        assert len(each) == parts
        assert pl.concat(map(sums, each)).sort("key").equals(sums(frame(rows)).sort("key"))


@settings(max_examples=25)
@given(keyed, keyed)
def test_whatever_is_among_the_keys_is_found(rows: list[tuple[int, int]], keys: list[tuple[int, int]]) -> None:
    with parted(frame(keys), "key", 3) as each:
        found = among(frame(rows), each, "key").join(frame(keys), on="key", how="semi").collect(engine="streaming")
    assert sorted(found.rows()) == sorted(row for row in rows if row[0] in {key for key, _ in keys})


hosts = st.integers(0, 5).map("10.0.0.{}".format)
ends = st.tuples(hosts, hosts, st.integers(0, 50), st.sampled_from(["ACCEPT", "REJECT"]), st.sampled_from([22, 80]))


@settings(max_examples=25)
@given(st.lists(ends, min_size=1, max_size=40), st.integers(1, 6))
def test_the_largest_are_those_that_a_plain_sort_finds(found: list[tuple[str, str, int, str, int]], n: int) -> None:
    columns = ["srcaddr", "dstaddr", "bytes", "action", "dstport"]
    fixed = {"interface_id": "eni-a", "srcport": 4000, "protocol": 17, "packets": 1, "start": 0, "end": 0}
    flows = pl.DataFrame(found, schema=columns, orient="row").with_columns(
        **{name: pl.lit(value) for name, value in fixed.items()}
    )
    flows = flows.with_columns(pl.col("start", "end").cast(pl.Datetime("ms", "UTC")))
    pairs = ["srcaddr", "dstaddr"]
    plain = flows.group_by(pairs).agg(pl.col("bytes").sum()).sort("bytes", *pairs, descending=[True, False, False])
    table = peers(flows.lazy(), n=n, vantage="all").collect()
    assert table.filter(pl.col("srcaddr") != "other").select(*pairs, "bytes").rows() == plain.head(n).rows()
    refused = flows.filter(action="REJECT").with_columns(pl.col("dstport").cast(pl.String))
    ports = refused.group_by("dstport").agg(flows=pl.len().cast(pl.Int64), sources=pl.col("srcaddr").n_unique())
    ports = ports.sort("flows", "dstport", descending=[True, False]).cast({"sources": pl.Int64})
    told = rejected(flows.lazy(), by="dstport", n=2).select("dstport", "flows", "sources").collect()
    assert told.rows() == ports.rows()


def test_a_full_temporary_folder_is_one_sentence() -> None:
    said = """
import resource, polars as pl
from flowkit.errors import QuestionError
from flowkit.questions import peers
flows = pl.LazyFrame({"srcaddr": range(50_000), "bytes": 1, "packets": 1, "start": 0, "end": 0})
flows = flows.with_columns(pl.col("start", "end").cast(pl.Datetime("ms", "UTC")))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    peers(flows, by="srcaddr", vantage="all").collect()
except QuestionError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("the temporary folder /")
    assert done.stdout.endswith(
        "(File too large): make room there, or name another in the environment variable TMPDIR\n"
    )
