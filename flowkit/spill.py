"""Rows put in parts on the disk, so that very many groups are counted a part at a time and never held at once."""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from flowkit.errors import QuestionError

PARTS = 16
"""Each part has a sixteenth of the groups. Every one has a file that is being written: more files, more buffers."""

ROWS = 50_000
"""Rows that wait for each file in memory at most."""

BITS = 2**26
"""Bits of the table of `among`: 8 MB."""

_PART = "_part"

Parts = list[pl.LazyFrame]


@contextmanager
def parted(rows: pl.LazyFrame, key: str, parts: int = PARTS) -> Iterator[Parts]:
    """Give the rows in parts by the remainder of their `key`, a whole number; they are on the disk meanwhile.

    All that have one key are in one part. Raises `QuestionError` where the temporary folder has no room for them.

    >>> with parted(pl.LazyFrame({"key": [0, 1, 4], "n": [4, 5, 6]}), "key", parts=2) as each:
    ...     [part.select(pl.col("n").sum()).collect().item() for part in each]
    [10, 5]
    """
    with tempfile.TemporaryDirectory(prefix="flowkit-", ignore_cleanup_errors=True) as folder:
        try:
            with disk_errors(Path(folder) / "room"):
                rows.with_columns((pl.col(key) % parts).alias(_PART)).sink_parquet(
                    pl.PartitionBy(folder, key=_PART, include_key=False),
                    compression="uncompressed",
                    statistics=False,
                    row_group_size=ROWS,
                    mkdir=True,
                    engine="streaming",
                )
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG):
                raise
            raise QuestionError(
                f"the temporary folder {tempfile.gettempdir()} cannot be written ({error.strerror or error}): "
                "make room there, or name another in the environment variable TMPDIR"
            ) from None
        none = pl.LazyFrame(schema=rows.collect_schema())
        files = [sorted(Path(folder).glob(f"{_PART}={part}/*.parquet")) for part in range(parts)]
        yield [pl.scan_parquet(paths, glob=False) if paths else none for paths in files]


def among(rows: pl.LazyFrame, parts: Parts, key: str) -> pl.LazyFrame:
    """Return the rows whose key may be one of those in parts, looked up in a table of bits instead of among them all.

    All whose key is there come back; and one in 16 of the others, more only where there are over 4 million keys.

    >>> with parted(pl.LazyFrame({"key": [3, 70]}), "key") as each:
    ...     among(pl.LazyFrame({"key": range(20)}), each, "key").collect()["key"].to_list()
    [3, 6]
    """
    keys = sum(part.select(pl.len()).collect().item() for part in parts)
    bits = min(BITS, 1 << (16 * keys).bit_length())
    place = pl.col(key) % bits
    table = pl.repeat(value=False, n=bits, eager=True)
    for part in parts:
        table.scatter(part.select(place).collect(engine="streaming")[key], True)

    def met(batch: pl.DataFrame) -> pl.DataFrame:
        return batch.filter(table.gather(batch.select(place)[key]))

    return rows.map_batches(met, streamable=True, validate_output_schema=False)


@contextmanager
def disk_errors(path: Path | None = None) -> Iterator[None]:
    """Raise as OSError what polars says of the disk that it writes to; `path` is the file that it wrote, if one."""
    try:
        yield
    except pl.exceptions.ComputeError as error:
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            number = int(found[1])
            raise OSError(number, os.strerror(number)) from None
        if path and "transport error" in str(error):  # Said where the disk is full when a file's end is written.
            with path.open("ab") as file:
                file.write(bytes(1 << 16))
        raise
