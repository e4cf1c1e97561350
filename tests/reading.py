"""An object read by itself, and the account of its lines."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from flowkit.formats import Batch, Wanted, detect, read
from flowkit.schema import columns

COUNTS = ("flows", "nodata", "skipdata", "malformed", "header", "blank")


def read_one(path: Path, fields: list[str] | None = None) -> Batch:
    """Return the records of one object, every column it names."""
    form = detect(str(path), fields)
    return read([str(path)], form, Wanted({**columns([*form.names, "log-status"]), "object": pl.String}, open=True))


def counted(batch: Batch) -> dict[str, int]:
    """Return how many lines were what, those of which there are none left out."""
    frame = batch.frame
    numbers = [(frame["log_status"] == status).sum() for status in ("OK", "NODATA", "SKIPDATA")]
    numbers += [batch.quarantine.height, sum(batch.headers.values()), sum(batch.blanks.values())]
    return {name: n for name, n in zip(COUNTS, numbers, strict=True) if n}


def reasons(batch: Batch) -> list[tuple[int, str]]:
    """Return number and reason of the malformed lines."""
    return batch.quarantine.select("line", "reason").rows()
